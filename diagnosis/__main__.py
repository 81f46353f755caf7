"""Checks the two-layer net in a Python file: ``python -m diagnosis path/to/neural_net.py``."""

import argparse
import builtins
import contextlib
import faulthandler
import io
import json
import linecache
import os
import re
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from .check import check_net
from .compat import Missing, homework_imports
from .loading import SIZES, explain_failure, load_net

START = 15  # seconds for the start of Python and NumPy, added to the time limit
CHILD = (
    "import json, sys; task = json.load(sys.stdin); sys.path[:] = task['path']; "
    "from diagnosis.__main__ import work; work(task)"
)


def main(arguments=None):
    """Check the class in a file and print the report.

    The file runs in a separate process. If it exceeds the time limit, it is stopped.

    Parameters
    ----------
    arguments : list of str, optional
        Command-line arguments. None means ``sys.argv[1:]``.

    Raises
    ------
    SystemExit
        0 if no mistake is found, 1 if there is a finding. 2 if the file does not contain the net or
        cannot be checked.
    """
    parser = argparse.ArgumentParser(
        prog="python -m diagnosis", description="Check the gradients of the two-layer net in a Python file."
    )
    parser.add_argument("file", type=Path, help="the file; it is run, so use a sandbox for files of unknown people")
    parser.add_argument(
        "--class", dest="name", default="TwoLayerNet", help="the class, created as TwoLayerNet(4, 10, 3, 1e-1)"
    )
    parser.add_argument("--timeout", type=_seconds, default=60.0, help="stop the check after this many seconds (60)")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of the report")
    args = parser.parse_args(arguments)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # Windows' code pages lack some characters of the report or the file
    try:
        result = check_apart(args.file, args.name, args.timeout)
    except KeyboardInterrupt:
        result = {"ok": False, "error": f"{args.file}: the check was interrupted"}
    except OSError as error:  # for example no temporary folder, or too many processes
        result = {"ok": False, "error": f"{args.file}: the check cannot be started: {error}"}
    text = result.pop("text", "")
    if args.json:
        print(json.dumps(result, allow_nan=False))
    elif "error" in result:
        parser.exit(2, f"{parser.prog}: {result['error']}\n")
    else:
        print(text)
    sys.exit(2 if "error" in result else 0 if result["ok"] else 1)


def _seconds(text):
    """Convert the text of a time limit to seconds."""
    with contextlib.suppress(ValueError):
        if 0 < float(text) <= 1e6:
            return float(text)
    raise argparse.ArgumentTypeError(f"must be a number of seconds > 0, got {text}")


def check_apart(file, name, timeout):
    """Check a file in a separate process.

    Parameters
    ----------
    file : Path
    name : str
        Name of the class.
    timeout : float
        Time limit in seconds.

    Returns
    -------
    dict
        The object that ``--json`` prints, and the report as "text". If the file cannot be checked,
        there is no "text", and "error" says why.
    """
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        answer, trace = Path(folder, "answer"), Path(folder, "trace")
        task = {"file": str(file), "name": name, "timeout": timeout, "path": [path or os.getcwd() for path in sys.path]}
        status = _run(json.dumps({**task, "answer": str(answer), "trace": str(trace)}), timeout + START)
        try:
            return json.loads(answer.read_text(encoding="utf-8"))
        except (OSError, ValueError):  # no answer, or an incomplete one
            trace = trace.read_text(encoding="utf-8", errors="replace") if trace.exists() else ""
    return {"ok": False, "error": f"{file}{_explain_end(status, trace, Path(os.path.realpath(file)), timeout)}"}


def _run(task, limit):
    """Run a task in a new process, then kill the process and its children.

    Return the exit status, or None if the process runs longer than `limit` seconds.
    """
    environment = {**os.environ, "MPLBACKEND": "Agg"}  # plots open no windows
    silent = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen(
        [sys.executable, "-c", CHILD],
        stdin=subprocess.PIPE,
        encoding="utf-8",
        env=environment,
        start_new_session=True,
        **silent,
    )
    try:
        process.communicate(task, timeout=limit)
        return process.returncode
    except subprocess.TimeoutExpired:
        return None
    finally:
        if os.name == "nt":
            if process.poll() is None:
                subprocess.run(["taskkill", "/F", "/T", "/PID", str(process.pid)], check=False, capture_output=True)
        else:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _explain_end(status, trace, path, timeout):
    """Say why a process ended without an answer."""
    name = str(path).encode("ascii", "backslashreplace").decode()  # as faulthandler writes it
    line = re.search(rf'File "{re.escape(name)}", line (\d+)', trace)
    place = ""
    if line:
        place = f" at line {line[1]}: {linecache.getline(str(path), int(line[1])).strip()}"
    if status is None or trace.startswith("Timeout"):
        return f" was stopped after {timeout:g} s{place}. Look for an endless loop, or give it more time with --timeout"
    ended = f"with exit status {status}"
    if status < 0 and os.name != "nt":
        ended = f"by signal {-status} ({signal.strsignal(-status)})"
    return f": its process ended before the check was done, {ended}{place}. Look for a call of os._exit or a crash"


class LineCounter(io.RawIOBase):
    """Stream that counts the lines written to it and discards them."""

    lines = 0

    def writable(self):
        return True

    def write(self, data):
        self.lines += bytes(data).count(b"\n")
        return len(data)


def _no_input(prompt=""):
    raise Missing("input() cannot be answered in a check")


def work(task):
    """Check a file in this process, write the answer to a file, and end the process."""
    path, call = Path(os.path.realpath(task["file"])), f"{task['name']}{SIZES}".replace("0.1", "1e-1")
    trace = open(task["trace"], "w", encoding="utf-8")  # noqa: SIM115
    faulthandler.enable(trace)
    faulthandler.dump_traceback_later(task["timeout"], exit=True, file=trace)
    counter = LineCounter()
    sys.stdout = sys.stderr = io.TextIOWrapper(counter, "utf-8", errors="replace", write_through=True)
    sys.argv, builtins.input, sys.dont_write_bytecode = [str(path)], _no_input, True
    end = os._exit
    try:
        with homework_imports(path.parent):
            answer = _check_class(path, task["name"])
        if counter.lines:
            answer["notes"].append(f"{path.name} prints output: {counter.lines} line(s) are not shown here")
        added = answer["notes"][answer.pop("told") :]
        answer["text"] += "".join(f"\nNote: {note}" for note in added)
        answer |= {"file": task["file"], "class": task["name"]}
    except BaseException as error:  # SystemExit, too: a call of sys.exit(0) is not a right answer
        answer = {"ok": False, "error": task["file"] + explain_failure(error, path, call)}
    faulthandler.cancel_dump_traceback_later()
    Path(task["answer"]).write_text(json.dumps(answer), encoding="utf-8")
    end(0)  # threads of the file must not delay the end of the process


def _check_class(path, name):
    """Create a net from the class in a file and check it on random parameters and data."""
    net, notes = load_net(path, name)
    rng = np.random.default_rng(0)
    if net.params is None or not hasattr(net.params, "items"):
        raise TypeError(f"params must be a dict with W1, b1, W2 and b2, got {type(net.params).__name__}")
    for param, value in net.params.items():
        net.params[param] = 0.5 * rng.standard_normal(np.shape(value))  # biases too: biases of zero hide mistakes
    report = check_net(net, rng.standard_normal((5, 4)), np.array([0, 1, 2, 2, 1]), rng=rng)
    notes += _borrowed_modules(path)
    answer = report.to_dict()
    return {**answer, "text": str(report), "told": len(answer["notes"]), "notes": [*answer["notes"], *notes]}


def _borrowed_modules(path):
    """Name the modules of the lab that a file uses because they are not near it, in a note or none."""
    near = {path.parent, path.parent.parent / "classifiers"}
    modules = [module for name, module in sys.modules.items() if name.startswith("classifiers.")]
    files = [Path(module.__file__) for module in modules if getattr(module, "__file__", None)]
    files = sorted(file for file in files if not near.intersection(file.parents))
    names = ", ".join(file.name for file in files)
    return [f"these files are not near {path.name} and come from {files[0].parent}: {names}"] if files else []


if __name__ == "__main__":
    main()
