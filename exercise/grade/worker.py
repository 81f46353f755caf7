"""Worker process that runs a student's file. `exercise.grade.apart` copies and starts this module.

The process limits its own rights before it loads the file. This stops accidents and simple
attempts to cheat. It does not stop an attacker.
"""

import json
import math
import os
import sys
import sysconfig

FORKS = 6  # with all descendants at most 2**6 processes
FILES = 200  # that a case may open for writing
READS = ("open", "os.listdir", "os.scandir", "os.chdir")
WRITES = ("os.remove", "os.rename", "os.rmdir", "os.mkdir", "os.chmod", "os.chown", "os.link", "os.symlink")
REFUSED = ("subprocess.", "os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.forkpty", "pty.spawn", "os.kill")
REFUSED += ("os.truncate", "os.setxattr", "shutil.", "signal.pthread_kill", "socket.", "webbrowser.", "ctypes.dlopen")


def set_limits(order):
    """Set the limits of this process and of its children."""
    import resource

    def lower(name, soft, hard=None):
        kind = getattr(resource, name, None)
        if kind is not None:
            wanted, highest = (soft, soft if hard is None else hard), resource.getrlimit(kind)[1]
            if highest != resource.RLIM_INFINITY:
                wanted = tuple(min(value, highest) for value in wanted)
            try:
                resource.setrlimit(kind, wanted)
            except (ValueError, OSError):  # macOS refuses some
                pass

    seconds = math.ceil(order["seconds"])
    lower("RLIMIT_CPU", seconds, seconds + 1)  # at the soft limit comes SIGXCPU, which names the cause
    lower("RLIMIT_AS", order["megabytes"] << 20)
    lower("RLIMIT_FSIZE", 16 << 20)
    lower("RLIMIT_NOFILE", 64)
    lower("RLIMIT_NPROC", order["processes"])
    lower("RLIMIT_CORE", 0)


def guard(own):
    """Refuse other folders, other programs, the network, and too many processes or files."""
    real, join, isinstance_, string = os.path.realpath, os.path.join, isinstance, (str, bytes, os.PathLike)
    libraries = {sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    libraries |= {join(sys.base_prefix, "lib"), "/dev/null", "/dev/urandom", "/usr/share/zoneinfo"}
    readable = tuple(join(real(path), "") for path in libraries) + (join(real(own), ""),)
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


def run_cases(folder, name):
    """Call a function with each case, and write each answer to a separate file."""
    import numpy as np

    from exercise.cases import load_cases
    from exercise.student import load, try_case

    def write(name, text):
        left["files"] = FILES
        with open(os.path.join(folder, name), "w", encoding="utf-8", errors="replace") as file:
            file.write(text)

    text = read_homework(folder)
    left, me, end = guard(folder), os.getpid(), os._exit
    module, problems = load(text, folder)
    if os.getpid() != me:  # a child process that the file forked
        end(0)
    write("sentences.json", json.dumps(problems))
    function = getattr(module, name, None)
    if function is None:
        return write("import.txt", problems[0] if problems else f"{name} is not defined when the file has run")
    for number, case in enumerate(load_cases(os.path.join(folder, "cases.npz"))[0]):
        answers = try_case(function, case, folder)
        if os.getpid() != me:  # a child process that the function forked
            end(0)
        if isinstance(answers, str):
            write(f"{number}.txt", answers)
            continue
        left["files"] = FILES
        try:
            np.savez(os.path.join(folder, "part.npz"), **answers)
            os.replace(os.path.join(folder, "part.npz"), os.path.join(folder, f"{number}.npz"))
        except BaseException as error:
            write(f"{number}.txt", f"gives an answer that cannot be saved: {type(error).__name__}")
    return None


def read_homework(folder):
    with open(os.path.join(folder, "homework.py"), encoding="utf-8", errors="surrogatepass") as file:
        return file.read()


def write_findings(folder, name):
    """Run `check_net` on a net with one function of the student, and write the findings to a file."""
    import linecache
    import shutil
    from types import SimpleNamespace

    from diagnosis.check import check_with_random_data
    from diagnosis.functions import FunctionNet
    from diagnosis.loading import SIZES
    from exercise.parts import PARTS, solution
    from exercise.student import load

    functions = {part.name: solution(part.name) for part in PARTS}
    shutil.rmtree(os.path.join(folder, "lab", "classifiers"))  # its lines must not be quoted
    linecache.clearcache()
    text = read_homework(folder)
    guard(folder)
    functions[name] = getattr(load(text)[0], name)
    report = check_with_random_data(FunctionNet(SimpleNamespace(**functions), *SIZES))
    with open(os.path.join(folder, "sentences.json"), "w", encoding="utf-8") as file:
        json.dump([finding.replace(folder, "") for finding in report.findings], file)


def do_task(folder):
    """Do the task of a folder, then end the process."""
    end = os._exit
    try:
        with open(os.path.join(folder, "task.json"), encoding="utf-8") as file:
            order = json.load(file)
        set_limits(order)
        os.chdir(os.path.join(folder, "empty"))
        sys.path.insert(0, os.path.join(folder, "lab"))
        if order["task"] == "check_net":
            write_findings(folder, order["part"])
        else:
            run_cases(folder, order["part"])
        end(0)  # do not wait for threads of the function
    finally:
        end(1)


def main():
    """Fork for each folder named on stdin. Print the child's process id, then its exit status.

    NumPy is imported once, here. An import for each part would take longer than the part.
    """
    import ast  # noqa: F401
    import linecache  # noqa: F401
    import random  # noqa: F401
    import traceback  # noqa: F401

    import numpy.lib  # noqa: F401
    import tqdm  # noqa: F401  it imports modules that the guard refuses

    sys.argv = ["grade"]
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            os.setsid()
            nowhere = os.open(os.devnull, os.O_RDWR)
            for stream in range(3):
                os.dup2(nowhere, stream)
            do_task(line.rstrip("\n"))
        print(child, flush=True)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


if __name__ == "__main__":
    main()
