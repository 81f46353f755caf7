"""Substitutes for modules that homework files import: Python 2 helpers, and modules that are missing or broken."""

import contextlib
import importlib.util
import pickle
import re
import sys
import sysconfig
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import PathFinder
from pathlib import Path
from types import ModuleType

SIZES = (4, 10, 3, 0.1)  # D, H, C and std of the net that is created
PACKAGE = "cs231n.classifiers"  # package of the homework's net: ``..layers`` is cs231n.layers
LAB = ("checks", "tables", "gradient_check", "classifiers")  # modules of the lab that may be loaded before the file
LIBRARIES = tuple(sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib"))
# Python 2 also imports files of the same folder by their plain names.
COURSE = re.compile(r"(assignment_?\d?|cs231n|layers|layer_utils|fast_layers)(\.|$)")
# What the course's own files, and tools that convert Python 2, import from these packages.
PYTHON_2 = {
    "past": {},
    "past.builtins": {"xrange": range, "range": range},
    "past.utils": {"old_div": lambda a, b: a // b if isinstance(a, int) and isinstance(b, int) else a / b},
    "future": {},
    "future.standard_library": {"install_aliases": lambda: None},
    "six": {},
    "six.moves": {"xrange": range, "range": range, "cPickle": pickle},
    "cPickle": {name: value for name, value in vars(pickle).items() if not name.startswith("__")},
}


class Missing(BaseException):
    """Something that the file calls does not exist during a check.

    It is a BaseException. An ``except Exception`` must not count it as a mistake of the net.
    """


class Placeholder:
    """Object for a name of an absent module. It can be imported and passed on, but not called.

    If several modules are absent, the name may belong to any of them.
    """

    def __init__(self, modules, name):
        self._modules, self._name = modules, name

    def __call__(self, *arguments, **options):
        files = " or ".join(f"{module.rpartition('.')[2]}.py" for module in self._modules)
        module, rest = sys.modules.get(self._modules[0]), "is missing. Put that file beside this one"
        if not COURSE.match(self._modules[0]):
            files, rest = self._modules[0], "is missing. Install it, or put it beside this file"
        if getattr(module, "problem", None):
            files, rest = Path(module.__file__).name, f"cannot be imported: {module.problem}"
        raise Missing(f"{self._name} belongs to {files}, which {rest}")

    def __mro_entries__(self, bases):
        self()

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return Placeholder(self._modules, f"{self._name}.{name}")


class SubstituteModule(ModuleType):
    """Module object for an absent module. ``from module import *`` gives only the known names."""

    problem = None  # the exception of a module that exists

    @property
    def known(self):
        return self.__name__ in PYTHON_2

    def __getattr__(self, name):
        if name.startswith("__") or self.known:
            raise AttributeError(f"the substitute for {self.__name__} has no {name}")
        return Placeholder([self.__name__], name)

    def __call__(self, *arguments, **options):  # ``from package import Class`` creates a module of that name
        Placeholder([self.__name__], self.__name__.rpartition(".")[2])()


class SubstituteFinder(MetaPathFinder, Loader):
    """Import finder for substitutes. It is the last finder, so real modules come first."""

    def find_spec(self, name, path=None, target=None):
        known = name in PYTHON_2 or COURSE.match(name)
        return importlib.util.spec_from_loader(name, self, is_package=True) if known else None

    def create_module(self, spec):
        return SubstituteModule(spec.name)

    def exec_module(self, module):
        names = PYTHON_2.get(module.__name__, {})
        vars(module).update(names, __all__=list(names))


class NearFinder(SubstituteFinder):
    """Import finder for modules in a folder, and for those that `absent` names. It is the first finder.

    If a module of the folder raises an exception, it becomes a substitute.
    """

    def __init__(self, folder):
        self.folder, self.absent, self.errors, self._loaders = str(folder), set(), [], {}

    def find_spec(self, name, path=None, target=None):
        if any(name == absent or name.startswith(f"{absent}.") for absent in self.absent):
            return importlib.util.spec_from_loader(name, SubstituteFinder(), is_package=True)
        spec = PathFinder.find_spec(name, path)
        if spec is None or not (spec.origin or "").startswith(self.folder) or spec.origin.startswith(LIBRARIES):
            return None
        self._loaders[name], spec.loader = spec.loader, self
        return spec

    def create_module(self, spec):
        return None

    def exec_module(self, module):
        try:
            self._loaders[module.__name__].exec_module(module)
        except (Exception, Missing) as error:
            self.errors.append(error)
            module.__class__, module.problem = SubstituteModule, f"{type(error).__name__}: {error}"


@contextlib.contextmanager
def homework_imports(folder):
    """Let a file in a folder import what homework files import; restore the imports at the end.

    Files beside it and one folder up come first, then the modules that Python finds, then
    substitutes. The context is the `NearFinder`.
    """
    finders, paths = list(sys.meta_path), list(sys.path)
    near = [str(folder), str(folder.parent)]
    # If the file belongs to another copy of the lab, it must import the modules of that copy.
    own = {name: PathFinder.find_spec(name, near) for name in LAB}
    replaced = {"cs231n", *(name for name, spec in own.items() if spec)}
    hidden = {name: sys.modules.pop(name) for name in list(sys.modules) if name.partition(".")[0] in replaced}
    sys.path[:] = [*near, *paths, str(folder.parent.parent)]
    if own["classifiers"] and own["classifiers"].submodule_search_locations:  # a package, perhaps without some files
        sys.modules["classifiers"] = ModuleType("classifiers")
        sys.modules["classifiers"].__path__ = [f"{place}/classifiers" for place in sys.path]
    real = importlib.util.find_spec("cs231n")
    found = list(real.submodule_search_locations or ()) if real else []
    # Do not run the course's own __init__.py: it imports all classifiers, also absent ones.
    top, package = ModuleType("cs231n"), ModuleType(PACKAGE)
    top.__path__ = [*found, *(near[::-1] if folder.name == "classifiers" else near)]
    package.__path__ = [*near, *(f"{place}/classifiers" for place in top.__path__)]
    top.classifiers = package
    sys.modules.update({"cs231n": top, PACKAGE: package})
    finder = NearFinder(folder.parent)
    sys.meta_path[:] = [finder, *finders, SubstituteFinder()]
    try:
        yield finder
    finally:
        sys.meta_path[:], sys.path[:] = finders, paths
        for name, module in list(sys.modules.items()):
            if name.partition(".")[0] in replaced or isinstance(module, SubstituteModule):
                del sys.modules[name]
        sys.modules.update(hidden)
