"""Finds submissions, and takes the functions to be written out of them. Nothing of a submission is run here."""

import os
import stat
import zipfile
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from diagnosis.loading import MEGABYTES, LoadError, decode_source, explain_failure

from .parts import PARTS
from .source import function_source, is_empty

FILES = 2000  # in a submission
TOTAL = 4 * MEGABYTES << 20  # bytes of Python source in a submission
LEFT_OUT = {"__MACOSX", "__pycache__", "node_modules", "site-packages"}


class Submission(NamedTuple):
    """A student's folder, archive or file, and the name that it goes by."""

    name: str
    path: Path


class Taken(NamedTuple):
    """What a submission has for a part.

    Attributes
    ----------
    state : str
        "taken", "not written", "missing", or "unreadable".
    text : str
        The function, from column 0 on, if it is taken.
    message : str
        What is the matter otherwise.
    """

    state: str
    text: str = ""
    message: str = ""


class Unreadable(Exception):
    """A submission that cannot be read at all. The text says why."""


def find_submissions(folder):
    """List the submissions in a folder, in the order of their names.

    Parameters
    ----------
    folder : Path
        Each of its folders and files is a submission, but for hidden ones and links that lead out of it.

    Returns
    -------
    list of Submission
        A file goes by its name without the ending, if no other submission goes by that.
    """
    top = folder.resolve()
    paths = [
        path
        for path in sorted(folder.iterdir(), key=lambda path: path.name)
        if not path.name.startswith(".") and path.name not in LEFT_OUT and path.resolve().is_relative_to(top)
    ]
    short = [path.name if path.is_dir() else path.stem for path in paths]
    return [
        Submission(path.name if short.count(name) > 1 else name, path) for name, path in zip(short, paths, strict=True)
    ]


def take_parts(path):
    """Take the functions to be written out of a submission.

    Parameters
    ----------
    path : Path
        A folder, a zip archive or a file of Python source.

    Returns
    -------
    dict of str to Taken
        For the name of each part.

    Raises
    ------
    Unreadable
        If no file of the submission can be read.
    """
    files = _read(path)
    if not files:
        raise Unreadable("holds no Python file")
    sources = {}
    for name, data in sorted(files.items(), key=lambda item: (item[0].count("/"), item[0])):
        try:
            sources[name] = decode_source(Path(name), data)
        except LoadError as error:
            sources[name] = error
    if len(sources) == 1:
        (name, only), *_ = sources.items()
        if isinstance(only, LoadError):
            raise Unreadable(f"{name} {only}" if path.is_dir() else str(only))
    return {part.name: _take(part, sources) for part in PARTS}


def _take(part, sources):
    """Take one function: from the file of its name, or else from the first file that has it."""
    module = PurePosixPath(part.file)
    named = [name for name in sources if PurePosixPath(name).parts[-2:] == module.parts]
    named += [name for name in sources if name not in named and PurePosixPath(name).name == module.name]
    for name in named or sources:
        source = sources[name]
        if isinstance(source, LoadError):
            if named:
                return Taken("unreadable", message=f"{name} {source}")
            continue
        taken = _take_from(part, name, source)
        if named or taken.state != "missing":
            return taken
    return Taken("missing", message=f"no file has the function {part.function}")


def _take_from(part, name, source):
    """Take a function from the source of a file; a method may stand there as a function, too."""
    try:
        for qualname in dict.fromkeys([part.function, part.function.split(".")[-1]]):
            text = function_source(source, qualname)
            if text is not None:
                empty = is_empty(text)
                return Taken("not written", message="is not written") if empty else Taken("taken", text)
    except SyntaxError as error:
        lines, line = source.splitlines(), error.lineno or 1
        error.filename, error.text = name, lines[line - 1] if line <= len(lines) else ""
        error.lineno = line
        return Taken("unreadable", message=f"{name}{explain_failure(error, Path(name), '')}")
    except (ValueError, RecursionError, MemoryError):
        return Taken("unreadable", message=f"{name} is nested too deeply for Python, or holds what Python cannot read")
    return Taken("missing", message=f"{name} has no function {part.function}")


def _read(path):
    """Return the bytes of the Python files of a submission by their names within it."""
    try:
        if path.is_dir():
            return dict(_read_folder(path))
        if zipfile.is_zipfile(path) or path.suffix.lower() == ".zip":
            return dict(_read_zip(path))
        if not stat.S_ISREG(path.stat().st_mode):
            raise Unreadable("is not a file")
        if path.stat().st_size > MEGABYTES << 20:
            raise Unreadable(f"is larger than {MEGABYTES} MB")
        return {path.name: path.read_bytes()}
    except OSError as error:
        raise Unreadable(f"cannot be read: {error.strerror or error}") from None


def _read_folder(folder):
    """Yield the Python files of a folder; links are not followed."""
    count, total = 0, 0
    for place, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".") and name not in LEFT_OUT]
        for name in names:
            path = Path(place, name)
            count += 1
            if count > FILES:
                raise Unreadable(f"holds more than {FILES} files")
            if not name.endswith(".py") or name.startswith(".") or not stat.S_ISREG(path.lstat().st_mode):
                continue
            total += path.lstat().st_size
            if total > TOTAL:
                raise Unreadable(f"holds more than {TOTAL >> 20} MB of Python source")
            yield path.relative_to(folder).as_posix(), path.read_bytes()


def _read_zip(path):
    """Yield the Python files of a zip archive, from memory: nothing is unpacked to the disk."""
    total = 0
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            if len(members) > FILES:
                raise Unreadable(f"holds more than {FILES} files")
            for member in members:
                name = PurePosixPath(member.filename.replace("\\", "/"))
                hidden = any(part.startswith(".") or part in LEFT_OUT for part in name.parts)
                if member.is_dir() or hidden or name.is_absolute() or name.suffix != ".py":
                    continue
                if member.flag_bits & 1:
                    raise Unreadable("is a zip archive with a password")
                with archive.open(member) as file:
                    data = file.read((MEGABYTES << 20) + 1)  # whatever size it claims to have
                total += len(data)
                if total > TOTAL or len(data) > MEGABYTES << 20:
                    raise Unreadable(
                        f"holds more than {MEGABYTES} MB in one file, or {TOTAL >> 20} MB of Python source"
                    )
                yield name.as_posix(), data
    except (Unreadable, OSError):
        raise
    except Exception as error:  # damaged archives fail in many ways
        raise Unreadable(f"is not a zip archive, or is damaged: {error}") from None
