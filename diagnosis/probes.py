"""Asks a net: for its answers as it is, and for its loss and gradients at parameters of our choice."""

import io
import warnings
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from copy import deepcopy
from dataclasses import dataclass

import numpy as np

from checks import check_shapes

from .reference import NAMES, WEIGHTS, agree

PROBE_REG = 0.7  # unlike its own square and its double, so that they are not mistaken for it


class NetUnderTest:
    """A net that answers for any parameters; its own are left as they are.

    Parameters
    ----------
    net : object
        With `params` and `loss`.

    Raises
    ------
    ValueError, TypeError
        If the parameters are not those of a two-layer net.
    """

    def __init__(self, net):
        self.net, self.own, self._printed = net, net.params, io.StringIO()
        check_shapes("params", self.own, {"W1": "DH", "b1": "H", "W2": "HC", "b2": "C"})
        self.params = {name: np.array(self.own[name], dtype=np.float64) for name in NAMES}

    @contextmanager
    def _with(self, params):
        """Yield the net with these very arrays; silence its warnings, and collect what it prints."""
        self.net.params = params
        try:
            silent = redirect_stdout(self._printed), redirect_stderr(self._printed)
            with np.errstate(all="ignore"), warnings.catch_warnings(), silent[0], silent[1]:
                warnings.simplefilter("ignore")
                yield self.net
        finally:
            self.net.params = self.own

    @property
    def lines_printed(self):
        return self._printed.getvalue().count("\n")

    def ask(self, params, X, y=None, reg=0.0):
        """Return the scores or, with labels, loss and gradients for copies of all arguments.

        What is not written yet is None or missing: a net may return a loss alone, or gradients of some parameters.
        """
        with self._with(_copy(params)) as net:
            answer = net.loss(X.copy()) if y is None else net.loss(X.copy(), y.copy(), reg)
        if y is None:
            return answer
        loss, grads = answer if isinstance(answer, (tuple, list)) else (answer, None)
        grads = {} if grads is None else grads
        if isinstance(grads, dict):
            grads = {name: grad for name, grad in grads.items() if grad is not None}
        return None if loss is None else float(loss), deepcopy(grads)  # a net may hand out the same arrays each time

    def has(self, method):
        """Tell whether the net has a method of this name."""
        return callable(getattr(self.net, method, None))

    def predict(self, params, X):
        """Return what the net predicts for copies of the arguments."""
        with self._with(_copy(params)) as net:
            return net.predict(X.copy())

    def train(self, params, X, y, learning_rate, learning_rate_decay, reg, num_iters, seed=0):
        """Train copies of the parameters in batches of one row; return them, and what ``train`` returns.

        The net's other attributes, and NumPy's global stream, are put back.
        """
        attributes, stream = dict(vars(self.net)), np.random.get_state()
        options = {"learning_rate": learning_rate, "learning_rate_decay": learning_rate_decay, "reg": reg}
        data = X.copy(), y.copy(), X[:1].copy(), y[:1].copy()
        try:
            np.random.seed(seed)
            with self._with(_copy(params)) as net:
                answer = net.train(*data, **options, num_iters=num_iters, batch_size=1, verbose=False)
                trained = net.params  # a net may replace its dict
        finally:
            vars(self.net).clear()
            vars(self.net).update(attributes)
            np.random.set_state(stream)
        return {name: np.array(trained[name], dtype=np.float64) for name in NAMES}, answer

    def changes(self, X, y, reg):
        """Name the arguments and parameters that ``net.loss`` changes in place."""
        before = {**self.params, "X": X, "y": y}
        now = _copy(before)
        with self._with({name: now[name] for name in NAMES}) as net:
            net.loss(now["X"], now["y"], reg)
        return tuple(name for name in before if not np.array_equal(now[name], before[name], equal_nan=True))


def _copy(arrays):
    return {name: array.copy() for name, array in arrays.items()}


@dataclass(frozen=True)
class Calls:
    """What a net answers if it is called with its own parameters and data.

    `scores` is the answer without labels, `first` and `second` are loss and gradients of two equal calls, `changed`
    names the arrays that loss changes in place. If loss raises an exception, `error` is that and the rest is missing,
    but for the scores if they came before. `scores_right` tells whether those are right.
    """

    params: dict
    scores: object = None
    first: tuple = (None, {})
    second: tuple = (None, {})
    changed: tuple = ()
    error: Exception | None = None
    scores_right: bool = False

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
    scores = None
    try:
        scores = net.ask(net.params, X)
        first, second = (net.ask(net.params, X, y, reg) for _ in range(2))
        return Calls(net.params, scores, first, second, net.changes(X, y, reg))
    except Exception as error:
        return Calls(net.params, scores, error=error)


def penalty_factors(net, X, y, names):
    """Find the factors of the penalty: what the loss and the gradients multiply ``reg * W**2`` and ``reg * W`` with.

    Returns
    -------
    dict
        Maps each name to the pair of factors, (0.5, 1) for a weight with the penalty ``0.5 * reg * W**2``. None stands
        for a loss that is not a multiple of the sum of squares, and for a gradient that is not one of its parameter.
        For a parameter whose gradient is not among `names`, the second factor is a right one.
    """
    factors = {}
    for name in NAMES:
        in_loss, in_gradient, in_transposed = [], [], []
        for probe in _probes(net.params[name].shape):
            # With zeros in the other parameters the gradient of a weight is that of its penalty alone.
            params = {other: np.zeros_like(param) for other, param in net.params.items()} | {name: probe}
            (loss0, grads0), (loss1, grads1) = (net.ask(params, X, y, reg) for reg in (0.0, PROBE_REG))
            in_loss.append((loss1 - loss0) / (PROBE_REG * np.sum(probe**2)))
            if name not in names:
                continue
            difference = (np.asarray(grads1[name]) - np.asarray(grads0[name])) / PROBE_REG
            if difference.size == probe.size:  # another shape is a finding of its own, and so is a transposed gradient
                in_gradient.append(difference.reshape(probe.shape) / probe)
                in_transposed.append(difference.T.reshape(probe.shape) / probe)
            else:
                in_gradient.append(difference)
        of_loss = _agreed(in_loss)
        factor = _agreed(in_gradient) if name in names else 2 * of_loss if of_loss in (0.5, 1) else name in WEIGHTS
        if factor is None and in_transposed:
            factor = _agreed(in_transposed)
        factors[name] = of_loss, factor
    return factors


def _probes(shape):
    """Yield two arrays to put in place of a parameter. Only a square fits both: their sizes and signs differ."""
    place = np.arange(np.prod(shape, dtype=int)).reshape(shape)
    rising = 1 + place / place.size
    yield rising
    yield np.where(place % 2, 2, -2) * rising


def _agreed(values):
    """The number that all values equal except for rounding, or None. NaN if one is NaN or infinite."""
    values = np.concatenate([np.ravel(value) for value in values])
    if not np.isfinite(values).all():
        return float("nan")
    return round(float(values[0]), 6) if np.ptp(values) <= 1e-6 * max(1, np.abs(values).max()) else None


@dataclass(frozen=True)
class PenaltyAtOnce:
    """Where the penalty of all parameters at once is wrong, at which reg, and which conventions the net has."""

    wrong: list
    reg: float
    without_half: bool
    with_biases: bool


def penalty_at_once(net, params, X, y, reg, factors, names):
    """Compare the penalty in loss and gradients with the formulas at these parameters."""
    without_half, with_biases = factors["W1"] == (1, 2), factors["b1"] != (0, 0)
    full, penalised = 2 if without_half else 1, NAMES if with_biases else WEIGHTS
    (loss0, grads0), (loss, grads) = (net.ask(params, X, y, r) for r in (0.0, reg))
    penalty = 0.5 * full * reg * sum(np.sum(params[name] ** 2) for name in penalised)
    wrong = [] if agree(loss - loss0, penalty, 1e-9 * (1 + abs(loss0))) else ["the loss"]
    for name in names:
        decay = full * reg * params[name] * (name in penalised)
        if not agree(grads[name] - grads0[name], decay, 1e-9 * (1 + np.abs(grads0[name]).max(initial=0))):
            wrong.append(f"the gradient of {name}")
    return PenaltyAtOnce(wrong, reg, without_half, with_biases)


def is_rough(net, reference):
    """Tell whether the loss follows steps of a ten-millionth of the parameters less well than float64 lets it."""
    params, X, y = reference.params, reference.X, reference.y
    slope = sum(np.vdot(reference.right[name], params[name]) for name in NAMES)
    for step in (1e-7, 1.7e-7, 3.1e-7):
        above, below = (
            net.ask({name: (1 + sign * step) * param for name, param in params.items()}, X, y)[0] for sign in (1, -1)
        )
        if abs((above - below) / 2 - step * slope) > 1e-9 * (1 + abs(above)):
            return True
    return False
