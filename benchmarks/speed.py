"""Time of a training step, compared with other programs: ``python -m benchmarks.speed``

The others are the bare matrix products, the textbook code, PyTorch and scikit-learn. PyTorch and
scikit-learn are measured if they are installed. D = 3072, batches of 200, C = 10. The dtype is
float32. The textbook is also measured in float64, its usual dtype. The whole benchmark takes a
quarter of an hour.

Each program runs in a separate process, because thread pools of different libraries disturb each
other. While one program works, the others wait. The rounds are interleaved: if the machine is slow
for a moment, all programs become slower.

A round is one call of train with 150 to 1000 steps, as in the notebook. Its time includes the fixed
cost of a call, mainly the checks of the arguments. In a call of this length, their share is small.

``--before FOLDER`` adds another checkout of this project. It compares the states before and after a
change: ``git worktree add ../before HEAD~1`` and
``python -m benchmarks.speed --before ../before --only before ours``.
"""

import argparse
import functools
import importlib.util
import json
import multiprocessing
import os
import platform
import statistics
import sys
import time
from pathlib import Path

import numpy as np

from benchmarks.textbook import TextbookNet

D, N, C, EXAMPLES = 3072, 200, 10, 19_000
RATE, REG = 1e-5, 0.5


def make_data(dtype=np.float32):
    """Return random data with the number of rows of the lab and the spread of images."""
    rng = np.random.default_rng(0)
    return (60 * rng.standard_normal((EXAMPLES, D), dtype=np.float32)).astype(dtype), rng.integers(0, C, EXAMPLES)


def floor(H):
    """Only the five matrix products of a step, written to existing arrays."""
    rng = np.random.default_rng(0)
    shapes = {"X": (N, D), "W1": (D, H), "W2": (H, C), "hidden": (N, H), "scores": (N, C), "dW1": (D, H), "dW2": (H, C)}
    a = {name: 0.01 * rng.standard_normal(shape, dtype=np.float32) for name, shape in shapes.items()}
    scores, dhidden = np.empty_like(a["scores"]), np.empty_like(a["hidden"])

    def run(steps):
        for _ in range(steps):
            np.matmul(a["X"], a["W1"], out=dhidden)
            np.matmul(a["hidden"], a["W2"], out=scores)
            np.matmul(a["scores"], a["W2"].T, out=dhidden)
            np.matmul(a["X"].T, a["hidden"], out=a["dW1"])
            np.matmul(a["hidden"].T, a["scores"], out=a["dW2"])

    return run


def ours(H):
    """TwoLayerNet.train in float32."""
    from classifiers.neural_net import TwoLayerNet

    X, y = make_data()
    net = TwoLayerNet(D, H, C, dtype=np.float32, rng=0)
    return lambda steps: net.train(X, y, X[:1], y[:1], RATE, reg=REG, num_iters=steps, batch_size=N, rng=0)


def before(H):
    """TwoLayerNet.train of the checkout that the environment variable BEFORE names.

    It must run in a process that has not imported this checkout's classifiers yet.
    """
    sys.path.insert(0, os.environ["BEFORE"])
    import classifiers

    if not Path(classifiers.__file__).is_relative_to(os.environ["BEFORE"]):
        raise ImportError(f"{os.environ['BEFORE']} must be a checkout of this project. It has no classifiers/")
    return ours(H)


def textbook(H, dtype=np.float64):
    """The textbook's loop."""
    X, y = make_data(dtype)
    net = TextbookNet(D, H, C, dtype=dtype)
    return lambda steps: net.train(X, y, X[:1], y[:1], RATE, reg=REG, num_iters=steps, batch_size=N)


def torch_sgd(H, fused=False):
    """PyTorch in eager mode. Each step records the loss with the penalty.

    The penalty is computed without gradient, because ``weight_decay`` adds its gradient.
    """
    import torch

    torch.set_num_threads(os.cpu_count())
    X, y = (torch.from_numpy(a) for a in make_data())
    net = torch.nn.Sequential(torch.nn.Linear(D, H), torch.nn.ReLU(), torch.nn.Linear(H, C))
    weights, biases = [net[0].weight, net[2].weight], [net[0].bias, net[2].bias]
    groups = [{"params": weights, "weight_decay": REG}, {"params": biases, "weight_decay": 0.0}]
    optimizer = torch.optim.SGD(groups, lr=RATE, fused=fused)
    losses = []

    def run(steps):
        for _ in range(steps):
            batch = torch.randint(EXAMPLES, (N,))
            loss = torch.nn.functional.cross_entropy(net(X[batch]), y[batch])
            optimizer.zero_grad()
            loss.backward()
            with torch.no_grad():
                penalty = sum(torch.vdot(w.view(-1), w.view(-1)) for w in weights)
                losses.append(float(loss) + 0.5 * REG * float(penalty))
            optimizer.step()

    return run


def sklearn(H):
    """MLPClassifier of scikit-learn in float32, with plain SGD."""
    from sklearn.neural_network import MLPClassifier

    X, y = make_data()
    net = MLPClassifier((H,), solver="sgd", alpha=REG, batch_size=N, learning_rate_init=RATE, momentum=0.0)
    net.partial_fit(X[:N], y[:N], classes=np.arange(C))

    def run(steps):
        while steps > 0:  # partial_fit uses each row once
            rows = min(steps * N, EXAMPLES)
            net.partial_fit(X[:rows], y[:rows])
            steps -= rows // N

    return run


CONTENDERS = {  # function of H, label, and line in the plot
    "floor": (floor, "five products alone", "C3--"),
    "before": (before, "this lab, before", "C7o:"),
    "ours": (ours, "this lab", "C1o-"),
    "torch_fused": (functools.partial(torch_sgd, fused=True), "PyTorch, fused SGD", "C0v-"),
    "torch_sgd": (torch_sgd, "PyTorch, SGD", "C2^-"),
    "sklearn": (sklearn, "scikit-learn", "C4D-"),
    "textbook32": (functools.partial(textbook, dtype=np.float32), "textbook, float32", "C5s--"),
    "textbook": (textbook, "textbook, float64", "C6s-"),
}
NEEDS = {"torch_sgd": "torch", "torch_fused": "torch", "sklearn": "sklearn"}


def _serve(name, H, connection):
    run = CONTENDERS[name][0](H)
    run(5)
    connection.send("ready")
    while steps := connection.recv():
        start = time.perf_counter()
        run(steps)
        connection.send(1e3 * (time.perf_counter() - start) / steps)


def measure(H, names, rounds, steps):
    """Return the milliseconds per step of each program, one number per round."""
    context = multiprocessing.get_context("spawn")
    workers, times = {}, {name: [] for name in names}
    for name in names:
        ours_end, theirs = context.Pipe()
        process = context.Process(target=_serve, args=(name, H, theirs), daemon=True)
        process.start()
        ours_end.recv()
        workers[name] = ours_end, process
    for turn in range(rounds):
        # The order alternates. So no program has an advantage if the machine becomes slower.
        for name in names if turn % 2 else names[::-1]:
            connection = workers[name][0]
            time.sleep(0.05)  # until the threads of the last program stop spinning
            connection.send(steps)
            times[name].append(connection.recv())
    for connection, process in workers.values():
        connection.send(0)
        process.join()
    return times


def ratio(numerator, denominator):
    """Return the median of the ratios, one ratio for each round."""
    return statistics.median(a / b for a, b in zip(numerator, denominator, strict=True))


def describe_machine():
    """Describe processor, Python, NumPy and BLAS. The times depend on them."""
    blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    threads = os.environ.get("OPENBLAS_NUM_THREADS", "default")
    return (
        f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, NumPy {np.__version__}, "
        f"{blas['name']} {blas['version']} with threads: {threads}"
    )


def plot(table, path):
    """Plot the time per step against H, with one line per program."""
    import matplotlib.pyplot as plt

    from vis_utils import STYLE

    sizes = sorted(table)
    with plt.rc_context(STYLE):
        _, ax = plt.subplots(figsize=(8, 4.5), layout="constrained")
        for name in table[sizes[0]]:
            _, label, line = CONTENDERS[name]
            ax.plot(sizes, [statistics.median(table[H][name]) for H in sizes], line, label=label)
        ax.set(xscale="log", yscale="log", xlabel="hidden units", ylabel="milliseconds per step")
        ax.set_title("Time of a training step (batch of 200 images of 3072 values)")
        ax.set_xticks(sizes, [str(H) for H in sizes], minor=False)
        ax.set_yticks([1, 2, 5, 10, 20, 50], ["1", "2", "5", "10", "20", "50"])
        ax.minorticks_off()
        ax.legend()
        ax.figure.savefig(path, dpi=90)
    return ax


def main():
    """Run the benchmark with the options of the command line. Print times and ratios."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("--hidden", type=int, nargs="+", default=[50, 200, 500, 1000], help="hidden units")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--steps", type=int, default=0, help="steps per round (default: this lab takes about 1.5 s)")
    parser.add_argument("--only", nargs="+", choices=CONTENDERS, default=list(CONTENDERS))
    parser.add_argument("--before", type=Path, help="another checkout of this project to compare with")
    parser.add_argument("--json", help="write the times to this file")
    parser.add_argument("--plot", help="write a plot to this file")
    args = parser.parse_args()

    if args.before:
        os.environ["BEFORE"] = str(args.before.resolve())
    elif "before" in args.only:
        args.only.remove("before")
    names = [name for name in args.only if importlib.util.find_spec(NEEDS.get(name, "numpy"))]
    print(describe_machine())
    for name in args.only:
        if name not in names:
            print(f"{CONTENDERS[name][1]} is left out, because {NEEDS[name]} is not installed")
    print(f"median of {args.rounds} interleaved rounds: milliseconds per step (our time divided by the column's)")
    print(f"{'H':>6}" + "".join(f"{CONTENDERS[name][1]:>21}" for name in names))
    table = {}
    for H in args.hidden:
        steps = args.steps or min(max(100_000 // H, 150), 1000)
        table[H] = times = measure(H, names, args.rounds, steps)
        cells = [f"{statistics.median(times[n]):.2f} ({ratio(times['ours'], times[n]):.2f})" for n in names]
        print(f"{H:6d}" + "".join(f"{cell:>21}" for cell in cells), flush=True)
    if args.json:
        with open(args.json, "w", encoding="utf-8") as file:
            json.dump({"machine": describe_machine(), "milliseconds": table}, file, indent=1)
    if args.plot:
        plot(table, args.plot)


if __name__ == "__main__":
    main()
