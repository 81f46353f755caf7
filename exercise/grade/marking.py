"""Grades the functions of files in parallel, and logs the results."""

import contextlib
import functools
import hashlib
import json
import signal
import sys
from concurrent.futures import ThreadPoolExecutor, as_completed, wait
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

from ..cases import call, make_cases
from ..judge import judge, points
from ..parts import BY_NAME, solution
from ..student import read
from .apart import CHECK_NET, LAB, ROOT, Limits, kill_workers, run_check_net, run_part

try:
    import fcntl
except ImportError:  # on Windows, where grading does not run
    fcntl = None

STOPPED = ("timeout", "memory", "ended")  # in these states `check_net` is not run


class Plan(NamedTuple):
    """Settings of grading: limits, and the seed of the hidden cases."""

    limits: Limits = Limits()
    seed: int = 0


class GradeLog:
    """Log of graded parts: a file with one line of JSON for each.

    Interrupted grading continues from it.

    Parameters
    ----------
    path : Path
        Created if it does not exist. Incomplete lines are ignored.

    Attributes
    ----------
    graded : dict of str to dict
        Maps keys to what `grade_part` and `check_part` returned. See `hash_inputs`.
    """

    def __init__(self, path):
        self.path, self.graded = path, {}

    def __enter__(self):
        self._file = open(self.path, "a+b")
        try:
            if fcntl is not None:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._file.close()
            raise OSError(f"another grading run is writing {self.path}. Wait for it, or choose another --csv") from None
        except OSError:  # a file system without locks
            pass
        self._file.seek(0)
        content = self._file.read()
        for line in content.split(b"\n"):
            with contextlib.suppress(ValueError, TypeError):
                key, result = json.loads(line)
                self.graded[key] = dict(result)
        if content and not content.endswith(b"\n"):
            self._file.write(b"\n")
        return self

    def __exit__(self, *exception):
        self._file.close()

    def add(self, key, result):
        """Record the result of a part, and write it to the file."""
        self.graded[key] = result
        self._file.write(json.dumps([key, result]).encode() + b"\n")
        self._file.flush()


def hash_inputs(task, name, text, plan):
    """Return a hash of everything that decides a result: its key in a `GradeLog`.

    Parameters
    ----------
    task : str
        Name of the function that makes the result.
    name : str
        Name of the part.
    text : str
        The student's file.
    plan : Plan

    Returns
    -------
    str
    """
    facts = [task, name, text, plan, _hash_code(), np.__version__, sys.version]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()


@functools.cache
def _hash_code():
    """Hash the solution, the points, the code that grades, and all sentences of the feedback."""
    grader = (path.relative_to(ROOT).as_posix() for path in (ROOT / "exercise").glob("**/*.py"))
    names = sorted({*LAB, *CHECK_NET, *grader})
    return hashlib.sha256(b"\0".join((ROOT / name).read_bytes() for name in names)).hexdigest()


def grade_all(choices, plan, jobs, log, explain=False):
    """Grade the functions of all submissions in parallel. Equal files are graded once.

    Parameters
    ----------
    choices : list of choose.Choice
    plan : Plan
    jobs : int
        Number of parts that are graded at a time.
    log : GradeLog
        What it already has is not done again.
    explain : bool
        Whether `check_net` explains the parts that are wrong.

    Returns
    -------
    list of dict
        For each submission, a dict that maps the name of each part to the result of `grade_part`,
        with the sentences of `check_net` as "check". If grading failed, the state is "not graded".
    """
    written = {(name, c.text): None for c in choices for name, state in c.found.items() if state == "written"}
    graded = _run_all(grade_part, sorted(written), plan, jobs, log)
    wrong = [pair for pair, result in graded.items() if result["wrong"] and result["state"] not in STOPPED]
    checks = _run_all(check_part, wrong, plan, jobs, log) if explain else {}

    def result(name, choice):
        pair, state = (name, choice.text), choice.found.get(name)
        if state == "written":
            return {**graded[pair], "check": checks.get(pair, {}).get("check", [])}
        if choice.reason:
            return no_points(name, "unreadable", choice.reason)
        if state == "syntax error":
            return no_points(name, state, next(why for why, names in read(choice.text)[1] if name in names))
        if state == "not written":
            return no_points(name, state, f"{name} is not written")
        return no_points(name, "missing", f"{choice.file} does not define {name}")

    return [{name: result(name, choice) for name in BY_NAME} for choice in choices]


def _run_all(function, pairs, plan, jobs, log):
    """Call a function for pairs of a part and a text in parallel. Return a dict from pairs to results."""
    keys = {pair: hash_inputs(function.__name__, *pair, plan) for pair in pairs}
    left = {pair: key for pair, key in keys.items() if key not in log.graded}
    for name in {name for name, _ in left}:
        make_trial(name, plan.seed)  # cached before several threads need it
    executor, failed = ThreadPoolExecutor(jobs), {}
    futures = {executor.submit(function, *pair, plan): pair for pair in left}
    try:
        for future in tqdm(as_completed(futures), total=len(futures), unit=" parts", disable=None):
            pair = futures[future]
            if error := future.exception():
                failed[pair] = no_points(pair[0], "not graded", f"Not graded: {error}")
            else:
                log.add(keys[pair], future.result())
    finally:
        _stop(executor, futures)
    return {pair: failed.get(pair) or log.graded[key] for pair, key in keys.items()}


def _stop(executor, futures):
    """Start no more parts, and kill those that are running."""
    executor.shutdown(wait=False, cancel_futures=True)
    while not all(future.done() for future in futures):
        with _no_interrupt():
            kill_workers()
            wait(futures, timeout=0.05)
    executor.shutdown()


@contextlib.contextmanager
def _no_interrupt():
    """Ignore Ctrl-C."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@functools.cache
def make_trial(name, seed):
    """Make the cases of a part and their expected answers.

    Parameters
    ----------
    name : str
        Name of the part.
    seed : int
        Seed of the hidden cases. The visible cases are always the same.

    Returns
    -------
    list of (cases.Case, dict of ndarray)
    """
    cases = make_cases(name, 0, False) + make_cases(name, seed, True)
    return [(case, call(name, solution(name), case.arrays)) for case in cases]


def grade_part(name, text, plan):
    """Test a function of a student's file with all cases.

    Parameters
    ----------
    name : str
        Name of the part.
    text : str
        The file.
    plan : Plan

    Returns
    -------
    dict
        ``state`` is one of the table in exercise/README.md. ``points`` maps each aspect to its points.
        ``wrong`` lists the aspect, label and sentence of each wrong case. ``problem`` is a sentence
        if no case was tested, else empty. ``notes`` lists what is wrong with the file itself.
        ``seconds`` is the time.
    """
    trial, part = make_trial(name, plan.seed), BY_NAME[name]
    run = run_part(part, text, [case for case, _ in trial], plan.limits)
    verdicts = [(case, judge(case, got, right)) for (case, right), got in zip(trial, run.answers, strict=True)]
    gained, wrong = points(part, verdicts), [(case.aspect, case.label, what) for case, what in verdicts if what]
    if not wrong:
        state = "right"
    elif run.state in STOPPED:
        state = run.state
    elif all(isinstance(answers, str) for answers in run.answers):
        state = "error"
    else:
        state = "partly" if any(gained.values()) else "wrong"
    seconds = round(run.seconds, 2)
    return {**no_points(name, state, ""), "points": gained, "wrong": wrong, "notes": run.problems, "seconds": seconds}


def check_part(name, text, plan):
    """Return what `check_net` says of a function: a dict with the list ``check``. See `grade_part`."""
    return {"check": run_check_net(BY_NAME[name], text, plan.limits)}


def no_points(name, state, problem):
    """Return the result of a part that is not tested, in the form of `grade_part`."""
    empty = {"wrong": [], "notes": [], "check": [], "seconds": 0.0}
    return {"state": state, "points": dict.fromkeys(BY_NAME[name].points, 0.0), "problem": problem, **empty}
