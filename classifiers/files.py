"""Files of arrays: an atomic write, and a read that refuses anything but the arrays asked for."""

import os
import time
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from checks import check_array, check_shapes


@contextmanager
def atomic_write(path):
    """Open a binary file that replaces `path` when the block ends, whole or not at all.

    Parameters
    ----------
    path : str or Path
        Written as named. If the block raises, an existing file stays as it is.
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
    """Replace a file. On Windows, a virus scanner or another program may hold it for a moment: then try again."""
    for seconds in (0.05, 0.1, 0.2, 0.4, 0.8):
        try:
            return os.replace(source, target)
        except PermissionError:
            time.sleep(seconds)
    os.replace(source, target)


def read_params(path, shapes):
    """Read the parameters of a net from an ``.npz`` file. Nothing in the file is run.

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
        except MemoryError:  # the machine's error, not the file's
            raise
        except Exception as error:  # damaged archives fail in many ways
            raise ValueError(f"{path} is not a saved TwoLayerNet: {error}") from error
    return params
