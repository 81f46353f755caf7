"""Grades the functions of files in parallel, and logs the results."""

import contextlib
import functools
import hashlib
import json
import signal
import sys
from concurrent.futures import ThreadPoolExecutor, as_completed, wait

import numpy as np
from tqdm import tqdm

from ..cases import call
from ..judge import judge, points
from ..parts import BY_NAME, solution
from ..student import draw_cases, read
from .apart import ROOT, run_file, stop_workers

STOPPED = ("timeout", "memory", "ended")  # in these states `check_net` is not run
CODE = ("checks.py", "gradient_check.py", "tables.py", "classifiers/layers.py", "classifiers/sgd.py")
CODE += ("diagnosis/*.py", "exercise/**/*.py")  # decides the results and sentences


@contextlib.contextmanager
def open_log(path):
    """Open a log of graded files, so that interrupted grading continues: a line of JSON for each.

    Yield a dict that maps keys, see `hash_inputs`, to results by function, and a function that adds
    a result to the dict and the file. Incomplete lines of the file are ignored.
    """
    import fcntl  # does not exist on Windows, where grading does not run

    with open(path, "a+b") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise OSError(f"another grading run is writing {path}. Wait for it, or choose another --csv") from None
        except OSError:  # a file system without locks
            pass
        file.seek(0)
        graded, content = {}, file.read()
        for line in content.split(b"\n"):
            with contextlib.suppress(ValueError, TypeError):
                key, result = json.loads(line)
                graded[key] = dict(result)
        if content and not content.endswith(b"\n"):
            file.write(b"\n")

        def add(key, result):
            graded[key] = result
            file.write(json.dumps([key, result]).encode() + b"\n")
            file.flush()

        yield graded, add


def hash_inputs(task, text, names, plan):
    """Return a hash of everything that decides the result of `grade_file`: its key in the log."""
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
    plan : apart.Plan
    jobs : int
        Number of files that are graded at a time.
    log : (dict, function)
        See `open_log`. What it already has is not done again.
    explain : bool
        Whether `check_net` explains the functions that are wrong.

    Returns
    -------
    list of dict
        For each submission, a dict that maps the name of each part to its result, see `result_of`.
        If grading failed, the state is "not graded".
    """
    written = {c.text: [name for name, state in c.found.items() if state == "written"] for c in choices}
    graded = _run_all("grade", written, plan, jobs, log)
    wrong = {
        text: [name for name, part in parts.items() if part["wrong"] and part["state"] not in STOPPED]
        for text, parts in (graded.items() if explain else ())
    }
    checks = _run_all("check", wrong, plan, jobs, log)
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
    """Do a task for the functions of files in parallel. Return a dict from texts to results by function."""
    keys = {text: hash_inputs(task, text, names, plan) for text, names in files.items() if names}
    graded, add = log
    left = [text for text, key in keys.items() if key not in graded]
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
                add(keys[text], future.result())
    finally:  # start no more files, and stop those that are running
        executor.shutdown(wait=False, cancel_futures=True)
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
        while not all(future.done() for future in futures):
            stop_workers()
            wait(futures, timeout=0.05)
        signal.signal(signal.SIGINT, before)
    return {text: failed[text] if text in failed else graded[key] for text, key in keys.items()}


@functools.cache
def make_trial(seed):
    """Return for each function its cases and correct answers. `seed` is that of the hidden cases."""
    return {
        name: [(case, call(name, solution(name), case.arrays)) for case in draw_cases(name, seed)] for name in BY_NAME
    }


def grade_file(text, names, plan, task="grade"):
    """Test the named functions of a student's file with all cases, or let `check_net` explain them ("check").

    Return a dict by name, of `result_of` or of lists of sentences.
    """
    runs = run_file(task, text, names, plan)
    return {name: _mark(name, run, plan.seed) if task == "grade" else run.notes for name, run in runs.items()}


def _mark(name, run, seed):
    """Compare the answers of a run with the correct ones."""
    pairs = zip(make_trial(seed)[name], run.answers, strict=True)
    verdicts = [(case, judge(case, got, right)) for (case, right), got in pairs]
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
