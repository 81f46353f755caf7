"""Tests of the project's layout: imports point in one direction only."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
# A module may import modules of its own line, and of the lines above it.
LAYERS = """
checks files tables
classifiers.layers classifiers.sgd classifiers.history classifiers.progress classifiers.training
classifiers.neural_net
classifiers.preprocessing classifiers.initial classifiers.callbacks classifiers.ensemble classifiers.estimator
classifiers.sweep
gradient_check
diagnosis
datasets
data_utils vis_utils
exercise benchmarks run_notebook setup
"""
# Packages and modules that must also work without the classifiers or without matplotlib.
APART = {
    "gradient_check": {"classifiers"},
    "diagnosis": {"classifiers", "vis_utils", "datasets"},
    "datasets": {"classifiers", "diagnosis", "gradient_check"},
    "data_utils": {"classifiers", "diagnosis", "gradient_check", "vis_utils"},
    "vis_utils": {"classifiers", "diagnosis", "gradient_check", "data_utils"},
}
ROOMS = [line.split() for line in LAYERS.strip().splitlines()]
PLACES = {name: number for number, line in enumerate(ROOMS) for name in line}
MODULES = sorted(
    path.relative_to(ROOT)
    for pattern in ("*.py", "*/*.py", "classifiers/sweep/*.py", "exercise/*/*.py")
    for path in ROOT.glob(pattern)
    if path.relative_to(ROOT).parts[0] not in ("tests", "build") and not path.parts[-2].startswith(".")
)


def room(name):
    """Return the name in LAYERS to which a module belongs, or None for a module of another project."""
    parts = name.split(".")
    return next((".".join(parts[:n]) for n in (2, 1) if ".".join(parts[:n]) in PLACES), None)


def imported(path):
    """Yield the full names of all modules that a file imports, also inside functions."""
    for node in ast.walk(ast.parse((ROOT / path).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("path", MODULES, ids=str)
def test_imports_point_upwards(path):
    """A module imports only from its own package, and from its line and the lines above it."""
    name = ".".join(path.with_suffix("").parts)
    own = room(name)
    if own is None:
        assert path.stem == "__init__", f"{name} has no place in LAYERS"
        return
    others = {found for found in map(room, imported(path)) if found} - {own}
    assert {other for other in others if PLACES[other] > PLACES[own]} == set()
    assert {other for other in others if other.split(".")[0] in APART.get(own.split(".")[0], ())} == set()
