"""Tests of exercise.make: the exercise is complete, works alone, and hides the solution."""

import ast
import importlib
import inspect
import json
import os
import re
import shutil
import subprocess
import sys

import pytest
from conftest import ROOT, posix
from test_exercise_student import right, solve

from exercise.make import __main__ as make
from exercise.make.__main__ import collect_files, main, make_exercise, pack
from exercise.parts import BY_NAME, PARTS, solution

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


def write(folder, names=BY_NAME, **bodies):
    """Write the solution of some functions into homework.py, and other sources of functions."""
    (folder / "homework.py").write_text(solve(names, **bodies), encoding="utf-8")


def run(folder, *arguments):
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, encoding="utf-8")


def run_visible(folder, *names):
    return run(folder, "-m", "exercise.visible", *names)


def test_files_of_the_exercise(files):
    """The exercise has the modules of the lab, but no tests, benchmarks, pictures, data or grading."""
    modules = {name for name in files if name.endswith(".py")}
    others = {"LICENSE", "Makefile", "README.md", ".gitignore", "requirements.txt", "two_layer_net.ipynb"}
    others |= {"diagnosis/code.zip", "exercise/answers.npz", "exercise/made.json", "exercise/hints.md"}
    assert files.keys() - modules == others and b"image/png" not in files["two_layer_net.ipynb"]
    own = {"diagnosis/__init__.py", *(f"exercise/{path.name}" for path in (ROOT / "exercise").glob("*.py"))}
    assert own == {name for name in modules if "/" in name and not name.startswith(("classifiers/", "datasets/"))}


def test_solution_is_hidden(files):
    """No text file has a longer line or comment of a removed body, whatever the white space."""
    cells = json.loads(files["two_layer_net.ipynb"])["cells"]
    texts = [data.decode() for name, data in files.items() if not name.endswith((".zip", ".npz", ".ipynb"))]
    exercise = ["".join(text.split()) for text in [*texts, *("".join(cell["source"]) for cell in cells)]]
    for part in PARTS:
        pieces = right(part.name).rpartition('"""')[2].replace("#", "\n").split("\n")
        secrets = [secret for piece in pieces if len(secret := "".join(piece.split())) > 15]
        assert secrets
        for secret in secrets:
            assert not any(secret in text for text in exercise), secret


def test_homework_has_the_functions_in_the_order_of_work(files):
    """Each has the arguments and docstring of the solution, and raises an error that says what to write."""
    tree = ast.parse(files["homework.py"].decode())
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    assert [node.name for node in functions] == list(BY_NAME)
    assert [node.names[0].name for node in tree.body if isinstance(node, (ast.Import, ast.ImportFrom))] == ["numpy"]
    for part, node in zip(PARTS, functions, strict=True):
        whole = solution(part.name)
        assert ast.get_docstring(node) == inspect.getdoc(whole)
        assert f"({ast.unparse(node.args)})".replace("=", "") == str(inspect.signature(whole)).replace("=", "")
        with pytest.raises(NotImplementedError, match=f"Write {part.name}: {part.task}. Section {part.section} of"):
            names = {}
            exec(files["homework.py"], names)
            names[part.name](*[None] * len(inspect.signature(whole).parameters))


@pytest.mark.parametrize("name", sorted({part.module for part in PARTS}))
def test_modules_import_the_functions(files, name):
    """A module of the exercise has all names of the solution's, and defines all but the students' functions."""
    text = files[f"{name.replace('.', '/')}.py"].decode()
    tree = ast.parse(text)
    assert "\n\n\n\n" not in text and text.endswith("\n") and not text.endswith("\n\n")
    defined = {node.name for node in tree.body if isinstance(node, (ast.FunctionDef, ast.ClassDef))}
    whole = {n for n, value in vars(importlib.import_module(name)).items() if getattr(value, "__module__", "") == name}
    mine = {part.name for part in PARTS if part.module == name}
    imported = {n.name for node in tree.body if getattr(node, "module", "") == "homework" for n in node.names}
    assert defined == whole - mine - {"add_scaled"} and imported == mine
    loaded = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}
    assert not re.findall("WEIGHTS|BLOCK|add_scaled", text) and "np" in loaded


def test_same_files_in_each_run(files, tmp_path):
    """Two runs give the same bytes. The zip is compressed, and times of files do not change it."""
    assert collect_files() == files
    path = tmp_path / "a.py"
    path.write_text("hidden = hidden @ W2\n" * 9)
    first = pack([path])
    os.utime(path, (10**9, 10**9))
    assert pack(iter([path])) == first and b"hidden @" not in first


def test_untouched_gets_nothing(folder):
    """Each function has one line that names its section. There are 0 points, and the exit status is 1."""
    ran = run_visible(folder)
    assert ran.returncode == 1 and ran.stderr == ""
    lines = [f"{p.name:<15}     0 of {POINTS[p.name]:g}   not written. Section {p.section}" for p in PARTS]
    assert [line.partition(" of the")[0] for line in ran.stdout.splitlines()[:-1]] == lines
    assert (
        ran.stdout.splitlines()[-1] == "total               0 of 100 points, in the visible cases. Hand in homework.py"
    )


def test_solution_gets_everything(folder):
    """With all functions of the solution there are 100 points, and `check_net` finds nothing."""
    write(folder)
    ran = run_visible(folder)
    assert ran.returncode == 0 and len(ran.stdout.splitlines()) == 8, ran.stdout
    assert ran.stdout.endswith("total             100 of 100 points, in the visible cases. Hand in homework.py\n")
    for file in ("homework.py", "classifiers/neural_net.py"):
        ran = run(folder, "-m", "diagnosis", "--json", file)
        assert ran.returncode == 0 and json.loads(ran.stdout)["stage"] == "done", ran.stderr
    code = "import diagnosis.report as r; print(r.__file__, r.NetReport, __import__('diagnosis').check_net)"
    assert "code.zip" in run(folder, "-c", code).stdout


WRONG = 'def forward(params, X, *_, **options):\n    return X @ params["W1"], X @ params["W1"] @ params["W2"]\n'


def test_each_function_is_tested_alone(folder):
    """A mistake costs only its aspects. Loops, exits and errors in a function cost only that function."""
    bodies = {"penalty": "import os; os._exit(0)", "update": "print('x' * 10**6); 1 / 0", "best_class": "return None"}
    bodies = {name: f"def {name}(*_, **options):\n    {body}\n" for name, body in bodies.items()}
    write(folder, ["softmax_loss", "backward"], forward=WRONG, **bodies)
    with open(folder / "homework.py", "a", encoding="utf-8") as file:
        file.write("import nowhere\ndef draw_minibatch(:\n    pass\n")
    ran = run_visible(folder)
    assert ran.returncode == 1
    for line in (
        "homework.py: raises ModuleNotFoundError: No module named 'nowhere' (line ",
        "homework.py: line ",
        "forward             0 of 16\n    scores: scores at (",
        "softmax_loss       20 of 20\n",
        "penalty             0 of 10\n    ended the process with the exit status 0\n",
        "backward           24 of 24\n",
        "draw_minibatch      0 of 10\n",
        "update              0 of 12\n    plain: raises ZeroDivisionError",
        "best_class          0 of 8\n    classes: returns None. Is there",
        "total              44 of 100 points",
    ):
        assert line in ran.stdout, ran.stdout
    assert ran.stdout.count("ZeroDivisionError") == 1  # the same sentence holds for other aspects
    ran = run_visible(folder, "softmax_loss", "backward")
    assert ran.returncode == 0 and ran.stdout.splitlines()[-1].split()[1:4] == ["44", "of", "44"]
    assert "wrong_name is not one of the functions" in run_visible(folder, "wrong_name").stderr


def test_endless_loop_ends(folder):
    """The line of the loop is named. The other functions, and cases before it, get their points."""
    write(
        folder,
        forward="def forward(*_, **options):\n    while True:\n        pass\n",
        best_class="def best_class(scores):\n    while scores.max() > 1e4: input()\n    return scores.argmax(axis=1)\n",
        update="def update(*_, **options):\n    __import__('time').sleep(10**6)\n",
    )
    code = "from exercise import visible; visible.SECONDS, visible.PATIENCE = 2, 4; visible.test_part()"
    main = f"import sys; from exercise import visible; visible.PROGRAM = {code!r}; visible.show_points()"
    ran = run(folder, "-c", main)
    for line in (
        "forward             0 of 16\n    scores: does not end. Is there an endless loop? It was stopped in line ",
        "best_class          6 of 8\n    large scores: raises EOFError",
        "update              0 of 12\n    plain: does not end. Is there an endless loop? It was stopped in line ",
        "total              70 of 100",
    ):
        assert line in ran.stdout, ran.stdout + ran.stderr
    assert re.search(r"in line \d+: (while True:|pass)\n", ran.stdout) and "sleep(10**6)" in ran.stdout


@pytest.mark.parametrize("text, words", [(b"\xff\xfe", "homework.py is saved as UTF-16"), (None, "does not exist")])
def test_file_that_cannot_be_read(folder, text, words):
    """The exit status is 2, and a sentence says why."""
    (folder / "homework.py").unlink()
    if text:
        (folder / "homework.py").write_bytes(text)
    ran = run_visible(folder)
    assert ran.returncode == 2 and words in ran.stderr


def test_hints(folder):
    """Each function and each piece of the notebook has three hints. A wrong name or level says what to write."""
    seen = set()
    for name in ("loops", *BY_NAME, "train"):
        for level, more in ((), "Level 2 says more."), ((2,), "Level 3 says more."), ((3,), None):
            lines = run(folder, "-m", "exercise.hint", name, *map(str, level)).stdout.splitlines()
            assert lines[1:] == ([more] if more else []) and len(lines[0]) > 40 and lines[0] not in seen
            seen.add(lines[0])
    for wrong in ([], ["nothing"], ["forward", "4"], ["forward", "0"]):
        assert run(folder, "-m", "exercise.hint", *wrong).stdout.startswith("Name one of loops, forward, softmax")


STAGES = [
    ("", "Next: Write forward: "),
    ("forward", "the scores are correct. loss is not finished. Next: Write softmax_loss: "),
    ("softmax_loss", "Next: Write penalty: "),
    ("penalty", "the scores and the loss are correct. Next: Write backward: "),
    ("backward", "train is not finished. Next: Write draw_minibatch: "),
    ("draw_minibatch", "train is not finished. Next: Write update: "),
    ("update", "predict is not finished. Next: Write best_class: "),
    ("best_class", "No mistake found."),
]


def test_check_net_at_every_stage(folder):
    """`python -m diagnosis` says what comes next, also for a file of another name, and names the present line."""
    for number, (_, words) in enumerate(STAGES):
        write(folder, [name for name, _ in STAGES[1 : number + 1]])
        (folder / "homework.py").rename(folder / "homework (1).py")
        ran = run(folder, "-m", "diagnosis", "homework (1).py")
        assert words in ran.stdout and ran.returncode == (number < 7), ran.stdout + ran.stderr
        text = (folder / "homework (1).py").read_text(encoding="utf-8")
        if named := re.search(r"\(homework \(1\).py, line (\d+): raise", ran.stdout):
            assert "raise" in text.splitlines()[int(named[1]) - 1]
        assert bool(named) == (number != 7)


@pytest.mark.skipif(not shutil.which("make"), reason="make is not installed")
def test_makefile(folder):
    """The Makefile has the commands of the README. An old Python is an error."""
    readme = (folder / "README.md").read_text(encoding="utf-8")
    commands = {"lab": "jupyter lab two_layer_net.ipynb", "test": "-m exercise.visible", "run": "run_notebook.py"}
    for target, command in commands.items():
        made = subprocess.run(["make", "-n", target], cwd=folder, capture_output=True, text=True)
        assert made.returncode == 0 and command in made.stdout and f"make {target} " in readme
    made = subprocess.run(["make", "test", "PYTHON=false"], cwd=folder, capture_output=True, text=True)
    assert made.returncode and "needs Python 3.10 or newer" in made.stdout and not (folder / ".venv").exists()


def test_readme_names_the_parts(files):
    """It has each function behind its section, in the order of work."""
    text = files["README.md"].decode().partition("The sections of the notebook")[2].partition("In the notebook")[0]
    found = [
        (int(number), name)
        for number, names in re.findall(r"section (\d)([^.]*?)(?=section|\.)", text)
        for name in re.findall(r"`(\w+)`", names)
    ]
    assert found == [(part.section, part.name) for part in PARTS]


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
        ("homework.py", "mine", "holds work: homework.py is new or has changed"),
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
