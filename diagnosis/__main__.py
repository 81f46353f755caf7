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
from .loading import SIZES, explain_failure, load_net
from .standins import Missing, homework_imports

START = 15  # seconds that Python and NumPy may take to start, besides the time limit
CHILD = (
    "import json, sys; task = json.load(sys.stdin); sys.path[:] = task['path']; "
    "from diagnosis.__main__ import work; work(task)"
)


def main(arguments=None):
    """Check the class in a file and print the report.

    The file runs in a process of its own, which is stopped after a time limit.

    Parameters
    ----------
    arguments : list of str, optional
        Of the command line.

    Raises
    ------
    SystemExit
        0 if no mistake is found, 1 if there is a finding, 2 if the file has no such net or cannot be checked.
    """
    parser = argparse.ArgumentParser(
        prog="python -m diagnosis", description="Check the gradients of the two-layer net in a Python file."
    )
    parser.add_argument("file", type=Path, help="runs this file: use a sandbox for files of people you do not know")
    parser.add_argument(
        "--class", dest="name", default="TwoLayerNet", help="the class, made as TwoLayerNet(4, 10, 3, 1e-1)"
    )
    parser.add_argument("--timeout", type=_seconds, default=60.0, help="seconds after which the check is stopped (60)")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of the report")
    args = parser.parse_args(arguments)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # Windows' code pages lack some characters of the report or the file
    try:
        result = check_apart(args.file, args.name, args.timeout)
    except KeyboardInterrupt:
        result = {"ok": False, "error": f"{args.file}: the check was interrupted"}
    except OSError as error:  # no temporary folder, no more processes
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
    """Read a time limit."""
    with contextlib.suppress(ValueError):
        if 0 < float(text) <= 1e6:
            return float(text)
    raise argparse.ArgumentTypeError(f"must be a number of seconds > 0, got {text}")


def check_apart(file, name, timeout):
    """Check a file in a process of its own.

    Parameters
    ----------
    file : Path
    name : str
        Of the class.
    timeout : float
        Seconds.

    Returns
    -------
    dict
        What ``--json`` prints, and as "text" what is printed else. If the file could not be checked, "error" says why.
    """
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        answer, trace = Path(folder, "answer"), Path(folder, "trace")
        task = {"file": str(file), "name": name, "timeout": timeout, "path": [path or os.getcwd() for path in sys.path]}
        status = _run(json.dumps({**task, "answer": str(answer), "trace": str(trace)}), timeout + START)
        try:
            return json.loads(answer.read_text(encoding="utf-8"))
        except (OSError, ValueError):  # none, or only the beginning of one
            trace = trace.read_text(encoding="utf-8", errors="replace") if trace.exists() else ""
    return {"ok": False, "error": f"{file}{_explain_end(status, trace, Path(os.path.realpath(file)), timeout)}"}


def _run(task, limit):
    """Start the process, wait for it, and end whatever it has started; return its exit status, or None."""
    environment = {**os.environ, "MPLBACKEND": "Agg"}  # no windows
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
        return f" was stopped after {timeout:g} s{place}. Is there an endless loop? --timeout gives it more time"
    ended = f"with exit status {status}"
    if status < 0 and os.name != "nt":
        ended = f"by signal {-status} ({signal.strsignal(-status)})"
    return f": its process ended before the check was done, {ended}{place}. Does it call os._exit, or crash?"


class LineCounter(io.RawIOBase):
    """Counts the lines that are written to it, and forgets them."""

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
            answer["notes"].append(f"{path.name} prints: {counter.lines} line(s) were left out here")
        added = answer["notes"][answer.pop("told") :]
        answer["text"] += "".join(f"\nNote: {note}" for note in added)
        answer |= {"file": task["file"], "class": task["name"]}
    except BaseException as error:  # a file that calls sys.exit(0) must not count as right
        answer = {"ok": False, "error": task["file"] + explain_failure(error, path, call)}
    faulthandler.cancel_dump_traceback_later()
    Path(task["answer"]).write_text(json.dumps(answer), encoding="utf-8")
    end(0)  # threads of the file must not keep the process


def _check_class(path, name):
    """Make a net of the class in a file, and check it on random parameters and data."""
    net, notes = load_net(path, name)
    rng = np.random.default_rng(0)
    if net.params is None or not hasattr(net.params, "items"):
        raise TypeError(f"params must be a dict with W1, b1, W2 and b2, got {type(net.params).__name__}")
    for param, value in net.params.items():
        net.params[param] = 0.5 * rng.standard_normal(np.shape(value))  # biases too: at zero they hide mistakes
    report = check_net(net, rng.standard_normal((5, 4)), np.array([0, 1, 2, 2, 1]), rng=rng)
    answer = report.to_dict()
    return {**answer, "text": str(report), "told": len(answer["notes"]), "notes": [*answer["notes"], *notes]}


if __name__ == "__main__":
    main()
