"""Train from a million images on disk: ``python -m benchmarks.memory``

Makes a file of 1,000,000 random uint8 images (3 GB), trains from it and from 19,000 of them in memory in turn, prints
the time of a step and how much anonymous memory (not backed by a file) training added at its peak, and removes the
file. It lies in the page cache, since it has just been written. Linux only, for its account of memory.
"""

import argparse
import multiprocessing
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np

from classifiers.neural_net import TwoLayerNet

D, C = 3072, 10


def anonymous_megabytes():
    """What this process holds that no file backs."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return int(status.split("RssAnon:")[1].split()[0]) / 1e3


def make_file(path, images):
    """Write random images, ten thousand at a time."""
    rng = np.random.default_rng(0)
    X = np.lib.format.open_memmap(path, "w+", np.uint8, (images, D))
    for i in range(0, images, 10_000):
        X[i : i + 10_000] = rng.integers(0, 256, (min(10_000, images - i), D), dtype=np.uint8)
    X.flush()


class PeakMemory:
    """Context that notes by how much anonymous memory grows at its peak, in `megabytes`."""

    def __enter__(self):
        self._before, self._samples, self._done = anonymous_megabytes(), [], threading.Event()
        self._thread = threading.Thread(target=self._sample)
        self._thread.start()
        return self

    def _sample(self):
        while not self._done.wait(0.002):
            self._samples.append(anonymous_megabytes())

    def __exit__(self, *exception):
        self._done.set()
        self._thread.join()
        self.megabytes = max(self._samples) - self._before


def measure(mapped, hidden, steps, rounds):
    """Return milliseconds a step from memory and from disk, a list of each, and the peak of memory added in MB."""
    in_memory = np.array(mapped[:19_000])
    y = np.random.default_rng(0).integers(0, C, len(mapped))
    net = TwoLayerNet(D, hidden, C, dtype=np.float32, rng=0)

    def step_time(X):
        start = time.perf_counter()
        net.train(X, y[: len(X)], X[:1], y[:1], 1e-7, num_iters=steps, rng=0)
        return 1e3 * (time.perf_counter() - start) / steps

    with PeakMemory() as peak:
        step_time(mapped)
    times = [[step_time(in_memory), step_time(mapped)] for _ in range(rounds)]
    return *zip(*times, strict=True), peak.megabytes


def main():
    """Measure as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("--images", type=int, default=1_000_000)
    parser.add_argument("--hidden", type=int, default=500)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--dir", default=".", help="where the file is made")
    args = parser.parse_args()
    if not sys.platform.startswith("linux"):  # before gigabytes are written
        sys.exit("benchmarks.memory needs Linux, for its account of anonymous memory")

    with tempfile.TemporaryDirectory(dir=args.dir) as folder:
        # In a process of its own, so that what it frees cannot hide what training takes.
        maker = multiprocessing.Process(target=make_file, args=(Path(folder) / "images.npy", args.images))
        maker.start()
        maker.join()
        mapped = np.load(Path(folder) / "images.npy", mmap_mode="r")
        in_memory, on_disk, megabytes = measure(mapped, args.hidden, args.steps, args.rounds)
        del mapped
    ratio = statistics.median(a / b for a, b in zip(on_disk, in_memory, strict=True))
    print(f"H={args.hidden}, batch 200, float32 net, uint8 images, median of {args.rounds} interleaved rounds")
    print(f"19,000 images in memory: {statistics.median(in_memory):.2f} ms a step")
    print(f"{args.images:,} images on disk: {statistics.median(on_disk):.2f} ms a step, ratio {ratio:.2f}")
    print(f"anonymous memory added while training: {megabytes:.0f} MB")


if __name__ == "__main__":
    main()
