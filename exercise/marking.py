"""Grades functions in parallel, and logs the results."""

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

from .apart import CHECK_NET, LAB, ROOT, Limits, kill_workers, run_check_net, run_part
from .cases import call, load_function, make_cases
from .judge import judge, points
from .parts import PARTS

try:
    import fcntl
except ImportError:  # on Windows, where grading does not run
    fcntl = None

STOPPED = ("timeout", "memory", "ended")  # in these states `check_net` is not run


class Plan(NamedTuple):
    """Settings of grading: limits, seed of the hidden cases, and whether `check_net` runs."""

    limits: Limits = Limits()
    seed: int = 0
    explains: bool = True


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
        Maps the key of a part to what `grade_part` returned. See `hash_inputs`.
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


def hash_inputs(part, text, plan):
    """Return a hash of everything that decides the result of a part: its key in a `GradeLog`.

    Parameters
    ----------
    part : parts.Part
    text : str
        Source of the function.
    plan : Plan

    Returns
    -------
    str
    """
    facts = [part.name, text, plan, _hash_code(), np.__version__, sys.version]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()


@functools.cache
def _hash_code():
    """Hash the solution, the points, the code that grades, and all sentences of the feedback."""
    grader = (f"exercise/{path.name}" for path in (ROOT / "exercise").glob("*.py"))
    names = sorted({*LAB, *CHECK_NET, *grader})
    return hashlib.sha256(b"\0".join((ROOT / name).read_bytes() for name in names)).hexdigest()


def grade_parts(submissions, plan, jobs, log):
    """Grade the functions of all submissions in parallel. Equal functions are graded once.

    Parameters
    ----------
    submissions : list of dict
        Results of `submissions.read_parts`.
    plan : Plan
    jobs : int
        Number of parts that are graded at a time.
    log : GradeLog
        Parts that it already has are not graded again.

    Returns
    -------
    callable
        Maps a part and its text to the result of `grade_part`. If `grade_part` raised an error, the
        state is "not graded".
    """
    tasks = {}
    for part in PARTS:
        texts = {parts[part.name].text for parts in submissions if parts[part.name].state == "found"}
        tasks |= {hash_inputs(part, text, plan): (part, text) for text in sorted(texts)}
    tasks = {key: task for key, task in tasks.items() if key not in log.graded}
    for name in {part.name for part, _ in tasks.values()}:
        make_trial(name, plan.seed)  # cached before several threads need it
    executor, failed = ThreadPoolExecutor(jobs), {}
    futures = {executor.submit(grade_part, *task, plan): key for key, task in tasks.items()}
    try:
        for future in tqdm(as_completed(futures), total=len(futures), unit=" parts", disable=None):
            if error := future.exception():
                failed[futures[future]] = no_points(tasks[futures[future]][0], "not graded", f"Not graded: {error}")
            else:
                log.add(futures[future], future.result())
    finally:
        _stop(executor, futures)
    return lambda part, text: {**failed, **log.graded}[hash_inputs(part, text, plan)]


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
    function = load_function(next(part for part in PARTS if part.name == name))
    cases = make_cases(name, 0, False) + make_cases(name, seed, True)
    return [(case, call(name, function, case.arrays)) for case in cases]


def grade_part(part, text, plan):
    """Test a student's function with all cases.

    Parameters
    ----------
    part : parts.Part
    text : str
        Source of the function, from column 0 on.
    plan : Plan

    Returns
    -------
    dict
        ``state`` is one of the table in exercise/README.md. ``points`` maps each aspect to its points.
        ``wrong`` lists the aspect, label and sentence of each wrong case. ``problem`` is a sentence
        if no case was tested, else empty. ``check`` lists the sentences of `check_net`. ``seconds``
        is the time.
    """
    trial = make_trial(part.name, plan.seed)
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
    check = run_check_net(part, text, plan.limits) if plan.explains and wrong and state not in STOPPED else []
    seconds = round(run.seconds, 2)
    return {"state": state, "points": gained, "wrong": wrong, "problem": "", "check": check, "seconds": seconds}


def no_points(part, state, problem):
    """Return the result of a part that is not tested, in the form of `grade_part`.

    Parameters
    ----------
    part : parts.Part
    state, problem : str

    Returns
    -------
    dict
    """
    nothing = dict.fromkeys(part.points, 0.0)
    return {"state": state, "points": nothing, "wrong": [], "problem": problem, "check": [], "seconds": 0.0}
