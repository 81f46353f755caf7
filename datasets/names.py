"""Names, order and hashes of CIFAR-10's files, and the search for their folder."""

import os
from pathlib import Path

DATASETS = Path(__file__).resolve().parent
FOLDER = "cifar-10-batches-py"  # in the archive, and in datasets/
DEFAULT_ROOT = DATASETS / FOLDER

# https://www.cs.toronto.edu/~kriz/cifar.html
ARCHIVE = "cifar-10-python.tar.gz"
SHA256 = "6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce"  # of 170,498,071 bytes
MD5 = {  # of the batch files in the archive, in the order of the images
    "data_batch_1": "c99cafc152244af753f735de768cd75f",
    "data_batch_2": "d4bba439e000b95fd0a9bffe97cbabec",
    "data_batch_3": "54ebc095f3ab1f0389bbae665268c751",
    "data_batch_4": "634d18415352ddfa80567beed471001a",
    "data_batch_5": "482c414d41f54cd18b22e5b47cb7c3cb",
    "test_batch": "40351d587109b95175f43aff81a1287e",
}
BATCHES = tuple(MD5)
TRAIN_BATCHES, TEST_BATCHES = BATCHES[:5], BATCHES[5:]
CLASS_NAMES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


def find_CIFAR10(root: Path | str | None = None) -> Path:
    """Find the folder that holds the CIFAR-10 batches.

    Parameters
    ----------
    root : str or Path, optional
        The folder; ``~`` is the home folder. The default is the environment variable
        ``CIFAR10_DIR``, or ``datasets/cifar-10-batches-py`` if the variable is unset or empty.

    Returns
    -------
    Path

    Raises
    ------
    FileNotFoundError
        If the folder or one of its batches is missing. The message says where it looked and how
        to get the data.
    """
    folder = Path(os.path.expanduser(root or os.environ.get("CIFAR10_DIR") or DEFAULT_ROOT))
    missing = missing_batches(folder)
    if missing:
        raise FileNotFoundError(
            f"no CIFAR-10 in {folder.absolute()}: {missing[0]} is missing. "
            f"{_describe_folder(folder, missing[0])}Get it with python datasets/fetch.py, "
            f"or set the environment variable CIFAR10_DIR to the folder that holds {BATCHES[0]}"
        )
    return folder


def missing_batches(folder):
    """List the batch files that a folder lacks."""
    return [name for name in BATCHES if not (Path(folder) / name).is_file()]


def is_complete(folder):
    """Return whether a folder exists. If it exists, it must hold all batches.

    Raises
    ------
    FileExistsError
        If a batch is missing. The files that are there may be the user's, so nothing replaces them.
    """
    exists = os.path.lexists(folder)  # asked first: another process may move the whole folder here
    missing = missing_batches(folder)
    if exists and missing:
        raise FileExistsError(f"{folder} exists, but lacks {missing[0]}. Move it away, then try again")
    return not missing


def _describe_folder(folder, batch):
    """Describe what a folder holds in place of a missing batch. If it is nothing similar, return ""."""
    if folder.is_file():
        return "It is a file: unpack it, and name the folder that is inside. "
    if not folder.is_dir():
        return ""
    for path in sorted(folder.iterdir()):
        if (path / batch).is_file():
            return f"The batches are one level down: name the folder {path}. "
    for name in sorted(path.name for path in folder.iterdir() if path.is_file()):
        if name.startswith((batch, "cifar-10-python")):
            return f"{name} is there: unpack it if it is an archive, or rename it if it is the batch. "
    return ""
