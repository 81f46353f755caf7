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

from .apart import Plan
from .choose import choose, list_some
from .deliveries import read_delivery
from .marking import grade_all, open_log
from .report import assemble, classroom50, file_name, gradescope, make_page, make_table

PATIENCE = 30  # limit of a part's duration, in units of --timeout


def main(arguments=None):
    """Run the command, and exit. The arguments are by default those of the process.

    The status is 0 if all parts are graded, and 1 if a part could not be graded. It is 2 if the
    command line is wrong or a file cannot be written, and 130 after Ctrl-C.
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
    for number in (signal.SIGTERM, signal.SIGHUP):  # like Ctrl-C: no process is left running
        signal.signal(number, signal.default_int_handler)
    log_path = args.csv.with_name(f"{args.csv.name}.jsonl")
    try:
        sys.exit(_grade(args, log_path, parser))
    except KeyboardInterrupt:
        parser.exit(130, f"Interrupted. Graded parts are saved in {log_path}: run the same command again to continue\n")
    except OSError as error:
        parser.exit(2, f"{parser.prog}: {error}\n")


def _make_parser():
    parser = argparse.ArgumentParser(prog="python -m exercise.grade", description="Grade a folder of submissions.")
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    add = parser.add_argument
    add("submissions", type=Path, help="a platform's download, or a folder with an entry of each student")
    add("--single", action="store_true", help="the folder is one submission, whatever it holds")
    add("--csv", type=Path, required=True, help="output file: one line for each submission")
    add("--feedback", type=Path, help="output folder for a web page of each submission")
    add("--json", type=Path, help="output folder for Gradescope's results.json files")
    add("--classroom50", type=Path, help="output file with --single: Classroom 50's result.json")
    add("--timeout", type=_number(float), default=Plan().seconds, help="CPU seconds per part (10)")
    add("--memory", type=_number(int), default=Plan().megabytes, help="MB of memory per part (2048)")
    add("-j", "--jobs", type=_number(int), default=cores, help="parts at a time (cores)")
    add("--seed", type=_number(int, 0), default=0, help="seed of the hidden cases (0)")
    return parser


def _number(kind, least=1e-9):
    """Return a function that reads a number from `least` to a million."""

    def read(text):
        with contextlib.suppress(ValueError):
            if least <= kind(text) <= 1e6:
                return kind(text)
        raise argparse.ArgumentTypeError(f"must be a number {'> 0' if least else '>= 0'}, got {text}")

    return read


def _grade(args, log_path, parser):
    """Grade what is not graded yet, and write all files. Return the exit status."""
    submissions, others = read_delivery(args.submissions, args.single)
    if not submissions:
        parser.error(f"{args.submissions} holds no submissions. It must contain folders, zips or Python files")
    if others:
        print(f"No submissions: {list_some(others, 5)}")
    try:
        old = args.csv.read_text(encoding="utf-8-sig") if args.csv.exists() else ""
        make_table([], old)
    except ValueError as error:
        why = "is not saved as UTF-8" if isinstance(error, UnicodeDecodeError) else error
        parser.error(f"{args.csv} {why}. Choose another --csv")
    choices = list(map(choose, submissions))
    args.csv.parent.mkdir(parents=True, exist_ok=True)
    plan = Plan(args.timeout, args.memory, PATIENCE * args.timeout, args.seed)
    with open_log(log_path) as log:
        graded = grade_all(choices, plan, args.jobs, log)
    named = zip(submissions, choices, graded, strict=True)
    results = [assemble(submission.name, choice, parts) for submission, choice, parts in named]
    table = make_table(results, old)
    files = {args.csv: "\ufeff" + table}  # a byte order mark: without it, Excel takes UTF-8 for a code page
    for result in results:
        name = file_name(result["name"])
        if args.feedback:
            files[args.feedback / f"{name}.html"] = make_page(result)
        if args.json:
            files[args.json / name / "results.json"] = json.dumps(gradescope(result), indent=1)
        if args.classroom50:
            files[args.classroom50] = json.dumps(classroom50(result), indent=1)
    for path, text in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(path) as file:
            file.write(text.encode("utf-8", "replace"))
    failed = [result["name"] for result in results if "not graded" in result["state"]]
    kept = len(table.splitlines()) - 1 - len(results)
    more = f" ({kept} lines of earlier runs are kept)" if kept else ""
    print(f"{len(results) - len(failed)} of {len(results)} submissions are graded: {args.csv}{more}")
    if failed:
        print(f"Not graded: {', '.join(failed)}. Run the same command again", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    main()
