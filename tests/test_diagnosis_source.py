"""Tests of the text of files and notebooks, and of the sentences about syntax errors."""

import json

import pytest

from diagnosis.source import LoadError, decode_source, describe_syntax, read_cells, read_source


@pytest.mark.parametrize(
    "name, data, text",
    [
        ("net.py", b"# coding: klingon\n", "names an encoding that Python cannot use: unknown encoding: klingon"),
        ("net.py", "x = 1\ns = 'é'".encode("latin-1"), "is not saved as UTF-8: line 2: s = 'é'. Save it as UTF-8"),
        ("net.py", "x = 1".encode("utf-16"), "is saved as UTF-16. Save it as UTF-8"),
        ("net.py", "x = 1".encode("utf-16-be"), "is saved as UTF-16. Save it as UTF-8"),
        ("net.py", "x = 1".encode("utf-16-le"), "is saved as UTF-16. Save it as UTF-8"),
        ("net.py", b"\0\0", "is a binary file, not Python source"),
        ("net.py", bytes(range(256)), "is a binary file, not Python source"),
        ("net.py", b"#" * (5 * 2**20 + 1), "is larger than 5 MB: it is not a Python source file"),
        ("net.py", b'{"cells": []}', "is a notebook. Save the class to a .py file and check that"),
        ("net.ipynb", b"[]", "is a notebook. Save the class to a .py file and check that"),
        ("net.py", b'{"other": []}', "is a JSON file, not Python source"),
        ("net.py", "\ufeff \n<!DOCTYPE html>\n<html>".encode(), "is a web page. Download the file itself (on GitHub:"),
        ("net.py", b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "is a Git LFS pointer, not the"),
        ("README.md", b"# The lab\n\nRun it.\n", "is a Markdown file, not Python source"),
    ],
)
def test_files_that_are_not_python_source(name, data, text, tmp_path):
    """The message says what the file is. It is the same for its bytes and for its path."""
    (tmp_path / name).write_bytes(data)
    for read in (lambda: decode_source(name, data), lambda: read_source(tmp_path / name)):
        with pytest.raises(LoadError) as caught:
            read()
        assert str(caught.value).startswith(text)


def test_source_in_other_encodings_and_line_ends(tmp_path):
    """The text is the same as if Python reads the file."""
    for data in ("# coding: latin-1\n'é'\n".encode("latin-1"), "\ufeff# \n'é'\r\n".encode(), "# \n'é'\r".encode()):
        (tmp_path / "net.py").write_bytes(data)
        assert read_source(tmp_path / "net.py").endswith("\n'é'\n")
    assert len(decode_source("net.py", b"#" * (5 << 20))) == 5 << 20
    assert decode_source("net.py", b"{1: 2}\n") == "{1: 2}\n"


def test_paths_that_are_not_files(tmp_path):
    """Examples are folders with and without a net, and a missing file."""
    inside = tmp_path / "cs231n" / "classifiers" / "neural_net.py"
    inside.parent.mkdir(parents=True)
    inside.write_text("")
    (tmp_path / "empty").mkdir()
    for path, text in [
        (tmp_path, f"is a folder. Name the file: {inside}"),
        (tmp_path / "empty", "is a folder. Name the Python file that has the class"),
        (tmp_path / "missing.py", "does not exist"),
    ]:
        with pytest.raises(LoadError) as caught:
            read_source(path)
        assert str(caught.value) == text


def test_code_cells_of_a_notebook():
    """Lines for IPython become comments. A line that continues a format is no such line."""
    sources = ["%matplotlib inline\nx = 1", ["print('%d'\n", "      % (x))\n", "  !ls"], "  %%time\n%d = 2"]
    cells = [{"cell_type": "code", "source": source} for source in sources]
    text = json.dumps({"cells": [{"cell_type": "markdown", "source": "# Text"}, *cells]})
    right = ["pass  # %matplotlib inline\nx = 1", "print('%d'\n      % (x))\n  pass  # !ls",
             "  pass  # %%time\npass  # %d = 2"]  # fmt: skip
    assert read_cells(text) == read_cells(text.encode()) == right
    for other in ("", "[]", "{", '{"cells": 3}', '{"cells": [{}]}', '{"cells": [{"cell_type": "code"}]}', "[" * 10**5):
        assert read_cells(other) is None


@pytest.mark.parametrize(
    "source, text",
    [
        ("def f(:\n", "line 1 has a syntax error: invalid syntax: def f(:"),
        ("x = (1,\ny = 2", "line 1 has a syntax error: '(' was never closed: x = (1,"),
        ("import numpy\nprint 'a'", "This is Python 2, line 2 has a syntax error: Missing parentheses in"),
        ("x = 1 <> 2", "line 1 has a syntax error: invalid syntax: x = 1 <> 2"),
        ("def f():\nx = 1", "line 2 has a syntax error: expected an indented block"),
        ("if 1:\n\tx = 1\n        x = 2", "line 3 mixes tabs and spaces. Indent with spaces only: x = 2"),
        ("x = 1\n<<<<<<< HEAD\ny = 2\n=======\n", "line 2 is the mark of a merge conflict. Choose one version, and"),
        ("def f():\n    x = 1\n    y\n>>>>>>> theirs", "line 4 is the mark of a merge conflict. Choose one version"),
        ("x = '<<<<<<< '\n)", "line 2 has a syntax error: unmatched ')': )"),
        ("x = " + "-" * 200000 + "1", "Python cannot compile line 1 and what follows it: "),
        ("x = 1 1" + 300 * "#", "line 1 has a syntax error: invalid syntax: x = 1 1"),
    ],
)
def test_syntax_errors(source, text):
    """The sentence names the line, and quotes at most 200 characters of it."""
    with pytest.raises((SyntaxError, MemoryError, RecursionError)) as caught:
        compile(source, "net.py", "exec")
    sentence = describe_syntax(caught.value, source.splitlines())
    assert sentence.startswith(text) and len(sentence) < 260


def test_syntax_error_in_a_part_of_the_file():
    """Marks of a conflict in other parts do not count."""
    with pytest.raises(SyntaxError) as caught:
        compile("\n\n)", "net.py", "exec")
    lines = ["<<<<<<< HEAD", "=======", ")", ">>>>>>> theirs"]
    assert describe_syntax(caught.value, lines, 2, 3).startswith("line 3 has a syntax error")
    assert describe_syntax(caught.value, lines, 2).startswith("line 4 is the mark of a merge conflict")
    assert describe_syntax(MemoryError("deep"), lines, 1, 3).endswith("compile line 2 and what follows it: deep")
