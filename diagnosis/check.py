"""Checks a two-layer net, stage by stage."""

from dataclasses import replace

import numpy as np

from checks import BIASES, check_array, check_labels, check_rng

from . import stages
from .findings import Finding
from .loading import SIZES
from .matching import explain_answers, explain_penalty, find_mistakes
from .mistakes import MISTAKES
from .numeric import check_numerically, contradicts
from .probes import (
    PROBE_REG,
    NetUnderTest,
    call_as_given,
    is_imprecise,
    penalty_factors,
    probe_joint_penalty,
    zero_scores,
)
from .reference import NAMES, Reference
from .report import NetReport
from .training_probe import probe_predictions, probe_training


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
        if the scores are wrong, because then the correct gradients are unknown.
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
    report.add(find_mistakes(stages.PARAMS, net.params))
    if report.found:
        return report
    net = NetUnderTest(net)
    X = check_array("X", X, 2, len(net.params["W1"])).astype(np.float64)
    y = check_labels("y", y, len(X), len(net.params["b2"]))
    calls = call_as_given(net, X, y, reg)
    _check_form(net, X, y, calls, report)
    try:
        if report.skips(stages.SCORES):
            report.add([] if report.skips(stages.OVERFLOW) else _explain_overflow(net))
        else:
            _compare(net, X, y, reg, calls, report)
    except Exception as error:
        report.add(find_mistakes(stages.OTHER_INPUTS, error))
    if calls.loss is not None and not report.skips(stages.NUMERIC):
        _check_rows(net, (X, y, reg), report, h, tolerance, max_checks, check_rng(rng))
    if report.ok:
        report.add(find_mistakes(stages.UNFINISHED, calls))
    if report.ok:
        _check_training(net, X, y, report)
    report.stage = _find_stage(calls, report)
    report.add(find_mistakes(stages.PRINTS, net.lines_printed))
    return report


def check_with_random_data(net):
    """Check a net with random parameters, which replace its own, and random data of five rows.

    Parameters
    ----------
    net : object
        As for `check_net`, created with `loading.SIZES`.

    Returns
    -------
    NetReport
        The same for each call.
    """
    if net.params is None or not hasattr(net.params, "items"):
        raise TypeError(f"params must be a dict with W1, b1, W2 and b2, got {type(net.params).__name__}")
    rng = np.random.default_rng(0)
    for name, param in net.params.items():
        net.params[name] = 0.5 * rng.standard_normal(np.shape(param))  # biases too: biases of zero hide mistakes
    return check_net(net, rng.standard_normal((5, SIZES[0])), np.array([0, 1, 2, 2, 1]), rng=rng)


def _check_form(net, X, y, calls, report):
    """Check the types of the answers. If only the scores exist, check whether they are correct."""
    wrong_scores = []
    if calls.error is not None and calls.scores is not None:
        wrong_scores = _compare_scores(calls.scores, Reference(net.params, X, y))
        calls = replace(calls, scores_correct=not wrong_scores)
    report.add(find_mistakes(stages.FORM, calls) + wrong_scores)


def _compare(net, X, y, reg, calls, report):
    """Compare scores, loss, gradients and penalty, if they exist, with the correct formulas."""
    params, remark = dict(net.params), ""
    for name in BIASES:
        if not params[name].any():  # biases of zero would hide mistakes
            params[name] = 0.3 * np.cos(1.0 + np.arange(params[name].size))
            remark = " (with nonzero biases in place of your zeros)"
    reference = Reference(params, X, y, remark)
    report.add(_compare_scores(net.ask(params, X), reference))
    if report.has(stages.SCORES, stages.PRECISION) or calls.loss is None:  # everything else depends on the scores
        return

    report.add(_compare_answers(net, reference, calls.names))
    if report.ok and remark:  # a net may be wrong only for biases of zero
        report.add(_compare_answers(net, Reference(net.params, X, y), calls.names))
        if not report.ok:
            return
    if report.ok:
        report.add(find_mistakes(stages.LOSS_PRECISION, is_imprecise(net, reference)))
    if report.has(stages.PRECISION, stages.LOSS_PRECISION):
        return
    factors = penalty_factors(net, X, y, calls.names)
    report.add(explain_penalty(factors))
    if report.ok:
        reg = reg or PROBE_REG
        wrong = probe_joint_penalty(net, params, X, y, reg, factors, calls.names)
        report.add(find_mistakes(stages.JOINT_PENALTY, (wrong, reg, factors)))
    if not report.skips(stages.OVERFLOW):
        report.add(_explain_overflow(net))


def _compare_scores(scores, reference):
    scores = np.asarray(scores, dtype=np.float64)
    evidence = "the array of scores", scores, reference.scores, reference.floor["scores"]
    return find_mistakes(stages.PRECISION, evidence) or explain_answers(stages.SCORES, {"scores": scores}, reference)


def _compare_answers(net, reference, names):
    """Compare the loss and the gradients of the named parameters, both without penalty."""
    loss, grads = net.ask(reference.params, reference.X, reference.y, 0.0)
    answers = {"loss": loss, **{name: grads[name] for name in names}}
    for name, answer in answers.items():
        what = f"the gradient of {name}" if name in NAMES else "the loss"
        if found := find_mistakes(stages.PRECISION, (what, answer, reference.right[name], reference.floor[name])):
            return found
    return explain_answers(stages.ANSWERS, answers, reference)


def _explain_overflow(net):
    """Try inputs with large scores; report the first one with an infinite loss or NaN."""

    def is_finite(params, X, y):
        return np.isfinite(net.ask(params, X, y)[0])

    if not is_finite(*zero_scores(net.params)):
        return []  # large scores are not the cause
    for mistake in MISTAKES:
        if mistake.stage == stages.OVERFLOW and not is_finite(*mistake.formula(net.params)):
            return [Finding(mistake)]
    return []


def _check_rows(net, data, report, h, tolerance, max_checks, rng):
    """Compare the gradients with numeric derivatives, and report unexplained differences."""
    unexplained = report.ok
    report.rows, at_kinks = check_numerically(net, data, h, max_checks, rng)
    for name in at_kinks:
        report.add(find_mistakes(stages.KINKS, name))
    for row in report.rows:
        # If the scores are wrong, the correct gradients are unknown. The gradients must then be
        # those of the net's own loss.
        of_own_loss = report.has(stages.SCORES) and not row.error <= tolerance
        if of_own_loss or unexplained and contradicts(net, row, data, h):
            report.add(find_mistakes(stages.NUMERIC, row))


def _check_training(net, X, y, report):
    """Check ``train`` and ``predict`` of a net with correct gradients, if it has these methods."""
    if net.has("train"):
        report.add(find_mistakes(stages.TRAIN, probe_training(net, X, y)))
    if net.has("predict"):
        found = (find_mistakes(stages.PREDICT, prediction) for prediction in probe_predictions(net, X))
        report.add(next(filter(None, found), []))


def _find_stage(calls, report):
    """Return the first stage of the work that is missing or wrong, or "done"."""
    if calls.scores is None or report.has(stages.SCORES):
        return "scores"
    if calls.loss is None or report.has(stages.OVERFLOW) or any("loss" in finding.names for finding in report.found):
        return "loss"
    return next(
        (stage for stage in (stages.TRAIN, stages.PREDICT) if report.has(stage)), "done" if report.ok else "gradients"
    )
