"""Tests of exercise.make: the exercise is complete, works alone, and hides the solution."""

import ast
import io
import json
import os
import re
import shutil
import subprocess
import sys

import pytest
from conftest import ROOT, posix

from exercise import make
from exercise.cases import load_cases, make_cases
from exercise.function_text import find_function, function_source, replace_function
from exercise.make import collect_files, main, make_exercise, pack
from exercise.parts import PARTS

POINTS = {part.name: sum(part.points.values()) for part in PARTS}


@pytest.fixture(scope="module")
def files():
    return collect_files()


@pytest.fixture
def folder(files, tmp_path, monkeypatch):
    """A new exercise for each test. Its files are collected only once."""
    monkeypatch.setattr(make, "collect_files", lambda: files)
    make_exercise(tmp_path / "exercise")
    return tmp_path / "exercise"


def solution(part):
    return function_source((ROOT / part.file).read_text(encoding="utf-8"), part.function)


def put_back(folder, parts):
    """Write the solution of some parts into an exercise."""
    for part in parts:
        path = folder / part.file
        source = replace_function(path.read_text(encoding="utf-8"), part.function, solution(part))
        path.write_text(source, encoding="utf-8")


def run(folder, *arguments):
    return subprocess.run([sys.executable, *arguments], cwd=folder, capture_output=True, text=True)


def run_pytest(folder, *arguments):
    return run(folder, "-m", "pytest", "-p", "no:cacheprovider", *arguments)


def test_files_of_the_exercise(files):
    """The exercise has the modules of the lab, but no tests, benchmarks, pictures, data or grading."""
    modules = {name for name in files if name.endswith(".py")}
    others = {"LICENSE", "Makefile", "README.md", ".gitignore", "pytest.ini", "requirements.txt", "two_layer_net.ipynb"}
    others |= {"diagnosis/code.zip", "exercise/visible.npz", "exercise/made.json"}
    assert files.keys() - modules == others and b"image/png" not in files["two_layer_net.ipynb"]
    own = {"diagnosis/__init__.py", "tests/conftest.py", "tests/test_parts.py"}
    own |= {f"exercise/{name}.py" for name in ("__init__", "parts", "cases", "judge")}
    assert own == {name for name in modules if "/" in name and not name.startswith(("classifiers/", "datasets/"))}


def test_solution_is_hidden(files):
    """No text file has a longer line or comment of a removed body, whatever the white space."""
    cells = json.loads(files["two_layer_net.ipynb"])["cells"]
    texts = [data.decode() for name, data in files.items() if not name.endswith((".zip", ".npz", ".ipynb"))]
    exercise = ["".join(text.split()) for text in [*texts, *("".join(cell["source"]) for cell in cells)]]
    for part in PARTS:
        pieces = solution(part).rpartition('"""')[2].replace("#", "\n").split("\n")
        secrets = [secret for piece in pieces if len(secret := "".join(piece.split())) > 15]
        assert secrets
        for secret in secrets:
            assert not any(secret in text for text in exercise), secret


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.name)
def test_message_says_what_and_where(files, part):
    """The message names the line that raises. Docstring and arguments stay."""
    function = find_function(files[part.file].decode(), part.function)
    whole = find_function((ROOT / part.file).read_text(encoding="utf-8"), part.function)
    raising, message = function.body[-1], function.body[-1].exc.args[0].value
    assert message.startswith(f"Write {part.function} ({part.file}, line {raising.lineno}): {part.task}. ")
    assert f"Section {part.section} of the notebook" in message
    assert ast.get_docstring(function) == ast.get_docstring(whole)
    assert ast.unparse(function.args) == ast.unparse(whole.args) and len(function.body) == 2


def test_same_files_in_each_run(files, tmp_path):
    """Two runs give the same bytes. The zip is compressed, and times of files do not change it."""
    assert collect_files() == files
    path = tmp_path / "a.py"
    path.write_text("hidden = hidden @ W2\n" * 9)
    first = pack([path])
    os.utime(path, (10**9, 10**9))
    assert pack(iter([path])) == first and b"hidden @" not in first


def test_untouched_gets_nothing(folder):
    """In a new exercise, `pytest` says what to write, prints 0 points, and exits with 1."""
    ran = run_pytest(folder)
    assert ran.returncode == 1
    for part in PARTS:
        assert re.search(rf"\n{part.name} +0 of {POINTS[part.name]:g} ", ran.stdout)
        assert f"Write {part.function} ({part.file}, line" in ran.stdout
    assert re.search(r"\ntotal +0 of 100\n", ran.stdout) and "During handling" not in ran.stdout


def test_solution_gets_everything(folder):
    """With all functions of the solution there are 100 points, also inside of another project."""
    (folder.parent / "pyproject.toml").write_text("[tool.pytest.ini_options]\naddopts = '--no-such-option'\n")
    (folder.parent / "conftest.py").write_text("raise AssertionError")
    put_back(folder, PARTS)
    for name in {part.file for part in PARTS}:
        assert (folder / name).read_bytes() == (ROOT / name).read_bytes()
    ran = run_pytest(folder)
    assert ran.returncode == 0, ran.stdout
    assert re.search(r"\ntotal +100 of 100\n", ran.stdout) and "wrong" not in ran.stdout


def test_one_wrong_function(folder):
    """A mistake costs only its aspects. A function that is not tested has no points."""
    path = folder / PARTS[0].file
    wrong = 'def forward(params, X, *_, **options):\n    return X @ params["W1"], X @ params["W1"] @ params["W2"]\n'
    path.write_text(replace_function(path.read_text(encoding="utf-8"), "forward", wrong), encoding="utf-8")
    ran = run_pytest(folder, "-k", "forward")
    assert ran.returncode == 1 and "should be" in ran.stdout
    assert re.search(r"\nforward +0 of 16 +still wrong: scores, hidden, dropout, types\n", ran.stdout)
    assert re.search(r"\nsoftmax_loss +not tried\n", ran.stdout)


def test_visible_cases(files):
    """The file of the exercise restores the cases, with all arrays and types."""
    cases, _ = load_cases(io.BytesIO(files["exercise/visible.npz"]))
    assert str(cases) == str([case for part in PARTS for case in make_cases(part.name, 0, False)])


def test_check_net_works_from_its_zip(folder):
    """The function and the command work, before and after the functions are written."""
    ran = run(folder, "-m", "diagnosis", "classifiers/neural_net.py")
    assert ran.returncode == 1 and "Next: Write forward (classifiers/layers.py, line" in ran.stdout
    put_back(folder, PARTS)
    ran = run(folder, "-m", "diagnosis", "--json", "classifiers/neural_net.py")
    assert ran.returncode == 0 and json.loads(ran.stdout)["stage"] == "done", ran.stderr
    code = "import diagnosis.report as r; print(r.__file__, r.NetReport, __import__('diagnosis').check_net)"
    assert "code.zip" in run(folder, "-c", code).stdout


@pytest.mark.skipif(not shutil.which("make"), reason="make is not installed")
def test_makefile(folder):
    """The Makefile has the commands of the README. An old Python is an error."""
    readme = (folder / "README.md").read_text(encoding="utf-8")
    commands = {"lab": "jupyter lab two_layer_net.ipynb", "test": "-m pytest", "run": "run_notebook.py"}
    for target, command in commands.items():
        made = subprocess.run(["make", "-n", target], cwd=folder, capture_output=True, text=True)
        assert made.returncode == 0 and command in made.stdout and f"make {target} " in readme
    made = subprocess.run(["make", "test", "PYTHON=false"], cwd=folder, capture_output=True, text=True)
    assert made.returncode and "needs Python 3.10 or newer" in made.stdout and not (folder / ".venv").exists()


def test_readme_names_the_parts(files):
    """The table has the section and the file of each function."""
    for part in PARTS:
        assert re.search(rf"\| {part.section} \| .*`{part.function}`.*\| `{part.file}` \|", files["README.md"].decode())


def content(folder):
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_earlier_exercise_is_replaced(folder, files):
    """Files of tools are removed, but the virtual environment stays."""
    for name in ("build/report.html", ".venv/ready", "classifiers/__pycache__/layers.pyc", ".pytest_cache/x"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text("left")
    make_exercise(folder)
    assert content(folder) == {**files, ".venv/ready": b"left"} and os.listdir(folder.parent) == ["exercise"]


@pytest.mark.parametrize(
    "name, text, words",
    [
        ("classifiers/layers.py", "mine", "holds work: classifiers/layers.py is new or has changed"),
        ("datasets/data_batch_1", "mine", "holds work: datasets/data_batch_1 is new or has changed"),
        (make.MANIFEST, "", "not an earlier exercise. Choose another folder"),
        (make.MANIFEST, "[1]", "not an earlier exercise. Choose another folder"),
        (make.MANIFEST, "[]", "Choose another folder"),
    ],
)
def test_work_is_not_overwritten(folder, name, text, words):
    """A changed or new file is named in the error, and no file changes."""
    (folder / name).write_text(text)
    before = content(folder)
    with pytest.raises(ValueError, match=words):
        make_exercise(folder)
    assert content(folder) == before


def test_other_folders_are_refused(tmp_path):
    """The lab itself, a folder with a file, and a file are errors."""
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "a").touch()
    for path in (ROOT, tmp_path / "full", tmp_path / "full" / "a"):
        with pytest.raises(SystemExit, match="Cannot make the exercise: .*Choose another folder"):
            main([str(path)])
    assert content(tmp_path) == {"full/a": b""}


@posix
def test_empty_and_missing_folders(files, tmp_path, monkeypatch, capsys):
    """Missing folders are created. A link to an empty folder is followed."""
    monkeypatch.setattr(make, "collect_files", lambda: files)
    (tmp_path / "empty").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "empty")
    for name in ("link", "a/b/c"):
        main([str(tmp_path / name)])
        assert content(tmp_path / name) == files
        assert f"The exercise is in {tmp_path / name}" in capsys.readouterr().out
    assert (tmp_path / "link").is_symlink()


def test_failed_write_changes_nothing(folder, files, monkeypatch):
    """After an error the earlier exercise is unchanged."""
    monkeypatch.setattr(make, "collect_files", lambda: {**files, "LICENSE/x": b""})  # LICENSE is a file, not a folder
    with pytest.raises(SystemExit, match="Cannot make the exercise: .*LICENSE"):
        main([str(folder)])
    assert content(folder) == files and os.listdir(folder.parent) == ["exercise"]
