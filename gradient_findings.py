"""What may be wrong with a two-layer net, and how each mistake shows.

Each mistake is written down as the formula that somebody who makes it computes. The net under test is held against the
right formula and then against these; the one that fits names the mistake.
"""

import numpy as np

NAMES = ("W1", "b1", "W2", "b2")
WEIGHTS = ("W1", "W2")
PROBE_SCORE = 1000.0  # exp overflows beyond 709
PROBE_REG = 0.7  # unlike its own square and its double, so that they cannot pass for it


def same(a, b, floor=0.0):
    """Whether two numbers or arrays agree but for rounding."""
    a, b = np.asarray(a), np.asarray(b)
    if a.shape != b.shape or not np.isfinite(a).all():
        return False
    return bool(np.max(np.abs(a - b), initial=0) <= 1e-7 * np.max(np.abs(b), initial=0) + floor)


class Reference:
    """The right values for some parameters and data, and the wrong ones that known mistakes lead to.

    Parameters
    ----------
    params : dict of ndarray
        ``W1 (D, H)``, ``b1 (H,)``, ``W2 (H, C)``, ``b2 (C,)``.
    X, y : ndarray, shapes (N, D) and (N,)
        Data.
    """

    def __init__(self, params, X, y):
        self.params, self.X, self.y, self.N = params, X, y, len(X)
        self.pre = X @ params["W1"] + params["b1"]  # (N, H)
        self.hidden = np.maximum(0, self.pre)  # (N, H)
        self.scores = self.hidden @ params["W2"] + params["b2"]  # (N, C)
        self.C = self.scores.shape[1]
        W2, H = np.abs(params["W2"]).max(initial=0), np.abs(self.hidden).max(initial=0)
        # How much of each gradient may be rounding: what is summed up may cancel.
        self.floor = {"W1": np.abs(X).max(initial=0) * W2, "b1": W2, "W2": H, "b2": 1.0}
        self.floor = {name: 1e-12 * self.N * size for name, size in self.floor.items()}

    def loss(self, y=None, axis=1):
        """Mean softmax loss without penalty; `axis` 0 is a mistake."""
        y = self.y if y is None else y
        shifted = self.scores - self.scores.max(axis=axis, keepdims=True)
        log_p = shifted - np.log(np.exp(shifted).sum(axis=axis, keepdims=True))
        return -np.mean(log_p[np.arange(self.N), y])

    def dscores(self, y=None, axis=1):
        """Gradient of that loss by the scores, p - onehot(y), with the softmax over that axis."""
        y = self.y if y is None else y
        p = np.exp(self.scores - self.scores.max(axis=axis, keepdims=True))
        p /= p.sum(axis=axis, keepdims=True)
        p[np.arange(self.N), y] -= 1
        return p / self.N

    def grads(self, dscores=None, mask=None, hidden=None):
        """Gradients without penalty; `mask` replaces the ReLU's, `hidden` what W2 is multiplied with."""
        dscores = self.dscores() if dscores is None else dscores
        dhidden = dscores @ self.params["W2"].T
        dhidden = dhidden * (self.pre > 0 if mask is None else mask(dhidden))
        hidden = self.hidden if hidden is None else hidden
        return {
            "W1": self.X.T @ dhidden,
            "b1": dhidden.sum(axis=0),
            "W2": hidden.T @ dscores,
            "b2": dscores.sum(axis=0),
        }

    def unsummed(self, name):
        """What the gradient of a bias is before the sum over rows."""
        dscores = self.dscores()
        return dscores if name == "b2" else dscores @ self.params["W2"].T * (self.pre > 0)

    def other_labels(self):
        """Yield each way to shift the labels by one, with words for it."""
        if self.C > 1:
            yield "one too high", (self.y + 1) % self.C
            yield "one too low", self.y - 1


def factor_between(a, b, floor):
    """The number k for which a = k b, or None."""
    a, b = np.asarray(a, dtype=np.float64), np.asarray(b)
    if a.shape != b.shape or not np.abs(b).max(initial=0) > 1e3 * floor:
        return None
    k = float(np.vdot(b, a) / np.vdot(b, b))
    return k if np.isfinite(k) and k != 0 and same(a, k * b, abs(k) * floor) else None


def describe_factor(k, N, what):
    """Put a wrong factor into a sentence."""
    if np.isclose(k, N, rtol=1e-6) and N > 1:
        return (
            f"{what} is {N} times too large, as many as there are rows: it is not divided by N. Take the mean over rows"
        )
    if np.isclose(k, 1 / N, rtol=1e-6) and N > 1:
        return f"{what} is too small by the factor {N}, the number of rows: it is divided by N twice; divide once"
    if np.isclose(k, -1, rtol=1e-6):
        return f"{what} has the wrong sign (factor -1): the loss is minus log p, and its gradient p - onehot(y)"
    return f"{what} is {k:.6g} times what it should be"


def explain_loss(loss, reference):
    """Explain a wrong loss without penalty; None where it is right, "" where nobody knows."""
    right = reference.loss()
    if same(loss, right, 1e-9):
        return None
    for words, y in reference.other_labels():
        if same(loss, reference.loss(y), 1e-9):
            return f"labels: {words}"
    if same(loss, reference.loss(axis=0), 1e-9):
        return "axis"
    k = loss / right if right else np.nan
    known = (reference.N, 1 / reference.N, -1)
    return f"factor: {float(k)!r}" if any(np.isclose(k, value, rtol=1e-6) for value in known) else ""


def explain_gradients(grads, reference):
    """Explain wrong gradients without penalty.

    Parameters
    ----------
    grads : dict of ndarray
        Those of the net under test.
    reference : Reference
        For the same parameters and data.

    Returns
    -------
    dict
        Maps each explanation to the names of the parameters that it explains; "" collects what nothing explains.
    """
    floors = reference.floor
    right = reference.grads()
    wrong = [name for name in NAMES if not same(grads[name], right[name], floors[name])]
    if not wrong:
        return {}

    def fits(candidate):
        return all(same(grads[name], candidate[name], floors[name]) for name in NAMES)

    for words, y in reference.other_labels():  # mistakes in dscores, which all gradients share
        if fits(reference.grads(reference.dscores(y))):
            return {f"labels: {words}": wrong}
    if fits(reference.grads(reference.dscores(axis=0))):
        return {"axis": wrong}
    found = {}
    for name in wrong:
        found.setdefault(_explain_gradient(name, grads[name], reference, right), []).append(name)
    return found


def _explain_gradient(name, grad, reference, right):
    """Explain the wrong gradient of one parameter."""
    floor, shape = reference.floor[name], right[name].shape
    if name in WEIGHTS and same(grad, right[name].T, floor):
        return "transposed"
    if grad.shape != shape:
        if name not in WEIGHTS and same(grad, reference.unsummed(name), floor):
            return "unsummed"
        return f"shape: {grad.shape} instead of {shape}"
    k = factor_between(grad, right[name], floor)
    if k is not None:
        return f"factor: {k:.9g}"
    if name in ("W1", "b1"):
        masks = {
            "no ReLU": lambda dhidden: 1.0,
            "masked by the gradient": lambda dhidden: dhidden > 0,
            "masked by the input without bias": lambda dhidden: reference.pre - reference.params["b1"] > 0,
            "masked where it should be open": lambda dhidden: reference.pre <= 0,
        }
        for words, mask in masks.items():
            if factor_between(grad, reference.grads(mask=mask)[name], floor) is not None:
                return words
        if name == "b1" and same(grad, reference.unsummed("b1")[0], floor):
            return "unsummed"
    if name == "W2" and factor_between(grad, reference.grads(hidden=reference.pre)[name], floor) is not None:
        return "pre-activation"
    return ""
