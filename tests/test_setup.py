"""Tests of the lab in other folders: the installed package, and names that others use, too."""

import subprocess
import sys

import pytest
from conftest import ROOT

pytest.importorskip("setuptools")
NAMES = (
    "checks",
    "files",
    "tables",
    "data_utils",
    "gradient_check",
    "vis_utils",
    "classifiers",
    "diagnosis",
    "datasets",
)
SCRIPT = """
import numpy as np
import checks, datasets
from two_layer_net_lab import data_utils, gradient_check, vis_utils
from two_layer_net_lab.classifiers.neural_net import TwoLayerNet
from two_layer_net_lab.classifiers.sweep import sweep
from two_layer_net_lab.datasets import choose
from two_layer_net_lab.diagnosis import check_net

if __name__ == "__main__":
    X, y = np.random.default_rng(0).standard_normal((40, 4)), np.arange(40) % 3
    result = sweep({"hidden_size": [3, 5]}, X, y, X, y, num_iters=5, n_jobs=2, progress=False, journal="j.jsonl")
    print([trial.state for trial in result.trials], check_net(TwoLayerNet(4, 10, 3, rng=0), X[:5], y[:5]).ok)
    print(checks.OTHER, datasets.OTHER)
"""


def run(folder, *command, path=""):
    done = subprocess.run(
        [sys.executable, *command], cwd=folder, env={"PYTHONPATH": str(path)}, capture_output=True, text=True
    )
    return done.stdout + done.stderr.replace("\r", "")


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """Install the lab, without its requirements and without network, and return the folder of the package."""
    source, target = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("target")
    for pattern in ("*.py", "*.toml", "LICENSE", "requirements.txt", "classifiers/**/*.py", "d*/*.py"):
        for path in ROOT.glob(pattern):
            (source / path.relative_to(ROOT)).parent.mkdir(parents=True, exist_ok=True)
            (source / path.relative_to(ROOT)).write_bytes(path.read_bytes())
    options = ("--no-deps", "--no-build-isolation", "--no-index", "--quiet", "--target", target)
    output = run(source, "-m", "pip", "install", *options, source)
    assert (target / "two_layer_net_lab").is_dir(), output
    return target


@pytest.fixture
def crowded(tmp_path):
    """Make a folder in which all short names belong to other modules."""
    for name in NAMES:
        (tmp_path / f"{name}.py").write_text("OTHER = 'of the user'\n")
    return tmp_path


def test_installed_lab_is_one_package(installed, crowded):
    """All parts work beside modules of the same names, in worker processes, too."""
    assert [path.name for path in installed.iterdir() if path.suffix != ".dist-info"] == ["two_layer_net_lab"]
    (crowded / "script.py").write_text(SCRIPT)
    expected = "['done', 'done'] True\nof the user of the user\n"
    assert run(crowded, "script.py", path=installed) == expected


def test_installed_check_of_a_file(installed, crowded):
    """The check of a file starts its second process from the package."""
    (crowded / "net.py").write_text("class TwoLayerNet:\n    pass\n")
    output = run(crowded, "-m", "two_layer_net_lab.diagnosis", "net.py", path=installed)
    assert "TwoLayerNet" in output and "Traceback" not in output


def test_editable_install_is_refused(tmp_path):
    """An editable install cannot give the modules other names."""
    for name in ("setup.py", "pyproject.toml", "LICENSE", "requirements.txt"):
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    (tmp_path / "classifiers").mkdir()
    (tmp_path / "classifiers" / "__init__.py").write_text('__version__ = "1.1"\n')
    options = ("--no-deps", "--no-build-isolation", "--no-index", "--target", tmp_path / "target")
    assert "Put its folder on PYTHONPATH" in run(tmp_path, "-m", "pip", "install", *options, "-e", tmp_path)


@pytest.mark.parametrize("name", ["checks", "datasets"])
def test_wrong_module_is_named(tmp_path, name):
    """If a module of the user hides one of the lab, the error names its file."""
    (tmp_path / f"{name}.py").touch()
    output = run(tmp_path, "-c", "import data_utils", path=ROOT)
    assert output.splitlines()[-1].startswith("ImportError") and str(tmp_path / f"{name}.py") in output.splitlines()[-1]
