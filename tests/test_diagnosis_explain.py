"""How wrong answers become sentences."""

import pytest
from conftest import make_toy_net

from diagnosis.explain import explain_answers, explain_penalty
from diagnosis.reference import Reference
from diagnosis.stages import ANSWERS, SCORES

HALF, FULL, NONE = (0.5, 1.0), (1.0, 2.0), (0.0, 0.0)
RIGHT = {"W1": HALF, "b1": NONE, "W2": HALF, "b2": NONE}


@pytest.mark.parametrize(
    "factors, sentences",
    [
        ({}, []),
        ({"W1": FULL, "W2": FULL}, ["this net penalises by reg * W**2, without the half"]),
        ({"W1": FULL}, ["penalty on W1 is without the half, that on the other weights with it"]),
        ({"W2": FULL}, ["penalty on W2 is without the half, that on the other weights with it"]),
        ({"W1": FULL, "W2": NONE}, ["penalty leaves W2 out, in the loss and in the gradient: add"]),
        ({"W1": (0.0, 1.0), "W2": FULL}, ["penalty on W1 is missing from the loss: add"]),
        ({"W1": NONE, "W2": (0.5, 0.0)}, ["leaves W1 out", "penalty on W2 is missing from the gradient: add"]),
        ({"W1": (0.5, 0.0), "W2": NONE}, ["penalty on W1 is missing from the gradient: add", "leaves W2 out"]),
        ({"W1": (None, 0.0)}, ["penalty on W1 is another function of W in the loss: "]),
        ({"W1": (0.0, None)}, ["penalty on W1 is another function of W in the gradient: "]),
        ({"W2": (None, None)}, ["penalty on W2 is another function of W in the loss and in the gradient: "]),
        ({"W1": (1.0, 1.0)}, ["loss penalises W1 without the half (factor 2)"]),
        ({"W2": (0.5, 2.0)}, ["loss penalises W2 by 0.5 * reg * W**2, but the gradient is that without"]),
        ({"W1": (2.0, 4.0), "W2": (2.0, 4.0)}, ["W1 and W2 counts 2.0 in the loss and 4.0 in the gradient"]),
        ({"W1": (2.0, 4.0), "W2": (3.0, 6.0)}, ["W1 counts 2.0 in the", "W2 counts 3.0 in the"]),
        ({"b1": HALF, "b2": HALF}, ["this net penalises the biases as it does the weights"]),
        (
            {"b1": FULL, "b2": FULL, "W1": FULL, "W2": FULL},
            ["this net penalises the biases", "this net penalises by reg"],
        ),
        ({"b1": FULL, "b2": FULL}, ["includes b1 and b2 in the loss and the gradient, with the factor 1"]),
        ({"b2": (0.0, 1.0)}, ["includes b2 in the gradient, with the factor 1.0: biases"]),
        ({"b1": (None, 0.0)}, ["includes b1 in the loss: biases"]),
        ({"b1": HALF, "b2": (0.5, 0.0)}, ["b1 in the loss and the gradient, with", "b2 in the loss, with"]),
        ({"b1": HALF, "W1": NONE}, ["penalty includes b1 in", "penalty leaves W1 out"]),
    ],
)
def test_penalties(factors, sentences):
    """Each pair of factors has its sentence; equal pairs share it; biases come first."""
    found = explain_penalty({**RIGHT, **factors})
    assert len(found) == len(sentences)
    for finding, sentence in zip(found, sentences, strict=True):
        assert sentence in str(finding)
        assert finding.mistake.note == sentence.startswith("this net")


@pytest.fixture
def reference(toy_data):
    return Reference(make_toy_net().params, *toy_data)


def test_right_answers_need_no_explanation(reference):
    """No finding."""
    assert explain_answers(ANSWERS, reference.times(1), reference) == []


@pytest.mark.parametrize("off, count", [(1e-12, 1), (1e-6, 2)])
def test_factors_that_differ_by_rounding_are_one(reference, off, count):
    """All gradients doubled, one of them a little more."""
    answers = {**reference.times(2), "loss": reference.right["loss"]}
    answers["b1"] = answers["b1"] * (1 + off)
    found = explain_answers(ANSWERS, answers, reference)
    assert len(found) == count
    assert "is 2 times what it should be" in str(found[0])


def test_scores_show_the_largest_difference(reference):
    """Its row, its class and both numbers."""
    scores = reference.scores.copy()
    scores[0, 0] += 0.1
    scores[3, 1] = 2.5
    (finding,) = explain_answers(SCORES, {"scores": scores}, reference)
    assert str(finding).endswith("at row 3, class 1 they are 2.5, not -0.48629638")


def test_nothing_known_shows_the_largest_difference(reference):
    """The values are those that disagree, also behind a remark on the parameters."""
    answers, reference.remark = reference.times(1), ", elsewhere"
    answers["W2"][1, 2] += 0.5
    answers["W2"][0, 1] -= 0.25
    (finding,) = explain_answers(ANSWERS, answers, reference)
    got, right = answers["W2"][1, 2], reference.right["W2"][1, 2]
    assert str(finding).startswith("the gradient of W2 is wrong; none of the known mistakes explains it")
    assert str(finding).endswith(f"Worst at (1, 2): it is {got:.10g} and should be {right:.10g}, elsewhere")
