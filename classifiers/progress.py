"""Progress bars, in terminals, notebooks and log files."""

import math
import sys

from tqdm import tqdm

from files import is_watched


class _Lines:
    """File that writes each state of a progress bar as a line."""

    def __init__(self, file):
        self._file = file

    def write(self, text):
        if text.strip():
            self._file.write(f"{text.strip()}\n")

    def flush(self):
        self._file.flush()


def make_bar(iterable=None, *, total, shown, **options):
    """Return a `tqdm` bar on the standard output. In a file or a log, it is a line each ten percent.

    Parameters
    ----------
    iterable : iterable, optional
    total : int
        The number of steps.
    shown : bool
    **options
        Further arguments of `tqdm`.
    """
    if not is_watched(sys.stdout):
        options |= {"file": _Lines(sys.stdout), "miniters": math.ceil(total / 10), "mininterval": 0, "maxinterval": 1e9}
    return tqdm(iterable, total=total, disable=not shown, **{"file": sys.stdout, **options})
