"""Tests of the hash of code: equal for the same code, different for any other."""

import functools
import importlib
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
from conftest import ROOT

import classifiers
from classifiers.callbacks import EarlyStopping
from classifiers.sgd import warm_cosine
from classifiers.sweep.code_hash import TRAINING, hash_code
from classifiers.sweep.trials import run_group


def shift_by(amount, attribute=None):
    """Return a function. Functions of different amounts differ only in their closures."""

    def shift(X, rng):
        return X + amount

    shift.attribute = attribute
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
        (lambda it, n: it, lambda it, n: n),
        (lambda it, n: [1.0 for _ in "a"][0], lambda it, n: [2.0 for _ in "a"][0]),
        (lambda it, n: min(1.0, it), lambda it, n: max(1.0, it)),
        (lambda it, n, k=1: k, lambda it, n, k=2: k),
        (lambda it, n, *, k=1: k, lambda it, n, *, k=2: k),
        (shift_by(1), shift_by(2)),
        (shift_by(np.zeros(2)), shift_by(np.ones(2))),
        (shift_by(shift_by(1)), shift_by(shift_by(2))),
        (shift_by(1, "a"), shift_by(1, "b")),
        (Shift(1), Shift(2)),
        (Shift(1).__call__, Shift(2).__call__),
        (functools.lru_cache(shift_by(1)), functools.lru_cache(shift_by(2))),
        (functools.partial(shift_by(1), 1), functools.partial(shift_by(2), 1)),
        (EarlyStopping(1), EarlyStopping(2)),
        (Shift, dict),
        (warm_cosine, shift_by),
    ],
)
def test_functions_that_differ(one, other):
    """They differ in code, default, closure, argument or attribute. Each is equal to itself."""
    assert hash_code([one]) != hash_code([other])
    assert hash_code([one]) == hash_code([one]) and hash_code([other]) == hash_code([other])
    assert hash_code([one, other]) != hash_code([other, one])


NOTEBOOK = """
SCALE = 1.0
class Base:
    step = 2
    @staticmethod
    def bound(x):
        return max(x, 3)
class Move(Base):
    def __call__(self, X, rng):
        return X + self.step + self.half
    @property
    def half(self):
        return 4
def scaled(X, rng):
    return X * SCALE if len(X) else scaled(X, rng)
def f(X, rng):
    return [scaled(part, rng) for part in X]
"""


def define(text, name):
    """Return what a cell of a notebook defines. A class has no module there that could be read."""
    names = {"__name__": "__main__"}
    exec(text, names)
    return names[name]() if name == "Move" else names[name]


@pytest.mark.parametrize(
    "name, old, new, counts",
    [
        ("f", "1.0", "2.0", True),  # a global variable of a function that f calls
        ("f", "X * SCALE", "X / SCALE", True),
        ("f", "\nSCALE", "\n\n# a comment\nSCALE", False),
        ("f", "step = 2", "step = 3", False),
        ("Move", "step = 2", "step = 3", True),
        ("Move", "max(x", "min(x", True),
        ("Move", "return 4", "return 5", True),
        ("Move", "X +", "X -", True),
        ("Move", "1.0", "2.0", False),
    ],
)
def test_functions_and_classes_of_a_notebook(name, old, new, counts):
    """Their own code counts, and what it uses. Comments and other cells do not."""
    before, same = hash_code([define(NOTEBOOK, name)]), hash_code([define(NOTEBOOK, name)])
    assert before == same and NOTEBOOK.count(old) == 1
    assert (hash_code([define(NOTEBOOK.replace(old, new), name)]) != before) == counts


def test_hash_does_not_depend_on_the_process():
    """It is the same although Python orders sets of strings differently in each process."""
    code = (
        "from classifiers.sweep.code_hash import hash_code\nfrom classifiers.callbacks import EarlyStopping\n"
        "names = {'u', 'v', 'w', 'x'}\n"
        "print(hash_code([lambda it, n: it in {'a', 'b', 3}, lambda it, n: names, EarlyStopping(1).__call__]))"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", code], env={**os.environ, "PYTHONHASHSEED": seed}, cwd=ROOT, check=True,
            capture_output=True,
        ).stdout
        for seed in ("1", "2", "3")
    }  # fmt: skip
    assert len(outputs) == 1


def test_object_that_cannot_be_compared():
    """The error names the object and says what to do."""
    generator = (i for i in range(3))
    with pytest.raises(TypeError, match="cannot compare <function .*generator.* or sweep without a journal"):
        hash_code([lambda it, n: next(generator)])


def test_every_module_that_trains_counts():
    """These are the module of `run_group` and what the net imports, except what reads and writes files."""
    code = "import sys, classifiers.neural_net; print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True)
    imported = {name for name in run.stdout.split() if (ROOT / f"{name.replace('.', '/')}.py").exists()}
    imported -= {"files", "classifiers.progress"}
    assert imported | {run_group.__module__} <= {module.__name__ for module in TRAINING}


def test_versions_count(monkeypatch):
    """A result can depend on the lab's version and on NumPy's."""
    before = hash_code([])
    for module in (classifiers, np):
        with monkeypatch.context() as patch:
            patch.setattr(module, "__version__", "0.1")
            assert hash_code([]) != before
    assert hash_code([]) == before


def test_file_that_has_changed_since_it_was_loaded(tmp_path, monkeypatch):
    """Workers would train with other code than this process. So it is an error until a reload.

    Any other source of the module counts, and line ends do not. A comment is not an error.
    """
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)  # old bytecode could have the time and size of a new file
    file = tmp_path / "augment_of_a_test.py"
    file.write_bytes(b"SCALE = 2\ndef f(X, rng):\n    return X * SCALE\nclass Base:\n    pass\n")
    module = importlib.import_module("augment_of_a_test")
    child = type("Child", (module.Base,), {"__module__": __name__})
    before = [hash_code([value]) for value in (module.f, child, lambda: 0)]
    file.write_bytes(file.read_bytes().replace(b"\n", b"\r\n"))
    assert hash_code([module.f]) == before[0]
    file.write_bytes(file.read_bytes().replace(b"SCALE = 2", b"SCALE = 30"))
    with pytest.raises(RuntimeError, match="augment_of_a_test.py has changed since .* Restart the kernel"):
        hash_code([module.f])
    importlib.reload(module)
    after = [hash_code([value]) for value in (module.f, type("Child", (module.Base,), {"__module__": __name__}))]
    assert after[0] != before[0] and after[1] != before[1]
    file.write_bytes(file.read_bytes() + b"# a comment\n")
    assert hash_code([module.f]) != after[0]
    file.write_bytes(file.read_bytes().replace(b"X * SCALE", b"X / SCALE"))
    with pytest.raises(RuntimeError, match="has changed since"):
        hash_code([module.f])
    names = {}
    exec(compile(file.read_bytes(), str(file), "exec"), names)
    module.f.__code__ = names["f"].__code__  # what IPython's autoreload does
    assert hash_code([module.f]) != after[0]
    del sys.modules["augment_of_a_test"]


CHANGING_LAB = """
import importlib
import numpy as np
import classifiers.layers
from classifiers import neural_net
from classifiers.sweep import sweep

def run(n_jobs):
    y = np.arange(60) % 3
    X = 3 * np.eye(3)[y]
    settings = {"std": 0.5, "learning_rate": 0.1, "num_iters": 99, "progress": False}
    result = sweep({"hidden_size": [9, 8]}, X, y, X, y, n_jobs=n_jobs, **settings)
    assert result.best.val_accuracy == np.mean(result.best_net.predict(X) == y)
    return result.best.val_accuracy

if __name__ == "__main__":
    print(run(2) > 0.9)
    with open(classifiers.layers.__file__, "a") as file:
        file.write("\\ndef best_class(scores):\\n    return scores.argmin(axis=1)\\n")
    try:
        run(2)
    except RuntimeError as error:
        print(error)
    print(run(1) > 0.9)
    importlib.reload(classifiers.layers)
    importlib.reload(neural_net)
    print(run(2) < 0.1)
"""


def test_lab_that_changes_while_it_runs(tmp_path):
    """Workers would load the changed file, so it is an error. After a reload, new workers train with this code.

    Without workers, the code of this process trains.
    """
    shutil.copytree(ROOT / "classifiers", tmp_path / "classifiers", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("checks.py", "files.py"):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / "script.py").write_text(CHANGING_LAB)
    run = subprocess.run([sys.executable, "-B", "script.py"], cwd=tmp_path, capture_output=True, text=True)
    first, error, second, third = run.stdout.splitlines() or [run.stderr]
    assert first == second == third == "True" and "layers.py has changed since" in error
