"""Temporary folder beside the destination, for data that are not complete yet."""

import errno
import os
import tempfile
import time
from contextlib import contextmanager

ADVICE = "Give another folder with --dir, or set CIFAR10_DIR to a folder that holds the batches"


@contextmanager
def temporary_folder(parent, prefix):
    """Make a temporary folder, and remove it at the end of the context.

    Parameters
    ----------
    parent : Path
        The folder in which it is made. It is created if it is missing.
    prefix : str
        The beginning of the temporary folder's name.

    Yields
    ------
    str
        The path of the temporary folder.

    Raises
    ------
    OSError
        If the folder cannot be made, or if the disk is full. The message names the parent and says
        what to do.
    """
    try:
        parent.mkdir(parents=True, exist_ok=True)
        temporary = tempfile.TemporaryDirectory(dir=parent, prefix=prefix, ignore_cleanup_errors=True)
    except OSError as error:
        raise type(error)(f"nothing can be written into {parent.absolute()}: {error.strerror}. {ADVICE}") from error
    with temporary as path:
        try:
            yield path
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            message = f"the disk or your disk quota is full: 600 MB are needed. {ADVICE}"
            raise OSError(error.errno, message, str(parent.absolute())) from error


def move(source, target):
    """Rename a folder, and try again up to five times if a file in it is locked.

    On Windows, a virus scanner may lock a new file for a moment.
    """
    for seconds in (0.1, 0.2, 0.4, 0.8, 1.6):
        try:
            return os.rename(source, target)
        except PermissionError:
            time.sleep(seconds)
    os.rename(source, target)
