"""Stochastic gradient descent: minibatch, update of the parameters, learning rate schedule."""

import numpy as np

from classifiers.layers import add_scaled

WARM_UP = 500  # maximum number of iterations in which `warm_cosine` rises


def draw_minibatch(X, y, batch_size, rng):
    """Draw examples at random, with replacement.

    Parameters
    ----------
    X, y : array, shape (N, D), and ndarray of int, shape (N,)
        Training data, of any real dtype and layout, in memory or mapped from a file.
    batch_size : int
        Number of examples. May be larger than N.
    rng : RandomState or Generator
        One call of its method ``choice`` draws all row numbers. Each row is equally probable.

    Returns
    -------
    X_batch, y_batch : ndarray, shapes (batch_size, D) and (batch_size,)
        The rows of X that were drawn, and their labels, as new arrays.
    """
    rows = rng.choice(len(X), batch_size)
    return X[rows], y[rows]


def update(param, grad, learning_rate, velocity=None, momentum=0.0):
    """Update a parameter by one step of gradient descent, in place.

    Parameters
    ----------
    param, grad : ndarray, of one shape
        W, changed in place, and the gradient of the loss with respect to W.
    learning_rate : float
        A step is this factor times the gradient.
    velocity : ndarray, shaped as param, optional
        V, the previous step. Changed in place. Without it there is no momentum.
    momentum : float
        Fraction of the previous step that is added to the new one.

    Notes
    -----
    Without momentum, the step goes down the gradient. With momentum, the step is V: the previous
    step times `momentum`, and the step down the gradient (Polyak, 1964).
    """
    if velocity is None:
        add_scaled(param, -learning_rate, grad)
    else:
        velocity *= momentum
        add_scaled(velocity, -learning_rate, grad)
        param += velocity


class SGD:
    """Optimizer: stochastic gradient descent with momentum.

    Parameters
    ----------
    momentum : float
        See `update`.
    velocity : dict of ndarray, optional
        The previous step of each parameter, changed in place. By default it starts at 0.
    """

    def __init__(self, momentum=0.0, velocity=None):
        self.momentum, self.velocity = momentum, {} if velocity is None else velocity

    def step(self, params, grads, learning_rate):
        """Update each parameter that has a gradient, in place, see `update`."""
        for name, grad in grads.items():
            if self.momentum and name not in self.velocity:
                self.velocity[name] = np.zeros_like(params[name])
            update(params[name], grad, learning_rate, self.velocity.get(name), self.momentum)


def warm_cosine(it: int, num_iters: int) -> float:
    """Learning rate schedule: half a cosine down to zero, times a linear rise at the start.

    The factor of iteration `it`, counted from 0, is
    ``min(1, (it + 1) / rise) * (1 + cos(pi * it / num_iters)) / 2``, with
    ``rise = max(1, min(500, num_iters // 10))`` (Loshchilov and Hutter, "SGDR", 2017).
    """
    rise = max(1, min(WARM_UP, num_iters // 10))
    return float(min(1.0, (it + 1) / rise) * (1 + np.cos(np.pi * it / num_iters)) / 2)
