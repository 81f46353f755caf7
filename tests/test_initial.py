"""Tests of local initial weights."""

import numpy as np
import pytest

from classifiers.initial import local_weights
from classifiers.preprocessing import Whitener

SHAPE = (8, 12, 3)
D = 8 * 12 * 3
ONES, EVERY = np.ones(D), np.eye(D)


def test_places_are_spread_over_the_image():
    """The squared weights of a unit have the variance of a squared Gaussian, width**2 / 2."""
    W1 = local_weights(4000, ONES, EVERY, 1.5, shape=SHAPE, rng=0).astype(np.float64)
    assert W1.shape == (D, 4000)
    power = (W1**2).reshape(8, 12, 3, 4000).sum(axis=2)
    power /= power.sum(axis=(0, 1))
    for axis, n in enumerate(SHAPE[:2]):
        along = power.sum(axis=1 - axis)  # (n, 4000)
        center = np.arange(n) @ along
        spread = np.arange(n) ** 2 @ along - center**2
        inner = (center > 3) & (center < n - 4)  # units that the border does not cut off
        assert inner.sum() > 300
        assert abs(spread[inner].mean() - 1.5**2 / 2) < 0.1
        counts, _ = np.histogram(center, [-1, n / 4, n / 2, 3 * n / 4, n])
        assert counts.min() > 4000 / 4 * 0.8  # no part of the image is left out


def test_weights_are_random_in_every_pixel_and_channel():
    """The mean of the weights is 0, and channels are independent."""
    W1 = local_weights(4000, ONES, EVERY, 2.0, shape=SHAPE, rng=0).reshape(8, 12, 3, 4000)
    middle = W1[4, 6]  # (3, 4000)
    assert np.abs(middle.mean(axis=1) / middle.std(axis=1)).max() < 5 / np.sqrt(4000)
    assert np.abs(np.corrcoef(middle) - np.eye(3)).max() < 5 / np.sqrt(4000)


def test_each_unit_starts_with_the_same_spread():
    """On whitened data, x W1 has the standard deviation sqrt(2), for all or leading directions."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((3000, D)) @ rng.standard_normal((D, D)) + 7
    whiten = Whitener(X, softness=1.0)
    for k in (D, 40):
        U, variances = whiten.directions[:, :k], whiten.variances[:k]
        W1 = local_weights(50, variances, U, shape=SHAPE, rng=0)
        assert W1.shape == (k, 50) and W1.dtype == np.float32
        np.testing.assert_allclose((whiten(X) @ U @ W1).std(axis=0), np.sqrt(2), rtol=1e-3)


def test_same_seed_same_weights():
    """Without rng, NumPy's global stream is used."""
    one, same, other = (local_weights(5, ONES, EVERY, shape=SHAPE, rng=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, other)
    np.random.seed(1)
    np.testing.assert_array_equal(local_weights(5, ONES, EVERY, shape=SHAPE), one)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"hidden_size": 0}, "hidden_size must be a whole number, at least 1, got 0"),
        ({"width": 0}, "width must be > 0, got 0"),
        ({"variances": np.ones(4)}, f"variances must have {D} columns"),
        ({"shape": (8, 12, 1)}, rf"shape must be that of an image of {D} numbers, got \(8, 12, 1\)"),
        ({"shape": (D,)}, "shape must be that of an image"),
    ],
)
def test_bad_arguments(change, message):
    """The error gives the argument's name, what it must be and what it was."""
    given = {"hidden_size": 2, "variances": ONES, "directions": EVERY, "shape": SHAPE} | change
    with pytest.raises(ValueError, match=message):
        local_weights(**given)


@pytest.mark.parametrize("variances", [[0, 0, 0], [1, -1, 1]])
def test_variances_without_a_scale(variances):
    """No unit can get its standard deviation then."""
    with pytest.raises(ValueError, match="variances must be at least 0 and not all 0, got"):
        local_weights(2, variances, np.eye(3), shape=(1, 1, 3))
