"""Tests of exercise.make: the exercise is complete, works alone, and hides the solution."""

import ast
import io
import json
import re
import shutil
import subprocess
import sys
import tokenize
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT, posix

from exercise import make
from exercise.cases import load_cases
from exercise.function_text import find_function, function_source, replace_function
from exercise.make import check_folder, collect_files, main, make_exercise, pack
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


def readable(files):
    """Yield the name and text of each text file. The text of the notebook is that of its cells."""
    for name, data in files.items():
        if name.endswith(".ipynb"):
            yield name, "\n".join("".join(cell["source"]) for cell in json.loads(data)["cells"])
        elif name not in ("diagnosis/code.zip", "exercise/visible.npz"):
            yield name, data.decode()


def test_files_of_the_exercise(files):
    """The exercise has the code of the lab, but no tests, benchmarks, pictures, data or grading."""
    tops = {name.partition("/")[0] for name in files}
    assert tops == {
        *(".gitignore", "LICENSE", "Makefile", "README.md", "pytest.ini", "requirements.txt", "two_layer_net.ipynb"),
        *("checks.py", "curves.py", "data_utils.py", "gradient_check.py", "run_notebook.py", "vis_utils.py"),
        *("classifiers", "datasets", "diagnosis", "exercise", "tests"),
    }
    inside = {room: {name for name in files if name.startswith(room)} for room in ("exercise/", "tests/", "diagnosis/")}
    assert {Path(name).name for name in inside["exercise/"]} == {
        *("__init__.py", "parts.py", "cases.py", "judge.py", "visible.npz", "made.json")
    }
    assert inside["tests/"] == {"tests/conftest.py", "tests/test_parts.py"}
    assert inside["diagnosis/"] == {"diagnosis/__init__.py", "diagnosis/code.zip"}
    assert all(name.endswith(".py") for name in files if name.startswith(("classifiers/", "datasets/")))
    assert b"image/png" not in files["two_layer_net.ipynb"]
    assert not any(data.startswith(b"\x89PNG") for data in files.values())


def computes(statement):
    """Tell whether a statement does more than name, return or set a plain value."""
    return any(
        isinstance(node, (ast.BinOp, ast.Call, ast.Compare, ast.Subscript, ast.AugAssign))
        for node in ast.walk(statement)
    )


def statements(function):
    """Yield the statements of a function's body as `ast.unparse` writes them, first lines only."""
    for node in ast.walk(function):
        if isinstance(node, ast.stmt) and node is not function and computes(node):
            yield ast.unparse(node).partition("\n")[0]


def words(text):
    """Return a text without white space."""
    return re.sub(r"\s+", "", text)


def told_by(part):
    """Return the statements, lines and comments of a function's body, without white space."""
    text = solution(part)
    function = ast.parse(text).body[0]
    lines = text.splitlines()[function.body[0].end_lineno :]
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    comments = [token.string.lstrip("# ") for token in tokens if token.type == tokenize.COMMENT]
    long = [line for line in [*comments, *(line.partition("#")[0].strip() for line in lines)] if len(line) > 15]
    return {words(text) for text in [*statements(function), *long]}


def spellings(name, text):
    """Return a file's text without white space and, for Python, also as `ast.unparse` writes it."""
    return [words(text), words(ast.unparse(ast.parse(text)))] if name.endswith(".py") else [words(text)]


IDIOM = words("for i in range(0, len(X), CHUNK):")  # preprocessing.py has the same loop


def test_solution_is_hidden(files):
    """No text file has a statement or comment of a removed body, except in docstrings."""
    texts = {name: "\n".join(spellings(name, text)) for name, text in readable(files)}
    for part in PARTS:
        stays = words(ast.unparse(ast.parse(solution(part)).body[0].body[0]))
        wanted = [told for told in told_by(part) if told not in stays and told != IDIOM]
        assert not [(name, told) for name, text in texts.items() for told in wanted if told in text]


def test_search_for_the_solution_finds_it():
    """The same search in the lab finds each text. A function has at least three."""
    for part in PARTS:
        whole = "".join(spellings(part.file, (ROOT / part.file).read_text(encoding="utf-8")))
        assert len(told_by(part)) >= 3 and all(told in whole for told in told_by(part))


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.name)
def test_message_says_what_and_where(files, part):
    """The message names the line that raises. Docstring and arguments stay."""
    source = files[part.file].decode()
    function, whole = (
        find_function(source, part.function),
        find_function((ROOT / part.file).read_text(encoding="utf-8"), part.function),
    )
    raising = function.body[-1]
    assert raising.exc.args[0].value == (
        f"Write {part.function} ({part.file}, line {raising.lineno}): {part.task}. "
        f"Section {part.section} of the notebook explains it."
    )
    assert ast.get_docstring(function) == ast.get_docstring(whole)
    assert ast.unparse(function.args) == ast.unparse(whole.args) and len(function.body) == 2


def test_same_files_in_each_run(files):
    """Two runs give the same bytes."""
    assert collect_files() == files


def test_untouched_gets_nothing(folder):
    """In a new exercise, `pytest` says what to write, prints 0 points, and exits with 1."""
    ran = run(folder, "-m", "pytest", "-p", "no:cacheprovider")
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
    ran = run(folder, "-m", "pytest", "-p", "no:cacheprovider")
    assert ran.returncode == 0, ran.stdout
    assert re.search(r"\ntotal +100 of 100\n", ran.stdout) and "wrong" not in ran.stdout


def test_one_wrong_function(folder):
    """A mistake costs only its aspects. A function that is not tested has no points."""
    put_back(folder, PARTS[:1])
    path = folder / "classifiers/layers.py"
    source = path.read_text(encoding="utf-8")
    path.write_text(source.replace('+ params["b2"]', '- params["b2"]'), encoding="utf-8")
    ran = run(folder, "-m", "pytest", "-p", "no:cacheprovider", "-k", "forward")
    assert ran.returncode == 1 and "should be" in ran.stdout
    assert re.search(r"\nforward +4 of 16 +still wrong: scores, dropout, types\n", ran.stdout)
    assert re.search(r"\nsoftmax_loss +not tried\n", ran.stdout)


def test_visible_cases(files):
    """Each aspect has a case. The file has only checked outputs, and needs no pickle."""
    cases, expected = load_cases(io.BytesIO(files["exercise/visible.npz"]))
    assert {(case.part, case.aspect) for case in cases} == {(part.name, a) for part in PARTS for a in part.points}
    for case, answers in zip(cases, expected, strict=True):
        assert set(answers) == set(case.outputs)
    with np.load(io.BytesIO(files["exercise/visible.npz"]), allow_pickle=False) as arrays:
        assert all(arrays[name].dtype.kind != "O" for name in arrays)


def test_check_net_works_from_its_zip(folder):
    """The function and the command work, before and after the functions are written."""
    ran = run(folder, "-m", "diagnosis", "classifiers/neural_net.py")
    assert ran.returncode == 1 and "Next: Write forward (classifiers/layers.py, line 31)" in ran.stdout
    put_back(folder, PARTS)
    ran = run(folder, "-m", "diagnosis", "--json", "classifiers/neural_net.py")
    assert ran.returncode == 0 and json.loads(ran.stdout)["stage"] == "done", ran.stderr
    code = """
import numpy as np, diagnosis, diagnosis.reference
from classifiers.neural_net import TwoLayerNet
from diagnosis import NetReport, check_net
assert "code.zip" in diagnosis.reference.__file__
net = TwoLayerNet(4, 10, 3, std=0.1, rng=0)
assert check_net(net, np.ones((2, 4)), np.array([0, 1])).ok
"""
    assert run(folder, "-c", code).returncode == 0


def test_zip_is_packed(tmp_path):
    """The zip is compressed, and times of files do not change it."""
    path = tmp_path / "a.py"
    path.write_text("hidden = hidden @ W2\n" * 9)
    first = pack([path])
    path.touch()
    assert pack(iter([path])) == first and b"hidden @" not in first


@pytest.mark.skipif(not shutil.which("make"), reason="make is not installed")
def test_makefile(folder):
    """The Makefile has the commands of the README. An old Python is an error."""
    readme = (folder / "README.md").read_text(encoding="utf-8")
    for target, command in {
        "lab": "jupyter lab two_layer_net.ipynb",
        "test": "-m pytest",
        "run": "run_notebook.py",
    }.items():
        assert f"make {target} " in readme
        made = subprocess.run(["make", "-n", target], cwd=folder, capture_output=True, text=True)
        assert made.returncode == 0 and command in made.stdout
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
    assert content(folder) == {**files, ".venv/ready": b"left"}
    assert [path.name for path in folder.parent.iterdir() if path.name.startswith(".")] == []


@pytest.mark.parametrize("name", ["classifiers/layers.py", "two_layer_net.ipynb", "notes.txt", "datasets/data_batch_1"])
def test_work_is_not_overwritten(folder, name):
    """A changed or new file is named in the error, and no file changes."""
    (folder / name).write_text("mine")
    before = content(folder)
    with pytest.raises(ValueError, match=f"holds work: {name} is new or has changed"):
        make_exercise(folder)
    assert content(folder) == before


def test_other_folders_are_refused(tmp_path, monkeypatch):
    """The lab itself, a folder with a file, and a file are errors."""
    monkeypatch.setattr(make, "collect_files", lambda: pytest.fail("too late"))
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "a").touch()
    for path in (ROOT, tmp_path / "full", tmp_path / "full" / "a"):
        with pytest.raises(SystemExit, match="Cannot make the exercise: .*Choose another folder"):
            main([str(path)])
    assert content(tmp_path) == {"full/a": b""}


@pytest.mark.parametrize("text", ["", "[]", "[1]", '{"a": 1'])
def test_damaged_list_of_files(folder, text):
    """An exercise with a damaged list of files is not replaced."""
    (folder / make.MANIFEST).write_text(text)
    with pytest.raises(ValueError, match="another folder"):
        check_folder(folder)


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


@pytest.mark.parametrize("earlier", [True, False])
def test_failed_write_changes_nothing(folder, files, monkeypatch, earlier):
    """After an error the earlier exercise is unchanged, or there is no folder."""
    if not earlier:
        shutil.rmtree(folder)
    write = Path.write_bytes

    def fail(path, data):
        if path.name == "vis_utils.py":
            raise OSError(28, "No space left on device", str(path))
        return write(path, data)

    monkeypatch.setattr(Path, "write_bytes", fail)
    with pytest.raises(SystemExit, match="Cannot make the exercise: .*No space left"):
        main([str(folder)])
    assert (content(folder) == files) if earlier else not folder.exists()
    assert [path.name for path in folder.parent.iterdir()] == ["exercise"] * earlier
