"""Finds submissions and extracts the students' functions. Code of students does not run here."""

import io
import os
import stat
import unicodedata
import warnings
import zipfile
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from diagnosis.loading import MEGABYTES, LoadError, decode_source, explain_failure, read_source

from .function_text import function_source, is_empty
from .parts import PARTS

FILES = tuple(dict.fromkeys(part.file for part in PARTS))
IGNORED = {"__macosx", "site-packages", "node_modules", "venv", "env", "thumbs.db", "desktop.ini"}
ENTRIES = 50_000  # of a folder or zip; later ones are ignored
DEPTH = 20  # of nested folders; deeper ones are ignored
LIST = 4 << 20  # largest list of a zip's members in bytes, about 40,000 members
# Other methods can fill the memory before a limit is checked.
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


class Submission(NamedTuple):
    """Submission of a student.

    Attributes
    ----------
    name : str
        Name of the file or folder without ``.zip`` or ``.py``. It is unique and printable.
    path : Path
    """

    name: str
    path: Path


class Found(NamedTuple):
    """Function of a student, or the reason why a submission does not have it.

    Attributes
    ----------
    state : {"found", "not written", "missing", "syntax error", "unreadable"}
    text : str
        Source of the function from column 0 on if it is found, else a sentence that says why not.
    """

    state: str
    text: str


class Unreadable(Exception):
    """A submission or file cannot be read. The text says why, without the name of the file."""


def find_submissions(folder):
    """List the submissions in a folder.

    Parameters
    ----------
    folder : Path
        Each folder, zip and file in it is a submission. Hidden files are ignored, and so are links
        to places outside of it. If `folder` is a file, or holds a file that students write, it is
        itself the only submission.

    Returns
    -------
    list of Submission
        In the order of their names.
    """
    folder = Path(os.path.realpath(folder))
    if not folder.is_dir() or any((folder / name).is_file() for file in FILES for name in (file, Path(file).name)):
        return [Submission(_printable(_stem(folder)), folder)]
    entries = [path for path in folder.iterdir() if not _is_ignored(path.name) and _stays_inside(path, folder)]
    taken, found = set(), []
    for path in sorted(entries, key=lambda path: os.fsencode(path.name)):
        name = _make_unique(_printable(_stem(path)), taken)
        taken.add(name.casefold())
        found.append(Submission(name, path))
    return sorted(found)


def _is_ignored(name):
    return name.startswith(".") or name.casefold() in IGNORED


def _stays_inside(path, folder):
    return not path.is_symlink() or Path(os.path.realpath(path)).is_relative_to(folder)


def _stem(path):
    return path.stem if path.suffix.lower() in (".zip", ".py") else path.name


def _printable(name):
    name = unicodedata.normalize("NFC", os.fsencode(name).decode("utf-8", "replace"))
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in name)


def _make_unique(name, taken):
    """Add a number to a name that is taken. Case is ignored, as on some file systems."""
    number, new = 1, name
    while new.casefold() in taken:
        number += 1
        new = f"{name} ({number})"
    return new


def read_parts(path):
    """Extract the students' functions from a submission.

    Parameters
    ----------
    path : Path
        A folder, a zip or a Python file.

    Returns
    -------
    dict of str to Found
        Maps the name of each part to what was found.
    """
    try:
        files = _open(path)
        if not files:
            raise Unreadable(f"holds neither {' nor '.join(FILES)}. Hand in the folder classifiers/")
    except Unreadable as error:
        return {part.name: Found("unreadable", f"The submission {error}") for part in PARTS}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the parser warns about some escape sequences
        return {part.name: _take(part, files) for part in PARTS}


def _open(path):
    """Return a dict from the names of needed Python files to functions that read them."""
    if path.is_dir():
        return _list_folder(path)
    if not path.is_file():
        raise Unreadable("is not a file. Hand in the folder classifiers/ as a zip")
    if path.suffix.lower() == ".zip":
        return _list_zip(path)
    if path.suffix.lower() == ".py":
        return {path.name: lambda: read_source(path)}
    raise Unreadable("is not a folder, a zip or a Python file. Hand in the folder classifiers/ as a zip")


def _list_folder(folder):
    """List a folder's files. If it has a zip and no Python file, list the zip instead."""
    files, zips, seen, top = {}, [], 0, Path(os.path.realpath(folder))
    for here, folders, names in os.walk(top):
        deep = len(Path(here).relative_to(top).parts) > DEPTH
        folders[:] = () if deep else sorted(name for name in folders if not _is_ignored(name))
        seen += 1 + len(names)
        if seen > ENTRIES:
            break
        for path in (Path(here, name) for name in sorted(names) if not _is_ignored(name)):
            if not path.is_file() or not _stays_inside(path, top):
                continue
            if path.suffix.lower() == ".py":
                files[path.relative_to(top).as_posix()] = lambda path=path: read_source(path)
            elif path.suffix.lower() == ".zip" and Path(here) == top:
                zips.append(path)
    return _list_zip(zips[-1]) if zips and not files else _select(files)  # some platforms send this


def _select(files):
    """Keep the files with a name of `FILES`. If there are none, keep a single file."""
    wanted = {PurePosixPath(file).name for file in FILES}
    named = {name: read for name, read in files.items() if PurePosixPath(name.casefold()).name in wanted}
    return named or (files if len(files) == 1 else {})


class _Bounded(io.BufferedReader):
    """Zip file with a limit on the size of its list of members."""

    def read(self, size=-1):
        data = super().read(size if 0 <= size <= LIST else LIST + 1)
        if len(data) > LIST:
            raise Unreadable("is a zip with too many members. Hand in only the folder classifiers/")
        return data


def _list_zip(path):
    """List the members of a zip. Nothing is unpacked here. Only needed files are read later."""
    try:
        with _Bounded(io.FileIO(path)) as file, zipfile.ZipFile(file) as archive:
            members = archive.infolist()
    except Unreadable:
        raise
    except OSError as error:
        raise Unreadable(f"cannot be read: {error.strerror or error}") from None
    except Exception:  # damaged archives fail in many ways
        raise Unreadable("is a damaged zip, or not a zip. Pack it again") from None
    files = {}
    for member in members[:ENTRIES]:
        name = PurePosixPath(member.filename.replace("\\", "/"))
        link = stat.S_ISLNK(member.external_attr >> 16)
        leads_out = name.is_absolute() or ".." in name.parts or ":" in member.filename[:2]
        if name.suffix.lower() != ".py" or link or leads_out or any(map(_is_ignored, name.parts)):
            continue
        files[name.as_posix()] = lambda member=member: _read_member(path, member)
    return _select(files)


def _read_member(path, member):
    """Read a member of a zip as Python source."""
    if member.flag_bits & 1:
        raise Unreadable("is encrypted. Pack it without a password")
    if member.compress_type not in METHODS:
        raise Unreadable("is compressed with an unsupported method. Pack it as a plain zip")
    try:
        with _Bounded(io.FileIO(path)) as file, zipfile.ZipFile(file) as archive, archive.open(member) as source:
            data = source.read((MEGABYTES << 20) + 1)
    except Exception:
        raise Unreadable("is damaged in the zip. Pack it again") from None
    return decode_source(member.filename, data)


def _choose(files, wanted):
    """Choose the file for a part: first by the right folder, then by the shortest path."""
    name, whole = PurePosixPath(wanted).name, f"/{wanted}"
    named = [file for file in files if PurePosixPath(file.casefold()).name == name]
    return min(named, key=lambda file: (not f"/{file.casefold()}".endswith(whole), file.count("/"), file), default=None)


def _take(part, files):
    """Take the function of a part from the file that counts, or from the only file."""
    name = _choose(files, part.file) or (next(iter(files)) if len(files) == 1 else None)
    if name is None:
        return Found("missing", f"The submission has no {part.file}")
    try:
        source = files[name]()
        # A method may be outside of its class.
        text = function_source(source, part.function) or function_source(source, part.function.split(".")[-1])
        if text is None:
            return Found("missing", f"{name} has no function {part.function}")
        compile(text, "<submission>", "exec", dont_inherit=True)  # finds more errors than the parser
        return Found("not written", f"{part.function} is not written") if is_empty(text) else Found("found", text)
    except (LoadError, Unreadable) as error:
        return Found("unreadable", f"{name} {error}")
    except SyntaxError as error:
        return Found("syntax error", f"{name}{_explain(error, name)}")
    except (ValueError, MemoryError, RecursionError):
        return Found("syntax error", f"{name}: Python cannot compile {part.function}")


def _explain(error, name):
    if not error.lineno or error.text is None:
        return f": {error.msg.strip(': ')}"
    error.filename = name
    return explain_failure(error, Path(name), "")
