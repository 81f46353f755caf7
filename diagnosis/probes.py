"""Calls a net, with its own parameters and data, and with parameters that the check chooses."""

import io
import warnings
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from copy import deepcopy
from dataclasses import dataclass

import numpy as np

from checks import WEIGHTS, check_params

from .reference import NAMES, agree

PROBE_SCORE = 1000.0  # exp overflows above 709
PROBE_REG = 0.7  # differs from its square and its double, so a wrong power or factor of reg shows


class NetUnderTest:
    """Wrapper of a net that calls it with any parameters. The net's own parameters do not change.

    Parameters
    ----------
    net : object
        Object with `params` and `loss`.

    Raises
    ------
    ValueError, TypeError
        If the parameters are not those of a two-layer net.
    """

    def __init__(self, net):
        self.net, self.own, self._printed = net, net.params, io.StringIO()
        check_params(self.own)
        self.params = {name: np.array(self.own[name], dtype=np.float64) for name in NAMES}

    @contextmanager
    def _with(self, params):
        """Yield the net with these arrays, without copies; hide warnings and collect its output."""
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
        """Call ``loss`` with copies of all arguments.

        Without labels, return the scores. With labels, return loss and gradients. In an unfinished
        net the loss may be None, and gradients may be missing from the dict.
        """
        with self._with(_copy(params)) as net:
            answer = net.loss(X.copy()) if y is None else net.loss(X.copy(), y.copy(), reg)
        if y is None:
            return answer
        loss, grads = answer if isinstance(answer, (tuple, list)) else (answer, None)
        grads = {} if grads is None else grads
        if isinstance(grads, dict):
            grads = {name: grad for name, grad in grads.items() if grad is not None}
        return None if loss is None else float(loss), deepcopy(grads)  # a net may return the same arrays at each call

    def has(self, method):
        """Tell whether the net has a method of this name."""
        return callable(getattr(self.net, method, None))

    def predict(self, params, X):
        """Return the net's predictions for copies of the arguments."""
        with self._with(_copy(params)) as net:
            return net.predict(X.copy())

    def train(self, params, X, y, learning_rate, learning_rate_decay, reg, num_iters, seed=0):
        """Train copies of the parameters with batches of one row.

        Return the trained parameters and the return value of ``train``. Afterwards the net's other
        attributes and NumPy's global random stream are restored.
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


def _zeros(params):
    """Return parameters that are all zero."""
    return {name: np.zeros_like(param) for name, param in params.items()}


def _copy(arrays):
    return {name: array.copy() for name, array in arrays.items()}


@dataclass(frozen=True)
class Calls:
    """Answers of a net for its own parameters and data.

    `scores` is the answer without labels. `first` and `second` are loss and gradients of two equal
    calls. `changed` names the arrays that ``loss`` changes in place. If ``loss`` raises an
    exception, it is stored in `error`, and all later answers are missing. `scores_correct` tells
    whether the scores are correct.
    """

    params: dict
    scores: object = None
    first: tuple = (None, {})
    second: tuple = (None, {})
    changed: tuple = ()
    error: Exception | None = None
    scores_correct: bool = False

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
    """Find the factors of ``reg * W**2`` in the loss and of ``reg * W`` in the gradients.

    Returns
    -------
    dict
        Maps each name to a pair of factors. A weight with the penalty ``0.5 * reg * W**2`` has
        (0.5, 1). The first factor is None if the loss is not a multiple of the sum of squares. The
        second is None if the gradient is not a multiple of the parameter. A parameter that is not
        among `names` has no gradient yet: its second factor is set to a correct one.
    """
    factors = {}
    for name in NAMES:
        in_loss, in_gradient, in_transposed = [], [], []
        for probe in _probes(net.params[name].shape):
            # If the other parameters are zero, only the penalty contributes to the gradient.
            params = _zeros(net.params) | {name: probe}
            (loss0, grads0), (loss1, grads1) = (net.ask(params, X, y, reg) for reg in (0.0, PROBE_REG))
            in_loss.append((loss1 - loss0) / (PROBE_REG * np.sum(probe**2)))
            if name not in names:
                continue
            difference = (np.asarray(grads1[name]) - np.asarray(grads0[name])) / PROBE_REG
            if difference.size == probe.size:  # wrong shapes and transposed gradients are other findings
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
    """Yield two arrays for a parameter. Sizes and signs differ, so only a square fits both."""
    place = np.arange(np.prod(shape, dtype=int)).reshape(shape)
    rising = 1 + place / place.size
    yield rising
    yield np.where(place % 2, 2, -2) * rising


def _agreed(values):
    """Return the number that all values equal except for rounding, or None if they differ.

    If a value is NaN or infinite, return NaN.
    """
    values = np.concatenate([np.ravel(value) for value in values])
    if not np.isfinite(values).all():
        return float("nan")
    return round(float(values[0]), 6) if np.ptp(values) <= 1e-6 * max(1, np.abs(values).max()) else None


def probe_joint_penalty(net, params, X, y, reg, factors, names):
    """Name the answers whose penalty for these parameters differs from the formula."""
    full, penalised = 2 if factors["W1"] == (1, 2) else 1, NAMES if factors["b1"] != (0, 0) else WEIGHTS
    (loss0, grads0), (loss, grads) = (net.ask(params, X, y, r) for r in (0.0, reg))
    penalty = 0.5 * full * reg * sum(np.sum(params[name] ** 2) for name in penalised)
    wrong = [] if agree(loss - loss0, penalty, 1e-9 * (1 + abs(loss0))) else ["the loss"]
    for name in names:
        decay = full * reg * params[name] * (name in penalised)
        if not agree(grads[name] - grads0[name], decay, 1e-9 * (1 + np.abs(grads0[name]).max(initial=0))):
            wrong.append(f"the gradient of {name}")
    return wrong


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


def zero_scores(params):
    """Return parameters, X and y for one row whose scores are all 0."""
    return _zeros(params), np.zeros((1, len(params["W1"]))), np.array([0])


def high_scores(params):
    """Return parameters, X and y for one row whose scores are all 1000."""
    zeros, X, y = zero_scores(params)
    return {**zeros, "b2": zeros["b2"] + PROBE_SCORE}, X, y


def low_correct_class(params):
    """Return parameters, X and y for one row; its correct class has the score -1000, the others 0."""
    zeros, X, y = zero_scores(params)
    zeros["b2"][0] = -PROBE_SCORE if len(zeros["b2"]) > 1 else 0
    return zeros, X, y


def one_high_row(params):
    """Return parameters, X and y for two rows; the first has scores of 1000, the second of 0."""
    zeros = _zeros(params)
    X = np.zeros((2, len(params["W1"])))
    X[0, 0], zeros["W1"][0, 0], zeros["W2"][0] = PROBE_SCORE, 1, 1
    return zeros, X, np.array([0, 0])
