"""Test accuracy against training time: ``python -m benchmarks.accuracy``

Each recipe trains on the first 49,000 training images and is validated on the last 1,000. Its hyperparameters were
chosen on training images alone, by nets that had not seen them: rate and whitening on the last 5,000, the others on the
last 1,000. Each net reads the 10,000 test images once, after training; they decided nothing. No ensemble, no averaging
at test time: `predict` of the one net.
"""

import argparse
import json
import statistics
import time

import numpy as np

from classifiers.neural_net import TwoLayerNet
from classifiers.preprocessing import Whitener, random_flip_shift
from classifiers.sgd import warm_cosine
from data_utils import get_CIFAR10_data
from datasets.choose import choose_data

MODERN = dict(whiten=True, std=0.0255, learning_rate=0.02, learning_rate_decay=1.0, momentum=0.9, schedule=warm_cosine)
# Whether to whiten, epochs and hidden units, then what TwoLayerNet and train are called with. The std is sqrt(2 / 3072)
# (He et al., "Delving Deep into Rectifiers", 2015).
RECIPES = {
    "plain": dict(epochs=8, hidden_size=500, learning_rate=1e-3, reg=0.5, whiten=False),
    "short": dict(epochs=12, hidden_size=1000, reg=0.0, augment=random_flip_shift(2), **MODERN),
    "long": dict(epochs=45, hidden_size=1500, reg=2e-4, dropout=0.1, augment=random_flip_shift(2), **MODERN),
}


def whiten(data):
    """Return the six arrays with the images whitened, and the seconds that it took."""
    start = time.perf_counter()
    whitener = Whitener(data[0])
    return tuple(whitener(a) if a.ndim == 2 else a for a in data), time.perf_counter() - start


def train(recipe, variants, seed):
    """Train one net.

    Parameters
    ----------
    recipe : dict
        One of `RECIPES`.
    variants : dict
        Maps whether the images are whitened to the six arrays and the seconds that preparing them took.
    seed : int
        Of weights, batches, dropout and augmentation.

    Returns
    -------
    dict
        Seed, validation and test accuracy, seconds of preparation and training, H and epochs.
    """
    recipe = dict(recipe)
    epochs, hidden_size = recipe.pop("epochs"), recipe.pop("hidden_size")
    (X_train, y_train, X_val, y_val, X_test, y_test), seconds_before = variants[recipe.pop("whiten")]
    rng = np.random.default_rng(seed)
    net = TwoLayerNet(3072, hidden_size, 10, recipe.pop("std", 1e-4), dtype=np.float32, rng=rng)
    start = time.perf_counter()
    num_iters = epochs * (len(X_train) // 200)
    net.train(X_train, y_train, X_val, y_val, num_iters=num_iters, rng=rng, **recipe)
    seconds = seconds_before + time.perf_counter() - start
    accuracies = {
        "val_accuracy": float(np.mean(net.predict(X_val) == y_val)),
        "test_accuracy": float(np.mean(net.predict(X_test) == y_test)),
    }
    return {"seed": seed, **accuracies, "seconds": seconds, "H": hidden_size, "epochs": epochs}


def plot(results, path):
    """Draw test accuracy against training seconds, one point a seed."""
    import matplotlib.pyplot as plt

    _, ax = plt.subplots(figsize=(7, 4), layout="constrained")
    for (name, rows), marker in zip(results.items(), "osD^v", strict=False):
        label = f"{name}: H={rows[0]['H']}, {rows[0]['epochs']} epochs"
        seconds, accuracies = [r["seconds"] for r in rows], [r["test_accuracy"] for r in rows]
        ax.plot(seconds, accuracies, marker, markerfacecolor="none", label=label)  # hollow: seeds may coincide
    ax.set(xscale="log", xlabel="seconds of whitening and training", ylabel="test accuracy")
    ax.set_title("One hidden layer on CIFAR-10")
    ax.set_xticks([20, 50, 100, 200, 500], ["20", "50", "100", "200", "500"])
    ax.minorticks_off()
    ax.legend()
    ax.figure.savefig(path, dpi=90)


def main():
    """Train as the command line says, and print accuracy with its standard error against time."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("--recipe", choices=RECIPES, nargs="+", default=list(RECIPES))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--json", help="write a row for each recipe and seed to this file")
    parser.add_argument("--plot", help="write a plot to this file")
    args = parser.parse_args()

    source = choose_data()
    print(source.name)
    plain = get_CIFAR10_data(49_000, 1_000, 10_000, root=source.folder)
    variants = {False: (plain, 0.0)}
    if any(RECIPES[name]["whiten"] for name in args.recipe):
        variants[True] = whiten(plain)
    results = {}
    for name in args.recipe:
        rows = results[name] = []
        for seed in range(args.seeds):
            rows.append({"recipe": name, **train(RECIPES[name], variants, seed)})
            print(
                " ".join(f"{key}={value:.4g}" if key != "recipe" else value for key, value in rows[-1].items()),
                flush=True,
            )
        tests = [row["test_accuracy"] for row in rows]
        error = statistics.stdev(tests) / len(tests) ** 0.5 if len(tests) > 1 else float("nan")
        seconds = statistics.mean(row["seconds"] for row in rows)
        print(
            f"{name}: test {statistics.mean(tests):.4f} +- {error:.4f} over {len(tests)} seeds, {seconds:.0f} s",
            flush=True,
        )
        if args.json:
            with open(args.json, "w") as file:
                json.dump([row for rows in results.values() for row in rows], file, indent=1)
    if args.plot:
        plot(results, args.plot)


if __name__ == "__main__":
    main()
