"""Tests of exercise.grade.deliveries: which submissions are found, and which files are read."""

import json
import os
import re
import zipfile

import pytest
from conftest import posix

from exercise.grade import deliveries
from exercise.grade.deliveries import LOOSE, Submission, find_submissions, read_files

FORWARD = "def forward(params, X, mask=None):\n    return {}, {}\n"


def forward(number):
    """Return a function with a number that distinguishes it from others."""
    return FORWARD.format(number, number)


def write(folder, files):
    """Write files, texts as UTF-8."""
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
    return folder


def pack(path, files, method=zipfile.ZIP_DEFLATED):
    """Write a zip."""
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def contents(*paths, kind=".py"):
    """Return a dict from the files of a submission to their texts, and the problems."""
    problems = []
    return {file.path: file.text for file in read_files(Submission("x", paths), kind, problems)}, problems


@posix
def test_find_submissions(tmp_path):
    """Folders, zips and files count. Hidden files, system files and outside links do not."""
    folder = write(tmp_path / "in", {"b/x.py": "", "Ab.py": "", "AB.zip": "", "c.ipynb": "", ".d.py": "", "x.y.py": ""})
    write(folder, {"__MACOSX/a.py": "", ".DS_Store": "", "Thumbs.db": "", "=SUM(1)\n.py": ""})
    outside = write(tmp_path / "out", {"secret.py": ""})
    (folder / "link").symlink_to(outside)
    (folder / "link.py").symlink_to(outside / "secret.py")
    (folder / "again").symlink_to(folder / "b")
    expected = {"=SUM(1)\ufffd": "=SUM(1)\n.py", "AB": "AB.zip", "Ab (2)": "Ab.py", "again": "again", "b": "b"}
    expected |= {"c.ipynb": "c.ipynb", "x.y": "x.y.py"}
    assert [(name, path.name) for name, (path,) in find_submissions(folder)] == list(expected.items())
    (folder / "loop").symlink_to(folder / "loop")
    assert {name for name, _ in find_submissions(folder)} - {"loop"} == set(expected)


def test_names_that_are_not_text(tmp_path):
    """Bytes that are not UTF-8 become the replacement character."""
    try:
        (tmp_path / os.fsdecode(b"j\xfcrgen.py")).write_text("")
    except OSError:
        pytest.skip("this file system refuses such names")
    assert [name for name, _ in find_submissions(tmp_path)] == ["j\ufffdrgen"]


EXERCISE = {
    "homework.py": "",
    "classifiers/layers.py": "",
    "checks.py": "",
    "two_layer_net.ipynb": "",
    "build/x.py": "",
}


@pytest.mark.parametrize("stray", ["kim/homework.py", "lee.py", "lee.ipynb", "lee.zip", "homework (1).py"])
def test_single_submission(tmp_path, stray):
    """A folder with the files of one exercise is one submission. With a file of somebody else, it is a class."""
    folder = write(tmp_path / "submission", EXERCISE | {"notes.txt": "", ".git/x.py": ""})
    assert find_submissions(folder) == [("submission", (folder,))]
    assert find_submissions(folder / "homework.py") == [("homework", (folder / "homework.py",))]
    write(folder, {stray: ""})
    assert len(find_submissions(folder)) > 1
    assert find_submissions(folder, single=True) == [("submission", (folder,))]
    (folder / "homework.py").unlink()
    (folder / "classifiers" / "homework.py").touch()
    assert len(find_submissions(folder)) > 1


def test_all_forms_of_a_submission(tmp_path):
    """Folders, zips, zips in folders and single files give the same texts. Archives tell times."""
    zipped = pack(tmp_path / "d.zip", {"x\\homework.py": forward(1), "x/notes.txt": "no"})
    forms = {
        write(tmp_path / "a", {"x/homework.py": forward(1), "x/notes.txt": "no"}): "x/homework.py",
        write(tmp_path / "b", {"mine.ZIP": zipped.read_bytes()}): "mine.ZIP/x/homework.py",
        zipped: "d.zip/x/homework.py",
        write(tmp_path, {"g.PY": forward(1)}) / "g.PY": "g.PY",
    }
    for path, name in forms.items():
        assert contents(path) == ({name: forward(1)}, [])
        ((_, time, _),) = read_files(Submission("x", (path,)), ".py", [])
        assert (time == LOOSE) == (".zip" not in name.lower())
    assert len(contents(*forms)[0]) == 4


def test_many_other_files(tmp_path):
    """Images, libraries and repositories beside a file do not hide it."""
    files = {f"images/{number:060}.png": "" for number in range(45_000)}  # a list of 5 MB
    files |= {f"{name}/homework.py": "" for name in (".git", ".venv", "venv", "env", "node_modules", "__MACOSX")}
    files |= {"lib/site-packages/homework.py": "", "z/homework.py": forward(1)}
    assert contents(pack(tmp_path / "a.zip", files)) == ({"a.zip/z/homework.py": forward(1)}, [])
    few = {name: text for name, text in files.items() if "images" not in name}
    assert contents(write(tmp_path / "a", few)) == ({"z/homework.py": forward(1)}, [])


def test_notebooks(tmp_path):
    """Code cells become one text. Lines for IPython become comments."""
    cells = [
        ("markdown", "# Title"),
        ("code", ["%matplotlib inline\n", "x = 1"]),
        ("code", "if x:\n    !ls\n    y = 2"),
    ]
    notebook = {"cells": [{"cell_type": kind, "source": source} for kind, source in cells]}
    write(tmp_path, {"a.ipynb": json.dumps(notebook), "b.ipynb": "{}", "c.py": ""})
    texts, problems = contents(tmp_path, kind=".ipynb")
    assert problems == ["b.ipynb is not a notebook"]
    names = {}
    exec(texts["a.ipynb"], names)
    assert (names["x"], names["y"]) == (1, 2)


@pytest.mark.parametrize("name", ["a.tar.gz", "a.rar", "a"])
def test_other_kinds_of_files(tmp_path, name):
    """Such files are submissions. If they were ignored, nobody would notice the 0 points."""
    (tmp_path / name).write_bytes(b"x")
    assert [n for n, _ in find_submissions(tmp_path)] == [name]
    assert contents(tmp_path / name) == ({}, [f"{name} is not a Python file, a zip or a folder. Hand in homework.py"])


@posix
def test_pipes_and_links(tmp_path):
    """Pipes are not read, because reading would never end. Links to other students are not followed."""
    write(tmp_path, {"ada/homework.py": forward(1), "ben/x/y.txt": "", "eve/mine/homework.py": forward(2)})
    os.mkfifo(tmp_path / "ada" / "other.py")
    os.mkfifo(tmp_path / "b.zip")
    assert contents(tmp_path / "ada") == ({"homework.py": forward(1)}, ["other.py is not a file"])
    assert contents(tmp_path / "b.zip") == ({}, ["b.zip is not a file"])
    (tmp_path / "ben" / "homework.py").symlink_to(tmp_path / "ada" / "homework.py")
    (tmp_path / "ben" / "all").symlink_to(tmp_path / "ada")
    (tmp_path / "eve" / "homework.py").symlink_to(tmp_path / "eve" / "mine" / "homework.py")
    assert contents(tmp_path / "ben") == ({}, [])
    assert contents(tmp_path / "eve")[0] == dict.fromkeys(["homework.py", "mine/homework.py"], forward(2))


def test_deep_and_large_submissions(tmp_path, monkeypatch):
    """Files are read only up to a limit of depth and size. The limit of size is said."""
    assert contents(write(tmp_path / "a", {"x/" * 25 + "a.py": "", "y/b.py": ""})) == ({"y/b.py": ""}, [])
    monkeypatch.setattr(deliveries, "READ", 1)
    files = {name: bytes(400_000).replace(b"\0", b"#") for name in ("1.py", "2.py", "3.py", "4.py")}
    for path in write(tmp_path / "b", files), pack(tmp_path / "b.zip", files):
        texts, (problem,) = contents(path)
        assert (
            len(texts) == 2 and problem == "The submission has more than 1 MB of Python files. Hand in only homework.py"
        )


@pytest.mark.parametrize(
    "method, old, new, words",
    [
        (zipfile.ZIP_STORED, rb"return 1", rb"return 2", "a.zip/x.py is damaged. Pack it again"),
        (zipfile.ZIP_STORED, rb"PK\x05\x06", rb"PK", "a.zip is a damaged zip, or not a zip. Pack it again"),
        (zipfile.ZIP_STORED, rb"(PK\x01\x02....)\0", rb"\g<1>\001", "a.zip/x.py is encrypted. Pack it without"),
        (zipfile.ZIP_BZIP2, rb"PK", rb"PK", "a.zip/x.py is compressed with an unsupported method"),
    ],
)
def test_damaged_zips(tmp_path, method, old, new, words):
    """Damaged and encrypted zips are reported."""
    path = pack(tmp_path / "a.zip", {"x.py": forward(1)}, method)
    assert method != zipfile.ZIP_STORED or contents(path)[1] == []
    path.write_bytes(re.sub(old, new, path.read_bytes(), flags=re.DOTALL))
    texts, (problem,) = contents(path)
    assert texts == {} and problem.startswith(words)


def test_members_outside_of_a_zip(tmp_path):
    """Links and paths that lead out are ignored."""
    link = zipfile.ZipInfo("link.py")
    link.external_attr = 0o120777 << 16
    out = {"../a.py": "", "/b.py": "", "C:/c.py": "", "x\\..\\..\\d.py": "", link: "", "sgd.py": ""}
    assert contents(pack(tmp_path / "e.zip", out)) == ({"e.zip/sgd.py": ""}, [])


def test_bombs(tmp_path):
    """A zip bomb is read only up to a limit, and so is a very long list of members."""
    bomb = pack(tmp_path / "a.zip", {"a.py": bytes(64 << 20), "b.py": forward(1), "x.bin": bytes(64 << 20)})
    assert bomb.stat().st_size < 1 << 20
    assert contents(bomb) == ({"a.zip/b.py": forward(1)}, ["a.zip/a.py is larger than 1 MB. Hand in only homework.py"])
    end = b"PK\x05\x06" + bytes(4) + b"\xff\xff\xff\xff" + (40 << 20).to_bytes(4, "little") + bytes(6)
    (tmp_path / "b.zip").write_bytes(b"PK\x01\x02" + bytes(40 << 20) + end)
    assert "b.zip is a zip with too many members" in contents(tmp_path / "b.zip")[1][0]


@pytest.mark.parametrize("data, words", [(forward(1).encode("utf-16"), "UTF-16"), (b"<html>", "is a web page")])
def test_files_that_are_not_source(tmp_path, data, words):
    """The problem says what the file is."""
    texts, (problem,) = contents(write(tmp_path, {"homework.py": data}))
    assert texts == {} and problem.startswith("homework.py is ") and words in problem


def test_nothing_is_written_or_run(tmp_path, monkeypatch):
    """Reading a submission changes no file and runs no code."""
    files = {"homework.py": f"open({str(tmp_path / 'ran')!r}, 'w')\n", "../../evil.py": "x"}
    pack(tmp_path / "a.zip", files)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert list(contents(tmp_path / "a.zip")[0]) == ["a.zip/homework.py"] and os.listdir(tmp_path) == ["a.zip"]
