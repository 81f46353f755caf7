"""Checks layers: pairs such as ``affine_forward`` and ``affine_backward``, losses, update rules."""

import ast
import contextlib
import inspect
import re
import textwrap
from contextlib import redirect_stderr, redirect_stdout
from copy import deepcopy
from dataclasses import dataclass, replace
from functools import partial
from io import StringIO

import numpy as np

from checks import check_count, check_number, check_one_number, check_rng

from . import stages
from .compat import Missing
from .kinds import KINDS, Dropout, Layer, LinearSvm, Rule, Softmax, Svm, numeric_gradients
from .matching import explain, find
from .numeric import Derivatives, is_rough, row_of
from .probes import PROBE_REG, agreed, find_extremes, penalty_probes
from .reference import Penalties, agree
from .report import NetReport

PAIR = re.compile(r"(\w+?)_forward(_\w+)?")
# All 0; all 1000; 1000 in one row and 0 in the other; 0, but -1000 for the correct class: see `probes.Extremes`.
EXTREMES = [1000.0 * np.array(scores) for scores in ([[0, 0, 0]], [[1, 1, 1]], [[1, 1, 1], [0, 0, 0]], [[-1, 0, 0]])]


@dataclass(frozen=True)
class Call:
    """Call of a student's function.

    `words` has the names of the values that it must return, with words for them. `parts` are the values.
    `changed` names the arguments that it changes; `next` is the formula that it must compute.
    """

    words: dict
    next: str = ""
    parts: tuple = ()
    error: BaseException | None = None
    changed: tuple = ()
    unwritten: bool = False

    @property
    def answers(self):
        """The values by name."""
        return dict(zip(self.words, self.parts, strict=False))

    @property
    def arrays(self):
        """The values that must be arrays or numbers: all but a cache and a config."""
        return {name: part for name, part in self.answers.items() if name not in ("cache", "config")}


def is_unwritten(function):
    """Tell whether the first value that a function returns is never set to anything but None."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    except (OSError, TypeError, SyntaxError):
        return False
    values = {}  # by name, the expressions that are assigned to it
    for node in ast.walk(tree):
        for target in node.targets if isinstance(node, ast.Assign) else ():
            targets = target.elts if isinstance(target, ast.Tuple) else [target]
            split = isinstance(node.value, ast.Tuple) and len(node.value.elts) == len(targets)
            for name, value in zip(targets, node.value.elts if split else [node.value] * len(targets), strict=True):
                values.setdefault(ast.unparse(name), []).append(value)

    def unset(name, value):  # None, or for example out = out.astype(...)
        of_itself = isinstance(value, ast.Call) and ast.unparse(value.func).startswith(f"{name}.")
        return of_itself or isinstance(value, ast.Constant) and value.value is None

    returned = [node.value for node in ast.walk(tree) if isinstance(node, ast.Return) and node.value]
    firsts = {ast.unparse(value.elts[0] if isinstance(value, ast.Tuple) else value) for value in returned}
    return bool(firsts) and all(name in values and all(unset(name, v) for v in values[name]) for name in firsts)


class Caller:
    """The only place that calls a student's functions. It hides their output."""

    def __init__(self):
        self.printed = StringIO()

    def __call__(self, function, *args):
        with redirect_stdout(self.printed), redirect_stderr(self.printed), np.errstate(all="ignore"):
            return function(*args)

    def ask(self, function, args, words, next_="", watched=()):
        """Call a function. `watched` are arrays by name that it must not change."""
        watched = {name: array for name, array in watched if isinstance(array, np.ndarray)}
        before, call = deepcopy(watched), Call(words, next_)
        try:
            answer = self(function, *args)
        except Missing:
            raise
        except Exception as error:
            return replace(
                call, error=error, unwritten=isinstance(error, NotImplementedError) or is_unwritten(function)
            )
        parts = tuple(answer) if isinstance(answer, (tuple, list)) and len(words) > 1 else (answer,)
        changed = tuple(n for n, array in watched.items() if not np.array_equal(array, before[n], equal_nan=True))
        call = replace(call, parts=parts, changed=changed)
        return replace(call, unwritten=all(part is None for part in call.arrays.values()))


def argument_names(function, names):
    """Return the names of a function's arguments in its code; `names`, if they cannot be known."""
    with contextlib.suppress(TypeError, ValueError):
        own = [p.name for p in inspect.signature(function).parameters.values() if p.kind == p.POSITIONAL_OR_KEYWORD]
        return [*own[: len(names)], *names[len(own) :]]
    return list(names)


class Judge:
    """Asks the functions of one layer, compares the answers, and adds the findings to a report."""

    def __init__(self, kind, report, caller, rng):
        self.kind, self.report, self.caller, self.rng, self.own = kind, report, caller, rng, {}

    def add(self, function, found):
        """Add findings of a function. Return whether its answers can be compared, or are correct."""
        self.report.add(
            [replace(finding, function=getattr(function, "__name__", ""), own=self.own) for finding in found]
        )
        return all(finding.mistake.note or finding.mistake.independent for finding in found)

    def ask(self, function, args, words, watched=()):
        """Call a function. Return the call, or None if its answers cannot be compared."""
        call = self.caller.ask(function, args, words, self.kind.next, watched)
        if call.unwritten:
            self.report.unwritten.append((function.__name__, self.kind.next))
            return None
        return call if self.add(function, find(stages.LAYER, call)) else None

    def compare(self, function, answers, r, consistent=None):
        """Compare answers with the correct ones.

        If something before them is wrong, ``consistent()`` tells whether they are correct for that. If not,
        only mistakes that are known are findings.
        """
        found = explain(self.kind.stage, answers, r)
        for name in answers:
            if name in r.wrt and np.shape(answers[name]) == np.shape(r.right[name]):
                label = f"{function.__name__}: {self.own[name]}"
                self.report.rows.append(row_of(label, answers[name], r.right[name]))
        if found and consistent:
            known = [finding for finding in found if not finding.mistake.vague]
            if not known and not consistent():
                self.report.unchecked.append(function.__name__)
            found = [] if consistent() else known
        return self.add(function, found)

    def name_arguments(self, function, args):
        """Set the student's names of the arguments. Return them with these values."""
        self.own = dict(zip(self.kind.names, argument_names(function, self.kind.names), strict=True))
        return list(zip(self.own.values(), args, strict=True))

    def pair(self, forward, backwards, args=None):
        """Check a forward function, and one or more backward functions."""
        args = args or self.kind.draw(self.rng)
        sent = deepcopy(args)
        watched = self.name_arguments(forward, sent)
        call = self.ask(forward, sent, {"out": "the output", "cache": "a cache"}, watched)
        r = self.kind(args, self.rng.standard_normal)
        if call:
            out, cache = call.parts
            r.freeze(out)
            correct = self.compare(forward, {"out": out, **r.seen}, r)
            if call.changed:  # backward works with the changed arguments
                r = self.kind(sent, lambda shape: r.dout)
                r.freeze(out)
        for backward in backwards:
            if not call:
                if is_unwritten(backward):
                    self.report.unwritten.append((backward.__name__, f"the gradients of {forward.__name__}"))
                else:
                    self.report.unchecked.append(backward.__name__)
                continue
            words = {name: f"the gradient of {self.own[name]}" for name in r.wrt}
            dout = r.dout.copy()
            answer = self.ask(backward, (dout, deepcopy(cache)), words, [("dout", dout), *watched])
            if answer and self.add(backward, find(stages.ORDER, (answer, r))):
                own = partial(self.agrees_with_own, forward, sent, answer.answers, r)
                self.compare(backward, answer.answers, r, None if correct and not answer.changed else own)
        if call and correct:
            self.more(forward, backwards[0] if backwards else None, r, sent)

    def agrees_with_own(self, forward, args, answers, r):
        """Tell whether gradients are those of the student's own forward function, which is wrong."""

        def out(*args):
            return np.asarray(self.caller(forward, *deepcopy(args))[0], dtype=np.float64)

        try:
            right = numeric_gradients(out, args, r.names, r.wrt, r.dout)
        except Exception:
            return False
        return all(agree(answers[name], right[name], 1e-5) for name in answers)

    def more(self, forward, backward, r, args):
        """Check further answers, for example in test mode."""
        try:
            answers = r.ask_more(partial(self.caller, forward), backward and partial(self.caller, backward), args)
        except Exception as error:
            self.add(forward, find(stages.LAYER, Call({}, error=error)))
            return
        if self.add(forward, find(stages.LAYER, Call(dict.fromkeys(answers), parts=tuple(answers.values())))):
            self.compare(forward, answers, r)

    def loss(self, function):
        """Check a function that returns a loss and a gradient, alone or with a penalty."""
        args = self.kind.draw(self.rng)
        sent, r = deepcopy(args), self.kind(args)
        watched = self.name_arguments(function, sent)
        words = {"loss": "the loss", **{name: f"the gradient of {self.own[name]}" for name in r.wrt}}
        call = self.ask(function, sent, words, watched)
        if not call or not np.any(call.parts[0]) and not np.any(call.parts[1]):
            if call:
                self.report.unwritten.append((function.__name__, self.kind.next))
            return None
        correct = self.compare(function, call.answers, r)

        def ask(*args):
            loss, grad = self.caller(function, *deepcopy(args))
            return float(loss), {r.wrt[0]: np.asarray(grad, dtype=np.float64)}

        try:
            if not isinstance(r, (Svm, LinearSvm)):
                extremes = [partial(ask, *r.at(scores, np.zeros(len(scores), dtype=int))) for scores in EXTREMES]
                self.add(
                    function, find(stages.OVERFLOW, find_extremes(extremes, 1000 + np.log(2) if correct else None))
                )
            if "reg" in r.names and np.any(call.parts[1]):
                return self.penalty(function, ask, r)
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

    def gradient(self, function, name, f, x, grad, h, most):
        """Compare the gradient of a function of one input with numeric derivatives."""
        rough = find(stages.ROUGH, is_rough(f, x, self.rng) and (function.__name__ if function else "f"))
        if not self.add(function, rough):
            return
        r = Derivatives(name, f, x, grad, h, most, self.rng)
        self.report.rows.append(r.row)
        self.add(function, explain(stages.GRADIENT, {name: r.got}, r))
        if r.row.checked < r.row.skipped:
            self.report.add(find(stages.KINKS, name))

    def rule(self, function):
        """Check an update rule in several steps."""
        w, dw, config = self.kind.draw(self.rng)
        r, path = self.kind((w, dw, config)), []
        self.name_arguments(function, r.args)
        config = dict(config)
        for t in range(1, r.steps + 1):
            call = self.ask(function, (w.copy(), t * dw, config), {"w": "the new w", "config": "config"})
            if not call:
                return
            w, config = call.parts
            path.append(np.array(w, dtype=np.float64))
        self.compare(function, {r.value: np.array(path)}, r)


def check_functions(functions, rng=0):
    """Check the functions of a file that are layers, losses or update rules, in the order of the course.

    Parameters
    ----------
    functions : dict
        The functions by name. Others than those of kinds.py are left out.
    Returns
    -------
    NetReport or None
        None if there are no such functions.
    """
    report, caller, factors, missing = NetReport(), Caller(), {}, []
    tasks, unknown = find_tasks(functions, caller)
    if not tasks and not unknown:
        return None
    tasks.sort(key=lambda task: ORDER.index(task[0]))
    for kind, function, backwards in tasks:
        judge = Judge(kind, report, caller, np.random.default_rng(rng))
        report.functions += [function.__name__, *(backward.__name__ for backward in backwards)]
        try:
            if issubclass(kind, Rule):
                judge.rule(function)
            elif issubclass(kind, Softmax):
                factors[function.__name__] = judge.loss(function)
            else:
                judge.pair(function, backwards)
        except Missing as error:
            missing.append(error)
            report.add(find(stages.SKIPPED, ([function.__name__], str(error))))
    if missing and len(missing) == len(tasks):
        raise missing[0]
    for name in ("softmax", "svm"):
        known = {function: f for function, f in factors.items() if function.startswith(f"{name}_loss_")}
        report.add(find(stages.CONVENTIONS, known))
    report.add(find(stages.UNWRITTEN, report.unwritten))
    report.add(find(stages.SKIPPED, (report.unchecked, "First correct what they need")))
    report.add(find(stages.PRINTS, caller.printed.getvalue().count("\n")))
    why = "The check does not know their inputs. Call diagnosis.check_layer(forward, backward, *inputs)"
    report.add(find(stages.SKIPPED, (unknown, why)))
    report.stage = report.next_function()
    return report


ORDER = list(dict.fromkeys(KINDS.values()))


def find_tasks(functions, caller):
    """Return (kind, function, backward functions) for each function that can be checked, and names of others."""
    tasks, unknown = [], []
    for name, function in functions.items():
        pair = PAIR.fullmatch(name)
        if pair:
            start = f"{pair[1]}_backward"
            ends = (pair[2] or "", f"{pair[2] or ''}_alt")
            backwards = [functions[start + end] for end in ends if start + end in functions]
            kind = KINDS.get(pair[1]) or guess_kind(function, caller)
            if kind:
                tasks.append((kind, function, backwards))
            elif backwards:
                unknown.append(name)
        elif name in KINDS and issubclass(KINDS[name], (Softmax, Rule)):
            tasks.append((KINDS[name], function, []))
    return tasks, unknown


def guess_kind(function, caller, args=None):
    """Return the kind of layer whose output a forward function has, or None."""
    for kind in ORDER:
        if issubclass(kind, (Softmax, Rule, Dropout)):
            continue
        own = args or kind.draw(np.random.default_rng(0))
        if len(own) != len(kind.names):
            continue
        try:
            r = kind(own)
            if r.agrees("out", np.asarray(caller(function, *deepcopy(own))[0])):
                return kind
        except Exception:
            continue  # a layer of another kind
    return None


def check_layer(forward, backward, *inputs, h=1e-5, max_checks=100, rng=0):
    """Check a layer: the gradients of ``backward`` against numeric ones, and its known mistakes.

    If the check knows the layer, by the name or by the output of ``forward``, it also compares its output
    and gradients with the correct ones, for inputs of its own.

    Parameters
    ----------
    forward : callable
        ``forward(*inputs)`` returns an output and a cache; or several outputs and a cache.
    backward : callable
        ``backward(dout, cache)`` returns the gradients of the inputs that are arrays of floats.
    *inputs
        Inputs. The check works on copies, in float64.
    h : float
        Step of the numeric derivatives.
    max_checks : int
        Largest number of coordinates of each input that are checked.
    rng : None, int, RandomState or Generator
        Source of the upstream gradient, the directions, and the inputs of the check.

    Returns
    -------
    NetReport
    """
    rng, report, caller = check_rng(rng), NetReport(), Caller()
    inputs = [a.astype(np.float64) if isinstance(a, np.ndarray) and a.dtype.kind == "f" else a for a in inputs]
    pair = PAIR.fullmatch(getattr(forward, "__name__", ""))
    kind = KINDS.get(pair[1]) if pair else None
    if kind is None or len(kind.names) != len(inputs):
        kind = guess_kind(forward, caller, inputs)
    if kind:
        Judge(kind, report, caller, rng).pair(forward, [backward])
        report.rows.clear()  # they are those of the check's own inputs
    if report.ok and not report.unwritten:
        _check_given(Judge(kind or Layer, report, caller, rng), forward, backward, inputs, h, max_checks)
    report.add(find(stages.UNWRITTEN, report.unwritten))
    report.stage = "done" if report.ok else "layer"
    return report


def _check_given(judge, forward, backward, inputs, h, most):
    """Compare the gradients for given inputs with numeric ones."""
    sent, caller = deepcopy(inputs), judge.caller
    names = argument_names(forward, [f"input {i}" for i in range(len(inputs))])
    judge.own = {name: name for name in names}
    call = judge.ask(forward, sent, {"out": "the output", "cache": "a cache"}, zip(names, sent, strict=True))
    if not call:
        return
    *outs, cache = call.parts
    douts = [judge.rng.standard_normal(np.shape(out)) for out in outs]
    wrt = [i for i, value in enumerate(inputs) if isinstance(value, np.ndarray) and value.dtype.kind == "f"]
    words = {names[i]: f"the gradient of {names[i]}" for i in wrt}
    sent_douts = deepcopy(douts)
    watched = [*((f"dout {i}" if i else "dout", a) for i, a in enumerate(sent_douts)), *zip(names, sent, strict=True)]
    answer = judge.ask(backward, (*sent_douts, cache), words, watched)
    for i, (name, grad) in zip(wrt if answer else (), answer.answers.items() if answer else (), strict=True):

        def total(x, i=i):
            *outs, _ = caller(forward, *(x.copy() if j == i else deepcopy(value) for j, value in enumerate(inputs)))
            return sum(np.vdot(out, dout) for out, dout in zip(outs, douts, strict=True))

        judge.gradient(backward, name, total, inputs[i], np.asarray(grad, dtype=np.float64), h, most)


def check_gradient(f, x, grad, *, h=1e-5, max_checks=100, rng=0):
    """Check the gradient of any function that returns a number.

    Parameters
    ----------
    f : callable
        ``f(x)`` returns a number. It must not depend on chance.
    x : array of floats
        Point at which `grad` is the gradient.
    grad : array, shaped as x
    h : float
        Step of the numeric derivatives.
    max_checks : int
        Largest number of coordinates that are checked.
    rng : None, int, RandomState or Generator
        Source of directions and coordinates.

    Returns
    -------
    NetReport

    Examples
    --------
    >>> x = np.arange(6.0).reshape(2, 3)
    >>> print(check_gradient(lambda x: np.sum(x**2), x, x).findings[0])
    the gradient of x is 0.5 times what it should be
    """
    x, report = np.array(x, dtype=np.float64), NetReport()
    check_number("h", h, 1e-12)
    judge = Judge(Layer, report, Caller(), check_rng(rng))

    def number(x):
        return check_one_number("f must return", judge.caller(f, x))

    judge.gradient(None, "x", number, x, np.asarray(grad, dtype=np.float64), h, check_count("max_checks", max_checks))
    report.stage = "done" if report.ok else "gradients"
    return report
