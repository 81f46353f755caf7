"""Trials of a sweep: how one net is trained, and what is recorded of it."""

import copy
import time
from dataclasses import dataclass, field

import numpy as np

from classifiers.history import History
from classifiers.neural_net import TwoLayerNet
from classifiers.sweep.cluster import receive_data
from classifiers.sweep.grid import NET_ARGUMENTS
from classifiers.sweep.limits import limits_of_trial


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


def run_trial(index, params, seed, fixed, *arrays):
    """Train one net and measure its validation accuracy, with one BLAS thread. Workers call this.

    Returns
    -------
    Trial, TwoLayerNet or None
        None unless the trial is done.
    """
    X_train, y_train, X_val, y_val = receive_data(arrays)
    trial = Trial(index, params, [seed, index])
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(index,)))
    arguments = {**fixed, **params}
    start = time.perf_counter()
    try:
        with limits_of_trial():
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
