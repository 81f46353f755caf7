"""Mistakes in the penalty: a part of the table in mistakes.py."""

from . import symptoms
from .findings import Mistake
from .stages import AT_ONCE, PENALTY

OTHER_PENALTY = (
    "the penalty on {which} is the wrong function of W in %s. It must be 0.5 * reg * sum(W**2) in the loss, and "
    "reg * W in the gradient"
)


MISTAKES_IN_PENALTY = (
    Mistake(
        PENALTY,
        "this net penalises the biases like the weights. The net of this lab penalises only the weights",
        seen=symptoms.penalised_like_weights,
        note=True,
    ),
    Mistake(
        PENALTY,
        "the penalty includes {which} in {places}{factor}. Do not penalise biases",
        seen=symptoms.penalised_bias,
    ),
    Mistake(
        PENALTY,
        "the penalty on {which} is missing from the loss and the gradient. Add 0.5 * reg * sum(W**2) and reg * W",
        formula=(0, 0),
    ),
    Mistake(PENALTY, OTHER_PENALTY % "the loss and in the gradient", formula=(None, None)),
    Mistake(PENALTY, OTHER_PENALTY % "the loss", formula=(None, ...)),
    Mistake(PENALTY, OTHER_PENALTY % "the gradient", formula=(..., None)),
    Mistake(
        PENALTY,
        "the penalty on {which} is missing from the loss. Add 0.5 * reg * sum(W**2)",
        formula=(0, ...),
    ),
    Mistake(
        PENALTY,
        "the penalty on {which} is missing from the gradient. Add reg * W",
        formula=(..., 0),
    ),
    Mistake(
        PENALTY,
        "the loss penalises {which} without the half (factor 2), but the gradient belongs to 0.5 * reg * sum(W**2). "
        "Use the half in the loss, too",
        formula=(1, 1),
    ),
    Mistake(
        PENALTY,
        "the loss penalises {which} by 0.5 * reg * sum(W**2), but the gradient is 2 * reg * W, without the half "
        "(factor 2). Use reg * W in the gradient",
        formula=(0.5, 2),
    ),
    Mistake(
        PENALTY,
        "the penalty on {other} lacks the half, but the penalty on the other weights has it. Use "
        "0.5 * reg * sum(W**2) in the loss and reg * W in the gradient for both",
        formula=(0.5, 1),  # right by itself
    ),
    Mistake(
        PENALTY,
        "this net penalises by reg * W**2, without the half, and loss and gradient agree. For the same penalty, its "
        "reg is half of that in this lab",
        formula=(1, 2),
        note=True,
    ),
    Mistake(
        PENALTY,
        "the penalty on {which} has the factor {in_loss} in the loss and {in_gradient} in the gradient. The right "
        "factors are 0.5 and 1",
        formula=(..., ...),
    ),
    Mistake(
        AT_ONCE,
        "the penalty in {places} is wrong here, at reg={reg:g}, but right for one parameter at a time or for another "
        "reg. It must be {half}reg * (sum(W1**2) + sum(W2**2){biases}) in the loss, and {full}reg * W in the "
        "gradient",
        seen=symptoms.wrong_at_once,
    ),
)
