"""Compares a net's gradients with numeric derivatives of its own loss."""

from typing import NamedTuple

import numpy as np

from gradient_check import central_difference, rel_error

from .reference import NAMES

CLOSE = 1e-5  # relative error that is allowed besides rounding and curvature


class Row(NamedTuple):
    """Result of the numeric check of one parameter.

    `error` is the largest of ``|numeric - analytic| / max(|numeric| + |analytic|, 0.001 max |gradient|,
    1e-8)``, and `where`, `numeric` and `analytic` belong to it. It is NaN if nothing is compared.
    `checked` and `skipped` count coordinates: compared, and at a kink of the ReLU.
    """

    name: str
    error: float
    where: tuple
    numeric: float
    analytic: float
    checked: int
    skipped: int


def check_numerically(net, data, h, max_checks, rng):
    """Compare each gradient with numeric derivatives, away from kinks.

    `data` is X, y and reg. `rng` draws coordinates if a parameter has more than `max_checks`. Return a
    `Row` for each gradient, and the names of parameters with more than half of them at kinks.
    """
    _, grads = net.ask(net.params, *data)
    rows, unfit = [], []
    for name in [name for name in NAMES if name in grads]:
        size, shape = net.params[name].size, net.params[name].shape
        picked = np.arange(size) if size <= max_checks else rng.choice(size, max_checks, replace=False)
        indices = [tuple(map(int, np.unravel_index(flat, shape))) for flat in picked]
        kinks = at_kinks(name, net.params, data[0], h)
        smooth = [index for index in indices if not kinks[index]]
        if len(smooth) < len(indices) / 2:
            unfit.append(name)
        grad, skipped = np.asarray(grads[name], dtype=np.float64), len(indices) - len(smooth)
        if grad.shape != shape or not smooth:
            worst = np.nan, (), np.nan, np.nan, 0
        else:
            worst = *_find_worst(_loss_of(net, name, data), net.params[name].copy(), grad, smooth, h), len(smooth)
        rows.append(Row(name, *worst, skipped))
    return rows, unfit


def contradicts(net, row, data, h):
    """Tell whether gradient and numeric derivative differ by more than the numeric error.

    Its parts: curvature, estimated with a smaller step, and rounding, proportional to loss / step.
    """
    if not row.checked:
        return False
    loss, x = _loss_of(net, row.name, data), net.params[row.name].copy()
    curvature = abs(row.numeric - float(central_difference(loss, x, row.where, h / 8)))
    rounding = 100 * np.finfo(float).eps * (1 + abs(loss(x))) / h
    error = CLOSE * (abs(row.numeric) + abs(row.analytic)) + 10 * curvature + rounding
    return not abs(row.numeric - row.analytic) <= error


def _loss_of(net, name, data):
    """Return the loss as a function of one parameter."""
    return lambda x: net.ask({**net.params, name: x}, *data)[0]


def _find_worst(loss, x, grad, indices, h):
    """Return the largest relative error, its coordinate, and both derivatives there."""
    floor = max(1e-8, 1e-3 * np.abs(grad).max())  # max(1e-8, NaN) is 1e-8
    numeric = [float(central_difference(loss, x, index, h)) for index in indices]
    errors = [rel_error(n, grad[index], floor=floor) for n, index in zip(numeric, indices, strict=True)]
    worst = int(np.argmax(errors))  # the first NaN, if there is one
    return errors[worst], indices[worst], numeric[worst], float(grad[indices[worst]])


def at_kinks(name, params, X, h):
    """Mark the coordinates at which a step of h changes the sign of a pre-activation in some row."""
    distance = np.abs(X @ params["W1"] + params["b1"])  # (N, H)
    if name == "b1":
        return (distance <= h).any(axis=0)
    flips = np.zeros(params[name].shape, dtype=bool)
    if name == "W1":
        for x, row in zip(np.abs(X)[:, :, None], distance, strict=True):  # (D, 1) and (H,)
            flips |= (row <= h * x) & (x > 0)
    return flips
