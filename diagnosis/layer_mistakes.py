"""Table of mistakes in layers, made as that of mistakes.py, from which it takes what nets and layers share.

A stage is the name of a class in kinds.py. Its objects are the correct layers that the formulas get.
"""

import numpy as np

from . import layer_symptoms as seen
from . import stages, symptoms
from .kinds import Adam, Momentum, RmsProp, Sgd
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
from .symptoms import like, of, when, which


def one(name, formula):
    """Make a function that sees the answer of a name, or a multiple of it."""
    return like(lambda r: {name: formula(r)}, scaled=name == "x")


def out(formula):
    return one("out", formula)


def loss(formula):
    return one("loss", lambda r: formula(r) / r.N)


def scores(formula):
    """Make a function that sees a multiple of the gradient for another gradient of the scores."""
    return like(lambda r: r.grads(dscores=formula(r)), scaled=True)


def at_label(count):
    """Make a function that sees a gradient of the SVM with another number at the correct class."""
    return like(lambda r: r.correct_class(r.active, count(r)), scaled=True)


def path(**mistakes):
    return one("path", lambda r: r.walk(**mistakes))


def each(start, remedy, entries):
    """Return entries whose sentences have the same beginning and the same remedy."""
    return {f"{start} {what}. {remedy}".strip(): entry for what, entry in entries.items()}


def rule(kind, entries):
    """Return entries of an update rule."""
    return each("", f"Use {kind.next}", {"the step goes up the gradient": path(up=True), **entries})


SIGN = {"{what} has the wrong sign (factor -1)": like(lambda r: r.times(-1))}
ZERO = {"the gradient of {which} is 0 everywhere: it is not written. Next: {next}": seen.zero_gradient}
SHAPE = {"{what} has the wrong shape, {got} instead of {right}": seen.of_output(symptoms.wrong_shape)}
OUTPUT = {
    **SHAPE,
    "{what} is wrong: the mistake is unknown, or there are several mistakes. The largest error is at {at}: it is "
    "{got:.10g} and should be {right:.10g}": dict(seen=seen.of_output(symptoms.unknown), vague=True),
}
MEAN_OF_LAYER = "{what} is divided by {N}, the number of rows. The mean belongs to the loss: dout contains it"
DIVIDED = {MEAN_OF_LAYER: like(lambda r: r.times(1 / r.N))}
PLAIN = {**ZERO, **SHAPE, **SHAPES, **DIVIDED, **SIGN, **MULTIPLE, **ONE_ROW, **OUTPUT, **UNKNOWN}
BIAS = {"the output lacks {b}. Add it to the product": out(lambda r: r.forward(r.x, r.w, 0 * r.b, *r.args[3:]))}
LOSSES = {
    **ZERO,
    **SOFTMAX,
    **EPSILON_IN_LOG,
    **each("the loss", "It must be the mean of -log p[y]", {
        "lacks the logarithm of the sum of exp: it is the mean of -x[y]": loss(lambda r: -np.sum(r.scores * r.onehot)),
        "lacks the logarithm: it is the mean of -p[y]": loss(lambda r: -np.sum(np.exp(r.log_p) * r.onehot)),
        "is that of all classes": [loss(lambda r: -np.sum(r.log_p)), loss(lambda r: -r.N * np.mean(r.log_p))],
    }),
    **each("the gradient of {which}", "Use p - onehot(y)", {
        "lacks the labels: it comes from p": scores(lambda r: np.exp(r.log_p)),
        "adds 1 at the correct class of each row": scores(lambda r: np.exp(r.log_p) + r.onehot),
        "comes from the scores instead of the probabilities": scores(lambda r: r.scores - r.onehot),
    }),
    **SHAPES, **MEAN, **SIGNS, **DIVISOR, **MULTIPLE, **UNKNOWN,
}  # fmt: skip
HINGE = {
    **ZERO,
    "the loss counts the margin of the correct class, too, so it is 1 too large. Set margins[np.arange(N), y] = 0": [
        loss(lambda r: r.margins.sum() + r.N), loss(lambda r: r.N * (r.margins.sum() + r.N)),
    ],
    **each("{what}", "Use max(0, x[j] - x[y] + 1)", {
        "lacks the margin of 1": like(lambda r: r.hinge(r.raw - 1), scaled=True),
        "has margins of the wrong sign": like(lambda r: r.hinge(2 - r.raw, -1), scaled=True),
    }),
    **each("the loss", "Take the sum of all margins of a row", {
        "takes the largest margin of each row": loss(lambda r: r.margins.max(axis=1).sum()),
        "squares the margins": loss(lambda r: np.sum(r.margins**2)),
    }),
    **each("the gradient of {which}", "There, it is minus the number of the row's positive margins", {
        "lacks the correct class": at_label(lambda r: 0),
        "is -1 at the correct class": [at_label(lambda r: 1), at_label(lambda r: r.count > 0)],
        "counts the correct class itself": [at_label(lambda r: r.count + 1), at_label(lambda r: r.count - 1)],
        "has the wrong sign at the correct class": at_label(lambda r: -r.count),
    }),
    "the gradient of {which} uses the margins themselves. Use 1 where a margin is positive": like(
        lambda r: r.correct_class(r.margins), scaled=True
    ),
    **SHAPES, **MEAN, **DIVISOR, **SIGN, **MULTIPLE, **UNKNOWN,
}  # fmt: skip
NORMAL = {
    **each("the output", "It must be gamma * (x - mean) / sqrt(var + eps) + beta", {
        "lacks gamma": out(lambda r: r.normalised + r.beta),
        "lacks beta": out(lambda r: r.gamma * r.normalised),
        "lacks gamma and beta": out(lambda r: r.normalised),
        "has gamma and beta exchanged": out(lambda r: r.beta * r.normalised + r.gamma),
        "lacks eps": out(lambda r: r.scaled(np.sqrt(r.var))),
        "has eps outside of the square root": out(lambda r: r.scaled(np.sqrt(r.var) + r.eps)),
        "is divided by the variance": out(lambda r: r.scaled(r.var + r.eps)),
        "has a variance with ddof=1": out(lambda r: r.scaled(np.sqrt(r.x.var(r.axis, ddof=1, keepdims=True) + r.eps))),
        "lacks the mean: it is not subtracted": out(lambda r: r.scaled(np.sqrt(r.var + r.eps), r.x)),
        "has mean and variance of the wrong axis, not those of the {numbers}": seen.wrong_axis,
    }),
    **each("the gradient of {which}", "It must be the sum of dout * normalised over the rows", {
        "lacks the normalised x": one("gamma", lambda r: r.dout.sum(axis=0)),
        "uses x instead of the normalised x": one("gamma", lambda r: np.sum(r.dout * r.x, axis=0)),
        "uses the output instead of the normalised x": one("gamma", lambda r: np.sum(r.dout * r.right["out"], axis=0)),
    }),
    **each("the gradient of {which}", "Mean and variance depend on x, too, and are means", {
        "takes mean and variance as constants": like(lambda r: r.dx(0, 0)),
        "lacks the term of the variance": like(lambda r: r.dx(1, 0)),
        "lacks the term of the mean": like(lambda r: r.dx(0, 1)),
        "takes sums instead of means in the terms of mean and variance": seen.sums_for_means,
    }),
    "the gradient of {which} lacks gamma. The gradient of the normalised x is dout * gamma": like(
        lambda r: r.dx(d=r.dout)
    ),
}  # fmt: skip
RUNNING = {
    **each("{what}", "Use momentum * {what} + (1 - momentum) * that of the batch, and store it in {param}", {
        "is not updated": seen.not_running,
        "has momentum and 1 - momentum exchanged": like(lambda r: r.running(1 - r.param["momentum"])),
        "is an average of standard deviations": like(lambda r: r.running(r.param["momentum"], r.x.std(axis=0))),
        "is an average of variances with eps": like(lambda r: r.running(r.param["momentum"], r.x.var(axis=0) + r.eps)),
    }),
    **each("{what}", "Use running_mean and sqrt(running_var + eps), then gamma and beta", {
        "uses mean and variance of the batch": one("test", lambda r: r.right["out"]),
        "lacks gamma and beta": one("test", lambda r: (r.right["test"] - r.beta) / r.gamma),
        "is divided by the variance": one("test", lambda r: r.test_mode(1)),
    }),
}  # fmt: skip
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
    stages.NEEDS: {"calls {which}. Correct or write that first": which},
    stages.SKIPPED: {"not checked: {names}. {why}": dict(seen=seen.skipped, note=True)},
    stages.CONVENTIONS: {"{names} penalise W in different ways. Use the same penalty": seen.other_conventions},
    "Affine": {
        **BIAS,
        **each("the output", "It must be x w + b", {
            "has a ReLU": out(lambda r: relu(r.right["out"])),
            "has {b} subtracted": out(lambda r: r.right["out"] - 2 * r.b),
            "has {b} twice": out(lambda r: r.right["out"] + r.b),
        }),
        **PLAIN,
    },
    "Relu": {
        **each("the output is", "Use np.maximum(0, x)", {
            "x without a ReLU": out(lambda r: r.x),
            "min(0, x)": out(lambda r: np.minimum(0, r.x)),
            "the modulus of x": out(lambda r: np.abs(r.x)),
            "1 where x is positive": out(lambda r: r.x > 0),
            "a leaky ReLU": seen.leaky,
        }),
        **each("the gradient of {which}", "It must be dout * (x > 0)", {
            "is the mask alone": one("x", lambda r: r.x > 0),
            "is the output": one("x", lambda r: relu(r.x)),
            "is the ReLU of dout": one("x", lambda r: relu(r.dout)),
            "multiplies dout by the output": one("x", lambda r: r.dout * relu(r.x)),
            "multiplies dout by x": one("x", lambda r: r.dout * r.x),
        }),
        **MASKS,
        **PLAIN,
    },
    "Softmax": LOSSES,
    "Svm": HINGE,
    "LinearSoftmax": LOSSES,
    "LinearSvm": HINGE,
    "AffineRelu": {
        "the ReLU is missing in the output": out(lambda r: r.pre),
        "the ReLU comes before the affine layer, not after it": out(lambda r: relu(relu(r.rows) @ r.w + r.b)),
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
        **each("{what}", "In train mode, use the mask (rand < p) / p, also backward. In test mode, change nothing", {
            "is not divided by p": like(lambda r: {"out": r.x * r.kept, "x": r.dout * r.kept}),
            "is multiplied by p": like(lambda r: {"out": r.x * r.kept * r.p, "test": r.x * r.p}),
            "lacks the mask": like(lambda r: {"x": r.dout, "out": r.x}),
            "is divided by p": one("test", lambda r: r.x / r.p),
            "uses x instead of dout": one("x", lambda r: r.right["out"]),
            "uses another mask than the output": seen.other_mask,
        }),
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
        **OUTPUT, **SHAPES, **MEAN, **SIGNS, **DIVISOR, **MULTIPLE, **UNKNOWN,
    },
    "Sgd": {**rule(Sgd, {}), **OUTPUT},
    "Momentum": {
        **rule(Momentum, {
            "the velocity is not kept in config['velocity']": path(kept=False),
            "learning_rate is missing": path(rate=1),
            "dw is multiplied by 1 - momentum": path(rate=0.1 * (1 - 0.9)),
            "momentum is missing: the old velocity is added as it is": path(momentum=1),
        }),
        **OUTPUT,
    },
    "RmsProp": {
        **rule(RmsProp, {
            "the cache is not kept in config['cache']": path(kept=False),
            "the square root is missing": path(root=1),
            "decay_rate and 1 - decay_rate are exchanged": path(decay=1 - 0.99),
            "dw is not squared in the cache": path(power=1),
        }),
        **OUTPUT,
    },
    "Adam": {
        **rule(Adam, {
            "m and v are not kept in config": path(kept=False),
            "m and v are not corrected": path(of_m=0, of_v=0),
            "m is not corrected": path(of_m=0),
            "v is not corrected": path(of_v=0),
            "t stays the same": path(now=1),
            "the square root is missing": path(root=1),
            "dw is not squared in v": path(power=1),
        }),
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
}  # fmt: skip
MISTAKES = tuple(make_mistakes(LAYERS))
