"""Table of mistakes: how to see each of them in the evidence of its stage, and the sentence for the author.

To add a mistake, add an entry to `MISTAKES`. The order matters: the first entry of a stage that fits
explains the evidence. `seen` is a function of the evidence, see stages.py and symptoms.py. A mistake
in the softmax has `upstream` instead, see `Mistake`.
"""

from functools import partial

import numpy as np

from . import stages, symptoms
from .findings import Mistake
from .reference import FORWARD, NAMES, OTHER_CLASSES
from .symptoms import HISTORIES, factors, like, penalised_twice, when, when_wrong, which, wins, wrong_accuracy
from .training import DECAY, STEPS

form = partial(Mistake, stages.FORM, skips=stages.COMPARED)
scores, answers, penalty = (partial(Mistake, stage) for stage in (stages.SCORES, stages.ANSWERS, stages.PENALTY))
overflow, train, predict = (partial(Mistake, stage) for stage in (stages.OVERFLOW, stages.TRAIN, stages.PREDICT))
interface = partial(Mistake, stages.INTERFACE, note=True, independent=True)

MASKED = "the gradient of {which} uses the wrong ReLU mask: %s. The correct mask is (hidden > 0)"
UNSUMMED = "the gradient of {which} is not summed over the rows. Use .sum(axis=0)"
SHIFTED = "labels are shifted by one in {where}: the class index is one too %s. Labels start at 0"
PAIRED = (
    "{where} takes all rows together with all labels, such as probs[:, y]. Each row has its own label: "
    "use probs[np.arange(N), y]"
)
OTHER_PENALTY = (
    "the penalty on {which} is the wrong function of W in %s. It must be 0.5 * reg * sum(W**2) in the loss, and "
    "reg * W in the gradient"
)
EPSILON = "the loss {epsilon} the probability inside the logarithm. "
DIRECTLY = "Compute the logarithm directly: log p = shifted - log(sum(exp(shifted)))"
COUNT = "train makes {got} steps, each after a call of loss, with num_iters={right}"
EPOCH = "An epoch is num_train // batch_size iterations, here {N} // {B} = {epoch}"


def labels_in_columns(r):
    """Return how often each class is a label, for each row of (N, C)."""
    return np.tile(np.bincount(r.y, minlength=r.C), (r.N, 1))


MISTAKES = (
    Mistake(
        stages.PARAMS,
        "{missing} {verb} missing in params. Next: in __init__, create W1 (D, H), b1 (H,), W2 (H, C) and b2 (C,)",
        seen=symptoms.missing_params,
    ),
    Mistake(
        stages.PARAMS,
        "{name} has shape {got}, but a bias has one number for each unit: shape {right}. Create it with "
        "np.zeros({right[0]})",
        seen=symptoms.two_dimensional_bias,
    ),
    interface("{note}", seen=lambda net: {"note": net.note} if getattr(net, "note", "") else None),
    interface(
        "params has {which}, too. The check leaves the value as it is, and does not check its gradient",
        seen=lambda net: which(str(name) for name in net.params if name not in NAMES),
    ),
    interface(
        "the net has fit instead of train, so its training is not checked",
        seen=when(lambda net: hasattr(net, "fit") and not hasattr(net, "train")),
    ),
    form("{so_far}loss is not finished. Next: {next}{place}", seen=symptoms.loss_not_written),
    form("{text}", seen=symptoms.wrong_form),
    form("loss raises {kind}: {error}{place}", seen=lambda calls: symptoms.raised(calls.error)),
    form(
        "{name} is {got}{place}, but parameters must be finite. Check whether they are set, and whether training "
        "diverges",
        seen=lambda calls: symptoms.not_finite(calls.params),
    ),
    form(
        "loss(X) returns None. Next: the scores, max(0, X W1 + b1) W2 + b2",
        seen=when(lambda calls: calls.scores is None and calls.error is None),
    ),
    form(
        "gradients must be a dict with the same keys as params (W1, b1, W2 and b2), got {got}",
        seen=symptoms.wrong_keys,
    ),
    form("the gradient of {name} must be a float64 array, like {name}, got {got}", seen=symptoms.wrong_dtype),
    form(
        "{name} is {got}{place} with your parameters and data. Look for a division by 0, log(0), or exp of a large "
        "number",
        seen=lambda calls: symptoms.not_finite({"a score": calls.scores, "the loss": calls.loss}),
        skips=tuple(stage for stage in stages.COMPARED if stage != stages.OVERFLOW),
    ),
    form(
        "loss changes {changed} in place. Work on a copy or on a new array",
        seen=lambda calls: {"changed": ", ".join(calls.changed)} if calls.changed else None,
        independent=True,
        skips=(),
    ),
    form(
        "loss is not deterministic: two calls with the same arguments give different results. Do not draw random "
        "numbers in loss",
        seen=when(lambda calls: not calls.repeatable),
    ),
    Mistake(
        stages.OTHER_INPUTS,
        "loss raises {kind} if {differs}: {error}{place}",
        seen=lambda failure: {**symptoms.raised(failure.error), "differs": failure.differs},
        skips=stages.COMPARED,
    ),
    Mistake(
        stages.PRECISION,
        "{what} is only as precise as float32, but this check needs float64. Compute without astype(np.float32)",
        seen=symptoms.single_precision,
        skips=stages.COMPARED,
    ),
    Mistake(
        stages.LOSS_PRECISION,
        "the loss is too imprecise for small steps of the parameters: a part of it is probably computed in float32. "
        "Compute all of it without astype(np.float32)",
        seen=when(bool),
        skips=stages.COMPARED,
    ),
    scores("scores must have shape (N, C) = {right}, got {got}", seen=symptoms.wrong_shape),
    *(
        scores(
            f"scores: {what}. The correct formula is max(0, X W1 + b1) W2 + b2",
            seen=like(lambda r, formula=formula: {"scores": formula(r)}),
        )
        for what, formula in FORWARD.items()
    ),
    scores(
        "scores are not max(0, X W1 + b1) W2 + b2. At row {row}, class {column}, the score is {got:.8g} and should be "
        "{right:.8g}",
        seen=symptoms.unknown_scores,
    ),
    answers(SHIFTED % "high", upstream={"off": 1}),
    answers(SHIFTED % "low", upstream={"off": -1}),
    answers(PAIRED, upstream={"target": labels_in_columns}),  # sum / N
    answers(PAIRED, upstream={"target": lambda r: labels_in_columns(r) / r.N}),  # mean
    answers(PAIRED, upstream={"target": lambda r: np.minimum(labels_in_columns(r), 1)}),  # probs[:, y] -= 1
    answers(
        "softmax uses the wrong axis in {where}. Each row of scores is one example, so use axis=1",
        upstream={"axis": 0},
        skips=(stages.OVERFLOW,),
    ),
    answers(
        "softmax divides by the sum over the whole array in {where}. Each row of scores is one example, so use axis=1",
        upstream={"axis": None},
        skips=(stages.OVERFLOW,),
    ),
    answers(
        "softmax subtracts the maximum of each column in {where}. Subtract the maximum of each row, "
        "max(axis=1, keepdims=True)",
        upstream={"shift": 0},
        skips=(stages.OVERFLOW,),
    ),
    answers(
        EPSILON + "It is not needed, and p below it count as equal. " + DIRECTLY,
        seen=symptoms.harmless_epsilon,
        note=True,
        skips=(stages.LOSS_PRECISION,),
    ),
    answers(
        EPSILON + "So the gradient is not that of this loss. " + DIRECTLY,
        seen=symptoms.epsilon_in_log,
        skips=(stages.LOSS_PRECISION,),
    ),
    answers(
        "the gradient of {which} is transposed. It must have the shape and the order of the parameter",
        seen=like(lambda r: {"W1": r.right["W1"].T, "W2": r.right["W2"].T}, scaled=True),
    ),
    answers(UNSUMMED, seen=like(lambda r: r.unsummed(), scaled=True)),
    answers(
        "the gradient of {which} has the wrong shape, {got} instead of {right}. Give it the shape of the parameter",
        seen=symptoms.wrong_shape,
    ),
    answers(
        "the gradient of {which} is averaged over the rows, so it is {N} times too small. Sum over the rows, because "
        "the gradient of the scores is already divided by N",
        seen=symptoms.averaged_bias,
    ),
    answers(
        "{what} is {N} times too large: it is not divided by N, the number of rows. Take the mean over the rows",
        seen=like(lambda r: r.times(r.N)),
    ),
    answers(
        "{what} is too small by the factor {N}, the number of rows: it is divided by N twice. Divide only once",
        seen=like(lambda r: r.times(1 / r.N)),
    ),
    answers(
        "{what} has the wrong sign (factor -1). The loss is -log p, and its gradient is p - onehot(y)",
        seen=like(lambda r: r.times(-1)),
    ),
    answers(
        "{what} has the wrong sign and is not divided by N, the number of rows (factor -{N}). The loss is -log p, and "
        "its gradient is p - onehot(y): take their mean over the rows",
        seen=like(lambda r: r.times(-r.N)),
    ),
    answers(
        "{what} has the wrong sign and is divided by N twice (factor -1/{N}). The loss is -log p, and its gradient is "
        "p - onehot(y): divide them by N only once",
        seen=like(lambda r: r.times(-1 / r.N)),
    ),
    answers("{what} is divided by {divisor}, instead of N, the number of rows", seen=symptoms.other_divisor),
    answers("{what} is {k:.6g} times what it should be", seen=symptoms.multiple),
    answers(
        "the gradient of {which} flows through inactive hidden units: the ReLU is missing in the backward pass, or its "
        "mask has no effect (for example hidden < 0 after the ReLU). Multiply the gradient of the hidden layer by "
        "(hidden > 0)",
        seen=like(lambda r: r.grads(mask=1.0), scaled=True),
    ),
    answers(
        MASKED % "it comes from the sign of the gradient",
        seen=like(lambda r: r.grads(mask=r.dhidden > 0), scaled=True),
    ),
    answers(
        MASKED % "it comes from X W1 without b1",
        seen=like(lambda r: r.grads(mask=r.pre - r.params["b1"] > 0), scaled=True),
    ),
    answers(
        MASKED % "it is 1 for inactive units and 0 for active units",
        seen=like(lambda r: r.grads(mask=r.pre <= 0), scaled=True),
    ),
    answers(UNSUMMED, seen=like(lambda r: {name: rows[0] for name, rows in r.unsummed().items()}, scaled=True)),
    answers(
        "the gradient of {which} uses the pre-activation X W1 + b1 instead of the hidden layer. It must be the "
        "transposed hidden layer times the gradient of the scores",
        seen=like(lambda r: {"W2": r.grads(hidden=r.pre)["W2"]}, scaled=True),
    ),
    answers(
        "{what} is {got:.10g} and should be {right:.10g}{remark}: the mistake is unknown, or there are several "
        "mistakes",
        seen=symptoms.unknown_loss,
        vague=True,
    ),
    answers(
        "the gradient of {which} is wrong: the mistake is unknown, or there are several mistakes. The largest error is "
        "at {at}{of}: it is {got:.10g} and should be {right:.10g}{remark}",
        seen=symptoms.unknown_gradient,
        vague=True,
    ),
    penalty(
        "this net penalises the biases like the weights. The net of this lab penalises only the weights",
        seen=symptoms.penalised_like_weights,
        note=True,
    ),
    penalty("the penalty includes {which} in {places}{factor}. Do not penalise biases", seen=symptoms.penalised_bias),
    penalty(
        "the penalty on {none} is missing from the loss and the gradient, and that on {twice} is doubled. Perhaps both "
        "terms have {twice}, or both lack the half",
        seen=penalised_twice((1, 2), (0, 0)),
    ),
    penalty(
        "the loss penalises {twice} twice, and {none} not at all. Penalise each of them once",
        seen=penalised_twice((1, 1), (0, 1)),
    ),
    penalty(
        "the gradient penalises {twice} twice, and {none} not at all. Penalise each of them once",
        seen=penalised_twice((0.5, 2), (0.5, 0)),
    ),
    penalty(
        "the penalty on {which} is missing from the loss and the gradient. Add 0.5 * reg * sum(W**2) and reg * W",
        seen=factors(0, 0),
    ),
    penalty(OTHER_PENALTY % "the loss and in the gradient", seen=factors(None, None)),
    penalty(OTHER_PENALTY % "the loss", seen=factors(None, ...)),
    penalty(OTHER_PENALTY % "the gradient", seen=factors(..., None)),
    penalty("the penalty on {which} is missing from the loss. Add 0.5 * reg * sum(W**2)", seen=factors(0, ...)),
    penalty("the penalty on {which} is missing from the gradient. Add reg * W", seen=factors(..., 0)),
    penalty(
        "the loss penalises {which} without the half (factor 2), but the gradient belongs to 0.5 * reg * sum(W**2). "
        "Use the half in the loss, too",
        seen=factors(1, 1),
    ),
    penalty(
        "the loss penalises {which} by 0.5 * reg * sum(W**2), but the gradient is 2 * reg * W, without the half "
        "(factor 2). Use reg * W in the gradient",
        seen=factors(0.5, 2),
    ),
    penalty(
        "the penalty on {other} lacks the half, but the penalty on the other weights has it. Use "
        "0.5 * reg * sum(W**2) in the loss and reg * W in the gradient for both",
        seen=factors(0.5, 1),  # correct by itself
    ),
    penalty(
        "this net penalises by reg * W**2, without the half, and loss and gradient agree. For the same penalty, "
        "our reg must be twice its reg",
        seen=factors(1, 2),
        note=True,
    ),
    penalty(
        "the penalty on {which} has the factor {in_loss} in the loss and {in_gradient} in the gradient. The "
        "correct factors are 0.5 and 1",
        seen=lambda a: {"k": a.got, **factors(..., ...)(a)},
    ),
    Mistake(
        stages.JOINT_PENALTY,
        "{places}: the ReLU mask compares the hidden layer with reg. It must compare with 0",
        seen=symptoms.masked_by_reg,
    ),
    Mistake(
        stages.JOINT_PENALTY,
        "the penalty in {places} is wrong here, at reg={reg:g}, but correct for one parameter at a time or for "
        "another reg. It must be {half}reg * (sum(W1**2) + sum(W2**2){biases}) in the loss, and {full}reg * W in the "
        "gradient",
        seen=symptoms.wrong_joint_penalty,
    ),
    overflow("", seen=when(lambda e: e.zero), note=True),  # large scores are not the cause
    overflow(
        "softmax overflows: the loss is not finite for scores of 1000. Subtract each row's maximum from the scores",
        seen=when(lambda e: e.high == "loss"),
    ),
    overflow(
        "softmax overflows in the gradient: it is not finite for scores of 1000, but the loss is. Subtract each row's "
        "maximum from the scores there, too",
        seen=when(lambda e: e.high == "gradient"),
    ),
    overflow(
        "softmax subtracts the maximum of the whole array: the loss is not finite if the scores of one row are 1000 "
        "higher than those of another. Subtract the maximum of each row, max(axis=1, keepdims=True)",
        seen=when(lambda e: e.one_row),
    ),
    overflow(
        "the loss takes the logarithm of 0 if the score of the correct class is 1000 lower than another: then its "
        "probability is rounded to 0. " + DIRECTLY,
        seen=when(lambda e: e.low in ("loss", "gradient")),
        note=True,
    ),
    overflow(
        "the loss has an upper bound: it is {capped:.6g} instead of 1000 if the score of the correct class is 1000 "
        "lower than another. Perhaps a small number is added inside the logarithm. " + DIRECTLY,
        seen=lambda e: {"capped": e.capped} if e.low else None,
        note=True,
    ),
    Mistake(
        stages.NUMERIC,
        "the gradient of {row.name} is wrong: the mistake is unknown, or there are several mistakes. The largest error "
        "is at {row.where}: it is {row.analytic:.10g}, but the numeric derivative is {row.numeric:.10g}",
        seen=lambda row: {"row": row},
    ),
    Mistake(
        stages.KINKS,
        "more than half of the coordinates of {name} lie at a kink of the ReLU, so they are not checked. Try other "
        "data or parameters, for example X = np.random.randn(N, D), or a smaller h",
        seen=lambda name: {"name": name},
        note=True,
    ),
    train("train is not finished. Next: {next}{place}", seen=lambda t: symptoms.not_written(t.error)),
    train(
        "train is not finished. Next: the minibatch. Draw rows of X and y before loss is called",
        seen=when(lambda t: t.no_batch),
    ),
    train(
        "train raises {kind} if the batch is larger than the data: {error}{place}. Draw rows with replacement, for "
        "example with np.random.choice(num_train, batch_size)",
        seen=lambda t: symptoms.raised(t.error) if "larger sample than population" in str(t.error) else None,
    ),
    train("train raises {kind}: {error}{place}", seen=lambda t: symptoms.raised(t.error)),
    train(
        "train changes no parameter: the update is missing, or it changes copies. For each parameter, write "
        "self.params[name] -= learning_rate * grads[name]",
        seen=symptoms.unchanged,
    ),
    train(
        COUNT,
        seen=lambda t: {"got": t.first_steps, "right": 1} if t.seen and t.first_steps > 1 else None,
    ),
    train(
        "the update of {which} goes up the gradient, so the loss rises. Use W -= learning_rate * dW",
        seen=lambda t: which(t.names_with(t.rate)),
    ),
    train(
        "train does not update {which}",
        seen=lambda t: which(name for name in t.names if np.array_equal(t.after[name], t.before[name])),
    ),
    train(
        "the update of {which} lacks the gradient of the penalty. In train, pass reg to loss: "
        "self.loss(X_batch, y=y_batch, reg=reg)",
        seen=symptoms.without_penalty,
    ),
    train(
        "the learning rate decays before the first step ({which}). It must decay at the end of an epoch",
        seen=lambda t: which(t.names_with(-DECAY * t.rate)),
    ),
    train(
        "the update of {which} is {k:g} times what it should be. Use W -= learning_rate * dW",
        seen=symptoms.multiple_of_step,
    ),
    train(
        "the update of {which} is not W -= learning_rate * dW with the gradient of the batch",
        seen=symptoms.unknown_step,
    ),
    train(
        "the learning rate does not decay. Multiply it by learning_rate_decay once in each epoch, after the step",
        seen=when(lambda t: t.second_is(-t.rate) and not t.second_is(-DECAY * t.rate)),
    ),
    train(
        "the first iteration is correct, but the second is wrong. It must be W -= learning_rate * dW, with the "
        "gradient at the new parameters and the learning rate after one decay",
        seen=when(lambda t: not t.second_is(-DECAY * t.rate)),
    ),
    train(
        "train must return a dict with the lists loss_history, train_acc_history and val_acc_history. Here each list "
        "must have 2 numbers, got {got}",
        seen=symptoms.wrong_histories,
    ),
    train(
        "loss_history starts with {got:.8g}{late}. It must start with the loss before the step, {right:.8g}",
        seen=symptoms.wrong_first_loss,
    ),
    train(
        "train is not checked beyond the first two steps, because it does not call self.loss(X_batch, y_batch, reg)",
        seen=when(lambda t: not t.seen),
        note=True,
    ),
    train(
        "the batch has rows that are not in X. Draw the rows of the training data, and do not change them",
        seen=when(lambda t: any((step.rows < 0).any() for step in t.steps)),
    ),
    train(
        "the batch mixes rows: an example gets the label of another row. Index X and y with the same row numbers",
        seen=when(lambda t: not all(step.labels for step in t.steps)),
    ),
    train(
        "train ignores batch_size: with batch_size={B} and {N} rows of data, a step uses {got} rows",
        seen=symptoms.batch_ignored,
    ),
    train(
        "every iteration uses the same rows. Draw new rows in each iteration, for example with "
        "np.random.choice(num_train, batch_size)",
        seen=symptoms.same_batches,
    ),
    train(
        "train never uses the rows after {last}, of {N} rows. Draw from all rows, for example with "
        "np.random.choice(num_train, batch_size)",
        seen=symptoms.part_of_rows,
    ),
    train(
        "the batches are not random: their rows follow each other. This is worse if the data are sorted. Use "
        "np.random.choice(num_train, batch_size)",
        seen=symptoms.in_order,
    ),
    train(
        "iteration {number} is wrong, but the first is correct. Each must be W -= learning_rate * dW, with the "
        "gradient of its batch",
        seen=symptoms.later_step,
    ),
    train(
        COUNT,
        seen=lambda t: {"got": len(t.steps), "right": STEPS} if t.seen and len(t.steps) != STEPS else None,
    ),
    train(
        "the learning rate decays in each iteration. It must decay once in each epoch. " + EPOCH,
        seen=symptoms.decays_in_each_iteration,
    ),
    train(
        "the learning rate must decay once in each epoch, but it decays {got}. " + EPOCH,
        seen=symptoms.wrong_decays,
    ),
    train("loss_history is wrong{at}: it has {got}, and should have {right}", seen=symptoms.wrong_losses),
    train(
        "val_acc_history is not the accuracy on X_val and y_val{other}. It is {got}, and should be {right}",
        seen=lambda t: wrong_accuracy(t, HISTORIES[2], ["validation"], ["batch", "all"], "training rows"),
    ),
    train(
        "train_acc_history is not the accuracy on the batch{other}. It is {got}, and should be {right}",
        seen=lambda t: wrong_accuracy(t, HISTORIES[1], ["batch", "all"], ["validation"], "the validation rows"),
    ),
    train(
        "an epoch is not num_train // batch_size iterations if batch_size does not divide num_train. Then the learning "
        "rate decays at other times. Use // instead of /",
        seen=symptoms.uneven_epoch,
        note=True,
    ),
    predict(
        "predict is not finished. Next: {next}{place}",
        seen=lambda predictions: next(filter(None, (symptoms.not_written(p.error) for p in predictions)), None),
    ),
    predict(
        "predict raises {kind}: {error}{place}",
        seen=lambda predictions: next(filter(None, (symptoms.raised(p.error) for p in predictions)), None),
    ),
    predict(
        "predict must return one class for each row, shape {right}, got {got}. Use np.argmax(scores, axis=1)",
        seen=symptoms.wrong_predictions_shape,
    ),
    predict(
        "predict returns the class with the lowest score. Use np.argmax(scores, axis=1)",
        seen=when_wrong(symptoms.lowest_class),
    ),
    predict(
        "predict returns class {got} for all rows. Use np.argmax(scores, axis=1)",
        seen=when_wrong(symptoms.constant_class),
    ),
    *(
        predict(f"predict: {what}. Use the scores of the net, np.argmax(self.loss(X), axis=1)", seen=wins(formula))
        for what, formula in list(FORWARD.items())[:OTHER_CLASSES]
    ),
    predict(
        "predict returns class {got} for row {row}, but class {right} has the highest score",
        seen=symptoms.not_highest_class,
    ),
    Mistake(stages.UNFINISHED, "{right}Next: {next}", seen=symptoms.unfinished),
    Mistake(
        stages.PRINTS,
        "loss prints output: {lines} lines are not shown here",
        seen=lambda lines: {"lines": lines} if lines else None,
        note=True,
    ),
)
