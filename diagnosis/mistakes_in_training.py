"""The part of the table of mistakes that is about the update and prediction, see mistakes.py."""

import numpy as np

from . import signs
from .findings import Mistake
from .reference import NAMES, factor_between
from .stages import PREDICT, TRAIN
from .training import DECAY

HISTORIES = ("loss_history", "train_acc_history", "val_acc_history")


def _unchanged(t):
    """No step at all."""
    return {} if t.names and all(np.array_equal(t.after[name], t.before[name]) for name in NAMES) else None


def _which(names):
    return {"which": ", ".join(names)} if names else None


def _forgotten(t):
    """Parameters that stay, though they have a gradient."""
    return _which([name for name in t.names if np.array_equal(t.after[name], t.before[name])])


def _climbing(t):
    """Steps up the gradient."""
    return _which(t.names_with(t.rate))


def _without_reg(t):
    """Steps without the penalty's gradient."""
    names = t.names_with(-t.rate, t.grads_without_reg)
    return _which([name for name in names if name not in t.names_with(-t.rate)])


def _decayed(t):
    """A rate that was multiplied by the decay before the first step."""
    return _which(t.names_with(-DECAY * t.rate))


def _factor(t):
    """Steps that are another multiple of the gradient, if no step is anything else."""
    found, right = {}, t.names_with(-t.rate)
    for name in t.names:
        k = factor_between(t.after[name] - t.before[name], -t.rate * t.grads[name], 1e-12)
        if k is None and name not in right:
            return None
        if k is not None and abs(k - 1) > 1e-7:
            found.setdefault(float(f"{k:.6g}"), []).append(name)
    return next(({"which": ", ".join(names), "k": k} for k, names in found.items()), None)


def _other_step(t):
    """Steps that are none of that."""
    right = t.names_with(-t.rate)
    return _which([name for name in t.names if name not in right])


def _not_decaying(t):
    """A second step with the rate of the first."""
    return {} if t.second_is(-t.rate) and not t.second_is(-DECAY * t.rate) else None


def _other_second_step(t):
    """A second step that is wrong otherwise."""
    return None if t.second_is(-DECAY * t.rate) else {}


def _wrong_histories(t):
    """An answer of train that is no dict of histories."""
    if not isinstance(t.answer, dict):
        return {"got": type(t.answer).__name__}
    lengths = {name: len(t.answer[name]) if name in t.answer else "nothing" for name in HISTORIES}
    return None if set(lengths.values()) == {2} else {"got": ", ".join(f"{n}: {k}" for n, k in lengths.items())}


def _late_loss(t):
    """A history of losses that does not start before the first step."""
    got, (right, after) = float(t.answer["loss_history"][0]), t.losses
    if abs(got - right) <= 1e-9 * (1 + abs(right)):
        return None
    return {"got": got, "right": right, "late": ", the loss after the step" if np.isclose(got, after) else ""}


def _confused(prediction):
    """Predictions that are no classes of the rows."""
    got, scores = prediction.got, prediction.scores
    right = scores.argmax(axis=1)
    if got is None or np.shape(got) != right.shape:
        return {"got": "None" if got is None else f"an array of shape {np.shape(got)}", "right": right.shape}
    return None


def _smallest(prediction):
    """The class with the lowest score."""
    got, scores = prediction.got, prediction.scores
    lowest = np.array_equal(got, scores.argmin(axis=1)) and not np.array_equal(got, scores.argmax(axis=1))
    return {} if lowest else None


def _other_class(prediction):
    """Another class."""
    got, scores = prediction.got, prediction.scores
    best, rows = scores.argmax(axis=1), np.arange(len(scores))
    outside = ~np.isin(got, np.arange(scores.shape[1]))
    classes = np.where(outside, 0, got).astype(int)
    wrong = np.flatnonzero(outside | (scores[rows, classes] < scores[rows, best]))  # equal scores are equally right
    if wrong.size == 0:
        return None
    row = wrong[0]
    return {"row": f"{row}{prediction.of}", "got": got[row], "right": scores[row].argmax()}


MISTAKES_IN_TRAINING = (
    Mistake(
        TRAIN,
        "train is not written to its end. Next: {next}{place}",
        seen=lambda t: signs.unwritten(t.error),
        hides=(TRAIN,),
    ),
    Mistake(TRAIN, "train raises {kind}: {error}{place}", seen=lambda t: signs.raised(t.error), hides=(TRAIN,)),
    Mistake(
        TRAIN,
        "train changes no parameter: the update is missing, or goes to copies. Write self.params[name] -= "
        "learning_rate * grads[name] for each",
        seen=_unchanged,
        hides=(TRAIN,),
    ),
    Mistake(
        TRAIN,
        "the update of {which} climbs: it is W -= learning_rate * dW, down the gradient",
        seen=_climbing,
        hides=(TRAIN,),
    ),
    Mistake(TRAIN, "train forgets to update {which}", seen=_forgotten, hides=(TRAIN,)),
    Mistake(
        TRAIN,
        "the update of {which} lacks the penalty's gradient: train must hand reg on, self.loss(X_batch, y=y_batch, "
        "reg=reg)",
        seen=_without_reg,
        hides=(TRAIN,),
    ),
    Mistake(
        TRAIN,
        "the learning rate decays before the first step ({which}): it decays at the end of an epoch",
        seen=_decayed,
        hides=(TRAIN,),
    ),
    Mistake(
        TRAIN,
        "the update of {which} is {k:g} times what it should be, W -= learning_rate * dW",
        seen=_factor,
        hides=(TRAIN,),
    ),
    Mistake(
        TRAIN,
        "the update of {which} is not W -= learning_rate * dW with the gradient of the batch",
        seen=_other_step,
        hides=(TRAIN,),
    ),
    Mistake(
        TRAIN,
        "the learning rate does not decay: multiply it by learning_rate_decay once an epoch, after the step",
        seen=_not_decaying,
        hides=(TRAIN,),
    ),
    Mistake(
        TRAIN,
        "the second iteration does not follow from the first: it is W -= learning_rate * dW, with the gradient at the "
        "new parameters and the rate after one decay",
        seen=_other_second_step,
        hides=(TRAIN,),
    ),
    Mistake(
        TRAIN,
        "train must return a dict of the lists loss_history, train_acc_history and val_acc_history, here each of 2 "
        "numbers; got {got}",
        seen=_wrong_histories,
        hides=(TRAIN,),
    ),
    Mistake(
        TRAIN,
        "loss_history starts with {got:.8g}{late}. It must be the loss before the step, {right:.8g}",
        seen=_late_loss,
    ),
    Mistake(
        TRAIN,
        "the batch mixes rows: X and y of an example come from different ones. Index both with the same numbers",
        seen=lambda t: {} if t.mixed else None,
    ),
    Mistake(
        TRAIN,
        "train does not heed batch_size: with batch_size=1 a step takes both of two rows",
        seen=lambda t: {} if t.batch_ignored else None,
    ),
    Mistake(
        PREDICT,
        "predict is not written to its end. Next: {next}{place}",
        seen=lambda prediction: signs.unwritten(prediction.error),
        hides=(PREDICT,),
    ),
    Mistake(
        PREDICT,
        "predict raises {kind}: {error}{place}",
        seen=lambda prediction: signs.raised(prediction.error),
        hides=(PREDICT,),
    ),
    Mistake(
        PREDICT,
        "predict must return one class for each row, shape {right}; got {got}. It is np.argmax(scores, axis=1)",
        seen=_confused,
        hides=(PREDICT,),
    ),
    Mistake(PREDICT, "predict takes the lowest score, not np.argmax(scores, axis=1)", seen=_smallest, hides=(PREDICT,)),
    Mistake(
        PREDICT,
        "predict gives class {got} for row {row}; the highest score is that of class {right}",
        seen=_other_class,
    ),
)
