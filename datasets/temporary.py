"""Atomic write of a folder of batches, through a temporary folder beside it."""

import errno
import shutil
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

from datasets.names import missing_batches
from files import move

PREFIX = ".incomplete-"  # of the temporary folders
ABANDONED = 600  # seconds without a change; a run in progress writes more often


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
        If the folder cannot be made, or if the disk is full. The message names the place and says
        what to do.

    Notes
    -----
    Several processes may do this at the same time. The first that ends makes the folder. The others
    use it, and their errors count no longer.
    """
    parent = target.parent
    advice = "Set CIFAR10_DIR to a folder that holds the batches, or run python datasets/fetch.py --dir FOLDER"
    try:
        parent.mkdir(parents=True, exist_ok=True)
        temporary = tempfile.TemporaryDirectory(dir=parent, prefix=PREFIX, ignore_cleanup_errors=True)
    except OSError as error:
        raise type(error)(f"nothing can be written into {parent.absolute()}: {error.strerror}. {advice}") from error
    with temporary:
        _remove_abandoned(parent)
        new = Path(temporary.name) / target.name
        try:
            new.mkdir()
            yield new
            move(new, target)
        except OSError as error:
            if not missing_batches(target):  # another process has made the folder in the meantime
                return
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            message = f"the disk or your disk quota is full: 600 MB are needed. {advice}"
            raise OSError(error.errno, message, str(parent.absolute())) from error


def _remove_abandoned(parent):
    """Remove the temporary folders of killed runs.

    A folder that has changed recently stays. It may belong to a run in progress.
    """
    for folder in parent.glob(f"{PREFIX}*"):
        try:
            newest = max(path.stat().st_mtime for path in (folder, *folder.rglob("*")))
        except OSError:  # another process has just removed it
            continue
        if time.time() - newest > ABANDONED:
            shutil.rmtree(folder, ignore_errors=True)
