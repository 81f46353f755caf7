"""Table of mistakes in layers, made as that of mistakes.py, from which it takes what nets and layers share.

A stage is the name of a class in kinds.py. Its objects are the correct layers that the formulas get.
"""

import numpy as np

from . import layer_symptoms as seen
from . import stages, symptoms
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


def one(name, formula, scaled=False):
    """Make a function that sees the answer of a name."""
    return like(lambda r: {name: formula(r)}, scaled)


def out(formula):
    return one("out", formula)


def dx(formula, scaled=True):
    return one("x", formula, scaled)


def scores(formula):
    """Make a function that sees a multiple of the gradient for another gradient of the scores."""
    return like(lambda r: r.grads(dscores=formula(r)), scaled=True)


def at_label(count):
    """Make a function that sees a gradient of the SVM with another number at the correct class."""
    return like(lambda r: r.correct_class(r.active, count(r)), scaled=True)


def path(**mistakes):
    return one("path", lambda r: r.walk(**mistakes))


SIGN = {"{what} has the wrong sign (factor -1)": like(lambda r: r.times(-1))}
ZERO = {"the gradient of {which} is 0 everywhere: it is not written. Next: {next}": seen.zero_gradient}
OUTPUT = {
    "{what} has the wrong shape, {got} instead of {right}": seen.of_output(symptoms.wrong_shape),
    "{what} is wrong: the mistake is unknown, or there are several mistakes. The largest error is at {at}: it is "
    "{got:.10g} and should be {right:.10g}": dict(seen=seen.of_output(symptoms.unknown), vague=True),
}
MEAN_OF_LAYER = "{what} is divided by {N}, the number of rows. The mean belongs to the loss: dout contains it"
DIVIDED = {MEAN_OF_LAYER: like(lambda r: r.times(1 / r.N))}
PLAIN = {**ZERO, **SHAPES, **DIVIDED, **SIGN, **MULTIPLE, **ONE_ROW, **OUTPUT, **UNKNOWN}
BIAS = {"the output lacks {b}. Add it to the product": out(lambda r: r.forward(r.x, r.w, 0 * r.b, *r.args[3:]))}
LOSSES = {
    **ZERO,
    **SOFTMAX,
    **EPSILON_IN_LOG,
    "the loss lacks the logarithm of the sum of exp: it is the mean of -x[y]. It must be the mean of -log p[y]": one(
        "loss", lambda r: -np.mean(r.scores[np.arange(r.N), r.y])
    ),
    "the loss lacks the logarithm: it is the mean of -p[y]. It must be the mean of -log p[y]": one(
        "loss", lambda r: -np.mean(np.exp(r.log_p)[np.arange(r.N), r.y])
    ),
    "the loss is that of all classes, not only of the correct class. Use log_p[np.arange(N), y]": [
        one("loss", lambda r: -np.mean(r.log_p)),
        one("loss", lambda r: -np.sum(r.log_p) / r.N),
    ],
    "the gradient of {which} lacks the labels: it comes from p. Subtract 1 from p at the correct class": scores(
        lambda r: np.exp(r.log_p)
    ),
    "the gradient of {which} adds 1 at the correct class of each row. Subtract it: p - onehot(y)": scores(
        lambda r: 2 * np.exp(r.log_p) / r.N - r.dscores
    ),
    "the gradient of {which} comes from the scores instead of the probabilities. Use p - onehot(y)": scores(
        lambda r: r.scores + r.N * r.dscores - np.exp(r.log_p)
    ),
    **SHAPES,
    **MEAN,
    **SIGNS,
    **DIVISOR,
    **MULTIPLE,
    **UNKNOWN,
}
HINGE = {
    **ZERO,
    "the loss counts the margin of the correct class, too, so it is 1 too large. Set margins[np.arange(N), y] = 0": [
        one("loss", lambda r: r.right["loss"] + 1),
        one("loss", lambda r: r.N * (r.right["loss"] + 1)),
    ],
    "{what} lacks the margin of 1. Use max(0, x[j] - x[y] + 1)": like(lambda r: r.hinge(r.raw - 1), scaled=True),
    "{what} has margins of the wrong sign. Use max(0, x[j] - x[y] + 1)": like(
        lambda r: r.hinge(2 - r.raw, -1), scaled=True
    ),
    "the loss takes the largest margin of each row. Take the sum of all": one(
        "loss", lambda r: r.margins.max(axis=1).mean()
    ),
    "the loss squares the margins. Take their sum": one("loss", lambda r: np.sum(r.margins**2) / r.N),
    "the gradient of {which} lacks the correct class. There, it is minus the number of positive margins": at_label(
        lambda r: 0
    ),
    "the gradient of {which} is -1 at the correct class. It must be minus the number of positive margins there": [
        at_label(lambda r: 1),
        at_label(lambda r: r.count > 0),
    ],
    "the gradient of {which} counts the correct class itself. Leave it out of the positive margins": [
        at_label(lambda r: r.count + 1),
        at_label(lambda r: r.count - 1),
    ],
    "the gradient of {which} has the wrong sign at the correct class. It must be minus the number of positive "
    "margins there": at_label(lambda r: -r.count),
    "the gradient of {which} uses the margins themselves. Use 1 where a margin is positive": like(
        lambda r: r.correct_class(r.margins), scaled=True
    ),
    **SHAPES,
    **MEAN,
    **DIVISOR,
    **SIGN,
    **MULTIPLE,
    **UNKNOWN,
}
USE_GAMMA = "Use the sum of dout * normalised over the rows"
NORMAL = {
    "the output lacks gamma": out(lambda r: r.normalised + r.beta),
    "the output lacks beta": out(lambda r: r.gamma * r.normalised),
    "the output lacks gamma and beta: it is the normalised x": out(lambda r: r.normalised),
    "gamma and beta are exchanged in the output": out(lambda r: r.beta * r.normalised + r.gamma),
    "the output lacks eps. Divide by sqrt(var + eps)": out(lambda r: r.scaled(np.sqrt(r.var))),
    "eps is outside of the square root. Divide by sqrt(var + eps)": out(lambda r: r.scaled(np.sqrt(r.var) + r.eps)),
    "the output is divided by the variance. Divide by sqrt(var + eps)": out(lambda r: r.scaled(r.var + r.eps)),
    "the variance is divided by one less than the numbers (ddof=1). Use x.var(axis)": out(
        lambda r: r.scaled(np.sqrt(r.x.var(axis=r.axis, ddof=1, keepdims=True) + r.eps))
    ),
    "the mean is not subtracted. Use (x - mean) / sqrt(var + eps)": out(
        lambda r: r.scaled(np.sqrt(r.var + r.eps), r.x)
    ),
    "mean and variance have the wrong axis. Take those of the {numbers}": seen.wrong_axis,
    f"the gradient of {{which}} lacks the normalised x. {USE_GAMMA}": one("gamma", lambda r: r.dout.sum(axis=0)),
    f"the gradient of {{which}} uses x instead of the normalised x. {USE_GAMMA}": one(
        "gamma", lambda r: np.sum(r.dout * r.x, axis=0)
    ),
    f"the gradient of {{which}} uses the output instead of the normalised x. {USE_GAMMA}": one(
        "gamma", lambda r: np.sum(r.dout * r.right["out"], axis=0)
    ),
    "the gradient of {which} takes mean and variance as constants. They depend on x, too": like(lambda r: r.dx(0, 0)),
    "the gradient of {which} lacks the term of the variance, which depends on x, too": like(lambda r: r.dx(1, 0)),
    "the gradient of {which} lacks the term of the mean, which depends on x, too": like(lambda r: r.dx(0, 1)),
    "the gradient of {which} lacks gamma. The gradient of the normalised x is dout * gamma": like(
        lambda r: r.dx(d=r.dout)
    ),
    "the gradient of {which} takes sums instead of means in the terms of mean and variance": seen.sums_for_means,
}
RUNNING = {
    "running_mean and running_var are not updated. Store them in {param} in train mode": seen.not_running,
    "momentum and 1 - momentum are exchanged in {what}": like(lambda r: r.running(1 - r.param["momentum"])),
    "running_var is an average of standard deviations. Use the variances": like(
        lambda r: r.running(r.param["momentum"], r.x.std(axis=0))
    ),
    "running_var is an average of variances with eps. Add eps only before the root is taken": like(
        lambda r: r.running(r.param["momentum"], r.x.var(axis=0) + r.eps)
    ),
    "{what} is that of the batch. Use running_mean and running_var": one("test", lambda r: r.right["out"]),
    "{what} lacks gamma and beta": one("test", lambda r: (r.right["test"] - r.beta) / r.gamma),
    "{what} is divided by the variance. Divide by sqrt(running_var + eps)": one("test", lambda r: r.test_mode(1)),
}
LAYERS = {
    stages.CONSTRUCTOR: {
        "{missing} missing in params. Next: in __init__, create a weight and a bias of each layer": seen.missing_layers,
        "__init__ creates {name} with the shape {got}. It must be {right}": seen.wrong_initial_shape,
        "__init__ must create {name} as zeros": seen.nonzero_bias,
        "{name} has the standard deviation {got:.3g}, with weight_scale={scale:g}. Multiply standard normal numbers by "
        "weight_scale": seen.wrong_scale,
    },
    stages.LAYER: {
        "raises {kind}: {error}{place}": lambda call: symptoms.raised(call.error),
        "must return {wants}, got {got}": seen.wrong_count,
        "returns None for {missing}. Next: {next}": seen.none_parts,
        "{part} must be {kind}, got {got}": seen.wrong_array,
        "{name} is {got}{place}. Look for a division by 0, log(0), or exp of a large number": lambda call: (
            symptoms.not_finite(call.arrays)
        ),
        "changes {changed} in place. Work on a copy or on a new array": dict(
            seen=lambda call: {"changed": ", ".join(call.changed)} if call.changed else None, independent=True
        ),
    },
    stages.ORDER: {"returns the gradients in another order. It must be: {right}": seen.wrong_order},
    stages.UNWRITTEN: {"not written yet: {names}. Next: {next}": seen.unwritten},
    stages.SKIPPED: {"not checked: {names}. {why}": dict(seen=seen.skipped, note=True)},
    stages.CONVENTIONS: {"{names} penalise W in different ways. Use the same penalty": seen.other_conventions},
    "Affine": {
        **BIAS,
        "the output has a ReLU. It belongs to the next layer": out(lambda r: relu(r.right["out"])),
        "{b} is subtracted from the product. Add it": out(lambda r: r.right["out"] - 2 * r.b),
        "the output adds {b} twice": out(lambda r: r.right["out"] + r.b),
        **PLAIN,
    },
    "Relu": {
        "the output is x without a ReLU. Use np.maximum(0, x)": out(lambda r: r.x),
        "the output is min(0, x). Use np.maximum(0, x)": out(lambda r: np.minimum(0, r.x)),
        "the output is the modulus of x. Use np.maximum(0, x)": out(lambda r: np.abs(r.x)),
        "the output is 1 where x is positive. Use np.maximum(0, x)": out(lambda r: r.x > 0),
        "the output is a leaky ReLU. Use np.maximum(0, x)": seen.leaky,
        "the gradient of {which} is the mask alone. Multiply it by dout": dx(lambda r: r.x > 0, False),
        "the gradient of {which} is the output. It must be dout * (x > 0)": dx(lambda r: relu(r.x)),
        "the gradient of {which} is the ReLU of dout. It must be dout * (x > 0)": dx(lambda r: relu(r.dout)),
        "the gradient of {which} multiplies dout by the output. It must be dout * (x > 0)": dx(
            lambda r: r.dout * relu(r.x)
        ),
        "the gradient of {which} multiplies dout by x. It must be dout * (x > 0)": dx(lambda r: r.dout * r.x),
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
        **BIAS,
        **MASKS,
        **PLAIN,
    },
    "BatchNorm": {**NORMAL, **RUNNING, **PLAIN},
    "LayerNorm": {**NORMAL, **PLAIN},
    "Dropout": {
        "the units are kept with the probability 1 - p. Use rand < p: p is the probability to keep a unit": one(
            "share", lambda r: 1 - r.p
        ),
        "{what} is {got:.3g} and should be {right:.3g}": of("share", symptoms.unknown),
        "{what} is not divided by p. Use the mask (rand < p) / p": like(
            lambda r: {"out": r.x * r.kept, "x": r.dout * r.kept}
        ),
        "{what} is multiplied by p. In train mode, divide by p. In test mode, change nothing": like(
            lambda r: {"out": r.x * r.kept * r.p, "test": r.x * r.p}
        ),
        "{what} lacks the mask. Multiply by the mask of the forward pass": like(lambda r: {"x": r.dout, "out": r.x}),
        "{what} is divided by p. In test mode, change nothing": one("test", lambda r: r.x / r.p),
        "the gradient of {which} uses x instead of dout": dx(lambda r: r.right["out"]),
        "the gradient of {which} uses another mask than the output. Keep it in the cache": seen.other_mask,
        **PLAIN,
    },
    "Conv": {**BIAS, **PLAIN},
    "MaxPool": PLAIN,
    "SpatialBatchNorm": PLAIN,
    "GroupNorm": PLAIN,
    "Deep": {
        "the ReLU of layer {layer} is missing in the forward pass": seen.deep_scores("linear"),
        "the bias b{layer} is missing in the forward pass": seen.deep_scores("unbiased"),
        "there is a ReLU on the scores, too": one("scores", lambda r: relu(r.scores)),
        **OUTPUT,
        **SHAPES,
        **MEAN,
        **SIGNS,
        **DIVISOR,
        **MULTIPLE,
        **UNKNOWN,
    },
    "Sgd": {"the step goes up the gradient. Use w - learning_rate * dw": path(up=True), **OUTPUT},
    "Momentum": {
        "the step goes up the gradient. Use v = momentum * v - learning_rate * dw, then w + v": path(up=True),
        "the velocity is not kept. Store it in config['velocity']": path(kept=False),
        "learning_rate is missing. Use v = momentum * v - learning_rate * dw": path(rate=1),
        "momentum is missing: the old velocity is added as it is. Multiply it by momentum": path(momentum=1),
        **OUTPUT,
    },
    "RmsProp": {
        "the step goes up the gradient. Use w - learning_rate * dw / (sqrt(cache) + epsilon)": path(up=True),
        "the cache is not kept. Store it in config['cache']": path(kept=False),
        "the square root is missing. Divide by sqrt(cache) + epsilon": path(root=1),
        "decay_rate and 1 - decay_rate are exchanged": path(decay=1 - 0.99),
        "dw is not squared in the cache. Use decay_rate * cache + (1 - decay_rate) * dw**2": path(power=1),
        **OUTPUT,
    },
    "Adam": {
        "the step goes up the gradient. Use w - learning_rate * m / (sqrt(v) + epsilon)": path(up=True),
        "m and v are not kept. Store them in config": path(kept=False),
        "m and v are not corrected. Divide them by 1 - beta**t": path(of_m=0, of_v=0),
        "m is not corrected. Divide it by 1 - beta1**t": path(of_m=0),
        "v is not corrected. Divide it by 1 - beta2**t": path(of_v=0),
        "t stays the same. Add 1 to config['t'] in each step": path(now=1),
        "the square root is missing. Divide by sqrt(v) + epsilon": path(root=1),
        "dw is not squared in v. Use beta2 * v + (1 - beta2) * dw**2": path(power=1),
        **OUTPUT,
    },
    stages.ROUGH: {
        "{name} is only as precise as float32, but this check needs float64. Compute without "
        "astype(np.float32)": lambda name: {"name": name} if name else None
    },
    stages.GRADIENT: {
        "{what} is 0 everywhere": when(lambda a: a.r.same and not np.any(a.got)),
        "{what} is transposed. It must have the shape and the order of {which}": when(lambda a: a.r.turned),
        "{what} has the shape {got}, but {which} has {right}": symptoms.wrong_shape,
        **SIGN,
        "{what} is {k:.4g} times what it should be": symptoms.multiple,
        "{what} is wrong at {at} only, of {checked} coordinates: it is {got:.10g}, but the numeric derivative is "
        "{right:.10g}": seen.one_coordinate,
        "{what} is wrong. The largest error is at {at}: it is {got:.10g}, but the numeric derivative is "
        "{right:.10g}": dict(seen=lambda a: a.r.at(int(np.argmax(np.abs(a.got - a.right)))), vague=True),
    },
}
MISTAKES = tuple(make_mistakes(LAYERS))
