"""What a batch file may say, and what it may not."""

import pickle

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
