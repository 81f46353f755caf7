"""Numeric gradients, by central differences, to hold analytic ones against."""

import numpy as np

from checks import check_rng


def rel_error(x, y):
    """Largest relative error between two arrays.

    Parameters
    ----------
    x, y : array, of one shape
        The two versions of the same thing.

    Returns
    -------
    float
        ``max |x - y| / max(1e-8, |x| + |y|)``: at most 1, and 0 where both are 0.
    """
    x, y = np.asarray(x), np.asarray(y)
    return float(np.max(np.abs(x - y) / np.maximum(1e-8, np.abs(x) + np.abs(y))))


def _check_perturbable(x):
    if not (isinstance(x, np.ndarray) and x.dtype == np.float64):
        got = f"dtype {x.dtype}" if isinstance(x, np.ndarray) else type(x).__name__
        raise TypeError(f"x must be a float64 array, got {got}: a step of h=1e-5 drowns in the rounding of other types")


def _central_difference(f, x, index, h):
    """Differentiate f by the one coordinate x[index]: ``(f(x + h) - f(x - h)) / 2h``."""
    old = x[index]
    try:
        x[index] = old + h
        plus = np.array(f(x))  # a copy: f may reuse its output
        x[index] = old - h
        minus = np.array(f(x))
    finally:
        x[index] = old
    return (plus - minus) / (2 * h)


def eval_numerical_gradient(f, x, verbose=True, h=1e-5):
    """Differentiate a scalar function of an array numerically.

    Parameters
    ----------
    f : callable
        Called as ``f(x)``; may ignore its argument and read the same array by itself. Returns a scalar.
    x : ndarray of float64
        Where to differentiate. Changed in place during the call, restored afterwards, even where f raises.
    verbose : bool
        Print each coordinate and its derivative.
    h : float
        Step. The error of central differences is of order ``h**2``, that of rounding of order ``1e-16 / h``.

    Returns
    -------
    ndarray, shaped as x
        The gradient of f at x.

    Raises
    ------
    TypeError
        Where x is not float64.
    """
    return _gradient(f, x, 1.0, h, verbose)


def eval_numerical_gradient_array(f, x, df, h=1e-5):
    """Differentiate ``sum(f(x) * df)`` numerically, f being a function from array to array.

    Parameters
    ----------
    f : callable
        Called as ``f(x)``; returns an array.
    x : ndarray of float64
        Where to differentiate. Changed in place during the call, restored afterwards, even where f raises.
    df : array, shaped as f(x)
        The gradient that arrives from above (chain rule).
    h : float
        Step.

    Returns
    -------
    ndarray, shaped as x
        The gradient of ``sum(f(x) * df)`` at x.

    Raises
    ------
    TypeError
        Where x is not float64.
    """
    return _gradient(f, x, df, h, verbose=False)


def _gradient(f, x, df, h, verbose):
    _check_perturbable(x)
    gradient = np.empty_like(x)
    for index in np.ndindex(x.shape):
        gradient[index] = np.sum(_central_difference(f, x, index, h) * df)
        if verbose:
            print(index, gradient[index])
    return gradient


def grad_check_sparse(f, x, analytic_grad, num_checks=10, h=1e-5, *, rng=None):
    """Compare an analytic gradient with numeric derivatives at random coordinates, and print them.

    Parameters
    ----------
    f : callable
        Called as ``f(x)``; returns a scalar.
    x : ndarray of float64
        Where to differentiate. Changed in place during the call, restored afterwards, even where f raises.
    analytic_grad : array, shaped as x
        The gradient to check.
    num_checks : int
        How many coordinates to draw, with replacement.
    h : float
        Step.
    rng : None, int, RandomState or Generator
        Where coordinates are drawn from. ``None`` is NumPy's global stream.

    Returns
    -------
    ndarray, shape (num_checks,)
        The relative errors, 0 where both derivatives are 0.

    Raises
    ------
    TypeError
        Where x is not float64.
    """
    _check_perturbable(x)
    errors = []
    for flat in check_rng(rng).choice(x.size, num_checks):
        index = np.unravel_index(flat, x.shape)
        numeric, analytic = float(_central_difference(f, x, index, h)), float(analytic_grad[index])
        size = abs(numeric) + abs(analytic)
        errors.append(abs(numeric - analytic) / size if size else 0.0)
        print(f"numerical: {numeric:f} analytic: {analytic:f}, relative error: {errors[-1]:e}")
    return np.array(errors)
