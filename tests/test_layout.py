"""What DESIGN asks of the whole tree: short functions and modules, and imports that point one way."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
MODULES = sorted(p for p in ROOT.glob("*.py")) + sorted(
    p
    for folder in ("classifiers", "diagnosis", "datasets", "exercise", "benchmarks")
    for p in (ROOT / folder).glob("*.py")
)

# What each room or module of the project may import from the project, besides its own room.
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
# Within classifiers/, from the bottom to the top.
FLOORS = ["layers", "evaluation", "files", "safety", "sgd", "preprocessing", "initial", "neural_net", "callbacks"]
FLOORS += ["wider", "estimator", "grid", "source", "journal", "trials", "limits", "cluster", "sweep"]


def parse(path):
    return ast.parse(path.read_text(encoding="utf-8"))


def imported(tree):
    """The full names of the modules that a tree imports, wherever the import stands."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def room(path):
    return path.stem if path.parent == ROOT else path.parent.name


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_point_one_way(path):
    """A module imports from its own room and from rooms below it."""
    others = {name.split(".")[0] for name in imported(parse(path))} & ALLOWED.keys() - {room(path)}
    assert others <= ALLOWED[room(path)]


def test_old_names_are_the_only_way_back_up():
    """What has moved is offered under its old name until 1.2, through imports that nothing else uses."""
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


@pytest.mark.parametrize("floor", FLOORS)
def test_classifiers_import_what_is_below(floor):
    """The sweep knows the net; the net does not know the sweep."""
    names = {
        name.split(".")[1] for name in imported(parse(ROOT / "classifiers" / f"{floor}.py")) if "classifiers." in name
    }
    assert names <= set(FLOORS[: FLOORS.index(floor)])
    assert sorted(FLOORS) == sorted(p.stem for p in (ROOT / "classifiers").glob("[!_]*.py"))


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_modules_and_functions_are_short(path):
    """At most 300 lines a module, and 35 a function without its signature and docstring."""
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 300
    for node in ast.walk(parse(path)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            body = node.body[1:] if ast.get_docstring(node) else node.body
            lines = node.end_lineno - body[0].lineno + 1 if body else 0
            assert lines <= 35, f"{node.name} has {lines} lines"


def test_core_can_be_read_in_one_sitting():
    """The net, its layers and its optimizer have at most 500 lines together."""
    lines = [
        len((ROOT / "classifiers" / f"{name}.py").read_text().splitlines()) for name in ("neural_net", "layers", "sgd")
    ]
    assert sum(lines) <= 500
