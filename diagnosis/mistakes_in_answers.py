"""Mistakes in scores, loss and gradients: a part of the table in mistakes.py."""

import numpy as np

from . import symptoms
from .findings import Mistake
from .reference import BIASES, NAMES
from .stages import ANSWERS, OVERFLOW, SCORES

MASKED = "the gradient of {which} uses the wrong ReLU mask: %s. The right mask is (hidden > 0)"
UNSUMMED = "the gradient of {which} is not summed over the rows. Use .sum(axis=0)"
SHIFTED = "labels are shifted by one in {where}: the class index is one too %s. Labels start at 0"

MISTAKES_IN_ANSWERS = (
    Mistake(
        SCORES,
        "scores must have shape (N, C) = {right}, got {got}",
        seen=symptoms.wrong_shape,
    ),
    Mistake(
        SCORES,
        "scores: the ReLU is missing in the forward pass. The right formula is max(0, X W1 + b1) W2 + b2",
        formula=lambda r: {"scores": r.pre @ r.params["W2"] + r.params["b2"]},
    ),
    Mistake(
        SCORES,
        "scores: b1 is missing in the forward pass. The right formula is max(0, X W1 + b1) W2 + b2",
        formula=lambda r: {"scores": np.maximum(0, r.X @ r.params["W1"]) @ r.params["W2"] + r.params["b2"]},
    ),
    Mistake(
        SCORES,
        "scores: b2 is missing in the forward pass. The right formula is max(0, X W1 + b1) W2 + b2",
        formula=lambda r: {"scores": r.hidden @ r.params["W2"]},
    ),
    Mistake(
        SCORES,
        "scores are not max(0, X W1 + b1) W2 + b2. At row {row}, class {column}, the score is {got:.8g} and should be "
        "{right:.8g}",
        seen=symptoms.largest_difference,
    ),
    Mistake(ANSWERS, SHIFTED % "high", softmax=lambda r: r.variant(y=(r.y + 1) % r.C)),
    Mistake(ANSWERS, SHIFTED % "low", softmax=lambda r: r.variant(y=(r.y - 1) % r.C)),
    Mistake(
        ANSWERS,
        "softmax uses the wrong axis in {where}. Each row of scores is one example, so use axis=1",
        softmax=lambda r: r.variant(axis=0),
        hides=(OVERFLOW,),  # it overflows too, but the axis is the cause
    ),
    Mistake(
        ANSWERS,
        "the gradient of {which} is transposed. It must have the shape and the order of the parameter",
        formula=lambda r: {"W1": r.right["W1"].T, "W2": r.right["W2"].T},
        up_to_factor=True,
    ),
    Mistake(ANSWERS, UNSUMMED, formula=lambda r: r.unsummed(), up_to_factor=True),
    Mistake(
        ANSWERS,
        "the gradient of {which} has the wrong shape, {got} instead of {right}. Give it the shape of the parameter",
        seen=symptoms.wrong_shape,
    ),
    Mistake(
        ANSWERS,
        "the gradient of {which} is averaged over the rows, so it is {N} times too small. Sum over the rows, because "
        "dscores is already divided by N",
        formula=lambda r: {name: r.right[name] / r.N for name in NAMES},
        only=BIASES,
    ),
    Mistake(
        ANSWERS,
        "{what} is {N} times too large: it is not divided by N, the number of rows. Take the mean over the rows",
        formula=lambda r: r.times(r.N),
    ),
    Mistake(
        ANSWERS,
        "{what} is too small by the factor {N}, the number of rows: it is divided by N twice. Divide only once",
        formula=lambda r: r.times(1 / r.N),
    ),
    Mistake(
        ANSWERS,
        "{what} has the wrong sign (factor -1). The loss is -log p, and its gradient is p - onehot(y)",
        formula=lambda r: r.times(-1),
    ),
    Mistake(
        ANSWERS,
        "{what} has the wrong sign and is not divided by N, the number of rows (factor -{N}). The loss is -log p, and "
        "its gradient is p - onehot(y): take their mean over the rows",
        formula=lambda r: r.times(-r.N),
    ),
    Mistake(
        ANSWERS,
        "{what} has the wrong sign and is divided by N twice (factor -1/{N}). The loss is -log p, and its gradient is "
        "p - onehot(y): divide them by N only once",
        formula=lambda r: r.times(-1 / r.N),
    ),
    Mistake(ANSWERS, "{what} is {k:.6g} times what it should be", seen=symptoms.factor),
    Mistake(
        ANSWERS,
        "the gradient of {which} flows through inactive hidden units: the ReLU is missing in the backward pass, or its "
        "mask has no effect (for example hidden < 0 after the ReLU). Multiply dhidden by (hidden > 0)",
        formula=lambda r: r.grads(mask=1.0),
        up_to_factor=True,
    ),
    Mistake(
        ANSWERS,
        MASKED % "it comes from the sign of the gradient",
        formula=lambda r: r.grads(mask=r.dhidden > 0),
        up_to_factor=True,
    ),
    Mistake(
        ANSWERS,
        MASKED % "it comes from X W1 without b1",
        formula=lambda r: r.grads(mask=r.pre - r.params["b1"] > 0),
        up_to_factor=True,
    ),
    Mistake(
        ANSWERS,
        MASKED % "it is 1 for inactive units and 0 for active units",
        formula=lambda r: r.grads(mask=r.pre <= 0),
        up_to_factor=True,
    ),
    Mistake(
        ANSWERS, UNSUMMED, formula=lambda r: {name: rows[0] for name, rows in r.unsummed().items()}, up_to_factor=True
    ),
    Mistake(
        ANSWERS,
        "the gradient of {which} uses the pre-activation X W1 + b1 instead of the hidden layer. It must be "
        "hidden.T @ dscores",
        formula=lambda r: r.grads(hidden=r.pre),
        up_to_factor=True,
    ),
    Mistake(
        ANSWERS,
        "{what} is {got:.10g} and should be {right:.10g}: the mistake is unknown, or there are several mistakes",
        seen=symptoms.wrong_loss,
        vague=True,
    ),
    Mistake(
        ANSWERS,
        "the gradient of {which} is wrong: the mistake is unknown, or there are several mistakes. The largest error is "
        "at {at}{of}: it is {got:.10g} and should be {right:.10g}{remark}",
        seen=symptoms.wrong_gradient,
        vague=True,
    ),
)
