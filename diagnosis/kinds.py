"""Layers that the check knows: inputs to try them with, and the correct answers."""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from gradient_check import eval_numerical_gradient_array

from .reference import agree, softmax_loss

KEPT = 0.3  # probability to keep a unit; differs from 0.5, so that the probability to drop it shows


class Layer:
    """Correct answers of a layer for some inputs. Each subclass is a layer.

    ``upstream(shape)`` makes `dout`, and `mistakes` are those of a softmax, see `reference.softmax_loss`.

    Attributes
    ----------
    names, wrt : tuple of str
        The inputs, which are attributes, too; and those that have gradients, in their order.
    value : str
        Name of the first answer: "out" or "loss".
    dout : ndarray, shaped as the output
        Upstream gradient.
    right, floor : dict
        The correct answers by name, and their possible rounding errors. A gradient has the name of its input.
    next : str
        The formula, for students who begin.
    """

    names, wrt, value, alone, next = ("x",), ("x",), "out", ("out", "loss"), ""

    def __init_subclass__(cls):
        cls.stage = cls.__name__  # the stage of the table that explains its mistakes

    seen = {}  # further answers that the output itself gives

    def __init__(self, args, upstream=np.ones, **mistakes):
        self.args, self.mistakes = args, mistakes
        vars(self).update(zip(self.names, args, strict=True))
        with np.errstate(all="ignore"):
            out = self.forward(*args)
            self.dout = upstream(np.shape(out))
            self.right = {self.value: out, **self.more(), **self.grads()}
        self.floor = {name: 1e-8 for name in self.right}

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

    N = property(lambda self: len(self.args[0]))
    sizes_differ, remark, loss_factor = True, "", None

    def freeze(self, out):
        """Take what is random from a student's output."""

    def agrees(self, name, answer):
        """Tell whether an answer is correct."""
        return self.agrees_with(name, answer, self.right[name])

    def agrees_with(self, name, answer, other):
        """Tell whether an answer is another one."""
        return agree(answer, other, self.floor[name])

    def variant(self, **mistakes):
        """Return the layer with mistakes."""
        return type(self)(self.args, lambda shape: self.dout, **mistakes)

    def times(self, k):
        """Return the correct answers, all multiplied by k."""
        return {name: k * answer for name, answer in self.right.items()}

    @property
    def sizes(self):
        """Sizes by which a student may divide instead of N, with words."""
        return [(self.N - 1, "N - 1"), (self.N + 1, "N + 1"), (np.size(self.dout), "the number of all outputs")]


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
    return 3 * rng.permutation(count) + rng.integers(5, 7)


class Affine(Layer):
    names = wrt = ("x", "w", "b")
    next = "out = x w + b, with the rows of x as vectors: x.reshape(len(x), -1)"

    @staticmethod
    def draw(rng):
        N, D, M = sizes(rng, 3)
        return rng.standard_normal((N, D)), rng.standard_normal((D, M)), rng.standard_normal(M)

    @staticmethod
    def draw_more(rng):
        """Images as rows: the course's x has any number of axes."""
        x, w, b = Affine.draw(rng)
        x = rng.standard_normal((len(x), 2, w.shape[0]))
        return x, np.concatenate([w, -w + 1]), b

    def forward(self, x, w, b):
        return x.reshape(len(x), -1) @ w + b

    rows = property(lambda self: self.x.reshape(self.N, -1))

    def grads(self, dpre=None):
        dpre = self.dout if dpre is None else dpre
        return {"x": (dpre @ self.w.T).reshape(self.x.shape), "w": self.rows.T @ dpre, "b": dpre.sum(axis=0)}

    def unsummed(self):
        """Return the gradient of the bias before the sum over the rows."""
        return {"b": self.dout}


class Relu(Layer):
    next = "out = max(0, x)"

    @staticmethod
    def draw(rng):
        return (away(rng, *sizes(rng, 2)),)

    def forward(self, x):
        return np.maximum(0, x)

    pre = property(lambda self: self.x)
    dhidden = property(lambda self: self.dout)

    def grads(self, mask=None):
        """Return the gradient, perhaps with another mask."""
        return {"x": self.dout * (self.pre > 0 if mask is None else mask)}


class AffineRelu(Affine):
    next = "affine_forward, then relu_forward, and a cache with both caches"
    draw_more = None

    def forward(self, x, w, b):
        return np.maximum(0, super().forward(x, w, b))

    pre = property(lambda self: self.rows @ self.w + self.b)
    dhidden = property(lambda self: self.dout)

    def grads(self, mask=None):
        return super().grads(self.dout * (self.pre > 0 if mask is None else mask))

    def unsummed(self):
        return {"b": self.dout * (self.pre > 0)}


class Softmax(Layer):
    """Softmax loss. The mistakes are those of `reference.softmax_loss`, and `off` and `target`."""

    names, value = ("x", "y"), "loss"
    next = "the loss, the mean of -log p[y] over the rows, and dx, the gradient"
    C = property(lambda self: self.scores.shape[1])
    scores = property(lambda self: self.x)

    @staticmethod
    def draw(rng):
        N, C = sizes(rng, 2)
        return 2 * rng.standard_normal((N, C)), rng.permutation(np.arange(N) % max(C - 1, 2))

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
        C = self.C
        return [(C, "C, the number of classes"), (self.N * C, "N * C, the number of all scores"), *super().sizes[:2]]


class Svm(Softmax):
    """Multiclass hinge loss."""

    next = "the loss, the mean over the rows of the sum of max(0, x[j] - x[y] + 1) for j != y, and dx, the gradient"

    @staticmethod
    def draw(rng):
        while True:
            x, y = Softmax.draw(rng)
            raw = x - x[np.arange(len(y)), y][:, None] + 1
            if np.abs(raw).min() > 1e-3 and ((raw > 0) & (raw < 1)).any():  # no kinks, and the margin matters
                return x, y

    def forward(self, *args):
        rows = np.arange(self.N)
        self.raw = self.scores - self.scores[rows, self.y][:, None] + 1  # (N, C)
        self.others = np.ones(self.scores.shape)
        self.others[rows, self.y] = 0
        self.target = 1 - self.others
        self.margins = np.maximum(0, self.raw) * self.others
        self.active = (self.margins > 0).astype(float)
        self.count = self.active.sum(axis=1, keepdims=True)
        self.dscores = (self.active - self.target * self.count) / self.N
        return self.margins.sum() / self.N

    def hinge(self, delta):
        """Return loss and gradient with another margin than 1."""
        margins = np.maximum(0, self.raw - 1 + delta) * self.others
        return {"loss": margins.sum() / self.N, **self.correct_class(margins > 0)}

    def reversed(self):
        """Return loss and gradient for margins x[y] - x[j] + 1."""
        margins = np.maximum(0, 2 - self.raw) * self.others
        active = -1.0 * (margins > 0)
        return {"loss": margins.sum() / self.N, **self.correct_class(active)}

    def correct_class(self, active, count=None):
        """Return the gradient for other active classes, or another count of them at the correct class."""
        count = active.sum(axis=1, keepdims=True) if count is None else count
        return self.grads((active - self.target * count) / self.N)


class LinearSoftmax(Softmax):
    """Loss of a linear classifier without the penalty, which the check asks for apart."""

    names, wrt = ("W", "X", "y", "reg"), ("W",)
    next = "the loss, the mean of -log p[y] over the rows plus the penalty, and dW, the gradient"
    scores, N = property(lambda self: self.X @ self.W), property(lambda self: len(self.X))

    @classmethod
    def draw(cls, rng):
        N, D, C = sizes(rng, 3)
        return rng.standard_normal((D, C)), rng.standard_normal((N, D)), rng.permutation(np.arange(N) % (C - 1)), 0.0

    def grads(self, dscores=None):
        return {"W": self.X.T @ super().grads(dscores)["x"]}

    @staticmethod
    def at(scores, y):
        return scores, np.eye(len(y)), y, 0.0


class LinearSvm(LinearSoftmax, Svm):
    next = "the loss, the mean of the sums of max(0, s[j] - s[y] + 1) plus the penalty, and dW, the gradient"


class BatchNorm(Layer):
    """Batch normalisation. `axis` and the mistakes of ``normal`` change it."""

    names, wrt = ("x", "gamma", "beta", "param"), ("x", "gamma", "beta")
    next = "out = gamma * (x - mean) / sqrt(var + eps) + beta, with mean and variance of each column"
    axis = 0

    @classmethod
    def draw(cls, rng):
        N, D = sizes(rng, 2)
        param = {"mode": "train", "eps": 1e-2, "momentum": 0.7}
        param |= {"running_mean": rng.standard_normal(D), "running_var": rng.uniform(1, 2, D)}
        return 2 * rng.standard_normal((N, D)) + 1, rng.uniform(0.5, 1.5, D), rng.standard_normal(D), param

    def forward(self, x, gamma, beta, param):
        return gamma * self.normal(x) + beta

    def normal(self, x, axis=None, scale=None, eps=None, ddof=0):
        """Return x minus its mean, divided by its standard deviation or by `scale`."""
        along = {"axis": self.axis if axis is None else axis, "keepdims": True}
        root = np.sqrt(x.var(ddof=ddof, **along) + (self.eps if eps is None else eps))
        return (x - x.mean(**along)) / (root if scale is None else scale)

    def scaled(self, normalised):
        """Return the output for another normalised x."""
        return self.gamma * normalised + self.beta

    eps = property(lambda self: self.param.get("eps", 1e-5))
    std = property(lambda self: np.sqrt(self.x.var(axis=self.axis, keepdims=True) + self.eps))
    normalised = property(lambda self: self.normal(self.x))
    dnormal = property(lambda self: self.dout * self.gamma)

    deviation = property(lambda self: self.x.std(axis=self.axis, keepdims=True))

    def grads(self):
        return self.dx() | {name: terms.sum(axis=0) for name, terms in self.unsummed().items()}

    def unsummed(self):
        return {"gamma": self.dout * self.normalised, "beta": self.dout}

    def dx(self, of_mean=1, of_var=1, d=None):
        """Return the gradient of x, with other factors of the terms of the mean and of the variance.

        `d` replaces the gradient of the normalised x.
        """
        mean = {"axis": self.axis, "keepdims": True}
        d, n = self.dnormal if d is None else d, self.normalised
        return {"x": (d - of_mean * d.mean(**mean) - of_var * n * (d * n).mean(**mean)) / self.std}

    def running(self, momentum, var=None):
        """Return the running mean and variance after one step."""
        p, var = self.param, self.x.var(axis=0) if var is None else var
        now = {"running_mean": self.x.mean(axis=0), "running_var": var}
        return {name: momentum * p[name] + (1 - momentum) * value for name, value in now.items()}

    def test_mode(self, power=0.5):
        """Return the output in test mode, or with another power of the variance."""
        p = self.param
        return self.gamma * (self.x - p["running_mean"]) / (p["running_var"] + self.eps) ** power + self.beta

    def more(self):
        if "running_mean" not in self.param:
            return {}
        return {"test": self.test_mode(), **self.running(self.param["momentum"])}

    def ask_more(self, forward, backward, args):
        if "running_mean" not in self.param:
            return {}
        param = args[-1]  # changed by the first call
        test = forward(*args[:-1], {**self.param, "mode": "test"})[0]
        return {"test": test, **{name: param.get(name) for name in ("running_mean", "running_var")}}


class LayerNorm(BatchNorm):
    next = "out = gamma * (x - mean) / sqrt(var + eps) + beta, with mean and variance of each row"
    axis = 1

    @classmethod
    def draw(cls, rng):
        return *super().draw(rng)[:3], {"eps": 1e-2}


class SpatialBatchNorm(Layer):
    names, wrt = BatchNorm.names, BatchNorm.wrt
    next = "batch normalisation of each channel: its mean and variance are over N, H and W"

    @staticmethod
    def draw(rng):
        x = 2 * rng.standard_normal((2, 3, 4, 3)) + 1
        return x, rng.uniform(0.5, 1.5, 3), rng.standard_normal(3), {"mode": "train", "eps": 1e-2, "momentum": 0.7}

    def forward(self, x, gamma, beta, param):
        columns = x.transpose(0, 2, 3, 1)  # (N, H, W, C)
        mean, var = columns.mean(axis=(0, 1, 2)), columns.var(axis=(0, 1, 2))
        return (gamma * (columns - mean) / np.sqrt(var + param["eps"]) + beta).transpose(0, 3, 1, 2)


class GroupNorm(Layer):
    names, wrt = ("x", "gamma", "beta", "G", "param"), BatchNorm.wrt
    next = "layer normalisation of each of the G groups of channels"

    @staticmethod
    def draw(rng):
        gamma, beta = rng.uniform(0.5, 1.5, (1, 6, 1, 1)), rng.standard_normal((1, 6, 1, 1))
        return 2 * rng.standard_normal((2, 6, 4, 3)) + 1, gamma, beta, 2, {"eps": 1e-2}

    def forward(self, x, gamma, beta, G, param):
        groups = x.reshape(len(x), G, -1)  # (N, G, numbers)
        centred = groups - groups.mean(axis=2, keepdims=True)
        return gamma * (centred / np.sqrt(groups.var(axis=2, keepdims=True) + param["eps"])).reshape(x.shape) + beta


class Dropout(Layer):
    """Inverted dropout, with the mask that the student draws."""

    names = ("x", "param")
    next = "a random mask, (rand < p) / p, and out = x * mask"

    @staticmethod
    def draw(rng):
        return away(rng, 40, 25), {"mode": "train", "p": KEPT, "seed": 3}

    def freeze(self, out):
        """Take the mask of a student's output."""
        self.kept = np.asarray(out) != 0
        self.p = self.param["p"]
        share = self.kept.mean()
        self.drops = agree(share, 1 - self.p, 0.1) and agree(out, self.x * self.kept / (1 - self.p))
        self.keep = keep = 1 - self.p if self.drops else self.p
        mask = self.kept / keep
        self.right = {
            "share": keep,
            "out": self.x * mask,
            "test": self.x,
            "x": self.dout * mask,
            "in test mode": self.dout,
        }
        self.seen = {"share": share}
        self.floor = {**dict.fromkeys(self.right, 1e-9), "share": 6 * np.sqrt(keep * (1 - keep) / out.size)}

    def forward(self, x, param):
        return x

    def ask_more(self, forward, backward, args):
        out, cache = forward(self.x.copy(), {**self.param, "mode": "test"})
        return {"test": out, "in test mode": backward(self.dout.copy(), cache)}


def windows(x, size, stride):
    """Return the windows of images: (N, C, rows, columns, size, size)."""
    return sliding_window_view(x, size, axis=(2, 3))[:, :, ::stride, ::stride]


class Conv(Layer):
    names, wrt = ("x", "w", "b", "param"), ("x", "w", "b")
    next = "for each window of the padded x, its sum of products with each filter of w, plus b"

    @staticmethod
    def draw(rng):
        x, w, b = (rng.standard_normal(shape) for shape in ((2, 3, 6, 4), (4, 3, 2, 2), 4))
        return x, w, b, {"stride": 2, "pad": 1}

    def forward(self, x, w, b, param):
        pad = param["pad"]
        seen = windows(np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad))), w.shape[2:], param["stride"])
        return np.tensordot(seen, w, ((1, 4, 5), (1, 2, 3))).transpose(0, 3, 1, 2) + b[:, None, None]

    def unsummed(self):
        return {"b": self.dout}


class MaxPool(Layer):
    names = ("x", "param")
    next = "for each window of x, its largest number"

    @staticmethod
    def draw(rng):
        x = rng.permutation(np.arange(2 * 3 * 6 * 4)).reshape(2, 3, 6, 4) / 20 - 3  # no two are equal
        return x, {"pool_height": 2, "pool_width": 2, "stride": 2}

    def forward(self, x, param):
        return self.pooled(np.max, x)

    def pooled(self, function, x=None):
        """Return a function of each window."""
        p, x = self.param, self.x if x is None else x
        return function(windows(x, (p["pool_height"], p["pool_width"]), p["stride"]), axis=(4, 5))

    def spread(self):
        """Return dout at each number of its window. Windows do not overlap."""
        p = self.param
        return {"x": self.dout.repeat(p["pool_height"], axis=2).repeat(p["pool_width"], axis=3)}


class Rule(Layer):
    """Update rule: `steps` steps from w, with gradients that grow. The answer "path" has w after each of them."""

    names, wrt, value = ("w", "dw", "config"), (), "path"
    steps = 3
    next = "the rule, from w, dw and config"

    @staticmethod
    def draw(rng):
        return rng.standard_normal(5), rng.uniform(0.1, 2, 5), {"learning_rate": 0.1}

    def forward(self, w, dw, config):
        return self.walk()

    def walk(self, **mistakes):
        """Return w after each step."""
        w, state, path = self.w, {}, []
        for t in range(1, self.steps + 1):
            w = self.step(w, t * self.dw, t, state, **mistakes)
            path.append(w)
        return np.array(path)

    lr = property(lambda self: self.config["learning_rate"])


class Sgd(Rule):
    next = "w - learning_rate * dw"

    def step(self, w, dw, t, state, sign=-1):
        return w + sign * self.lr * dw


class Momentum(Rule):
    next = "v = momentum * v - learning_rate * dw, then w + v"

    def step(self, w, dw, t, state, sign=1, kept=True, rate=None, late=False, mean=False, momentum=0.9):
        v, old = momentum * state.get("v", 0), state.get("v", 0)
        v = v - (1 - 0.9 if mean else 1) * (self.lr if rate is None else rate) * dw
        state["v"] = v if kept else 0
        return w + sign * (old if late else v)


class RmsProp(Rule):
    next = (
        "cache = decay_rate * cache + (1 - decay_rate) * dw**2, then w - learning_rate * dw / (sqrt(cache) + epsilon)"
    )

    def step(self, w, dw, t, state, kept=True, root=True, decay=0.99, power=2, sign=-1, sums=False):
        cache = decay * state.get("cache", 0) + (1 - decay) * dw**power
        cache = state.get("cache", 0) + dw**2 if sums else cache
        state["cache"] = cache if kept else 0
        return w + sign * self.lr * dw / ((np.sqrt(cache) if root else cache) + 1e-8)


class Adam(Rule):
    next = "m and v, t + 1 before they are corrected by 1 - beta**t, then w - learning_rate * m / (sqrt(v) + epsilon)"

    def step(
        self, w, dw, t, state, corrected=(True, True), late=None, kept=True, root=True, power=2, swap=False, sign=-1,
        ahead=0, stored=False,
    ):  # fmt: skip
        b1, b2 = (0.999, 0.9) if swap else (0.9, 0.999)
        m = b1 * state.get("m", 0) + (1 - b1) * dw
        v = b2 * state.get("v", 0) + (1 - b2) * dw**power
        state.update({"m": m, "v": v} if kept else {})
        t = (late if late is not None else t) + ahead
        m, v = (m / (1 - b1**t) if corrected[0] else m), (v / (1 - b2**t) if corrected[1] else v)
        state.update({"m": m, "v": v} if stored else {})
        return w + sign * self.lr * m / ((np.sqrt(v) if root else v) + 1e-8)


# By the name before ``_forward``, or of the function; in the order of the course.
KINDS = {
    "affine": Affine,
    "relu": Relu,
    "softmax_loss": Softmax,
    "svm_loss": Svm,
    "affine_relu": AffineRelu,
    "batchnorm": BatchNorm,
    "layernorm": LayerNorm,
    "dropout": Dropout,
    "conv": Conv,
    "max_pool": MaxPool,
    "spatial_batchnorm": SpatialBatchNorm,
    "spatial_groupnorm": GroupNorm,
    "softmax_loss_naive": LinearSoftmax,
    "softmax_loss_vectorized": LinearSoftmax,
    "svm_loss_naive": LinearSvm,
    "svm_loss_vectorized": LinearSvm,
    "sgd": Sgd,
    "sgd_momentum": Momentum,
    "rmsprop": RmsProp,
    "adam": Adam,
}
