"""Tests of the messages about files that are not batches."""

import gzip

import pytest

from datasets.batch_pickle import read_batch


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "it is empty"),
        (b"\xc2\x80\x02}q", "it was converted as if it were text in Latin-1. Copy it in binary mode"),
        (b"\x80\x02cnumpy.core.multiarray\r\n_reconstruct\r\n.", "its line ends were converted .* in binary mode"),
        (
            b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 31035704\n",
            "a Git LFS pointer, .* lfs pull",
        ),
        (b"<!DOCTYPE html>\n<html><title>404</title></html>", "a web page"),
        (b"\xef\xbb\xbf\n <html>", "a web page"),
        (b"<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>", "a web page"),
        (gzip.compress(b"x", mtime=0), "a gzip archive. Unpack it"),
        (b"PK\x03\x04rest", "a zip archive. Unpack it"),
        (b"BZh91AY", "a bzip2 archive"),
        (b"\xfd7zXZ\x00rest", "an xz archive"),
        (b"data_batch_1".ljust(257, b"\0") + b"ustar  \0" + bytes(300), "a tar archive. Unpack it"),
        (b"MATLAB 5.0 MAT-file, Platform: GLNXA64", "a MATLAB file. CIFAR-10's Python version is needed"),
        (b"\x89HDF\r\n\x1a\n", "an HDF5 file"),
        (b"\x93NUMPY\x01\x00", "a NumPy array file"),
        (bytes(5000), "it begins with zeros. A copy or download was interrupted"),
        (bytes([7]) + bytes(range(256)) * 12, "a file of CIFAR-10's binary version. CIFAR-10's Python"),
        (b"Not found\r\n", r"a text file that begins with 'Not found\\r\\n'"),
        (b"label,pixel1\n3,0.5\n", "a text file that begins with 'label,pixel1"),
        ("Données".encode(), "a text file that begins with 'Données'"),
        (b"See the other folder.", "a text file that begins with 'See the"),
        (b"\xff\xd8\xff\xe0\x00\x10JFIF", "not a pickle, it begins with the bytes ff d8 ff e0 00 10 4a 46"),
        (b"\x80\x02}q", "the pickle is damaged or cut off before its end, it has 4 bytes"),
        (b"\x80\x02\xff.", "the pickle is damaged or cut off, it has 4 bytes"),
    ],
)
def test_other_files_with_the_name_of_a_batch(tmp_path, content, words):
    """The error describes the kind of file and says what to do."""
    (tmp_path / "data_batch_2").write_bytes(content)
    with pytest.raises(ValueError, match=f"data_batch_2 is not a CIFAR-10 batch: (it is )?{words}") as caught:
        read_batch(tmp_path / "data_batch_2")
    assert str(caught.value).endswith(". Put a batch of CIFAR-10 in its place")
