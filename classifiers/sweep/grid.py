"""Grid of a sweep: hyperparameters, their values or distributions, and the combinations."""

import inspect
import itertools
import math
import warnings
import zlib
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np

from checks import check_count, check_number
from classifiers.neural_net import TwoLayerNet

NET_ARGUMENTS = {"hidden_size", "output_size", "std", "dtype"}
TRAIN_ARGUMENTS = set(inspect.signature(TwoLayerNet.train).parameters) - {
    "self", "X", "y", "X_val", "y_val", "rng", "progress", "verbose", "sample_weight", "velocity"
}  # fmt: skip
DRAWS = 10_000  # of a random search that looks for a new combination, at most


@dataclass(frozen=True)
class LogUniform:
    """Log-uniform distribution: the logarithm is uniform between the bounds.

    It suits learning rates and penalties.

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

    def rvs(self, random_state: Any) -> float:
        """Draw a value. This is the interface of SciPy's distributions."""
        return float(np.exp(random_state.uniform(np.log(self.low), np.log(self.high))))


def list_combinations(grid, n_trials, seed, fixed):
    """Check the grid and return the combinations to train, a list of dicts. No two are the same."""
    grid = check_grid(grid, n_trials, fixed)
    lists = [values for values in grid.values() if isinstance(values, list)]
    most = math.prod(map(len, lists)) if len(lists) == len(grid) else math.inf
    n_trials = n_trials if n_trials is None else check_count("n_trials", n_trials)
    if n_trials is None or n_trials >= most:
        if n_trials is not None and n_trials > most:
            warn_of_few(n_trials, most)
        return [dict(zip(grid, values, strict=True)) for values in itertools.product(*grid.values())]

    combinations = {}
    for i in range(n_trials):
        rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(i, 0)))
        draws = ({name: draw(values, rng) for name, values in grid.items()} for _ in range(DRAWS))
        new = next((params for params in draws if identify(params) not in combinations), None)
        if new is None:  # a distribution of a few values
            warn_of_few(n_trials, len(combinations))
            break
        combinations[identify(new)] = new
    return list(combinations.values())


def draw(values, rng):
    """Draw a value from a list or a distribution."""
    return values.rvs(random_state=rng) if hasattr(values, "rvs") else values[rng.integers(len(values))]


def warn_of_few(n_trials, number):
    """Warn the caller of `sweep`."""
    warnings.warn(
        f"n_trials is {n_trials}, but the grid has only {number} combinations: each is trained once", stacklevel=4
    )


def identify(params):
    """Return a key of hyperparameters: equal numbers and equal texts are the same, also of another type."""
    return tuple((name, _identify(params[name])) for name in sorted(params))


def _identify(value):
    if isinstance(value, (Real, np.bool_)):
        return float(value)
    return value if isinstance(value, str) else id(value)


def make_seed(params, seed):
    """Return the seed of a trial: the sweep's seed, and a number that its hyperparameters except num_iters give."""
    texts = [f"{name}={_describe(params[name])}" for name in sorted(params) if name != "num_iters"]
    return [seed, zlib.crc32(" ".join(texts).encode())]


def _describe(value):
    """Return a text that is the same in every process, also for a value whose ``repr`` has an address in memory."""
    if isinstance(value, (str, Real, np.bool_)):
        return str(_identify(value))
    if is_dtype(value):
        return np.dtype(value).name
    return getattr(value, "__qualname__", type(value).__qualname__)


def is_dtype(value):
    """Return whether a value is a type of numbers."""
    return isinstance(value, (type, np.dtype)) and np.dtype(value).kind != "O"  # NumPy gives other classes the kind O


def check_grid(grid, n_trials, fixed):
    """Check the names and values of the hyperparameters. Return the grid with lists as values."""
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
    checked = dict(grid)
    for name, values in grid.items():
        if hasattr(values, "rvs"):
            if n_trials is None:
                raise ValueError(f"n_trials must be given, since {name} is a distribution")
            continue
        checked[name] = list(values) if np.iterable(values) and not isinstance(values, str) else []
        if not checked[name]:
            raise ValueError(f"{name} must be a list of at least one value, got {values!r}")
        keys = list(map(_identify, checked[name]))
        if twice := [value for i, value in enumerate(checked[name]) if keys[i] in keys[:i]]:
            raise ValueError(f"the values of {name} must differ, got {twice[0]!r} twice")
    return checked
