"""Trials of a sweep: how one net is trained, and what is recorded of it."""

import copy
import threading
import time
import warnings
from contextlib import ExitStack
from dataclasses import dataclass, field
from numbers import Integral

import numpy as np
import threadpoolctl

from classifiers.history import History
from classifiers.neural_net import TwoLayerNet
from classifiers.sweep.grid import NET_ARGUMENTS, identify
from classifiers.training import squares_are_finite


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
        Weights and batches are drawn from ``numpy.random.default_rng(seed)``. These are the sweep's
        seed, and a number that the hyperparameters except ``num_iters`` give.
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


def group_trials(todo, fixed):
    """Return the trials to do as a list of dicts. One training makes the nets of a dict.

    They differ only in ``num_iters``. So a shorter training is the beginning of a longer one.
    """
    groups = {}
    for i, params in todo.items():
        arguments = {**fixed, **params}
        depends = arguments.get("schedule") is not None or arguments.get("callback") is not None  # on num_iters
        alone = depends or not isinstance(params.get("num_iters"), Integral)
        others = {name: value for name, value in params.items() if name != "num_iters"}
        groups.setdefault((identify(others), i if alone else None), {})[i] = params
    return list(groups.values())


def run_group(trials, seed, fixed, *arrays):
    """Train the nets of a group and measure their validation accuracies. Workers call this.

    Parameters
    ----------
    trials : dict
        Maps the index of each trial to its swept hyperparameters, see `group_trials`.
    seed : list of int
        Seed of all trials of the group.
    fixed : dict
        See `classifiers.sweep.sweep`.
    *arrays : ndarray or distributed.Future
        The data.

    Returns
    -------
    list of (Trial, TwoLayerNet or None)
        None unless the trial is done.
    """
    # Dask replaces Futures by their data. But joblib does not send trials to a cluster of one core,
    # and then the Futures arrive here.
    data = [array.result() if hasattr(array, "result") else array for array in arrays]
    *shorter, longest = sorted(trials, key=lambda i: len(trials) > 1 and trials[i]["num_iters"])
    lengths, ended, kept = {trials[i]["num_iters"] for i in shorter}, [], {}
    for i in (longest, *shorter):
        trial, net = Trial(i, trials[i], seed), None
        try:
            with limits:
                net, trial.seconds = kept.pop(trials[i].get("num_iters"), None) or train_net(
                    {**fixed, **trials[i]}, seed, data, lengths, kept
                )
                record(trial, net, *data[2:])
        except Exception as error:
            trial = Trial(i, trials[i], seed, "failed", error=f"{type(error).__name__}: {error}")
        ended.append((trial, net if trial.state == "done" else None))
    return ended


def train_net(arguments, seed, data, lengths, kept):
    """Train one net. Return it and the seconds.

    After the numbers of iterations in the set `lengths`, copies of the net and the seconds are put
    into the dict `kept`.
    """
    rng, start = np.random.default_rng(seed), time.perf_counter()
    net_arguments = {name: arguments.pop(name) for name in NET_ARGUMENTS & arguments.keys()}
    net = TwoLayerNet(data[0].shape[1], **net_arguments, rng=rng)
    arguments["callback"] = copy.deepcopy(arguments.get("callback"))  # trials in threads would share its state

    def keep(it, num_iters):  # a schedule: train calls it before each step
        if it in lengths and squares_are_finite(net.params):
            kept[it] = copy.deepcopy(net), time.perf_counter() - start
            kept[it][0].history.ended = "finished"
        return 1.0

    if lengths:
        arguments["schedule"] = keep
    net.train(*data, **arguments, rng=rng)
    return net, time.perf_counter() - start


def record(trial, net, X_val, y_val):
    """Record in a trial how the training of its net ended."""
    trial.stats, trial.stopped = net.history, net.history.ended == "stopped"
    if net.history.ended == "diverged":
        trial.state = "diverged"
    else:
        trial.val_accuracy = float(np.mean(net.predict(X_val) == y_val))
        trial.standard_error = float(np.sqrt(trial.val_accuracy * (1 - trial.val_accuracy) / len(y_val)))
