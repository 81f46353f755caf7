"""Worker process that runs a student's file, in a child process for each function.

`exercise.grade.apart` starts it. A child limits its own rights before it loads the file. This stops
accidents and simple attempts to cheat. It does not stop an attacker.
"""

import contextlib
import ctypes
import json
import math
import os
import resource
import signal
import sys
import sysconfig
import time
from types import SimpleNamespace

import numpy as np
import psutil
import tqdm  # noqa: F401  it imports modules that the guard refuses

FORKS = 6  # with all descendants at most 2**6 processes
FILES = 200  # that a case may open for writing
READS = ("open", "os.listdir", "os.scandir", "os.chdir")
WRITES = ("os.remove", "os.rename", "os.rmdir", "os.mkdir", "os.chmod", "os.chown", "os.link", "os.symlink")
SUBREAPER = 36  # PR_SET_CHILD_SUBREAPER of Linux's prctl
REFUSED = ("subprocess.", "os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.forkpty", "pty.spawn", "os.kill")
REFUSED += ("os.truncate", "os.setxattr", "shutil.", "signal.pthread_kill", "socket.", "webbrowser.", "ctypes.dlopen")


def set_limits(order):
    """Set the limits of this process and of its children."""
    limits = {"AS": order["megabytes"] << 20, "FSIZE": 16 << 20, "NOFILE": 64, "CORE": 0}
    limits["CPU"] = math.ceil(order["seconds"])  # at the soft limit comes SIGXCPU, which names the cause
    for name, soft in limits.items():
        with contextlib.suppress(AttributeError, ValueError, OSError):  # macOS lacks some, and refuses some
            kind = getattr(resource, f"RLIMIT_{name}")
            wanted, highest = (soft, soft + (name == "CPU")), resource.getrlimit(kind)[1]
            if highest != resource.RLIM_INFINITY:
                wanted = tuple(min(value, highest) for value in wanted)
            resource.setrlimit(kind, wanted)


def guard(folder, own):
    """Refuse other programs, the network, too many processes or files, and other folders than `folder`.

    Files in `own` can also be written. Return what is left of processes and files.
    """
    real, join, isinstance_, string = os.path.realpath, os.path.join, isinstance, (str, bytes, os.PathLike)
    libraries = {sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    libraries |= {join(sys.base_prefix, "lib"), "/dev/null", "/dev/urandom", "/usr/share/zoneinfo"}
    readable = tuple(join(real(path), "") for path in libraries) + (join(real(folder), ""),)
    writable, left = join(real(own), ""), {"forks": FORKS, "files": FILES}

    def inside(path, folders):
        return not isinstance_(path, string) or join(real(os.fsdecode(path)), "").startswith(folders)

    def hook(event, args):
        if event == "open" and len(args) > 2 and args[2] is not None and args[2] & (os.O_WRONLY | os.O_RDWR):
            left["files"] -= 1
            if left["files"] < 0 or not inside(args[0], writable):
                raise PermissionError(f"writing to {args[0]} is not allowed while a submission is graded")
        elif event in READS:
            if not inside(args[0] if args[0] is not None else ".", readable):
                raise PermissionError(f"reading {args[0]} is not allowed while a submission is graded")
        elif event in WRITES:
            if not all(inside(path, writable) for path in args[:2] if isinstance_(path, string)):
                raise PermissionError(f"{event} outside the folder is not allowed while a submission is graded")
        elif event == "os.fork":
            left["forks"] -= 1
            if left["forks"] < 0:
                raise PermissionError("too many processes while a submission is graded")
        elif event.startswith(REFUSED):
            raise PermissionError(f"{event} is not allowed while a submission is graded")

    sys.addaudithook(hook)
    return left


def run_part(name, folder, own, order):
    """Do the task for a function, and write each answer to a separate file. A sentence has the name "says"."""
    functions = {part.name: parts.solution(part.name) for part in parts.PARTS} if order["task"] == "check" else {}
    with open(os.path.join(folder, "homework.py"), encoding="utf-8", errors="surrogatepass") as file:
        text = file.read()
    left, me, end = guard(folder, own), os.getpid(), os._exit  # in a check it also hides the solution's lines

    def write(number, answers):
        if os.getpid() != me:  # a child process that the function or the file forked
            end(0)
        left["files"] = FILES
        answers = {"says": np.array(answers[:20_000])} if isinstance(answers, str) else answers
        try:
            np.savez(os.path.join(own, "part.npz"), **answers)
            os.replace(os.path.join(own, "part.npz"), os.path.join(own, f"{number}.npz"))
        except BaseException as error:
            if "says" in answers:
                raise
            write(number, f"gives an answer that cannot be saved: {type(error).__name__}")

    module, problems = student.load(text, folder)
    if order["task"] == "check":
        functions[name] = getattr(module, name)
        report = check_with_random_data(FunctionNet(SimpleNamespace(**functions), *SIZES))
        problems = [finding.replace(folder, "") for finding in report.findings]
    write("notes", "\0".join(problems))
    if order["task"] == "check":
        return
    function = getattr(module, name, None)
    missing = problems[0] if problems else f"{name} is not defined when the file has run"
    for number, case in enumerate(student.draw_cases(name, order["seed"])):
        write(number, student.try_case(function, case, folder) if function else missing)


def run_child(name, folder, order):
    """Do the task for a function in a child process. Return its exit status, None after the limit, and its duration."""
    own, started, end = os.path.join(folder, name), time.monotonic(), os._exit
    os.makedirs(os.path.join(own, "empty"))
    child = os.fork()
    if child == 0:
        try:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            nowhere = os.open(os.devnull, os.O_RDWR)
            for stream in range(3):
                os.dup2(nowhere, stream)
            set_limits(order)
            os.chdir(os.path.join(own, "empty"))
            run_part(name, folder, own, order)
            end(0)  # do not wait for threads of the function
        finally:
            end(1)
    ended, status = 0, 0
    while not ended and time.monotonic() < started + order["wall"]:
        time.sleep(0.005)
        ended, status = os.waitpid(child, os.WNOHANG)
    kill_children()
    return os.waitstatus_to_exitcode(status) if ended else None, time.monotonic() - started


def kill_children():
    """Kill all processes that this one has started or adopted."""
    with contextlib.suppress(ChildProcessError):  # there are none left
        while True:
            for process in psutil.Process().children(recursive=True):
                with contextlib.suppress(psutil.Error):
                    process.kill()
            os.waitpid(-1, 0)


if __name__ == "__main__":
    folder, root, order = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
    sys.path[0] = root
    from exercise import parts, student

    if order["task"] == "check":
        import classifiers.layers
        import classifiers.sgd  # noqa: F401
        from diagnosis.check import check_with_random_data
        from diagnosis.functions import FunctionNet
        from diagnosis.loading import SIZES

    del sys.path[0]  # the file must not import the lab
    sys.argv[:] = ["grade"]
    if sys.platform == "linux":  # become the parent of processes whose parent has ended
        ctypes.CDLL(None).prctl(SUBREAPER, 1, 0, 0, 0)
    signal.signal(signal.SIGTERM, lambda *_: (kill_children(), os._exit(1)))
    ends = {}
    for name in order["names"]:
        ends[name] = run_child(name, folder, order)
        unfinished = order["task"] == "grade" and not os.path.exists(os.path.join(folder, name, "notes.npz"))
        if unfinished and ends[name][0] in (None, -signal.SIGXCPU):  # the file itself does not end
            ends = dict.fromkeys(order["names"], ends[name]) | ends
            break
    print(json.dumps(ends))
