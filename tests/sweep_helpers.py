"""Helpers of the tests of sweeps. Workers import this module, so it imports neither pytest nor matplotlib."""

import os
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_info

from classifiers.sweep import sweep

GRID = {"hidden_size": [3, 5], "learning_rate": [1e-1, 1e-3], "reg": [0.0, 0.5]}


def make_data():
    """Return points in three clusters: X (60, 4), y (60,). The first 40 are training data."""
    rng = np.random.default_rng(0)
    y = np.arange(60) % 3
    X = rng.standard_normal((60, 4)) + 3 * np.eye(3, 4)[y]
    return X[:40], y[:40], X[40:], y[40:]


def small_sweep(**settings):
    """Run a sweep of eight small nets. The settings replace its default arguments."""
    data = dict(zip(("X_train", "y_train", "X_val", "y_val"), make_data(), strict=True))
    return sweep(**{"grid": GRID, "num_iters": 30, "std": 0.3, "progress": False, "n_jobs": 1, **data, **settings})


def fingerprint(result):
    """Return everything that must be equal in two runs: all except the seconds."""
    assert len({t.val_accuracy for t in result.trials}) > 1, [(t.state, t.error) for t in result.trials]
    trials = [
        (t.index, t.params, t.state, t.seed, t.val_accuracy, t.standard_error, type(t.stats), t.stats, vars(t.stats))
        for t in result.trials
    ]
    return trials, result.best.index, {name: param.tobytes() for name, param in result.best_net.params.items()}


def wait_for(condition, *arguments, seconds=120):
    """Wait until a condition holds for these arguments."""
    end = time.monotonic() + seconds
    while not condition(*arguments):
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.01)


def count_trials(journal):
    """Return the number of lines of trials in a journal."""
    return Path(journal).read_bytes().count(b"\n") - 1


@dataclass(frozen=True)
class Script:
    """Callback that does what is planned for a trial. It knows the trial by its H hidden units.

    Each dict has an entry for some H. `folder` has the journal, and files that say what was done.
    """

    folder: str
    after: dict = field(default_factory=dict)  # wait until the journal has this number of trials
    deaths: dict = field(default_factory=dict)  # then kill the process, so many times
    predict: dict = field(default_factory=dict)  # predict this class for all examples, or diverge if it is None

    @property
    def journal(self):
        return Path(self.folder) / "sweep.jsonl"

    def count_deaths(self, H):
        return len(list(Path(self.folder).glob(f"death-{H}-*")))

    def __call__(self, net, it, stats):
        H, folder = len(net.params["b1"]), Path(self.folder)
        if H in self.after:
            wait_for(lambda: count_trials(self.journal) >= self.after[H])
        if (number := self.count_deaths(H)) < self.deaths.get(H, 0):
            (folder / f"death-{H}-{number}").touch()
            os._exit(1)
        if H in self.predict:
            net.params["W2"][...] = 0
            net.params["b2"][...] = np.nan if self.predict[H] is None else np.eye(3)[self.predict[H]]


def interrupt(it, num_iters):
    """Schedule that raises KeyboardInterrupt at the last iteration, like Ctrl-C."""
    if it == num_iters - 1:
        raise KeyboardInterrupt
    return 1.0


def count_blas_threads():
    """Return the numbers of threads of the BLAS libraries that threadpoolctl knows."""
    return {library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"}


def require_one_blas_thread(it, num_iters):
    """Schedule that makes its trial fail if BLAS has more than one thread."""
    if count_blas_threads() - {1}:  # empty on macOS: threadpoolctl does not know its BLAS
        raise RuntimeError(f"BLAS has {count_blas_threads()} threads")
    return 1.0


@dataclass(frozen=True)
class Halt:
    """Callback in which larger nets wait until they are killed, or until a file allows their size."""

    file: Path

    def __call__(self, net, it, stats):
        wait_for(lambda: len(net.params["b1"]) <= int(self.file.read_text()))


def sweep_up_to(path, **settings):
    """Run a sweep of eight trials, of which those with too many hidden units halt."""
    grid = {"hidden_size": [1, 2, 3, 4, 5, 6, 7, 8]}
    return small_sweep(grid=grid, journal=path, callback=Halt(path.with_name("allowed")), **settings)
