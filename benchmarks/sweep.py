"""The published grid with a tenth of its iterations, four ways: ``python -m benchmarks.sweep``

The textbook's loop in float64; the lab's sweep with one and with two processes of one BLAS thread each; and on two Dask
workers, if Dask is installed (requirements-optional.txt). Interleaved rounds. The memory is the anonymous memory (not
shared, not backed by a file) of the largest of joblib's own worker processes at its peak, Linux only.

``--whole`` takes all iterations, as published, and compares two processes with two Dask workers only.
"""

import argparse
import importlib.util
import itertools
import json
import os
import statistics
import threading
import time
from contextlib import contextmanager, nullcontext
from pathlib import Path

import joblib
import numpy as np

from benchmarks.textbook import TextbookNet
from classifiers.sweep import sweep
from data_utils import get_CIFAR10_data
from datasets.choose import choose_data

SETTINGS = Path(__file__).parents[1] / "classifiers" / "dask.yaml"
GRID = {"hidden_size": [200, 500], "learning_rate": [1e-3, 5e-4, 1e-4], "num_iters": [100, 200], "reg": [0.5, 1.0]}
WHOLE = {**GRID, "num_iters": [1000, 2000]}


def textbook(data):
    """Four nested loops."""
    best = 0.0
    for hidden_size, learning_rate, num_iters, reg in itertools.product(*GRID.values()):
        net = TextbookNet(data[0].shape[1], hidden_size, 10)
        net.train(*data, learning_rate=learning_rate, num_iters=num_iters, reg=reg)
        best = max(best, np.mean(net.predict(data[2]) == data[3]))
    return best


@contextmanager
def dask_workers():
    """Two Dask workers, there only while they are measured: an idle cluster takes a few percent of each core.

    With the settings that README starts workers with. They import the lab beforehand, as joblib's processes have from
    the second round on.
    """
    import dask
    from distributed import Client, LocalCluster

    settings = dask.config.merge(dask.config.config, *dask.config.collect_yaml([str(SETTINGS)]))
    environment = dict(os.environ)  # LocalCluster leaves variables for its workers here, which joblib's would inherit
    try:
        with (
            dask.config.set(settings),
            LocalCluster(2, threads_per_worker=1, host="127.0.0.1", dashboard_address=None) as cluster,
            Client(cluster, direct_to_workers=True) as client,
            joblib.parallel_config(backend="dask"),
        ):
            client.run(exec, "import classifiers.sweep")
            yield
    finally:
        os.environ.clear()
        os.environ.update(environment)


class WorkerMemory:
    """Watches the processes that joblib starts; `peak` is the most anonymous memory that one of them had, in MB."""

    def __enter__(self):
        self.peak, self._done = 0.0, threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        return self

    def _watch(self):
        while not self._done.wait(0.05):
            for process in Path("/proc").glob("[0-9]*"):
                try:
                    if b"loky" in (process / "cmdline").read_bytes():
                        status = (process / "status").read_text(encoding="utf-8")
                        self.peak = max(self.peak, int(status.split("RssAnon:")[1].split()[0]) / 1e3)
                except (OSError, IndexError):
                    continue

    def __exit__(self, *exception):
        self._done.set()
        self._thread.join()


def measure(ways, rounds):
    """Return the seconds of each way, one number a round, and the peak memory of a worker process in MB."""
    seconds, memory = {name: [] for name in ways}, 0.0
    for _ in range(rounds):
        for name, (surroundings, way) in ways.items():
            with surroundings(), WorkerMemory() as watch:
                start = time.perf_counter()
                way()
                seconds[name].append(time.perf_counter() - start)
            memory = max(memory, watch.peak)
    return seconds, memory


def list_ways(data, whole):
    """Return the ways to measure: what to be inside of, and what to call."""
    grid = WHOLE if whole else GRID

    def ours(n_jobs):
        return sweep(grid, *data, n_jobs=n_jobs, dtype=np.float32, progress=False).best.val_accuracy

    ways = {"two processes": (nullcontext, lambda: ours(2)), "two Dask workers": (dask_workers, lambda: ours(2))}
    if not importlib.util.find_spec("distributed"):
        print("Dask is not installed: left out")
        del ways["two Dask workers"]
    if whole:
        return ways
    data64 = [a.astype(np.float64) if a.ndim == 2 else a for a in data]
    return {
        "textbook": (nullcontext, lambda: textbook(data64)),
        "one process": (nullcontext, lambda: ours(1)),
        **ways,
    }


def main():
    """Measure as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--whole", action="store_true", help="all iterations; two processes and two Dask workers only")
    parser.add_argument("--json", help="write the figures to this file")
    args = parser.parse_args()
    source = choose_data()
    ways = list_ways(get_CIFAR10_data(root=source.folder)[:4], args.whole)
    seconds, memory = measure(ways, args.rounds)
    iterations = " or ".join(map(str, (WHOLE if args.whole else GRID)["num_iters"]))
    print(f"{source.name}; 24 nets, {iterations} iterations; median of {args.rounds} interleaved rounds")
    for name, row in seconds.items():
        ratios = [
            f"{statistics.median(a / b for a, b in zip(row, seconds[base], strict=True)):.2f} of {base}"
            for base in ("textbook", "one process", "two processes")
            if base in seconds and base != name
        ]
        print(f"{name:<17}{statistics.median(row):7.1f} s   " + ", ".join(ratios))
    print(f"anonymous memory of the largest worker process: {memory:.0f} MB")
    if args.json:
        Path(args.json).write_text(json.dumps({"seconds": seconds, "worker_MB": memory}, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
