"""Tests of exercise.grade.deliveries: whose file it is, and what is read. test_exercise_grade.py has a class."""

import io
import os
import re
import tarfile
import zipfile

import pytest
from conftest import posix

from exercise.grade import deliveries
from exercise.grade.deliveries import LOOSE, read_delivery

FORWARD = "def forward(params, X, mask=None):\n    return {}, {}\n"


def forward(number):
    """Return a function with a number that distinguishes it from others."""
    return FORWARD.format(number, number)


def write(folder, files):
    """Write files, texts as UTF-8. A name with a slash at the end is that of a folder."""
    for name, content in files.items():
        path = folder / name
        (path if name.endswith("/") else path.parent).mkdir(parents=True, exist_ok=True)
        if not name.endswith("/"):
            path.write_bytes(content.encode() if isinstance(content, str) else content)
    return folder


def pack(files, method=zipfile.ZIP_DEFLATED):
    """Return the bytes of a zip."""
    with zipfile.ZipFile(buffer := io.BytesIO(), "w", method) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def pack_tar(files, kind="gz"):
    """Return the bytes of a tar. A member may also be a TarInfo."""
    with tarfile.open(fileobj=(buffer := io.BytesIO()), mode=f"w:{kind}") as archive:
        for name, content in files.items():
            data = content.encode() if isinstance(content, str) else content
            member = tarfile.TarInfo(name) if isinstance(name, str) else name
            member.size, member.mtime = len(data), 1_700_000_000
            archive.addfile(member, io.BytesIO(data))
    return buffer.getvalue()


def names(path, **options):
    """Return the names of the submissions."""
    return [submission.name for submission in read_delivery(path, **options)[0]]


def contents(path):
    """Return a dict from the files of a submission to their texts, and the problems of others."""
    ((_, _, files, problems),), _ = read_delivery(path, single=True)
    return {file.path: file.text for file in files}, [problem for rank, problem in problems if rank < 2]


@posix
def test_entries_of_a_folder(tmp_path):
    """Folders, archives and files are submissions. Hidden files and system files are not. Links are not followed."""
    folder = write(tmp_path / "in", dict.fromkeys(["b/x.py", "Ab.py", "AB.zip", "c.ipynb", ".d.py", "x.y.py", "a"], ""))
    write(folder, {"__MACOSX/a.py": "", ".DS_Store": "", "Thumbs.db": "", "=SUM(1)\n.py": "", "index.html": ""})
    write(tmp_path / "out", {"secret.py": forward(1)})
    (folder / "link").symlink_to(tmp_path / "out")
    (folder / "link.py").symlink_to(folder / "Ab.py")
    (folder / "loop").symlink_to(folder / "loop")
    found, others = read_delivery(folder)
    assert {submission.name: submission.entry for submission in found} == {
        "=SUM(1)\ufffd": "=SUM(1)\ufffd.py", "AB": "AB.zip", "Ab (2)": "Ab.py", "a": "a", "b": "b",
        "c.ipynb": "c.ipynb", "link": "link", "link (2)": "link.py", "loop": "loop", "x.y": "x.y.py",
    }  # fmt: skip
    assert others == ["index.html"] and not any(submission.files for submission in found)
    links = [submission.problems[0] for submission in found if submission.name.startswith("l")]
    assert links[1] == (0, "link.py is a link. Hand in the file")


def test_names_that_are_not_text(tmp_path):
    """Bytes that are not UTF-8 become the replacement character. Forms of one letter are equal."""
    try:
        (tmp_path / os.fsdecode(b"j\xfcrgen.py")).write_text("")
    except OSError:
        pytest.skip("this file system refuses such names")
    assert names(write(tmp_path, {"Mu\u0308ller/a.py": ""})) == ["M\u00fcller", "j\ufffdrgen"]


EXERCISE = dict.fromkeys(["homework.py", "classifiers/layers.py", "checks.py", "two_layer_net.ipynb", "build/x.py"], "")


@pytest.mark.parametrize("stray", ["kim/homework.py", "lee.py", "lee.ipynb", "lee.zip", "homework (1).py"])
def test_single_submission(tmp_path, stray):
    """A folder with the files of one exercise is one submission. With a file of somebody else, it is a class."""
    folder = write(tmp_path / "submission", EXERCISE | {"notes.txt": "", ".git/x.py": ""})
    assert names(folder) == ["submission"] and names(folder / "homework.py") == ["homework"]
    write(folder, {stray: ""})
    assert len(names(folder)) > 1 and names(folder, single=True) == ["submission"]
    (folder / "homework.py").unlink()
    assert len(names(folder)) > 1


CANVAS = {"kim_11_12_homework.py": forward(1), "lee_13_14_homework.py": forward(2), "notes.txt": ""}


@pytest.mark.parametrize(
    "files, expected",
    [
        (CANVAS, ["kim_11", "lee_13"]),
        ({f"hw/{name}": text for name, text in CANVAS.items()}, ["kim_11", "lee_13"]),
        ({"kim_11_12_homework.py": ""}, ["kim_11"]),
        ({"kim/homework.py": "", "lee/homework.py": ""}, ["kim", "lee"]),
        ({"homework.py": "", "a/x.py": ""}, ["in"]),
        ({"hw/homework.py": ""}, ["in"]),
        ({"classifiers/layers.py": "", "old/layers.py": ""}, ["in"]),
        ({}, ["in"]),
    ],
)
def test_class_in_a_zip(tmp_path, files, expected):
    """A zip is a class if it has names of a platform, or several folders. In a folder it needs several students."""
    write(tmp_path, {"in.zip": pack(files), "x/in.zip": pack(files), "x/index.html": ""})
    assert names(tmp_path / "in.zip") == expected and names(tmp_path / "in.zip", single=True) == ["in"]
    assert names(tmp_path / "x") == (expected if files.keys() & {"notes.txt", "hw/notes.txt"} else ["in"])


def test_downloads_in_folders(tmp_path):
    """Only a folder with several names of a platform is a download. Stray files in it are not submissions."""
    files = {f"load/{name}": text for name, text in CANVAS.items()} | {"load/index.html": ""}
    files |= {"max/max_15_16_homework.py": forward(3), "max/max_16_17_sgd.py": forward(4), "max/homework.py": ""}
    files |= {"Li_3_assignsubmission_onlinetext_/x": "", "Bo_4_assignsubmission_file_/a.py": forward(1)}
    files |= {"Bo_4_assignsubmission_onlinetext_/x": ""}  # of somebody who has a submission
    files |= {"s/submission_metadata.yml": "", "s/submission_7/a.py": "", "s/x.py": ""}  # the list makes it a download
    found, others = read_delivery(write(tmp_path, files))
    assert {submission.name: submission.entry for submission in found} == {
        "Bo_4": "Bo_4_assignsubmission_file_", "kim_11": "load/kim_11_12_homework.py",
        "lee_13": "load/lee_13_14_homework.py", "max": "max", "submission_7": "s/submission_7", "x": "s/x.py",
    }  # fmt: skip
    assert others == [
        "Li_3_assignsubmission_onlinetext_", "load/index.html", "load/notes.txt", "s/submission_metadata.yml"
    ]  # fmt: skip


def test_times_in_archives(tmp_path):
    """Archives tell times. Endings may be capitals, and separators those of Windows."""
    name, when, text = "x\\homework.PY.txt", (2024, 1, 2, 3, 4, 6), forward(1)
    files = {"a.ZIP": pack({zipfile.ZipInfo(name, when): text}), "b.tar": pack_tar({name: text}, ""), "x/c.PY": text}
    ((submission,), _) = read_delivery(write(tmp_path, files), single=True)
    found = {file.path: file.time for file in submission.files}
    inside = name.replace("\\", "/")
    assert found == {f"a.ZIP/{inside}": when, f"b.tar/{inside}": (2023, 11, 14, 22, 13, 20), "x/c.PY": LOOSE}


def test_many_other_files(tmp_path):
    """Images, libraries and repositories beside a file do not hide it."""
    files = {f"images/{number:060}.png": "" for number in range(45_000)}  # a list of 5 MB
    files |= {f"{name}/homework.py": "" for name in (".git", ".venv", "venv", "env", "node_modules", "__MACOSX")}
    files |= {"lib/site-packages/homework.py": "", "z/homework.py": forward(1)}
    write(tmp_path, {"a.zip": pack(files)} | {f"a/{name}": files[name] for name in files if "images" not in name})
    assert contents(tmp_path / "a.zip") == ({"a.zip/z/homework.py": forward(1)}, [])
    assert contents(tmp_path / "a") == ({"z/homework.py": forward(1)}, [])


@posix
def test_what_cannot_be_read(tmp_path):
    """Pipes are not read, because reading would never end. A folder without permission is said to be that."""
    files = {"homework.py": forward(1), "closed/x.py": "", "shut.py": "", "x/" * 21 + "a.py": ""}
    folder = write(tmp_path / "b", files)
    os.mkfifo(folder / "other.py")
    for name in "closed", "shut.py":
        (folder / name).chmod(0)
    texts, problems = contents(folder)
    (folder / "closed").chmod(0o700)
    assert list(texts) == ["homework.py"] and "other.py is not a file. Hand in the file" in problems
    assert any("x/ is in more than 20 folders" in problem for problem in problems)
    if os.geteuid():  # the administrator may read everything
        assert "closed/ cannot be read: Permission denied" in problems
        assert "shut.py cannot be read: Permission denied" in problems


@pytest.mark.parametrize("archive", ["", "b.zip", "b.tgz"])
def test_large_submissions(tmp_path, monkeypatch, archive):
    """Files are read only up to a limit of their sum."""
    monkeypatch.setattr(deliveries, "READ", 1)
    files = {f"{number}.py": forward(number) + 400_000 * "#" for number in range(4)}
    packed = {"": files, "b.zip": {archive: pack(files)}, "b.tgz": {archive: pack_tar(files)}}[archive]
    texts, problems = contents(write(tmp_path / "b", packed))
    assert len(texts) == (1 if archive == "b.tgz" else 2)  # a tar is read twice: for its list, and for its files
    assert problems[0].endswith("is not read: the submission has more than 1 MB. Hand in only homework.py")


X = {"x.py": forward(1)}
LINK = tarfile.TarInfo("link.py")
LINK.type, LINK.linkname = tarfile.SYMTYPE, "/etc/passwd"
ZIP_LINK = zipfile.ZipInfo("link.py")
ZIP_LINK.external_attr = 0o120777 << 16
OUT = {"../a.py": "", "/b.py": "", "C:/c.py": "", "x\\..\\..\\d.py": "", "x/" * 21 + "a.py": "", "sgd.py": forward(1)}
LONG_LIST = b"PK\x01\x02" + bytes(40 << 20) + b"PK\x05\x06" + bytes(4) + b"\xff\xff\xff\xff"
LONG_LIST += (40 << 20).to_bytes(4, "little") + bytes(6)
ENCRYPTED = re.sub(rb"(PK\x01\x02....)\0", rb"\g<1>\001", pack(X), flags=re.DOTALL)
DAMAGED = "is damaged, or not what its name says. Pack it again"


@pytest.mark.parametrize(
    "name, data, found, words",
    [
        ("a.zip", pack(X, zipfile.ZIP_STORED).replace(b"return 1", b"return 2"), "", f"a.zip/x.py {DAMAGED}"),
        ("a.zip", pack(X).replace(b"PK\x05\x06", b"PK"), "", f"a.zip {DAMAGED}"),
        ("a.zip", b"x", "", f"a.zip {DAMAGED}"),
        ("a.tar.gz", pack_tar({"0": "", **X})[:-30], "", f"a.tar.gz/x.py {DAMAGED}"),
        ("a.zip", ENCRYPTED, "", "a.zip/x.py is encrypted. Pack it without a password"),
        ("a.zip", pack(X, zipfile.ZIP_BZIP2), "", "a.zip/x.py is compressed with an unsupported method"),
        ("a.zip", pack({**OUT, ZIP_LINK: ""}), "a.zip/sgd.py", ""),
        ("a.tar", pack_tar({**OUT, LINK: ""}, ""), "a.tar/sgd.py", ""),
        ("a.zip", pack({"a.py": bytes(64 << 20), **X}), "a.zip/x.py", "a.zip/a.py is larger than 1 MB. Hand in only"),
        ("a.zip", pack({"a.zip": bytes(65 << 20), **X}), "a.zip/x.py", "a.zip/a.zip is larger than 64 MB"),
        ("a.tgz", pack_tar({"data": bytes(257 << 20)}), "", "a.tgz is not read: the submission has more than 256 MB"),
        ("a.zip", LONG_LIST, "", "a.zip is an archive with too many members"),
        ("a.tgz", b"\xfd7zXZ", "", "a.tgz is a .xz archive. Pack it as a zip"),
        ("a.rar", b"x", "", "a.rar is a .rar archive. Pack it as a zip"),
        ("a.zip", b"version https://git-lfs.github.com/spec/v1", "", "a.zip is a Git LFS pointer, not the file itself"),
        ("a.pdf", b"x", "", "a.pdf is a PDF"),
        ("a.py", b"<html>", "", "a.py is a web page"),
        ("a.py", b"\n", "", "a.py is empty"),
        ("a.py", b"class A:\n    def forward(self): pass\nforward(1)\n", "", "a.py defines none of the functions"),
        ("a.ipynb", b"{}", "", "a.ipynb is not a notebook"),
    ],
    ids=lambda value: "" if isinstance(value, bytes) else value,
)  # fmt: skip
def test_problems(tmp_path, name, data, found, words):
    """Each problem is named, also in archives. Links and paths that lead out are ignored. Nothing is written."""
    texts, problems = contents(write(tmp_path, {name: data}) / name)
    assert "".join(texts) == found and "".join(problems[:1]).startswith(words) and bool(problems) == bool(words)
    assert os.listdir(tmp_path) == [name]


def test_many_members_of_a_tar(tmp_path, monkeypatch):
    """Their number is limited."""
    monkeypatch.setattr(deliveries, "MEMBERS", 2)
    for count in (2, 3):
        write(tmp_path, {"a.tar": pack_tar({"0.py": forward(1), **dict.fromkeys(map(str, range(1, count)), "")}, "")})
        texts, problems = contents(tmp_path / "a.tar")
        assert len(texts) == 1 and ["too many members" in problem for problem in problems] == [True] * (count - 2)


@pytest.mark.parametrize("name", ["", "b.zip/"])
def test_archives_are_read_last(tmp_path, monkeypatch, name):
    """An archive with data does not use up the limit before a file beside it is read."""
    monkeypatch.setattr(deliveries, "READ", 1)
    files = {"a.zip": pack({"0.py": 900_000 * "#"}, zipfile.ZIP_STORED), "b.py": forward(1) + 200_000 * "#"}
    texts, _ = contents(write(tmp_path / "b", {"b.zip": pack(files)} if name else files))
    assert list(texts) == [f"{name}b.py"]
