"""Tests of the numeric check of a net's own loss: coordinates, kinks, relative error."""

import numpy as np
import pytest

from diagnosis.net import NetUnderTest
from diagnosis.numeric import at_kinks, check_numerically

H_STEP = 1e-5


class LinearNet:
    """Net with the loss ``slopes @ b2``, so the slopes are its derivatives. Gradients are given."""

    def __init__(self, slopes, grad_b2, D=2, H=3):
        self.slopes = np.array(slopes, dtype=float)
        C = len(self.slopes)
        self.params = {"W1": np.ones((D, H)), "b1": np.ones(H), "W2": np.ones((H, C)), "b2": np.ones(C)}
        self.grads = {name: np.zeros_like(param) for name, param in self.params.items()}
        self.grads["b2"] = np.array(grad_b2, dtype=float)
        self.moved = []

    def loss(self, X, y=None, reg=0.0):
        for name, param in self.params.items():
            for place in np.argwhere(param != 1):
                steps = (param[tuple(place)] - 1) / H_STEP
                self.moved.append((name, tuple(map(int, place)), round(float(steps), 3)))
        return self.slopes @ self.params["b2"], self.grads


def check(net, X, max_checks=100, rng=None):
    return check_numerically(NetUnderTest(net), (X, np.zeros(len(X), dtype=int), 0.0), H_STEP, max_checks, rng)


@pytest.mark.parametrize(
    "slopes, answer, error, where",
    [
        ([1, 2, 4], [1, 2, 8], 4 / 12, 2),
        ([1000, 0.1, 1], [1000, 0.2, 1], 0.1, 1),  # relative to a thousandth of the largest
        ([0, 0, 0], [0, 5e-9, 0], 0.5, 1),  # relative to 1e-8
        ([1, 2, 4], [2, np.nan, np.nan], np.nan, 1),
    ],
)
def test_error_of_a_row(slopes, answer, error, where):
    """The row has the largest relative error and both derivatives. NaN counts as the largest."""
    row = check(LinearNet(slopes, answer), np.ones((1, 2)))[0][3]
    np.testing.assert_allclose(row.error, error, rtol=1e-6)
    assert row.name == "b2" and row.where == (where,)
    np.testing.assert_allclose([row.numeric, row.analytic], [slopes[where], answer[where]], rtol=1e-6, atol=1e-9)


def test_gradient_of_another_shape_is_not_compared():
    """The row has NaN. The wrong shape is a separate finding."""
    row = check(LinearNet([1, 2], [[1, 2]]), np.ones((1, 2)))[0][3]
    assert np.isnan(row.error) and row.where == () and (row.checked, row.skipped) == (0, 0)


@pytest.mark.parametrize("max_checks, checked", [(6, [6, 3, 6, 2]), (5, [5, 3, 5, 2])])
def test_coordinates_are_moved_up_and_down_once(max_checks, checked):
    """With one more than max_checks, exactly max_checks different coordinates are checked."""
    net = LinearNet([1, 2], [1, 2])
    rng = None if max_checks == 6 else np.random.RandomState(0)  # no random number is drawn for all coordinates
    rows, _ = check(net, np.ones((1, 2)), max_checks, rng)
    assert [row.checked for row in rows] == checked
    possible = {(n, i, step) for n, p in net.params.items() for i in np.ndindex(p.shape) for step in (1, -1)}
    assert len(net.moved) == len(set(net.moved)) == 2 * sum(checked) and set(net.moved) <= possible


def params(pre, D=1):
    """Return parameters with the pre-activations `pre` for X of zeros."""
    return {"W1": np.zeros((D, len(pre))), "b1": np.array(pre), "W2": np.ones((len(pre), 2)), "b2": np.ones(2)}


def test_kinks_of_b1_and_of_the_second_layer():
    """The distances to the kink are below, at and above h, on both sides."""
    pre = [0.99e-5, 1e-5, 1.01e-5, -0.99e-5, -1.01e-5, 0.0]
    np.testing.assert_array_equal(at_kinks("b1", params(pre), np.zeros((1, 1)), 1e-5), [1, 1, 0, 1, 0, 1])
    assert not any(at_kinks(name, params(pre), np.zeros((1, 1)), 1e-5).any() for name in ("W2", "b2"))


def test_one_row_at_the_kink_is_enough():
    """Unit 0 is at the kink for row 1 only, unit 1 for none."""
    net = params([0.0, 3.0])
    net["W1"][0] = [1.0, 1.0]
    np.testing.assert_array_equal(at_kinks("b1", net, np.array([[1.0], [0.0]]), 1e-5), [True, False])
    np.testing.assert_array_equal(at_kinks("W1", net, np.array([[1.0], [1e-6]]), 1e-5), [[False, False]])


def test_kinks_of_W1_scale_with_the_input():
    """A step of h in W1 moves the pre-activation by h |x|. Inputs of zero do not move it."""
    pre, X = [2e-5, 2.02e-5, 0.0], np.array([[2.0, -2.0, 0.5, 0.0]])
    expected = [[1, 0, 1], [1, 0, 1], [0, 0, 1], [0, 0, 0]]
    np.testing.assert_array_equal(at_kinks("W1", params(pre, D=4), X, 1e-5), expected)


@pytest.mark.parametrize("X, unfit", [([1, 1, 0, 0], False), ([1, 1, 1, 0], True)])
def test_more_than_half_at_kinks(X, unfit):
    """Two of four coordinates of W1 are not more than half, three are."""
    net = LinearNet([1, 2], [1, 2], D=4, H=1)
    net.params["b1"][:] = -sum(X)  # every pre-activation is zero
    rows, names = check(net, np.array([X], dtype=float))
    assert ("W1" in names) == unfit and "b1" in names and not {"W2", "b2"} & set(names)
    assert (rows[0].checked, rows[0].skipped) == (4 - sum(X), sum(X))
    assert (rows[1].checked, rows[1].skipped) == (0, 1) and np.isnan(rows[1].error)
