"""Asks a net to train and to predict, on so few rows that the right answer is known whatever it draws."""

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from .probes import PROBE_REG
from .reference import NAMES, agree

DECAY = 0.5
SEEDS = range(8)  # one of them draws X and y from different rows, if that is how a net draws


@dataclass
class Training:
    """What a net makes of its parameters in an iteration or two, and what it should make.

    With one row every batch is that row, so a step is known: minus the rate times the gradient.

    Attributes
    ----------
    rate : float
        Of the first step; the second has ``DECAY`` times as much.
    before, after, later : dict of ndarray
        Parameters at the start, after one iteration and after two.
    grads, later_grads : dict of ndarray
        The net's own gradients at the first and the second.
    grads_without_reg : dict of ndarray
        Those at the start for ``reg=0``.
    losses : tuple of float
        The net's own loss at the start and after one iteration.
    answer : object
        What ``train`` returned for two iterations.
    mixed : bool
        Whether a step on two rows took X and y from different ones.
    batch_ignored : bool
        Whether a step with a batch of one row took both.
    error : Exception or None
        What ``train`` raised.
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
    mixed: bool = False
    batch_ignored: bool = False
    error: Exception | None = None

    def names_with(self, factor, grads=None):
        """Name the parameters whose first step is ``factor * gradient``, where rounding does not hide that."""
        grads = self.grads if grads is None else grads
        return [name for name in self.names if _is_step(self.before[name], self.after[name], factor * grads[name])]

    @property
    def names(self):
        """The parameters whose step is far above rounding."""
        sizes = {name: self.rate * np.abs(grad).max() for name, grad in self.grads.items()}
        return [name for name in NAMES if sizes[name] > 1e-9 * (1 + np.abs(self.before[name]).max())]

    def second_is(self, factor):
        """Tell whether the second step is ``factor * gradient`` for all parameters."""
        return all(_is_step(self.after[name], self.later[name], factor * self.later_grads[name]) for name in NAMES)


def _is_step(before, after, step):
    """Tell whether two arrays differ by a step, but for rounding."""
    return agree(after - before, step, 1e-12 * (1 + np.abs(before).max()))


class Prediction(NamedTuple):
    """What predict returns for some rows, the net's scores (N, C) of these, and what predict raised if it did.

    `of` is said behind the number of a row that its author does not see.
    """

    got: object
    scores: np.ndarray
    of: str = ""
    error: Exception | None = None


def ask_to_predict(net, X):
    """Ask a `NetUnderTest` for its predictions of X (N, D), and of more rows: few may be right by chance."""
    more = np.abs(X).max(initial=1) * np.cos(np.arange(50 * X.shape[1]).reshape(50, -1) ** 2)
    for rows, of in ((X, ""), (more, " of other data than yours")):
        scores = np.asarray(net.ask(net.params, rows))
        try:
            yield Prediction(net.predict(net.params, rows), scores, of)
        except Exception as error:
            yield Prediction(None, scores, of, error)


def ask_to_train(net, X, y):
    """Train a net on one row, and on two.

    Parameters
    ----------
    net : NetUnderTest
        Its gradients are right.
    X, y : ndarray, shapes (N, D) and (N,)
        Data, from which the row comes that opens the most hidden units.

    Returns
    -------
    Training
    """
    before = net.params
    row = int((X @ before["W1"] + before["b1"] > 0).sum(axis=1).argmax())
    X, y = X[row : row + 1], y[row : row + 1]
    loss, grads = net.ask(before, X, y, PROBE_REG)
    largest = max(np.abs(grad).max() for grad in grads.values())
    training = Training(0.125 / (1 + largest), before, grads, net.ask(before, X, y, 0.0)[1])
    try:
        training.after, _ = net.train(before, X, y, training.rate, DECAY, PROBE_REG, 1)
        after_loss, training.later_grads = net.ask(training.after, X, y, PROBE_REG)
        training.losses = loss, after_loss
        training.later, training.answer = net.train(before, X, y, training.rate, DECAY, PROBE_REG, 2)
        _ask_for_rows(net, training, np.concatenate([X, 1 - X]), y)
    except Exception as error:
        training.error = error
    return training


def _ask_for_rows(net, training, X, y):
    """See which rows a step on two rows with different labels takes, if the batch has one."""
    C = len(net.params["b2"])
    y = np.array([y[0], (y[0] + 1) % C])

    def is_step(after, rows, labels):
        _, grads = net.ask(net.params, X[rows], y[labels], 0.0)
        steps = ((after[name] - net.params[name], -training.rate * grads[name]) for name in NAMES)
        return all(agree(step, right, 1e-12 * (1 + np.abs(right).max())) for step, right in steps)

    for seed in SEEDS:
        after, _ = net.train(net.params, X, y, training.rate, 1.0, 0.0, 1, seed)
        if not (is_step(after, [0], [0]) or is_step(after, [1], [1])):
            training.mixed |= is_step(after, [0], [1]) or is_step(after, [1], [0])
            training.batch_ignored |= is_step(after, [0, 1], [0, 1])
