"""Tests of exercise.student: what a file defines, what counts beside errors, and which lines are quoted."""

import ast

import numpy as np
import pytest
from conftest import ROOT

from exercise.cases import make_cases
from exercise.make.homework import make_homework
from exercise.parts import BY_NAME, PARTS
from exercise.student import find_functions, load, read, try_case

# What the solution's functions use. In homework.py, students may define such things, too.
HELPERS = '''import numpy as np
WEIGHTS = ("W1", "W2")


def add_scaled(out, factor, array):
    """Compute ``out += factor * array``."""
    out += factor * array
'''


def right(name):
    """Return the solution's source of a function."""
    source = (ROOT / f"{BY_NAME[name].module.replace('.', '/')}.py").read_text(encoding="utf-8")
    (node,) = (node for node in ast.parse(source).body if getattr(node, "name", "") == name)
    return "".join(source.splitlines(keepends=True)[node.lineno - 1 : node.end_lineno])


def solve(names=BY_NAME, text=None, **bodies):
    """Write functions into homework.py: the solution's, and others of the form ``name=source``."""
    text = make_homework() if text is None else text
    lines, new = text.splitlines(keepends=True), {**{name: right(name) for name in names}, **bodies}
    for node in reversed(ast.parse(text).body):
        if getattr(node, "name", "") in new:
            lines[node.lineno - 1 : node.end_lineno] = new[node.name].rstrip() + "\n"
    text = "".join(lines)
    return text if "def add_scaled" in text else text.replace("import numpy as np\n", HELPERS, 1)


EMPTY = "pass", "...", "'doc'\n    raise NotImplementedError", "raise NotImplementedError('later')"
WRITTEN = "raise ValueError", "raise", "return None", "x = 1\n    raise NotImplementedError"


@pytest.mark.parametrize("body", EMPTY + WRITTEN)
def test_functions_that_are_not_written(body):
    """They have only a docstring, pass, ... or NotImplementedError."""
    state = "not written" if body in EMPTY else "written"
    assert find_functions(f"def forward(X):\n    {body}\n") == {"forward": state}


def test_what_defines_a_function():
    """A definition or an assignment at the top of a module. Methods, calls and other names do not count."""
    text = "@decorated\ndef forward(X): return X\nupdate = jit(_update)\nclass A:\n    def penalty(self): return 1\n"
    assert find_functions(text + "backward(1)\ndef other(): pass\n") == {"forward": "written", "update": "written"}
    assert list(find_functions(solve(["forward"])).values()) == ["written"] + ["not written"] * 6


BROKEN = {
    "return = X": "line 6 has a syntax error: invalid syntax: return = X",
    "print X": "This is Python 2, line 6 has a syntax error: ",
    "break": "line 6 has a syntax error: 'break' outside loop: break",
    "if X:\n\tpass\n        pass": "mixes tabs and spaces. Indent with spaces only: ",
    "\n<<<<<<< HEAD\n    return X\n=======": "line 7 is the mark of a merge conflict. Choose one version",
    "return " + "-" * 200_000 + "1": "Python cannot compile line 4 and what follows it",
}


@pytest.mark.parametrize("body", BROKEN, ids=lambda body: body[:20])
def test_syntax_error_costs_one_function(body):
    """The sentence names the line in the file. The functions and imports beside it count."""
    text = f"# 1\nx = 2\n\n@other\ndef forward(X):\n    {body}\n\nimport os\n{right('update')}"
    statements, ((sentence, names),) = read(text)
    assert names == {"forward"} and BROKEN[body] in sentence and len(sentence) < 400
    assert find_functions(text)["forward"] == "syntax error" and find_functions(text)["update"] == "written"
    module, problems = load(text)
    assert problems == [sentence] and module.os and not hasattr(module, "forward")


def test_definition_beside_a_broken_one():
    """The one that Python can compile counts."""
    text = "def forward(:\n    pass\n\ndef forward(X):\n    return X\n"
    assert find_functions(text) == {"forward": "written"} and load(text)[0].forward(3) == 3


def test_file_runs_as_it_is():
    """Imports, constants, classes, type hints, decorators and helper functions count. So do later definitions."""
    text = """from __future__ import annotations
import functools
from dataclasses import dataclass

@dataclass
class Row:
    best: Undefined

SIGN = 1

@functools.wraps(print)
def best_class(scores):
    return 0

def best_class(scores: Undefined) -> Undefined:
    return helper(Row(scores)).best

def helper(row):
    return Row((SIGN * row.best).argmax(axis=1))

if __name__ == "__main__":
    raise SystemExit
"""
    module, problems = load(text)
    assert problems == [] and list(module.best_class(np.eye(3))) == [0, 1, 2]


def test_statements_that_fail_are_left_out():
    """Each is a problem with its line, and the functions beside it count. SystemExit does not end the process."""
    text = "import nowhere\ndef best_class(scores):\n    return scores.argmax(axis=1)\n1 / 0\nexit(3)\nx = 1"
    module, problems = load(text)
    assert problems[0] == "raises ModuleNotFoundError: No module named 'nowhere' (line 1: import nowhere)"
    assert problems[1] == "raises ZeroDivisionError: division by zero (line 4: 1 / 0)"
    assert problems[2].startswith("raises SystemExit: 3") and module.x == 1 and len(problems) == 3
    assert list(module.best_class(np.eye(2))) == [0, 1]


@pytest.mark.parametrize(
    "name, body, sentence",
    [
        ("forward", "pass", "returns None. Is there a `return` at the end?"),
        ("forward", "return 1", "must return 2 values, hidden and scores, but returns one int"),
        ("softmax_loss", "return 1, 2, 3", "must return 2 values, loss and dscores, but returns 3 values"),
        ("backward", "return 1", "must return a dict with the keys W1, b1, W2 and b2, but returns one int"),
        ("forward", "return help_me(args[0])", "raises KeyError: 'W9' (line 1: def help_me(x): return x['W9'])"),
        ("forward", "raise NotImplementedError", "raises NotImplementedError (line 3: raise NotImplementedError)"),
        ("forward", "np.zeros(3) @ np.zeros(2)", "raises ValueError: matmul: "),
        ("forward", "np.linalg.inv(np.zeros((2, 2)))", "(line 3: np.linalg.inv(np.zeros((2, 2))))"),
        ("forward", "raise ValueError('in /tmp/x')", "raises ValueError: in (line 3: raise ValueError('in /tmp/x'))"),
    ],
)
def test_sentence_about_an_answer(name, body, sentence):
    """It says what is missing, or quotes the last line of the student's own file."""
    text = f"def help_me(x): return x['W9']\ndef {name}(*args, **options):\n    {body}\nimport numpy as np\n"
    answer = try_case(getattr(load(text)[0], name), make_cases(name, 0, False)[0], "/tmp/x")
    assert sentence in answer and (not answer.startswith("raises") or "(line " in answer)


def test_points_add_up():
    """There are 100 points, in the order of the sections."""
    assert sum(sum(part.points.values()) for part in PARTS) == 100
    assert [part.section for part in PARTS] == sorted(part.section for part in PARTS)
