"""Tests of the command exercise.grade with correct, broken and hostile submissions."""

import csv
import json
import os
import re
import shutil
import signal
import zipfile
from pathlib import Path

import pytest
from test_exercise_apart import left_behind, right

from exercise import grade, marking
from exercise.function_text import empty_function
from exercise.parts import PARTS

ROOT = Path(__file__).resolve().parents[1]
LAB = ("classifiers/layers.py", "classifiers/sgd.py", "classifiers/neural_net.py")
FULL = {part.name: sum(part.points.values()) for part in PARTS}
HEAD = "def penalty(params, reg, grads=None):\n    "
PREDICT = "\n\n" + right("predict")

# Body of `penalty`, its state and its points. Each of these submissions has a right predict, too.
BODIES = {
    "endless loop": ("while True: pass", "timeout", 0),
    "endless sleep": ("import time; time.sleep(1000)", "timeout", 0),
    "os exit": ("import os; os._exit(0)", "ended", 0),
    "sys exit": ("import sys; sys.exit(0)", "error", 0),
    "abort": ("import os; os.abort()", "ended", 0),
    "keyboard interrupt": ("raise KeyboardInterrupt", "error", 0),
    "terabyte": ("return np.ones(10**12)", "memory", 0),
    "arrays without end": ("a = []\n    while True: a.append(np.zeros(10**7))", "memory", 0),
    "flood of output": ("while True: print('x' * 10**6)", "timeout", 0),
    "flood of errors": ("import sys\n    while True: sys.stderr.write('x' * 10**6)", "timeout", 0),
    "large file": ("open('x', 'wb').truncate(10**9)", "error", 0),
    "many files": ("for i in range(10**6): open(str(i), 'w').close()", "error", 0),
    "forks": ("import os\n    while True: os.fork()", "error", 0),
    "recursion": ("return penalty(params, reg, grads)", "error", 0),
    "exception": ("1 / 0", "error", 0),
    "reads the solution": (f"return open({str(ROOT / LAB[0])!r}).read()", "error", 0),
    "imports the solution": ("import diagnosis.reference", "error", 0),
    "starts a program": ("import subprocess; subprocess.run(['true'])", "error", 0),
    "kills its parent": ("import os; os.kill(os.getppid(), 9)", "error", 0),
    "asks for input": ("return input()", "error", 0),
    "helper outside": ("return helper(params)", "error", 0),
    "an object": ("return object()", "error", 0),
    "text": ("return '<script>alert(1)</script>'", "wrong", 0),
    "nan": ("return float('nan')", "wrong", 0),
    "value only": (
        "return 0.5 * reg * (np.sum(params['W1'] ** 2) + np.sum(params['W2'] ** 2))",
        "partly",
        5,
    ),
    "does not return": ("pass", "not written", 0),
    "indentation": ("x = 1\n      y = 2", "syntax error", 0),
    "Python 2": ("print reg", "syntax error", 0),
}
DEFAULTS = {
    "exception at import": ("def penalty(params, reg, grads=1 / 0):\n    return 1", "error"),
    "exit at import": ("def penalty(params, reg, grads=__import__('os')._exit(0)):\n    return 1", "ended"),
}


def solution():
    return {name: (ROOT / name).read_text(encoding="utf-8") for name in LAB}


def without(*names):
    """Return the lab without the bodies of some parts."""
    files = solution()
    for part in PARTS:
        if part.name in names:
            files[part.file] = empty_function(files[part.file], part.function, "Write it")
    return files


def pack(path, files):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)


def write_class(folder):
    """Write all submissions into a folder."""
    folder.mkdir()
    for name, (body, _, _) in BODIES.items():
        (folder / f"{name}.py").write_text(HEAD + body + PREDICT)
    for name, (text, _) in DEFAULTS.items():
        (folder / f"{name}.py").write_text(text + PREDICT)
    (folder / "module exits.py").write_text("import os\nos._exit(0)\n" + right("penalty") + PREDICT)
    (folder / "utf-16.py").write_text(right("penalty"), encoding="utf-16")
    (folder / "notebook.ipynb").write_text("{}")
    (folder / "empty folder").mkdir()
    (folder / "no zip.zip").write_bytes(b"Rar!")
    pack(folder / "bomb.zip", {**solution(), "classifiers/layers.py": bytes(50 << 20)})
    pack(folder / "leads out.zip", {f"../{name}": text for name, text in solution().items()})
    pack(folder / "=right.zip", {f"exercise/{name}": text for name, text in solution().items()})
    pack(folder / "<b>untouched.zip", without(*FULL))
    for name in FULL:
        pack(folder / f"without {name}.zip", without(name))
    edited = folder / "edits"
    for name, text in solution().items():
        (edited / name).parent.mkdir(parents=True, exist_ok=True)
        (edited / name).write_text(text)
    (edited / "tests").mkdir()
    for name in ("checks.py", "tests/test_parts.py", "exercise.py", "numpy.py"):
        (edited / name).write_text("import os\nos._exit(0)")


pytestmark = pytest.mark.xdist_group("graded")  # one process, so that `graded` is made only once


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    """The lines of the table by name, and the folder of all files."""
    folder = tmp_path_factory.mktemp("class")
    write_class(folder / "in")
    with pytest.raises(SystemExit) as end:
        grade.main(command(folder))
    assert end.value.code == 0
    with open(folder / "out" / "grades.csv", encoding="utf-8", newline="") as file:
        return {row["submission"]: row for row in csv.DictReader(file)}, folder


def command(folder, *more):
    return [str(folder / "in"), "--csv", str(folder / "out" / "grades.csv"), "--timeout", "2", "--memory", "700",
            "--feedback", str(folder / "out" / "pages"), "--json", str(folder / "out" / "json"), *more]  # fmt: skip


def others(state):
    """Return the state of a submission that has only penalty and predict."""
    missing = {name: f"{name} missing" for name in FULL if name not in ("penalty", "predict")}
    return ", ".join({name: missing.get(name, f"penalty {state}") for name in FULL if name != "predict"}.values())


@pytest.mark.parametrize("name", [*BODIES, *DEFAULTS])
def test_hostile_functions(graded, name):
    """The state says what happened. predict in the same submission is still right."""
    row = graded[0][name]
    state, points = BODIES[name][1:] if name in BODIES else (DEFAULTS[name][1], 0)
    assert row["state"] == others(state)
    assert float(row["penalty"]) == round(points, 2) and float(row["predict"]) == FULL["predict"]
    assert float(row["total"]) == round(points, 2) + FULL["predict"]


@pytest.mark.parametrize(
    "name, state, total",
    [
        ("'=right", "right", 100),
        ("edits", "right", 100),
        ("<b>untouched", "not written", 0),
        ("utf-16", "unreadable", 0),
        ("notebook.ipynb", "unreadable", 0),
        ("empty folder", "unreadable", 0),
        ("no zip", "unreadable", 0),
        ("leads out", "unreadable", 0),
        ("bomb", ", ".join(f"{part.name} unreadable" for part in PARTS if part.file == LAB[0]), 30),
        ("module exits", others("").replace("penalty , ", ""), 18),
        *((f"without {name}", f"{name} not written", 100 - points) for name, points in FULL.items()),
    ],
)
def test_whole_submissions(graded, name, state, total):
    """The solution gets 100 points, the exercise 0. A part that is not written loses its points."""
    row = graded[0][name]
    assert row["state"] == state and float(row["total"]) == total
    assert sum(float(row[part]) for part in FULL) == pytest.approx(total)


def test_table(graded):
    """The table has all submissions, sorted by name, and all columns. No process is left."""
    rows, folder = graded
    assert len(rows) == len(list((folder / "in").iterdir()))
    assert list(rows["edits"]) == ["submission", "state", "total", *FULL, "seconds"]
    assert [name.lstrip("'") for name in rows] == sorted(name.lstrip("'") for name in rows)
    assert left_behind() == []


def test_pages(graded):
    """Each submission has a page that names mistakes. Names and answers are escaped."""
    rows, folder = graded
    assert {f"{name.lstrip(chr(39))}.html" for name in rows} == set(os.listdir(folder / "out" / "pages"))
    text = (folder / "out" / "pages" / "text.html").read_text(encoding="utf-8")
    assert "value must hold numbers" in text and "<script" not in text
    untouched = (folder / "out" / "pages" / "<b>untouched.html").read_text(encoding="utf-8")
    assert "<title>&lt;b&gt;untouched: 0 of 100 points" in untouched and "<b>" not in untouched
    assert "What check_net says" in (folder / "out" / "pages" / "value only.html").read_text(encoding="utf-8")


def test_gradescope(graded):
    """The points of the tests add up to the score."""
    rows, folder = graded
    for name, row in rows.items():
        told = json.loads((folder / "out" / "json" / name.lstrip("'") / "results.json").read_text(encoding="utf-8"))
        assert told["score"] == float(row["total"]) == pytest.approx(sum(test["score"] for test in told["tests"]))
        assert sum(test["max_score"] for test in told["tests"]) == 100
        assert {test["status"] for test in told["tests"]} <= {"passed", "failed"}


def test_grading_again_grades_nothing(graded, monkeypatch):
    """Parts in the journal are not graded again, and the table stays the same."""
    rows, folder = graded
    table = (folder / "out" / "grades.csv").read_bytes()
    monkeypatch.setattr(marking, "run_part", None)
    with pytest.raises(SystemExit) as end:
        grade.main(command(folder))
    assert end.value.code == 0 and (folder / "out" / "grades.csv").read_bytes() == table


def small(tmp_path, names=("a", "b", "c")):
    """Write a few submissions with different functions, and return the arguments of the command."""
    (tmp_path / "in").mkdir()
    for number, name in enumerate(names):
        (tmp_path / "in" / f"{name}.py").write_text(HEAD + f"return {number}" + PREDICT)
    return [str(tmp_path / "in"), "--csv", str(tmp_path / "g.csv"), "-j", "1"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_interrupted_grading_continues(tmp_path, monkeypatch, capsys, number):
    """After Ctrl-C there is only the journal. The next run grades the parts that are not in it."""
    arguments, run, add = small(tmp_path), marking.run_part, marking.Journal.add

    def interrupted(journal, *line):
        add(journal, *line)
        if len(journal.graded) == 2:
            signal.raise_signal(number)

    monkeypatch.setattr(marking.Journal, "add", interrupted)
    with pytest.raises(SystemExit) as end:
        grade.main(arguments)
    assert end.value.code == 130 and "run the same command again to continue" in capsys.readouterr().err
    assert left_behind() == []
    monkeypatch.setattr(marking.Journal, "add", add)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["g.csv.jsonl", "in"]
    journal = tmp_path / "g.csv.jsonl"
    assert len(journal.read_text().splitlines()) == 2
    journal.write_text(journal.read_text()[:-20])
    again = []
    monkeypatch.setattr(marking, "run_part", lambda part, text, *rest: again.append(text) or run(part, text, *rest))
    with pytest.raises(SystemExit) as end:
        grade.main(arguments)
    assert end.value.code == 0 and len(again) == 3
    first = (tmp_path / "g.csv").read_text()
    journal.unlink()
    with pytest.raises(SystemExit):
        grade.main(arguments)
    assert [re.sub(",[^,]*$", "", line) for line in first.splitlines()] == [
        re.sub(",[^,]*$", "", line) for line in (tmp_path / "g.csv").read_text().splitlines()
    ]


def test_part_that_cannot_be_graded(tmp_path, monkeypatch, capsys):
    """The other parts are graded, and the exit status is 1."""
    arguments, run = small(tmp_path), marking.run_part

    def fails(part, text, *rest):
        if "return 1" in text:
            raise OSError("no space")
        return run(part, text, *rest)

    monkeypatch.setattr(marking, "run_part", fails)
    with pytest.raises(SystemExit) as end:
        grade.main(arguments)
    assert end.value.code == 1 and "Not graded: b." in capsys.readouterr().err
    assert "penalty not graded" in (tmp_path / "g.csv").read_text()


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["nowhere", "--csv", "g.csv"], "nowhere does not exist"),
        (["in", "--csv", "in/g.csv"], "is inside the folder of submissions"),
        (["in", "--csv", "g.csv", "--feedback", "in/x"], "is inside the folder of submissions"),
        (["in", "--csv", "g.csv"], "in holds no submissions"),
        (["in"], "--csv"),
        (["in", "--csv", "g.csv", "--timeout", "0"], "must be a number > 0, got 0"),
        (["in", "--csv", "g.csv", "--timeout", "nan"], "must be a number > 0, got nan"),
        (["in", "--csv", "g.csv", "-j", "x"], "must be a number > 0, got x"),
        (["in", "--csv", "g.csv", "--seed", "-1"], "must be a number >= 0, got -1"),
    ],
)
def test_command_line(tmp_path, monkeypatch, capsys, arguments, words):
    """A wrong command line is an error with exit status 2."""
    (tmp_path / "in").mkdir()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as end:
        grade.main(arguments)
    assert end.value.code == 2 and words in capsys.readouterr().err


def test_two_gradings_of_one_table(tmp_path, capsys):
    """A second run with the same table is an error."""
    arguments = small(tmp_path)
    with marking.Journal(tmp_path / "g.csv.jsonl"), pytest.raises(SystemExit) as end:
        grade.main(arguments)
    assert end.value.code == 2 and "another grading run is writing" in capsys.readouterr().err


def test_long_names(tmp_path):
    """A submission with a very long name still gets a page."""
    arguments = small(tmp_path, ["n" * 250, "n" * 249 + "o"])
    shutil.rmtree(tmp_path / "pages", ignore_errors=True)
    with pytest.raises(SystemExit) as end:
        grade.main([*arguments, "--feedback", str(tmp_path / "pages")])
    assert end.value.code == 0 and len(os.listdir(tmp_path / "pages")) == 2
