"""Tests of standardisation, whitening and augmentation."""

import copy
import pickle
import tracemalloc

import numpy as np
import pytest

from classifiers.ensemble import average, mirrored
from classifiers.ensemble import shifted as shifted_net
from classifiers.neural_net import TwoLayerNet
from classifiers.preprocessing import CHUNK, Standardizer, Whitener, random_cutout, random_flip_shift


@pytest.fixture
def pixels():
    """Images of six pixels. Pixel 2 is constant."""
    X = np.random.randint(0, 256, (50, 6)).astype(np.uint8)
    X[:, 2] = 7
    return X


@pytest.fixture
def correlated():
    """Correlated inputs in three chunks. The last chunk has one row."""
    rng = np.random.default_rng(0)
    return rng.standard_normal((2 * CHUNK + 1, 6)) @ rng.standard_normal((6, 6)) + 100


def test_standardizer_uses_the_training_data(pixels):
    """Training data get mean 0 and deviation 1. Other data get the same shift and scale."""
    scale = Standardizer(pixels)
    Z = scale(pixels, dtype=np.float64)
    np.testing.assert_allclose(Z.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(Z.std(axis=0), [1, 1, 0, 1, 1, 1], atol=1e-12)
    other = np.random.randint(0, 256, (3, 6))
    np.testing.assert_allclose(scale(other), (other - pixels.mean(axis=0)) / scale.std, rtol=1e-5, atol=1e-6)
    assert scale(other).dtype == np.float32


def test_standardizer_computes_in_float64():
    """With float32 sums, mean and std of float32 inputs near 1e6 would be wrong."""
    X = np.float32([[1e6, 10], [1e6, 10], [1e6 + 1, 11]])
    scale = Standardizer(X)
    assert scale.mean.dtype == scale.std.dtype == np.float64
    np.testing.assert_allclose(scale.mean, [1e6 + 1 / 3, 10 + 1 / 3], rtol=1e-15)
    np.testing.assert_allclose(scale.std, [np.sqrt(2) / 3] * 2, rtol=1e-9)
    np.testing.assert_allclose(scale(X), np.float64([[-1, -1], [-1, -1], [2, 2]]) / np.sqrt(2), rtol=1e-6)


def test_standardizer_reads_in_chunks(tmp_path):
    """Beside X, it needs no array of the size of X. A memory-mapped X gives the same numbers."""
    X = np.random.randint(0, 256, (20 * CHUNK + 1, 50)).astype(np.uint8)
    np.save(tmp_path / "X.npy", X)
    mapped = np.load(tmp_path / "X.npy", mmap_mode="r")
    tracemalloc.start()
    scale = Standardizer(mapped)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 8 * X.size / 4  # a float64 copy of X has 8 bytes per number
    np.testing.assert_allclose(scale.mean, X.mean(axis=0), rtol=1e-14)
    np.testing.assert_allclose(scale.std, X.std(axis=0), rtol=1e-14)


@pytest.mark.parametrize("kind", [Standardizer, Whitener])
@pytest.mark.parametrize("value", [0.1, -0.1, 1e-9, 1e9, 7, 0])
def test_constant_up_to_rounding_is_constant(kind, value):
    """The mean of 1,000 rows of 0.1 is rounded, which gives no deviation. X may be a list."""
    X = np.full((1000, 2), float(value))
    X[0, 0] += np.spacing(X[0, 0]) if value else 0
    X[:, 1] = 1e6 + 1e-6 * np.random.rand(1000)  # almost constant: the bound is 2.2e-7
    prepare = kind(X.tolist())
    scale = getattr(prepare, "scale", prepare)
    assert scale.std[0] == 1 and 2.5e-7 < scale.std[1] < 3.5e-7
    old, new = prepare([[value, 1e6], [value + 0.01, 1e6]], np.float64)[:, 0]
    assert 0.009 < new - old < 0.02


@pytest.mark.parametrize("kind", [Standardizer, Whitener])
def test_inputs_that_are_all_constant(kind):
    """Old values become 0, and new ones stay small, also if float32 has rounded the values both ways."""
    X = np.full((1000, 2), 0.1)
    assert not kind(X)(X).any() and np.abs(kind(X)(X + 0.01)).max() < 0.02
    X = X.astype(np.float32)
    X[::2] = np.nextafter(X[0, 0], np.float32(1))
    assert np.abs(kind(X)(X + np.float32(0.01))).max() < 0.02
    X[::2] += np.float32(1e-6)
    assert np.abs(Standardizer(X)(X)).max() > 0.9


@pytest.mark.parametrize("kind", [Standardizer, Whitener])
def test_absorb_twice(pixels, kind, tmp_path):
    """The second time is an error, also for a copy, a loaded net, a joined net, and an equal standardizer."""
    prepare, net = kind(pixels), TwoLayerNet(6, 5, 3, std=0.5, rng=0)
    prepare.absorb(net)
    net.save(tmp_path / "net.npz")
    mirror, moved = mirrored(net, (1, 2, 3)), shifted_net(net, [(0, 0)], (1, 2, 3))
    for twin in net, copy.deepcopy(net), TwoLayerNet.load(tmp_path / "net.npz"), average([net, mirror]), moved:
        before = copy.deepcopy(twin.params)
        with pytest.raises(ValueError, match="net has absorbed this before"):
            kind(pixels).absorb(twin)
        np.testing.assert_equal(twin.params, before)
    kind(2.0 * pixels).absorb(net)  # of other inputs
    net.absorbed = ()
    prepare.absorb(net)


@pytest.mark.parametrize("kind", [Standardizer, Whitener])
def test_examples_of_another_width_or_with_nan(kind):
    """The error is about X. It counts rows from the first row of X, not of the chunk."""
    prepare = kind(np.random.rand(5, 6))
    with pytest.raises(ValueError, match=r"X must have 6 columns, got an array of shape \(2, 5\)"):
        prepare(np.ones((2, 5)))
    X = np.ones((CHUNK + 3, 6))
    X[CHUNK + 1] = np.nan
    with pytest.raises(ValueError, match=f"X must hold finite numbers, got nan at row {CHUNK + 1}"):
        prepare(X)


@pytest.mark.parametrize(("kind", "k"), [(Standardizer, 6), (Whitener, 6), (Whitener, 3)])
def test_absorb(pixels, kind, k):
    """The net then gives the same scores for plain pixels. ``U_k @ W1`` takes whitened inputs."""
    prepare, net = kind(pixels), TwoLayerNet(k, 5, 3, std=0.5, rng=0)
    U = getattr(prepare, "directions", np.eye(6))[:, :k]
    scores = net.loss(prepare(pixels, dtype=np.float64) @ U)
    net.params["W1"] = U @ net.params["W1"]
    prepare.absorb(net)
    np.testing.assert_allclose(net.loss(pixels), scores, rtol=1e-9 if kind is Standardizer else 1e-4)


def test_whitened_inputs(correlated):
    """The covariance S becomes c S (S + softness)^-1, and c makes the mean variance 1."""
    whiten = Whitener(correlated, softness=0.3)
    Z, U, variances = whiten(correlated, dtype=np.float64), whiten.directions, whiten.variances
    np.testing.assert_allclose(Z.mean(axis=0), 0, atol=1e-5)
    S = np.corrcoef(correlated.T)
    expected = S @ np.linalg.inv(S + 0.3 * np.eye(6))
    np.testing.assert_allclose(np.cov(Z.T, bias=True), expected * 6 / np.trace(expected), atol=1e-5)
    # The directions are orthonormal. In them, whitened inputs are uncorrelated.
    np.testing.assert_allclose(U.T @ U, np.eye(6), atol=1e-6)
    np.testing.assert_allclose(np.cov((Z @ U).T, bias=True), np.diag(variances), atol=1e-5)
    assert (np.diff(variances) <= 0).all() and U.dtype == np.float32


def test_whitener_with_large_softness_standardises(pixels):
    """A constant input becomes 0. Only the matrix is float32."""
    whiten = Whitener(pixels, softness=1e9)
    expected = Standardizer(pixels)(pixels, np.float64) / np.sqrt(5 / 6)  # five of six inputs vary
    np.testing.assert_allclose(whiten(pixels), expected, atol=1e-4)
    np.testing.assert_allclose(whiten(pixels, np.float64), Standardizer(pixels)(pixels, np.float64) @ whiten.matrix)


def test_whitener_without_variance():
    """If inputs depend on each other, rounding makes some variances negative. They count as 0."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((50, 3)) @ rng.standard_normal((3, 40))
    assert np.isfinite(Whitener(X, softness=1e-12).matrix).all()
    assert np.isfinite(Whitener(np.full((5, 3), 7))(np.full((2, 3), 8))).all()


def shifted(image, down, right):
    """Move an image by hand, pixel by pixel."""
    out = np.zeros_like(image)
    rows, columns, _ = image.shape
    for i in range(rows):
        for j in range(columns):
            if 0 <= i - down < rows and 0 <= j - right < columns:
                out[i, j] = image[i - down, j - right]
    return out


def test_flip_shift_uses_three_random_numbers_per_image():
    """One number mirrors the image, one moves it down, and one moves it right."""
    images, m = np.random.rand(30, 6, 7, 3), 2
    mirrored, down, right = np.random.RandomState(3).random_sample((3, 30))
    out = random_flip_shift(m, (6, 7, 3))(images, np.random.RandomState(3))
    for k, image in enumerate(images):
        image = image[:, ::-1] if mirrored[k] < 0.5 else image
        np.testing.assert_array_equal(out[k], shifted(image, m - int(5 * down[k]), m - int(5 * right[k])))


@pytest.mark.parametrize("size", [0, 1, 2, 3, 20])
def test_cutout_uses_two_random_numbers_per_image(size):
    """One number sets the row of the square, one its column. Other pixels stay unchanged."""
    images = 1 + np.random.rand(40, 6, 7, 3)
    down, right = np.random.RandomState(3).random_sample((2, 40))
    out = random_cutout(size, (6, 7, 3))(images, np.random.RandomState(3))
    for k, image in enumerate(images):
        top, left = int(6 * down[k]) - size // 2, int(7 * right[k]) - size // 2
        for i in range(6):
            for j in range(7):
                covered = top <= i < top + size and left <= j < left + size
                np.testing.assert_array_equal(out[k, i, j], 0 if covered else image[i, j])


@pytest.mark.parametrize(
    ("augment", "text"),
    [
        (random_flip_shift(2), "random_flip_shift(max_shift=2, shape=(32, 32, 3))"),
        (random_cutout(5), "random_cutout(size=5, shape=(32, 32, 3))"),
    ],
)
def test_augmentation_of_rows_and_images(augment, text):
    """Shape and dtype are those of X, and X is unchanged. A journal needs repr, a worker pickle."""
    images = np.random.rand(6, 32, 32, 3).astype(np.float32)
    before = images.copy()
    for rng in (np.random.RandomState, np.random.default_rng):
        out, rows = augment(images, rng(0)), augment(images.reshape(6, -1), rng(0))
        assert out.dtype == np.float32 and rows.shape == (6, 3072)
        np.testing.assert_array_equal(out.reshape(6, -1), rows)
    np.testing.assert_array_equal(images, before)
    assert repr(augment) == text and pickle.loads(pickle.dumps(augment)) == augment


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: Whitener(np.eye(3), 0), ValueError, "softness must be > 0, got 0"),
        (lambda: Whitener(np.eye(3), -1), ValueError, "softness must be a finite number"),
        (lambda: random_flip_shift(-1), ValueError, "max_shift must be a whole number, at least 0, got -1"),
        (lambda: random_cutout(-1), ValueError, "size must be a whole number, at least 0, got -1"),
    ],
)
def test_bad_arguments(make, error, message):
    """The error comes at once, not with the first batch."""
    with pytest.raises(error, match=message):
        make()
