"""Tests of ensembles in one net: its scores are the mean of scores, except for rounding."""

import numpy as np
import pytest

from classifiers.ensemble import CROSS, average, mirrored, shifted
from classifiers.neural_net import TwoLayerNet

SHAPE = (5, 7, 3)
D = 5 * 7 * 3


def make_net(seed=0, H=4, C=3, inputs=D, dtype=np.float64):
    """Return a net with random weights and biases."""
    rng = np.random.default_rng(seed)
    net = TwoLayerNet(inputs, H, C, std=0.3, dtype=dtype, rng=rng)
    for name in ("b1", "b2"):
        net.params[name][:] = rng.standard_normal(net.params[name].shape)
    return net


@pytest.fixture
def images():
    return np.random.default_rng(9).standard_normal((6, *SHAPE))


def rows(images):
    return images.reshape(len(images), -1)


def move(images, down, right):
    """Shift images. New pixels at the edge are 0."""
    padded = np.pad(images, ((0, 0), (20, 20), (20, 20), (0, 0)))
    return padded[:, 20 - down : 25 - down, 20 - right : 27 - right]


@pytest.mark.parametrize("sizes", [[4], [4, 4], [1, 5, 2]])
def test_average(images, sizes):
    """The number of nets is any, and H may differ."""
    nets = [make_net(seed, H) for seed, H in enumerate(sizes)]
    wide, X = average(nets), rows(images)
    assert wide.params["W1"].shape == (D, sum(sizes))
    np.testing.assert_allclose(wide.loss(X), np.mean([net.loss(X) for net in nets], axis=0), atol=1e-13)


def test_parameters_are_new():
    """A change of the wider net does not change the original nets."""
    nets = [make_net(seed) for seed in range(2)]
    before = [{name: param.copy() for name, param in net.params.items()} for net in nets]
    for wide in (average(nets), average(nets[:1]), mirrored(nets[0], SHAPE), shifted(nets[0], [(0, 0)], SHAPE)):
        for param in wide.params.values():
            param += 1
    for net, params in zip(nets, before, strict=True):
        assert all(np.array_equal(net.params[name], params[name]) for name in params)


def test_mirrored(images):
    """Left and right are swapped, up and down are not."""
    net = make_net()
    expected = (net.loss(rows(images)) + net.loss(rows(images[:, :, ::-1]))) / 2
    np.testing.assert_allclose(mirrored(net, SHAPE).loss(rows(images)), expected, atol=1e-13)
    assert np.abs(expected - net.loss(rows(images))).max() > 0.01


@pytest.mark.parametrize("shift", [(0, 0), (2, -3), (-4, 6), (5, 0), (0, -9)])
def test_one_shift(images, shift):
    """Shifts go in each direction, also by more than the size of the image."""
    net = make_net()
    expected = net.loss(rows(move(images, *shift)))
    np.testing.assert_allclose(shifted(net, [shift], SHAPE).loss(rows(images)), expected, atol=1e-13)


def test_several_shifts_and_mirrors(images):
    """They can be combined in either order. The default shifts are a cross of five."""
    net = make_net()
    turned = [images, images[:, :, ::-1]]
    expected = np.mean([net.loss(rows(move(some, *shift))) for some in turned for shift in CROSS], axis=0)
    for wide in (mirrored(shifted(net, shape=SHAPE), SHAPE), shifted(mirrored(net, SHAPE), shape=SHAPE)):
        np.testing.assert_allclose(wide.loss(rows(images)), expected, atol=1e-13)
        assert len(wide.params["b1"]) == 10 * len(net.params["b1"])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_result_is_a_net_of_the_same_dtype(dtype, tmp_path):
    """The default shape is that of CIFAR-10. The net can be saved and loaded."""
    wide = shifted(mirrored(make_net(inputs=3072, dtype=dtype)))
    assert {param.dtype for param in wide.params.values()} == {np.dtype(dtype)}
    wide.save(tmp_path / "wide.npz")
    X = np.random.randn(5, 3072)
    assert np.array_equal(TwoLayerNet.load(tmp_path / "wide.npz").predict(X), wide.loss(X).argmax(axis=1))


@pytest.mark.parametrize(
    "make, error, words",
    [
        (lambda: average([]), ValueError, "nets must hold at least one net, got none"),
        (lambda: average([make_net(), make_net(C=2)]), ValueError, r"same numbers of .*\[\(105, 2\), \(105, 3\)\]"),
        (lambda: average([make_net(), make_net(inputs=9)]), ValueError, r"same numbers of .*\[\(9, 3\), \(105, 3\)\]"),
        (lambda: mirrored(make_net(), (5, 7, 4)), ValueError, r"shape must be .* net's 105 inputs, got \(5, 7, 4\)"),
        (lambda: shifted(make_net()), ValueError, r"shape must be .* got \(32, 32, 3\)"),
        (lambda: shifted(make_net(), [], SHAPE), ValueError, "at least one"),
        (lambda: shifted(make_net(), [(0.5, 0)], SHAPE), TypeError, "shifts must be pairs of whole numbers.*0.5"),
        (lambda: shifted(make_net(), [(1, 2, 3)], SHAPE), TypeError, "shifts must be pairs of whole numbers"),
    ],
)
def test_bad_arguments(make, error, words):
    """The error has the argument's name, what it must be and what it was."""
    with pytest.raises(error, match=words):
        make()
