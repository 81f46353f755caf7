"""Reads a delivery: whose file it is, and which files may count. Nothing is unpacked, and no code runs.

Folders and archives are one tree of paths, for example ``kim_4711_20771_mine.zip/hw/homework.py``.
"""

import contextlib
import functools
import gzip
import io
import os
import re
import stat
import tarfile
import time
import unicodedata
import zipfile
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from diagnosis.source import LoadError, decode_source, read_cells

from ..parts import BY_NAME
from ..student import find_functions

ROOT = Path(__file__).resolve().parents[2]
HOMEWORK = "homework.py"
IGNORED = {"__macosx", "__pycache__", "site-packages", "node_modules", "venv", "env", "thumbs.db", "desktop.ini"}
METADATA = "submission_metadata.yml"  # of Gradescope
DEPTH, NESTED = 20, 3  # folders in folders, and archives in archives
READ = 256  # megabytes that are read of a submission
LIST, MEMBERS = 16 << 20, 200_000  # largest list of an archive's members in bytes, and their number
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
# Names of the entries in downloads of Moodle, Brightspace, Blackboard, Canvas and Gradescope.
PLATFORMS = (
    r"(?P<name>.+)_(?P<number>\d+)_assignsubmission_(file|(?P<text>onlinetext))(_.*)?",
    r"(?P<number>\d+)-\d+ - (?P<name>.+?) - [^-]*\d{4}[^-]*( - .*)?",
    r".+_(?P<name>[^_]+)(?P<number>)_attempt_\d{4}(-\d\d){5}([_.].*)?",
    r"(?P<name>.+?)(_LATE)?_(?P<number>\d\d+)_\d\d+_.+",
    r"(?P<name>submission)_(?P<number>\d+)",
)
DEFINES = re.compile(rf"^(def[ \t]+)?({'|'.join(BY_NAME)})[ \t]*[(=:]", re.MULTILINE)


_find = functools.lru_cache(1000)(find_functions)


class File(NamedTuple):
    """File that may count: its path in the delivery, its time, its kind, its source and its functions.

    The time (year, month and so on) is what an archive tells, else LOOSE. The kind is ".py" or ".ipynb".
    """

    path: str
    time: tuple
    kind: str
    text: str
    found: dict


class Submission(NamedTuple):
    """Submission of a student: its unique, printable name, its first entry, and its files.

    `problems` has sentences about other files, with a rank: 0 for a file that may be the homework.
    """

    name: str
    entry: str
    files: list
    problems: list


class _Item(NamedTuple):
    """Path of a file, its time, and a function that opens it or raises LoadError."""

    path: str
    time: tuple
    open: object


def read_delivery(path, single=False):
    """Read all submissions of a delivery, a folder, an archive or a file.

    Each entry is a submission. If entries have names of a platform's download, those of one student
    are one submission. Such a download may also be a folder or a zip in the folder.

    Parameters
    ----------
    path : Path
        One submission is a file, or a folder with homework.py and nothing that the lab does not have.
        A zip is a class if it has names of a platform, or only folders that the lab does not have.
    single : bool
        Whether the path is one submission, whatever it holds.

    Returns
    -------
    submissions : list of Submission
        Sorted by name.
    others : list of str
        Paths of entries that are not submissions.
    """
    path = Path(os.path.realpath(path))
    with contextlib.ExitStack() as opened:
        items = list(_walk(path)) if path.is_dir() else [_on_disk(path, _text(path.name))]
        for item in [item for item in items if item.path.lower().endswith(".zip") and "/" not in item.path]:
            prefix = f"{item.path}/" if path.is_dir() else ""
            with contextlib.suppress(Exception), contextlib.ExitStack() as file:
                inside = [] if single else list(_members(file.enter_context(item.open()), prefix))
                if _find_classes(inside, prefix) or not prefix and _is_class(inside, packed=True):
                    items = [other for other in items if other is not item] + inside
                    opened.push(file.pop_all())
        classes = set() if single else _find_classes(items)
        alone = single or not path.is_dir() and items[0].path == _text(path.name)
        groups, others = {"": (_text(path.name), "", items)}, []
        if not alone and (classes or _is_class(items, packed=not path.is_dir())):
            groups, others = _group(items, classes)
        names = {}
        for item in items:
            if classes and PurePosixPath(item.path).name == METADATA:
                names |= _read_names(item)
        taken, found = set(), []
        for _, (name, entry, own) in sorted(groups.items()):
            name = _make_unique(names.get(name) or _stem(name), taken)
            taken.add(name.casefold())
            found.append(Submission(name, entry, *_Reader().read_all(own)))
    return sorted(found), others


def _find_classes(items, within=""):
    """Return the folders with names of a platform's download. They end with a slash; the top is "".

    Students may have files with such names, too. So other folders need several, and nothing else.
    """
    students, mixed = {}, set()
    for item in items:
        parts = item.path.removeprefix(within).split("/")
        for n, part in enumerate(parts[:3]):
            folder = within + "".join(f"{name}/" for name in parts[:n])
            if part == METADATA or _student(part):
                students.setdefault(folder, set()).add(METADATA if part == METADATA else _student(part)[0])
                break
            if n < len(parts) - 1 or _ending(part) in LARGEST:
                mixed.add(folder)
    several = {folder for folder, found in students.items() if len(found) > 1 and folder not in mixed}
    return several | {folder for folder, found in students.items() if not folder or METADATA in found}


@functools.lru_cache(100_000)
def _student(name):
    """Return what the name of an entry in a download says of a student, or None."""
    found = next(filter(None, (re.fullmatch(pattern, name) for pattern in PLATFORMS)), None)
    return found and (f"{found['name']}_{found['number']}".rstrip("_"), bool(found.groupdict().get("text")))


def _is_class(items, packed):
    """Tell whether items without names of a platform are a class.

    A folder is one, unless it has homework.py and nothing that the lab does not have. A zip is one if
    it has several folders that the lab does not have.
    """
    tops = {item.path.partition("/")[0]: "/" in item.path for item in items}
    tops = {name: folder for name, folder in tops.items() if folder or _ending(name) in (*LARGEST, *KINDS)}
    lab = {HOMEWORK, "build", *(entry.name for entry in ROOT.iterdir())}
    if packed:
        return len(tops) > 1 and all(tops.values()) and lab.isdisjoint(tops)
    return HOMEWORK not in tops or not lab >= tops.keys()


def _group(items, classes):
    """Return a dict from keys to the name, first entry and items of a submission, and the entries that are none."""
    groups, others = {}, {}
    for item in items:
        folder = max((folder for folder in ("", *classes) if item.path.startswith(folder)), key=len)
        top, inside, _ = item.path[len(folder) :].partition("/")
        name, is_text = folder in classes and _student(top) or (top, False)
        key = name if folder in classes and _student(top) else folder + top
        stray = classes and not _student(top) and not inside and _ending(top) not in LARGEST
        if is_text or stray or top in (METADATA, "index.html"):
            others[folder + top] = key
        else:
            groups.setdefault(key, (name, folder + top, []))[2].append(item)
    return groups, sorted(path for path, key in others.items() if key not in groups)


def _read_names(item):
    """Return the names of students by Gradescope's folders, which have only numbers."""
    names = {}
    with contextlib.suppress(Exception), item.open() as file:
        for line in reversed(file.read(LIST).decode("utf-8", "replace").splitlines()):
            if found := re.search(r":name: *['\"]?(.*?)['\"]?\s*$", line):
                name = _printable(found[1])
            elif found := re.match(r"submission_(\d+):", line):
                names[f"submission_{found[1]}"] = f"{name}_{found[1]}"
    return names


def _walk(folder):
    """Yield the items of a folder on disk. Hidden files are left out, and links are not followed."""
    failed = []
    for here, folders, names in os.walk(folder, onerror=failed.append):
        place = _place(here, folder)
        if place.count("/") > DEPTH:
            yield _Item(place, LOOSE, _refuse(f"is in more than {DEPTH} folders. Hand in only {HOMEWORK}"))
            folders[:] = names[:] = ()
        elif place and not folders and not names:
            yield _Item(place, LOOSE, _refuse("is an empty folder"))
        for name in sorted([*names, *(name for name in folders if Path(here, name).is_symlink())]):
            if not _is_ignored(name):
                yield _on_disk(Path(here, name), place + _text(name))
        folders[:] = sorted(name for name in folders if not _is_ignored(name))
    for error in failed:
        yield _Item(_place(error.filename, folder), LOOSE, _refuse(f"cannot be read: {error.strerror}"))


def _place(path, folder):
    return "".join(f"{_text(part)}/" for part in Path(path).relative_to(folder).parts)


def _on_disk(path, name):
    """Return the item of a file. Reading a pipe would never end, and a link may point to another student's file."""
    if path.is_symlink() or not path.is_file():
        return _Item(name, LOOSE, _refuse(f"is {'a link' if path.is_symlink() else 'not a file'}. Hand in the file"))
    return _Item(name, LOOSE, functools.partial(open, path, "rb"))


def _refuse(problem):
    """Return a function that raises LoadError."""

    def refuse():
        raise LoadError(problem)

    return refuse


def _is_ignored(name):
    return name.startswith(".") or name.casefold() in IGNORED


def _ending(name):
    return PurePosixPath(name.lower().removesuffix(".txt") if name.lower().endswith(".py.txt") else name.lower()).suffix


def _stem(name):
    return re.sub(r"(\.tar)?\.(py|zip|tar|tgz|gz)$", "", name, flags=re.IGNORECASE)


def _text(name):
    """Return a name on disk as printable text, whatever the encoding of the system is."""
    return _printable(os.fsencode(name).decode("utf-8", "replace"))


def _printable(name):
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in unicodedata.normalize("NFC", name))


def _make_unique(name, taken):
    """Add a number to a name that is taken. Case is ignored, as on some file systems."""
    number, new = 1, name
    while new.casefold() in taken:
        number += 1
        new = f"{name} ({number})"
    return new


class _Bounded:
    """Archive with a limit on the size of its lists."""

    def __init__(self, file):
        self.file, self.seek, self.tell, self.seekable = file, file.seek, file.tell, file.seekable

    def read(self, size=-1):
        data = self.file.read(size if 0 <= size <= LIST else LIST + 1)
        if len(data) > LIST:
            raise LoadError(f"is an archive with too many members. Hand in only {HOMEWORK}")
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
        leads_out = path.is_absolute() or ".." in path.parts or ":" in name[:2]
        if not (leads_out or any(map(_is_ignored, path.parts)) or len(path.parts) > DEPTH + 1):
            yield _Item(prefix + "/".join(map(_printable, path.parts)), when, opener)


def _zip_members(file):
    archive = zipfile.ZipFile(_Bounded(file))
    for member in sorted(archive.infolist(), key=lambda member: _ending(member.filename) in ARCHIVES):
        if not member.is_dir() and not stat.S_ISLNK(member.external_attr >> 16):
            yield member.filename, member.date_time, functools.partial(_open_member, archive, member)


def _open_member(archive, member):
    if member.flag_bits & 1:
        raise LoadError("is encrypted. Pack it without a password")
    if member.compress_type not in METHODS:
        raise LoadError("is compressed with an unsupported method. Pack it as a plain zip")
    return archive.open(member)


def _tar_members(file, start, take):
    file = gzip.GzipFile(fileobj=file) if start.startswith(b"\x1f\x8b") else file
    archive = tarfile.open(fileobj=_Bounded(file), mode="r:")
    for number, member in enumerate(archive):
        archive.members.clear()  # it would keep all
        take(member.size)
        if number == MEMBERS:
            raise LoadError(f"is an archive with too many members. Hand in only {HOMEWORK}")
        if member.isreg():
            yield member.name, time.gmtime(max(0, member.mtime))[:6], functools.partial(archive.extractfile, member)


class _Reader:
    """Reads the files of a submission, also in archives, up to a limit."""

    def __init__(self):
        self.files, self.problems, self.left = [], [], READ << 20

    def read_all(self, items):
        """Return the files that may count, and the problems of others."""
        for item in sorted(items, key=lambda item: _ending(item.path) in ARCHIVES):
            self.read(item, 0)
        if not self.files and not self.problems:
            self.problems.append((1, "The submission has no files"))
        return self.files, self.problems

    def read(self, item, nested):
        """Read an item. `nested` is the number of archives around it."""
        kind, rank = _ending(item.path), 0
        try:
            if kind not in LARGEST and not item.path.endswith("/"):
                rank = 1 if kind in KINDS else 2
                raise LoadError(KINDS.get(kind, "is not a Python file"))
            with item.open() as file:
                if kind not in ARCHIVES:
                    self.read_source(item, kind, self.load(file, kind))
                elif nested == NESTED:
                    raise LoadError(f"is an archive in {NESTED} others. Hand in only {HOMEWORK}")
                else:
                    on_disk = type(file) is io.BufferedReader  # others cannot be read in any order
                    file = file if on_disk else io.BytesIO(self.load(file, kind))
                    for member in _members(file, f"{item.path}/", self.take):
                        self.read(member, nested + 1)
        except LoadError as error:
            self.problems.append((rank, f"{item.path} {error}"))
        except OSError as error:
            self.problems.append((0, f"{item.path} cannot be read: {error.strerror or error}"))
        except Exception:  # damaged archives fail in many ways
            self.problems.append((0, f"{item.path} is damaged, or not what its name says. Pack it again"))

    def read_source(self, item, kind, data):
        """Keep a file that may count."""
        cells = read_cells(data) if kind == ".ipynb" else [decode_source(PurePosixPath(item.path).name, data)]
        if cells is None:
            raise LoadError("is not a notebook")
        text = "\n\n".join(cells)
        found = _find(text) if DEFINES.search(text) else {}
        if found:
            self.files.append(File(item.path, item.time, kind, text, found))
        else:
            self.problems.append((1, f"{item.path} {'defines none of the functions' if text.strip() else 'is empty'}"))

    def load(self, file, kind):
        """Read a file up to the limit of its kind."""
        data = file.read(LARGEST[kind] << 20)
        if file.read(1):
            raise LoadError(f"is larger than {LARGEST[kind]} MB. Hand in only {HOMEWORK}")
        self.take(len(data))
        return data

    def take(self, size):
        """Count bytes. Raise LoadError above the limit."""
        self.left -= size
        if self.left < 0:
            raise LoadError(f"is not read: the submission has more than {READ} MB. Hand in only {HOMEWORK}")
