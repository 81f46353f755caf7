"""Loads the net in a student's file, or says in one sentence why the file cannot be loaded."""

import ast
import builtins
import contextlib
import importlib.util
import linecache
import sys
import traceback
import warnings
from pathlib import Path
from types import ModuleType

import numpy as np

from .compat import LIBRARIES, PACKAGE, SIZES, Missing, Placeholder, SubstituteModule
from .functions import FIRST, FunctionNet
from .source import LINE, LoadError, decode_source, describe_syntax, read_bytes, read_cells


def run_file(path, finder):
    """Run a Python file, or the cells of a notebook. Return the module, and its source.

    `finder` is the context of `compat.homework_imports`, which says what the file may import. Raises
    LoadError if the file is not Python 3 source, and any exception of the file.
    """
    data = read_bytes(path)
    source = _notebook_source(path, data) or decode_source(path.name, data)
    with np.errstate(), warnings.catch_warnings():  # undo settings of the file
        warnings.simplefilter("ignore")
        module = _run_source(source, path, finder)
    if not source.strip():
        raise AttributeError("the file is empty")
    return module, source


def make_net(module, source, name, finder):
    """Create a net of `SIZES` from a file's class. If it has no such class but functions, they make a net.

    Raises AttributeError if the class is missing, and any exception of the constructor.
    """
    with np.errstate(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
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


def _notebook_source(path, data):
    """Return imports, classes and functions from the cells of a notebook; "" if there are none."""
    parts, kept = [], (ast.Import, ast.ImportFrom, ast.ClassDef, ast.FunctionDef)
    for text in read_cells(data) or ():
        with contextlib.suppress(SyntaxError):  # other cells are not Python
            parts += [ast.unparse(node) for node in ast.parse(text).body if isinstance(node, kept)]
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
        file = "" if Path(error.filename) == path else f"{Path(error.filename).name}: "
        return f": {file}{describe_syntax(error, linecache.getlines(error.filename))}"
    if isinstance(error, Missing):
        return f": {error}{quote_own_line(error)}"
    try:
        text = " ".join(str(error).split())
    except Exception:
        text = "(its text cannot be printed)"
    problem = f"{type(error).__name__}: {text[:300]}".removesuffix(": ")
    return f": {name}{SIZES} is not a two-layer net: {problem}{quote_own_line(error)}"


def quote_own_line(error):
    """Quote the last line of a traceback that belongs neither to a library nor to this check."""
    here = Path(__file__).parent
    libraries = str(here), str(here.with_name("checks.py")), *LIBRARIES
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if not frame.filename.startswith(libraries) and frame.line:
            return f" ({Path(frame.filename).name}, line {frame.lineno}: {frame.line[:LINE]})"
    return ""
