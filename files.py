"""Atomic write of a file, and safe read of saved parameters."""

import os
import secrets
import time
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from checks import SHAPES, check_array, check_params


@contextmanager
def atomic_write(path):
    """Atomic write: open a new binary file that replaces `path` when the block ends.

    Parameters
    ----------
    path : str or Path
        The exact name of the file. If the block raises, an existing file stays unchanged.

    Notes
    -----
    Several threads, processes or machines may write the same file at the same time. The one that
    ends last wins.
    """
    path = Path(path)
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


def read_params(path):
    """Read the parameters of a net from an ``.npz`` file. No code in the file is run.

    Parameters
    ----------
    path : str or Path

    Returns
    -------
    dict of ndarray
        Bit-identical to what was saved.

    Raises
    ------
    OSError
        If the file cannot be opened.
    ValueError
        If the file is not a complete saved net.
    """
    with open(path, "rb") as file:
        try:
            with np.load(file, allow_pickle=False) as arrays:
                params = {name: arrays[name] for name in SHAPES if name in arrays}
            check_params(params)
            for name, param in params.items():
                check_array(name, param, param.ndim)
        except MemoryError:  # not an error of the file
            raise
        except Exception as error:  # a damaged file can raise errors of many types
            raise ValueError(f"{path} is not a saved TwoLayerNet: {error}") from error
    return params
