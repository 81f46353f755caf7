"""Hyperparameter search: trains a net for each combination, in parallel and resumable."""

from __future__ import annotations

import warnings
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import ArrayLike

from checks import check_array, check_count, check_labels
from classifiers.neural_net import TwoLayerNet
from classifiers.progress import make_bar
from classifiers.sweep.cluster import copy_odd_maps, restart_workers, runs_here, send_data
from classifiers.sweep.code_hash import hash_sources
from classifiers.sweep.grid import list_combinations, make_seed
from classifiers.sweep.journal import Journal
from classifiers.sweep.trials import Trial, group_trials, run_group

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

    def __init__(self, trials: list[Trial], best_net: TwoLayerNet | None):
        self.trials = sorted(trials, key=lambda trial: trial.index)
        self.ranked = sorted(self.trials, key=lambda trial: -trial.val_accuracy if trial.state == "done" else 1.0)
        self.best: Any = self.ranked[0] if self.ranked and self.ranked[0].state == "done" else None
        self.best_net: Any = best_net

    def to_pandas(self) -> Any:
        """Return the trials as a ``pandas.DataFrame``, a row each, in grid order.

        The columns are the hyperparameters, and state, val_accuracy, standard_error, seconds, seed,
        stopped, error and iterations. The index is that of the trials.
        """
        import pandas as pd

        names = "state", "val_accuracy", "standard_error", "seconds", "seed", "stopped", "error"
        rows = [
            {**t.params, **{name: getattr(t, name) for name in names}, "iterations": len(t.stats["loss_history"])}
            for t in self.trials
        ]
        return pd.DataFrame(rows, index=[trial.index for trial in self.trials])


class SweepError(RuntimeError):
    """Error of a sweep in which no trial is done: all failed or diverged.

    Attributes
    ----------
    result : SweepResult
        All trials with their errors. ``best`` and ``best_net`` are None.
    """

    result = None


def sweep(
    grid: dict[str, Any], X_train: ArrayLike, y_train: ArrayLike, X_val: ArrayLike, y_val: ArrayLike,
    *, n_trials: int | None = None, seed: int = 0, n_jobs: int = -1, journal: Path | str | None = None,
    progress: bool = True, **fixed: Any,
) -> SweepResult:  # fmt: skip
    """Train a net for each combination of hyperparameters and find the best by validation accuracy.

    Parameters
    ----------
    grid : dict
        Maps names of arguments of `TwoLayerNet` or of its ``train`` to lists of different values.
        With `n_trials`, a name may have a distribution instead: `LogUniform`, one of
        ``scipy.stats``, or any object with a method ``rvs(random_state=)``.
    X_train, y_train, X_val, y_val : array
        As for `TwoLayerNet.train`.
    n_trials : int, optional
        Random search: the number of different combinations to draw. By default, all are trained.
    seed : int
        Seed of all randomness. Each trial draws its weights and batches from
        ``numpy.random.default_rng(trial.seed)``. This seed depends only on `seed` and on its own
        hyperparameters except ``num_iters``. Random search draws the combination of trial i from
        ``SeedSequence(seed, spawn_key=(i, 0))``.
    n_jobs : int
        Processes that train at the same time, each with one BLAS thread. -1 means one per core.
    journal : str or Path, optional
        A ``.jsonl`` file. Each trial that ends adds a line to it and saves its net in a folder
        beside it. The same call continues from this file and tries failed trials again. So does a
        call with another grid, `n_trials` or `seed`: trials with the same hyperparameters and seed
        are kept. Data and fixed arguments must be the same. If the code that trains has changed,
        file and folder are renamed, and the sweep starts from the beginning.
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
        If a name is unknown, a list is empty or has a value twice, or the journal has other data or
        fixed arguments.
    ImportError
        If a Dask cluster cannot import this code.
    TimeoutError
        If a Dask cluster has no worker, and no worker joins it in time.
    TypeError
        If a journal cannot record a value because its ``repr`` contains an address in memory.
    SweepError
        If no trial is done. Its attribute ``result`` is the `SweepResult`.
    RuntimeError
        With a journal or worker processes, if a file of the code has changed since this process
        loaded it.
    KeyboardInterrupt
        After Ctrl-C. The message says what is kept.

    Warns
    -----
    RuntimeWarning
        If some trials failed. The message has their number and the first error.
    UserWarning
        If `n_trials` is larger than the number of combinations.

    Notes
    -----
    Results do not depend on n_jobs, on the order in which trials end, on the joblib backend or on
    interruptions. They are bit-identical only on the same type of processor, because BLAS rounds
    differently on other types. In float32, these differences grow over a thousand steps.

    Trials of a grid that differ only in ``num_iters`` are one training, unless it has a schedule or
    a callback. The shorter trials are its first iterations, bit for bit.

    Inside ``joblib.parallel_config(backend="dask")`` the trials run on the Dask cluster.

    Some backends cannot return results one by one, for example "multiprocessing". The journal then
    gets all trials at the end of the sweep.
    """
    seed = check_count("seed", seed, 0)
    combinations = list_combinations(grid, n_trials, seed, fixed)
    arrays, fixed = check_data(X_train, y_train, X_val, y_val, fixed)
    log, result = None, SweepResult([], None)
    if journal is not None:
        log = Journal(journal, fixed, seed, arrays, combinations)
        result = SweepResult(log.trials, None)
    finished = {trial.index for trial in result.trials}
    todo = {i: params for i, params in enumerate(combinations) if i not in finished}

    bar = make_bar(total=len(combinations), initial=len(finished), shown=progress, unit="net")
    try:
        with bar, log or nullcontext():
            for trial, net in run_trials(todo, arrays, seed, n_jobs, fixed):
                if log is not None:
                    log.add(trial, net)
                result = SweepResult([*result.trials, trial], result.best_net)
                if result.best is trial:
                    result.best_net = net
                    bar.set_postfix(best=f"{trial.val_accuracy:.3f}", refresh=False)
                bar.update()
    except KeyboardInterrupt:
        kept = "Without a journal, they are lost"
        if log is not None:
            kept = f"They are in {log.path}: the same call continues"
        raise KeyboardInterrupt(
            f"sweep was interrupted after {len(result.trials)} of {len(combinations)} trials. {kept}"
        ) from None
    if result.best is not None and result.best_net is None:
        result.best_net = log.read_net(result.best.index)
    report_failures(result)
    return result


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
    if not runs_here(n_jobs):
        swept = [value for params in todo.values() for value in params.values()]
        restart_workers(hash_sources([*fixed.values(), *swept]))
    todo, arrays, attempts = dict(todo), copy_odd_maps(arrays, n_jobs), ATTEMPTS
    while todo:
        try:
            data = send_data(arrays, run_group)
            groups = group_trials(todo, fixed)
            seeds = [make_seed(next(iter(trials.values())), seed) for trials in groups]
            calls = [delayed(run_group)(*call, fixed, *data) for call in zip(groups, seeds, strict=True)]
            for ended in make_parallel(n_jobs)(calls):
                for trial, net in ended:
                    del todo[trial.index]
                    attempts = ATTEMPTS
                    yield trial, net
        except Exception:  # a dead worker, or joblib: errors of training are in the Trial
            attempts -= 1
            if attempts == 0:
                raise


def make_parallel(n_jobs):
    """Return a `joblib.Parallel` that yields results as they end, or a list if the backend cannot."""
    try:
        # Dispatch only as many trials as workers. A further trial could wait for a busy worker
        # while another worker is idle.
        return Parallel(n_jobs=n_jobs, batch_size=1, pre_dispatch="n_jobs", return_as="generator_unordered")
    except ValueError:
        return Parallel(n_jobs=n_jobs, batch_size=1)
