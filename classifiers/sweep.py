"""The search for hyperparameters: a grid or random trials, in parallel, resumable, the same however it runs."""

import inspect
import itertools
import sys
import time
import warnings
from dataclasses import asdict, dataclass, field

import numpy as np
from joblib import Parallel, delayed
from joblib.parallel import get_active_backend
from threadpoolctl import threadpool_limits
from tqdm import tqdm

from checks import check_array, check_count, check_labels, check_number
from classifiers.journal import Journal
from classifiers.neural_net import TwoLayerNet
from tables import Table

NET_ARGUMENTS = {"hidden_size", "output_size", "std", "dtype"}
TRAIN_ARGUMENTS = set(inspect.signature(TwoLayerNet.train).parameters) - {
    "self", "X", "y", "X_val", "y_val", "rng", "progress", "verbose"
}  # fmt: skip
DEFAULT_ITERS = inspect.signature(TwoLayerNet.train).parameters["num_iters"].default
ATTEMPTS = 3  # in a row that may end without a finished trial, when workers die


@dataclass(frozen=True)
class LogUniform:
    """A distribution for learning rates and penalties: the logarithm is uniform between the logarithms of the bounds.

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
    """One net of a sweep.

    Attributes
    ----------
    index : int
        Place in the grid.
    params : dict
        The swept hyperparameters.
    seed : list of int
        The sweep's seed and the place: entropy and spawn key of the `numpy.random.SeedSequence` behind the trial.
    state : str
        "done"; "diverged" where the loss became infinite or NaN; "failed" where training raised.
    val_accuracy, standard_error : float
        Of the trained net on the validation data; NaN unless done. The error of an accuracy a measured on n examples
        is ``sqrt(a (1 - a) / n)``.
    seconds : float
        Of training.
    stats : dict
        What `TwoLayerNet.train` returned.
    error : str
        What a failed trial raised.
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


class SweepResult:
    """What `sweep` returns.

    Attributes
    ----------
    trials : list of Trial
        In grid order.
    best : Trial or None
        The done trial of the highest validation accuracy, of equals the first; None where no trial is done.
    best_net : TwoLayerNet or None
        Its net.
    """

    def __init__(self, trials, best_net):
        self.trials = sorted(trials, key=lambda trial: trial.index)
        self.best = max((t for t in self.trials if t.state == "done"), key=rank, default=None)
        self.best_net = best_net

    def table(self):
        """Rank the trials by validation accuracy.

        Returns
        -------
        Table
            Trials within one standard error of the best carry a star: the sweep cannot tell them apart from it.
        """
        names = list(self.trials[0].params)
        ranked = sorted(self.trials, key=lambda t: (t.state == "done", rank(t) if t.state == "done" else -t.index))
        rows = []
        for trial in reversed(ranked):
            if trial.state != "done":
                accuracy = trial.state
            else:
                close = trial.val_accuracy >= self.best.val_accuracy - self.best.standard_error
                accuracy = f"{trial.val_accuracy:.3f} ± {trial.standard_error:.3f} {'*' if close else ' '}"
            rows.append([*(f"{trial.params[name]}" for name in names), accuracy, f"{trial.seconds:.1f}"])
        return Table([*names, "validation accuracy", "seconds"], rows, "* within one standard error of the best")


def rank(trial):
    """Order done trials: by accuracy, of equals the first."""
    return trial.val_accuracy, -trial.index


def sweep(
    grid, X_train, y_train, X_val, y_val, *, n_trials=None, seed=0, n_jobs=-1, journal=None, progress=True, **fixed
):
    """Train a net for each combination of hyperparameters and find the best by validation accuracy.

    Parameters
    ----------
    grid : dict
        Maps names of arguments of `TwoLayerNet` or of its ``train`` to lists of values. With `n_trials` also to
        distributions: `LogUniform`, those of ``scipy.stats``, or anything with ``rvs(random_state=)``.
    X_train, y_train, X_val, y_val : array
        As for `TwoLayerNet.train`.
    n_trials : int, optional
        Random search: draw so many combinations instead of walking through all.
    seed : int
        Fixes everything that is random: the trial at place i draws from ``SeedSequence(seed, spawn_key=(i,))``.
    n_jobs : int
        Processes that train at once, each with one BLAS thread; -1 is one a core.
    journal : str or Path, optional
        A ``.jsonl`` file that gets a line for each trial as it ends; the nets go to a folder beside it. The same call
        takes finished trials from it, and tries failed ones again. It knows a sweep by grid, settings, seed and data,
        not by the code: remove the file after a change to the code.
    progress : bool
        Show a progress bar.
    **fixed
        Arguments of `TwoLayerNet` or of its ``train`` that all trials share; not ``rng``, which is made from `seed`,
        and not ``verbose``.

    Returns
    -------
    SweepResult

    Raises
    ------
    ValueError
        Where a name is unknown, a list is empty or the journal belongs to another sweep. Nothing has been trained.
    ImportError
        Where a Dask cluster has no copy of this code.
    TypeError
        Where a value cannot be put into a journal, since it prints otherwise in every process, as frozen
        distributions of SciPy do.

    Notes
    -----
    Results do not depend on n_jobs, on the order in which trials end, on the joblib backend or on an interruption.
    To the bit they do depend on the processor: each kind has its own BLAS kernels, which round in another order, and
    in a thousand steps float32 nets drift apart by that.
    Inside ``joblib.parallel_config(backend="dask")`` the trials run on the Dask cluster.
    """
    seed = check_count("seed", seed, 0)
    combinations = plan_trials(grid, n_trials, seed, fixed)
    arrays, fixed = check_data(X_train, y_train, X_val, y_val, fixed)
    todo, finished, best, best_net = dict(enumerate(combinations)), [], None, None
    book = None
    if journal is not None:
        described = {name: list(values) if n_trials is None else values for name, values in grid.items()}
        book = Journal(journal, {"grid": described, "trials": n_trials, "fixed": fixed, "seed": seed}, arrays)
        lines = (line for line in book.finished if line["state"] != "failed")  # those are tried again
        finished = [Trial(**{**line, "params": combinations[line["index"]]}) for line in lines]
    for trial in finished:
        del todo[trial.index]
        best = max(best or trial, trial, key=rank) if trial.state == "done" else best

    bar = tqdm(total=len(combinations), initial=len(finished), disable=not progress, file=sys.stdout, unit="net")
    try:
        for trial, net in _run_all(todo, arrays, seed, n_jobs, fixed):
            if book is not None:
                book.add(asdict(trial), net)
            finished.append(trial)
            if trial.state == "done" and (best is None or rank(trial) > rank(best)):
                best, best_net = trial, net
                bar.set_postfix(best=f"{best.val_accuracy:.3f}", refresh=False)
            bar.update()
        if best_net is None and best is not None:
            best_net = book.load_net(best.index)
    finally:
        bar.close()
        if book is not None:
            book.close()
    return SweepResult(finished, best_net)


def check_data(X_train, y_train, X_val, y_val, fixed):
    """Check the data once for all trials; without ``output_size`` there are as many classes as labels need."""
    X_train = check_array("X_train", X_train, 2)
    X_val = check_array("X_val", X_val, 2, X_train.shape[1])
    labels = check_array("y_train", y_train, 1), check_array("y_val", y_val, 1)
    classes = fixed.get("output_size", int(max(map(np.max, labels))) + 1)
    y_train = check_labels("y_train", y_train, len(X_train), classes)
    y_val = check_labels("y_val", y_val, len(X_val), classes)
    return [X_train, y_train, X_val, y_val], {"output_size": classes, **fixed}


def plan_trials(grid, n_trials, seed, fixed):
    """Check what is to be swept and list the combinations, a dict each, in grid order."""
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
    if n_trials is None:
        return [dict(zip(grid, values, strict=True)) for values in itertools.product(*grid.values())]

    n_trials = check_count("n_trials", n_trials)

    def draw(values, rng):
        return values.rvs(random_state=rng) if hasattr(values, "rvs") else values[rng.integers(len(values))]

    rngs = (np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(i, 0))) for i in range(n_trials))
    return [{name: draw(values, rng) for name, values in grid.items()} for rng in rngs]


def _run_all(todo, arrays, seed, n_jobs, fixed):
    """Yield (trial, net) as they end, and run those again whose worker died."""
    todo, attempts = dict(todo), ATTEMPTS
    while todo:
        try:
            placed = _place(arrays)
            calls = (delayed(run_trial)(i, params, seed, fixed, *placed) for i, params in list(todo.items()))
            # As many trials out as there are workers: one more would wait for a busy one while another is idle.
            parallel = Parallel(n_jobs=n_jobs, batch_size=1, pre_dispatch="n_jobs", return_as="generator_unordered")
            for trial, net in parallel(calls):
                del todo[trial.index]
                attempts = ATTEMPTS
                yield trial, net
        except Exception:  # what a trial raises is in its Trial: this comes from the machinery, a worker that died
            attempts -= 1
            if attempts == 0:
                raise


def _place(arrays):
    """On Dask, send the data to each worker once, so that no worker's death can lose them, and return what stands for
    them; elsewhere return them, since joblib's own processes map them from shared memory."""
    backend, _ = get_active_backend()
    if type(backend).__name__ != "DaskDistributedBackend":
        return arrays
    try:
        backend.client.submit(Trial, 0, {}, [], pure=False).result()
    except Exception as error:  # which joblib would wait for without end
        raise ImportError(
            "Dask's scheduler and workers must be able to import the lab: start them with its folder on PYTHONPATH"
        ) from error
    return backend.client.scatter(arrays, broadcast=True, hash=False)  # a hash would cost half a second for 250 MB


def run_trial(index, params, seed, fixed, *arrays):
    """Train and judge one net, with one BLAS thread: what a worker does.

    Returns
    -------
    Trial, TwoLayerNet or None
    """
    # A Dask worker gets the data themselves. But a cluster of one core joblib leaves alone, and calls this on the spot.
    X_train, y_train, X_val, y_val = (a.result() if hasattr(a, "result") else a for a in arrays)
    trial = Trial(index, params, [seed, index])
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(index,)))
    arguments = {**fixed, **params}
    start = time.perf_counter()
    try:
        with threadpool_limits(1), warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # divergence is recorded
            net_arguments = {name: arguments.pop(name) for name in NET_ARGUMENTS & arguments.keys()}
            net = TwoLayerNet(X_train.shape[1], **net_arguments, rng=rng)
            trial.stats = net.train(X_train, y_train, X_val, y_val, **arguments, rng=rng)
            accuracy = float(np.mean(net.predict(X_val) == y_val))
    except Exception as error:
        trial.state, trial.error = "failed", f"{type(error).__name__}: {error}"
        return trial, None
    trial.seconds = time.perf_counter() - start
    losses = trial.stats["loss_history"]
    if not np.isfinite(losses[-1:]).all():
        trial.state = "diverged"
        return trial, None
    if len(losses) < arguments.get("num_iters", DEFAULT_ITERS):  # train swallowed a Ctrl-C that was meant for the sweep
        raise KeyboardInterrupt
    trial.val_accuracy = accuracy
    trial.standard_error = float(np.sqrt(accuracy * (1 - accuracy) / len(y_val)))
    return trial, net
