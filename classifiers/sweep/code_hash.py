"""Hash of the code that trains a net.

The journal of a sweep stores this hash. If the code changes, the hash changes too.
"""

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

from classifiers import history, layers, neural_net, preprocessing, sgd, training

TRAINING = (layers, history, training, sgd, neural_net)  # modules that train every net
LIBRARIES = {sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")}


def hash_code(values):
    """Hash the code that trains nets, and the code of arguments that can be called.

    Parameters
    ----------
    values : iterable of object
        Arguments of `TwoLayerNet` and its ``train``, such as ``augment`` and ``schedule``. Values
        that cannot be called are ignored.

    Returns
    -------
    str

    Raises
    ------
    RuntimeError
        If a file has changed since this process loaded it. Workers could load the new version.
    TypeError
        If a function uses an object that cannot be compared.
    """
    parts, seen = [loaded_meaning(module) for module in TRAINING], {}
    for value in values:
        if callable(value):
            parts.extend(describe(value, seen))
    return hashlib.sha256("\n".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:32]


def read_meaning(module):
    """Return the source of a module without comments, docstrings and layout.

    If there is no source file, return the compiled code.
    """
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


# Maps a module's name to its spec and its `read_meaning`, both from when this process loaded it. A
# reload replaces the spec.
_loaded = {}


def loaded_meaning(module):
    """Return `read_meaning`. If the file has changed since it was loaded, raise RuntimeError."""
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
    """Yield texts that describe what a function, class or object computes.

    The texts of two values differ if they do not compute the same.

    Parameters
    ----------
    value : object
    seen : dict
        Maps ids to the objects that are already described. It ends the recursion if functions call
        each other.
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
    """Describe a function or a class by its compiled code. This works without a source file."""
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
    """Describe an object by its class and attributes. Objects of libraries are hashed."""
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
    """Return the names of the globals that a function and its inner functions use."""
    names = {i.argval for i in dis.get_instructions(code) if i.opname in ("LOAD_GLOBAL", "LOAD_NAME")}
    return names.union(*(_global_names(c) for c in code.co_consts if isinstance(c, types.CodeType)))


def _is_library(module):
    """Return whether a module belongs to Python or to an installed package.

    ``__main__`` does not count. In a notebook, its file belongs to a package, but its code belongs
    to the user.
    """
    if module is None or module.__name__ == "__main__":
        return False
    file = getattr(module, "__file__", None)
    if file is None:
        return module.__name__ in sys.stdlib_module_names
    return any(Path(file).is_relative_to(folder) for folder in LIBRARIES)


for _module in (*TRAINING, preprocessing):
    loaded_meaning(_module)
