"""Says what a file is that should be a batch and is not, from its first bytes."""

WANTED = "CIFAR-10's Python version is needed"
SIGNATURES = {  # the first bytes of a file: what it is
    b"version https://git-lfs": "it is a Git LFS pointer, not the data. Run git lfs pull in the repository",
    b"\x1f\x8b": "it is a gzip archive. Unpack it, and use the files that are inside",
    b"PK\x03\x04": "it is a zip archive. Unpack it, and use the files that are inside",
    b"BZh": "it is a bzip2 archive. Unpack it, and use the files that are inside",
    b"\xfd7zXZ\x00": "it is an xz archive. Unpack it, and use the files that are inside",
    b"Rar!": "it is a rar archive. Unpack it, and use the files that are inside",
    b"7z\xbc\xaf": "it is a 7z archive. Unpack it, and use the files that are inside",
    b"MATLAB 5.0": f"it is a MATLAB file. {WANTED}",
    b"\x89HDF": f"it is an HDF5 file. {WANTED}",
    b"\x93NUMPY": f"it is a NumPy array file. {WANTED}",
    b"\x89PNG": f"it is a PNG image. {WANTED}",
    b"\xc2\x80": "it was converted as if it were text in Latin-1. Copy it in binary mode",
    b"PAR1": f"it is a Parquet file. {WANTED}",
}


def say_content(content):
    """Describe the content of a file if its kind is known. Otherwise return an empty text."""
    if not content:
        return "it is empty"
    for beginning, words in SIGNATURES.items():
        if content.startswith(beginning):
            return words
    if content[257:262] == b"ustar":
        return "it is a tar archive. Unpack it, and use the files that are inside"
    start = content[:1000].removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if start.startswith((b"<!doctype", b"<html", b"<head", b"<?xml", b"<error", b"<!--")):
        return "it is a web page, probably the error message of a server"
    if not any(content[:1000]):
        return "it begins with zeros. A copy or download was interrupted"
    if len(content) % 3073 == 0 and all(label <= 9 for label in content[::3073]):
        return f"it is a file of CIFAR-10's binary version. {WANTED}"
    return "" if content.endswith(b".") else _say_text(content)  # a pickle ends with a full stop


def _say_text(content):
    start = content[:200].decode("utf-8", errors="replace")
    if start.translate(dict.fromkeys(map(ord, "\r\n\t"))).isprintable() and "\ufffd" not in start[:190]:
        return f"it is a text file that begins with {start[:40]!r}"
    return ""


def say_damage(content):
    """Describe the content of a file that is of no known kind and cannot be unpickled."""
    if content[:1] == b"\x80":
        end = "" if content.endswith(b".") else " before its end"
        return f"the pickle is damaged or cut off{end}, it has {len(content)} bytes"
    return _say_text(content) or f"it is not a pickle, it begins with the bytes {content[:8].hex(' ')}"
