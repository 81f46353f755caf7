"""Grades submissions: ``python -m exercise.grade SUBMISSIONS --csv grades.csv --feedback FOLDER``."""

import argparse
import csv
import hashlib
import io
import json
import os
import re
import sys
import threading
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

from tqdm import tqdm

from classifiers.safety import atomic_write

from .apart import LAB, ROOT, Limits, explain, run_part, stop_all
from .cases import call, load_function, make_cases
from .feedback import make_page, to_gradescope
from .judge import judge, points
from .parts import PARTS
from .submissions import Unreadable, find_submissions, take_parts

TOLD = 5  # wrong cases of an aspect that are described
GRADER = ["apart", "cases", "judge", "parts", "source", "submissions", "worker", "grade"]


class Grader:
    """Grades one submission after the other, with the same cases and limits.

    Parameters
    ----------
    seed : int
        Of the cases that students do not see.
    limits : apart.Limits
        For each part.
    """

    def __init__(self, seed, limits):
        self.seed, self.limits, self.stopped = seed, limits, threading.Event()
        self.cases = {}
        for part in PARTS:
            cases = make_cases(part.name, 0, False) + make_cases(part.name, seed, True)
            self.cases[part.name] = [(case, call(part.name, load_function(part), case.arrays)) for case in cases]

    def key(self, submission):
        """Return a hash of what decides the points of a submission, and the functions that are taken from it."""
        try:
            taken, problem = take_parts(submission.path), ""
        except Unreadable as error:
            taken, problem = {}, str(error)
        names = {*LAB, *(f"exercise/{name}.py" for name in GRADER)}
        code = [(ROOT / name).read_text(encoding="utf-8") for name in sorted(names)]
        what = [
            submission.name,
            {name: list(value) for name, value in taken.items()},
            problem,
            self.seed,
            self.limits,
            code,
        ]
        return hashlib.sha256(json.dumps(what).encode("utf-8", "surrogatepass")).hexdigest(), taken, problem

    def grade(self, submission, taken, problem):
        """Grade a submission.

        Returns
        -------
        dict
            That JSON can hold: the submission's name, state, total and seconds, and a list of its parts.
        """
        parts = [self._grade_part(part, taken.get(part.name)) for part in PARTS]
        odd = [
            f"{part['name']}: {part['state']}" for part in parts if part["state"] not in ("right", "partly", "wrong")
        ]
        unwritten = all(part["state"] == "not written" for part in parts)
        state = f"unreadable: {problem}" if problem else "not written" if unwritten else "; ".join(odd) or "graded"
        return {
            "submission": submission.name,
            "state": state,
            "total": round(sum(part["points"] for part in parts), 2),
            "seconds": round(sum(part["seconds"] for part in parts), 1),
            "parts": parts,
        }

    def _grade_part(self, part, taken):
        """Grade one part; the lab's own version of all others is beside it."""
        full = sum(part.points.values())
        result = {"name": part.name, "full": full, "points": 0.0, "seconds": 0.0, "aspects": [], "findings": []}
        if taken is None or taken.state != "taken":
            return {
                **result,
                "state": taken.state if taken else "unreadable",
                "message": taken.message if taken else "",
            }
        cases, expected = zip(*self.cases[part.name], strict=True)
        run = run_part(part, taken.text, cases, self.limits)
        verdicts = [(c, judge(c, a, e)) for c, a, e in zip(cases, run.answers, expected, strict=True)]
        gained = points(part, verdicts)
        total = round(sum(gained.values()), 2)
        wrong = [(case, verdict) for case, verdict in verdicts if verdict]
        state = run.state if run.state != "finished" else "right" if not wrong else "partly" if total else "wrong"
        if state == "wrong" and all(verdict.startswith("raises ") for _, verdict in wrong):
            state = "error"
        for aspect, most in part.points.items():
            told = list(dict.fromkeys(f"{c.label}: {verdict}" for c, verdict in wrong if c.aspect == aspect))
            result["aspects"].append({"name": aspect, "full": most, "points": gained[aspect], "wrong": told[:TOLD]})
        findings = explain(part, taken.text, self.limits) if wrong and not self.stopped.is_set() else []
        return {**result, "state": state, "points": total, "seconds": run.seconds, "findings": findings, "message": ""}


class Kept:
    """The results so far, one JSON line each in a file, so that interrupted grading goes on where it was.

    Parameters
    ----------
    path : Path
        Lines that are not whole are left out.
    """

    def __init__(self, path):
        self.path, self.results = path, {}
        if path.exists():
            for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
                try:
                    self.results.update([json.loads(line)])
                except (ValueError, TypeError):
                    continue

    def add(self, key, result):
        """Keep a result under the key of its submission."""
        self.results[key] = result
        with open(self.path, "a", encoding="utf-8") as file:
            file.write("\n" * _is_torn(self.path) + json.dumps([key, result]) + "\n")


def _is_torn(path):
    """Tell whether a file ends within a line."""
    with open(path, "rb") as file:
        if not file.seek(0, os.SEEK_END):
            return False
        file.seek(-1, os.SEEK_END)
        return file.read() != b"\n"


def grade_all(submissions, grader, kept, jobs):
    """Grade submissions in some threads; each part runs in a process of its own.

    Parameters
    ----------
    submissions : list of submissions.Submission
    grader : Grader
    kept : Kept
    jobs : int
        How many are graded at a time.

    Returns
    -------
    list of dict
        In the order of `submissions`.
    """

    def work(submission):
        key, taken, problem = grader.key(submission)
        return key, kept.results.get(key) or grader.grade(submission, taken, problem)

    done = {}
    with ThreadPoolExecutor(jobs) as pool:
        futures = {pool.submit(work, submission): submission.name for submission in submissions}
        try:
            for future in tqdm(as_completed(futures), total=len(futures), unit="submission", file=sys.stderr):
                key, done[futures[future]] = future.result()
                if key not in kept.results:
                    kept.add(key, done[futures[future]])
        except BaseException:
            grader.stopped.set()
            pool.shutdown(wait=False, cancel_futures=True)
            while any(future.running() for future in futures):
                stop_all()
                threading.Event().wait(0.05)
            raise
    return [done[submission.name] for submission in submissions]


def write_csv(path, results):
    """Write a line for each submission: name, state, total, the points of each part, seconds."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["submission", "state", "total", *(part.name for part in PARTS), "seconds"])
    for result in results:
        scores = [part["points"] for part in result["parts"]]
        words = [_no_formula(result[name]) for name in ("submission", "state")]
        writer.writerow([*words, result["total"], *scores, result["seconds"]])
    with atomic_write(path) as file:
        file.write(text.getvalue().encode("utf-8", "backslashreplace"))


def _no_formula(text):
    """Keep a spreadsheet from taking a text as a formula."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text


def file_name(name):
    """Turn the name of a submission into that of a file."""
    safe = re.sub(r"[^\w .()+-]", "_", name)[:100].strip(" .")
    return safe if safe == name else f"{safe}-{hashlib.sha256(name.encode('utf-8', 'surrogatepass')).hexdigest()[:8]}"


def write_pages(results, feedback, gradescope):
    """Write a page for each student, and a file for Gradescope, where folders for them are given."""
    for folder, ending, make in ((feedback, "html", make_page), (gradescope, "json", to_gradescope)):
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
            for result in results:
                with atomic_write(folder / f"{file_name(result['submission'])}.{ending}") as file:
                    file.write(make(result).encode("utf-8", "backslashreplace"))


def main(arguments=None):
    """Grade as the command line says.

    Parameters
    ----------
    arguments : list of str, optional
        Of the command line.

    Raises
    ------
    SystemExit
        With a sentence, if grading cannot begin or is interrupted.
    """
    parser = argparse.ArgumentParser(prog="python -m exercise.grade", description="Grade submissions of the exercise.")
    parser.add_argument("submissions", type=Path, help="a folder; each folder, zip or file in it is a submission")
    parser.add_argument(
        "--csv", type=Path, required=True, help="table of points; results are kept in CSV.jsonl beside it"
    )
    parser.add_argument("--feedback", type=Path, help="folder for a page for each student")
    parser.add_argument("--json", type=Path, help="folder for a file for each student in the format of Gradescope")
    parser.add_argument("--timeout", type=_positive, default=10.0, help="seconds for each part (10)")
    parser.add_argument("--memory", type=_positive, default=2048.0, help="MB for each part (2048)")
    parser.add_argument("--seed", type=int, default=1, help="of the cases that students do not see (1)")
    parser.add_argument("-j", "--jobs", type=int, default=os.cpu_count() or 1, help="submissions at a time (all cores)")
    args = parser.parse_args(arguments)
    if os.name == "nt":
        sys.exit("Grading needs the limits of Linux or macOS: use WSL, or a container.")
    if not args.submissions.is_dir():
        sys.exit(f"{args.submissions} is not a folder of submissions.")
    submissions = find_submissions(args.submissions)
    kept = Kept(args.csv.with_name(f"{args.csv.name}.jsonl"))
    try:
        grader = Grader(args.seed, Limits(args.timeout, int(args.memory)))
        results = grade_all(submissions, grader, kept, max(args.jobs, 1))
        write_csv(args.csv, results)
        write_pages(results, args.feedback, args.json)
    except KeyboardInterrupt:
        sys.exit(f"Interrupted. What is graded is in {kept.path}: the same command goes on there.")
    except OSError as error:
        sys.exit(f"Nothing more is written: {error}")
    print(f"{len(results)} submission(s) graded: {args.csv}")


def _positive(text):
    """Read a number > 0 from the command line."""
    number = float(text)
    if not 0 < number < 1e6:
        raise argparse.ArgumentTypeError(f"must be a number above 0, got {text}")
    return number


if __name__ == "__main__":
    main()
