"""Handles Ctrl-C, divergence, callback and progress for `TwoLayerNet.train`."""

import contextlib
import signal
import threading
import warnings

import numpy as np

from classifiers.progress import make_bar


class Snapshot:
    """Copy of the floating-point arrays in a dict, which can be restored.

    Parameters
    ----------
    params : dict of ndarray
        Entries that are not floating-point arrays are ignored.
    """

    def __init__(self, params):
        self._copies = {name: array.copy() for name, array in params.items() if is_float_array(array)}

    def restore(self, params):
        """Write the copies back into the arrays, in place."""
        for name, copy in self._copies.items():
            np.copyto(params[name], copy)


def is_float_array(value):
    """Return whether a value is an array of a floating-point type."""
    return isinstance(value, np.ndarray) and value.dtype.kind == "f"


def squares_are_finite(params):
    """Return whether the sum of squares of each floating-point array in a dict is finite."""
    with np.errstate(all="ignore"):
        squares = [np.vdot(array, array) for array in params.values() if is_float_array(array)]
    return bool(np.isfinite(squares).all())


class SafeLoop:
    """Context manager for the loop of a training. Its method `iterations` drives the loop.

    The first Ctrl-C takes effect after the current iteration, a second one at once. This works in
    the main thread if the program has no other SIGINT handler. Otherwise a `KeyboardInterrupt` takes
    effect at once.

    Parameters
    ----------
    net : TwoLayerNet
        Its ``history`` is the `History` of this training.
    num_iters : int
        Number of iterations.
    callback : callable or None
        See `TwoLayerNet.train`.
    progress : bool
        Whether to show a progress bar.

    Notes
    -----
    A snapshot is taken at the start, and at each epoch with a finite validation loss, or without
    validation data with finite parameters. The net gets it back if Ctrl-C takes effect at once, and
    if the last loss or the sum of squares of a parameter is infinite or NaN. For what the end of
    the context raises and warns, see `TwoLayerNet.train`. The warning names the line that called it.
    """

    def __init__(self, net, num_iters, callback, progress):
        self.net, self.num_iters, self.callback, self.progress = net, num_iters, callback, progress
        self._snapshot, self._pressed, self._handles = Snapshot(net.params), False, False

    def __enter__(self):
        in_main_thread = threading.current_thread() is threading.main_thread()
        if in_main_thread and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, self._press)
            self._handles = True
        return self

    def _press(self, number, frame):
        self._pressed = True
        self._restore_handler()

    def _restore_handler(self):
        if self._handles and signal.getsignal(signal.SIGINT) == self._press:
            signal.signal(signal.SIGINT, signal.default_int_handler)

    def iterations(self):
        """Yield 0..num_iters-1, until the callback or Ctrl-C ends the training."""
        history = self.net.history
        bar = make_bar(range(self.num_iters), total=self.num_iters, shown=self.progress)
        for it in bar:
            yield it
            if self.progress:
                numbers = f"loss {history['loss_history'][-1]:.4f}"
                numbers += "".join(f", validation {accuracy:.3f}" for accuracy in history["val_acc_history"][-1:])
                bar.set_postfix_str(numbers, refresh=False)
            if it % history.iterations_per_epoch == 0:
                val_losses = history["val_loss_history"]
                if np.isfinite(val_losses[-1]) if val_losses else squares_are_finite(self.net.params):
                    self._snapshot = Snapshot(self.net.params)
                if self.callback is not None and self.callback(self.net, it, history):
                    history.ended = "stopped"
                    break
            if self._pressed:
                break

    def __exit__(self, kind, error, traceback):
        diverged, history = False, self.net.history
        try:
            if kind in (None, KeyboardInterrupt):
                diverged = self._finish(history, broken_off=kind is KeyboardInterrupt)
            elif hasattr(self.callback, "finish"):
                with contextlib.suppress(Exception):  # the error of the training says more
                    self.callback.finish(self.net, history)
        finally:
            self._restore_handler()
        done = len(history["loss_history"])
        try:
            if diverged:
                warnings.warn(
                    f"training diverged at iteration {done - 1}: the net has the parameters of the last epoch with "
                    "finite values. Try a lower learning_rate, or standardise X",
                    RuntimeWarning,
                    stacklevel=3,
                )
        finally:
            message = f"training was interrupted after {done} of {self.num_iters} iterations. "
            message += "The net keeps what it has learned, and calling train again continues from there"
            if kind is None and self._pressed:
                history.ended = "interrupted"
                raise KeyboardInterrupt(message)
            if kind is KeyboardInterrupt and not error.args:
                error.args = (message,)

    def _finish(self, history, broken_off):
        """Record how training ended, restore the snapshot if needed, and finish the callback.

        Return whether training diverged.
        """
        losses = history["loss_history"]
        # The last step has no loss: if a square overflows, its penalty is infinite.
        diverged = bool(losses) and not (np.isfinite(losses[-1]) and squares_are_finite(self.net.params))
        if diverged or broken_off:
            self._snapshot.restore(self.net.params)
        if self._pressed or broken_off:
            history.ended = "interrupted"
        elif diverged or history.ended == "running":
            history.ended = "diverged" if diverged else "finished"
        if hasattr(self.callback, "finish"):
            self.callback.finish(self.net, history)
        return diverged
