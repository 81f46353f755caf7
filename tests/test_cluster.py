"""The sweep on a Dask cluster: the same results, the data on each worker, errors instead of endless waiting."""

import os
import subprocess
import sys
from contextlib import nullcontext

import joblib
import numpy as np
import pytest
from test_journal import read_indices
from test_sweep import ROOT, DieOnce, fingerprint, small_sweep

from classifiers import sweep as sweep_module
from classifiers.cluster import receive_data, send_data
from classifiers.sweep import run_trial


def test_without_dask_the_data_stay_where_they_are():
    """On joblib's own backends there is nothing to send."""
    arrays = [np.ones(3), np.zeros(2)]
    for backend in ("loky", "threading", "sequential"):
        with joblib.parallel_config(backend=backend):
            assert send_data(arrays, run_trial) is arrays
    assert all(received is array for received, array in zip(receive_data(arrays), arrays, strict=True))


def test_futures_are_resolved():
    """Whatever has a result is replaced by it."""

    class Future:
        def result(self):
            return "the data"

    assert receive_data(["other data", Future()]) == ["other data", "the data"]


@pytest.fixture
def distributed():
    """Dask's module, if it is installed."""
    return pytest.importorskip("distributed", reason="Dask is not installed (requirements-cluster.txt)")


@pytest.fixture
def cluster(distributed):
    """The client of a Dask cluster of two single-threaded processes on loopback."""
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
def test_dask_data_are_on_each_worker(cluster):
    """Before any trial asks for them."""
    cluster.amm.stop()  # Dask's memory manager, which drops copies that no task needs at the moment
    with joblib.parallel_config(backend="dask"):
        sent = send_data([np.ones(3), np.zeros(2)], run_trial)
    assert [len(workers) for workers in cluster.who_has(sent).values()] == [2, 2]
    np.testing.assert_array_equal(receive_data(sent)[0], np.ones(3))


@pytest.mark.filterwarnings("default")
def test_dask_worker_that_is_killed(cluster, tmp_path, monkeypatch):
    """SIGKILL for a worker in the middle of the sweep: it ends complete, with the same results."""
    monkeypatch.setattr(sweep_module, "run_trial", DieOnce(tmp_path / "died", run_trial))
    with joblib.parallel_config(backend="dask"):
        result = small_sweep(journal=tmp_path / "sweep.jsonl")
    assert (tmp_path / "died").exists()
    assert sorted(read_indices(tmp_path / "sweep.jsonl")) == list(range(8))
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
