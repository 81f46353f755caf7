"""Hyperparameter search: trains one net for each combination, in parallel, and can continue after an interruption."""

import importlib
import inspect
import itertools
import sys
import time
import warnings
from contextlib import nullcontext
from dataclasses import asdict, dataclass, field

import numpy as np
from joblib import Parallel, delayed
from threadpoolctl import threadpool_limits
from tqdm import tqdm

from checks import check_array, check_count, check_labels, check_number
from classifiers.cluster import receive_data, send_data
from classifiers.journal import Journal
from classifiers.neural_net import TwoLayerNet

NET_ARGUMENTS = {"hidden_size", "output_size", "std", "dtype"}
TRAIN_ARGUMENTS = set(inspect.signature(TwoLayerNet.train).parameters) - {
    "self", "X", "y", "X_val", "y_val", "rng", "progress", "verbose"
}  # fmt: skip
ATTEMPTS = 3  # a sweep ends with an error if workers die so often, one after the other, and no trial ends in between


@dataclass(frozen=True)
class LogUniform:
    """Log-uniform distribution, for learning rates and penalties: the logarithm is uniform between the bounds.

    Parameters
    ----------
    low, high : float
        Bounds, above 0.
    """

    low: float
    high: float

    def __post_init__(self):
        low, high = check_number("low", self.low), check_number("high", self.high)
        if not 0 < low <= high:
            raise ValueError(f"LogUniform must have 0 < low <= high, got low={low:g} and high={high:g}")

    def rvs(self, random_state):
        """Draw a value, as SciPy's distributions do."""
        return float(np.exp(random_state.uniform(np.log(self.low), np.log(self.high))))


@dataclass
class Trial:
    """Result of training one net of a sweep.

    Attributes
    ----------
    index : int
        Place in the grid, from 0.
    params : dict
        The swept hyperparameters.
    seed : list of int
        The sweep's seed and the index, from which `numpy.random.SeedSequence` makes the trial's rng.
    state : str
        "done"; "diverged" if the loss became infinite or NaN; "failed" if training raised an error.
    val_accuracy, standard_error : float
        Accuracy a on the n validation examples, and its standard error ``sqrt(a (1 - a) / n)``.
        NaN unless done.
    seconds : float
        Duration of the training.
    stats : dict
        The histories that `TwoLayerNet.train` returned.
    error : str
        The error of a failed trial.
    """

    index: int
    params: dict
    seed: list
    state: str = "done"
    val_accuracy: float = float("nan")
    standard_error: float = float("nan")
    seconds: float = 0.0
    stats: dict = field(default_factory=dict)
    error: str = ""


def ranking_key(trial):
    """Return what sorts trials: high validation accuracy first, equal ones in grid order, not done ones last."""
    return (-trial.val_accuracy if trial.state == "done" else 1.0), trial.index


def find_best(trials):
    """Return the first done trial of the ranking, or None if no trial is done."""
    return min((trial for trial in trials if trial.state == "done"), key=ranking_key, default=None)


class SweepResult:
    """Result of `sweep`. `vis_utils` shows it: ``sweep_table(result)`` and ``plot_sweep(result)``.

    Attributes
    ----------
    trials : list of Trial
        In grid order.
    ranked : list of Trial
        The highest validation accuracy first, equal ones in grid order, not done ones last.
    best : Trial or None
        The first of `ranked`; None if no trial is done.
    best_net : TwoLayerNet or None
        The trained net of the best trial.
    """

    def __init__(self, trials, best_net):
        self.trials = sorted(trials, key=lambda trial: trial.index)
        self.ranked = sorted(trials, key=ranking_key)
        self.best, self.best_net = find_best(trials), best_net

    def table(self):
        """Deprecated: use ``vis_utils.sweep_table(result)``."""
        message = "result.table() has moved: vis_utils.sweep_table(result). The old name goes in 1.2"
        warnings.warn(message, DeprecationWarning, stacklevel=2)
        return importlib.import_module("vis_utils").sweep_table(self)  # not at the top: workers need no matplotlib


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
        Fixes all randomness. Trial i draws its weights and batches from
        ``SeedSequence(seed, spawn_key=(i,))``. Random search draws the combination of trial i from
        ``SeedSequence(seed, spawn_key=(i, 0))``.
    n_jobs : int
        Processes that train at the same time, each with one BLAS thread. -1: one for each core.
    journal : str or Path, optional
        A ``.jsonl`` file. Each trial that ends adds a line to it, and its net to a folder beside it.
        The same call continues from this file and tries failed trials again. The file records grid,
        settings, seed and data, but not the code: remove it after a change of the code.
    progress : bool
        Show a progress bar.
    **fixed
        Arguments of `TwoLayerNet` or its ``train`` that all trials share. Not ``rng``: see `seed`.

    Returns
    -------
    SweepResult

    Raises
    ------
    ValueError
        If a name is unknown, a list is empty, or the journal belongs to another sweep.
    ImportError
        If a Dask cluster cannot import this code.
    TypeError
        If a journal cannot record a value because it prints its address, as SciPy's distributions do.

    Notes
    -----
    Results do not depend on n_jobs, on the order in which trials end, on the joblib backend or on an
    interruption. They are bit-identical only on the same type of processor, since BLAS rounds
    differently on each: in a thousand steps, float32 nets drift apart.
    Inside ``joblib.parallel_config(backend="dask")`` the trials run on the Dask cluster.
    """
    seed = check_count("seed", seed, 0)
    combinations = list_combinations(grid, n_trials, seed, fixed)
    arrays, fixed = check_data(X_train, y_train, X_val, y_val, fixed)
    log, trials, best_net = None, [], None
    if journal is not None:
        values = {name: list(v) if not hasattr(v, "rvs") else v for name, v in grid.items()}
        log = Journal(journal, {"grid": values, "trials": n_trials, "fixed": fixed, "seed": seed}, arrays)
        ended = (line for line in log.trials if line["state"] != "failed")  # failed ones are tried again
        trials = [Trial(**{**line, "params": combinations[line["index"]]}) for line in ended]
    finished = {trial.index for trial in trials}
    todo = {i: params for i, params in enumerate(combinations) if i not in finished}

    bar = tqdm(total=len(combinations), initial=len(trials), disable=not progress, file=sys.stdout, unit="net")
    with bar, log or nullcontext():
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
    return SweepResult(trials, best_net)


def list_combinations(grid, n_trials, seed, fixed):
    """Check the grid and return the combinations to train: a list of dicts, in grid order."""
    check_grid(grid, n_trials, fixed)
    if n_trials is None:
        return [dict(zip(grid, values, strict=True)) for values in itertools.product(*grid.values())]

    def draw(values, rng):
        return values.rvs(random_state=rng) if hasattr(values, "rvs") else values[rng.integers(len(values))]

    combinations = []
    for i in range(check_count("n_trials", n_trials)):
        rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(i, 0)))
        combinations.append({name: draw(values, rng) for name, values in grid.items()})
    return combinations


def check_grid(grid, n_trials, fixed):
    """Check the names and values of the hyperparameters."""
    if not isinstance(grid, dict):
        raise TypeError(f"grid must be a dict, got {grid!r}")
    for name in (*grid, *fixed):
        if name not in NET_ARGUMENTS | TRAIN_ARGUMENTS:
            known = ", ".join(sorted(NET_ARGUMENTS | TRAIN_ARGUMENTS))
            raise ValueError(f"arguments of TwoLayerNet or train must be among {known}; got {name!r}")
    if "hidden_size" not in {*grid, *fixed}:
        raise ValueError("hidden_size must be swept or fixed")
    if twice := set(grid) & set(fixed):
        raise ValueError(f"{sorted(twice)[0]} must be swept or fixed, not both")
    for name, values in grid.items():
        if hasattr(values, "rvs"):
            if n_trials is None:
                raise ValueError(f"n_trials must be given, since {name} is a distribution")
        elif isinstance(values, str) or not np.iterable(values) or len(values) == 0:
            raise ValueError(f"{name} must be a list of at least one value, got {values!r}")


def check_data(X_train, y_train, X_val, y_val, fixed):
    """Check the data once for all trials, and set ``output_size`` from the labels unless it is given."""
    X_train = check_array("X_train", X_train, 2)
    X_val = check_array("X_val", X_val, 2, X_train.shape[1])
    labels = check_array("y_train", y_train, 1), check_array("y_val", y_val, 1)
    classes = fixed.get("output_size", int(max(map(np.max, labels))) + 1)
    y_train = check_labels("y_train", y_train, len(X_train), classes)
    y_val = check_labels("y_val", y_val, len(X_val), classes)
    return [X_train, y_train, X_val, y_val], {"output_size": classes, **fixed}


def run_trials(todo, arrays, seed, n_jobs, fixed):
    """Yield (trial, net) as the trials end. If a worker dies, run its trials again."""
    todo, attempts = dict(todo), ATTEMPTS
    while todo:
        try:
            data = send_data(arrays, run_trial)
            calls = (delayed(run_trial)(i, params, seed, fixed, *data) for i, params in list(todo.items()))
            # Only as many trials as workers: a further one would wait for one worker while another is idle.
            parallel = Parallel(n_jobs=n_jobs, batch_size=1, pre_dispatch="n_jobs", return_as="generator_unordered")
            for trial, net in parallel(calls):
                del todo[trial.index]
                attempts = ATTEMPTS
                yield trial, net
        except Exception:  # errors of training are in the Trial, so this is a worker that died, or joblib
            attempts -= 1
            if attempts == 0:
                raise


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
        with threadpool_limits(1), warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # the state says that training diverged
            net_arguments = {name: arguments.pop(name) for name in NET_ARGUMENTS & arguments.keys()}
            net = TwoLayerNet(X_train.shape[1], **net_arguments, rng=rng)
            history = net.train(X_train, y_train, X_val, y_val, **arguments, rng=rng)
            accuracy = float(np.mean(net.predict(X_val) == y_val))
    except Exception as error:
        trial.state, trial.error = "failed", f"{type(error).__name__}: {error}"
        return trial, None
    if history.ended == "interrupted":  # train returned after Ctrl-C, but the sweep must end
        raise KeyboardInterrupt
    trial.seconds, trial.stats = time.perf_counter() - start, dict(history)
    if history.ended == "diverged":
        trial.state = "diverged"
        return trial, None
    trial.val_accuracy = accuracy
    trial.standard_error = float(np.sqrt(accuracy * (1 - accuracy) / len(y_val)))
    return trial, net
