"""Trials of a sweep: their results, their ranking, and how to read them from a journal."""

import json
from dataclasses import asdict, dataclass, field

from classifiers.sweep.journal import to_json


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
    stats : dict
        The histories that `TwoLayerNet.train` returned.
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
    stats: dict = field(default_factory=dict)
    error: str = ""
    stopped: bool = False


def ranking_key(trial):
    """Return the sort key of a trial.

    A high validation accuracy comes first. Equal ones are in grid order. Trials that are not done
    are last.
    """
    return (-trial.val_accuracy if trial.state == "done" else 1.0), trial.index


def find_best(trials):
    """Return the first done trial of the ranking, or None if no trial is done."""
    return min((trial for trial in trials if trial.state == "done"), key=ranking_key, default=None)


def read_trials(log, combinations):
    """Return the trials of a journal that are not trained again: all but the failed ones."""
    trials = []
    for line in log.trials:
        if missing := asdict(Trial(0, {}, [])).keys() ^ line.keys():
            raise log.damaged(f"a trial must have the keys of Trial, but differs in {sorted(missing)[0]!r}")
        index, state = line["index"], line["state"]
        if state not in ("done", "diverged", "failed"):
            raise log.damaged(f"trial {index} has the state {state!r}")
        if index >= len(combinations):
            raise log.damaged(f"it has a trial {index}, but the grid has {len(combinations)}")
        if line["params"] != json.loads(json.dumps(combinations[index], default=to_json)):
            raise log.damaged(f"trial {index} has other hyperparameters than the grid, {line['params']}")
        if state != "failed":
            trials.append(Trial(**{**line, "params": combinations[index]}))
    return trials
