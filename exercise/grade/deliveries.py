"""Finds the submissions in a delivery, and reads the files of a submission. Code of students does not run here."""

import io
import json
import os
import re
import stat
import unicodedata
import zipfile
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from diagnosis.loading import LoadError, decode_source

ROOT = Path(__file__).resolve().parents[2]
HOMEWORK = "homework.py"
IGNORED = {"__macosx", "site-packages", "node_modules", "venv", "env", "thumbs.db", "desktop.ini"}
DEPTH = 20  # of nested folders; deeper ones are ignored
READ = 64  # megabytes of Python files that are read of a submission; later ones are ignored
LARGEST = {".py": 1, ".ipynb": 64}  # megabytes of a file
LIST = 16 << 20  # largest list of a zip's members in bytes, about 200,000 members
# Other methods can fill the memory before a limit is checked.
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
LOOSE = (9999,)  # time of a file that is not in an archive: copies and downloads change the real one


class Submission(NamedTuple):
    """Submission of a student: its unique, printable name, and its files, archives and folders."""

    name: str
    paths: tuple


class File(NamedTuple):
    """File of a submission.

    Its path is relative to the submission, with slashes, and has the name of its archive. The time
    (year, month and so on) is what an archive tells, else LOOSE. The text is source code.
    """

    path: str
    time: tuple
    text: str


def find_submissions(path, single=False):
    """List the submissions in a delivery, in the order of their names.

    Parameters
    ----------
    path : Path
        In a folder, each folder, archive and file is a submission. Hidden files are ignored, and so
        are links to places outside of it. A folder with homework.py and no Python file, archive or
        folder that the lab does not have is a single submission, and so is a file.
    single : bool
        Whether the path is a single submission, whatever it holds.
    """
    folder = Path(os.path.realpath(path))
    if not folder.is_dir() or single or _is_one_exercise(folder):
        return [Submission(_printable(_stem(folder)), (folder,))]
    taken, found = set(), []
    for entry in sorted(folder.iterdir(), key=lambda entry: os.fsencode(entry.name)):
        if not _is_ignored(entry.name) and _stays_inside(entry, folder):
            name = _make_unique(_printable(_stem(entry)), taken)
            taken.add(name.casefold())
            found.append(Submission(name, (entry,)))
    return sorted(found)


def _is_one_exercise(folder):
    """Tell whether a folder has homework.py, and nothing else that could be a submission."""
    others = [p.name for p in folder.iterdir() if p.is_dir() or p.suffix.lower() in (".py", ".ipynb", ".zip")]
    lab = {HOMEWORK, "build", *(entry.name for entry in ROOT.iterdir())}
    return HOMEWORK in others and all(name in lab or _is_ignored(name) for name in others)


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


def read_files(submission, kind, problems):
    """Yield each `File` of a kind, ".py" or ".ipynb", in a submission, also in archives.

    `problems` is a list that gets a sentence for each file that cannot be read.
    """
    left = READ << 20
    for name, time, open_file in _find(submission.paths, kind, problems):
        try:
            with open_file() as file:
                data = file.read(LARGEST[kind] << 20)
                if file.read(1):
                    raise LoadError(f"is larger than {len(data) >> 20} MB. Hand in only {HOMEWORK}")
            text = _read_cells(data) if kind == ".ipynb" else decode_source(name, data)
        except LoadError as error:
            problems.append(f"{name} {error}")
            continue
        except OSError as error:
            problems.append(f"{name} cannot be read: {error.strerror or error}")
            continue
        except Exception:  # damaged archives fail in many ways
            problems.append(f"{name} is damaged. Pack it again")
            continue
        left -= len(data)
        if left < 0:
            problems.append(f"The submission has more than {READ} MB of Python files. Hand in only {HOMEWORK}")
            return
        yield File(_printable(name), time, text)


def _find(paths, kind, problems):
    """Yield the name, the time and a function that opens it for each file of a kind."""
    for top in paths:
        for path in _walk(top) if top.is_dir() else [top]:
            name = path.relative_to(top).as_posix() if top.is_dir() else path.name
            suffix = path.suffix.lower()
            if not path.is_file():
                if suffix in (kind, ".zip") or path == top:
                    problems.append(f"{name} is not a file")
            elif suffix == kind:
                yield name, LOOSE, lambda path=path: open(path, "rb")
            elif suffix == ".zip":
                yield from _find_in_zip(path, name, kind, problems)
            elif path == top and suffix not in (".py", ".ipynb"):
                problems.append(f"{name} is not a Python file, a zip or a folder. Hand in {HOMEWORK}")


def _walk(folder):
    """Yield the files of a folder. Hidden folders, deep folders and links that lead out are left out."""
    for here, folders, names in os.walk(folder):
        deep = len(Path(here).relative_to(folder).parts) > DEPTH
        folders[:] = () if deep else sorted(name for name in folders if not _is_ignored(name))
        for path in (Path(here, name) for name in sorted(names) if not _is_ignored(name)):
            if _stays_inside(path, folder):
                yield path


class _Bounded(io.BufferedReader):
    """Zip file with a limit on the size of its list of members."""

    def read(self, size=-1):
        data = super().read(size if 0 <= size <= LIST else LIST + 1)
        if len(data) > LIST:
            raise LoadError(f"is a zip with too many members. Hand in only {HOMEWORK}")
        return data


def _find_in_zip(path, zip_name, kind, problems):
    """Yield what `_find` yields for the members of a zip. Nothing is unpacked."""
    try:
        with _Bounded(io.FileIO(path)) as file, zipfile.ZipFile(file) as archive:
            for member in archive.infolist():
                name = PurePosixPath(member.filename.replace("\\", "/"))
                link = stat.S_ISLNK(member.external_attr >> 16)
                leads_out = name.is_absolute() or ".." in name.parts or ":" in member.filename[:2]
                if name.suffix.lower() == kind and not (link or leads_out or any(map(_is_ignored, name.parts))):
                    yield f"{zip_name}/{name}", member.date_time, lambda member=member: _open_member(archive, member)
    except LoadError as error:
        problems.append(f"{zip_name} {error}")
    except OSError as error:
        problems.append(f"{zip_name} cannot be read: {error.strerror or error}")
    except Exception:  # damaged archives fail in many ways
        problems.append(f"{zip_name} is a damaged zip, or not a zip. Pack it again")


def _open_member(archive, member):
    if member.flag_bits & 1:
        raise LoadError("is encrypted. Pack it without a password")
    if member.compress_type not in METHODS:
        raise LoadError("is compressed with an unsupported method. Pack it as a plain zip")
    return archive.open(member)


def _read_cells(data):
    """Return the code cells of a notebook as one text. Lines that are not Python become comments."""
    try:
        cells = json.loads(data)["cells"]
        sources = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise LoadError("is not a notebook") from None
    return re.sub(r"^([ \t]*)(?=[%!])", r"\1pass  # ", "\n\n".join(sources) + "\n", flags=re.MULTILINE)
