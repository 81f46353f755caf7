"""Chooses the file of a submission that counts."""

import re
from pathlib import PurePosixPath
from typing import NamedTuple

from ..student import NAME

SHOWN = 3  # problems that a reason names
DATE = re.compile(r" - (\w{3})\w* (\d+), (\d{4}) (\d+?):?(\d\d) ([AP])M|_attempt_(\d{4}(?:-\d\d){5})")
MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()


class Choice(NamedTuple):
    """The file of a submission that counts: its path in the delivery, its text, and `find_functions`.

    The warning names other files whose text differs. If no file counts, the reason says why, the
    path is that of the submission, and the rest is empty.
    """

    file: str = ""
    text: str = ""
    found: dict = {}
    warning: str = ""
    reason: str = ""


def choose(submission):
    """Return the `Choice` of a `Submission`.

    A notebook counts only if no Python file defines one of the functions. The file with the most
    written functions counts, then the newest, then the one with the fewest folders above it.
    """
    files = [file for file in submission.files if not file.path.lower().endswith(".ipynb")] or submission.files
    if not files:
        least = min(rank for rank, _ in submission.problems)
        reasons = list(dict.fromkeys(reason for rank, reason in submission.problems if rank == least))[:SHOWN]
        return Choice(submission.entry, reason=". ".join(reasons + [f"Hand in {NAME}"] * (least > 0)))
    files = sorted(files, key=lambda file: (file.path.count("/"), file.path))
    files.sort(key=lambda file: (_count(file), *_age(file)), reverse=True)  # equal ones stay in order
    first, *rest = files
    others = [file.path for file in rest if file.text != first.text and _count(file)]
    warning = f"Other files differ and do not count: {list_some(others)}" if others else ""
    return Choice(first.path, first.text, first.found, warning)


def _count(file):
    return sum(state != "not written" for state in file.found.values())


def _age(file):
    """Return a key that is larger for newer files: first by the marks of platforms, then by the time.

    Moodle and Canvas write ``homework-1.py``, browsers ``homework (1).py``, Canvas ``_LATE_``, and
    Brightspace and Blackboard the time.
    """
    numbers, late, dates = [], False, []
    for part in PurePosixPath(file.path).parts:
        path = PurePosixPath(part)
        found = re.search(r" ?\((\d{1,3})\)$" + (r"|-(\d{1,3})$" if path.suffix else "()"), path.stem)
        numbers.append(int(found[1] or found[2]) if found else 0)
        late |= bool(re.search(r"(^|_)LATE(_|$)", path.stem))
        if found := DATE.search(part):
            month, day, year, hour, minute, half, attempt = found.groups()
            if attempt:
                dates += map(int, attempt.split("-"))
            elif month in MONTHS:
                dates += [int(year), MONTHS.index(month), int(day), int(hour) % 12 + 12 * (half == "P"), int(minute)]
    return late, dates, (numbers + 100 * [0])[:100], file.time


def list_some(names, most=3):
    """Return the first names, and the number of others."""
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
