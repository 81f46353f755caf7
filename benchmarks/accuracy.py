"""Test accuracy against training time: ``python -m benchmarks.accuracy``

Each recipe trains on the first 49,000 training images. The last 1,000 are its validation images.
We chose the hyperparameters by the accuracy on the last 1,000 or 5,000 training images, with nets
that had not trained on these.

Each net reads the 10,000 test images once, after training. No decision uses them. The tested net is
one `TwoLayerNet`, and the test calls its `predict`.
"""

import argparse
import hashlib
import statistics
import time
from pathlib import Path

import numpy as np

import classifiers
from benchmarks import recipes
from benchmarks.recipes import RECIPES, Images, build_net, train_net
from classifiers.neural_net import TwoLayerNet
from data_utils import get_CIFAR10_data
from datasets.choose import choose_data


def make_key(recipe, seed, images):
    """Return a hash of everything that determines a net: recipe, seed, images and code."""
    sources = [Path(recipes.__file__), *sorted(Path(classifiers.__file__).parent.glob("*.py"))]
    code = b"".join(path.read_bytes() for path in sources)
    return hashlib.sha256(repr((recipe, seed)).encode() + images.plain[0][:50].tobytes() + code).hexdigest()[:12]


def train_or_load(recipe, images, seed, folder):
    """Train one net, or load it if the folder has it. Return the net and the seconds of its training."""
    key = make_key(recipe, seed, images)
    for path in Path(folder).glob(f"{key}_*.npz") if folder else ():
        return TwoLayerNet.load(path), float(path.stem.partition("_")[2])
    start = time.perf_counter()
    net = train_net(recipe, images, seed)
    seconds = time.perf_counter() - start
    if folder:
        Path(folder).mkdir(parents=True, exist_ok=True)
        net.save(Path(folder) / f"{key}_{seconds:.1f}.npz")
    return net, seconds


def run_recipe(recipe, images, seed, folder=None, save=None):
    """Train the net of a recipe and test it.

    Parameters
    ----------
    recipe : recipes.Recipe
        A recipe of n nets uses the seeds n * seed to n * seed + n - 1.
    images : recipes.Images
    seed : int
    folder : path, optional
        Folder for trained nets. A net that is in it is not trained again. Each new net is saved in
        it as soon as it is trained.
    save : path, optional
        File to which the tested net is saved.

    Returns
    -------
    dict
        Seed, validation and test accuracy, seconds of whitening and training, and hidden units of
        the tested net.
    """
    whitening = images.whitened[-1] if recipe.local else 0  # seconds, not part of a training
    one, seeds = recipe._replace(nets=1), range(recipe.nets * seed, recipe.nets * (seed + 1))
    nets, seconds = zip(*(train_or_load(one, images, each, folder) for each in seeds), strict=True)
    start = time.perf_counter()
    net = build_net(recipe, nets, images)
    took = whitening + sum(seconds) + time.perf_counter() - start
    if save:
        net.save(save)
    _, _, X_val, y_val, X_test, y_test = images.plain
    return {
        "seed": seed,
        "val_accuracy": float(np.mean(net.predict(X_val) == y_val)),
        "test_accuracy": float(np.mean(net.predict(X_test) == y_test)),
        "seconds": took,
        "units": len(net.params["b1"]),
    }


def plot(results, path):
    """Plot test accuracy against training seconds, with one point per seed."""
    import matplotlib.pyplot as plt

    from vis_utils import STYLE

    with plt.rc_context(STYLE):
        _, ax = plt.subplots(figsize=(7, 4), layout="constrained")
        for (name, rows), marker in zip(results.items(), "osD^v*P", strict=False):
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
    return ax


def main(arguments=None):
    """Run the recipes of the command line. Print accuracy, its standard error, and time."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("--recipe", choices=RECIPES, nargs="+", default=[name for name in RECIPES if name != "record"])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--keep", metavar="FOLDER", help="save each net here; do not train nets that are here")
    parser.add_argument("--save", metavar="FILE.npz", help="write the last tested net to this file")
    parser.add_argument("--plot", help="write a plot to this file")
    args = parser.parse_args(arguments)

    source = choose_data()
    print(source.name)
    images = Images(get_CIFAR10_data(49_000, 1_000, 10_000, root=source.folder))
    results = {}
    for name in args.recipe:
        rows = results[name] = []
        for seed in range(args.seeds):
            rows.append(run_recipe(RECIPES[name], images, seed, args.keep, args.save))
            print(" ".join(f"{key}={value:.4g}" for key, value in rows[-1].items()), flush=True)
        tests, seconds = [row["test_accuracy"] for row in rows], statistics.mean(row["seconds"] for row in rows)
        error = statistics.stdev(tests) / len(tests) ** 0.5 if len(tests) > 1 else float("nan")
        mean = f"{statistics.mean(tests):.4f} ± {error:.4f}"
        print(f"{name}: test {mean} over {len(tests)} seeds, {seconds:.0f} s", flush=True)
    if args.plot:
        plot(results, args.plot)


if __name__ == "__main__":
    main()
