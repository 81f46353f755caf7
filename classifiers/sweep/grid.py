"""Grid of a sweep: hyperparameters, their values or distributions, and the combinations."""

import inspect
import itertools
from dataclasses import dataclass

import numpy as np

from checks import check_count, check_number
from classifiers.neural_net import TwoLayerNet

NET_ARGUMENTS = {"hidden_size", "output_size", "std", "dtype"}
TRAIN_ARGUMENTS = set(inspect.signature(TwoLayerNet.train).parameters) - {
    "self", "X", "y", "X_val", "y_val", "rng", "progress", "verbose"
}  # fmt: skip


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

    def rvs(self, random_state):
        """Draw a value. This is the interface of SciPy's distributions."""
        return float(np.exp(random_state.uniform(np.log(self.low), np.log(self.high))))


def list_combinations(grid, n_trials, seed, fixed):
    """Check the grid and return the combinations to train, a list of dicts in grid order."""
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
