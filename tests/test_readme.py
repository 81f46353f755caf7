"""Tests of README: its code runs, with smaller sizes, and its files exist."""

import re
from pathlib import Path

import numpy as np
import pytest

import data_utils

ROOT = Path(data_utils.__file__).parent
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)


@pytest.fixture
def world(tiny_cifar10, tmp_path, monkeypatch):
    """Tiny data, an empty folder to write to, and the student's module that README mentions."""
    whole = data_utils.get_CIFAR10_data
    monkeypatch.setattr(data_utils, "get_CIFAR10_data", lambda root: whole(80, 20, 20, root=root))
    monkeypatch.setenv("CIFAR10_DIR", str(tiny_cifar10))
    monkeypatch.delenv("DATA", raising=False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "my_neural_net.py").write_text("from classifiers.neural_net import TwoLayerNet\n")


def test_code_in_readme(world, capsys):
    """The script, the sweep and the check run in order. test_cluster.py tests the cluster."""
    names = {}
    for block in BLOCKS:
        if "Client(" not in block:
            exec(block.replace("num_iters=2000", "num_iters=3"), names)
    printed = capsys.readouterr().out
    assert "test accuracy" in printed and "within one standard error" in printed and "No mistake found." in printed
    assert isinstance(names["net"].load("net.npz").params["W1"], np.ndarray) and Path("best.npz").exists()


def test_files_in_readme_exist():
    """Every file that README links to or lists exists."""
    linked = re.findall(r"\]\(([^)#:]+)\)", TEXT) + re.findall(r"^\| `([\w/.]+)`", TEXT, re.MULTILINE)
    assert len(linked) > 10
    assert [name for name in linked if not (ROOT / name).exists()] == []


def test_only_dask_gets_the_lab_on_its_path():
    """In other programs, the folder `datasets` would hide the package of the same name."""
    lines = [line for line in TEXT.splitlines() if "PYTHONPATH=" in line]
    assert lines and all(line.strip().startswith("PYTHONPATH=. dask ") for line in lines)
