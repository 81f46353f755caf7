"""Command that grades submissions: ``python -m exercise.grade SUBMISSIONS --csv grades.csv``."""

import argparse
import contextlib
import csv
import io
import json
import os
import signal
import sys
from pathlib import Path

from files import atomic_write

from .apart import Limits
from .feedback import file_name, gradescope, make_page
from .marking import GradeLog, Plan, grade_parts, no_points
from .parts import PARTS
from .submissions import Found, find_submissions, read_parts

PATIENCE = 30  # limit of a part's duration, in units of --timeout
FORMULA = tuple("=+-@\uff1d\uff0b\uff0d\uff20")  # some spreadsheets accept full-width signs, too


def main(arguments=None):
    """Run the command.

    Parameters
    ----------
    arguments : list of str, optional
        Arguments of the command line; by default those of the process.

    Raises
    ------
    SystemExit
        Always raised. The status is 0 if all parts are graded, and 1 if a part could not be graded.
        It is 2 if the command line is wrong or a file cannot be written, and 130 after Ctrl-C.
    """
    parser = _make_parser()
    args = parser.parse_args(arguments)
    if os.name == "nt":
        parser.error("grading needs the process limits of Linux or macOS. Use WSL or a container")
    if not args.submissions.exists():
        parser.error(f"{args.submissions} does not exist")
    for path in filter(None, (args.csv, args.feedback, args.json)):
        if args.submissions.is_dir() and path.resolve().is_relative_to(args.submissions.resolve()):
            parser.error(f"{path} is inside the folder of submissions. Choose a path outside of it")
    limits = Limits(args.timeout, args.memory, PATIENCE * args.timeout)
    plan = Plan(limits, args.seed, bool(args.feedback or args.json))
    try:
        with _signals_interrupt():
            sys.exit(_grade(args, plan, parser))
    except KeyboardInterrupt:
        saved = f"Interrupted. Graded parts are saved in {_log_path(args.csv)}"
        print(f"{saved}: run the same command again to continue", file=sys.stderr)
        sys.exit(130)
    except OSError as error:
        parser.exit(2, f"{parser.prog}: {error}\n")


def _make_parser():
    parser = argparse.ArgumentParser(prog="python -m exercise.grade", description="Grade a folder of submissions.")
    parser.add_argument("submissions", type=Path, help="folder with a folder, zip or Python file of each student")
    parser.add_argument("--csv", type=Path, required=True, help="output file: one line for each submission")
    parser.add_argument("--feedback", type=Path, help="output folder for a web page of each submission")
    parser.add_argument("--json", type=Path, help="output folder for Gradescope's results.json files")
    parser.add_argument("--timeout", type=_number(float), default=Limits().seconds, help="CPU seconds per part (10)")
    parser.add_argument("--memory", type=_number(int), default=Limits().megabytes, help="MB of memory per part (2048)")
    parser.add_argument("-j", "--jobs", type=_number(int), default=_count_cores(), help="parts at a time (cores)")
    parser.add_argument("--seed", type=_number(int, 0), default=0, help="seed of the hidden cases (0)")
    return parser


def _number(kind, least=None):
    """Return a function that reads a number > 0. If `least` is given, the number is >= `least`."""

    def read(text):
        with contextlib.suppress(ValueError):
            if (kind(text) > 0 if least is None else kind(text) >= least) and kind(text) <= 1e6:
                return kind(text)
        raise argparse.ArgumentTypeError(f"must be a number {'> 0' if least is None else f'>= {least}'}, got {text}")

    return read


def _count_cores():
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextlib.contextmanager
def _signals_interrupt():
    """Treat SIGTERM and SIGHUP like Ctrl-C. Then no process is left running."""

    def interrupt(number, frame):
        raise KeyboardInterrupt

    before = {number: signal.signal(number, interrupt) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _log_path(path):
    return path.with_name(f"{path.name}.jsonl")


def _grade(args, plan, parser):
    """Grade what is not graded yet, and write all files. Return the exit status."""
    submissions = [(name, _read(path)) for name, path in find_submissions(args.submissions)]
    if not submissions:
        parser.error(f"{args.submissions} holds no submissions. It must contain folders, zips or Python files")
    for folder in filter(None, (args.csv.parent, args.feedback, args.json)):
        folder.mkdir(parents=True, exist_ok=True)
    with GradeLog(_log_path(args.csv)) as log:
        graded = grade_parts([parts for _, parts in submissions], plan, args.jobs, log)
    results = [assemble(name, parts, graded) for name, parts in submissions]
    write_csv(args.csv, results)
    for result in results:
        if args.feedback:
            _write(args.feedback / f"{file_name(result['name'])}.html", make_page(result))
        if args.json:
            (args.json / file_name(result["name"])).mkdir(exist_ok=True)
            _write(args.json / file_name(result["name"]) / "results.json", json.dumps(gradescope(result), indent=1))
    failed = [result["name"] for result in results if "not graded" in result["state"]]
    print(f"{len(results) - len(failed)} of {len(results)} submissions are graded: {args.csv}")
    if failed:
        print(f"Not graded: {', '.join(failed)}. Run the same command again", file=sys.stderr)
    return 1 if failed else 0


def _read(path):
    """Read a submission. An error in it must not stop the grading of the others."""
    try:
        return read_parts(path)
    except Exception as error:
        return {part.name: Found("unreadable", f"The submission cannot be read: {error}") for part in PARTS}


def assemble(name, parts, graded):
    """Combine the results of a submission's parts.

    Parameters
    ----------
    name : str
    parts : dict of str to Found
        See `submissions.read_parts`.
    graded : callable
        See `marking.grade_parts`.

    Returns
    -------
    dict
        ``name``, ``state``, ``total``, ``seconds`` and ``parts``. The last one maps the name of
        each part to the result of `marking.grade_part`.
    """
    done = {
        part.name: graded(part, found.text) if found.state == "found" else no_points(part, found.state, found.text)
        for part, found in ((part, parts[part.name]) for part in PARTS)
    }
    total = sum(sum(part["points"].values()) for part in done.values())
    seconds = sum(part["seconds"] for part in done.values())
    return {"name": name, "state": _state(done), "total": round(total, 2), "seconds": round(seconds, 1), "parts": done}


def _state(parts):
    """Return the state of a submission: one if all parts agree, else those that are not right."""
    states = {name: part["state"] for name, part in parts.items()}
    if len(set(states.values())) == 1:
        return next(iter(states.values()))
    return ", ".join(f"{name} {state}" for name, state in states.items() if state != "right")


def write_csv(path, results):
    """Write the table of grades, with one line for each submission.

    Parameters
    ----------
    path : Path
    results : list of dict
        See `assemble`.
    """
    table = io.StringIO(newline="")
    writer = csv.writer(table)
    writer.writerow(["submission", "state", "total", *(part.name for part in PARTS), "seconds"])
    for result in results:
        gained = [f"{sum(result['parts'][part.name]['points'].values()):.2f}" for part in PARTS]
        head = [_no_formula(result["name"]), result["state"], f"{result['total']:.2f}"]
        writer.writerow([*head, *gained, f"{result['seconds']:.1f}"])
    _write(path, table.getvalue())


def _no_formula(name):
    """Put an apostrophe before a name that a spreadsheet would read as a formula."""
    return f"'{name}" if name.lstrip().startswith(FORMULA) else name


def _write(path, text):
    with atomic_write(path) as file:
        file.write(text.encode("utf-8", "replace"))


if __name__ == "__main__":
    main()
