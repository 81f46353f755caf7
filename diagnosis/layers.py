"""Checks layers: pairs such as ``affine_forward`` and ``affine_backward``, losses, update rules."""

import contextlib
import inspect
import re
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, replace
from functools import partial
from io import StringIO
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from checks import Rng, check_count, check_number, check_one_number, check_rng

from . import stages
from .compat import Missing
from .kinds import KINDS, Layer, Rule, Softmax, Svm
from .matching import explain, find
from .numeric import Derivatives, is_rough, row_of
from .probes import PROBE_REG, agreed, find_extremes, penalty_probes
from .reference import Penalties
from .report import NetReport

LATER = "First correct what they need"
PAIR = re.compile(r"(\w+?)_forward(_\w+)?")
# All 0; all 1000; 1000 in one row and 0 in the other; 0, but -1000 for the correct class: see `probes.Extremes`.
EXTREMES = [1000.0 * np.array(scores) for scores in ([[0, 0, 0]], [[1, 1, 1]], [[1, 1, 1], [0, 0, 0]], [[-1, 0, 0]])]


@dataclass(frozen=True)
class Call:
    """Call of a student's function.

    `words` has the names of the values that it must return, with words for them; `parts` are the values.
    `changed` names the arguments that it changes; `next` is the formula that it must compute.
    """

    words: dict
    next: str = ""
    parts: tuple = ()
    error: Exception | None = None
    changed: tuple = ()

    @property
    def arrays(self):
        """The values that must be arrays or numbers, by name: all but a cache and a config."""
        parts = zip(self.words, self.parts, strict=False)
        return {name: part for name, part in parts if name not in ("cache", "config")}


def is_unwritten(function):
    """Tell whether the source of a function sets the first value that it returns to None, and to nothing else."""
    with contextlib.suppress(OSError, TypeError):
        source = inspect.getsource(function)
        if name := re.search(r"^\s*return (\w+)", source, re.MULTILINE):
            values = re.findall(rf"^\s*(?:\w+, )*{name[1]}(?:, \w+)* = (.+)$", source, re.MULTILINE)
            return bool(values) and all(re.match(rf"None\b|{name[1]}\.", value) for value in values)
    return False


def argument_names(function, names):
    """Return the names of a function's arguments in its code; `names`, if they cannot be known."""
    own = []
    with contextlib.suppress(TypeError, ValueError):
        own = [p.name for p in inspect.signature(function).parameters.values() if p.kind == p.POSITIONAL_OR_KEYWORD]
    return [*own[: len(names)], *names[len(own) :]]


class Judge:
    """Asks the functions of one layer, compares the answers, and adds the findings to a report.

    It is the only place that calls these functions. `own` maps the names of inputs to those in their code.
    """

    def __init__(self, kind, report, rng):
        self.kind, self.report, self.rng, self.own, self.printed = kind, report, rng, {}, StringIO()

    def call(self, function, *args):
        """Call a function, and hide its output."""
        with contextlib.redirect_stdout(self.printed), np.errstate(all="ignore"):
            return function(*args)

    def add(self, function, found):
        """Add findings of a function. Return whether its answers can be compared, or are correct."""
        name = getattr(function, "__name__", "")
        self.report.add([replace(finding, function=name, own=self.own) for finding in found])
        return all(finding.mistake.note or finding.mistake.independent for finding in found)

    def ask(self, function, args, words, watched=()):
        """Call a function, which must not change `watched` arrays. Return None if its answers cannot be compared."""
        watched, call = [(name, value) for name, value in watched if isinstance(value, np.ndarray)], Call(words)
        before = deepcopy(watched)
        try:
            answer = self.call(function, *args)
            parts = tuple(answer) if isinstance(answer, (tuple, list)) and len(words) > 1 else (answer,)
            if self.kind is Layer and "cache" in words:  # perhaps with several outputs
                words = {**{f"output {i}": f"output {i}" for i in range(1, len(parts))}, "cache": "a cache"}
            same = (np.array_equal(a, b, equal_nan=True) for (_, a), (_, b) in zip(watched, before, strict=True))
            changed = tuple(name for (name, _), equal in zip(watched, same, strict=True) if not equal)
            call = Call(words, self.kind.next, parts, None, changed)
            unwritten = all(part is None for part in call.arrays.values())
        except Exception as error:
            call = replace(call, error=error)
            unwritten = isinstance(error, NotImplementedError) or is_unwritten(function)
        if unwritten:
            self.report.unwritten.append((function.__name__, self.kind.next))
            return None
        return call if self.add(function, find(stages.LAYER, call)) else None

    def compare(self, function, answers, r, early=True):
        """Compare answers with the correct ones. If something `early` is wrong, only known mistakes are findings."""
        found = explain(self.kind.__name__, answers, r)
        for name, got in answers.items():
            if name in r.wrt and np.shape(got) == np.shape(r.right[name]):
                self.report.rows.append(row_of(f"{function.__name__}: {self.own[name]}", got, r.right[name]))
        known = [finding for finding in found if early or not finding.mistake.vague]
        self.report.unchecked += [function.__name__] if found and not known else []
        return self.add(function, known)

    def name_arguments(self, function, args):
        """Set the student's names of the arguments. Return them with these values."""
        self.own = dict(zip(self.kind.names, argument_names(function, self.kind.names), strict=True))
        return list(zip(self.own.values(), args, strict=True))

    def gradients(self, names):
        """Return words for gradients, by name."""
        return {name: f"the gradient of {self.own.get(name, name)}" for name in names}

    def pair(self, forward, backwards):
        """Check a forward function, and its backward functions."""
        args = self.kind.draw(self.rng)
        sent, r = deepcopy(args), self.kind(args, self.rng.standard_normal)
        watched = self.name_arguments(forward, sent)
        call = self.ask(forward, sent, {"out": "the output", "cache": "a cache"}, watched)
        if not call:
            for backward in backwards:  # they cannot be called without a cache
                if is_unwritten(backward):
                    self.report.unwritten.append((backward.__name__, self.kind.next))
                else:
                    self.report.unchecked.append(backward.__name__)
            return
        out, cache = call.parts
        fits = np.shape(out) == r.dout.shape
        r.freeze(out if fits else r.right["out"])
        correct = self.compare(forward, {"out": out, **(r.seen if fits else {})}, r)
        if call.changed:  # backward works with the changed arguments
            r = self.kind(sent, lambda shape, dout=r.dout: dout)
        for backward in backwards:
            dout = r.dout.copy()
            with contextlib.suppress(Exception):  # not all objects can be copied
                cache = deepcopy(cache)
            found = self.ask(backward, (dout, cache), self.gradients(r.wrt), [("dout", dout), *watched])
            if found and self.add(backward, find(stages.ORDER, (found, r))):
                self.compare(backward, found.arrays, r, correct and not found.changed)
        if correct:
            self.more(forward, backwards[0] if backwards else None, r, sent)

    def more(self, forward, backward, r, args):
        """Check further answers, for example in test mode."""
        try:
            answers = r.ask_more(partial(self.call, forward), backward and partial(self.call, backward), args)
            call = Call({name: name.replace("_", " ") for name in answers}, r.next, tuple(answers.values()))
        except Exception as error:
            call = Call({}, error=error)
        if self.add(forward, find(stages.LAYER, call)):
            self.compare(forward, answers, r)

    def loss(self, function):
        """Check a function that returns a loss and a gradient. Return the factors of its penalty, or None."""
        args = self.kind.draw(self.rng)
        sent, r = deepcopy(args), self.kind(args)
        watched = self.name_arguments(function, sent)
        call = self.ask(function, sent, {"loss": "the loss", **self.gradients(r.wrt)}, watched)
        if not call:
            return None
        if not any(map(np.any, call.parts)):
            self.report.unwritten.append((function.__name__, r.next))
            return None
        correct = self.compare(function, call.arrays, r)

        def ask(*args):
            loss, grad = self.call(function, *deepcopy(args))
            return float(loss), {r.wrt[0]: np.asarray(grad, dtype=np.float64)}

        try:
            if not isinstance(r, Svm):
                extremes = [partial(ask, *r.at(scores, np.zeros(len(scores), dtype=int))) for scores in EXTREMES]
                self.add(
                    function, find(stages.OVERFLOW, find_extremes(extremes, 1000 + np.log(2) if correct else None))
                )
            return self.penalty(function, ask, r) if "reg" in r.names and np.any(call.parts[1]) else None
        except Exception as error:
            self.add(function, find(stages.LAYER, Call({}, error=error)))
        return None

    def penalty(self, function, ask, r):
        """Check the penalty of a linear classifier. Return its factors in loss and gradient."""
        in_loss, in_gradient = [], []
        for W in penalty_probes(r.W.shape):
            (loss0, grads0), (loss, grads) = (ask(W, r.X, r.y, reg) for reg in (0.0, PROBE_REG))
            in_loss.append((loss - loss0) / (PROBE_REG * np.sum(W**2)))
            in_gradient.append((grads["W"] - grads0["W"]) / PROBE_REG / W)
        factors = agreed(in_loss), agreed(in_gradient)
        self.add(function, explain(stages.PENALTY, {"W": factors}, Penalties({"W": factors}, ["W"])))
        return factors

    def rule(self, function):
        """Check an update rule in several steps."""
        w, dw, config = self.kind.draw(self.rng)
        r, path, config = self.kind((w, dw, config)), [], dict(config)
        self.name_arguments(function, r.args)
        for t in range(1, 1 + len(r.right["path"])):
            call = self.ask(function, (w.copy(), t * dw, config), {"w": "the new w", "config": "config"})
            if not call:
                return
            w, config = call.parts
            path.append(w)
        self.compare(function, {"path": np.array(path if np.shape(w) == np.shape(dw) else path[-1:])}, r)

    def gradient(self, function, name, f, x, grad, h, most):
        """Compare the gradient of a function of one input with numeric derivatives."""
        words = getattr(function, "__name__", "f")
        if self.add(function, find(stages.ROUGH, words if is_rough(f, x, self.rng) else "")):
            r = Derivatives(name, f, x, np.asarray(grad, dtype=np.float64), h, most, self.rng)
            self.report.rows.append(r.row)
            self.add(function, explain(stages.GRADIENT, {name: r.got}, r))
            self.report.add(find(stages.KINKS, name) if r.row.checked < r.row.skipped else [])

    def given(self, forward, backward, inputs, h, most):
        """Compare the gradients for given inputs with numeric ones."""
        sent, names = deepcopy(inputs), argument_names(forward, [f"input {i}" for i in range(len(inputs))])
        watched = list(zip(names, sent, strict=True))
        call = self.ask(forward, sent, {"out": "the output", "cache": "a cache"}, watched)
        if not call:
            return
        *outs, cache = call.parts
        douts = [self.rng.standard_normal(np.shape(out)) for out in outs]
        wrt = {names[i]: i for i, value in enumerate(inputs) if getattr(value, "dtype", None) == np.float64}

        def total(x, i):
            *outs, _ = self.call(forward, *deepcopy([*inputs[:i], x, *inputs[i + 1 :]]))
            return sum(np.vdot(out, dout) for out, dout in zip(outs, douts, strict=True))

        both = [*(("dout", dout) for dout in deepcopy(douts)), *watched]
        answer = self.ask(backward, (*(dout for _, dout in both[: len(outs)]), cache), self.gradients(wrt), both)
        for name, grad in answer.arrays.items() if answer else ():
            self.gradient(backward, name, partial(total, i=wrt[name]), inputs[wrt[name]], grad, h, most)


def check_functions(functions, rng=0, follow=True):
    """Check functions that are layers, losses or update rules, in the order of the course.

    `functions` is a dict of functions by name. `follow`: those that they call are checked first. Return a
    `NetReport`, or None if there is none to check.
    """
    report, factors, missing, (tasks, unknown) = NetReport(), {}, [], find_tasks(functions)
    for name, function, backwards in sorted(tasks, key=lambda task: list(KINDS).index(task[0])):
        judge, kind = Judge(KINDS[name], report, np.random.default_rng(rng)), KINDS[name]
        report.functions += [function.__name__, *(backward.__name__ for backward in backwards)]
        try:
            if broken := find_broken([function, *backwards]) if follow else []:
                judge.add(function, find(stages.NEEDS, broken))
            elif issubclass(kind, Softmax):
                factors[function.__name__] = judge.loss(function)
            elif issubclass(kind, Rule):
                judge.rule(function)
            else:
                judge.pair(function, backwards)
        except Missing as error:
            missing.append(error)
            report.add(find(stages.SKIPPED, ([function.__name__], str(error))))
    if missing and len(missing) == len(tasks):
        raise missing[0]
    for start in ("softmax_loss_", "svm_loss_"):
        report.add(find(stages.CONVENTIONS, {name: f for name, f in factors.items() if name.startswith(start)}))
    report.add(find(stages.UNWRITTEN, report.unwritten))
    report.add(find(stages.SKIPPED, (report.unchecked, LATER)))
    report.add(find(stages.SKIPPED, (unknown, "Call diagnosis.check_layer(forward, backward, *inputs) for them")))
    bad = report.bad()
    report.stage = next((name for name in report.functions if name in bad), "done" if report.ok else "layers")
    return report if tasks or unknown else None


def find_broken(pair):
    """Name the functions that a pair calls and that are wrong or not written. They may be in other files."""
    called = {name: function.__globals__.get(name) for function in pair for name in function.__code__.co_names}
    called = {name: value for name, value in called.items() if inspect.isfunction(value) and value not in pair}
    report = check_functions(called, follow=False)
    return [name for name in called if report and name in report.bad()]


def find_tasks(functions):
    """Return (name in KINDS, function, backward functions) of those to check, and names of other layers."""
    tasks, unknown = [], []
    for name, function in functions.items():
        if pair := PAIR.fullmatch(name):
            end = pair[2] or ""
            names = [f"{pair[1]}_backward{end}", f"{pair[1]}_backward{end}_alt"]
            backwards = [functions[backward] for backward in names if backward in functions]
            if pair[1] in KINDS:
                tasks.append((pair[1], function, backwards))
            elif backwards:
                unknown.append(name)
        elif issubclass(KINDS.get(name, Layer), (Softmax, Rule)):
            with contextlib.suppress(TypeError):  # with other arguments, it is a function of another kind
                inspect.signature(function).bind(*KINDS[name].names)
                tasks.append((name, function, []))
    return tasks, unknown


def check_layer(
    forward: Callable, backward: Callable, *inputs: Any, h: float = 1e-5, max_checks: int = 100, rng: Rng = 0
) -> NetReport:
    """Check a layer: the gradients of ``backward`` against numeric ones.

    If the check knows the layer by its name, such as ``affine_forward``, it also compares the output and the
    gradients with the correct ones, for inputs of its own.

    Parameters
    ----------
    forward : callable
        ``forward(*inputs)`` returns an output, or several, and a cache.
    backward : callable
        ``backward(dout, cache)`` returns the gradients of the inputs that are arrays of floats.
    *inputs
        Inputs. The check works on copies, in float64.
    h : float
        Step of the numeric derivatives.
    max_checks : int
        Largest number of coordinates of each input that are checked.
    rng : None, int, RandomState or Generator
        Source of the upstream gradient, of directions and coordinates, and of inputs of the check.

    Returns
    -------
    NetReport
    """
    check_number("h", h, 1e-12)
    rng, report, max_checks = check_rng(rng), NetReport(), check_count("max_checks", max_checks)
    floats = [isinstance(value, np.ndarray) and value.dtype.kind == "f" for value in inputs]
    inputs = [a.astype(np.float64) if is_float else a for a, is_float in zip(inputs, floats, strict=True)]
    pair = PAIR.fullmatch(getattr(forward, "__name__", ""))
    kind = KINDS.get(pair[1]) if pair else None
    if kind and len(kind.names) == len(inputs):
        Judge(kind, report, rng).pair(forward, [backward])
    if report.ok and not report.unwritten:
        report.rows.clear()  # they are those of the check's own inputs
        Judge(Layer, report, rng).given(forward, backward, inputs, h, max_checks)
    report.add(find(stages.UNWRITTEN, report.unwritten))
    report.add(find(stages.SKIPPED, (report.unchecked, LATER)))
    report.stage = "done" if report.ok else "gradients"
    return report


def check_gradient(
    f: Callable, x: ArrayLike, grad: ArrayLike, *, h: float = 1e-5, max_checks: int = 100, rng: Rng = 0
) -> NetReport:
    """Check the gradient of any function that returns a number.

    Parameters
    ----------
    f : callable
        ``f(x)`` returns a number. It must not depend on chance.
    x : array of floats
        Point at which `grad` is the gradient.
    grad : array, shaped as x
        The gradient to check.
    h, max_checks, rng
        As in `check_layer`.

    Returns
    -------
    NetReport

    Examples
    --------
    >>> x = np.arange(6.0).reshape(2, 3)
    >>> print(check_gradient(lambda x: np.sum(x**2), x, x).findings[0])
    the gradient of x is 0.5 times what it should be
    """
    check_number("h", h, 1e-12)
    judge = Judge(Layer, NetReport(), check_rng(rng))

    def number(x):
        return check_one_number("f must return", judge.call(f, x.copy()))

    x = np.array(x, dtype=np.float64)
    judge.gradient(None, "x", number, x, grad, h, check_count("max_checks", max_checks))
    judge.report.stage = "done" if judge.report.ok else "gradients"
    return judge.report
