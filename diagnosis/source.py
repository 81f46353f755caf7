"""Reads the text of a student's Python file or notebook. No code of it runs."""

import io
import json
import re
import tokenize

MEGABYTES = 5  # size limit; homework files are smaller
LINE = 200  # quoted characters of a line, at most


class LoadError(Exception):
    """The file is not Python source. The message, such as "does not exist", follows its name."""


def read_source(path):
    """Read a Python source file as text, or raise LoadError."""
    return decode_source(path.name, read_bytes(path))


def read_bytes(path):
    """Read a file, at most one byte more than `decode_source` allows, or raise LoadError."""
    try:
        if path.is_dir():
            inside = [file for up in ("", "*/", "*/*/") for file in sorted(path.glob(f"{up}neural_net.py"))]
            name = f"Name the file: {inside[0]}" if inside else "Name the Python file that has the class"
            raise LoadError(f"is a folder. {name}")
        if not path.exists():
            raise LoadError("does not exist")
        if not path.is_file():
            raise LoadError("is not a file")
        with open(path, "rb") as file:
            return file.read((MEGABYTES << 20) + 1)
    except OSError as error:
        raise LoadError(f"cannot be read: {error.strerror or error}") from None


def decode_source(name, data):
    """Decode the bytes of a Python source file as Python does, or raise LoadError.

    Parameters
    ----------
    name : str
        Name of the file.
    data : bytes
        Content of the file. More than `MEGABYTES` is an error, so a reader may stop after one more byte.

    Returns
    -------
    str
    """
    if len(data) > MEGABYTES << 20:
        raise LoadError(f"is larger than {MEGABYTES} MB: it is not a Python source file")
    _check_kind(name, data)
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
        return io.TextIOWrapper(io.BytesIO(data), encoding).read()
    except UnicodeDecodeError as error:
        encoding = error.encoding
    except SyntaxError as error:
        if "unknown encoding" in str(error) or "problem" in str(error):
            raise LoadError(f"names an encoding that Python cannot use: {error.msg}") from None
        encoding = "utf-8"
    for number, line in enumerate(data.split(b"\n"), 1):
        try:
            line.decode(encoding)
        except UnicodeDecodeError:
            text = line.decode("latin-1").strip()
            raise LoadError(f"is not saved as {encoding.upper()}: line {number}: {text}. Save it as UTF-8") from None
    raise LoadError(f"is not saved as {encoding.upper()}. Save it as UTF-8")


def _check_kind(name, data):
    """Raise LoadError for a file that is not Python source."""
    start = data[:1000].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    every_other = b"\0" in data[:100] and not (any(data[:100:2]) and any(data[1:100:2]))  # UTF-16 without a BOM
    if data.startswith((b"\xff\xfe", b"\xfe\xff")) or every_other and any(data[:100]):
        raise LoadError("is saved as UTF-16. Save it as UTF-8")
    if name.lower().endswith((".md", ".markdown")):
        raise LoadError("is a Markdown file, not Python source")
    if start.startswith(b"version https://git-lfs"):
        raise LoadError("is a Git LFS pointer, not the file itself. Fetch the file with git lfs pull")
    if b"\0" in data:
        raise LoadError("is a binary file, not Python source")
    if start.startswith((b"<!doctype", b"<html", b"<?xml")):
        raise LoadError("is a web page. Download the file itself (on GitHub: Raw)")
    if name.lower().endswith(".ipynb") or read_cells(data) is not None:
        raise LoadError("is a notebook. Save the class to a .py file and check that")
    if start.startswith(b"{") and _json(data):
        raise LoadError("is a JSON file, not Python source")


def read_cells(data):
    """Return the code cells of a notebook, a text for each.

    Lines for IPython, such as ``%time`` or ``!ls``, become comments. So all lines keep their numbers.

    Parameters
    ----------
    data : bytes or str
        Content of the file.

    Returns
    -------
    list of str or None
        None if the file is not a notebook.
    """
    try:
        cells = [cell for cell in _json(data)["cells"] if cell["cell_type"] == "code"]
        texts = ["".join(cell["source"]) for cell in cells]
    except (KeyError, TypeError):
        return None
    return [re.sub(r"^([ \t]*)(?=%%?[a-zA-Z]|!)", r"\1pass  # ", text, flags=re.MULTILINE) for text in texts]


def _json(data):
    try:
        return json.loads(data) if data.lstrip()[:1] in (b"{", "{") else None
    except (ValueError, RecursionError):  # UnicodeDecodeError is a ValueError, too
        return None


def describe_syntax(error, lines, start=0, stop=None):
    """Say in a sentence what is wrong with source that Python cannot compile.

    Parameters
    ----------
    error : Exception
        What the compiler raised.
    lines : list of str
        Lines of the file.
    start, stop : int
        The part of `lines` that was compiled, by default all.

    Returns
    -------
    str
        Names the line, such as "line 7 is the mark of a merge conflict. …".
    """
    for number, line in enumerate(lines[start:stop], start + 1):
        if re.match(r"(<{7}|>{7})( |$)", line):
            return f"line {number} is the mark of a merge conflict. Choose one version, and delete the marks"
    if not isinstance(error, SyntaxError) or not error.lineno:
        return f"Python cannot compile line {start + 1} and what follows it: {error}"
    quoted = lines[min(error.lineno, len(lines)) - 1].strip()[:LINE] if lines else ""
    if isinstance(error, TabError):
        return f"line {error.lineno} mixes tabs and spaces. Indent with spaces only: {quoted}"
    python_2 = "This is Python 2, " if error.msg.startswith("Missing parentheses in call to") else ""
    return f"{python_2}line {error.lineno} has a syntax error: {error.msg}: {quoted}"
