"""Table of mistakes in layers, made as that of mistakes.py, from which it takes what nets and layers share.

A stage is the name of a class in kinds.py. Its objects are the correct layers that the formulas get.
"""

import numpy as np

from . import layer_symptoms, stages, symptoms
from .mistakes import (
    DIVISOR,
    EPSILON_IN_LOG,
    MASKS,
    MEAN,
    MULTIPLE,
    ONE_ROW,
    SHAPES,
    SIGNS,
    SOFTMAX,
    UNKNOWN,
    make_mistakes,
)
from .reference import relu
from .symptoms import like, of, when

ZERO = {"the gradient of {which} is 0 everywhere: it is not written. Next: {next}": layer_symptoms.zero_gradient}
OUTPUT = {
    "{what} has the wrong shape, {got} instead of {right}": layer_symptoms.wrong_output_shape,
    "{what} is wrong: the mistake is unknown, or there are several mistakes. The largest error is at {at}: it is "
    "{got:.10g} and should be {right:.10g}": layer_symptoms.unknown_output,
}
LINEAR = {
    "{what} is divided by {N}, the number of rows. The mean belongs to the loss, so dout is already divided by N": like(
        lambda r: r.times(1 / r.N)
    ),
    "{what} has the wrong sign (factor -1)": like(lambda r: r.times(-1)),
    **MULTIPLE,
}
PLAIN = {**ZERO, **SHAPES, **LINEAR, **ONE_ROW, **OUTPUT, **UNKNOWN}


def out(formula):
    """Make a function that sees the output of a formula."""
    return like(lambda r: {"out": formula(r)})


def test(formula):
    """Make a function that sees the output of a formula in test mode."""
    return like(lambda r: {"test": formula(r)})


def path(**mistakes):
    """Make a function that sees the steps of a rule with mistakes."""
    return like(lambda r: {"path": r.walk(**mistakes)})


LOSSES = {
    **ZERO,
    **SOFTMAX,
    **EPSILON_IN_LOG,
    "the loss lacks the logarithm of the sum of exp: it is the mean of -x[y]. It must be the mean of -log p[y]": like(
        lambda r: {"loss": -np.mean(r.scores[np.arange(r.N), r.y])}
    ),
    "the loss lacks the logarithm: it is the mean of -p[y]. It must be the mean of -log p[y]": like(
        lambda r: {"loss": -np.mean(np.exp(r.log_p)[np.arange(r.N), r.y])}, scaled=True
    ),
    "the loss is the mean of -log p over all classes, not that of the correct class. Use log_p[np.arange(N), y]": [
        like(lambda r: {"loss": -np.mean(r.log_p)}),
        like(lambda r: {"loss": -np.sum(r.log_p) / r.N}),
    ],
    "the gradient of {which} lacks the labels: it comes from p. Subtract 1 from p at the correct class of each "
    "row": like(lambda r: r.grads(dscores=np.exp(r.log_p)), scaled=True),
    "the gradient of {which} adds 1 at the correct class of each row. Subtract it: p - onehot(y)": like(
        lambda r: r.grads(dscores=2 * np.exp(r.log_p) / r.N - r.dscores), scaled=True
    ),
    "the gradient of {which} comes from the scores instead of the probabilities. Use p - onehot(y)": like(
        lambda r: r.grads(dscores=r.scores + r.N * r.dscores - np.exp(r.log_p)), scaled=True
    ),
    **SHAPES,
    **MEAN,
    **DIVISOR,
    **SIGNS,
    **MULTIPLE,
    **UNKNOWN,
}
HINGE = {
    **ZERO,
    "the loss counts the margin of the correct class, too, so it is 1 too large. Set margins[np.arange(N), y] = 0": [
        like(lambda r: {"loss": r.right["loss"] + 1}),
        like(lambda r: {"loss": r.N * (r.right["loss"] + 1)}),
    ],
    "{what} lacks the margin of 1. Use max(0, x[j] - x[y] + 1)": like(lambda r: r.hinge(0), scaled=True),
    "the margins have the wrong sign in {where}. Use max(0, x[j] - x[y] + 1)": like(
        lambda r: r.reversed(), scaled=True
    ),
    "the loss takes the largest margin of each row. Take the sum of all margins": like(
        lambda r: {"loss": r.margins.max(axis=1).mean()}, scaled=True
    ),
    "the loss squares the margins. Take their sum": like(lambda r: {"loss": np.sum(r.margins**2) / r.N}, scaled=True),
    "the gradient of {which} lacks the correct class. There, it is minus the number of positive margins of the "
    "row": like(lambda r: r.correct_class(r.active, 0), scaled=True),
    "the gradient of {which} is -1 at the correct class. There, it must be minus the number of positive margins of "
    "the row": [
        like(lambda r: r.correct_class(r.active, 1), scaled=True),
        like(lambda r: r.correct_class(r.active, r.count > 0), scaled=True),
    ],
    "the gradient of {which} counts the correct class itself. Leave it out of the positive margins": [
        like(lambda r: r.correct_class(r.active, r.count + 1), scaled=True),
        like(lambda r: r.correct_class(r.active, r.count - 1), scaled=True),
    ],
    "the gradient of {which} has the wrong sign at the correct class. There, it is minus the number of positive "
    "margins of the row": like(lambda r: r.correct_class(r.active, -r.count), scaled=True),
    "the gradient of {which} uses the margins themselves. Use 1 where a margin is positive": like(
        lambda r: r.correct_class(r.margins), scaled=True
    ),
    **SHAPES,
    **MEAN,
    **DIVISOR,
    "{what} has the wrong sign (factor -1)": like(lambda r: r.times(-1)),
    **MULTIPLE,
    **UNKNOWN,
}
NORMAL = {
    "the output lacks gamma": out(lambda r: r.normalised + r.beta),
    "the output lacks beta": out(lambda r: r.gamma * r.normalised),
    "the output lacks gamma and beta: it is the normalised x": out(lambda r: r.normalised),
    "gamma and beta are exchanged in the output. It must be gamma * normalised + beta": out(
        lambda r: r.beta * r.normalised + r.gamma
    ),
    "the output lacks eps. Divide by sqrt(var + eps)": out(lambda r: r.scaled(r.normal(r.x, eps=0))),
    "eps is outside of the square root. Divide by sqrt(var + eps)": out(
        lambda r: r.scaled(r.normal(r.x, scale=r.deviation + r.eps))
    ),
    "the output is divided by the variance. Divide by sqrt(var + eps)": out(
        lambda r: r.scaled(r.normal(r.x, scale=r.std**2))
    ),
    "the variance is divided by one less than the numbers (ddof=1). Use x.var(axis)": out(
        lambda r: r.scaled(r.normal(r.x, ddof=1))
    ),
    "the mean is not subtracted. Use (x - mean) / sqrt(var + eps)": out(lambda r: r.scaled(r.x / r.std)),
    "mean and variance are those of {axis}. Use {right_axis}": layer_symptoms.wrong_axis,
    "mean and variance are those of the whole array. Use {right_axis}": layer_symptoms.whole_axis,
    "the gradient of {which} lacks the normalised x. It is the sum of dout * normalised over the rows": like(
        lambda r: {"gamma": r.dout.sum(axis=0)}
    ),
    "the gradient of {which} uses x instead of the normalised x. It is the sum of dout * normalised over the "
    "rows": like(lambda r: {"gamma": np.sum(r.dout * r.x, axis=0)}),
    "the gradient of {which} uses the output instead of the normalised x. It is the sum of dout * normalised over the "
    "rows": like(lambda r: {"gamma": np.sum(r.dout * r.right["out"], axis=0)}),
    "the gradient of {which} takes mean and variance as constants. They depend on x, too": like(
        lambda r: r.dx(0, 0), scaled=True
    ),
    "the gradient of {which} lacks the term of the variance, which depends on x, too": like(
        lambda r: r.dx(1, 0), scaled=True
    ),
    "the gradient of {which} lacks the term of the mean, which depends on x, too": like(
        lambda r: r.dx(0, 1), scaled=True
    ),
    "the gradient of {which} lacks gamma. The gradient of the normalised x is dout * gamma": like(
        lambda r: r.dx(d=r.dout)
    ),
    "the gradient of {which} takes sums instead of means in the terms of mean and variance. Divide them by the "
    "number of {numbers}": layer_symptoms.sums_for_means,
}
RUNNING = {
    "running_mean and running_var are not updated. Store them in {param} in train mode": layer_symptoms.not_running,
    "momentum and 1 - momentum are exchanged in {what}. Use momentum * running + (1 - momentum) * of_the_batch": like(
        lambda r: r.running(1 - r.param["momentum"])
    ),
    "running_var is an average of standard deviations. Use the variances": like(
        lambda r: r.running(r.param["momentum"], r.x.std(axis=0))
    ),
    "running_var is an average of variances with eps. Add eps only before the root is taken": like(
        lambda r: r.running(r.param["momentum"], r.x.var(axis=0) + r.eps)
    ),
    "{what} is that of the batch. Use running_mean and running_var": test(lambda r: r.right["out"]),
    "{what} lacks gamma and beta": test(lambda r: (r.right["test"] - r.beta) / r.gamma),
    "{what} is divided by the variance. Divide by sqrt(running_var + eps)": test(lambda r: r.test_mode(1)),
}
LAYERS = {
    stages.CONSTRUCTOR: {
        "{missing} missing in params. Next: in __init__, create a weight and a bias for each "
        "layer": layer_symptoms.missing_layers,
        "__init__ creates {name} with the shape {got}. It must be {right}": layer_symptoms.wrong_initial_shape,
        "__init__ must create {name} as zeros": layer_symptoms.nonzero_bias,
        "{name} has the standard deviation {got:.3g}, with weight_scale={scale:g}. Multiply standard normal numbers by "
        "weight_scale": layer_symptoms.wrong_scale,
    },
    stages.DEEP: {
        "scores must have the shape {right}, got {got}": of("scores", symptoms.wrong_shape),
        "the ReLU of layer {layer} is missing in the forward pass": layer_symptoms.linear_layer,
        "there is a ReLU on the scores, too": like(lambda r: {"scores": relu(r.scores)}),
        "the bias b{layer} is missing in the forward pass": layer_symptoms.unbiased_layer,
        "the scores are wrong: at row {at[0]}, class {at[1]}, the score is {got:.8g} and should be {right:.8g}": of(
            "scores", symptoms.unknown
        ),
        **SHAPES,
        **MEAN,
        **SIGNS,
        **DIVISOR,
        **MULTIPLE,
        "the gradient of {which} flows through inactive units of layer {layer}: the ReLU is missing in the backward "
        "pass": layer_symptoms.unmasked_layer,
        **UNKNOWN,
    },
    stages.LAYER: {
        "raises {kind}: {error}{place}": lambda call: symptoms.raised(call.error),
        "must return {wants}, got {got}": layer_symptoms.wrong_count,
        "returns None for {missing}. Next: {next}": layer_symptoms.none_parts,
        "{part} must be {kind}, got {got}": layer_symptoms.wrong_array,
        "{name} is {got}{place}. Look for a division by 0, log(0), or exp of a large number": lambda call: (
            symptoms.not_finite(call.arrays)
        ),
        "changes {changed} in place. Work on a copy or on a new array": dict(
            seen=lambda call: {"changed": ", ".join(call.changed)} if call.changed else None, independent=True
        ),
    },
    stages.ORDER: {
        "returns the gradients in another order. It must be: {right}": layer_symptoms.wrong_order,
    },
    "Affine": {
        "the output lacks {b}. Add it to the product": out(lambda r: r.rows @ r.w),
        "the output has a ReLU. It belongs to the next layer": out(lambda r: relu(r.right["out"])),
        "{b} is subtracted from the product. Add it": out(lambda r: r.rows @ r.w - r.b),
        "the output adds {b} twice": out(lambda r: r.rows @ r.w + 2 * r.b),
        **PLAIN,
    },
    "Relu": {
        "the output is x without a ReLU. Use np.maximum(0, x)": out(lambda r: r.x),
        "the output is min(0, x). Use np.maximum(0, x)": out(lambda r: np.minimum(0, r.x)),
        "the output is the modulus of x. Use np.maximum(0, x)": out(lambda r: np.abs(r.x)),
        "the output is 1 where x is positive. Use np.maximum(0, x)": out(lambda r: r.x > 0),
        "the output is a leaky ReLU. Use np.maximum(0, x)": layer_symptoms.leaky,
        "the gradient of {which} is the mask alone. Multiply it by dout": like(lambda r: {"x": r.x > 0}),
        "the gradient of {which} is the output. It must be dout * (x > 0)": like(lambda r: {"x": relu(r.x)}),
        "the gradient of {which} is the ReLU of dout. It must be dout * (x > 0)": like(lambda r: {"x": relu(r.dout)}),
        "the gradient of {which} multiplies dout by the output. It must be dout * (x > 0)": like(
            lambda r: {"x": r.dout * relu(r.x)}
        ),
        "the gradient of {which} multiplies dout by x. It must be dout * (x > 0)": like(lambda r: {"x": r.dout * r.x}),
        **MASKS,
        **PLAIN,
    },
    "Softmax": LOSSES,
    "Svm": HINGE,
    "LinearSoftmax": LOSSES,
    "LinearSvm": HINGE,
    "AffineRelu": {
        "the ReLU is missing in the output": out(lambda r: r.pre),
        "the ReLU comes before the affine layer. It must come after it": out(lambda r: relu(r.rows) @ r.w + r.b),
        "the output lacks {b}. Add it to the product": out(lambda r: relu(r.rows @ r.w)),
        **MASKS,
        **PLAIN,
    },
    "BatchNorm": {**NORMAL, **RUNNING, **PLAIN},
    "LayerNorm": {**NORMAL, **PLAIN},
    "Dropout": {
        "the units are kept with the probability 1 - p. p is the probability to keep a unit: use rand < p": like(
            lambda r: {"share": 1 - r.param["p"]}
        ),
        "{what} is {got:.3g} and should be {right:.3g}": layer_symptoms.wrong_share,
        "{what} is not divided by p. Use the mask (rand < p) / p": like(
            lambda r: {"out": r.x * r.kept, "x": r.dout * r.kept}
        ),
        "{what} is multiplied by p. In train mode, divide by p. In test mode, change nothing": like(
            lambda r: {"out": r.x * r.kept * r.p, "test": r.x * r.p}
        ),
        "{what} lacks the mask. Multiply by the mask of the forward pass": like(lambda r: {"x": r.dout, "out": r.x}),
        "{what} is divided by p. In test mode, change nothing": like(lambda r: {"test": r.x / r.p}),
        "the gradient of {which} uses x instead of dout": like(lambda r: {"x": r.right["out"]}),
        "the gradient of {which} uses another mask than the output. Keep the mask in the "
        "cache": layer_symptoms.other_mask,
        **PLAIN,
    },
    "Conv": {
        "the output lacks {b}. Add it to each filter's output": out(lambda r: r.forward(r.x, r.w, 0 * r.b, r.param)),
        "the filters are flipped. Multiply each window by the filter as it is": out(
            lambda r: r.forward(r.x, r.w[:, :, ::-1, ::-1], r.b, r.param)
        ),
        **PLAIN,
    },
    "MaxPool": {
        "the output is the mean of each window. Take its largest number": out(lambda r: r.pooled(np.mean)),
        "the output is the smallest number of each window. Take its largest number": out(lambda r: r.pooled(np.min)),
        "the gradient of {which} goes to all numbers of a window. It belongs to the largest one": like(
            lambda r: r.spread(), scaled=True
        ),
        **PLAIN,
    },
    "SpatialBatchNorm": PLAIN,
    "GroupNorm": PLAIN,
    "Sgd": {"the step goes up the gradient. Use w - learning_rate * dw": path(sign=1), **OUTPUT},
    "Momentum": {
        "the step goes up the gradient. Use v = momentum * v - learning_rate * dw, then w + v": path(sign=-1),
        "the velocity is not kept. Store it in config['velocity']": path(kept=False),
        "learning_rate is missing. Use v = momentum * v - learning_rate * dw": path(rate=1),
        "the step uses the velocity of the step before. Update v first, then w + v": path(late=True),
        "dw is multiplied by 1 - momentum. Use v = momentum * v - learning_rate * dw": path(mean=True),
        "momentum is missing: the old velocity is added as it is. Multiply it by momentum": path(momentum=1),
        **OUTPUT,
    },
    "RmsProp": {
        "the step goes up the gradient. Use w - learning_rate * dw / (sqrt(cache) + epsilon)": path(sign=1),
        "the cache is not kept. Store it in config['cache']": path(kept=False),
        "the square root is missing. Divide by sqrt(cache) + epsilon": path(root=False),
        "decay_rate and 1 - decay_rate are exchanged. Use decay_rate * cache + (1 - decay_rate) * dw**2": path(
            decay=1 - 0.99
        ),
        "dw is not squared in the cache. Use decay_rate * cache + (1 - decay_rate) * dw**2": path(power=1),
        "the cache is a sum of squares. Use decay_rate * cache + (1 - decay_rate) * dw**2": path(sums=True),
        **OUTPUT,
    },
    "Adam": {
        "the step goes up the gradient. Use w - learning_rate * m / (sqrt(v) + epsilon)": path(sign=1),
        "m and v are not kept. Store them in config": path(kept=False),
        "m and v are not corrected. Divide them by 1 - beta**t": path(corrected=(False, False)),
        "m is not corrected. Divide it by 1 - beta1**t": path(corrected=(False, True)),
        "v is not corrected. Divide it by 1 - beta2**t": path(corrected=(True, False)),
        "t stays the same. Add 1 to config['t'] in each step": path(late=1),
        "t counts from 2. Add 1 to config['t'] once in each step, before it is used": path(ahead=1),
        "the square root is missing. Divide by sqrt(v) + epsilon": path(root=False),
        "dw is not squared in v. Use beta2 * v + (1 - beta2) * dw**2": path(power=1),
        "beta1 and beta2 are exchanged": path(swap=True),
        "the corrected m and v are stored in config. Store them uncorrected": path(stored=True),
        **OUTPUT,
    },
    stages.UNWRITTEN: {
        "not written yet: {names}. Next: {names_next}": layer_symptoms.unwritten,
    },
    stages.SKIPPED: {
        "not checked: {names}. {why}": dict(seen=layer_symptoms.unchecked, note=True),
    },
    stages.ROUGH: {
        "{name} is only as precise as float32, but this check needs float64. Compute without "
        "astype(np.float32)": lambda name: {"name": name} if name else None,
    },
    stages.CONVENTIONS: {
        "{names} penalise W in different ways. Use the same penalty in each": layer_symptoms.other_conventions,
    },
    stages.GRADIENT: {
        "{what} is 0 everywhere": when(lambda a: a.r.same and not np.any(a.got)),
        "{what} is transposed. It must have the shape and the order of {which}": when(lambda a: a.r.turned),
        "{what} has the shape {got}, but {which} has {right}": symptoms.wrong_shape,
        "{what} has the wrong sign (factor -1)": like(lambda r: r.times(-1)),
        "{what} is {k:.4g} times what it should be": symptoms.multiple,
        "{what} is wrong at {at} only, of {checked} coordinates: it is {got:.10g}, but the numeric derivative is "
        "{right:.10g}": layer_symptoms.one_coordinate,
        "{what} is wrong. The largest error is at {at}: it is {got:.10g}, but the numeric derivative is "
        "{right:.10g}": dict(seen=layer_symptoms.unknown_coordinates, vague=True),
    },
}
MISTAKES = tuple(make_mistakes(LAYERS))
