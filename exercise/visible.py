"""Tests the functions of homework.py in the visible cases, and prints their points.

``python -m exercise.visible`` tests all functions, ``python -m exercise.visible forward`` only one.
In the notebook, ``show_points("forward")`` does the same.
"""

import io
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from pathlib import Path

import numpy as np

from diagnosis.source import LoadError, read_source

from .judge import judge, points
from .parts import BY_NAME, FULL, HOMEWORK, PARTS
from .student import NAME, draw_cases, find_functions, load, try_case

PROGRAM = "from exercise import visible; visible.test_part()"
ANSWERS = Path(__file__).with_name("answers.npz")
SECONDS = 5  # of CPU time for each function
PATIENCE = 30  # seconds on the clock
SHOWN = 2  # mistakes of an aspect that are printed


def main():
    """Run the command with the names of functions in the command line.

    The exit status is 0 if all functions get all their points, 1 if not, and 2 if the file or a name
    is wrong.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a code page lacks some characters
    try:
        sys.exit(0 if show_points(*sys.argv[1:]) else 1)
    except ValueError as error:
        print(error, file=sys.stderr)
        sys.exit(2)


def show_points(*names):
    """Print the points and mistakes of some functions, by default of all.

    Each function is tested in a separate process. An endless loop in one does not stop the others.

    Returns
    -------
    bool
        Whether all of them get all their points.

    Raises
    ------
    ValueError
        If the file cannot be read, or a name is not one of a function.
    """
    if unknown := [name for name in names if name not in BY_NAME]:
        raise ValueError(f"{unknown[0]} is not one of the functions {', '.join(BY_NAME)}")
    try:
        found = find_functions(read_source(HOMEWORK))
    except LoadError as error:
        raise ValueError(f"homework.py {error}") from None
    parts = [part for part in PARTS if not names or part.name in names]
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        written = [part.name for part in parts if found.get(part.name) != "not written"]
        command = [sys.executable, "-c", PROGRAM, folder]
        options = {"cwd": folder, "stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL}
        options["env"] = os.environ | {"PYTHONPATH": str(HOMEWORK.parent)}  # imports the lab from any folder
        running = {name: subprocess.Popen([*command, name], **options) for name in written}
        results = {name: _wait(process, Path(folder, name)) for name, process in running.items()}
    for problem in dict.fromkeys(problem for result in results.values() for problem in result["problems"]):
        print(f"homework.py: {problem}")
    total = sum(_print_part(part, results.get(part.name)) for part in parts)
    full = FULL if not names else sum(sum(part.points.values()) for part in parts)
    print(f"{'total':<15}{round(total, 2):>6g} of {full:g} points, in the visible cases. Hand in homework.py")
    return total == full


def _wait(process, answer):
    """Wait for a process, and return what `test_part` wrote, or why there is nothing."""
    why = f"was stopped after {2 * PATIENCE} s. Is there an endless loop?"
    try:
        process.wait(2 * PATIENCE)
        why = f"ended the process with the exit status {process.returncode}"
        return json.loads(answer.read_text(encoding="utf-8"))
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return {"problems": [], "points": {}, "wrong": {"": [why]}}
    finally:
        process.kill()
        process.wait()


def test_part():
    """Test one function in this process, and write its points and mistakes to a file."""
    folder, name = sys.argv[1:]
    cases, verdicts, problems, wrong = draw_cases(name), [], [], {}
    with np.load(ANSWERS) as file:
        expected = [{out: file[f"{name} {n} {out}"] for out in case.outputs} for n, case in enumerate(cases)]

    def write(why):
        """Write the results and end the process. `why` holds for the cases that have no verdict."""
        pairs = list(zip(cases, verdicts + [why] * (len(cases) - len(verdicts)), strict=True))
        for case, verdict in pairs:
            if verdict and not any(verdict in sentences for sentences in wrong.values()):
                wrong.setdefault(case.aspect, []).append(verdict)
        answer = {"problems": problems, "points": points(BY_NAME[name], pairs), "wrong": wrong}
        Path(folder, name).write_text(json.dumps(answer), encoding="utf-8")
        os._exit(0)  # do not wait for threads of the function

    def watch():
        while time.process_time() < SECONDS and time.monotonic() < end:
            time.sleep(0.05)
        stack = traceback.extract_stack(sys._current_frames()[threading.main_thread().ident])
        lines = [f"line {frame.lineno}: {frame.line}" for frame in stack if frame.filename == NAME]
        write(f"does not end. Is there an endless loop? It was stopped in {lines[-1] if lines else 'other code'}")

    end = time.monotonic() + PATIENCE
    threading.Thread(target=watch, daemon=True).start()
    module, found = load(read_source(HOMEWORK))
    problems.extend(found)
    function = getattr(module, name, None)
    for case, answer in zip(cases if function else (), expected, strict=False):
        verdicts.append(judge(case, try_case(function, case), answer))
    write(f"homework.py does not define {name}")


def _print_part(part, result):
    """Print the points and mistakes of a function, and return the points."""
    gained = sum(result["points"].values()) if result else 0.0
    remark = "" if result else f"   not written. Section {part.section} of the notebook explains it"
    print(f"{part.name:<15}{round(gained, 2):>6g} of {sum(part.points.values()):g}{remark}")
    for aspect, sentences in result["wrong"].items() if result else ():
        for sentence in sentences[:SHOWN]:
            print(f"    {aspect}{': ' if aspect else ''}{sentence}")
    return gained


if __name__ == "__main__":
    main()
