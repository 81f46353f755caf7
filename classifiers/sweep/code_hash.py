"""Hash of the code that trains a net.

The journal of a sweep stores this hash. If the code changes, the hash changes too.
"""

import ast
import functools
import inspect
import sys
import types

import numpy as np
from joblib.hashing import NumpyHasher

import checks
import classifiers
from classifiers import history, layers, neural_net, preprocessing, sgd, training
from classifiers.sweep import trials

TRAINING = (checks, layers, sgd, history, training, neural_net, preprocessing, trials)  # what trains nets
TRAINING += tuple(sys.modules[name] for name in ("homework",) if name in sys.modules)  # in the exercise


def hash_code(values):
    """Hash the code that trains nets, and the code of arguments that can be called.

    The hash covers the source files of the lab that train, the versions of the lab and of NumPy,
    and for each function or object its source file, its own code and the values that it holds. For
    a function that is not in a module, such as one of a notebook, it covers the global variables
    that the function uses instead of a file.

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
        If a file has changed since this process read it. Workers could load the new version. The
        files of the lab are read when this module is imported, others when they are first hashed.
    TypeError
        If a value cannot be compared, for example because it holds a generator.
    """
    digests = [_CodeHasher().hash([classifiers.__version__, np.__version__, *TRAINING])]
    for value in filter(callable, values):
        try:
            digests.append(_CodeHasher().hash(value))
        except RuntimeError:
            raise
        except Exception as error:  # pickling can raise errors of many types
            raise TypeError(
                f"a journal cannot compare {value!r}: {error}. Use plain values in it, or sweep without a journal"
            ) from error
    return _CodeHasher().hash(digests)


def hash_sources(values):
    """Hash the source files of the lab that train, and of the modules of these values. Errors are those of `hash_code`.

    Worker processes import these files. So they must be those that this process has loaded.
    """
    names = {getattr(value, "__module__", None) for value in values if callable(value)}
    modules = [sys.modules[name] for name in sorted(names & sys.modules.keys(), key=str)]
    return _CodeHasher().hash([*TRAINING, *modules])


def _read_source(module):
    """Return the source text of a module, or None if it has none or is ``__main__``."""
    try:
        source = inspect.getsource(module) if module.__name__ != "__main__" else None
    except (OSError, TypeError):  # compiled or built in
        return None
    spec = getattr(module, "__spec__", None)
    loaded = _first_read.setdefault((module.__name__, id(spec)), (spec, source))[1]
    if source != loaded and ast.dump(ast.parse(source)) != ast.dump(ast.parse(loaded)):
        if not _is_patched(module, loaded, source):
            raise RuntimeError(
                f"{module.__file__} has changed since this Python loaded it. Restart the kernel or the program, then "
                "call sweep again"
            )
    return source


def _is_patched(module, old, new):
    """Return whether a tool such as IPython's autoreload has put all functions of a new source into a module."""
    old, new = ({_text_of(code) for code in _code_objects(compile(text, "", "exec"))} for text in (old, new))
    own = [value for value in vars(module).values() if getattr(value, "__module__", None) == module.__name__]
    own += [member for value in own if isinstance(value, type) for member in vars(value).values()]
    loaded = {_text_of(function.__code__) for function in own if isinstance(function, types.FunctionType)}
    return loaded <= new and not loaded <= old


_first_read = {}  # maps a module to its source. A reload replaces its spec, and the entry keeps the spec's id in use
for _module in TRAINING:
    _read_source(_module)


class _CodeHasher(NumpyHasher):
    """Hasher of joblib that distinguishes functions and classes by their code, not by their names.

    It pickles a value and hashes the pickle. Nothing is unpickled, so ``str`` stands for any type.
    """

    def reducer_override(self, value):
        """Return what to pickle for a value. The third element may contain the value itself."""
        if isinstance(value, types.ModuleType):
            return str, (value.__name__, _read_source(value))
        if isinstance(value, functools._lru_cache_wrapper):
            return str, ("cache",), value.__wrapped__
        if not isinstance(value, (types.FunctionType, type)):
            return NotImplemented
        name, module = f"{value.__module__}.{value.__qualname__}", sys.modules.get(value.__module__)
        source = module and _read_source(module)
        if isinstance(value, types.FunctionType):
            return str, (name, source), _parts_of_function(value, source is None)
        if source is None and module in (None, sys.modules["__main__"]):
            return str, (name,), _parts_of_class(value)
        return NotImplemented if source is None else (str, (name, source, value.__bases__))  # NotImplemented: by name


def _parts_of_function(function, with_globals):
    """Return the code of a function and the values that it holds or uses."""
    codes = list(_code_objects(function.__code__))
    cells = [cell.cell_contents for cell in function.__closure__ or () if cell != types.CellType()]
    names = {name for code in codes for name in code.co_names} if with_globals else set()
    used = {name: function.__globals__[name] for name in names & function.__globals__.keys()}
    return [list(map(_text_of, codes)), function.__defaults__, function.__kwdefaults__, cells, used, vars(function)]


def _parts_of_class(cls):
    """Return the methods and plain attributes of a class, and its bases."""
    members = {}
    for name, member in vars(cls).items():
        member = getattr(member, "__func__", getattr(member, "fget", member))  # static and class methods, property
        if isinstance(member, types.FunctionType) or not (name.startswith("_") or inspect.isdatadescriptor(member)):
            members[name] = member
    return [members, cls.__bases__]


def _code_objects(code):
    """Yield the code object of a function, and those of its lambdas and comprehensions."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _code_objects(constant)


def _text_of(code):
    """Return what a code object computes, without its position in a file. It is the same in every process."""
    constants = [constant for constant in code.co_consts if not isinstance(constant, types.CodeType)]
    constants = [sorted(map(repr, value)) if isinstance(value, frozenset) else repr(value) for value in constants]
    return f"{code.co_code.hex()} {code.co_names} {constants}"
