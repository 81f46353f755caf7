"""Tests of exercise.grade.apart: limits, results, and no processes or files left behind."""

import contextlib
import os
import re
import textwrap
from pathlib import Path

import psutil
import pytest
from test_exercise_student import solve

from classifiers.layers import forward
from exercise.cases import call
from exercise.grade.apart import ROOT, Plan, run_file
from exercise.judge import judge
from exercise.student import draw_cases

CASES = draw_cases("forward")
LIMITS = Plan(60, 2048, 600, None)  # a busy machine must not reach them
HEAD = "import numpy as np\n\ndef forward(params, X, mask=None):\n"
SOLVE = """
hidden = np.maximum(0, X @ params["W1"] + params["b1"])
hidden = hidden if mask is None else hidden * mask
return hidden, hidden @ params["W2"] + params["b2"]
"""


def run(body, limits=LIMITS, head=HEAD):
    """Run `forward` with a given body on the four visible cases."""
    text = head + textwrap.indent(textwrap.dedent(body).strip() + "\n", "    ")
    return run_file("grade", text, ["forward"], limits)["forward"]


def verdicts(done):
    """Return what `judge` says of the answers of a run."""
    expected = [call("forward", forward, case.arrays) for case in CASES]
    return list(map(judge, CASES, done.answers, expected))


def check(text, limits=LIMITS):
    return run_file("check", text, ["forward"], limits)["forward"].notes


def left_behind(grader=None):
    """Return processes of workers that are still running, by default those of this process."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            marked = process.environ().get("EXERCISE_GRADER") == str(grader or os.getpid())
            found += [process] if marked else []
    return found


LAYERS, CASES_FILE = str(ROOT / "classifiers" / "layers.py"), str(ROOT / "exercise" / "cases.py").encode()
BLOCKED = [  # the folders of the solution and of the teacher
    f"open({LAYERS!r})", f"open({CASES_FILE!r}, 'rb')", f"os.open({LAYERS!r}, os.O_RDONLY)", "open('../../x', 'w')",
    f"os.listdir({str(ROOT)!r})", "list(os.scandir('../../..'))", "os.chdir('/')", "os.remove('../../homework.py')",
    f"os.remove({str(Path.home() / 'x')!r})", "os.mkdir('../../x')", "os.rename('x', '../../x')",
    f"os.symlink({str(ROOT)!r}, 'x')",
]  # fmt: skip


@pytest.mark.parametrize(
    "body, state, words",
    [
        *((f"import os\nreturn {how}", "finished", "raises PermissionError: ") for how in BLOCKED),
        ("import os\nos._exit(0)", "ended", "ended the process with the exit status 0"),
        ("import os\nos.abort()", "ended", "ended the process by signal 6"),
        ("a = []\nwhile True: a.append(np.ones(10**7))", "memory", "raises MemoryError"),
        ("return input()", "finished", "raises EOFError"),
        ("return X, object()", "finished", "must return numbers or arrays of numbers"),
        ("class E(Exception):\n    def __str__(self): 1 / 0\nraise E", "finished", "its text cannot be printed"),
        ("import socket\nsocket.create_connection(('127.0.0.1', 9))", "finished", "raises PermissionError: socket."),
        ("import os\nos.kill(os.getppid(), 9)", "finished", "raises PermissionError: os.kill is not allowed"),
        ("import subprocess\nsubprocess.run(['true'])", "finished", "raises PermissionError: subprocess.Popen"),
        ("import os\nwhile True: os.fork()", "finished", "raises PermissionError: too many processes"),
        ("while True: open('x', 'w').close()", "finished", "raises PermissionError: writing to x is not allowed"),
        ("open('x', 'w').write('x' * 10**8)", "finished", "raises OSError: [Errno 27] File too large"),
        ("import diagnosis.reference", "finished", "raises PermissionError: reading "),
        ("a = [open('/dev/null') for _ in range(100)]", "finished", "Too many open files"),
    ],
)
def test_bad_function_is_stopped(body, state, words):
    """The answer says what happened, and no process is left."""
    done = run(body, Plan(60, 600, 600, None))
    assert done.state == state and words in done.answers[0], done.answers
    assert left_behind() == []


@pytest.mark.parametrize(
    "before, limits, words",
    [
        ("while X[0, 0]: pass", Plan(1, 2048, 600, None), ["was stopped after 1 s of computing"] * 4),
        ("import time\ntime.sleep(1000)", Plan(60, 2048, 2, None), ["was stopped after 2 s. Does it wait"] * 4),
        ("while mask is not None: pass", Plan(1, 2048, 600, None), ["", "", "was stopped", "was stopped"]),
    ],
)
def test_endless_function_is_stopped(before, limits, words):
    """CPU time is limited, and so is waiting. Cases that end before the limit count."""
    done = run(before + SOLVE, limits)
    assert done.state == "timeout" and left_behind() == []
    for said, word in zip(verdicts(done), words, strict=True):
        assert word in said and bool(word) == bool(said)


@pytest.mark.parametrize(
    "before",
    [
        "print('x' * 10**7)",
        "import threading, time\nthreading.Thread(target=time.sleep, args=[1000]).start()",
        "import os\nopen('x', 'w').close()\nos.remove('x')",
        "import os\nos.environ.clear()",
        """
import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        time.sleep(1000)
    os._exit(0)
os.wait()""",
    ],
)
def test_side_effects_do_not_change_the_result(before):
    """A right function may also print, write files, or start threads and detached processes."""
    done = run(before + SOLVE)
    assert done.state == "finished" and done.seconds > 0 and not any(verdicts(done))
    assert left_behind() == []


def test_forked_child_writes_no_answer():
    """A forked child must not write an answer or run the next case."""
    done = run(
        """
        import os
        open("../calls", "a").write("x")
        if os.fork() == 0:
            return X, X
        os.wait()
        raise ValueError(len(os.listdir("..")), os.path.getsize("../calls"))
        """
    )
    counts = [[int(number) for number in re.findall(r"\d+", answer)[:2]] for answer in done.answers]
    files = counts[0][0]
    assert counts == [[files + case, 1 + case] for case in range(4)]  # each case adds one answer file


@pytest.mark.parametrize(
    "forge",
    [
        "os.mkfifo('../0.npz')",  # reading a pipe without a writer would never end
        "os.symlink('../empty', '../0.npz')",  # would show another file
        "np.savez_compressed('../0.npz', hidden=np.zeros(10**6))",  # may be a zip bomb
    ],
)
def test_forged_answer_is_not_read(forge):
    """Pipes, links and compressed files are not what the worker writes."""
    assert run(f"import os\n{forge}\nos._exit(0)").answers[0].startswith("must return numbers")


@pytest.mark.parametrize("value", ["np.random.rand()", "__import__('random').random()", "hash('a') % 997.0"])
def test_random_numbers_are_the_same_in_each_run(value):
    """Random streams restart in each case, and string hashes are fixed."""
    first = run(f"raise ValueError({value})").answers
    assert run(f"raise ValueError({value})").answers == first and first[0] == first[1]


@pytest.mark.parametrize(
    "text, words",
    [
        (HEAD.replace("None", "os.listdir('/')") + "    pass", "raises PermissionError: reading / is not"),
        ("1 / 0\n", "raises ZeroDivisionError: division by zero (line 2: 1 / 0)"),
        ("x = 1\n", "forward is not defined when the file has run"),
        ("os._exit(3)\n" + HEAD, "ended the process with the exit status 3"),
        (HEAD + "    pass\nif os.fork() == 0:\n    del forward\nelse: os.wait()\n", "returns None"),
        ("while True: pass\n" + HEAD, "was stopped after 1 s of computing"),
    ],
)
def test_code_of_the_file_itself(text, words):
    """It runs with the same limits. If it defines no function, the answer says why."""
    limits = Plan(1 if "while" in text else 60, 2048, 600, None)
    done = run_file("grade", f"import os\n{text}", ["forward"], limits)["forward"]
    assert done.answers[0].startswith(words) and left_behind() == []


def test_endless_file_is_run_once():
    """If the file itself does not end, the other functions are not tried."""
    done = run_file("grade", "while True: pass", ["forward", "update"], Plan(1, 2048, 600, None))
    assert done["forward"].state == done["update"].state == "timeout"
    assert done["forward"].seconds == done["update"].seconds
    done = run_file("grade", f"{HEAD}    while True: pass\n", ["forward", "update"], Plan(1, 2048, 600, None))
    assert (done["forward"].state, done["update"].state) == ("timeout", "finished")


def test_folder_is_empty_and_removed(tmp_path, monkeypatch):
    """A part starts in an empty folder. It is removed, even if it is closed or nested too deep for Python."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert run("import os\nraise ValueError(os.listdir())").answers[0].startswith("raises ValueError: []")
    done = run("import os\nos.mkdir('x', 0)\nfor _ in range(1100):\n    os.mkdir('d'), os.chdir('d')\nos._exit(0)")
    assert done.state == "ended" and os.listdir(tmp_path) == []


@pytest.mark.parametrize("long", ["", 250 * "x"], ids=len)
def test_folder_is_not_named(long):
    """Messages leave the temporary folder out, also if they are cut there. So does check_net."""
    error = f"import os\nraise ValueError('{long}' + os.path.realpath('.'))"
    done = run(error, head=error.replace("raise", "x =") + "\nopen('/' + os.path.realpath('.') + '/x')\n" + HEAD)
    text = HEAD + textwrap.indent(error, "    ")
    for answers in done.answers, done.notes, check(text, LIMITS):
        assert answers and "part-" not in str(answers)


def test_check_net_of_right_and_endless_functions():
    """For both, there are no findings. No process is left."""
    assert check(solve(["forward"]), LIMITS) == []
    assert check(f"{HEAD}    while True: pass\n", Plan(1, 2048, 600, None)) == []
    assert left_behind() == []


def test_check_net_quotes_only_the_file():
    """If the solution's functions fail on a wrong answer, their lines are not shown."""
    said = "".join(check(HEAD + "    return X, X @ params['W1'][:, :3]\n", LIMITS))
    assert "raises ValueError" in said and "line" not in said and "dhidden" not in said, said
    (finding,) = check(HEAD + "    return params['W9']\n", LIMITS)
    assert "(homework.py, line 4: return params['W9'])" in finding
