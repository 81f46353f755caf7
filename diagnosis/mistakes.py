"""The table of mistakes: what a net with a mistake answers, and what to tell its author.

A new mistake is a new entry of `MISTAKES`. Its place matters: the first entry that fits a wrong
answer explains it. What `formula` and `seen` are depends on the stage:

- PARAMS: ``seen(params)``.
- FORM: ``seen(calls)``. `probes.Calls` holds what the net answers if it is called as given.
- ELSEWHERE: ``seen(error)``. Loss raises it for other parameters, reg or numbers of rows.
- SCORES and ANSWERS (the loss without penalty, and the gradients): ``formula(reference)`` maps names
  to what a net with this mistake answers. Or ``seen(name, answer, reference)``.
- PENALTY: a pair of factors, of ``reg * W**2`` in the loss and of ``reg * W`` in the gradient. ``...``
  is any factor, None is another function of W. Or ``seen(name, factors)``.
- AT_ONCE: ``seen(penalty)``. `probes.PenaltyAtOnce` says where the penalty is wrong.
- OVERFLOW: ``formula(params)`` returns parameters, X and y. A net with this mistake has no finite
  loss for them.
- NUMERIC: ``seen(row)``. The numeric check contradicts this row's gradient, and nothing that is found explains it.
- KINKS: ``seen(name)``. Most coordinates of this parameter lie at kinks.
- PRECISION: ``seen(evidence)``: a name, the answer, the right one, and how much of it may be rounding.
- TRAIN: ``seen(training)``, a `training.Training`.
- PREDICT: ``seen(prediction)``, a `training.Prediction`.
- ROUGH: ``seen(rough)``, what `probes.is_rough` tells.
- NEXT: ``seen(calls)``. All that is there is right, but something is missing.
- PRINTS: ``seen(lines)``. So many lines were printed.
"""

from . import signs
from .findings import Mistake
from .mistakes_in_answers import MISTAKES_IN_ANSWERS
from .mistakes_in_penalty import MISTAKES_IN_PENALTY
from .mistakes_in_training import MISTAKES_IN_TRAINING
from .stages import (
    ALL_STAGES,
    ELSEWHERE,
    FORM,
    KINKS,
    NEXT,
    NUMERIC,
    OVERFLOW,
    PARAMS,
    PRECISION,
    PRINTS,
    ROUGH,
)

MISTAKES = (
    Mistake(
        PARAMS,
        "{name} has shape {got}: a bias has one number a unit, shape {right}. Make it with np.zeros({right[0]})",
        seen=signs.bias_in_a_row,
        hides=ALL_STAGES,
    ),
    Mistake(
        FORM,
        "{so_far}loss is not written to its end. Next: {next}{place}",
        seen=signs.unwritten_loss,
        hides=ALL_STAGES,
    ),
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
        "loss(X) returns None. Next: the scores, max(0, X W1 + b1) W2 + b2",
        seen=signs.nothing_of,
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
        seen=lambda calls: signs.not_finite({"a score": calls.scores, "the loss": calls.loss}),
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
        ROUGH,
        "the loss does not follow small steps of the parameters, as if a part of it were computed in float32. Compute "
        "all of it without astype(np.float32)",
        seen=lambda rough: {} if rough else None,
        hides=ALL_STAGES,
    ),
    *MISTAKES_IN_ANSWERS,
    *MISTAKES_IN_PENALTY,
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
    *MISTAKES_IN_TRAINING,
    Mistake(NEXT, "{right} right. Next: {next}", seen=signs.left_to_write),
    Mistake(PRINTS, "loss prints: {lines} lines were left out here", seen=signs.printed, note=True),
)
