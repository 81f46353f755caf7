"""The passes over memory, against the formulas that they stand for."""

import tracemalloc

import numpy as np
import pytest

from classifiers import sgd
from classifiers.sgd import descend, gather, warm_cosine


def unalign(X):
    """The same array at an odd address, as arrays that arrive over a network may lie."""
    raw = bytearray(X.nbytes + 1)
    raw[1:] = X.tobytes()
    return np.frombuffer(raw, X.dtype, offset=1).reshape(X.shape)


@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
@pytest.mark.parametrize(
    "layout", [np.ascontiguousarray, np.asfortranarray, lambda X: X[:, ::-1], lambda X: unalign(X)]
)
def test_gather_copies_rows(dtype, layout):
    """Whatever the dtype and layout of X."""
    X = layout(np.arange(20).reshape(5, 4).astype(dtype))
    out = np.empty((3, 4), np.float32)
    gather(X, np.array([4, 0, 4]), out)
    np.testing.assert_array_equal(out, X[[4, 0, 4]])


def test_step_by_hand():
    """W = (1 - 0.1) * [10, 20] - [1, 2] = [8, 16], sum of squares 320; the old W stays."""
    param, step = np.array([10.0, 20.0]), np.array([1.0, 2.0])
    assert descend(param, step, 0.1) == pytest.approx(320)
    np.testing.assert_allclose(step, [8, 16])
    np.testing.assert_array_equal(param, [10, 20])


def test_momentum_by_hand():
    """V = 0.5 * [4, 0] - [1, 2] - 0.1 * [10, 20] = [0, -4], W = [10, 16]; then V = 0.5 * V - [0, 0] - 0 = [0, -2]."""
    param, step, velocity = np.array([10.0, 20.0]), np.array([1.0, 2.0]), np.array([4.0, 0.0])
    assert descend(param, step, 0.1, velocity, 0.5) == pytest.approx(356)
    np.testing.assert_allclose(velocity, [0, -4])
    np.testing.assert_allclose(step, [10, 16])
    again = np.zeros(2)
    descend(step, again, 0.0, velocity, 0.5)
    np.testing.assert_allclose(again, [10, 14])


@pytest.mark.parametrize("momentum", [None, 0.9])
def test_blocks_change_nothing(monkeypatch, momentum):
    """Blocks that do not divide the array give the same as one for all."""
    param, gradient, velocity = (np.random.randn(7, 11) for _ in range(3))
    results = []
    for block in (1 << 20, 8 * 10):
        monkeypatch.setattr(sgd, "BLOCK", block)
        step, v = gradient.copy(), velocity.copy()
        args = () if momentum is None else (v, momentum)
        results.append((descend(param, step, 0.1, *args), step, v))
    assert results[0][0] == pytest.approx(results[1][0], rel=1e-14)
    np.testing.assert_array_equal(results[0][1], results[1][1])
    np.testing.assert_array_equal(results[0][2], results[1][2])


def test_schedule_by_hand():
    """A rise of min(500, a tenth) iterations, then half a cosine: 1/2 at the middle, about 0 at the end."""
    assert warm_cosine(0, 10_000) == pytest.approx(1 / 500)
    assert warm_cosine(249, 10_000) == pytest.approx(0.5 * (1 + np.cos(np.pi * 0.0249)) / 2)
    assert warm_cosine(5_000, 10_000) == pytest.approx(0.5)
    assert 0 < warm_cosine(9_999, 10_000) < 1e-6
    assert warm_cosine(0, 1) == 1.0
    assert warm_cosine(4, 100) == pytest.approx(0.5 * (1 + np.cos(np.pi * 0.04)) / 2)


@pytest.mark.parametrize("layout", [np.ascontiguousarray, np.asfortranarray, unalign])
def test_gather_copies_nothing_else(layout):
    """Never the whole of X, whatever its layout: np.take would, where X is not contiguous or not aligned."""
    X, out = layout(np.zeros((10_000, 50), np.float32)), np.empty((5, 50), np.float32)
    tracemalloc.start()
    gather(X, np.arange(5), out)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 50_000
