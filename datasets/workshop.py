"""Temporary folder beside the destination of data, from which complete data are moved to their place."""

import errno
import os
import tempfile
import time
from contextlib import contextmanager

WAYS_OUT = "Give another folder with --dir, or set CIFAR10_DIR to a folder that holds the batches"


@contextmanager
def temporary_folder(parent, prefix):
    """Make a folder in another one, and remove it at the end.

    Parameters
    ----------
    parent : Path
        Made if it is missing.
    prefix : str
        The beginning of the new folder's name.

    Yields
    ------
    str
        Its path.

    Raises
    ------
    OSError
        If it cannot be made, or the disk is full. The message names the parent and the ways out.
    """
    try:
        parent.mkdir(parents=True, exist_ok=True)
        temporary = tempfile.TemporaryDirectory(dir=parent, prefix=prefix, ignore_cleanup_errors=True)
    except OSError as error:
        raise type(error)(f"nothing can be written into {parent.absolute()}: {error.strerror}. {WAYS_OUT}") from error
    with temporary as path:
        try:
            yield path
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            message = f"the disk is full, or your part of it: 600 MB are needed. {WAYS_OUT}"
            raise OSError(error.errno, message, str(parent.absolute())) from error


def move(source, target):
    """Rename a folder. On Windows, a virus scanner may hold one of its files for a moment: then try again."""
    for seconds in (0.1, 0.2, 0.4, 0.8, 1.6):
        try:
            return os.rename(source, target)
        except PermissionError:
            time.sleep(seconds)
    os.rename(source, target)
