"""Tests of exercise.judge: sentences about answers, and points."""

import numpy as np
import pytest

from exercise.cases import Case
from exercise.judge import judge, points
from exercise.parts import Part

RIGHT = np.array([[1.0, -2.0], [3.0, 4.0]])
SINGLE = RIGHT.astype(np.float32)


@pytest.mark.parametrize(
    "got, right, typed, words",
    [
        (RIGHT + 4e-9, RIGHT, False, ""),
        (RIGHT + 6e-9, RIGHT, False, "scores at (0, 0) is 1, but not precisely: it differs by 6e-09"),
        (RIGHT + [[0, 0], [0, 8e-9]], RIGHT, False, "scores at (1, 1) is 4, but not precisely: it differs by 8e-09"),
        (RIGHT.ravel(), RIGHT, False, "scores has the shape (4,), not (2, 2)"),
        (RIGHT.T, RIGHT, False, "scores at (0, 1) is 3 and should be -2"),
        (2 * RIGHT, RIGHT, False, "scores at (1, 1) is 8 and should be 4: all of it is 2 times"),
        ((1 + 1e-7) * RIGHT, RIGHT, False, "scores at (1, 1) is 4.0000004 and should be 4"),
        (0 * RIGHT, RIGHT, False, "scores at (1, 1) is 0 and should be 4"),
        (np.where(RIGHT == 3, np.nan, RIGHT), RIGHT, False, "scores is nan at (1, 0)"),
        (RIGHT + 1j, RIGHT, False, "scores must hold numbers, but is of type complex128"),
        (SINGLE, RIGHT, False, ""),
        (SINGLE, RIGHT, True, "scores has the type float32, not float64"),
        (RIGHT, SINGLE, True, "scores has the type float64, not float32"),
        ((1 + 5e-5) * RIGHT, SINGLE, False, ""),
        ((1 + 5e-4) * SINGLE, SINGLE, False, "all of it is 1.0005 times"),
        (None, RIGHT, False, "scores must hold numbers, but is None"),
        ([1.0, 2.0], [1, 2], True, "scores has the type float64, not int64"),
        (np.array([1, 2], np.int32), [1, 2], True, ""),
        (1.5, 1.0, False, "scores is 1.5 and should be 1"),
        (np.nan, 1.0, False, "scores is nan"),
        (True, False, False, "scores"),
        (np.zeros((0, 2)), np.zeros((0, 2)), False, ""),
        (1e300 * RIGHT, 1e-300 * RIGHT, False, "scores at (1, 1) is 4e+300 and should be 4e-300"),
    ],
)
def test_sentences(got, right, typed, words):
    """Sentences name a wrong shape, value or factor. The type counts only if a case asks for it."""
    case = Case("forward", "scores", "a case", {"X": RIGHT}, ("scores",), typed)
    sentence = judge(case, {"scores": np.asarray(got)}, {"scores": np.asarray(right)})
    assert words in sentence and bool(words) == bool(sentence)
    assert ("all of it" in words) == ("all of it" in sentence)


def test_missing_answers_and_changed_arguments():
    """Missing answers and changed arguments are found before values are compared."""
    case = Case("forward", "scores", "a case", {"X": RIGHT}, ("scores",))
    expected = {"scores": RIGHT}
    assert judge(case, {"changed": np.array([], dtype=str)}, expected) == "scores is missing"
    assert judge(case, {"scores": RIGHT, "changed": np.array(["X"])}, expected) == "X must not be changed in place"
    assert judge(case, {"scores": RIGHT, "changed": np.array(["<b>"])}, expected) == ""  # not the name of an argument
    assert judge(case, "raises ValueError: no", expected) == "raises ValueError: no"


def test_points():
    """An aspect gives points for its share of right cases, and 0 without cases."""
    part = Part("forward", "", 2, "", {"scores": 8, "hidden": 3, "dropout": 2})
    some = [Case("forward", aspect, "", {}, ()) for aspect in ("scores", "scores", "scores", "hidden")]
    verdicts = list(zip(some, ["", "wrong", "", ""], strict=True))
    assert points(part, verdicts) == {"scores": 5.33, "hidden": 3, "dropout": 0}
