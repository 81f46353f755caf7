"""Hyperparameter search: trains a net for each combination, in parallel and resumable."""

import copy
import importlib
import sys
import time
import warnings
from contextlib import nullcontext
from dataclasses import asdict

import numpy as np
from joblib import Parallel, delayed, effective_n_jobs
from tqdm import tqdm

from checks import check_array, check_count, check_labels
from classifiers.neural_net import TwoLayerNet
from classifiers.sweep.cluster import copy_odd_maps, receive_data, returns_generator, send_data
from classifiers.sweep.code_hash import hash_code
from classifiers.sweep.grid import NET_ARGUMENTS, LogUniform, list_combinations
from classifiers.sweep.journal import Journal
from classifiers.sweep.limits import limits_of_sweep, limits_of_trial
from classifiers.sweep.trials import Trial, find_best, ranking_key, read_trials

__all__ = ["LogUniform", "SweepError", "SweepResult", "Trial", "sweep"]

ATTEMPTS = 3  # a sweep ends with an error after this number of worker deaths, if no trial ends between them


class SweepResult:
    """Result of `sweep`. `vis_utils` shows it: ``sweep_table(result)`` and ``plot_sweep(result)``.

    Attributes
    ----------
    trials : list of Trial
        In grid order.
    ranked : list of Trial
        Sorted by validation accuracy, the highest first. Equal ones are in grid order. Trials that
        are not done are last.
    best : Trial or None
        The first of `ranked`, or None if no trial is done.
    best_net : TwoLayerNet or None
        The trained net of the best trial.
    """

    def __init__(self, trials, best_net):
        self.trials = sorted(trials, key=lambda trial: trial.index)
        self.ranked = sorted(trials, key=ranking_key)
        self.best, self.best_net = find_best(trials), best_net

    def table(self):
        """Deprecated: use ``vis_utils.sweep_table(result)``."""
        message = "result.table() has moved: vis_utils.sweep_table(result). The old name will be removed in 1.2"
        warnings.warn(message, DeprecationWarning, stacklevel=2)
        return importlib.import_module("vis_utils").sweep_table(self)  # here, because workers need no matplotlib


class SweepError(RuntimeError):
    """Error of a sweep in which no trial is done: all failed or diverged.

    Attributes
    ----------
    result : SweepResult
        All trials with their errors. ``best`` and ``best_net`` are None.
    """

    result = None


def sweep(
    grid, X_train, y_train, X_val, y_val, *, n_trials=None, seed=0, n_jobs=-1, journal=None, progress=True, **fixed
):
    """Train a net for each combination of hyperparameters and find the best by validation accuracy.

    Parameters
    ----------
    grid : dict
        Maps names of arguments of `TwoLayerNet` or of its ``train`` to lists of values. With
        `n_trials`, a name may have a distribution instead: `LogUniform`, one of ``scipy.stats``, or
        any object with a method ``rvs(random_state=)``.
    X_train, y_train, X_val, y_val : array
        As for `TwoLayerNet.train`.
    n_trials : int, optional
        Random search: the number of combinations to draw. By default, all are trained.
    seed : int
        Seed of all randomness. Trial i draws its weights and batches from
        ``SeedSequence(seed, spawn_key=(i,))``. Random search draws the combination of trial i from
        ``SeedSequence(seed, spawn_key=(i, 0))``.
    n_jobs : int
        Processes that train at the same time, each with one BLAS thread. -1 means one per core.
    journal : str or Path, optional
        A ``.jsonl`` file. Each trial that ends adds a line to it and saves its net in a folder
        beside it. The same call continues from this file and tries failed trials again. The file
        records grid, settings, seed, data and code. If the code that trains has changed, file and
        folder are renamed, and the sweep starts from the beginning.
    progress : bool
        Show a progress bar.
    **fixed
        Arguments of `TwoLayerNet` or its ``train`` that all trials share. ``rng`` is not allowed,
        because `seed` sets it. Each trial gets its own copy of a ``callback``.

    Returns
    -------
    SweepResult

    Raises
    ------
    ValueError
        If a name is unknown, a list is empty, or the journal belongs to another sweep.
    ImportError
        If a Dask cluster cannot import this code.
    TimeoutError
        If a Dask cluster has no worker, and no worker joins it in time.
    TypeError
        If a journal cannot record a value because its ``repr`` contains an address in memory. This
        is so for SciPy's distributions.
    SweepError
        If no trial is done. Its attribute ``result`` is the `SweepResult`.
    RuntimeError
        With a journal, if a file of the code has changed since this process loaded it.

    Warns
    -----
    RuntimeWarning
        If some trials failed. The message has their number and the first error.

    Notes
    -----
    Results do not depend on n_jobs, on the order in which trials end, on the joblib backend or on
    interruptions. They are bit-identical only on the same type of processor, because BLAS rounds
    differently on other types. In float32, these differences grow over a thousand steps.

    Inside ``joblib.parallel_config(backend="dask")`` the trials run on the Dask cluster.

    Some backends cannot return results one by one, for example "multiprocessing". Such a backend
    gets as many trials at once as it has workers. The journal grows when all of these have ended.
    """
    seed = check_count("seed", seed, 0)
    combinations = list_combinations(grid, n_trials, seed, fixed)
    arrays, fixed = check_data(X_train, y_train, X_val, y_val, fixed)
    log, trials, best_net = None, [], None
    if journal is not None:
        log = open_journal(journal, grid, n_trials, fixed, seed, arrays)
        trials = read_trials(log, combinations)
    finished = {trial.index for trial in trials}
    todo = {i: params for i, params in enumerate(combinations) if i not in finished}

    bar = tqdm(total=len(combinations), initial=len(trials), disable=not progress, file=sys.stdout, unit="net")
    with limits_of_sweep(), bar, log or nullcontext():
        for trial, net in run_trials(todo, arrays, seed, n_jobs, fixed):
            if log is not None:
                log.add(asdict(trial), net)
            trials.append(trial)
            if find_best(trials) is trial:
                best_net = net
                bar.set_postfix(best=f"{trial.val_accuracy:.3f}", refresh=False)
            bar.update()
    best = find_best(trials)
    if best is not None and best_net is None:
        best_net = log.load_net(best.index)
    result = SweepResult(trials, best_net)
    report_failures(result)
    return result


def open_journal(path, grid, n_trials, fixed, seed, arrays):
    """Return the journal of a sweep with these arguments."""
    values = {name: list(v) if not hasattr(v, "rvs") else v for name, v in grid.items()}
    swept = [value for name in sorted(values) if isinstance(values[name], list) for value in values[name]]
    code = hash_code([*swept, *(fixed[name] for name in sorted(fixed))])
    return Journal(path, {"grid": values, "trials": n_trials, "fixed": fixed, "seed": seed, "code": code}, arrays)


def report_failures(result):
    """Warn the caller of `sweep` if trials failed. If no trial is done, raise `SweepError`."""
    states = [trial.state for trial in result.trials]
    failed = [trial for trial in result.trials if trial.state == "failed"]
    first = f". The first error is that of trial {failed[0].index}: {failed[0].error}" if failed else ""
    if result.best is None:
        diverged = states.count("diverged")
        advice = "" if failed else ". Try a lower learning_rate, or standardise X"
        error = SweepError(
            f"no trial of {len(states)} is done: {len(failed)} failed, {diverged} diverged{first}{advice}"
        )
        error.result = result
        raise error
    if failed:
        warnings.warn(f"{len(failed)} of {len(states)} trials failed{first}", RuntimeWarning, stacklevel=3)


def check_data(X_train, y_train, X_val, y_val, fixed):
    """Check the data once for all trials. Set a missing ``output_size`` from the labels."""
    X_train = check_array("X_train", X_train, 2)
    X_val = check_array("X_val", X_val, 2, X_train.shape[1])
    labels = check_array("y_train", y_train, 1), check_array("y_val", y_val, 1)
    classes = fixed.get("output_size", int(max(map(np.max, labels))) + 1)
    y_train = check_labels("y_train", y_train, len(X_train), classes)
    y_val = check_labels("y_val", y_val, len(X_val), classes)
    return [X_train, y_train, X_val, y_val], {"output_size": classes, **fixed}


def run_trials(todo, arrays, seed, n_jobs, fixed):
    """Yield (trial, net) as the trials end. If a worker dies, run its trials again."""
    todo, arrays, attempts = dict(todo), copy_odd_maps(arrays, n_jobs), ATTEMPTS
    while todo:
        try:
            data = send_data(arrays, run_trial)
            calls = [delayed(run_trial)(i, params, seed, fixed, *data) for i, params in todo.items()]
            for trial, net in run_calls(calls, n_jobs):
                del todo[trial.index]
                attempts = ATTEMPTS
                yield trial, net
        except Exception:  # a dead worker, or joblib: errors of training are in the Trial
            attempts -= 1
            if attempts == 0:
                raise


def run_calls(calls, n_jobs):
    """Yield the results of joblib's calls as they end.

    A backend that can only return lists gets the calls in rounds.
    """
    if returns_generator():
        # Dispatch only as many trials as workers. A further trial could wait for a busy worker
        # while another worker is idle.
        settings = {"batch_size": 1, "pre_dispatch": "n_jobs", "return_as": "generator_unordered"}
        yield from Parallel(n_jobs=n_jobs, **settings)(calls)
    else:
        workers = effective_n_jobs(n_jobs)
        with Parallel(n_jobs=n_jobs, batch_size=1) as parallel:  # one pool of workers for all rounds
            for i in range(0, len(calls), workers):
                yield from parallel(calls[i : i + workers])


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
            accuracy = float(np.mean(net.predict(X_val) == y_val))
    except Exception as error:
        trial.state, trial.error = "failed", f"{type(error).__name__}: {error}"
        return trial, None
    if history.ended == "interrupted":  # train returned after Ctrl-C, but the sweep must end
        raise KeyboardInterrupt
    trial.seconds, trial.stats = time.perf_counter() - start, dict(history)
    trial.stopped = history.ended == "stopped"
    if history.ended == "diverged":
        trial.state = "diverged"
        return trial, None
    trial.val_accuracy = accuracy
    trial.standard_error = float(np.sqrt(accuracy * (1 - accuracy) / len(y_val)))
    return trial, net
