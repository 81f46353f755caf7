"""Reader of CIFAR-10 batch files that runs no code from the file.

The official batches are Python 2 pickles. A pickle is a program: its author chooses which functions
the unpickler calls. This reader calls none of them. It accepts only the few names that a pickled
array needs, and records their arguments. It refuses all other names, and all opcodes that could
call a function. Afterwards it builds the array from the records.
"""

import io
import pickle

import numpy as np

from files import describe_content

_ARCHIVES = (b"\x1f\x8b", b"PK\x03\x04", b"BZh", b"\xfd7zXZ\x00", b"Rar!", b"7z\xbc\xaf")  # how they begin


class _Refused(ValueError):
    """Error for a well-formed pickle that is not a batch. The message says why."""


class _Record:
    """Recorded arguments of one array or dtype of the file. Nothing is built yet."""

    def __init__(self, kind, args):
        self.kind, self.args, self.state = kind, args, None


class _Name:
    """Name of a function or class that the file may use. Calling it records the arguments."""

    def __init__(self, kind):
        self.kind = kind

    def __call__(self, *args):
        if self.kind != "encode":
            return _Record(self.kind, args)
        text, codec = args  # Python 3's way to put bytes into an old protocol
        if not (isinstance(text, str) and codec == "latin1"):
            raise _Refused("_codecs.encode is allowed for latin1 text only")
        return text.encode("latin1")


_KINDS = {("numpy", "ndarray"): "ndarray", ("numpy", "dtype"): "dtype", ("_codecs", "encode"): "encode"}
for _core in ("numpy.core", "numpy._core"):  # NumPy 1's name and NumPy 2's
    _KINDS[f"{_core}.multiarray", "_reconstruct"] = "_reconstruct"
    _KINDS[f"{_core}.numeric", "_frombuffer"] = "_frombuffer"  # protocol 5


class _BatchUnpickler(pickle._Unpickler):
    # The base class is the standard library's unpickler in pure Python. In the C version, one wrong
    # bit in a memo index can reserve gigabytes.
    def find_class(self, module, name):
        if (module, name) not in _KINDS:
            advice = ". Save the labels as plain ints: labels.tolist()" if name == "scalar" else ""
            raise _Refused(f"{module}.{name} is not allowed in a CIFAR-10 batch{advice}")
        return _Name(_KINDS[module, name])

    def load_reduce(self):
        args, function = self.stack.pop(), self.stack[-1]
        if not isinstance(function, _Name):
            raise _Refused(f"calling {type(function).__name__} is refused")
        self.stack[-1] = function(*args)

    def load_build(self):
        state, record = self.stack.pop(), self.stack[-1]
        if not isinstance(record, _Record):
            raise _Refused(f"setting the state of {type(record).__name__} is refused")
        record.state = state

    def load_bytearray8(self):  # the inherited method reserves as many bytes as the file says
        self.append(bytearray(self.read(int.from_bytes(self.read(8), "little"))))

    def refuse(self):
        raise _Refused("creating objects by class, persistent id or extension code is refused")

    dispatch = dict(pickle._Unpickler.dispatch)
    dispatch[pickle.REDUCE[0]] = load_reduce
    dispatch[pickle.BUILD[0]] = load_build
    dispatch[pickle.BYTEARRAY8[0]] = load_bytearray8
    for _opcode in ("INST", "OBJ", "NEWOBJ", "NEWOBJ_EX", "EXT1", "EXT2", "EXT4", "PERSID", "BINPERSID", "NEXT_BUFFER"):
        dispatch[getattr(pickle, _opcode)[0]] = refuse


def read_batch(path):
    """Read the pixels and labels of one CIFAR-10 batch file.

    Parameters
    ----------
    path : str or Path
        A batch file, pickled by Python 2 or 3 with any protocol, keys ``bytes`` or ``str``.

    Returns
    -------
    pixels : ndarray of uint8, shape (n, 3072)
        One image per row: 1024 red, 1024 green and 1024 blue values. Each colour plane is stored
        row by row. The array is read-only.
    labels : ndarray of int, shape (n,)
        Classes in 0..9.

    Raises
    ------
    ValueError
        If the file is not a well-formed batch. The message names the file, what is wrong and what
        to do.
    MemoryError, OSError
        If the machine cannot read the file. The content of the file is not the cause.
    """
    try:
        with open(path, "rb") as file:
            content = file.read()
        return _parse(content)
    except MemoryError as error:
        raise MemoryError(f"memory is full while reading {path}: close other programs") from error
    except OSError:  # a missing file, a broken disk or no permission: the content is unknown
        raise
    except Exception as error:  # unpickling damaged bytes raises errors of many types
        reason = _describe(content, str(error) if isinstance(error, _Refused) else "")
        advice = "Put a batch of CIFAR-10 in its place, or move its folder away and get the data again"
        raise ValueError(f"{path} is not a CIFAR-10 batch: {reason}. {advice}") from error


def _parse(content):
    """Return the pixels and labels in the bytes of a batch file."""
    batch = _BatchUnpickler(io.BytesIO(content), encoding="bytes").load()
    if not isinstance(batch, dict):
        raise _Refused(f"a batch must be a dict, got {type(batch).__name__}")
    batch = {_text(key): value for key, value in batch.items()}
    missing = {"data", "labels"} - batch.keys()
    if missing:
        other = " (this is CIFAR-100)" if "fine_labels" in batch else ""
        raise _Refused(f"a batch must have the keys data and labels, {sorted(missing)[0]} is missing{other}")
    pixels, labels = _pixels(batch["data"]), batch["labels"]
    if isinstance(labels, _Record):
        raise _Refused("labels must be a list, got an array. Save labels.tolist()")
    if not isinstance(labels, list) or len(labels) != len(pixels):
        raise _Refused(f"labels must be a list of {len(pixels)}, one for each row of data")
    for row, label in enumerate(labels):
        if type(label) is not int or not 0 <= label <= 9:
            raise _Refused(f"labels must be ints in 0..9, got {str(label)[:40]!r} at row {row}")
    return pixels, np.array(labels, dtype=np.int64)


def _text(key):
    return key.decode("ascii") if isinstance(key, bytes) else key


def _pixels(record):
    """Build the uint8 matrix that a record describes. Refuse any other record."""
    if not (isinstance(record, _Record) and record.kind in ("_reconstruct", "_frombuffer")):
        raise _Refused(f"data must be an array, got {type(record).__name__}")
    if record.kind == "_reconstruct":
        _, shape, dtype, fortran, raw = record.state
    else:
        raw, dtype, shape, order = record.args
        fortran = order == "F"
    code = _text(dtype.args[0]) if isinstance(dtype, _Record) and dtype.kind == "dtype" else dtype
    if code not in ("u1", "|u1"):
        raise _Refused(f"data must have dtype uint8, got {code!r}. Save values 0..255 with data.astype(numpy.uint8)")
    if not (type(shape) is tuple and len(shape) == 2 and all(type(n) is int for n in shape) and shape[1] == 3072):
        wanted = "(n, 3072): in each row 1024 red, 1024 green and 1024 blue values"
        raise _Refused(f"data must have shape {wanted}, got shape {shape!r}")
    if not isinstance(raw, (bytes, bytearray)) or len(raw) != shape[0] * shape[1]:
        raise _Refused(f"data of shape {shape} must hold {shape[0] * shape[1]} bytes")
    return np.frombuffer(raw, np.uint8).reshape(shape, order="F" if fortran else "C")


def _describe(content, refusal):
    """Describe the content of a file that is not a batch, or say why the unpickler refused it."""
    if content.startswith(_ARCHIVES) or content[257:262] == b"ustar":
        return "it is an archive. Unpack it, and use the files that are inside"
    if known := describe_content(content):
        return known
    whole = content.endswith(b".")  # as every pickle does. A pickle of protocol 0 is text
    text = content[:200].decode("utf-8", errors="replace")
    printable = text.translate(dict.fromkeys(map(ord, "\r\n\t"))).isprintable() and "\ufffd" not in text[:190]
    if printable and not (whole and refusal):
        return f"it is a text file that begins with {text[:40]!r}"
    if refusal:
        return refusal
    if content[:1] == b"\x80":
        return f"the pickle is damaged or cut off{'' if whole else ' before its end'}, it has {len(content)} bytes"
    return f"it is not a pickle, it begins with the bytes {content[:8].hex(' ')}"
