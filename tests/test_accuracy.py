"""Tests of the accuracy benchmark and its recipes, on small images that are easy to classify."""

import numpy as np
import pytest
from conftest import run_python

from benchmarks import accuracy
from benchmarks.recipes import RECIPES, Images, train_net
from classifiers.neural_net import TwoLayerNet

SHAPE = (6, 6, 3)
SMALL = {
    name: recipe._replace(epochs=8, hidden_size=30, cutout=min(recipe.cutout, 3), directions=60)
    for name, recipe in RECIPES.items()
}


@pytest.fixture(scope="module")
def images():
    """Noisy images of ten classes. Each class has its own colour."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, 10, 2300)
    X = 60 * (np.tile(rng.standard_normal((10, 3)), 36)[y] + rng.standard_normal((2300, 108)))
    return Images((X[:2000], y[:2000], X[2000:2100], y[2000:2100], X[2100:], y[2100:]), SHAPE)


@pytest.mark.parametrize("name", RECIPES)
def test_recipes_learn(name, images, tmp_path):
    """Each recipe gives one net for plain images. The saved net has the reported accuracy.

    Only the recipe "plain" does not whiten, because this would double its time.
    """
    slow = Images(images.plain, SHAPE)
    if RECIPES[name].local:
        slow.whitened = (*images.whitened[:3], 1000.0)
    row = accuracy.run_recipe(SMALL[name], slow, 0, save=tmp_path / "net.npz")
    assert (row["seconds"] > 1000) == ("whitened" in vars(slow)) == (name != "plain")
    assert row["units"] == 30 * (1 if name == "plain" else 10 * RECIPES[name].nets)
    net, (X_val, y_val, X_test, y_test) = TwoLayerNet.load(tmp_path / "net.npz"), images.plain[2:]
    assert 0.25 < row["test_accuracy"] == np.mean(net.predict(X_test) == y_test)
    assert row["val_accuracy"] == np.mean(net.predict(X_val) == y_val)


def test_local_nets(images):
    """W1 is in the leading directions of whitened images. W2 has He's standard deviation."""
    recipe, U = SMALL["quick"]._replace(epochs=0, hidden_size=500), images.whitened[0].directions
    params = train_net(recipe, images, 0).params
    assert np.abs(U[:, 60:].T @ params["W1"]).max() < 1e-5 < 1e-2 < np.abs(U[:, 59].T @ params["W1"]).max()
    assert np.unique(params["b1"]).tolist() == [-0.5]
    assert abs(params["W2"].std() / np.sqrt(2 / 500) - 1) < 0.05
    a, b = (train_net(recipe._replace(epochs=1, cutout=size), images, 0).params["W2"] for size in (2, 4))
    assert not np.array_equal(a, b)


def test_record_is_the_mean_of_its_nets(images, tmp_path):
    """The mean is over nets, mirror images and shifts. With seed 1, the nets have seeds 3, 4, 5."""
    accuracy.run_recipe(SMALL["record"], images, 1, save=tmp_path / "net.npz")
    X, expected = images.whitened[0](images.plain[4]).reshape(-1, *SHAPE), 0
    for seed in (3, 4, 5):
        net = train_net(SMALL["record"], images, seed)
        for view in (X, X[:, :, ::-1]):
            padded = np.pad(view, ((0, 0), (1, 1), (1, 1), (0, 0)))
            for i in range(3):
                for j in range(3):
                    if 1 in (i, j):  # no shift, or one pixel along one axis
                        expected = expected + net.loss(padded[:, i : i + 6, j : j + 6].reshape(len(X), -1)) / 30
    scores = TwoLayerNet.load(tmp_path / "net.npz").loss(images.plain[4])
    np.testing.assert_allclose(scores, expected, atol=1e-4)


def test_kept_nets_are_not_trained_again(images, tmp_path):
    """Nets of the recipe "long" are used again for "record", and their training times are added."""
    first = accuracy.run_recipe(SMALL["long"], images, 1, folder=tmp_path)
    (path,) = tmp_path.glob("*.npz")
    path.rename(path.with_name(f"{path.stem.split('_')[0]}_1000.0.npz"))
    again = accuracy.run_recipe(SMALL["long"], images, 1, folder=tmp_path)
    assert again["seconds"] > 1000 and first["test_accuracy"] == again["test_accuracy"]
    assert accuracy.run_recipe(SMALL["record"], images, 0, folder=tmp_path)["seconds"] > 1000
    assert len(list(tmp_path.iterdir())) == 3


def test_key_of_a_net(images):
    """The key is the same in every process. It depends on the recipe, the seed and the images."""
    code = "from benchmarks.accuracy import *; print(make_key(RECIPES['long'], 0, Images((np.zeros((60, 4)),))))"
    process = run_python(code)
    assert process.communicate()[0].strip() == accuracy.make_key(RECIPES["long"], 0, Images((np.zeros((60, 4)),)))
    recipe, other = RECIPES["long"], Images((images.plain[0] + 1,))
    asked = [(recipe, 0, images), (recipe, 1, images), (recipe._replace(cutout=4), 0, images), (recipe, 0, other)]
    assert len({accuracy.make_key(*facts) for facts in asked}) == 4


def test_main_prints_a_row_per_seed_and_draws_a_plot(tiny_cifar10, tmp_path, monkeypatch, capsys):
    """The data are too few for the real sizes, so they are replaced."""
    monkeypatch.setenv("CIFAR10_DIR", str(tiny_cifar10))
    monkeypatch.delenv("DATA", raising=False)
    X, y = np.random.randn(400, 12), np.random.randint(0, 10, 400)
    monkeypatch.setattr(accuracy, "get_CIFAR10_data", lambda *args, **kwargs: (X, y) * 3)
    accuracy.main(["--recipe", "plain", "--seeds", "2", "--plot", f"{tmp_path}/a.png"])
    out = capsys.readouterr().out
    rows = [dict(pair.split("=") for pair in line.split()) for line in out.splitlines() if line.startswith("seed=")]
    assert [(row["seed"], row["units"]) for row in rows] == [("0", "500"), ("1", "500")]
    a, b = (float(row["test_accuracy"]) for row in rows)
    assert f"plain: test {(a + b) / 2:.4f} ± {abs(a - b) / 2:.4f} over 2 seeds" in out
    assert (tmp_path / "a.png").stat().st_size > 0
