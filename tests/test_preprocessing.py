"""Tests of standardisation, whitening and augmentation."""

import pickle

import numpy as np
import pytest

from classifiers import preprocessing
from classifiers.neural_net import TwoLayerNet
from classifiers.preprocessing import Standardizer, Whitener, random_cutout, random_flip_shift


def test_standardizer_uses_the_training_data():
    """Training data get mean 0 and deviation 1. Other data get the same shift and scale."""
    X = np.random.randint(0, 256, (50, 6)).astype(np.uint8)
    X[:, 2] = 7
    scale = Standardizer(X)
    Z = scale(X, dtype=np.float64)
    np.testing.assert_allclose(Z.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(Z.std(axis=0), [1, 1, 0, 1, 1, 1], atol=1e-12)
    other = np.random.randint(0, 256, (3, 6))
    np.testing.assert_allclose(scale(other), (other - X.mean(axis=0)) / scale.std, rtol=1e-5, atol=1e-6)
    assert scale(other).dtype == np.float32


def test_standardizer_computes_in_float64():
    """With float32 sums, mean and std of float32 inputs near 1e6 would be wrong."""
    X = np.float32([[1e6, 10], [1e6, 10], [1e6 + 1, 11]])
    scale = Standardizer(X)
    assert scale.mean.dtype == scale.std.dtype == np.float64
    np.testing.assert_allclose(scale.mean, [1e6 + 1 / 3, 10 + 1 / 3], rtol=1e-15)
    np.testing.assert_allclose(scale.std, [np.sqrt(2) / 3] * 2, rtol=1e-9)
    np.testing.assert_allclose(scale(X), np.float64([[-1, -1], [-1, -1], [2, 2]]) / np.sqrt(2), rtol=1e-6)


@pytest.mark.parametrize("kind", [Standardizer, Whitener])
def test_examples_of_another_width_or_with_nan(kind, monkeypatch):
    """The error is about X. It counts rows from the first row of X, not of the chunk."""
    monkeypatch.setattr(preprocessing, "CHUNK", 1)
    prepare = kind(np.random.rand(5, 6))
    with pytest.raises(ValueError, match=r"X must have 6 columns, got an array of shape \(2, 5\)"):
        prepare(np.ones((2, 5)))
    with pytest.raises(ValueError, match="X must hold finite numbers, got nan at row 1"):
        prepare(np.ones((2, 6)) * [[1], [np.nan]])


def test_standardizer_moves_into_the_net():
    """After absorb, the net gives the same scores for plain pixels."""
    X = np.random.randint(0, 256, (50, 6)).astype(np.uint8)
    scale, net = Standardizer(X), TwoLayerNet(6, 5, 3, std=0.5, rng=0)
    scores = net.loss(scale(X, dtype=np.float64))
    scale.absorb(net)
    np.testing.assert_allclose(net.loss(X), scores, rtol=1e-9)


def test_whitener_shrinks_the_directions_that_vary_most(monkeypatch):
    """The covariance S becomes c S (S + softness)^-1, and c makes the mean variance 1."""
    monkeypatch.setattr(preprocessing, "CHUNK", 1999)  # the second chunk has one row
    rng = np.random.default_rng(0)
    X = rng.standard_normal((2000, 6)) @ rng.standard_normal((6, 6)) + 100
    S = np.corrcoef(X.T)
    expected = S @ np.linalg.inv(S + 0.3 * np.eye(6))
    Z = Whitener(X, softness=0.3)(X, dtype=np.float64)
    np.testing.assert_allclose(np.cov(Z.T, bias=True), expected * 6 / np.trace(expected), atol=1e-5)
    np.testing.assert_allclose(Z.mean(axis=0), 0, atol=1e-5)


def test_whitener_with_large_softness_standardises():
    """A constant input becomes 0."""
    X = np.random.randint(0, 256, (50, 6)).astype(np.uint8)
    X[:, 2] = 7
    whitened = Whitener(X, softness=1e9)(X)
    expected = Standardizer(X)(X) / np.sqrt(5 / 6)  # five of six inputs vary
    np.testing.assert_allclose(whitened, expected, atol=1e-4)
    assert np.isfinite(Whitener(np.full((5, 3), 7))(np.full((2, 3), 8))).all()


def test_whitener_with_tiny_softness():
    """If inputs depend on each other, rounding makes some variances negative. They count as 0."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((50, 3)) @ rng.standard_normal((3, 40))
    assert np.isfinite(Whitener(X, softness=1e-12).matrix).all()


def test_whitener_computes_in_the_given_dtype():
    """Only its matrix is float32."""
    X = np.random.rand(50, 6)
    whiten = Whitener(X)
    expected = Standardizer(X)(X, dtype=np.float64) @ whiten.matrix
    np.testing.assert_allclose(whiten(X, dtype=np.float64), expected, rtol=1e-12)


def test_whitener_takes_lists():
    """A list gives the same numbers as an array."""
    rows = [[1.0, 2.0], [3.0, 5.0], [4.0, 4.0]]
    np.testing.assert_array_equal(Whitener(rows)(rows), Whitener(np.array(rows))(np.array(rows)))


def test_whitener_moves_into_the_net():
    """After absorb, the net gives the same scores for plain pixels."""
    X = np.random.randint(0, 256, (50, 6)).astype(np.uint8)
    whiten, net = Whitener(X, softness=0.5), TwoLayerNet(6, 5, 3, std=0.5, rng=0)
    scores = net.loss(whiten(X, dtype=np.float64))
    whiten.absorb(net)
    np.testing.assert_allclose(net.loss(X), scores, rtol=1e-6, atol=1e-6)


def test_principal_directions_of_whitened_inputs():
    """They are orthonormal and sorted by variance. In them, whitened inputs are uncorrelated."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((2000, 6)) @ rng.standard_normal((6, 6)) + 100
    whiten = Whitener(X, softness=0.3)
    U, Z = whiten.directions, whiten(X, dtype=np.float64)
    np.testing.assert_allclose(U.T @ U, np.eye(6), atol=1e-6)
    np.testing.assert_allclose(np.cov((Z @ U).T, bias=True), np.diag(whiten.variances), atol=1e-5)
    assert (np.diff(whiten.variances) <= 0).all() and U.dtype == np.float32


def test_net_of_leading_directions_takes_plain_inputs():
    """``U_k @ W1`` takes whitened inputs. After absorb, the net takes plain inputs."""
    X = np.random.randint(0, 256, (50, 6)).astype(np.uint8)
    whiten, net = Whitener(X, softness=0.5), TwoLayerNet(3, 5, 3, std=0.5, rng=0)
    U = whiten.directions[:, :3]
    scores = net.loss(whiten(X, dtype=np.float64) @ U)
    net.params["W1"] = U @ net.params["W1"]
    whiten.absorb(net)
    np.testing.assert_allclose(net.loss(X), scores, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("softness", "told"), [(0, "must be > 0, got 0"), (-1, "softness must be"), ("1", "softness")])
def test_bad_softness(softness, told):
    """With softness 0, a direction without variance would be divided by 0."""
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


def test_mirror_images_and_shifts_are_equally_frequent():
    """A pixel in column 2 of 10 moves to each of the 50 places equally often."""
    N = 50_000
    images = np.zeros((N, 5, 10, 1), np.uint8)
    images[:, 2, 2] = 1
    out = random_flip_shift(2, (5, 10, 1))(images, np.random.default_rng(0))
    mirrored = (out[:, :, 5:] == 1).mean() * 25  # the right half has 25 of 50 places
    assert abs(mirrored - 0.5) < 5 * np.sqrt(0.25 / N)  # five standard errors
    counts = out.sum(axis=0, dtype=np.int64)[..., 0]  # (5, 10)
    assert counts.sum() == N
    assert np.abs(counts - N / 50).max() < 5 * np.sqrt(N * 0.02 * 0.98)


def test_augmentation_uses_three_random_numbers_per_image():
    """One number mirrors the image, one moves it down, and one moves it right."""
    images, m = np.random.rand(30, 6, 7, 3), 2
    mirrored, down, right = np.random.RandomState(3).random_sample((3, 30))
    out = random_flip_shift(m, (6, 7, 3))(images, np.random.RandomState(3))
    for k, image in enumerate(images):
        image = image[:, ::-1] if mirrored[k] < 0.5 else image
        np.testing.assert_array_equal(out[k], shifted(image, m - int(5 * down[k]), m - int(5 * right[k])))


def test_augmentation_shows_all_versions_and_no_other():
    """The 18 versions are the image and its mirror image, moved by up to one pixel."""
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
    """The result has the shape of X. With max_shift 0, images are only mirrored."""
    images = np.random.rand(6, 32, 32, 3)
    out = random_flip_shift(0)(images, rng)
    assert out.shape == images.shape
    for one, other in zip(out, images, strict=True):
        assert np.array_equal(one, other) or np.array_equal(one, other[:, ::-1])
    assert random_flip_shift(2)(images.reshape(6, -1), rng).shape == (6, 3072)


def test_augmentation_has_a_stable_repr_and_a_pickle():
    """A journal needs the repr, and another process needs the pickle."""
    assert repr(random_flip_shift(2)) == "RandomFlipShift(max_shift=2, shape=(32, 32, 3))"
    assert pickle.loads(pickle.dumps(random_flip_shift(2))) == random_flip_shift(2)


@pytest.mark.parametrize("size", [0, 1, 2, 3, 20])
def test_cutout_uses_two_random_numbers_per_image(size):
    """One number sets the row of the square, one its column. Other pixels stay unchanged."""
    images = 1 + np.random.rand(40, 6, 7, 3).astype(np.float32)
    before = images.copy()
    down, right = np.random.RandomState(3).random_sample((2, 40))
    out = random_cutout(size, (6, 7, 3))(images, np.random.RandomState(3))
    np.testing.assert_array_equal(images, before)
    for k, image in enumerate(images):
        top, left = int(6 * down[k]) - size // 2, int(7 * right[k]) - size // 2
        for i in range(6):
            for j in range(7):
                covered = top <= i < top + size and left <= j < left + size
                np.testing.assert_array_equal(out[k, i, j], 0 if covered else image[i, j])
    assert out.dtype == np.float32 and out.shape == images.shape


def test_cutout_of_rows():
    """The result has the shape of X. The repr is stable, and pickle works."""
    cut = random_cutout(5)
    X = np.ones((6, 3072))
    assert cut(X, np.random.default_rng(0)).shape == (6, 3072) and X.all()
    assert repr(cut) == "RandomCutout(size=5, shape=(32, 32, 3))" and pickle.loads(pickle.dumps(cut)) == cut
    with pytest.raises(ValueError, match="size must be a whole number, at least 0, got -1"):
        random_cutout(-1)


@pytest.mark.parametrize(
    ("max_shift", "error", "message"),
    [
        (-1, ValueError, "max_shift must be a whole number, at least 0, got -1"),
        (1.5, TypeError, "max_shift must be a whole number, at least 0, got 1.5"),
    ],
)
def test_bad_max_shift(max_shift, error, message):
    """The error comes at once, not with the first batch."""
    with pytest.raises(error, match=message):
        random_flip_shift(max_shift)
