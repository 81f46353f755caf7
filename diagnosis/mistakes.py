"""Table of mistakes: how a net with each mistake answers, and the sentence for its author.

To add a mistake, add an entry to `MISTAKES`. The order matters: the first entry that fits a wrong
answer explains it. The stage decides the form of `formula` and `seen`:

- PARAMS: ``seen(params)``.
- FORM: ``seen(calls)``. `probes.Calls` has the net's answers for its own parameters and data.
- ELSEWHERE: ``seen(error)``. This is an exception of ``loss`` for other parameters, another reg or
  another number of rows.
- SCORES and ANSWERS (the loss without penalty, and the gradients): ``formula(reference)`` returns
  the answers of a net with this mistake, by name. Or ``seen(name, answer, reference)``.
- PENALTY: the factor of ``reg * W**2`` in the loss, and the factor of ``reg * W`` in the gradient.
  ``...`` is any factor, None is another function of W. Or ``seen(name, factors)``.
- AT_ONCE: ``seen(penalty)``. `probes.PenaltyAtOnce` says where the penalty is wrong.
- OVERFLOW: ``formula(params)`` returns parameters, X and y. For these, the loss of a net with this
  mistake is not finite.
- NUMERIC: ``seen(row)``. The numeric check contradicts the gradient in this row, and no other
  finding explains it.
- KINKS: ``seen(name)``. Most coordinates of this parameter lie at kinks.
- PRECISION: ``seen(evidence)``. This is a name, the answer, the right answer, and the possible
  rounding error.
- TRAIN: ``seen(training)``, a `training.Training`.
- PREDICT: ``seen(prediction)``, a `training.Prediction`.
- ROUGH: ``seen(rough)``, the result of `probes.is_rough`.
- NEXT: ``seen(calls)``. The net's answers are right, but some are missing.
- PRINTS: ``seen(lines)``, the number of printed lines.
"""

from . import symptoms
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
        "{name} has shape {got}, but a bias has one number for each unit: shape {right}. Create it with "
        "np.zeros({right[0]})",
        seen=symptoms.bias_in_a_row,
        hides=ALL_STAGES,
    ),
    Mistake(
        FORM,
        "{so_far}loss is not written to the end. Next: {next}{place}",
        seen=symptoms.unwritten_loss,
        hides=ALL_STAGES,
    ),
    Mistake(
        FORM,
        "loss raises {kind}: {error}{place}",
        seen=lambda calls: symptoms.raised(calls.error),
        hides=ALL_STAGES,
    ),
    Mistake(
        FORM,
        "{name} is {got}{place}, but parameters must be finite. Check whether they are set, and whether training "
        "diverges",
        seen=lambda calls: symptoms.not_finite(calls.params),
        hides=ALL_STAGES,
    ),
    Mistake(
        FORM,
        "loss(X) returns None. Next: the scores, max(0, X W1 + b1) W2 + b2",
        seen=symptoms.nothing_of,
        hides=ALL_STAGES,
    ),
    Mistake(
        FORM,
        "gradients must be a dict with the same keys as params (W1, b1, W2 and b2), got {got}",
        seen=symptoms.wrong_keys,
        hides=ALL_STAGES,
    ),
    Mistake(
        FORM,
        "the gradient of {name} must be a float64 array, like {name}, got {got}",
        seen=symptoms.wrong_type,
        hides=ALL_STAGES,
    ),
    Mistake(
        FORM,
        "{name} is {got}{place} with your parameters and data. Look for a division by 0, log(0), or exp of a large "
        "number",
        seen=lambda calls: symptoms.not_finite({"a score": calls.scores, "the loss": calls.loss}),
        hides=tuple(stage for stage in ALL_STAGES if stage != OVERFLOW),
    ),
    Mistake(
        FORM,
        "loss changes {changed} in place. Work on a copy or on a new array",
        seen=lambda calls: {"changed": ", ".join(calls.changed)} if calls.changed else None,
    ),
    Mistake(
        FORM,
        "loss is not deterministic: two calls with the same arguments give different results. Do not draw random "
        "numbers in loss",
        seen=lambda calls: None if calls.repeatable else {},
        hides=ALL_STAGES,
    ),
    Mistake(
        ELSEWHERE,
        "loss raises {kind} if the parameters, reg or the number of rows differ from yours: {error}{place}",
        seen=symptoms.raised,
    ),
    Mistake(
        PRECISION,
        "{what} is only as precise as float32, but this check needs float64. Compute without astype(np.float32)",
        seen=symptoms.single_precision,
        hides=ALL_STAGES,
    ),
    Mistake(
        ROUGH,
        "the loss is too imprecise for small steps of the parameters: a part of it is probably computed in float32. "
        "Compute all of it without astype(np.float32)",
        seen=lambda rough: {} if rough else None,
        hides=ALL_STAGES,
    ),
    *MISTAKES_IN_ANSWERS,
    *MISTAKES_IN_PENALTY,
    Mistake(
        OVERFLOW,
        "softmax overflows: the loss is not finite for scores of 1000. Subtract each row's maximum from the scores",
        formula=symptoms.high_scores,
    ),
    Mistake(
        OVERFLOW,
        "softmax subtracts the maximum of the whole array: the loss is not finite if the scores of one row are 1000 "
        "higher than those of another. Subtract the maximum of each row, max(axis=1, keepdims=True)",
        formula=symptoms.one_high_row,
    ),
    Mistake(
        OVERFLOW,
        "the loss takes the logarithm of 0: the probability of the right class is rounded to 0 if its score is 1000 "
        "lower than another. Compute the logarithm directly: log p = shifted - log(sum(exp(shifted)))",
        formula=symptoms.low_right_class,
    ),
    Mistake(
        NUMERIC,
        "the gradient of {row.name} is wrong: the mistake is unknown, or there are several mistakes. The largest error "
        "is at {row.where}: it is {row.analytic:.10g}, but the numeric derivative is {row.numeric:.10g}",
        seen=lambda row: {"row": row},
    ),
    Mistake(
        KINKS,
        "more than half of the coordinates of {name} lie at a kink of the ReLU, so they are not checked. Try other "
        "data or parameters, for example X = np.random.randn(N, D), or a smaller h",
        seen=lambda name: {"name": name},
        note=True,
    ),
    *MISTAKES_IN_TRAINING,
    Mistake(NEXT, "{right} right. Next: {next}", seen=symptoms.left_to_write),
    Mistake(PRINTS, "loss prints output: {lines} lines are not shown here", seen=symptoms.printed, note=True),
)
