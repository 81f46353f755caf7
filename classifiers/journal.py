"""The journal of a sweep: one JSON line a finished trial, the net of each beside it."""

import json
import os
from pathlib import Path

import joblib
import numpy as np

from classifiers.neural_net import TwoLayerNet


def to_json(value):
    """Turn what JSON lacks into what it has; the same text on every machine."""
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, (type, np.dtype)):
        return np.dtype(value).name
    name = getattr(value, "__qualname__", None)
    text = f"{value.__module__}.{name}" if name else repr(value)
    if " at 0x" in text:
        raise TypeError(f"a journal needs values that print alike in every process, got {text}")
    return text


class Journal:
    """A file that a sweep writes as it goes, and takes finished trials from when it is called again.

    Parameters
    ----------
    path : str or Path
        A ``.jsonl`` file; made where it is missing. The nets go to a folder beside it, named alike.
    plan : dict
        What is swept: grid, fixed arguments, seed.
    arrays : sequence of ndarray
        The data, which the journal knows by a hash.

    Attributes
    ----------
    finished : list of dict
        The trials that the file holds.

    Raises
    ------
    ValueError
        Where the file belongs to another sweep, or is none.
    """

    def __init__(self, path, plan, arrays):
        self.path = Path(path)
        self.nets = self.path.with_suffix(".nets")
        self.nets.mkdir(parents=True, exist_ok=True)
        header = json.loads(json.dumps({**plan, "data": joblib.hash([np.asarray(a) for a in arrays])}, default=to_json))
        content = self.path.read_bytes() if self.path.exists() else b""
        whole = content[: content.rfind(b"\n") + 1]  # without a last line that was torn by a crash
        lines = self._parse(whole)
        if lines:
            self._compare(lines[0], header)
        self.finished = lines[1:]
        self._file = open(self.path, "r+b" if self.path.exists() else "w+b")
        self._file.truncate(len(whole))
        self._file.seek(len(whole))
        if not lines:
            self._write(header)

    def _parse(self, whole):
        try:
            return [json.loads(line) for line in whole.splitlines()]
        except ValueError as error:
            raise ValueError(f"journal {self.path} is damaged: {error}. Move it away to sweep anew") from error

    def _compare(self, theirs, ours):
        for key in ours:
            if not isinstance(theirs, dict) or theirs.get(key) != ours[key]:
                got = theirs.get(key) if isinstance(theirs, dict) else theirs
                raise ValueError(
                    f"journal {self.path} belongs to another sweep: its {key} is {got}, not {ours[key]}. "
                    "Name another file, or move this one away"
                )

    def _write(self, content):
        self._file.write(json.dumps(content, default=to_json).encode() + b"\n")
        self._file.flush()
        os.fsync(self._file.fileno())

    def add(self, trial, net):
        """Write a finished trial, its net first: what the journal names is there.

        Parameters
        ----------
        trial : dict
            With ``index``.
        net : TwoLayerNet or None
            None where the trial has left none.
        """
        if net is not None:
            net.save(self._net_path(trial["index"]))
        self._write(trial)

    def load_net(self, index):
        """Load the net of a finished trial."""
        return TwoLayerNet.load(self._net_path(index))

    def _net_path(self, index):
        return self.nets / f"{index:05d}.npz"

    def close(self):
        """Close the file."""
        self._file.close()
