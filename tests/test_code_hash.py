"""Tests of the hash of code: equal for the same computation, different for any other."""

import importlib
import os
import shutil
import subprocess
import sys
import zipfile
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest
from test_sweep import ROOT

from classifiers.preprocessing import random_flip_shift
from classifiers.sgd import warm_cosine
from classifiers.sweep import code_hash as source
from classifiers.sweep.code_hash import hash_code, read_meaning

SCALE = 1.0


def scaled(X, rng):
    """Function that uses a global of its module."""
    return X * SCALE


def through_another(X, rng):
    """Function that uses another function, which uses the global."""
    return [scaled(part, rng) for part in X]


def shift_by(amount):
    """Return a function. Functions of different amounts differ only in their closures."""

    def shift(X, rng):
        return X + amount

    return shift


class Shift:
    """Callable whose repr does not show its amount."""

    def __init__(self, amount):
        self.amount = amount

    def __repr__(self):
        return "Shift"

    def __call__(self, X, rng):
        return X + self.amount


@pytest.mark.parametrize(
    "one, other",
    [
        (lambda it, n: 1.0, lambda it, n: 2.0),
        (lambda it, n: [1.0 for _ in "a"][0], lambda it, n: [2.0 for _ in "a"][0]),
        (lambda it, n: min(1.0, it), lambda it, n: max(1.0, it)),
        (lambda it, n, k=1: k, lambda it, n, k=2: k),
        (lambda it, n, *, k=1: k, lambda it, n, *, k=2: k),
        (shift_by(1), shift_by(2)),
        (shift_by(np.zeros(2)), shift_by(np.ones(2))),
        (shift_by({"a": [1, 2, 1]}), shift_by({"a": [1, 2, 2]})),
        (shift_by(shift_by(1)), shift_by(shift_by(2))),
        (Shift(1), Shift(2)),
        (Shift(1).__call__, Shift(2).__call__),
        (lru_cache(shift_by(1)), lru_cache(shift_by(2))),
        (np.sin, np.cos),
        (min, max),
        (Shift, dict),
        (warm_cosine, scaled),
    ],
)
def test_functions_that_differ(one, other):
    """They differ in a constant, name, default, closure or attribute. Each is equal to itself."""
    assert hash_code([one]) != hash_code([other])
    assert hash_code([one]) == hash_code([one]) and hash_code([other]) == hash_code([other])


def test_globals_and_functions_that_a_function_uses(monkeypatch):
    """If a global changes, the hashes of all functions that use it change, also indirectly."""
    before = [hash_code([f]) for f in (scaled, through_another, warm_cosine)]
    monkeypatch.setitem(globals(), "SCALE", 2.0)
    after = [hash_code([f]) for f in (scaled, through_another, warm_cosine)]
    assert [a == b for a, b in zip(before, after, strict=True)] == [False, False, True]


def test_functions_without_a_file():
    """Hashes of notebook cells ignore line numbers and comments, but differ for other code."""

    def define(text):
        names = {"__name__": "__main__"}
        exec(text, names)
        return names["f"]

    one = define("def f(X, rng):\n    return X + 1")
    same = define("\n\ndef f(X, rng):\n    return X + 1  # one")
    assert hash_code([one]) == hash_code([same]) != hash_code([define("def f(X, rng):\n    return X + 2")])
    recursive = define("def f(n):\n    return f(n - 1) if n in {'a', 'b', 3} else 0")
    assert hash_code([recursive]) == hash_code([recursive])


def test_hash_does_not_depend_on_the_process():
    """It is the same although Python orders sets of strings differently in each process."""
    code = (
        "from classifiers.sweep.code_hash import hash_code\n"
        "print(hash_code([lambda it, n: it in {'a', 'b', 'c', 'd', 'e'}, lambda it, n: {'x': 1}]))"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", code], env={**os.environ, "PYTHONHASHSEED": seed}, cwd=ROOT, check=True,
            capture_output=True,
        ).stdout
        for seed in ("1", "2")
    }  # fmt: skip
    assert len(outputs) == 1


def test_object_that_cannot_be_compared():
    """The error names the object and says what to do."""
    generator = (i for i in range(3))
    with pytest.raises(TypeError, match="cannot compare <generator .*Give the function plain values instead"):
        hash_code([lambda it, n: next(generator)])


@pytest.fixture
def module(tmp_path, monkeypatch):
    """Return a function that writes a module and imports it."""
    monkeypatch.syspath_prepend(tmp_path)
    # Python would use old bytecode if the new file has the same time in seconds and the same size.
    monkeypatch.setattr(sys, "dont_write_bytecode", True)

    def write(text):
        (tmp_path / "layers_of_a_test.py").write_text(text, encoding="utf-8")
        importlib.invalidate_caches()
        return importlib.import_module("layers_of_a_test")

    yield write
    sys.modules.pop("layers_of_a_test", None)
    source._loaded.pop("layers_of_a_test", None)


def test_meaning_of_a_module(module):
    """Comments, docstrings and layout do not change it. Other changes do."""
    meaning = read_meaning(module("def f(x):\n    return x + 1\n"))
    assert read_meaning(module('def f(x):  # é\n\n    return (x +\n        1)\n')) == meaning  # fmt: skip
    assert read_meaning(module("def f(x):\n    return x + 2\n")) != meaning
    documented = read_meaning(module('"""A."""\ndef f(x):\n    """B."""\n    return x + 1\n'))
    assert read_meaning(module('"""C."""\ndef f(x):\n    """D."""\n    return x + 1\n')) == documented


def test_file_that_has_changed_since_it_was_loaded(module, monkeypatch):
    """Workers would train with other code than this process. So it is an error until a reload."""
    loaded = module("def f(x):\n    return x + 1\n")
    monkeypatch.setattr(source, "TRAINING", (*source.TRAINING, loaded))
    before = hash_code([])
    module("# a comment\ndef f(x):\n    return x + 1\n")
    assert hash_code([]) == before
    module("def f(x):\n    return x + 2\n")
    with pytest.raises(RuntimeError, match="layers_of_a_test.py has changed since .* Restart the kernel"):
        hash_code([])
    importlib.reload(loaded)
    assert hash_code([]) != before


@pytest.mark.parametrize("form", ["zip", "compiled"])
def test_code_without_plain_source_files(tmp_path, form):
    """The code is in a zip file, or is compiled and has no source."""
    lab = tmp_path / "lab"
    shutil.copytree(ROOT / "classifiers", lab / "classifiers", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "checks.py", lab)
    path = lab
    if form == "zip":
        path = tmp_path / "lab.zip"
        with zipfile.ZipFile(path, "w") as archive:
            for file in lab.rglob("*.py"):
                archive.write(file, file.relative_to(lab))
    else:
        subprocess.run([sys.executable, "-m", "compileall", "-q", "-b", lab], check=True)
        for file in lab.rglob("*.py"):
            file.unlink()
    code = "import classifiers.sweep.code_hash as s; print(s.__file__); print(s.hash_code([]))"
    env = {**os.environ, "PYTHONPATH": str(path)}
    run = subprocess.run(
        [sys.executable, "-c", code], env=env, cwd=tmp_path, check=True, capture_output=True, text=True
    )
    file, found = run.stdout.split()
    assert Path(file).is_relative_to(path)
    assert (found == hash_code([])) == (form == "zip") and len(found) == 32


def test_augmentation_of_the_lab():
    """The hash depends on its settings. It depends on its module only if the module is used."""
    assert hash_code([random_flip_shift(1)]) != hash_code([random_flip_shift(2)]) != hash_code([])
