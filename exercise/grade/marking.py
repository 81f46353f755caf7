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


def hash_inputs(text, names, plan):
    """Return a hash of everything that decides the result of `grade_file`: its key in the log."""
    code = b"\0".join(path.read_bytes() for pattern in CODE for path in sorted(ROOT.glob(pattern)))
    facts = [text, names, plan, hashlib.sha256(code).hexdigest(), np.__version__, sys.version]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()


def grade_all(choices, plan, jobs, log):
    """Grade the functions of all submissions, `jobs` files at a time. Equal files are graded once.

    What the log of `open_log` already has is not done again. Return for each `choose.Choice` a dict
    that maps the name of each part to its result, see `result_of`. If grading failed, the state is
    "not graded".
    """
    files = {c.text: [name for name, state in c.found.items() if state == "written"] for c in choices}
    keys = {text: hash_inputs(text, names, plan) for text, names in files.items() if names}
    graded, add = log
    left = [text for text, key in keys.items() if key not in graded]
    if left:
        make_trial(plan.seed)  # cached before several threads need it
    executor, failed = ThreadPoolExecutor(jobs), {}
    futures = {executor.submit(grade_file, text, files[text], plan): text for text in left}
    try:
        for future in tqdm(as_completed(futures), total=len(futures), unit=" files", disable=None):
            text = futures[future]
            if error := future.exception():
                failed[text] = {name: result_of(name, "not graded", f"Not graded: {error}") for name in files[text]}
            else:
                add(keys[text], future.result())
    finally:  # start no more files, and stop those that are running
        executor.shutdown(wait=False, cancel_futures=True)
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
        while not all(future.done() for future in futures):
            stop_workers()
            wait(futures, timeout=0.05)
        signal.signal(signal.SIGINT, before)
    results = {text: failed[text] if text in failed else graded[key] for text, key in keys.items()}
    found = [(choice, results.get(choice.text, {})) for choice in choices]
    return [{name: parts.get(name) or _not_run(name, choice) for name in BY_NAME} for choice, parts in found]


def _not_run(name, choice):
    """Return the result of a function that is not written, or is not there."""
    state = choice.found.get(name, "missing")
    if choice.reason:
        return result_of(name, "unreadable", choice.reason)
    if state == "syntax error":
        return result_of(name, state, next(why for why, names in read(choice.text)[1] if name in names))
    return result_of(name, state, f"{name} is not written" if state != "missing" else f"{choice.file} has no {name}")


@functools.cache
def make_trial(seed):
    """Return for each function its cases and correct answers. `seed` is that of the hidden cases."""
    return {
        name: [(case, call(name, solution(name), case.arrays)) for case in draw_cases(name, seed)] for name in BY_NAME
    }


def grade_file(text, names, plan):
    """Test the named functions of a student's file with all cases, and let `check_net` explain those that are wrong.

    Return a dict from names to `result_of`.
    """
    runs = run_file("grade", text, names, plan)
    graded = {name: _mark(name, run, make_trial(plan.seed)[name]) for name, run in runs.items()}
    wrong = [name for name, result in graded.items() if result["wrong"] and result["state"] not in STOPPED]
    for name, run in run_file("check", text, wrong, plan).items() if wrong else ():
        graded[name]["check"] = run.notes
    return graded


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
