"""Table of mistakes: for each stage, the sentence for the author of the net, and how to see the mistake.

The order matters: the first entry of a stage that fits explains the evidence. An entry is a function of
the evidence of its stage, see stages.py, and returns the values for the sentence, or None. Or it is a
dict of the fields of `Mistake`, or a list of such entries. The values {which}, {what}, … come from
`Finding.words`.
"""

import numpy as np

from checks import BIASES, WEIGHTS

from . import stages, symptoms
from .findings import Mistake
from .reference import FORWARD, OTHER_CLASSES, WrongForm
from .symptoms import HISTORIES, factors, like, of, penalised_twice, steps, unknown, when, which, wins, wrong_accuracy
from .training import DECAY, ROWS, STEPS

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
SIGN = "The loss is -log p, and its gradient is p - onehot(y)"
FACTORS = {  # of answers that are divided by N in another way, or have the wrong sign
    "is {N} times too large: it is not divided by N, the number of rows. Take the mean over the rows": lambda N: N,
    "is too small by the factor {N}, the number of rows: it is divided by N twice. Divide only once": lambda N: 1 / N,
    f"has the wrong sign (factor -1). {SIGN}": lambda N: -1,
    "has the wrong sign and is not divided by N, the number of rows (factor -{N}). "
    f"{SIGN}: take their mean over the rows": lambda N: -N,
    f"has the wrong sign and is divided by N twice (factor -1/{{N}}). {SIGN}: divide them by N only once": lambda N: (
        -1 / N
    ),
}
EPOCH = "An epoch is num_train // batch_size iterations, here {N} // {B} = {epoch}"


def labels_in_columns(r):
    """Return how often each class is a label, for each row of (N, C)."""
    return np.tile(np.bincount(r.y, minlength=r.C), (r.N, 1))


def first_error(predictions):
    return next((answer.error for answer in predictions if answer.error is not None), None)


# What the entries of a stage have in common.
COMMON = {
    stages.INTERFACE: {"note": True, "independent": True},
    **dict.fromkeys(
        (stages.FORM, stages.OTHER_INPUTS, stages.PRECISION, stages.LOSS_PRECISION), {"skips": stages.COMPARED}
    ),
}
TABLE = {
    stages.PARAMS: {
        "{missing} {verb} missing in params. Next: in __init__, create W1 (D, H), b1 (H,), W2 (H, C) "
        "and b2 (C,)": symptoms.missing_params,
        "{name} has shape {got}, but a bias has one number for each unit: shape {right}. Create it with "
        "np.zeros({right[0]})": symptoms.two_dimensional_bias,
    },
    stages.INTERFACE: {
        "{note}": lambda net: {"note": net.note} if net.note else None,
        "params has {which}, too. The check leaves the value as it is, and does not check its gradient": lambda net: (
            which(map(str, net.more))
        ),
        "the net has fit instead of train, so its training is not checked": when(
            lambda net: hasattr(net.net, "fit") and not hasattr(net.net, "train")
        ),
    },
    stages.FORM: {
        "{so_far}loss is not finished. Next: {next}{place}": lambda calls: symptoms.not_written(
            calls.error, "the scores are correct. " * calls.scores_correct
        ),
        "{text}": lambda calls: {"text": calls.error} if isinstance(calls.error, WrongForm) else None,
        "loss raises {kind}: {error}{place}": lambda calls: symptoms.raised(calls.error),
        "{name} is {got}{place}, but parameters must be finite. Check whether they are set, and whether training "
        "diverges": lambda calls: symptoms.not_finite(calls.params),
        "loss(X) returns None. Next: the scores, max(0, X W1 + b1) W2 + b2": when(
            lambda calls: calls.scores is None and calls.error is None
        ),
        "gradients must be a dict with the same keys as params (W1, b1, W2 and b2), got {got}": symptoms.wrong_keys,
        "the gradient of {name} must be a float64 array, like {name}, got {got}": symptoms.wrong_dtype,
        "{name} is {got}{place} with your parameters and data. Look for a division by 0, log(0), or exp of a large "
        "number": dict(
            seen=lambda calls: symptoms.not_finite({"a score": calls.scores, "the loss": calls.loss}),
            skips=tuple(stage for stage in stages.COMPARED if stage != stages.OVERFLOW),
        ),
        "loss changes {changed} in place. Work on a copy or on a new array": dict(
            seen=lambda calls: {"changed": ", ".join(calls.changed)} if calls.changed else None,
            independent=True,
            skips=(),
        ),
        "loss is not deterministic: two calls with the same arguments give different results. Do not draw random "
        "numbers in loss": when(lambda calls: not calls.repeatable),
    },
    stages.OTHER_INPUTS: {
        "loss raises {kind} if {differs}: {error}{place}": dict(
            seen=lambda failure: {**symptoms.raised(failure[0]), "differs": failure[1]}
        )
    },
    stages.PRECISION: {
        "{what} is only as precise as float32, but this check needs float64. Compute without astype(np.float32)": dict(
            seen=symptoms.single_precision
        )
    },
    stages.LOSS_PRECISION: {
        "the loss is too imprecise for small steps of the parameters: a part of it is probably computed in float32. "
        "Compute all of it without astype(np.float32)": dict(seen=when(bool))
    },
    stages.SCORES: {
        "scores must have shape (N, C) = {right}, got {got}": of("scores", symptoms.wrong_shape),
        **{
            f"scores: {what}. The correct formula is max(0, X W1 + b1) W2 + b2": like(
                lambda r, formula=formula: {"scores": formula(r)}
            )
            for what, formula in FORWARD.items()
        },
        "scores are not max(0, X W1 + b1) W2 + b2. At row {at[0]}, class {at[1]}, the score is {got:.8g} and should be "
        "{right:.8g}": of("scores", unknown),
        "forward returns X W1 + b1 as the hidden layer. Return it after the ReLU, max(0, X W1 + b1)": like(
            lambda r: {"hidden": r.pre}
        ),
        "the hidden layer must have shape (N, H) = {right}, got {got}": symptoms.wrong_shape,
        "the hidden layer that forward returns is not max(0, X W1 + b1). At row {at[0]}, unit {at[1]}, it is {got:.8g} "
        "and should be {right:.8g}": unknown,
    },
    stages.ANSWERS: {
        SHIFTED % "high": dict(upstream={"off": 1}),
        SHIFTED % "low": dict(upstream={"off": -1}),
        PAIRED: [
            dict(upstream={"target": labels_in_columns}),  # the sum, divided by N
            dict(upstream={"target": lambda r: labels_in_columns(r) / r.N}),  # the mean
            dict(upstream={"target": lambda r: np.minimum(labels_in_columns(r), 1)}),  # probs[:, y] -= 1
        ],
        "softmax uses the wrong axis in {where}. Each row of scores is one example, so use axis=1": dict(
            upstream={"axis": 0}, skips=(stages.OVERFLOW,)
        ),
        "softmax divides by the sum over the whole array in {where}. Each row of scores is one example, "
        "so use axis=1": dict(upstream={"axis": None}, skips=(stages.OVERFLOW,)),
        "softmax subtracts the maximum of each column in {where}. Subtract the maximum of each row, "
        "max(axis=1, keepdims=True)": dict(upstream={"shift": 0}, skips=(stages.OVERFLOW,)),
        EPSILON + "It is not needed, and p below it count as equal. " + DIRECTLY: dict(
            seen=lambda a: symptoms.epsilon_in_log(a, 1e-4), note=True, skips=(stages.LOSS_PRECISION,)
        ),
        EPSILON + "So the gradient is not that of this loss. " + DIRECTLY: dict(
            seen=symptoms.epsilon_in_log, skips=(stages.LOSS_PRECISION,)
        ),
        "the gradient of {which} is transposed. It must have the shape and the order of the parameter": like(
            lambda r: {"W1": r.right["W1"].T, "W2": r.right["W2"].T}, scaled=True
        ),
        UNSUMMED: like(lambda r: r.unsummed(), scaled=True),
        "the gradient of {which} has the wrong shape, {got} instead of {right}. Give it the shape of "
        "the parameter": symptoms.wrong_shape,
        "the gradient of {which} is averaged over the rows, so it is {N} times too small. Sum over the rows, because "
        "the gradient of the scores is already divided by N": symptoms.averaged_bias,
        **{
            f"{{what}} {words}": like(lambda r, factor=factor: r.times(factor(r.N)))
            for words, factor in FACTORS.items()
        },
        "{what} is divided by {divisor}, instead of N, the number of rows": symptoms.other_divisor,
        "{what} is {k:.6g} times what it should be": symptoms.multiple,
        "the gradient of {which} is 0 if reg is 0: the gradient of the penalty replaces it. Add it with +=": like(
            lambda r: {name: 0 * r.right[name] for name in WEIGHTS}
        ),
        "the gradient of {which} flows through inactive hidden units: the ReLU is missing in the backward pass, or its "
        "mask has no effect (for example hidden < 0 after the ReLU). Multiply the gradient of the hidden layer by "
        "(hidden > 0)": like(lambda r: r.grads(mask=1.0), scaled=True),
        MASKED % "it comes from the sign of the gradient": like(lambda r: r.grads(mask=r.dhidden > 0), scaled=True),
        MASKED % "it comes from X W1 without b1": like(lambda r: r.grads(mask=r.pre - r.params["b1"] > 0), scaled=True),
        MASKED % "it is 1 for inactive units and 0 for active units": like(
            lambda r: r.grads(mask=r.pre <= 0), scaled=True
        ),
        UNSUMMED.replace(". Use", ", but that of one row. Use"): like(
            lambda r: {name: rows[0] for name, rows in r.unsummed().items()}, scaled=True
        ),
        "the gradient of {which} uses the pre-activation X W1 + b1 instead of the hidden layer. It must be the "
        "transposed hidden layer times the gradient of the scores": like(
            lambda r: {"W2": r.grads(hidden=r.pre)["W2"]}, scaled=True
        ),
        "{what} is {got:.10g} and should be {right:.10g}{remark}: the mistake is unknown, or there are several "
        "mistakes": dict(seen=of("loss", unknown), vague=True),
        "the gradient of {which} is wrong: the mistake is unknown, or there are several mistakes. The largest error is "
        "at {at}{of}: it is {got:.10g} and should be {right:.10g}{remark}": dict(seen=unknown, vague=True),
    },
    stages.PENALTY: {
        "this net penalises the biases like the weights. The net of this lab penalises only the weights": dict(
            seen=when(lambda a: a.name in BIASES and set(a.answers.values()) in ({(0.5, 1)}, {(1, 2)})), note=True
        ),
        "the penalty includes {which} in {places}{factor}. Do not penalise biases": symptoms.penalised_bias,
        "the penalty on {none} is missing from the loss and the gradient, and that on {twice} is doubled. Perhaps both "
        "terms have {twice}, or both lack the half": penalised_twice((1, 2), (0, 0)),
        "the loss penalises {twice} twice, and {none} not at all. Penalise each of them once": penalised_twice(
            (1, 1), (0, 1)
        ),
        "the gradient penalises {twice} twice, and {none} not at all. Penalise each of them once": penalised_twice(
            (0.5, 2), (0.5, 0)
        ),
        "the penalty on {which} is missing from the loss and the gradient. Add 0.5 * reg * sum(W**2) "
        "and reg * W": factors(0, 0),
        OTHER_PENALTY % "the loss and in the gradient": factors(None, None),
        OTHER_PENALTY % "the loss": factors(None, ...),
        OTHER_PENALTY % "the gradient": factors(..., None),
        "the penalty on {which} is missing from the loss. Add 0.5 * reg * sum(W**2)": factors(0, ...),
        "the penalty on {which} is missing from the gradient. Add reg * W": factors(..., 0),
        "the loss penalises {which} without the half (factor 2), but the gradient belongs to 0.5 * reg * sum(W**2). "
        "Use the half in the loss, too": factors(1, 1),
        "the loss penalises {which} by 0.5 * reg * sum(W**2), but the gradient is 2 * reg * W, without the half "
        "(factor 2). Use reg * W in the gradient": factors(0.5, 2),
        "the penalty on {other} lacks the half, but the penalty on the other weights has it. Use "
        "0.5 * reg * sum(W**2) in the loss and reg * W in the gradient for both": factors(0.5, 1),
        "this net penalises by reg * W**2, without the half, and loss and gradient agree. For the same penalty, "
        "our reg must be twice its reg": dict(seen=factors(1, 2), note=True),
        "the penalty on {which} has the factor {factors}": symptoms.odd_factors,
    },
    stages.JOINT_PENALTY: {
        "{places}: the ReLU mask compares the hidden layer with reg. It must compare with 0": symptoms.masked_by_reg,
        "the penalty in {places} is wrong here, at reg={reg:g}, but correct for one parameter at a time or for "
        "another reg. It must be {half}reg * (sum(W1**2) + sum(W2**2){biases}) in the loss, and {full}reg * W in the "
        "gradient": symptoms.wrong_joint_penalty,
    },
    stages.OVERFLOW: {
        "": dict(seen=when(lambda e: e.zero), note=True),
        "softmax overflows: the loss is not finite for scores of 1000. Subtract each row's maximum from "
        "the scores": when(lambda e: e.high == "loss"),
        "softmax overflows in the gradient: it is not finite for scores of 1000, but the loss is. Subtract each row's "
        "maximum from the scores there, too": when(lambda e: e.high == "gradient"),
        "softmax subtracts the maximum of the whole array: the loss is not finite if the scores of one row are 1000 "
        "higher than those of another. Subtract the maximum of each row, max(axis=1, keepdims=True)": when(
            lambda e: e.one_row
        ),
        "the loss takes the logarithm of 0 if the score of the correct class is 1000 lower than another: then its "
        "probability is rounded to 0. " + DIRECTLY: dict(seen=when(lambda e: e.low in ("loss", "gradient")), note=True),
        "the loss has an upper bound: it is {capped:.6g} instead of 1000 if the score of the correct class is 1000 "
        "lower than another. Perhaps a small number is added inside the logarithm. " + DIRECTLY: dict(
            seen=lambda e: {"capped": e.capped} if e.low else None, note=True
        ),
    },
    stages.NUMERIC: {
        "the gradient of {row.name} is wrong: the mistake is unknown, or there are several mistakes. The largest error "
        "is at {row.where}: it is {row.analytic:.10g}, but the numeric derivative is {row.numeric:.10g}": lambda row: {
            "row": row
        }
    },
    stages.KINKS: {
        "more than half of the coordinates of {name} lie at a kink of the ReLU, so they are not checked. Try other "
        "data or parameters, for example X = np.random.randn(N, D), or a smaller h": dict(
            seen=lambda name: {"name": name}, note=True
        )
    },
    stages.TRAIN: {
        "train is not finished. Next: {next}{place}": lambda t: symptoms.not_written(t.error),
        "train is not finished. Next: the minibatch. Draw rows of X and y before loss is called": when(
            lambda t: t.no_batch
        ),
        "{text}": lambda t: {"text": t.error} if isinstance(t.error, WrongForm) else None,
        "train raises {kind} if the batch is larger than the data: {error}{place}. Draw rows with replacement, for "
        "example with np.random.choice(num_train, batch_size)": lambda t: (
            symptoms.raised(t.error) if t.larger else None
        ),
        "train raises {kind}: {error}{place}": lambda t: symptoms.raised(t.error),
        "train changes no parameter: the update is missing, or it changes copies. For each parameter, write "
        "W -= learning_rate * dW": when(lambda t: set(t.factors.values()) == {0}),
        "train makes {got} steps with num_iters=1": lambda t: {"got": t.changes} if t.seen and t.changes > 1 else None,
        "the update of {which} goes up the gradient, so the loss rises. Use W -= learning_rate * dW": steps(-1),
        "train does not update {which}": steps(0),
        "the update of {which} lacks the gradient of the penalty. In train, pass reg to loss: "
        "self.loss(X_batch, y=y_batch, reg=reg)": lambda t: which(t.no_reg),
        "the learning rate decays before the first step ({which}). It must decay at the end of an epoch": steps(DECAY),
        "the update of {which} is {k:g} times what it should be. Use W -= "
        "learning_rate * dW": symptoms.multiple_of_step,
        "the update of {which} is not W -= learning_rate * dW with the gradient of the batch": steps(None),
        "the learning rate does not decay. Multiply it by learning_rate_decay once in each epoch, after the step": when(
            lambda t: t.second == 1
        ),
        "the first iteration is correct, but the second is wrong. It must be W -= learning_rate * dW, with the "
        "gradient at the new parameters and the learning rate after one decay": when(lambda t: t.second is None),
        "train must return a dict with the lists loss_history, train_acc_history and val_acc_history. Here each list "
        "must have 2 numbers, got {got}": symptoms.wrong_histories,
        "loss_history starts with {got:.8g}{late}. It must start with the loss before the step, "
        "{right:.8g}": symptoms.wrong_first_loss,
        "train is not checked beyond the first two steps, because it does not call self.loss(X_batch, "
        "y_batch, reg)": dict(seen=when(lambda t: not t.seen), note=True),
        "the batch has rows that are not in X. Draw the rows of the training data, and do not change them": when(
            lambda t: any((step.rows < 0).any() for step in t.steps)
        ),
        "the batch mixes rows: an example gets the label of another row. Index X and y with the same row numbers": when(
            lambda t: not all(step.labels for step in t.steps)
        ),
        "train ignores batch_size: with batch_size={B} and {N} rows of data, a step uses "
        "{got} rows": symptoms.batch_ignored,
        "every iteration uses the same rows. Draw new rows in each iteration, for example with "
        "np.random.choice(num_train, batch_size)": when(
            lambda t: len({tuple(step.rows) for step in t.steps}) == 1 < len(t.steps)
        ),
        "train never uses the rows after {last}, of {N} rows. Draw from all rows, for example with "
        "np.random.choice(num_train, batch_size)": symptoms.part_of_rows,
        "the batches are not random: their rows follow each other. This is worse if the data are sorted. Use "
        "np.random.choice(num_train, batch_size)": when(
            lambda t: len(t.steps) > 1 and all((np.diff(step.rows) % ROWS == 1).all() for step in t.steps)
        ),
        "iteration {number} is wrong, but the first is correct. Each must be W -= learning_rate * dW, with the "
        "gradient of its batch": lambda t: next(
            ({"number": i} for i, step in enumerate(t.steps, 1) if not (step.k and step.k > 0)), None
        ),
        "train makes {got} steps, each after a call of loss, with num_iters={right}": lambda t: (
            {"got": len(t.steps), "right": STEPS} if t.seen and len(t.steps) != STEPS else None
        ),
        "the learning rate must decay once in each epoch, but it decays {got}. " + EPOCH: symptoms.wrong_decays,
        "loss_history is wrong{at}: it has {got}, and should have {right}": symptoms.wrong_losses,
        "val_acc_history is not the accuracy on X_val and y_val{other}. It is {got}, and should be {right}": lambda t: (
            wrong_accuracy(t, HISTORIES[2], ["validation"], ["batch", "all"], "training rows")
        ),
        "train_acc_history is not the accuracy on the batch{other}. It is {got}, and should be {right}": lambda t: (
            wrong_accuracy(t, HISTORIES[1], ["batch", "all"], ["validation"], "the validation rows")
        ),
        "an epoch is not num_train // batch_size iterations if batch_size does not divide num_train. Then the learning "
        "rate decays at other times. Use // instead of /": dict(
            seen=when(lambda t: np.size(t.uneven_answer[HISTORIES[2]]) < 2), note=True
        ),
    },
    stages.PREDICT: {
        "predict is not finished. Next: {next}{place}": lambda p: symptoms.not_written(first_error(p)),
        "predict raises {kind}: {error}{place}": lambda p: symptoms.raised(first_error(p)),
        "predict must return one class for each row, an array of shape {right}, got {got}. Use "
        "np.argmax(scores, axis=1)": symptoms.wrong_predictions_shape,
        "predict returns the class with the lowest score. Use np.argmax(scores, axis=1)": wins(
            lambda r, scores: -scores
        ),
        "predict returns class {got} for all rows. Use np.argmax(scores, axis=1)": symptoms.constant_class,
        **{
            f"predict: {what}. Use the scores of the net, np.argmax(self.loss(X), axis=1)": wins(
                lambda r, scores, formula=formula: formula(r)
            )
            for what, formula in list(FORWARD.items())[:OTHER_CLASSES]
        },
        "predict returns class {got} for row {row}, but class {right} has the "
        "highest score": symptoms.not_highest_class,
    },
    stages.UNCHECKED: {"not checked: {what}": dict(seen=symptoms.unchecked, note=True)},
    stages.UNFINISHED: {"{right}Next: {next}{place}": symptoms.unfinished},
    stages.PRINTS: {
        "loss prints output: {lines} lines are not shown here": dict(
            seen=lambda lines: {"lines": lines} if lines else None, note=True
        )
    },
}


def _mistakes():
    """Yield the entries of the table."""
    for stage, entries in TABLE.items():
        for sentence, entry in entries.items():
            for one in entry if isinstance(entry, list) else [entry]:
                yield Mistake(
                    stage, sentence, **{**COMMON.get(stage, {}), **(one if isinstance(one, dict) else {"seen": one})}
                )


MISTAKES = tuple(_mistakes())
