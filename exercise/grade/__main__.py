"""Command that grades submissions: ``python -m exercise.grade SUBMISSIONS --csv grades.csv``."""

import argparse
import contextlib
import io
import json
import os
import signal
import sys
from pathlib import Path

from files import atomic_write

from .apart import Limits
from .choose import choose
from .deliveries import read_delivery
from .marking import GradeLog, Plan, grade_all
from .report import assemble, classroom50, file_name, gradescope, make_page, make_table

PATIENCE = 30  # limit of a part's duration, in units of --timeout
SHOWN = 5  # entries that are not submissions


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
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a code page lacks some characters
    parser = _make_parser()
    args = parser.parse_args(arguments)
    if os.name == "nt":
        parser.error("grading needs the process limits of Linux or macOS. Use WSL or a container")
    outputs = [path for path in (args.csv, args.feedback, args.json, args.classroom50) if path]
    try:
        list(map(os.fsencode, [args.submissions, *outputs]))
    except UnicodeEncodeError:  # UTF-8 in a terminal of another encoding
        parser.error("a path is not in the encoding of the system. Set the environment variable PYTHONUTF8=1")
    if not args.submissions.exists():
        parser.error(f"{args.submissions} does not exist")
    if args.classroom50 and not args.single:
        parser.error("--classroom50 needs --single")
    for path in outputs:
        if args.submissions.is_dir() and path.resolve().is_relative_to(args.submissions.resolve()):
            parser.error(f"{path} is inside the folder of submissions. Choose a path outside of it")
    limits = Limits(args.timeout, args.memory, PATIENCE * args.timeout)
    try:
        with _signals_interrupt():
            sys.exit(_grade(args, Plan(limits, args.seed), parser))
    except KeyboardInterrupt:
        saved = f"Interrupted. Graded parts are saved in {_log_path(args.csv)}"
        print(f"{saved}: run the same command again to continue", file=sys.stderr)
        sys.exit(130)
    except OSError as error:
        parser.exit(2, f"{parser.prog}: {error}\n")


def _make_parser():
    parser = argparse.ArgumentParser(prog="python -m exercise.grade", description="Grade a folder of submissions.")
    parser.add_argument(
        "submissions", type=Path, help="a platform's download, or a folder with an entry of each student"
    )
    parser.add_argument("--single", action="store_true", help="the folder is one submission, whatever it holds")
    parser.add_argument("--csv", type=Path, required=True, help="output file: one line for each submission")
    parser.add_argument("--feedback", type=Path, help="output folder for a web page of each submission")
    parser.add_argument("--json", type=Path, help="output folder for Gradescope's results.json files")
    parser.add_argument("--classroom50", type=Path, help="output file with --single: Classroom 50's result.json")
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
    submissions, others = read_delivery(args.submissions, args.single)
    if not submissions:
        parser.error(f"{args.submissions} holds no submissions. It must contain folders, zips or Python files")
    if others:
        more = f" and {len(others) - SHOWN} more" if len(others) > SHOWN else ""
        print(f"No submissions: {', '.join(others[:SHOWN])}{more}")
    try:
        old = args.csv.read_text(encoding="utf-8-sig") if args.csv.exists() else ""
        make_table([], old)
    except UnicodeDecodeError:
        parser.error(f"{args.csv} is not saved as UTF-8. Choose another --csv")
    except ValueError as error:
        parser.error(f"{args.csv} {error}. Choose another --csv")
    choices = list(map(choose, submissions))
    args.csv.parent.mkdir(parents=True, exist_ok=True)
    with GradeLog(_log_path(args.csv)) as log:
        explain = bool(args.feedback or args.json or args.classroom50)
        graded = grade_all(choices, plan, args.jobs, log, explain)
    named = zip(submissions, choices, graded, strict=True)
    results = [assemble(submission.name, choice, parts) for submission, choice, parts in named]
    table = make_table(results, old)
    _write(args.csv, "\ufeff" + table)  # a byte order mark: without it, Excel takes UTF-8 for a code page
    for result in results:
        if args.feedback:
            _write(args.feedback / f"{file_name(result['name'])}.html", make_page(result))
        if args.json:
            _write(args.json / file_name(result["name"]) / "results.json", json.dumps(gradescope(result), indent=1))
        if args.classroom50:
            _write(args.classroom50, json.dumps(classroom50(result), indent=1))
    failed = [result["name"] for result in results if "not graded" in result["state"]]
    kept = len(table.splitlines()) - 1 - len(results)
    more = f" ({kept} lines of earlier runs are kept)" if kept else ""
    print(f"{len(results) - len(failed)} of {len(results)} submissions are graded: {args.csv}{more}")
    if failed:
        print(f"Not graded: {', '.join(failed)}. Run the same command again", file=sys.stderr)
    return 1 if failed else 0


def _write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path) as file:
        file.write(text.encode("utf-8", "replace"))


if __name__ == "__main__":
    main()
