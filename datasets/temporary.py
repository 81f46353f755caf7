"""Atomic write of a folder of batches, through a temporary folder beside it."""

import errno
import shutil
import tempfile
import time
from contextlib import contextmanager, suppress
from pathlib import Path

from datasets.names import missing_batches
from files import move

PREFIX = ".incomplete-"  # of the temporary folders
ABANDONED = 24 * 3600  # seconds; a run in progress takes less


@contextmanager
def atomic_folder(target):
    """Atomic write of a folder: make a new folder that is moved to `target` when the block ends.

    Parameters
    ----------
    target : Path
        The exact name of the folder. It must not exist. Its parent is created if it is missing.

    Yields
    ------
    Path
        The empty folder to fill. Its parent is temporary, too, and may hold other files.

    Raises
    ------
    OSError
        If the folder cannot be made. The message names the place and says what to do.

    Notes
    -----
    Several processes may do this at the same time. The first that ends makes the folder. The others
    use it, and ignore their own errors.
    """
    parent = target.parent
    advice = "Set CIFAR10_DIR to a folder that holds the batches, or run python datasets/fetch.py --dir FOLDER"
    try:
        parent.mkdir(parents=True, exist_ok=True)
        temporary = tempfile.TemporaryDirectory(dir=parent, prefix=PREFIX, ignore_cleanup_errors=True)
    except OSError as error:
        raise type(error)(f"nothing can be written into {parent.absolute()}: {error.strerror}. {advice}") from error
    with temporary:
        for folder in parent.glob(f"{PREFIX}*"):  # remove those of killed runs
            with suppress(OSError):  # another process has just removed it
                if time.time() - folder.stat().st_mtime > ABANDONED:
                    shutil.rmtree(folder, ignore_errors=True)
        new = Path(temporary.name) / target.name
        try:
            new.mkdir()
            yield new
            move(new, target)
        except OSError as error:
            if not missing_batches(target):
                return  # another process has made the folder in the meantime
            if error.errno != errno.ENOSPC:
                raise
            need = "CIFAR-10 needs 360 MB there, and the stand-in 185 MB"
            raise OSError(error.errno, f"the disk of {parent.absolute()} is full. {need}") from error
