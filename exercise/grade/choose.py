"""Chooses the file of a submission that counts."""

import functools
import re
from pathlib import PurePosixPath
from typing import NamedTuple

from ..parts import BY_NAME
from ..student import find_functions
from .deliveries import HOMEWORK, read_files

DEFINES = re.compile(rf"^(def[ \t]+)?({'|'.join(BY_NAME)})[ \t]*[(=:]", re.MULTILINE)
SHOWN = 3  # other files that a warning names


class Choice(NamedTuple):
    """The file of a submission that counts: its path in the submission, its text, and `find_functions`.

    The warning names other files whose text differs. If no file counts, the reason says why, and the
    rest is empty.
    """

    file: str = ""
    text: str = ""
    found: dict = {}
    warning: str = ""
    reason: str = ""


def choose(submission):
    """Return the `Choice` of a `Submission`.

    Each Python file that defines one of the functions may count, wherever it lies and whatever its
    name is. If there is none, notebooks may. The file with the most written functions counts, then
    the newest, then the one with the fewest folders above it.
    """
    problems = []
    for kind in (".py", ".ipynb"):
        files = [file for file in read_files(submission, kind, problems) if DEFINES.search(file.text)]
        files = [(file, found) for file in files if (found := _find(file.text))]
        if files:
            files.sort(key=lambda pair: (pair[0].path.count("/"), pair[0].path))
            files.sort(key=lambda pair: (_count(pair[1]), *_age(pair[0])), reverse=True)  # equal ones stay in order
            file, found = files[0]
            others = [other.path for other, names in files[1:] if other.text != file.text and _count(names)]
            return Choice(file.path, file.text, found, _warn(others))
    reason = ". ".join(problems[:SHOWN]) or f"No Python file defines any of the functions. Hand in {HOMEWORK}"
    return Choice(reason=reason)


_find = functools.lru_cache(1000)(find_functions)


def _count(found):
    return sum(state != "not written" for state in found.values())


def _age(file):
    """Return a key that is larger for newer files: first by the marks of platforms, then by the time.

    Moodle and Canvas write ``homework-1.py``, browsers ``homework (1).py``, and Canvas ``_LATE_``.
    """
    numbers, late = [], False
    for part in PurePosixPath(file.path).parts:
        path = PurePosixPath(part)
        mark = r" ?\((\d{1,3})\)$" + (r"|-(\d{1,3})$" if path.suffix else "")
        found = re.search(mark, path.stem)
        numbers.append(int(found[1] or found[2] if path.suffix else found[1]) if found else 0)
        late |= bool(re.search(r"(^|_)LATE(_|$)", path.stem))
    while numbers and not numbers[-1]:
        numbers.pop()
    return late, numbers, file.time


def _warn(others):
    """Return a sentence about files that do not count. It is empty if there are none."""
    if not others:
        return ""
    more = f" and {len(others) - SHOWN} more" if len(others) > SHOWN else ""
    return f"Other files differ and do not count: {', '.join(others[:SHOWN])}{more}"
