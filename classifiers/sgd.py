"""Stochastic gradient descent: minibatch, update of the parameters, learning rate schedule."""

import numpy as np

BLOCK = 1 << 18  # bytes of an array that stay in the processor's cache between two operations
WARM_UP = 500  # maximum number of iterations in which `warm_cosine` rises


def draw_minibatch(X, y, batch_size, rng, out=None):
    """Draw examples at random, with replacement.

    Parameters
    ----------
    X, y : array, shape (N, D), and ndarray of int, shape (N,)
        Training data, of any real dtype and layout, in memory or mapped from a file.
    batch_size : int
        Number of examples. May be larger than N.
    rng : RandomState or Generator
        ``rng.choice(N, batch_size)`` draws the row numbers.
    out : ndarray, shape (batch_size, D), optional
        The examples are written here, in its dtype. By default they go to a new array.

    Returns
    -------
    X_batch, y_batch : ndarray, shapes (batch_size, D) and (batch_size,)
    """
    rows = rng.choice(len(X), batch_size)
    if out is None:
        return X[rows], y[rows]
    if X.dtype == out.dtype and X.flags.c_contiguous and X.flags.aligned:
        # With mode="clip", take writes directly into out, without another array of its size.
        np.take(X, rows, axis=0, out=out, mode="clip")
    else:
        np.copyto(out, X[rows], casting="unsafe")
    return out, y[rows]


def update(param, grad, learning_rate, weight_decay=0.0, velocity=None, momentum=0.0):
    """Update a parameter by one step of gradient descent, in place.

    Parameters
    ----------
    param, grad : ndarray, of one shape
        W, changed in place, and the gradient of the loss with respect to W.
    learning_rate : float
        Factor of the gradient.
    weight_decay : float
        ``weight_decay * W`` is added to the gradient. It is the gradient of the penalty
        ``0.5 * weight_decay * sum(W**2)``.
    velocity : ndarray, shaped as param, optional
        V, the previous step. Changed in place. Without it there is no momentum.
    momentum : float
        Fraction of the previous step that is added to the new one.

    Notes
    -----
    ``W -= learning_rate * (grad + weight_decay * W)``. With momentum (Polyak, 1964):
    ``V = momentum * V - learning_rate * (grad + weight_decay * W)`` and ``W += V``.
    """
    rows = max(1, BLOCK // max(1, param[:1].nbytes))
    for i in range(0, len(param), rows):  # only the first operation on a block waits for the memory
        W, dW = param[i : i + rows], grad[i : i + rows]
        if velocity is None:
            W *= 1 - learning_rate * weight_decay  # faster than adding weight_decay * W to dW
            W -= learning_rate * dW
        else:
            V = velocity[i : i + rows]
            V *= momentum
            V -= learning_rate * (dW + weight_decay * W)
            W += V


class SGD:
    """Optimizer: stochastic gradient descent with momentum and weight decay.

    Parameters
    ----------
    momentum, weight_decay : float, dict of float
        See `update`. Parameters that are not in `weight_decay` do not decay.
    """

    def __init__(self, momentum=0.0, weight_decay=()):
        self.momentum, self.weight_decay = momentum, dict(weight_decay)
        self.velocity, self.whole = {}, True  # whole: the last step was completed

    def step(self, params, grads, learning_rate):
        """Update each parameter that has a gradient, in place, see `update`."""
        self.whole = False
        for name, grad in grads.items():
            if self.momentum and name not in self.velocity:
                self.velocity[name] = np.zeros_like(params[name])
            decay, velocity = self.weight_decay.get(name, 0.0), self.velocity.get(name)
            update(params[name], grad, learning_rate, decay, velocity, self.momentum)
        self.whole = True


def warm_cosine(it, num_iters):
    """Learning rate schedule: a linear rise, then half a cosine down to zero.

    The factor of iteration `it`, counted from 0, is
    ``min(1, (it + 1) / rise) * (1 + cos(pi * it / num_iters)) / 2``, with
    ``rise = max(1, min(500, num_iters // 10))`` (Loshchilov and Hutter, "SGDR", 2017).
    """
    rise = max(1, min(WARM_UP, num_iters // 10))
    return float(min(1.0, (it + 1) / rise) * (1 + np.cos(np.pi * it / num_iters)) / 2)
