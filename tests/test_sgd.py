"""Tests of minibatches, updates and the learning rate schedule."""

import numpy as np
import pytest

from classifiers.sgd import SGD, draw_minibatch, update, warm_cosine


class Rows:
    """Random generator that returns given rows and records its arguments."""

    def __init__(self, rows):
        self.rows, self.asked = np.array(rows), []

    def choice(self, *args):
        self.asked.append(args)
        return self.rows


@pytest.mark.parametrize("dtype", [np.uint8, np.float64])
@pytest.mark.parametrize("layout", [np.ascontiguousarray, np.asfortranarray, lambda X: X[:, ::-1]])
def test_minibatch_copies_rows(dtype, layout):
    """X can have any dtype and layout. The labels are those of the rows. X stays unchanged."""
    X, y, rng = layout(np.arange(20).reshape(5, 4).astype(dtype)), np.arange(10, 15), Rows([4, 0, 4])
    X_batch, y_batch = draw_minibatch(X, y, 3, rng)
    assert rng.asked == [(5, 3)] and X_batch.dtype == dtype
    np.testing.assert_array_equal(X_batch, X[[4, 0, 4]])
    np.testing.assert_array_equal(y_batch, [14, 10, 14])
    X_batch[:] = 0
    assert X[4].all()


def test_update_by_hand():
    """W = [10, 20] - 0.5 * [1, 2] = [9.5, 19]. The gradient does not change."""
    param, grad = np.array([10.0, 20.0]), np.array([1.0, 2.0])
    update(param, grad, 0.5)
    np.testing.assert_allclose(param, [9.5, 19])
    np.testing.assert_array_equal(grad, [1, 2])


def test_momentum_by_hand():
    """V = 0.5 * [4, 0] - 0.1 * [15, 30] = [0.5, -3], W = [10.5, 17]. Then V = 0.5 * V."""
    param, velocity = np.array([10.0, 20.0]), np.array([4.0, 0.0])
    update(param, np.array([15.0, 30.0]), 0.1, velocity, 0.5)
    np.testing.assert_allclose(velocity, [0.5, -3])
    np.testing.assert_allclose(param, [10.5, 17])
    update(param, np.zeros(2), 0.1, velocity, 0.5)
    np.testing.assert_allclose(velocity, [0.25, -1.5])
    np.testing.assert_allclose(param, [10.75, 15.5])


@pytest.mark.parametrize("layout", [np.asfortranarray, lambda W: W.repeat(2, axis=0)[::2], lambda W: W.astype(">f8")])
def test_update_of_any_layout(layout):
    """The array is changed in place."""
    values, grad = np.random.randn(4, 3), np.random.randn(4, 3)
    param = layout(values)
    update(param, grad, 0.1)
    np.testing.assert_allclose(param, values - 0.1 * grad)


def test_optimizer_updates_each_parameter():
    """Each has its own velocity. W = 1 - 0.1 * 5 = 0.5, b = 1 - 0.1 * 4 = 0.6. Others stay."""
    params = {"W": np.array([1.0]), "b": np.array([1.0]), "name": "mine"}
    optimizer = SGD(momentum=0.5)
    optimizer.step(params, {"W": np.array([5.0]), "b": np.array([4.0])}, 0.1)
    assert params == {"W": pytest.approx(0.5), "b": pytest.approx(0.6), "name": "mine"}
    optimizer.step(params, {"W": np.array([0.0]), "b": np.array([0.0])}, 0.1)
    # V_W = 0.5 * -0.5 = -0.25, V_b = 0.5 * -0.4 = -0.2
    assert params == {"W": pytest.approx(0.25), "b": pytest.approx(0.4), "name": "mine"}
    assert set(optimizer.velocity) == {"W", "b"}


def test_schedule_by_hand():
    """The rise has at most 500 iterations and a tenth of all. The cosine falls over 1/2 to 0."""
    assert warm_cosine(0, 10_000) == pytest.approx(1 / 500)
    assert warm_cosine(249, 10_000) == pytest.approx(0.5 * (1 + np.cos(np.pi * 0.0249)) / 2)
    assert warm_cosine(5_000, 10_000) == pytest.approx(0.5)
    assert 0 < warm_cosine(9_999, 10_000) < 1e-6
    assert warm_cosine(0, 1) == 1.0
    assert warm_cosine(4, 100) == pytest.approx(0.5 * (1 + np.cos(np.pi * 0.04)) / 2)
