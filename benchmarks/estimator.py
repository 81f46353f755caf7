"""`TwoLayerClassifier` against MLPClassifier of scikit-learn: ``python -m benchmarks.estimator``

Both have the same hidden units, momentum, constant learning rate, batch size, epochs and penalty.
MLPClassifier divides alpha by the batch size, so alpha is the penalty times the batch size.

Two differences remain. MLPClassifier shuffles the examples of an epoch, and its initial weights are
uniform. `TwoLayerClassifier` draws examples with replacement, and its initial weights are normal.

The data are standardised CIFAR-10 images. For each seed, the two are trained in turn.
"""

import argparse
import json
import statistics
import time
import warnings
from pathlib import Path

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier

from benchmarks.accuracy import mean_and_error
from classifiers.estimator import TwoLayerClassifier
from classifiers.preprocessing import Standardizer
from data_utils import get_CIFAR10_data
from datasets.choose import choose_data

BATCH, RATE, MOMENTUM, REG = 200, 0.01, 0.9, 1e-3


def make_classifiers(hidden_size, epochs, examples, seed):
    """Return both untrained classifiers in a dict, by name."""
    ours = TwoLayerClassifier(
        hidden_size, learning_rate=RATE, momentum=MOMENTUM, reg=REG, batch_size=BATCH,
        num_iters=epochs * (examples // BATCH), dtype=np.float32, random_state=seed,
    )  # fmt: skip
    theirs = MLPClassifier(
        hidden_size, solver="sgd", learning_rate_init=RATE, momentum=MOMENTUM, nesterovs_momentum=False,
        alpha=REG * BATCH, batch_size=BATCH, max_iter=epochs, tol=0, n_iter_no_change=epochs + 1, random_state=seed,
    )  # fmt: skip
    return {"TwoLayerClassifier": ours, "MLPClassifier": theirs}


def measure(data, hidden_size, epochs, seeds):
    """Train both classifiers in turn, once for each seed.

    Returns
    -------
    dict
        List of (test accuracy, seconds), one for each seed, by the name of the classifier.
    """
    X, y, X_test, y_test = data
    rows = {}
    for seed in range(seeds):
        for name, classifier in make_classifiers(hidden_size, epochs, len(X), seed).items():
            start = time.perf_counter()
            classifier.fit(X, y)
            seconds = time.perf_counter() - start
            rows.setdefault(name, []).append((classifier.score(X_test, y_test), seconds))
            print(f"seed {seed}: {name:<19} test {rows[name][-1][0]:.4f}, {seconds:5.1f} s", flush=True)
    return rows


def summarize(rows):
    """Return the lines to print: means, their difference, standard errors, and ratio of times."""
    lines = [f"{name:<19} test {mean_and_error([accuracy for accuracy, _ in row])}" for name, row in rows.items()]
    pairs = list(zip(*rows.values(), strict=True))
    difference = mean_and_error([ours - theirs for (ours, _), (theirs, _) in pairs])
    ratio = statistics.median(ours / theirs for (_, ours), (_, theirs) in pairs)
    return [*lines, f"difference {difference}, time {ratio:.2f} of that of MLPClassifier"]


def main():
    """Run the benchmark with the options of the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("--hidden", type=int, default=200)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--json", help="write the figures to this file")
    args = parser.parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)  # training ends before the loss converges
    source = choose_data()
    X, y, X_val, y_val, X_test, y_test = get_CIFAR10_data(19000, 1000, 10000, root=source.folder)
    scale = Standardizer(X)
    print(f"{source.name}; {len(X)} images, H={args.hidden}, {args.epochs} epochs, batches of {BATCH}")
    rows = measure((scale(X), y, scale(X_test), y_test), args.hidden, args.epochs, args.seeds)
    print("\n".join(summarize(rows)))
    if args.json:
        Path(args.json).write_text(json.dumps(rows, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
