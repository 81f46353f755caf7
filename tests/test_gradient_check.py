"""Tests of the gradient checker, with known derivatives and with wrong gradients."""

import subprocess
import sys

import numpy as np
import pytest
from conftest import ROOT

import diagnosis
import gradient_check
from gradient_check import (
    central_difference,
    eval_numerical_gradient,
    eval_numerical_gradient_array,
    grad_check_sparse,
    rel_error,
)


def test_rel_error_by_hand():
    """|1 - 3| / (1 + 3) = 0.5 is the largest, and 0 and 0 give 0. The denominator is >= 1e-8."""
    assert rel_error(np.array([1.0, 0.0, 2.0]), np.array([3.0, 0.0, 2.0])) == 0.5
    assert rel_error(1e-10, 0) == pytest.approx(0.01)
    assert rel_error(1e-10, 0, floor=1e-12) == 1 and rel_error(1.0, 2.0, floor=10.0) == 0.1


def test_central_difference_by_hand():
    """x^2 at 3 with h = 0.5 gives (3.5^2 - 2.5^2) / 1 = 6. The output of f may be an array."""
    x = np.array([1.0, 3.0])
    assert central_difference(lambda x: x[0] * x[1] ** 2, x, (1,), 0.5) == 6
    np.testing.assert_allclose(central_difference(lambda x: np.array([x[0], x[1]]), x, (0,)), [1, 0])
    np.testing.assert_array_equal(x, [1, 3])


def test_gradient_of_known_functions():
    """d/dx sum(x^3) = 3 x^2 for any shape of x. Afterwards x is unchanged."""
    for x in (np.array(2.0), np.random.randn(3), np.random.randn(2, 3, 2)):
        before = x.copy()
        numeric = eval_numerical_gradient(lambda x: np.sum(x**3), x, verbose=False)
        np.testing.assert_allclose(numeric, 3 * before**2, rtol=1e-8, atol=1e-9)
        np.testing.assert_array_equal(x, before)


def test_gradient_of_a_function_that_ignores_its_argument():
    """A function may read the perturbed array from its surroundings (a closure)."""
    x = np.random.randn(4)
    np.testing.assert_allclose(eval_numerical_gradient(lambda _: np.sum(x * x), x, verbose=False), 2 * x, rtol=1e-7)


def test_verbose_prints_each_coordinate(capsys):
    """Printing is the default, as in the public lab."""
    eval_numerical_gradient(np.sum, np.zeros((1, 2)))
    assert [line.split(")")[0] for line in capsys.readouterr().out.splitlines()] == ["(0, 0", "(0, 1"]


def test_array_gradient_is_the_chain_rule():
    """f(x) = A x has the gradient A^T df."""
    A, x, df = np.random.randn(3, 4), np.random.randn(4), np.random.randn(3)
    np.testing.assert_allclose(eval_numerical_gradient_array(lambda x: A @ x, x, df), A.T @ df, rtol=1e-8)


def test_array_gradient_if_f_reuses_its_output():
    """A layer may write its output into the same array at each call."""
    out, x = np.empty(3), np.random.randn(3)
    numeric = eval_numerical_gradient_array(lambda x: np.multiply(x, x, out=out), x, np.ones(3))
    np.testing.assert_allclose(numeric, 2 * x, rtol=1e-7)


@pytest.mark.parametrize(
    "check",
    [
        lambda f, x: eval_numerical_gradient(f, x, verbose=False),
        lambda f, x: eval_numerical_gradient_array(f, x, 1.0),
        lambda f, x: grad_check_sparse(f, x, x),
    ],
)
class TestAllCheckers:
    """Tests for all functions that perturb x."""

    def test_x_is_restored_if_f_raises(self, check):
        """The step up and the step down are both undone."""
        for failing_call in (1, 2):
            x, calls = np.arange(3.0), []

            def f(x, calls=calls, failing_call=failing_call):
                calls.append(1)
                if len(calls) == failing_call:
                    raise ZeroDivisionError
                return x.sum()

            with pytest.raises(ZeroDivisionError):
                check(f, x)
            np.testing.assert_array_equal(x, [0, 1, 2])

    @pytest.mark.parametrize("x", [np.arange(3), np.arange(3, dtype=np.float32), np.array([1 + 2j]), [1.0, 2.0]])
    def test_x_must_be_float64(self, check, x):
        """A step of 1e-5 is rounded to 0 in an int. In float32 its rounding error is too large."""
        with pytest.raises(TypeError, match="x must be a float64 array, got (dtype (int64|float32|complex128)|list)"):
            check(np.sum, x)


def test_sparse_check_accepts_the_right_gradient(capsys):
    """All relative errors are small. They are returned and printed."""
    x = np.random.randn(5, 4)
    errors = grad_check_sparse(lambda x: np.sum(x**2), x, 2 * x, num_checks=7, rng=0)
    assert errors.shape == (7,) and errors.max() < 1e-8
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 7 and lines[0].startswith("numerical: ") and lines[0].endswith(f"{errors[0]:e}")


def test_sparse_check_finds_a_slightly_wrong_gradient(capsys):
    """A gradient that is 0.05% too large has a relative error of 0.00025."""
    x = 1 + np.random.rand(5)
    errors = grad_check_sparse(lambda x: np.sum(x**2), x, 2 * x * 1.0005, rng=0)
    np.testing.assert_allclose(errors, 0.0005 / 2.0005, rtol=1e-3)


def test_sparse_check_of_tiny_gradients(capsys):
    """The error stays relative for small numbers: 1e-9 and 2e-9 give 1/3."""
    errors = grad_check_sparse(lambda x: 1e-9 * np.sum(x), np.zeros(3), np.full(3, 2e-9), num_checks=2)
    np.testing.assert_allclose(errors, 1 / 3, rtol=1e-6)


def test_sparse_check_of_zero_against_zero(capsys):
    """For a constant function the error is 0, not NaN."""
    np.testing.assert_array_equal(grad_check_sparse(lambda x: 1.0, np.zeros(3), np.zeros(3), num_checks=4), np.zeros(4))


def test_sparse_check_takes_rng(capsys):
    """The same rng draws the same coordinates."""
    x = np.random.randn(100)
    runs = [grad_check_sparse(lambda x: np.sum(np.sin(x)), x, x, rng=np.random.default_rng(3)) for _ in range(2)]
    np.testing.assert_array_equal(*runs)


@pytest.mark.parametrize(
    "call, error, message",
    [
        (lambda x: eval_numerical_gradient(np.sum, x, h=0), ValueError, "h must be a finite number, .* got 0"),
        (
            lambda x: grad_check_sparse(np.sum, x, x[:2]),
            ValueError,
            r"analytic_grad must have shape \(5,\), got",
        ),
        (lambda x: grad_check_sparse(np.sum, x[:0], x[:0]), ValueError, "x must not be empty, got .* shape \\(0,\\)"),
        (lambda x: rel_error(x[:0], x[:0]), ValueError, "x and y must not be empty"),
        (lambda x: rel_error(1.0, x[:0]), ValueError, "x and y must not be empty"),
        (
            lambda x: eval_numerical_gradient(np.sum, np.broadcast_to(x, (2, 5))),
            ValueError,
            r"x must be writeable, because it is perturbed in place: pass x.copy\(\)",
        ),
        (lambda x: grad_check_sparse(np.sum, x, x, num_checks=0), ValueError, "num_checks must be a whole number"),
    ],
)
def test_bad_arguments(call, error, message):
    """The error names the argument and what it must be."""
    with pytest.raises(error, match=message):
        call(np.ones(5))


def with_output(value):
    """Return a function of x that returns the given value."""
    return lambda x: value


@pytest.mark.parametrize(
    "check",
    [lambda f, x: eval_numerical_gradient(f, x, verbose=False), lambda f, x: grad_check_sparse(f, x, x, rng=0)],
    ids=["whole", "sparse"],
)
class TestReturnedNumber:
    """Tests of what f may return. Without a check, NumPy would sum an array."""

    @pytest.mark.parametrize(
        ("returned", "got"),
        [
            (np.ones(3), r"an array of shape \(3,\) and dtype float64\. eval_numerical_gradient_array "),
            ([0.5, 1.5], r"\[0.5, 1.5\]\. eval_numerical_gradient_array "),
            (np.ones(0), r"an array of shape \(0,\)"),
            ((0.5, {"W1": np.ones(2)}), r"\(0.5, {'W1': array\(\[1., 1.\]\)}\)$"),
            ((0.5, np.ones(2)), r"\(0.5, array\(\[1., 1.\]\)\)$"),
            (None, "None$"),
            ("0.5", "'0.5'$"),
            (1j, "1j$"),
        ],
    )
    def test_other_things_are_refused(self, check, returned, got):
        """Arrays, a loss with gradients, None, text and complex numbers are refused."""
        x = np.arange(3.0)
        with pytest.raises(TypeError, match=f"f must return a number, got {got}"):
            check(with_output(returned), x)
        np.testing.assert_array_equal(x, [0, 1, 2])

    @pytest.mark.parametrize("wrap", [float, np.float64, np.array, lambda v: np.array([v]), lambda v: np.array([[v]])])
    def test_one_number_of_any_type(self, check, wrap, capsys):
        """A float, a NumPy scalar or an array of one number is accepted."""
        x = np.array([2.0])
        # The gradient is x / 2 = 1. grad_check_sparse gets x = 2 as the analytic gradient.
        result = check(lambda x: wrap(np.sum(x**2) / 4), x)
        np.testing.assert_allclose(result, 1 if len(result) == 1 else np.full(10, 1 / 3), rtol=1e-8)


@pytest.mark.parametrize(
    ("f", "df", "shapes"),
    [
        (lambda x: x, 1.0, r"\(3,\), got \(\)"),
        (lambda x: x, np.ones((3, 1)), r"\(3,\), got \(3, 1\)"),
        (lambda x: x[:, None] * x, np.ones(3), r"\(3, 3\), got \(3,\)"),
        (np.sum, np.ones(3), r"\(\), got \(3,\)"),
        (np.sum, np.ones(1), r"\(\), got \(1,\)"),
    ],
)
def test_df_has_the_shape_of_the_output(f, df, shapes):
    """With another shape, broadcasting would give the gradient of another sum."""
    x = np.arange(3.0)
    with pytest.raises(ValueError, match=f"df must have the shape of f\\(x\\), {shapes}"):
        eval_numerical_gradient_array(f, x, df)
    np.testing.assert_array_equal(x, [0, 1, 2])


def test_df_may_be_a_list():
    """The output of f may be a list too."""
    numeric = eval_numerical_gradient_array(lambda x: [x[0] ** 2, 3 * x[1]], np.ones(2), [1, 10])
    np.testing.assert_allclose(numeric, [2, 30])


@pytest.mark.parametrize("shapes", [((3,), (3, 1)), ((3, 1), (1, 3)), ((1, 3), (3,)), ((2,), (3,))])
def test_rel_error_of_different_shapes(shapes):
    """Shapes (1, H) and (H,) are different. Broadcasting would compare each entry with others."""
    x, y = map(np.ones, shapes)
    message = f"x and y must have one shape, got {x.shape} and {y.shape}".replace("(", r"\(").replace(")", r"\)")
    with pytest.raises(ValueError, match=message):
        rel_error(x, y)
    assert rel_error(x, 1.0) == rel_error(1, x) == 0


def test_rel_error_of_small_types():
    """Differences of unsigned numbers do not overflow. In float16 the floor is not rounded to 0."""
    assert rel_error(np.uint8([1]), np.uint8([3])) == rel_error(np.uint8([3]), np.uint8([1])) == 0.5
    assert rel_error(np.zeros(2, np.float16), np.zeros(2, np.float16)) == 0


def test_infinite_function_gives_nan(capsys):
    """The gradient is NaN only at the coordinate with infinite values, and no error is raised."""
    with np.errstate(invalid="ignore"):
        numeric = eval_numerical_gradient(lambda x: np.inf if x[0] != 1 else x.sum(), np.ones(2), verbose=False)
    assert np.isnan(numeric[0]) and numeric[1] == pytest.approx(1)


def test_masked_arrays_are_refused():
    """A step would not change masked entries, and a comparison would use the masked values."""
    masked = np.ma.array([1.0, 2.0], mask=[0, 1])
    with pytest.raises(TypeError, match=r"x must not be a masked array: pass x.filled\(value\)"):
        eval_numerical_gradient(np.sum, masked)
    for name, pair in [("x", (masked, masked.data)), ("y", (masked.data, masked))]:
        with pytest.raises(TypeError, match=f"{name} must not be a masked array"):
            rel_error(*pair)


def test_check_net_has_moved():
    """The old name works until 1.2, and a warning gives the new one. Other names do not work."""
    with pytest.warns(DeprecationWarning, match="from diagnosis import check_net"):
        assert gradient_check.check_net is diagnosis.check_net
    with pytest.raises(AttributeError, match="has no attribute 'check_nets'"):
        gradient_check.check_nets  # noqa: B018


def test_command_line_has_moved():
    """An old script must not take exit status 0 as the result of a correct net."""
    command = [sys.executable, ROOT / "gradient_check.py", "neural_net.py"]
    process = subprocess.run(command, stderr=subprocess.PIPE, text=True)
    assert process.returncode == 2 and "python -m diagnosis FILE" in process.stderr
