"""Runs a student's file in separate processes with limits."""

import io
import json
import os
import signal
import stat
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..student import draw_cases

ROOT = Path(__file__).resolve().parents[2]
ANSWER = 16 << 20  # largest answer file in bytes; the worker cannot write a larger one
THREADS = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
_running = set()  # processes of `worker`


class Plan(NamedTuple):
    """Limits of each function, and the seed of the hidden cases (None: there are none)."""

    seconds: float = 10.0  # of CPU time, rounded up
    megabytes: int = 2048
    wall: float = 300.0  # on the clock. It may be generous, because a state must not depend on other programs
    seed: int | None = 0


class Run(NamedTuple):
    """Result of a run of one function."""

    state: str  # "finished", "timeout", "memory" or "ended" (early)
    answers: list  # for each case what `student.try_case` returned, or why there is no answer
    notes: list  # what is wrong with the file itself, or what `check_net` says
    seconds: float


def run_file(task, text, names, plan):
    """Run a student's file once for each of some functions, each with limits.

    The task "grade" calls a function with its cases, see `student.draw_cases`. The task "check" lets
    `check_net` check a net with this function and the solution's others. Return a dict from the names
    of the functions to their `Run`.
    """
    folder = Path(tempfile.mkdtemp(prefix="part-")).resolve()
    try:
        (folder / "homework.py").write_text(text, encoding="utf-8", errors="surrogatepass")
        order = json.dumps({"task": task, "names": names, **plan._asdict()})
        process = subprocess.Popen(
            [sys.executable, "-s", "-B", str(ROOT / "exercise" / "grade" / "worker.py"), str(folder), str(ROOT), order],
            cwd=folder,
            env=THREADS | {"EXERCISE_GRADER": str(os.getpid()), "PYTHONHASHSEED": "0"},  # fixes the order of sets
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        _running.add(process)
        try:
            ends = json.loads(process.communicate()[0])  # exit status and duration of each function
        except ValueError:
            raise ChildProcessError("the worker has ended early") from None
        finally:
            _running.discard(process)
        counts = {name: len(draw_cases(name, plan.seed)) if task == "grade" else 0 for name in names}
        return {name: _read_run(folder / name, counts[name], *ends[name], plan) for name in names}
    finally:  # also folders without permission, or too deeply nested for Python
        subprocess.run(["sh", "-c", 'chmod -R u+rwx "$0"; rm -rf "$0"', folder], check=False, capture_output=True)


def stop_workers():
    """End all workers that are running, with the processes that they have started."""
    for process in list(_running):
        process.terminate()


def _read_run(folder, count, status, seconds, plan):
    """Return the `Run` of a function from what the worker has written."""
    state, end = _describe_end(status, plan)
    answers = [_read(folder / f"{number}.npz", end) for number in range(count)]
    texts = [answer for answer in answers if isinstance(answer, str)]
    if any(answer.startswith("raises MemoryError") for answer in texts):
        state = "memory"
    elif status == 0 and end not in texts:
        state = "finished"
    notes = _read(folder / "notes.npz", "")
    return Run(state, answers, notes.split("\0")[:20] if isinstance(notes, str) and notes else [], round(seconds, 2))


def _read(path, end):
    """Return the answer in a file, which may be a sentence. Return `end` if the file does not exist.

    A function may have replaced the file with something else. Reading a named pipe would never end.
    A link may point to a file outside of the folder.
    """
    try:
        number = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
        with open(number, "rb") as file:
            data = io.BytesIO(file.read(ANSWER) if stat.S_ISREG(os.fstat(number).st_mode) else b"")
        if any(member.compress_type != zipfile.ZIP_STORED for member in zipfile.ZipFile(data).infolist()):
            raise ValueError("the worker does not compress: this may be a zip bomb")
        with np.load(data, allow_pickle=False) as answers:
            found = {name: answers[name] for name in answers.files}
        return str(found["says"])[:20_000] if "says" in found else found
    except FileNotFoundError:
        return end
    except Exception:  # Python objects, or a damaged file
        return "must return numbers or arrays of numbers, but returns something else"


def _describe_end(status, plan):
    """Return a state, and a sentence that says why a process gave no answer."""
    if status is None:
        return "timeout", f"was stopped after {plan.wall:g} s. Does it wait for something?"
    if status == -signal.SIGXCPU:
        return "timeout", f"was stopped after {plan.seconds:g} s of computing. Is there an endless loop?"
    if status < 0:
        return "ended", f"ended the process by signal {-status}: too much memory, time or data, or a crash"
    return "ended", f"ended the process with the exit status {status}"
