"""Tests of the command `python -m diagnosis`: exit status, sentences, JSON, time limit."""

import io
import json
import os
import re
import shutil
import subprocess
import sys
import time

import psutil
import pytest
from conftest import ROOT

from diagnosis.__main__ import main

NET = "from classifiers.neural_net import TwoLayerNet as Right\n\nclass TwoLayerNet(Right):\n"


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "utf-8"])
def test_report_survives_the_encoding(encoding, tmp_path, monkeypatch):
    """The file may print any character. In the report, those that the encoding lacks are replaced."""
    file = tmp_path / "net.py"
    monkeypatch.setenv("PYTHONIOENCODING", encoding)
    source = f"print('\u2588'); {NET}    def loss(self, *arguments):\n        raise ValueError('\u2588 \u2212')\n"
    file.write_text(source, encoding="utf-8")
    screen = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    monkeypatch.setattr(sys, "stdout", screen)
    with pytest.raises(SystemExit) as end:
        main([str(file)])
    screen.flush()
    assert end.value.code == 1
    written = "\u2588 \u2212".encode(encoding, "replace").decode(encoding)
    assert f"ValueError: {written} (net.py, line 5: raise" in screen.buffer.getvalue().decode(encoding)


def run(capsys, *arguments):
    """Run the command. Return its exit status and what it prints on both streams."""
    with pytest.raises(SystemExit) as end:
        main([*map(str, arguments)])
    return end.value.code, *capsys.readouterr()


@pytest.mark.parametrize(
    "line, problem",
    [
        ("import os; os._exit(0)", "its process ended before the check was done, with exit status 0"),
        ("import sys; sys.exit(0)", "SystemExit: 0 (net.py, line 5: import sys; sys.exit(0))"),
        ("input()", "input() cannot be answered in a check (net.py, line 5: input())"),
    ],
)
def test_loss_that_ends_the_process_is_not_right(line, problem, tmp_path, capsys):
    """The exit status is 2. The error stream has one sentence, the output stream nothing."""
    source = f"{NET}    def loss(self, *arguments):\n        {line}\n"
    (tmp_path / "net.py").write_text(source)
    status, out, err = run(capsys, tmp_path / "net.py")
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert err.startswith(f"python -m diagnosis: {tmp_path / 'net.py'}: ") and problem in err


@pytest.mark.parametrize(
    "params, problem",
    [
        ("None", "TypeError: params must be a dict with W1, b1, W2 and b2, got NoneType"),
        ("{'theta': np.eye(2)}", "ValueError: params must have W1, b1, W2 and b2, W1 is missing"),
    ],
)
def test_class_that_is_not_such_a_net(params, problem, tmp_path, capsys):
    """The command prints a message without traceback. The exit status is 2."""
    source = f"import numpy as np\nclass TwoLayerNet:\n    def __init__(self, *sizes): self.params = {params}\n"
    (tmp_path / "net.py").write_text(source)
    status, _, err = run(capsys, tmp_path / "net.py")
    assert status == 2 and f"net.py: TwoLayerNet(4, 10, 3, 0.1) is not a two-layer net: {problem}" in err


def test_class_of_another_name_from_another_folder(tmp_path):
    """The exit status is 1, because there is a finding."""
    (tmp_path / "theirs").mkdir()
    source = NET.replace("TwoLayerNet(", "Mine(") + "    def loss(self, *arguments):\n        raise OSError('mine')\n"
    (tmp_path / "theirs" / "net.py").write_text(source)
    command = [sys.executable, "-m", "diagnosis", "theirs/net.py", "--class", "Mine"]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True)
    assert done.returncode == 1 and "loss raises OSError: mine (net.py, line 5" in done.stdout, done.stderr


def test_file_that_never_ends_is_stopped(tmp_path, capsys):
    """The message has the line that was running. The child processes are killed, too."""
    file = tmp_path / "nét.py"
    child = "import subprocess\nchild = subprocess.Popen(['sleep', '600'])\n"
    note = f"open({str(tmp_path / 'id')!r}, 'w').write(str(child.pid))\n"
    file.write_text(f"{child}{note}while True: pass\n", encoding="utf-8")
    status, out, err = run(capsys, "--timeout", 2, file)
    assert (status, out) == (2, "")
    assert "was stopped after 2 s at line 4: while True: pass. Look for an endless loop" in err
    assert has_ended(int((tmp_path / "id").read_text()))


def has_ended(pid):
    """Tell whether a process has ended, perhaps as a zombie."""
    for _ in range(200):  # a killed process takes a moment
        if not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
            return True
        time.sleep(0.05)
    return False


def test_modules_of_another_folder_are_named(tmp_path, capsys):
    """A note names the folder, and the files that are not near the net."""
    (tmp_path / "net.py").write_text(f"{NET}    pass\n")
    folder = re.escape(str(ROOT / "classifiers"))
    note = f"No mistake found.\nNote: not checked: .*\nNote: these files are not near net.py and come from {folder}: "
    assert re.search(f"{note}.*layers.py, .*neural_net.py", run(capsys, tmp_path / "net.py")[1])
    (tmp_path / "classifiers").mkdir()
    shutil.copy(ROOT / "classifiers" / "layers.py", tmp_path / "classifiers")
    assert re.search(f"{note}(?!.*layers.py).*neural_net.py", run(capsys, tmp_path / "net.py")[1])


def test_the_lab_itself_has_no_note(tmp_path, capsys):
    """It is in the folder of the modules. A file in another folder of the lab is near, too."""
    assert run(capsys, ROOT / "classifiers" / "neural_net.py")[1].count("Note: ") == 1
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "net.py").write_text(f"{NET}    pass\n")
    shutil.copytree(ROOT / "classifiers", tmp_path / "classifiers")
    assert run(capsys, tmp_path / "mine" / "net.py")[1].count("Note: ") == 1


def test_json_for_programs(tmp_path, capsys, monkeypatch):
    """The output is one JSON object, without what the file prints. The current folder does not matter."""
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "net.py"
    source = NET.replace("class ", "print('{')\nclass ") + "    def loss(self, X, y=None, reg=0.0):\n"
    file.write_text(source + "        return super().loss(X) if y is None else (0.0, super().loss(X, y, reg)[1])\n")
    status, out, err = run(capsys, "--json", file)
    answer = json.loads(out)
    assert (status, err, out.count("\n")) == (1, "", 1)
    assert answer["file"] == str(file) and answer["class"] == "TwoLayerNet" and answer["ok"] is False
    assert answer["findings"] and [row["name"] for row in answer["rows"]] == ["W1", "b1", "W2", "b2"]
    assert "these files are not near net.py" in answer["notes"][-1] and "text" not in answer


def test_json_of_a_file_that_cannot_be_checked(tmp_path, capsys):
    """The object has an error, and the exit status is the same as without --json."""
    file = tmp_path / "net.py"
    status, out, err = run(capsys, "--json", file)
    assert (status, err) == (2, "")
    assert json.loads(out) == {"ok": False, "error": f"{file} does not exist"}


def test_no_process_can_be_started(tmp_path, capsys, monkeypatch):
    """The error is one sentence, not a traceback."""

    def refuse(*arguments, **options):
        raise OSError(12, "Cannot allocate memory")

    monkeypatch.setattr(subprocess, "Popen", refuse)
    status, out, err = run(capsys, tmp_path / "net.py")
    assert (status, out) == (2, "") and "the check cannot be started: [Errno 12] Cannot allocate memory" in err


@pytest.mark.parametrize("seconds", ["0", "-1", "nan", "inf", "soon"])
def test_time_limit_must_be_a_number(seconds, capsys):
    """Other values of --timeout than positive numbers are an error."""
    status, _, err = run(capsys, f"--timeout={seconds}", "net.py")
    assert status == 2 and f"argument --timeout: must be a number of seconds > 0, got {seconds}" in err


def test_note_of_the_2021_interface_is_printed(tmp_path, capsys):
    """The notes are the last lines of the report."""
    source = f"""{NET.replace("TwoLayerNet(Right)", "TwoLayerNet")}
    def __init__(self, *sizes, reg=0.0):
        self.net, self.reg = Right(*sizes), reg
        self.params = self.net.params
    def loss(self, X, y=None):
        self.net.params = self.params
        return self.net.loss(X) if y is None else self.net.loss(X, y, self.reg)
"""
    (tmp_path / "net.py").write_text(source)
    status, out, _ = run(capsys, tmp_path / "net.py")
    note = "Note: loss has no argument reg, so the check sets the attribute reg of the net"
    *_, verdict, first, last = out.splitlines()
    assert (status, verdict, first) == (0, "No mistake found.", note)
    assert last.startswith("Note: these files are not near net.py")
