"""Tests of the reader of batch files: good files, malicious, damaged and other files."""

import builtins
import pickle
import tracemalloc

import numpy as np
import pytest

from datasets.batch_pickle import read_batch


def check_refused(path, content, reason):
    """Check that reading the content raises an error with the file, the reason and advice."""
    path.write_bytes(content)
    with pytest.raises(
        ValueError, match=f"{path.name} is not a CIFAR-10 batch: .*{reason}.*Put a batch .* in its place"
    ):
        read_batch(path)


@pytest.mark.parametrize("keys", ["str", "bytes"])
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("protocol", range(6))
def test_python3_pickles_of_every_protocol(tmp_path, protocol, order, keys):
    """The keys may be str or bytes, and the array in C or Fortran order."""
    pixels = np.random.randint(0, 256, (3, 3072)).astype(np.uint8, order=order)
    batch = {"data": pixels, "labels": [1, 2, 3]}
    if keys == "bytes":
        batch = {key.encode(): value for key, value in batch.items()}
    (tmp_path / "batch").write_bytes(pickle.dumps(batch, protocol))
    read, labels = read_batch(tmp_path / "batch")
    np.testing.assert_array_equal(read, pixels)
    np.testing.assert_array_equal(labels, [1, 2, 3])


@pytest.mark.parametrize("core", [b"numpy.core", b"numpy._core"])
def test_python2_pickle(tmp_path, core):
    """The official files have protocol 2 with byte strings, and the module's name of NumPy 1."""
    array = (
        b"c" + core + b".multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R(K\x01K\x01M\x00\x0c\x86"
        b"cnumpy\ndtype\nU\x02u1K\x00K\x01\x87R(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89"
        b"T\x00\x0c\x00\x00" + bytes(range(256)) * 12 + b"tb"
    )
    (tmp_path / "batch").write_bytes(b"\x80\x02}(U\x06labels]K\x07aU\x04data" + array + b"u.")
    pixels, labels = read_batch(tmp_path / "batch")
    assert pixels[0, 255] == 255 and labels.tolist() == [7]


class Call:
    """Object that is pickled as a call of a function."""

    def __init__(self, function, *args):
        self.call = function, args

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize(("function", "code"), [(__import__("os").system, "touch {}"), (eval, "open({!r}, 'w')")])
def test_files_that_call_something(tmp_path, function, code):
    """Nothing runs, and the error names the function."""
    victim = tmp_path / "victim"
    call = Call(function, code.format(str(victim)))
    for evil in (call, {"data": call}, {"data": np.array([call, None], dtype=object), "labels": []}):
        check_refused(tmp_path / "batch", pickle.dumps(evil, 4), f"{function.__name__} is not allowed")
    assert not victim.exists()


@pytest.mark.parametrize(
    "content, name",
    [
        (b"\x80\x02cos\nsystem\n.", "os.system"),
        (b"\x80\x04\x8c\x02os\x8c\x0bpath.system\x93.", "os.path.system"),
        (b"\x80\x04\x8c\x05numpy\x8c\x0endarray.tofile\x93.", "numpy.ndarray.tofile"),
        (b"\x80\x02c_codecs\ndecode\n.", "_codecs.decode"),
        (b"\x80\x02c_codecs\nencode\nK\x01X\x06\x00\x00\x00latin1\x86R.", "_codecs.encode is allowed for latin1"),
        (b"\x80\x02c_codecs\nencode\nX\x01\x00\x00\x00aX\x05\x00\x00\x00rot13\x86R.", "_codecs.encode"),
        (b"(S'ls'\nios\nsystem\n.", "extension code is refused"),  # INST
        (b"(cnumpy\nndarray\no.", "extension code is refused"),  # OBJ
        (b"\x80\x02cnumpy\nndarray\n)\x81.", "extension code is refused"),  # NEWOBJ
        (b"\x80\x04cnumpy\nndarray\n)}\x92.", "extension code is refused"),  # NEWOBJ_EX
        (b"\x80\x02\x82\xf0.", "extension code is refused"),  # EXT1
        (b"\x80\x02\x83\xf0\x00.", "extension code is refused"),  # EXT2
        (b"\x80\x02\x84\xf0\x00\x00\x00.", "extension code is refused"),  # EXT4
        (b"Pthing\n.", "extension code is refused"),  # PERSID
        (b"\x80\x02K\x00Q.", "extension code is refused"),  # BINPERSID
        (b"\x80\x05\x97.", "extension code is refused"),  # NEXT_BUFFER
        (b"\x80\x02]K\x01\x85R.", "calling list"),
        (b"\x80\x02cnumpy\nndarray\n}X\x08\x00\x00\x00__call__K\x00sb.", "setting the state of _Name"),
    ],
)
def test_opcodes_that_could_call_something(tmp_path, content, name):
    """Dotted names, codecs, classes, persistent ids and extension codes are refused."""
    import copyreg

    copyreg.add_extension("os", "system", 0xF0)
    try:
        check_refused(tmp_path / "batch", content, name)
    finally:
        copyreg.remove_extension("os", "system", 0xF0)


GOOD = {"data": np.zeros((2, 3072), np.uint8), "labels": [0, 9]}


@pytest.mark.parametrize(
    "batch, wrong",
    [
        ([], "a batch must be a dict, got list"),
        ({"labels": [0]}, "data is missing"),
        ({"data": GOOD["data"]}, "labels is missing"),
        ({**GOOD, "data": [[0] * 3072] * 2}, "data must be an array, got list"),
        ({**GOOD, "data": np.zeros((2, 3071), np.uint8)}, r"shape \(n, 3072\): .* got shape \(2, 3071\)"),
        ({**GOOD, "data": np.zeros((2, 3072))}, r"uint8, got 'f8'. Save values 0..255 with data.astype\(numpy.uint8\)"),
        ({**GOOD, "data": np.zeros((2, 3, 32, 32), np.uint8)}, r"1024 red, .* got shape \(2, 3, 32, 32\)"),
        ({**GOOD, "labels": np.array([0, 9])}, r"labels must be a list, got an array. Save labels.tolist\(\)"),
        ({**GOOD, "labels": [np.int64(1), 0]}, r"multiarray.scalar is not .* plain ints: labels.tolist\(\)"),
        ({b"data": GOOD["data"], b"fine_labels": [0, 1]}, r"labels is missing \(this is CIFAR-100\)"),
        ({**GOOD, "labels": [0]}, "labels must be a list of 2"),
        ({**GOOD, "labels": [1, 10]}, "labels must be ints in 0..9, got '10' at row 1"),
        ({**GOOD, "labels": [-1, 0]}, "labels must be ints in 0..9, got '-1' at row 0"),
        ({**GOOD, "labels": [True, 1]}, "got 'True' at row 0"),
        ({**GOOD, "labels": [0, "cat"]}, "got 'cat' at row 1"),
    ],
)
def test_pickles_that_are_not_batches(tmp_path, batch, wrong):
    """The error says which part is wrong, and how to save it."""
    check_refused(tmp_path / "batch", pickle.dumps(batch, 4), wrong)


@pytest.mark.parametrize(
    "shape, raw, wrong",
    [
        ((2, 3072), bytes(6143), r"data of shape \(2, 3072\) must hold 6144 bytes"),
        ((1, 3072), [0] * 3072, r"data of shape \(1, 3072\) must hold 3072 bytes"),
        ((True, 3072), bytes(3072), r"data must have shape \(n, 3072\): .* got shape \(True, 3072\)"),
        ([1, 3072], bytes(3072), r"data must have shape \(n, 3072\): .* got shape \[1, 3072\]"),
    ],
)
def test_arrays_with_inconsistent_content(tmp_path, shape, raw, wrong):
    """The length of the content must match the shape."""
    build, arguments, (version, _, dtype, fortran, _) = np.zeros((1, 1), np.uint8).__reduce__()
    array = Call(build, *arguments)
    array.call += ((version, shape, dtype, fortran, raw),)
    check_refused(tmp_path / "batch", pickle.dumps({"data": array, "labels": [1]}, 4), wrong)


def read_damaged(path, content):
    """Check that content gives good arrays or a ValueError. Return whether it gives arrays."""
    path.write_bytes(content)
    tracemalloc.reset_peak()
    labels = None
    try:
        pixels, labels = read_batch(path)
    except ValueError as error:
        assert str(path) in str(error)
    else:
        assert pixels.dtype == np.uint8 and pixels.shape == (len(labels), 3072)
        assert ((labels >= 0) & (labels <= 9)).all()
    assert tracemalloc.get_traced_memory()[1] < 50e6  # even if the file contains huge lengths
    return labels is not None


@pytest.fixture
def traced():
    """Trace the memory that Python and NumPy reserve."""
    tracemalloc.start()
    yield
    tracemalloc.stop()


@pytest.mark.parametrize("protocol", range(2, 6))
def test_damaged_and_truncated_files(tmp_path, traced, protocol):
    """One byte is changed, or the file ends early. The result is a good array or a clear error."""
    pixels = np.arange(3 * 3072).astype(np.uint8).reshape(3, 3072)
    batch = {"batch_label": "testing", "labels": [3, 0, 9], "data": pixels, "filenames": []}
    content = pickle.dumps(batch, protocol)
    around = [*range(300), *range(len(content) - 150, len(content))]  # all but most of the pixels
    rng = np.random.default_rng(protocol)
    for place in rng.choice(around, 300):
        changed = rng.choice([*(content[place] ^ 1 << bit for bit in range(8)), 0, 255])
        read_damaged(tmp_path / "batch", content[:place] + bytes([changed]) + content[place + 1 :])
    for length in (*rng.choice(around, 50), *rng.choice(len(content), 20)):
        assert not read_damaged(tmp_path / "batch", content[:length])


def test_huge_lengths_in_a_file(tmp_path, traced):
    """If an opcode contains a huge length, only the existing bytes are read."""
    huge = (1 << 40).to_bytes(8, "little")
    for opcode in (b"\x8e", b"\x96", b"\x8d", b"\x95"):  # BINBYTES8, BYTEARRAY8, BINUNICODE8, FRAME
        read_damaged(tmp_path / "batch", b"\x80\x05" + opcode + huge + b"abc.")
    for opcode in (b"r", b"j"):  # LONG_BINPUT, LONG_BINGET: an index into the memo
        read_damaged(tmp_path / "batch", b"\x80\x02}" + opcode + b"\xff\xff\xff\x7f.")
    reconstruct = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\n\x8a\x05\x00\x00\x00\x00\x10\x85U\x01b\x87R"
    read_damaged(tmp_path / "batch", b"\x80\x02}U\x04data" + reconstruct + b"sU\x06labels]s.")


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"", "it is empty"),
        (b"<!DOCTYPE html>\n<html><title>404</title></html>", "a web page"),
        (b"\xef\xbb\xbf\n <html>", "a web page"),
        (b"PK\x03\x04rest", "an archive. Unpack it"),
        (b"data_batch_1".ljust(257, b"\0") + b"ustar  \0" + bytes(300), "an archive. Unpack it"),
        (b"Not found\r\n", r"a text file that begins with 'Not found\\r\\n'"),
        (b"A" * 199 + "é".encode(), "a text file that begins with 'AAA"),
        (b"See the other folder.", "a text file that begins with 'See the"),
        (b"\xff\xd8\xff\xe0\x00\x10JFIF", "not a pickle, it begins with the bytes ff d8 ff e0 00 10 4a 46"),
        (b"\x80\x02}q", "the pickle is damaged or cut off before its end, it has 4 bytes"),
        (b"\x80\x02\xff.", "the pickle is damaged or cut off, it has 4 bytes"),
        (pickle.dumps({"label_names": ["cat"], "num_vis": 3072}, 2), "data is missing"),  # batches.meta
        (pickle.dumps({"labels": [0]}, 0), "data is missing"),  # a pickle that is text
    ],
)
def test_other_files_with_the_name_of_a_batch(tmp_path, content, kind):
    """The error describes the kind of file and says what to do."""
    check_refused(tmp_path / "data_batch_2", content, kind)


@pytest.mark.parametrize("error", [MemoryError(), OSError(5, "disk")], ids=repr)
def test_errors_of_the_machine(tmp_path, monkeypatch, error):
    """They keep their type, because the content of the file is not their cause."""

    def fail(*args):
        raise error

    monkeypatch.setattr(builtins, "open", fail)
    with pytest.raises(type(error)) as caught:
        read_batch(tmp_path / "batch")
    if isinstance(error, MemoryError):
        assert str(caught.value) == f"memory is full while reading {tmp_path / 'batch'}: close other programs"
    else:
        assert caught.value is error
