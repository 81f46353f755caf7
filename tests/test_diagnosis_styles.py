"""Tests of right nets in other styles than the lab's own: they have no findings."""

import numpy as np
import pytest
from test_diagnosis import make_data

from diagnosis import check_net


class Style:
    """Parameters of a net. Each subclass computes the answers in its own way."""

    def __init__(self, D, H, C, seed):
        rng = np.random.default_rng(seed)
        self.params = {
            "W1": 0.7 * rng.standard_normal((D, H)), "b1": 0.7 * rng.standard_normal(H) * (seed % 2),
            "W2": 0.7 * rng.standard_normal((H, C)), "b2": 0.7 * rng.standard_normal(C) * (seed % 2),
        }  # fmt: skip

    def loss(self, X, y=None, reg=0.0):
        return self.answer(X, y, reg, *(self.params[name] for name in ("W1", "b1", "W2", "b2")))


class OneHot(Style):
    """Labels as a matrix of zeros and ones."""

    def answer(self, X, y, reg, W1, b1, W2, b2):
        h = np.maximum(0, X.dot(W1) + b1)
        s = h.dot(W2) + b2
        if y is None:
            return s
        N, Y = X.shape[0], np.eye(len(b2))[y]
        p = np.exp(s - s.max(1)[:, None])
        p /= p.sum(1)[:, None]
        log_p = s - s.max(1)[:, None] - np.log(np.exp(s - s.max(1)[:, None]).sum(1)[:, None])
        ds = (p - Y) / N
        dh = np.where(h > 0, ds @ W2.T, 0)
        loss = -(Y * log_p).sum() / N + 0.5 * reg * ((W1 * W1).sum() + (W2 * W2).sum())
        return loss, {"W1": X.T @ dh + reg * W1, "b1": dh.sum(0), "W2": h.T @ ds + reg * W2, "b2": ds.sum(0)}


class BiasTrick(Style):
    """The bias is a last row of the weights."""

    def answer(self, X, y, reg, W1, b1, W2, b2):
        def widen(A):
            return np.hstack([A, np.ones((len(A), 1))])

        V1, V2 = np.vstack([W1, b1]), np.vstack([W2, b2])
        h = np.maximum(0, widen(X) @ V1)
        s = widen(h) @ V2
        if y is None:
            return s
        m = s.max(axis=1, keepdims=True)
        log_z = m[:, 0] + np.log(np.exp(s - m).sum(axis=1))  # log-sum-exp
        ds = np.exp(s - log_z[:, None])
        ds[range(len(X)), y] -= 1
        ds /= len(X)
        dV2 = widen(h).T @ ds
        dV1 = widen(X).T @ ((ds @ V2[:-1].T) * (h > 0))
        loss = (log_z - s[range(len(X)), y]).mean() + reg / 2 * (np.linalg.norm(W1) ** 2 + np.linalg.norm(W2) ** 2)
        return loss, {"W1": dV1[:-1] + reg * W1, "b1": dV1[-1], "W2": dV2[:-1] + reg * W2, "b2": dV2[-1]}


class InPlace(Style):
    """ReLU and softmax overwrite their inputs. Gradients are added up in a dict."""

    def answer(self, X, y, reg, W1, b1, W2, b2):
        h = X @ W1
        h += b1
        h[h < 0] = 0
        s = h @ W2
        s += b2
        if y is None:
            return s
        s -= s.max(axis=1, keepdims=True)
        right = s[np.arange(len(y)), y].copy()
        np.exp(s, out=s)
        z = s.sum(axis=1)
        loss = np.log(z).sum() - right.sum()
        s /= z[:, np.newaxis]
        s[np.arange(len(y)), y] -= 1
        grads = {"W2": h.T @ s / len(y), "b2": s.mean(axis=0)}
        dh = s @ W2.T / len(y)
        dh[h == 0] = 0
        grads["W1"], grads["b1"] = X.T @ dh, np.sum(dh, axis=0)
        for name in ("W1", "W2"):
            grads[name] += reg * self.params[name]
        return loss / len(y) + 0.5 * reg * (np.sum(W1**2) + np.sum(W2**2)), grads


@pytest.mark.parametrize("style", [OneHot, BiasTrick, InPlace])
@pytest.mark.parametrize("D, H, C, N", [(4, 6, 3, 5), (3, 1, 2, 1), (5, 4, 5, 5)])
def test_other_styles_are_right(style, D, H, C, N):
    """This also holds for biases of zero, one hidden unit, or one row."""
    for seed in range(3):
        report = check_net(style(D, H, C, seed), *make_data(N, D, C, seed=seed + 1), max_checks=4, rng=seed)
        assert report.ok and report.notes == [], report
