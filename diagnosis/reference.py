"""Correct scores, loss and gradients of a two-layer net, and the comparison with an answer."""

import numpy as np

from checks import SHAPES

NAMES = tuple(SHAPES)
RTOL = 1e-7  # far above rounding errors, far below the error of a factor of 1.00001


class WrongForm(Exception):
    """A method or function returns something of another kind than it must."""


def agree(answer, right, floor=0.0):
    """Tell whether numbers or arrays are finite and equal, except for rounding.

    `floor` is a difference that counts as rounding even if `right` is zero.
    """
    answer, right = np.asarray(answer), np.asarray(right)
    if answer.shape != right.shape:
        return False
    return bool(np.max(np.abs(answer - right), initial=0) <= RTOL * np.max(np.abs(right), initial=0) + floor)


def factor_between(answer, right, floor):
    """Return the number k, not 0, with ``answer = k * right``; None if there is no such number."""
    answer, right = np.asarray(answer, dtype=np.float64), np.asarray(right)
    if answer.shape != right.shape or not np.abs(right).max(initial=0) > 1e3 * floor:
        return None
    k = float(np.vdot(right, answer) / np.vdot(right, right))
    return k if np.isfinite(k) and k != 0 and agree(answer, k * right, abs(k) * floor) else None


def relu(pre):
    """Return the hidden layer."""
    return np.maximum(0, pre)


def softmax(scores):
    """Return the probabilities of each row."""
    p = np.exp(scores - scores.max(axis=1, keepdims=True))
    return p / p.sum(axis=1, keepdims=True)


def softmax_loss(scores, y, axis=1, shift=1, off=0, target=None):
    """Return log p, the labels, the gradient of the scores, and the softmax loss.

    The other arguments are mistakes: the axis of the softmax; the axis of the maximum that is subtracted
    first; a number that is added to the labels; and a function of labels and number of classes that
    returns a matrix (N, C) in place of the one-hot labels.
    """
    N, C = scores.shape
    shifted = scores - scores.max(axis=0) if shift == 0 else scores
    shifted = shifted - shifted.max(axis=axis, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=axis, keepdims=True))
    y = (y + off) % C
    target = np.eye(C)[y] if target is None else target(y, C)
    return log_p, y, (np.exp(log_p) - target) / N, -np.sum(target * log_p) / N


class Reference:
    """Correct answers for some parameters and data, with the intermediate results.

    `remark` is text after the numbers of a finding. `sigmoid`: the hidden layer is one, not a ReLU.
    The other arguments are mistakes, see `softmax_loss`.

    Attributes
    ----------
    pre, hidden, scores, log_p : ndarray, shapes (N, H), (N, H), (N, C), (N, C)
        The forward pass: before the ReLU, after it, its result, and the logarithms of the probabilities.
    dscores, dhidden : ndarray, shapes (N, C) and (N, H)
        Gradients with respect to the scores, and to the hidden layer before the ReLU's mask.
    right, floor : dict
        The correct "scores", "loss" (without penalty) and gradients, and their possible rounding errors.
    """

    alone, wrt = ("scores", "hidden", "loss"), NAMES
    loss_factor = None  # by which all losses of the net are wrong

    def __init__(self, params, X, y, remark="", sigmoid=False, **mistakes):
        self.params, self.X, self.y, self.N, self.remark, self.sigmoid = params, X, y, len(X), remark, sigmoid
        self.W1, self.b1, self.W2, self.b2 = (params[name] for name in NAMES)
        self.D, (self.H, self.C) = len(self.W1), self.W2.shape
        with np.errstate(all="ignore"):
            self.pre = X @ self.W1 + self.b1  # (N, H)
            self.hidden = 1 / (1 + np.exp(-self.pre)) if sigmoid else relu(self.pre)  # (N, H)
            self.scores = self.hidden @ self.W2 + self.b2  # (N, C)
            self.log_p, self.y, self.dscores, loss = softmax_loss(self.scores, y, **mistakes)  # (N, C)
            self.dhidden = self.dscores @ self.W2.T  # (N, H)
            self.right = {"scores": self.scores, "hidden": self.hidden, "loss": loss, **self.grads()}
        W2, hidden = np.abs(self.W2).max(initial=0), np.abs(self.hidden).max(initial=0)
        sizes = {"W1": np.abs(X).max(initial=0) * W2, "b1": W2, "W2": hidden, "b2": 1.0}
        self.floor = dict.fromkeys(self.alone, 1e-9) | {name: 1e-12 * self.N * size for name, size in sizes.items()}

    def agrees(self, name, answer):
        """Tell whether an answer is correct."""
        return agree(answer, self.right[name], self.floor[name])

    def variant(self, **mistakes):
        """Return a `Reference` with other values of `axis`, `shift`, `off` or `target`."""
        return Reference(self.params, self.X, self.y, self.remark, self.sigmoid, **mistakes)

    def grads(self, mask=None, hidden=None, dscores=None):
        """Return the gradients without penalty. An argument replaces the array of its name."""
        if mask is None:
            mask = self.hidden * (1 - self.hidden) if self.sigmoid else self.pre > 0
        dscores = self.dscores if dscores is None else dscores
        dpre = dscores @ self.W2.T * mask  # (N, H)
        return {
            "W1": self.X.T @ dpre,
            "b1": dpre.sum(axis=0),
            "W2": (self.hidden if hidden is None else hidden).T @ dscores,
            "b2": dscores.sum(axis=0),
        }

    @property
    def sizes_differ(self):
        """Whether N, and its neighbours, differ from the other sizes."""
        return min(abs(self.N - size) for size in (self.D, self.H, self.C)) > 2

    @property
    def sizes(self):
        """Sizes by which a student may divide instead of N, with words."""
        D, H, C, N = self.D, self.H, self.C, self.N
        return [
            (D, "D, the number of inputs"), (H, "H, the number of hidden units"), (C, "C, the number of classes"),
            (N - 1, "N - 1"), (N + 1, "N + 1"), (N * C, "N * C, the number of all scores"),
            (D + 1, "D + 1, one more than the inputs"),
        ]  # fmt: skip

    def times(self, k):
        """Return the correct answers, all multiplied by k."""
        return {name: k * answer for name, answer in self.right.items()}

    def unsummed(self):
        """Return the gradients of the biases before the sum over rows, (N, H) and (N, C)."""
        return {"b1": self.dhidden * (self.pre > 0), "b2": self.dscores}


class Penalties:
    """Correct factors of ``reg * W**2`` in the loss and of ``reg * W`` in the gradient.

    Both weights must follow the same convention, (0.5, 1) or (1, 2). The biases have (0, 0).
    `names` are the parameters that have a gradient.
    """

    alone = ()

    def __init__(self, factors, names):
        weights, self.names = [name for name in factors if name[0] == "W"], names
        got = {factors[name] for name in weights}
        # A net without the half gets a note. A linear classifier of the course has none, so it is correct.
        usual = (1, 2) if (1, 2) in got and (len(got) > 1 or len(weights) == 1) else (0.5, 1)
        self.right = {**dict.fromkeys(factors, (0, 0)), **dict.fromkeys(weights, usual)}

    def agrees(self, name, factors):
        """Tell whether factors are correct. NaN has another cause than the penalty."""
        return factors == self.right[name] or any(factor != factor for factor in factors)


# Wrong forward passes, as scores of a `Reference`. The first `OTHER_CLASSES` also change the predicted classes.
OTHER_CLASSES = 7
FORWARD = {
    "the ReLU is missing in the forward pass": lambda r: r.pre @ r.W2 + r.b2,
    "b1 is missing in the forward pass": lambda r: relu(r.X @ r.W1) @ r.W2 + r.b2,
    "b2 is missing in the forward pass": lambda r: r.hidden @ r.W2,
    "both biases are missing in the forward pass": lambda r: relu(r.X @ r.W1) @ r.W2,
    "b1 is added to W1, not to X W1": lambda r: relu(r.X @ (r.W1 + r.b1)) @ r.W2 + r.b2,
    "b2 is added to W2, not to the product with W2": lambda r: r.hidden @ (r.W2 + r.b2),
    "there is a ReLU on the scores, too": lambda r: relu(r.scores),
    "they are probabilities: the softmax belongs to the loss": lambda r: softmax(r.scores),
    "they are logarithms of probabilities: the softmax belongs to the loss": lambda r: r.log_p,
    "the maximum of each row is subtracted: that belongs to the loss": lambda r: r.scores - r.scores.max(1)[:, None],
    "the maximum of all scores is subtracted: that belongs to the loss": lambda r: r.scores - r.scores.max(),
}
