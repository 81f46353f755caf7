"""Checks a file in this process: the command starts it as ``python -m diagnosis.child``.

The task is a JSON object on the standard input, see `run_task`.
"""

import builtins
import faulthandler
import json
import os
import sys
from pathlib import Path

from .compat import Missing, homework_imports
from .course import check_module
from .loading import explain_failure, run_file


def _no_input(prompt=""):
    raise Missing("input() cannot be answered in a check")


def run_task(task):
    """Check the net in a file, write the answer, and end the process.

    The task has "file" and "name", the file and its class; "timeout" in seconds; "answer" and "trace",
    the files for the answer as JSON and for the traceback of a process that ends too early.
    """
    path = Path(os.path.realpath(task["file"]))
    trace = open(task["trace"], "w", encoding="utf-8")  # noqa: SIM115
    faulthandler.enable(trace)
    faulthandler.dump_traceback_later(task["timeout"], exit=True, file=trace)
    sys.argv, builtins.input, sys.dont_write_bytecode = [str(path)], _no_input, True
    end = os._exit
    try:
        with homework_imports(path.parent) as finder:
            report = check_module(*run_file(path, finder), task["name"], finder)
            notes = _modules_of_the_lab(path)
        answer = {"file": task["file"], "class": task["name"], **report.to_dict()}
        answer["notes"] += notes
        answer["text"] = "\n".join([str(report), *(f"Note: {note}" for note in notes)])
    except BaseException as error:  # SystemExit, too: a call of sys.exit(0) is not a correct answer
        answer = {"ok": False, "error": task["file"] + explain_failure(error, path, task["name"])}
    faulthandler.cancel_dump_traceback_later()
    Path(task["answer"]).write_text(json.dumps(answer), encoding="utf-8")
    end(0)  # threads of the file must not delay the end of the process


def _modules_of_the_lab(path):
    """Name the modules of the lab that a file uses because they are not near it, in a note or none."""
    near = {path.parent, path.parent.parent / "classifiers"}
    modules = [module for name, module in sys.modules.items() if name.startswith("classifiers.")]
    files = [Path(module.__file__) for module in modules if getattr(module, "__file__", None)]
    files = sorted(file for file in files if not near.intersection(file.parents))
    names = ", ".join(file.name for file in files)
    return [f"these files are not near {path.name} and come from {files[0].parent}: {names}"] if files else []


if __name__ == "__main__":
    run_task(json.load(sys.stdin))
