"""Training history: what `TwoLayerNet.train` records."""

from typing import Any

EPOCH = ("train_acc_history", "val_acc_history", "val_loss_history")  # one value per epoch


class History(dict):
    """Training history, the result of `TwoLayerNet.train`: a dict of lists of numbers.

    Parameters
    ----------
    lists : dict of list, optional
        The values. By default all lists are empty.
    iterations_per_epoch : int, optional
        See below. It is None if it is not known.

    Attributes
    ----------
    ended : {"running", "finished", "stopped", "diverged", "interrupted"}
        How training ended. "stopped" is by the callback, "interrupted" by Ctrl-C. If several of
        these happened, the one that is last in this list counts. It stays "running" if training
        ended with another error.
    iterations_per_epoch : int or None
        The values of epoch i are from iteration ``i * iterations_per_epoch``, both counted from 0.
    """

    ended = "running"

    def __init__(self, lists: Any = (), iterations_per_epoch: int | None = None):
        super().__init__(lists or {name: [] for name in ("loss_history", *EPOCH)})
        self.iterations_per_epoch = iterations_per_epoch

    def add_epoch(self, train_accuracy, val_accuracy=None, val_loss=None):
        """Record the values of an epoch. Those of the validation may be missing."""
        for name, value in zip(EPOCH, (train_accuracy, val_accuracy, val_loss), strict=True):
            self[name] += [value] * (value is not None)
