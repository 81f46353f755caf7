"""Time of the published grid with a tenth of its iterations: ``python -m benchmarks.sweep``

The grid runs in four ways: the textbook's loop in float64, and the lab's sweep in one process, in
two processes, and on two Dask workers. Each process of the sweep has one BLAS thread. Dask is left
out if it is not installed (requirements-optional.txt). The rounds are interleaved.

``--whole`` uses all iterations, as published. It compares only two processes with two Dask workers.
"""

import argparse
import importlib.util
import itertools
import os
import statistics
import time
from contextlib import contextmanager, nullcontext
from pathlib import Path
from unittest.mock import patch

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
    """Train the grid in nested loops. Return the best validation accuracy."""
    best = 0.0
    for hidden_size, learning_rate, num_iters, reg in itertools.product(*GRID.values()):
        net = TextbookNet(data[0].shape[1], hidden_size, 10)
        net.train(*data, learning_rate=learning_rate, num_iters=num_iters, reg=reg)
        best = max(best, np.mean(net.predict(data[2]) == data[3]))
    return best


@contextmanager
def dask_workers():
    """Start two Dask workers, and stop them when the block ends.

    They do not run during other measurements, because an idle cluster uses a few percent of each
    core. Their settings are those of ``classifiers/dask.yaml``. They import the lab before the
    measurement. joblib's processes have imported it from the second round on.
    """
    import dask
    from distributed import Client, LocalCluster

    settings = dask.config.merge(dask.config.config, *dask.config.collect_yaml([str(SETTINGS)]))
    with (
        patch.dict(os.environ),  # LocalCluster sets variables, and joblib's processes would inherit them
        dask.config.set(settings),
        LocalCluster(2, threads_per_worker=1, host="127.0.0.1", dashboard_address=None) as cluster,
        Client(cluster, direct_to_workers=True) as client,
        joblib.parallel_config(backend="dask"),
    ):
        client.run(exec, "import classifiers.sweep")
        yield


def main():
    """Run the benchmark with the options of the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--whole", action="store_true", help="all iterations, only two processes and two Dask workers")
    args = parser.parse_args()
    source = choose_data()
    data, grid = get_CIFAR10_data(root=source.folder)[:4], WHOLE if args.whole else GRID

    def ours(n_jobs):
        sweep(grid, *data, n_jobs=n_jobs, dtype=np.float32, progress=False)

    ways = {}  # each has a context manager and a function to call in it
    if not args.whole:
        data64 = [a.astype(np.float64) if a.ndim == 2 else a for a in data]
        ways = {"textbook": (nullcontext, lambda: textbook(data64)), "one process": (nullcontext, lambda: ours(1))}
    ways["two processes"] = nullcontext, lambda: ours(2)
    if importlib.util.find_spec("distributed"):
        ways["two Dask workers"] = dask_workers, lambda: ours(2)
    seconds = {name: [] for name in ways}
    for _ in range(args.rounds):
        for name, (surroundings, way) in ways.items():
            with surroundings():
                start = time.perf_counter()
                way()
                seconds[name].append(time.perf_counter() - start)
    print(f"{source.name}; 24 nets, {grid['num_iters']} iterations; median of {args.rounds} interleaved rounds")
    first = next(iter(seconds))
    for name, row in seconds.items():
        ratio = statistics.median(a / b for a, b in zip(row, seconds[first], strict=True))
        print(f"{name:<17}{statistics.median(row):7.1f} s, {ratio:.2f} of the time of {first}")


if __name__ == "__main__":
    main()
