"""Loads the net in a student's file, or says in one sentence why the file cannot be loaded."""

import ast
import builtins
import contextlib
import importlib.util
import io
import json
import linecache
import re
import sys
import tokenize
import traceback
import warnings
from pathlib import Path
from types import ModuleType

import numpy as np

from .compat import LIBRARIES, PACKAGE, SIZES, Missing, Placeholder, SubstituteModule
from .functions import FIRST, FunctionNet

MEGABYTES = 5  # size limit; homework files are smaller
LINE = 200  # quoted characters of a line, at most


class LoadError(Exception):
    """The file does not contain a net. The message, such as "does not exist", follows its name."""


def read_source(path):
    """Read a Python source file as text, or raise LoadError."""
    try:
        if path.is_dir():
            raise LoadError(f"is a folder. {_net_inside(path)}")
        if not path.exists():
            raise LoadError("does not exist")
        if not path.is_file():
            raise LoadError("is not a file")
        with open(path, "rb") as file:
            return decode_source(path.name, file.read((MEGABYTES << 20) + 1))
    except OSError as error:
        raise LoadError(f"cannot be read: {error.strerror or error}") from None


def decode_source(name, data):
    """Decode the bytes of a Python source file as Python does, or raise LoadError.

    A reader may stop after `MEGABYTES` and one more byte.
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


def _net_inside(folder):
    """Say which file in a folder to name: a neural_net.py, at most two levels down."""
    for pattern in ("", "*/", "*/*/"):
        for file in sorted(folder.glob(f"{pattern}neural_net.py")):
            return f"Name the file: {file}"
    return "Name the Python file that has the class"


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
    content = _json(data) if start.startswith(b"{") else None
    if name.lower().endswith(".ipynb") or isinstance(content, dict) and "cells" in content:
        raise LoadError("is a notebook. Save the class to a .py file and check that")
    if content:
        raise LoadError("is a JSON file, not Python source")


def _json(data):
    try:
        return json.loads(data)
    except (ValueError, RecursionError):  # UnicodeDecodeError is a ValueError, too
        return None


def net_from_file(path, name, finder):
    """Run a Python file, or the cells of a notebook, and create a net of `SIZES` from its class.

    If it has no such class but functions, they make a net.

    `finder` is the context of `compat.homework_imports`, which says what the file may import. Raises
    LoadError if the file is not Python 3 source, AttributeError if the class is missing, and any
    exception of the file or the constructor.
    """
    source = _notebook_source(path) or read_source(path)
    with np.errstate(), warnings.catch_warnings():  # undo settings of the file
        warnings.simplefilter("ignore")
        module = _run_source(source, path, finder)
        if not source.strip():
            raise AttributeError("the file is empty")
        if not hasattr(module, name) and hasattr(module, FIRST):  # homework.py of the exercise
            return FunctionNet(module, *SIZES)
        if not hasattr(module, name):
            if finder.errors:  # the class may be in a file that cannot be imported
                raise finder.errors[0]
            raise AttributeError(f"the file has no class {name}{_others(module, source)}")
        return getattr(module, name)(*SIZES)


def _others(module, source):
    """Say which classes of a file may be nets, or that it only imports."""
    classes = [v for v in vars(module).values() if isinstance(v, type) and v.__module__ == module.__name__]
    names = ", ".join(cls.__name__ for cls in classes if hasattr(cls, "loss"))
    if names:
        return f". It has {names}: name one with --class"
    rest = (ast.Import, ast.ImportFrom, ast.Expr)
    return ". It only imports: name the file that has the class" if only(source, rest) else ""


def only(source, kinds):
    """Tell whether all statements of a source, at least one, are of some kinds."""
    return all(isinstance(node, kinds) for node in ast.parse(source).body) and bool(source.strip())


def _notebook_source(path):
    """Return imports, classes and functions from the cells of a notebook; "" if there are none."""
    data = path.read_bytes()[: MEGABYTES << 20] if path.is_file() else b""
    content, parts = _json(data) if data.lstrip().startswith(b"{") else None, []
    for cell in content.get("cells", ()) if isinstance(content, dict) else ():
        text = "".join(cell.get("source", ())) if cell.get("cell_type") == "code" else ""
        with contextlib.suppress(SyntaxError):  # other cells are not Python
            tree = ast.parse(re.sub(r"^\s*[%!].*", "", text, flags=re.MULTILINE))
            kept = ast.Import, ast.ImportFrom, ast.ClassDef, ast.FunctionDef
            parts += [ast.unparse(node) for node in tree.body if isinstance(node, kept)]
    source = "\n\n".join(parts)
    if not source or only(source, (ast.Import, ast.ImportFrom)):
        return ""
    linecache.cache[str(path)] = len(source), None, source.splitlines(True), str(path)  # for quotations
    return source


def _run_source(source, path, finder):
    """Run a file's source as a module of the course's package; return the module.

    A module that the file imports may be missing. Then the file runs again, with a substitute.
    """
    try:
        code = compile(source, str(path), "exec", dont_inherit=True)
    except (MemoryError, RecursionError):
        raise LoadError("is nested too deeply for Python") from None
    while True:
        module = ModuleType(f"{PACKAGE}.{path.stem}")
        module.__file__, module.__package__ = str(path), PACKAGE
        sys.modules[module.__name__] = module
        try:
            exec(code, vars(module))
            break
        except ImportError as error:
            if not error.name or error.name in finder.absent or error.name.startswith(("numpy", "cs231n")):
                raise
            finder.absent.add(error.name)
            sys.modules.pop(error.name, None)
    _add_placeholders(ast.parse(source), module)
    return module


def _add_placeholders(tree, module):
    """Add placeholders for functions that a file calls, if absent modules should define them."""
    stars = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.names[0].name == "*"]
    origins = [importlib.util.resolve_name("." * node.level + (node.module or ""), PACKAGE) for node in stars]
    absent = [
        name for name in origins if isinstance(sys.modules.get(name), SubstituteModule) and not sys.modules[name].known
    ]
    called = {node.func.id for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}
    for name in called - vars(module).keys() - vars(builtins).keys() if absent else ():
        setattr(module, name, Placeholder(absent, name))


def explain_failure(error, path, name):
    """Say in one sentence, which follows the file's name, why a net could not be loaded or checked."""
    if isinstance(error, LoadError):
        return f" {error}"
    if isinstance(error, SyntaxError) and error.filename and error.lineno:
        return _explain_syntax(error, path)
    if isinstance(error, Missing):
        return f": {error}{quote_own_line(error)}"
    try:
        text = " ".join(str(error).split())
    except Exception:
        text = "(its text cannot be printed)"
    problem = f"{type(error).__name__}: {text[:300]}".removesuffix(": ")
    return f": {name}{SIZES} is not a two-layer net: {problem}{quote_own_line(error)}"


def _explain_syntax(error, path):
    """Quote the parser's error and the line."""
    line = (error.text or linecache.getline(error.filename, error.lineno)).strip()[:LINE]
    file = " " if Path(error.filename) == path else f": {Path(error.filename).name} "
    text = error.text or "".join(linecache.getlines(error.filename))
    if re.search("^(<{7}|={7}|>{7})", text, re.MULTILINE):
        return f"{file}has merge conflict markers: line {error.lineno}: {line}. Keep one version, without the markers"
    if isinstance(error, TabError):
        return f"{file}mixes tabs and spaces: line {error.lineno}: {line}. Indent with spaces only"
    python_2 = ", perhaps because it is Python 2" if error.msg.startswith("Missing parentheses in call to") else ""
    return f"{file}has a syntax error{python_2}: line {error.lineno}, {error.msg}: {line}"


def quote_own_line(error):
    """Quote the last line of a traceback that belongs neither to a library nor to this check."""
    here = Path(__file__).parent
    libraries = str(here), str(here.with_name("checks.py")), *LIBRARIES
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if not frame.filename.startswith(libraries) and frame.line:
            return f" ({Path(frame.filename).name}, line {frame.lineno}: {frame.line[:LINE]})"
    return ""
