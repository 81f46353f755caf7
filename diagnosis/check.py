"""Checks a two-layer net, stage by stage."""

import numpy as np

from checks import check_rng

from .explain import explain_answers, explain_penalty, notice
from .findings import Finding
from .mistakes import ANSWERS, AT_ONCE, ELSEWHERE, FORM, KINKS, MISTAKES, NUMERIC, OVERFLOW, SCORES
from .numeric import check_numerically
from .probes import PROBE_REG, NetUnderTest, call_as_given, penalty_at_once, penalty_factors
from .reference import BIASES, NAMES, Reference
from .report import NetReport


def check_net(net, X, y, reg=0.1, *, h=1e-5, tolerance=1e-7, max_checks=100, rng=None):
    """Check a two-layer net's scores, loss and gradients, and say what is wrong.

    Parameters
    ----------
    net : object
        With ``params`` (just W1, b1, W2 and b2), ``loss(X)`` and ``loss(X, y, reg)`` as `TwoLayerNet` has them. It may
        be of a class of your own. Its parameters are taken as float64 and left as they are.
    X, y : array, shapes (N, D) and (N,)
        Data; a handful of rows is enough.
    reg : float
        Strength of the penalty.
    h : float
        Step of the numeric derivatives.
    tolerance : float
        Largest relative error against the numeric derivative that passes if the scores are wrong already, so that no
        right gradient is known.
    max_checks : int
        Largest number of coordinates of each parameter that are tried numerically. They are drawn at random if there
        are more.
    rng : None, int, RandomState or Generator
        Source of those coordinates.

    Returns
    -------
    NetReport

    Raises
    ------
    ValueError, TypeError
        If the parameters are not those of a two-layer net.

    Notes
    -----
    A coordinate is skipped if the step flips the sign of a hidden unit for some row: the loss has a kink there, and
    the numeric derivative is that of neither side.
    """
    net, X, y, report = NetUnderTest(net), np.asarray(X, dtype=np.float64), np.asarray(y), NetReport()
    report.add(notice(FORM, call_as_given(net, X, y, reg)))
    if report.hides(NUMERIC):
        return report
    try:
        _explain(net, X, y, reg, report)
    except Exception as error:
        report.add(notice(ELSEWHERE, error))
    report.rows, at_kinks = check_numerically(net, X, y, reg, h, max_checks, check_rng(rng))
    for name in at_kinks:
        report.add(notice(KINKS, name))
    for row in report.rows:
        # Without right scores no right gradient is known: what counts then is the net's own loss.
        if row.name in report.unexplained or report.has(SCORES) and not row.error <= tolerance:
            report.add(notice(NUMERIC, row))
    return report


def _explain(net, X, y, reg, report):
    """Compare scores, loss and gradients with the right formulas."""
    params = dict(net.params)
    for name in BIASES:
        if not params[name].any():  # biases of zero would hide mistakes
            params[name] = 0.3 * np.cos(1.0 + np.arange(params[name].size))
    reference = Reference(params, X, y)
    scores = np.asarray(net.ask(params, X), dtype=np.float64)
    report.add(explain_answers(SCORES, {"scores": scores}, reference)[0])
    if report.has(SCORES):  # all the rest follows from them
        return

    loss, grads = net.ask(params, X, y, 0.0)
    answers = {"loss": loss, **{name: grads[name] for name in NAMES}}
    found, report.unexplained = explain_answers(ANSWERS, answers, reference)
    report.add(found)
    factors = penalty_factors(net, X, y)
    report.add(explain_penalty(factors))
    if report.ok:
        without_half = factors["W1"] == (1, 2)
        report.add(notice(AT_ONCE, penalty_at_once(net, params, X, y, reg or PROBE_REG, without_half)))
    if not report.hides(OVERFLOW):
        report.add(_explain_overflow(net))


def _explain_overflow(net):
    """Put questions that overflow if a net makes a mistake; stop at the first infinite loss or NaN."""
    for mistake in MISTAKES:
        if mistake.stage == OVERFLOW and not np.isfinite(net.ask(*mistake.formula(net.params))[0]):
            return [Finding(mistake)]
    return []
