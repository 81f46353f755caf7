"""Runs a student's file in a separate process with limits."""

import contextlib
import ctypes
import functools
import io
import json
import os
import queue
import select
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import threading
import time
import weakref
import zipfile
from pathlib import Path
from typing import NamedTuple

import numpy as np
import psutil

from ..cases import save_cases

ROOT = Path(__file__).resolve().parents[2]
LAB = [f"exercise/{name}.py" for name in ("__init__", "parts", "cases", "student")]  # without the solution
CHECK_NET = [  # files that `check_net` needs, too
    *("checks.py", "gradient_check.py", "tables.py"),
    *(f"classifiers/{name}.py" for name in ("__init__", "layers", "sgd")),
    *(f"diagnosis/{path.name}" for path in sorted((ROOT / "diagnosis").glob("*.py"))),
]
PROCESSES = 256  # of a submission at a time; the limit does not apply to root
MARK = {"EXERCISE_PART": str(os.getpid())}  # environment variable of a worker and of its children
ANSWER = 16 << 20  # largest answer file in bytes; the worker cannot write a larger one
SUBREAPER = 36  # PR_SET_CHILD_SUBREAPER of Linux's prctl

_starting = threading.Lock()
servers = set()  # process ids of the servers of this process
_left_behind = set()  # process ids of what workers left running
_idle = queue.SimpleQueue()


class Limits(NamedTuple):
    """Limits of a part.

    Attributes
    ----------
    seconds : float
        CPU time, rounded up to whole seconds. Other programs do not change it much.
    megabytes : int
        Memory.
    wall : float
        Duration in seconds. It stops a function that only waits, so it may be generous.
    """

    seconds: float = 10.0
    megabytes: int = 2048
    wall: float = 300.0


class Run(NamedTuple):
    """Result of a run.

    Attributes
    ----------
    state : str
        "finished", "timeout", "memory" or "ended". The last one means that the process ended early.
    answers : list of (dict or str)
        For each case, what `cases.call` returned, or a sentence that says why there is no answer.
    problems : list of str
        What is wrong with the file itself, see `student.load`.
    seconds : float
        Duration of the run.
    """

    state: str
    answers: list
    problems: list
    seconds: float


def run_part(part, text, cases, limits):
    """Run a student's file, and call one of its functions with all given cases.

    Parameters
    ----------
    part : parts.Part
    text : str
        The file as it is.
    cases : list of cases.Case
    limits : Limits

    Returns
    -------
    Run
    """
    with _temporary_folder(text, LAB) as folder:
        save_cases(folder / "cases.npz", cases)
        started = time.monotonic()
        status = _run_worker(folder, limits, task="cases", part=part.name)
        seconds = time.monotonic() - started
        end = _describe_end(status, limits)
        answers = [_read_answer(folder, number, end) for number in range(len(cases))]
        problems = _read_sentences(folder)
    texts = [answer for answer in answers if isinstance(answer, str)]
    if any(answer.startswith("raises MemoryError") for answer in texts):
        state = "memory"
    elif status == 0 and end not in texts:
        state = "finished"
    else:
        state = "timeout" if status in (None, -signal.SIGXCPU) else "ended"
    return Run(state, answers, problems, seconds)


def run_check_net(part, text, limits):
    """Return the findings of `check_net` about a net with a student's function and the solution's others.

    The list is empty if the check fails or reaches a limit.
    """
    with _temporary_folder(text, LAB + CHECK_NET) as folder:
        _run_worker(folder, limits, task="check_net", part=part.name)
        return _read_sentences(folder)


@contextlib.contextmanager
def _temporary_folder(text, files):
    """Make a folder with a student's file and modules of the lab. Remove it at the end with everything in it."""
    folder = Path(tempfile.mkdtemp(prefix="part-")).resolve()
    try:
        (folder / "homework.py").write_text(text, encoding="utf-8", errors="surrogatepass")
        for name in files:
            (folder / "lab" / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, folder / "lab" / name)
        yield folder
    finally:
        try:
            shutil.rmtree(folder)
        except (OSError, RecursionError):  # folders without permission, or too deeply nested
            subprocess.run(["chmod", "-R", "u+rwx", str(folder)], check=False, capture_output=True)
            subprocess.run(["rm", "-rf", str(folder)], check=False, capture_output=True)


def _read_sentences(folder):
    """Return the list of sentences that the worker wrote, or an empty one."""
    try:
        return [str(sentence)[:1000] for sentence in json.loads(_read_file(folder / "sentences.json") or b"[]")][:20]
    except (OSError, ValueError, TypeError, RecursionError):  # written by the student's code
        return []


def _run_worker(folder, limits, **order):
    """Run a task in a worker process. Return its exit status, or None after `limits.wall`."""
    order |= {"seconds": limits.seconds, "megabytes": limits.megabytes, "processes": _count_processes() + PROCESSES}
    (folder / "task.json").write_text(json.dumps(order), encoding="utf-8")
    (folder / "empty").mkdir()
    server = None
    while server is None or server.process.poll() is not None:
        try:
            server = _idle.get_nowait()
        except queue.Empty:
            server = Server()
    try:
        return server.run(folder, limits.wall)
    finally:
        if server.process.poll() is None:
            _idle.put(server)
        _kill_orphans()


class Server:
    """Process that has imported NumPy and forks for each task. It does not import the lab."""

    def __init__(self):
        folder = tempfile.mkdtemp(prefix="part-server-")
        shutil.copy(ROOT / "exercise" / "grade" / "worker.py", folder)
        threads = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
        _adopt_orphans()
        with _starting:
            self.process = subprocess.Popen(
                [sys.executable, "-s", "-B", os.path.join(folder, "worker.py")],
                cwd=folder,
                env=threads | MARK | {"PYTHONHASHSEED": "0"},  # fixes the order of sets
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                bufsize=0,
                start_new_session=True,
            )
            servers.add(self.process.pid)
        weakref.finalize(self, _end, self.process, folder)

    def run(self, folder, seconds):
        """Fork for the task in a folder. Return the exit status, or None if it takes longer."""
        self.process.stdin.write(f"{folder}\n".encode())
        child = int(self.process.stdout.readline() or 0)
        if not child:
            raise ChildProcessError("the server process has ended")
        try:
            ended, _, _ = select.select([self.process.stdout], [], [], seconds)
        finally:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(child, signal.SIGKILL)
        status = int(self.process.stdout.readline() or -signal.SIGKILL)
        return status if ended else None


def _end(process, folder):
    """Stop a server and remove its folder."""
    process.kill()
    process.communicate()  # closes its pipes
    shutil.rmtree(folder, ignore_errors=True)
    with _starting:
        servers.discard(process.pid)


def kill_workers():
    """Kill all workers that are running. Their servers can be used again."""
    for server in list(servers):
        with contextlib.suppress(psutil.Error):
            for worker in psutil.Process(server).children():
                worker.kill()


def _kill_orphans():
    """Kill the processes that workers left running."""
    with _starting:
        for _ in range(100):  # a killed process may have started another one
            orphans = [child for child in psutil.Process().children() if child.pid not in servers and _is_marked(child)]
            if not orphans:
                break
            for orphan in orphans:  # their own children are orphans in the next round
                with contextlib.suppress(psutil.Error):
                    orphan.kill()
            psutil.wait_procs(orphans, timeout=0.1)


def _is_marked(child):
    """Tell whether a worker left this child process behind. The child may be a zombie."""
    try:
        if child.status() == psutil.STATUS_ZOMBIE:
            return child.pid in _left_behind
        _left_behind.update({child.pid} if child.environ().items() >= MARK.items() else ())
        return child.pid in _left_behind
    except psutil.Error:
        return False


@functools.cache
def _adopt_orphans():
    """On Linux, become the parent of processes whose parent has ended. Then they can be found."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(SUBREAPER, 1, 0, 0, 0)


@functools.cache
def _count_processes():
    """Count the user's threads. The system's limit on processes counts threads, too."""
    count, name = 0, psutil.Process().username()
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            count += process.num_threads() if process.username() == name else 0
    return count


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
