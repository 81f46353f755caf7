"""Prints a hint for a function: ``python -m exercise.hint backward``. Levels 2 and 3 say more."""

import re
import sys
from pathlib import Path

TEXTS = Path(__file__).with_name("hints.md")


def hint(name="", level=1):
    """Print a hint.

    Parameters
    ----------
    name : str
        Name of a function, or "loops" or "train" for a piece of code in the notebook.
    level : int
        1: the idea. 2: the formulas or shapes. 3: nearly the code.
    """
    _, *parts = re.split(r"^# (\w+)\n", TEXTS.read_text(encoding="utf-8"), flags=re.MULTILINE)
    if name not in parts[::2] or str(level) not in ("1", "2", "3"):
        print(f"Name one of {', '.join(parts[::2])}, and a level from 1 to 3, for example: backward 2")
        return
    text = parts[2 * parts[::2].index(name) + 1]
    print(" ".join(re.split(r"^\d\. ", text, flags=re.MULTILINE)[int(level)].split()))
    if int(level) < 3:
        print(f"Level {int(level) + 1} says more.")


if __name__ == "__main__":
    hint(*sys.argv[1:3])
