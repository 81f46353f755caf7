"""Tests of docs/tools.md: its code runs, with smaller sizes."""

import re
import sys
from types import ModuleType, SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
import pytest
from conftest import ROOT

from classifiers.neural_net import TwoLayerNet

TEXT = (ROOT / "docs" / "tools.md").read_text(encoding="utf-8")
SECTIONS = {part.partition("\n")[0]: part for part in TEXT.split("\n## ")[1:]}


@pytest.fixture
def names():
    """The variables of README's script, with ten classes that are easy to separate."""
    rng = np.random.default_rng(0)
    centres = 3 * rng.standard_normal((10, 12))
    labels = rng.integers(0, 10, (3, 300))
    X_train, X_val, X_test = ((centres[y] + rng.standard_normal((300, 12))).astype(np.float32) for y in labels)
    y_train, y_val, y_test = labels
    data = X_train, y_train, X_val, y_val
    yield dict(locals()) | {"np": np, "TwoLayerNet": TwoLayerNet, "net": TwoLayerNet(12, 5, 10)}
    plt.close("all")


def run(section, names, *replaced):
    """Run the code blocks of a section in order, and return the variables."""
    for block in re.findall(r"```python\n(.*?)```", SECTIONS[section], re.DOTALL):
        block = block.replace("3072", "12")
        for old, new in replaced:
            assert old in TEXT
            block = block.replace(old, new)
        exec(block, names)
    return names


def test_callbacks(names, capsys):
    """Training stops, and the code prints the best epoch."""
    stats = run("Callbacks: stop early, watch, log", names)["stats"]
    assert (
        stats.ended == "stopped"
        and f"stopped best epoch {len(stats['val_acc_history']) - 6}" in capsys.readouterr().out
    )


@pytest.mark.parametrize("name", ["torch.utils.tensorboard", "mlflow"])
def test_writers(names, monkeypatch, name):
    """The block of each tool passes it the accuracy of each epoch. Stand-ins replace the tools."""
    written = []

    class Run:
        def __enter__(self):
            return self

        def __exit__(self, *exception):
            written.append("ended")

    def log(*arguments):
        written.append(arguments)

    tensorboard, mlflow = ModuleType("tensorboard"), ModuleType("mlflow")
    tensorboard.SummaryWriter = lambda: SimpleNamespace(add_scalar=log)
    mlflow.start_run, mlflow.log_metric = Run, log
    for path in ("torch", "torch.utils"):
        monkeypatch.setitem(sys.modules, path, ModuleType(path))
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", tensorboard)
    monkeypatch.setitem(sys.modules, "mlflow", mlflow)
    blocks = re.findall(r"```python\n(.*?)```", SECTIONS["TensorBoard and MLflow"], re.DOTALL)
    (block,) = [block for block in blocks if name in block]
    exec(block, names)
    accuracies = names["net"].history["val_acc_history"]
    assert written[: len(accuracies)] == [("val", accuracy, it) for it, accuracy in enumerate(accuracies)]


@pytest.mark.filterwarnings("default")  # Optuna itself warns
def test_optuna_prunes(names):
    """The code has at most ten lines. It prunes bad trials and finds a good one."""
    optuna = pytest.importorskip("optuna", reason="Optuna is not installed (requirements-optional.txt)")
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = run("Optuna", names, ("num_iters=2000", "num_iters=30"))["study"]
    states = [trial.state.name for trial in study.trials]
    assert len(states) == 20 and set(states) == {"PRUNED", "COMPLETE"} and study.best_value > 0.8
    code = re.search(r"def objective.*?\n\n\n", SECTIONS["Optuna"], re.DOTALL).group()
    assert len([line for line in code.splitlines() if line.strip()]) <= 10


def test_scikit_learn(names, capsys):
    """Each search finds a good learning rate."""
    pytest.importorskip("sklearn", reason="scikit-learn is not installed (requirements-optional.txt)")
    sizes = [("num_iters=500", "num_iters=60"), ("max_resources=900", "max_resources=90")]
    run("scikit-learn", names, *sizes)
    assert names["search"].score(names["X_test"], names["y_test"]) > 0.8 and names["halving"].best_score_ > 0.8
    assert "cross-validated" in capsys.readouterr().out


def test_files_in_the_docs_exist():
    """Every link leads to a file, and to a section if it names one."""
    for name in re.findall(r"\]\(([^):]+)\)", TEXT):
        path, _, anchor = name.partition("#")
        linked = (ROOT / "docs" / path).read_text(encoding="utf-8")
        headings = re.findall(r"^#+ (.*)", linked, re.MULTILINE)
        assert not anchor or anchor in [heading.lower().replace(" ", "-") for heading in headings]
