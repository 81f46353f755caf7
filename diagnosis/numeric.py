"""Compares a net's gradients with numeric derivatives of its own loss."""

from typing import NamedTuple

import numpy as np

from gradient_check import central_difference

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


def row_of(name, analytic, numeric, indices=None, skipped=0):
    """Return the `Row` of derivatives that are compared: all of an array, or those at some coordinates."""
    if not np.size(numeric):
        return Row(name, np.nan, (), np.nan, np.nan, 0, skipped)
    analytic, numeric = np.asarray(analytic, dtype=np.float64), np.asarray(numeric)
    floor = max(1e-8, 1e-3 * np.abs(analytic).max())  # max(1e-8, NaN) is 1e-8
    errors = np.abs(numeric - analytic) / np.maximum(floor, np.abs(numeric) + np.abs(analytic))
    i = tuple(map(int, np.unravel_index(np.argmax(errors), errors.shape)))  # the first NaN, if there is one
    where = indices[i[0]] if indices else i
    return Row(name, float(errors[i]), where, float(numeric[i]), float(analytic[i]), errors.size, skipped)


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
        smooth = smooth if grad.shape == shape else []
        loss, x = _loss_of(net, name, data), net.params[name].copy()
        numeric = [float(central_difference(loss, x, index, h)) for index in smooth]
        rows.append(row_of(name, [grad[index] for index in smooth], numeric, smooth, skipped))
    return rows, unfit


def contradicts(net, row, data, h):
    """Tell whether gradient and numeric derivative differ by more than the numeric error."""
    x = net.params[row.name].copy()
    return bool(row.checked) and differ(_loss_of(net, row.name, data), x, row.where, row.numeric, row.analytic, h)


def differ(f, x, index, numeric, analytic, h):
    """Tell whether a derivative differs from the numeric one of f by more than the numeric error.

    Its parts: curvature, estimated with a smaller step, and rounding, proportional to f / step.
    """
    if abs(numeric - analytic) <= CLOSE * (abs(numeric) + abs(analytic)):
        return False
    curvature = abs(numeric - float(central_difference(f, x, index, h / 8)))
    rounding = 100 * np.finfo(float).eps * (1 + abs(float(f(x)))) / h
    return not abs(numeric - analytic) <= CLOSE * (abs(numeric) + abs(analytic)) + 10 * curvature + rounding


class Derivatives:
    """Numeric derivatives of ``f(x)``, a number, as the correct answers for the gradient `name`.

    They are those at up to `most` coordinates. If x has more, two random directions and some coordinates
    come first, and more coordinates follow only if one of these disagrees with the gradient. Coordinates
    at kinks are left out.

    Attributes
    ----------
    got : ndarray
        The gradient at the same coordinates, or all of it if its shape is wrong.
    row : Row
    """

    alone, few, N = (), 20, None

    def __init__(self, name, f, x, grad, h, most, rng):
        self.f, self.x, self.h, self.wrt = f, x.copy(), h, (name,)
        self.same = grad.shape == x.shape
        self.grad = grad if self.same else grad.T if grad.T.shape == x.shape else np.zeros(x.shape)
        compared = [self._compare(flat) for flat in self._choose(most, rng)]
        smooth = [one for one in compared if not one[3]]
        self.indices, numeric, self.differs = ([one[i] for one in smooth] for i in range(3))
        analytic = np.array([self.grad[index] for index in self.indices])
        self.got = analytic if self.same else grad
        self.right = {name: np.array(numeric) if self.same else np.zeros(x.shape)}
        self.floor = {name: 1e-8 + CLOSE * np.abs(numeric).max(initial=0)}
        self.turned = not self.same and grad.T.shape == x.shape and not any(self.differs)
        if self.same and x.ndim == 2 and x.shape[0] == x.shape[1]:
            self.turned = np.allclose([grad.T[index] for index in self.indices], numeric, CLOSE, 1e-8)
        self.row = row_of(name, analytic, numeric, self.indices, len(compared) - len(smooth))

    def _choose(self, most, rng):
        """Return the places of the coordinates in the flat array."""
        size = self.x.size
        if size <= most:
            return range(size)
        few, wrong = rng.choice(size, self.few, replace=False), {self._descend(rng), self._descend(rng)} - {None}
        if not wrong and not any(self._compare(flat)[2] for flat in few):
            return few
        return [*wrong, *(flat for flat in rng.choice(size, most, replace=False) if flat not in wrong)]

    def _compare(self, flat):
        """Return a coordinate, the numeric derivative there, whether the gradient differs, and whether f has a kink.

        At a kink, the difference of the slopes on both sides does not depend on h.
        """
        index = tuple(map(int, np.unravel_index(flat, self.x.shape)))
        numeric, analytic = float(central_difference(self.f, self.x, index, self.h)), self.grad[index]
        if not differ(self.f, self.x, index, numeric, analytic, self.h):
            return index, numeric, False, False
        step = np.zeros(self.x.shape)
        step[index] = self.h
        values = [float(self.f(self.x + sign * step)) for sign in (-1, 0, 1)]
        jump = 1.001 * abs(values[0] - 2 * values[1] + values[2]) / self.h
        kink = bool(abs(numeric - analytic) <= jump)
        return index, numeric, not kink, kink

    def _descend(self, rng):
        """Look along a random direction. If it disagrees, halve it until one coordinate is left. Return it, or None."""
        direction, part = rng.standard_normal(self.x.size), np.arange(self.x.size)
        if not self._differs_along(direction, part):
            return None
        while len(part) > 1:
            first, second = np.array_split(part, 2)
            part = first if self._differs_along(direction, first) else second
        return int(part[0])

    def _differs_along(self, direction, part):
        """Tell whether the derivative along some coordinates of a direction differs from that of the gradient."""
        step = np.zeros(self.x.shape)
        step.flat[part] = direction[part]
        along, origin = lambda t: self.f(self.x + t[0] * step), np.zeros(1)
        numeric = float(central_difference(along, origin, (0,), self.h))
        return differ(along, origin, (0,), numeric, float(np.vdot(self.grad, step)), self.h)

    def agrees(self, name, answer):
        """Tell whether the gradient agrees with the numeric derivatives."""
        return self.same and not any(self.differs)

    def times(self, k):
        """Return the numeric derivatives, multiplied by k."""
        return {name: k * right for name, right in self.right.items()}

    def at(self, i):
        """Return the i-th coordinate, and both derivatives there."""
        return {"at": self.indices[i], "got": float(self.got[i]), "right": float(self.right[self.wrt[0]][i])}


def is_rough(f, x, rng):
    """Tell whether small steps show that f is less precise than float64: its third differences are not 0.

    The steps begin beside x, because x itself may lie at a kink.
    """
    rough = []
    for _ in range(3):
        step, start = rng.standard_normal(x.shape), x + 1e-3 * rng.standard_normal(x.shape)
        values = [float(f(start + 1e-6 * k * step)) for k in range(4)]
        rough.append(abs(np.diff(values, 3)[0]) > 1e-10 * (1e-3 + np.abs(values).max()))
    return all(rough)


def _loss_of(net, name, data):
    """Return the loss as a function of one parameter."""
    return lambda x: net.ask({**net.params, name: x}, *data)[0]


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
