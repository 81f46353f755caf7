"""Process limits while nets train: one BLAS thread, and no RuntimeWarning.

Python's warnings filter and the number of BLAS threads belong to the process, not to a thread. If
each thread set and restored them by itself, one thread would undo the limits of another. So all
threads share the limits: the first thread sets them, and the last one restores what was before.
"""

import os
import threading
import warnings
from contextlib import ExitStack, nullcontext

import threadpoolctl


def _take_control():
    """Let this thread set the number of BLAS threads.

    In threadpoolctl 3.8 and later, only the thread that set the number can change it. But the first
    and the last thread of a `SharedLimits` can differ.
    """
    controller = getattr(threadpoolctl, "OpenBLASController", None)
    if hasattr(controller, "clear_controlling_thread"):
        controller.clear_controlling_thread(force=True)


class SharedLimits:
    """Context manager that several threads can enter at the same time.

    The first thread sets the limits. The last one restores what was before.
    """

    def __init__(self):
        self._lock, self._undo, self._users, self._process = threading.Lock(), ExitStack(), 0, os.getpid()

    @property
    def active(self):
        """Whether a thread of this process is inside the context."""
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
                warnings.simplefilter("ignore", RuntimeWarning)  # divergence is recorded in the trial's state
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
    """Return the context for one trial. It does nothing if a sweep has set the limits here.

    A thread can still train a trial when its sweep has ended. It must not restore anything then.
    """
    return nullcontext() if _sweeps.active else _trials
