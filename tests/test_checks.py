"""Tests of the checks: what they accept, what they refuse, and what their messages say."""

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
    check_params,
    check_rng,
)

GOOD = {"W1": np.ones((2, 3)), "b1": np.ones(3), "W2": np.ones((3, 4)), "b2": np.ones(4)}
BIG = np.ones((2500, 2))
BIG[2041, 1] = np.inf
MASKED = np.ma.array([0, 1, 2], mask=[0, 1, 0])


@pytest.mark.parametrize(
    ("call", "value"),
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
        (lambda: check_dtype("float32"), np.dtype(np.float32)),
        (lambda: check_params({**GOOD, "more": None}), (2, 3, 4)),
        (lambda: check_loss((np.float32(0.5), GOOD), GOOD)[0], 0.5),
        *(
            (lambda value=value: check_one_number("f", value), 0.5)
            for value in (0.5, np.float32(0.5), np.array([[0.5]]), [0.5])
        ),
    ],
)
def test_accepted_values(call, value):
    """The bounds are accepted too. The value is returned in its plain Python type."""
    returned = call()
    assert returned == value and type(returned) is type(value)


NUMBER = "a must be a finite number, at least 0, got "
COUNT = "a must be a whole number, at least 1, got "
RNG = r"rng must be None, an int in 0..2\*\*32-1, a RandomState or a Generator, got "
LABELS = "y must hold class indices in 0..1, got "


def params_with(**changed):
    """Check the parameters of a net with some of them changed."""
    return check_params({**GOOD, **changed})


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        *((lambda a=a: check_number("a", a), ValueError, f"{NUMBER}{a}$") for a in (-1e-9, np.inf, np.nan)),
        *((lambda a=a: check_number("a", a), TypeError, NUMBER) for a in (True, np.True_, "1", [1], None, 1j)),
        (lambda: check_number("a", 1, 0, 1, below=True), ValueError, "a must be a number in 0..1, 1 excluded, got 1$"),
        (lambda: check_number("a", 1.001, 0, 1), ValueError, "a must be a number in 0..1, got 1.001$"),
        (lambda: check_count("a", 0), ValueError, f"{COUNT}0$"),
        (lambda: check_count("a", -1, 0), ValueError, "a must be a whole number, at least 0, got -1$"),
        *((lambda a=a: check_count("a", a), TypeError, f"{COUNT}{a}$") for a in (1.5, np.nan, True)),
        (lambda: check_count("a", "7" * 58), TypeError, f"{COUNT}'7{{58}}'$"),  # 60 characters are shown whole
        (lambda: check_count("a", "7" * 59), TypeError, f"{COUNT}'7{{56}}\\.\\.\\.$"),
        *((lambda a=a: check_rng(a), TypeError, f"{RNG}{a!r}$") for a in ("seed", -1, 2**32, True)),
        (lambda: check_one_number("f gave", [1, 2], "!"), TypeError, r"f gave a number, got \[1, 2\]!$"),
        (lambda: check_one_number("f gave", np.ones(0), "!"), TypeError, r"f gave a number, got .* \(0,\) .*float64!$"),
        *((lambda a=a: check_one_number("f", a, "!"), TypeError, ".*[^!]$") for a in (None, "1", 1j, (1, np.ones(2)))),
        (lambda: check_array("a", [[1, 2], [3]], 2), TypeError, "a must be an array of real numbers, 2-dimensional"),
        (lambda: check_array("a", [1j], 1), TypeError, "a must hold real numbers, got an array of .* complex128"),
        (lambda: check_array("a", [1, 2], 2), ValueError, r"a must have 2 dimension\(s\), got .* \(2,\)"),
        (lambda: check_array("a", [[1, 2]], 2, 3), ValueError, r"a must have 3 columns, got .* \(1, 2\)"),
        (lambda: check_array("a", [], 1), ValueError, r"a must not be empty, got an array of shape \(0,\)"),
        (lambda: check_array("a", [1, np.nan], 1), ValueError, "a must hold finite numbers, got nan at row 1$"),
        (lambda: check_array("a", BIG, 2), ValueError, "a must hold finite numbers, got inf at row 2041, column 1$"),
        (lambda: check_array("a", MASKED, 1), TypeError, r"a must not be a masked array: pass a.filled\(value\)"),
        (lambda: check_array("a", [[0, 1, 2], MASKED], 2), TypeError, "a must not be a masked array"),
        (lambda: check_array("a", np.ma.array([0, 1]), 1), TypeError, "a must not be a masked array"),
        (lambda: check_labels("y", MASKED, 3, 3), TypeError, "y must not be a masked array"),
        (lambda: check_labels("y", [0, 1], 3, 2), ValueError, "y must hold one label for each of 3 rows, got 2$"),
        *((lambda y=y: check_labels("y", [0, y], 2, 2), ValueError, f"{LABELS}{y} at row 1$") for y in (2, -1, 0.5)),
        (lambda: check_labels("y", [True, False], 2, 2), TypeError, f"{LABELS}.* bool$"),
        (lambda: check_calls(b=len, a=3), TypeError, "a must be None or a function, got 3$"),
        (lambda: check_dtype(int), TypeError, "dtype must be a floating-point type .* got <class 'int'>$"),
        (lambda: check_dtype("real"), TypeError, "dtype must be a floating-point type .* got 'real'$"),
        (
            lambda: check_dtype("float16", np.float32),
            TypeError,
            "dtype must be .* got 'float16'$",
        ),
        (lambda: check_params({"W1": 0, "b1": 0}), ValueError, "params must have W1, b1, W2 and b2, W2 is missing$"),
        (lambda: params_with(b1=np.ones((1, 3))), ValueError, r"params must have W1 \(D, H\).* got \(1, 3\) for b1$"),
        (lambda: params_with(b1=np.ones(2)), ValueError, r"params\['b1'\] must have shape \(3,\), got \(2,\)$"),
        (lambda: params_with(b2=np.ones(2)), ValueError, r"params\['b2'\] must have shape \(4,\), got \(2,\)$"),
        (
            lambda: params_with(W2=np.ones((2, 4))),
            ValueError,
            r"params\['W2'\] must have shape \(3, 4\)",
        ),
        (lambda: params_with(b1=np.ones(3, int)), TypeError, r"params\['b1'\] must be float32 or .* got int64$"),
        (lambda: params_with(b1=np.ones(3, "f2")), TypeError, r"params\['b1'\] must be float32 or .* got float16$"),
        (lambda: params_with(b1=[1.0, 2.0, 3.0]), TypeError, r"params\['b1'\] must be float32 or .* got list$"),
        (lambda: check_loss([1.0, GOOD], GOOD), TypeError, "loss must return a number and a dict of gradients"),
        (lambda: check_loss((1.0, GOOD, 2), GOOD), TypeError, "loss must return a number and a dict of"),
    ],
)
def test_refused_values(call, error, message):
    """The error has the correct type. It names the argument, what it must be and what it was."""
    with pytest.raises(error, match=f"^{message}"):
        call()


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
    with pytest.warns(PendingDeprecationWarning):
        matrix = np.matrix([[1.0, 2.0], [3.0, 4.0]])
    assert type(check_array("a", matrix, 2)) is np.ndarray  # the * of matrices is a matrix product
    assert check_array("a", [np.nan], 1, finite=False).size == 1  # this check is left out if asked
    big = np.full((3, 2), 1e308)  # an overflow of the sum is not an error
    assert check_array("a", big, 2) is big


def test_labels_become_integers():
    """Whole floats and every integer type become int64. The largest class is accepted."""
    for labels in ([0, 1, 2], np.array([0.0, 1.0, 2.0]), np.array([0, 1, 2], np.uint8)):
        checked = check_labels("y", labels, 3, 3)
        assert checked.dtype == np.int64 and checked.tolist() == [0, 1, 2]
