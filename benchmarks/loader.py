"""Time and peak memory of the loader against the textbook's: ``python -m benchmarks.loader``

Each loader runs in a new process, so the peak does not include memory of other loaders. The peak is
the largest resident set that the operating system has counted, minus that before loading.
"""

import multiprocessing
import pickle
import statistics
import sys
import time

import numpy as np
import psutil

from data_utils import get_CIFAR10_data, load_CIFAR10
from datasets.choose import choose_data
from datasets.names import BATCHES

try:
    import resource
except ImportError:  # Windows
    resource = None


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


def load_all(folder):
    """Load all 60,000 images with `load_CIFAR10`."""
    return load_CIFAR10(folder)


def load_default_split(folder):
    """Load the default split with `get_CIFAR10_data`."""
    return get_CIFAR10_data(root=folder)


def _peak():
    if resource is None:
        return psutil.Process().memory_info().peak_wset / 1e6
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


def _measure(loader, folder, connection):
    before, start = _peak(), time.perf_counter()
    arrays = loader(folder)
    connection.send((time.perf_counter() - start, _peak() - before, sum(a.nbytes for a in arrays) / 1e6))


def measure(loader, folder):
    """Run a loader in a new process. Return seconds, peak MB, and MB of the returned arrays."""
    ours, theirs = multiprocessing.get_context("spawn").Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_measure, args=(loader, folder, theirs))
    process.start()
    result = ours.recv()
    process.join()
    return result


def main(rounds=3):
    """Print the table with the medians of interleaved rounds."""
    source = choose_data()
    print(f"{source.name}; median of {rounds} interleaved rounds")
    loaders = [textbook, load_all, load_default_split]
    results = {loader: [] for loader in loaders}
    for _ in range(rounds):
        for loader in loaders:
            results[loader].append(measure(loader, source.folder))
    textbook_seconds = statistics.median(row[0] for row in results[textbook])
    print(f"{'loader':<20}{'seconds':>9}{'of textbook':>13}{'peak MB':>9}{'returned MB':>13}{'peak / returned':>17}")
    for loader, rows in results.items():
        seconds, peak, returned = (statistics.median(column) for column in zip(*rows, strict=True))
        print(
            f"{loader.__name__:<20}{seconds:9.2f}{seconds / textbook_seconds:13.2f}{peak:9.0f}{returned:13.0f}"
            f"{peak / returned:17.2f}"
        )


if __name__ == "__main__":
    main()
