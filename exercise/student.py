"""Reads and loads a student's file as it is. Nothing is cut out of it, and nothing is added."""

import __future__

import ast
import linecache
import random
import re
import sys
import traceback
import warnings
from types import ModuleType

import numpy as np

from diagnosis.source import LINE, describe_syntax

from .cases import Unusable, call, make_cases
from .parts import BY_NAME

BROKEN = (SyntaxError, ValueError, MemoryError, RecursionError)  # what Python's compiler may raise
NAME = "homework.py"  # of each file, in tracebacks and messages


def read(text):
    """Parse the text of a file. No code of it runs.

    If Python cannot compile it, it is parsed in pieces: each definition and each import with what
    follows it. So a syntax error costs the function that has it, and not the others. Return the
    statements that Python can compile, and for each other piece a sentence and the set of functions
    of `PARTS` that it defines.
    """
    try:
        return _compile(text), []
    except BROKEN:
        pass
    lines = re.findall(r"[^\n]*\n|[^\n]+", text)
    starts = [n for n, line in enumerate(lines) if re.match(r"(def|class|import|from|@)\b|@", line)]
    starts = [n for n in starts if not (n - 1 in starts and lines[n - 1].startswith("@"))]  # it decorates this one
    bounds = sorted({0, *starts, len(lines)})
    statements, problems = [], []
    for start, stop in zip(bounds, bounds[1:], strict=False):
        piece = "".join(lines[start:stop])
        try:
            statements += _compile("\n" * start + piece)
        except BROKEN as error:
            names = set(re.findall(r"^def[ \t]+(\w+)", piece, re.MULTILINE)) & BY_NAME.keys()
            problems.append((describe_syntax(error, lines, start, stop), names))
    return statements, problems


def _compile(text):
    """Parse source, and raise an error for what only the compiler finds."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the compiler warns of some escape sequences
        compile(text, NAME, "exec", dont_inherit=True)
        return ast.parse(text).body


def find_functions(text):
    """Return a dict from the functions of `PARTS` that a file defines to their states. No code of it runs.

    A state is "written", "not written" or "syntax error". "Not written" means that the body has only a
    docstring, ``pass``, ``...`` or NotImplementedError.
    """
    statements, problems = read(text)
    found = {}
    for node in statements:
        if isinstance(node, ast.FunctionDef):
            found[node.name] = "not written" if all(map(_does_nothing, node.body)) else "written"
        elif isinstance(node, ast.Assign):  # for example forward = numba.njit(_forward)
            found |= {target.id: "written" for target in node.targets if isinstance(target, ast.Name)}
    for name in {name for _, names in problems for name in names}:
        found[name] = "written" if found.get(name) == "written" else "syntax error"
    return {name: found[name] for name in BY_NAME if name in found}


def _does_nothing(statement):
    if isinstance(statement, ast.Raise):
        exception = statement.exc.func if isinstance(statement.exc, ast.Call) else statement.exc
        return getattr(exception, "id", None) == "NotImplementedError"
    constant = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
    return constant or isinstance(statement, ast.Pass)


def load(text, folder=""):
    """Run the text of a file as the module ``homework``. Messages do not name `folder`.

    A statement that raises an error is left out, and so is a piece with a syntax error. Then the
    functions beside it count. Return the module, and a sentence for each thing that is left out.
    """
    module = sys.modules["homework"] = ModuleType("homework")
    module.__file__ = NAME
    linecache.cache[NAME] = len(text), None, text.splitlines(keepends=True), NAME
    statements, broken = read(text)
    problems = [sentence for sentence, _ in broken]
    futures = [node.names for node in statements if getattr(node, "module", "") == "__future__"]
    flags = sum({getattr(__future__, alias.name).compiler_flag for names in futures for alias in names})
    for statement in statements:
        try:
            code = compile(ast.Module([statement], []), NAME, "exec", flags, dont_inherit=True)
            exec(code, vars(module))
        except BaseException as error:  # SystemExit, too
            problems.append(describe_error(error, folder))
    return module, problems


def draw_cases(name, seed=None):
    """Return the visible cases of a function, and the hidden ones if there is a seed."""
    return make_cases(name, 0, False) + ([] if seed is None else make_cases(name, seed, True))


def try_case(function, case, folder=""):
    """Call a function with the arrays of a case. Random numbers are the same in each call.

    Return what `cases.call` returns, or why there are no answers, in a sentence without `folder`.
    """
    try:
        random.seed(0)
        np.random.seed(0)
        return call(case.part, function, case.arrays)
    except Unusable as error:
        return str(error)
    except BaseException as error:  # SystemExit and KeyboardInterrupt, too
        return describe_error(error, folder)


def describe_error(error, folder=""):
    """Say which error was raised, and in which line of the student's file. No other file is quoted."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == NAME][-1:]
    line = "".join(f" (line {frame.lineno}: {(frame.line or '').strip()[:LINE]})" for frame in frames)
    try:
        text = " ".join(str(error).replace(folder or "\0", "").split())[:300]
    except Exception:
        text = "(its text cannot be printed)"
    return f"raises {type(error).__name__}: {text}".removesuffix(": ") + line
