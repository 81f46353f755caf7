"""Tests of the command exercise.grade with correct, broken and hostile submissions."""

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest
from conftest import ROOT
from test_exercise_apart import left_behind
from test_exercise_deliveries import pack, pack_tar, write
from test_exercise_student import solve

from exercise.grade import __main__ as grade
from exercise.grade.marking import open_log
from exercise.make.__main__ import main as make
from exercise.parts import FULL, PARTS

POINTS = {part.name: sum(part.points.values()) for part in PARTS}
HEAD = "def penalty(params, reg, grads=None):\n    "
RIGHT, EMPTY, FORWARD, OLD = solve(), solve([]), solve(["forward"]), solve(["update"])
CONFLICT = "\n<<<<<<< HEAD\n    return 1\n=======\n    return 2\n>>>>>>> mine"
VALUE = "return 0.5 * reg * (np.sum(params['W1'] ** 2) + np.sum(params['W2'] ** 2))"
ONLY = {name: ", ".join(f"{other} not written" for other in POINTS if other != name) for name in POINTS}
NOTEBOOK = json.dumps(
    {"cells": [{"cell_type": "code", "source": "%load_ext x"}, {"cell_type": "code", "source": RIGHT}]}
)
MOODLE, TEXT = "assignsubmission_file", "assignsubmission_onlinetext"
BRIGHT, SCOPE = "1045-99 - Anne - Marie Lee - Mar", "scope/assignment_7_export"


def penalty(body):
    """Return a file in which only `penalty` is another one."""
    return solve(penalty=HEAD + body)


MINE = {"homework.py": RIGHT}
NAMES = ("", "  - :name: Ho Jun\n", "  - :name: 'Ho Jun'\n")
METADATA = "".join(f"submission_50{n}:\n  :submitters:\n{name}    :sid: '1'\n" for n, name in enumerate(NAMES))
# Name of the submission: its files (a dict is a zip that several share), its state, its points, the end of the path of
# the file that counts, and words on its page.
CLASS = {
    # As platforms deliver them
    "Kim Minji_12": ({f"Kim Minji_12_{MOODLE}_/homework.py": RIGHT, f"Kim Minji_12_{TEXT}_/x.html": ""},
        "right", 100, "Minji_12_assignsubmission_file_/homework.py", ""),
    "Kim Minji_13": ({f"Kim Minji_13_{MOODLE}_/homework.py": FORWARD}, ONLY["forward"], 16, "homework.py", ""),
    "M\u00fcller, J\u00fcrgen_4": ({f"M\u00fcller, J\u00fcrgen_4_{MOODLE}/a.zip": pack({"hw/homework.py": RIGHT})},
        "right", 100, "a.zip/hw/homework.py", ""),
    "\uae40 \ubbfc\uc9c0_5": ({f"\uae40 \ubbfc\uc9c0_5_{MOODLE}_homework.py": RIGHT}, "right", 100, "_homework.py", ""),
    "Lee_6": ({f"Lee_6_{MOODLE}_/homework.py": FORWARD, f"Lee_6_{MOODLE}_/homework-1.py": OLD}, ONLY["update"], 12,
        "homework-1.py", f"do not count: Lee_6_{MOODLE}_/homework.py"),
    "kimminji_4711": ({"canvas.zip": {"kimminji_4711_20771_homework-2.py": RIGHT, "kimminji_4711_20770_a.docx": ""}},
        "right", 100, "canvas.zip/kimminji_4711_20771_homework-2.py", ""),
    "kimminji_4712": ({"canvas.zip": {"kimminji_4712_20772_homework.py": OLD}}, ONLY["update"], 12, "homework.py", ""),
    "choi_4713": ({"canvas.zip": {"choi_4713_21_layers.py": FORWARD, "choi_4713_22_sgd.py": OLD}},
        ONLY["forward"], 16, "choi_4713_21_layers.py", "do not count: canvas.zip/choi_4713_22_sgd.py"),
    "park_4714": ({"canvas.zip": {"park_LATE_4714_23_mine.zip": pack(MINE)}}, "right", 100, "mine.zip/homework.py", ""),
    "han_4715": ({"canvas.zip": {"han_4715_24_homework.py": FORWARD}, "late.zip": {"han_LATE_4715_25_a.py": RIGHT}},
        "right", 100, "late.zip/han_LATE_4715_25_a.py", "do not count: canvas.zip/han_4715_24_homework.py"),
    "jo_4716": ({"late.zip": {"jo_LATE_4716_26_hw.7z": b"7z\xbc\xaf"}}, "unreadable", 0, "jo_LATE_4716_26_hw.7z",
        "is a .7z archive. Pack it as a zip"),
    "Anne - Marie Lee_1045": ({f"{BRIGHT} 3, 2026 112 PM/homework.py": RIGHT, f"{BRIGHT} 3, 2026 1121 AM/homework.py":
        OLD}, "right", 100, "112 PM/homework.py", "do not count: 1045-99"),
    "Bo Ek_1046": ({"1046-99 - Bo Ek - Mar 3, 2026 1121 AM - homework.py": RIGHT, "index.html": ""}, "right", 100,
        "1121 AM - homework.py", ""),
    "Ho Jun_501": ({f"{SCOPE}/submission_metadata.yml": METADATA, f"{SCOPE}/submission_501/homework.py": RIGHT},
        "right", 100, "submission_501/homework.py", ""),
    "Ho Jun_502": ({f"{SCOPE}/submission_502/a/homework (1).py": EMPTY}, "not written", 0, "a/homework (1).py", ""),
    "jdoe": ({f"hw1_jdoe_attempt_2026-03-0{day}-11-21-05_homework.py": text for day, text in ((3, OLD), (4, RIGHT))},
        "right", 100, "04-11-21-05_homework.py", "do not count: hw1_jdoe_attempt_2026-03-03"),
    "lab-octo": ({f"lab-octo/{name}": RIGHT for name in ("homework.py", ".git/x.py", ".venv/y.py", "venv/x-2.py")},
        "right", 100, "lab-octo/homework.py", ""),
    # As students pack them
    "'=right": ({"=right.zip": pack({"hw/homework.py": RIGHT})}, "right", 100, "'=right.zip/hw/homework.py", ""),
    "tar": ({"tar.tar.gz": pack_tar({"x/homework.py": RIGHT})}, "right", 100, "tar.tar.gz/x/homework.py", ""),
    "twice": ({"twice/a.zip": pack({"b.tgz": pack_tar(MINE)})}, "right", 100, "a.zip/b.tgz/homework.py", ""),
    "deep": ({"deep.zip": pack({"a.zip": pack({"b.zip": pack({"c.zip": pack(MINE)})})})}, "unreadable", 0, "deep.zip",
        "deep.zip/a.zip/b.zip/c.zip is an archive in 3 others"),
    "bomb": ({"bomb.zip": pack({"a.py": bytes(50 << 20)})}, "unreadable", 0, "bomb.zip", "is larger than 1 MB"),
    "rar": ({"rar/homework.zip": b"Rar!\x1a"}, "unreadable", 0, "rar", "rar/homework.zip is a .rar archive"),
    "notebook": ({"notebook/lab.ipynb": NOTEBOOK}, "right", 100, "notebook/lab.ipynb", ""),
    "other cells": ({"other cells/lab.ipynb": NOTEBOOK.replace("def ", "def my_")}, "unreadable", 0, "other cells",
        "lab.ipynb defines none of the functions"),
    "essay": ({"essay/essay.docx": "", "essay/a.jpg": ""}, "unreadable", 0, "essay", "essay.docx is a Word document"),
    "link": ({"link/homework.py.webloc": ""}, "unreadable", 0, "link", "is a shortcut, not the file itself"),
    "pointer": ({"pointer/homework.py": "version https://git-lfs.github.com/spec/v1\n"}, "unreadable", 0, "pointer",
        "is a Git LFS pointer"),
    "utf-16": ({"utf-16.py": RIGHT.encode("utf-16")}, "unreadable", 0, "utf-16.py", "utf-16.py is saved as UTF-16"),
    "empty folder": ({"empty folder/": ""}, "unreadable", 0, "empty folder", "is an empty folder"),
    "two files": ({"two files/homework.py": EMPTY, "two files/a/h-1.py": OLD, "two files/homework (2).py": FORWARD},
        ONLY["forward"], 16, "two files/homework (2).py", "do not count: two files/a/h-1.py"),
    "edits": ({"edits/homework.py": RIGHT, "edits/checks.py": "exit(0)", "edits/numpy.py": "exit(0)"}, "right", 100,
        "edits/homework.py", ""),
    # What they write
    "<b>empty": ({"<b>empty.py": EMPTY}, "not written", 0, "<b>empty.py", "&lt;b&gt;empty: 0 of 100 points"),
    **{name: ({f"{name}.py": text}, state, total, f"{name}.py", words) for name, (text, state, total, words) in {
        "endless loop": (penalty("while True: pass"), "penalty timeout", 90, "Is there an endless loop?"),
        "exit": (penalty("import os; os._exit(0)"), "penalty ended", 90, "ended the process with the exit status 0"),
        "exit at definition": (RIGHT.replace("reg, grads=None", "reg, grads=exit(0)"), "penalty error", 90, "Exit"),
        "exit of all": ("import os\nos._exit(0)\n" + RIGHT, "ended", 0, "ended the process"),
        "exit at the end": (RIGHT + "exit(0)\n", "right", 100, "raises SystemExit: 0"),
        "memory": (penalty("a = []\n    while True: a.append(np.zeros(10**7))"), "penalty memory", 90, "MemoryError"),
        "exception": (penalty("raise ValueError('<u>')"), "penalty error", 90, "ValueError: &lt;u&gt; (line "),
        "text": (penalty("return 'x'"), "penalty wrong", 90, "value must hold numbers"),
        "value only": (penalty(VALUE), "penalty partly", 95, "What check_net says:</p>\n<div><ul><li>"),
        "does not return": (penalty("x = 1"), "penalty error", 90, "Is there a `return` at the end?"),
        "Python 2": (penalty("print reg"), "penalty syntax error", 90, "This is Python 2, line "),
        "conflict": (penalty(CONFLICT), "penalty syntax error", 90, "is the mark of a merge conflict"),
        "unknown import": ("from classifiers.layers import forward\nimport nowhere\n" + RIGHT, "right", 100,
            "unknown import.py: raises ModuleNotFoundError: No module named &#x27;nowhere&#x27; (line 2"),
        **{f"without {name}": (solve([other for other in POINTS if other != name]), f"{name} not written",
            100 - points, f"{name} is not written") for name, points in POINTS.items()},
    }.items()},
}  # fmt: skip

pytestmark = pytest.mark.xdist_group("graded")  # one process, so that `graded` is made only once


def run(*arguments):
    """Run the command, and return its exit status."""
    with pytest.raises(SystemExit) as end:
        grade.main(list(map(str, arguments)))
    return end.value.code


def read_table(path):
    """Return the lines of a table by name."""
    with open(path, encoding="utf-8-sig", newline="") as file:
        return {row["submission"]: row for row in csv.DictReader(file)}


def command(folder):
    out = folder / "out"
    options = "--timeout", 4, "--memory", 700, "--feedback", out / "pages", "--json", out / "json"
    return folder / "in", "--csv", out / "grades.csv", *options


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    """The lines of the table by name, the pages and results by name, and the folder of all files."""
    folder, archives = tmp_path_factory.mktemp("class"), {}
    for files, *_ in CLASS.values():
        for name, content in files.items():
            archives.setdefault(name, {}).update(content) if isinstance(content, dict) else write(
                folder / "in", {name: content}
            )
    write(folder / "in", {name: pack(files) for name, files in archives.items()})
    assert run(*command(folder)) == 0
    return read_table(folder / "out" / "grades.csv"), folder


@pytest.mark.parametrize("name", CLASS)
def test_class(graded, name):
    """Each student has one line with state, points and file. The page says what is wrong, without the solution."""
    rows, folder = graded
    _, state, total, file, words = CLASS[name]
    page = (folder / "out" / "pages" / f"{name.lstrip(chr(39))}.html").read_text(encoding="utf-8")
    assert (rows[name]["state"], float(rows[name]["total"])) == (state, total) and words in page, (rows[name], page)
    assert rows[name]["file"].endswith(file) and ("do not count" in words) <= ("do not count" in rows[name]["warning"])
    assert sum(float(rows[name][part]) for part in POINTS) == pytest.approx(total)
    assert "check_net says" not in page or not state.endswith(("timeout", "memory", "ended"))
    assert "<u>" not in page and "<b>" not in page and "add_scaled" not in page
    result = json.loads((folder / "out" / "json" / name.lstrip("'") / "results.json").read_text(encoding="utf-8"))
    assert result["score"] == total == pytest.approx(sum(test["score"] for test in result["tests"]))
    assert sum(test["max_score"] for test in result["tests"]) == FULL and "add_scaled" not in str(result)


def test_table(graded):
    """The table has all submissions, sorted by name. Excel reads it as UTF-8. No process is left."""
    rows, folder = graded
    assert rows.keys() == CLASS.keys() and len(list((folder / "out" / "pages").iterdir())) == len(rows)
    assert list(rows["edits"]) == ["submission", "state", "total", *POINTS, "seconds", "file", "warning"]
    assert [name.lstrip("'") for name in rows] == sorted(name.lstrip("'") for name in rows)
    assert (folder / "out" / "grades.csv").read_bytes().startswith("\ufeffsubmission".encode()) and left_behind() == []


def test_gradescope(graded):
    """The first failed aspect of a part shows what check_net says."""
    for name, passed in ("text", False), ("value only", True):
        result = json.loads((graded[1] / "out" / "json" / name / "results.json").read_text(encoding="utf-8"))
        value, gradient = (test for test in result["tests"] if test["name"].startswith("penalty: "))
        assert (value["status"], gradient["status"]) == ("passed" if passed else "failed", "failed")
        assert ("check_net: " in value["output"], "check_net: " in gradient["output"]) == (not passed, passed)
    assert f"The graded file is {name}.py" in result["output"]


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
    table = (tmp_path / "g.csv").read_text(encoding="utf-8-sig").splitlines()
    assert [line.split(",")[0] for line in table] == ["submission", "a", "b", "c"]


def test_late_submissions_and_feedback(tmp_path, capsys):
    """A later run adds new lines and keeps the others. Feedback does not grade a part anew."""
    arguments, log, table = small(tmp_path), tmp_path / "g.csv.jsonl", tmp_path / "g.csv"
    assert run(*arguments) == 0
    before, old = log.read_bytes(), table.read_bytes()
    assert run(*arguments, "--feedback", tmp_path / "pages") == 0
    assert (log.read_bytes(), table.read_bytes()) == (before, old)
    (tmp_path / "in" / "a.py").unlink()
    small(tmp_path, "bc", ["return 2", "return 0"])
    assert run(*arguments) == 0
    assert "2 of 2 submissions are graded" in (printed := capsys.readouterr().out) and "(1 lines of earlier" in printed
    lines, after = old.splitlines(), table.read_bytes().splitlines()
    assert after[:2] == lines[:2] and [line[:2] for line in after[1:]] == [b"a,", b"b,", b"c,"]
    table.write_text("name,points\n")
    assert run(*arguments) == 2 and table.read_text() == "name,points\n"


def test_part_that_cannot_be_graded(tmp_path, monkeypatch, capsys):
    """The exit status is 1, and the table says what is not graded. The next run grades it."""
    arguments = small(tmp_path)
    assert run(*arguments) == 0
    small(tmp_path, "b", ["return 2"])
    with monkeypatch.context() as patch:
        patch.setattr("tempfile.tempdir", str(tmp_path / "missing"))
        assert run(*arguments) == 1 and "Not graded: b." in capsys.readouterr().err
    assert "b,forward missing, " in (table := (tmp_path / "g.csv").read_text(encoding="utf-8-sig").replace('"', ""))
    assert table.count("penalty not graded") == 1
    assert run(*arguments) == 0 and "not graded" not in (tmp_path / "g.csv").read_text(encoding="utf-8-sig")


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
    with open_log(tmp_path / "g.csv.jsonl"):
        assert run(*arguments) == 2 and "another grading run is writing" in capsys.readouterr().err


@pytest.fixture(scope="module")
def container(tmp_path_factory):
    """A folder like Gradescope's container, with the autograder."""
    folder = tmp_path_factory.mktemp("autograder")
    make(["--gradescope", str(folder / "a.zip")])
    with zipfile.ZipFile(folder / "a.zip") as archive:
        archive.extractall(folder / "source")
    (folder / "run_autograder").write_bytes((folder / "source" / "run_autograder").read_bytes())
    return folder


@pytest.mark.parametrize(
    "files, score, words",
    [
        ({"homework.py": solve(["forward"]), "lee/homework.py": EMPTY}, 16, "The graded file is homework.py"),
        ({}, 0, "State: unreadable"),
        (None, 0, "The grader failed. Tell your teacher"),
    ],
)
def test_gradescope_container(container, files, score, words):
    """One upload is one submission, and there is always a result."""
    shutil.rmtree(container / "submission", ignore_errors=True)
    shutil.rmtree(container / "results", ignore_errors=True)
    if files is not None:
        write(container / "submission", {"./": "", **files})
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    subprocess.run(["bash", container / "run_autograder"], cwd="/", env=environment, check=True, capture_output=True)
    result = json.loads((container / "results" / "results.json").read_text(encoding="utf-8"))
    assert result["score"] == score and words in result["output"]
    requirements = (container / "source" / "requirements.txt").read_text(encoding="utf-8")
    assert [line.split(">")[0] for line in requirements.splitlines()] == ["numpy", "tqdm", "psutil"]


def test_classroom50(tmp_path, monkeypatch):
    """Scores are whole numbers, rounded down. The runner's variables name the submission."""
    write(tmp_path, {"in/homework.py": penalty(VALUE.replace("0.5 * ", "0.5 * (len(params['W1']) % 2) * "))})
    for name in ("CLASSROOM", "ASSIGNMENT", "SUBMISSION_TAG", "COMMIT_URL", "RELEASE_URL"):
        monkeypatch.setenv(name, f"my {name}")
    options = tmp_path / "in", "--csv", tmp_path / "g.csv", "--classroom50", tmp_path / "result.json"
    assert run(*options) == 2 and run(*options, "--single") == 0
    result = json.loads((tmp_path / "result.json").read_text(encoding="utf-8"))
    gained = float(read_table(tmp_path / "g.csv")["in"]["penalty"])
    assert result["schema"] == "classroom50/result/v1" and gained % 1 and result["score"] == 90 + int(gained)
    assert result["max-score"] == FULL and [test["test-name"] for test in result["tests"]] == list(POINTS)
    assert [test["passed"] for test in result["tests"]] == [name != "penalty" for name in POINTS]
    assert all(type(test[key]) is int for test in result["tests"] for key in ("score", "max-score"))
    assert (result["classroom"], result["review"]) == ("my CLASSROOM", "my COMMIT_URL")


def test_any_locale(tmp_path):
    """Names outside of the system's encoding appear in the table, the pages and the output."""
    files = {"M\u00fcller.py": HEAD + "return 0\n", "\ud55c\uae00/homework.py": HEAD + "return 0\n"}
    write(tmp_path / "\u00fc", files)
    code = [sys.executable, "-m", "exercise.grade", tmp_path / "\u00fc", "--csv", table := tmp_path / "\uac00.csv"]
    code += ["--feedback", tmp_path / "f", "--json", tmp_path / "j"]
    plain = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0", "PYTHONIOENCODING": "euc_kr"}
    done = subprocess.run(code, cwd=ROOT, env={**os.environ, **plain}, capture_output=True, check=False)
    assert done.returncode == 0 and b"2 of 2 submissions" in done.stdout, done.stderr
    assert list(read_table(table)) == ["M\u00fcller", "\ud55c\uae00"] and (old := table.read_bytes())
    assert sorted(os.listdir(tmp_path / "f")) == ["M\u00fcller.html", "\ud55c\uae00.html"]
    assert sorted(os.listdir(tmp_path / "j")) == ["M\u00fcller", "\ud55c\uae00"]
    for content, status in (old.removeprefix(b"\xef\xbb\xbf"), 0), ("\uac00".encode("euc-kr"), 2):  # no mark, no UTF-8
        table.write_bytes(content)
        assert run(tmp_path / "\u00fc", "--csv", table) == status and table.read_bytes() == (content if status else old)
