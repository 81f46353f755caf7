"""Mistakes in the update and in predictions: a part of the table in mistakes.py."""

import numpy as np

from . import symptoms
from .findings import Mistake
from .reference import NAMES, factor_between
from .stages import PREDICT, TRAIN
from .training import DECAY

HISTORIES = ("loss_history", "train_acc_history", "val_acc_history")


def _unchanged(t):
    """No parameter changes."""
    return {} if t.names and all(np.array_equal(t.after[name], t.before[name]) for name in NAMES) else None


def _which(names):
    return {"which": ", ".join(names)} if names else None


def _forgotten(t):
    """Parameters that have a gradient but do not change."""
    return _which([name for name in t.names if np.array_equal(t.after[name], t.before[name])])


def _climbing(t):
    """Steps up the gradient."""
    return _which(t.names_with(t.rate))


def _without_reg(t):
    """Steps without the penalty's gradient."""
    names = t.names_with(-t.rate, t.grads_without_reg)
    return _which([name for name in names if name not in t.names_with(-t.rate)])


def _decayed(t):
    """A learning rate that decays before the first step."""
    return _which(t.names_with(-DECAY * t.rate))


def _factor(t):
    """Steps that are a wrong multiple of the gradient, if every step is a multiple of it."""
    found, right = {}, t.names_with(-t.rate)
    for name in t.names:
        k = factor_between(t.after[name] - t.before[name], -t.rate * t.grads[name], 1e-12)
        if k is None and name not in right:
            return None
        if k is not None and abs(k - 1) > 1e-7:
            found.setdefault(float(f"{k:.6g}"), []).append(name)
    return next(({"which": ", ".join(names), "k": k} for k, names in found.items()), None)


def _other_step(t):
    """Steps that are wrong in another way."""
    right = t.names_with(-t.rate)
    return _which([name for name in t.names if name not in right])


def _not_decaying(t):
    """A second step with the learning rate of the first."""
    return {} if t.second_is(-t.rate) and not t.second_is(-DECAY * t.rate) else None


def _other_second_step(t):
    """A second step that is wrong in another way."""
    return None if t.second_is(-DECAY * t.rate) else {}


def _wrong_histories(t):
    """A return value of train that is not a dict of complete histories."""
    if not isinstance(t.answer, dict):
        return {"got": type(t.answer).__name__}
    lengths = {name: len(t.answer[name]) if name in t.answer else "missing" for name in HISTORIES}
    return None if set(lengths.values()) == {2} else {"got": ", ".join(f"{n}: {k}" for n, k in lengths.items())}


def _late_loss(t):
    """A loss history that does not start with the loss before the first step."""
    got, (right, after) = float(t.answer["loss_history"][0]), t.losses
    if abs(got - right) <= 1e-9 * (1 + abs(right)):
        return None
    return {"got": got, "right": right, "late": ", the loss after the step" if np.isclose(got, after) else ""}


def _confused(prediction):
    """Predictions that are not one class for each row."""
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
    """A class without the highest score."""
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
        "train is not written to the end. Next: {next}{place}",
        seen=lambda t: symptoms.unwritten(t.error),
        hides=(TRAIN,),
    ),
    Mistake(TRAIN, "train raises {kind}: {error}{place}", seen=lambda t: symptoms.raised(t.error), hides=(TRAIN,)),
    Mistake(
        TRAIN,
        "train changes no parameter: the update is missing, or it changes copies. For each parameter, write "
        "self.params[name] -= learning_rate * grads[name]",
        seen=_unchanged,
        hides=(TRAIN,),
    ),
    Mistake(
        TRAIN,
        "the update of {which} goes up the gradient, so the loss rises. Use W -= learning_rate * dW",
        seen=_climbing,
        hides=(TRAIN,),
    ),
    Mistake(TRAIN, "train does not update {which}", seen=_forgotten, hides=(TRAIN,)),
    Mistake(
        TRAIN,
        "the update of {which} lacks the gradient of the penalty. In train, pass reg to loss: "
        "self.loss(X_batch, y=y_batch, reg=reg)",
        seen=_without_reg,
        hides=(TRAIN,),
    ),
    Mistake(
        TRAIN,
        "the learning rate decays before the first step ({which}). It must decay at the end of an epoch",
        seen=_decayed,
        hides=(TRAIN,),
    ),
    Mistake(
        TRAIN,
        "the update of {which} is {k:g} times what it should be. Use W -= learning_rate * dW",
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
        "the learning rate does not decay. Multiply it by learning_rate_decay once in each epoch, after the step",
        seen=_not_decaying,
        hides=(TRAIN,),
    ),
    Mistake(
        TRAIN,
        "the first iteration is right, but the second is wrong. It must be W -= learning_rate * dW, with the gradient "
        "at the new parameters and the learning rate after one decay",
        seen=_other_second_step,
        hides=(TRAIN,),
    ),
    Mistake(
        TRAIN,
        "train must return a dict with the lists loss_history, train_acc_history and val_acc_history. Here each list "
        "must have 2 numbers, got {got}",
        seen=_wrong_histories,
        hides=(TRAIN,),
    ),
    Mistake(
        TRAIN,
        "loss_history starts with {got:.8g}{late}. It must start with the loss before the step, {right:.8g}",
        seen=_late_loss,
    ),
    Mistake(
        TRAIN,
        "the batch mixes rows: an example gets the label of another row. Index X and y with the same row numbers",
        seen=lambda t: {} if t.mixed else None,
    ),
    Mistake(
        TRAIN,
        "train ignores batch_size: with batch_size=1 and two rows of data, a step uses both rows",
        seen=lambda t: {} if t.batch_ignored else None,
    ),
    Mistake(
        PREDICT,
        "predict is not written to the end. Next: {next}{place}",
        seen=lambda prediction: symptoms.unwritten(prediction.error),
        hides=(PREDICT,),
    ),
    Mistake(
        PREDICT,
        "predict raises {kind}: {error}{place}",
        seen=lambda prediction: symptoms.raised(prediction.error),
        hides=(PREDICT,),
    ),
    Mistake(
        PREDICT,
        "predict must return one class for each row, shape {right}, got {got}. Use np.argmax(scores, axis=1)",
        seen=_confused,
        hides=(PREDICT,),
    ),
    Mistake(
        PREDICT,
        "predict returns the class with the lowest score. Use np.argmax(scores, axis=1)",
        seen=_smallest,
        hides=(PREDICT,),
    ),
    Mistake(
        PREDICT,
        "predict returns class {got} for row {row}, but class {right} has the highest score",
        seen=_other_class,
    ),
)
