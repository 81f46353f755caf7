"""Asks a net for its loss and gradients, and returns the answers as evidence. Nothing is judged here."""

from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple

import numpy as np

from checks import WEIGHTS

from .reference import NAMES, Reference, agree

PROBE_SCORE = 1000.0  # exp overflows above 709
PROBE_REG = 0.7  # differs from its square and its double, so a wrong power or factor of reg shows


@dataclass
class Calls:
    """Answers of a net for its own parameters and data: scores, and twice loss and gradients.

    `changed` names the arrays that ``loss`` changes. After an `error`, all later answers are missing.
    `missing`: functions that are not written, and their errors; correct ones are called instead.
    `scores_correct`: the scores are. `others_wrong`: something else is not.
    """

    params: dict
    scores: object = None
    first: tuple = (None, {})
    second: tuple = (None, {})
    changed: tuple = ()
    error: Exception | None = None
    missing: dict = field(default_factory=dict)
    scores_correct: bool = False
    others_wrong: bool = False

    @property
    def loss(self):
        return self.first[0]

    @property
    def grads(self):
        return self.first[1]

    @property
    def names(self):
        """The parameters that have a gradient."""
        return [name for name in NAMES if name in self.grads]

    @property
    def repeatable(self):
        (loss, grads), (again, grads_again) = self.first, self.second
        equal = (np.array_equal(grads[name], grads_again.get(name), equal_nan=True) for name in self.names)
        return loss == again and all(equal)


def call_as_given(net, X, y, reg):
    """Call a net once for scores, twice for loss and gradients, and once to see what it changes."""
    calls = Calls({**net.more, **net.params})
    try:
        calls.scores = net.ask(net.params, X)
        first, second = (net.ask(net.params, X, y, reg) for _ in range(2))
        calls.first, calls.second, calls.changed = first, second, net.changes(X, y, reg)
        calls.missing = dict(getattr(net.net, "missing", {}))
    except Exception as error:
        calls.error = error
    return calls


def describe_failure(net, X, y, reg, error):
    """Return an exception, and how the inputs of the last call differ from those of the user."""
    params, rows, labels, asked_reg = net.asked
    same, labelled = len(rows) == len(X), labels is not None
    differs = {
        "the parameters": any(not np.array_equal(params[name], net.params[name]) for name in NAMES),
        "the number of rows": not same,
        "X": same and not np.array_equal(rows, X),
        "y": same and labelled and not np.array_equal(labels, y),
        "reg": labelled and asked_reg != reg,
    }
    try:
        net.ask(net.params, X, np.minimum(y, max(len(net.params["b2"]) - 2, 0)), reg)
    except Exception as other:
        return other, "no row has the label of the last class"
    return error, " or ".join(what for what, differ in differs.items() if differ) + " differ from yours"


def fresh_reference(net, rows=0, first=0):
    """Return a `Reference` with parameters and data of the check.

    The parameters have the shapes of the net's, and no bias is zero. The number of rows, its neighbours
    included, differs from `rows` and all sizes, so a division by the wrong size shows. If possible, some
    hidden units are active and some are not. The last class of three or more does not occur: a net must
    not need it. `first` is the first seed that is tried.
    """
    (D, H), C = net.params["W1"].shape, len(net.params["b2"])
    N = next(n for n in range(7, 99) if min(abs(n - size) for size in (D, H, C, rows)) > 2)
    for seed in range(first, first + 20):
        rng = np.random.default_rng(seed)
        W1, W2 = rng.standard_normal((D, H)) / np.sqrt(D), rng.standard_normal((H, C)) / np.sqrt(H)
        b1, b2 = 0.5 * rng.choice([-1, 1], H) * rng.uniform(0.5, 1.5, H), 0.5 * rng.standard_normal(C)
        X, y = rng.standard_normal((N, D)), rng.permutation(np.arange(N) % (C - 1 if C > 2 else C))
        params = {"W1": W1, "b1": b1, "W2": W2, "b2": b2}
        r = Reference(params, X, y, " (with parameters and data of the check)", net.sigmoid)
        if (r.pre > 0.1).any(axis=0).mean() > 0.5 < (r.pre < -0.1).any(axis=0).mean():
            break
    return r


def penalty_factors(net, X, y, names):
    """Find the factors of ``reg * W**2`` in the loss and of ``reg * W`` in the gradients, biases first.

    A weight with the penalty ``0.5 * reg * W**2`` has (0.5, 1). None is another function of W. A
    parameter that is not among `names` has no gradient yet: its second factor is set to a correct one.
    """
    factors = {}
    for name in sorted(net.params, key=lambda name: (name[0] == "W", name)):  # biases first
        in_loss, in_gradient, in_transposed = [], [], []
        for probe in penalty_probes(net.params[name].shape):
            # If the other parameters are zero, only the penalty contributes to the gradient.
            params = _zeros(net.params) | {name: probe}
            (loss0, grads0), (loss1, grads1) = (net.ask(params, X, y, reg) for reg in (0.0, PROBE_REG))
            in_loss.append((loss1 - loss0) / (PROBE_REG * np.sum(probe**2)))
            if name in names:
                difference = (np.asarray(grads1[name]) - np.asarray(grads0[name])) / PROBE_REG
                fits = difference.size == probe.size  # other shapes are other findings
                in_gradient.append(difference.reshape(probe.shape) / probe if fits else difference)
                in_transposed.append(difference.T.reshape(probe.shape) / probe if fits else difference)
        first = agreed(in_loss)
        second = 2 * first if first in (0.5, 1) else float(name[0] == "W")
        if name in names:
            second = agreed(in_gradient)
            second = agreed(in_transposed) if second is None else second
        factors[name] = first, second
    return factors


def penalty_probes(shape):
    """Yield two arrays for a parameter. Sizes and signs differ, so only a square fits both."""
    place = np.arange(np.prod(shape, dtype=int)).reshape(shape)
    rising = 1 + place / place.size
    yield rising
    yield np.where(place % 2, 2, -2) * rising


def agreed(values):
    """Return the number that all values equal except for rounding; None if they differ, NaN if one is not finite."""
    values = np.concatenate([np.ravel(value) for value in values])
    if not np.isfinite(values).all():
        return float("nan")
    return round(float(values[0]), 6) if np.ptp(values) <= 1e-6 * max(1, np.abs(values).max()) else None


class JointPenalty(NamedTuple):
    """Answers whose penalty is wrong only for all parameters at once, and their penalties."""

    wrong: dict
    r: Reference
    reg: float
    factors: dict


def probe_joint_penalty(net, r, reg, factors, names):
    """Find the answers whose penalty differs from the formula."""
    full, penalised = 2 if factors["W1"] == (1, 2) else 1, NAMES if factors["b1"] != (0, 0) else WEIGHTS
    (loss0, grads0), (loss, grads) = (net.ask(r.params, r.X, r.y, r_) for r_ in (0.0, reg))
    penalty = 0.5 * full * reg * sum(np.sum(r.params[name] ** 2) for name in penalised)
    wrong = {} if agree(loss - loss0, penalty, 1e-9 * (1 + abs(loss0))) else {"the loss": loss - loss0}
    for name in names:
        got, right = grads[name] - grads0[name], full * reg * r.params[name] * (name in penalised)
        if not agree(got, right, 1e-9 * (1 + np.abs(grads0[name]).max(initial=0))):
            wrong[f"the gradient of {name}"] = got - right
    return JointPenalty(wrong, r, reg, factors)


def is_imprecise(net, reference):
    """Tell whether relative steps of about 1e-7 show that the loss is less precise than float64."""
    params, X, y = reference.params, reference.X, reference.y
    slope = sum(np.vdot(reference.right[name], params[name]) for name in NAMES)
    for step in (1e-7, 1.7e-7, 3.1e-7):
        above, below = (
            net.ask({name: (1 + sign * step) * param for name, param in params.items()}, X, y)[0] for sign in (1, -1)
        )
        if abs((above - below) / 2 - step * slope) > 1e-9 * (1 + abs(above)):
            return True
    return False


class Extremes(NamedTuple):
    """What is wrong for extreme scores: "loss", "gradient" (not finite), "value" or "" each.

    The scores are all 0; all 1000; 1000 in one row and 0 in the other; 0, but -1000 for the correct class.
    In the last case, `capped` is the loss, and 1000 would be correct.
    """

    zero: str
    high: str
    one_row: str
    low: str
    capped: float


def probe_extremes(net, known):
    """Ask a net for loss and gradients at extreme scores. If its loss is known to be wrong, skip "value"."""
    D, C = len(net.params["W1"]), len(net.params["b2"])
    zero, high, high_row, low = (_zeros(net.params) for _ in range(4))
    one, X, y = np.zeros((1, D)), np.zeros((2, D)), np.zeros(2, dtype=int)
    high["b2"][:] = PROBE_SCORE
    X[0, 0], high_row["W1"][0, 0], high_row["W2"][0] = PROBE_SCORE, 1, 1
    low["b2"][0] = -PROBE_SCORE if C > 1 else 0
    inputs = (zero, one), (high, one), (high_row, X), (low, one)
    asks = [partial(net.ask, params, rows, y[: len(rows)]) for params, rows in inputs]
    return find_extremes(asks, None if known else Reference(low, one, y[:1]).right["loss"])


def find_extremes(asks, right):
    """Call functions that return loss and gradients at extreme scores. `right` is the last loss, or None."""
    wrong = []
    for ask in asks:
        try:
            loss, grads = ask()
        except (ArithmeticError, ValueError) as error:
            if isinstance(error, ValueError) and "math domain" not in str(error):
                raise
            loss, grads = np.nan, {}
        finite = all(np.isfinite(np.asarray(g, dtype=np.float64)).all() for g in grads.values())
        wrong.append("loss" if not np.isfinite(loss) else "" if finite else "gradient")
    if not wrong[3] and right is not None and not agree(loss, right, 1e-9):
        wrong[3] = "value"
    return Extremes(*wrong, loss)


def _zeros(params):
    """Return parameters that are all zero."""
    return {name: np.zeros_like(param) for name, param in params.items()}
