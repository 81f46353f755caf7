"""Say what is wrong with somebody's two-layer net: the net is asked, its answers are explained, sentences come out.

The known mistakes stand as formulas in gradient_findings.py.
"""

import warnings
from copy import deepcopy
from html import escape
from typing import NamedTuple

import numpy as np

from checks import check_params
from gradient_findings import (
    NAMES,
    PROBE_REG,
    PROBE_SCORE,
    WEIGHTS,
    Reference,
    describe_factor,
    explain_gradients,
    explain_loss,
    same,
)
from tables import Table


class Row(NamedTuple):
    """What the numeric check found for one parameter.

    `error` is the largest ``|numeric - analytic| / max(|numeric| + |analytic|, 0.001 max |gradient|, 1e-8)`` and
    `where` its coordinate; `checked` coordinates were tried, `skipped` ones lie at a kink of the ReLU.
    """

    name: str
    error: float
    where: tuple
    numeric: float
    analytic: float
    checked: int
    skipped: int


class NetReport:
    """What `check_net` returns; prints as a table and sentences.

    Attributes
    ----------
    ok : bool
        Whether there are no findings.
    rows : list of Row
        The numeric check, a row a parameter.
    findings : list of str
        What is wrong, and how to mend it.
    notes : list of str
        What is worth knowing, but not wrong.
    """

    def __init__(self):
        self.rows, self.findings, self.notes = [], [], []
        self.unexplained = []  # names of the parameters whose gradient is wrong for no known reason

    @property
    def ok(self):
        return not self.findings

    def _table(self):
        columns = ["parameter", "largest relative error", "where", "numeric", "analytic", "checked", "at kinks"]
        rows = [
            [r.name, f"{r.error:.1e}", ", ".join(map(str, r.where)), f"{r.numeric:.8g}", f"{r.analytic:.8g}", *r[5:]]
            for r in self.rows
        ]
        return Table(columns, rows)

    def _sentences(self):
        yield "No mistake found." if self.ok else f"{len(self.findings)} finding(s):"
        yield from self.findings
        yield from (f"Note: {note}" for note in self.notes)

    def __str__(self):
        return "\n".join([str(self._table()), *self._sentences()])

    __repr__ = __str__

    def _repr_html_(self):
        return self._table()._repr_html_() + "".join(f"<p>{escape(sentence)}</p>" for sentence in self._sentences())


class Subject:
    """A net under test, asked for its loss at parameters of our choice; its own are left as they are."""

    def __init__(self, net):
        self.net, self.own = net, net.params
        check_params(self.own)
        self.params = {name: np.array(self.own[name], dtype=np.float64) for name in NAMES}

    def _call(self, params, *arguments):
        """Call ``net.loss`` at these params, as they are; no warning gets out."""
        self.net.params = params
        try:
            with np.errstate(all="ignore"), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return self.net.loss(*arguments)
        finally:
            self.net.params = self.own

    def ask(self, params, X, y=None, reg=0.0):
        """Return what ``net.loss`` returns for copies of everything."""
        params = {name: param.copy() for name, param in params.items()}
        if y is None:
            return self._call(params, X.copy())
        loss, grads = self._call(params, X.copy(), y.copy(), reg)
        return float(loss), deepcopy(grads)  # a net may hand out the same arrays each time

    def changes(self, X, y, reg):
        """Name what a call of ``net.loss`` changes in place."""
        params, X_given, y_given = {name: param.copy() for name, param in self.params.items()}, X.copy(), y.copy()
        self._call(params, X_given, y_given, reg)
        pairs = {**{name: (params[name], self.params[name]) for name in NAMES}, "X": (X_given, X), "y": (y_given, y)}
        return [name for name, (now, before) in pairs.items() if not np.array_equal(now, before)]


def diagnose(subject, X, y, reg, report):
    """Compare a net with the right formulas and put what is wrong into ``report``.

    Returns
    -------
    Reference or None
        The right values, where the net's answers have a form that can be compared numerically; else None.
    """
    try:
        first, second = (subject.ask(subject.params, X, y, reg) for _ in range(2))
        subject.ask(subject.params, X)
        changed = subject.changes(X, y, reg)
    except Exception as error:
        report.findings.append(f"loss raises {type(error).__name__}: {error}")
        return None
    if not _well_formed(first[1], subject.params, report):
        return None
    if changed:
        report.findings.append(f"loss changes {', '.join(changed)} in place: work on a copy, or on a new array")
    if first[0] != second[0] or any(not np.array_equal(first[1][n], second[1][n], equal_nan=True) for n in NAMES):
        report.findings.append(
            "loss is not deterministic: two calls with the same arguments differ. Draw no random numbers in it"
        )
        return None
    try:
        _explain(subject, X, y, reg, report)
    except Exception as error:
        report.findings.append(
            f"loss raises {type(error).__name__} for other parameters, reg or numbers of rows than yours: {error}"
        )
    return Reference(subject.params, X, y)


def _explain(subject, X, y, reg, report):
    """Hold scores, loss and gradients against the right formulas."""
    params = dict(subject.params)
    for name in ("b1", "b2"):
        if not params[name].any():  # biases of zero would hide mistakes
            params[name] = 0.3 * np.cos(1.0 + np.arange(params[name].size))
    reference = Reference(params, X, y)
    scores = np.asarray(subject.ask(params, X), dtype=np.float64)
    if not same(scores, reference.scores, 1e-9 * (1 + np.abs(reference.scores).max(initial=0))):
        report.findings.append(_explain_scores(scores, reference))
        return

    loss, grads = subject.ask(params, X, y, 0.0)
    explanations = explain_gradients(grads, reference)
    loss_explanation = explain_loss(loss, reference)
    _report_loss_and_gradients(loss, loss_explanation, explanations, reference, report)
    full = _report_penalty(subject, X, y, report)
    if report.ok:
        _verify_penalty(subject, params, X, y, reg or PROBE_REG, full, report)
    if loss_explanation != "axis":  # which is not stable either, but that is not the point then
        _report_stability(subject, report)


def _well_formed(grads, params, report):
    """Whether the gradients are arrays under the names of the parameters; reports it where not."""
    if not isinstance(grads, dict) or set(grads) != set(NAMES):
        keys = sorted(map(str, grads)) if isinstance(grads, dict) else type(grads).__name__
        report.findings.append(f"gradients must be a dict with the keys of params, W1, b1, W2 and b2; got {keys}")
        return False
    for name in NAMES:
        if not isinstance(grads[name], (np.ndarray, np.floating)) or grads[name].dtype != params[name].dtype:
            got = getattr(grads[name], "dtype", type(grads[name]).__name__)
            report.findings.append(f"the gradient of {name} must be an array of float64, as {name} is; got {got}")
            return False
    return True


def _explain_scores(scores, reference):
    """Put wrong scores into a sentence."""
    params, X = reference.params, reference.X
    if scores.shape != reference.scores.shape:
        return f"scores must have shape {reference.scores.shape}, (N, C), got {scores.shape}"
    candidates = {
        "the ReLU is missing in the forward pass": reference.pre @ params["W2"] + params["b2"],
        "b1 is missing in the forward pass": np.maximum(0, X @ params["W1"]) @ params["W2"] + params["b2"],
        "b2 is missing in the forward pass": reference.hidden @ params["W2"],
    }
    for words, candidate in candidates.items():
        if same(scores, candidate, 1e-9):
            return f"scores: {words}; they are max(0, X W1 + b1) W2 + b2"
    row, column = np.unravel_index(np.abs(scores - reference.scores).argmax(), scores.shape)
    return (
        f"scores are not max(0, X W1 + b1) W2 + b2: at row {row}, class {column} they are {scores[row, column]:.8g}, "
        f"not {reference.scores[row, column]:.8g}"
    )


SENTENCES = {
    "transposed": "the gradient of {} is transposed: it must be shaped and ordered as the parameter",
    "unsummed": "the gradient of {} is not summed over the rows: use .sum(axis=0)",
    "no ReLU": "the gradient of {} passes through closed units: the ReLU is missing in the backward pass. Multiply "
    "dhidden with (hidden > 0)",
    "masked by the gradient": "the gradient of {} is masked by the wrong array, the sign of the gradient itself: the "
    "ReLU passes on where hidden > 0",
    "masked by the input without bias": "the gradient of {} is masked by the wrong array, X W1 without b1: the ReLU "
    "passes on where hidden > 0",
    "masked where it should be open": "the gradient of {} is masked by the wrong array, open where the unit is closed: "
    "the ReLU passes on where hidden > 0",
    "pre-activation": "the gradient of {} is taken from the pre-activation X W1 + b1 instead of the hidden layer: it "
    "is hidden.T @ dscores",
}


def _report_loss_and_gradients(loss, loss_explanation, explanations, reference, report):
    """Put the explanations of loss and gradients without penalty into sentences, one a mistake."""
    for shared in {loss_explanation, *explanations}:
        places = ["the loss"] * (shared == loss_explanation) + ["the gradients"] * (shared in explanations)
        where = " and ".join(places)
        if shared == "axis":
            report.findings.append(
                f"softmax is taken over the wrong axis in {where}: each row of scores is one example; use axis=1"
            )
        elif shared and shared.startswith("labels"):
            report.findings.append(
                f"labels are shifted by one in {where}: a label is taken for the class "
                f"{shared.removeprefix('labels: ')}. Labels count from 0"
            )
    N = reference.N
    if loss_explanation and loss_explanation.startswith("factor"):
        factor = float(loss_explanation.removeprefix("factor: "))
        report.findings.append(describe_factor(factor, N, "the loss without penalty"))
    elif loss_explanation == "":
        report.findings.append(
            f"the loss without penalty is {loss:.10g} and should be {reference.loss():.10g}; none of the known "
            "mistakes explains it, or more than one thing is wrong"
        )
    for explanation, names in explanations.items():
        which = " and ".join(names)
        if explanation in SENTENCES:
            report.findings.append(SENTENCES[explanation].format(which))
        elif explanation.startswith("factor"):
            factor = float(explanation.removeprefix("factor: "))
            biases_only = not set(names) & set(WEIGHTS) and set(WEIGHTS) - set(sum(explanations.values(), []))
            if biases_only and np.isclose(factor, 1 / N):
                report.findings.append(
                    f"the gradient of {which} is averaged over the rows, {N} times too small: sum over them, "
                    "dscores is divided by N already"
                )
            else:
                what = "the gradient" if len(names) == 4 else f"the gradient of {which}"
                report.findings.append(describe_factor(factor, N, what))
        elif explanation.startswith("shape"):
            got = explanation.removeprefix("shape: ")
            report.findings.append(f"the gradient of {which} has the wrong shape, {got}: it is shaped as the parameter")
        elif explanation == "":
            report.unexplained += names


def _probes(shape):
    """Yield two arrays to put in place of a parameter, of other sizes and signs, so that only a square fits both."""
    place = np.arange(np.prod(shape, dtype=int)).reshape(shape)
    rising = 1 + place / place.size
    yield rising
    yield np.where(place % 2, 2, -2) * rising


def _agreed(values):
    """The number that all values are but for rounding, or None."""
    values = np.concatenate([np.ravel(value) for value in values])
    return round(float(values[0]), 6) + 0.0 if np.ptp(values) <= 1e-6 * max(1, np.abs(values).max()) else None


def penalty_factors(subject, X, y):
    """Find what the loss and the gradients multiply ``reg * W**2`` and ``reg * W`` with.

    Returns
    -------
    dict
        Maps each name to the pair of factors, (0.5, 1) where a weight is penalised by ``0.5 * reg * W**2``; None
        stands for a loss that is no multiple of the sum of squares, and for a gradient that is none of its parameter.
    """
    factors = {}
    for name in NAMES:
        in_loss, in_gradient, in_transposed = [], [], []
        for probe in _probes(subject.params[name].shape):
            # With zeros in the other parameters the gradient of a weight is that of its penalty alone.
            params = {other: np.zeros_like(param) for other, param in subject.params.items()} | {name: probe}
            (loss0, grads0), (loss1, grads1) = (subject.ask(params, X, y, reg) for reg in (0.0, PROBE_REG))
            in_loss.append((loss1 - loss0) / (PROBE_REG * np.sum(probe**2)))
            difference = (np.asarray(grads1[name]) - np.asarray(grads0[name])) / PROBE_REG
            if difference.size == probe.size:  # another shape is a finding of its own, and so is a transposed gradient
                in_gradient.append(difference.reshape(probe.shape) / probe)
                in_transposed.append(difference.T.reshape(probe.shape) / probe)
            else:
                in_gradient.append(difference)
        factor = _agreed(in_gradient)
        if factor is None and in_transposed:
            factor = _agreed(in_transposed)
        factors[name] = _agreed(in_loss), factor
    return factors


def _report_penalty(subject, X, y, report):
    """Report how the penalty is counted, one sentence a mistake; return what its gradient multiplies reg * W with."""
    factors = penalty_factors(subject, X, y)
    biases = [name for name in ("b1", "b2") if factors[name] != (0, 0)]
    if biases:
        places = [
            place for i, place in enumerate(("the loss", "the gradient")) if any(factors[b][i] != 0 for b in biases)
        ]
        factor = factors[biases[0]][0] or factors[biases[0]][1]
        report.findings.append(
            f"the penalty includes {' and '.join(biases)} in {' and '.join(places)}"
            f"{f', with the factor {factor}' if factor else ''}: biases are not penalised"
        )
    w1, w2 = (factors[name] for name in WEIGHTS)
    if w1 == w2 == (1, 2):
        report.notes.append(
            "this net penalises by reg * W**2, without the half: its reg is half of ours for the same penalty. "
            "Loss and gradient agree"
        )
    elif w1 == w2:
        _report_pair("W1 and W2", w1, report)
    elif {w1, w2} == {(1, 2), (0.5, 1)}:
        report.findings.append(
            f"the penalty on {'W1' if w1 == (1, 2) else 'W2'} is without the half, that on the other weights with it: "
            "take 0.5 * reg * sum(W**2) in the loss and reg * W in the gradient for both"
        )
    else:
        usual = (1, 2) if (1, 2) in (w1, w2) else (0.5, 1)
        for name, pair in (("W1", w1), ("W2", w2)):
            if pair != usual:
                _report_pair(name, pair, report)
    return 2 if w1 == w2 == (1, 2) else 1


def _report_pair(which, pair, report):
    """Report the factors with which a penalty stands in the loss and in the gradient, unless they are right."""
    in_loss, in_gradient = pair
    if pair == (0.5, 1):
        return
    if pair == (0, 0):
        text = f"the penalty leaves {which} out, in the loss and in the gradient: add 0.5 * reg * sum(W**2) and reg * W"
    elif None in pair:
        places = [place for place, factor in zip(("the loss", "the gradient"), pair, strict=True) if factor is None]
        text = (
            f"the penalty on {which} is another function of W in {' and in '.join(places)}: it is "
            "0.5 * reg * sum(W**2) in the loss, and so reg * W in the gradient"
        )
    elif in_loss == 0:
        text = f"the penalty on {which} is missing from the loss: add 0.5 * reg * sum(W**2)"
    elif in_gradient == 0:
        text = f"the penalty on {which} is missing from the gradient: add reg * W"
    elif pair == (1, 1):
        text = f"the loss penalises {which} without the half (factor 2), but the gradient is that of 0.5 * reg * W**2"
    elif pair == (0.5, 2):
        text = (
            f"the loss penalises {which} by 0.5 * reg * W**2, but the gradient is that without the half, "
            "2 * reg * W (factor 2)"
        )
    else:
        text = f"the penalty on {which} counts {in_loss} in the loss and {in_gradient} in the gradient, not 0.5 and 1"
    report.findings.append(text)


def _verify_penalty(subject, params, X, y, reg, full, report):
    """Where one parameter at a time looked right, hold loss and gradients with penalty against the formulas."""
    (loss0, grads0), (loss, grads) = (subject.ask(params, X, y, r) for r in (0.0, reg))
    penalty = 0.5 * full * reg * sum(np.sum(params[name] ** 2) for name in WEIGHTS)
    wrong = [] if same(loss - loss0, penalty, 1e-9 * (1 + abs(loss0))) else ["the loss"]
    for name in NAMES:
        decay = full * reg * params[name] * (name in WEIGHTS)
        if not same(grads[name] - grads0[name], decay, 1e-9 * (1 + np.abs(grads0[name]).max(initial=0))):
            wrong.append(f"the gradient of {name}")
    if wrong:
        report.findings.append(
            f"the penalty in {', '.join(wrong)} is right for one parameter at a time or for other values of reg, but "
            f"not here, at reg={reg:g}: it is {'' if full == 2 else '0.5 * '}reg * (sum(W1**2) + sum(W2**2)), and "
            f"{'2 * ' if full == 2 else ''}reg * W in the gradient"
        )


def _report_stability(subject, report):
    """Ask for the loss at scores of 1000, where exp overflows, and where one row is far above the other."""
    shapes = {name: param.shape for name, param in subject.params.items()}
    zeros = {name: np.zeros(shape) for name, shape in shapes.items()}
    D = shapes["W1"][0]

    high = {**zeros, "b2": zeros["b2"] + PROBE_SCORE}
    one_row, two_rows = np.zeros((1, D)), np.zeros((2, D))
    two_rows[0, 0] = PROBE_SCORE
    apart = {**zeros, "W1": zeros["W1"].copy(), "W2": zeros["W2"].copy()}
    apart["W1"][0, 0] = 1
    apart["W2"][0] = 1
    if not np.isfinite(subject.ask(high, one_row, np.array([0]))[0]):
        report.findings.append(
            "softmax overflows: at scores of 1000 the loss is not finite. Subtract each row's maximum from the scores"
        )
    elif not np.isfinite(subject.ask(apart, two_rows, np.array([0, 0]))[0]):
        report.findings.append(
            "softmax subtracts the maximum of the whole array: where one row is 1000 above another the loss is not "
            "finite. Take the maximum of each row, max(axis=1, keepdims=True)"
        )


def check_numerically(subject, X, y, reg, h, max_checks, rng, reference, report):
    """Compare the net's gradients with numeric derivatives of its own loss, a row a parameter."""
    _, grads = subject.ask(subject.params, X, y, reg)
    for name in NAMES:
        param, grad = subject.params[name], np.asarray(grads[name], dtype=np.float64)
        kinks = _kinks(name, reference, h)
        picked = (
            np.arange(param.size) if param.size <= max_checks else rng.choice(param.size, max_checks, replace=False)
        )
        indices = [np.unravel_index(flat, param.shape) for flat in picked]
        smooth = [tuple(map(int, index)) for index in indices if not kinks[index]]
        if len(smooth) < len(indices) / 2:
            report.notes.append(
                f"more than half of the coordinates of {name} lie at a kink of the ReLU and were skipped: try other "
                "data or parameters, for example X = np.random.randn(N, D), or a smaller h"
            )
        if grad.shape != param.shape or not smooth:
            report.rows.append(Row(name, np.nan, (), np.nan, np.nan, 0, len(indices) - len(smooth)))
            continue
        worst = Row(name, -1.0, (), 0.0, 0.0, len(smooth), len(indices) - len(smooth))
        for index in smooth:
            numeric, analytic = _derivative(subject, name, index, X, y, reg, h), float(grad[index])
            size = max(abs(numeric) + abs(analytic), 1e-3 * np.abs(grad).max(), 1e-8)
            error = abs(numeric - analytic) / size
            if not np.isnan(worst.error) and not error <= worst.error:
                worst = worst._replace(error=error, where=index, numeric=numeric, analytic=analytic)
        report.rows.append(worst)


def _kinks(name, reference, h):
    """Which coordinates' step of h flips a hidden unit's sign for some row."""
    near = np.abs(reference.pre)  # (N, H)
    if name == "b1":
        return (near <= h).any(axis=0)
    if name == "W1":
        flips = np.zeros(reference.params["W1"].shape, dtype=bool)
        for x, distance in zip(np.abs(reference.X), near, strict=True):
            flips |= (distance[None, :] <= h * x[:, None]) & (x[:, None] > 0)
        return flips
    return np.zeros(reference.params[name].shape, dtype=bool)


def _derivative(subject, name, index, X, y, reg, h):
    losses = []
    for step in (h, -h):
        params = {**subject.params, name: subject.params[name].copy()}
        params[name][index] += step
        losses.append(subject.ask(params, X, y, reg)[0])
    return (losses[0] - losses[1]) / (2 * h)


def report_unexplained(report, tolerance):
    """Give both values at the worst coordinate of each gradient that nothing explains."""
    scores_wrong = any(finding.startswith("scores") for finding in report.findings)
    for row in report.rows:
        if row.name in report.unexplained or scores_wrong and not row.error <= tolerance:
            report.findings.append(
                f"the gradient of {row.name} is wrong; none of the known mistakes explains it, or more than one thing "
                f"is wrong. Worst at {row.where}: it is {row.analytic:.10g}, and numerically {row.numeric:.10g}"
            )
