"""Time and peak memory of the loader against the textbook's: ``python -m benchmarks.loader``

Each loader runs in a new process, so the peak does not include memory of other loaders. The peak is
the largest resident set that the operating system has counted, minus that before loading. The script
needs Linux or macOS.
"""

import multiprocessing
import pickle
import statistics
import sys
import time
from concurrent.futures import ProcessPoolExecutor

import numpy as np

from data_utils import get_CIFAR10_data, load_CIFAR10
from datasets.choose import choose_data
from datasets.names import BATCHES
from tables import Table


def textbook(folder):
    """Load all images as public copies of the lab do: a list of float64 batches, concatenated."""
    xs, ys = [], []
    for name in BATCHES:
        with open(folder / name, "rb") as file:
            batch = pickle.load(file, encoding="latin1")
        X = batch["data"].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1).astype("float")
        xs.append(X)
        ys.append(np.array(batch["labels"]))
    return np.concatenate(xs[:5]), np.concatenate(ys[:5]), xs[5], ys[5]


def default_split(folder):
    """Load the default split with `get_CIFAR10_data`."""
    return get_CIFAR10_data(root=folder)


def _peak():
    import resource  # Windows does not have it

    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


def _measure(loader, folder):
    before, start = _peak(), time.perf_counter()
    arrays = loader(folder)
    return time.perf_counter() - start, _peak() - before, sum(a.nbytes for a in arrays) / 1e6


def measure(loader, folder):
    """Run a loader in a new process. Return seconds, peak MB, and MB of the returned arrays."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(_measure, loader, folder).result()


def main(rounds=3):
    """Print the table with the medians of interleaved rounds."""
    source = choose_data()
    loaders = [textbook, load_CIFAR10, default_split]
    results = {loader: [] for loader in loaders}
    for _ in range(rounds):
        for loader in loaders:
            results[loader].append(measure(loader, source.folder))
    rows = []
    textbook_seconds = statistics.median(seconds for seconds, *_ in results[textbook])
    for loader, measured in results.items():
        seconds, peak, size = map(statistics.median, zip(*measured, strict=True))
        ratios = f"{seconds / textbook_seconds:.2f}", f"{peak / size:.2f}"
        rows.append((loader.__name__, f"{seconds:.2f}", ratios[0], f"{peak:.0f}", f"{size:.0f}", ratios[1]))
    columns = ["loader", "seconds", "seconds / textbook's", "peak MB", "returned MB", "peak / returned"]
    print(Table(columns, rows, f"{source.name}; median of {rounds} interleaved rounds"))


if __name__ == "__main__":
    main()
