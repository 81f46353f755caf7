"""The loader on fabricated folders, and on the real CIFAR-10 where it is there."""

import pickle

import numpy as np
import pytest
from conftest import make_cifar10, write_batch

import data_utils
from classifiers.neural_net import TwoLayerNet
from data_utils import (
    CLASS_NAMES,
    Standardizer,
    Whitener,
    find_CIFAR10,
    get_CIFAR10_data,
    load_CIFAR10,
    load_CIFAR_batch,
    random_flip_shift,
)


def test_images_come_channels_last(tmp_path):
    """Plane by plane in the file, pixel by pixel in the array."""
    pixels = np.random.randint(0, 256, (3, 3072)).astype(np.uint8)
    write_batch(tmp_path / "batch", pixels, [3, 0, 9])
    X, y = load_CIFAR_batch(tmp_path / "batch")
    assert X.shape == (3, 32, 32, 3) and X.dtype == np.float32
    assert X[1, 5, 7, 2] == pixels[1, 2 * 1024 + 5 * 32 + 7]
    np.testing.assert_array_equal(y, [3, 0, 9])
    assert np.issubdtype(y.dtype, np.integer)


def test_batches_are_joined_in_order(tiny_cifar10):
    """All five training batches, whatever their number of rows."""
    pixels = np.full((7, 3072), 200, np.uint8)
    write_batch(tiny_cifar10 / "data_batch_5", pixels, [6] * 7)
    X_train, y_train, X_test, y_test = load_CIFAR10(tiny_cifar10)
    assert X_train.shape == (87, 32, 32, 3) and X_test.shape == (20, 32, 32, 3)
    assert (X_train[80:] == 200).all() and (y_train[80:] == 6).all()
    np.testing.assert_array_equal(X_train[20:40], load_CIFAR_batch(tiny_cifar10 / "data_batch_2")[0])


@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
def test_dtype_of_images(tiny_cifar10, dtype):
    """Values 0..255 in any dtype."""
    X_train, _, X_test, _ = load_CIFAR10(str(tiny_cifar10), dtype=dtype)
    assert X_train.dtype == X_test.dtype == dtype
    np.testing.assert_array_equal(X_train, load_CIFAR10(tiny_cifar10)[0])


def test_split_is_from_the_front(tiny_cifar10):
    """Training rows, validation rows right behind them across a file's border, test rows from the test set."""
    X, y, X_test, y_test = load_CIFAR10(tiny_cifar10, dtype=np.float64)
    mean = X[:35].reshape(35, -1).mean(axis=0)
    parts = get_CIFAR10_data(35, 10, 7, dtype=np.float64, root=tiny_cifar10)
    expected = X[:35], y[:35], X[35:45], y[35:45], X_test[:7], y_test[:7]
    for part, whole in zip(parts[::2], expected[::2], strict=True):
        np.testing.assert_allclose(part, whole.reshape(len(whole), -1) - mean, atol=1e-12)
    for part, whole in zip(parts[1::2], expected[1::2], strict=True):
        np.testing.assert_array_equal(part, whole)


def test_mean_is_that_of_the_training_part(tiny_cifar10):
    """Training pixels average to 0, in float32 too, and clients may go on subtracting in place."""
    X_train, _, X_val, *_ = get_CIFAR10_data(80, 20, 20, root=tiny_cifar10)
    assert X_train.dtype == X_val.dtype == np.float32
    np.testing.assert_allclose(X_train.mean(axis=0, dtype=np.float64), 0, atol=1e-4)
    X_train -= X_train.mean(axis=0)


def test_more_images_than_there_are(tiny_cifar10):
    """An error that gives both numbers."""
    with pytest.raises(ValueError, match="101 images were asked for, the batches hold 100"):
        get_CIFAR10_data(90, 11, 5, root=tiny_cifar10)


def test_folder_from_argument_environment_or_default(tmp_path, monkeypatch):
    """In this order."""
    folders = [make_cifar10(tmp_path / name) for name in ("argument", "environment", "default")]
    monkeypatch.setattr(data_utils, "DEFAULT_ROOT", folders[2])
    monkeypatch.delenv("CIFAR10_DIR", raising=False)
    assert find_CIFAR10() == folders[2]
    monkeypatch.setenv("CIFAR10_DIR", str(folders[1]))
    assert find_CIFAR10() == folders[1]
    assert find_CIFAR10(folders[0]) == folders[0]


def test_missing_folder_or_batch(tiny_cifar10):
    """The error says where it looked, what is missing and how to get it."""
    with pytest.raises(FileNotFoundError, match=r"nowhere: data_batch_1 is missing.*datasets/fetch.py.*CIFAR10_DIR"):
        load_CIFAR10(tiny_cifar10 / "nowhere")
    (tiny_cifar10 / "data_batch_4").unlink()
    with pytest.raises(FileNotFoundError, match="data_batch_4 is missing"):
        get_CIFAR10_data(root=tiny_cifar10)


def test_real_classes_are_balanced(real_cifar10):
    """5,000 training and 1,000 test images of each of the ten classes; the first is a frog."""
    X_train, y_train, X_test, y_test = load_CIFAR10(real_cifar10, dtype=np.uint8)
    assert X_train.shape == (50_000, 32, 32, 3) and X_test.shape == (10_000, 32, 32, 3)
    np.testing.assert_array_equal(np.bincount(y_train), np.full(10, 5000))
    np.testing.assert_array_equal(np.bincount(y_test), np.full(10, 1000))
    assert [CLASS_NAMES[k] for k in y_train[:3]] == ["frog", "truck", "truck"]


def test_standardizer_is_that_of_the_training_part():
    """Mean 0 and standard deviation 1 there; the same shift and scale elsewhere; a constant input becomes 0."""
    X = np.random.randint(0, 256, (50, 6)).astype(np.uint8)
    X[:, 2] = 7
    scale = Standardizer(X)
    Z = scale(X, dtype=np.float64)
    np.testing.assert_allclose(Z.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(Z.std(axis=0), [1, 1, 0, 1, 1, 1], atol=1e-12)
    other = np.random.randint(0, 256, (3, 6))
    np.testing.assert_allclose(scale(other), (other - X.mean(axis=0)) / scale.std, rtol=1e-5, atol=1e-6)
    assert scale(other).dtype == np.float32


def test_standardizer_moves_into_the_net():
    """The net then gives the same scores for plain pixels, and can be saved with all that it needs."""
    X = np.random.randint(0, 256, (50, 6)).astype(np.uint8)
    scale, net = Standardizer(X), TwoLayerNet(6, 5, 3, std=0.5, rng=0)
    scores = net.loss(scale(X, dtype=np.float64))
    scale.absorb(net)
    np.testing.assert_allclose(net.loss(X), scores, rtol=1e-9)


def test_whitener_shrinks_the_directions_that_vary_most():
    """The covariance S of the standardised inputs becomes S (S + softness)^-1, scaled to a mean variance of 1."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((12_000, 6)) @ rng.standard_normal((6, 6)) + 100  # more rows than are whitened at once
    S = np.corrcoef(X.T)
    expected = S @ np.linalg.inv(S + 0.3 * np.eye(6))
    Z = Whitener(X, softness=0.3)(X, dtype=np.float64)
    np.testing.assert_allclose(np.cov(Z.T, bias=True), expected * 6 / np.trace(expected), atol=1e-5)
    np.testing.assert_allclose(Z.mean(axis=0), 0, atol=1e-5)


def test_a_very_soft_whitener_standardises():
    """Also where an input never varies, which stays 0."""
    X = np.random.randint(0, 256, (50, 6)).astype(np.uint8)
    X[:, 2] = 7
    whitened = Whitener(X, softness=1e9)(X)
    expected = Standardizer(X)(X) / np.sqrt(5 / 6)  # five of six inputs vary
    np.testing.assert_allclose(whitened, expected, atol=1e-4)
    assert np.isfinite(Whitener(np.full((5, 3), 7))(np.full((2, 3), 8))).all()


def test_whitener_takes_lists():
    """As the standardizer does, and with the same numbers as an array."""
    rows = [[1.0, 2.0], [3.0, 5.0], [4.0, 4.0]]
    np.testing.assert_array_equal(Whitener(rows)(rows), Whitener(np.array(rows))(np.array(rows)))


def test_whitener_moves_into_the_net():
    """The net then gives the same scores for plain pixels."""
    X = np.random.randint(0, 256, (50, 6)).astype(np.uint8)
    whiten, net = Whitener(X, softness=0.5), TwoLayerNet(6, 5, 3, std=0.5, rng=0)
    scores = net.loss(whiten(X, dtype=np.float64))
    whiten.absorb(net)
    np.testing.assert_allclose(net.loss(X), scores, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(("softness", "told"), [(0, "must be > 0, got 0"), (-1, "softness must be"), ("1", "softness")])
def test_whitener_says_what_softness_must_be(softness, told):
    """Without any, a direction in which nothing varies would be divided by 0."""
    with pytest.raises((TypeError, ValueError), match=told):
        Whitener(np.eye(3), softness)


def shifted(image, down, right):
    """Move an image by hand, pixel by pixel."""
    out = np.zeros_like(image)
    rows, columns, _ = image.shape
    for i in range(rows):
        for j in range(columns):
            if 0 <= i - down < rows and 0 <= j - right < columns:
                out[i, j] = image[i - down, j - right]
    return out


def test_augmentation_shows_all_versions_and_no_other():
    """Each output is the image or its mirror image, moved by up to one pixel; all 18 come up."""
    image = np.random.rand(4, 5, 3).astype(np.float32)
    versions = [shifted(im, i, j) for im in (image, image[:, ::-1]) for i in (-1, 0, 1) for j in (-1, 0, 1)]
    X = np.repeat(image.reshape(1, -1), 400, axis=0)
    before = X.copy()
    out = random_flip_shift(1, (4, 5, 3))(X, np.random.default_rng(0))
    assert out.shape == X.shape and out.dtype == np.float32
    np.testing.assert_array_equal(X, before)
    found = {int(np.flatnonzero([np.array_equal(row.reshape(4, 5, 3), v) for v in versions])[0]) for row in out}
    assert found == set(range(18))


@pytest.mark.parametrize("rng", [np.random.RandomState(0), np.random.default_rng(0), np.random.mtrand._rand])
def test_augmentation_of_rows_and_images(rng):
    """Rows in, rows out; images in, images out; without shift only mirrors."""
    images = np.random.rand(6, 32, 32, 3)
    out = random_flip_shift(0)(images, rng)
    assert out.shape == images.shape
    for one, other in zip(out, images, strict=True):
        assert np.array_equal(one, other) or np.array_equal(one, other[:, ::-1])
    assert random_flip_shift(2)(images.reshape(6, -1), rng).shape == (6, 3072)


def test_augmentation_prints_alike_everywhere():
    """So that a journal can name it and another process can take it."""
    assert repr(random_flip_shift(2)) == "RandomFlipShift(max_shift=2, shape=(32, 32, 3))"
    assert pickle.loads(pickle.dumps(random_flip_shift(2))) == random_flip_shift(2)
