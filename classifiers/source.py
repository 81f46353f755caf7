"""Fingerprint of the code that trains a net, so that a journal notices when it has changed."""

import ast
import dis
import hashlib
import inspect
import sys
import sysconfig
import types
from functools import lru_cache
from pathlib import Path

import joblib

from classifiers import evaluation, layers, neural_net, preprocessing, safety, sgd

TRAINING = (layers, evaluation, safety, sgd, neural_net)  # the code of every net
LIBRARIES = {sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")}


def hash_code(values):
    """Hash the code that trains nets, and that of functions and callable objects which take part.

    Parameters
    ----------
    values : iterable of object
        Arguments of `TwoLayerNet` and its ``train``, such as ``augment`` and ``schedule``. What cannot be called is
        left out.

    Returns
    -------
    str

    Raises
    ------
    RuntimeError
        If a file has changed since this process loaded it: workers might load the new one.
    TypeError
        If a function uses an object that cannot be compared.
    """
    parts, seen = [loaded_meaning(module) for module in TRAINING], {}
    for value in values:
        if callable(value):
            parts.extend(describe(value, seen))
    return hashlib.sha256("\n".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:32]


def read_meaning(module):
    """Return the source of a module without comments, docstrings and layout. Without source: its compiled code."""
    try:
        return _strip(inspect.getsource(module))
    except OSError:
        return _code_text(module.__spec__.loader.get_code(module.__name__))


@lru_cache
def _strip(text):
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)) and ast.get_docstring(node) is not None:
            node.body[:1] = [ast.Pass()]
    return ast.unparse(tree)


_loaded = {}  # name of a module: its spec, which a reload replaces, and its meaning when this process loaded it


def loaded_meaning(module):
    """Return `read_meaning`, and raise RuntimeError if the file has changed since this process loaded it."""
    now = read_meaning(module)
    spec, loaded = _loaded.get(module.__name__, (None, None))
    if spec is not module.__spec__:
        _loaded[module.__name__] = module.__spec__, now
    elif loaded != now:
        raise RuntimeError(
            f"{module.__file__} has changed since this Python loaded it. Restart the kernel or the program, then call "
            "sweep again"
        )
    return now


def describe(value, seen):
    """Yield texts that differ if two functions, classes or objects compute something else.

    Parameters
    ----------
    value : object
    seen : dict
        Maps the id of what has been described to the object, since functions may call each other.
    """
    if isinstance(value, types.MethodType):
        yield from (*describe(value.__func__, seen), *describe(value.__self__, seen))
    elif isinstance(value, (tuple, list)):
        yield f"{len(value)} values"
        for part in value:
            yield from describe(part, seen)
    elif isinstance(value, dict):
        yield from describe([*value.keys(), *value.values()], seen)
    elif isinstance(value, types.ModuleType):
        yield value.__name__
    elif isinstance(value, (types.FunctionType, type)):
        yield from _describe_definition(value, seen)
    else:
        yield from _describe_object(value, seen)


def _describe_definition(value, seen):
    """Describe a function or a class: the code that Python has compiled, which needs no file."""
    yield f"{value.__module__}.{value.__qualname__}"
    module = sys.modules.get(value.__module__)
    if f"{value.__module__}".startswith("classifiers."):
        yield loaded_meaning(module)
        return
    if id(value) in seen or _is_library(module):
        return
    seen[id(value)] = value
    if isinstance(value, type):
        for name, member in sorted(vars(value).items()):
            member = getattr(member, "__func__", getattr(member, "fget", member))  # static and class methods, property
            if isinstance(member, types.FunctionType) or not (name.startswith("_") or inspect.isdatadescriptor(member)):
                yield from (name, *describe(member, seen))
        yield from describe(value.__bases__, seen)
    else:
        yield _code_text(value.__code__)
        cells = [cell.cell_contents for cell in value.__closure__ or () if cell != types.CellType()]
        names = sorted(_global_names(value.__code__) & value.__globals__.keys())
        used = [value.__globals__[name] for name in names]
        yield from describe([value.__defaults__, value.__kwdefaults__, cells, used], seen)


def _describe_object(value, seen):
    """Describe an object by its class and its attributes. An object of a library has a hash instead."""
    yield from describe(type(value), seen)
    if hasattr(value, "__wrapped__"):  # functools.lru_cache
        yield from describe(value.__wrapped__, seen)
    elif isinstance(value, types.BuiltinFunctionType):
        yield value.__qualname__
    elif hasattr(value, "__dict__") and not _is_library(sys.modules.get(type(value).__module__)):
        if id(value) not in seen:
            seen[id(value)] = value
            yield from describe(vars(value), seen)
    else:
        try:
            yield joblib.hash(value)
        except Exception as error:
            raise TypeError(
                f"a journal cannot compare {value!r}, which a function of the sweep uses. Give the function plain "
                "values instead, or sweep without a journal"
            ) from error


def _code_text(code):
    constants = [_constant_text(constant) for constant in code.co_consts]
    return f"{code.co_code.hex()} {code.co_names} {code.co_varnames} {code.co_freevars} {constants}"


def _constant_text(constant):
    if isinstance(constant, types.CodeType):
        return _code_text(constant)
    if isinstance(constant, frozenset):  # its order differs from process to process
        return str(sorted(map(repr, constant)))
    return repr(constant)


def _global_names(code):
    """Return the names of the globals that a function uses, in the functions inside it too."""
    names = {i.argval for i in dis.get_instructions(code) if i.opname in ("LOAD_GLOBAL", "LOAD_NAME")}
    return names.union(*(_global_names(c) for c in code.co_consts if isinstance(c, types.CodeType)))


def _is_library(module):
    """Whether a module belongs to Python or to an installed package. A notebook runs in a package's ``__main__``."""
    if module is None or module.__name__ == "__main__":
        return False
    file = getattr(module, "__file__", None)
    if file is None:
        return module.__name__ in sys.stdlib_module_names
    return any(Path(file).is_relative_to(folder) for folder in LIBRARIES)


for _module in (*TRAINING, preprocessing):
    loaded_meaning(_module)
