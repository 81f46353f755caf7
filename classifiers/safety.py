"""Safe training: delayed Ctrl-C, snapshot of the parameters, history, and end of training."""

import math
import signal
import sys
import threading
import warnings

import numpy as np
from tqdm import tqdm

EPOCH = ("train_acc_history", "val_acc_history", "val_loss_history")  # one value per epoch


class DelayedInterrupt:
    """Context manager that delays Ctrl-C: the first one only sets a flag, a second one interrupts.

    A `KeyboardInterrupt` that is raised inside also sets the flag, and ends the context. The
    context delays nothing outside the main thread, because Python does not deliver Ctrl-C there. It
    also delays nothing if the program has its own SIGINT handler.

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
    """Snapshot: a copy of the arrays in a dict, which can be restored.

    Parameters
    ----------
    params : dict of ndarray
        Copied at once, and again by each call of `take`. Entries that are not arrays are ignored.

    Raises
    ------
    ValueError
        If an array is read-only, because it could not be restored.
    """

    def __init__(self, params):
        for name, array in params.items():
            if isinstance(array, np.ndarray) and not array.flags.writeable:
                raise ValueError(f"{name} must be writable, got a read-only array. Use a copy of it")
        self._copies = {}
        self.take(params)

    def take(self, params):
        """Copy the arrays as they are now."""
        for name, array in params.items():
            if isinstance(array, np.ndarray):
                kept = self._copies.get(name)
                if kept is None or kept.shape != array.shape:
                    self._copies[name] = array.copy()
                else:
                    np.copyto(kept, array)

    def restore(self, params):
        """Write the copies back into the arrays, in place."""
        for name, kept in self._copies.items():
            np.copyto(params[name], kept)


class History(dict):
    """Training history, the result of `TwoLayerNet.train`: a dict of lists of numbers.

    Attributes
    ----------
    ended : {"running", "finished", "stopped", "diverged", "interrupted"}
        How training ended. "stopped" is by the callback, "interrupted" by Ctrl-C. If several of
        these happened, the one that is last in this list counts.
    iterations_per_epoch : int or None
        The values of epoch i are from iteration ``i * iterations_per_epoch``, both counted from 0.
    """

    ended = "running"

    def __init__(self, lists=(), iterations_per_epoch=None):
        super().__init__(lists or {name: [] for name in ("loss_history", *EPOCH)})
        self.iterations_per_epoch = iterations_per_epoch

    def iterations(self, num_iters, progress):
        """Yield 0..num_iters-1, with a bar that shows the loss and the last validation accuracy."""
        bar = tqdm(range(num_iters), disable=not progress, file=sys.stdout)
        for it in bar:
            yield it
            if progress:
                numbers = f"loss {self['loss_history'][-1]:.4f}, validation {self['val_acc_history'][-1]:.3f}"
                bar.set_postfix_str(numbers, refresh=False)

    def add_loss(self, loss):
        """Record the loss of an iteration. Return whether it is finite."""
        self["loss_history"].append(loss)
        return math.isfinite(loss)

    def add_epoch(self, train_accuracy, val_accuracy, val_loss):
        """Record the accuracies and the validation loss of an epoch, all or none."""
        for name, value in zip(EPOCH, (train_accuracy, val_accuracy, val_loss), strict=True):
            self[name].append(value)


def end_training(net, snapshot, ctrl_c, whole, num_iters, learning_rate, callback=None):
    """End training: restore the snapshot if needed, record how training ended, and report it.

    Parameters
    ----------
    net : TwoLayerNet
        Its parameters are restored from the snapshot if training diverged or was interrupted within
        a step.
    snapshot : Snapshot
        The parameters at the start of the epoch.
    ctrl_c : DelayedInterrupt
        The context of this training.
    whole : bool
        Whether the last step was completed.
    num_iters : int
        Planned number of iterations.
    learning_rate : float
        The value at the end.
    callback : callable, optional
        Its method ``finish(net, history)`` is called, if it has one.

    Warns
    -----
    RuntimeWarning
        If the last loss or the sum of squares of a parameter is infinite or NaN. The warning names
        the line that called train. It comes last, when parameters and history are complete.
    """
    losses, params = net.history["loss_history"], net.params
    with ctrl_c, np.errstate(all="ignore"):
        norms = [np.vdot(array, array) for array in params.values() if isinstance(array, np.ndarray)]
        diverged = bool(losses) and not np.isfinite([losses[-1], *norms]).all()
        if diverged or not whole:
            snapshot.restore(params)
        if diverged or net.history.ended == "running":
            net.history.ended = "diverged" if diverged else "finished"
        if hasattr(callback, "finish"):
            callback.finish(net, net.history)
    if ctrl_c.pressed:
        net.history.ended = "interrupted"
        print(
            f"\ninterrupted after {len(losses)} of {num_iters} iterations: calling train again continues from these "
            "parameters and restarts rate, schedule and momentum"
        )
    if not whole:
        print("The second Ctrl-C broke off a step: the parameters are restored from the start of the epoch")
    if diverged:
        warnings.warn(
            f"training diverged at iteration {len(losses) - 1}, learning rate {learning_rate:g}: the parameters are "
            "restored from the start of the epoch. Try a lower learning_rate, or standardise X",
            RuntimeWarning,
            stacklevel=3,
        )
