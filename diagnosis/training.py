"""Calls ``train`` and ``predict`` of a net, and records what they do. Nothing is judged here."""

from dataclasses import dataclass, field
from itertools import combinations
from typing import NamedTuple

import numpy as np

from .probes import PROBE_REG, fresh_reference
from .reference import FORWARD, NAMES, OTHER_CLASSES, Reference, agree, factor_between

DECAY = 0.5
ROWS, BATCH, STEPS = 18, 6, 7  # an epoch is 3 iterations; two epochs and the first step of the third


class Step(NamedTuple):
    """One change of the parameters, and the call of ``loss`` that it follows.

    `rows` are the row numbers of the batch, -1 for others. `labels`: each row has its own label. `k` is
    the factor between the change and the correct one for the first learning rate, or None.
    """

    after: dict
    rows: np.ndarray
    labels: bool
    loss: float
    k: float | None


@dataclass
class Training:
    """What ``train`` does.

    First, one and two iterations with a batch of two equal rows, from data of one row. For each
    parameter, `factors` has the factor between the first step and the correct one (0 if there is none,
    None if it is no factor). `no_reg` names the parameters whose step lacks the penalty. `second` is the
    learning rate of the second step, a multiple of the first: 1, `DECAY`, or None if the step is wrong.
    `losses` are those before and after the first step, `changes` the number of changes in it.

    Then many rows: their `steps`, the answer, and the accuracies after each step for "batch", "all"
    (training rows) and "validation"; and an answer for a batch size that does not divide the number of
    rows. `error` is an exception of ``train``. `larger`: it works with data as large as the batch.
    `no_batch`: it calls ``loss`` without data. `seen`: it calls it at all.
    """

    factors: dict = field(default_factory=dict)
    no_reg: tuple = ()
    second: float | None = None
    changes: int = 1
    losses: tuple = ()
    answer: object = None
    error: Exception | None = None
    larger: bool = False
    no_batch: bool = False
    seen: bool = True
    steps: list = field(default_factory=list)
    long_answer: object = None
    accuracies: dict = field(default_factory=dict)
    uneven_answer: object = None


def probe_training(net, copies=1):
    """Train a net with all gradients on copies of one row, and on many rows. Return a `Training`."""
    r, calls, t = fresh_reference(net), [], Training()
    before, row = r.params, int((r.pre > 0).sum(axis=1).argmax())  # inactive units would hide mistakes
    data, batch = (r.X[[row] * copies], r.y[[row] * copies]) * 2, (r.X[[row, row]], r.y[[row, row]])
    loss, grads = net.ask(before, *batch, PROBE_REG)
    _, without_reg = net.ask(before, *batch, 0.0)
    rate = 0.125 / (1 + _largest(grads))
    options = rate, DECAY, PROBE_REG
    # Smaller steps than these are rounding errors.
    names = [name for name in NAMES if rate * np.abs(grads[name]).max() > 1e-9 * (1 + np.abs(before[name]).max())]
    try:
        after, _ = net.train(before, data, *options, 1, 2, calls)
        later, t.answer = net.train(before, data, *options, 2, 2)
        after_loss, later_grads = net.ask(after, *batch, PROBE_REG)
        t.seen, t.losses = bool(calls), (loss, after_loss)
        t.factors = {name: _factor(before[name], after[name], -rate * grads[name]) for name in names}
        fits = {name: _factor(before[name], after[name], -rate * without_reg[name]) for name in names}
        t.no_reg = tuple(name for name in names if fits[name] == 1 != t.factors[name])
        states = [*(call[0] for call in calls), after]
        t.changes = sum(_differ(*pair) for pair in zip(states, states[1:], strict=False))
        for k in (1, DECAY):
            if all(_is_step(after[name], later[name], -k * rate * later_grads[name]) for name in NAMES):
                t.second = k
        if t.seen:
            _train_on_many(net, before, t)
        batch_size = (r.N - 1) // 2  # an epoch is 2 iterations, but N / batch_size is not a whole number
        _, t.uneven_answer = net.train(before, (r.X, r.y) * 2, *options, 5, batch_size)
    except Exception as error:
        t.error, t.no_batch = error, bool(calls) and (calls[-1][1] is None or calls[-1][2] is None)
        t.larger = copies == 1 and probe_training(net, 2).error is None
    return t


def _largest(grads):
    return max(np.abs(grad).max() for grad in grads.values())


def _factor(before, after, step):
    """Return the factor between a change and a step, 0 if nothing changes, None if it is no factor."""
    if np.array_equal(after, before):
        return 0.0
    if _is_step(before, after, step):
        return 1.0
    k = factor_between(after - before, step, 1e-12 * (1 + np.abs(before).max()))
    return None if k is None else float(f"{k:.6g}")


def _is_step(before, after, step):
    """Tell whether two arrays differ by a step, except for rounding."""
    return agree(after - before, step, 1e-12 * (1 + np.abs(before).max()))


def _train_on_many(net, params, t):
    """Train on `ROWS` rows and validate on seven. Set the steps, the answer and the accuracies."""
    rng, calls = np.random.default_rng(1), []
    X, X_val = (rng.standard_normal((n, len(params["W1"]))) for n in (ROWS, 7))
    C = len(params["b2"])
    y, y_val = rng.integers(0, C, ROWS), (np.argmax(net.ask(params, X_val), axis=1) + (np.arange(7) > 3)) % C
    rate = 1e-3 / (1 + _largest(net.ask(params, X, y, PROBE_REG)[1]))
    after, t.long_answer = net.train(params, (X, y, X_val, y_val), rate, DECAY, PROBE_REG, STEPS, BATCH, calls)
    same, states = [], [*(call[0] for call in calls), after]
    for call, state in zip(calls, states[1:], strict=True):
        same.append(call)
        if _differ(call[0], state):  # which of the calls with these parameters belongs to the change?
            found = [_find_step(net, one, state, X, y, rate) for one in same]
            t.steps.append(next((step for step in found if step.k is not None), found[-1]))
            same = []
    t.accuracies = {what: np.zeros(len(t.steps)) for what in ("batch", "all", "validation")}
    for i, step in enumerate(t.steps):
        right = np.argmax(net.ask(step.after, np.vstack([X, X_val])), axis=1) == [*y, *y_val]
        for what, rows in (("batch", step.rows), ("all", slice(ROWS)), ("validation", slice(ROWS, None))):
            t.accuracies[what][i] = right[rows].mean()


def _differ(before, after):
    return any(not np.array_equal(before[name], after[name]) for name in NAMES)


def _find_step(net, call, after, X, y, rate):
    """Compare a change of the parameters with the gradient of a call of ``loss``."""
    before, rows, labels = call
    equal = (np.atleast_2d(rows)[:, None] == X).all(axis=2)  # (batch, N)
    numbers = np.where(equal.any(axis=1), equal.argmax(axis=1), -1)
    loss, grads = net.ask(before, np.asarray(rows), np.asarray(labels), PROBE_REG)
    got, right = (np.concatenate([np.ravel(part[name]) for name in NAMES]) for part in (
        {name: (before[name] - after[name]) / rate for name in NAMES}, grads))  # fmt: skip
    k = factor_between(got, right, 1e-9)
    return Step(after, numbers, np.array_equal(np.ravel(labels), y[numbers]), loss, k)


class Prediction(NamedTuple):
    """Answer of ``predict`` for the rows of `r`, a `Reference`, and the net's scores (N, C).

    `remark` is the text after a row number. `error` is the exception that ``predict`` raised, or None.
    """

    got: object
    scores: np.ndarray
    r: Reference
    remark: str = ""
    error: Exception | None = None


def probe_predictions(net, X):
    """Return a net's predictions for X (N, D), and for rows with parameters of the check.

    Together, every class wins for some of these rows, and each wrong forward pass of `FORWARD` differs
    in some classes from the correct one and from the others. If one probe does not do it, there are more.
    """
    own = Reference(net.params, X, np.zeros(len(X), dtype=int), sigmoid=net.sigmoid)
    formulas = {"": lambda r: r.scores, **dict(list(FORWARD.items())[:OTHER_CLASSES])}
    answers, missing = [_predict(net, own, "")], {*range(own.C), *combinations(formulas, 2)}
    for seed in range(20):
        if not any(isinstance(what, int) or seed < 3 or "" in what for what in missing):
            break
        for probe in _rows_to_predict(net, seed):
            classes = {what: formula(probe).argmax(axis=1) for what, formula in formulas.items()}
            seen = {pair for pair in combinations(formulas, 2) if (classes[pair[0]] != classes[pair[1]]).any()}
            seen = missing & (seen | set(classes[""].tolist()))
            if seen:
                answers.append(_predict(net, probe, " of the check's own data"))
                missing -= seen
    return answers


def _rows_to_predict(net, seed):
    """Yield 120 rows twice. First, each class wins about equally often, and half of the rows have negative scores."""
    r, rng = fresh_reference(net, first=20 * seed), np.random.default_rng(seed)
    rows, labels = rng.standard_normal((120, r.X.shape[1])), np.zeros(120, dtype=int)
    plain = Reference(r.params, rows, labels, sigmoid=net.sigmoid)
    scores = plain.scores
    for step in np.geomspace(2, 0.05, 25):  # move the biases
        wins = np.bincount(scores.argmax(axis=1), minlength=r.C)
        scores = scores - step * scores.std() * (wins / 120 - 1 / r.C)
    b2 = r.params["b2"] + (scores - plain.scores)[0] - np.median(scores.max(axis=1))
    yield Reference({**r.params, "b2": b2}, rows, labels, sigmoid=net.sigmoid)
    yield plain  # with one hidden unit, a missing ReLU changes no class if each class wins


def _predict(net, r, remark):
    scores = np.asarray(net.ask(r.params, r.X), dtype=np.float64)
    try:
        return Prediction(net.predict(r.params, r.X), scores, r, remark)
    except Exception as error:
        return Prediction(None, scores, r, remark, error)
