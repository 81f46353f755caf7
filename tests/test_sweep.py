"""The sweep: the same results however it is run, and nothing lost however it ends."""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import nullcontext
from pathlib import Path

import joblib
import numpy as np
import pytest

from classifiers import sweep as sweep_module
from classifiers.neural_net import TwoLayerNet
from classifiers.sgd import warm_cosine
from classifiers.sweep import LogUniform, sweep
from data_utils import random_flip_shift

ROOT = Path(sweep_module.__file__).parents[1]
GRID = {"hidden_size": [3, 5], "learning_rate": [1e-1, 1e-3], "reg": [0.0, 0.5]}


def make_data():
    """Points in three clusters: X (60, 4), y (60,), of which 40 train."""
    rng = np.random.default_rng(0)
    y = np.arange(60) % 3
    X = rng.standard_normal((60, 4)) + 3 * np.eye(3, 4)[y]
    return X[:40], y[:40], X[40:], y[40:]


def small_sweep(**settings):
    """Eight nets in a moment."""
    return sweep(
        **{"grid": GRID, "num_iters": 30, "std": 0.3, "progress": False, "n_jobs": 1, **settings}, **data_arguments()
    )


def data_arguments():
    return dict(zip(("X_train", "y_train", "X_val", "y_val"), make_data(), strict=True))


def fingerprint(result):
    """All that must not differ between two runs: everything but the seconds."""
    assert len({t.val_accuracy for t in result.trials}) > 1, [(t.state, t.error) for t in result.trials]
    trials = [(t.index, t.params, t.state, t.seed, t.val_accuracy, t.stats) for t in result.trials]
    return trials, result.best.index, {name: param.tobytes() for name, param in result.best_net.params.items()}


def test_result_holds_every_trial_in_grid_order():
    """Parameters, accuracy with its standard error, seconds, histories, seed and state of each."""
    result = small_sweep()
    assert [t.index for t in result.trials] == list(range(8))
    assert result.trials[0].params == {"hidden_size": 3, "learning_rate": 1e-1, "reg": 0.0}
    assert result.trials[1].params["reg"] == 0.5 and result.trials[4].params["hidden_size"] == 5
    for trial in result.trials:
        a = trial.val_accuracy
        assert trial.state == "done" and trial.standard_error == pytest.approx(np.sqrt(a * (1 - a) / 20))
        assert len(trial.stats["loss_history"]) == 30 and trial.seconds > 0 and trial.seed == [0, trial.index]
    assert result.best.val_accuracy == max(t.val_accuracy for t in result.trials)
    _, _, X_val, y_val = make_data()
    assert np.mean(result.best_net.predict(X_val) == y_val) == result.best.val_accuracy


def test_each_trial_can_be_repeated_alone():
    """Weights and batches come from SeedSequence(seed, spawn_key=(place,))."""
    trial = small_sweep(seed=7).trials[5]
    rng = np.random.default_rng(np.random.SeedSequence(7, spawn_key=(5,)))
    net = TwoLayerNet(4, trial.params["hidden_size"], 3, std=0.3, rng=rng)
    rates = {name: trial.params[name] for name in ("learning_rate", "reg")}
    assert net.train(*make_data(), num_iters=30, rng=rng, **rates) == trial.stats


def test_results_do_not_depend_on_the_number_of_processes():
    """Bit-identical, and different under another seed."""
    alone = fingerprint(small_sweep())
    assert fingerprint(small_sweep(n_jobs=2)) == alone
    assert fingerprint(small_sweep(seed=1)) != alone


def test_bar_shows_the_best_so_far(capsys):
    """One bar for the sweep."""
    result = small_sweep(progress=True)
    out = capsys.readouterr().out
    assert "8/8" in out and f"best={result.best.val_accuracy:.3f}" in out


def test_random_search():
    """Lists are drawn from, distributions asked; the same seed draws the same."""
    grid = {"hidden_size": [3, 5], "learning_rate": LogUniform(1e-4, 1e-1)}
    result = small_sweep(grid=grid, n_trials=6)
    rates = [t.params["learning_rate"] for t in result.trials]
    assert len(set(rates)) == 6 and all(1e-4 <= rate <= 1e-1 for rate in rates)
    assert {t.params["hidden_size"] for t in result.trials} <= {3, 5}
    assert fingerprint(small_sweep(grid=grid, n_trials=6)) == fingerprint(result)


def test_log_uniform_spreads_over_decades():
    """A third of the values in each of three decades."""
    rng = np.random.default_rng(0)
    decades = np.floor(np.log10([LogUniform(1e-4, 1e-1).rvs(random_state=rng) for _ in range(3000)]))
    np.testing.assert_allclose([np.mean(decades == d) for d in (-4, -3, -2)], 1 / 3, atol=0.03)


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"grid": {"hiden_size": [3]}}, "arguments of TwoLayerNet or train must be among .*; got 'hiden_size'"),
        ({"grid": {"rng": [3]}}, "got 'rng'"),
        ({"grid": {"reg": [3]}}, "hidden_size must be swept or fixed"),
        ({"num_it": 3}, "got 'num_it'"),
        ({"reg": 0.5}, "reg must be swept or fixed, not both"),
        ({"grid": {"hidden_size": []}}, r"hidden_size must be a list of at least one value, got \[\]"),
        ({"grid": {"hidden_size": 50}}, "hidden_size must be a list of at least one value, got 50"),
        ({"grid": {"hidden_size": [3], "reg": LogUniform(1e-3, 1)}}, "n_trials must be given, since reg is a distribu"),
    ],
)
def test_mistakes_are_found_before_anything_trains(settings, message, monkeypatch):
    """Unknown names above all."""
    monkeypatch.setattr(sweep_module, "run_trial", None)
    with pytest.raises(ValueError, match=message):
        small_sweep(**settings)


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_bad_trials_do_not_stop_the_others(n_jobs):
    """One that diverges is recorded and never wins; one that raises is recorded with its error."""
    result = small_sweep(grid={"hidden_size": [3, "many"], "learning_rate": [1e200, 0.01]}, n_jobs=n_jobs)
    assert [t.state for t in result.trials] == ["diverged", "done", "failed", "failed"]
    assert "Error: " in result.trials[2].error and not np.isfinite(result.trials[0].stats["loss_history"][-1])
    assert result.best.index == 1
    assert "diverged" in str(result.table()) and "failed" in str(result.table())


def test_sweep_without_any_good_trial():
    """There is no best, and a table all the same."""
    result = small_sweep(grid={"hidden_size": ["many"]})
    assert result.best is None and result.best_net is None and "failed" in str(result.table())


def test_table_ranks_and_marks_what_cannot_be_told_apart():
    """Best first; a star within one standard error; HTML for the notebook."""
    result = small_sweep(grid={**GRID, "learning_rate": [1e-1, 1e-6]})
    lines = str(result.table()).splitlines()
    assert f"{result.best.val_accuracy:.3f} ± {result.best.standard_error:.3f} *" in lines[1]
    shown = [float(line.split(" ± ")[0].split()[-1]) for line in lines[1:-1]]
    assert shown == sorted(shown, reverse=True)
    limit = result.best.val_accuracy - result.best.standard_error
    assert sum("*" in line for line in lines[1:-1]) == sum(t.val_accuracy >= limit for t in result.trials) < 8
    html = result.table()._repr_html_()
    assert html.count("<tr>") == 9 and "<th>hidden_size</th>" in html


# The journal


def test_journal_spares_finished_trials(tmp_path, monkeypatch):
    """The second call trains nothing and returns the same, the best net from its file."""
    first = small_sweep(journal=tmp_path / "sub" / "sweep.jsonl")
    monkeypatch.setattr(sweep_module, "run_trial", None)
    second = small_sweep(journal=tmp_path / "sub" / "sweep.jsonl")
    assert fingerprint(second) == fingerprint(first)


def test_failed_trials_are_tried_again(tmp_path, monkeypatch):
    """What raised may have been mended; what was done stays."""
    path, train = tmp_path / "sweep.jsonl", TwoLayerNet.train

    def train_without_memory(net, *args, **kwargs):
        if kwargs["reg"] == 0.5:
            raise MemoryError
        return train(net, *args, **kwargs)

    monkeypatch.setattr(TwoLayerNet, "train", train_without_memory)
    assert [t.state for t in small_sweep(journal=path).trials] == ["done", "failed"] * 4
    monkeypatch.setattr(TwoLayerNet, "train", train)
    again = small_sweep(journal=path)
    assert [json.loads(line)["index"] for line in path.read_bytes().splitlines()[1:]] == [*range(8), 1, 3, 5, 7]
    assert fingerprint(again) == fingerprint(small_sweep()) == fingerprint(small_sweep(journal=path))


def test_torn_last_line_is_redone(tmp_path):
    """A crash in the middle of a line costs that trial and no other."""
    path = tmp_path / "sweep.jsonl"
    whole = small_sweep(journal=path)
    content = path.read_bytes()
    path.write_bytes(content[:-20])
    assert fingerprint(small_sweep(journal=path)) == fingerprint(whole)
    assert len(path.read_bytes().splitlines()) == 9
    assert [json.loads(line)["index"] for line in path.read_bytes().splitlines()[1:]] == list(range(8))


@pytest.mark.parametrize("change, key", [({"seed": 1}, "seed"), ({"num_iters": 31}, "fixed"), ({"grid": {}}, "grid")])
def test_journal_of_another_sweep_is_refused(tmp_path, change, key):
    """The error says what differs; the file stays as it is."""
    path = tmp_path / "sweep.jsonl"
    small_sweep(journal=path)
    content = path.read_bytes()
    if "grid" in change:
        change = {"grid": {**GRID, "reg": [0.25]}}
    with pytest.raises(ValueError, match=f"sweep.jsonl belongs to another sweep: its {key} is .*move this one away"):
        small_sweep(journal=path, **change)
    assert path.read_bytes() == content


def test_journal_of_other_data_is_refused(tmp_path):
    """Data are known by a hash of every value."""
    path = tmp_path / "sweep.jsonl"
    small_sweep(journal=path)
    arrays = [a.copy() for a in make_data()]
    arrays[0][17, 2] += 1e-9
    with pytest.raises(ValueError, match="belongs to another sweep: its data is"):
        sweep(GRID, *arrays, num_iters=30, std=0.3, progress=False, n_jobs=1, journal=path)


def test_journal_of_values_that_json_lacks(tmp_path):
    """Types, NumPy's numbers, functions and augmentations are journaled by name; what has none is refused."""
    settings = {
        "grid": {"hidden_size": [np.int64(3)], "dtype": [np.float32, np.dtype("f8")]},
        "schedule": warm_cosine,
        "augment": random_flip_shift(0, (1, 4, 1)),
        "journal": tmp_path / "sweep.jsonl",
    }
    first = small_sweep(**settings)
    again = small_sweep(**settings)
    assert [t.stats for t in again.trials] == [t.stats for t in first.trials]
    assert again.trials[0].params["dtype"] is np.float32
    header = json.loads((tmp_path / "sweep.jsonl").read_bytes().splitlines()[0])
    assert header["grid"] == {"hidden_size": [3], "dtype": ["float32", "float64"]}
    assert header["fixed"]["schedule"] == "classifiers.sgd.warm_cosine"
    with pytest.raises(TypeError, match="a journal needs values that print alike in every process, got <test_sw"):
        small_sweep(augment=Nameless(), journal=tmp_path / "other.jsonl")


class Nameless:
    """Can be called, but prints its address."""

    def __call__(self, X, rng):
        return X


def test_file_that_is_no_journal(tmp_path):
    """Refused, and left alone."""
    (tmp_path / "notes.jsonl").write_text("remember the milk\n")
    with pytest.raises(ValueError, match="notes.jsonl is damaged"):
        small_sweep(journal=tmp_path / "notes.jsonl")
    assert (tmp_path / "notes.jsonl").read_text() == "remember the milk\n"


SLOW_SWEEP = """
import sys, time
from classifiers import sweep as module
from test_sweep import small_sweep
train = module.TwoLayerNet.train
def slow_train(*args, **kwargs):
    time.sleep(0.3)
    return train(*args, **kwargs)
if __name__ == "__main__":
    module.TwoLayerNet.train = slow_train
    small_sweep(journal=sys.argv[1], n_jobs=2)
"""


def test_killed_three_times_and_resumed(tmp_path):
    """SIGKILL in the middle: no finished trial is lost or run again, and the result is that of one quiet run."""
    path = tmp_path / "sweep.jsonl"
    (tmp_path / "slow.py").write_text(SLOW_SWEEP)
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}", "PYTHONWARNINGS": "ignore"}
    written = 0
    for _ in range(3):
        process = subprocess.Popen(
            [sys.executable, tmp_path / "slow.py", path], env=environment, start_new_session=True, cwd=tmp_path
        )
        enough = written + 1
        while not path.exists() or path.read_bytes().count(b"\n") - 1 < enough:
            assert process.poll() is None, "the sweep ended before it could be killed"
            time.sleep(0.01)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        lines = path.read_bytes().splitlines()
        assert len(lines) - 1 >= enough
        written = path.read_bytes().count(b"\n") - 1
    before = path.read_bytes()
    resumed = small_sweep(journal=path)
    assert path.read_bytes().startswith(before[: before.rfind(b"\n") + 1])
    indices = [json.loads(line)["index"] for line in path.read_bytes().splitlines()[1:]]
    assert sorted(indices) == list(range(8))
    assert fingerprint(resumed) == fingerprint(small_sweep())


def test_worker_that_dies_costs_nothing(tmp_path, monkeypatch):
    """The trials of a process that was killed are run again by another."""
    monkeypatch.setattr(sweep_module, "run_trial", DieOnce(tmp_path / "died", sweep_module.run_trial))
    result = small_sweep(n_jobs=2)
    assert (tmp_path / "died").exists()
    assert fingerprint(result) == fingerprint(small_sweep())


class DieOnce:
    """Calls a function, but kills its own process at the first call."""

    def __init__(self, marker, function):
        self.marker, self.function = marker, function

    def __call__(self, *args):
        if not self.marker.exists():
            self.marker.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return self.function(*args)


# On a cluster


@pytest.fixture
def distributed():
    """Dask's module, where it is installed."""
    return pytest.importorskip("distributed", reason="Dask is not installed (requirements-cluster.txt)")


@pytest.fixture
def cluster(distributed):
    """A Dask cluster of two single-threaded processes on loopback, and its client."""
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, host="127.0.0.1", dashboard_address=None
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


@pytest.mark.filterwarnings("default")  # Dask's own
def test_dask_gives_the_same_results(cluster):
    """The same call inside parallel_config, bit-identical."""
    with joblib.parallel_config(backend="dask"):
        result = small_sweep()
    assert fingerprint(result) == fingerprint(small_sweep())


@pytest.mark.filterwarnings("default")
def test_dask_worker_that_is_killed(cluster, tmp_path, monkeypatch):
    """SIGKILL for a worker in the middle of the sweep: it ends complete, with the same results."""
    monkeypatch.setattr(sweep_module, "run_trial", DieOnce(tmp_path / "died", sweep_module.run_trial))
    with joblib.parallel_config(backend="dask"):
        result = small_sweep(journal=tmp_path / "sweep.jsonl")
    assert (tmp_path / "died").exists()
    indices = [json.loads(line)["index"] for line in (tmp_path / "sweep.jsonl").read_bytes().splitlines()[1:]]
    assert sorted(indices) == list(range(8))
    assert fingerprint(result) == fingerprint(small_sweep())


@pytest.mark.parametrize("importable", [True, False])
def test_dask_from_the_command_line(distributed, tmp_path, importable):
    """As README starts it; a cluster that cannot import the lab is an error, where joblib would wait without end."""
    env = {**os.environ, "PYTHONPATH": str(ROOT) if importable else ""}
    file = str(tmp_path / "scheduler.json")
    common = ["--scheduler-file", file, "--host", "127.0.0.1", "--no-dashboard"]
    processes = [
        subprocess.Popen([sys.executable, "-m", "dask", *role, *common], env=env, cwd=tmp_path)
        for role in (["scheduler", "--port", "0"], ["worker", "--nthreads", "1", "--no-nanny"])
    ]
    try:
        expected = nullcontext() if importable else pytest.raises(ImportError, match="PYTHONPATH")
        with distributed.Client(scheduler_file=file), joblib.parallel_config(backend="dask"), expected:
            result = small_sweep(grid={"hidden_size": [2, 3]})
            assert [(trial.state, trial.error) for trial in result.trials] == 2 * [("done", "")]
    finally:
        for process in processes:
            process.kill()
            process.wait()
