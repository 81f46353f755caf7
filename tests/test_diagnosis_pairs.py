"""Tests of mistakes on many nets and in pairs. Each finding is about a mistake of the net."""

import re

import numpy as np
import pytest
from test_diagnosis import SENTENCES, Changed, Student, make_data

from classifiers.neural_net import TwoLayerNet
from diagnosis import check_net
from gradient_check import eval_numerical_gradient

# Kinds of sentences, and the mistakes that a sentence of this kind may name. Both are patterns.
KINDS = {
    "vague": ("the mistake is unknown, or there are several mistakes", "strange|loss strange"),
    "factor": (
        "times (too large|what it should be)|too small by the factor|wrong sign",
        "loss (?!strange)|gradient (?!unstable)",
    ),
    "divisor": ("is divided by .*, instead of N", "gradient over"),
    "sum": ("not summed|averaged over the rows|wrong shape", "bias |b2 "),
    "labels": ("labels are shifted", "labels"),
    "pairs": ("all rows together with all labels", "pairs"),
    "axis": ("wrong axis", "axis"),
    "softmax": ("whole array in|maximum of each column", "softmax: "),
    "mask": ("flows through inactive hidden units|wrong ReLU mask|ReLU mask compares", "mask|no ReLU|penalty as mask"),
    "transposed": ("is transposed", "transposed"),
    "pre-activation": ("uses the pre-activation", "pre-activation"),
    "penalty": ("penalty|penalises", "penalty|biases|no half|half missing|reg squared"),
    "overflow": (
        "overflows|maximum of the whole array|logarithm of 0|not finite|must be finite",
        "unstable|whole maximum|log of p|gradient unstable|softmax: whole",
    ),
    "in place": ("in place", "changes|updates"),
    "random": ("not deterministic", "random"),
    "form": ("gradients must be|must be a float64 array|loss raises", "keys|further key|list|raises|float32$"),
    "float32": ("float32", "float32"),
    "scores": ("^scores", "scores|forward"),
}
SINGLE = [mistake for mistake in SENTENCES if " + " not in mistake]


def kinds_of(mistake):
    """Return the kinds of sentences that may name a mistake."""
    return {kind for kind, (_, names) in KINDS.items() if re.match(names, mistake)}


def kind_of(sentence):
    kind = next((kind for kind, (pattern, _) in KINDS.items() if re.search(pattern, sentence, re.DOTALL)), None)
    assert kind, sentence
    return kind


def is_correct(student, X, y):
    """Tell whether two mistakes cancel.

    Then the answers without penalty are correct, and loss and gradients with penalty agree.
    """
    net = TwoLayerNet(len(student.params["W1"]), len(student.params["b1"]), len(student.params["b2"]))
    net.params = student.params
    (loss, grads), (right, right_grads) = student.loss(X, y), net.loss(X, y)
    if not (np.isclose(loss, right) and all(np.allclose(grads[name], right_grads[name]) for name in grads)):
        return False
    _, grads = student.loss(X, y, 0.1)
    numeric = {
        name: eval_numerical_gradient(lambda _: student.loss(X, y, 0.1)[0], param, verbose=False)
        for name, param in student.params.items()
    }
    return all(np.allclose(grads[name], numeric[name], atol=1e-7) for name in grads)


@pytest.mark.parametrize("first", SINGLE)
def test_pairs(first):
    """At least one of two mistakes is named, and every sentence is about one of the two."""
    for second in SINGLE[SINGLE.index(first) + 1 :]:
        student, data = Student(4, 4, 4, first, second), make_data(C=4)
        findings = check_net(student, *data, max_checks=2, rng=0).findings
        named, there = {kind_of(sentence) for sentence in findings}, kinds_of(first) | kinds_of(second)
        assert named - {"vague"} <= there, (second, findings)
        assert named & there or not named and is_correct(student, *data), (second, findings)


@pytest.mark.parametrize(
    "mistakes, first, second",
    [
        ("loss not averaged, gradient not averaged", None, None),
        ("no half, penalty without W2", None, None),
        ("axis in gradient, unstable", "wrong axis in the gradients", None),
        ("labels in both, loss negative", None, "loss .* wrong sign"),
        ("labels in gradient, no ReLU", None, None),
        ("axis, gradient not averaged", None, None),
        ("axis, labels in both", "axis in the loss and the gradients", None),
        ("labels in loss, loss averaged twice", None, None),
        ("labels in gradient, bias not summed", None, None),
        ("gradient times 0.3, bias not summed", "W1 and W2 and b2 is 0.3 times", None),
        ("gradient times 0.3, bias of one row", "W1 and W2 is 0.3 times", None),
        ("gradient negative, transposed", "gradient of b1 and W2 and b2 has the wrong", None),
    ],
)
def test_two_mistakes_are_both_named(mistakes, first, second):
    """Each has one finding. A mistake in the softmax comes first. None means the one in SENTENCES."""
    names = mistakes.split(", ")
    report = check_net(Student(4, 4, 4, *names), *make_data(C=4))
    patterns = [
        pattern or SENTENCES.get(name)
        for name, pattern in zip(names, (first, second), strict=True)
        if pattern or name in SENTENCES
    ]
    assert len(report.findings) == len(patterns) and not report.notes, report
    for pattern in patterns:
        assert any(re.search(pattern, finding, re.DOTALL) for finding in report.findings), report
    softmax = [kind_of(finding) in ("labels", "axis") for finding in report.findings]
    assert softmax == sorted(softmax, reverse=True)


def test_labels_shifted_by_two():
    """This mistake is not known. It must not be reported as two shifts by one."""
    net = Student(4, 4, 5)
    right = net.loss
    net.loss = lambda X, y=None, reg=0.0: right(X) if y is None else right(X, (y + 2) % 5, reg)
    findings = check_net(net, *make_data(C=5)).findings
    assert len(findings) == 2 and all(kind_of(sentence) == "vague" for sentence in findings)


@pytest.mark.parametrize("loss, plus", [(7.0, 0), (None, 1e-3)])
def test_what_is_wrong_is_not_called_imprecise(loss, plus):
    """Examples: a loss that is exactly a float32 number; a gradient with two wrong elements."""

    def change(net, right_loss, grads, reg):
        grads["W2"][0, 1] += plus
        grads["W2"][2, 2] -= plus / 2
        return loss or right_loss, grads

    findings = check_net(Changed(change, shape=(4, 4, 4)), *make_data(C=4)).findings
    assert kind_of(findings[0]) == "vague" and ("at (0, 1): " in findings[0]) == bool(plus), findings
