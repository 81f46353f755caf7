"""The part of the table of mistakes that compares scores, loss and gradients with formulas, see mistakes.py."""

import numpy as np

from . import signs
from .findings import Mistake
from .reference import BIASES, NAMES
from .stages import ANSWERS, OVERFLOW, SCORES

MASKED = "the gradient of {which} is masked by the wrong array, %s: the ReLU passes on where hidden > 0"
UNSUMMED = "the gradient of {which} is not summed over the rows: use .sum(axis=0)"
SHIFTED = "labels are shifted by one in {where}: a label is taken for the class one too %s. Labels count from 0"

MISTAKES_IN_ANSWERS = (
    Mistake(
        SCORES,
        "scores must have shape {right}, (N, C), got {got}",
        seen=signs.wrong_shape,
    ),
    Mistake(
        SCORES,
        "scores: the ReLU is missing in the forward pass; they are max(0, X W1 + b1) W2 + b2",
        formula=lambda r: {"scores": r.pre @ r.params["W2"] + r.params["b2"]},
    ),
    Mistake(
        SCORES,
        "scores: b1 is missing in the forward pass; they are max(0, X W1 + b1) W2 + b2",
        formula=lambda r: {"scores": np.maximum(0, r.X @ r.params["W1"]) @ r.params["W2"] + r.params["b2"]},
    ),
    Mistake(
        SCORES,
        "scores: b2 is missing in the forward pass; they are max(0, X W1 + b1) W2 + b2",
        formula=lambda r: {"scores": r.hidden @ r.params["W2"]},
    ),
    Mistake(
        SCORES,
        "scores are not max(0, X W1 + b1) W2 + b2: at row {row}, class {column} they are {got:.8g}, not {right:.8g}",
        seen=signs.largest_difference,
    ),
    Mistake(ANSWERS, SHIFTED % "high", softmax=lambda r: r.variant(y=(r.y + 1) % r.C)),
    Mistake(ANSWERS, SHIFTED % "low", softmax=lambda r: r.variant(y=(r.y - 1) % r.C)),
    Mistake(
        ANSWERS,
        "softmax is taken over the wrong axis in {where}: each row of scores is one example; use axis=1",
        softmax=lambda r: r.variant(axis=0),
        hides=(OVERFLOW,),  # it overflows too, but that is not the point then
    ),
    Mistake(
        ANSWERS,
        "the gradient of {which} is transposed: it must be shaped and ordered as the parameter",
        formula=lambda r: {"W1": r.right["W1"].T, "W2": r.right["W2"].T},
        up_to_factor=True,
    ),
    Mistake(ANSWERS, UNSUMMED, formula=lambda r: r.unsummed(), up_to_factor=True),
    Mistake(
        ANSWERS,
        "the gradient of {which} has the wrong shape, {got} instead of {right}: it is shaped as the parameter",
        seen=signs.wrong_shape,
    ),
    Mistake(
        ANSWERS,
        "the gradient of {which} is averaged over the rows, {N} times too small: sum over them, dscores is divided by "
        "N already",
        formula=lambda r: {name: r.right[name] / r.N for name in NAMES},
        only=BIASES,
    ),
    Mistake(
        ANSWERS,
        "{what} is {N} times too large, as many as there are rows: it is not divided by N. Take the mean over rows",
        formula=lambda r: r.times(r.N),
    ),
    Mistake(
        ANSWERS,
        "{what} is too small by the factor {N}, the number of rows: it is divided by N twice; divide once",
        formula=lambda r: r.times(1 / r.N),
    ),
    Mistake(
        ANSWERS,
        "{what} has the wrong sign (factor -1): the loss is minus log p, and its gradient p - onehot(y)",
        formula=lambda r: r.times(-1),
    ),
    Mistake(
        ANSWERS,
        "{what} has the wrong sign, and is {N} times too large, as many as there are rows (factor -{N}): take minus "
        "log p, p - onehot(y), and the mean over rows",
        formula=lambda r: r.times(-r.N),
    ),
    Mistake(
        ANSWERS,
        "{what} has the wrong sign, and is divided by N twice (factor -1/{N}): take minus log p, p - onehot(y), and "
        "divide once",
        formula=lambda r: r.times(-1 / r.N),
    ),
    Mistake(ANSWERS, "{what} is {k:.6g} times what it should be", seen=signs.factor),
    Mistake(
        ANSWERS,
        "the gradient of {which} passes through closed units: the ReLU is missing in the backward pass, or its "
        "mask never closes, as hidden < 0 after the ReLU. Multiply dhidden with (hidden > 0)",
        formula=lambda r: r.grads(mask=1.0),
        up_to_factor=True,
    ),
    Mistake(
        ANSWERS,
        MASKED % "the sign of the gradient itself",
        formula=lambda r: r.grads(mask=r.dhidden > 0),
        up_to_factor=True,
    ),
    Mistake(
        ANSWERS,
        MASKED % "X W1 without b1",
        formula=lambda r: r.grads(mask=r.pre - r.params["b1"] > 0),
        up_to_factor=True,
    ),
    Mistake(
        ANSWERS,
        MASKED % "open where the unit is closed",
        formula=lambda r: r.grads(mask=r.pre <= 0),
        up_to_factor=True,
    ),
    Mistake(
        ANSWERS, UNSUMMED, formula=lambda r: {name: rows[0] for name, rows in r.unsummed().items()}, up_to_factor=True
    ),
    Mistake(
        ANSWERS,
        "the gradient of {which} is taken from the pre-activation X W1 + b1 instead of the hidden layer: it is "
        "hidden.T @ dscores",
        formula=lambda r: r.grads(hidden=r.pre),
        up_to_factor=True,
    ),
    Mistake(
        ANSWERS,
        "{what} is {got:.10g} and should be {right:.10g}; none of the known mistakes explains it, or more than one "
        "thing is wrong",
        seen=signs.wrong_loss,
        vague=True,
    ),
    Mistake(
        ANSWERS,
        "the gradient of {which} is wrong; none of the known mistakes explains it, or more than one thing is wrong. "
        "Worst at {at}{of}: it is {got:.10g} and should be {right:.10g}{remark}",
        seen=signs.wrong_gradient,
        vague=True,
    ),
)
