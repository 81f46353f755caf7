"""Symptoms of mistakes, for the entries of the table in mistakes.py that are not plain formulas.

Each function looks for one mistake in the answers of a net. It returns the values for the sentence
of the entry, or None if the answers do not show the mistake.
"""

import re

import numpy as np

from checks import BIASES

from .loading import quote_own_line
from .reference import NAMES, agree, factor_between
from .training_probe import DECAY

HISTORIES = ("loss_history", "train_acc_history", "val_acc_history")


def two_dimensional_bias(params):
    """A bias of two dimensions, one of which is 1."""
    for name in BIASES:
        shape = np.shape(params[name]) if name in params else ()
        if len(shape) == 2 and 1 in shape:
            return {"name": name, "got": shape, "right": (max(shape),)}
    return None


def raised(error):
    """An exception, with its type, its text, and the line of the net's own code that raises it."""
    return None if error is None else {"kind": type(error).__name__, "error": error, "place": quote_own_line(error)}


def not_written(error):
    """A NotImplementedError: the code after it is not written yet."""
    if not isinstance(error, NotImplementedError):
        return None
    found = raised(error)
    if re.search(r"\bline \d", str(error)):  # the functions of the exercise name their lines themselves
        found["place"] = ""
    return {**found, "next": str(error) or "this line"}


def loss_not_written(calls):
    """A loss that is not finished; the values say whether the scores are correct."""
    found = not_written(calls.error)
    return found and {**found, "so_far": "the scores are correct. " if calls.scores_correct else ""}


def not_finite(arrays):
    """The first NaN or infinity in some arrays or numbers, with its name and place."""
    for name, value in arrays.items():
        value = np.asarray(value)
        if value.dtype.kind == "f" and not np.isfinite(value).all():
            place = tuple(map(int, np.argwhere(~np.isfinite(value))[0]))
            return {"name": name, "got": value[place], "place": f" at {place}" if place else ""}
    return None


def wrong_keys(calls):
    """Gradients that are not a dict with the names of the parameters."""
    if not isinstance(calls.grads, dict):
        return {"got": type(calls.grads).__name__}
    return None if set(calls.grads) <= set(NAMES) else {"got": sorted(map(str, calls.grads))}


def no_scores(calls):
    """A net that has no scores yet."""
    return {} if calls.scores is None and calls.error is None else None


def unfinished(calls):
    """What is missing after correct scores: the loss, or gradients."""
    missing = [name for name in NAMES if name not in calls.grads]
    if calls.loss is None:
        return {"right": "the scores are", "next": "the loss, the mean of -log p over the rows plus the penalty"}
    if not missing:
        return None
    found = f", the loss and the gradient of {', '.join(calls.names)}" if calls.names else " and the loss"
    return {"right": f"the scores{found} are", "next": f"the gradient of {', '.join(missing)}"}


def wrong_dtype(calls):
    """A gradient that is not an array of the type of its parameter."""
    for name in calls.names:
        grad, dtype = calls.grads[name], calls.params[name].dtype
        if not isinstance(grad, (np.ndarray, np.floating)) or grad.dtype != dtype:
            return {"name": name, "got": getattr(grad, "dtype", type(grad).__name__)}
    return None


def wrong_shape(name, answer, reference):
    """An answer of another shape than the correct one."""
    got, right = np.shape(answer), np.shape(reference.right[name])
    return None if got == right else {"got": got, "right": right}


def single_precision(evidence):
    """Numbers that are only as precise as float32, or a loss that is exactly a float32 number."""
    what, answer, right, floor = evidence
    if np.shape(answer) != np.shape(right):
        return None
    k = factor_between(answer, right, floor)
    close = k is not None and abs(k - 1) < 2e-6  # no mistake has such a factor
    size, scaled = float(np.vdot(right, right)), right
    if np.size(right) > 2 and size > 0:  # a wrong factor is reported after the precision
        scaled = right * (float(np.vdot(right, answer)) / size)
    if not np.max(np.abs(answer - scaled), initial=0) <= 5e-6 * np.max(np.abs(scaled), initial=0):
        return None
    rounded = not agree(answer, right if close else scaled, floor)
    held = np.ndim(answer) == 0 and answer != 0 and float(np.float32(answer)) == float(answer)
    return {"what": what} if rounded or held else None


def unknown_scores(name, scores, reference):
    """Scores that no other entry explains, with the largest difference."""
    row, column = np.unravel_index(np.abs(scores - reference.scores).argmax(), scores.shape)
    return {"row": row, "column": column, "got": scores[row, column], "right": reference.scores[row, column]}


def multiple(name, answer, reference):
    """A gradient that is a multiple of the correct one."""
    k = factor_between(answer, reference.right[name], reference.floor[name]) if name in NAMES else None
    return None if k is None else {"k": float(f"{k:.9g}")}  # rounded, because equal factors share one sentence


def unknown_loss(name, answer, reference):
    """A loss that no other entry explains."""
    return {"got": answer, "right": reference.right["loss"]} if name == "loss" else None


def unknown_gradient(name, answer, reference):
    """A gradient that no other entry explains, with the largest difference."""
    if name not in NAMES:
        return None
    difference = np.abs(answer - reference.right[name])
    where = tuple(map(int, np.unravel_index(np.argmax(difference), difference.shape)))  # the first NaN, if any
    got, right = float(answer[where]), float(reference.right[name][where])
    return {"at": where, "of": "", "got": got, "right": right, "remark": reference.remark}


def penalised_like_weights(name, factors):
    """A bias with the same penalty as the weights, in the loss and in the gradient."""
    alike = set(factors.values()) in ({(0.5, 1)}, {(1, 2)})
    return {} if name in BIASES and alike else None


def penalised_bias(name, factors):
    """A bias with a penalty, in the loss or in the gradient."""
    if name not in BIASES:
        return None
    pair = factors[name]
    places = [place for place, factor in zip(("the loss", "the gradient"), pair, strict=True) if factor != 0]
    factor = pair[0] or pair[1]
    return {"places": " and ".join(places), "factor": f", with the factor {factor}" if factor else ""}


def wrong_joint_penalty(evidence):
    """A penalty that is wrong only if all parameters differ from zero."""
    wrong, reg, factors = evidence
    if not wrong:
        return None
    half, full = ("", "2 * ") if factors["W1"] == (1, 2) else ("0.5 * ", "")
    biases = " + sum(b1**2) + sum(b2**2)" if factors["b1"] != (0, 0) else ""
    return {"places": ", ".join(wrong), "reg": reg, "half": half, "full": full, "biases": biases}


def unchanged(t):
    """No parameter changes."""
    return {} if t.names and all(np.array_equal(t.after[name], t.before[name]) for name in NAMES) else None


def _which(names):
    return {"which": ", ".join(names)} if names else None


def not_updated(t):
    """Parameters that have a gradient but do not change."""
    return _which([name for name in t.names if np.array_equal(t.after[name], t.before[name])])


def ascending(t):
    """Steps up the gradient."""
    return _which(t.names_with(t.rate))


def without_penalty(t):
    """Steps without the penalty's gradient."""
    names = t.names_with(-t.rate, t.grads_without_reg)
    return _which([name for name in names if name not in t.names_with(-t.rate)])


def decayed_too_early(t):
    """A learning rate that decays before the first step."""
    return _which(t.names_with(-DECAY * t.rate))


def multiple_of_step(t):
    """Steps that are a wrong multiple of the gradient, if every step is a multiple of it."""
    found, right = {}, t.names_with(-t.rate)
    for name in t.names:
        k = factor_between(t.after[name] - t.before[name], -t.rate * t.grads[name], 1e-12)
        if k is None and name not in right:
            return None
        if k is not None and abs(k - 1) > 1e-7:
            found.setdefault(float(f"{k:.6g}"), []).append(name)
    return next(({"which": ", ".join(names), "k": k} for k, names in found.items()), None)


def unknown_step(t):
    """Steps that are wrong in another way."""
    right = t.names_with(-t.rate)
    return _which([name for name in t.names if name not in right])


def not_decayed(t):
    """A second step with the learning rate of the first."""
    return {} if t.second_is(-t.rate) and not t.second_is(-DECAY * t.rate) else None


def unknown_second_step(t):
    """A second step that is wrong in another way."""
    return None if t.second_is(-DECAY * t.rate) else {}


def wrong_histories(t):
    """A return value of train that is not a dict of complete histories."""
    if not isinstance(t.answer, dict):
        return {"got": type(t.answer).__name__}
    lengths = {name: len(t.answer[name]) if name in t.answer else "missing" for name in HISTORIES}
    return None if set(lengths.values()) == {2} else {"got": ", ".join(f"{n}: {k}" for n, k in lengths.items())}


def wrong_first_loss(t):
    """A loss history that does not start with the loss before the first step."""
    got, (right, after) = float(t.answer["loss_history"][0]), t.losses
    if abs(got - right) <= 1e-9 * (1 + abs(right)):
        return None
    return {"got": got, "right": right, "late": ", the loss after the step" if np.isclose(got, after) else ""}


def wrong_predictions_shape(prediction):
    """Predictions that are not one class for each row."""
    got, scores = prediction.got, prediction.scores
    right = scores.argmax(axis=1)
    if got is None or np.shape(got) != right.shape:
        return {"got": "None" if got is None else f"an array of shape {np.shape(got)}", "right": right.shape}
    return None


def lowest_class(prediction):
    """The class with the lowest score."""
    got, scores = prediction.got, prediction.scores
    lowest = np.array_equal(got, scores.argmin(axis=1)) and not np.array_equal(got, scores.argmax(axis=1))
    return {} if lowest else None


def not_highest_class(prediction):
    """A class without the highest score."""
    got, scores = prediction.got, prediction.scores
    best, rows = scores.argmax(axis=1), np.arange(len(scores))
    outside = ~np.isin(got, np.arange(scores.shape[1]))
    classes = np.where(outside, 0, got).astype(int)
    wrong = np.flatnonzero(outside | (scores[rows, classes] < scores[rows, best]))  # equal scores are equally correct
    if wrong.size == 0:
        return None
    row = wrong[0]
    return {"row": f"{row}{prediction.remark}", "got": got[row], "right": scores[row].argmax()}
