"""Tests of tasks.py: the same commands as in the Makefile, arguments, Ctrl-C and exit status."""

import ast
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

import tasks

ROOT = Path(__file__).resolve().parents[1]
RULE = re.compile(r"^([\w./-]+): ([^#\n]*?) *(?:#.*)?\n((?:\t.*\n)+)", re.MULTILINE)


def read_makefile():
    """Map each target to its prerequisites, and to its commands with the paths of Linux."""
    text = (ROOT / "Makefile").read_text(encoding="utf-8").replace("\\\n\t", "")
    rules = {}
    for target, needs, lines in RULE.findall(text):
        lines = [line.strip() for line in lines.splitlines() if not line.startswith(("\t@", "\ttouch"))]
        lines = [line.replace("$(VENV)", ".venv/bin").replace("$(PYTHON)", sys.executable) for line in lines]
        if sys.platform != "linux":
            lines = [line for line in lines if "$$(uname)" not in line]
        lines = [line.removeprefix('[ "$$(uname)" != Linux ] || ') for line in lines]
        rules[target] = needs.split(), [command for line in lines for command in line.split(" && ")]
    return rules


@pytest.fixture
def ran(tmp_path, monkeypatch):
    """Record commands and do not run them. ``statuses`` maps parts of commands to exit statuses."""
    commands, statuses = [], {}

    def record(command):
        commands.append(" ".join(command))
        if command[1:3] == ["-m", "venv"]:
            (tmp_path / command[3]).mkdir(exist_ok=True)
        return SimpleNamespace(returncode=next((n for part, n in statuses.items() if part in commands[-1]), 0))

    for name in ("requirements.txt", "requirements-oldest.txt"):
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(tasks, "HERE", str(tmp_path))
    monkeypatch.setattr(subprocess, "run", record)
    return SimpleNamespace(commands=commands, statuses=statuses, folder=tmp_path)


def test_has_the_tasks_of_the_makefile():
    """tasks.py and the Makefile have tasks of the same names."""
    (names,) = re.findall(r"^\.PHONY: (.*)", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(tasks.TASKS) == sorted(names.split())


@pytest.mark.skipif(os.name == "nt", reason="the Makefile has the paths of Linux and macOS")
@pytest.mark.parametrize("name", tasks.TASKS)
def test_runs_the_commands_of_the_makefile(ran, name):
    """First come the commands that make the environment, then those of the task."""
    rules = read_makefile()
    (ready,), commands = rules[name]
    files, making = rules[ready]
    assert tasks.main([name]) == 0
    assert ran.commands == making + commands and len(making) == 2 and commands
    assert files == (tasks.OLDEST if name == "test-oldest" else tasks.USUAL)[1]
    assert (ran.folder / ready).exists()


def test_paths_of_windows(ran, monkeypatch):
    """Programs are in Scripts and end with .exe. Windows adds no ending to a path."""
    monkeypatch.setattr(tasks, "WINDOWS", True)
    assert tasks.main(["lint"]) == tasks.main(["test-oldest"]) == 0
    assert [command.replace("\\", "/") for command in ran.commands] == [
        f"{sys.executable} -m venv .venv".replace("\\", "/"),
        ".venv/Scripts/pip.exe install -r requirements.txt",
        ".venv/Scripts/ruff.exe check .",
        ".venv/Scripts/ruff.exe format --check .",
        f"{sys.executable} -m venv .venv-oldest".replace("\\", "/"),
        ".venv-oldest/Scripts/pip.exe install -r requirements-oldest.txt",
        ".venv-oldest/Scripts/python.exe -m pytest -n auto",
    ]


def test_environment_is_made_once(ran):
    """The environment is made again if requirements.txt has changed."""
    assert tasks.main(["run"]) == tasks.main(["run"]) == 0
    assert len(ran.commands) == 4
    os.utime(ran.folder / ".venv" / "ready", (1, 1))
    assert tasks.main(["run"]) == tasks.main(["run"]) == 0
    assert len(ran.commands) == 8


def test_update_from_inside_the_environment(ran, monkeypatch):
    """Windows cannot replace the running Python, so only the packages are installed again."""
    monkeypatch.setattr(sys, "prefix", str(ran.folder / ".venv"))
    (ran.folder / ".venv").mkdir()
    assert tasks.main(["run"]) == 0
    assert len(ran.commands) == 2 and "install -r requirements.txt" in ran.commands[0]


@pytest.mark.parametrize("part, count", [(" -m venv ", 1), (" install ", 2)])
def test_environment_that_is_not_complete(ran, part, count):
    """The task does not run, and the next call makes the environment again."""
    ran.statuses[part] = 3
    assert tasks.main(["run"]) == 3 and len(ran.commands) == count
    ran.statuses.clear()
    assert tasks.main(["run"]) == 0 and len(ran.commands) == count + 3


@pytest.mark.parametrize("status, told", [(1, 1), (5, 5), (-9, 137)])
def test_exit_status(ran, status, told):
    """The first command that fails sets the status, in a shell's form. No other command follows."""
    ran.statuses["ruff check" if os.name != "nt" else "ruff.exe check"] = status
    assert tasks.main(["lint"]) == told
    assert "check ." in ran.commands[-1] and "format" not in ran.commands[-1]


def test_arguments_are_passed_on(ran):
    """The arguments are added to the last command."""
    assert tasks.main(["test", "tests/test_files.py", "-k", "a b"]) == 0
    assert ran.commands[-1].endswith(" -m pytest -n auto tests/test_files.py -k a b")
    assert tasks.main(["test"]) == 0 and ran.commands[-1].endswith(" -n auto")


def test_no_task_or_an_unknown_one(ran, capsys):
    """Without a task, the tasks are listed. An unknown task is an error."""
    assert tasks.main([]) == 0
    listed = capsys.readouterr().out
    assert all(re.search(rf"^  {name} ", listed, re.MULTILINE) for name in tasks.TASKS)
    assert tasks.main(["tset"]) == 2
    assert re.fullmatch(r"There is no task 'tset'\. The tasks are: run, lab, .*\.\n", capsys.readouterr().err)
    assert ran.commands == []


def test_environment_without_a_program(ran, monkeypatch, capsys):
    """The message says what to do. There is no traceback."""

    def missing(command):
        raise FileNotFoundError(2, "No such file or directory", command[0])

    monkeypatch.setattr(subprocess, "run", missing)
    (ran.folder / ".venv").mkdir()
    (ran.folder / ".venv" / "ready").touch()
    assert tasks.main(["run"]) == 127
    assert re.search(r"python(\.exe)? is missing\. Remove \.venv, then try again\.\n", capsys.readouterr().err)


def test_old_python_gets_a_message(monkeypatch):
    """The message comes before an import or syntax that fails."""
    source = (ROOT / "tasks.py").read_text(encoding="utf-8")
    ast.parse(source, feature_version=(3, 7))
    monkeypatch.setattr(sys, "version_info", (3, 9, 18))
    with pytest.raises(SystemExit, match=r"needs Python 3\.10 or newer\. This is Python 3\.9\."):
        exec(source, {"__name__": "__main__"})


SLOW_TO_END = """
import sys, time
try:
    print("started", flush=True)
    time.sleep(60)
except KeyboardInterrupt:
    time.sleep(1)  # the report is written
    sys.exit(7)
"""


@pytest.mark.skipif(os.name == "nt", reason="one process cannot send Ctrl-C to another")
def test_ctrl_c_gives_the_command_time_to_end(tmp_path):
    """Both processes get Ctrl-C. By default `subprocess.run` kills the command after 0.25 s."""
    shutil.copy(ROOT / "tasks.py", tmp_path)
    (tmp_path / "requirements.txt").touch()
    (tmp_path / "run_notebook.py").write_text(SLOW_TO_END, encoding="utf-8")
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    (tmp_path / ".venv" / "bin" / "python").symlink_to(sys.executable)
    (tmp_path / ".venv" / "ready").touch()
    command = [sys.executable, "tasks.py", "run"]
    process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True, start_new_session=True)
    assert [process.stdout.readline() for _ in range(2)] == [".venv/bin/python run_notebook.py\n", "started\n"]
    os.killpg(process.pid, signal.SIGINT)
    assert process.wait(timeout=60) == 7
    process.stdout.close()
