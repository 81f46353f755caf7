"""Tests of exercise.function_text: find, extract, replace and empty functions."""

import ast
import re

import pytest
from conftest import ROOT

from exercise.function_text import empty_function, find_function, function_source, is_empty, replace_function
from exercise.parts import PARTS

FORWARD = '''\
def forward(X, W):  # the last one counts
    """Scores."""
    text = """
at column 0
"""

    return X @ W
'''
MODULE = f'''\
import numpy as np


def forward(X):
    return 1


@decorated
{FORWARD}

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


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.name)
def test_parts_of_the_lab(part):
    """Each part is found and emptied. Putting it back restores all bytes of the file."""
    source = (ROOT / part.file).read_text(encoding="utf-8")
    text = function_source(source, part.function)
    emptied = empty_function(source, part.function, "Write line {line}.")
    statement = find_function(emptied, part.function).body[-1]
    assert statement.exc.args[0].value == f"Write line {statement.lineno}."
    assert is_empty(function_source(emptied, part.function)) and not is_empty(text)
    assert ast.get_docstring(find_function(emptied, part.function))
    assert replace_function(emptied, part.function, text) == source
    broken = f"def f(:\n    print 'x'\n{source}\n\nprint 'done'\n\ndef g(:\n    return (\n"
    with pytest.raises(SyntaxError):
        find_function(broken, part.function)
    assert function_source(broken, part.function) == text  # syntax errors around it do not matter


@pytest.mark.parametrize("more", ["", "\n\ndef g(:\n"])
@pytest.mark.parametrize(
    "name, text",
    [
        ("forward", FORWARD),
        ("Net.loss", "def loss(self):\n\t    return 2\n"),
        ("Net.predict", None),
        ("loss", None),
        ("Other.loss", None),
    ],
)
def test_last_definition_counts(name, text, more):
    """If a function or class is defined twice, the last one counts, also in a broken module."""
    assert function_source(MODULE + more, name) == text


@pytest.mark.parametrize("more", ["", "print 1\n"])
def test_method_starts_at_column_0(more):
    """Indentation by tabs is removed, too. Lines at column 0 stay."""
    source = "class A:\n\tdef f(self):\n\t\tif 1:\n# note\n\t\t\treturn 1\n\tx = 2\n"
    assert function_source(source + more, "A.f") == "def f(self):\n\tif 1:\n# note\n\t\treturn 1\n"
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
    """The error has the line number of the module. The next function is still found."""
    source = f"x = 1\n\ndef forward(X):\n{line}\n\n\ndef backward():\n    pass\n"
    with pytest.raises(SyntaxError) as caught:
        function_source(source, "forward")
    assert caught.value.lineno == number and function_source(source, "backward")


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_line_ends_of_other_systems(newline):
    """Lines count as in Python, also if a string has a form feed."""
    source = 'text = "a\x0cb"\n\ndef f():\n    return 1\n\ndef g():\n    return "\x0b\u2028"\n'.replace("\n", newline)
    assert function_source(source, "f") == "def f():\n    return 1\n"
    assert function_source(source, "g") == 'def g():\n    return "\x0b\u2028"\n'


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
    """An emptied function raises the whole message, also with special characters."""
    message = 'Write "f" \\ {x}. See section 2. At line {line}.'
    names = {}
    exec(empty_function("def f(x):\n    '''Doc.'''\n    return x\n", "f", message), names)
    with pytest.raises(NotImplementedError, match=re.escape(message.replace("{line}", "3"))):
        names["f"](1)


EMPTY = ["pass", "...", "'doc'", "'doc'\n    raise NotImplementedError", "raise NotImplementedError('later')"]
WRITTEN = ["raise ValueError", "raise", "return None", "x = 1\n    raise NotImplementedError"]


@pytest.mark.parametrize("body", EMPTY + WRITTEN)
def test_is_empty(body):
    """A function is empty if it has only a docstring, pass, ... or NotImplementedError."""
    assert is_empty(f"def f():\n    {body}\n") == (body in EMPTY)


@pytest.mark.parametrize("change", [replace_function, empty_function])
def test_missing_function_is_named(change):
    """Replacing or emptying a missing function is an error with its name."""
    with pytest.raises(ValueError, match="has no function Net.loss"):
        change("class Net: pass\n", "Net.loss", "")
