"""The table of mistakes: what a net with a mistake answers, and what to tell its author.

A new mistake is a new entry of `MISTAKES`. Its place matters: the first entry that fits a wrong
answer explains it. What `formula` and `seen` are depends on the stage:

- FORM: ``seen(calls)``. `probes.Calls` holds what the net answers if it is called as given.
- ELSEWHERE: ``seen(error)``. Loss raises it for other parameters, reg or numbers of rows.
- SCORES and ANSWERS (the loss without penalty, and the gradients): ``formula(reference)`` maps names
  to what a net with this mistake answers. Or ``seen(name, answer, reference)``.
- PENALTY: a pair of factors, of ``reg * W**2`` in the loss and of ``reg * W`` in the gradient. ``...``
  is any factor, None is another function of W. Or ``seen(name, pair)``.
- AT_ONCE: ``seen(penalty)``. `probes.PenaltyAtOnce` says where the penalty is wrong.
- OVERFLOW: ``formula(params)`` returns parameters, X and y. A net with this mistake has no finite
  loss for them.
- NUMERIC: ``seen(row)``. The numeric check contradicts this row's gradient, and nothing that is found explains it.
- KINKS: ``seen(name)``. Most coordinates of this parameter lie at kinks.
- PRECISION: ``seen(evidence)``: a name, the answer, the right one, and how much of it may be rounding.
- PRINTS: ``seen(lines)``. So many lines were printed.
"""

import numpy as np

from . import signs
from .findings import Mistake
from .reference import BIASES, NAMES

FORM, ELSEWHERE, SCORES, ANSWERS = "form", "elsewhere", "scores", "loss and gradients"
PENALTY, AT_ONCE, OVERFLOW = "penalty", "penalty at once", "overflow"
NUMERIC, KINKS, PRINTS, PRECISION = "numeric check", "kinks", "prints", "precision"
ALL_STAGES = (FORM, ELSEWHERE, SCORES, ANSWERS, PENALTY, AT_ONCE, OVERFLOW, NUMERIC, KINKS)

MASKED = "the gradient of {which} is masked by the wrong array, %s: the ReLU passes on where hidden > 0"
UNSUMMED = "the gradient of {which} is not summed over the rows: use .sum(axis=0)"
SHIFTED = "labels are shifted by one in {where}: a label is taken for the class one too %s. Labels count from 0"
OTHER_PENALTY = (
    "the penalty on {which} is another function of W in %s: it is 0.5 * reg * sum(W**2) in the loss, and so reg * W "
    "in the gradient"
)


MISTAKES = (
    Mistake(
        FORM,
        "loss raises {kind}: {error}{place}",
        seen=lambda calls: signs.raised(calls.error),
        hides=ALL_STAGES,
    ),
    Mistake(
        FORM,
        "{name} is {got}{place}: parameters must be finite. Did training diverge, or were they never set?",
        seen=lambda calls: signs.not_finite(calls.params),
        hides=ALL_STAGES,
    ),
    Mistake(
        FORM,
        "gradients must be a dict with the keys of params, W1, b1, W2 and b2; got {got}",
        seen=signs.wrong_keys,
        hides=ALL_STAGES,
    ),
    Mistake(
        FORM,
        "the gradient of {name} must be an array of float64, as {name} is; got {got}",
        seen=signs.wrong_type,
        hides=ALL_STAGES,
    ),
    Mistake(
        FORM,
        "{name} is {got}{place} with your parameters and data: look for a division by 0, log(0), or exp of a large "
        "number",
        seen=lambda calls: signs.not_finite({"a score": calls.scores, "the loss": calls.first[0]}),
        hides=tuple(stage for stage in ALL_STAGES if stage != OVERFLOW),
    ),
    Mistake(
        FORM,
        "loss changes {changed} in place: work on a copy, or on a new array",
        seen=lambda calls: {"changed": ", ".join(calls.changed)} if calls.changed else None,
    ),
    Mistake(
        FORM,
        "loss is not deterministic: two calls with the same arguments differ. Draw no random numbers in it",
        seen=lambda calls: None if calls.repeatable else {},
        hides=ALL_STAGES,
    ),
    Mistake(
        ELSEWHERE,
        "loss raises {kind} for other parameters, reg or numbers of rows than yours: {error}{place}",
        seen=signs.raised,
    ),
    Mistake(
        PRECISION,
        "{what} has the digits of float32 only, too few for this check. Compute without astype(np.float32)",
        seen=signs.single_precision,
        hides=ALL_STAGES,
    ),
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
    Mistake(ANSWERS, SHIFTED % "high", formula=lambda r: r.answers(y=(r.y + 1) % r.C), shared=True),
    Mistake(ANSWERS, SHIFTED % "low", formula=lambda r: r.answers(y=r.y - 1), shared=True),
    Mistake(
        ANSWERS,
        "softmax is taken over the wrong axis in {where}: each row of scores is one example; use axis=1",
        formula=lambda r: r.answers(axis=0),
        shared=True,
        hides=(OVERFLOW,),  # it overflows too, but that is not the point then
    ),
    Mistake(
        ANSWERS,
        "the gradient of {which} is transposed: it must be shaped and ordered as the parameter",
        formula=lambda r: {"W1": r.right["W1"].T, "W2": r.right["W2"].T},
    ),
    Mistake(ANSWERS, UNSUMMED, formula=lambda r: r.unsummed()),
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
    Mistake(ANSWERS, UNSUMMED, formula=lambda r: {name: rows[0] for name, rows in r.unsummed().items()}),
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
    ),
    Mistake(
        ANSWERS,
        "the gradient of {which} is wrong; none of the known mistakes explains it, or more than one thing is wrong. "
        "Worst at {at}: it is {got:.10g} and should be {right:.10g}{remark}",
        seen=signs.wrong_gradient,
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
        "reg={reg:g}: it is {half}reg * (sum(W1**2) + sum(W2**2)), and {full}reg * W in the gradient",
        seen=signs.wrong_at_once,
    ),
    Mistake(
        OVERFLOW,
        "softmax overflows: at scores of 1000 the loss is not finite. Subtract each row's maximum from the scores",
        formula=signs.high_scores,
    ),
    Mistake(
        OVERFLOW,
        "softmax subtracts the maximum of the whole array: if one row is 1000 above another, the loss is not finite. "
        "Take the maximum of each row, max(axis=1, keepdims=True)",
        formula=signs.one_high_row,
    ),
    Mistake(
        OVERFLOW,
        "the logarithm of 0 is taken: if the right class is 1000 below another, its probability is rounded to 0. "
        "Stay in log space: log p = shifted - log(sum(exp(shifted)))",
        formula=signs.low_right_class,
    ),
    Mistake(
        NUMERIC,
        "the gradient of {row.name} is wrong; none of the known mistakes explains it, or more than one thing is wrong. "
        "Worst at {row.where}: it is {row.analytic:.10g}, and numerically {row.numeric:.10g}",
        seen=lambda row: {"row": row},
    ),
    Mistake(
        KINKS,
        "more than half of the coordinates of {name} lie at a kink of the ReLU and were skipped: try other data or "
        "parameters, for example X = np.random.randn(N, D), or a smaller h",
        seen=lambda name: {"name": name},
        note=True,
    ),
    Mistake(PRINTS, "loss prints: {lines} lines were left out here", seen=signs.printed, note=True),
)
