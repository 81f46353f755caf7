"""Tests of exercise.submissions: which functions are found, and the reasons if one is not."""

import os
import re
import zipfile
from pathlib import Path

import pytest
from conftest import ROOT, posix

from exercise import submissions
from exercise.function_text import replace_function
from exercise.parts import PARTS
from exercise.submissions import find_submissions, read_parts

LAYERS, SGD, NET = "classifiers/layers.py", "classifiers/sgd.py", "classifiers/neural_net.py"
LAB = {name: (ROOT / name).read_text(encoding="utf-8") for name in (LAYERS, SGD, NET)}
METHOD = next(part.function for part in PARTS if part.name == "predict")
HEAD = f"def {METHOD.split('.')[-1]}(self, X):\n"
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


def states(parts):
    return [parts[part.name].state for part in PARTS]


def part_of(path, part="forward"):
    """Return the state of a part, and its text or sentence."""
    return tuple(read_parts(path)[part])


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
    assert [(name, path.name) for name, path in find_submissions(folder)] == list(expected.items())
    (folder / "loop").symlink_to(folder / "loop")
    assert {name for name, _ in find_submissions(folder)} - {"loop"} == set(expected)


def test_names_that_are_not_text(tmp_path):
    """Bytes that are not UTF-8 become the replacement character."""
    try:
        (tmp_path / os.fsdecode(b"j\xfcrgen.py")).write_text("")
    except OSError:
        pytest.skip("this file system refuses such names")
    assert [name for name, _ in find_submissions(tmp_path)] == ["j\ufffdrgen"]


@pytest.mark.parametrize("name", [LAYERS, "sgd.py"])
def test_single_submission(tmp_path, name):
    """Gradescope grades one submission at a time."""
    folder = write(tmp_path / "submission", {name: "", "data_utils.py": ""})
    assert find_submissions(folder) == [("submission", folder)]
    assert find_submissions(folder / name) == [(Path(name).stem, folder / name)]


def test_all_forms_of_a_submission(tmp_path):
    """Folders, zips and single files of the same code give the same functions."""
    folder, whole = read_parts(write(tmp_path / "a", LAB)), "\n".join(LAB.values())
    assert states(folder) == ["found"] * 7 and folder["predict"].text.startswith(HEAD)
    zipped = pack(tmp_path / "d.zip", {name.replace("/", "\\"): text for name, text in LAB.items()})
    for path in (
        write(tmp_path / "b", {f"two/exercise/{name}": text for name, text in LAB.items()}),
        pack(tmp_path / "c.ZIP", {f"exercise/{name}": text for name, text in LAB.items()}),
        zipped,
        write(tmp_path / "e", {"mine.zip": zipped.read_bytes()}),
        write(tmp_path / "f", {Path(name).name: text for name, text in LAB.items()}),
        write(tmp_path, {"g.py": whole}) / "g.py",
        write(tmp_path / "h", {"main.py": whole}),
    ):
        assert read_parts(path) == folder


METHODS = """\
class TwoLayerNet:
    def predict(self, X):
        return 0

class TwoLayerNet:
\t@decorated
\tdef predict(self, X):
\t\tif 1:
# note
\t\t\treturn "\x0c\u2028"
\ty = 2
"""
TABS = f'{HEAD}\tif 1:\n# note\n\t\treturn "\x0c\u2028"\n'


@pytest.mark.parametrize("more", ["", "\n@decorated\ndef g(:\n"])
@pytest.mark.parametrize(
    "source, part, text",
    [
        (f"{forward(1)}\n{forward(2)}\nx = 1\n", "forward", forward(2)),
        (f"{forward(1)}\nclass A:\n    def forward(self): pass\n", "forward", forward(1)),
        (METHODS, "predict", TABS),
        (METHODS.replace("\n", "\r\n"), "predict", TABS),
        (f"{HEAD}    return 1\n", "predict", f"{HEAD}    return 1\n"),  # outside of its class
    ],
)
def test_text_of_a_function(tmp_path, source, part, text, more):
    """The last definition counts, from column 0 on, also beside a function with a syntax error."""
    assert part_of(write(tmp_path, {"a.py": source + more}) / "a.py", part) == ("found", text)


EMPTY = "pass", "...", "'doc'\n    raise NotImplementedError", "raise NotImplementedError('later')"
WRITTEN = "raise ValueError", "raise", "return None", "x = 1\n    raise NotImplementedError"


@pytest.mark.parametrize("body", EMPTY + WRITTEN)
def test_functions_that_are_not_written(tmp_path, body):
    """They have only a docstring, pass, ... or NotImplementedError."""
    path = write(tmp_path, {"a.py": f"def forward(X):\n    {body}\n"}) / "a.py"
    assert part_of(path)[0] == ("not written" if body in EMPTY else "found")


def test_which_file_counts(tmp_path):
    """The right folder counts before others, then the shortest path. Libraries never count."""
    files = {"layers.py": forward(1), "x/classifiers/layers.py": forward(2), "a/x/classifiers/layers.py": forward(3)}
    files |= {f"{name}/classifiers/layers.py": forward(4) for name in (".git", "__MACOSX", "venv", "site-packages")}
    files |= {"x/old_layers.py": forward(5), "x/layers.py.py": forward(6)}
    assert part_of(write(tmp_path / "a", files)) == ("found", forward(2))
    assert part_of(pack(tmp_path / "a.zip", files)) == ("found", forward(2))
    files = {"deep/er/layers.py": forward(1), "deep/layers.py": forward(2), "sgd.py": ""}
    assert part_of(write(tmp_path / "b", files)) == ("found", forward(2))
    assert part_of(write(tmp_path / "c", {"Classifiers/Layers.py": forward(7), "x.py": ""})) == ("found", forward(7))


@pytest.mark.parametrize(
    "files, part, state, words",
    [
        ({}, "forward", "unreadable", "The submission holds neither classifiers/layers.py nor"),
        ({"a.py": "", "b.py": ""}, "forward", "unreadable", "holds neither"),
        ({LAYERS: ""}, "forward", "missing", "classifiers/layers.py has no function forward"),
        ({LAYERS: "", NET: ""}, "update", "missing", "The submission has no classifiers/sgd.py"),
        ({"mine.py": ""}, "update", "missing", "mine.py has no function update"),
        ({NET: "class Other: pass"}, "predict", "missing", f"{NET} has no function {METHOD}"),
        ({LAYERS: FORWARD.replace("return {}, {}", "'''Doc.'''")}, "forward", "not written", "forward is not written"),
        ({LAYERS: "def forward(:\n"}, "forward", "syntax error", "classifiers/layers.py has a syntax error: line 1"),
        ({LAYERS: "import x\n\ndef forward(X):\n    print X\n"}, "forward", "syntax error", "is Python 2: line 4"),
        ({LAYERS: "def forward(X):\n    break\n"}, "forward", "syntax error", f"{LAYERS}: 'break' outside loop"),
        ({LAYERS: "def forward(X):\n    return " + "-" * 200_000 + "1"}, "forward", "syntax error", LAYERS),
    ],
)
def test_reasons(tmp_path, files, part, state, words):
    """A sentence says why. It is the same for a folder and for a zip."""
    (tmp_path / "a").mkdir()
    for path in write(tmp_path / "a", files), pack(tmp_path / "a.zip", files):
        found, text = part_of(path, part)
        assert found == state and words in text and not text.endswith(".")


@pytest.mark.parametrize("body", ["return = X", "return " + "-" * 200_000 + "1"], ids=len)
def test_broken_file_and_function(tmp_path, body):
    """Functions beside a broken file or function are still found."""
    broken = replace_function(LAB[LAYERS], "forward", f"def forward(X):\n    {body}\n")
    found = read_parts(write(tmp_path / "a", {**LAB, LAYERS: broken, SGD: b"\xff\xfe"}))
    assert states(found) == ["syntax error", "found", "found", "found", "unreadable", "unreadable", "found"]


@pytest.mark.parametrize("name", ["a.ipynb", "a.tar.gz", "a.rar", "a"])
def test_other_kinds_of_files(tmp_path, name):
    """Such files are unreadable. If they were ignored, nobody would notice the 0 points."""
    (tmp_path / name).write_bytes(b"x")
    assert [n for n, _ in find_submissions(tmp_path)] == [name]
    assert "is not a folder, a zip or a Python file" in part_of(tmp_path / name)[1]


@posix
def test_named_pipes(tmp_path):
    """Named pipes are not read, because reading would never end."""
    folder = write(tmp_path / "a", {LAYERS: forward(1)})
    os.mkfifo(folder / "sgd.py")
    os.mkfifo(tmp_path / "b.zip")
    assert states(read_parts(folder))[0] == "found"
    assert "is not a file" in part_of(tmp_path / "b.zip")[1]


@posix
def test_links_within_and_out_of_a_submission(tmp_path):
    """A link to the file of another student is not followed."""
    write(tmp_path, {f"ada/{LAYERS}": forward(1), "ben/classifiers/x.py": "", f"eve/mine/{LAYERS}": forward(2)})
    (tmp_path / "ben" / "classifiers" / "layers.py").symlink_to(tmp_path / "ada" / LAYERS)
    (tmp_path / "ben" / "all").symlink_to(tmp_path / "ada")
    (tmp_path / "eve" / "layers.py").symlink_to(tmp_path / "eve" / "mine" / LAYERS)
    assert part_of(tmp_path / "ben")[0] == "missing"
    assert part_of(tmp_path / "eve") == ("found", forward(2))


def test_deep_and_large_folders(tmp_path, monkeypatch):
    """Files are found only up to a limit of depth and number."""
    write(tmp_path, {"x/" * 25 + LAYERS: forward(1), "y/sgd.py": "def update(): return 1"})
    assert part_of(tmp_path)[0] == "missing" and part_of(tmp_path, "update")[0] == "found"
    monkeypatch.setattr(submissions, "ENTRIES", 10)
    write(tmp_path, {f"a/{i}.txt": "" for i in range(11)})
    assert part_of(tmp_path, "update")[0] == "unreadable"


@pytest.mark.parametrize(
    "method, old, new, words",
    [
        (zipfile.ZIP_STORED, rb"return 1", rb"return 2", "is damaged in the zip"),
        (zipfile.ZIP_STORED, rb"PK\x05\x06", rb"PK", "is a damaged zip, or not a zip. Pack it again"),
        (zipfile.ZIP_STORED, rb"(PK\x01\x02....)\0", rb"\g<1>\001", "is encrypted. Pack it without a password"),
        (zipfile.ZIP_BZIP2, rb"PK", rb"PK", "compressed with an unsupported method"),
    ],
)
def test_damaged_zips(tmp_path, method, old, new, words):
    """Damaged and encrypted zips are reported."""
    path = pack(tmp_path / "a.zip", {LAYERS: forward(1)}, method)
    assert method != zipfile.ZIP_STORED or part_of(path) == ("found", forward(1))
    path.write_bytes(re.sub(old, new, path.read_bytes(), flags=re.DOTALL))
    assert part_of(path)[0] == "unreadable" and words in part_of(path)[1]


def test_members_outside_of_a_zip(tmp_path):
    """Links and paths that lead out are ignored."""
    out = {"../classifiers/layers.py": forward(1), "/classifiers/layers.py": forward(2), "C:/layers.py": forward(3)}
    out |= {"x\\..\\..\\layers.py": forward(4), "sgd.py": ""}
    assert part_of(pack(tmp_path / "e.zip", out))[0] == "missing"
    link = zipfile.ZipInfo(LAYERS)
    link.external_attr = 0o120777 << 16
    assert part_of(pack(tmp_path / "f.zip", {link: forward(1), "sgd.py": ""}))[0] == "missing"


def test_bombs(tmp_path):
    """A zip bomb is read only up to a limit, and so is a very long list of members."""
    bomb = pack(tmp_path / "a.zip", {LAYERS: bytes(64 << 20), SGD: "def update(): return 1", "x.bin": bytes(64 << 20)})
    assert bomb.stat().st_size < 1 << 20
    assert "is larger than 5 MB" in part_of(bomb)[1] and part_of(bomb, "update")[0] == "found"
    end = b"PK\x05\x06" + bytes(4) + b"\xff\xff\xff\xff" + (40 << 20).to_bytes(4, "little") + bytes(6)
    (tmp_path / "b.zip").write_bytes(b"PK\x01\x02" + bytes(40 << 20) + end)
    assert "is a zip with too many members" in part_of(tmp_path / "b.zip")[1]
    many = pack(tmp_path / "c.zip", {f"{number:060}": "" for number in range(45_000)})
    assert "is a zip with too many members" in part_of(many)[1]


def test_nothing_is_written_or_run(tmp_path, monkeypatch):
    """Reading a submission changes no file and runs no code."""
    text = f"open({str(tmp_path / 'ran')!r}, 'w')\n" + forward("'\\d'")
    files = {LAYERS: text, "../../evil.py": "x"}
    pack(tmp_path / "a.zip", files)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert part_of(tmp_path / "a.zip") == ("found", forward("'\\d'"))
    assert os.listdir(tmp_path) == ["a.zip"]
