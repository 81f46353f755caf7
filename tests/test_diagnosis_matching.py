"""Tests of the comparison with correct answers, and of the match with the table of mistakes."""

import numpy as np
import pytest
from conftest import make_toy_net

from diagnosis.matching import explain
from diagnosis.reference import NAMES, Penalties, Reference, agree, factor_between
from diagnosis.stages import ANSWERS, PENALTY, SCORES

HALF, FULL, NONE = (0.5, 1.0), (1.0, 2.0), (0.0, 0.0)
RIGHT = {"b1": NONE, "b2": NONE, "W1": HALF, "W2": HALF}


@pytest.mark.parametrize(
    "factors, sentences",
    [
        ({"W2": FULL}, ["penalty on W2 lacks the half, but the penalty on the other weights has it"]),
        ({"W1": (0.0, 1.0), "W2": FULL}, ["penalty on W1 is missing from the loss. Add"]),
        (
            {"W1": NONE, "W2": (0.5, 0.0)},
            ["W1 is missing from the loss and", "penalty on W2 is missing from the gradient. Add"],
        ),
        ({"W1": (None, 0.0)}, ["penalty on W1 is the wrong function of W in the loss. "]),
        ({"W1": (0.0, None)}, ["penalty on W1 is the wrong function of W in the gradient. "]),
        ({"W1": (2.0, 4.0), "W2": (3.0, 6.0)}, ["W1 has the factor 2.0 in the", "W2 has the factor 3.0 in the"]),
        ({"b1": FULL, "b2": FULL}, ["includes b1 and b2 in the loss and the gradient, with the factor 1"]),
        ({"b1": (None, 0.0)}, ["includes b1 in the loss. Do not penalise"]),
        ({"b1": HALF, "b2": (0.5, 0.0)}, ["b1 in the loss and the gradient, with", "b2 in the loss, with"]),
        ({"W1": FULL, "W2": NONE}, ["penalty on W2 is missing from the loss and the gradient, and that on W1 is doub"]),
        ({"W2": (1.0, 1.0), "W1": (0.0, 1.0)}, ["the loss penalises W2 twice, and W1 not at all"]),
        ({"W1": (0.5, 2.0), "W2": (0.5, 0.0)}, ["the gradient penalises W1 twice, and W2 not at all"]),
        ({"W1": (np.nan, 1.0)}, []),
        ({"b1": HALF, "W1": NONE}, ["penalty includes b1 in", "penalty on W1 is missing from the loss and the"]),
    ],
)
def test_penalties(factors, sentences):
    """Rarer combinations than those of the other tests. Biases come first."""
    factors = {**RIGHT, **factors}
    found = explain(PENALTY, factors, Penalties(factors, NAMES))
    assert len(found) == len(sentences)
    for finding, sentence in zip(found, sentences, strict=True):
        assert sentence in str(finding)


@pytest.fixture
def reference(toy_data):
    return Reference(make_toy_net().params, *toy_data)


@pytest.mark.parametrize("off, count", [(1e-12, 1), (1e-6, 2)])
def test_factors_that_differ_by_rounding_are_one(reference, off, count):
    """All gradients are doubled, and one of them has a slightly larger factor."""
    answers = {name: reference.times(2)[name] for name in NAMES}
    answers["b1"] = answers["b1"] * (1 + off)
    found = explain(ANSWERS, answers, reference)
    assert len(found) == count
    assert "is 2 times what it should be" in str(found[0])


def test_scores_show_the_largest_difference(reference):
    """The finding names the row, the class and both numbers."""
    scores = reference.scores.copy()
    scores[0, 0] += 0.1
    scores[3, 1] = 2.5
    (finding,) = explain(SCORES, {"scores": scores}, reference)
    assert str(finding).endswith("At row 3, class 1, the score is 2.5 and should be -0.48629638")


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
    """Answers of equal shape agree within 1e-7 of the largest correct number, or within the floor."""
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
        ([2.0, 2.0], [1.0, 1.0], 1.01e-3, None),  # the correct numbers are near the rounding error
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
    expected = {
        "W1": 2 * 3 * 5e-12,
        "b1": 2 * 5e-12,
        "W2": 2 * 6e-12,
        "b2": 2e-12,
        "scores": 1e-9,
        "hidden": 1e-9,
        "loss": 1e-9,
    }
    assert reference.floor == pytest.approx(expected, rel=1e-12, abs=0)
