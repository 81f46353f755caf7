"""Tests of exercise.apart: limits, results, and no processes or files left behind."""

import os
import textwrap
from pathlib import Path

import numpy as np
import psutil
import pytest

from exercise import apart
from exercise.apart import MARK, ROOT, Limits, run_check_net, run_part
from exercise.cases import call, load_function, make_cases
from exercise.function_text import function_source
from exercise.judge import judge
from exercise.parts import PARTS

PART = {part.name: part for part in PARTS}
LIMITS = Limits(20, 2048)


def right(name):
    """Return the solution's text of a function."""
    part = PART[name]
    return function_source((ROOT / part.file).read_text(encoding="utf-8"), part.function)


def run(body, limits=LIMITS, name="forward", head="def forward(params, X, keep=None):\n"):
    """Run a function with a given body on the visible cases."""
    text = head + textwrap.indent(textwrap.dedent(body).strip() + "\n", "    ")
    return run_part(PART[name], text, make_cases(name, 0, False), limits)


def left_behind():
    """Return processes of workers that are still running."""
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
    """The solution is right in all visible and hidden cases."""
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
        ("while True: pass", "timeout", "was stopped after"),
        ("import time\ntime.sleep(1000)", "timeout", "was stopped after"),
        ("import os\nos._exit(0)", "ended", "ended the process with the exit status 0"),
        ("import os\nos.abort()", "ended", "ended the process by signal 6"),
        ("import ctypes\nctypes.string_at(0)", "ended", "ended the process by signal 11"),
        ("import sys\nsys.exit(0)", "finished", "raises SystemExit: 0"),
        ("raise KeyboardInterrupt", "finished", "raises KeyboardInterrupt"),
        ("return forward(params, X)", "finished", "raises RecursionError"),
        ("return np.zeros(10**12)", "memory", "raises MemoryError"),
        ("a = []\nwhile True: a.append(np.ones(10**7))", "memory", "raises MemoryError"),
        ("return helper(X)", "finished", "name 'helper' is not defined. Define helpers inside the function"),
        ("1 / 0", "finished", "raises ZeroDivisionError: division by zero (1 / 0)"),
        ("return input()", "finished", "raises EOFError"),
        ("return None", "finished", "raises TypeError"),
        ("return X, object()", "finished", "must return numbers or arrays of numbers"),
        ("class E(Exception):\n    def __str__(self): 1 / 0\nraise E", "finished", "its text cannot be printed"),
        ("import socket\nsocket.create_connection(('127.0.0.1', 9))", "finished", "raises PermissionError: socket."),
        ("import os\nos.kill(os.getppid(), 9)", "finished", "raises PermissionError: os.kill is not allowed"),
        ("import subprocess\nsubprocess.run(['true'])", "finished", "raises PermissionError: subprocess.Popen"),
        ("import os\nwhile True: os.fork()", "finished", "raises PermissionError: too many processes"),
        ("while True: open('x', 'w').close()", "finished", "raises PermissionError: writing to x is not allowed"),
        ("open('x', 'w').write('x' * 10**8)", "finished", "raises OSError: [Errno 27] File too large"),
        ("import benchmarks.textbook", "finished", "raises ModuleNotFoundError"),
        ("import diagnosis.reference", "finished", "raises ModuleNotFoundError"),
        ("a = [open('/dev/null') for _ in range(100)]", "finished", "Too many open files"),
    ],
)
def test_bad_function_is_stopped(body, state, words):
    """The answer says what happened, and no process is left."""
    done = run(body, Limits(3, 600, 10))
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
def test_other_folders_are_blocked(how, path):
    """A function cannot use the folders of the solution and of the teacher."""
    done = run(f"import os\npath = {str(path)!r}\nreturn {how}")
    assert done.answers[0].startswith("raises PermissionError: "), done.answers


@pytest.mark.parametrize("path", ["lab/classifiers/layers.py", "task.json", "cases.npz"])
def test_readable_files_have_no_answers(path, tmp_path):
    """Files that a function can read have neither the solution nor expected answers."""
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
def test_side_effects_do_not_change_the_result(before):
    """A right function stays right if it also prints, starts threads or writes files."""
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


def test_detached_children_are_killed():
    """A child in a new session is killed, also after its parent has ended."""
    done = run(HIDE + SOLVE)
    assert [type(answer) for answer in done.answers] == [dict] * 4  # all four cases ran
    assert left_behind() == []


def test_forked_child_writes_no_answer():
    """A forked child must not write an answer or run the next case."""
    done = run("import os\nif os.fork() == 0:\n    return X, X\nos.wait()\nraise ValueError(len(os.listdir('..')))")
    counts = [int(answer.split()[2]) for answer in done.answers]
    assert counts == [counts[0] + number for number in range(4)]  # each case adds one answer file


def test_cases_before_a_timeout_count():
    """The third of four cases does not end. The first two are right."""
    function, cases = load_function(PART["forward"]), make_cases("forward", 0, False)
    done = run("while keep is not None: pass\n" + SOLVE, Limits(1))
    verdicts = [judge(c, a, call("forward", function, c.arrays)) for c, a in zip(cases, done.answers, strict=True)]
    assert done.state == "timeout" and verdicts[:2] == ["", ""]
    assert all("was stopped after 1 s of computing" in verdict for verdict in verdicts[2:])


@pytest.mark.parametrize("name", ["0.npz", "0.txt", "import.txt"])
def test_named_pipe_does_not_block_the_grader(name):
    """Reading a pipe without a writer would never end."""
    done = run(f"import os\nos.mkfifo('../{name}')\nos._exit(0)")
    assert isinstance(done.answers[0], str)


def test_link_as_answer_is_not_followed():
    """A link would show the content of another file in the feedback."""
    done = run("import os\nos.symlink('../cases.npz', '../0.txt')\nos._exit(0)")
    assert "PK" not in done.answers[0]


def test_compressed_answer_is_not_opened():
    """A compressed answer may be a zip bomb. The worker does not compress."""
    text = "import os\nz = np.zeros(10**6)\nnp.savez_compressed('../0.npz', hidden=z, scores=z)\nos._exit(0)"
    assert run(text).answers[0] == "must return numbers or arrays of numbers, but returns something else"


def test_nested_folders_are_removed(tmp_path, monkeypatch):
    """Folders are removed even if they are nested more deeply than Python's recursion limit."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    done = run("import os\nfor _ in range(1100):\n    os.mkdir('d'), os.chdir('d')\nos._exit(0)")
    assert done.state == "ended" and os.listdir(tmp_path) == []


@pytest.mark.parametrize("value", ["np.random.rand()", "__import__('random').random()", "hash('a') % 997.0"])
def test_random_numbers_are_the_same_in_each_run(value):
    """Global random streams restart in each case, and the hash of a string is fixed."""
    first, second = (run(f"raise ValueError({value})").answers for _ in range(2))
    assert first == second and first[0] == first[1]


def test_default_arguments_are_guarded():
    """The limits also apply to code that runs when the function is defined."""
    head = "def forward(params, X, keep=__import__('os').listdir('/')):\n"
    done = run("return 1", head=head)
    assert done.answers[0].startswith("raises PermissionError: reading / is not allowed")
    head = "def forward(params, X, keep=1 / 0):\n"
    assert run("return 1", head=head).answers[0].startswith("raises ZeroDivisionError")


def test_folders_are_empty_and_removed(tmp_path, monkeypatch):
    """A part starts in an empty folder. The folder is removed at the end."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    done = run("import os\nraise ValueError(os.listdir())")
    assert done.answers[0].startswith("raises ValueError: []") and str(tmp_path) not in str(done.answers)
    assert os.listdir(tmp_path) == []


def test_explain_names_the_mistake():
    """The list is empty for a right function and for one that does not end."""
    text = right("backward").replace("hidden > 0", "hidden >= 0")
    (sentence,) = run_check_net(PART["backward"], text, LIMITS)
    assert "ReLU is missing in the backward pass" in sentence
    assert run_check_net(PART["backward"], right("backward"), LIMITS) == []
    assert run_check_net(PART["backward"], "def backward(*a, **k):\n    while True: pass\n", Limits(2, 2048)) == []
    assert left_behind() == []


def test_predict_uses_the_right_scores():
    """The other functions are the solution's."""
    done = run("return np.argmax(self._scores(X), axis=1)", name="predict", head="def _predict(self, X):\n")
    function = load_function(PART["predict"])
    for case, answer in zip(make_cases("predict", 0, False), done.answers, strict=True):
        assert np.array_equal(answer["classes"], call("predict", function, case.arrays)["classes"])


def test_ended_server_is_replaced():
    """The next part runs in a new server."""
    assert run(SOLVE).state == "finished"
    for pid in list(apart._running):
        psutil.Process(pid).kill()
        psutil.wait_procs([psutil.Process(pid)], timeout=0)
    assert run(SOLVE).state == "finished"
