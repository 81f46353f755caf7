"""Journal of a sweep: a file with one line of JSON for each trial, and a folder with the nets."""

import itertools
import json
import os
from dataclasses import fields
from pathlib import Path

import joblib
import numpy as np

from classifiers.history import History
from classifiers.neural_net import TwoLayerNet
from classifiers.sweep.trials import Trial

try:
    import fcntl
except ImportError:  # on Windows a journal cannot be locked
    fcntl = None

KEYS = {field.name for field in fields(Trial)} | {"iterations_per_epoch", "ended"}  # of the line of a trial


class Journal:
    """Journal: a file that records each trial of a sweep. A later call can continue from it.

    The first line describes the sweep. Each further line is a trial. Creating the object only reads
    the file and compares it with the arguments. To write, use the object as a context manager: it
    opens the file at the start and closes it at the end.

    Parameters
    ----------
    path : str or Path
        A ``.jsonl`` file, created if it does not exist. The nets are saved in a folder beside it,
        with the file's whole name and ``.nets`` added. Different spellings of one path are the same
        journal.
    plan : dict
        Describes the sweep: grid, fixed arguments, seed, and ``code``, a hash of the code that
        trains. If only the code differs from that in the file, the file and its nets are renamed,
        and a new journal starts.
    arrays : sequence of ndarray
        The data. The journal stores a hash of them.
    combinations : list of dict
        The swept hyperparameters of each trial of the sweep.

    Attributes
    ----------
    trials : list of Trial
        What `add` wrote in earlier calls, and what need not be trained again. A trial is left out
        if it failed, or if its net is missing.

    Raises
    ------
    ValueError
        If the file belongs to another sweep, or is not a journal. The file stays unchanged.
    TypeError
        If the ``repr`` of a value of `plan` contains an address in memory, which differs in each
        process.
    RuntimeError
        At the start of the context, if another sweep is writing the file.
    """

    def __init__(self, path, plan, arrays, combinations):
        if not isinstance(path, (str, Path)):
            raise TypeError(f"journal must be the name of a file, got {path!r}")
        self.path = Path(path).expanduser().resolve()
        if self.path.is_dir():
            raise ValueError(f"journal must be the name of a file, got the folder {self.path}")
        self._nets = _nets_of(self.path)
        self._header = _to_line({**plan, "data": joblib.hash([np.asarray(a) for a in arrays])})
        content = self.path.read_bytes() if self.path.exists() else b""
        self._size = len(content)
        self._complete = content[: content.rfind(b"\n") + 1]  # a crash may have left half a line at the end
        self.trials, self._outdated = [], False
        if self._complete:
            theirs, *lines = self._parse()
            ours = json.loads(self._header)
            self._outdated = theirs.get("code") != ours.pop("code")
            for key in ours:
                if theirs.get(key) != ours[key]:
                    raise ValueError(
                        f"journal {self.path} belongs to another sweep: its {key} is {theirs.get(key)}, not "
                        f"{ours[key]}. Name another file, or move this one away"
                    )
            if not self._outdated:
                self.trials = self._select([self._to_trial(line, combinations) for line in lines])
        elif not self._header.startswith(content):
            raise self._damaged("its first line is not complete")

    def _parse(self):
        try:
            lines = [json.loads(line) for line in self._complete.split(b"\n")[:-1]]
        except ValueError as error:
            raise self._damaged(error) from error
        if not all(isinstance(line, dict) for line in lines):
            raise self._damaged("a line is not a JSON object")
        return lines

    def _damaged(self, reason):
        return ValueError(f"journal {self.path} is damaged: {reason}. Move it away to start a new sweep")

    def _to_trial(self, line, combinations):
        """Return the trial of a line that `add` wrote."""
        index = line.get("index")
        fits = line.keys() == KEYS and type(index) is int and index in range(len(combinations))
        fits = fits and line["params"] == json.loads(_to_line(combinations[index]))
        if not fits or line["state"] not in ("done", "diverged", "failed"):
            raise self._damaged(f"the line of trial {index!r} is not that of a trial of this sweep")
        history = History(line["stats"], line.pop("iterations_per_epoch"))
        history.ended = line.pop("ended")
        return Trial(**{**line, "params": combinations[index], "stats": history})

    def _select(self, trials):
        """Return the trials that need not be trained again. The last line of each trial counts."""
        latest = {trial.index: trial for trial in trials if trial.state != "failed"}
        found = [trial for i, trial in latest.items() if trial.state == "diverged" or self._net_path(i).exists()]
        if missing := len(latest) - len(found):
            print(f"{missing} nets are missing in {self._nets}: the sweep trains them again")
        return found

    def __enter__(self):
        self._nets.parent.mkdir(parents=True, exist_ok=True)
        self._file = self._open()
        if self._outdated:
            self._file.close()
            self._set_aside()
            self._file = self._open()
        self._nets.mkdir(exist_ok=True)
        self._file.truncate(len(self._complete))
        if not self._complete:
            self._write(self._header)
        return self

    def __exit__(self, *exception):
        self._file.close()

    def _open(self):
        """Open and lock the file. Its size must be the one that `__init__` read."""
        file = open(self.path, "ab")
        try:
            if fcntl is not None:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # the system unlocks it when the process ends
        except BlockingIOError:
            in_use = True
        except OSError:  # a file system without locks
            in_use = False
        else:
            in_use = os.fstat(file.fileno()).st_size != self._size
        if in_use:
            file.close()
            raise RuntimeError(f"another sweep is writing the journal {self.path}. Wait for it, or name another file")
        return file

    def _set_aside(self):
        """Rename the file and its nets, to start a new journal."""
        names = (self.path.with_name(f"{self.path.stem}-old-{n}{self.path.suffix}") for n in itertools.count(1))
        aside = next(name for name in names if not name.exists() and not _nets_of(name).exists())
        if self._nets.exists():
            self._nets.rename(_nets_of(aside))
        self.path.rename(aside)
        self._complete, self._size = b"", 0
        print(
            f"The code has changed since {self.path} was written. The old journal is renamed {aside.name}, and a new "
            "sweep starts"
        )

    def add(self, trial, net):
        """Save the net of a trial, then write the line of the trial.

        In this order, each line has its net even after a crash.

        Parameters
        ----------
        trial : Trial
        net : TwoLayerNet or None
            None if the trial has no net.
        """
        if net is not None:
            net.save(self._net_path(trial.index))
        history = {"iterations_per_epoch": trial.stats.iterations_per_epoch, "ended": trial.stats.ended}
        self._write(_to_line({**vars(trial), **history}))

    def _write(self, line):
        self._file.write(line)
        self._file.flush()
        os.fsync(self._file.fileno())

    def read_net(self, index):
        """Read the net of the trial with this index."""
        try:
            return TwoLayerNet.load(self._net_path(index))
        except ValueError as error:
            raise ValueError(f"{error}. Remove this file: the same call of sweep then trains the net again") from error

    def _net_path(self, index):
        return self._nets / f"{index:05d}.npz"


def _nets_of(path):
    return path.with_name(f"{path.name}.nets")


def _to_line(content):
    return json.dumps(content, default=_to_json).encode() + b"\n"


def _to_json(value):
    """Convert a value that the json module cannot write, to the same text in every process.

    A NumPy number becomes a number. A type or a function becomes its name. Any other value becomes
    its ``repr``.
    """
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, (type, np.dtype)) and np.dtype(value).kind != "O":  # NumPy gives other classes the kind O
        return np.dtype(value).name
    name = getattr(value, "__qualname__", None)
    text = f"{value.__module__}.{name}" if name else repr(value)
    if " at 0x" in text:
        raise TypeError(f"a journal needs values with the same repr in every process, got {text}")
    return text
