"""Stand-ins for modules that homework files import: old Python 2 helpers, and files of the course that are absent."""

import builtins
import contextlib
import functools
import importlib.util
import pickle
import re
import sys
from importlib.abc import Loader, MetaPathFinder
from types import ModuleType

PACKAGE = "cs231n.classifiers"  # where the homework has the net: ``..layers`` is cs231n.layers
# Python 2 also imported neighbours by their bare names.
COURSE = re.compile(r"(assignment_?\d?|cs231n|layers|layer_utils|fast_layers)(\.|$)")


def _listing(function):
    """Return a list, as Python 2 did."""
    return lambda *arguments: list(function(*arguments))


PYTHON_2 = {
    "xrange": range,
    "range": _listing(range),
    "cmp": lambda a, b: (a > b) - (a < b),
    "basestring": str,
    "unicode": str,
    "long": int,
    "unichr": chr,
    "raw_input": input,
    "reduce": functools.reduce,
    "map": _listing(map),
    "zip": _listing(zip),
    "filter": _listing(filter),
}
ITERATORS = {
    "iteritems": lambda d: iter(d.items()),
    "itervalues": lambda d: iter(d.values()),
    "iterkeys": lambda d: iter(d.keys()),
}
NAMES = {
    "past": {},
    "past.builtins": PYTHON_2,
    "past.utils": {"old_div": lambda a, b: a // b if isinstance(a, int) and isinstance(b, int) else a / b},
    "future": {},
    "future.builtins": {name: getattr(builtins, name) for name in dir(builtins) if not name.startswith("_")},
    "future.utils": ITERATORS,
    "future.standard_library": {"install_aliases": lambda: None, "hooks": contextlib.nullcontext},
    "six": {"string_types": (str,), "integer_types": (int,), "PY2": False, "PY3": True, **ITERATORS},
    "six.moves": {
        **PYTHON_2,
        "range": range,
        "map": map,
        "zip": zip,
        "filter": filter,
        "input": input,
        "cPickle": pickle,
    },
    "cPickle": vars(pickle),
}


class Missing(BaseException):
    """What the file calls is not there during a check. No ``except Exception`` takes it for a mistake of the net."""


class Placeholder:
    """A name of an absent module, or of one of several: it can be imported and passed on, but not called."""

    def __init__(self, modules, name):
        self._modules, self._name = modules, name

    def __call__(self, *arguments, **options):
        files = " or ".join(f"{module.rpartition('.')[2]}.py" for module in self._modules)
        raise Missing(f"{self._name} belongs to {files}, which is missing. Put that file beside this one")

    def __mro_entries__(self, bases):
        self()

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return Placeholder(self._modules, f"{self._name}.{name}")


class StandIn(ModuleType):
    """A module that is not there. ``from it import *`` gives only what is known of it."""

    @property
    def absent(self):
        return self.__name__ not in NAMES

    def __getattr__(self, name):
        if name.startswith("__") or not self.absent:
            raise AttributeError(f"the stand-in for {self.__name__} has no {name}")
        return Placeholder([self.__name__], name)

    def __call__(self, *arguments, **options):  # ``from package import Class`` finds a module of that name
        Placeholder([self.__name__], self.__name__.rpartition(".")[2])()


class Finder(MetaPathFinder, Loader):
    """Finds stand-ins. It is asked last, so that a real module comes first."""

    def find_spec(self, name, path=None, target=None):
        known = name in NAMES or COURSE.match(name)
        return importlib.util.spec_from_loader(name, self, is_package=True) if known else None

    def create_module(self, spec):
        return StandIn(spec.name)

    def exec_module(self, module):
        names = {name: value for name, value in NAMES.get(module.__name__, {}).items() if not name.startswith("__")}
        vars(module).update(names, __all__=list(names))


@contextlib.contextmanager
def homework_imports(folder):
    """Let a file in a folder import what homework files import; undo it afterwards.

    Its neighbours come first, also those one folder up, then what Python finds, then stand-ins.
    """
    finders, paths = list(sys.meta_path), list(sys.path)
    # The lab's own modules must not hide a neighbour of the same name.
    hidden = [name for name in ("checks", "gradient_check") if (folder / f"{name}.py").exists()]
    hidden = {name: sys.modules.pop(name) for name in hidden if name in sys.modules}
    sys.path[:] = [str(folder), *paths, str(folder.parent), str(folder.parent.parent)]
    real = importlib.util.find_spec("cs231n") if "cs231n" not in sys.modules else None
    found = list(real.submodule_search_locations or ()) if real else []
    near = [str(folder.parent), str(folder)]
    # Made by hand: the course's own __init__.py imports all classifiers, also those that are not there.
    top, package = ModuleType("cs231n"), ModuleType(PACKAGE)
    top.__path__ = [*found, *(near if folder.name == "classifiers" else near[::-1])]
    package.__path__ = [*near[::-1], *(f"{place}/classifiers" for place in top.__path__)]
    top.classifiers = package
    sys.modules.update({"cs231n": top, PACKAGE: package})
    sys.meta_path.append(Finder())
    try:
        yield
    finally:
        sys.meta_path[:], sys.path[:] = finders, paths
        for name, module in list(sys.modules.items()):
            if name.partition(".")[0] == "cs231n" or isinstance(module, StandIn):
                del sys.modules[name]
        sys.modules.update(hidden)
