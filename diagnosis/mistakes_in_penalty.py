"""The part of the table of mistakes that is about the penalty, see mistakes.py."""

from . import signs
from .findings import Mistake
from .stages import AT_ONCE, PENALTY

OTHER_PENALTY = (
    "the penalty on {which} is another function of W in %s: it is 0.5 * reg * sum(W**2) in the loss, and so reg * W "
    "in the gradient"
)


MISTAKES_IN_PENALTY = (
    Mistake(
        PENALTY,
        "this net penalises the biases as it does the weights; ours are not penalised",
        seen=signs.penalised_like_weights,
        note=True,
    ),
    Mistake(
        PENALTY,
        "the penalty includes {which} in {places}{factor}: biases are not penalised",
        seen=signs.penalised_bias,
    ),
    Mistake(
        PENALTY,
        "the penalty leaves {which} out, in the loss and in the gradient: add 0.5 * reg * sum(W**2) and reg * W",
        formula=(0, 0),
    ),
    Mistake(PENALTY, OTHER_PENALTY % "the loss and in the gradient", formula=(None, None)),
    Mistake(PENALTY, OTHER_PENALTY % "the loss", formula=(None, ...)),
    Mistake(PENALTY, OTHER_PENALTY % "the gradient", formula=(..., None)),
    Mistake(
        PENALTY,
        "the penalty on {which} is missing from the loss: add 0.5 * reg * sum(W**2)",
        formula=(0, ...),
    ),
    Mistake(
        PENALTY,
        "the penalty on {which} is missing from the gradient: add reg * W",
        formula=(..., 0),
    ),
    Mistake(
        PENALTY,
        "the loss penalises {which} without the half (factor 2), but the gradient is that of 0.5 * reg * W**2",
        formula=(1, 1),
    ),
    Mistake(
        PENALTY,
        "the loss penalises {which} by 0.5 * reg * W**2, but the gradient is that without the half, 2 * reg * W "
        "(factor 2)",
        formula=(0.5, 2),
    ),
    Mistake(
        PENALTY,
        "the penalty on {other} is without the half, that on the other weights with it: take 0.5 * reg * sum(W**2) in "
        "the loss and reg * W in the gradient for both",
        formula=(0.5, 1),  # right by itself
    ),
    Mistake(
        PENALTY,
        "this net penalises by reg * W**2, without the half: its reg is half of ours for the same penalty. Loss and "
        "gradient agree",
        formula=(1, 2),
        note=True,
    ),
    Mistake(
        PENALTY,
        "the penalty on {which} counts {in_loss} in the loss and {in_gradient} in the gradient, not 0.5 and 1",
        formula=(..., ...),
    ),
    Mistake(
        AT_ONCE,
        "the penalty in {places} is right for one parameter at a time or for other values of reg, but not here, at "
        "reg={reg:g}: it is {half}reg * (sum(W1**2) + sum(W2**2){biases}), and {full}reg * W in the gradient",
        seen=signs.wrong_at_once,
    ),
)
