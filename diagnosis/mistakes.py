"""Table of mistakes: how a net with each mistake answers, and the sentence for its author.

To add a mistake, add an entry to `MISTAKES`. The order matters: the first entry of a stage that fits
a wrong answer explains it. Most entries have a symptom, see stages.py for what it gets. In three
stages an entry may have a formula instead:

- SCORES and ANSWERS: ``formula(reference)`` returns the answers of a net with this mistake, by name.
- PENALTY: the factor of ``reg * W**2`` in the loss, and the factor of ``reg * W`` in the gradient.
  ``...`` is any factor, None is another function of W.
- OVERFLOW: ``formula(params)`` returns parameters, X and y. For these, the loss of a net with this
  mistake is not finite.
"""

from functools import partial

import numpy as np

from checks import BIASES

from . import probes, stages, symptoms
from .findings import Mistake
from .reference import NAMES

form = partial(Mistake, stages.FORM, skips=stages.ALL)
scores, answers, penalty = (partial(Mistake, stage) for stage in (stages.SCORES, stages.ANSWERS, stages.PENALTY))
overflow, train, predict = (partial(Mistake, stage) for stage in (stages.OVERFLOW, stages.TRAIN, stages.PREDICT))

MASKED = "the gradient of {which} uses the wrong ReLU mask: %s. The correct mask is (hidden > 0)"
UNSUMMED = "the gradient of {which} is not summed over the rows. Use .sum(axis=0)"
SHIFTED = "labels are shifted by one in {where}: the class index is one too %s. Labels start at 0"
OTHER_PENALTY = (
    "the penalty on {which} is the wrong function of W in %s. It must be 0.5 * reg * sum(W**2) in the loss, and "
    "reg * W in the gradient"
)

MISTAKES = (
    Mistake(
        stages.PARAMS,
        "{name} has shape {got}, but a bias has one number for each unit: shape {right}. Create it with "
        "np.zeros({right[0]})",
        symptom=symptoms.two_dimensional_bias,
        skips=stages.ALL,
    ),
    form("{so_far}loss is not finished. Next: {next}{place}", symptom=symptoms.loss_not_written),
    form("loss raises {kind}: {error}{place}", symptom=lambda calls: symptoms.raised(calls.error)),
    form(
        "{name} is {got}{place}, but parameters must be finite. Check whether they are set, and whether training "
        "diverges",
        symptom=lambda calls: symptoms.not_finite(calls.params),
    ),
    form("loss(X) returns None. Next: the scores, max(0, X W1 + b1) W2 + b2", symptom=symptoms.no_scores),
    form(
        "gradients must be a dict with the same keys as params (W1, b1, W2 and b2), got {got}",
        symptom=symptoms.wrong_keys,
    ),
    form("the gradient of {name} must be a float64 array, like {name}, got {got}", symptom=symptoms.wrong_dtype),
    form(
        "{name} is {got}{place} with your parameters and data. Look for a division by 0, log(0), or exp of a large "
        "number",
        symptom=lambda calls: symptoms.not_finite({"a score": calls.scores, "the loss": calls.loss}),
        skips=tuple(stage for stage in stages.ALL if stage != stages.OVERFLOW),
    ),
    form(
        "loss changes {changed} in place. Work on a copy or on a new array",
        symptom=lambda calls: {"changed": ", ".join(calls.changed)} if calls.changed else None,
        independent=True,
        skips=(),
    ),
    form(
        "loss is not deterministic: two calls with the same arguments give different results. Do not draw random "
        "numbers in loss",
        symptom=lambda calls: None if calls.repeatable else {},
    ),
    Mistake(
        stages.OTHER_INPUTS,
        "loss raises {kind} if the parameters, reg or the number of rows differ from yours: {error}{place}",
        symptom=symptoms.raised,
    ),
    Mistake(
        stages.PRECISION,
        "{what} is only as precise as float32, but this check needs float64. Compute without astype(np.float32)",
        symptom=symptoms.single_precision,
        skips=stages.ALL,
    ),
    Mistake(
        stages.LOSS_PRECISION,
        "the loss is too imprecise for small steps of the parameters: a part of it is probably computed in float32. "
        "Compute all of it without astype(np.float32)",
        symptom=lambda imprecise: {} if imprecise else None,
        skips=stages.ALL,
    ),
    scores("scores must have shape (N, C) = {right}, got {got}", symptom=symptoms.wrong_shape),
    scores(
        "scores: the ReLU is missing in the forward pass. The correct formula is max(0, X W1 + b1) W2 + b2",
        formula=lambda r: {"scores": r.pre @ r.params["W2"] + r.params["b2"]},
    ),
    scores(
        "scores: b1 is missing in the forward pass. The correct formula is max(0, X W1 + b1) W2 + b2",
        formula=lambda r: {"scores": np.maximum(0, r.X @ r.params["W1"]) @ r.params["W2"] + r.params["b2"]},
    ),
    scores(
        "scores: b2 is missing in the forward pass. The correct formula is max(0, X W1 + b1) W2 + b2",
        formula=lambda r: {"scores": r.hidden @ r.params["W2"]},
    ),
    scores(
        "scores are not max(0, X W1 + b1) W2 + b2. At row {row}, class {column}, the score is {got:.8g} and should be "
        "{right:.8g}",
        symptom=symptoms.unknown_scores,
    ),
    answers(SHIFTED % "high", softmax=lambda r: r.variant(y=(r.y + 1) % r.C)),
    answers(SHIFTED % "low", softmax=lambda r: r.variant(y=(r.y - 1) % r.C)),
    answers(
        "softmax uses the wrong axis in {where}. Each row of scores is one example, so use axis=1",
        softmax=lambda r: r.variant(axis=0),
        skips=(stages.OVERFLOW,),  # it overflows too, but the axis is the cause
    ),
    answers(
        "the gradient of {which} is transposed. It must have the shape and the order of the parameter",
        formula=lambda r: {"W1": r.right["W1"].T, "W2": r.right["W2"].T},
        up_to_factor=True,
    ),
    answers(UNSUMMED, formula=lambda r: r.unsummed(), up_to_factor=True),
    answers(
        "the gradient of {which} has the wrong shape, {got} instead of {right}. Give it the shape of the parameter",
        symptom=symptoms.wrong_shape,
    ),
    answers(
        "the gradient of {which} is averaged over the rows, so it is {N} times too small. Sum over the rows, because "
        "dscores is already divided by N",
        formula=lambda r: {name: r.right[name] / r.N for name in NAMES},
        only=BIASES,
    ),
    answers(
        "{what} is {N} times too large: it is not divided by N, the number of rows. Take the mean over the rows",
        formula=lambda r: r.times(r.N),
    ),
    answers(
        "{what} is too small by the factor {N}, the number of rows: it is divided by N twice. Divide only once",
        formula=lambda r: r.times(1 / r.N),
    ),
    answers(
        "{what} has the wrong sign (factor -1). The loss is -log p, and its gradient is p - onehot(y)",
        formula=lambda r: r.times(-1),
    ),
    answers(
        "{what} has the wrong sign and is not divided by N, the number of rows (factor -{N}). The loss is -log p, and "
        "its gradient is p - onehot(y): take their mean over the rows",
        formula=lambda r: r.times(-r.N),
    ),
    answers(
        "{what} has the wrong sign and is divided by N twice (factor -1/{N}). The loss is -log p, and its gradient is "
        "p - onehot(y): divide them by N only once",
        formula=lambda r: r.times(-1 / r.N),
    ),
    answers("{what} is {k:.6g} times what it should be", symptom=symptoms.multiple),
    answers(
        "the gradient of {which} flows through inactive hidden units: the ReLU is missing in the backward pass, or its "
        "mask has no effect (for example hidden < 0 after the ReLU). Multiply dhidden by (hidden > 0)",
        formula=lambda r: r.grads(mask=1.0),
        up_to_factor=True,
    ),
    answers(
        MASKED % "it comes from the sign of the gradient",
        formula=lambda r: r.grads(mask=r.dhidden > 0),
        up_to_factor=True,
    ),
    answers(
        MASKED % "it comes from X W1 without b1",
        formula=lambda r: r.grads(mask=r.pre - r.params["b1"] > 0),
        up_to_factor=True,
    ),
    answers(
        MASKED % "it is 1 for inactive units and 0 for active units",
        formula=lambda r: r.grads(mask=r.pre <= 0),
        up_to_factor=True,
    ),
    answers(UNSUMMED, formula=lambda r: {name: rows[0] for name, rows in r.unsummed().items()}, up_to_factor=True),
    answers(
        "the gradient of {which} uses the pre-activation X W1 + b1 instead of the hidden layer. It must be "
        "hidden.T @ dscores",
        formula=lambda r: r.grads(hidden=r.pre),
        up_to_factor=True,
    ),
    answers(
        "{what} is {got:.10g} and should be {right:.10g}: the mistake is unknown, or there are several mistakes",
        symptom=symptoms.unknown_loss,
        vague=True,
    ),
    answers(
        "the gradient of {which} is wrong: the mistake is unknown, or there are several mistakes. The largest error is "
        "at {at}{of}: it is {got:.10g} and should be {right:.10g}{remark}",
        symptom=symptoms.unknown_gradient,
        vague=True,
    ),
    penalty(
        "this net penalises the biases like the weights. The net of this lab penalises only the weights",
        symptom=symptoms.penalised_like_weights,
        note=True,
    ),
    penalty(
        "the penalty includes {which} in {places}{factor}. Do not penalise biases", symptom=symptoms.penalised_bias
    ),
    penalty(
        "the penalty on {which} is missing from the loss and the gradient. Add 0.5 * reg * sum(W**2) and reg * W",
        formula=(0, 0),
    ),
    penalty(OTHER_PENALTY % "the loss and in the gradient", formula=(None, None)),
    penalty(OTHER_PENALTY % "the loss", formula=(None, ...)),
    penalty(OTHER_PENALTY % "the gradient", formula=(..., None)),
    penalty("the penalty on {which} is missing from the loss. Add 0.5 * reg * sum(W**2)", formula=(0, ...)),
    penalty("the penalty on {which} is missing from the gradient. Add reg * W", formula=(..., 0)),
    penalty(
        "the loss penalises {which} without the half (factor 2), but the gradient belongs to 0.5 * reg * sum(W**2). "
        "Use the half in the loss, too",
        formula=(1, 1),
    ),
    penalty(
        "the loss penalises {which} by 0.5 * reg * sum(W**2), but the gradient is 2 * reg * W, without the half "
        "(factor 2). Use reg * W in the gradient",
        formula=(0.5, 2),
    ),
    penalty(
        "the penalty on {other} lacks the half, but the penalty on the other weights has it. Use "
        "0.5 * reg * sum(W**2) in the loss and reg * W in the gradient for both",
        formula=(0.5, 1),  # correct by itself
    ),
    penalty(
        "this net penalises by reg * W**2, without the half, and loss and gradient agree. For the same penalty, "
        "our reg must be twice its reg",
        formula=(1, 2),
        note=True,
    ),
    penalty(
        "the penalty on {which} has the factor {in_loss} in the loss and {in_gradient} in the gradient. The "
        "correct factors are 0.5 and 1",
        formula=(..., ...),
    ),
    Mistake(
        stages.JOINT_PENALTY,
        "the penalty in {places} is wrong here, at reg={reg:g}, but correct for one parameter at a time or for "
        "another reg. It must be {half}reg * (sum(W1**2) + sum(W2**2){biases}) in the loss, and {full}reg * W in the "
        "gradient",
        symptom=symptoms.wrong_joint_penalty,
    ),
    overflow(
        "softmax overflows: the loss is not finite for scores of 1000. Subtract each row's maximum from the scores",
        formula=probes.high_scores,
    ),
    overflow(
        "softmax subtracts the maximum of the whole array: the loss is not finite if the scores of one row are 1000 "
        "higher than those of another. Subtract the maximum of each row, max(axis=1, keepdims=True)",
        formula=probes.one_high_row,
    ),
    overflow(
        "the loss takes the logarithm of 0: the probability of the correct class is rounded to 0 if its score is "
        "1000 lower than another. Compute the logarithm directly: log p = shifted - log(sum(exp(shifted)))",
        formula=probes.low_correct_class,
    ),
    Mistake(
        stages.NUMERIC,
        "the gradient of {row.name} is wrong: the mistake is unknown, or there are several mistakes. The largest error "
        "is at {row.where}: it is {row.analytic:.10g}, but the numeric derivative is {row.numeric:.10g}",
        symptom=lambda row: {"row": row},
    ),
    Mistake(
        stages.KINKS,
        "more than half of the coordinates of {name} lie at a kink of the ReLU, so they are not checked. Try other "
        "data or parameters, for example X = np.random.randn(N, D), or a smaller h",
        symptom=lambda name: {"name": name},
        note=True,
    ),
    train("train is not finished. Next: {next}{place}", symptom=lambda t: symptoms.not_written(t.error)),
    train("train raises {kind}: {error}{place}", symptom=lambda t: symptoms.raised(t.error)),
    train(
        "train changes no parameter: the update is missing, or it changes copies. For each parameter, write "
        "self.params[name] -= learning_rate * grads[name]",
        symptom=symptoms.unchanged,
    ),
    train(
        "the update of {which} goes up the gradient, so the loss rises. Use W -= learning_rate * dW",
        symptom=symptoms.ascending,
    ),
    train("train does not update {which}", symptom=symptoms.not_updated),
    train(
        "the update of {which} lacks the gradient of the penalty. In train, pass reg to loss: "
        "self.loss(X_batch, y=y_batch, reg=reg)",
        symptom=symptoms.without_penalty,
    ),
    train(
        "the learning rate decays before the first step ({which}). It must decay at the end of an epoch",
        symptom=symptoms.decayed_too_early,
    ),
    train(
        "the update of {which} is {k:g} times what it should be. Use W -= learning_rate * dW",
        symptom=symptoms.multiple_of_step,
    ),
    train(
        "the update of {which} is not W -= learning_rate * dW with the gradient of the batch",
        symptom=symptoms.unknown_step,
    ),
    train(
        "the learning rate does not decay. Multiply it by learning_rate_decay once in each epoch, after the step",
        symptom=symptoms.not_decayed,
    ),
    train(
        "the first iteration is correct, but the second is wrong. It must be W -= learning_rate * dW, with the "
        "gradient at the new parameters and the learning rate after one decay",
        symptom=symptoms.unknown_second_step,
    ),
    train(
        "train must return a dict with the lists loss_history, train_acc_history and val_acc_history. Here each list "
        "must have 2 numbers, got {got}",
        symptom=symptoms.wrong_histories,
    ),
    train(
        "loss_history starts with {got:.8g}{late}. It must start with the loss before the step, {right:.8g}",
        symptom=symptoms.wrong_first_loss,
        independent=True,
    ),
    train(
        "the batch mixes rows: an example gets the label of another row. Index X and y with the same row numbers",
        symptom=lambda t: {} if t.mixed else None,
        independent=True,
    ),
    train(
        "train ignores batch_size: with batch_size=1 and two rows of data, a step uses both rows",
        symptom=lambda t: {} if t.batch_ignored else None,
    ),
    predict(
        "predict is not finished. Next: {next}{place}",
        symptom=lambda prediction: symptoms.not_written(prediction.error),
    ),
    predict("predict raises {kind}: {error}{place}", symptom=lambda prediction: symptoms.raised(prediction.error)),
    predict(
        "predict must return one class for each row, shape {right}, got {got}. Use np.argmax(scores, axis=1)",
        symptom=symptoms.wrong_predictions_shape,
    ),
    predict(
        "predict returns the class with the lowest score. Use np.argmax(scores, axis=1)", symptom=symptoms.lowest_class
    ),
    predict(
        "predict returns class {got} for row {row}, but class {right} has the highest score",
        symptom=symptoms.not_highest_class,
    ),
    Mistake(stages.UNFINISHED, "{right} correct. Next: {next}", symptom=symptoms.unfinished),
    Mistake(
        stages.PRINTS,
        "loss prints output: {lines} lines are not shown here",
        symptom=lambda lines: {"lines": lines} if lines else None,
        note=True,
    ),
)
