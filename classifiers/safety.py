"""What keeps a net and its history whole: delayed Ctrl-C, a snapshot to go back to, an atomic write."""

import os
import signal
import threading
import warnings
from contextlib import contextmanager
from pathlib import Path

import numpy as np


class DelayedInterrupt:
    """Context in which the first Ctrl-C only sets a flag. A second one interrupts at once, as usual.

    A `KeyboardInterrupt` that is raised inside sets the flag too and ends the context. Nothing is delayed outside the
    main thread, where Python delivers no Ctrl-C, or if the program has a SIGINT handler of its own.

    Attributes
    ----------
    pressed : bool
        Whether Ctrl-C was pressed.
    """

    def __init__(self):
        self.pressed, self._installed = False, False

    def __enter__(self):
        in_main_thread = threading.current_thread() is threading.main_thread()
        if in_main_thread and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, self._press)
            self._installed = True
        return self

    def _press(self, number, frame):
        self.pressed = True
        self._restore()

    def _restore(self):
        if self._installed:
            signal.signal(signal.SIGINT, signal.default_int_handler)
            self._installed = False

    def __exit__(self, kind, error, traceback):
        self._restore()
        if kind is KeyboardInterrupt:
            self.pressed = True
        return kind is KeyboardInterrupt


class Snapshot:
    """Copy of some arrays, to go back to.

    Parameters
    ----------
    arrays : dict of ndarray
        Copied at once, and again by each call of `take`.
    """

    def __init__(self, arrays):
        self._arrays, self._copies = arrays, {name: array.copy() for name, array in arrays.items()}

    def is_needed(self):
        """Whether the arrays hold infinity or NaN, or numbers whose squares overflow."""
        return not np.isfinite([np.vdot(array, array) for array in self._arrays.values()]).all()

    def take(self):
        """Copy the arrays as they are now."""
        for name, array in self._arrays.items():
            np.copyto(self._copies[name], array)

    def restore(self):
        """Write the copies back into the arrays, in place."""
        for name, array in self._arrays.items():
            np.copyto(array, self._copies[name])


class History(dict):
    """What `TwoLayerNet.train` returns: a dict of the lists of numbers that it recorded.

    Attributes
    ----------
    ended : {"running", "finished", "diverged", "interrupted"}
        How training ended.
    """

    ended = "running"

    def __init__(self, lists=()):
        super().__init__(lists or {"loss_history": [], "train_acc_history": [], "val_acc_history": []})

    def add_epoch(self, train_accuracy, val_accuracy):
        """Record the accuracies of an epoch, both or none."""
        self["train_acc_history"].append(train_accuracy)
        self["val_acc_history"].append(val_accuracy)

    def end(self, num_iters, interrupted, snapshot, learning_rate):
        """Record how training ended. After a divergence, restore the snapshot and then warn the caller of train."""
        losses = self["loss_history"]
        diverged = not np.isfinite(losses[-1:]).all() or snapshot.is_needed()
        self.ended = "interrupted" if interrupted else "diverged" if diverged else "finished"
        if interrupted:
            print(
                f"\ninterrupted after {len(losses)} of {num_iters} iterations: calling train again continues from "
                "these parameters and restarts rate, schedule and momentum"
            )
        if diverged:
            snapshot.restore()
            warnings.warn(
                f"training diverged at iteration {len(losses) - 1}, learning rate {learning_rate:g}: the parameters "
                "are those before the last epoch's first step. Try a lower learning_rate, or standardise X",
                RuntimeWarning,
                stacklevel=3,
            )


@contextmanager
def atomic_write(path):
    """Open a binary file that replaces `path` when the block ends, whole or not at all.

    Parameters
    ----------
    path : str or Path
        Written as named. If the block raises, an existing file stays as it is.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with open(temporary, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
