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

from ..cases import call
from ..judge import judge, points
from ..parts import BY_NAME, solution
from ..student import draw_cases, read
from .apart import ROOT, Limits, run_file, stop_workers

try:
    import fcntl
except ImportError:  # on Windows, where grading does not run
    fcntl = None

STOPPED = ("timeout", "memory", "ended")  # in these states `check_net` is not run
CODE = ("checks.py", "gradient_check.py", "tables.py", "classifiers/layers.py", "classifiers/sgd.py")
CODE += ("diagnosis/*.py", "exercise/**/*.py")  # decides the results and sentences


class Plan(NamedTuple):
    """Settings of grading: limits, and the seed of the hidden cases."""

    limits: Limits = Limits()
    seed: int = 0


class GradeLog:
    """Log of graded files, so that interrupted grading continues: a line of JSON for each.

    The attribute `graded` maps keys to results by function, see `hash_inputs`. If the file exists,
    its incomplete lines are ignored.
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
        """Record a result, and write it to the file."""
        self.graded[key] = result
        self._file.write(json.dumps([key, result]).encode() + b"\n")
        self._file.flush()


def hash_inputs(task, text, names, plan):
    """Return a hash of everything that decides a result: its key in a `GradeLog`.

    `task` is "grade" or "check". `text` is the student's file, and `names` are its functions.
    """
    facts = [task, text, names, plan, _hash_code(), np.__version__, sys.version]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()


@functools.cache
def _hash_code():
    files = sorted(path for pattern in CODE for path in ROOT.glob(pattern))
    return hashlib.sha256(b"\0".join(path.read_bytes() for path in files)).hexdigest()


def grade_all(choices, plan, jobs, log, explain=False):
    """Grade the functions of all submissions in parallel. Equal files are graded once.

    Parameters
    ----------
    choices : list of choose.Choice
    plan : Plan
    jobs : int
        Number of files that are graded at a time.
    log : GradeLog
        What it already has is not done again.
    explain : bool
        Whether `check_net` explains the functions that are wrong.

    Returns
    -------
    list of dict
        For each submission, a dict that maps the name of each part to its result, see `result_of`.
        If grading failed, the state is "not graded".
    """
    written = {c.text: [name for name, state in c.found.items() if state == "written"] for c in choices}
    graded = _run_all("grade", {text: names for text, names in written.items() if names}, plan, jobs, log)
    checks = {}
    if explain:
        wrong = {
            text: [name for name, part in parts.items() if part["wrong"] and part["state"] not in STOPPED]
            for text, parts in graded.items()
        }
        checks = _run_all("check", {text: names for text, names in wrong.items() if names}, plan, jobs, log)
    return [
        {
            name: {
                **(graded.get(choice.text, {}).get(name) or _not_run(name, choice)),
                "check": checks.get(choice.text, {}).get(name, []),
            }
            for name in BY_NAME
        }
        for choice in choices
    ]


def _not_run(name, choice):
    """Return the result of a function that is not written, or is not there."""
    state = choice.found.get(name, "missing")
    if choice.reason:
        return result_of(name, "unreadable", choice.reason)
    if state == "syntax error":
        return result_of(name, state, next(why for why, names in read(choice.text)[1] if name in names))
    return result_of(name, state, f"{name} is not written" if state != "missing" else f"{choice.file} has no {name}")


def _run_all(task, files, plan, jobs, log):
    """Do a task for files in parallel. Return a dict from their texts to results by function."""
    keys = {text: hash_inputs(task, text, names, plan) for text, names in files.items()}
    left = [text for text, key in keys.items() if key not in log.graded]
    if left:
        make_trial(plan.seed)  # cached before several threads need it
    executor, failed = ThreadPoolExecutor(jobs), {}
    futures = {executor.submit(grade_file, text, files[text], plan, task): text for text in left}
    try:
        for future in tqdm(as_completed(futures), total=len(futures), unit=" files", disable=None):
            text = futures[future]
            if error := future.exception():
                why = f"Not graded: {error}"
                failed[text] = {name: result_of(name, "not graded", why) for name in files[text] if task == "grade"}
            else:
                log.add(keys[text], future.result())
    finally:
        _stop(executor, futures)
    return {text: failed[text] if text in failed else log.graded[key] for text, key in keys.items()}


def _stop(executor, futures):
    """Start no more files, and stop those that are running. Ignore Ctrl-C meanwhile."""
    executor.shutdown(wait=False, cancel_futures=True)
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        while not all(future.done() for future in futures):
            stop_workers()
            wait(futures, timeout=0.05)
    finally:
        signal.signal(signal.SIGINT, before)
    executor.shutdown()


@functools.cache
def make_trial(seed):
    """Return for each function its cases and correct answers. `seed` is that of the hidden cases."""
    return {
        name: [(case, call(name, solution(name), case.arrays)) for case in draw_cases(name, seed)] for name in BY_NAME
    }


def grade_file(text, names, plan, task="grade"):
    """Test the named functions of a student's file with all cases, or let `check_net` explain them.

    Return a dict by name, of `result_of` or of lists of sentences.
    """
    runs = run_file(task, text, names, plan.limits, plan.seed)
    return {
        name: _mark(name, run, make_trial(plan.seed)[name]) if task == "grade" else run.notes
        for name, run in runs.items()
    }


def _mark(name, run, trial):
    """Compare the answers of a run with the correct ones."""
    verdicts = [(case, judge(case, got, right)) for (case, right), got in zip(trial, run.answers, strict=True)]
    gained = points(BY_NAME[name], verdicts)
    wrong = [(case.aspect, case.label, what) for case, what in verdicts if what]
    if not wrong:
        state = "right"
    elif run.state in STOPPED:
        state = run.state
    elif all(isinstance(answers, str) for answers in run.answers):
        state = "error"
    else:
        state = "partly" if any(gained.values()) else "wrong"
    return {**result_of(name, state), "points": gained, "wrong": wrong, "notes": run.notes, "seconds": run.seconds}


def result_of(name, state, problem=""):
    """Return the result of a function, without points.

    The states are in exercise/README.md. ``problem`` says why no case was tested, if none was.
    ``points`` maps each aspect to its points. ``wrong`` lists the aspect, label and sentence of each
    wrong case. ``notes`` says what is wrong with the file, and ``check`` what `check_net` says.
    """
    empty = {"wrong": [], "notes": [], "check": [], "seconds": 0.0}
    return {"state": state, "points": dict.fromkeys(BY_NAME[name].points, 0.0), "problem": problem, **empty}
