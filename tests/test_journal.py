"""Tests of the journal: finished trials are kept, and other files stay unchanged."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass
from functools import partial
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT, make_toy_net, posix
from sweep_helpers import GRID, count_trials, fingerprint, make_data, small_sweep, sweep_up_to, wait_for

from classifiers.neural_net import TwoLayerNet
from classifiers.preprocessing import random_flip_shift
from classifiers.sgd import warm_cosine
from classifiers.sweep import LogUniform, Trial, sweep
from classifiers.sweep.grid import make_seed
from classifiers.sweep.journal import Journal

ARRAYS = [np.ones((2, 3)), np.array([0, 1])]
REGS = {"reg": [0.5, 1.0, 2.0]}
COMBINATIONS = [{"reg": reg} for reg in REGS["reg"]]
SIZES = {"hidden_size": [1, 2, 3, 4, 5, 6, 7, 8]}


def read_indices(path, grid=GRID):
    """Return the index in the grid of the trial in each line. Every line must be valid JSON."""
    combinations = [dict(zip(grid, values, strict=True)) for values in product(*grid.values())]
    return [combinations.index(line["params"]) for line in read_lines(path)[1:]]


def read_lines(path):
    return [json.loads(line, parse_constant=pytest.fail) for line in path.read_bytes().splitlines()]


def files_in(folder):
    return sorted(path.name for path in folder.iterdir())


def schedule_of(number):
    """Return a function. Those of other numbers have the same name, but other code."""
    return lambda it, n: number


def open_journal(path, arrays=ARRAYS, code=1.0, **fixed):
    return Journal(path, {"schedule": schedule_of(code), **fixed}, 0, arrays, COMBINATIONS)


def make_trial(index, state="done"):
    trial = Trial(index, COMBINATIONS[index], make_seed(COMBINATIONS[index], 0), state)
    if state == "done":
        trial.val_accuracy, trial.standard_error = 0.5, 0.1
    trial.stats["loss_history"] = [1.0, 2.5] if state == "done" else [1.0, float("inf")]
    trial.stats.iterations_per_epoch, trial.stats.ended = 7, "stopped"
    return trial


def write_journal(path):
    """Write a journal of two trials and return its content."""
    with open_journal(path) as journal:
        journal.add(make_trial(0), make_toy_net())
        journal.add(make_trial(1, "diverged"), None)
    return path.read_bytes()


@pytest.fixture
def path(tmp_path):
    """Name of a journal in an empty folder."""
    return tmp_path / "sweep.jsonl"


@pytest.fixture
def no_training(monkeypatch):
    """Return a function that makes every training fail the test."""

    def train(*args, **kwargs):
        raise AssertionError("a net was trained again")

    return lambda: monkeypatch.setattr(TwoLayerNet, "train", train)


# Values that JSON cannot write


@dataclass(frozen=True)
class Named:
    """Its repr shows its value."""

    value: int


class Nameless:
    """Callable whose repr contains its address in memory."""

    def __call__(self, X, rng):
        return X


def test_values_that_json_cannot_write(path):
    """NumPy numbers become numbers, types and functions names. Other values become their repr."""
    values = {
        "numbers": [np.float32(0.5), np.int64(3), np.bool_(True), np.float32(np.inf)],
        "types": [np.float32, float, np.dtype("f4"), np.float16, Nameless],
        "others": [warm_cosine, Named(3), LogUniform(0.1, 1)],
    }
    with open_journal(path, **values):
        fixed = read_lines(path)[0]["fixed"]
        assert fixed.pop("schedule") == "test_journal.schedule_of.<locals>.<lambda>" and fixed == {
            "numbers": [0.5, 3, True, "inf"],
            "types": ["float32", "float64", "float32", "float16", "test_journal.Nameless"],
            "others": ["classifiers.sgd.warm_cosine", "Named(value=3)", "LogUniform(low=0.1, high=1)"],
        }
        assert [type(number) for number in fixed["numbers"]] == [float, int, bool, str]


def test_value_with_its_address_in_the_repr(tmp_path, path):
    """Such a value is an error, because its text differs in each process. No file is created."""
    with pytest.raises(TypeError, match="needs values with the same repr in every process, got <test_journal"):
        small_sweep(augment=Nameless(), journal=path)
    assert files_in(tmp_path) == []


# Writing and reading


def test_trials_are_read(tmp_path):
    """Missing folders are created. The first line has what all trials share, and the versions.

    Trial and net are the same. Reading does not change the file. New lines come at its end.
    """
    path = tmp_path / "deep" / "down" / "sweep.jsonl"
    content, header = write_journal(path), read_lines(path)[0]
    assert len(header["data"]) == len(header["code"]) == 32 and header["versions"]["numpy"] == np.__version__
    assert files_in(path.parent) == ["sweep.jsonl", "sweep.jsonl.nets"]
    with open_journal(path) as journal:
        assert journal.trials[0] == make_trial(0) and repr(journal.trials[1]) == repr(make_trial(1, "diverged"))
        assert vars(journal.trials[0].stats) == {"iterations_per_epoch": 7, "ended": "stopped"}
        np.testing.assert_equal(journal.read_net(0).params, make_toy_net().params)
        assert path.read_bytes() == content
        journal.add(make_trial(2), None)
        assert read_indices(path, REGS) == [0, 1, 2]  # each line is on the disk at once
    assert path.read_bytes().startswith(content)
    with pytest.raises(ValueError, match="closed file"):
        journal.add(make_trial(2), None)


def test_net_is_saved_before_its_line(path):
    """If saving the net fails, the journal does not have the trial."""

    class UnsavableNet:
        def save(self, _):
            raise OSError("no space left")

    with open_journal(path) as journal:
        with pytest.raises(OSError, match="no space left"):
            journal.add(make_trial(0), UnsavableNet())
    assert read_indices(path, REGS) == []


def test_truncated_file(path):
    """Complete lines stay, an incomplete line is removed, and the journal can be continued."""
    content = write_journal(path)
    header = content.splitlines(keepends=True)[0]
    line_ends = {i + more for i, byte in enumerate(content) if byte == ord("\n") for more in (-1, 0, 1, 2)}
    for length in {*range(0, len(content), 41), *line_ends} - {len(content) + 1}:
        path.write_bytes(content[:length])
        complete = content[: content.rfind(b"\n", 0, length) + 1] or header
        with open_journal(path) as journal:
            assert path.read_bytes() == complete
            assert len(journal.trials) == complete.count(b"\n") - 1
            journal.add(make_trial(2, "diverged"), None)
        assert path.read_bytes().startswith(complete) and read_indices(path, REGS)[-1] == 2


# Files that cannot be used


@pytest.mark.parametrize(
    "content, reason",
    [
        ("remember the milk\n", "Expecting value"),
        ("remember the milk", "its first line is not complete"),
        ("3\n", "a line is not a JSON object"),
        ('{"grid": 3}\n[]\n', "a line is not a JSON object"),
        ("\n", "Expecting value"),
        ('{"code": "a"}\n', "its fixed is None, not"),
    ],
)
def test_file_that_is_not_a_journal(tmp_path, content, reason):
    """The error also comes for a single line without an end, as in a truncated journal."""
    (tmp_path / "notes.jsonl").write_text(content)
    with pytest.raises(ValueError, match=f"notes.jsonl .*{reason}.* ([Mm]ove it|move this one) away"):
        open_journal(tmp_path / "notes.jsonl")
    assert (tmp_path / "notes.jsonl").read_text() == content and files_in(tmp_path) == ["notes.jsonl"]


X_CHANGED = make_data()[0]
X_CHANGED[17, 2] += 1e-9


@pytest.mark.parametrize("end", [b"", b'{"index": 2, "sta'])
@pytest.mark.parametrize(
    "change, message",
    [
        ({"num_iters": 31}, "its fixed is"),
        ({"X_train": X_CHANGED}, "its data is"),
        ({"schedule": warm_cosine}, "its fixed is"),
    ],
)
def test_journal_of_another_sweep(tmp_path, path, change, message, end):
    """The error says what differs. The file stays, even if the code differs too."""
    settings = {"grid": {"hidden_size": [3, 5]}, "n_trials": 2, "journal": path}
    small_sweep(**settings)
    path.write_bytes(content := path.read_bytes() + end)
    with pytest.raises(ValueError, match=f"sweep.jsonl belongs to another sweep: {message}.*move this one away"):
        small_sweep(**{**settings, **change})
    assert path.read_bytes() == content and files_in(tmp_path) == ["sweep.jsonl", "sweep.jsonl.nets"]


@pytest.mark.parametrize(
    "change",
    [
        lambda line: line.pop("state"),
        lambda line: line.update(color=3),
        lambda line: line.update(state="well"),
        lambda line: line.update(state="done"),
        lambda line: line.update(state="done", val_accuracy=1.5, standard_error=0),
        lambda line: line.update(stats=[]),
        lambda line: line["stats"].update(loss_history=["one"]),
    ],
)
def test_lines_that_are_not_trials(path, change):
    """The file stays unchanged, and so does an incomplete last line."""
    header, first, second = write_journal(path).splitlines()
    line = json.loads(second)
    change(line)
    path.write_bytes(content := b"\n".join([header, first, json.dumps(line).encode(), b'{"index']))
    with pytest.raises(ValueError, match="sweep.jsonl is damaged: line 3 is not that of a trial. Move it away"):
        open_journal(path)
    assert path.read_bytes() == content


def test_journal_must_be_the_name_of_a_file(tmp_path):
    """The error shows the value of the argument."""
    with pytest.raises(ValueError, match="journal must be the name of a file, got the folder .*down"):
        (tmp_path / "down").mkdir()
        small_sweep(journal=tmp_path / "down")
    with pytest.raises(TypeError, match="journal must be the name of a file, got 3"):
        small_sweep(journal=3)


# Sweeps that continue


@dataclass(frozen=True)
class FailWhile:
    """Callback that raises an error in larger nets while a file exists."""

    file: Path

    def __call__(self, net, it, stats):
        if self.file.exists() and len(net.params["b1"]) > 3:
            raise MemoryError


def test_failed_trials_are_tried_again(tmp_path, path, capsys):
    """The cause of the failure may be gone. Trials that are done are kept."""
    settings = {"journal": path, "callback": FailWhile(tmp_path / "full")}
    (tmp_path / "full").touch()
    with pytest.warns(RuntimeWarning, match="4 of 8 trials failed. The first error is that of trial 4: MemoryError"):
        assert [t.state for t in small_sweep(**settings).trials] == 4 * ["done"] + 4 * ["failed"]
    (tmp_path / "full").unlink()
    again = small_sweep(**settings)
    assert read_indices(path) == [*range(8), 4, 5, 6, 7]
    assert fingerprint(again) == fingerprint(small_sweep()) == fingerprint(small_sweep(**settings))
    assert capsys.readouterr().out == ""


def test_journal_of_a_random_search(path, no_training):
    """The resumed sweep has the same combinations, with its own objects, and trains nothing."""
    grid = {"hidden_size": np.array([3, 5]), "learning_rate": LogUniform(1e-4, 1e-1), "dtype": [np.float32, float]}
    settings = {"grid": grid, "n_trials": 6, "schedule": warm_cosine, "augment": random_flip_shift(0, (1, 4, 1))}
    first = small_sweep(**settings, journal=path)
    no_training()
    again = small_sweep(**settings, journal=path)
    assert fingerprint(again) == fingerprint(first) and again.trials[0].params["dtype"] in (np.float32, float)


@pytest.mark.parametrize("one, other", [("lr-0.5", "lr-0.0"), ("sweep.jsonl", "sweep.json"), ("sweep.x", "sweep")])
def test_two_journals_share_nothing(tmp_path, one, other):
    """Each has its own nets, even if the names are similar."""
    first = small_sweep(journal=tmp_path / one)
    small_sweep(journal=tmp_path / other, seed=1)
    assert fingerprint(small_sweep(journal=tmp_path / one)) == fingerprint(first)
    assert len(files_in(tmp_path)) == 4


@posix
def test_spellings_of_one_path(tmp_path, monkeypatch, no_training):
    """Relative path, absolute path, link and ~ lead to the same file and the same nets."""
    (tmp_path / "home" / "sub").mkdir(parents=True)
    (tmp_path / "link.jsonl").symlink_to(tmp_path / "home" / "sweep.jsonl")
    monkeypatch.chdir(tmp_path / "home")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    first = small_sweep(journal="sweep.jsonl")
    no_training()
    for path in ("./sub/../sweep.jsonl", tmp_path / "home" / "sweep.jsonl", "~/sweep.jsonl", tmp_path / "link.jsonl"):
        assert fingerprint(small_sweep(journal=path)) == fingerprint(first)
    assert files_in(tmp_path / "home") == ["sub", "sweep.jsonl", "sweep.jsonl.nets"]
    assert files_in(tmp_path) == ["home", "link.jsonl"]


def test_best_net_that_is_damaged(tmp_path, path):
    """The error gives the name of the file, and says how to get the net again."""
    small_sweep(journal=path)
    for net in (tmp_path / "sweep.jsonl.nets").iterdir():
        net.write_bytes(b"")
    with pytest.raises(ValueError, match=r"\w{32}.npz is not a saved TwoLayerNet.* Remove this file: the same call"):
        small_sweep(journal=path)


def test_nets_that_are_missing_are_trained_again(tmp_path, path, capsys):
    """A net can be missing if it was removed, or if only the journal was copied."""
    first = small_sweep(journal=path)
    next(file for file in (tmp_path / "sweep.jsonl.nets").iterdir()).unlink()
    assert fingerprint(small_sweep(journal=path)) == fingerprint(first)
    assert "1 nets are missing in" in capsys.readouterr().out
    assert len(read_indices(path)) == 9 and len(set(read_indices(path))) == 8
    assert fingerprint(small_sweep(journal=path)) == fingerprint(first)
    assert capsys.readouterr().out == ""


def test_two_sweeps_at_once(tmp_path, path):
    """The second raises an error while the first writes, or if the file changed after its read."""
    pytest.importorskip("fcntl")
    early = open_journal(path)
    with open_journal(path):
        for late in (early, open_journal(path), open_journal(path, code=2.0)):
            with pytest.raises(RuntimeError, match="another sweep is writing the journal .*sweep.jsonl. Wait for it"):
                late.__enter__()
    with pytest.raises(RuntimeError, match="another sweep is writing"):
        early.__enter__()
    with open_journal(path) as journal:
        assert journal.trials == []
    assert files_in(tmp_path) == ["sweep.jsonl", "sweep.jsonl.nets"]


# Code that changes


def test_other_code_renames_the_journal(tmp_path, path, capsys):
    """Journal and nets get an unused name, and a line is printed. Other differences are errors.

    A name is also used if only its nets or only its file are there. A journal of version 1.0 does
    not record the code.
    """
    write_journal(path)
    (tmp_path / "sweep-old-2.jsonl.nets").mkdir()
    (tmp_path / "sweep-old-3.jsonl").touch()
    for code, renamed in ((2.0, "sweep-old-1.jsonl"), (3.0, "sweep-old-4.jsonl")):
        with open_journal(path, code=code) as journal:
            assert journal.trials == [] and f"The old journal is renamed {renamed}, and" in capsys.readouterr().out
            journal.add(make_trial(1), make_toy_net())
    assert files_in(tmp_path) == [
        "sweep-old-1.jsonl", "sweep-old-1.jsonl.nets", "sweep-old-2.jsonl.nets", "sweep-old-3.jsonl",
        "sweep-old-4.jsonl", "sweep-old-4.jsonl.nets", "sweep.jsonl", "sweep.jsonl.nets",
    ]  # fmt: skip
    assert files_in(tmp_path / "sweep-old-2.jsonl.nets") == []
    with open_journal(tmp_path / "sweep-old-1.jsonl") as journal:
        assert [trial.index for trial in journal.trials] == [0, 1] and journal.read_net(0) is not None
    path.write_bytes(re.sub(rb', "code": "\w+"', b"", path.read_bytes()))
    shutil.rmtree(tmp_path / "sweep.jsonl.nets")
    with open_journal(path):
        assert "renamed sweep-old-5.jsonl" in capsys.readouterr().out
    assert not (tmp_path / "sweep-old-5.jsonl.nets").exists()


def test_functions_that_share_a_name(path, capsys):
    """Another lambda is other code. Another order of the arguments is not. A swept one is only another trial."""

    def run(grid=None, **functions):
        small_sweep(grid={"hidden_size": [3, 5], **(grid or {})}, journal=path, **functions)
        return capsys.readouterr().out

    one, other, augment = (lambda it, n: 1.0), (lambda it, n: 0.1), (lambda X, rng: X)
    assert run(schedule=one, augment=augment) == run(augment=augment, schedule=one) == ""
    assert "renamed sweep-old-1.jsonl" in run(schedule=other, augment=augment)
    path = path.with_name("swept.jsonl")
    assert run({"schedule": [one]}) == run({"schedule": [one, other]}) == "" and len(read_lines(path)) == 5
    with pytest.raises(ValueError, match="cannot tell two values of the grid apart"):
        run({"schedule": [schedule_of(1), schedule_of(1)]})


@pytest.mark.parametrize(
    "first, then, trained",
    [
        ({"grid": {"hidden_size": [3, 5]}}, {"grid": {"hidden_size": [4, 5, 3]}}, 1),
        ({"grid": {"hidden_size": [3, 5]}}, {"grid": {"hidden_size": [5]}}, 0),
        ({"grid": {"hidden_size": [3], "reg": [1, 2]}}, {"grid": {"reg": [2.0, np.float64(1)], "hidden_size": [3]}}, 0),
        ({"grid": {"hidden_size": [3, 5]}}, {"grid": {"hidden_size": [3, 5]}, "seed": 1}, 2),
        (
            {"grid": {"hidden_size": range(2, 9)}, "n_trials": 2},
            {"grid": {"hidden_size": range(2, 9)}, "n_trials": 4},
            2,
        ),
        ({"grid": {"hidden_size": [3], "num_iters": [5]}}, {"grid": {"hidden_size": [3], "num_iters": [5, 9]}}, 1),
    ],
)
def test_journal_that_grows(path, first, then, trained):
    """Trials with the same hyperparameters and seed are kept. The result is that of a sweep without a journal."""
    settings = {"num_iters": 30, "journal": path}
    if "num_iters" in first["grid"]:
        del settings["num_iters"]
    run = partial(sweep, **dict(zip(("X_train", "y_train", "X_val", "y_val"), make_data(), strict=True)))
    run = partial(run, std=0.3, n_jobs=1, progress=False)
    run(**first, **settings)
    before = len(read_lines(path))
    result, alone = run(**then, **settings), run(**then, **{**settings, "journal": None})
    assert len(read_lines(path)) == before + trained
    assert [(t.index, t.params, t.val_accuracy, t.stats) for t in result.trials] == [
        (t.index, t.params, t.val_accuracy, t.stats) for t in alone.trials
    ]
    np.testing.assert_equal(result.best_net.params, alone.best_net.params)


SWEEP_OF_A_COPY = """
import sys
import numpy as np
from classifiers.sweep import sweep
arrays = 2 * (np.random.default_rng(0).random((9, 4)), np.arange(9) % 3)
sweep({"hidden_size": [3, 4]}, *arrays, num_iters=5, n_jobs=1, journal=sys.argv[1], progress=False)
"""


@pytest.mark.parametrize("module, counts", [("classifiers/layers.py", True), ("classifiers/sweep/journal.py", False)])
def test_code_that_changed_between_two_calls(tmp_path, path, module, counts):
    """The journal is renamed only if the change in a copy of the lab can affect its nets."""
    lab, outputs = tmp_path / "lab", []
    shutil.copytree(ROOT / "classifiers", lab / "classifiers", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("checks.py", "files.py"):
        shutil.copy(ROOT / name, lab)
    for _ in range(2):
        command = [sys.executable, "-B", "-c", SWEEP_OF_A_COPY, path]
        outputs.append(subprocess.run(command, cwd=lab, check=True, capture_output=True, text=True).stdout)
        with open(lab / module, "a", encoding="utf-8") as file:
            file.write("# changed\n")
    assert outputs[0] == "" and ("renamed sweep-old-1.jsonl" in outputs[1]) == counts
    assert (tmp_path / "sweep-old-1.jsonl.nets").exists() == counts
    assert read_indices(path, {"hidden_size": [3, 4]}) == [0, 1]


HALTING_SWEEP = """
import sys
from pathlib import Path
from sweep_helpers import sweep_up_to
if __name__ == "__main__":
    sweep_up_to(Path(sys.argv[1]), n_jobs=2)
"""


@posix
def test_killed_twice_and_resumed(tmp_path, path):
    """After SIGKILL while two trials run, no finished trial is lost or trained again."""
    (tmp_path / "halting.py").write_text(HALTING_SWEEP)
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}", "PYTHONWARNINGS": "ignore"}
    for ended in (2, 5):
        (tmp_path / "allowed").write_text(str(ended))
        command = [sys.executable, tmp_path / "halting.py", path]
        with subprocess.Popen(command, env=environment, start_new_session=True, cwd=tmp_path) as process:
            try:
                wait_for(lambda number: path.exists() and count_trials(path) >= number, ended)
            finally:
                os.killpg(process.pid, signal.SIGKILL)
        assert sorted(read_indices(path, SIZES)) == list(range(ended))
    before = path.read_bytes()
    (tmp_path / "allowed").write_text("8")
    resumed = sweep_up_to(path)
    assert path.read_bytes().startswith(before) and sorted(read_indices(path, SIZES)) == list(range(8))
    assert fingerprint(resumed) == fingerprint(small_sweep(grid=SIZES))
