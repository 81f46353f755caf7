"""Checks a two-layer net, stage by stage."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from checks import BIASES, Rng, check_array, check_labels, check_rng

from . import probes, stages
from .findings import Answer
from .interfaces import wrap
from .loading import SIZES
from .matching import explain, find
from .numeric import check_numerically, contradicts
from .reference import NAMES, Penalties, Reference, agree
from .report import NetReport
from .training import probe_predictions, probe_training


def check_net(
    net: Any, X: ArrayLike, y: ArrayLike, reg: float = 0.1,
    *, h: float = 1e-5, tolerance: float = 1e-7, max_checks: int = 100, rng: Rng = None,
) -> NetReport:  # fmt: skip
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
    params = getattr(net, "params", None)
    report.add(find(stages.PARAMS, params if hasattr(params, "get") else {}))
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
    own = Reference(net.params, X, y, sigmoid=net.sigmoid)
    calls, wrong, judged = probes.call_as_given(net, X, y, reg), [], False
    if calls.error is not None and calls.scores is not None:
        wrong = _compare_scores(net, own, calls.scores)
        calls.scores_correct = not wrong
    report.add(find(stages.FORM, calls) + wrong)
    usable = not report.skips(stages.SCORES)
    try:
        if usable:
            judged = _compare(net, own, reg, calls, report)
        if calls.loss is not None:
            if not report.skips(stages.OVERFLOW):
                known = any({"loss", "scores"} & set(finding.names) for finding in report.found)
                report.add(find(stages.OVERFLOW, probes.probe_extremes(net, known)))
            if not report.skips(stages.NUMERIC) and "backward" not in calls.missing:
                _check_rows(net, (X, y, reg), report, judged, *numeric)
            if len(calls.names) == len(NAMES) and not calls.missing:
                _check_training(net, X, calls, report)
    except Exception as error:
        if error is not net.failed:
            raise
        report.add(find(stages.OTHER_INPUTS, probes.describe_failure(net, X, y, reg, error)))
    if usable and not report.has(stages.SCORES):
        calls.others_wrong = not report.ok
        report.add(find(stages.UNFINISHED, calls))
    report.add(find(stages.UNCHECKED, net) if report.ok else [])
    report.stage = _find_stage(calls, report)


def _compare(net, own, reg, calls, report):
    """Compare scores, loss, gradients and penalty, if they exist, with the correct formulas.

    Return whether loss and gradients are compared. They are not if they depend on wrong scores.
    """
    both = own, fresh = own, probes.fresh_reference(net, own.N)
    if calls.loss is not None:
        ratios = [net.ask(r.params, r.X, r.y)[0] / (r.right["loss"] or np.nan) for r in both]
        own.loss_factor = fresh.loss_factor = ratios[0] if agree(*ratios) and not agree(ratios[0], 1.0) else None
    found, fresh_found = (_compare_with(net, r, calls) for r in both)
    report.add(_more_reliable(found, fresh_found))
    if calls.loss is None or report.has(stages.SCORES) and not own.agrees("loss", net.ask(own.params, own.X, own.y)[0]):
        return False
    if report.ok and not report.skips(stages.LOSS_PRECISION):
        report.add(find(stages.LOSS_PRECISION, probes.is_imprecise(net, own)))
    if report.skips(stages.PENALTY) or not net.penalty or not report.ok and not fresh_found:  # wrong here only
        return True
    factors = probes.penalty_factors(net, own.X, own.y, calls.names)
    report.add(_not_of_changes(calls, explain(stages.PENALTY, factors, Penalties(factors, calls.names))))
    for r, strength in ((own, reg or probes.PROBE_REG), (fresh, probes.PROBE_REG)):
        if report.ok:
            report.add(find(stages.JOINT_PENALTY, probes.probe_joint_penalty(net, r, strength, factors, calls.names)))
    return True


def _more_reliable(found, fresh):
    """Return the findings for data of the check if they differ: in others, sizes may be equal by chance."""

    def causes(findings):
        return {(finding.mistake.sentence, finding.names) for finding in findings if not finding.mistake.note}

    return fresh if causes(fresh) and causes(fresh) != causes(found) else found


def _not_of_changes(calls, found):
    """Leave out what may be a consequence of parameters that loss changes: findings without a cause."""
    changed = set(calls.changed) & set(NAMES)
    return [finding for finding in found if not changed or not (finding.mistake.vague or "k" in finding.values)]


def _compare_scores(net, r, scores):
    """Compare scores and, if they are correct and the net can tell it, the hidden layer."""
    answers = {"scores": np.asarray(scores, dtype=np.float64)}
    if r.agrees("scores", scores):
        answers |= net.hidden(r.params, r.X)
    return find(stages.PRECISION, Answer("scores", answers, r)) or explain(stages.SCORES, answers, r)


def _compare_with(net, r, calls):
    """Compare the scores, and the loss and gradients without penalty, if they do not depend on wrong scores."""
    found = _compare_scores(net, r, net.ask(r.params, r.X))
    if calls.loss is None or any(finding.mistake.stage == stages.PRECISION for finding in found):
        return found
    loss, grads = net.ask(r.params, r.X, r.y)
    if found and not r.agrees("loss", loss):
        return found
    answers = {"loss": loss, **{name: grads[name] for name in calls.names}}
    for name in answers:
        if precision := find(stages.PRECISION, Answer(name, answers, r)):
            return found + precision
    return found + _not_of_changes(calls, explain(stages.ANSWERS, answers, r))


def _check_rows(net, data, report, judged, h, tolerance, max_checks, rng):
    """Compare the gradients with numeric derivatives, and report unexplained differences."""
    unexplained = report.ok and not any("loss" in finding.names for finding in report.found)
    report.rows, at_kinks = check_numerically(net, data, h, max_checks, rng)
    for name in at_kinks:
        report.add(find(stages.KINKS, name))
    for row in report.rows:
        # If the scores are wrong, the correct gradients are unknown. The gradients must then be
        # those of the net's own loss, but a bias that the scores lack is not a second mistake.
        lacking = row.name in BIASES and row.numeric == 0
        of_own_loss = not judged and report.has(stages.SCORES) and not row.error <= tolerance and not lacking
        if of_own_loss or unexplained and contradicts(net, row, data, h):
            report.add(find(stages.NUMERIC, row))


def _check_training(net, X, calls, report):
    """Check ``train`` and ``predict``, if the net has these methods and all gradients."""
    shapes = all(np.shape(calls.grads[name]) == net.params[name].shape for name in NAMES)
    if net.has("train") and shapes and not report.skips(stages.SCORES) and not calls.changed:
        report.add(find(stages.TRAIN, probe_training(net)))
    if net.has("predict") and np.shape(calls.scores) == (len(X), len(net.params["b2"])):
        if np.isfinite(calls.scores).all():
            report.add(find(stages.PREDICT, probe_predictions(net, X)))


def _find_stage(calls, report):
    """Return the first stage of the work that is missing or wrong, or "done"."""
    if calls.scores is None or report.has(stages.SCORES):
        return "scores"
    unwritten = calls.loss is None or {"softmax_loss", "penalty"} & set(calls.missing)
    if unwritten or report.has(stages.OVERFLOW) or any("loss" in finding.names for finding in report.wrong):
        return "loss"
    early = any(finding.mistake.stage not in (stages.TRAIN, stages.PREDICT) for finding in report.wrong)
    late = (stage for stage in (stages.TRAIN, stages.PREDICT) if report.has(stage) and not early)
    return next(late, "done" if report.ok else "gradients")


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
