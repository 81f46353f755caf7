"""Calls ``train`` and ``predict`` of a net, and records what they do. Nothing is judged here."""

from dataclasses import dataclass, field
from functools import cached_property
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

    before: dict
    after: dict
    rows: np.ndarray
    labels: bool
    loss: float
    k: float | None


@dataclass
class Training:
    """What ``train`` does.

    First, one and two iterations with a batch of two equal rows: parameters `before`, `after` and
    `later`; the net's own gradients for both steps, and without penalty; its loss before and after the
    first step; the answer of ``train``; the number of changes in the first iteration. Each iteration is
    an epoch. Then many rows: their `steps`, the answer, and the accuracies after each step
    for "batch", "all" (training rows) and "validation"; and an answer for a batch size that does not divide
    the number of rows. `no_batch`: ``train`` calls ``loss`` without data. `seen`: it calls it at all.
    """

    rate: float
    before: dict
    grads: dict
    grads_without_reg: dict
    after: dict = field(default_factory=dict)
    later: dict = field(default_factory=dict)
    later_grads: dict = field(default_factory=dict)
    losses: tuple = ()
    answer: object = None
    error: Exception | None = None
    no_batch: bool = False
    steps: list = field(default_factory=list)
    uneven_answer: object = None
    long_answer: object = None
    accuracies: dict = field(default_factory=dict)
    first_steps: int = 1
    seen: bool = True

    def names_with(self, factor, grads=None):
        """Return those of `names` with ``factor * gradient`` as their first step."""
        grads = self.grads if grads is None else grads
        return [name for name in self.names if _is_step(self.before[name], self.after[name], factor * grads[name])]

    @cached_property
    def names(self):
        """The parameters with a step far larger than rounding errors."""
        sizes = {name: self.rate * np.abs(grad).max() for name, grad in self.grads.items() if name in NAMES}
        return [name for name in sizes if sizes[name] > 1e-9 * (1 + np.abs(self.before[name]).max())]

    @cached_property
    def right(self):
        """Those of `names` with a correct first step."""
        return self.names_with(-self.rate)

    def second_is(self, factor):
        """Tell whether the second step is ``factor * gradient`` for all parameters."""
        return all(_is_step(self.after[name], self.later[name], factor * self.later_grads[name]) for name in NAMES)


def _is_step(before, after, step):
    """Tell whether two arrays differ by a step, except for rounding."""
    return agree(after - before, step, 1e-12 * (1 + np.abs(before).max()))


def probe_training(net, sigmoid=False):
    """Train a net with all gradients on one row, and on many rows. Return a `Training`."""
    r, calls = fresh_reference(net, (), "", sigmoid), []
    before, row = r.params, int((r.pre > 0).sum(axis=1).argmax())  # inactive units would hide mistakes
    data = (r.X[[row]], r.y[[row]]) * 2
    batch = r.X[[row, row]], r.y[[row, row]]  # larger than the data
    loss, grads = net.ask(before, *batch, PROBE_REG)
    largest = max(np.abs(grad).max() for grad in grads.values())
    t = Training(0.125 / (1 + largest), before, grads, net.ask(before, *batch, 0.0)[1])
    try:
        t.after, _ = net.train(before, data, t.rate, DECAY, PROBE_REG, 1, 2, calls)
        after_loss, t.later_grads = net.ask(t.after, *batch, PROBE_REG)
        t.losses, t.seen = (loss, after_loss), bool(calls)
        states = [*(call[0] for call in calls), t.after]
        t.first_steps = sum(_differ(*pair) for pair in zip(states, states[1:], strict=False))
        t.later, t.answer = net.train(before, data, t.rate, DECAY, PROBE_REG, 2, 2)
        if t.seen:
            t.steps, t.long_answer, t.accuracies = _train_on_many(net, before)
        batch_size = (r.N - 1) // 2  # an epoch is 2 iterations, but N / batch_size is not a whole number
        _, t.uneven_answer = net.train(before, (r.X, r.y) * 2, t.rate, DECAY, PROBE_REG, 5, batch_size)
    except Exception as error:
        t.error, t.no_batch = error, bool(calls) and (calls[-1][1] is None or calls[-1][2] is None)
    return t


def _train_on_many(net, params):
    """Train on `ROWS` rows and validate on seven; return the steps, the answer and the accuracies."""
    rng, calls = np.random.default_rng(1), []
    X, X_val = (rng.standard_normal((n, len(params["W1"]))) for n in (ROWS, 7))
    C = len(params["b2"])
    y, y_val = rng.integers(0, C, ROWS), (np.argmax(net.ask(params, X_val), axis=1) + (np.arange(7) > 3)) % C
    _, grads = net.ask(params, X, y, PROBE_REG)
    rate = 1e-3 / (1 + max(np.abs(grad).max() for grad in grads.values()))
    after, answer = net.train(params, (X, y, X_val, y_val), rate, DECAY, PROBE_REG, STEPS, BATCH, calls)
    steps = _find_steps(net, [*calls, (after, None, None)], X, y, rate)
    accuracies = {"batch": [], "all": [], "validation": []}
    for step in steps:
        right = np.argmax(net.ask(step.after, np.vstack([X, X_val])), axis=1) == [*y, *y_val]
        for what, rows in (("batch", step.rows), ("all", slice(ROWS)), ("validation", slice(ROWS, None))):
            accuracies[what].append(right[rows].mean())
    return steps, answer, {what: np.array(values) for what, values in accuracies.items()}


def _find_steps(net, calls, X, y, rate):
    """Find the call of ``loss`` that belongs to each change of the parameters."""
    steps, same = [], []
    for (before, rows, labels), (after, _, _) in zip(calls, calls[1:], strict=False):
        same.append((rows, labels))
        if _differ(before, after):
            steps.append(_find_step(net, before, after, same, X, y, rate))
            same = []
    return steps


def _differ(before, after):
    return any(not np.array_equal(before[name], after[name]) for name in NAMES)


def _find_step(net, before, after, batches, X, y, rate):
    """Return the `Step` with the first of some batches that explains it, or with the last one."""
    for rows, labels in batches:
        equal = (np.atleast_2d(rows)[:, None] == X).all(axis=2)  # (batch, N)
        numbers = np.where(equal.any(axis=1), equal.argmax(axis=1), -1)
        loss, grads = net.ask(before, np.asarray(rows), np.asarray(labels), PROBE_REG)
        steps = {name: (after[name] - before[name], -rate * grads[name]) for name in NAMES}
        got, right = (np.concatenate([np.ravel(pair[i]) for pair in steps.values()]) for i in (0, 1))
        k = factor_between(got / rate, right / rate, 1e-9)
        step = Step(before, after, numbers, np.array_equal(np.ravel(labels), y[numbers]), loss, k)
        if k is not None:
            break
    return step


class Prediction(NamedTuple):
    """Answer of ``predict`` for the rows of `r`, a `Reference`, and the net's scores (N, C).

    `remark` is the text after a row number. `error` is the exception that ``predict`` raised, or None.
    """

    got: object
    scores: np.ndarray
    r: Reference
    remark: str = ""
    error: Exception | None = None


def probe_predictions(net, X, sigmoid=False):
    """Return a net's predictions for X (N, D), and for rows with parameters of the check.

    For the latter, every class wins for some rows, all scores of about half of the rows are negative,
    and each wrong forward pass of `FORWARD` changes the class of some rows. (If that is possible: the
    check tries 20 times.)
    """
    C, count = len(net.params["b2"]), 120
    for first in range(20):
        r = fresh_reference(net, (), "", sigmoid, 20 * first)
        rows, labels = np.random.default_rng(first).standard_normal((count, r.X.shape[1])), np.zeros(count, dtype=int)
        scores = before = Reference(r.params, rows, labels, sigmoid=sigmoid).scores
        for step in np.geomspace(2, 0.05, 25):  # move the biases until all classes win about equally often
            wins = np.bincount(scores.argmax(axis=1), minlength=C)
            scores = scores - step * scores.std() * (wins / count - 1 / C)
        b2 = r.params["b2"] + (scores - before)[0] - np.median(scores.max(axis=1))
        probe = Reference({**r.params, "b2": b2}, rows, labels, sigmoid=sigmoid)
        classes = probe.scores.argmax(axis=1)
        others = [formula(probe).argmax(axis=1) for formula in list(FORWARD.values())[:OTHER_CLASSES]]
        if len(np.unique(classes)) == C and not any(np.array_equal(classes, other) for other in others):
            break
    own = Reference(net.params, X, np.zeros(len(X), dtype=int), sigmoid=sigmoid)
    return tuple(_predict(net, r, remark) for r, remark in ((own, ""), (probe, " of the check's own data")))


def _predict(net, r, remark):
    scores = np.asarray(net.ask(r.params, r.X), dtype=np.float64)
    try:
        return Prediction(net.predict(r.params, r.X), scores, r, remark)
    except Exception as error:
        return Prediction(None, scores, r, remark, error)
