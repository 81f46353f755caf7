"""Checks a two-layer net, stage by stage."""

import numpy as np

from checks import check_array, check_labels, check_rng

from .explain import explain_answers, explain_penalty, notice
from .findings import Finding
from .mistakes import MISTAKES
from .numeric import check_numerically, contradicts
from .probes import PROBE_REG, NetUnderTest, call_as_given, penalty_at_once, penalty_factors
from .reference import BIASES, NAMES, Reference
from .report import NetReport
from .stages import ANSWERS, AT_ONCE, ELSEWHERE, FORM, KINKS, NUMERIC, OVERFLOW, PARAMS, PRECISION, PRINTS, SCORES


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
        If the parameters are not those of a two-layer net, or X and y are no data for it.

    Notes
    -----
    A coordinate is skipped if the step flips the sign of a hidden unit for some row: the loss has a kink there, and
    the numeric derivative is that of neither side.
    """
    report = NetReport()
    report.add(notice(PARAMS, net.params))
    if report.found:
        return report
    net = NetUnderTest(net)
    X = check_array("X", X, 2, len(net.params["W1"])).astype(np.float64)
    y = check_labels("y", y, len(X), len(net.params["b2"]))
    if _explain(net, X, y, reg, report):
        _check_rows(net, X, y, reg, report, h, tolerance, max_checks, check_rng(rng))
    report.add(notice(PRINTS, net.lines_printed))
    return report


def _check_rows(net, X, y, reg, report, h, tolerance, max_checks, rng):
    """Compare the gradients with numeric derivatives, and tell what nothing explains."""
    unexplained = report.ok
    report.rows, at_kinks = check_numerically(net, X, y, reg, h, max_checks, rng)
    for name in at_kinks:
        report.add(notice(KINKS, name))
    for row in report.rows:
        # Without right scores no right gradient is known: what counts then is the net's own loss.
        of_own_loss = report.has(SCORES) and not row.error <= tolerance
        if of_own_loss or unexplained and contradicts(net, row, X, y, reg, h):
            report.add(notice(NUMERIC, row))


def _explain(net, X, y, reg, report):
    """Explain what is wrong with a net; tell whether its gradients can be checked numerically."""
    report.add(notice(FORM, call_as_given(net, X, y, reg)))
    if report.hides(OVERFLOW):
        return False
    try:
        if report.hides(NUMERIC):
            report.add(_explain_overflow(net))
        else:
            _compare(net, X, y, reg, report)
    except Exception as error:
        report.add(notice(ELSEWHERE, error))
    return not report.hides(NUMERIC)


def _compare(net, X, y, reg, report):
    """Compare scores, loss and gradients with the right formulas."""
    params, remark = dict(net.params), ""
    for name in BIASES:
        if not params[name].any():  # biases of zero would hide mistakes
            params[name] = 0.3 * np.cos(1.0 + np.arange(params[name].size))
            remark = ", with biases other than your zeros"
    reference = Reference(params, X, y, remark)
    scores = np.asarray(net.ask(params, X), dtype=np.float64)
    report.add(notice(PRECISION, ("an array of scores", scores, reference.scores, reference.floor["scores"])))
    if not report.has(PRECISION):
        report.add(explain_answers(SCORES, {"scores": scores}, reference)[0])
    if report.has(SCORES) or report.has(PRECISION):  # all the rest follows from them
        return

    answers = _answers(net, reference)
    for name, answer in answers.items():
        what = f"the gradient of {name}" if name in NAMES else "the loss"
        report.add(notice(PRECISION, (what, answer, reference.right[name], reference.floor[name])))
        if report.has(PRECISION):
            return
    report.add(explain_answers(ANSWERS, answers, reference)[0])
    if report.ok and remark:  # a net may be wrong for biases of zero only
        own = Reference(net.params, X, y)
        report.add(explain_answers(ANSWERS, _answers(net, own), own)[0])
        if not report.ok:
            return
    factors = penalty_factors(net, X, y)
    report.add(explain_penalty(factors))
    if report.ok:
        report.add(notice(AT_ONCE, penalty_at_once(net, params, X, y, reg or PROBE_REG, factors)))
    if not report.hides(OVERFLOW):
        report.add(_explain_overflow(net))


def _answers(net, reference):
    """Ask for the loss without penalty and its gradients, at the reference's parameters."""
    loss, grads = net.ask(reference.params, reference.X, reference.y, 0.0)
    return {"loss": loss, **{name: grads[name] for name in NAMES}}


def _explain_overflow(net):
    """Put questions that overflow if a net makes a mistake; stop at the first infinite loss or NaN."""
    zeros = {name: np.zeros_like(param) for name, param in net.params.items()}
    if not np.isfinite(net.ask(zeros, np.zeros((1, len(zeros["W1"]))), np.array([0]))[0]):
        return []  # it is not the size of the scores
    for mistake in MISTAKES:
        if mistake.stage == OVERFLOW and not np.isfinite(net.ask(*mistake.formula(net.params))[0]):
            return [Finding(mistake)]
    return []
