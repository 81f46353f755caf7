"""Right scores, loss and gradients of a two-layer net, and the comparison with an answer."""

from functools import cached_property

import numpy as np

from checks import SHAPES

NAMES = tuple(SHAPES)
RTOL = 1e-7  # far above rounding errors, far below the error of a factor of 1.00001


def agree(answer, right, floor=0.0):
    """Tell whether two numbers or arrays are equal except for rounding.

    Parameters
    ----------
    answer, right : array_like
        They do not agree if the shapes differ or the answer is not finite.
    floor : float
        Difference that counts as rounding even if `right` is zero.

    Returns
    -------
    bool
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


class Reference:
    """Right answers for some parameters and data, with the intermediate results.

    Parameters
    ----------
    params : dict of ndarray
        ``W1 (D, H)``, ``b1 (H,)``, ``W2 (H, C)``, ``b2 (C,)``.
    X, y : ndarray, shapes (N, D) and (N,)
        Data.
    remark : str
        Text after the numbers of a finding. It says that they belong to other parameters than the
        net's own.
    axis : int
        Axis of the softmax. 0 is a mistake.

    Attributes
    ----------
    pre, hidden, scores : ndarray, shapes (N, H), (N, H) and (N, C)
        The forward pass: before the ReLU, after it, and its result.
    dhidden : ndarray, shape (N, H)
        Gradient with respect to the hidden layer, before the ReLU's mask.
    right : dict
        The right "scores", "loss" (without penalty) and gradients.
    floor : dict of float
        Possible rounding error of each right answer, because large terms of a sum may cancel.
    """

    def __init__(self, params, X, y, remark="", axis=1):
        self.params, self.X, self.y, self.N, self.remark, self.axis = params, X, y, len(X), remark, axis
        self.pre = X @ params["W1"] + params["b1"]  # (N, H)
        self.hidden = np.maximum(0, self.pre)  # (N, H)
        self.scores = self.hidden @ params["W2"] + params["b2"]  # (N, C)
        self.C = self.scores.shape[1]

    @cached_property
    def dscores(self):
        return self._softmax[1]  # (N, C)

    @cached_property
    def dhidden(self):
        return self.dscores @ self.params["W2"].T  # (N, H)

    @cached_property
    def right(self):
        return {"scores": self.scores, **self.answers()}

    @cached_property
    def floor(self):
        W2, hidden = np.abs(self.params["W2"]).max(initial=0), self.hidden.max(initial=0)
        sizes = {"W1": np.abs(self.X).max(initial=0) * W2, "b1": W2, "W2": hidden, "b2": 1.0}
        return {"scores": 1e-9, "loss": 1e-9, **{name: 1e-12 * self.N * size for name, size in sizes.items()}}

    @cached_property
    def _softmax(self):
        rows = np.arange(self.N)
        shifted = self.scores - self.scores.max(axis=self.axis, keepdims=True)
        log_p = shifted - np.log(np.exp(shifted).sum(axis=self.axis, keepdims=True))
        dscores = np.exp(log_p)
        dscores[rows, self.y] -= 1
        return -np.mean(log_p[rows, self.y]), dscores / self.N

    def variant(self, y=None, axis=None):
        """Return a `Reference` with other labels, or with a softmax over another axis."""
        y, axis = self.y if y is None else y, self.axis if axis is None else axis
        return Reference(self.params, self.X, y, axis=axis)

    def answers(self):
        """Return loss and gradients without penalty."""
        return {"loss": self._softmax[0], **self.grads()}

    def grads(self, mask=None, hidden=None):
        """Return the gradients without penalty. An argument replaces the array of its name."""
        dscores = self.dscores
        mask = self.pre > 0 if mask is None else mask
        hidden = self.hidden if hidden is None else hidden
        dpre = dscores @ self.params["W2"].T * mask  # (N, H)
        return {
            "W1": self.X.T @ dpre,
            "b1": dpre.sum(axis=0),
            "W2": hidden.T @ dscores,
            "b2": dscores.sum(axis=0),
        }

    def times(self, k):
        """Return loss and gradients, all multiplied by k."""
        return {name: k * answer for name, answer in self.answers().items()}

    def unsummed(self):
        """Return the gradients of the biases before the sum over rows, (N, H) and (N, C)."""
        return {"b1": self.dhidden * (self.pre > 0), "b2": self.dscores}
