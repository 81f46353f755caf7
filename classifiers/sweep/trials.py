"""Trials of a sweep: how one net is trained, and what is recorded of it."""

import copy
import threading
import time
import warnings
from contextlib import ExitStack
from dataclasses import dataclass, field

import numpy as np
import threadpoolctl

from classifiers.history import History
from classifiers.neural_net import TwoLayerNet
from classifiers.sweep.grid import NET_ARGUMENTS


@dataclass
class Trial:
    """Result of training one net of a sweep.

    Attributes
    ----------
    index : int
        Position in the grid, counted from 0.
    params : dict
        The swept hyperparameters.
    seed : list of int
        The sweep's seed and the index. `numpy.random.SeedSequence` makes the trial's rng from them.
    state : str
        "diverged" if the loss became infinite or NaN, "failed" if training raised an error, else
        "done".
    val_accuracy, standard_error : float
        Accuracy a on the n validation examples, and its standard error ``sqrt(a (1 - a) / n)``.
        NaN unless done.
    seconds : float
        Duration of the training.
    stats : History
        What `TwoLayerNet.train` returned. It is empty if the trial failed.
    error : str
        The error of a failed trial.
    stopped : bool
        Whether the callback ended the training before all iterations were done.
    """

    index: int
    params: dict
    seed: list
    state: str = "done"
    val_accuracy: float = float("nan")
    standard_error: float = float("nan")
    seconds: float = 0.0
    stats: History = field(default_factory=History)
    error: str = ""
    stopped: bool = False


class SharedLimits:
    """Context manager that sets one BLAS thread and no RuntimeWarning, for several threads at once.

    Both belong to the process. If each thread set and restored them by itself, one thread would
    undo the limits of another. So the first thread sets them, and the last one restores what was
    before.
    """

    def __init__(self):
        self._lock, self._undo, self._users = threading.Lock(), ExitStack(), 0

    def __enter__(self):
        with self._lock:
            if self._users == 0:
                take_control()
                self._undo.callback(take_control)
                self._undo.callback(threadpoolctl.threadpool_limits(1).restore_original_limits)
                self._undo.callback(take_control)
                self._undo.enter_context(warnings.catch_warnings())
                warnings.simplefilter("ignore", RuntimeWarning)  # divergence is recorded in the trial's state
            self._users += 1

    def __exit__(self, *exception):
        with self._lock:
            self._users -= 1
            if self._users == 0:
                self._undo.close()


def take_control():
    """Let this thread set the number of BLAS threads.

    In threadpoolctl 3.8 and later, only the thread that set the number can change it. But the first
    and the last thread of `SharedLimits` can differ.
    """
    if hasattr(threadpoolctl.OpenBLASController, "clear_controlling_thread"):
        threadpoolctl.OpenBLASController.clear_controlling_thread(force=True)


limits = SharedLimits()


def run_trial(index, params, seed, fixed, *arrays):
    """Train one net and measure its validation accuracy, with one BLAS thread. Workers call this.

    Returns
    -------
    Trial, TwoLayerNet or None
        None unless the trial is done.
    """
    # Dask replaces Futures by their data. But joblib does not send trials to a cluster of one core,
    # and then the Futures arrive here.
    X_train, y_train, X_val, y_val = (a.result() if hasattr(a, "result") else a for a in arrays)
    trial = Trial(index, params, [seed, index])
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(index,)))
    arguments = {**fixed, **params}
    start = time.perf_counter()
    try:
        with limits:
            net_arguments = {name: arguments.pop(name) for name in NET_ARGUMENTS & arguments.keys()}
            net = TwoLayerNet(X_train.shape[1], **net_arguments, rng=rng)
            callback = copy.deepcopy(arguments.pop("callback", None))  # trials in threads would share its state
            history = net.train(X_train, y_train, X_val, y_val, **arguments, rng=rng, callback=callback)
            if history.ended != "diverged":
                trial.val_accuracy = float(np.mean(net.predict(X_val) == y_val))
    except Exception as error:
        trial.state, trial.error = "failed", f"{type(error).__name__}: {error}"
        return trial, None
    trial.seconds, trial.stats, trial.stopped = time.perf_counter() - start, history, history.ended == "stopped"
    if history.ended == "diverged":
        trial.state = "diverged"
        return trial, None
    trial.standard_error = float(np.sqrt(trial.val_accuracy * (1 - trial.val_accuracy) / len(y_val)))
    return trial, net
