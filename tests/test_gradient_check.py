"""Tests of the gradient checker, with known derivatives and with wrong gradients."""

import numpy as np
import pytest

from gradient_check import (
    central_difference,
    eval_numerical_gradient,
    eval_numerical_gradient_array,
    grad_check_sparse,
    rel_error,
)


def whole(f, x, **options):
    """Call `eval_numerical_gradient` without its output."""
    return eval_numerical_gradient(f, x, verbose=False, **options)


def sparse(f, x, **options):
    """Call `grad_check_sparse` with x as the analytic gradient."""
    return grad_check_sparse(f, x, x, **options)


def array(f, x):
    """Call `eval_numerical_gradient_array` for a function that returns a number."""
    return eval_numerical_gradient_array(f, x, 1.0)


@pytest.mark.parametrize(
    ("x", "y", "error"),
    [
        ([1.0, 0.0, 2.0], [3.0, 0.0, 2.0], 0.5),  # |1 - 3| / (1 + 3); 0 and 0 give 0
        ([1.0, 2.0], 1.0, 1 / 3),  # a number is compared with each entry
        (1e-10, 0, 0.01),  # the denominator is at least 1e-8
        (1e308, 1.2e308, 0.2 / 2.2),  # the sum of both would overflow
        (np.uint8([1]), np.uint8([3]), 0.5),  # the difference of unsigned numbers would overflow
        (np.zeros(2, np.float16), np.zeros(2, np.float16), 0),  # float16 would round 1e-8 to 0
        ([np.inf, -np.inf], [np.inf, -np.inf], 0),
        (np.inf, 1.0, 1),
        (-np.inf, np.inf, 1),
        ([1.0, np.nan], [1.0, 1.0], np.nan),
        ([np.nan, 0.0], [np.nan, 0.0], np.nan),
        ([np.inf, np.inf], [np.nan, 0.0], np.nan),
    ],
)
def test_rel_error_by_hand(x, y, error):
    """It is symmetric. No case warns."""
    assert rel_error(x, y) == pytest.approx(error, rel=1e-14, abs=0, nan_ok=True)
    assert rel_error(y, x) == pytest.approx(error, rel=1e-14, abs=0, nan_ok=True)


def test_floor_of_rel_error():
    """The floor is the smallest denominator."""
    assert rel_error(1e-10, 0, floor=1e-12) == 1 and rel_error(1.0, 2.0, floor=10.0) == 0.1


def test_central_difference_by_hand():
    """x^2 at 3 with h = 0.5 gives (3.5^2 - 2.5^2) / 1 = 6. The output of f may be an array."""
    x = np.array([1.0, 3.0])
    assert central_difference(lambda x: x[0] * x[1] ** 2, x, (1,), 0.5) == 6
    np.testing.assert_allclose(central_difference(lambda x: np.array([x[0], x[1]]), x, (0,)), [1, 0])
    np.testing.assert_array_equal(x, [1, 3])


@pytest.mark.parametrize("shape", [(), (3,), (2, 3, 2)])
def test_gradient_of_known_functions(shape):
    """d/dx sum(x^3) = 3 x^2. A function may also read x from its surroundings (a closure)."""
    x = np.array(np.random.randn(*shape))
    before = x.copy()
    for f in (lambda x: np.sum(x**3), lambda _: np.sum(x**3)):
        np.testing.assert_allclose(whole(f, x), 3 * before**2, rtol=1e-8, atol=1e-9)
        np.testing.assert_array_equal(x, before)


def test_verbose_prints_each_coordinate(capsys):
    """Printing is the default, as in the public lab."""
    eval_numerical_gradient(np.sum, np.zeros((1, 2)))
    assert [line.split(")")[0] for line in capsys.readouterr().out.splitlines()] == ["(0, 0", "(0, 1"]


def test_array_gradient_is_the_chain_rule():
    """f(x) = A x has the gradient A^T df. A layer may reuse its output, and df may be a list."""
    A, x, out = np.random.randn(3, 4), np.random.randn(4), np.empty(3)
    for f in (lambda x: A @ x, lambda x: np.matmul(A, x, out=out), lambda x: list(A @ x)):
        np.testing.assert_allclose(eval_numerical_gradient_array(f, x, [1, -2, 3]), A.T @ [1, -2, 3], rtol=1e-8)


@pytest.mark.parametrize("check", [whole, array, sparse])
@pytest.mark.parametrize("failing_call", [1, 2])
def test_x_is_restored_if_f_raises(check, failing_call):
    """The step up and the step down are both undone."""
    x, calls = np.arange(3.0), []

    def f(x):
        calls.append(1)
        if len(calls) == failing_call:
            raise ZeroDivisionError
        return x.sum()

    with pytest.raises(ZeroDivisionError):
        check(f, x)
    np.testing.assert_array_equal(x, [0, 1, 2])


@pytest.mark.parametrize("check", [whole, array, sparse])
@pytest.mark.parametrize("x", [np.arange(3), np.arange(3, dtype=np.float32), [1.0, 2.0]])
def test_x_must_be_float64(check, x):
    """A step of 1e-5 is rounded to 0 in an int. In float32 its rounding error is too large."""
    with pytest.raises(TypeError, match="x must be a float64 array, got (dtype (int64|float32)|list)"):
        check(np.sum, x)


def test_sparse_check_accepts_the_right_gradient(capsys):
    """All relative errors are small. They are returned and printed. rng draws the coordinates."""
    x = np.random.randn(5, 4)
    errors = grad_check_sparse(lambda x: np.sum(x**2), x, 2 * x, num_checks=7, rng=0)
    assert errors.shape == (7,) and 0 < errors.max() < 1e-8
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 7 and lines[0].startswith("numerical: ") and lines[0].endswith(f"{errors[0]:e}")
    again = grad_check_sparse(lambda x: np.sum(x**2), x, 2 * x, num_checks=7, rng=np.random.RandomState(0))
    np.testing.assert_array_equal(errors, again)


@pytest.mark.parametrize(
    ("slope", "analytic", "error"),
    [
        (2.0, 2.001, 0.001 / 4.001),  # a gradient that is 0.05% too large
        (1e-9, 2e-9, 1 / 3),  # the error stays relative for small numbers
        (0.0, 0.0, 0),  # not NaN
    ],
)
def test_sparse_check_finds_wrong_gradients(slope, analytic, error):
    """The errors are those of the formula."""
    errors = grad_check_sparse(lambda x: slope * np.sum(x), np.zeros(3), np.full(3, analytic), num_checks=4)
    np.testing.assert_allclose(errors, np.full(4, error), rtol=1e-6)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda x: whole(np.sum, x, h=0), ValueError, "h must be a finite number, .* got 0"),
        (lambda x: whole(np.sum, np.broadcast_to(x, (2, 5))), ValueError, r"x must be writeable.*x\.copy\(\)"),
        (lambda x: whole(np.sum, np.ma.array(x)), TypeError, "x must not be a masked array"),
        (lambda x: grad_check_sparse(np.sum, x, x[:2]), ValueError, r"analytic_grad must have shape \(5,\), got"),
        (lambda x: sparse(np.sum, x[:0]), ValueError, r"x must not be empty, got .* shape \(0,\)"),
        (lambda x: sparse(np.sum, x, num_checks=0), ValueError, "num_checks must be a whole number"),
        (lambda x: eval_numerical_gradient_array(abs, x, 1.0), ValueError, r"df must have the .* \(5,\), got \(\)"),
        (lambda x: eval_numerical_gradient_array(np.sum, x, [1.0]), ValueError, r"f\(x\), \(\), got \(1,\)"),
        (lambda x: rel_error(x, x[None]), ValueError, r"x and y must have one shape, got \(5,\) and \(1, 5\)"),
        (lambda x: rel_error(1.0, x[:0]), ValueError, "x and y must not be empty"),
        (lambda x: rel_error(x[:0], 1.0), ValueError, "x and y must not be empty"),
        (lambda x: rel_error(np.ma.array(x), x), TypeError, "x must not be a masked array"),
        (lambda x: rel_error(x, np.ma.array(x)), TypeError, "y must not be a masked array"),
    ],
)
def test_bad_arguments(call, error, message):
    """The error says what the argument must be. Broadcasting would compare or sum entries of other places."""
    with pytest.raises(error, match=message):
        call(np.ones(5))


@pytest.mark.parametrize("check", [whole, sparse])
@pytest.mark.parametrize(
    ("returned", "got"),
    [
        (np.ones(3), r"an array of shape \(3,\) and dtype float64\. eval_numerical_gradient_array "),
        ((0.5, {"W1": np.ones(2)}), r"\(0.5, {'W1': array\(\[1., 1.\]\)}\)$"),
        (None, "None$"),
    ],
)
def test_f_must_return_a_number(check, returned, got):
    """NumPy would sum an array. A loss with its gradients is refused too, and x is restored."""
    x = np.arange(3.0)
    with pytest.raises(TypeError, match=f"f must return a number, got {got}"):
        check(lambda x: returned, x)
    np.testing.assert_array_equal(x, [0, 1, 2])


def test_infinite_function_gives_nan():
    """The gradient is NaN only at the coordinate with infinite values, and no error is raised."""
    with np.errstate(invalid="ignore"):
        numeric = whole(lambda x: np.inf if x[0] != 1 else x.sum(), np.ones(2))
    assert np.isnan(numeric[0]) and numeric[1] == pytest.approx(1)
