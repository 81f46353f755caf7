"""Runner of the Makefile's tasks without make: ``python tasks.py TASK``

On Windows call ``py tasks.py TASK``.
"""

import sys

if not sys.version_info >= (3, 10):  # Python 3.6 can parse this file
    sys.exit("tasks.py needs Python 3.10 or newer. This is Python {}.{}.".format(*sys.version_info[:2]))

import io
import os
import signal
import subprocess

HERE = os.path.dirname(os.path.abspath(__file__))
WINDOWS = os.name == "nt"
TASKS = {  # name: what the task does, and its commands in the environment
    "run": ("execute the notebook, write build/two_layer_net.html", ["python run_notebook.py"]),
    "lab": ("open the notebook", ["jupyter lab two_layer_net.ipynb"]),
    "test": ("all tests, on all cores", ["python -m pytest -n auto"]),
    "test-oldest": ("all tests with the oldest packages of requirements.txt", ["python -m pytest -n auto"]),
    "test-lab": ("the tests of the notebook in a browser", ["python -m pytest -m browser tests/test_lab.py"]),
    "coverage": ("all tests, then a list of untested branches", ["python -m pytest -n auto --cov"]),
    "exercise": ("make the exercise from the solution, in build/exercise", ["python -m exercise.make build/exercise"]),
    "bench": ("speed and memory, as ratios", ["python -m benchmarks.speed", "python -m benchmarks.loader"]),
    "lint": ("check code and format before a commit", ["ruff check .", "ruff format --check ."]),
}
if sys.platform == "linux":
    TASKS["bench"][1].append("python -m benchmarks.memory")
# Environments and the files that they are made from. Only test-oldest uses the second one.
USUAL = (".venv", ["requirements.txt"])
OLDEST = (".venv-oldest", ["requirements.txt", "requirements-oldest.txt"])


def main(arguments):
    """Run a task.

    Parameters
    ----------
    arguments : list of str
        The name of a task. Further arguments are added to the last command of the task.

    Returns
    -------
    int
        The exit status of the first command that fails, or 0. It is 2 if the task does not exist.
    """
    if not arguments:
        print("Usage: python tasks.py TASK")
        print("\n".join(f"  {name:12} {text}" for name, (text, _) in TASKS.items()))
        return 0
    name, *more = arguments
    if name not in TASKS:
        print(f"There is no task {ascii(name)}. The tasks are: {', '.join(TASKS)}.", file=sys.stderr)
        return 2
    os.chdir(HERE)
    folder, files = OLDEST if name == "test-oldest" else USUAL
    status = 0 if is_ready(folder, files) else make_environment(folder, files)
    return status or run(*list_commands(name, folder, more))


def is_ready(folder, files):
    """Return whether an environment is complete and newer than its files."""
    ready = os.path.join(folder, "ready")
    return os.path.exists(ready) and all(os.path.getmtime(ready) >= os.path.getmtime(file) for file in files)


def make_environment(folder, files):
    """Make an environment and install the packages of the last file. Return the exit status."""
    # If this Python runs from the environment, Windows cannot replace it.
    inside = os.path.realpath(sys.prefix) == os.path.realpath(folder)
    status = 0 if inside else run([sys.executable, "-m", "venv", folder])
    status = status or run([program(folder, "pip"), "install", "-r", files[-1]])
    if status == 0:
        with open(os.path.join(folder, "ready"), "wb"):
            pass
    return status


def program(folder, name):
    """Return the path of a program in an environment."""
    return os.path.join(folder, "Scripts", f"{name}.exe") if WINDOWS else os.path.join(folder, "bin", name)


def list_commands(name, folder, more):
    """Return the commands of a task, with arguments added to the last one."""
    commands = [command.split() for command in TASKS[name][1]]
    commands[-1] += more
    return [[program(folder, first), *rest] for first, *rest in commands]


def run(*commands):
    """Run commands one after the other until one fails. Return its exit status, or 0."""
    for command in commands:
        print(" ".join(command), flush=True)
        try:
            status = subprocess.run(command).returncode
        except FileNotFoundError:
            print(f"{command[0]} is missing. Remove {command[0].split(os.sep)[0]}, then try again.", file=sys.stderr)
            return 127
        if status:
            return status if status > 0 else 128 - status  # a signal, reported as shells do
    return 0


if __name__ == "__main__":
    # Ctrl-C ends the command. This process waits, because the command may need time to end.
    signal.signal(signal.SIGINT, lambda number, frame: None)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # for characters not in the code page
    sys.exit(main(sys.argv[1:]))
