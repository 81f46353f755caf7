"""Notebook extension: an edited homework.py counts from the next cell on, without a restart.

``%load_ext exercise.live`` watches the file. If its text has changed before a cell runs, the file
is loaded again, and its functions replace the old ones in the notebook and in all modules. If the
file has an error, each call of its functions raises that error until the file is mended. So old
functions never run unnoticed.
"""

import contextlib
import importlib.util
import sys
from pathlib import Path

from .parts import BY_NAME, HOMEWORK

_text = {}  # of the file, when it was loaded
_held = {}  # what the notebook and the modules have under each name


def load_ipython_extension(shell):
    """Watch the file. IPython calls this for ``%load_ext``."""
    _text["loaded"] = _read()
    shell.events.register("pre_run_cell", load_again)


def load_again(info=None):
    """Load the file again if its text has changed."""
    text, module = _read(), sys.modules.get("homework")
    if text == _text["loaded"] or module is None:
        return
    _text["loaded"] = text
    _held.update({name: value for name, value in _own(module).items() if callable(value)})
    for name in _own(module):
        delattr(module, name)
    with contextlib.suppress(OSError):  # Python compares only whole seconds with the cached file
        Path(importlib.util.cache_from_source(HOMEWORK)).unlink()
    try:
        importlib.reload(module)
        print("homework.py has changed. It is loaded again.")
        error = AttributeError("homework.py does not define this function any more")
    except BaseException as problem:
        print(f"homework.py has changed, but it has an error: {problem}")
        error = problem
        vars(module).update(dict.fromkeys([*_held, *BY_NAME], _raises(error)))
    for name, old in _held.items():
        _held[name] = getattr(module, name, None) or _raises(error)
        for other in [other for other in list(sys.modules.values()) if other is not module]:
            if getattr(other, "__dict__", {}).get(name) is old:
                setattr(other, name, _held[name])


def _own(module):
    return {name: value for name, value in vars(module).items() if not name.startswith("__")}


def _read():
    return HOMEWORK.read_bytes() if HOMEWORK.exists() else b""


def _raises(error):
    """Return a function that raises an error."""

    def function(*arguments, **options):
        raise error

    return function
