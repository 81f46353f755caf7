"""Choice of the data of a run: CIFAR-10 or the stand-in."""

import hashlib
import os
from pathlib import Path
from typing import NamedTuple

from datasets import fetch, standin
from datasets.names import CLASS_NAMES, MD5, find_CIFAR10


class Source(NamedTuple):
    """Data of a run: the folder, the name to print, and the names of the ten classes."""

    folder: Path
    name: str
    class_names: tuple


def choose_data(choice: str | None = None) -> Source:
    """Find the data. If there are none, download CIFAR-10 or draw the stand-in.

    Parameters
    ----------
    choice : {"cifar-10", "stand-in"}, optional
        The default is the environment variable ``DATA``, or "cifar-10" if it is unset or empty.

    Returns
    -------
    Source

    Raises
    ------
    ValueError
        If the choice is neither "cifar-10" nor "stand-in".
    FileNotFoundError
        If ``CIFAR10_DIR`` names a folder without CIFAR-10. Using other data would hide a typing
        error.
    FileExistsError
        If ``datasets/cifar-10-batches-py`` lacks some of the files, for example because unpacking
        was interrupted.

    Notes
    -----
    "cifar-10" means the first of these:

    1. the folder that the environment variable ``CIFAR10_DIR`` names
    2. ``datasets/cifar-10-batches-py``
    3. a download
    4. the stand-in, if the download fails

    A download or the stand-in goes into ``datasets/``. If that folder is read-only, it goes into
    the user's cache, for example ``~/.cache/two-layer-net``.
    """
    choice = choice or os.environ.get("DATA") or "cifar-10"
    if choice not in ("cifar-10", "stand-in"):
        raise ValueError(f"DATA must be cifar-10 or stand-in, got {choice!r}")
    folder = fetch.data_folder()
    if choice == "cifar-10":
        try:
            return describe_data(find_CIFAR10())
        except FileNotFoundError:
            if os.environ.get("CIFAR10_DIR"):
                raise
        try:
            return describe_data(fetch.fetch(folder))
        except ConnectionError as error:
            print(f"{error}\nUsing the stand-in instead.")
    return describe_data(standin.make_standin(folder / standin.FOLDER))


def describe_data(folder: Path | str) -> str:
    """Describe the data in a folder of batches.

    Parameters
    ----------
    folder : str or Path
        The folder with the six batch files.

    Returns
    -------
    Source
        Its name is "CIFAR-10, official files" only if the MD5 of every batch is the official one.
    """
    folder, official = Path(folder).expanduser(), True
    for name, md5 in MD5.items():
        content = (folder / name).read_bytes()
        if standin.MARK.encode() in content[:1000]:
            return Source(folder, standin.MARK, standin.CLASS_NAMES)
        official = official and hashlib.md5(content).hexdigest() == md5
    name = "CIFAR-10, official files" if official else "CIFAR-10, files that differ from the official ones"
    return Source(folder, name, CLASS_NAMES)
