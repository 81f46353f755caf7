"""Tests the functions of homework.py in the visible cases, and prints their points.

``python -m exercise.visible`` tests all functions, ``python -m exercise.visible forward`` only one.
"""

import contextlib
import io
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from diagnosis.loading import LoadError, read_source

from .cases import load_cases
from .judge import judge, points
from .parts import BY_NAME, FULL, PARTS
from .student import find_functions, load, try_case

HOMEWORK = Path(__file__).resolve().parents[1] / "homework.py"
CASES = Path(__file__).with_name("visible.npz")
SECONDS = 60  # for each function; they are tested at the same time
SHOWN = 2  # mistakes of an aspect that are printed


def main(arguments=None):
    """Run the command with names of functions, by default those of the command line.

    Each function is tested in a separate process. An endless loop in one does not stop the others.
    The exit status is 0 if all functions get all their points, 1 if not, and 2 if the file or a name
    is wrong.
    """
    names = sys.argv[1:] if arguments is None else arguments
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a code page lacks some characters
    unknown = [name for name in names if name not in BY_NAME]
    if unknown:
        sys.exit(_fail(f"{unknown[0]} is not one of the functions {', '.join(BY_NAME)}"))
    try:
        found = find_functions(read_source(HOMEWORK))
    except LoadError as error:
        sys.exit(_fail(f"homework.py {error}"))
    parts = [part for part in PARTS if not names or part.name in names]
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        written = [part for part in parts if found.get(part.name) != "not written"]
        command = [sys.executable, "-c", "from exercise import visible; visible.test_part()", folder]
        path = os.environ | {"PYTHONPATH": str(HOMEWORK.parent)}  # imports the lab from any folder
        running = {part.name: subprocess.Popen([*command, part.name], cwd=folder, env=path) for part in written}
        results = {name: _wait(process, Path(folder, name)) for name, process in running.items()}
    for problem in dict.fromkeys(problem for result in results.values() for problem in result["problems"]):
        print(f"homework.py: {problem}")
    total = sum(_print_part(part, results.get(part.name)) for part in parts)
    full = FULL if not names else sum(sum(part.points.values()) for part in parts)
    print(f"{'total':<15}{round(total, 2):>6g} of {full:g} points, in the visible cases. Hand in homework.py")
    sys.exit(0 if total == full else 1)


def _fail(sentence):
    print(sentence, file=sys.stderr)
    return 2


def _wait(process, answer):
    """Wait for a process, and return what `test_part` wrote, or why there is nothing."""
    try:
        process.wait(SECONDS)
        why = f"ended the process with the exit status {process.returncode}"
    except subprocess.TimeoutExpired:
        why = f"was stopped after {SECONDS} s. Is there an endless loop?"
    finally:
        process.kill()
        process.wait()
    try:
        return json.loads(answer.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {"problems": [], "points": {}, "wrong": {"": [why]}}


def test_part():
    """Test one function in this process, and write its points and mistakes to a file."""
    folder, name = sys.argv[1:]
    with open(os.devnull, "w", encoding="utf-8") as nowhere, contextlib.redirect_stdout(nowhere):
        module, problems = load(read_source(HOMEWORK))
        function, trial = getattr(module, name, None), zip(*load_cases(CASES), strict=True)
        trial = [(case, expected) for case, expected in trial if case.part == name and function]
        verdicts = [(case, judge(case, try_case(function, case), expected)) for case, expected in trial]
    wrong = {} if function else {"": [f"homework.py does not define {name}"]}
    for case, verdict in verdicts:
        if verdict and verdict not in wrong.setdefault(case.aspect, []):
            wrong[case.aspect].append(verdict)
    answer = {"problems": problems, "points": points(BY_NAME[name], verdicts), "wrong": wrong}
    Path(folder, name).write_text(json.dumps(answer), encoding="utf-8")
    os._exit(0)  # do not wait for threads of the function


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
