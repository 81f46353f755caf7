"""Time and memory of training from a million images on disk: ``python -m benchmarks.memory``

The script writes a file of 1,000,000 random uint8 images (3 GB) into the current folder. It trains
in turn from this file and from 19,000 of the images in memory. It prints the time per step, and the
largest increase of anonymous memory during training. Anonymous memory is not backed by a file. At
the end, the script removes the file.

The file is in the page cache, because it has just been written. The script needs Linux, because it
reads the anonymous memory from ``/proc``.
"""

import multiprocessing
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np

from classifiers.neural_net import TwoLayerNet

IMAGES, IN_MEMORY, D, H, C = 1_000_000, 19_000, 3072, 500, 10
STEPS, ROUNDS = 200, 7


def anonymous_megabytes():
    """Return the anonymous memory of this process in MB."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return int(status.split("RssAnon:")[1].split()[0]) / 1e3


def make_file(path):
    """Write a file of random images, ten thousand at a time."""
    rng = np.random.default_rng(0)
    X = np.lib.format.open_memmap(path, "w+", np.uint8, (IMAGES, D))
    for i in range(0, IMAGES, 10_000):
        X[i : i + 10_000] = rng.integers(0, 256, (10_000, D), dtype=np.uint8)
    X.flush()


def peak_increase(work):
    """Call a function. Return the largest increase of anonymous memory during the call, in MB."""
    before, samples, done = anonymous_megabytes(), [0.0], threading.Event()

    def sample():
        while not done.wait(0.002):
            samples.append(anonymous_megabytes() - before)

    sampler = threading.Thread(target=sample, daemon=True)  # ends with the script if the work fails
    sampler.start()
    work()
    done.set()
    sampler.join()
    return max(samples)


def measure(mapped):
    """Return the times from memory, the times from disk, and the largest increase of memory.

    Times are in milliseconds per step, one for each round. The increase is in MB.
    """
    in_memory = np.array(mapped[:IN_MEMORY])
    y = np.random.default_rng(0).integers(0, C, len(mapped))
    net = TwoLayerNet(D, H, C, dtype=np.float32, rng=0)

    def step_time(X):
        start = time.perf_counter()
        net.train(X, y[: len(X)], X[:1], y[:1], 1e-7, num_iters=STEPS, rng=0)
        return 1e3 * (time.perf_counter() - start) / STEPS

    megabytes = peak_increase(lambda: step_time(mapped))
    times = [[step_time(in_memory), step_time(mapped)] for _ in range(ROUNDS)]
    return *zip(*times, strict=True), megabytes


def main():
    """Print the medians of interleaved rounds."""
    if not sys.platform.startswith("linux"):  # checked before the file is written
        sys.exit("benchmarks.memory needs Linux, because it reads anonymous memory from /proc")
    with tempfile.TemporaryDirectory(dir=".") as folder:
        # Another process makes the file. If this process did, training could reuse the memory that
        # it frees, and the increase would be too small.
        path = Path(folder) / "images.npy"
        maker = multiprocessing.Process(target=make_file, args=(path,))
        maker.start()
        maker.join()
        mapped = np.load(path, mmap_mode="r")
        in_memory, on_disk, megabytes = measure(mapped)
        del mapped
    ratio = statistics.median(a / b for a, b in zip(on_disk, in_memory, strict=True))
    print(f"H={H}, batch 200, float32 net, uint8 images, median of {ROUNDS} interleaved rounds")
    print(f"{IN_MEMORY:,} images in memory: {statistics.median(in_memory):.2f} ms per step")
    print(f"{IMAGES:,} images on disk: {statistics.median(on_disk):.2f} ms per step, ratio {ratio:.2f}")
    print(f"increase of anonymous memory during training: {megabytes:.0f} MB")


if __name__ == "__main__":
    main()
