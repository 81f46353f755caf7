"""Layers that the check knows: inputs to try them with, and the correct answers."""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from gradient_check import eval_numerical_gradient_array

from .reference import agree, relu, softmax_loss


class Layer:
    """Correct answers of a layer for some inputs. Each subclass is a layer, and a stage of the table of mistakes.

    ``upstream(shape)`` makes the upstream gradient. `mistakes` are those of `reference.softmax_loss`.

    Attributes
    ----------
    names, wrt : tuple of str
        The inputs, which are attributes, too; and those that have gradients, in their order.
    right, floor : dict
        The correct answers by name, and their possible rounding errors. The first one is "out", "loss" or
        "path", as `value` says. A gradient has the name of its input.
    next : str
        The formula, for students who begin.
    """

    names, wrt, value, alone, next = ("x",), ("x",), "out", ("out", "loss"), ""
    remark, sizes_differ, loss_factor, rounding = "", True, None, 1e-8
    seen = {}  # further answers that the output itself gives

    def __init__(self, args, upstream=np.ones, **mistakes):
        self.args, self.mistakes = args, mistakes
        vars(self).update(zip(self.names, args, strict=True))
        with np.errstate(all="ignore"):
            out = self.forward(*args)
            self.dout = upstream(np.shape(out))
            self.right = {self.value: out, **self.more(), **self.grads()}
        self.floor = dict.fromkeys(self.right, self.rounding)

    N = property(lambda self: len(self.args[0]))
    sizes = property(lambda self: [(self.N - 1, "N - 1"), (self.N + 1, "N + 1")])  # other divisors than N

    def grads(self):
        """Return the gradients by name: numeric ones, if the subclass has no formula."""
        return numeric_gradients(self.forward, self.args, self.names, self.wrt, self.dout)

    def more(self):
        """Return further correct answers by name."""
        return {}

    def ask_more(self, forward, backward, args):
        """Ask a student's functions for them. `args` are those of the first call of forward, after the call."""
        return {}

    def unsummed(self):
        """Return gradients before their sum over the rows."""
        return {}

    def freeze(self, out):
        """Take what is random from a student's output."""

    def agrees(self, name, answer):
        """Tell whether an answer is correct."""
        return agree(answer, self.right[name], self.floor[name])

    def variant(self, **mistakes):
        """Return the layer with mistakes."""
        return type(self)(self.args, lambda shape: self.dout, **mistakes)

    def times(self, k):
        """Return the correct answers, all multiplied by k."""
        return {name: k * answer for name, answer in self.right.items()}


def numeric_gradients(forward, args, names, wrt, dout):
    """Return the numeric gradients of ``sum(dout * forward(*args))`` for some arguments, by name."""

    def gradient(i):
        x = np.array(args[i], dtype=np.float64)
        return eval_numerical_gradient_array(lambda x: forward(*args[:i], x, *args[i + 1 :]), x, dout)

    return {name: gradient(names.index(name)) for name in wrt}


def away(rng, *shape):
    """Draw numbers whose modulus is at least 0.1: no kink of the ReLU is near."""
    return rng.choice([-1, 1], shape) * rng.uniform(0.1, 2, shape)


def sizes(rng, count):
    """Draw sizes that differ, as do their neighbours: a wrong one shows. Each is at least 5."""
    return 3 * rng.permutation(count) + rng.choice([5, 6])


class Affine(Layer):
    names = wrt = ("x", "w", "b")
    next = "out = x w + b, with the rows of x as vectors: x.reshape(len(x), -1)"
    rows = property(lambda self: self.x.reshape(self.N, -1))

    @staticmethod
    def draw(rng):
        N, D, M = sizes(rng, 3)
        half = (D + 1) // 2
        return rng.standard_normal((N, half, 2)), rng.standard_normal((2 * half, M)), rng.standard_normal(M)

    def forward(self, x, w, b):
        return x.reshape(len(x), -1) @ w + b

    def grads(self, mask=1):
        dpre = self.dout * mask
        return {"x": (dpre @ self.w.T).reshape(self.x.shape), "w": self.rows.T @ dpre, "b": dpre.sum(axis=0)}

    def unsummed(self):
        return {"b": self.dout}


class Relu(Layer):
    next = "out = max(0, x)"
    pre, dhidden = property(lambda self: self.x), property(lambda self: self.dout)

    @staticmethod
    def draw(rng):
        return (away(rng, *sizes(rng, 2)),)

    def forward(self, x):
        return relu(x)

    def grads(self, mask=None):
        return {"x": self.dout * (self.pre > 0 if mask is None else mask)}


class AffineRelu(Affine):
    next = "affine_forward, then relu_forward, and a cache with both caches"
    pre, dhidden = property(lambda self: self.rows @ self.w + self.b), property(lambda self: self.dout)

    def forward(self, x, w, b):
        return relu(super().forward(x, w, b))

    def grads(self, mask=None):
        return super().grads(self.pre > 0 if mask is None else mask)

    def unsummed(self):
        return {"b": self.dout * (self.pre > 0)}


class Softmax(Layer):
    names, value, next = (
        ("x", "y"),
        "loss",
        "the loss, the mean of -log p[y] over the rows, and its gradient p - onehot(y)",
    )
    scores, onehot = property(lambda self: self.x), property(lambda self: np.eye(self.scores.shape[1])[self.y])

    @staticmethod
    def draw(rng):
        N, C = sizes(rng, 2)
        return 2 * rng.standard_normal((N, C)), rng.permutation(np.arange(N) % (C - 1))

    def forward(self, *args):
        self.log_p, self.y, self.dscores, loss = softmax_loss(self.scores, self.y, **self.mistakes)
        return loss

    def grads(self, dscores=None):
        return {"x": self.dscores if dscores is None else dscores}

    @staticmethod
    def at(scores, y):
        """Return arguments with these scores."""
        return scores, y

    @property
    def sizes(self):
        C = self.scores.shape[1]
        return [(C, "C, the number of classes"), (self.N * C, "N * C, the number of all scores"), *super().sizes]


class Svm(Softmax):
    next = "the loss, the mean over the rows of the sum of max(0, x[j] - x[y] + 1) for j != y, and its gradient"

    @classmethod
    def draw(cls, rng):
        while True:
            args = super().draw(rng)
            raw = cls(args).raw
            if np.abs(raw).min() > 1e-3 and ((raw > 0) & (raw < 1)).any():  # no kinks, and the margin of 1 matters
                return args

    def forward(self, *args):
        self.raw = self.scores - np.sum(self.scores * self.onehot, axis=1, keepdims=True) + 1  # (N, C)
        self.margins = relu(self.raw) * (1 - self.onehot)
        self.active = self.margins > 0
        self.count = self.active.sum(axis=1, keepdims=True)
        self.dscores = (self.active - self.onehot * self.count) / self.N
        return self.margins.sum() / self.N

    def hinge(self, raw, sign=1):
        """Return loss and gradient with other margins, whose derivatives have this sign."""
        margins = relu(raw) * (1 - self.onehot)
        return {"loss": margins.sum() / self.N, **self.correct_class(sign * (margins > 0))}

    def correct_class(self, active, count=None):
        """Return the gradient for other active classes, or another count of them at the correct class."""
        count = active.sum(axis=1, keepdims=True) if count is None else count
        return self.grads((active - self.onehot * count) / self.N)


class LinearSoftmax(Softmax):
    """Loss of a linear classifier without the penalty."""

    names, wrt, next = ("W", "X", "y", "reg"), ("W",), Softmax.next
    scores, N = property(lambda self: self.X @ self.W), property(lambda self: len(self.X))

    @staticmethod
    def draw(rng):
        N, D, C = sizes(rng, 3)
        return rng.standard_normal((D, C)), rng.standard_normal((N, D)), rng.permutation(np.arange(N) % (C - 1)), 0.0

    def grads(self, dscores=None):
        return {"W": self.X.T @ super().grads(dscores)["x"]}

    @staticmethod
    def at(scores, y):
        return scores, np.eye(len(y)), y, 0.0


class LinearSvm(Svm, LinearSoftmax):
    next = Svm.next.replace("x[", "s[")


class BatchNorm(Layer):
    names, wrt = ("x", "gamma", "beta", "param"), ("x", "gamma", "beta")
    next = "out = gamma * (x - mean) / sqrt(var + eps) + beta, with mean and variance of the columns"
    axis = 0

    @staticmethod
    def draw(rng):
        N, D = sizes(rng, 2)
        param = {"mode": "train", "eps": 1e-2, "momentum": 0.7, "running_mean": rng.standard_normal(D)}
        param["running_var"] = rng.uniform(1, 2, D)
        return 2 * rng.standard_normal((N, D)) + 1, rng.uniform(0.5, 1.5, D), rng.standard_normal(D), param

    def forward(self, x, gamma, beta, param):
        self.eps, along = param.get("eps", 1e-5), {"axis": self.axis, "keepdims": True}
        self.centred, self.var = x - x.mean(**along), x.var(**along)
        self.normalised = self.centred / np.sqrt(self.var + self.eps)
        return gamma * self.normalised + beta

    def scaled(self, divisor, centred=None):
        """Return the output with another divisor, or another centre of x."""
        return self.gamma * (self.centred if centred is None else centred) / divisor + self.beta

    def unsummed(self):
        return {"gamma": self.dout * self.normalised, "beta": self.dout}

    def dx(self, of_mean=1, of_var=1, d=None):
        """Return the gradient of x, with other factors of the terms of mean and variance, or of the normalised x."""
        along, n = {"axis": self.axis, "keepdims": True}, self.normalised
        d = self.dout * self.gamma if d is None else d
        terms = of_mean * d.mean(**along) + of_var * n * (d * n).mean(**along)
        return {"x": (d - terms) / np.sqrt(self.var + self.eps)}

    def grads(self):
        return self.dx() | {name: terms.sum(axis=0) for name, terms in self.unsummed().items()}

    def running(self, momentum, var=None):
        """Return the running mean and variance after one step."""
        now = {"running_mean": self.x.mean(axis=0), "running_var": self.x.var(axis=0) if var is None else var}
        return {name: momentum * self.param[name] + (1 - momentum) * value for name, value in now.items()}

    def test_mode(self, power=0.5):
        """Return the output in test mode, or with another power of the variance."""
        return self.scaled((self.param["running_var"] + self.eps) ** power, self.x - self.param["running_mean"])

    def more(self):
        known = "running_mean" in self.param
        return {"test": self.test_mode(), **self.running(self.param["momentum"])} if known else {}

    def ask_more(self, forward, backward, args):
        if "test" not in self.right:
            return {}
        now = {name: args[-1].get(name) for name in ("running_mean", "running_var")}  # changed by the first call
        return {"test": forward(*args[:-1], {**self.param, "mode": "test"})[0], **now}


class LayerNorm(BatchNorm):
    next = BatchNorm.next.replace("columns", "rows")
    axis = 1

    @staticmethod
    def draw(rng):
        return *BatchNorm.draw(rng)[:3], {"eps": 1e-2}


class Dropout(Layer):
    """Inverted dropout, with the mask that the student draws. p may be the probability to keep or to drop a unit."""

    names, next = ("x", "param"), "a random mask, (rand < p) / p, and out = x * mask"

    @staticmethod
    def draw(rng):  # p differs from 0.5, so that 1 - p shows
        return away(rng, 40, 25), {"mode": "train", "p": 0.3, "seed": 3}

    def forward(self, x, param):
        return x

    def grads(self):
        return {}

    def freeze(self, out):
        self.kept, self.p = np.asarray(out) != 0, self.param["p"]
        share, other = self.kept.mean(), 1 - self.p
        drops = agree(share, other, 0.1) and agree(out, self.x * self.kept / other)
        self.keep, self.seen = other if drops else self.p, {"share": share}
        mask = self.kept / self.keep
        self.right = {"share": self.keep, "out": self.x * mask, "test": self.x, "x": self.dout * out / self.x}
        self.right["in test mode"] = self.dout
        self.floor = dict.fromkeys(self.right, 1e-9) | {"share": 0.1}

    def ask_more(self, forward, backward, args):
        out, cache = forward(self.x.copy(), {**self.param, "mode": "test"})
        return {"test": out, **({"in test mode": backward(self.dout.copy(), cache)} if backward else {})}


class SpatialBatchNorm(Layer):
    names, wrt, next = BatchNorm.names, BatchNorm.wrt, "batch normalisation of each channel, over N, H and W"
    axis = (0, 2, 3)

    @staticmethod
    def draw(rng):
        x = 2 * rng.standard_normal((2, 4, 3, 2)) + 1  # (N, C, H, W)
        return x, rng.uniform(0.5, 1.5, 4), rng.standard_normal(4), {"mode": "train", "eps": 1e-2}

    def forward(self, x, gamma, beta, param):
        along, eps = {"axis": self.axis, "keepdims": True}, param["eps"]
        normalised = (x - x.mean(**along)) / np.sqrt(x.var(**along) + eps)
        return gamma.reshape(-1, 1, 1) * normalised.reshape(len(self.x), 4, 3, 2) + beta.reshape(-1, 1, 1)


class GroupNorm(SpatialBatchNorm):
    names, next, axis = ("x", "gamma", "beta", "G", "param"), "layer normalisation of groups of channels", (2, 3, 4)

    @staticmethod
    def draw(rng):
        x, gamma, beta, _ = SpatialBatchNorm.draw(rng)
        return x, gamma.reshape(1, 4, 1, 1), beta.reshape(1, 4, 1, 1), 2, {"eps": 1e-2}

    def forward(self, x, gamma, beta, G, param):
        return super().forward(x.reshape(len(x), G, 2, 3, 2), gamma, beta, param).reshape(x.shape)


class Conv(Layer):
    names, wrt = ("x", "w", "b", "param"), ("x", "w", "b")
    next = "for each window of the padded x, its sum of products with each filter of w, plus b"

    @staticmethod
    def draw(rng):
        return *map(rng.standard_normal, ((2, 3, 4, 2), (4, 3, 2, 2), 4)), {"stride": 2, "pad": 1}

    def forward(self, x, w, b, param):
        pad = 2 * ((0, 0),) + 2 * ((param["pad"], param["pad"]),)
        out = np.tensordot(windows(np.pad(x, pad), w.shape[2:], param), w, ((1, 4, 5), (1, 2, 3)))
        return out.transpose(0, 3, 1, 2) + b[:, None, None]  # (N, F, rows, columns)


class MaxPool(Layer):
    names, next = ("x", "param"), "for each window of x, its largest number"

    @staticmethod
    def draw(rng):
        x = rng.permutation(2 * 3 * 4 * 4).reshape(2, 3, 4, 4) / 20 - 3  # no two are equal
        return x, {"pool_height": 2, "pool_width": 2, "stride": 2}

    def forward(self, x, param):
        return windows(x, (param["pool_height"], param["pool_width"]), param).max(axis=(4, 5))


def windows(x, size, param):
    """Return the windows of images, (N, C, rows, columns, height, width)."""
    return sliding_window_view(x, size, (2, 3))[:, :, :: param["stride"], :: param["stride"]]


class Deep(Layer):
    """Net of any depth: its inputs are the parameters W1, b1, W2, … and X and y."""

    value = "loss"

    def __init__(self, params, X, y):
        self.params, self.wrt, self.names = params, tuple(params), (*params, "X", "y")
        super().__init__((*params.values(), X, y))

    N, scores = property(lambda self: len(self.X)), property(lambda self: self.scores_of(self.args))

    def forward(self, *args):
        return softmax_loss(self.scores_of(args), args[-1])[-1]

    def scores_of(self, args, linear=None, unbiased=None):
        """Return the scores, without the ReLU of a layer or without the bias of a layer."""
        *params, out, _ = args
        depth = len(params) // 2
        for i in range(1, depth + 1):
            out = out @ params[2 * i - 2] + (i != unbiased) * params[2 * i - 1]
            out = out if i in (linear, depth) else relu(out)
        return out

    def more(self):
        return {"scores": self.scores}

    def unsummed(self):
        return {self.names[-3]: softmax_loss(self.scores, self.y)[2]}


class Rule(Layer):
    """Update rule. The answer "path" has w after each of three steps, with gradients that grow."""

    names, wrt, value = ("w", "dw", "config"), (), "path"
    rounding = 1e-4  # epsilon may be inside of the square root

    @staticmethod
    def draw(rng):
        return rng.standard_normal(5), rng.uniform(0.1, 2, 5), {"learning_rate": 0.1}

    def forward(self, *args):
        return self.walk()

    def walk(self, up=False, kept=True, **mistakes):
        """Return w after each step, perhaps up the gradient, or without the state of the step before."""
        w, state, path = self.w, (0, 0), []
        for t in (1, 2, 3):
            step, *new = self.step(t * self.dw, t, *state, **mistakes)
            w, state = w + (1 if up else -1) * step, new if kept else state
            path.append(w)
        return np.array(path)


class Sgd(Rule):
    next = "w - learning_rate * dw"

    def step(self, dw, t, *state):
        return 0.1 * dw, *state


class Momentum(Rule):
    next = "v = momentum * v - learning_rate * dw, then w + v"

    def step(self, dw, t, v, _, rate=0.1, momentum=0.9):
        v = momentum * v + rate * dw
        return v, v, 0


class RmsProp(Rule):
    next = "cache = decay_rate * cache + (1 - decay_rate) * dw**2, then w - rate * dw / (sqrt(cache) + epsilon)"

    def step(self, dw, t, cache, _, decay=0.99, root=0.5, power=2):
        cache = decay * cache + (1 - decay) * dw**power
        return 0.1 * dw / (cache**root + 1e-8), cache, 0


class Adam(Rule):
    next = "m and v, t + 1 before they are corrected by 1 - beta**t, then w - learning_rate * m / (sqrt(v) + epsilon)"

    def step(self, dw, t, m, v, now=None, root=0.5, power=2, of_m=1, of_v=1):
        m, v, t = 0.9 * m + 0.1 * dw, 0.999 * v + 0.001 * dw**power, t if now is None else now
        return 0.1 * m / (1 - 0.9**t) ** of_m / ((v / (1 - 0.999**t) ** of_v) ** root + 1e-8), m, v


# By the name before ``_forward``, or of the function; in the order of the course.
KINDS = {
    "affine": Affine, "relu": Relu, "softmax_loss": Softmax, "svm_loss": Svm, "affine_relu": AffineRelu,
    "batchnorm": BatchNorm, "layernorm": LayerNorm, "dropout": Dropout, "conv": Conv, "max_pool": MaxPool,
    "spatial_batchnorm": SpatialBatchNorm, "spatial_groupnorm": GroupNorm,
    "softmax_loss_naive": LinearSoftmax, "softmax_loss_vectorized": LinearSoftmax, "svm_loss_naive": LinearSvm,
    "svm_loss_vectorized": LinearSvm, "sgd": Sgd, "sgd_momentum": Momentum, "rmsprop": RmsProp, "adam": Adam,
}  # fmt: skip
