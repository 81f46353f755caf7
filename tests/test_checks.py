"""Tests of the checks: what they accept, what they refuse, and what their messages say."""

import re

import numpy as np
import pytest

from checks import (
    check_array,
    check_calls,
    check_count,
    check_dtype,
    check_labels,
    check_loss,
    check_number,
    check_one_number,
    check_rng,
    check_shapes,
)

SHAPES = {"W": "DH", "b": "H"}
GOOD = {"W": np.ones((2, 3)), "b": np.ones(3)}
BIG = np.ones((2500, 2))
BIG[2041, 1] = np.inf


@pytest.mark.parametrize(
    "call, value",
    [
        (lambda: check_number("a", 0), 0.0),
        (lambda: check_number("a", np.float32(0.5), 0, 1), 0.5),
        (lambda: check_number("a", 1, 0, 1), 1.0),
        (lambda: check_number("a", 0, 0, 1, below=True), 0.0),
        (lambda: check_number("a", np.array(2.0)), 2.0),
        (lambda: check_count("a", 1), 1),
        (lambda: check_count("a", 0, 0), 0),
        (lambda: check_count("a", 3.0), 3),
        (lambda: check_count("a", np.int64(3)), 3),
        (lambda: check_calls(a=None, b=len), None),
        (lambda: check_dtype("float32"), np.float32),
        (lambda: check_shapes("p", {**GOOD, "more": None}, SHAPES), {"D": 2, "H": 3}),
        (lambda: check_loss((np.float32(0.5), GOOD), GOOD, SHAPES), (0.5, GOOD)),
    ],
)
def test_accepted_values(call, value):
    """The bounds are accepted too. The value is returned in its plain Python type."""
    returned = call()
    assert returned == value
    if isinstance(value, tuple):
        assert type(returned[0]) is float


@pytest.mark.parametrize(
    "call, error, message",
    [
        (lambda: check_number("a", -1e-9), ValueError, "a must be a finite number, at least 0, got -1e-09"),
        (lambda: check_number("a", 1, 0, 1, below=True), ValueError, "a must be a number in 0..1, 1 excluded, got 1"),
        (lambda: check_number("a", 1.001, 0, 1), ValueError, "a must be a number in 0..1, got 1.001"),
        (lambda: check_number("a", np.inf), ValueError, "a must be a finite number, at least 0, got inf"),
        (lambda: check_number("a", np.nan), ValueError, "a must be a finite number, at least 0, got nan"),
        (lambda: check_number("a", True), TypeError, "a must be a finite number, at least 0, got True"),
        (lambda: check_number("a", np.True_), TypeError, "a must be a finite number"),
        (lambda: check_number("a", "1"), TypeError, "a must be a finite number, at least 0, got '1'"),
        (lambda: check_number("a", [1]), TypeError, r"a must be a finite number, at least 0, got \[1\]"),
        (lambda: check_number("a", None), TypeError, "a must be a finite number, at least 0, got None"),
        (lambda: check_number("a", 1j), TypeError, "a must be a finite number, at least 0, got 1j"),
        (lambda: check_count("a", 0), ValueError, "a must be a whole number, at least 1, got 0"),
        (lambda: check_count("a", -1, 0), ValueError, "a must be a whole number, at least 0, got -1"),
        (lambda: check_count("a", 1.5), TypeError, "a must be a whole number, at least 1, got 1.5"),
        (lambda: check_count("a", np.nan), TypeError, "a must be a whole number, at least 1, got nan"),
        (lambda: check_count("a", True), TypeError, "a must be a whole number, at least 1, got True"),
        (lambda: check_count("a", "7" * 99), TypeError, "a must be a whole number, at least 1, got '7{56}\\.\\.\\.$"),
        (lambda: check_count("a", "7" * 59), TypeError, "a must be a whole number, at least 1, got '7{56}\\.\\.\\.$"),
        (lambda: check_count("a", "7" * 58), TypeError, "a must be a whole number, at least 1, got '7{58}'$"),
        (lambda: check_array("a", [[1, 2], [3]], 2), TypeError, "a must be an array of real numbers, 2-dimensional"),
        (lambda: check_array("a", [1j], 1), TypeError, "a must hold real numbers, got an array of shape .* complex128"),
        (
            lambda: check_array("a", [1, 2], 2),
            ValueError,
            r"a must have 2 dimension\(s\), got .* \(2,\)",
        ),
        (
            lambda: check_array("a", [[1, 2]], 2, 3),
            ValueError,
            r"a must have 3 columns, got .* \(1, 2\)",
        ),
        (lambda: check_array("a", [], 1), ValueError, r"a must not be empty, got an array of shape \(0,\)"),
        (lambda: check_array("a", [1, np.nan], 1), ValueError, "a must hold finite numbers, got nan at row 1$"),
        (lambda: check_array("a", BIG, 2), ValueError, "a must hold finite numbers, got inf at row 2041, column 1$"),
        (lambda: check_labels("y", [0, 1], 3, 2), ValueError, "y must hold one label for each of 3 rows, got 2"),
        (lambda: check_labels("y", [0, 2], 2, 2), ValueError, "y must hold class indices in 0..1, got 2 at row 1"),
        (lambda: check_labels("y", [0, -1], 2, 2), ValueError, "y must hold class indices in 0..1, got -1 at row 1"),
        (lambda: check_labels("y", [0, 0.5], 2, 2), ValueError, "y must hold class indices in 0..1, got 0.5 at row 1"),
        (lambda: check_labels("y", [True, False], 2, 2), TypeError, "y must hold class indices in 0..1, got .* bool"),
        (lambda: check_rng("seed"), TypeError, "rng must be None, an int in 0..2\\*\\*32-1, .* got 'seed'"),
        (lambda: check_rng(-1), TypeError, "rng must be None, an int in .* got -1"),
        (lambda: check_rng(2**32), TypeError, "rng must be None, an int in .* got 4294967296"),
        (lambda: check_rng(True), TypeError, "rng must be None, an int in .* got True"),
        (lambda: check_calls(b=len, a=3), TypeError, "a must be None or a function, got 3"),
        (lambda: check_dtype(int), TypeError, "dtype must be a floating-point type such as float32, got <class 'int'>"),
        (lambda: check_dtype("real"), TypeError, "dtype must be a floating-point type such as float32, got 'real'"),
        (lambda: check_shapes("p", {"W": 0}, SHAPES), ValueError, "p must have W and b, b is missing"),
        (
            lambda: check_shapes("p", {**GOOD, "b": np.ones((1, 3))}, SHAPES),
            ValueError,
            r"p must have W \(D, H\) and b \(H,\), got \(1, 3\) for b",
        ),
        (
            lambda: check_shapes("p", {**GOOD, "b": np.ones(2)}, SHAPES),
            ValueError,
            r"p\['b'\] must have shape \(3,\), got \(2,\)",
        ),
        (
            lambda: check_shapes("p", {**GOOD, "b": np.ones(3, int)}, SHAPES),
            TypeError,
            r"p\['b'\] must be of a floating-point type, got int64",
        ),
        (
            lambda: check_shapes("p", {**GOOD, "b": [1.0, 2.0, 3.0]}, SHAPES),
            TypeError,
            r"p\['b'\] must be of a floating-point type, got list",
        ),
        (lambda: check_loss([1.0, GOOD], GOOD, SHAPES), TypeError, "loss must return a number and a dict of gradients"),
        (
            lambda: check_loss((1.0, GOOD, 2), GOOD, SHAPES),
            TypeError,
            "loss must return a number and a dict of gradients",
        ),
    ],
)
def test_refused_values(call, error, message):
    """The error has the right type. It names the argument, what it must be and what it was."""
    with pytest.raises(error) as caught:
        call()
    assert re.match(message, str(caught.value)), str(caught.value)


def test_rng_accepts_the_largest_seed():
    """The largest seed is 2**32 - 1, as for np.random.seed. Other seeds give other numbers."""
    largest = check_rng(2**32 - 1)
    assert largest.rand() == np.random.RandomState(2**32 - 1).rand() != check_rng(0).rand()
    for rng in (np.random.RandomState(0), np.random.default_rng(0)):
        assert check_rng(rng) is rng
    np.random.seed(5)
    drawn = check_rng(None).rand()
    np.random.seed(5)
    assert drawn == np.random.rand()


def test_arrays_are_not_copied():
    """An array is returned itself. A list, or an array of number objects, is converted."""
    array = np.arange(6, dtype=np.uint8).reshape(2, 3)
    assert check_array("a", array, 2) is array
    assert check_array("a", [[1, 2]], 2, 2).dtype == int
    assert check_array("a", np.array([1, 2.5], object), 1).dtype == np.float64


@pytest.mark.parametrize("mask", [False, [0, 1, 0]])
def test_masked_arrays_are_refused(mask):
    """They are refused even if no entry is masked. The maths would use masked values."""
    masked = np.ma.array([0, 1, 2], mask=mask)
    message = r"a must not be a masked array: pass a.filled\(value\) with a value for masked entries"
    for check in (
        lambda: check_array("a", masked, 1),
        lambda: check_array("a", [[0, 1, 2], masked], 2),
        lambda: check_labels("a", masked, 3, 3),
    ):
        with pytest.raises(TypeError, match=message):
            check()
    assert check_array("a", masked.filled(0), 1).tolist() == ([0, 1, 2] if mask is False else [0, 0, 2])


def test_matrices_become_arrays():
    """The * of matrices is a matrix product. The * of arrays is not."""
    with pytest.warns(PendingDeprecationWarning):
        matrix = np.matrix([[1.0, 2.0], [3.0, 4.0]])
    assert type(check_array("a", matrix, 2)) is np.ndarray


def test_one_number():
    """A number or an array of one number is accepted. Only an array of several gets the advice."""
    for value in (0.5, np.float32(0.5), np.array(0.5), np.array([[0.5]]), [0.5]):
        assert check_one_number("f must return", value) == 0.5
    assert np.isnan(check_one_number("f must return", np.nan))
    with pytest.raises(TypeError, match=r"^f must return a number, got \[1, 2\]; take the sum$"):
        check_one_number("f must return", [1, 2], "; take the sum")
    with pytest.raises(TypeError, match="^f must return a number, got None$"):
        check_one_number("f must return", None, "; take the sum")


def test_finite_numbers_with_an_infinite_sum():
    """An overflow of their sum is not an error."""
    big = np.full((3, 2), 1e308)
    assert check_array("a", big, 2) is big


def test_labels_become_integers():
    """Whole floats and every integer type become int64. The largest class is accepted."""
    for labels in ([0, 1, 2], np.array([0.0, 1.0, 2.0]), np.array([0, 1, 2], np.uint8)):
        checked = check_labels("y", labels, 3, 3)
        assert checked.dtype == np.int64 and checked.tolist() == [0, 1, 2]
