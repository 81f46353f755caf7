"""Tests of exercise.cases: aspects, files, and the mistakes that the cases find."""

import re

import numpy as np
import pytest

from exercise.cases import call, make_cases
from exercise.judge import judge, points
from exercise.parts import BY_NAME, PARTS, solution
from exercise.student import load, try_case


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


# The seven functions as a student may write them.
STUDENT = """
def forward(params, X, mask=None):
    sums = X @ params["W1"] + params["b1"]
    hidden = np.maximum(0, sums)
    if mask is not None:
        hidden = hidden * mask
    scores = hidden @ params["W2"] + params["b2"]
    return hidden, scores


def softmax_loss(scores, y):
    N = len(y)
    rows = np.arange(N)
    shifted = scores - scores.max(axis=1, keepdims=True)
    exps = np.exp(shifted)
    sums = exps.sum(axis=1, keepdims=True)
    logp = shifted - np.log(sums)
    p = exps / sums
    loss = -logp[rows, y].mean()
    dscores = p.copy()
    dscores[rows, y] -= 1
    dscores /= N
    return loss, dscores


def penalty(params, reg, grads=None):
    value = 0.0
    for name in ("W1", "W2"):
        value += 0.5 * reg * np.sum(params[name] ** 2)
        if grads is not None:
            grads[name] += reg * params[name]
    return value


def backward(params, X, hidden, dscores, mask=None):
    dhidden = dscores @ params["W2"].T
    if mask is not None:
        dhidden = dhidden * mask
    dhidden[hidden <= 0] = 0
    grads = {"W1": X.T @ dhidden, "b1": dhidden.sum(axis=0)}
    grads["W2"] = hidden.T @ dscores
    grads["b2"] = dscores.sum(axis=0)
    return grads


def draw_minibatch(X, y, batch_size, rng):
    rows = rng.choice(len(X), batch_size)
    return X[rows], y[rows]


def update(param, grad, learning_rate, velocity=None, momentum=0.0):
    if velocity is None:
        param -= learning_rate * grad
    else:
        velocity *= momentum
        velocity -= learning_rate * grad
        param += velocity


def best_class(scores):
    return scores.argmax(axis=1)
"""
# Beginners' mistakes: function | aspects that fail | what a mistake changes -> one mistake -> another one.
MISTAKES = """
forward | all | np.maximum(0, sums) -> sums -> np.abs(sums) -> np.maximum(0.01 * sums, sums)
forward | all | np.maximum(0, sums) -> 1 / (1 + np.exp(-sums))
forward | types | np.maximum(0, sums) -> np.maximum(0, sums.astype(float))
forward | all |  + params["b1"] ->
forward | scores, dropout, types |  + params["b2"] ->
forward | all | + params["b1"] -> + params["b1"].sum()
forward | dropout | hidden * mask -> hidden -> hidden * (mask > 0)
forward | all | hidden, scores -> scores, hidden
forward | all | return hidden, scores -> return scores -> hidden, scores
forward | hidden, dropout, types | return hidden, scores -> return sums, scores
forward | scores, dropout, types | return hidden, scores -> return hidden, np.maximum(0, scores)
forward | scores, dropout, types | hidden @ params["W2"] -> sums @ params["W2"]
forward | all | sums = X -> X *= 2; sums = X
softmax_loss | large scores | scores.max(axis=1, keepdims=True) -> 0 -> scores.min(axis=1, keepdims=True)
softmax_loss | large scores | scores.max(axis=1, keepdims=True) -> scores.mean(axis=1, keepdims=True)
softmax_loss | all | scores.max(axis=1, keepdims=True) -> scores.max(axis=0)
softmax_loss | all | exps.sum(axis=1, keepdims=True) -> exps.sum(axis=0) -> exps.sum()
softmax_loss | large scores | logp = shifted - np.log(sums) -> logp = np.log(exps / sums)
softmax_loss | loss, large scores | logp = shifted - np.log(sums) -> logp = np.log(exps / sums + 1e-8)
softmax_loss | loss, large scores | logp = shifted - np.log(sums) -> logp = scores - np.log(sums)
softmax_loss | loss, large scores | logp = shifted - np.log(sums) -> logp = exps / sums
softmax_loss | loss, large scores | logp[rows, y] -> logp[:, y] -> logp[rows, y - 1] -> logp
softmax_loss | loss, large scores | .mean() -> .sum() ->
softmax_loss | gradient, large scores, types | dscores[rows, y] -= 1 -> pass -> dscores[:, y] -= 1
softmax_loss | gradient, large scores, types | dscores[rows, y] -= 1 -> dscores[rows, y] += 1
softmax_loss | gradient, large scores, types | dscores[rows, y] -= 1 -> dscores[rows, y - 1] -= 1
softmax_loss | gradient, large scores, types | dscores /= N -> pass -> dscores /= dscores.shape[1]
softmax_loss | gradient, large scores, types | p.copy() -> exps.copy()
softmax_loss | types | p.copy() -> p.astype(float)
softmax_loss | all | loss, dscores -> dscores, loss
softmax_loss | all | return loss, dscores -> return loss
softmax_loss | all | N = len(y) -> N = scores.shape[1]
penalty | value | 0.5 * reg -> reg -> 0.5
penalty | all | ("W1", "W2") -> params -> ("W1",) -> ("b1", "b2")
penalty | value | value += -> value =
penalty | value | params[name] ** 2 -> params[name]
penalty | value | np.sum(params[name] ** 2) -> np.sqrt(np.sum(params[name] ** 2))
penalty | value | np.sum -> np.mean
penalty | gradient | grads[name] += -> grads[name] = -> grads[name] -=
penalty | gradient | += reg * params -> += 2 * reg * params -> += 0.5 * reg * params
penalty | gradient | grads[name] += reg * params[name] -> pass
penalty | all | if grads is not None -> if grads is None
penalty | value | if grads is not None: -> if True:
penalty | all |     return value ->         return value ->
backward | W1, b1, dropout, types | dhidden[hidden <= 0] = 0 -> pass -> dhidden[dhidden <= 0] = 0
backward | W1, b1, dropout, types | dhidden[hidden <= 0] = 0 -> dhidden[hidden < 0] = 0
backward | W1, b1, dropout, types | dhidden[hidden <= 0] = 0 -> dhidden[hidden > 0] = 0
backward | W1, b1, dropout, types | dhidden[hidden <= 0] = 0 -> dhidden = dhidden * hidden
backward | W1, b1, dropout, types | dhidden[hidden <= 0] = 0 -> dhidden[X @ params["W1"] <= 0] = 0
backward | dropout | dhidden * mask -> dhidden -> dhidden * (mask > 0)
backward | b1, dropout, types | dhidden.sum(axis=0) -> dhidden.mean(axis=0) -> dhidden.sum(axis=1)
backward | b1, dropout, types | dhidden.sum(axis=0) -> dhidden.sum() -> dhidden.sum(axis=0, keepdims=True)
backward | b2, dropout, types | dscores.sum(axis=0) -> dscores.mean(axis=0) -> dscores.sum() -> dscores
backward | W1, dropout, types | X.T @ dhidden -> X.T @ dhidden / len(X) -> (X.T @ dhidden).T -> -X.T @ dhidden
backward | W1, dropout, types | X.T @ dhidden -> X.T @ dhidden + params["W1"]
backward | W2, dropout, types | hidden.T @ dscores -> (hidden > 0).T @ dscores
backward | W1, dropout, types | grads = {"W1" -> grads = {"dW1"
backward | all | return grads -> return tuple(grads.values()) -> return
draw_minibatch | all | rng.choice(len(X), batch_size) -> np.arange(batch_size) % len(X)
draw_minibatch | all | rng.choice(len(X), batch_size) -> rng.permutation(len(X))[:batch_size]
draw_minibatch | all | rng.choice(len(X), batch_size) -> rng.choice(len(X), batch_size, replace=False)
draw_minibatch | all | rng.choice(len(X), batch_size) -> rng.choice(batch_size, batch_size)
draw_minibatch | all | rng.choice(len(X), batch_size) -> np.full(batch_size, rng.choice(len(X)))
draw_minibatch | random stream | rng.choice(len(X), batch_size) -> np.random.choice(len(X), batch_size)
draw_minibatch | random stream | rng.choice(len(X), batch_size) -> np.sort(rng.choice(len(X), batch_size))
draw_minibatch | all | y[rows] -> y[rng.choice(len(X), batch_size)] -> y[:batch_size]
draw_minibatch | all | X[rows], y[rows] -> y[rows], X[rows]
draw_minibatch | all | return X[rows], y[rows] -> return X[rows]
draw_minibatch | all | rows = -> rng.shuffle(X); rows =
update | plain | param -= learning_rate * grad -> param += learning_rate * grad
update | plain | param -= learning_rate * grad -> param = param - learning_rate * grad
update | plain | param -= learning_rate * grad -> param = -learning_rate * grad
update | momentum | velocity *= momentum -> pass -> velocity = momentum * velocity -> velocity *= 1 - momentum
update | momentum | velocity -= learning_rate * grad -> velocity += learning_rate * grad
update | momentum | velocity -= learning_rate * grad -> velocity -= (1 - momentum) * learning_rate * grad
update | momentum | param += velocity -> param -= velocity -> param = param + velocity -> return
update | momentum | if velocity is None -> if velocity is None or momentum
best_class | all | argmax(axis=1) -> argmin(axis=1) -> argmax(axis=0) -> argmax(axis=1, keepdims=True)
best_class | classes | argmax(axis=1) -> argmax(axis=1).astype(float)
best_class | all | scores.argmax -> abs(scores).argmax
best_class | large scores | scores.argmax -> (np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)).argmax
best_class | classes | scores.argmax(axis=1) -> scores.shape[1] - 1 - scores[:, ::-1].argmax(axis=1)
best_class | all | return scores -> scores
"""
SOURCES = {name: re.search(rf"def {name}\(.*?(?=\n\n\n|$)", STUDENT, re.DOTALL)[0] for name in BY_NAME}


def mistakes():
    """Return the function, the aspects that fail, what to replace, and by what. One of each function has no mistake."""
    found = [(name, set(), "", "") for name in BY_NAME]
    for line in MISTAKES.strip().splitlines():
        name, aspects, changes = line.split(" | ")
        aspects = set(BY_NAME[name].points if aspects == "all" else aspects.split(", "))
        old, *new = changes.split(" ->")
        found += [(name, aspects, old, text[1:]) for text in new]
    return found


def written(name, old="", new=""):
    """Return a function as the student wrote it."""
    assert old in SOURCES[name]
    return getattr(load("import numpy as np\n" + SOURCES[name].replace(old, new))[0], name)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("hidden", [False, True])
@pytest.mark.parametrize("name, aspects, old, new", mistakes())
def test_mistake_fails_its_aspects(name, aspects, old, new, hidden):
    """A mistake fails the aspects that it changes and no others. A right function fails none."""
    failed, function = set(), written(name, old, new)
    for case in make_cases(name, 5 * hidden, hidden):
        expected = call(name, solution(name), case.arrays)
        failed |= {case.aspect} if judge(case, try_case(function, case), expected) else set()
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
        verdicts.append((case, judge(case, try_case(TRIVIAL[part.name], case), expected)))
    assert sum(points(part, verdicts).values()) <= (0.5 if part.name == "softmax_loss" else 0)


def test_changes_in_place():
    """A change of an array that the lab no longer needs costs only the points for types."""

    def in_place(scores, y):
        loss, scores[...] = written("softmax_loss")(scores.copy(), y)
        return loss, scores

    for case in make_cases("softmax_loss", 0, False):
        answers = call(case.part, in_place, case.arrays)
        verdict = judge(case, answers, call(case.part, solution("softmax_loss"), case.arrays))
        assert verdict == ("scores must not be changed in place" if case.aspect == "types" else "")


SENTENCES = [
    (
        "update",
        "param -= learning_rate * grad",
        "param = param - learning_rate * grad",
        "does not change param. Change it",
    ),
    ("draw_minibatch", "y[rows]", "y[:3]", "a row is not a row of X with its own label"),
    (
        "draw_minibatch",
        "rng.choice(len(X), batch_size)",
        "np.arange(3)",
        "the number of rows at (0,) is 3 and should be 18",
    ),
    ("draw_minibatch", "X[rows]", "X[rows, :1]", "a row is not a row of X with its own label"),
    ("backward", "hidden.T @ dscores", "hidden", 'grads["W2"] has the shape (5, 10), not (10, 3)'),
    ("backward", 'grads["W2"]', 'grads["dW2"]', 'grads["W2"] is missing'),
]


@pytest.mark.parametrize("name, old, new, sentence", SENTENCES)
def test_sentences(name, old, new, sentence):
    """A mistake is named in the words of the student's file."""
    cases, function = make_cases(name, 0, False), written(name, old, new)
    verdicts = [judge(c, try_case(function, c), call(name, solution(name), c.arrays)) for c in cases]
    assert any(verdict.startswith(sentence) for verdict in verdicts), verdicts
