"""Numeric gradients by central differences, for checks of analytic gradients.

`diagnosis.check_net` checks a whole net and explains its mistakes.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from checks import Rng, check_count, check_number, check_one_number, check_rng, refuse_masked


def rel_error(x: ArrayLike, y: ArrayLike, *, floor: float = 1e-8) -> float:
    """Return the largest relative error between two arrays.

    Parameters
    ----------
    x, y : array, of one shape
        Two versions of the same numbers. A number is compared with each entry of an array.
    floor : float
        Smallest denominator. It keeps the error of two tiny numbers small.

    Returns
    -------
    float
        ``max |x - y| / max(floor, |x| + |y|)``, computed in float64 or a wider type. It is 0 if x and
        y are equal, and at most 1. Equal infinities count as 0. Infinity and any other number count
        as 1. If an entry is NaN, the result is NaN.

    Raises
    ------
    ValueError
        If x and y are arrays of different shapes. NumPy would broadcast them and compare entries
        that do not belong together.
    """
    refuse_masked("x", x)
    refuse_masked("y", y)
    x, y = (np.asarray(z, np.result_type(np.asarray(z), np.float64)) for z in (x, y))
    if x.ndim and y.ndim and x.shape != y.shape:
        raise ValueError(f"x and y must have one shape, got {x.shape} and {y.shape}")
    if x.size == 0 or y.size == 0:
        raise ValueError("x and y must not be empty")
    with np.errstate(all="ignore"):
        x, y = x / 2, y / 2  # the sum of two finite numbers then stays finite
        scale = np.maximum(floor / 2, np.abs(x) + np.abs(y))
        return float(np.max(np.where(np.isinf(scale), x != y, np.abs(x - y) / scale)))


def _check_perturbable(x, h):
    check_number("h", h, 1e-12)
    refuse_masked("x", x)
    if not (isinstance(x, np.ndarray) and x.dtype == np.float64):
        got = f"dtype {x.dtype}" if isinstance(x, np.ndarray) else type(x).__name__
        raise TypeError(f"x must be a float64 array, got {got}: other types round too much for a step of h=1e-5")
    if not x.flags.writeable:
        raise ValueError("x must be writeable, because it is perturbed in place: pass x.copy()")


def central_difference(f: Callable, x: np.ndarray, index: tuple | int, h: float = 1e-5) -> np.ndarray:
    """Differentiate a function numerically with respect to one coordinate of its argument.

    Parameters
    ----------
    f : callable
        Called as ``f(x)``. Returns a scalar or an array.
    x, h
        As in `eval_numerical_gradient`.
    index : tuple of int
        The coordinate.

    Returns
    -------
    ndarray, shaped as f(x)
        ``(f(x + h) - f(x - h)) / 2h``, with h added to x[index] only.
    """
    old = x[index]
    try:
        x[index] = old + h
        plus = np.array(f(x))  # a copy: f may reuse its output
        x[index] = old - h
        minus = np.array(f(x))
    finally:
        x[index] = old
    return (plus - minus) / (2 * h)


def _returning_a_number(f):
    advice = ". eval_numerical_gradient_array differentiates functions that return arrays"
    return lambda x: check_one_number("f must return", f(x), advice)


def eval_numerical_gradient(f: Callable, x: np.ndarray, verbose: bool = True, h: float = 1e-5) -> np.ndarray:
    """Differentiate a scalar function of an array numerically.

    Parameters
    ----------
    f : callable
        Called as ``f(x)``. Returns a number, or an array that holds one number. It may ignore its
        argument and read the same array directly.
    x : ndarray of float64
        Point at which to differentiate. It is changed in place during the call and restored
        afterwards, even if f raises.
    verbose : bool
        Print each coordinate and its derivative.
    h : float
        Step. The error of central differences is of order ``h**2``. The rounding error is of order
        ``1e-16 / h``.

    Returns
    -------
    ndarray, shaped as x
        The gradient of f at x.
    """
    _check_perturbable(x, h)
    gradient = np.empty_like(x)
    for index in np.ndindex(x.shape):
        gradient[index] = central_difference(_returning_a_number(f), x, index, h)
        if verbose:
            print(index, gradient[index])
    return gradient


def eval_numerical_gradient_array(f: Callable, x: np.ndarray, df: ArrayLike, h: float = 1e-5) -> np.ndarray:
    """Differentiate ``sum(f(x) * df)`` numerically for a function f that returns an array.

    Parameters
    ----------
    f : callable
        Called as ``f(x)``. Returns an array.
    x, h
        As in `eval_numerical_gradient`.
    df : array, shaped as f(x)
        The upstream gradient (chain rule).

    Returns
    -------
    ndarray, shaped as x
        The gradient of ``sum(f(x) * df)`` at x.
    """
    _check_perturbable(x, h)
    gradient, df = np.empty_like(x), np.asarray(df)
    for index in np.ndindex(x.shape):
        difference = central_difference(f, x, index, h)
        if difference.shape != df.shape:
            raise ValueError(f"df must have the shape of f(x), {difference.shape}, got {df.shape}")
        gradient[index] = np.sum(difference * df)
    return gradient


def grad_check_sparse(
    f: Callable, x: np.ndarray, analytic_grad: ArrayLike, num_checks: int = 10, h: float = 1e-5, *, rng: Rng = None
) -> np.ndarray:
    """Compare an analytic gradient with numeric derivatives at random coordinates. Print both.

    Parameters
    ----------
    f, x, h
        As in `eval_numerical_gradient`.
    analytic_grad : array, shaped as x
        The gradient to check.
    num_checks : int
        Number of coordinates. They are drawn with replacement.
    rng : None, int, RandomState or Generator
        Source of the coordinates. ``None`` is NumPy's global stream.

    Returns
    -------
    ndarray, shape (num_checks,)
        The relative errors. An error is 0 if both derivatives are 0.
    """
    _check_perturbable(x, h)
    num_checks, analytic_grad = check_count("num_checks", num_checks), np.asarray(analytic_grad)
    if x.size == 0:
        raise ValueError(f"x must not be empty, got an array of shape {x.shape}")
    if analytic_grad.shape != x.shape:
        raise ValueError(f"analytic_grad must have shape {x.shape}, got {analytic_grad.shape}")
    errors = []
    for flat in check_rng(rng).choice(x.size, num_checks):
        index = np.unravel_index(flat, x.shape)
        numeric = float(central_difference(_returning_a_number(f), x, index, h))
        analytic = float(analytic_grad[index])
        errors.append(rel_error(numeric, analytic, floor=np.finfo(float).tiny))
        print(f"numerical: {numeric:f} analytic: {analytic:f}, relative error: {errors[-1]:e}")
    return np.array(errors)
