"""Tests of the match of wrong answers with the table of mistakes."""

import pytest
from conftest import make_toy_net

from diagnosis.matching import explain_answers, explain_penalty
from diagnosis.reference import Reference
from diagnosis.stages import ANSWERS, SCORES

HALF, FULL, NONE = (0.5, 1.0), (1.0, 2.0), (0.0, 0.0)
RIGHT = {"W1": HALF, "b1": NONE, "W2": HALF, "b2": NONE}


@pytest.mark.parametrize(
    "factors, sentences",
    [
        ({}, []),
        ({"W1": FULL, "W2": FULL}, ["this net penalises by reg * W**2, without the half"]),
        ({"W1": FULL}, ["penalty on W1 lacks the half, but the penalty on the other weights has it"]),
        ({"W2": FULL}, ["penalty on W2 lacks the half, but the penalty on the other weights has it"]),
        ({"W1": FULL, "W2": NONE}, ["penalty on W2 is missing from the loss and the gradient. Add"]),
        ({"W1": (0.0, 1.0), "W2": FULL}, ["penalty on W1 is missing from the loss. Add"]),
        (
            {"W1": NONE, "W2": (0.5, 0.0)},
            ["W1 is missing from the loss and", "penalty on W2 is missing from the gradient. Add"],
        ),
        (
            {"W1": (0.5, 0.0), "W2": NONE},
            ["penalty on W1 is missing from the gradient. Add", "W2 is missing from the loss and"],
        ),
        ({"W1": (None, 0.0)}, ["penalty on W1 is the wrong function of W in the loss. "]),
        ({"W1": (0.0, None)}, ["penalty on W1 is the wrong function of W in the gradient. "]),
        ({"W2": (None, None)}, ["penalty on W2 is the wrong function of W in the loss and in the gradient. "]),
        ({"W1": (1.0, 1.0)}, ["loss penalises W1 without the half (factor 2)"]),
        ({"W2": (0.5, 2.0)}, ["loss penalises W2 by 0.5 * reg * sum(W**2), but the gradient is 2 * reg * W"]),
        ({"W1": (2.0, 4.0), "W2": (2.0, 4.0)}, ["W1 and W2 has the factor 2.0 in the loss and 4.0 in the gradient"]),
        ({"W1": (2.0, 4.0), "W2": (3.0, 6.0)}, ["W1 has the factor 2.0 in the", "W2 has the factor 3.0 in the"]),
        ({"b1": HALF, "b2": HALF}, ["this net penalises the biases like the weights"]),
        (
            {"b1": FULL, "b2": FULL, "W1": FULL, "W2": FULL},
            ["this net penalises the biases", "this net penalises by reg"],
        ),
        ({"b1": FULL, "b2": FULL}, ["includes b1 and b2 in the loss and the gradient, with the factor 1"]),
        ({"b2": (0.0, 1.0)}, ["includes b2 in the gradient, with the factor 1.0. Do not penalise"]),
        ({"b1": (None, 0.0)}, ["includes b1 in the loss. Do not penalise"]),
        ({"b1": HALF, "b2": (0.5, 0.0)}, ["b1 in the loss and the gradient, with", "b2 in the loss, with"]),
        ({"b1": HALF, "W1": NONE}, ["penalty includes b1 in", "penalty on W1 is missing from the loss and the"]),
    ],
)
def test_penalties(factors, sentences):
    """Each pair of factors has its sentence. Equal pairs share one sentence. Biases come first."""
    found = explain_penalty({**RIGHT, **factors})
    assert len(found) == len(sentences)
    for finding, sentence in zip(found, sentences, strict=True):
        assert sentence in str(finding)
        assert finding.mistake.note == sentence.startswith("this net")


@pytest.fixture
def reference(toy_data):
    return Reference(make_toy_net().params, *toy_data)


@pytest.mark.parametrize("off, count", [(1e-12, 1), (1e-6, 2)])
def test_factors_that_differ_by_rounding_are_one(reference, off, count):
    """All gradients are doubled, and one of them has a slightly larger factor."""
    answers = {**reference.times(2), "loss": reference.right["loss"]}
    answers["b1"] = answers["b1"] * (1 + off)
    found = explain_answers(ANSWERS, answers, reference)
    assert len(found) == count
    assert "is 2 times what it should be" in str(found[0])


def test_scores_show_the_largest_difference(reference):
    """The finding names the row, the class and both numbers."""
    scores = reference.scores.copy()
    scores[0, 0] += 0.1
    scores[3, 1] = 2.5
    (finding,) = explain_answers(SCORES, {"scores": scores}, reference)
    assert str(finding).endswith("At row 3, class 1, the score is 2.5 and should be -0.48629638")


def test_unknown_mistake_shows_the_largest_difference(reference):
    """The finding shows both numbers at this coordinate, and then the remark of the reference."""
    answers, reference.remark = reference.times(1), ", elsewhere"
    answers["W2"][1, 2] += 0.5
    answers["W2"][0, 1] -= 0.25
    (finding,) = explain_answers(ANSWERS, answers, reference)
    got, right = answers["W2"][1, 2], reference.right["W2"][1, 2]
    assert str(finding).startswith(
        "the gradient of W2 is wrong: the mistake is unknown, or there are several mistakes. "
    )
    assert str(finding).endswith(f"error is at (1, 2): it is {got:.10g} and should be {right:.10g}, elsewhere")
