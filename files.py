"""Atomic write of a file, safe read of saved parameters, and the kind of an output stream."""

import os
import secrets
import time
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from checks import SHAPES, check_array, check_params


def is_watched(stream):
    """Tell whether somebody watches a stream, in a terminal or a notebook. If not, it is a file or a log."""
    return stream.isatty() or type(stream).__module__.startswith("ipykernel")


@contextmanager
def atomic_write(path):
    """Atomic write: open a new binary file that replaces `path` when the block ends.

    Parameters
    ----------
    path : str or Path
        The exact name of the file. ``~`` is the home folder. An error in the block keeps an old file.

    Notes
    -----
    Several threads, processes or machines may write the same file at the same time. The one that
    ends last wins.
    """
    path = Path(path).expanduser()
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}.tmp")
    try:
        with open(temporary, "xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        move(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def move(source, target):
    """Rename a file or a folder on the same disk. A file replaces an existing file.

    On Windows, a virus scanner or another program may lock a file for a moment. Therefore a
    `PermissionError` is raised only after five more attempts, which take 3 s.
    """
    rename = os.rename if os.path.isdir(source) else os.replace
    for seconds in (0.1, 0.2, 0.4, 0.8, 1.6):
        try:
            return rename(source, target)
        except PermissionError:
            time.sleep(seconds)
    rename(source, target)


def describe_content(content):
    """Describe what some bytes are that came in place of a file, or return ""."""
    if not content:
        return "it is empty"
    if content.startswith(b"version https://git-lfs"):
        return "it is a pointer of Git LFS, not the file itself. Get the file with git lfs pull"
    start = content[:1000].removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if start.startswith((b"<!doctype", b"<html", b"<head", b"<?xml", b"<error", b"<!--")):
        return "it is a web page, probably the error message of a server"
    return ""


def read_params(path):
    """Read the parameters of a net from an ``.npz`` file. No code in the file is run.

    Return its ``params`` and ``absorbed``. For errors, see `TwoLayerNet.load`.
    """
    with open(Path(path).expanduser(), "rb") as file:
        try:
            with np.load(file, allow_pickle=False) as arrays:
                params = {name: arrays[name] for name in SHAPES if name in arrays}
                absorbed = arrays["absorbed"].tolist() if "absorbed" in arrays else []
            check_params(params)
            for name, param in params.items():
                check_array(name, param, param.ndim)
        except MemoryError:  # not an error of the file
            raise
        except Exception as error:  # a damaged file can raise errors of many types
            file.seek(0)
            content = file.read(1000)  # numpy.load advises to allow pickle if it is not a zip file
            reason = describe_content(content) or (error if content[:2] == b"PK" else "it is not an .npz file")
            raise ValueError(f"{path} is not a saved TwoLayerNet: {reason}") from error
    return params, absorbed
