"""Tests of mistakes on many nets and in pairs. Each finding is about a mistake of the net."""

import re

import numpy as np
import pytest
from test_diagnosis import SENTENCES, Student, make_data

from classifiers.neural_net import TwoLayerNet
from diagnosis import check_net
from gradient_check import eval_numerical_gradient

# Kinds of sentences. Each mistake has one or more kinds, and a sentence of any of them names it.
KINDS = {
    "vague": "the mistake is unknown, or there are several mistakes",
    "factor": "times (too large|what it should be)|too small by the factor|wrong sign",
    "sum": "not summed|averaged over the rows|wrong shape",
    "labels": "labels are shifted",
    "axis": "wrong axis",
    "mask": "flows through inactive hidden units|wrong ReLU mask",
    "transposed": "is transposed",
    "pre-activation": "uses the pre-activation",
    "penalty": "penalty|penalises",
    "overflow": "overflows|maximum of the whole array|logarithm of 0|not finite|must be finite",
    "in place": "in place",
    "random": "not deterministic",
    "form": "gradients must be|must be a float64 array|loss raises",
    "float32": "float32",
    "scores": "^scores",
}
OF = {
    "gradient times 0.3": ["factor"],
    "reg squared": ["penalty"],
    "half missing for W1": ["penalty"],
    "no ReLU": ["mask"],
    "unstable": ["overflow"],
    "whole maximum": ["overflow"],
    "log of p": ["overflow"],
    "transposed": ["transposed"],
    "bias summed whole": ["sum"],
    "bias keepdims": ["sum"],
    "pre-activation": ["pre-activation"],
    "loss strange": ["vague"],
    "strange": ["vague"],
    "keys": ["form"],
    "further key": ["form"],
    "list": ["form"],
    "raises": ["form"],
    "float32": ["form", "float32"],
}
STARTS = {
    "changes": ["in place"],
    "random": ["random"],
    "float32": ["float32"],
    "forward": ["scores"],
    "scores": ["scores"],
    "labels": ["labels"],
    "mask": ["mask"],
    "axis": ["axis"],
    "bias": ["sum"],
    "b2": ["sum"],
    "penalty": ["penalty"],
    "biases": ["penalty"],
    "no half": ["penalty"],
    "loss": ["factor"],
    "gradient": ["factor"],
}
SINGLE = [mistake for mistake in SENTENCES if " + " not in mistake]


def kinds_of(mistake):
    """Return the kinds of sentences that may name a mistake."""
    return OF.get(mistake) or next(kinds for start, kinds in STARTS.items() if re.match(rf"{start}\b", mistake))


def kind_of(sentence):
    return next(kind for kind, pattern in KINDS.items() if re.search(pattern, sentence, re.DOTALL))


def is_right(student, X, y):
    """Tell whether two mistakes cancel.

    Then the answers without penalty are right, and loss and gradients with penalty agree.
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
        told, there = {kind_of(sentence) for sentence in findings}, {*kinds_of(first), *kinds_of(second)}
        assert told - {"vague"} <= there, (second, findings)
        assert told & there or not told and is_right(student, *data), (second, findings)


SHAPES = [(4, 4, 4, 5), (5, 5, 5, 6), (4, 6, 3, 5), (7, 9, 4, 8), (3, 8, 5, 4)]  # D, H, C, N


def pattern_for(mistake, N, C):
    """Return the pattern of SENTENCES for another number of rows and classes."""
    pattern = SENTENCES[mistake].replace("5 times", f"{N} times").replace("factor 5", f"factor {N}")
    pattern = pattern.replace("factor -5", f"factor -{N}").replace("factor -1/5", f"factor -1/{N}")
    pattern = pattern.replace("(4,\\)", f"({C},\\)").replace("(1, 4\\)", f"(1, {C}\\)")
    return pattern.replace("= \\(5, 4\\), got \\(4, 5\\)", f"= \\({N}, {C}\\), got \\({C}, {N}\\)")


@pytest.mark.parametrize("mistake", SENTENCES)
def test_many_nets(mistake):
    """On eight nets of several shapes, the only finding is the right one."""
    for seed in range(8):
        D, H, C, N = SHAPES[seed % len(SHAPES)]
        student, data = Student(D, H, C, *mistake.split(" + "), seed=seed), make_data(N, D, C, seed=seed + 1)
        findings = check_net(student, *data, max_checks=2, rng=seed).findings
        named = len(findings) == 1 and re.search(pattern_for(mistake, N, C), findings[0], re.DOTALL)
        assert named, (seed, findings)


def test_two_mistakes_on_the_same_answers():
    """A mistake in the softmax and a second mistake are both reported, each only once."""
    for mistakes, first, second in [
        (
            ("labels in both", "loss negative"),
            "labels .* in the loss and the gradients: .* too low",
            "loss .* wrong sign",
        ),
        (("labels in gradient", "no ReLU"), "labels .* in the gradients", "gradient of W1 and b1 flows through"),
        (("axis", "gradient not averaged"), "axis in the loss and the gradients", "the gradient is 5 times too large"),
        (("axis", "labels in both"), "labels .* in the loss and the gradients", "axis in the loss and the gradients"),
        (("labels in loss", "loss averaged twice"), "labels .* in the loss: .* too high", "loss .* divided by N twice"),
        (("labels in gradient", "bias not summed"), "labels .* in the gradients", "gradient of b1 is not summed"),
        (("gradient times 0.3", "bias not summed"), "W1 and W2 and b2 is 0.3 times", "gradient of b1 is not summed"),
        (("gradient times 0.3", "bias of one row"), "W1 and W2 is 0.3 times", "gradient of b1 and b2 is not summed"),
        (
            ("gradient negative", "transposed"),
            "gradient of W1 is transposed",
            "gradient of b1 and W2 and b2 has the wrong",
        ),
    ]:
        findings = check_net(Student(4, 4, 4, *mistakes), *make_data(C=4)).findings
        told = sorted(findings, key=lambda sentence: not re.search(first, sentence))
        assert len(told) == 2 and re.search(first, told[0]) and re.search(second, told[1]), findings
        assert told == findings or kind_of(told[0]) not in ("labels", "axis")


def test_labels_shifted_by_two():
    """This mistake is not known. It must not be reported as two shifts by one."""

    class ByTwo(Student):
        def loss(self, X, y=None, reg=0.0):
            return super().loss(X) if y is None else super().loss(X, (y + 2) % 5, reg)

    findings = check_net(ByTwo(4, 4, 5), *make_data(C=5)).findings
    assert len(findings) == 2 and all(kind_of(sentence) == "vague" for sentence in findings)


@pytest.mark.parametrize("answer, place, wrong", [("loss", (), lambda x: 7.0), ("W2", (0, 1), lambda x: x + 1e-3)])
def test_what_is_wrong_is_not_called_imprecise(answer, place, wrong):
    """Examples: a loss that is exactly a float32 number; a gradient with one wrong element."""

    class Off(Student):
        def loss(self, X, y=None, reg=0.0):
            if y is None:
                return super().loss(X)
            loss, grads = super().loss(X, y, reg)
            if answer == "loss":
                return wrong(loss), grads
            grads[answer][place] = wrong(grads[answer][place])
            return loss, grads

    findings = check_net(Off(4, 4, 4), *make_data(C=4)).findings
    assert kind_of(findings[0]) == "vague", findings
