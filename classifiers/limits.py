"""Limits of the whole process while nets train: one BLAS thread, and no RuntimeWarning.

Python's warnings filter and the number of BLAS threads belong to the process, not to a thread. Two trials in two
threads must not set and restore them one between the other.
"""

import os
import threading
import warnings
from contextlib import ExitStack, nullcontext

import threadpoolctl


def _take_control():
    """Let this thread set the number of BLAS threads.

    From threadpoolctl 3.8 on, other threads cannot change what one thread has set. But the thread that ends a
    `SharedLimits` need not be the one that began it.
    """
    controller = getattr(threadpoolctl, "OpenBLASController", None)
    if hasattr(controller, "clear_controlling_thread"):
        controller.clear_controlling_thread(force=True)


class SharedLimits:
    """Context that any number of threads may enter: the first sets the limits, the last restores what was before."""

    def __init__(self):
        self._lock, self._undo, self._users, self._process = threading.Lock(), ExitStack(), 0, os.getpid()

    @property
    def active(self):
        """Whether a thread of this process is inside."""
        return self._users > 0 and self._process == os.getpid()  # a fork copies the number of users

    def __enter__(self):
        with self._lock:
            if not self.active:
                self._users, self._process, self._undo = 0, os.getpid(), ExitStack()
                _take_control()
                self._undo.callback(_take_control)
                self._undo.callback(threadpoolctl.threadpool_limits(1).restore_original_limits)
                self._undo.callback(_take_control)
                self._undo.enter_context(warnings.catch_warnings())
                warnings.simplefilter("ignore", RuntimeWarning)  # a trial's state says that training diverged
            self._users += 1

    def __exit__(self, *exception):
        with self._lock:
            self._users -= 1
            if self._users == 0:
                self._undo.close()


_sweeps, _trials = SharedLimits(), SharedLimits()


def limits_of_sweep():
    """Return the context for a whole sweep, in the process that calls it."""
    return _sweeps


def limits_of_trial():
    """Return the context for one trial. It does nothing in a process where a sweep has set the limits already.

    A thread that still trains when the sweep has ended must not restore anything.
    """
    return nullcontext() if _sweeps.active else _trials
