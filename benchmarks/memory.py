"""Time and memory of training from a million images on disk: ``python -m benchmarks.memory``

The script writes a file of 1,000,000 random uint8 images (3 GB). It trains in turn from this file
and from 19,000 of the images in memory. It prints the time per step, and the largest increase of
anonymous memory during training. Anonymous memory is not backed by a file. At the end, the script
removes the file.

The file is in the page cache, because it has just been written. The script needs Linux, because it
reads the anonymous memory from ``/proc``.
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
    """Return the anonymous memory of this process in MB."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return int(status.split("RssAnon:")[1].split()[0]) / 1e3


def make_file(path, images):
    """Write a file of random images, ten thousand at a time."""
    rng = np.random.default_rng(0)
    X = np.lib.format.open_memmap(path, "w+", np.uint8, (images, D))
    for i in range(0, images, 10_000):
        X[i : i + 10_000] = rng.integers(0, 256, (min(10_000, images - i), D), dtype=np.uint8)
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


def measure(mapped, hidden, steps, rounds):
    """Return the times from memory, the times from disk, and the largest increase of memory.

    Times are in milliseconds per step, one for each round. The increase is in MB.
    """
    in_memory = np.array(mapped[:19_000])
    y = np.random.default_rng(0).integers(0, C, len(mapped))
    net = TwoLayerNet(D, hidden, C, dtype=np.float32, rng=0)

    def step_time(X):
        start = time.perf_counter()
        net.train(X, y[: len(X)], X[:1], y[:1], 1e-7, num_iters=steps, rng=0)
        return 1e3 * (time.perf_counter() - start) / steps

    megabytes = peak_increase(lambda: step_time(mapped))
    times = [[step_time(in_memory), step_time(mapped)] for _ in range(rounds)]
    return *zip(*times, strict=True), megabytes


def main():
    """Run the benchmark with the options of the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("--images", type=int, default=1_000_000)
    parser.add_argument("--hidden", type=int, default=500)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--dir", default=".", help="folder for the file of images")
    args = parser.parse_args()
    if not sys.platform.startswith("linux"):  # checked before the file is written
        sys.exit("benchmarks.memory needs Linux, because it reads anonymous memory from /proc")

    with tempfile.TemporaryDirectory(dir=args.dir) as folder:
        # Another process makes the file. If this process did, training could reuse the memory that
        # it frees, and the increase would be too small.
        maker = multiprocessing.Process(target=make_file, args=(Path(folder) / "images.npy", args.images))
        maker.start()
        maker.join()
        mapped = np.load(Path(folder) / "images.npy", mmap_mode="r")
        in_memory, on_disk, megabytes = measure(mapped, args.hidden, args.steps, args.rounds)
        del mapped
    ratio = statistics.median(a / b for a, b in zip(on_disk, in_memory, strict=True))
    print(f"H={args.hidden}, batch 200, float32 net, uint8 images, median of {args.rounds} interleaved rounds")
    print(f"19,000 images in memory: {statistics.median(in_memory):.2f} ms per step")
    print(f"{args.images:,} images on disk: {statistics.median(on_disk):.2f} ms per step, ratio {ratio:.2f}")
    print(f"increase of anonymous memory during training: {megabytes:.0f} MB")


if __name__ == "__main__":
    main()
