"""Chooses the file of a submission that counts."""

import re
from pathlib import PurePosixPath
from typing import NamedTuple

from .deliveries import HOMEWORK

SHOWN = 3  # other files that a warning names, and problems
DATE = re.compile(r" - (\w{3})\w* (\d+), (\d{4}) (\d+?):?(\d\d) ([AP])M")  # of Brightspace
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
    files = [file for file in submission.files if file.kind == ".py"] or submission.files
    if not files:
        least = min(rank for rank, _ in submission.problems)
        reasons = list(dict.fromkeys(reason for rank, reason in submission.problems if rank == least))
        return Choice(
            submission.entry, reason=". ".join(reasons[:SHOWN]) + ("" if least == 0 else f". Hand in {HOMEWORK}")
        )
    files = sorted(files, key=lambda file: (file.path.count("/"), file.path))
    files.sort(key=lambda file: (_count(file), *_age(file)), reverse=True)  # equal ones stay in order
    others = [file.path for file in files[1:] if file.text != files[0].text and _count(file)]
    return Choice(files[0].path, files[0].text, files[0].found, _warn(others))


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
        mark = r" ?\((\d{1,3})\)$" + (r"|-(\d{1,3})$" if path.suffix else "")
        found = re.search(mark, path.stem)
        numbers.append(int(found[1] or found[2] if path.suffix else found[1]) if found else 0)
        late |= bool(re.search(r"(^|_)LATE(_|$)", path.stem))
        if (found := DATE.search(part)) and found[1] in MONTHS:
            _, day, year, hour, minute, half = found.groups()
            dates += [int(year), MONTHS.index(found[1]), int(day), int(hour) % 12 + 12 * (half == "P"), int(minute)]
        elif found := re.search(r"_attempt_(\d{4}(-\d\d){5})", part):
            dates += map(int, found[1].split("-"))
    while numbers and not numbers[-1]:
        numbers.pop()
    return late, dates, numbers, file.time


def _warn(others):
    """Return a sentence about files that do not count. It is empty if there are none."""
    if not others:
        return ""
    more = f" and {len(others) - SHOWN} more" if len(others) > SHOWN else ""
    return f"Other files differ and do not count: {', '.join(others[:SHOWN])}{more}"
