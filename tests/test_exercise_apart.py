"""Functions that misbehave are stopped, the rest is graded, and nothing is left behind."""

import os
import textwrap
from pathlib import Path

import numpy as np
import psutil
import pytest

from exercise import apart
from exercise.apart import MARK, ROOT, Limits, explain, run_part
from exercise.cases import call, load_function, make_cases
from exercise.judge import judge
from exercise.parts import PARTS
from exercise.source import function_source

PART = {part.name: part for part in PARTS}
LIMITS = Limits(20, 2048)


def right(name):
    """The lab's own text of a function."""
    part = PART[name]
    return function_source((ROOT / part.file).read_text(encoding="utf-8"), part.function)


def run(body, limits=LIMITS, name="forward", head="def forward(params, X, keep=None):\n"):
    """Run a function with some body, on the cases that students see."""
    text = head + textwrap.indent(textwrap.dedent(body).strip() + "\n", "    ")
    return run_part(PART[name], text, make_cases(name, 0, False), limits)


def left_behind():
    """Processes that still run with the mark of a worker."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.pid in apart._running:  # a server
                continue
            if process.status() != psutil.STATUS_ZOMBIE and process.environ().items() >= MARK.items():
                found.append(process)
        except psutil.Error:
            pass
    return found


@pytest.mark.parametrize("name", PART)
def test_the_right_function_is_right(name):
    """In all cases, those that students see and those that they do not."""
    function = load_function(PART[name])
    cases = make_cases(name, 0, False) + make_cases(name, 7, True)
    done = run_part(PART[name], right(name), cases, LIMITS)
    assert done.state == "finished" and done.seconds > 0
    assert [judge(c, a, call(name, function, c.arrays)) for c, a in zip(cases, done.answers, strict=True)] == [
        ""
    ] * len(cases)


SOLVE = """
hidden = np.maximum(0, X @ params["W1"] + params["b1"])
hidden = hidden if keep is None else hidden * keep
return hidden, hidden @ params["W2"] + params["b2"]
"""


@pytest.mark.parametrize(
    "body, state, words",
    [
        ("while True: pass", "timeout", "was stopped after 2 s"),
        ("import time\ntime.sleep(1000)", "timeout", "was stopped after 2 s"),
        ("import os\nos._exit(0)", "ended", "ended the process with the exit status 0"),
        ("import os\nos.abort()", "ended", "ended the process by signal 6"),
        ("import ctypes\nctypes.string_at(0)", "ended", "ended the process by signal 11"),
        ("import sys\nsys.exit(0)", "finished", "raises SystemExit: 0"),
        ("raise KeyboardInterrupt", "finished", "raises KeyboardInterrupt"),
        ("return forward(params, X)", "finished", "raises RecursionError"),
        ("return np.zeros(10**12)", "memory", "raises MemoryError"),
        ("a = []\nwhile True: a.append(np.ones(10**7))", "memory", "raises MemoryError"),
        ("return helper(X)", "finished", "name 'helper' is not defined. Helpers must stand inside the function"),
        ("1 / 0", "finished", "raises ZeroDivisionError: division by zero (1 / 0)"),
        ("return input()", "finished", "raises EOFError"),
        ("return None", "finished", "raises TypeError"),
        ("return X, object()", "finished", "neither numbers nor arrays of numbers"),
        ("class E(Exception):\n    def __str__(self): 1 / 0\nraise E", "finished", "its text cannot be printed"),
        ("import socket\nsocket.create_connection(('127.0.0.1', 9))", "finished", "raises PermissionError: socket."),
        ("import os\nos.kill(os.getppid(), 9)", "finished", "raises PermissionError: os.kill is not allowed"),
        ("import subprocess\nsubprocess.run(['true'])", "finished", "raises PermissionError: subprocess.Popen"),
        ("import os\nwhile True: os.fork()", "finished", "raises PermissionError: so many processes"),
        ("while True: open('x', 'w').close()", "finished", "raises PermissionError: writing to x is not allowed"),
        ("open('x', 'w').write('x' * 10**8)", "finished", "raises OSError: [Errno 27] File too large"),
        ("import benchmarks.textbook", "finished", "raises ModuleNotFoundError"),
        ("import diagnosis.reference", "finished", "raises ModuleNotFoundError"),
        ("a = [open('/dev/null') for _ in range(100)]", "finished", "Too many open files"),
    ],
)
def test_what_misbehaves_is_stopped(body, state, words):
    """With a sentence that says what happened, and no process left."""
    done = run(body, Limits(2, 600))
    assert done.state == state
    assert words in done.answers[0], done.answers
    assert left_behind() == []


@pytest.mark.parametrize(
    "how, path",
    [
        ("open(path)", ROOT / "classifiers" / "layers.py"),
        ("open(path)", "/etc/passwd"),
        ("open(path.encode(), 'rb')", ROOT / "exercise" / "grade.py"),
        ("open(path, 'w')", "../../x"),
        ("os.open(path, os.O_RDONLY)", ROOT / "README.md"),
        ("os.listdir(path)", ROOT),
        ("list(os.scandir(path))", "../.."),
        ("os.chdir(path)", "/"),
        ("os.remove(path + '/x')", Path.home()),
        ("os.mkdir(path + '/x')", "../.."),
        ("os.rename('x', path)", "../../x"),
        ("os.symlink(path, 'x')", ROOT),
        ("np.load(path)", ROOT / "x.npy"),
    ],
)
def test_other_folders_are_out_of_reach(how, path):
    """The solution lies there, and the teacher's files."""
    done = run(f"import os\npath = {str(path)!r}\nreturn {how}")
    assert done.answers[0].startswith("raises PermissionError: "), done.answers


@pytest.mark.parametrize("path", ["lab/classifiers/layers.py", "task.json", "cases.npz"])
def test_what_lies_in_reach_has_no_answer(path, tmp_path):
    """The lab of a part has the student's function in the place of the right one, and no expected number."""
    done = run(
        f"""
        data = open("../{path}", "rb").read()
        words = b"np.maximum" + b"(hidden, 0", b"@ params[" + b'"W1"]', b">" + b"scores"
        raise ValueError([word for word in words if word in data])
        """
    )
    assert done.answers[0].startswith("raises ValueError: [] (")


@pytest.mark.parametrize(
    "before",
    [
        "print('x' * 10**7)",
        "import sys\nsys.stderr.write('x' * 10**7)",
        "import threading, time\nthreading.Thread(target=time.sleep, args=[1000]).start()",
        "import os\nopen('x', 'w').close()\nos.remove('x')",
        "import os\nos.environ.clear()",
        "import os, signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)",
    ],
)
def test_noise_does_not_cost_a_right_answer(before):
    """What a function does besides is its own affair."""
    function, cases = load_function(PART["forward"]), make_cases("forward", 0, False)
    done = run(before + SOLVE)
    assert done.state == "finished"
    for case, answer in zip(cases, done.answers, strict=True):
        assert judge(case, answer, call("forward", function, case.arrays)) == ""
    assert left_behind() == []


HIDE = """
import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        time.sleep(1000)
    os._exit(0)
os.wait()
"""


def test_children_that_hide_are_found():
    """A process of a session of its own, whose parent has ended, is killed with the rest."""
    done = run(HIDE + SOLVE)
    assert [type(answer) for answer in done.answers] == [dict] * 4  # all of it ran
    assert left_behind() == []


def test_a_child_writes_no_answer():
    """What the function forks goes on in the worker's code, and must not answer for it, nor take the next case."""
    done = run("import os\nif os.fork() == 0:\n    return X, X\nos.wait()\nraise ValueError(len(os.listdir('..')))")
    counts = [int(answer.split()[2]) for answer in done.answers]
    assert counts == [counts[0] + number for number in range(4)]  # each case finds one more answer, its predecessor's


def test_cases_before_the_end_count():
    """Three of four cases have two arrays, and the one with keep hangs."""
    function, cases = load_function(PART["forward"]), make_cases("forward", 0, False)
    done = run("while keep is not None: pass\n" + SOLVE, Limits(3, 2048))
    verdicts = [judge(c, a, call("forward", function, c.arrays)) for c, a in zip(cases, done.answers, strict=True)]
    assert done.state == "timeout" and verdicts[:2] == ["", ""]
    assert all("was stopped after 3 s" in verdict for verdict in verdicts[2:])


@pytest.mark.parametrize("name", ["0.npz", "0.txt", "import.txt"])
def test_a_pipe_in_place_of_an_answer_does_not_hold_the_grader(name):
    """Nobody ever writes to it."""
    done = run(f"import os\nos.mkfifo('../{name}')\nos._exit(0)")
    assert isinstance(done.answers[0], str)


def test_a_link_in_place_of_an_answer_leads_nowhere():
    """A file that a function forges is data; a link would show another file in the feedback."""
    done = run("import os\nos.symlink('../cases.npz', '../0.txt')\nos._exit(0)")
    assert "PK" not in done.answers[0]


def test_a_compressed_answer_is_not_opened():
    """The worker compresses nothing, and a megabyte may become a gigabyte."""
    text = "import os\nz = np.zeros(10**6)\nnp.savez_compressed('../0.npz', hidden=z, scores=z)\nos._exit(0)"
    assert run(text).answers[0] == "returns what is neither numbers nor arrays of numbers"


def test_folders_within_folders_are_removed(tmp_path, monkeypatch):
    """Also where there are more than Python can follow."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    done = run("import os\nfor _ in range(1100):\n    os.mkdir('d'), os.chdir('d')\nos._exit(0)")
    assert done.state == "ended" and os.listdir(tmp_path) == []


@pytest.mark.parametrize("value", ["np.random.rand()", "__import__('random').random()", "hash('a') % 997.0"])
def test_chance_is_the_same_twice(value):
    """Streams that a function takes from elsewhere begin anew in each case, and sets have one order."""
    first, second = (run(f"raise ValueError({value})").answers for _ in range(2))
    assert first == second and first[0] == first[1]


def test_code_that_runs_when_the_function_is_defined():
    """A default argument is behind the guard, too."""
    head = "def forward(params, X, keep=__import__('os').listdir('/')):\n"
    done = run("return 1", head=head)
    assert done.answers[0].startswith("raises PermissionError: reading / is not allowed")
    head = "def forward(params, X, keep=1 / 0):\n"
    assert run("return 1", head=head).answers[0].startswith("raises ZeroDivisionError")


def test_folders_are_empty_and_removed(tmp_path, monkeypatch):
    """A part starts in an empty folder; afterwards nothing of it is there."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    done = run("import os\nraise ValueError(os.listdir())")
    assert done.answers[0].startswith("raises ValueError: []") and str(tmp_path) not in str(done.answers)
    assert os.listdir(tmp_path) == []


def test_sentences_of_the_check():
    """They name the mistake; a function that is right, or never ends, has none."""
    text = right("backward").replace("hidden > 0", "hidden >= 0")
    (sentence,) = explain(PART["backward"], text, LIMITS)
    assert "ReLU is missing in the backward pass" in sentence
    assert explain(PART["backward"], right("backward"), LIMITS) == []
    assert explain(PART["backward"], "def backward(*a, **k):\n    while True: pass\n", Limits(2, 2048)) == []
    assert left_behind() == []


def test_predict_uses_the_right_scores():
    """The other parts are the lab's own."""
    done = run("return np.argmax(self._scores(X), axis=1)", name="predict", head="def _predict(self, X):\n")
    function = load_function(PART["predict"])
    for case, answer in zip(make_cases("predict", 0, False), done.answers, strict=True):
        assert np.array_equal(answer["classes"], call("predict", function, case.arrays)["classes"])


def test_a_server_that_has_died_is_replaced():
    """The next part runs nevertheless."""
    assert run(SOLVE).state == "finished"
    for pid in list(apart._running):
        psutil.Process(pid).kill()
        psutil.wait_procs([psutil.Process(pid)], timeout=0)
    assert run(SOLVE).state == "finished"
