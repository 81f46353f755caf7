"""Finds, extracts, replaces and empties functions in Python source."""

import ast
import json
import re


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
    SyntaxError, ValueError, MemoryError or RecursionError
        If the source cannot be parsed.
    """
    *classes, name = qualname.split(".")
    body = ast.parse(source).body
    for wanted in classes:
        found = [node for node in body if isinstance(node, ast.ClassDef) and node.name == wanted]
        body = found[-1].body if found else []
    found = [node for node in body if isinstance(node, ast.FunctionDef) and node.name == name]
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
    SyntaxError, ValueError, MemoryError or RecursionError
        If the function itself cannot be parsed. The ``lineno`` of a SyntaxError counts from the top
        of the module.
    """
    try:
        node = find_function(source, qualname)
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return _cut_out(_lines(source), qualname)
    return node and _at_column_0(_lines(source)[node.lineno - 1 : node.end_lineno])


def replace_function(source, qualname, new):
    """Replace a function of a module with another text.

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
    """
    node, lines = find_function(source, qualname), _lines(source)
    indent = _indent(lines[node.lineno - 1])
    indented = [indent + line if line.strip() else line for line in _lines(new.rstrip() + "\n")]
    return "".join([*lines[: node.lineno - 1], *indented, *lines[node.end_lineno :]])


def empty_function(source, qualname, message):
    """Remove the body of a function. Its signature and docstring stay.

    Parameters
    ----------
    source, qualname : str
        See `find_function`. The function must have a docstring.
    message : str
        Message of the NotImplementedError that becomes the body. ``{line}`` stands for the number
        of the line that raises the error.

    Returns
    -------
    str
        The source of the module without the body.
    """
    node, lines = find_function(source, qualname), _lines(source)
    kept = lines[: node.body[0].end_lineno]
    raising = _raise(message.replace("{line}", str(len(kept) + 1)), " " * (node.col_offset + 4))
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


def _lines(source):
    """Split source into lines as Python counts them. `str.splitlines` also splits at form feeds."""
    return re.findall(r"[^\n]*\n|[^\n]+", source)


def _indent(line):
    return re.match(r"[ \t]*", line)[0]


def _at_column_0(lines):
    """Join the lines of a function without the indentation of the first."""
    return "".join(line.removeprefix(_indent(lines[0])) for line in lines).rstrip() + "\n"


def _raise(message, indent):
    """Write a statement that raises NotImplementedError, with a line for each sentence."""
    sentences = [json.dumps(text, ensure_ascii=False) for text in re.split(r"(?<=\. )(?=[A-Z])", message)]
    lines = "".join(f"{indent}    {text}\n" for text in sentences)
    return f"{indent}raise NotImplementedError(\n{lines}{indent})\n"


def _cut_out(lines, qualname):
    """Return the last function of a name in a module with syntax errors.

    The next function or class that is not indented deeper must begin after its end.
    """
    *classes, name = qualname.split(".")
    pattern = ("[ \t]+" if classes else "") + rf"def\s+{name}\s*\("
    starts = [number for number, line in enumerate(lines) if re.match(pattern, line)]
    if not starts:
        return None
    start, depth = starts[-1], len(_indent(lines[starts[-1]]))
    begins = [number for number, line in enumerate(lines) if re.match(r"[ \t]*(@|def\s|class\s)", line)]
    stop = next((n for n in begins if n > start and len(_indent(lines[n])) <= depth), len(lines))
    text = _at_column_0(lines[start:stop])
    try:
        function = ast.parse(text).body[0]
    except SyntaxError as error:
        error.lineno = (error.lineno or 1) + start  # counted from the top of the module
        raise
    return "".join(_lines(text)[: function.end_lineno])
