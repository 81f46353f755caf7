"""Tests of the right answers, and of the comparison of an answer with them."""

import numpy as np
import pytest
from conftest import make_toy_net

from diagnosis.reference import NAMES, Reference, agree, factor_between


@pytest.mark.parametrize(
    "answer, right, floor, expected",
    [
        (1 + 0.9e-7, 1.0, 0.0, True),
        (1 + 1.1e-7, 1.0, 0.0, False),
        (-1.0, 1.0, 0.0, False),
        ([0.9e-7, 1.0], [0.0, -1.0], 0.0, False),
        ([0.9e-7, -1.0], [0.0, -1.0], 0.0, True),  # relative to the largest
        (0.9e-9, 0.0, 1e-9, True),
        (1.1e-9, 0.0, 1e-9, False),
        ([1.0], 1.0, 0.0, False),
        ([1.0, 1.0], [[1.0, 1.0]], 0.0, False),
        (np.nan, 1.0, 0.0, False),
        (np.inf, 1.0, 0.0, False),
        (np.zeros((0, 2)), np.zeros((0, 2)), 0.0, True),
    ],
)
def test_agree(answer, right, floor, expected):
    """Answers of equal shape agree within 1e-7 of the largest right number, or within the floor."""
    assert agree(answer, right, floor) is expected


@pytest.mark.parametrize(
    "answer, right, floor, k",
    [
        ([2.0, -4.0], [1.0, -2.0], 0.0, 2.0),
        ([-0.5, 1.0], [1.0, -2.0], 0.0, -0.5),
        ([2.0, -4.0001], [1.0, -2.0], 0.0, None),
        ([0.0, 0.0], [1.0, -2.0], 0.0, None),
        ([1.0, 2.0], [0.0, 0.0], 0.0, None),
        ([[2.0, -4.0]], [1.0, -2.0], 0.0, None),
        ([np.nan, 1.0], [1.0, 2.0], 0.0, None),
        ([2.0, 2.0], [1.0, 1.0], 0.99e-3, 2.0),
        ([2.0, 2.0], [1.0, 1.0], 1.01e-3, None),  # the right numbers are near the rounding error
        ([200.0, 200.05], [1.0, 1.0], 0.9e-3, 200.025),  # rounding grows with the factor
    ],
)
def test_factor_between(answer, right, floor, k):
    """The result is the common factor of all numbers, or None."""
    found = factor_between(np.array(answer), np.array(right), floor)
    assert found is None if k is None else found == pytest.approx(k, rel=1e-9)


@pytest.fixture
def reference(toy_data):
    return Reference(make_toy_net().params, *toy_data)


def test_right_answers_are_those_of_a_loop(reference):
    """The loop computes the formulas number by number."""
    X, y, params = reference.X, reference.y, reference.params
    loss, db2 = 0.0, np.zeros(3)
    for x, label in zip(X, y, strict=True):
        hidden = [max(0.0, x @ params["W1"][:, j] + params["b1"][j]) for j in range(10)]
        scores = np.array([hidden @ params["W2"][:, c] + params["b2"][c] for c in range(3)])
        p = np.exp(scores) / np.exp(scores).sum()
        loss -= np.log(p[label]) / 5
        db2 += (p - np.eye(3)[label]) / 5
    assert reference.right["loss"] == pytest.approx(loss, rel=1e-12)
    np.testing.assert_allclose(reference.right["b2"], db2, rtol=1e-12)
    unsummed = reference.unsummed()
    for name in ("b1", "b2"):
        np.testing.assert_allclose(unsummed[name].sum(axis=0), reference.right[name], rtol=1e-12)


def test_floor_is_the_rounding_error_of_the_sums():
    """The floor is 1e-12 for each of 2 rows, times the largest factors of the terms."""
    # largest factors: |x| = 3 and |W2| = 5 for W1, hidden = 6 for W2
    params = {"W1": np.array([[-2.0, 0.5]]), "b1": np.zeros(2), "W2": np.array([[-5.0], [1.0]]), "b2": np.zeros(1)}
    reference = Reference(params, np.array([[-3.0], [1.0]]), np.zeros(2, dtype=int))
    expected = {"W1": 2 * 3 * 5e-12, "b1": 2 * 5e-12, "W2": 2 * 6e-12, "b2": 2e-12, "scores": 1e-9, "loss": 1e-9}
    assert reference.floor == pytest.approx(expected, rel=1e-12, abs=0)


def test_times_multiplies_everything(reference):
    """The method multiplies the loss and all gradients."""
    tripled = reference.times(3)
    assert set(tripled) == {"loss", *NAMES}
    for name, answer in tripled.items():
        np.testing.assert_allclose(answer, 3 * reference.right[name], rtol=1e-15)


def test_variants_can_be_combined(toy_data):
    """Other labels and another axis give the same result in either order."""
    X, y = toy_data
    reference, other = Reference(make_toy_net().params, X, y), (y + 1) % 3
    both = [reference.variant(y=other).variant(axis=0), reference.variant(axis=0).variant(y=other)]
    assert both[0].right["loss"] == both[1].right["loss"]
    assert both[0].right["loss"] not in (
        reference.variant(y=other).right["loss"],
        reference.variant(axis=0).right["loss"],
    )
