"""Finds, extracts, replaces and empties functions in Python source."""

import ast
import json
import re

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def find_function(source, qualname):
    """Find the last definition of a function.

    Parameters
    ----------
    source : str
        Source of a module.
    qualname : str
        ``name`` of a function of the module, or ``Class.name`` of a method.

    Returns
    -------
    ast.FunctionDef or None

    Raises
    ------
    SyntaxError
        If the source cannot be parsed.
    """
    *classes, name = qualname.split(".")
    body = _parse(source).body
    for wanted in classes:
        found = [node for node in body if isinstance(node, ast.ClassDef) and node.name == wanted]
        body = found[-1].body if found else []
    found = [node for node in body if isinstance(node, FUNCTIONS) and node.name == name]
    return found[-1] if found else None


def function_source(source, qualname):
    """Return the text of a function from column 0 on, without its decorators.

    If the module cannot be parsed, the function is found by its indentation. Then a syntax error in
    one function does not affect the others.

    Parameters
    ----------
    source, qualname : str
        See `find_function`.

    Returns
    -------
    str or None

    Raises
    ------
    SyntaxError
        If the function itself cannot be parsed. Its ``lineno`` counts from the top of the module.
    """
    try:
        node = find_function(source, qualname)
    except SyntaxError:
        return _cut_out(_lines(source), qualname)
    return node and _at_column_0(_lines(source)[node.lineno - 1 : node.end_lineno])


def replace_function(source, qualname, new):
    """Replace a function with another text.

    Parameters
    ----------
    source, qualname : str
        See `find_function`.
    new : str
        Text from column 0 on. It is indented like the old function.

    Returns
    -------
    str
        The source of the module with the new text.

    Raises
    ------
    ValueError
        If the module does not have the function.
    """
    node, lines = _find(source, qualname), _lines(source)
    indent = re.match(r"[ \t]*", lines[node.lineno - 1])[0]
    indented = [indent + line if line.strip() else line for line in _lines(new.rstrip() + "\n")]
    return "".join([*lines[: node.lineno - 1], *indented, *lines[node.end_lineno :]])


def empty_function(source, qualname, message):
    """Remove the body of a function. Its signature and docstring stay.

    Parameters
    ----------
    source, qualname : str
        See `find_function`.
    message : str
        Message of the NotImplementedError that becomes the body. ``{line}`` stands for the number
        of the line that raises the error.

    Returns
    -------
    str
        The source of the module without the body.

    Raises
    ------
    ValueError
        If the module does not have the function.
    """
    node, lines = _find(source, qualname), _lines(source)
    first = node.body[0]
    documented = ast.get_docstring(node, clean=False) is not None
    last, column = (first.end_lineno, first.end_col_offset) if documented else (first.lineno, first.col_offset)
    kept = [*lines[: last - 1], _before(lines[last - 1], column)]
    while not documented and kept[-1].lstrip()[:1] in ("", "#"):  # comments on the body
        del kept[-1]
    kept[-1] = kept[-1].rstrip() + "\n"
    indent = " " * (node.col_offset + 4)
    raising = _raise(message.replace("{line}", str(len(kept) + 1)), indent)
    return "".join([*kept, raising, *lines[node.end_lineno :]])


def is_empty(function_text):
    """Tell whether a function has only a docstring, ``pass``, ``...`` or NotImplementedError."""
    return all(map(_does_nothing, ast.parse(function_text).body[0].body))


def _does_nothing(statement):
    if isinstance(statement, ast.Raise):
        exception = statement.exc.func if isinstance(statement.exc, ast.Call) else statement.exc
        return getattr(exception, "id", None) == "NotImplementedError"
    constant = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
    return constant or isinstance(statement, ast.Pass)


def _find(source, qualname):
    node = find_function(source, qualname)
    if node is None:
        raise ValueError(f"the source has no function {qualname}")
    return node


def _parse(source):
    """Parse source. Every error of Python's parser becomes a SyntaxError."""
    try:
        return ast.parse(source)
    except SyntaxError:
        raise
    except (ValueError, MemoryError, RecursionError) as error:
        raise SyntaxError(f"Python cannot parse it: {error or type(error).__name__}") from None


def _lines(source):
    """Split source into lines as Python counts them. `str.splitlines` also splits at form feeds."""
    return re.findall(r"[^\n]*\n|[^\n]+", re.sub(r"\r\n?", "\n", source))


def _before(line, column):
    """Return a line up to a column, which `ast` counts in bytes."""
    return line.encode()[:column].decode()


def _at_column_0(lines):
    """Join the lines of a function without the indentation of the first."""
    indent = re.match(r"[ \t]*", lines[0])[0]
    return "".join(line.removeprefix(indent) for line in lines).rstrip() + "\n"


def _raise(message, indent):
    """Write a statement that raises NotImplementedError, with a line for each sentence."""
    sentences = [json.dumps(text, ensure_ascii=False) for text in re.split(r"(?<=\. )(?=[A-Z])", message)]
    lines = "".join(f"{indent}    {text}\n" for text in sentences)
    return f"{indent}raise NotImplementedError(\n{lines}{indent})\n"


def _cut_out(lines, qualname):
    """Return the last function of a name, from ``def`` to the first line at which it can end."""
    *classes, name = qualname.split(".")
    start, stop = 0, len(lines)
    for wanted in classes:
        start = _last(lines, rf"class\s+{wanted}\b", start, stop)
        if start is None:
            return None
        stop = _block_end(lines, start)
    start = _last(lines, rf"(async\s+)?def\s+{name}\s*\(", start, stop, "[ \t]+" if classes else "")
    if start is None:
        return None
    whole = _block_end(lines, start)
    indent = _indent(lines[start])
    ends = [end for end in range(start + 1, whole) if lines[end].strip() and _indent(lines[end]) <= indent]
    return _first_that_parses(lines, start, [*ends, whole])


def _first_that_parses(lines, start, ends):
    """Return the function up to the first end at which it can be parsed.

    The last end is the start of the next function or class.
    """
    whole = None
    try:
        return _first_function(_at_column_0(lines[start : ends[-1]]))
    except SyntaxError as error:
        error.lineno = (error.lineno or 1) + start  # counted from the top of the module
        whole = error
    # A line that lost its indentation is not an end.
    for end in () if isinstance(whole, IndentationError) else ends:
        try:
            return _first_function(_at_column_0(lines[start:end]))
        except SyntaxError:
            pass
    raise whole


def _first_function(text):
    """Return the first function of a text, without the text after it."""
    return "".join(_lines(text)[: _parse(text).body[0].end_lineno])


def _last(lines, pattern, start, stop, indent="[ \t]*"):
    """Find the last line between `start` and `stop` that begins with a pattern."""
    found = [number for number in range(start, stop) if re.match(indent + pattern, lines[number])]
    return found[-1] if found else None


def _block_end(lines, start):
    """Find the next function or class that is not indented deeper than line `start`."""
    for number in range(start + 1, len(lines)):
        begins = re.match(r"[ \t]*(@|(async\s+)?def\s|class\s)", lines[number])
        if begins and _indent(lines[number]) <= _indent(lines[start]):
            return number
    return len(lines)


def _indent(line):
    """Count the characters of a line's indentation."""
    return len(re.match(r"[ \t]*", line)[0])
