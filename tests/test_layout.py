"""Tests of the project's layout: sizes of modules and functions, and allowed imports."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
MODULES = sorted(p for p in ROOT.glob("*.py")) + sorted(
    p
    for folder in ("classifiers", "diagnosis", "datasets", "exercise", "benchmarks")
    for p in (ROOT / folder).glob("*.py")
)

# What each package or module may import from the project, in addition to its own package.
ALLOWED = {
    "checks": set(),
    "gradient_check": {"checks"},
    "diagnosis": {"gradient_check", "checks"},
    "datasets": {"checks"},
    "data_utils": {"datasets", "checks"},
    "curves": {"checks"},
    "vis_utils": {"curves", "datasets", "checks"},
    "classifiers": {"checks"},
    "run_notebook": set(),
    "tasks": set(),
    "exercise": {"classifiers", "diagnosis", "gradient_check", "checks"},
    "benchmarks": {"classifiers", "data_utils", "datasets", "checks", "vis_utils"},
}
# The modules of classifiers/. Each may import only those before it.
ORDER = ["layers", "evaluation", "files", "safety", "sgd", "preprocessing", "initial", "neural_net", "callbacks"]
ORDER += ["wider", "estimator", "grid", "source", "journal", "trials", "limits", "cluster", "sweep"]


def parse(path):
    return ast.parse(path.read_text(encoding="utf-8"))


def imported(tree):
    """Yield the full names of all modules that a tree imports, also inside functions."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def package(path):
    return path.stem if path.parent == ROOT else path.parent.name


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_between_packages(path):
    """A module imports only from its own package and from those that ALLOWED lists."""
    others = {name.split(".")[0] for name in imported(parse(path))} & ALLOWED.keys() - {package(path)}
    assert others <= ALLOWED[package(path)]


def test_imports_for_old_names():
    """Old names of moved functions work until 1.2. Only they use importlib.import_module."""
    called = {
        str(path.relative_to(ROOT)): [
            node.args[0].value
            for node in ast.walk(parse(path))
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "importlib.import_module"
            if isinstance(node.args[0], ast.Constant)
        ]
        for path in MODULES
    }
    assert {path: names for path, names in called.items() if names} == {
        "data_utils.py": ["classifiers.preprocessing"],
        "gradient_check.py": ["diagnosis"],
        "classifiers/sweep.py": ["vis_utils"],
    }


@pytest.mark.parametrize("module", ORDER)
def test_imports_within_classifiers(module):
    """A module imports only modules before it in ORDER. ORDER lists all modules of classifiers/."""
    names = {
        name.split(".")[1] for name in imported(parse(ROOT / "classifiers" / f"{module}.py")) if "classifiers." in name
    }
    assert names <= set(ORDER[: ORDER.index(module)])
    assert sorted(ORDER) == sorted(p.stem for p in (ROOT / "classifiers").glob("[!_]*.py"))


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_modules_and_functions_are_short(path):
    """A module has at most 300 lines. A function's body has at most 35, without its docstring."""
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 300
    for node in ast.walk(parse(path)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            body = node.body[1:] if ast.get_docstring(node) else node.body
            lines = node.end_lineno - body[0].lineno + 1 if body else 0
            assert lines <= 35, f"{node.name} has {lines} lines"


def test_core_is_short():
    """The net, its layers and its optimizer together have at most 500 lines."""
    lines = [
        len((ROOT / "classifiers" / f"{name}.py").read_text().splitlines()) for name in ("neural_net", "layers", "sgd")
    ]
    assert sum(lines) <= 500
