"""Checks a two-layer net, stage by stage."""

from dataclasses import replace

import numpy as np

from checks import check_array, check_labels, check_rng

from .explain import explain_answers, explain_penalty, notice
from .findings import Finding
from .mistakes import MISTAKES
from .numeric import check_numerically, contradicts
from .probes import PROBE_REG, NetUnderTest, call_as_given, is_rough, penalty_at_once, penalty_factors
from .reference import BIASES, NAMES, Reference
from .report import NetReport
from .stages import (
    ANSWERS,
    AT_ONCE,
    ELSEWHERE,
    FORM,
    KINKS,
    NEXT,
    NUMERIC,
    OVERFLOW,
    PARAMS,
    PRECISION,
    PREDICT,
    PRINTS,
    ROUGH,
    SCORES,
    TRAIN,
)
from .training import ask_to_predict, ask_to_train


def check_net(net, X, y, reg=0.1, *, h=1e-5, tolerance=1e-7, max_checks=100, rng=None):
    """Check a two-layer net and say what is wrong with it.

    The check follows the order of work: scores, loss, gradients, the update in ``train``,
    ``predict``.

    Parameters
    ----------
    net : object
        A net of any class. Like `TwoLayerNet`, it has ``params`` with exactly W1, b1, W2 and b2,
        and the methods ``loss(X)`` and ``loss(X, y, reg)``. The check uses float64 copies of the
        parameters. The net may be unfinished: ``loss`` may return None, a loss of None, or the
        gradients of some parameters only.
    X, y : array, shapes (N, D) and (N,)
        Data. A few rows are enough.
    reg : float
        Strength of the penalty.
    h : float
        Step of the numeric derivatives.
    tolerance : float
        Largest relative error between gradient and numeric derivative that passes. It is used only
        if the scores are wrong, because then the right gradients are unknown.
    max_checks : int
        Largest number of coordinates of each parameter in the numeric check. If a parameter has
        more, the check draws some at random.
    rng : None, int, RandomState or Generator
        Source of the random coordinates.

    Returns
    -------
    NetReport

    Raises
    ------
    ValueError, TypeError
        If the parameters are not those of a two-layer net, or if X and y do not fit the net.

    Notes
    -----
    The numeric check skips a coordinate if the step changes the sign of a pre-activation in some
    row. The loss has a kink there, and the numeric derivative is not that of either side.
    """
    report = NetReport()
    report.add(notice(PARAMS, net.params))
    if report.found:
        return report
    net = NetUnderTest(net)
    X = check_array("X", X, 2, len(net.params["W1"])).astype(np.float64)
    y = check_labels("y", y, len(X), len(net.params["b2"]))
    calls = call_as_given(net, X, y, reg)
    if _explain(net, X, y, reg, calls, report) and calls.loss is not None:
        _check_rows(net, X, y, reg, report, h, tolerance, max_checks, check_rng(rng))
    if report.ok:
        report.add(notice(NEXT, calls))
    if report.ok:
        _check_training(net, X, y, report)
    report.stage = _find_stage(calls, report)
    report.add(notice(PRINTS, net.lines_printed))
    return report


def _find_stage(calls, report):
    """Return the first stage that is missing or wrong, or "done".

    The stages are "scores", "loss", "gradients", "update" and "predict".
    """
    if calls.scores is None or report.has(SCORES):
        return "scores"
    if calls.loss is None or report.has(OVERFLOW) or any("loss" in finding.names for finding in report.found):
        return "loss"
    return next((stage for stage in (TRAIN, PREDICT) if report.has(stage)), "done" if report.ok else "gradients")


def _check_training(net, X, y, report):
    """Check ``train`` and ``predict`` of a net with right gradients, if it has these methods."""
    if net.has("train"):
        report.add(notice(TRAIN, ask_to_train(net, X, y)))
    if net.has("predict"):
        told = (notice(PREDICT, prediction) for prediction in ask_to_predict(net, X))
        report.add(next(filter(None, told), []))


def _check_rows(net, X, y, reg, report, h, tolerance, max_checks, rng):
    """Compare the gradients with numeric derivatives, and report unexplained differences."""
    unexplained = report.ok
    report.rows, at_kinks = check_numerically(net, X, y, reg, h, max_checks, rng)
    for name in at_kinks:
        report.add(notice(KINKS, name))
    for row in report.rows:
        # If the scores are wrong, the right gradients are unknown. The gradients must then be
        # those of the net's own loss.
        of_own_loss = report.has(SCORES) and not row.error <= tolerance
        if of_own_loss or unexplained and contradicts(net, row, X, y, reg, h):
            report.add(notice(NUMERIC, row))


def _explain(net, X, y, reg, calls, report):
    """Report what is wrong with a net; tell whether a numeric check of its gradients is useful."""
    wrong_scores = []
    if calls.error is not None and calls.scores is not None:
        wrong_scores = _compare_scores(calls.scores, Reference(net.params, X, y))
        calls = replace(calls, scores_right=not wrong_scores)
    report.add(notice(FORM, calls) + wrong_scores)
    if report.hides(OVERFLOW):
        return False
    try:
        if report.hides(NUMERIC):
            report.add(_explain_overflow(net))
        else:
            _compare(net, X, y, reg, calls, report)
    except Exception as error:
        report.add(notice(ELSEWHERE, error))
    return not report.hides(NUMERIC)


def _compare(net, X, y, reg, calls, report):
    """Compare scores, loss and gradients with the right formulas, if they exist."""
    params, remark = dict(net.params), ""
    for name in BIASES:
        if not params[name].any():  # biases of zero would hide mistakes
            params[name] = 0.3 * np.cos(1.0 + np.arange(params[name].size))
            remark = " (with nonzero biases in place of your zeros)"
    reference = Reference(params, X, y, remark)
    report.add(_compare_scores(net.ask(params, X), reference))
    if report.has(SCORES) or report.has(PRECISION) or calls.loss is None:  # everything else depends on the scores
        return

    report.add(_compare_answers(net, reference, calls.names))
    if report.ok and remark:  # a net may be wrong only for biases of zero
        report.add(_compare_answers(net, Reference(net.params, X, y), calls.names))
        if not report.ok:
            return
    if report.ok:
        report.add(notice(ROUGH, is_rough(net, reference)))
    if report.has(PRECISION) or report.has(ROUGH):
        return
    factors = penalty_factors(net, X, y, calls.names)
    report.add(explain_penalty(factors))
    if report.ok:
        report.add(notice(AT_ONCE, penalty_at_once(net, params, X, y, reg or PROBE_REG, factors, calls.names)))
    if not report.hides(OVERFLOW):
        report.add(_explain_overflow(net))


def _compare_scores(scores, reference):
    scores = np.asarray(scores, dtype=np.float64)
    evidence = "the array of scores", scores, reference.scores, reference.floor["scores"]
    return notice(PRECISION, evidence) or explain_answers(SCORES, {"scores": scores}, reference)


def _compare_answers(net, reference, names):
    """Compare the loss and the gradients of the named parameters, both without penalty."""
    loss, grads = net.ask(reference.params, reference.X, reference.y, 0.0)
    answers = {"loss": loss, **{name: grads[name] for name in names}}
    for name, answer in answers.items():
        what = f"the gradient of {name}" if name in NAMES else "the loss"
        if found := notice(PRECISION, (what, answer, reference.right[name], reference.floor[name])):
            return found
    return explain_answers(ANSWERS, answers, reference)


def _explain_overflow(net):
    """Try inputs with large scores; report the first one with an infinite loss or NaN."""
    zeros = {name: np.zeros_like(param) for name, param in net.params.items()}
    if not np.isfinite(net.ask(zeros, np.zeros((1, len(zeros["W1"]))), np.array([0]))[0]):
        return []  # large scores are not the cause
    for mistake in MISTAKES:
        if mistake.stage == OVERFLOW and not np.isfinite(net.ask(*mistake.formula(net.params))[0]):
            return [Finding(mistake)]
    return []
