"""Tests of the command exercise.grade with correct, broken and hostile submissions."""

import csv
import json
import os
import signal
import subprocess
import sys
import time

import pytest
from conftest import ROOT
from test_exercise_apart import left_behind
from test_exercise_deliveries import pack, write
from test_exercise_student import solve

from exercise.grade import __main__ as grade
from exercise.grade.marking import GradeLog
from exercise.parts import FULL, PARTS

POINTS = {part.name: sum(part.points.values()) for part in PARTS}
HEAD = "def penalty(params, reg, grads=None):\n    "

# Body of `penalty`, its state and its points. All other functions of these submissions are right.
BODIES = {
    "endless loop": ("while True: pass", "timeout", 0),
    "exit": ("import os; os._exit(0)", "ended", 0),
    "arrays without end": ("a = []\n    while True: a.append(np.zeros(10**7))", "memory", 0),
    "exception": ("raise ValueError('<u>')", "error", 0),
    "text": ("return 'x'", "wrong", 0),
    "value only": ("return 0.5 * reg * (np.sum(params['W1'] ** 2) + np.sum(params['W2'] ** 2))", "partly", 5),
    "does not return": ("x = 1", "error", 0),
    "Python 2": ("print reg", "syntax error", 0),
    "conflict": ("\n<<<<<<< HEAD\n    return 1\n=======\n    return 2\n>>>>>>> mine", "syntax error", 0),
}


def write_class(folder):
    """Write all submissions into a folder."""
    files = {f"{name}.py": solve(penalty=HEAD + body) for name, (body, _, _) in BODIES.items()}
    files["exit at definition.py"] = solve(penalty=HEAD.replace("None", "__import__('os')._exit(0)") + "return 1")
    files["exit at the end.py"] = solve() + "exit(0)\n"
    files["unknown import.py"] = "from classifiers.layers import forward\nimport nowhere\n" + solve()
    files["utf-16.py"] = solve().encode("utf-16")
    files["empty folder/x"] = ""
    files["edits/homework.py"] = solve()
    files |= {f"edits/{name}": "import os\nos._exit(0)" for name in ("checks.py", "exercise/cases.py", "numpy.py")}
    files |= {"two files/homework.py": solve([]), "two files/old/homework-1.py": solve(["update"])}
    files["two files/homework (2).py"] = solve(["forward"])
    write(folder, files)
    pack(folder / "bomb.zip", {"homework.py": bytes(50 << 20)})
    pack(folder / "=right.zip", {"exercise/homework.py": solve()})
    pack(folder / "<b>untouched.zip", {"homework.py": solve([])})
    for name in POINTS:
        pack(folder / f"without {name}.zip", {"homework.py": solve([other for other in POINTS if other != name])})


pytestmark = pytest.mark.xdist_group("graded")  # one process, so that `graded` is made only once


def run(*arguments):
    """Run the command, and return its exit status."""
    with pytest.raises(SystemExit) as end:
        grade.main(list(map(str, arguments)))
    return end.value.code


def command(folder):
    out = folder / "out"
    options = "--timeout", 4, "--memory", 700, "--feedback", out / "pages", "--json", out / "json"
    return folder / "in", "--csv", out / "grades.csv", *options


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    """The lines of the table by name, and the folder of all files."""
    folder = tmp_path_factory.mktemp("class")
    write_class(folder / "in")
    assert run(*command(folder)) == 0
    with open(folder / "out" / "grades.csv", encoding="utf-8", newline="") as file:
        return {row["submission"]: row for row in csv.DictReader(file)}, folder


@pytest.mark.parametrize(
    "name, state, total",
    [
        *((name, f"penalty {state}", 90 + points) for name, (_, state, points) in BODIES.items()),
        ("exit at definition", "ended", 0),  # the file cannot run
        ("exit at the end", "right", 100),
        ("unknown import", "right", 100),
        ("'=right", "right", 100),
        ("edits", "right", 100),
        ("<b>untouched", "not written", 0),
        ("utf-16", "unreadable", 0),
        ("empty folder", "unreadable", 0),
        ("bomb", "unreadable", 0),
        ("two files", ", ".join(f"{name} not written" for name in POINTS if name != "forward"), 16),
        *((f"without {name}", f"{name} not written", 100 - points) for name, points in POINTS.items()),
    ],
)
def test_submissions(graded, name, state, total):
    """A part that is wrong, hostile or not written loses its points, and no other part does."""
    row = graded[0][name]
    assert row["state"] == state and float(row["total"]) == total
    assert sum(float(row[part]) for part in POINTS) == pytest.approx(total)


def test_table(graded):
    """The table has all submissions, sorted by name, the file that counts, and all columns. No process is left."""
    rows, folder = graded
    assert len(rows) == len(list((folder / "in").iterdir()))
    assert list(rows["edits"]) == ["submission", "state", "total", *POINTS, "seconds", "file", "warning"]
    assert [name.lstrip("'") for name in rows] == sorted(name.lstrip("'") for name in rows)
    assert rows["two files"]["file"] == "homework (2).py" and rows["utf-16"]["file"] == ""
    assert rows["two files"]["warning"] == "Other files differ and do not count: old/homework-1.py"
    assert left_behind() == []


def test_pages(graded):
    """Each submission has a page that names mistakes. Names and sentences are escaped."""
    rows, folder = graded
    pages = {path.stem: path.read_text(encoding="utf-8") for path in (folder / "out" / "pages").iterdir()}
    assert set(pages) == {name.lstrip("'") for name in rows}
    for name, words in {
        "text": ["value must hold numbers"],
        "value only": ["What check_net says"],
        "exception": ["raises ValueError: &lt;u&gt; (line "],
        "does not return": ["returns None. Is there a `return` at the end?"],
        "conflict": ["is the mark of a merge conflict"],
        "Python 2": ["This is Python 2, line "],
        "utf-16": ["utf-16.py is saved as UTF-16"],
        "bomb": ["bomb.zip/homework.py is larger than 1 MB"],
        "two files": ["The graded file is homework (2).py", "Other files differ and do not count: old/homework-1.py"],
        "unknown import": [
            "unknown import.py: raises ModuleNotFoundError: No module named &#x27;nowhere&#x27; (line 2"
        ],
        "<b>untouched": ["&lt;b&gt;untouched: 0 of 100 points"],
    }.items():
        assert all(word in pages[name] for word in words), pages[name]
    assert "<u>" not in pages["exception"] and "<b>" not in pages["<b>untouched"]


def test_gradescope(graded):
    """The points add up to the score. The first failed aspect of a part shows what check_net says."""
    rows, folder = graded
    for name, row in rows.items():
        result = json.loads((folder / "out" / "json" / name.lstrip("'") / "results.json").read_text(encoding="utf-8"))
        assert result["score"] == float(row["total"]) == pytest.approx(sum(test["score"] for test in result["tests"]))
        assert sum(test["max_score"] for test in result["tests"]) == FULL
        value, gradient = (test for test in result["tests"] if test["name"].startswith("penalty: "))
        if name == "text":
            assert "check_net: " in value["output"] and "check_net: " not in gradient["output"]
        if name == "value only":
            assert (value["status"], gradient["status"]) == ("passed", "failed")
            assert value["output"] == "" and "check_net: " in gradient["output"]
        if name == "two files":
            assert "The graded file is homework (2).py" in result["output"] and "old/homework-1.py" in result["output"]


def test_grading_again_grades_nothing(graded):
    """Parts in the log are not graded again, and the table stays the same."""
    files = [graded[1] / "out" / name for name in ("grades.csv", "grades.csv.jsonl")]
    before = [path.read_bytes() for path in files]
    assert run(*command(graded[1])) == 0 and [path.read_bytes() for path in files] == before


def small(folder, names="ab", bodies=("return 0", "return 1", "while True: pass")):
    """Write a few submissions with different functions, and return the arguments of the command."""
    (folder / "in").mkdir(exist_ok=True)
    for name, body in zip(names, bodies, strict=False):
        (folder / "in" / f"{name}.py").write_text(f"{HEAD}{body}\n")
    return folder / "in", "--csv", folder / "g.csv", "-j", 1, "--timeout", 600


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_interrupted_grading_continues(tmp_path, number):
    """After Ctrl-C there is only the log. The next run grades the parts that are not in it."""
    arguments, log = small(tmp_path, "abc"), tmp_path / "g.csv.jsonl"  # the third function does not end
    code = [sys.executable, "-m", "exercise.grade", *map(str, arguments)]
    process = subprocess.Popen(code, cwd=ROOT, stderr=subprocess.PIPE, text=True)
    while process.poll() is None and not (
        log.exists() and log.read_text().count("\n") == 2 and left_behind(process.pid)[1:]
    ):
        time.sleep(0.02)
    process.send_signal(number)
    assert "run the same command again to continue" in process.communicate()[1] and process.returncode == 130
    assert left_behind(process.pid) == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["g.csv.jsonl", "in"]
    before = log.read_text()
    small(tmp_path, "c", ["return 2"])
    assert run(*arguments) == 0
    assert log.read_text().startswith(before) and log.read_text().count("\n") == 3  # c is new
    table = (tmp_path / "g.csv").read_text().splitlines()
    assert [line.split(",")[0] for line in table] == ["submission", "a", "b", "c"]


def test_late_submissions_and_feedback(tmp_path, capsys):
    """A later run adds new lines and keeps the others. Feedback does not grade a part anew."""
    arguments, log = small(tmp_path), tmp_path / "g.csv.jsonl"
    assert run(*arguments) == 0
    before, lines = log.read_text(), (tmp_path / "g.csv").read_text().splitlines()
    assert run(*arguments, "--feedback", tmp_path / "pages") == 0
    added = [json.loads(line)[1] for line in log.read_text().removeprefix(before).splitlines()]
    assert log.read_text().startswith(before) and [list(entry) for entry in added] == [["penalty"]] * 2
    assert (tmp_path / "g.csv").read_text().splitlines() == lines
    (tmp_path / "in" / "a.py").unlink()
    small(tmp_path, "bc", ["return 2", "return 0"])
    assert run(*arguments) == 0
    after = (tmp_path / "g.csv").read_text().splitlines()
    assert "2 of 2 submissions are graded" in (printed := capsys.readouterr().out) and "(1 lines of earlier" in printed
    assert after[:2] == lines[:2] and [line[:2] for line in after[1:]] == ["a,", "b,", "c,"]
    (tmp_path / "g.csv").write_text("name,points\n")
    assert run(*arguments) == 2 and (tmp_path / "g.csv").read_text() == "name,points\n"


def test_single_submission(tmp_path):
    """With --single, a folder of files is one submission."""
    arguments = small(tmp_path)
    assert run(*arguments, "--single") == 0
    assert [line.split(",")[0] for line in (tmp_path / "g.csv").read_text().splitlines()] == ["submission", "in"]


def test_part_that_cannot_be_graded(tmp_path, monkeypatch, capsys):
    """The exit status is 1, and the table says what is not graded. The next run grades it."""
    arguments = small(tmp_path)
    assert run(*arguments) == 0
    small(tmp_path, "b", ["return 2"])
    with monkeypatch.context() as patch:
        patch.setattr("tempfile.tempdir", str(tmp_path / "missing"))
        assert run(*arguments) == 1 and "Not graded: b." in capsys.readouterr().err
    assert "b,forward missing, " in (table := (tmp_path / "g.csv").read_text().replace('"', ""))
    assert table.count("penalty not graded") == 1
    assert run(*arguments) == 0 and "not graded" not in (tmp_path / "g.csv").read_text()


@pytest.mark.parametrize(
    "arguments, words",
    [
        ("nowhere --csv g.csv", "nowhere does not exist"),
        ("in --csv in/g.csv", "is inside the folder of submissions"),
        ("in --csv g.csv --feedback in/x", "is inside the folder of submissions"),
        ("in --csv g.csv", "in holds no submissions"),
        ("in", "--csv"),
        ("in --csv g.csv --timeout 0", "must be a number > 0, got 0"),
        ("in --csv g.csv --timeout nan", "must be a number > 0, got nan"),
        ("in --csv g.csv -j x", "must be a number > 0, got x"),
        ("in --csv g.csv --seed -1", "must be a number >= 0, got -1"),
    ],
)
def test_command_line(tmp_path, monkeypatch, capsys, arguments, words):
    """A wrong command line is an error with exit status 2."""
    (tmp_path / "in").mkdir()
    monkeypatch.chdir(tmp_path)
    assert run(*arguments.split()) == 2 and words in capsys.readouterr().err


def test_two_gradings_of_one_table(tmp_path, capsys):
    """A second run with the same table is an error."""
    arguments = small(tmp_path)
    with GradeLog(tmp_path / "g.csv.jsonl"):
        assert run(*arguments) == 2 and "another grading run is writing" in capsys.readouterr().err


def test_long_names(tmp_path):
    """Submissions with very long names get different pages."""
    arguments = small(tmp_path, [125 * "\u00fc", 124 * "\u00fc" + "o"])
    assert run(*arguments, "--feedback", tmp_path / "pages") == 0
    names = os.listdir(tmp_path / "pages")
    assert len(names) == 2 and all(name.startswith("\u00fc") and len(name.encode()) <= 105 for name in names)
