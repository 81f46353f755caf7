"""Tests of exercise.cases: aspects, files, and the mistakes that the cases find."""

import numpy as np
import pytest

from exercise.cases import call, make_cases
from exercise.judge import judge, points
from exercise.parts import PARTS, solution


@pytest.mark.parametrize("hidden", [False, True])
@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.name)
def test_every_aspect_has_cases(part, hidden):
    """Each aspect has cases. Equal seeds give equal cases, and hidden cases are different."""
    cases, other = make_cases(part.name, 3, hidden), make_cases(part.name, 4, hidden)
    assert {case.aspect for case in cases} == set(part.points) and {case.part for case in cases} == {part.name}
    assert str(cases) == str(make_cases(part.name, 3, hidden))  # with all arrays and types
    assert len(other) == len(cases) and str(other) != str(cases)
    seen = {case.label for case in make_cases(part.name, 3, False)}
    assert not hidden or len({case.label for case in cases} - seen) > len(cases) / 3


# The seven functions as a student may write them. `wrong` is the mistake that each makes, if any.


def forward(wrong, params, X, mask=None):
    if wrong == "X changed":
        X *= 2
    hidden = (X.astype(np.float64) if wrong == "float64" else X) @ params["W1"] + params["b1"]
    hidden = hidden if wrong == "no ReLU" else np.maximum(0, hidden)
    hidden = hidden if mask is None or wrong == "no dropout" else hidden * mask
    return hidden, hidden @ params["W2"] + (0 if wrong == "no b2" else params["b2"])


def softmax_loss(wrong, scores, y):
    rows, dtype = np.arange(len(y)), np.float64 if wrong == "float64" else scores.dtype
    largest = {"no shift": 0, "shift by one number": scores.max()}.get(wrong, scores.max(axis=1, keepdims=True))
    exps = np.exp(scores - largest)
    sums = exps.sum(axis=1, keepdims=True)
    losses = np.log(sums[:, 0]) - (scores - largest)[rows, y]
    losses = -np.log((exps / sums)[rows, y]) if wrong == "log of softmax" else losses
    dscores = (exps / sums).astype(dtype)
    dscores[rows, y] -= 1
    return losses.sum() if wrong == "sum" else losses.mean(), dscores / (1 if wrong == "dscores of sum" else len(y))


def penalty(wrong, params, reg, grads=None):
    names = params if wrong == "biases, too" else ("W1", "W2")
    for name in names if grads is not None or wrong == "grads needed" else ():
        if wrong == "grads replaced":
            grads[name] = reg * params[name]
        else:
            grads[name] += reg * params[name]
    return (1 if wrong == "no half" else 0.5) * reg * sum(np.sum(params[name] ** 2) for name in names)


def backward(wrong, params, X, hidden, dscores, mask=None):
    dhidden = dscores @ params["W2"].T
    dhidden = dhidden if wrong == "no ReLU" else dhidden * (hidden > 0)
    dhidden = dhidden if mask is None or wrong == "no dropout" else dhidden * mask
    grads = {"W1": X.T @ dhidden, "b1": dhidden.mean(axis=0) if wrong == "mean" else dhidden.sum(axis=0)}
    grads["W2"] = (hidden > 0 if wrong == "hidden > 0" else hidden).T @ dscores
    grads["b2"] = dscores.sum(axis=None if wrong == "one sum" else 0)
    return grads


def draw_minibatch(wrong, X, y, batch_size, rng):
    if wrong == "first rows":
        rows = np.arange(batch_size) % len(X)
    elif wrong == "no replacement":
        rows = rng.permutation(len(X))[:batch_size]
    else:
        rows = rng.choice(len(X), batch_size)
    labels = y[rng.choice(len(X), batch_size)] if wrong == "other labels" else y[rows]
    return X[rows], labels


def update(wrong, param, grad, learning_rate, velocity=None, momentum=0.0):
    step = (-1 if wrong == "uphill" else 1) * learning_rate * grad
    step = step if velocity is None or wrong == "no momentum" else step - momentum * velocity
    if velocity is not None:
        velocity[...] = step if wrong == "velocity uphill" else -step
    param = param.copy() if wrong == "copy" else param
    param -= step


@np.errstate(all="ignore")
def best_class(wrong, scores):
    if wrong == "softmax":
        scores = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    classes = scores.argmin(axis=1) if wrong == "lowest" else scores.argmax(axis=0 if wrong == "axis" else 1)
    classes = scores.shape[1] - 1 - scores[:, ::-1].argmax(axis=1) if wrong == "last of equals" else classes
    return classes.astype(float) if wrong == "float" else classes


STUDENT = {f.__name__: f for f in (forward, softmax_loss, penalty, backward, draw_minibatch, update, best_class)}
MISTAKES = [
    *((name, "", set()) for name in STUDENT),
    ("forward", "no ReLU", {"scores", "hidden", "dropout", "types"}),
    ("forward", "no b2", {"scores", "dropout", "types"}),
    ("forward", "no dropout", {"dropout"}),
    ("forward", "float64", {"types"}),
    ("forward", "X changed", {"scores", "hidden", "dropout", "types"}),
    ("softmax_loss", "no shift", {"large scores"}),
    ("softmax_loss", "shift by one number", {"large scores"}),
    ("softmax_loss", "log of softmax", {"large scores"}),
    ("softmax_loss", "dscores of sum", {"gradient", "large scores", "types"}),
    ("softmax_loss", "sum", {"loss", "large scores"}),
    ("softmax_loss", "float64", {"types"}),
    ("penalty", "no half", {"value"}),
    ("penalty", "grads needed", {"value"}),
    ("penalty", "grads replaced", {"gradient"}),
    ("penalty", "biases, too", {"value", "gradient"}),
    ("backward", "no ReLU", {"W1", "b1", "dropout", "types"}),
    ("backward", "mean", {"b1", "dropout", "types"}),
    ("backward", "one sum", {"b2", "dropout", "types"}),
    ("backward", "hidden > 0", {"W2", "dropout", "types"}),
    ("backward", "no dropout", {"dropout"}),
    ("draw_minibatch", "first rows", {"rows", "random stream"}),
    ("draw_minibatch", "no replacement", {"rows", "random stream"}),
    ("draw_minibatch", "other labels", {"rows", "random stream"}),
    ("update", "uphill", {"plain", "momentum"}),
    ("update", "no momentum", {"momentum"}),
    ("update", "velocity uphill", {"momentum"}),
    ("update", "copy", {"plain", "momentum"}),
    ("best_class", "lowest", {"classes", "large scores"}),
    ("best_class", "axis", {"classes", "large scores"}),
    ("best_class", "softmax", {"large scores"}),
    ("best_class", "last of equals", {"classes"}),
    ("best_class", "float", {"classes"}),
]


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("hidden", [False, True])
@pytest.mark.parametrize("name, wrong, aspects", MISTAKES)
def test_mistake_fails_its_aspects(name, wrong, aspects, hidden):
    """A mistake fails the aspects that it changes and no others. A right function fails none."""
    failed = set()
    for case in make_cases(name, 5, hidden):
        expected = call(name, solution(name), case.arrays)
        try:
            answers = call(name, lambda *args, **options: STUDENT[name](wrong, *args, **options), case.arrays)
        except TypeError as error:
            answers = str(error)
        failed |= {case.aspect} if judge(case, answers, expected) else set()
    assert failed == aspects


# Functions that return zeros or change nothing.
TRIVIAL = {
    "forward": lambda params, X, **_: (np.zeros((len(X), len(params["b1"]))), np.zeros((len(X), len(params["b2"])))),
    "softmax_loss": lambda scores, y: (0.0, np.zeros_like(scores)),
    "penalty": lambda params, reg, grads=None: 0.0,
    "backward": lambda params, *_, **options: {name: 0 * param for name, param in params.items()},
    "draw_minibatch": lambda X, y, batch_size, *_, **options: (X[[0] * batch_size], y[[0] * batch_size]),
    "update": lambda *_, **options: None,
    "best_class": lambda scores: np.zeros(len(scores), int),
}


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.name)
def test_trivial_function_gets_no_points(part, seed):
    """Zeros, the first class and unchanged arguments are wrong, except for the loss of an easy row."""
    verdicts = []
    for case in make_cases(part.name, 0, False) + make_cases(part.name, seed, True):
        expected = call(part.name, solution(part.name), case.arrays)
        verdicts.append((case, judge(case, call(part.name, TRIVIAL[part.name], case.arrays), expected)))
    assert sum(points(part, verdicts).values()) <= (0.5 if part.name == "softmax_loss" else 0)


def test_changes_in_place():
    """A change of an array that the lab no longer needs costs only the points for types."""

    def in_place(scores, y):
        loss, scores[...] = softmax_loss("", scores.copy(), y)
        return loss, scores

    for case in make_cases("softmax_loss", 0, False):
        answers = call(case.part, in_place, case.arrays)
        verdict = judge(case, answers, call(case.part, solution("softmax_loss"), case.arrays))
        assert verdict == ("scores must not be changed in place" if case.aspect == "types" else "")
