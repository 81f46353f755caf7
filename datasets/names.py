"""Names, order and hashes of CIFAR-10's files, and the search for their folder."""

import os
from pathlib import Path

DATASETS = Path(__file__).resolve().parent
FOLDER = "cifar-10-batches-py"  # in the archive, and in datasets/
STAND_IN = "stand-in"
CACHE = "two-layer-net"  # a folder in the user's cache
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

# Endings that browsers give to incomplete downloads.
INCOMPLETE = (".crdownload", ".part", ".partial", ".download", ".opdownload", ".tmp")


def missing_batches(folder):
    """List the batch files that a folder lacks."""
    return [name for name in BATCHES if not (Path(folder) / name).is_file()]


def is_ours(path):
    """Return whether this project made a file itself, in datasets/ or in the user's cache."""
    folder = Path(path).resolve().parent
    return folder.name in (FOLDER, STAND_IN) and (folder.parent == DATASETS or CACHE in folder.parts)


def say_folder(folder, batch):
    """Return a hint if a folder holds a missing batch in another form or place.

    The archive is such a form. If nothing is found, the hint is an empty text.
    """
    if folder.is_file():
        return "It is a file: unpack it, and name the folder that is inside. "
    if not folder.is_dir():
        return ""
    for inner in sorted(path for path in folder.iterdir() if path.is_dir()):
        if (inner / batch).is_file():
            return f"The batches are one level down: name the folder {inner}. "
    for name in sorted(path.name for path in folder.iterdir()):
        if name.startswith("cifar-10-python"):
            return say_archive(name)
        if name in (f"{batch}.bin", f"{batch}.mat"):
            return f"{name} is of another version of CIFAR-10: get the Python version. "
        if name.startswith(batch) and (folder / name).is_file():
            return f"{name} is there: rename it if it is the batch. "
    return ""


def say_archive(name):
    """Return advice on an archive that a browser has renamed, unpacked or not completed."""
    if name.lower().endswith(INCOMPLETE):
        return f"{name} is an incomplete download: finish it, or delete it. "
    if name == "cifar-10-python":
        return ""
    return f"{name} is there: unpack it with tar -xf {name!r}, and name the folder {FOLDER}. ".replace("'", '"')


def browser_archives(folder):
    """List the archive of a folder, then the files that may be the archive under another name.

    Browsers rename a second download, and some unpack the file.
    """
    others = sorted(path for path in folder.glob("cifar-10-python*.*") if path.name != ARCHIVE and path.is_file())
    return [folder / ARCHIVE, *others]


def find_CIFAR10(root=None):
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
            f"{say_folder(folder, missing[0])}Get it with python datasets/fetch.py, "
            f"or set the environment variable CIFAR10_DIR to the folder that holds {BATCHES[0]}"
        )
    return folder
