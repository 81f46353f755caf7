"""Tests of the accuracy benchmark and its recipes, on small images that are easy to classify."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks import accuracy, recipes
from classifiers.neural_net import TwoLayerNet

ROOT = Path(__file__).resolve().parents[1]
SHAPE = (6, 6, 3)


@pytest.fixture(scope="module")
def images():
    """Noisy images of ten classes. Each class has its own colour."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, 10, 2300)
    X = np.tile(rng.standard_normal((10, 3)), 36)[y] + rng.standard_normal((2300, 108))
    return recipes.whiten_images((X[:2000], y[:2000], X[2000:2100], y[2000:2100], X[2100:], y[2100:]))


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """Make images, nets and training small."""
    monkeypatch.setattr(recipes, "IMAGE", SHAPE)
    monkeypatch.setattr(recipes, "DIRECTIONS", 60)
    changed = {name: recipe | {"epochs": 8, "hidden_size": 30} for name, recipe in recipes.RECIPES.items()}
    for name in ("long", "record"):
        changed[name]["cutout"] = 3
    changed["plain"]["learning_rate"], changed["plain"]["reg"] = 1.0, 0.0
    monkeypatch.setattr(accuracy, "RECIPES", changed)


@pytest.mark.parametrize("name", recipes.RECIPES)
def test_recipes_learn(name, images, tmp_path):
    """Each recipe gives one net. The saved net has the reported accuracy."""
    row = accuracy.run_recipe(name, images._replace(seconds=1000.0), 0, save=tmp_path / "net.npz")
    recipe = recipes.RECIPES[name]
    assert row["units"] == 30 * (10 * recipe.get("nets", 1) if "local" in recipe else 1)
    assert row["test_accuracy"] > 0.3 and (row["seconds"] > 1000) == ("whiten" in recipe)
    net = TwoLayerNet.load(tmp_path / "net.npz")
    plain = "whiten" not in recipe or "local" in recipe
    X_test, y_test = (images.plain if plain else images.whitened)[4:]
    assert np.mean(net.predict(X_test) == y_test) == row["test_accuracy"]


def test_initial_parameters_of_local_nets(images):
    """W1 is for whitened images, the biases are -0.5, and W2 has He's standard deviation."""
    net = recipes.train_net(accuracy.RECIPES["quick"] | {"epochs": 0, "hidden_size": 500}, images, 0)
    assert net.params["W1"].shape == (108, 500) and np.unique(net.params["b1"]).tolist() == [-0.5]
    assert abs(net.params["W2"].std() / np.sqrt(2 / 500) - 1) < 0.05


def test_record_is_the_mean_of_its_nets(images, tmp_path):
    """The mean is over nets, mirror images and shifts. With seed 1, the nets have seeds 3, 4, 5."""
    accuracy.run_recipe("record", images, 1, save=tmp_path / "net.npz")
    X, expected = images.whitened[4].reshape(-1, *SHAPE), 0
    for seed in (3, 4, 5):
        net = recipes.train_net(accuracy.RECIPES["record"], images, seed)
        for view in (X, X[:, :, ::-1]):
            padded = np.pad(view, ((0, 0), (1, 1), (1, 1), (0, 0)))
            for i in range(3):
                for j in range(3):
                    if 1 in (i, j):  # no shift, or one pixel along one axis
                        expected = expected + net.loss(padded[:, i : i + 6, j : j + 6].reshape(len(X), -1)) / 30
    scores = TwoLayerNet.load(tmp_path / "net.npz").loss(images.plain[4])
    np.testing.assert_allclose(scores, expected, atol=1e-4)


def test_kept_nets_are_not_trained_again(images, tmp_path, monkeypatch):
    """Nets of the recipe "long" are used again for "record", and their training times are added."""
    trained = []
    monkeypatch.setattr(accuracy, "train_net", lambda *args: trained.append(args[2]) or recipes.train_net(*args))
    monkeypatch.setattr(accuracy, "make_key", lambda recipe, seed, images: f"{len(recipe)}-{seed}")
    first = accuracy.run_recipe("long", images, 1, folder=tmp_path)
    again = accuracy.run_recipe("long", images, 1, folder=tmp_path)
    assert trained == [1] and first["test_accuracy"] == again["test_accuracy"]
    (note,) = tmp_path.glob("*.json")  # beside the net
    note.write_text(json.dumps({"seconds": 1000.0}))
    row = accuracy.run_recipe("record", images, 0, folder=tmp_path)
    assert trained == [1, 0, 2] and row["seconds"] > 1000


def test_key_of_a_net(images):
    """The key is the same in every process. It depends on the recipe, the seed and the images."""
    code = "from benchmarks.accuracy import *; from benchmarks.recipes import Images\n"
    code += "print(make_key(RECIPES['long'], 0, Images((np.zeros((60, 4)),))))"
    first, second = (
        subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout
        for _ in range(2)
    )
    assert first == second != ""
    recipe, other = accuracy.RECIPES["long"], images._replace(plain=(images.plain[0] + 1,))
    keys = {accuracy.make_key(*facts) for facts in [
        (recipe, 0, images), (recipe, 1, images), (recipe | {"cutout": 4}, 0, images), (recipe, 0, other)
    ]}  # fmt: skip
    assert len(keys) == 4


@pytest.mark.parametrize(("name", "times"), [("plain", 0), ("quick", 1)])
def test_images_are_whitened_only_if_a_recipe_asks(name, times, images, monkeypatch):
    """Whitening would double the time of the plain recipe."""
    calls = []
    monkeypatch.setattr(accuracy, "get_CIFAR10_data", lambda *args, **kwargs: images.plain)
    monkeypatch.setattr(accuracy, "whiten_images", lambda plain: calls.append(1) or images)
    accuracy.main(["--recipe", name, "--seeds", "1"])
    assert len(calls) == times
