"""Tests of the journal: finished trials are kept, and other files stay unchanged."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass

import numpy as np
import pytest
from conftest import make_toy_net, posix
from test_sweep import GRID, ROOT, fingerprint, make_data, small_sweep

from classifiers.neural_net import TwoLayerNet
from classifiers.preprocessing import random_flip_shift
from classifiers.sgd import warm_cosine
from classifiers.sweep import LogUniform
from classifiers.sweep import search as sweep_module
from classifiers.sweep.journal import Journal, to_json

PLAN, ARRAYS = {"grid": {"reg": [0.5]}, "seed": 0}, [np.ones((2, 3)), np.array([0, 1])]


def read_indices(path):
    """Return the index of the trial in each line. Every line must be valid JSON."""
    return [json.loads(line)["index"] for line in path.read_bytes().splitlines()[1:]]


def write_journal(path):
    """Write a journal of two trials and return its content."""
    with Journal(path, PLAN, ARRAYS) as journal:
        journal.add({"index": 0, "state": "done"}, make_toy_net())
        journal.add({"index": 1, "state": "diverged"}, None)
    return path.read_bytes()


# Values that JSON cannot write


@dataclass(frozen=True)
class Named:
    """Its repr shows its value."""

    value: int


class Nameless:
    """Callable whose repr contains its address in memory."""

    def __call__(self, X, rng):
        return X


@pytest.mark.parametrize(
    "value, expected",
    [
        (np.float32(0.5), 0.5),
        (np.int64(3), 3),
        (np.bool_(True), True),
        (np.float32, "float32"),
        (float, "float64"),
        (np.dtype("f4"), "float32"),
        (warm_cosine, "classifiers.sgd.warm_cosine"),
        (Named(3), "Named(value=3)"),
        (LogUniform(0.1, 1), "LogUniform(low=0.1, high=1)"),
    ],
)
def test_values_that_json_cannot_write(value, expected):
    """NumPy numbers become numbers, types and functions names. Other values become their repr."""
    converted = to_json(value)
    assert converted == expected and type(converted) is type(expected)


def test_value_with_its_address_in_the_repr():
    """Such a value is an error, because its text differs in each process."""
    with pytest.raises(TypeError, match="needs values with the same repr in every process, got <test_journal"):
        to_json(Nameless())


def test_value_with_its_address_in_the_repr_creates_no_file(tmp_path):
    """There is no journal and no folder."""
    with pytest.raises(TypeError, match="the same repr"):
        Journal(tmp_path / "sweep.jsonl", {"augment": Nameless()}, ARRAYS)
    assert list(tmp_path.iterdir()) == []


# Writing and reading


def test_new_journal(tmp_path):
    """Missing folders are created. The first line describes the sweep, with a hash of the data."""
    with Journal(tmp_path / "deep" / "down" / "sweep.jsonl", PLAN, ARRAYS) as journal:
        assert journal.trials == []
        header = json.loads(journal.path.read_bytes())
    assert {name: header[name] for name in PLAN} == PLAN and len(header["data"]) == 32
    assert sorted(path.name for path in (tmp_path / "deep" / "down").iterdir()) == ["sweep.jsonl", "sweep.jsonl.nets"]


def test_trials_are_read(tmp_path):
    """The net is bit-identical. Reading does not change the file. New lines come at its end."""
    content = write_journal(tmp_path / "sweep.jsonl")
    with Journal(tmp_path / "sweep.jsonl", PLAN, ARRAYS) as journal:
        assert journal.trials == [{"index": 0, "state": "done"}, {"index": 1, "state": "diverged"}]
        np.testing.assert_equal(journal.load_net(0).params, make_toy_net().params)
        assert journal.path.read_bytes() == content
        journal.add({"index": 2}, None)
    assert (tmp_path / "sweep.jsonl").read_bytes() == content + b'{"index": 2}\n'


def test_each_line_is_on_the_disk_at_once(tmp_path):
    """Each line is written before the file is closed. Afterwards the file is closed."""
    with Journal(tmp_path / "sweep.jsonl", PLAN, ARRAYS) as journal:
        journal.add({"index": 0}, None)
        assert read_indices(journal.path) == [0]
    with pytest.raises(ValueError, match="closed file"):
        journal.add({"index": 1}, None)


def test_net_is_saved_before_its_line(tmp_path):
    """If saving the net fails, the journal does not have the trial."""

    class UnsavableNet:
        def save(self, path):
            assert read_indices(tmp_path / "sweep.jsonl") == []
            raise OSError("no space left")

    with Journal(tmp_path / "sweep.jsonl", PLAN, ARRAYS) as journal:
        with pytest.raises(OSError, match="no space left"):
            journal.add({"index": 0}, UnsavableNet())
    assert read_indices(tmp_path / "sweep.jsonl") == []


def test_truncated_file(tmp_path):
    """Complete lines stay, an incomplete line is removed, and the journal can be continued."""
    path = tmp_path / "sweep.jsonl"
    content = write_journal(path)
    header = content.splitlines(keepends=True)[0]
    for length in range(len(content) + 1):
        path.write_bytes(content[:length])
        complete = content[: content.rfind(b"\n", 0, length) + 1] or header
        with Journal(path, PLAN, ARRAYS) as journal:
            assert path.read_bytes() == complete
            assert len(journal.trials) == complete.count(b"\n") - 1
            journal.add({"index": 9}, None)
        assert path.read_bytes() == complete + b'{"index": 9}\n'


# Files that cannot be used


def refuse(path, message, plan=PLAN, arrays=ARRAYS):
    """Check that opening raises ValueError, does not change the file and creates no other file."""
    content, neighbours = path.read_bytes(), sorted(path.parent.iterdir())
    with pytest.raises(ValueError, match=message):
        Journal(path, plan, arrays)
    assert path.read_bytes() == content and sorted(path.parent.iterdir()) == neighbours


@pytest.mark.parametrize(
    "content, reason",
    [
        ("remember the milk\n", "Expecting value"),
        ("remember the milk", "its first line is not complete"),
        ("3\n", "a line is not a JSON object"),
        ('{"grid": 3}\n[]\n', "a line is not a JSON object"),
        ("\n", "Expecting value"),
    ],
)
def test_file_that_is_not_a_journal(tmp_path, content, reason):
    """The error also comes for a single line without an end, as in a truncated journal."""
    (tmp_path / "notes.jsonl").write_text(content)
    refuse(tmp_path / "notes.jsonl", f"notes.jsonl is damaged: {reason}.*Move it away to start a new sweep")


@pytest.mark.parametrize("end", [b"", b'{"index": 2, "sta'])
@pytest.mark.parametrize(
    "plan, arrays, key",
    [
        ({**PLAN, "seed": 1}, ARRAYS, "seed is 0, not 1"),
        ({**PLAN, "grid": {}}, ARRAYS, r"grid is {'reg': \[0.5\]}, not {}"),
        ({**PLAN, "new": 3}, ARRAYS, "new is None, not 3"),
        (PLAN, [ARRAYS[0] + 1e-9, ARRAYS[1]], "data is"),
    ],
)
def test_journal_of_another_plan(tmp_path, plan, arrays, key, end):
    """The error says what differs. An incomplete last line stays in the file too."""
    content = write_journal(tmp_path / "sweep.jsonl")
    (tmp_path / "sweep.jsonl").write_bytes(content + end)
    refuse(
        tmp_path / "sweep.jsonl", f"sweep.jsonl belongs to another sweep: its {key}.*move this one away", plan, arrays
    )


@pytest.mark.parametrize(
    "change, key", [({"seed": 1}, "seed"), ({"num_iters": 31}, "fixed"), ({"grid": {**GRID, "reg": [0.25]}}, "grid")]
)
def test_journal_of_another_sweep(tmp_path, change, key):
    """The seed, the fixed arguments and the grid identify a sweep."""
    path = tmp_path / "sweep.jsonl"
    small_sweep(journal=path)
    content = path.read_bytes()
    with pytest.raises(ValueError, match=f"sweep.jsonl belongs to another sweep: its {key} is .*move this one away"):
        small_sweep(journal=path, **change)
    assert path.read_bytes() == content


def test_journal_of_another_number_of_trials(tmp_path):
    """Random search with more trials is another sweep."""
    settings = {"grid": {"hidden_size": [3, 5]}, "journal": tmp_path / "sweep.jsonl"}
    small_sweep(**settings, n_trials=2)
    with pytest.raises(ValueError, match="belongs to another sweep: its trials is 2, not 3"):
        small_sweep(**settings, n_trials=3)


def test_journal_of_other_data(tmp_path):
    """The hash of the data depends on every value."""
    small_sweep(journal=tmp_path / "sweep.jsonl")
    X_train = make_data()[0]
    X_train[17, 2] += 1e-9
    with pytest.raises(ValueError, match="belongs to another sweep: its data is"):
        small_sweep(journal=tmp_path / "sweep.jsonl", X_train=X_train)


# Sweeps that continue


def test_finished_trials_are_not_trained_again(tmp_path, monkeypatch):
    """The second call reads the best net from its file and returns the same result."""
    first = small_sweep(journal=tmp_path / "sub" / "sweep.jsonl")
    monkeypatch.setattr(sweep_module, "run_trial", None)
    second = small_sweep(journal=tmp_path / "sub" / "sweep.jsonl")
    assert fingerprint(second) == fingerprint(first)


def test_bar_counts_the_trials_of_the_journal(tmp_path, capsys):
    """It starts with the number of finished trials."""
    small_sweep(journal=tmp_path / "sweep.jsonl")
    small_sweep(journal=tmp_path / "sweep.jsonl", progress=True)
    out = capsys.readouterr().out
    assert "8/8" in out and "0/8" not in out


def test_failed_trials_are_tried_again(tmp_path, monkeypatch):
    """The cause of the failure may be gone. Trials that are done are kept."""
    path, train = tmp_path / "sweep.jsonl", TwoLayerNet.train

    def train_without_memory(net, *args, **kwargs):
        if kwargs["reg"] == 0.5:
            raise MemoryError
        return train(net, *args, **kwargs)

    monkeypatch.setattr(TwoLayerNet, "train", train_without_memory)
    with pytest.warns(RuntimeWarning, match="4 of 8 trials failed. The first error is that of trial 1: MemoryError"):
        assert [t.state for t in small_sweep(journal=path).trials] == ["done", "failed"] * 4
    monkeypatch.setattr(TwoLayerNet, "train", train)
    again = small_sweep(journal=path)
    assert read_indices(path) == [*range(8), 1, 3, 5, 7]
    assert fingerprint(again) == fingerprint(small_sweep()) == fingerprint(small_sweep(journal=path))


def test_diverged_trials_are_not_tried_again(tmp_path):
    """The journal keeps them, because they would diverge again."""
    settings = {"grid": {"hidden_size": [3], "learning_rate": [1e200, 0.01]}, "journal": tmp_path / "sweep.jsonl"}
    for _ in range(2):
        assert [t.state for t in small_sweep(**settings).trials] == ["diverged", "done"]
    assert read_indices(tmp_path / "sweep.jsonl") == [0, 1]


def test_trial_of_an_incomplete_line_is_trained_again(tmp_path):
    """After a crash while a line is written, only this trial is lost."""
    path = tmp_path / "sweep.jsonl"
    whole = small_sweep(journal=path)
    content = path.read_bytes()
    path.write_bytes(content[:-20])
    assert fingerprint(small_sweep(journal=path)) == fingerprint(whole)
    assert path.read_bytes().startswith(content[: content.rfind(b"\n", 0, -1) + 1])
    assert read_indices(path) == list(range(8))


def test_journal_of_types_and_functions(tmp_path):
    """The file has their names. The call that continues uses its own objects."""
    settings = {
        "grid": {"hidden_size": np.array([3]), "dtype": [np.float32, np.dtype("f8")]},
        "schedule": warm_cosine,
        "augment": random_flip_shift(0, (1, 4, 1)),
        "journal": tmp_path / "sweep.jsonl",
    }
    first, again = small_sweep(**settings), small_sweep(**settings)
    assert [t.stats for t in again.trials] == [t.stats for t in first.trials]
    assert again.trials[0].params["dtype"] is np.float32 and len(read_indices(tmp_path / "sweep.jsonl")) == 2
    header = json.loads((tmp_path / "sweep.jsonl").read_bytes().splitlines()[0])
    assert header["grid"] == {"hidden_size": [3], "dtype": ["float32", "float64"]}
    assert header["fixed"]["schedule"] == "classifiers.sgd.warm_cosine"


def test_journal_of_a_random_search(tmp_path, monkeypatch):
    """The file has the repr of a distribution. The resumed sweep has the same combinations."""
    grid = {"hidden_size": [3, 5], "learning_rate": LogUniform(1e-4, 1e-1)}
    settings = {"grid": grid, "n_trials": 6, "journal": tmp_path / "sweep.jsonl"}
    first = small_sweep(**settings)
    monkeypatch.setattr(sweep_module, "run_trial", None)
    assert fingerprint(small_sweep(**settings)) == fingerprint(first)
    header = json.loads((tmp_path / "sweep.jsonl").read_bytes().splitlines()[0])
    assert header["grid"] == {"hidden_size": [3, 5], "learning_rate": "LogUniform(low=0.0001, high=0.1)"}


# One sweep per journal


@pytest.mark.parametrize(
    "one, other", [("lr-0.5", "lr-0.0"), ("sweep.jsonl", "sweep.json"), ("sweep.jsonl", "sweep"), ("sweep", "sweep.x")]
)
def test_two_journals_share_nothing(tmp_path, one, other):
    """Each has its own nets, even if the names are similar."""
    first = small_sweep(journal=tmp_path / one)
    small_sweep(journal=tmp_path / other, seed=1)
    assert fingerprint(small_sweep(journal=tmp_path / one)) == fingerprint(first)
    assert len(list(tmp_path.iterdir())) == 4


@posix
def test_spellings_of_one_path(tmp_path, monkeypatch):
    """Relative path, absolute path, link and ~ lead to the same file and the same nets."""
    (tmp_path / "home" / "sub").mkdir(parents=True)
    (tmp_path / "link.jsonl").symlink_to(tmp_path / "home" / "sweep.jsonl")
    monkeypatch.chdir(tmp_path / "home")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    first = small_sweep(journal="sweep.jsonl")
    monkeypatch.setattr(sweep_module, "run_trial", None)
    for path in ("./sub/../sweep.jsonl", tmp_path / "home" / "sweep.jsonl", "~/sweep.jsonl", tmp_path / "link.jsonl"):
        assert fingerprint(small_sweep(journal=path)) == fingerprint(first)
    assert sorted(p.name for p in (tmp_path / "home").iterdir()) == ["sub", "sweep.jsonl", "sweep.jsonl.nets"]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["home", "link.jsonl"]


def test_journal_must_be_the_name_of_a_file(tmp_path):
    """The error shows the value of the argument."""
    with pytest.raises(ValueError, match=f"journal must be the name of a file, got the folder {tmp_path}"):
        small_sweep(journal=tmp_path)
    with pytest.raises(TypeError, match="journal must be the name of a file, got 3"):
        small_sweep(journal=3)


def test_best_net_that_is_damaged(tmp_path):
    """The error gives the name of the file, and says how to get the net again."""
    first = small_sweep(journal=tmp_path / "sweep.jsonl")
    net = tmp_path / "sweep.jsonl.nets" / f"{first.best.index:05d}.npz"
    net.write_bytes(b"")
    with pytest.raises(ValueError, match=f"{net} is not a saved TwoLayerNet.* Remove this file: the same call"):
        small_sweep(journal=tmp_path / "sweep.jsonl")
    net.unlink()
    assert fingerprint(small_sweep(journal=tmp_path / "sweep.jsonl")) == fingerprint(first)


def test_nets_that_are_missing_are_trained_again(tmp_path, capsys):
    """A net can be missing if it was removed, or if only the journal was copied."""
    first = small_sweep(journal=tmp_path / "sweep.jsonl")
    (tmp_path / "sweep.jsonl.nets" / "00003.npz").unlink()
    assert fingerprint(small_sweep(journal=tmp_path / "sweep.jsonl")) == fingerprint(first)
    assert "1 nets are missing in" in capsys.readouterr().out
    assert read_indices(tmp_path / "sweep.jsonl") == [*range(8), 3]
    assert fingerprint(small_sweep(journal=tmp_path / "sweep.jsonl")) == fingerprint(first)


def test_two_sweeps_at_once(tmp_path):
    """The second raises an error while the first writes, or if the file changed after its read."""
    pytest.importorskip("fcntl")
    path = tmp_path / "sweep.jsonl"
    early, other_code = Journal(path, PLAN, ARRAYS), {**PLAN, "code": "other"}
    with Journal(path, PLAN, ARRAYS):
        for late in (early, Journal(path, PLAN, ARRAYS), Journal(path, other_code, ARRAYS)):
            with pytest.raises(RuntimeError, match="another sweep is writing the journal .*sweep.jsonl. Wait for it"):
                late.__enter__()
    with pytest.raises(RuntimeError, match="another sweep is writing"):
        early.__enter__()
    with Journal(path, PLAN, ARRAYS) as journal:
        assert journal.trials == []
    assert sorted(p.name for p in tmp_path.iterdir()) == ["sweep.jsonl", "sweep.jsonl.nets"]


@pytest.mark.parametrize(
    "change, message",
    [
        (lambda line: line.pop("state"), "a trial must have the keys of Trial, but differs in 'state'"),
        (lambda line: line.pop("index"), "a trial has the index None"),
        (lambda line: line.update(index=8), "it has a trial 8, but the grid has 8"),
        (lambda line: line.update(index=-1), "a trial has the index -1"),
        (lambda line: line.update(index="0"), "a trial has the index 0"),
        (lambda line: line.update(state="well"), "trial 1 has the state 'well'"),
        (lambda line: line.update(color=3), "a trial must have the keys of Trial, but differs in 'color'"),
        (lambda line: line["params"].update(reg=3), "trial 1 has other hyperparameters than the grid"),
    ],
)
def test_lines_that_are_not_trials_of_this_sweep(tmp_path, change, message):
    """The file stays unchanged, and so does an incomplete last line."""
    path = tmp_path / "sweep.jsonl"
    small_sweep(journal=path)
    header, first, second = path.read_bytes().splitlines()[:3]
    line = json.loads(second)
    change(line)
    net = tmp_path / "sweep.jsonl.nets" / "00008.npz"
    net.write_bytes(b"")
    content = b"\n".join([header, first, json.dumps(line).encode(), b'{"index'])
    path.write_bytes(content)
    with pytest.raises(ValueError, match=f"sweep.jsonl is damaged: {message}"):
        small_sweep(journal=path)
    assert path.read_bytes() == content


# Code that changes


def test_other_code_renames_the_journal(tmp_path, capsys):
    """Journal and nets get an unused name, and a line is printed. Other differences are errors."""
    path = tmp_path / "sweep.jsonl"
    for code in ("a", "b", "c"):
        with Journal(path, {**PLAN, "code": code}, ARRAYS) as journal:
            assert journal.trials == []
            journal.add({"index": 0, "state": "done", "code": code}, make_toy_net())
    names = ["sweep-old-1.jsonl", "sweep-old-1.jsonl.nets", "sweep-old-2.jsonl", "sweep-old-2.jsonl.nets"]
    assert sorted(p.name for p in tmp_path.iterdir()) == [*names, "sweep.jsonl", "sweep.jsonl.nets"]
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2 and "The old journal is renamed sweep-old-2.jsonl, and a new sweep starts" in lines[1]
    with Journal(tmp_path / "sweep-old-1.jsonl", {**PLAN, "code": "a"}, ARRAYS) as journal:
        assert journal.trials[0]["code"] == "a" and journal.load_net(0) is not None
    refuse(path, "its seed is 0, not 1", {**PLAN, "seed": 1, "code": "d"})


def test_journal_of_version_1_0(tmp_path, capsys):
    """The journal has no hash of the code, so it is renamed. Its nets keep their folder."""
    path, plan = tmp_path / "sweep.jsonl", {**PLAN, "code": "a"}
    write_journal(path)
    (tmp_path / "sweep.jsonl.nets").rename(tmp_path / "sweep.nets")
    with Journal(path, plan, ARRAYS) as journal:
        assert journal.trials == []
    assert "renamed sweep-old-1.jsonl" in capsys.readouterr().out
    expected = ["sweep-old-1.jsonl", "sweep.jsonl", "sweep.jsonl.nets", "sweep.nets"]
    assert sorted(p.name for p in tmp_path.iterdir()) == expected


@pytest.mark.parametrize("name", ["schedule", "augment"])
def test_functions_that_share_a_name(tmp_path, name, capsys):
    """Another lambda is other code. Another order of the arguments is not."""
    path = tmp_path / "sweep.jsonl"
    values = {"schedule": [lambda it, n: 1.0, lambda it, n: 0.1], "augment": [lambda X, rng: X, lambda X, rng: -X]}
    settings = {key: functions[0] for key, functions in values.items()}
    changed = {**settings, name: values[name][1]}
    first = small_sweep(journal=path, **settings)
    assert fingerprint(small_sweep(journal=path, **dict(reversed(settings.items())))) == fingerprint(first)
    assert capsys.readouterr().out == ""
    second = small_sweep(journal=path, **changed)
    assert "renamed sweep-old-1.jsonl" in capsys.readouterr().out
    assert fingerprint(second) == fingerprint(small_sweep(**changed)) != fingerprint(first)


def test_names_of_classes_and_types():
    """NumPy gives any other class the dtype object."""
    assert to_json(Nameless) == "test_journal.Nameless" and to_json(np.float16) == "float16"


SWEEP_OF_A_COPY = """
import sys
import numpy as np
from classifiers.preprocessing import random_flip_shift
from classifiers.sweep import sweep
arrays = 2 * (np.random.default_rng(0).random((9, 4)), np.arange(9) % 3)
augment = {"augment": random_flip_shift(0, (1, 4, 1))} if sys.argv[2:] else {}
sweep({"hidden_size": [3, 4]}, *arrays, num_iters=5, n_jobs=1, journal=sys.argv[1], progress=False, **augment)
"""


@pytest.mark.parametrize(
    "module, augment, old, new, counts",
    [
        ("layers", False, "np.maximum(hidden, 0, out=hidden)", "np.maximum(hidden, 0.5, out=hidden)", True),
        ("layers", False, "    hidden = X @", "    # The first layer\n    hidden = X @", False),
        ("preprocessing", True, "mirrored < 0.5", "mirrored < 0.4", True),
        ("preprocessing", False, "mirrored < 0.5", "mirrored < 0.4", False),
    ],
)
def test_code_that_changed_between_two_calls(tmp_path, module, augment, old, new, counts):
    """The journal is renamed only if the change in a copy of the lab can affect its nets."""
    lab = tmp_path / "lab"
    shutil.copytree(ROOT / "classifiers", lab / "classifiers", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "checks.py", lab)
    file, path = lab / "classifiers" / f"{module}.py", tmp_path / "sweep.jsonl"
    outputs = []
    for _ in range(2):
        command = [sys.executable, "-B", "-c", SWEEP_OF_A_COPY, path, *["augment"] * augment]
        outputs.append(subprocess.run(command, cwd=lab, check=True, capture_output=True, text=True).stdout)
        text = file.read_text(encoding="utf-8")
        assert text.count(old) == 1 or outputs[1:]
        file.write_text(text.replace(old, new), encoding="utf-8")
    assert outputs[0] == "" and ("renamed sweep-old-1.jsonl" in outputs[1]) == counts
    assert (tmp_path / "sweep-old-1.jsonl.nets" / "00001.npz").exists() == counts
    assert read_indices(path) == [0, 1]


HALTING_SWEEP = """
import sys, time
from pathlib import Path
from classifiers.sweep import search as module
from test_sweep import small_sweep
class Halting:
    def __init__(self, first, function):
        self.first, self.function = first, function
    def __call__(self, index, *args):
        deadline = time.monotonic() + 60
        while index >= self.first and time.monotonic() < deadline:  # until it is killed
            time.sleep(0.01)
        return self.function(index, *args)
if __name__ == "__main__":
    module.run_trial = Halting(int(sys.argv[2]), module.run_trial)
    small_sweep(journal=sys.argv[1], n_jobs=2)
"""


@posix
def test_killed_three_times_and_resumed(tmp_path):
    """After SIGKILL while two trials run, no finished trial is lost or trained again."""
    path = tmp_path / "sweep.jsonl"
    (tmp_path / "halting.py").write_text(HALTING_SWEEP)
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}", "PYTHONWARNINGS": "ignore"}
    for ended in (2, 3, 6):
        command = [sys.executable, tmp_path / "halting.py", path, str(ended)]
        process = subprocess.Popen(command, env=environment, start_new_session=True, cwd=tmp_path)
        deadline = time.monotonic() + 60
        while not path.exists() or path.read_bytes().count(b"\n") < ended + 1:
            assert process.poll() is None and time.monotonic() < deadline, "the sweep did not get so far"
            time.sleep(0.01)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        assert sorted(read_indices(path)) == list(range(ended))
    before = path.read_bytes()
    resumed = small_sweep(journal=path)
    assert path.read_bytes().startswith(before)
    assert sorted(read_indices(path)) == list(range(8))
    assert fingerprint(resumed) == fingerprint(small_sweep())
