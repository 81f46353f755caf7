"""Read a CIFAR-10 batch file without running anything in it.

The official batches are Python 2 pickles. A pickle is a program: its author chooses which functions
the unpickler calls. This reader calls none of them. It knows the few names that a pickled array
needs, and records the arguments that the file gives them. It refuses every other name, and every
opcode that could call something. It builds the array afterwards, from the records.
"""

import io
import pickle

import numpy as np


class _Record:
    """What the file says about one array or dtype: recorded arguments; nothing is built yet."""

    def __init__(self, kind, args):
        self.kind, self.args, self.state = kind, args, None


class _Name:
    """A name that the file may use. Calling it records the arguments."""

    def __init__(self, kind):
        self.kind = kind

    def __call__(self, *args):
        if self.kind != "encode":
            return _Record(self.kind, args)
        text, codec = args  # Python 3's way to put bytes into an old protocol
        if not (isinstance(text, str) and codec == "latin1"):
            raise pickle.UnpicklingError("_codecs.encode is allowed for latin1 text only")
        return text.encode("latin1")


_KINDS = {("numpy", "ndarray"): "ndarray", ("numpy", "dtype"): "dtype", ("_codecs", "encode"): "encode"}
for _core in ("numpy.core", "numpy._core"):  # NumPy 1's name and NumPy 2's
    _KINDS[f"{_core}.multiarray", "_reconstruct"] = "_reconstruct"
    _KINDS[f"{_core}.numeric", "_frombuffer"] = "_frombuffer"  # protocol 5


class _BatchUnpickler(pickle._Unpickler):
    # The standard library's unpickler in Python. In the one in C, one flipped bit of a memo index reserves gigabytes.
    def find_class(self, module, name):
        if (module, name) not in _KINDS:
            raise pickle.UnpicklingError(f"{module}.{name} is not allowed in a CIFAR-10 batch")
        return _Name(_KINDS[module, name])

    def load_reduce(self):
        args, function = self.stack.pop(), self.stack[-1]
        if not isinstance(function, _Name):
            raise pickle.UnpicklingError(f"calling {type(function).__name__} is refused")
        self.stack[-1] = function(*args)

    def load_build(self):
        state, record = self.stack.pop(), self.stack[-1]
        if not isinstance(record, _Record):
            raise pickle.UnpicklingError(f"setting the state of {type(record).__name__} is refused")
        record.state = state

    def load_bytearray8(self):  # the inherited method reserves as many bytes as the file says
        self.append(bytearray(self.read(int.from_bytes(self.read(8), "little"))))

    def refuse(self):
        raise pickle.UnpicklingError("creating objects by class, persistent id or extension code is refused")

    dispatch = dict(pickle._Unpickler.dispatch)
    dispatch[pickle.REDUCE[0]] = load_reduce
    dispatch[pickle.BUILD[0]] = load_build
    dispatch[pickle.BYTEARRAY8[0]] = load_bytearray8
    for _opcode in ("INST", "OBJ", "NEWOBJ", "NEWOBJ_EX", "EXT1", "EXT2", "EXT4", "PERSID", "BINPERSID", "NEXT_BUFFER"):
        dispatch[getattr(pickle, _opcode)[0]] = refuse


def _text(key):
    return key.decode("ascii") if isinstance(key, bytes) else key


def _pixels(record):
    """Build the uint8 matrix that a record describes, if it describes one."""
    if not (isinstance(record, _Record) and record.kind in ("_reconstruct", "_frombuffer")):
        raise ValueError(f"data must be an array, got {type(record).__name__}")
    if record.kind == "_reconstruct":
        _, shape, dtype, fortran, raw = record.state
    else:
        raw, dtype, shape, order = record.args
        fortran = order == "F"
    code = _text(dtype.args[0]) if isinstance(dtype, _Record) and dtype.kind == "dtype" else dtype
    if code not in ("u1", "|u1"):
        raise ValueError(f"data must have dtype uint8, got {code!r}")
    if not (type(shape) is tuple and len(shape) == 2 and all(type(n) is int for n in shape) and shape[1] == 3072):
        raise ValueError(f"data must have shape (n, 3072), got {shape!r}")
    if not isinstance(raw, (bytes, bytearray)) or len(raw) != shape[0] * shape[1]:
        raise ValueError(f"data of shape {shape} must hold {shape[0] * shape[1]} bytes")
    return np.frombuffer(raw, np.uint8).reshape(shape, order="F" if fortran else "C")


def read_batch(path):
    """Read the pixels and labels of one CIFAR-10 batch file.

    Parameters
    ----------
    path : str or Path
        A batch file, pickled by Python 2 or 3 with any protocol, keys ``bytes`` or ``str``.

    Returns
    -------
    pixels : ndarray of uint8, shape (n, 3072)
        One image a row: 1024 red, 1024 green and 1024 blue values, each plane row by row.
        Read-only.
    labels : ndarray of int, shape (n,)
        Classes in 0..9.

    Raises
    ------
    ValueError
        If the file is not a well-formed batch. The message names the file, what is wrong and what
        to do.
    """
    with open(path, "rb") as file:
        content = file.read()
    try:
        batch = _BatchUnpickler(io.BytesIO(content), encoding="bytes").load()
        if not isinstance(batch, dict):
            raise ValueError(f"a batch must be a dict, got {type(batch).__name__}")
        batch = {_text(key): value for key, value in batch.items()}
        missing = {"data", "labels"} - batch.keys()
        if missing:
            raise ValueError(f"a batch must have the keys data and labels, {sorted(missing)[0]} is missing")
        pixels, labels = _pixels(batch["data"]), batch["labels"]
        if not isinstance(labels, list) or len(labels) != len(pixels):
            raise ValueError(f"labels must be a list of {len(pixels)}, one for each row of data")
        for row, label in enumerate(labels):
            if type(label) is not int or not 0 <= label <= 9:
                raise ValueError(f"labels must be ints in 0..9, got {str(label)[:40]!r} at row {row}")
    except Exception as error:  # unpickling damaged bytes raises errors of many types
        raise ValueError(
            f"{path} is not a CIFAR-10 batch: {str(error) or type(error).__name__}. Delete it and get the data again"
        ) from error
    return pixels, np.array(labels, dtype=np.int64)
