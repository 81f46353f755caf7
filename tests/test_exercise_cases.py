"""Tests of exercise.cases: aspects, files, and the mistakes that the cases find."""

import numpy as np
import pytest

from exercise.apart import ROOT
from exercise.cases import call, load_cases, load_function, make_cases, save_cases
from exercise.function_text import function_source
from exercise.judge import judge, points
from exercise.parts import PARTS

PART = {part.name: part for part in PARTS}


@pytest.mark.parametrize("hidden", [False, True])
@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.name)
def test_every_aspect_has_cases(part, hidden):
    """Each aspect has cases. Equal seeds give equal cases, and hidden cases are different."""
    cases = make_cases(part.name, 3, hidden)
    assert {case.aspect for case in cases} == set(part.points) and {case.part for case in cases} == {part.name}
    again, other = make_cases(part.name, 3, hidden), make_cases(part.name, 4, hidden)
    assert all(
        np.array_equal(a.arrays[name], b.arrays[name], equal_nan=True)
        for a, b in zip(cases, again, strict=True)
        for name in a.arrays
    )
    assert len(other) == len(cases) and any(
        not np.array_equal(a.arrays[name], b.arrays.get(name))
        for a, b in zip(cases, other, strict=True)
        for name in a.arrays
    )
    seen = {case.label for case in make_cases(part.name, 3, False)}
    assert not hidden or len({case.label for case in cases} - seen) > len(cases) / 3


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.name)
def test_save_and_load(part, tmp_path):
    """A file restores the cases, with and without expected answers, and needs no pickle."""
    cases, function = make_cases(part.name, 0, True), load_function(part)
    expected = [call(part.name, function, case.arrays) for case in cases]
    for given in (expected, ()):
        save_cases(tmp_path / "cases.npz", cases, given)
        loaded, answers = load_cases(tmp_path / "cases.npz")
        for before, after in zip(cases, loaded, strict=True):
            assert before._replace(arrays={}) == after._replace(arrays={}) and list(before.arrays) == list(after.arrays)
            for name, array in before.arrays.items():
                assert (
                    np.array_equal(array, after.arrays[name], equal_nan=True)
                    and array.dtype == after.arrays[name].dtype
                )
        assert len(answers) == len(cases)
        if given:
            assert all(judge(c, a, e) == "" for c, a, e in zip(loaded, answers, expected, strict=True))
        else:
            assert answers == [{} for _ in cases]


def lost(name, *replacements):
    """Return the aspects that fail after changes of the solution: in visible, in hidden cases."""
    part = PART[name]
    text = function_source((ROOT / part.file).read_text(encoding="utf-8"), part.function)
    for old, new in replacements:
        assert old in text, old
        text = text.replace(old, new)
    names = {"np": np, "BLOCK": 1 << 19, "CHUNK": 1000}
    exec(text, names)
    found = []
    for hidden in (False, True):
        cases = make_cases(name, 5, hidden)
        found.append(set())
        for case in cases:
            expected = call(name, load_function(part), case.arrays)
            try:
                with np.errstate(all="ignore"):
                    answers = call(name, names[part.function.split(".")[-1]], case.arrays)
            except Exception as error:
                answers = str(error)
            if judge(case, answers, expected):
                found[-1].add(case.aspect)
    return found


WRONG = [
    ("forward", [("np.maximum(hidden, 0, out=hidden)", "pass")], {"scores", "hidden", "dropout", "types"}),
    ("forward", [('hidden @ params["W2"] + params["b2"]', 'hidden @ params["W2"]')], {"scores", "dropout", "types"}),
    ("forward", [("hidden *= keep", "pass")], {"dropout"}),
    ("forward", [("hidden = X @", "hidden = X.astype(np.float64) @")], {"types"}),
    (
        "forward",
        [('hidden = X @ params["W1"]', 'X *= 2\n    hidden = X @ params["W1"] / 2')],
        {"scores", "hidden", "dropout", "types"},
    ),
    ("softmax_loss", [("scores - scores.max(axis=1, keepdims=True)", "scores")], {"large scores"}),
    ("softmax_loss", [("scores.max(axis=1, keepdims=True)", "scores.max()")], {"large scores"}),
    (
        "softmax_loss",
        [("np.mean(np.log(sums[:, 0]) - shifted[rows, y])", "-np.mean(np.log((exps / sums)[rows, y]))")],
        {"large scores"},
    ),
    ("softmax_loss", [("dscores /= len(scores)", "pass")], {"gradient", "large scores", "types"}),
    ("softmax_loss", [("np.mean(", "np.sum(")], {"loss", "large scores"}),
    ("softmax_loss", [("dscores = exps / sums", "dscores = (exps / sums).astype(np.float64)")], {"types"}),
    ("penalty", [("0.5 * reg", "reg")], {"value"}),
    ("penalty", [("grads[name] += reg * W", "grads[name] += 2 * reg * W")], {"gradient"}),
    ("penalty", [("grads[name] += reg * W", "pass")], {"gradient"}),
    ("penalty", [("if grads is not None:", "if True:")], {"value"}),
    ("penalty", [('("W1", "W2")', '("W1", "W2", "b1", "b2")')], {"value", "gradient"}),
    ("penalty", [("grads[name] += reg * W", "grads[name] = reg * W")], {"gradient"}),
    ("backward", [("dhidden *= hidden > 0", "pass")], {"W1", "b1", "dropout", "types"}),
    ("backward", [("dhidden.sum(axis=0)", "dhidden.mean(axis=0)")], {"b1", "dropout", "types"}),
    ("backward", [("dscores.sum(axis=0)", "dscores.sum()")], {"b2", "dropout", "types"}),
    ("backward", [("hidden.T @ dscores", "(hidden > 0).T @ dscores")], {"W2", "dropout", "types"}),
    ("backward", [("dhidden *= keep", "pass")], {"dropout"}),
    ("backward", [("out=dW1", "out=None")], {"types"}),
    (
        "draw_minibatch",
        [("rng.choice(len(X), batch_size)", "np.arange(batch_size) % len(X)")],
        {"rows", "random stream", "out"},
    ),
    (
        "draw_minibatch",
        [("rng.choice(len(X), batch_size)", "rng.permutation(len(X))[:batch_size]")],
        {"rows", "random stream", "out"},
    ),
    (
        "draw_minibatch",
        [("return X[rows], y[rows]", "return X[rows], y[rng.choice(len(X), batch_size)]")],
        {"rows", "random stream"},
    ),
    (
        "draw_minibatch",
        [
            ("return out, y[rows]", "return out.copy(), y[rows]"),
            ("rows, axis=0, out=out", "rows, axis=0, out=None"),
            ("np.copyto(out,", "np.array("),
        ],
        {"out"},
    ),
    ("update", [("W -= learning_rate * dW", "W += learning_rate * dW")], {"plain", "weight decay"}),
    ("update", [("V *= momentum", "pass")], {"momentum"}),
    ("update", [("weight_decay * W)", "0)")], {"momentum"}),
    ("update", [("1 - learning_rate * weight_decay", "1 - weight_decay")], {"weight decay"}),
    (
        "update",
        [("W, dW = param[i : i + rows], grad[i : i + rows]", "W, dW = param[i : i + rows].copy(), grad[i : i + rows]")],
        {"plain", "weight decay", "momentum"},
    ),
    ("predict", [("argmax(axis=1)", "argmin(axis=1)")], {"classes", "many rows"}),
    ("predict", [("range(0, len(X), CHUNK)", "range(0, 1, CHUNK)")], {"many rows"}),
    ("predict", [("np.intp", "np.float64")], {"classes"}),
]


@pytest.mark.parametrize("name, replacements, aspects", WRONG)
def test_mistake_fails_its_aspects(name, replacements, aspects):
    """A mistake fails the aspects that it changes and no others, also in the visible cases."""
    visible, hidden = lost(name, *replacements)
    assert hidden == aspects and visible == aspects


# Functions that return zeros or change nothing.
TRIVIAL = {
    "forward": lambda params, X, keep=None: (
        np.zeros((len(X), len(params["b1"]))),
        np.zeros((len(X), len(params["b2"]))),
    ),
    "softmax_loss": lambda scores, y: (0.0, np.zeros_like(scores)),
    "penalty": lambda params, reg, grads=None: 0.0,
    "backward": lambda params, X, hidden, dscores, keep=None, dW1=None: {k: 0 * v for k, v in params.items()},
    "draw_minibatch": lambda X, y, batch_size, rng, out=None: (X[[0] * batch_size], y[[0] * batch_size]),
    "update": lambda *args, **kwargs: None,
    "predict": lambda self, X: np.zeros(len(X), int),
}


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.name)
def test_trivial_function_gets_almost_no_points(part, seed):
    """Zeros, the first class or unchanged arguments get at most 5% of the points."""
    verdicts = []
    for case in make_cases(part.name, 0, False) + make_cases(part.name, seed, True):
        expected = call(part.name, load_function(part), case.arrays)
        verdicts.append((case, judge(case, call(part.name, TRIVIAL[part.name], case.arrays), expected)))
    assert sum(points(part, verdicts).values()) <= 0.05 * sum(part.points.values())


def in_place(scores, y):
    """A right loss that changes the scores, which the lab does not need after the call."""
    rows = np.arange(len(y))
    scores -= scores.max(axis=1, keepdims=True)
    loss = np.mean(np.log(np.exp(scores).sum(axis=1)) - scores[rows, y])
    np.exp(scores, out=scores)
    scores /= scores.sum(axis=1, keepdims=True)
    scores[rows, y] -= 1
    scores /= len(y)
    return loss, scores


def test_scratch_arrays_may_change():
    """A change of an array that the lab no longer needs costs only the points for types."""
    function = load_function(PART["softmax_loss"])
    for case in make_cases("softmax_loss", 0, False) + make_cases("softmax_loss", 1, True):
        told = judge(case, call(case.part, in_place, case.arrays), call(case.part, function, case.arrays))
        assert told == ("scores must not be changed in place" if case.aspect == "types" else "")


def test_changes_in_place():
    """Only arguments that must not change are named."""
    case = make_cases("softmax_loss", 0, False)[0]

    def careless(scores, y):
        scores -= 1
        return 0.0, scores

    assert list(call("softmax_loss", careless, case.arrays)["changed"]) == ["scores"]
    before = {name: array.copy() for name, array in case.arrays.items()}
    assert all(np.array_equal(before[name], array) for name, array in case.arrays.items())
    case = make_cases("update", 0, False)[0]
    assert list(call("update", load_function(PART["update"]), case.arrays)["changed"]) == []
