"""Fixtures and helpers of the tests: the published toy problem and small CIFAR-10 folders."""

import os
import pickle
import signal
import subprocess
import sys
from pathlib import Path

if "PYTEST_XDIST_WORKER" in os.environ:  # several test processes: BLAS threads would only compete
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before NumPy is imported

import matplotlib
import numpy as np
import pytest

from classifiers.neural_net import TwoLayerNet
from datasets.names import DEFAULT_ROOT, TEST_BATCHES, TRAIN_BATCHES, find_CIFAR10

matplotlib.use("Agg")
ROOT = Path(__file__).resolve().parents[1]
# These tests need Linux. macOS has only some of the limits for submissions, and Windows has none.
GRADING = ["test_exercise_apart.py", "test_exercise_grade.py", "test_exercise_marking.py"]
collect_ignore = [] if sys.platform == "linux" else GRADING
posix = pytest.mark.skipif(os.name == "nt", reason="needs signals, links or pipes of Linux and macOS")


def make_toy_net(**kwargs):
    """Return the published toy net: D=4, H=10, C=3."""
    np.random.seed(0)
    return TwoLayerNet(4, 10, 3, std=1e-1, **kwargs)


def random_problem(N, D, H, C, dtype=np.float64, seed=0):
    """Return a net with weights and biases of order 1, and data for it."""
    rng = np.random.default_rng(seed)
    net = TwoLayerNet(D, H, C, std=0.5, dtype=dtype, rng=rng)
    net.params["b1"] += rng.standard_normal(H).astype(dtype)
    net.params["b2"] += rng.standard_normal(C).astype(dtype)
    return net, rng.standard_normal((N, D)), rng.integers(0, C, N)


@pytest.fixture(autouse=True)
def interruptible():
    """Set Python's handler of Ctrl-C. It is missing if a background job ignores SIGINT."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(autouse=True)
def seeded():
    """Seed NumPy's global stream. Each failure can then be repeated."""
    np.random.seed(12345)


def run_python(code, *arguments, **options):
    """Start a Python process that can import the lab's modules. Its output goes to a pipe."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True, **options)


@pytest.fixture
def toy_net():
    return make_toy_net()


@pytest.fixture
def toy_data():
    """The published toy data: X (5, 4) and y (5,)."""
    np.random.seed(1)
    return 10 * np.random.randn(5, 4), np.array([0, 1, 2, 2, 1])


def write_batch(path, pixels, labels):
    """Pickle a batch in the form of the official files, but with Python 3."""
    batch = {"batch_label": path.name, "labels": [int(label) for label in labels], "data": pixels, "filenames": []}
    path.write_bytes(pickle.dumps(batch, 2))


def make_cifar10(folder, rows=20, test_rows=20):
    """Make a CIFAR-10 folder of noise. A net can learn from it: brightness depends on the class."""
    rng = np.random.default_rng(0)
    folder.mkdir()
    for name in TRAIN_BATCHES + TEST_BATCHES:
        n = test_rows if name in TEST_BATCHES else rows
        labels = np.arange(n) % 10
        pixels = rng.integers(0, 100, (n, 3072)) + 15 * labels[:, None]
        write_batch(folder / name, pixels.astype(np.uint8), labels)
    return folder


@pytest.fixture
def tiny_cifar10(tmp_path):
    """A folder of five training batches of 20 rows and a test batch of 20."""
    return make_cifar10(tmp_path / "tiny")


@pytest.fixture
def cifar10_of_the_notebook(tmp_path):
    """A folder of 250 training images. An epoch of the notebook's section 13 takes 200 of them."""
    return make_cifar10(tmp_path / "tiny", rows=50)


@pytest.fixture
def real_cifar10():
    """The folder of the real CIFAR-10. Skip the test if it is missing."""
    try:
        return find_CIFAR10()
    except FileNotFoundError:
        pytest.skip(f"real CIFAR-10 is not in {DEFAULT_ROOT} and CIFAR10_DIR does not name it")
