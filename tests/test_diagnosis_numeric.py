"""Numeric check of a net's own loss: which coordinates it tries, which it skips, and what it calls the error."""

import numpy as np
import pytest

from diagnosis.numeric import at_kinks, check_numerically
from diagnosis.probes import NetUnderTest

H_STEP = 1e-5


class LinearNet:
    """The loss is the sum of `slopes` times b2, so that its derivatives are the slopes; its gradients are given."""

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
    return check_numerically(NetUnderTest(net), X, np.zeros(len(X), dtype=int), 0.0, H_STEP, max_checks, rng)


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
    """The largest relative error, worked out by hand, with both derivatives; NaN is larger than any number."""
    row = check(LinearNet(slopes, answer), np.ones((1, 2)))[0][3]
    np.testing.assert_allclose(row.error, error, rtol=1e-6)
    assert row.name == "b2" and row.where == (where,)
    np.testing.assert_allclose([row.numeric, row.analytic], [slopes[where], answer[where]], rtol=1e-6, atol=1e-9)


def test_gradient_of_another_shape_is_not_compared():
    """NaN in the row; its shape is a finding of its own."""
    row = check(LinearNet([1, 2], [[1, 2]]), np.ones((1, 2)))[0][3]
    assert np.isnan(row.error) and row.where == () and (row.checked, row.skipped) == (0, 0)


def test_all_coordinates_are_moved_up_and_down_once():
    """As many as max_checks is not too many: no random number is drawn."""
    net = LinearNet([1, 2], [1, 2])
    rows, _ = check(net, np.ones((1, 2)), max_checks=6, rng=None)
    assert [row.checked for row in rows] == [6, 3, 6, 2]
    expected = {(n, i, step) for n, p in net.params.items() for i in np.ndindex(p.shape) for step in (1, -1)}
    assert set(net.moved) == expected and len(net.moved) == len(expected)


def test_coordinates_are_drawn_without_repetition():
    """One more than max_checks: just max_checks different ones."""
    net = LinearNet([1, 2], [1, 2])
    rows, _ = check(net, np.ones((1, 2)), max_checks=5, rng=np.random.RandomState(0))
    assert [row.checked for row in rows] == [5, 3, 5, 2]
    assert len(net.moved) == len(set(net.moved)) == 2 * (5 + 3 + 5 + 2)


def params(pre, D=1):
    """A net whose pre-activations are `pre` for X of zeros."""
    return {"W1": np.zeros((D, len(pre))), "b1": np.array(pre), "W2": np.ones((len(pre), 2)), "b2": np.ones(2)}


def test_kinks_of_b1():
    """Distances to the kink below, at and above h, on both sides."""
    pre = [0.99e-5, 1e-5, 1.01e-5, -0.99e-5, -1.01e-5, 0.0]
    np.testing.assert_array_equal(at_kinks("b1", params(pre), np.zeros((1, 1)), 1e-5), [1, 1, 0, 1, 0, 1])


def test_one_row_at_the_kink_is_enough():
    """Unit 0 is at the kink for row 1 only, unit 1 for none."""
    net = params([0.0, 3.0])
    net["W1"][0] = [1.0, 1.0]
    np.testing.assert_array_equal(at_kinks("b1", net, np.array([[1.0], [0.0]]), 1e-5), [True, False])
    np.testing.assert_array_equal(at_kinks("W1", net, np.array([[1.0], [1e-6]]), 1e-5), [[False, False]])
    np.testing.assert_array_equal(at_kinks("W1", net, np.array([[1.0], [0.1]]), 1e-5), [[False, False]])


def test_kinks_of_W1_scale_with_the_input():
    """A step of h in W1 moves the pre-activation by h |x|; inputs of zero do not move it."""
    pre, X = [2e-5, 2.02e-5, 0.0], np.array([[2.0, -2.0, 0.5, 0.0]])
    expected = [[1, 0, 1], [1, 0, 1], [0, 0, 1], [0, 0, 0]]
    np.testing.assert_array_equal(at_kinks("W1", params(pre, D=4), X, 1e-5), expected)


@pytest.mark.parametrize("name", ["W2", "b2"])
def test_second_layer_has_no_kinks(name):
    """The loss is smooth in it."""
    net = params([0.0, 0.0])
    kinks = at_kinks(name, net, np.zeros((1, 1)), 1e-5)
    assert kinks.shape == net[name].shape and not kinks.any()


@pytest.mark.parametrize("X, unfit", [([1, 1, 0, 0], False), ([1, 1, 1, 0], True)])
def test_more_than_half_at_kinks(X, unfit):
    """Two of four coordinates of W1 are not more than half, three are."""
    net = LinearNet([1, 2], [1, 2], D=4, H=1)
    net.params["b1"][:] = -sum(X)  # every pre-activation is zero
    rows, names = check(net, np.array([X], dtype=float))
    assert ("W1" in names) == unfit and "b1" in names and not {"W2", "b2"} & set(names)
    assert (rows[0].checked, rows[0].skipped) == (4 - sum(X), sum(X))
    assert (rows[1].checked, rows[1].skipped) == (0, 1) and np.isnan(rows[1].error)
