"""Nets of other interfaces, each wrapped by a subclass of `NetUnderTest`."""

import inspect

import numpy as np

from checks import WEIGHTS

from .net import NetUnderTest
from .reference import NAMES, Reference, agree, softmax


def wrap(net):
    """Return a `NetUnderTest` of the class that fits the interface of a net."""
    known = set(NAMES) <= set(net.params)
    return next((kind for kind in (Book, RegAttribute, Transposed) if known and kind.fits(net)), NetUnderTest)(net)


def _scores(params, X, sigmoid=False):
    return Reference(params, X, np.zeros(len(X), dtype=int), sigmoid=sigmoid).scores


class RegAttribute(NetUnderTest):
    """Net of 2021: reg is an argument of the constructor. So train cannot be checked."""

    note = "loss has no argument reg, so the check sets the attribute reg of the net"
    methods = ("predict",)

    @staticmethod
    def fits(net):
        return hasattr(net, "reg") and "reg" in parameters(type(net)) and not {"reg", "*"} & set(parameters(net.loss))

    def call(self, X, y, reg):
        before, self.net.reg = self.net.reg, reg
        try:
            return self.net.loss(X) if y is None else self.net.loss(X, y)
        finally:
            self.net.reg = before


def parameters(function):
    """Return the names of a function's parameters that may be given by position; "*" for any number."""
    try:
        found = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return ["*"]
    return ["*" if p.kind == p.VAR_POSITIONAL else p.name for p in found if p.kind != p.VAR_KEYWORD]


class Transposed(NetUnderTest):
    """Net with weights of shapes (H, D) and (C, H)."""

    note = "the weights have shapes (H, D) and (C, H). The check transposes them, and their gradients"

    @staticmethod
    def fits(net):
        H, C = np.size(net.params["b1"]), np.size(net.params["b2"])
        W1, W2 = (np.shape(net.params[name]) for name in WEIGHTS)
        if W2 != (C, H) or W1[:1] != (H,):
            return False
        if W2 != (H, C) or W1[1:] != (H,):
            return True
        X = np.random.default_rng(0).standard_normal((3, H))  # square weights: only the scores tell
        try:
            return agree(net.loss(X), _scores(_turn(net.params), X), 1e-12)
        except Exception:
            return False  # the check itself reports the exception

    def get(self):
        return _turn(self.net.params)

    def set(self, params):
        self.net.params = _turn(params)

    def call(self, X, y, reg):
        answer = super().call(X, y, reg)
        if isinstance(answer, tuple) and len(answer) == 2 and isinstance(answer[1], dict):
            answer = answer[0], _turn(answer[1])
        return answer


def _turn(arrays):
    return {name: np.transpose(a) if name in WEIGHTS and np.ndim(a) == 2 else a for name, a in arrays.items()}


class Book(NetUnderTest):
    """Net of the book Deep Learning from Scratch: predict(x), loss(x, t) and gradient(x, t)."""

    penalty, methods = False, ()

    @staticmethod
    def fits(net):
        return all(callable(getattr(net, method, None)) for method in ("gradient", "predict"))

    def __init__(self, net):
        super().__init__(net)
        self.own, self.one_hot = self.params, True
        X = np.random.default_rng(0).standard_normal((3, len(self.params["W1"])))
        try:
            got = np.asarray(net.predict(X), dtype=np.float64)
            scores = _scores(self.params, X, sigmoid=True)
            self.sigmoid = agree(got, scores) or agree(got, softmax(scores))
        except Exception:
            self.sigmoid = False  # the check itself reports the exception
        hidden = "Its hidden layer is a sigmoid. " if self.sigmoid else ""
        self.note = (
            f"this is the net of the book Deep Learning from Scratch, without penalty and train. {hidden}"
            "The check calls predict(x), loss(x, t) and gradient(x, t)"
        )

    def set(self, params):
        for name in NAMES:
            self.net.params[name][...] = params[name]  # the layers of the net may hold these arrays

    def restore(self):
        self.set(self.own)

    def call(self, X, y, reg):
        if y is None:
            return self.scores(X)
        if self.one_hot:
            target = np.eye(len(self.params["b2"]))[y]
            try:
                return self.net.loss(X, target), self.net.gradient(X, target)
            except IndexError:
                self.one_hot = False
        return self.net.loss(X, y), self.net.gradient(X, y)

    def scores(self, X):
        """Return the scores. To logarithms of probabilities, add what the softmax removed."""
        got = np.asarray(self.net.predict(X), dtype=np.float64)
        right = _scores(self.get(), X, self.sigmoid)
        if got.shape == right.shape and (got >= 0).all() and agree(got.sum(axis=1), np.ones(len(got))):
            return np.log(got / softmax(right)) + right
        return got
