"""Tests of the maths: results by hand, numeric gradients and invariances."""

import numpy as np
import pytest
from conftest import random_problem
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from classifiers.layers import add_scaled, backward, best_class, dropout_mask, forward, penalty, softmax_loss
from gradient_check import eval_numerical_gradient

finite = st.floats(-1e6, 1e6, width=64)


def loss_and_gradients(params, X, y, reg, mask=None):
    """Return what the functions give together, as in `TwoLayerNet.loss`."""
    hidden, scores = forward(params, X, mask)
    loss, dscores = softmax_loss(scores, y)
    grads = backward(params, X, hidden, dscores, mask)
    return loss + penalty(params, reg, grads), grads


# By hand


def test_forward_and_backward_by_hand():
    """One example, two inputs, two hidden units (one is inactive), two classes.

    X W1 + b1 = [1*1 + 2*0 + 1, 1*0 - 2*1 + 0] = [2, -2], hidden = [2, 0].
    scores = [2*1 + 0, 2*1 + 0] + [0, 0] = [2, 2], p = [1/2, 1/2], loss = log 2.
    Penalty with reg 2: 0.5 * 2 * (1 + 0 + 0 + 1 + 1 + 1 + 1 + 0) = 5.
    dscores for y = 0: [-1/2, 1/2].
    dW2 = hidden^T dscores = [[-1, 1], [0, 0]], and with reg W2: [[1, 3], [2, 0]].
    dhidden = dscores W2^T = [-1/2*1 + 1/2*1, -1/2*1 + 1/2*0] = [0, -1/2].
    After the ReLU, dhidden is [0, 0], so dW1 = reg W1.
    """
    params = {
        "W1": np.array([[1.0, 0.0], [0.0, -1.0]]),
        "b1": np.array([1.0, 0.0]),
        "W2": np.array([[1.0, 1.0], [1.0, 0.0]]),
        "b2": np.array([0.0, 0.0]),
    }
    X, y = np.array([[1.0, 2.0]]), np.array([0])
    loss, grads = loss_and_gradients(params, X, y, reg=2.0)
    assert loss == pytest.approx(np.log(2) + 5)
    np.testing.assert_allclose(grads["W2"], [[1, 3], [2, 0]])
    np.testing.assert_allclose(grads["b2"], [-0.5, 0.5])
    np.testing.assert_allclose(grads["W1"], [[2, 0], [0, -2]])
    np.testing.assert_allclose(grads["b1"], [0, 0])


def test_softmax_loss_by_hand():
    """The softmax of log 1, log 2, log 5 is 1/8, 2/8, 5/8."""
    loss, dscores = softmax_loss(np.log([[1.0, 2.0, 5.0]]), np.array([2]))
    assert loss == pytest.approx(np.log(8 / 5))
    np.testing.assert_allclose(dscores, [[1 / 8, 2 / 8, -3 / 8]])


def test_softmax_loss_is_a_mean():
    """Two rows of log 2 and 0 have the mean log 2 / 2, and each gradient is divided by 2."""
    loss, dscores = softmax_loss(np.array([[0.0, 0.0], [1e4, -1e4]]), np.array([1, 0]))
    assert loss == pytest.approx(np.log(2) / 2)
    np.testing.assert_allclose(dscores, [[1 / 4, -1 / 4], [0, 0]])


def test_penalty_by_hand():
    """0.5 * 4 * (1 + 4 + 9) = 28 for weights 1, 2, 3. Gradients get 4 W. Biases do not count."""
    params = {"W1": np.array([[1.0, 2.0]]), "b1": np.array([7.0]), "W2": np.array([[3.0]]), "b2": np.array([7.0])}
    grads = {name: np.ones_like(param) for name, param in params.items()}
    assert penalty(params, 4.0) == penalty(params, 4.0, grads) == 28
    np.testing.assert_array_equal(grads["W1"], [[5, 9]])
    np.testing.assert_array_equal(grads["W2"], [[13]])
    assert grads["b1"] == grads["b2"] == 1


def test_best_class_by_hand():
    """The column of the largest score. Of equal scores, the first counts."""
    classes = best_class(np.array([[1.0, 3.0, 2.0], [5.0, 5.0, -np.inf], [-3.0, -2.0, -1.0]]))
    assert classes.tolist() == [1, 0, 2] and classes.dtype.kind == "i"


@pytest.mark.parametrize("shape", [(7, 11), (7,), (3, 2**15 + 1), (2**16 + 5,), (0, 3)])
def test_sum_in_blocks(shape):
    """Each row is added once, if an array has one block, several ones, or rows larger than a block."""
    out, array = np.random.randn(2, *shape)
    expected = out + 0.3 * array
    add_scaled(out, 0.3, array)
    np.testing.assert_array_equal(out, expected)


# Stability


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("size", [1e4, -1e4])
def test_softmax_is_stable(size, dtype):
    """Scores of ten thousand give the exact loss and finite gradients."""
    scores = np.array([[size, 0, 0], [0, size, -size]], dtype)
    loss, dscores = softmax_loss(scores, np.array([0, 1]))
    by_hand = 0.0 if size > 0 else (1e4 + np.log(2) + 2e4) / 2  # -log p of a class 1e4 (2e4) below the maximum
    assert loss == pytest.approx(by_hand, rel=1e-6)
    assert dscores.dtype == dtype and np.isfinite(dscores).all()


def test_stability_does_not_depend_on_other_rows():
    """Each row subtracts its own maximum, so a row of low scores keeps its precision."""
    loss, _ = softmax_loss(np.array([[1e4, 0.0], [0.0, 0.0]]), np.array([0, 0]))
    assert loss == pytest.approx(np.log(2) / 2)


@given(arrays(np.float64, st.tuples(st.integers(1, 5), st.just(3)), elements=finite), st.integers(0, 99))
def test_loss_is_finite_for_finite_input(X, seed):
    """The input can have any magnitude up to 1e6."""
    net, _, y = random_problem(len(X), 3, 5, 4, seed=seed)
    loss, grads = loss_and_gradients(net.params, X, y, 0.1)
    assert np.isfinite(loss) and all(np.isfinite(grad).all() for grad in grads.values())


# Gradients


@pytest.mark.parametrize("reg", [0.0, 1.0])
@pytest.mark.parametrize("shape", [(1, 1, 1, 2), (5, 4, 10, 3), (3, 7, 2, 5), (8, 3, 6, 2)])
def test_gradients_are_numerically_right(shape, reg):
    """Every coordinate is checked. The penalty is large enough to show a missing term."""
    net, X, y = random_problem(*shape)
    _, grads = loss_and_gradients(net.params, X, y, reg)
    for name, param in net.params.items():
        numeric = eval_numerical_gradient(lambda _: loss_and_gradients(net.params, X, y, reg)[0], param, verbose=False)
        np.testing.assert_allclose(grads[name], numeric, rtol=1e-6, atol=1e-9, err_msg=name)


@given(st.integers(0, 10**6))
@settings(max_examples=50, deadline=None)
def test_gradients_of_random_nets(seed):
    """Analytic and numeric gradients agree if no hidden unit is near the kink of its ReLU."""
    net, X, y = random_problem(3, 3, 5, 4, seed=seed)
    assume(np.abs(X @ net.params["W1"] + net.params["b1"]).min() >= 1e-3)
    _, grads = loss_and_gradients(net.params, X, y, 0.5)
    for name, param in net.params.items():
        numeric = eval_numerical_gradient(lambda _: loss_and_gradients(net.params, X, y, 0.5)[0], param, verbose=False)
        np.testing.assert_allclose(grads[name], numeric, rtol=1e-5, atol=1e-8)


def test_gradients_with_dropout_are_numerically_right():
    """Every coordinate is checked, with a fixed mask."""
    net, X, y = random_problem(6, 5, 8, 3)
    mask = dropout_mask((6, 8), 0.4, np.float64, np.random.default_rng(0))
    assert 0 < np.count_nonzero(mask) < mask.size
    _, grads = loss_and_gradients(net.params, X, y, 0.3, mask)
    for name, param in net.params.items():
        numeric = eval_numerical_gradient(
            lambda _: loss_and_gradients(net.params, X, y, 0.3, mask)[0], param, verbose=False
        )
        np.testing.assert_allclose(grads[name], numeric, rtol=1e-6, atol=1e-9, err_msg=name)


# Dropout


@pytest.mark.parametrize("dropout", [0.1, 0.5])
def test_dropout_mask_keeps_the_mean(dropout):
    """The mask is 0 for a fraction of the units, and 1 / (1 - dropout) for the rest."""
    mask = dropout_mask((200, 500), dropout, np.float32, np.random.RandomState(0))
    assert mask.dtype == np.float32 and set(np.unique(mask)) == {0, np.float32(1 / (1 - dropout))}
    assert np.mean(mask == 0) == pytest.approx(dropout, abs=0.01) and mask.mean() == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize("dropout", [0.25, 0.999995])
def test_dropout_threshold(dropout):
    """A unit is dropped if its random number is below the fraction, however close to 1 this is."""

    class Numbers:
        def random(self, shape):
            return np.array([[0.0, np.nextafter(dropout, 0), dropout, np.nextafter(1, 0)]])

    mask = dropout_mask((1, 4), dropout, np.float64, Numbers())
    np.testing.assert_allclose(mask, [[0, 0, 1 / (1 - dropout), 1 / (1 - dropout)]])


# Invariances


@given(arrays(np.float64, (4, 3), elements=finite), arrays(np.float64, (4, 1), elements=finite))
def test_shifts_of_rows_change_nothing(scores, shifts):
    """Softmax depends only on differences within a row. Shifted scores are rounded differently."""
    y = np.array([0, 1, 2, 0])
    loss, dscores = softmax_loss(scores, y)
    shifted_loss, shifted_dscores = softmax_loss(scores + shifts, y)
    assert shifted_loss == pytest.approx(loss, rel=1e-9, abs=1e-8)
    np.testing.assert_allclose(shifted_dscores, dscores, atol=1e-8)


@given(st.integers(0, 10**6), st.floats(1e-3, 1e3))
def test_permuted_hidden_units(seed, scale):
    """The loss stays the same, and the gradients are permuted."""
    net, X, y = random_problem(6, 3, 5, 4, seed=seed)
    order, p = np.random.default_rng(seed).permutation(5), net.params
    loss, grads = loss_and_gradients(p, scale * X, y, 0.3)
    other = {"W1": p["W1"][:, order], "b1": p["b1"][order], "W2": p["W2"][order], "b2": p["b2"]}
    permuted_loss, permuted = loss_and_gradients(other, scale * X, y, 0.3)
    assert permuted_loss == pytest.approx(loss, rel=1e-10)
    np.testing.assert_allclose(permuted["W1"], grads["W1"][:, order], rtol=1e-7, atol=1e-9 * scale)
    np.testing.assert_allclose(permuted["W2"], grads["W2"][order], rtol=1e-7, atol=1e-9 * scale)


@given(st.integers(0, 10**6), st.integers(1, 7))
def test_split_and_duplicated_batches(seed, cut):
    """A batch gives the weighted mean of its parts. Repeated or reordered rows do not change it."""
    net, X, y = random_problem(8, 3, 5, 4, seed=seed)

    def ask(rows):
        return loss_and_gradients(net.params, X[rows], y[rows], 0.0)

    whole, grads = ask(np.arange(8))
    (first, grads1), (second, grads2) = ask(np.arange(cut)), ask(np.arange(cut, 8))
    doubled, grads_doubled = ask(np.tile(np.arange(8)[::-1], 2))
    assert (cut * first + (8 - cut) * second) / 8 == pytest.approx(whole)
    assert doubled == pytest.approx(whole)
    for name in grads:
        np.testing.assert_allclose((cut * grads1[name] + (8 - cut) * grads2[name]) / 8, grads[name], atol=1e-12)
        np.testing.assert_allclose(grads_doubled[name], grads[name], atol=1e-12)
