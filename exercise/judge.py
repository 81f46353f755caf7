"""Compares the answers of a student's function with the correct ones, and counts points."""

import numpy as np

from .cases import SCRATCH

TOLERANCE = {4: 1e-4, 8: 1e-9}  # relative tolerance, by bytes per number


def judge(case, answers, expected):
    """Compare the answers of a function in a `cases.Case` with the correct ones.

    Both are what `cases.call` returned. A sentence in place of answers says why there are none.
    Return a sentence that says what is wrong. It is empty if nothing is.
    """
    if isinstance(answers, str):
        return answers
    stay = case.arrays.keys() - (() if case.typed else SCRATCH.get(case.part, ()))
    changed = [str(name) for name in np.atleast_1d(answers.get("changed", [])) if str(name) in stay]
    if changed:
        return f"{', '.join(changed)} must not be changed in place"
    with np.errstate(all="ignore"):
        sentences = (_compare(name, answers.get(name), expected[name], case.typed) for name in case.outputs)
        return next(filter(None, sentences), "")


def _compare(name, got, right, typed):
    """Say how an answer differs from the correct one, or return ""."""
    if got is None:
        return f"{name} is missing"
    if got.dtype.kind not in "buif":
        is_none = got.dtype == object and got.ndim == 0 and got[()] is None
        return f"{name} must hold numbers, but is {'None' if is_none else f'of type {got.dtype}'}"
    if got.shape != right.shape:
        return f"{name} has the shape {got.shape}, not {right.shape}"
    if typed and (got.dtype.kind != right.dtype.kind or right.dtype.kind == "f" and got.dtype != right.dtype):
        return f"{name} has the type {got.dtype}, not {right.dtype}"
    if right.dtype.kind == "b":
        return "" if np.array_equal(got, right) else name
    tolerance = TOLERANCE.get(right.dtype.itemsize, 1e-9) if right.dtype.kind == "f" else 0
    got = got.astype(np.float64)
    difference = np.abs(got - right)
    if difference.max(initial=0) <= tolerance * (1 + np.abs(right).max(initial=0)):  # not so if it is NaN
        return ""
    where = np.unravel_index(difference.argmax(), got.shape)  # of the first NaN, if there is one
    place = f" at {tuple(map(int, where))}" if where else ""
    if not np.isfinite(got[where]):
        return f"{name} is {got[where]}{place}"
    is_now, should_be = f"{got[where]:.8g}", f"{right[where]:.8g}"
    if is_now == should_be:
        return f"{name}{place} is {is_now}, but not precisely: it differs by {difference[where]:.1g}"
    return f"{name}{place} is {is_now} and should be {should_be}{_factor(got, right, tolerance)}"


def _factor(got, right, tolerance):
    """Name the factor by which all numbers are wrong, or return ""."""
    right = right.astype(np.float64)
    size = np.vdot(right, right)
    k = np.vdot(right, got) / size if right.size > 1 and size > 0 else 0
    if k == 0 or f"{k:.6g}" == "1" or np.abs(got - k * right).max() > tolerance * (1 + np.abs(got).max()):
        return ""
    return f": all of it is {k:.6g} times what it should be"


def points(part, verdicts):
    """Return a dict from the aspects of a `parts.Part` to points: the share of right cases times the full points.

    `verdicts` has pairs of a `cases.Case` and what `judge` says of it.
    """
    gained = {}
    for aspect, full in part.points.items():
        right = [not verdict for case, verdict in verdicts if case.aspect == aspect]
        gained[aspect] = round(full * sum(right) / len(right), 2) if right else 0.0
    return gained
