"""Callbacks for `TwoLayerNet.train`: early stopping, and several callbacks as one.

A callback is a function ``callback(net, it, stats)``. `train` calls it once per epoch. Training
ends if it returns True.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from checks import check_calls, check_count
from classifiers.training import Snapshot

HIGHER_IS_BETTER = {"val_acc_history": True, "val_loss_history": False}


@dataclass
class EarlyStopping:
    """Early stopping: ends training if validation has not improved for some epochs.

    One object may serve several trainings, also at the same time.

    Parameters
    ----------
    patience : int
        Training ends after this number of epochs without a new best value.
    restore_best : bool
        Whether the net gets the parameters of its best epoch when training ends. It gets them after
        an early stop, after the last iteration, after a divergence and after Ctrl-C.
    monitor : {"val_acc_history", "val_loss_history"}
        The values to compare: validation accuracy or validation loss. Of equal values, the first
        is the best.

    Examples
    --------
    >>> from classifiers.neural_net import TwoLayerNet
    >>> X, y = np.eye(3), np.array([0, 1, 2])
    >>> net = TwoLayerNet(3, 10, 3, std=0.1, rng=0)
    >>> stats = net.train(X, y, X, y, learning_rate=1.0, rng=0, callback=EarlyStopping(patience=2))
    >>> stats.ended, max(stats["val_acc_history"])
    ('stopped', 1.0)
    """

    patience: int
    restore_best: bool = True
    monitor: str = "val_acc_history"

    def __post_init__(self):
        self._best = {}  # id of each net in training: Snapshot of its best parameters
        self.patience = check_count("patience", self.patience)
        if not isinstance(self.restore_best, (bool, np.bool_)):
            raise TypeError(f"restore_best must be True or False, got {self.restore_best!r}")
        if self.monitor not in HIGHER_IS_BETTER:
            raise ValueError(f"monitor must be one of {', '.join(HIGHER_IS_BETTER)}, got {self.monitor!r}")

    def best_epoch(self, stats: dict) -> int:
        """Return the number of the best epoch in the history of `train`, counted from 0."""
        values = np.array(stats[self.monitor])
        if not len(values):
            raise ValueError(f"EarlyStopping needs {self.monitor}, got an empty one: pass X_val and y_val to train")
        values = values if HIGHER_IS_BETTER[self.monitor] else -values
        return int(np.where(np.isnan(values), -np.inf, values).argmax())

    def __call__(self, net: Any, it: int, stats: dict) -> bool:
        waited = len(stats[self.monitor]) - 1 - self.best_epoch(stats)
        if self.restore_best and waited == 0 and np.isfinite(stats[self.monitor][-1]):
            self._best[id(net)] = Snapshot(net.params)
        return waited >= self.patience

    def finish(self, net: Any, stats: dict) -> None:
        """Give the net the parameters of its best epoch, unless training ended with an error."""
        best = self._best.pop(id(net), None)
        if best is not None and getattr(stats, "ended", "") != "running":
            best.restore(net.params)


class Callbacks:
    """Several callbacks as one, called in order. Training ends if one of them returns True.

    Parameters
    ----------
    *callbacks : callable
    """

    def __init__(self, *callbacks: Callable):
        check_calls(**{f"callbacks[{i}]": callback for i, callback in enumerate(callbacks)})
        self.callbacks = callbacks

    def __repr__(self):
        return f"Callbacks({', '.join(map(repr, self.callbacks))})"

    def __call__(self, net: Any, it: int, stats: dict) -> bool:
        return any([callback(net, it, stats) for callback in self.callbacks])

    def finish(self, net: Any, stats: dict) -> None:
        """Call the method `finish` of each callback that has one."""
        for callback in self.callbacks:
            if hasattr(callback, "finish"):
                callback.finish(net, stats)
