"""Runs a student's file in separate processes with limits."""

import contextlib
import io
import json
import os
import pickle
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import NamedTuple

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
ANSWER = 16 << 20  # largest answer file in bytes; the worker cannot write a larger one
THREADS = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
_running = set()  # processes of `worker`


class Limits(NamedTuple):
    """Limits of a function: CPU time in seconds, rounded up, memory in megabytes, and duration.

    The duration stops a function that only waits. It may be generous, because a state must not
    depend on other programs.
    """

    seconds: float = 10.0
    megabytes: int = 2048
    wall: float = 300.0


class Run(NamedTuple):
    """Result of a run of one function.

    Attributes
    ----------
    state : {"finished", "timeout", "memory", "ended"}
        The last one means that the process ended early.
    answers : list of (dict or str)
        For each case, what `cases.call` returned, or a sentence that says why there is no answer.
    problems : list of str
        What is wrong with the file itself, see `student.load`.
    seconds : float
    """

    state: str
    answers: list
    problems: list
    seconds: float


def run_file(text, names, cases, limits):
    """Run a student's file once for each of some functions, and call the function with its cases.

    Parameters
    ----------
    text : str
        The file as it is.
    names : list of str
        Names of the functions.
    cases : list of cases.Case
        Cases of these functions.
    limits : Limits
        They hold for each function.

    Returns
    -------
    dict of str to Run
    """
    with _work("cases", text, names, limits, cases) as (folder, ends):
        return {name: _read_run(folder / name, cases, name, *ends[name], limits) for name in names}


def check_file(text, names, limits):
    """Return what `check_net` says of a net with one function of a student and the solution's others.

    The arguments are those of `run_file`. Return a dict from each name to a list of findings. It is
    empty if the check fails or reaches a limit.
    """
    with _work("check_net", text, names, limits) as (folder, _):
        return {name: _read_sentences(folder / name) for name in names}


@contextlib.contextmanager
def _work(task, text, names, limits, cases=()):
    """Do a task in a worker. Yield its folder, and the exit status and duration for each function."""
    folder = Path(tempfile.mkdtemp(prefix="part-")).resolve()
    try:
        (folder / "homework.py").write_text(text, encoding="utf-8", errors="surrogatepass")
        (folder / "cases.pickle").write_bytes(pickle.dumps(cases))
        order = {"task": task, "names": names, **limits._asdict()}
        yield folder, _run_worker(folder, json.dumps(order))
    finally:
        try:
            shutil.rmtree(folder)
        except (OSError, RecursionError):  # folders without permission, or too deeply nested
            subprocess.run(["chmod", "-R", "u+rwx", str(folder)], check=False, capture_output=True)
            subprocess.run(["rm", "-rf", str(folder)], check=False, capture_output=True)


def _run_worker(folder, order):
    """Run a worker. Return its answer: a dict from functions to their exit status and duration."""
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
        return json.loads(process.communicate()[0])
    except ValueError:
        raise ChildProcessError("the worker has ended early") from None
    finally:
        _running.discard(process)


def stop_workers():
    """End all workers that are running, with the processes that they have started."""
    for process in list(_running):
        process.terminate()


def _read_run(folder, cases, name, status, seconds, limits):
    """Return the `Run` of a function from what the worker has written."""
    end = _describe_end(status, limits)
    count = sum(case.part == name for case in cases)
    answers = [_read_answer(folder, number, end) for number in range(count)]
    texts = [answer for answer in answers if isinstance(answer, str)]
    if any(answer.startswith("raises MemoryError") for answer in texts):
        state = "memory"
    elif status == 0 and end not in texts:
        state = "finished"
    else:
        state = "timeout" if status in (None, -signal.SIGXCPU) else "ended"
    return Run(state, answers, _read_sentences(folder), round(seconds, 2))


def _read_sentences(folder):
    """Return the list of sentences that the worker wrote, or an empty one."""
    try:
        return [str(sentence)[:1000] for sentence in json.loads(_read_file(folder / "sentences.json") or b"[]")][:20]
    except (OSError, ValueError, TypeError, RecursionError):  # written by the student's code
        return []


def _read_answer(folder, number, end):
    """Return the answer to a case, or a sentence that says why there is none."""
    try:
        for name in ("import.txt", f"{number}.txt"):
            if text := _read_file(folder / name):
                return text[:4000].decode("utf-8", "replace")[:1000]
        data = _read_file(folder / f"{number}.npz")
        if data is None:
            return end
        with zipfile.ZipFile(io.BytesIO(data)) as file:
            if any(member.compress_type != zipfile.ZIP_STORED for member in file.infolist()):
                raise ValueError("the worker does not compress: this may be a zip bomb")
        with np.load(io.BytesIO(data), allow_pickle=False) as answers:
            return {name: answers[name] for name in answers.files}
    except Exception:  # Python objects, or a damaged file
        return "must return numbers or arrays of numbers, but returns something else"


def _read_file(path):
    """Read a file of a worker's folder, or return None if it does not exist.

    A function may have replaced the file with something else. Reading a named pipe would never end.
    A link may point to a file outside of the folder.
    """
    try:
        number = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
    except FileNotFoundError:
        return None
    with open(number, "rb") as file:
        if not stat.S_ISREG(os.fstat(number).st_mode):
            raise ValueError("not a file")
        return file.read(ANSWER)


def _describe_end(status, limits):
    """Say why a process gave no answer."""
    if status is None:
        return f"was stopped after {limits.wall:g} s. Does it wait for something?"
    if status == -signal.SIGXCPU:
        return f"was stopped after {limits.seconds:g} s of computing. Is there an endless loop?"
    if status < 0:
        return f"ended the process by signal {-status}: too much memory, time or data, or a crash"
    return f"ended the process with the exit status {status}"
