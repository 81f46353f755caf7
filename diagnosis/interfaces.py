"""Nets of other interfaces, adapted to ``params``, ``loss(X, y, reg)``, ``train`` and ``predict``."""

import inspect

import numpy as np

from .reference import NAMES, Reference, agree, softmax


class Adapter:
    """Base class: passes everything on to the net. `note` says what a subclass changes."""

    note = ""
    penalty = True  # whether loss has a penalty
    sigmoid = False  # whether the hidden layer is a sigmoid

    def __init__(self, net):
        self.net = net

    def __getattr__(self, name):
        return getattr(self.net, name)

    params = property(lambda self: self.net.params, lambda self, params: setattr(self.net, "params", params))


class RegAttribute(Adapter):
    """Net of 2021: reg is an argument of the constructor."""

    note = "loss has no argument reg, so the check sets the attribute reg of the net"
    train = None  # it takes no reg, too, so it cannot be checked

    @staticmethod
    def fits(net):
        return hasattr(net, "reg") and "reg" in parameters(type(net)) and not {"reg", "*"} & set(parameters(net.loss))

    def loss(self, X, y=None, reg=0.0):
        before, self.net.reg = self.net.reg, reg
        try:
            return self.net.loss(X) if y is None else self.net.loss(X, y)
        finally:
            self.net.reg = before


class Transposed(Adapter):
    """Net with weights of shapes (H, D) and (C, H)."""

    note = "the weights have shapes (H, D) and (C, H). The check transposes them, and their gradients"

    @staticmethod
    def fits(net):
        b1, b2, (W1, W2) = np.size(net.params["b1"]), np.size(net.params["b2"]), (net.params[n] for n in ("W1", "W2"))
        turned = np.shape(W2) == (b2, b1) and np.shape(W1)[:1] == (b1,)
        if not turned or not (np.shape(W2) == (b1, b2) and np.shape(W1)[1:] == (b1,)):
            return turned
        X = np.random.default_rng(0).standard_normal((3, len(W1)))  # square weights: only the scores tell
        try:
            return agree(net.loss(X), Reference(Transposed.turn(net.params), X, np.zeros(3, dtype=int)).scores, 1e-12)
        except Exception:
            return False  # the check itself reports the exception

    @staticmethod
    def turn(arrays):
        return {name: value.T if name in ("W1", "W2") else value for name, value in arrays.items()}

    params = property(
        lambda self: self.turn(self.net.params), lambda self, params: setattr(self.net, "params", self.turn(params))
    )

    def loss(self, X, y=None, *reg, **named):
        if y is None:
            return self.net.loss(X)
        answer = self.net.loss(X, y, *reg, **named)
        if isinstance(answer, tuple) and len(answer) == 2 and isinstance(answer[1], dict):
            answer = answer[0], {n: g.T if n in ("W1", "W2") and np.ndim(g) == 2 else g for n, g in answer[1].items()}
        return answer


class Book(Adapter):
    """Net of the book Deep Learning from Scratch: predict(x), loss(x, t) and gradient(x, t)."""

    train = predict = None
    penalty = False
    fits = staticmethod(
        lambda net: callable(getattr(net, "gradient", None)) and callable(getattr(net, "predict", None))
    )

    def __init__(self, net):
        super().__init__(net)
        self.arrays, self.one_hot = net.params, True  # the layers of the net may hold these arrays
        X = np.random.default_rng(0).standard_normal((3, len(net.params["W1"])))
        try:
            got = np.asarray(net.predict(X), dtype=np.float64)
            scores = Reference(self.params, X, np.zeros(3, dtype=int), sigmoid=True).scores
            self.sigmoid = agree(got, scores) or agree(got, softmax(scores))
        except Exception:
            self.sigmoid = False  # the check itself reports the exception
        hidden = "Its hidden layer is a sigmoid. " if self.sigmoid else ""
        self.note = (
            f"this is the net of the book Deep Learning from Scratch, without penalty and train. {hidden}"
            "The check calls predict(x), loss(x, t) and gradient(x, t)"
        )

    @property
    def params(self):
        return {name: np.array(self.arrays[name]) for name in NAMES}

    @params.setter
    def params(self, params):
        for name in NAMES:
            self.arrays[name][...] = params[name]

    def loss(self, X, y=None, reg=0.0):
        if y is None:
            return self.scores(X)
        C = len(self.arrays["b2"])
        if self.one_hot:
            try:
                return self.net.loss(X, np.eye(C)[y]), self.net.gradient(X, np.eye(C)[y])
            except IndexError:
                self.one_hot = False
        return self.net.loss(X, y), self.net.gradient(X, y)

    def scores(self, X):
        """Return the scores. To logarithms of probabilities, add what the softmax removed."""
        got = np.asarray(self.net.predict(X), dtype=np.float64)
        right = Reference(self.params, X, np.zeros(len(X), dtype=int), sigmoid=self.sigmoid)
        if got.shape == right.scores.shape and (got >= 0).all() and agree(got.sum(axis=1), np.ones(len(got))):
            return np.log(got) + (right.scores - right.log_p)
        return got


INTERFACES = Book, RegAttribute, Transposed


def parameters(function):
    """Return the names of a function's parameters that may be given by position; "*" for any number."""
    try:
        found = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return ["*"]
    return ["*" if p.kind == p.VAR_POSITIONAL else p.name for p in found if p.kind != p.VAR_KEYWORD]


def adapt(net):
    """Return a net, or an adapter of it if it has another interface."""
    for interface in INTERFACES:
        if not isinstance(net, Adapter) and set(NAMES) <= set(net.params) and interface.fits(net):
            return interface(net)
    return net
