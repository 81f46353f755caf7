"""Checks a two-layer net, stage by stage."""

from dataclasses import replace

import numpy as np

from checks import BIASES, check_array, check_labels, check_rng

from . import probes, stages
from .findings import Answer
from .interfaces import wrap
from .loading import SIZES
from .matching import explain, find
from .numeric import check_numerically, contradicts
from .reference import NAMES, Penalties, Reference
from .report import NetReport
from .training import probe_predictions, probe_training


def check_net(net, X, y, reg=0.1, *, h=1e-5, tolerance=1e-7, max_checks=100, rng=None):
    """Check a two-layer net and say what is wrong with it.

    The check follows the order of work: scores, loss, gradients, the update in ``train``,
    ``predict``.

    Parameters
    ----------
    net : object
        A net of any class. Like `TwoLayerNet`, it has ``params`` with W1, b1, W2 and b2, and the
        methods ``loss(X)`` and ``loss(X, y, reg)``. interfaces.py lists other nets that are known.
        The check uses float64 copies of the parameters. The net may be unfinished: ``loss`` may
        return None, a loss of None, or the gradients of some parameters only.
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
    report.add(find(stages.PARAMS, net.params))
    if report.found:
        return report
    net = wrap(net)
    report.add(find(stages.INTERFACE, net))
    X = check_array("X", X, 2, len(net.params["W1"])).astype(np.float64)
    y = check_labels("y", y, len(X), len(net.params["b2"]))
    rng = check_rng(rng)
    with net.quiet():
        _check_stages(net, X, y, reg, report, h, tolerance, max_checks, rng)
    report.add(find(stages.PRINTS, net.lines_printed))
    return report


def _check_stages(net, X, y, reg, report, *numeric):
    """Check a net stage by stage. `numeric` are further arguments of the numeric check."""
    calls = probes.call_as_given(net, X, y, reg)
    usable, judged = _check_form(net, X, y, calls, report), False
    try:
        if usable:
            judged = _compare(net, X, y, reg, calls, report)
        if calls.loss is not None and not report.skips(stages.OVERFLOW):
            known = any({"loss", "scores"} & set(finding.names) for finding in report.found)
            report.add(find(stages.OVERFLOW, probes.probe_extremes(net, known)))
        if calls.loss is not None and not report.skips(stages.NUMERIC):
            _check_rows(net, (X, y, reg), report, judged, *numeric)
        _check_training(net, X, y, calls, report)
    except Exception as error:
        if error is not net.failed:
            raise
        report.add(find(stages.OTHER_INPUTS, probes.describe_failure(net, X, y, reg, error)))
    if usable and not report.has(stages.SCORES):
        report.add(find(stages.UNFINISHED, replace(calls, others_wrong=not report.ok)))
    report.stage = _find_stage(calls, report)


def check_with_random_data(net):
    """Check a net of `loading.SIZES` with random parameters, which replace its own, and random data of five rows."""
    if not hasattr(net.params, "items"):
        raise TypeError(f"params must be a dict with W1, b1, W2 and b2, got {type(net.params).__name__}")
    rng, units = np.random.default_rng(0), dict(zip(BIASES, SIZES[1:3], strict=True))
    for name in [name for name in net.params if name in NAMES]:
        old = net.params[name]
        new = 0.5 * rng.standard_normal(np.shape(old) or units.get(name, ()))  # biases of zero hide mistakes
        if isinstance(old, np.ndarray) and old.shape == new.shape and old.dtype == np.float64 and old.flags.writeable:
            old[...] = new  # layers of the net may hold this array
        else:
            net.params[name] = new
    return check_net(net, rng.standard_normal((5, SIZES[0])), np.array([0, 1, 2, 2, 1]), rng=rng)


def _check_form(net, X, y, calls, report):
    """Check the types of the answers; return whether they can be compared. If only scores exist, compare them."""
    wrong_scores = []
    if calls.error is not None and calls.scores is not None:
        wrong_scores = _compare_scores(calls.scores, _own_reference(net, net.params, X, y))
        calls = replace(calls, scores_correct=not wrong_scores)
    report.add(find(stages.FORM, calls) + wrong_scores)
    return not report.skips(stages.SCORES)


def _own_reference(net, params, X, y, remark=""):
    return Reference(params, X, y, remark, net.sigmoid)


def _compare(net, X, y, reg, calls, report):
    """Compare scores, loss, gradients and penalty, if they exist, with the correct formulas.

    Return whether loss and gradients are compared. They are not if they depend on wrong scores.
    """
    params, remark = dict(net.params), ""
    for name in BIASES:
        if not params[name].any():  # biases of zero would hide mistakes
            params[name] = 0.3 * np.cos(1.0 + np.arange(params[name].size))
            remark = " (with nonzero biases in place of your zeros)"
    own = _own_reference(net, params, X, y, remark)
    fresh = probes.fresh_reference(net, (len(X),), " (with parameters and data of the check)", own.sigmoid)
    found, fresh_found = _compare_with(net, own, calls), _compare_with(net, fresh, calls)
    report.add(_more_reliable(found, fresh_found))
    if report.ok and remark:
        report.add(_compare_with(net, _own_reference(net, net.params, X, y), calls))
        if not report.ok:  # wrong for biases of zero only
            return True
    if calls.loss is None or report.has(stages.SCORES) and not own.agrees("loss", net.ask(params, X, y)[0]):
        return False
    if report.ok and not report.skips(stages.LOSS_PRECISION):
        report.add(find(stages.LOSS_PRECISION, probes.is_imprecise(net, own)))
    if report.skips(stages.PENALTY) or not net.penalty:
        return True
    factors = probes.penalty_factors(net, X, y, calls.names)
    report.add(_not_of_changes(calls, explain(stages.PENALTY, factors, Penalties(factors))))
    for reference, strength in ((own, reg or probes.PROBE_REG), (fresh, probes.PROBE_REG)):
        if report.ok:
            joint = probes.probe_joint_penalty(net, reference, strength, factors, calls.names)
            report.add(find(stages.JOINT_PENALTY, joint))
    return True


def _more_reliable(found, fresh):
    """Return the findings for data of the check if they differ: in others, sizes may be equal by chance."""

    def causes(findings):
        return {(finding.mistake.sentence, finding.names) for finding in findings if not finding.mistake.note}

    return fresh if causes(fresh) and causes(fresh) != causes(found) else found


def _not_of_changes(calls, found):
    """Leave out what may be a consequence of parameters that loss changes: findings without a cause."""
    if not set(calls.changed) & set(NAMES):
        return found
    return [finding for finding in found if not (finding.mistake.vague or "k" in finding.values)]


def _compare_scores(scores, reference):
    answers = {"scores": np.asarray(scores, dtype=np.float64)}
    evidence = Answer("scores", answers, reference)
    return find(stages.PRECISION, evidence) or explain(stages.SCORES, answers, reference)


def _compare_with(net, reference, calls):
    """Compare the scores, and the loss and gradients without penalty, if they do not depend on wrong scores."""
    found = _compare_scores(net.ask(reference.params, reference.X), reference)
    if calls.loss is None or any(finding.mistake.stage == stages.PRECISION for finding in found):
        return found
    loss, grads = net.ask(reference.params, reference.X, reference.y, 0.0)
    if found and not reference.agrees("loss", loss):
        return found
    answers = {"loss": loss, **{name: grads[name] for name in calls.names}}
    for name in answers:
        if precision := find(stages.PRECISION, Answer(name, answers, reference)):
            return found + precision
    return found + _not_of_changes(calls, explain(stages.ANSWERS, answers, reference))


def _check_rows(net, data, report, judged, h, tolerance, max_checks, rng):
    """Compare the gradients with numeric derivatives, and report unexplained differences."""
    unexplained = report.ok and not any("loss" in finding.names for finding in report.found)
    report.rows, at_kinks = check_numerically(net, data, h, max_checks, rng)
    for name in at_kinks:
        report.add(find(stages.KINKS, name))
    for row in report.rows:
        # If the scores are wrong, the correct gradients are unknown. The gradients must then be
        # those of the net's own loss.
        of_own_loss = not judged and report.has(stages.SCORES) and not row.error <= tolerance
        if of_own_loss or unexplained and contradicts(net, row, data, h):
            report.add(find(stages.NUMERIC, row))


def _check_training(net, X, y, calls, report):
    """Check ``train`` and ``predict`` of a net that has all gradients, if it has these methods."""
    if calls.loss is None or len(calls.names) < len(NAMES) or report.has(stages.OTHER_INPUTS):
        return
    shapes = all(np.shape(calls.grads[name]) == net.params[name].shape for name in NAMES)
    sigmoid, C = net.sigmoid, len(net.params["b2"])
    if net.has("train") and shapes and not report.skips(stages.SCORES) and not calls.changed:
        report.add(find(stages.TRAIN, probe_training(net, sigmoid)))
    if net.has("predict") and np.shape(calls.scores) == (len(X), C) and np.isfinite(calls.scores).all():
        report.add(find(stages.PREDICT, probe_predictions(net, X, sigmoid)))


def _find_stage(calls, report):
    """Return the first stage of the work that is missing or wrong, or "done"."""
    if calls.scores is None or report.has(stages.SCORES):
        return "scores"
    if calls.loss is None or report.has(stages.OVERFLOW) or any("loss" in finding.names for finding in report.wrong):
        return "loss"
    early = any(finding.mistake.stage not in (stages.TRAIN, stages.PREDICT) for finding in report.wrong)
    late = (stage for stage in (stages.TRAIN, stages.PREDICT) if report.has(stage) and not early)
    return next(late, "done" if report.ok else "gradients")
