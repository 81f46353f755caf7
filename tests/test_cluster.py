"""Backends: the same results on a Dask cluster, data on each worker, maps of files that workers see as we do."""

import os
import subprocess
import sys
import tempfile
import warnings
from contextlib import nullcontext

import joblib
import numpy as np
import pytest
from test_journal import read_indices
from test_sweep import ROOT, DieOnce, count_blas_threads, fingerprint, make_data, small_sweep

from classifiers import sweep as sweep_module
from classifiers.cluster import copy_odd_maps, receive_data, send_data
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


def map_of(array, mode="r", named=True):
    """A memory map of a new file of these numbers."""
    with tempfile.NamedTemporaryFile(delete=False, dir=map_of.folder) if named else tempfile.TemporaryFile() as file:
        file.write(array.tobytes())
        file.flush()
        return np.memmap(file, array.dtype, mode, shape=array.shape)


def changed_in_memory(array):
    changed = map_of(array - 1, "c")
    changed[...] = array
    return changed


def without_its_file(array):
    left = map_of(array)
    os.remove(left.filename)
    return left


MAPS = {  # what maps the array, and whether workers can map the file themselves
    "whole": (lambda A: map_of(A), True),
    "reshaped": (lambda A: map_of(A.ravel()).reshape(A.shape), True),
    "part": (lambda A: map_of(np.vstack([A + 5, A]))[len(A) :], True),
    "as an array": (lambda A: np.asarray(map_of(A)), True),
    "one row reshaped": (lambda A: map_of(A.reshape(1, -1)).reshape(A.shape), False),
    "transposed": (lambda A: map_of(A.T.copy()).T, False),
    "reversed rows": (lambda A: map_of(A[::-1].copy())[::-1], False),
    "reversed columns": (lambda A: map_of(A[:, ::-1].copy())[:, ::-1], False),
    "every second row": (lambda A: map_of(np.repeat(A, 2, axis=0))[::2], False),
    "changed in memory": (changed_in_memory, False),
    "file removed": (without_its_file, False),
    "file without a name": (lambda A: map_of(A, named=False), False),
    "no map": (lambda A: A[::-1].copy()[::-1], True),
}


@pytest.fixture(params=MAPS)
def mapped(request, tmp_path, monkeypatch):
    """X_train, mapped in some way, and whether it may be sent as a map."""
    monkeypatch.setattr(map_of, "folder", tmp_path, raising=False)
    function, plain = MAPS[request.param]
    return function(make_data()[0]), plain


def test_maps_that_are_copied(mapped):
    """Only those that workers would not see as we do, and only if something is sent to them."""
    array, plain = mapped
    np.testing.assert_array_equal(array, make_data()[0])
    (sent,) = copy_odd_maps([array], 2)
    assert (sent is array) == plain and (plain or not isinstance(sent, np.memmap))
    np.testing.assert_array_equal(sent, array)
    assert copy_odd_maps([array], 1)[0] is array
    with joblib.parallel_config(backend="threading"):
        assert copy_odd_maps([array], 2)[0] is array


def test_maps_train_on_the_right_rows_in_workers(mapped):
    """The same nets as from memory."""
    settings = {"grid": {"hidden_size": [3, 5]}, "n_jobs": 2}
    trained = small_sweep(**settings, X_train=mapped[0])
    expected = small_sweep(**settings)
    assert [(t.state, t.stats) for t in trained.trials] == [(t.state, t.stats) for t in expected.trials]


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


def read_limits():
    """The number of BLAS threads and the warnings filter of this process."""
    return count_blas_threads(), [(f[0], f[2]) for f in warnings.filters]


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("processes", [False, True])
def test_dask_threads_leave_their_process_as_it_was(distributed, processes):
    """Two trials at once in one worker, in this process or in its own."""
    host = "127.0.0.1" if processes else None
    options = {"n_workers": 1, "threads_per_worker": 2, "processes": processes, "host": host}
    with (
        distributed.LocalCluster(**options, dashboard_address=None) as cluster,
        distributed.Client(cluster) as client,
        joblib.parallel_config(backend="dask"),
    ):
        before = read_limits(), client.run(read_limits)
        result = small_sweep()
        assert (read_limits(), client.run(read_limits)) == before
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
