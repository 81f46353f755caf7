"""Correct scores, loss and gradients of a two-layer net, and the comparison with an answer."""

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
    """Correct answers for some parameters and data, with the intermediate results.

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
    dscores, dhidden : ndarray, shapes (N, C) and (N, H)
        Gradients with respect to the scores, and to the hidden layer before the ReLU's mask.
    right : dict
        The correct "scores", "loss" (without penalty) and gradients.
    floor : dict of float
        Possible rounding error of each correct answer, because large terms of a sum may cancel.
    """

    def __init__(self, params, X, y, remark="", axis=1):
        self.params, self.X, self.y, self.N, self.remark, self.axis = params, X, y, len(X), remark, axis
        self.C = len(params["b2"])
        with np.errstate(all="ignore"):
            self.pre = X @ params["W1"] + params["b1"]  # (N, H)
            self.hidden = np.maximum(0, self.pre)  # (N, H)
            self.scores = self.hidden @ params["W2"] + params["b2"]  # (N, C)
            shifted = self.scores - self.scores.max(axis=axis, keepdims=True)
            log_p = shifted - np.log(np.exp(shifted).sum(axis=axis, keepdims=True))
            self.dscores = (np.exp(log_p) - np.eye(self.C)[y]) / self.N  # (N, C)
            self.dhidden = self.dscores @ params["W2"].T  # (N, H)
            loss = -np.mean(log_p[np.arange(self.N), y])
            self.right = {"scores": self.scores, "loss": loss, **self.grads()}
        W2, hidden = np.abs(params["W2"]).max(initial=0), self.hidden.max(initial=0)
        sizes = {"W1": np.abs(X).max(initial=0) * W2, "b1": W2, "W2": hidden, "b2": 1.0}
        self.floor = {"scores": 1e-9, "loss": 1e-9, **{name: 1e-12 * self.N * size for name, size in sizes.items()}}

    def variant(self, **changed):
        """Return a `Reference` with other labels, or with a softmax over another axis."""
        return Reference(self.params, self.X, **{"y": self.y, "axis": self.axis, **changed})

    def grads(self, mask=None, hidden=None):
        """Return the gradients without penalty. An argument replaces the array of its name."""
        mask = self.pre > 0 if mask is None else mask
        hidden = self.hidden if hidden is None else hidden
        dpre = self.dhidden * mask  # (N, H)
        return {
            "W1": self.X.T @ dpre,
            "b1": dpre.sum(axis=0),
            "W2": hidden.T @ self.dscores,
            "b2": self.dscores.sum(axis=0),
        }

    def times(self, k):
        """Return the correct answers, all multiplied by k."""
        return {name: k * answer for name, answer in self.right.items()}

    def unsummed(self):
        """Return the gradients of the biases before the sum over rows, (N, H) and (N, C)."""
        return {"b1": self.dhidden * (self.pre > 0), "b2": self.dscores}
