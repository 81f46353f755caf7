"""Test accuracy against training time: ``python -m benchmarks.accuracy``

Each recipe trains on the first 49,000 training images. The last 1,000 are its validation images.
The hyperparameters were chosen by the accuracy on the last 1,000 or 5,000 training images, of nets
that had not trained on these.

Each net reads the 10,000 test images once, after training. No decision uses them. The tested net is
one `TwoLayerNet`, and the test calls its `predict`.
"""

import argparse
import hashlib
import json
import statistics
import time
from pathlib import Path

import numpy as np

from benchmarks.recipes import RECIPES, Images, train_net, whiten_images, widen
from classifiers.initial import local_weights
from classifiers.neural_net import TwoLayerNet
from classifiers.sweep.code_hash import hash_code
from data_utils import get_CIFAR10_data
from datasets.choose import choose_data
from files import atomic_write


def make_key(recipe, seed, images):
    """Return a hash of everything that determines a net: recipe, seed, images and code."""
    # The repr of a function differs from process to process, its name does not.
    called = {name: getattr(value, "__name__", value) for name, value in recipe.items()}
    facts = [sorted(called.items()), seed, images.plain[0][:50].tobytes(), hash_code([train_net, local_weights])]
    return hashlib.sha256(repr(facts).encode()).hexdigest()[:12]


def train_or_load(recipe, images, seed, folder):
    """Train one net, or load it if the folder has it.

    Returns
    -------
    TwoLayerNet, float
        The net, and the seconds of its training.
    """
    one = {name: value for name, value in recipe.items() if name != "nets"}
    path = Path(folder) / f"{make_key(one, seed, images)}.npz" if folder else None
    if path and path.exists() and path.with_suffix(".json").exists():
        return TwoLayerNet.load(path), json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))["seconds"]
    start = time.perf_counter()
    net = train_net(one, images, seed)
    seconds = time.perf_counter() - start
    if path:
        path.parent.mkdir(parents=True, exist_ok=True)
        net.save(path)
        with atomic_write(path.with_suffix(".json")) as file:
            file.write(json.dumps({"seconds": seconds}).encode())
    return net, seconds


def run_recipe(name, images, seed, folder=None, save=None):
    """Train the net of a recipe and test it.

    Parameters
    ----------
    name : str
        One of `RECIPES`.
    images : recipes.Images
    seed : int
        A recipe of n nets uses the seeds n * seed to n * seed + n - 1.
    folder : path, optional
        Folder for trained nets. A net that is in it is not trained again. Each new net is saved in
        it as soon as it is trained.
    save : path, optional
        File to which the tested net is saved.

    Returns
    -------
    dict
        Recipe, seed, validation and test accuracy, seconds of whitening and training, H of one net,
        epochs, and hidden units of the tested net.
    """
    recipe = RECIPES[name]
    seeds = range(recipe.get("nets", 1) * seed, recipe.get("nets", 1) * (seed + 1))
    nets, seconds = zip(*(train_or_load(recipe, images, each, folder) for each in seeds), strict=True)
    start, net, data = time.perf_counter(), nets[0], images.whitened if recipe.get("whiten") else images.plain
    if recipe.get("local"):
        net, data = widen(nets, images), images.plain
    took = sum(seconds) + time.perf_counter() - start + (images.seconds if recipe.get("whiten") else 0)
    _, _, X_val, y_val, X_test, y_test = data
    row = {
        "recipe": name,
        "seed": seed,
        "val_accuracy": float(np.mean(net.predict(X_val) == y_val)),
        "test_accuracy": float(np.mean(net.predict(X_test) == y_test)),
        "seconds": took,
        "H": recipe["hidden_size"],
        "epochs": recipe["epochs"],
        "units": len(net.params["b1"]),
    }
    if save:
        net.save(save)
    return row


def plot(results, path):
    """Plot test accuracy against training seconds, with one point per seed."""
    import matplotlib.pyplot as plt

    _, ax = plt.subplots(figsize=(7, 4), layout="constrained")
    for (name, rows), marker in zip(results.items(), "osD^vP*", strict=False):
        seconds, accuracies = [r["seconds"] for r in rows], [r["test_accuracy"] for r in rows]
        # Hollow markers stay visible if the points of two seeds overlap.
        ax.plot(seconds, accuracies, marker, markerfacecolor="none", label=name)
    ax.set(xscale="log", xlabel="seconds of whitening and training", ylabel="test accuracy")
    ax.set_title("One hidden layer on CIFAR-10")
    ticks = [20, 50, 100, 200, 500, 1000, 2000, 5000]
    ax.set_xticks(ticks, [str(tick) for tick in ticks])
    ax.minorticks_off()
    ax.grid(alpha=0.3)
    ax.legend()
    ax.figure.savefig(path, dpi=90)


def main(arguments=None):
    """Run the recipes of the command line. Print accuracy, its standard error, and time."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("--recipe", choices=RECIPES, nargs="+", default=[name for name in RECIPES if name != "record"])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--keep", metavar="FOLDER", help="save each net here; do not train nets that are here")
    parser.add_argument("--save", metavar="FILE.npz", help="write the last tested net to this file")
    parser.add_argument("--test", metavar="FILE.npz", help="only test the net of this file")
    parser.add_argument("--json", help="write a row for each recipe and seed to this file")
    parser.add_argument("--plot", help="write a plot to this file")
    args = parser.parse_args(arguments)

    source = choose_data()
    print(source.name)
    plain = get_CIFAR10_data(49_000, 1_000, 10_000, root=source.folder)
    if args.test:
        print(f"test {np.mean(TwoLayerNet.load(args.test).predict(plain[4]) == plain[5]):.4f}")
        return
    images = whiten_images(plain) if any("whiten" in RECIPES[name] for name in args.recipe) else Images(plain)
    results = {}
    for name in args.recipe:
        rows = results[name] = []
        for seed in range(args.seeds):
            rows.append(run_recipe(name, images, seed, args.keep, args.save))
            print(" ".join(f"{key}={value:.4g}" for key, value in rows[-1].items() if key != "recipe"), flush=True)
        tests = [row["test_accuracy"] for row in rows]
        error = statistics.stdev(tests) / len(tests) ** 0.5 if len(tests) > 1 else float("nan")
        seconds = statistics.mean(row["seconds"] for row in rows)
        print(
            f"{name}: test {statistics.mean(tests):.4f} +- {error:.4f} over {len(tests)} seeds, {seconds:.0f} s",
            flush=True,
        )
        if args.json:
            with open(args.json, "w", encoding="utf-8") as file:
                json.dump([row for rows in results.values() for row in rows], file, indent=1)
    if args.plot:
        plot(results, args.plot)


if __name__ == "__main__":
    main()
