"""Tests of the right answers, and of the comparison of an answer with them."""

import numpy as np
import pytest

from diagnosis.reference import Reference, agree, factor_between


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


def test_floor_is_the_rounding_error_of_the_sums():
    """The floor is 1e-12 for each of 2 rows, times the largest factors of the terms."""
    # largest factors: |x| = 3 and |W2| = 5 for W1, hidden = 6 for W2
    params = {"W1": np.array([[-2.0, 0.5]]), "b1": np.zeros(2), "W2": np.array([[-5.0], [1.0]]), "b2": np.zeros(1)}
    reference = Reference(params, np.array([[-3.0], [1.0]]), np.zeros(2, dtype=int))
    expected = {"W1": 2 * 3 * 5e-12, "b1": 2 * 5e-12, "W2": 2 * 6e-12, "b2": 2e-12, "scores": 1e-9, "loss": 1e-9}
    assert reference.floor == pytest.approx(expected, rel=1e-12, abs=0)


def test_variants_can_be_combined(toy_net, toy_data):
    """Other labels and another axis give the same loss in either order."""
    X, y = toy_data
    right, other = Reference(toy_net.params, X, y), (y + 1) % 3
    losses = [
        variant.right["loss"]
        for variant in (
            right,
            right.variant(y=other),
            right.variant(axis=0),
            right.variant(y=other).variant(axis=0),
            right.variant(axis=0).variant(y=other),
        )
    ]
    assert len(set(losses[:4])) == 4 and losses[3] == losses[4]
