"""Numeric gradients, by central differences, and what they say about a net.

``python gradient_check.py path/to/neural_net.py`` checks the class in that file.
"""

import argparse
import importlib.util
import sys
from pathlib import Path

import numpy as np

from checks import check_count, check_number, check_rng
from gradient_diagnosis import NetReport, Subject, check_numerically, diagnose, report_unexplained


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


def _check_perturbable(x, h):
    check_number("h", h, 1e-12)
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
    _check_perturbable(x, h)
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
    _check_perturbable(x, h)
    num_checks, analytic_grad = check_count("num_checks", num_checks), np.asarray(analytic_grad)
    if analytic_grad.shape != x.shape:
        raise ValueError(f"analytic_grad must have shape {x.shape}, got {analytic_grad.shape}")
    errors = []
    for flat in check_rng(rng).choice(x.size, num_checks):
        index = np.unravel_index(flat, x.shape)
        numeric, analytic = float(_central_difference(f, x, index, h)), float(analytic_grad[index])
        size = abs(numeric) + abs(analytic)
        errors.append(abs(numeric - analytic) / size if size else 0.0)
        print(f"numerical: {numeric:f} analytic: {analytic:f}, relative error: {errors[-1]:e}")
    return np.array(errors)


def check_net(net, X, y, reg=0.1, *, h=1e-5, tolerance=1e-7, max_checks=100, rng=None):
    """Check a two-layer net's scores, loss and gradients, and say what is wrong.

    Parameters
    ----------
    net : object
        With ``params`` (just W1, b1, W2 and b2), ``loss(X)`` and ``loss(X, y, reg)`` as `TwoLayerNet` has them; may be
        of a class of one's own. Its parameters are taken as float64 and left as they are.
    X, y : array, shapes (N, D) and (N,)
        Data; a handful of rows will do.
    reg : float
        Strength of the penalty.
    h : float
        Step of the numeric derivatives.
    tolerance : float
        Largest relative error against the numeric derivative that passes where the scores are wrong already, so that
        no right gradient is known.
    max_checks : int
        Coordinates of each parameter that are tried numerically, at random if there are more.
    rng : None, int, RandomState or Generator
        Where those are drawn from.

    Returns
    -------
    NetReport

    Raises
    ------
    ValueError, TypeError
        Where the parameters are not those of a two-layer net.

    Notes
    -----
    A coordinate is skipped where the step flips the sign of a hidden unit for some row: the loss has a kink there, and
    the numeric derivative is that of neither side.
    """
    X, y, report, subject = np.asarray(X, dtype=np.float64), np.asarray(y), NetReport(), Subject(net)
    reference = diagnose(subject, X, y, reg, report)
    if reference is not None:
        check_numerically(subject, X, y, reg, h, max_checks, check_rng(rng), reference, report)
        report_unexplained(report, tolerance)
    return report


def main(arguments=None):
    """Check the class in a file and print the report; exit with 1 on a finding, with 2 where there is no such net."""
    parser = argparse.ArgumentParser(description="Check the gradients of the two-layer net in a Python file.")
    parser.add_argument("file", type=Path, help="runs this file: use a sandbox for strangers' files")
    parser.add_argument(
        "--class", dest="name", default="TwoLayerNet", help="the class, made as TwoLayerNet(4, 10, 3, 1e-1)"
    )
    args = parser.parse_args(arguments)
    sys.path.insert(0, str(args.file.resolve().parent))
    rng = np.random.default_rng(0)
    try:
        spec = importlib.util.spec_from_file_location("student_net", args.file)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        net = getattr(module, args.name)(4, 10, 3, 1e-1)
        for name, param in net.params.items():
            net.params[name] = 0.5 * rng.standard_normal(param.shape)  # biases too: at zero they hide mistakes
        report = check_net(net, rng.standard_normal((5, 4)), np.array([0, 1, 2, 2, 1]), rng=rng)
    except (Exception, SystemExit) as error:  # a file that calls sys.exit(0) must not pass for a right one
        parser.error(f"{args.file}: {args.name}(4, 10, 3, 1e-1) is no net: {type(error).__name__}: {error}")
    print(report)
    sys.exit(0 if report.ok else 1)


if __name__ == "__main__":
    main()
