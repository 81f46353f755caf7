"""Journal of sweeps: a file with one line of JSON for each trial, and a folder with the nets."""

import itertools
import json
import math
import os
import platform
from dataclasses import fields
from pathlib import Path

import joblib
import numpy as np

import classifiers
from classifiers.history import History
from classifiers.neural_net import TwoLayerNet
from classifiers.sweep.code_hash import hash_code
from classifiers.sweep.grid import is_dtype, make_seed
from classifiers.sweep.trials import Trial

try:
    import fcntl
except ImportError:  # on Windows a journal cannot be locked
    fcntl = None

KEYS = {field.name for field in fields(Trial)} - {"index"} | {"iterations_per_epoch", "ended"}  # of a trial's line


class Journal:
    """Journal: a ``.jsonl`` file that records trials of sweeps. A later call can continue from it.

    The first line has what all trials share: fixed arguments, hashes of data and code, and versions.
    Each further line is a trial. A trial is known by its hyperparameters and its seed, so a sweep of
    another grid can use the same file. The nets are saved in a folder beside it, with the file's
    whole name and ``.nets`` added.

    Creating the object only reads the file. `trials` are those of this sweep that need not be
    trained again: they did not fail, and their nets are there. To write, use the object as a context
    manager. If the code that trains differs from that of the file, file and nets are first renamed.

    Raises
    ------
    ValueError
        If fixed arguments or data differ from those of the file, the file is not a journal, or two
        combinations cannot be told apart. The file stays unchanged.
    TypeError
        If the ``repr`` of a value contains an address in memory, which differs in each process.
    RuntimeError
        At the start of the context, if another sweep is writing the file.
    """

    def __init__(self, path, fixed, seed, arrays, combinations):
        if not isinstance(path, (str, Path)):
            raise TypeError(f"journal must be the name of a file, got {path!r}")
        self.path = Path(path).expanduser().resolve()
        if self.path.is_dir():
            raise ValueError(f"journal must be the name of a file, got the folder {self.path}")
        self._nets = _nets_of(self.path)
        self._codes, self._combinations = {}, combinations
        self._names = [_to_name(self._describe(params), make_seed(params, seed)) for params in combinations]
        if len(set(self._names)) < len(combinations):
            raise ValueError("a journal cannot tell two values of the grid apart: they have the same name and code")
        header = {
            "fixed": _to_json(fixed),
            "data": joblib.hash([np.asarray(a) for a in arrays]),
            "code": hash_code([fixed[name] for name in sorted(fixed)]),
            "versions": {"lab": classifiers.__version__, "numpy": np.__version__, "python": platform.python_version()},
        }
        self._header = _to_line(header)
        content = self.path.read_bytes() if self.path.exists() else b""
        self._size = len(content)
        self._complete = content[: content.rfind(b"\n") + 1]  # a crash may have left half a line at the end
        self.trials, self._outdated = [], False
        if self._complete:
            theirs, *lines = self._parse()
            ours = json.loads(self._header)
            self._outdated = theirs.get("code") != ours["code"]
            for key in ("fixed", "data"):
                if theirs.get(key) != ours[key]:
                    raise ValueError(
                        f"journal {self.path} belongs to another sweep: its {key} is {theirs.get(key)}, not "
                        f"{ours[key]}. Name another file, or move this one away"
                    )
            if not self._outdated:
                self.trials = self._select(lines)
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

    def _select(self, lines):
        """Return the trials that need not be trained again. The last line of each trial counts."""
        latest, indices = {}, {name: i for i, name in enumerate(self._names)}
        for number, line in enumerate(lines, 2):
            try:
                name, trial = _to_trial(line)
            except (AttributeError, KeyError, TypeError, ValueError):
                raise self._damaged(f"line {number} is not that of a trial") from None
            if name in indices and trial.state != "failed":
                trial.index = indices[name]
                trial.params = self._combinations[trial.index]
                latest[trial.index] = trial
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
        """Save the net of a trial, unless it is None, then write its line. So each line has its net after a crash."""
        if net is not None:
            net.save(self._net_path(trial.index))
        line = {name: value for name, value in vars(trial).items() if name != "index"}
        line |= {"params": self._describe(trial.params), "iterations_per_epoch": trial.stats.iterations_per_epoch}
        line |= {} if trial.state == "done" else {"val_accuracy": None, "standard_error": None}
        self._write(_to_line(_to_json({**line, "ended": trial.stats.ended})))

    def _describe(self, params):
        """Return hyperparameters as JSON has them. Functions and other callables have a hash of their code, too."""
        described = {}
        for name, value in params.items():
            described[name] = _to_json(value)
            if callable(value) and not is_dtype(value):
                if id(value) not in self._codes:
                    self._codes[id(value)] = hash_code([value])
                described[name] += f" {self._codes[id(value)]}"
        return described

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
        return self._nets / f"{self._names[index]}.npz"


def _nets_of(path):
    return path.with_name(f"{path.name}.nets")


def _to_line(content):
    return json.dumps(content, allow_nan=False).encode() + b"\n"


def _to_name(params, seed):
    """Return the name of a trial: a hash of its hyperparameters and its seed. 1 and 1.0 are the same."""
    return joblib.hash(json.dumps([json.loads(json.dumps(params), parse_int=float), seed], sort_keys=True))


def _to_trial(line):
    """Return the name and the trial of a line that `add` wrote. Raise an error for any other line."""
    history = History({name: list(map(float, values)) for name, values in line["stats"].items()})
    history.iterations_per_epoch, history.ended = line["iterations_per_epoch"], line["ended"]
    done = line["state"] == "done"
    numbers = {name: float(line[name]) if done else float("nan") for name in ("val_accuracy", "standard_error")}
    known = line.keys() == KEYS and line["state"] in ("done", "diverged", "failed")
    if not known or done and not 0 <= numbers["val_accuracy"] <= 1:
        raise ValueError("not a trial")
    rest = {name: value for name, value in line.items() if name not in ("iterations_per_epoch", "ended")}
    return _to_name(line["params"], line["seed"]), Trial(**{**rest, **numbers, "index": 0, "stats": history})


def _to_json(value):
    """Convert a value to what JSON has, and to the same text in every process.

    A NumPy number becomes a number. Infinity and NaN become texts. A type or a function becomes its
    name. Any other value becomes its ``repr``.
    """
    if isinstance(value, dict):
        return {name: _to_json(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_to_json(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if value is None or isinstance(value, (str, bool, int, float)):
        return value
    if is_dtype(value):
        return np.dtype(value).name
    name = getattr(value, "__qualname__", None)
    text = f"{value.__module__}.{name}" if name else repr(value)
    if " at 0x" in text:
        raise TypeError(f"a journal needs values with the same repr in every process, got {text}")
    return text
