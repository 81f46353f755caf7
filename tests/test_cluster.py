"""Tests of backends: the same results on a Dask cluster, data on each worker, and memory maps."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import joblib
import numpy as np
import pytest
from test_journal import read_indices
from test_sweep import ROOT, DieOnce, count_blas_threads, fingerprint, make_data, small_sweep
from threadpoolctl import threadpool_limits

from classifiers.sweep import search as sweep_module
from classifiers.sweep.cluster import copy_odd_maps, receive_data, send_data
from classifiers.sweep.search import run_trial


def test_without_dask_no_data_are_sent():
    """On joblib's own backends, `send_data` returns the arrays themselves."""
    arrays = [np.ones(3), np.zeros(2)]
    for backend in ("loky", "threading", "sequential"):
        with joblib.parallel_config(backend=backend):
            assert send_data(arrays, run_trial) is arrays
    assert all(received is array for received, array in zip(receive_data(arrays), arrays, strict=True))


def test_futures_are_resolved():
    """An object with a method `result` is replaced by its result."""

    class Future:
        def result(self):
            return "the data"

    assert receive_data(["other data", Future()]) == ["other data", "the data"]


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
    "reversed columns": (lambda A: map_of(A[:, ::-1].copy())[:, ::-1], False),
    "every second row": (lambda A: map_of(np.repeat(A, 2, axis=0))[::2], False),
    "changed in memory": (changed_in_memory, False),
    "file removed": (without_its_file, False),
    "file without a name": (lambda A: map_of(A, named=False), False),
    "no map": (lambda A: A[::-1].copy()[::-1], True),
}


@pytest.fixture(params=MAPS)
def mapped(request, tmp_path, monkeypatch):
    """X_train as a memory map, and whether it can be sent as a map."""
    monkeypatch.setattr(map_of, "folder", tmp_path, raising=False)
    function, plain = MAPS[request.param]
    return function(make_data()[0]), plain


def test_maps_that_are_copied(mapped):
    """Only maps that workers would read wrongly are copied, and only for other processes."""
    array, plain = mapped
    np.testing.assert_array_equal(array, make_data()[0])
    (sent,) = copy_odd_maps([array], 2)
    assert (sent is array) == plain and (plain or not isinstance(sent, np.memmap))
    np.testing.assert_array_equal(sent, array)
    assert copy_odd_maps([array], 1)[0] is array
    with joblib.parallel_config(backend="threading"):
        assert copy_odd_maps([array], 2)[0] is array


def test_maps_train_on_the_right_rows_in_workers(mapped):
    """The nets are the same as with X_train in memory."""
    settings = {"grid": {"hidden_size": [3, 5]}, "n_jobs": 2}
    trained = small_sweep(**settings, X_train=mapped[0])
    expected = small_sweep(**settings)
    assert [(t.state, t.stats) for t in trained.trials] == [(t.state, t.stats) for t in expected.trials]


@pytest.fixture(scope="module")
def distributed():
    """Dask's module, if it is installed."""
    return pytest.importorskip("distributed", reason="Dask is not installed (requirements-optional.txt)")


@pytest.fixture
def cluster(distributed):
    """The client of a Dask cluster of two single-threaded processes on loopback."""
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, host="127.0.0.1", dashboard_address="127.0.0.1:0"
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


@pytest.mark.filterwarnings("default")  # Dask's own
def test_dask_gives_the_same_results(cluster):
    """The same call inside parallel_config gives bit-identical results."""
    with joblib.parallel_config(backend="dask"):
        result = small_sweep()
    assert fingerprint(result) == fingerprint(small_sweep())


def read_limits():
    """The number of BLAS threads and the warnings filter of this process."""
    return count_blas_threads(), [(f[0], f[2]) for f in warnings.filters]


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("processes", [False, True])
def test_dask_threads_restore_the_limits_of_their_process(distributed, processes):
    """Two trials run at once in one worker, in this process or in its own."""
    host = "127.0.0.1" if processes else None
    options = {"n_workers": 1, "threads_per_worker": 2, "processes": processes, "host": host}
    with (
        threadpool_limits(2),
        distributed.LocalCluster(**options, dashboard_address="127.0.0.1:0") as cluster,
        distributed.Client(cluster) as client,
        joblib.parallel_config(backend="dask"),
    ):
        before = read_limits(), client.run(read_limits)
        result = small_sweep()
        assert (read_limits(), client.run(read_limits)) == before
    assert fingerprint(result) == fingerprint(small_sweep())


@pytest.mark.filterwarnings("default")
def test_dask_data_are_on_each_worker(cluster):
    """Each worker has the data before the first trial starts."""
    cluster.amm.stop()  # the memory manager drops copies that no task needs at the moment
    with joblib.parallel_config(backend="dask"):
        sent = send_data([np.ones(3), np.zeros(2)], run_trial)
    assert [len(workers) for workers in cluster.who_has(sent).values()] == [2, 2]
    np.testing.assert_array_equal(receive_data(sent)[0], np.ones(3))


@pytest.mark.filterwarnings("default")
def test_dask_worker_that_is_killed(cluster, tmp_path, monkeypatch):
    """If a worker gets SIGKILL, the sweep is still complete and has the same results."""
    monkeypatch.setattr(sweep_module, "run_trial", DieOnce(tmp_path / "died", run_trial))
    with joblib.parallel_config(backend="dask"):
        result = small_sweep(journal=tmp_path / "sweep.jsonl")
    assert (tmp_path / "died").exists()
    assert sorted(read_indices(tmp_path / "sweep.jsonl")) == list(range(8))
    assert fingerprint(result) == fingerprint(small_sweep())


# Workers at other addresses, started from the command line as in README


class Processes:
    """Processes of Dask: a scheduler at 127.0.0.1, and workers at other addresses."""

    def __init__(self, folder, path=()):
        self.folder, self.file, self.started = folder, str(folder / "scheduler.json"), []
        settings = {"DASK_CONFIG": str(ROOT / "classifiers" / "dask.yaml"), "DASK_LOGGING__DISTRIBUTED": "error"}
        self.env = {**os.environ, **settings, "PYTHONPATH": os.pathsep.join(map(str, path))}
        self.start("scheduler", "127.0.0.1", "--port", "0")

    def start(self, role, host, *options):
        command = [sys.executable, "-m", "dask", role, "--scheduler-file", self.file, "--host", host, "--no-dashboard"]
        self.started.append(
            subprocess.Popen([*command, *options], env=self.env, cwd=self.folder, start_new_session=True)
        )

    def start_workers(self, *hosts, nanny=False):
        for host in hosts:
            self.start("worker", host, "--nthreads", "1", "--nanny" if nanny else "--no-nanny")

    def end(self):
        for process in self.started:
            try:
                os.killpg(process.pid, signal.SIGKILL)  # the group includes the worker of a nanny
            except ProcessLookupError:
                pass
            process.wait()


@contextmanager
def run_processes(folder, path=(ROOT, Path(__file__).parent)):
    """Run a Dask cluster without workers."""
    processes = Processes(folder, path)
    try:
        yield processes
    finally:
        processes.end()


@pytest.fixture(scope="module")
def addresses():
    """Skip if the loopback network has only one address, as on macOS."""
    for host in ("127.0.0.2", "127.0.0.3", "127.0.0.4"):
        try:
            with socket.socket() as probe:
                probe.bind((host, 0))
        except OSError:
            pytest.skip(f"{host} is not a loopback address here (on Linux it is, on macOS only 127.0.0.1)")


@pytest.fixture(scope="module")
def far(distributed, addresses, tmp_path_factory):
    """The client of two workers at two addresses. If a worker dies, its nanny restarts it."""
    with run_processes(tmp_path_factory.mktemp("far")) as processes:
        processes.start_workers("127.0.0.2", "127.0.0.3", nanny=True)
        with distributed.Client(scheduler_file=processes.file) as client:
            client.wait_for_workers(2)
            yield client


@pytest.fixture
def mortal(distributed, addresses, tmp_path):
    """The processes and the client of two workers at two addresses. A dead worker stays dead."""
    (tmp_path / "cluster").mkdir()
    with run_processes(tmp_path / "cluster") as processes:
        processes.start_workers("127.0.0.2", "127.0.0.3")
        with distributed.Client(scheduler_file=processes.file) as client:
            client.wait_for_workers(2)
            yield processes, client


def host_of(address):
    """The host of an address such as tcp://127.0.0.2:1234."""
    return address.removeprefix("tcp://").partition(":")[0]


def hosts_of(client):
    """The hosts of the cluster's workers, sorted."""
    return sorted(map(host_of, client.ncores()))


def wait_for(condition, seconds=60):
    """Wait until a condition holds."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.05)


@contextmanager
def time_limit(seconds):
    """Fail the test if the block takes longer."""
    before = signal.signal(signal.SIGALRM, lambda *_: pytest.fail(f"still waiting after {seconds} s"))
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


@dataclass(frozen=True)
class Sign:
    """Callback that writes a file with the worker's host name at iteration 10.

    A worker whose host is in `deadly` then dies, once. `waits` has pairs of a host and a file. A
    trial on this host waits until the folder has the file.
    """

    folder: str
    deadly: tuple = ()
    waits: tuple = ()

    def __call__(self, net, it, stats):
        from distributed import get_worker

        if it != 10:
            return
        folder, host = Path(self.folder), host_of(get_worker().address)
        (folder / host).touch()
        for waiting, name in self.waits:
            if host == waiting:
                wait_for((folder / name).exists)
        if host in self.deadly and not (folder / f"dead {host}").exists():
            (folder / f"dead {host}").touch()
            os.kill(os.getpid(), signal.SIGKILL)


def sign_in(folder, *deadly, **options):
    """Return a `Sign` with its own empty folder."""
    (folder / "signs").mkdir()
    return Sign(str(folder / "signs"), deadly, **options)


def hosts_signed(folder):
    """The hosts on which a trial has reached iteration 10."""
    return sorted(path.name for path in (folder / "signs").glob("127.*"))


def sweep_complete(folder, **settings):
    """Run the sweep on Dask with a journal. Check its eight trials and their results."""
    with joblib.parallel_config(backend="dask"):
        result = small_sweep(journal=folder / "sweep.jsonl", **settings)
    assert sorted(read_indices(folder / "sweep.jsonl")) == list(range(8))
    assert fingerprint(result) == fingerprint(small_sweep())


@pytest.mark.filterwarnings("default")
def test_dask_on_two_addresses(far, tmp_path):
    """Trials run on both addresses. The results are those of one process."""
    sweep_complete(tmp_path, callback=sign_in(tmp_path))
    assert hosts_signed(tmp_path) == ["127.0.0.2", "127.0.0.3"]


@pytest.mark.filterwarnings("default")
def test_dask_data_are_at_each_address(far):
    """The arrays on each worker are bit-identical."""
    arrays = list(make_data())
    with joblib.parallel_config(backend="dask"):
        sent = send_data(arrays, run_trial)
    for workers in far.who_has(sent).values():
        assert sorted(map(host_of, workers)) == ["127.0.0.2", "127.0.0.3"]
    for worker in far.ncores():
        there = far.submit(receive_data, sent, workers=worker, pure=False).result()
        assert [array.tobytes() for array in there] == [array.tobytes() for array in arrays]


@pytest.mark.filterwarnings("default")
def test_dask_nanny_restarts_a_worker_that_is_killed(far, tmp_path):
    """After SIGKILL in a trial, the sweep is complete, and both addresses have a worker again."""
    sweep_complete(tmp_path, callback=sign_in(tmp_path, "127.0.0.2"))
    assert (tmp_path / "signs" / "dead 127.0.0.2").exists()
    wait_for(lambda: hosts_of(far) == ["127.0.0.2", "127.0.0.3"])


@pytest.mark.filterwarnings("default")
def test_dask_other_worker_finishes_the_sweep(mortal, tmp_path):
    """One worker gets SIGKILL in a trial and is not restarted."""
    _, client = mortal
    sweep_complete(tmp_path, callback=sign_in(tmp_path, "127.0.0.3"))
    assert hosts_of(client) == ["127.0.0.2"]


@pytest.mark.filterwarnings("default")
def test_dask_late_worker_replaces_a_dead_one(mortal, tmp_path):
    """The late worker joins at a third address during the sweep, gets the data and trains."""
    processes, client = mortal

    def join():
        wait_for(lambda: len(hosts_signed(tmp_path)) == 2)
        processes.start_workers("127.0.0.4")
        client.wait_for_workers(3)
        (tmp_path / "signs" / "go").touch()

    # The first worker dies when the late one has joined. The other waits until the late one trains.
    sign = sign_in(tmp_path, "127.0.0.2", waits=(("127.0.0.2", "go"), ("127.0.0.3", "127.0.0.4")))
    helper = threading.Thread(target=join)
    helper.start()
    sweep_complete(tmp_path, callback=sign)
    helper.join()
    assert hosts_of(client) == ["127.0.0.3", "127.0.0.4"]
    assert hosts_signed(tmp_path) == ["127.0.0.2", "127.0.0.3", "127.0.0.4"]


@pytest.mark.filterwarnings("default")
def test_dask_without_workers_left(mortal, tmp_path):
    """The sweep fails after joblib's time limit. New workers continue from the journal."""
    processes, client = mortal
    settings = {"callback": sign_in(tmp_path, "127.0.0.2", "127.0.0.3"), "journal": tmp_path / "sweep.jsonl"}
    expected = pytest.raises(TimeoutError, match="no worker after 1 seconds")
    with joblib.parallel_config(backend="dask", wait_for_workers_timeout=1), time_limit(90), expected:
        small_sweep(**settings)
    assert hosts_of(client) == []
    processes.start_workers("127.0.0.4", "127.0.0.5")
    client.wait_for_workers(2)
    sweep_complete(tmp_path, callback=settings["callback"])


@pytest.mark.parametrize("importable", [True, False])
def test_dask_from_the_command_line(distributed, tmp_path, importable):
    """The commands are those of README. A cluster that cannot import the lab is an error."""
    with run_processes(tmp_path, [ROOT] if importable else []) as processes:
        processes.start_workers("127.0.0.1")
        expected = nullcontext() if importable else pytest.raises(ImportError, match="PYTHONPATH")
        with distributed.Client(scheduler_file=processes.file), joblib.parallel_config(backend="dask"), expected:
            result = small_sweep(grid={"hidden_size": [2, 3]})
            assert [(trial.state, trial.error) for trial in result.trials] == 2 * [("done", "")]
