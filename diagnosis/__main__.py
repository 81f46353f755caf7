"""Checks the two-layer net, or the layers, in a Python file: ``python -m diagnosis path/to/neural_net.py``."""

import argparse
import contextlib
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

from .compat import SIZES

START = 15  # seconds for the start of Python and NumPy, added to the time limit


def main(arguments=None):
    """Check the class in a file and print the report. The exit status is 0, 1 (a finding) or 2 (no such net)."""
    parser = argparse.ArgumentParser(
        prog="python -m diagnosis", description="Check the gradients of the two-layer net in a Python file."
    )
    parser.add_argument("file", type=Path, help="the file; it is run, so use a sandbox if you do not trust it")
    parser.add_argument("--class", dest="name", default="TwoLayerNet", help=f"the class, created as TwoLayerNet{SIZES}")
    parser.add_argument("--timeout", type=_seconds, default=60.0, help="stop the check after this many seconds (60)")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of the report")
    args = parser.parse_args(arguments)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # Windows' code pages lack some characters of the report or the file
    try:
        result = check_file(args.file, args.name, args.timeout)
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


def check_file(file, name, timeout):
    """Check a file in a separate process, which is stopped after `timeout` seconds.

    Return the object that ``--json`` prints, and the report as "text". If the file cannot be checked,
    "error" says why.
    """
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        answer, trace = Path(folder, "answer"), Path(folder, "trace")
        task = {"file": str(file), "name": name, "timeout": timeout, "answer": str(answer), "trace": str(trace)}
        status = _run(json.dumps(task), timeout + START)
        try:
            return json.loads(answer.read_text(encoding="utf-8"))
        except (OSError, ValueError):  # no answer, or an incomplete one
            trace = trace.read_text(encoding="utf-8", errors="replace") if trace.exists() else ""
    return {"ok": False, "error": f"{file}{_explain_end(status, trace, Path(os.path.realpath(file)), timeout)}"}


def _run(task, limit):
    """Run a task in a new process, then kill it and its children. Return its exit status; None after `limit` s."""
    path = os.pathsep.join(place or os.getcwd() for place in sys.path)
    process = subprocess.Popen(
        [sys.executable, "-m", f"{__package__}.child"],
        **{"stdin": subprocess.PIPE, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "encoding": "utf-8"},
        env={**os.environ, "PYTHONPATH": path, "PYTHONIOENCODING": "utf-8:replace", "MPLBACKEND": "Agg"},  # no windows
        start_new_session=True,
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


if __name__ == "__main__":
    main()
