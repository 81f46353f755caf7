"""Journal of a sweep: a file with one line of JSON for each trial, and a folder with the trained nets."""

import json
import os
from pathlib import Path

import joblib
import numpy as np

from classifiers.neural_net import TwoLayerNet


def to_json(value):
    """Convert a value that the json module cannot write, to the same text in every process.

    Parameters
    ----------
    value : object
        A NumPy number becomes a number. Types and functions become their names. Any other value
        becomes its ``repr``.

    Returns
    -------
    int, float, bool or str

    Raises
    ------
    TypeError
        If the ``repr`` holds an address in memory, which differs from process to process.
    """
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
    """A file that records each trial of a sweep, so that a later call can continue the sweep.

    The first line describes the sweep. Each further line is a trial. Used as a context manager,
    the journal closes its file at the end.

    Parameters
    ----------
    path : str or Path
        A ``.jsonl`` file, created if it does not exist. The nets go to a folder beside it, which
        has the same name with the suffix ``.nets``.
    plan : dict
        Describes the sweep: grid, fixed arguments, seed.
    arrays : sequence of ndarray
        The data. The journal stores a hash of them.

    Attributes
    ----------
    trials : list of dict
        What `add` wrote in earlier calls.

    Raises
    ------
    ValueError
        If the file belongs to another sweep, or is not a journal. The file stays as it is.
    TypeError
        If a value of `plan` cannot be written, see `to_json`.
    """

    def __init__(self, path, plan, arrays):
        self.path = Path(path)
        self._nets = self.path.with_suffix(".nets")
        header = _to_line({**plan, "data": joblib.hash([np.asarray(a) for a in arrays])})
        content = self.path.read_bytes() if self.path.exists() else b""
        complete = content[: content.rfind(b"\n") + 1]  # a crash may have left half a line at the end
        if complete:
            lines = self._parse(complete)
            self._compare(lines[0], json.loads(header))
        elif not header.startswith(content):
            raise self._damaged("its first line is not complete")
        self.trials = lines[1:] if complete else []

        self._nets.mkdir(parents=True, exist_ok=True)
        self._file = open(self.path, "ab")
        self._file.truncate(len(complete))
        if not complete:
            self._write(header)

    def _parse(self, complete):
        try:
            lines = [json.loads(line) for line in complete.split(b"\n")[:-1]]
        except ValueError as error:
            raise self._damaged(error) from error
        if not all(isinstance(line, dict) for line in lines):
            raise self._damaged("a line is not a JSON object")
        return lines

    def _damaged(self, reason):
        return ValueError(f"journal {self.path} is damaged: {reason}. Move it away to start a new sweep")

    def _compare(self, theirs, ours):
        for key in ours:
            if theirs.get(key) != ours[key]:
                raise ValueError(
                    f"journal {self.path} belongs to another sweep: its {key} is {theirs.get(key)}, not {ours[key]}. "
                    "Name another file, or move this one away"
                )

    def _write(self, line):
        self._file.write(line)
        self._file.flush()
        os.fsync(self._file.fileno())

    def add(self, trial, net):
        """Save the net of a trial, then write the trial's line: each line has its net, even after a crash.

        Parameters
        ----------
        trial : dict
            With ``index``.
        net : TwoLayerNet or None
            None if the trial has no net.
        """
        if net is not None:
            net.save(self._net_path(trial["index"]))
        self._write(_to_line(trial))

    def load_net(self, index):
        """Load the net of the trial with this index."""
        return TwoLayerNet.load(self._net_path(index))

    def _net_path(self, index):
        return self._nets / f"{index:05d}.npz"

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self._file.close()


def _to_line(content):
    return json.dumps(content, default=to_json).encode() + b"\n"
