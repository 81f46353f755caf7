"""Makes homework.py, and the modules of the exercise that import it, from the solution."""

import ast
import json
import re
from pathlib import Path

from exercise.parts import PARTS

ROOT = Path(__file__).resolve().parents[2]
HEAD = '''\
"""Your homework: the functions of the two-layer net. Write them in this order, and hand in this file.

{alphabet}

The modules in classifiers/ import these functions. You may add imports, constants, classes and
functions of your own. Do not change the names and the arguments of the functions.

If arrays are float32, so are the results. Change an array that you get only where it says "in place".
"""

import numpy as np
'''
HELPERS = ("add_scaled", "BLOCK", "WEIGHTS")  # of the solution's functions; nothing else uses them
MESSAGE = "Write {name}: {task}. Section {section} of the notebook explains it."


def make_homework():
    """Return the file that students write.

    It has each function of `PARTS` with its signature and docstring. The body raises an error that
    says what to write.
    """
    alphabet = ast.get_docstring(ast.parse(_read(PARTS[0].module))).partition("\n\n")[2]
    return HEAD.format(alphabet=alphabet) + "".join(map(_empty, PARTS))


def make_module(name):
    """Return the source of a module, named with dots. It imports functions of `PARTS` instead of defining them."""
    source, names = _read(name), [part.name for part in PARTS if part.module == name]
    lines, body = re.findall(r"[^\n]*\n", source), ast.parse(source).body
    last = max(node.end_lineno for node in body if isinstance(node, (ast.Import, ast.ImportFrom)))
    for node in body:
        if not _defined(node).isdisjoint([*names, *HELPERS]):
            lines[node.lineno - 1 : node.end_lineno] = [""] * (node.end_lineno - node.lineno + 1)
    lines[last - 1] += f"from homework import {', '.join(names)}\n"
    return re.sub(r"\n{4,}", "\n\n\n", "".join(lines)).rstrip("\n") + "\n"


def _defined(node):
    """Return the names that a statement of a module defines."""
    targets = [*getattr(node, "targets", ()), *getattr(node, "names", ())]
    return {getattr(node, "name", ""), *(getattr(target, "id", getattr(target, "name", "")) for target in targets)}


def _read(module):
    return (ROOT / f"{module.replace('.', '/')}.py").read_text(encoding="utf-8")


def _empty(part):
    """Return the source of a function without its body."""
    source = _read(part.module)
    (node,) = (node for node in ast.parse(source).body if getattr(node, "name", "") == part.name)
    head = "".join(source.splitlines(keepends=True)[node.lineno - 1 : node.body[0].end_lineno])
    sentences = re.split(r"(?<=\. )(?=[A-Z])", MESSAGE.format(**part._asdict()))
    texts = "".join(f"        {json.dumps(sentence, ensure_ascii=False)}\n" for sentence in sentences)
    return f"\n\n{head}    raise NotImplementedError(\n{texts}    )\n"
