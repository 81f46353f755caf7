"""Calls ``train`` and ``predict`` of a net and records what they do.

The training data have only one or two rows. So the correct step is known for every random batch.
"""

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from .probes import PROBE_REG
from .reference import NAMES, agree

DECAY = 0.5
SEEDS = range(8)  # if a net draws X and y separately, one of the seeds gives different rows


@dataclass
class Training:
    """Results of one and of two training iterations, and the gradients for the correct steps.

    If the data have one row, every batch is that row. So the correct step is minus the learning
    rate times the gradient.

    Attributes
    ----------
    rate : float
        Learning rate of the first step. The second step has ``DECAY`` times this rate.
    before, after, later : dict of ndarray
        Parameters at the start, after one iteration and after two.
    grads, later_grads : dict of ndarray
        The net's own gradients for the first and for the second step.
    grads_without_reg : dict of ndarray
        The net's own gradients at the start for ``reg=0``.
    losses : tuple of float
        The net's own loss at the start and after one iteration.
    answer : object
        Return value of ``train`` for two iterations.
    mixed : bool
        Whether a step on two rows used X of one row and y of the other.
    batch_ignored : bool
        Whether a step on two rows with ``batch_size=1`` used both.
    error : Exception or None
        Exception that ``train`` raised.
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
        """Return those of `names` with ``factor * gradient`` as their first step."""
        grads = self.grads if grads is None else grads
        return [name for name in self.names if _is_step(self.before[name], self.after[name], factor * grads[name])]

    @property
    def names(self):
        """The parameters with a step far larger than rounding errors."""
        sizes = {name: self.rate * np.abs(grad).max() for name, grad in self.grads.items()}
        return [name for name in NAMES if sizes[name] > 1e-9 * (1 + np.abs(self.before[name]).max())]

    def second_is(self, factor):
        """Tell whether the second step is ``factor * gradient`` for all parameters."""
        return all(_is_step(self.after[name], self.later[name], factor * self.later_grads[name]) for name in NAMES)


def _is_step(before, after, step):
    """Tell whether two arrays differ by a step, except for rounding."""
    return agree(after - before, step, 1e-12 * (1 + np.abs(before).max()))


class Prediction(NamedTuple):
    """Result of ``predict`` for some rows, and the net's scores (N, C) for these rows.

    `remark` is the text after a row number. It is not empty if the row is not from the user's data.
    `error` is the exception that ``predict`` raised, or None.
    """

    got: object
    scores: np.ndarray
    remark: str = ""
    error: Exception | None = None


def probe_predictions(net, X):
    """Yield a net's predictions for X (N, D), and for more rows: a few may be correct by chance."""
    more = np.abs(X).max(initial=1) * np.cos(np.arange(50 * X.shape[1]).reshape(50, -1) ** 2)
    for rows, remark in ((X, ""), (more, " of the check's own data")):
        scores = np.asarray(net.ask(net.params, rows))
        try:
            yield Prediction(net.predict(net.params, rows), scores, remark)
        except Exception as error:
            yield Prediction(None, scores, remark, error)


def probe_training(net, X, y):
    """Train a net on one row, and on two.

    Parameters
    ----------
    net : NetUnderTest
        A net with correct gradients.
    X, y : ndarray, shapes (N, D) and (N,)
        Data. Training uses the row with the most active hidden units.

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
        _probe_batches(net, training, np.concatenate([X, 1 - X]), y)
    except Exception as error:
        training.error = error
    return training


def _probe_batches(net, training, X, y):
    """Record which rows a step with ``batch_size=1`` uses, for two rows with different labels."""
    C = len(net.params["b2"])
    y = np.array([y[0], (y[0] + 1) % C])

    def is_step(after, rows, labels):
        _, grads = net.ask(net.params, X[rows], y[labels], 0.0)
        return all(_is_step(net.params[name], after[name], -training.rate * grads[name]) for name in NAMES)

    for seed in SEEDS:
        after, _ = net.train(net.params, X, y, training.rate, 1.0, 0.0, 1, seed)
        if not (is_step(after, [0], [0]) or is_step(after, [1], [1])):
            training.mixed |= is_step(after, [0], [1]) or is_step(after, [1], [0])
            training.batch_ignored |= is_step(after, [0, 1], [0, 1])
