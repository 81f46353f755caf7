"""Tests of minibatches, updates and the learning rate schedule."""

import tracemalloc

import numpy as np
import pytest

from classifiers import sgd
from classifiers.sgd import SGD, draw_minibatch, update, warm_cosine


class Rows:
    """Random generator that returns given rows and records its arguments."""

    def __init__(self, rows):
        self.rows, self.asked = np.array(rows), []

    def choice(self, *args):
        self.asked.append(args)
        return self.rows


def unalign(X):
    """Return the same array at an odd address. Arrays from a network can be unaligned like this."""
    raw = bytearray(X.nbytes + 1)
    raw[1:] = X.tobytes()
    return np.frombuffer(raw, X.dtype, offset=1).reshape(X.shape)


@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
@pytest.mark.parametrize(
    "layout", [np.ascontiguousarray, np.asfortranarray, lambda X: X[:, ::-1], lambda X: unalign(X)]
)
def test_minibatch_copies_rows(dtype, layout):
    """X can have any dtype and layout. The labels are those of the rows."""
    X, y = layout(np.arange(20).reshape(5, 4).astype(dtype)), np.array([10, 11, 12, 13, 14])
    out, rng = np.empty((3, 4), np.float32), Rows([4, 0, 4])
    X_batch, y_batch = draw_minibatch(X, y, 3, rng, out=out)
    assert X_batch is out and rng.asked == [(5, 3)]
    np.testing.assert_array_equal(out, X[[4, 0, 4]])
    np.testing.assert_array_equal(y_batch, [14, 10, 14])


def test_minibatch_in_a_new_array():
    """Without `out`, the rows are copies."""
    X, y = np.arange(6.0).reshape(3, 2), np.array([0, 1, 2])
    X_batch, y_batch = draw_minibatch(X, y, 2, Rows([2, 2]))
    np.testing.assert_array_equal(X_batch, [[4, 5], [4, 5]])
    np.testing.assert_array_equal(y_batch, [2, 2])
    X_batch[:] = 0
    assert X[2, 0] == 4


@pytest.mark.parametrize("layout", [np.ascontiguousarray, np.asfortranarray, unalign])
def test_minibatch_does_not_copy_all_of_X(layout):
    """np.take would copy X if it is not contiguous or not aligned."""
    X, y, out = layout(np.zeros((10_000, 50), np.float32)), np.zeros(10_000, int), np.empty((5, 50), np.float32)
    tracemalloc.start()
    draw_minibatch(X, y, 5, Rows(range(5)), out=out)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 50_000


def test_update_by_hand():
    """W = [10, 20] - 0.5 * [1, 2] = [9.5, 19]. The gradient does not change."""
    param, grad = np.array([10.0, 20.0]), np.array([1.0, 2.0])
    update(param, grad, 0.5)
    np.testing.assert_allclose(param, [9.5, 19])
    np.testing.assert_array_equal(grad, [1, 2])


def test_weight_decay_by_hand():
    """W = [10, 20] - 0.5 * ([1, 2] + 0.2 * [10, 20]) = [8.5, 17]."""
    param = np.array([10.0, 20.0])
    update(param, np.array([1.0, 2.0]), 0.5, weight_decay=0.2)
    np.testing.assert_allclose(param, [8.5, 17])


def test_momentum_by_hand():
    """V = 0.5 * [4, 0] - 0.1 * 1.5 * [10, 20] = [0.5, -3], W = [10.5, 17]. Then V = 0.5 * V."""
    param, velocity = np.array([10.0, 20.0]), np.array([4.0, 0.0])
    update(param, np.array([10.0, 20.0]), 0.1, 0.5, velocity, 0.5)
    np.testing.assert_allclose(velocity, [0.5, -3])
    np.testing.assert_allclose(param, [10.5, 17])
    update(param, np.zeros(2), 0.1, 0.0, velocity, 0.5)
    np.testing.assert_allclose(velocity, [0.25, -1.5])
    np.testing.assert_allclose(param, [10.75, 15.5])


@pytest.mark.parametrize("momentum", [None, 0.9])
@pytest.mark.parametrize("block", [1, 88, 8 * 11 * 3])
def test_results_do_not_depend_on_the_block_size(monkeypatch, momentum, block):
    """Blocks of one or three of the seven rows give the same numbers as one block."""
    arrays = [np.random.randn(7, 11) for _ in range(3)]
    results = []
    for size in (1 << 20, block):
        monkeypatch.setattr(sgd, "BLOCK", size)
        param, grad, velocity = (array.copy() for array in arrays)
        update(param, grad, 0.1, 0.3, *(() if momentum is None else (velocity, momentum)))
        results.append((param, velocity))
    np.testing.assert_array_equal(results[0][0], results[1][0])
    np.testing.assert_array_equal(results[0][1], results[1][1])


@pytest.mark.parametrize("layout", [np.asfortranarray, lambda W: W.repeat(2, axis=0)[::2], lambda W: W.astype(">f8")])
def test_update_of_any_layout(layout):
    """The array is changed in place."""
    values, grad = np.random.randn(4, 3), np.random.randn(4, 3)
    param = layout(values)
    update(param, grad, 0.1)
    np.testing.assert_allclose(param, values - 0.1 * grad)


def test_optimizer_updates_each_parameter():
    """Each has its own velocity and decay. W = 1 - 0.1 * (2 + 3) = 0.5, b = 1 - 0.1 * 4 = 0.6."""
    params = {"W": np.array([1.0]), "b": np.array([1.0])}
    optimizer = SGD(momentum=0.5, weight_decay={"W": 3.0})
    optimizer.step(params, {"W": np.array([2.0]), "b": np.array([4.0])}, 0.1)
    assert params["W"] == pytest.approx(0.5) and params["b"] == pytest.approx(0.6)
    optimizer.step(params, {"W": np.array([0.0]), "b": np.array([0.0])}, 0.1)
    # V_W = 0.5 * -0.5 - 0.1 * 3 * 0.5 = -0.4, V_b = 0.5 * -0.4 = -0.2
    assert params["W"] == pytest.approx(0.1) and params["b"] == pytest.approx(0.4)


def test_optimizer_makes_each_velocity_once():
    """A later step allocates no array of the size of the parameter."""
    params = {"W": np.ones((2000, 500))}
    grads, optimizer = {"W": np.ones((2000, 500))}, SGD(momentum=0.9)
    optimizer.step(params, grads, 0.1)
    tracemalloc.start()
    optimizer.step(params, grads, 0.1)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < params["W"].nbytes / 2


def test_optimizer_skips_entries_without_gradient():
    """Further entries of params do not change. After a step that raises, `whole` is False."""
    params, optimizer = {"W": np.array([1.0]), "name": "mine"}, SGD()
    optimizer.step(params, {"W": np.array([1.0])}, 0.5)
    assert params == {"W": np.array([0.5]), "name": "mine"} and optimizer.whole
    with pytest.raises(KeyError):
        optimizer.step(params, {"b": np.array([1.0])}, 0.5)
    assert not optimizer.whole


def test_schedule_by_hand():
    """The rise has at most 500 iterations and a tenth of all. The cosine falls over 1/2 to 0."""
    assert warm_cosine(0, 10_000) == pytest.approx(1 / 500)
    assert warm_cosine(249, 10_000) == pytest.approx(0.5 * (1 + np.cos(np.pi * 0.0249)) / 2)
    assert warm_cosine(5_000, 10_000) == pytest.approx(0.5)
    assert 0 < warm_cosine(9_999, 10_000) < 1e-6
    assert warm_cosine(0, 1) == 1.0
    assert warm_cosine(4, 100) == pytest.approx(0.5 * (1 + np.cos(np.pi * 0.04)) / 2)
