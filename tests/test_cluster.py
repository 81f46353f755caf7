"""Tests of backends: the same results on a Dask cluster, data on each worker, and memory maps."""

import os
import signal
import subprocess
import sys
import tempfile
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import joblib
import numpy as np
import pytest
from conftest import ROOT
from sweep_helpers import fingerprint, make_data, small_sweep, wait_for
from test_journal import read_indices

from classifiers.sweep.cluster import copy_odd_maps, send_data
from classifiers.sweep.trials import run_group

GRID = {"hidden_size": [3, 4, 5, 6]}


# Memory maps


def map_of(array, mode="r", named=True):
    """Return a memory map of a new file with these numbers."""
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


MAPS = {  # function that maps the array, and whether workers can map the file
    "whole": (lambda A: map_of(A), True),
    "reshaped": (lambda A: map_of(A.ravel()).reshape(A.shape), True),
    "part": (lambda A: map_of(np.vstack([A + 5, A]))[len(A) :], True),
    "as an array": (lambda A: np.asarray(map_of(A)), True),
    "one row reshaped": (lambda A: map_of(A.reshape(1, -1)).reshape(A.shape), False),
    "transposed": (lambda A: map_of(A.T.copy()).T, False),
    "reversed rows": (lambda A: map_of(A[::-1].copy())[::-1], False),
    "changed in memory": (changed_in_memory, False),
    "file removed": (without_its_file, False),
    "file without a name": (lambda A: map_of(A, named=False), False),
    "no map": (lambda A: A[::-1].copy()[::-1], True),
}


@pytest.mark.parametrize("name", MAPS)
def test_memory_maps(name, tmp_path, monkeypatch):
    """Only maps that workers would read wrongly are copied, and only for other processes.

    The nets are the same as with X_train in memory.
    """
    monkeypatch.setattr(map_of, "folder", tmp_path, raising=False)
    function, plain = MAPS[name]
    array = function(make_data()[0])
    np.testing.assert_array_equal(array, make_data()[0])
    (sent,) = copy_odd_maps([array], 2)
    assert (sent is array) == plain and (plain or not isinstance(sent, np.memmap))
    assert copy_odd_maps([array], 1)[0] is array
    with joblib.parallel_config(backend="threading"):
        assert copy_odd_maps([array], 2)[0] is array
    trained, expected = (small_sweep(grid=GRID, n_jobs=2, X_train=X) for X in (array, make_data()[0]))
    assert [(t.state, t.stats) for t in trained.trials] == [(t.state, t.stats) for t in expected.trials]


# Dask, started from the command line as docs/sweep.md says


@pytest.fixture(scope="module")
def distributed():
    """Dask's module, if it is installed."""
    return pytest.importorskip("distributed", reason="Dask is not installed (requirements-optional.txt)")


class Processes:
    """Processes of Dask: a scheduler, and workers with names."""

    def __init__(self, folder, path):
        self.folder, self.file, self.started = folder, str(folder / "scheduler.json"), []
        settings = {"DASK_CONFIG": str(ROOT / "classifiers" / "dask.yaml"), "DASK_LOGGING__DISTRIBUTED": "error"}
        self.env = {**os.environ, **settings, "PYTHONPATH": os.pathsep.join(map(str, path))}
        self.start("scheduler", "--port", "0")

    def start(self, role, *options):
        options = "--scheduler-file", self.file, "--host", "127.0.0.1", "--no-dashboard", *options
        command = [sys.executable, "-m", "dask", role, *options]
        self.started.append(subprocess.Popen(command, env=self.env, cwd=self.folder))

    def start_workers(self, *names, threads=1):
        for name in names:
            self.start("worker", "--name", name, "--nthreads", str(threads), "--no-nanny")

    def end(self):
        for process in self.started:
            process.kill()
            process.wait()


@contextmanager
def run_cluster(distributed, folder, *names, path=(ROOT, Path(__file__).parent), **options):
    """Run a Dask cluster and yield its processes and a client."""
    processes = Processes(folder, path)
    try:
        processes.start_workers(*names, **options)
        with distributed.Client(scheduler_file=processes.file) as client:
            client.wait_for_workers(len(names))
            yield processes, client
    finally:
        processes.end()


@pytest.fixture(scope="module")
def client(distributed, tmp_path_factory):
    """The client of two workers with two threads each."""
    with run_cluster(distributed, tmp_path_factory.mktemp("dask"), "a", "b", threads=2) as (_, client):
        yield client


def names_of(client):
    """The names of the cluster's workers, sorted."""
    return sorted(worker["name"] for worker in client.scheduler_info(n_workers=-1)["workers"].values())


@dataclass(frozen=True)
class Mark:
    """Callback that writes a file with the worker's name.

    A worker whose name is in `deadly` then dies, once. `waits` has pairs of a name and a file. A
    trial on this worker waits until the folder has the file.
    """

    folder: str
    deadly: tuple = ()
    waits: tuple = ()

    def __call__(self, net, it, stats):
        from distributed import get_worker

        folder, name = Path(self.folder), get_worker().name
        (folder / f"on {name}").touch()
        for waiting, file in self.waits:
            if name == waiting:
                wait_for((folder / file).exists)
        if name in self.deadly and not (folder / f"dead {name}").exists():
            (folder / f"dead {name}").touch()
            os.kill(os.getpid(), signal.SIGKILL)


def sweep_complete(folder, callback=None):
    """Run the sweep on Dask with a journal. Check its trials and their results."""
    with joblib.parallel_config(backend="dask"):
        result = small_sweep(grid=GRID, callback=callback, journal=folder / "sweep.jsonl")
    assert sorted(read_indices(folder / "sweep.jsonl", GRID)) == [0, 1, 2, 3]
    assert fingerprint(result) == fingerprint(small_sweep(grid=GRID))


def marks_in(folder):
    return sorted(path.name for path in folder.iterdir() if path.name.startswith(("on", "dead")))


@pytest.mark.xdist_group("dask")  # one process, one cluster
@pytest.mark.filterwarnings("default")  # Dask's own
def test_dask_gives_the_same_results(client, tmp_path):
    """Trials run on both workers, two at once on each."""
    sweep_complete(tmp_path, Mark(str(tmp_path), waits=(("a", "on b"), ("b", "on a"))))
    assert marks_in(tmp_path) == ["on a", "on b"]


@pytest.mark.xdist_group("dask")  # one process, one cluster
@pytest.mark.filterwarnings("default")
def test_dask_data_are_on_each_worker(client):
    """The arrays on each worker are bit-identical."""
    arrays = list(make_data())
    with joblib.parallel_config(backend="dask"):
        sent = send_data(arrays, run_group)
    assert {len(workers) for workers in client.who_has(sent).values()} == {2}
    for worker in client.ncores():
        there = client.submit(list, sent, workers=worker, pure=False).result()
        assert [array.tobytes() for array in there] == [array.tobytes() for array in arrays]


@pytest.mark.filterwarnings("default")
def test_dask_workers_that_die_and_join(distributed, tmp_path):
    """First the only other worker finishes the sweep. Then a late worker replaces a dead one.

    At last no worker is left, and the sweep fails after joblib's time limit. New workers continue.
    """
    folders = [tmp_path / name for name in ("cluster", "one", "two", "three")]
    for folder in folders:
        folder.mkdir()
    cluster, one, two, three = folders
    with run_cluster(distributed, cluster, "a", "b") as (processes, client):
        sweep_complete(one, Mark(str(one), ("b",), waits=(("a", "dead b"),)))
        assert names_of(client) == ["a"] and marks_in(one) == ["dead b", "on a", "on b"]

        def join():
            wait_for((two / "on a").exists)
            processes.start_workers("d")
            client.wait_for_workers(3)
            (two / "joined").touch()

        processes.start_workers("c")
        client.wait_for_workers(2)
        helper = threading.Thread(target=join)
        helper.start()
        sweep_complete(two, Mark(str(two), ("a",), waits=(("a", "joined"), ("c", "on d"))))
        helper.join()
        assert names_of(client) == ["c", "d"] and marks_in(two) == ["dead a", "on a", "on c", "on d"]

        mark = Mark(str(three), ("c", "d"))
        with joblib.parallel_config(backend="dask", wait_for_workers_timeout=1):
            with pytest.raises(TimeoutError, match="no worker after 1 seconds"):
                small_sweep(grid=GRID, callback=mark, journal=three / "sweep.jsonl")
        assert names_of(client) == []
        processes.start_workers("e", "f")
        client.wait_for_workers(2)
        sweep_complete(three, mark)


@pytest.mark.filterwarnings("default")
def test_dask_in_threads_of_this_process(distributed):
    """A cluster of one core gets no tasks from joblib, only the data."""
    for threads in (1, 2):
        with (
            distributed.LocalCluster(
                n_workers=1, threads_per_worker=threads, processes=False, dashboard_address="127.0.0.1:0"
            ) as cluster,
            distributed.Client(cluster),
            joblib.parallel_config(backend="dask"),
        ):
            assert fingerprint(small_sweep(grid=GRID)) == fingerprint(small_sweep(grid=GRID, n_jobs=1))


def test_dask_that_cannot_import_the_lab(distributed, tmp_path):
    """The error says what to do."""
    with run_cluster(distributed, tmp_path, "a", path=()), joblib.parallel_config(backend="dask"):
        with pytest.raises(ImportError, match="PYTHONPATH"):
            small_sweep(grid=GRID)
