"""Atomic write of a file, and safe read of saved parameters."""

import os
import time
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from checks import check_array, check_shapes


@contextmanager
def atomic_write(path):
    """Atomic write: open a new binary file that replaces `path` when the block ends.

    Parameters
    ----------
    path : str or Path
        The exact name of the file. If the block raises, an existing file stays unchanged.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with open(temporary, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        _replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _replace(source, target):
    """Replace a file. Try again for 1.5 s if another program has it open, as happens on Windows."""
    for seconds in (0.05, 0.1, 0.2, 0.4, 0.8):
        try:
            return os.replace(source, target)
        except PermissionError:
            time.sleep(seconds)
    os.replace(source, target)


def read_params(path, shapes):
    """Read the parameters of a net from an ``.npz`` file. No code in the file is run.

    Parameters
    ----------
    path : str or Path
    shapes : dict of str
        Names and shapes of the parameters, as `checks.check_shapes` takes them.

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
                params = {name: arrays[name] for name in shapes if name in arrays}
            check_shapes("params", params, shapes)
            for name, param in params.items():
                check_array(name, param, param.ndim)
        except MemoryError:  # not an error of the file
            raise
        except Exception as error:  # a damaged file can raise errors of many types
            raise ValueError(f"{path} is not a saved TwoLayerNet: {error}") from error
    return params
