"""Reads a delivery: whose file it is, and which files may count. Nothing is unpacked, and no code runs.

Folders and archives are one tree of paths, for example ``kim_4711_20771_mine.zip/hw/homework.py``.
"""

import contextlib
import functools
import gzip
import io
import itertools
import os
import re
import stat
import tarfile
import time
import unicodedata
import zipfile
from collections import namedtuple
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from diagnosis.source import LoadError, decode_source, read_cells

from ..parts import BY_NAME
from ..student import NAME, find_functions
from .apart import ROOT

LAB = {NAME, "build", *(entry.name for entry in ROOT.iterdir())}
IGNORED = {"__macosx", "__pycache__", "site-packages", "node_modules", "venv", "env", "thumbs.db", "desktop.ini"}
METADATA = "submission_metadata.yml"  # of Gradescope
DEPTH, NESTED = 20, 3  # folders in folders, and archives in archives
READ = 256  # megabytes that are read of a submission
LIST, MEMBERS = 16 << 20, 200_000  # largest list of an archive's members in bytes, and their number
TOO_MANY = f"is an archive with too many members. Hand in only {NAME}"
ARCHIVES = (".zip", ".tar", ".tgz", ".gz")
LARGEST = {".py": 1, ".ipynb": 64, **dict.fromkeys(ARCHIVES, 64)}  # megabytes; of an archive if it is in another one
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # others can fill the memory before a limit is checked
LOOSE = (9999,)  # time of a file that is not in an archive: copies and downloads change the real one
# First bytes and endings of archives that Python cannot read, or not within limits.
SIGNS = {b"Rar!": ".rar", b"7z\xbc\xaf": ".7z", b"\xfd7zXZ": ".xz", b"BZh": ".bz2", b"\x28\xb5\x2f\xfd": ".zst"}
SIGNS |= {b"ALZ\x01": ".alz", b"EGGA": ".egg"}
KINDS = {ending: f"is a {ending} archive. Pack it as a zip" for ending in SIGNS.values()}
KINDS |= dict.fromkeys((".doc", ".docx", ".odt", ".rtf"), "is a Word document")
KINDS |= dict.fromkeys((".webloc", ".url", ".lnk", ".desktop"), "is a shortcut, not the file itself")
KINDS |= {".pdf": "is a PDF", ".hwp": "is a Hangul document", ".hwpx": "is a Hangul document"}
# Names of the entries in downloads of Moodle, Brightspace, Blackboard, Canvas, and Gradescope with its list of names.
PLATFORMS = (
    r"(?P<name>.+)_(?P<number>\d+)_assignsubmission_(file|onlinetext)(_.*)?",
    r"(?P<number>\d+)-\d+ - (?P<name>.+?) - [^-]*\d{4}[^-]*( - .*)?",
    r".+_(?P<name>[^_]+)(?P<number>)_attempt_\d{4}(-\d\d){5}([_.].*)?",
    r"(?P<name>.+?)(_LATE)?_(?P<number>\d\d+)_\d\d+_.+",
    r"(?P<name>submission)_(?P<number>\d+)",
    rf"(?P<name>{METADATA})(?P<number>)",
)
DEFINES = re.compile(rf"^(def[ \t]+)?({'|'.join(BY_NAME)})[ \t]*[(=:]", re.MULTILINE)


class File(NamedTuple):
    """File that may count. `found` is that of `find_functions`."""

    path: str  # in the delivery
    time: tuple  # year, month and so on, as an archive tells, else LOOSE
    text: str
    found: dict


class Submission(NamedTuple):
    """Submission of a student."""

    name: str  # unique and printable
    entry: str  # the first one
    files: list
    problems: list  # sentences about other files, with a rank: 0 for a file that may be the homework


_Item = namedtuple("_Item", "path time open")  # `open` is a function, or an error if the file cannot be read


def read_delivery(path, single=False):
    """Read all submissions of a delivery, a folder, an archive or a file.

    Each entry is a submission. If entries have names of a platform's download, those of one student
    are one submission. Such a download may also be a folder or a zip in the folder. A file, or what
    is not a class (see `_is_class`), is one submission. With `single`, everything is. Return a list of
    `Submission`, sorted by name, and the paths of entries that are not submissions.
    """
    path = Path(os.path.realpath(path))
    packed = not path.is_dir()
    with contextlib.ExitStack() as opened:
        items = [_on_disk(path, _text(path.name))] if packed else list(_walk(path))
        for item in [item for item in items if re.fullmatch(r"[^/]+\.zip", item.path, re.IGNORECASE) and not single]:
            within = "" if packed else f"{item.path}/"
            with contextlib.suppress(Exception), contextlib.ExitStack() as file:
                inside = list(_members(file.enter_context(item.open()), within))
                if _find_classes(inside, within) or packed and _is_class(inside, packed):
                    items = [other for other in items if other is not item] + inside
                    opened.push(file.pop_all())
        classes = set() if single else _find_classes(items)
        groups, others = {"": (_text(path.name), "", items)}, []
        if not single and (classes or _is_class(items, packed)):
            groups, others = _group(items, classes)
        names, found = {}, {}
        for item in items:
            if classes and PurePosixPath(item.path).name == METADATA:
                names |= _read_names(item)
        for _, (name, entry, own) in sorted(groups.items()):
            stem = names.get(name) or re.sub(r"(\.tar)?\.(py|zip|tar|tgz|gz)$", "", name, flags=re.IGNORECASE)
            unique = (f"{stem} ({number})" if number > 1 else stem for number in itertools.count(1))
            name = next(name for name in unique if name.casefold() not in found)  # some file systems ignore case
            reader = _Reader(own)
            found[name.casefold()] = Submission(name, entry, reader.files, reader.problems)
    return sorted(found.values()), others


def _find_classes(items, within=""):
    """Return the folders with names of a platform's download. They end with a slash; the top is "".

    Students may have files with such names, too. So other folders need several, and nothing else.
    """
    students, mixed = {}, set()
    for item in items:
        parts = item.path.removeprefix(within).split("/")
        for n, part in enumerate(parts[:3]):
            folder = within + "".join(f"{name}/" for name in parts[:n])
            if student := _student(part):
                students.setdefault(folder, set()).add(student[0])
                break
            if n < len(parts) - 1 or _ending(part) in LARGEST:
                mixed.add(folder)
    return {top for top, who in students.items() if not top or METADATA in who or len(who) > 1 and top not in mixed}


@functools.lru_cache(100_000)
def _student(name):
    """Return the student's name by that of an entry in a download, and whether it is a text, or None."""
    found = next(filter(None, (re.fullmatch(pattern, name) for pattern in PLATFORMS)), None)
    return found and (f"{found['name']}_{found['number']}".rstrip("_"), "_assignsubmission_onlinetext" in name)


def _is_class(items, packed):
    """Tell whether items without names of a platform are a class.

    A folder is one, unless it has homework.py and nothing that the lab does not have. A zip is one if
    it has several folders that the lab does not have.
    """
    tops = {item.path.partition("/")[0]: "/" in item.path for item in items}
    tops = {name: folder for name, folder in tops.items() if folder or _ending(name) in (*LARGEST, *KINDS)}
    several = len(tops) > 1 and all(tops.values()) and LAB.isdisjoint(tops)
    return several if packed else NAME not in tops or not LAB >= tops.keys()


def _group(items, classes):
    """Return a dict from keys to the name, first entry and items of a submission, and the entries that are none."""
    groups, others = {}, {}
    for item in items:
        folder = max((folder for folder in ("", *classes) if item.path.startswith(folder)), key=len)
        top, inside, _ = item.path[len(folder) :].partition("/")
        student = folder in classes and _student(top)
        name, stray = student or (top, classes and not inside and _ending(top) not in LARGEST)
        key = name if student else folder + top
        if stray or top in (METADATA, "index.html"):
            others[folder + top] = key
        else:
            groups.setdefault(key, (name, folder + top, []))[2].append(item)
    return groups, sorted(path for path, key in others.items() if key not in groups)


def _read_names(item):
    """Return the names of students by Gradescope's folders, which have only numbers."""
    text, pattern = "", r"(?ms)^submission_(\d+):(?:(?!^submission_).)*?:name: *['\"]?([^\n]*?)['\"]?\s*$"
    with contextlib.suppress(Exception), item.open() as file:
        text = file.read(LIST).decode("utf-8", "replace")
    return {f"submission_{number}": f"{_printable(name)}_{number}" for number, name in re.findall(pattern, text)}


def _walk(folder, place=""):
    """Yield the items of a folder on disk. Hidden files are left out, and links are not followed."""
    try:
        names = sorted(os.listdir(folder))
        if place.count("/") > DEPTH:
            raise LoadError(f"is in more than {DEPTH} folders. Hand in only {NAME}")
        if place and not names:
            raise LoadError("is an empty folder")
    except (LoadError, OSError) as error:
        names = []
        yield _Item(place, LOOSE, error)
    for name in names:
        path, text = Path(folder, name), place + _text(name)
        if not _is_ignored(name):
            inside = os.path.isdir(path) and not os.path.islink(path)
            yield from _walk(path, f"{text}/") if inside else [_on_disk(path, text)]


def _on_disk(path, name):
    """Return the item of a file. Reading a pipe would never end, and a link may point to another student's file."""
    what = "a link" if os.path.islink(path) else "" if os.path.isfile(path) else "not a file"
    error = what and LoadError(f"is {what}. Hand in the file")
    return _Item(name, LOOSE, error or functools.partial(open, path, "rb"))


def _is_ignored(name):
    return name.startswith(".") or name.casefold() in IGNORED


def _ending(name):
    return PurePosixPath(re.sub(r"\.py\.txt$", ".py", name.lower())).suffix


def _text(name):
    """Return a name on disk as printable text, whatever the encoding of the system is."""
    return _printable(os.fsencode(name).decode("utf-8", "replace"))


def _printable(name):
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in unicodedata.normalize("NFC", name))


class _Bounded:
    """Archive with a limit on the size of its lists."""

    def __init__(self, file):
        self.file, self.seek, self.tell, self.seekable = file, file.seek, file.tell, file.seekable

    def read(self, size=-1):
        data = self.file.read(size if 0 <= size <= LIST else LIST + 1)
        if len(data) > LIST:
            raise LoadError(TOO_MANY)
        return data


def _members(file, prefix="", take=lambda size: None):
    """Yield the items of an archive, archives in it last. Links and paths that lead out are left out.

    `take` is called with numbers of bytes before they are read to find the next item.
    """
    start = file.read(16)
    file.seek(0)
    for sign, ending in SIGNS.items():
        if start.startswith(sign):
            raise LoadError(KINDS[ending])
    if start.startswith(b"version https:/"):
        raise LoadError("is a Git LFS pointer, not the file itself. Fetch the file with git lfs pull")
    for name, when, opener in _zip_members(file) if start.startswith(b"PK") else _tar_members(file, start, take):
        path = PurePosixPath(name.replace("\\", "/"))
        leads_out = path.is_absolute() or ":" in name[:2]  # and "..", which is a hidden name, too
        if not (leads_out or any(map(_is_ignored, path.parts)) or len(path.parts) > DEPTH + 1):
            yield _Item(prefix + "/".join(map(_printable, path.parts)), when, opener)


def _zip_members(file):
    archive = zipfile.ZipFile(_Bounded(file))
    for member in sorted(archive.infolist(), key=lambda member: _ending(member.filename) in ARCHIVES):
        opener = functools.partial(archive.open, member)
        if member.flag_bits & 1:
            opener = LoadError("is encrypted. Pack it without a password")
        elif member.compress_type not in METHODS:
            opener = LoadError("is compressed with an unsupported method. Pack it as a plain zip")
        if not member.is_dir() and not stat.S_ISLNK(member.external_attr >> 16):
            yield member.filename, member.date_time, opener


def _tar_members(file, start, take):
    file = gzip.GzipFile(fileobj=file) if start.startswith(b"\x1f\x8b") else file
    archive = tarfile.open(fileobj=_Bounded(file), mode="r:")
    for number, member in enumerate(archive):
        archive.members.clear()  # it would keep all
        take(member.size)
        if number == MEMBERS:
            raise LoadError(TOO_MANY)
        if member.isreg():
            yield member.name, time.gmtime(max(0, member.mtime))[:6], functools.partial(archive.extractfile, member)


class _Reader:
    """Reads the files of a submission, also in archives, up to a limit."""

    def __init__(self, items):
        self.files, self.problems, self.left = [], [], READ << 20
        for item in sorted(items, key=lambda item: _ending(item.path) in ARCHIVES):
            self.read(item)
        if not self.files and not self.problems:
            self.problems.append((1, "The submission has no files"))

    def read(self, item, nested=0):
        """Read an item. `nested` is the number of archives around it."""
        kind, rank = _ending(item.path), 0
        try:
            if kind not in LARGEST and not item.path.endswith("/"):
                rank = 1 if kind in KINDS else 2
                raise LoadError(KINDS.get(kind, "is not a Python file"))
            if kind in ARCHIVES and nested == NESTED:
                raise LoadError(f"is an archive in {NESTED} others. Hand in only {NAME}")
            if isinstance(item.open, Exception):
                raise item.open
            with item.open() as file:
                if kind not in ARCHIVES or type(file) is not io.BufferedReader:  # only that can be read in any order
                    data = file.read(LARGEST[kind] << 20)
                    if file.read(1):
                        raise LoadError(f"is larger than {LARGEST[kind]} MB. Hand in only {NAME}")
                    self.take(len(data))
                    file = io.BytesIO(data)
                for member in _members(file, f"{item.path}/", self.take) if kind in ARCHIVES else ():
                    self.read(member, nested + 1)
            if kind not in ARCHIVES:
                cells = read_cells(data) if kind == ".ipynb" else [decode_source(PurePosixPath(item.path).name, data)]
                if cells is None:
                    raise LoadError("is not a notebook")
                text, rank = "\n\n".join(cells), 1
                found = DEFINES.search(text) and find_functions(text)
                if not found:
                    raise LoadError("defines none of the functions" if text.strip() else "is empty")
                self.files.append(File(item.path, item.time, text, found))
        except LoadError as error:
            self.problems.append((rank, f"{item.path} {error}"))
        except OSError as error:
            self.problems.append((0, f"{item.path} cannot be read: {error.strerror or error}"))
        except Exception:  # damaged archives fail in many ways
            self.problems.append((0, f"{item.path} is damaged, or not what its name says. Pack it again"))

    def take(self, size):
        """Count bytes. Raise LoadError above the limit."""
        self.left -= size
        if self.left < 0:
            raise LoadError(f"is not read: the submission has more than {READ} MB. Hand in only {NAME}")
