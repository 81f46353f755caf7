"""Tests of exercise.function_text: find, extract, replace and empty functions."""

import ast

import pytest
from conftest import ROOT

from exercise.function_text import empty_function, find_function, function_source, is_empty, replace_function
from exercise.parts import PARTS

MODULE = '''\
import numpy as np


def forward(X):
    return 1


@decorated
def forward(X, W):  # the last one counts
    """Scores."""
    text = """
at column 0
"""

    return X @ W


class Net:
    def loss(self):
        return 0

    @staticmethod
    def predict(
        X,
    ):
        """Classes, für X."""; X += 1
        # a note
        return X


class Net(Net):
    def loss(self):
\t    return 2
'''
FORWARD = '''\
def forward(X, W):  # the last one counts
    """Scores."""
    text = """
at column 0
"""

    return X @ W
'''


def part_id(part):
    return part.name


def read(part):
    return (ROOT / part.file).read_text(encoding="utf-8")


@pytest.mark.parametrize("part", PARTS, ids=part_id)
def test_parts_of_the_lab(part):
    """Each part is found and emptied. Putting it back restores all bytes of the file."""
    source = read(part)
    text = function_source(source, part.function)
    emptied = empty_function(source, part.function, "Write line {line}.")
    statement = find_function(emptied, part.function).body[-1]
    assert statement.exc.args[0].value == f"Write line {statement.lineno}."
    assert is_empty(function_source(emptied, part.function)) and not is_empty(text)
    assert ast.get_docstring(find_function(emptied, part.function))
    assert replace_function(emptied, part.function, text) == source


@pytest.mark.parametrize("part", PARTS, ids=part_id)
def test_function_in_a_broken_module(part):
    """Syntax errors above and below do not change the text of a function."""
    source = read(part)
    broken = f"def f(:\n    print 'x'\n{source}\n\ndef g(:\n    return (\n"
    with pytest.raises(SyntaxError):
        find_function(broken, part.function)
    assert function_source(broken, part.function) == function_source(source, part.function)


def test_last_definition_counts():
    """If a function or class is defined twice, the last definition counts, as in Python."""
    assert function_source(MODULE, "forward") == FORWARD
    assert function_source(MODULE, "Net.loss") == "def loss(self):\n\t    return 2\n"
    assert function_source(MODULE, "Net.predict") is None
    assert function_source(MODULE, "loss") is None and function_source(MODULE, "Other.loss") is None


@pytest.mark.parametrize("name", ["forward", "Net.loss", "Net.predict", "loss", "Other.loss"])
def test_cut_out_is_the_same_as_parsed(name):
    """A broken module gives the same text as a whole one, also for long strings and decorators."""
    assert function_source(MODULE + "\n\ndef g(:\n", name) == function_source(MODULE, name)


def test_method_starts_at_column_0():
    """Indentation by tabs is removed, too. Lines at column 0 stay."""
    source = "class A:\n\tdef f(self):\n\t\tif 1:\n# note\n\t\t\treturn 1\n\tx = 2\n"
    text = "def f(self):\n\tif 1:\n# note\n\t\treturn 1\n"
    assert function_source(source, "A.f") == text
    assert function_source(source + "print 1\n", "A.f") == text
    ast.parse(replace_function(source, "A.f", "def f(self):\n    if 1:\n        return 3\n"))


@pytest.mark.parametrize(
    "line, number",
    [
        ("    print 'x'", 4),
        ("    x = 1\n  return x", 5),
        ("    return (1", 4),
        ("    if x\n        pass", 4),
        ("    x = 1\nx = 2\n    return x", 6),
    ],
)
def test_error_in_the_function_itself(line, number):
    """The error has the line number of the module."""
    with pytest.raises(SyntaxError) as caught:
        function_source(f"x = 1\n\ndef forward(X):\n{line}\n\n\ndef backward():\n    pass\n", "forward")
    assert caught.value.lineno == number
    assert function_source(f"def forward(X):\n{line}\n\n\ndef backward():\n    pass\n", "backward")


def test_error_between_functions():
    """A syntax error after a function does not change the text of the function."""
    source = "def forward(X):\n    return X\n\nprint 'done'\n"
    assert function_source(source, "forward") == "def forward(X):\n    return X\n"


@pytest.mark.parametrize("newline", ["\r\n", "\r"])
def test_line_ends_of_other_systems(newline):
    """Lines count as in Python, also if a string has a form feed."""
    source = 'text = "a\x0cb"\n\ndef f():\n    return 1\n\ndef g():\n    return "\x0b\u2028"\n'
    for name in "fg":
        assert function_source(source.replace("\n", newline), name) == function_source(source, name)
    assert function_source(source, "f") == "def f():\n    return 1\n"


@pytest.mark.parametrize("source", ["def f():\n    return " + "(" * 5000, "x = '\0'\ndef f(:\n", "\ud800 = 1"])
def test_errors_of_the_parser(source):
    """Every error of the parser becomes a SyntaxError."""
    with pytest.raises(SyntaxError):
        find_function(source, "f")


@pytest.mark.parametrize(
    "source, kept",
    [
        ('def f(x): "doc"; return x\n', 'def f(x): "doc"'),
        ("def f(x): return x\n", "def f(x):"),
        ("def f(\n    x,\n):\n    # the trick\n\n    return x\n", "def f(\n    x,\n):"),
        ('def f(x):\n    """Grüße."""  # the trick\n    return x\n', 'def f(x):\n    """Grüße."""'),
        ('def f(x):\n    """Text."""\n    # the trick\n    return x\n', 'def f(x):\n    """Text."""'),
    ],
)
def test_comments_are_removed_with_the_body(source, kept):
    """Comments below the signature are part of the solution."""
    emptied = empty_function(f"a = 1\n{source}b = 2\n", "f", "Write it.")
    assert emptied.startswith(f"a = 1\n{kept}\n") and emptied.endswith("b = 2\n") and "trick" not in emptied


def test_emptied_function_runs():
    """An emptied function raises the whole message, even a long one with special characters."""
    message = 'Write "f" \\ {x}: ' + "some words " * 40 + "at line {line}."
    emptied = empty_function("def f(x):\n    '''Doc.'''\n    return x\n", "f", message)
    assert max(map(len, emptied.splitlines())) < 120
    names = {}
    exec(emptied, names)
    with pytest.raises(NotImplementedError) as caught:
        names["f"](1)
    assert str(caught.value) == message.replace("{line}", "3")


@pytest.mark.parametrize(
    "body, empty",
    [
        ("pass", True),
        ("...", True),
        ("'doc'", True),
        ("'doc'\n    raise NotImplementedError", True),
        ("raise NotImplementedError('later')", True),
        ("raise ValueError", False),
        ("raise", False),
        ("return None", False),
        ("x = 1\n    raise NotImplementedError", False),
    ],
)
def test_is_empty(body, empty):
    """A function is empty if it has only a docstring, pass, ... or NotImplementedError."""
    assert is_empty(f"def f():\n    {body}\n") == empty


def test_missing_function_is_named():
    """Replacing or emptying a missing function is an error with its name."""
    for change in (replace_function, empty_function):
        with pytest.raises(ValueError, match="has no function Net.loss"):
            change("class Net: pass\n", "Net.loss", "")
