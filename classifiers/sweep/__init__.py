"""Hyperparameter search: trains a net for each combination, in parallel and resumable."""

from classifiers.sweep.grid import LogUniform
from classifiers.sweep.search import SweepError, SweepResult, sweep
from classifiers.sweep.trials import Trial

__all__ = ["LogUniform", "SweepError", "SweepResult", "Trial", "sweep"]
