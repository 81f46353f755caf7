"""What a batch file may say, and what it may not."""

import pickle
import tracemalloc

import numpy as np
import pytest
from conftest import write_batch

from datasets.batch_pickle import read_batch


@pytest.mark.parametrize("keys", ["str", "bytes"])
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("protocol", range(2, 6))
def test_python3_pickles_of_every_protocol(tmp_path, protocol, order, keys):
    """With str or bytes keys, in C or Fortran order."""
    pixels = np.random.randint(0, 256, (3, 3072)).astype(np.uint8, order=order)
    batch = {"data": pixels, "labels": [1, 2, 3]}
    if keys == "bytes":
        batch = {key.encode(): value for key, value in batch.items()}
    (tmp_path / "batch").write_bytes(pickle.dumps(batch, protocol))
    read, labels = read_batch(tmp_path / "batch")
    np.testing.assert_array_equal(read, pixels)
    np.testing.assert_array_equal(labels, [1, 2, 3])


def test_numpy_1_and_numpy_2_names(tmp_path):
    """The reconstructing function moved from numpy.core to numpy._core."""
    write_batch(tmp_path / "batch", np.zeros((1, 3072), np.uint8), [0], protocol=2)
    content = (tmp_path / "batch").read_bytes()
    assert b"cnumpy._core.multiarray\n" in content or b"cnumpy.core.multiarray\n" in content
    for core in (b"numpy.core", b"numpy._core"):
        (tmp_path / core.decode()).write_bytes(
            content.replace(b"numpy._core", b"numpy.core").replace(b"numpy.core", core)
        )
        assert read_batch(tmp_path / core.decode())[0].shape == (1, 3072)


def test_python2_pickle(tmp_path):
    """Protocol 2 with Python 2's byte strings, as in the official files."""
    array = (
        b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R(K\x01K\x01M\x00\x0c\x86"
        b"cnumpy\ndtype\nU\x02u1K\x00K\x01\x87R(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89"
        b"T\x00\x0c\x00\x00" + bytes(range(256)) * 12 + b"tb"
    )
    (tmp_path / "batch").write_bytes(b"\x80\x02}(U\x06labels]K\x07aU\x04data" + array + b"u.")
    pixels, labels = read_batch(tmp_path / "batch")
    assert pixels[0, 255] == 255 and labels.tolist() == [7]


class Call:
    """Pickles as a call of a function."""

    def __init__(self, function, *args):
        self.call = function, args

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize(
    "function, args, name",
    [
        (__import__("os").system, ("touch {}",), "system"),
        (eval, ("open({!r}, 'w')",), "builtins.eval"),
        (__import__("subprocess").Popen, (["touch", "{}"],), "subprocess.Popen"),
        (np.load, ("{}",), "numpy.load"),
    ],
)
def test_files_that_call_something(tmp_path, function, args, name):
    """Nothing runs, and the error names what was asked for."""
    victim = tmp_path / "victim"
    args = [a.format(str(victim)) if isinstance(a, str) else [part.format(victim) for part in a] for a in args]
    call = Call(function, *args)
    for evil in (call, {"data": call}, {"data": np.array([call, None], dtype=object), "labels": []}):
        (tmp_path / "batch").write_bytes(pickle.dumps(evil, 4))
        with pytest.raises(ValueError, match=rf"batch is no CIFAR-10 batch: .*{name} has no business"):
            read_batch(tmp_path / "batch")
    assert not victim.exists()


@pytest.mark.parametrize(
    "content, name",
    [
        (b"\x80\x02cos\nsystem\n.", "os.system"),
        (b"\x80\x04\x8c\x02os\x8c\x0bpath.system\x93.", "os.path.system"),
        (b"\x80\x04\x8c\x05numpy\x8c\x0endarray.tofile\x93.", "numpy.ndarray.tofile"),
        (b"\x80\x02c_codecs\ndecode\n.", "_codecs.decode"),
        (b"\x80\x02c_codecs\nencode\nX\x01\x00\x00\x00aX\x05\x00\x00\x00rot13\x86R.", "_codecs.encode"),
        (b"(S'ls'\nios\nsystem\n.", "extension code is refused"),  # INST
        (b"(cnumpy\nndarray\no.", "extension code is refused"),  # OBJ
        (b"\x80\x02cnumpy\nndarray\n)\x81.", "extension code is refused"),  # NEWOBJ
        (b"\x80\x02\x82\xf0.", "extension code is refused"),  # EXT1
        (b"Pthing\n.", "extension code is refused"),  # PERSID
        (b"\x80\x02]K\x01\x85R.", "calling list"),
        (b"\x80\x02cnumpy\nndarray\n}X\x08\x00\x00\x00__call__K\x00sb.", "setting the state of _Name"),
    ],
)
def test_opcodes_that_could_call_something(tmp_path, content, name):
    """Dotted names, codecs, classes, persistent ids, the extension registry: each is refused by name."""
    import copyreg

    copyreg.add_extension("os", "system", 0xF0)
    (tmp_path / "batch").write_bytes(content)
    try:
        with pytest.raises(ValueError, match=f"batch is no CIFAR-10 batch: .*{name}"):
            read_batch(tmp_path / "batch")
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
        ({**GOOD, "data": np.zeros((2, 3072))}, "data must have dtype uint8, got 'f8'"),
        ({**GOOD, "data": np.zeros((2, 3072), np.int8)}, "data must have dtype uint8, got 'i1'"),
        ({**GOOD, "data": np.zeros((2, 3071), np.uint8)}, r"data must have shape \(n, 3072\), got \(2, 3071\)"),
        ({**GOOD, "data": np.zeros(6144, np.uint8)}, r"shape \(n, 3072\), got \(6144,\)"),
        ({**GOOD, "labels": [0]}, "labels must be a list of 2"),
        ({**GOOD, "labels": (0, 1)}, "labels must be a list of 2"),
        ({**GOOD, "labels": [1, 10]}, "labels must be ints in 0..9, got '10' at row 1"),
        ({**GOOD, "labels": [-1, 0]}, "labels must be ints in 0..9, got '-1' at row 0"),
        ({**GOOD, "labels": [0, 1.0]}, "got '1.0' at row 1"),
        ({**GOOD, "labels": [True, 1]}, "got 'True' at row 0"),
        ({**GOOD, "labels": [0, "cat"]}, "got 'cat' at row 1"),
    ],
)
def test_files_that_are_no_batches(tmp_path, batch, wrong):
    """The error names the file, what is wrong and what to do."""
    (tmp_path / "batch").write_bytes(pickle.dumps(batch, 4))
    with pytest.raises(ValueError, match=f"batch is no CIFAR-10 batch: .*{wrong}.*Delete it and get the data again"):
        read_batch(tmp_path / "batch")


def read_damaged(path, content):
    """Read content as a batch: well-formed arrays or a ValueError that names the file, and no large reservation."""
    path.write_bytes(content)
    tracemalloc.reset_peak()
    try:
        pixels, labels = read_batch(path)
    except ValueError as error:
        assert str(path) in str(error)
    else:
        assert pixels.dtype == np.uint8 and pixels.shape == (len(labels), 3072)
        assert ((labels >= 0) & (labels <= 9)).all()
    assert tracemalloc.get_traced_memory()[1] < 50e6


@pytest.fixture
def traced():
    """Count every byte that Python and NumPy reserve."""
    tracemalloc.start()
    yield
    tracemalloc.stop()


@pytest.mark.parametrize("protocol", range(2, 6))
def test_damaged_files(tmp_path, traced, protocol):
    """Truncation at every length; every bit of every byte flipped, inside the pixels of every 97th byte."""
    batch = {"batch_label": "testing", "labels": [3], "data": np.arange(3072).astype(np.uint8)[None], "filenames": []}
    content = pickle.dumps(batch, protocol)
    some = bytes(range(20, 100))
    first, last = content.index(some), content.rindex(some)  # inside the pixels
    places = [i for i in range(len(content)) if not first < i < last or i % 97 == 0]
    for length in range(len(content)):
        read_damaged(tmp_path / "batch", content[:length])
    for i in places:
        for changed in (*(content[i] ^ 1 << bit for bit in range(8)), 0, 255):
            read_damaged(tmp_path / "batch", content[:i] + bytes([changed]) + content[i + 1 :])


def test_lengths_that_the_file_decides(tmp_path, traced):
    """Opcodes that announce gigabytes get what is there."""
    huge = (1 << 40).to_bytes(8, "little")
    for opcode in (b"\x8e", b"\x96", b"\x8d", b"\x95"):  # BINBYTES8, BYTEARRAY8, BINUNICODE8, FRAME
        read_damaged(tmp_path / "batch", b"\x80\x05" + opcode + huge + b"abc.")
    for opcode in (b"r", b"j"):  # LONG_BINPUT, LONG_BINGET: an index into the memo
        read_damaged(tmp_path / "batch", b"\x80\x02}" + opcode + b"\xff\xff\xff\x7f.")
    reconstruct = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\n\x8a\x05\x00\x00\x00\x00\x10\x85U\x01b\x87R"
    read_damaged(tmp_path / "batch", b"\x80\x02}U\x04data" + reconstruct + b"sU\x06labels]s.")


def test_swapped_files(tmp_path):
    """A batch under another's name is a batch; batches.meta under a batch's name is not."""
    write_batch(tmp_path / "test_batch", np.zeros((2, 3072), np.uint8), [1, 2])
    assert read_batch(tmp_path / "test_batch")[1].tolist() == [1, 2]
    (tmp_path / "data_batch_1").write_bytes(pickle.dumps({"label_names": ["cat"], "num_vis": 3072}, 2))
    with pytest.raises(ValueError, match="data_batch_1 is no CIFAR-10 batch: .*data is missing"):
        read_batch(tmp_path / "data_batch_1")
