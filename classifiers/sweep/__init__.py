"""Hyperparameter search: trains a net for each combination, in parallel and resumable."""

from .search import LogUniform, SweepError, SweepResult, Trial, sweep

__all__ = ["LogUniform", "SweepError", "SweepResult", "Trial", "sweep"]
