"""Tests of the sweep: equal results in all ways to run it, and no finished trial is lost."""

import os
import pickle
import re
import subprocess
import sys
import threading
import warnings
from pathlib import Path

import joblib
import numpy as np
import pytest
from joblib._parallel_backends import MultiprocessingBackend
from threadpoolctl import threadpool_info, threadpool_limits

from classifiers.neural_net import TwoLayerNet
from classifiers.sweep import search as sweep_module
from classifiers.sweep.search import ATTEMPTS, LogUniform, SweepError, SweepResult, Trial, run_trial, sweep
from vis_utils import sweep_table

ROOT = Path(sweep_module.__file__).parents[2]
GRID = {"hidden_size": [3, 5], "learning_rate": [1e-1, 1e-3], "reg": [0.0, 0.5]}
X, Y = np.ones((5, 4)), np.array([0, 1, 2, 2, 1])


def make_data():
    """Return points in three clusters: X (60, 4), y (60,). The first 40 are training data."""
    rng = np.random.default_rng(0)
    y = np.arange(60) % 3
    X = rng.standard_normal((60, 4)) + 3 * np.eye(3, 4)[y]
    return X[:40], y[:40], X[40:], y[40:]


def small_sweep(**settings):
    """Run a sweep of eight small nets. The settings replace its default arguments."""
    data = dict(zip(("X_train", "y_train", "X_val", "y_val"), make_data(), strict=True))
    return sweep(**{"grid": GRID, "num_iters": 30, "std": 0.3, "progress": False, "n_jobs": 1, **data, **settings})


def fingerprint(result):
    """Return everything that must be equal in two runs: all except the seconds."""
    assert len({t.val_accuracy for t in result.trials}) > 1, [(t.state, t.error) for t in result.trials]
    trials = [(t.index, t.params, t.state, t.seed, t.val_accuracy, type(t.stats), t.stats) for t in result.trials]
    return trials, result.best.index, {name: param.tobytes() for name, param in result.best_net.params.items()}


class DieOnce:
    """Callable that kills its process at the first call. Later calls run a function."""

    def __init__(self, marker, function):
        self.marker, self.function = marker, function

    def __call__(self, *args):
        if not self.marker.exists():
            self.marker.touch()
            os._exit(1)
        return self.function(*args)


class WorkerDied(Exception):
    """Death of a worker: `end_in_order` can raise it instead of returning a result."""


def end_in_order(monkeypatch, events):
    """Replace joblib.Parallel, so that events come in the given order.

    An event is the index of a trial that ends, or an exception that is raised. Returns the iterator
    over the events. It shows which events are left.
    """
    events = iter(events)

    def parallel(calls):
        calls = {args[0]: (function, args, kwargs) for function, args, kwargs in calls}
        for event in events:
            if not isinstance(event, int):
                raise event
            function, args, kwargs = calls.pop(event)
            yield function(*args, **kwargs)
        assert not calls, f"no event is left for the trials {list(calls)}"

    monkeypatch.setattr(sweep_module, "Parallel", lambda **settings: parallel)
    return events


# Results


def test_result_holds_every_trial_in_grid_order():
    """A trial has parameters, accuracy, standard error, seconds, histories, seed and state."""
    result = small_sweep()
    assert [t.index for t in result.trials] == list(range(8))
    assert result.trials[0].params == {"hidden_size": 3, "learning_rate": 1e-1, "reg": 0.0}
    assert result.trials[1].params["reg"] == 0.5 and result.trials[4].params["hidden_size"] == 5
    for trial in result.trials:
        a = trial.val_accuracy
        assert trial.state == "done" and trial.standard_error == pytest.approx(np.sqrt(a * (1 - a) / 20))
        assert len(trial.stats["loss_history"]) == 30 and trial.seconds > 0 and trial.seed == [0, trial.index]
    assert result.best.val_accuracy == max(t.val_accuracy for t in result.trials)
    _, _, X_val, y_val = make_data()
    assert np.mean(result.best_net.predict(X_val) == y_val) == result.best.val_accuracy


def test_each_trial_can_be_repeated_alone():
    """Its weights and batches come from SeedSequence(seed, spawn_key=(index,))."""
    trial = small_sweep(seed=7).trials[5]
    rng = np.random.default_rng(np.random.SeedSequence(7, spawn_key=(5,)))
    net = TwoLayerNet(4, trial.params["hidden_size"], 3, std=0.3, rng=rng)
    rates = {name: trial.params[name] for name in ("learning_rate", "reg")}
    assert net.train(*make_data(), num_iters=30, rng=rng, **rates) == trial.stats


def test_results_do_not_depend_on_the_number_of_processes():
    """Results are bit-identical. They differ with another seed."""
    alone = fingerprint(small_sweep())
    assert fingerprint(small_sweep(n_jobs=2)) == alone
    assert fingerprint(small_sweep(seed=1)) != alone


def test_results_do_not_depend_on_the_order_in_which_trials_end(monkeypatch):
    """Here the trials end in reverse order."""
    expected = fingerprint(small_sweep())
    end_in_order(monkeypatch, [7, 6, 5, 4, 3, 2, 1, 0])
    assert fingerprint(small_sweep()) == expected


def test_bar_shows_the_best_so_far(capsys):
    """The sweep has one bar. With progress=False it has none."""
    result = small_sweep(progress=True)
    out = capsys.readouterr().out
    assert "8/8" in out and f"best={result.best.val_accuracy:.3f}" in out
    small_sweep(progress=False)
    assert capsys.readouterr().out == ""


def test_number_of_classes_comes_from_all_labels():
    """A class counts also if only the validation data have it. output_size overrides the number."""
    X_train, y_train, X_val, y_val = make_data()
    y_val[0] = 5
    settings = {"grid": {"hidden_size": [3]}, "X_train": X_train, "y_train": y_train, "X_val": X_val, "y_val": y_val}
    assert small_sweep(**settings).best_net.params["b2"].shape == (6,)
    assert small_sweep(**settings, output_size=9).best_net.params["b2"].shape == (9,)
    with pytest.raises(ValueError, match="y_val must hold class indices in 0..2, got 5 at row 0"):
        small_sweep(**settings, output_size=3)


# Ranking


def replace_training(monkeypatch, accuracies):
    """Replace the training. Trial i gets the i-th accuracy and a net with i + 1 hidden units.

    If the accuracy is NaN, the trial has diverged and has no net.
    """

    def run_trial(index, params, seed, fixed, *arrays):
        state = "diverged" if np.isnan(accuracies[index]) else "done"
        trial = Trial(index, params, [seed, index], state, accuracies[index], standard_error=0.1)
        return trial, TwoLayerNet(4, index + 1, 3, rng=0) if state == "done" else None

    monkeypatch.setattr(sweep_module, "run_trial", run_trial)


@pytest.mark.parametrize("order", [[0, 1, 2, 3, 4], [4, 3, 2, 1, 0], [2, 0, 3, 1, 4]])
def test_first_in_the_grid_wins_among_equals(monkeypatch, order):
    """The order in which trials end does not matter. A trial that is not done is ranked last."""
    replace_training(monkeypatch, [np.nan, 0.5, 0.75, 0.75, 0.75])
    end_in_order(monkeypatch, order)
    result = small_sweep(grid={"hidden_size": [1, 2, 3, 4, 5]})
    assert result.best.index == 2 and result.best_net.params["b1"].shape == (3,)
    assert [trial.index for trial in result.ranked] == [2, 3, 4, 1, 0]
    again = SweepResult([result.trials[i] for i in order], None)
    assert again.best.index == 2 and [trial.index for trial in again.ranked] == [2, 3, 4, 1, 0]
    assert [trial.index for trial in again.trials] == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("before, after", [([2], [4, 3, 1, 0]), ([4, 3], [2, 1, 0]), ([0, 1, 3], [4, 2])])
def test_first_in_the_grid_wins_among_equals_after_resuming(tmp_path, monkeypatch, before, after):
    """The best trial can be in the journal or in the new run. Its net is the right one."""
    replace_training(monkeypatch, [np.nan, 0.5, 0.75, 0.75, 0.75])
    settings = {"grid": {"hidden_size": [1, 2, 3, 4, 5]}, "journal": tmp_path / "sweep.jsonl"}
    end_in_order(monkeypatch, [*before, KeyboardInterrupt])
    with pytest.raises(KeyboardInterrupt):
        small_sweep(**settings)
    end_in_order(monkeypatch, after)
    result = small_sweep(**settings)
    assert result.best.index == 2 and result.best_net.params["b1"].shape == (3,)


def test_old_name_of_the_table_still_works():
    """The warning is for the caller's line and names the new call."""
    result = small_sweep()
    message = "result.table() has moved: vis_utils.sweep_table(result). The old name will be removed in 1.2"
    with pytest.warns(DeprecationWarning, match=re.escape(message)) as caught:
        table = result.table()
    assert caught[0].filename == __file__ and str(table) == str(sweep_table(result))


def test_workers_need_no_matplotlib():
    """Importing the sweep does not import matplotlib or vis_utils."""
    code = "import sys, classifiers.sweep; sys.exit('matplotlib' in sys.modules or 'vis_utils' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


# Random search


def test_random_search():
    """It draws values from lists and distributions. The same seed gives the same values."""
    grid = {"hidden_size": [3, 5], "learning_rate": LogUniform(1e-4, 1e-1)}
    result = small_sweep(grid=grid, n_trials=12)
    rates = [t.params["learning_rate"] for t in result.trials]
    assert len(set(rates)) == 12 and all(1e-4 <= rate <= 1e-1 for rate in rates)
    assert {t.params["hidden_size"] for t in result.trials} == {3, 5}
    assert fingerprint(small_sweep(grid=grid, n_trials=12)) == fingerprint(result)
    assert rates != [t.params["learning_rate"] for t in small_sweep(grid=grid, n_trials=12, seed=1).trials]


def test_hyperparameters_and_weights_have_streams_of_their_own():
    """The hyperparameters of trial i are drawn from stream (i, 0), its weights from stream (i,)."""
    rates = LogUniform(1e-4, 1e-1)
    for trial in small_sweep(grid={"learning_rate": rates}, n_trials=3, hidden_size=3, seed=7).trials:
        own, of_weights = (
            rates.rvs(np.random.default_rng(np.random.SeedSequence(7, spawn_key=key)))
            for key in ((trial.index, 0), (trial.index,))
        )
        assert trial.params["learning_rate"] == own != of_weights


def test_log_uniform_spreads_over_decades():
    """Each of three decades has a third of the values."""
    rng = np.random.default_rng(0)
    decades = np.floor(np.log10([LogUniform(1e-4, 1e-1).rvs(random_state=rng) for _ in range(3000)]))
    np.testing.assert_allclose([np.mean(decades == d) for d in (-4, -3, -2)], 1 / 3, atol=0.03)


def test_log_uniform_of_one_value():
    """Equal bounds are allowed."""
    assert LogUniform(0.5, 0.5).rvs(np.random.default_rng(0)) == pytest.approx(0.5)


# Bad input


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"grid": {"hiden_size": [3]}}, "arguments of TwoLayerNet or train must be among .*; got 'hiden_size'"),
        ({"grid": {"rng": [3]}}, "got 'rng'"),
        ({"grid": {"reg": [3]}}, "hidden_size must be swept or fixed"),
        ({"num_it": 3}, "got 'num_it'"),
        ({"verbose": True}, "arguments .* got 'verbose'"),
        ({"reg": 0.5}, "reg must be swept or fixed, not both"),
        ({"grid": {"hidden_size": []}}, r"hidden_size must be a list of at least one value, got \[\]"),
        ({"grid": {"hidden_size": 50}}, "hidden_size must be a list of at least one value, got 50"),
        ({"grid": {"hidden_size": "50"}}, "hidden_size must be a list of at least one value, got '50'"),
        ({"grid": {"hidden_size": [3], "reg": LogUniform(1e-3, 1)}}, "n_trials must be given, since reg is a distribu"),
        ({"n_trials": 0}, "n_trials must be a whole number, at least 1, got 0"),
        ({"seed": -1}, "seed must be a whole number, at least 0, got -1"),
    ],
)
def test_mistakes_are_found_before_anything_trains(settings, message, monkeypatch):
    """Unknown names and wrong values are errors before the first trial."""
    monkeypatch.setattr(sweep_module, "run_trial", None)
    with pytest.raises(ValueError, match=message):
        small_sweep(**settings)


@pytest.mark.parametrize(
    "call, error, message",
    [
        (lambda: sweep({"hidden_size": [3]}, X, Y + 0.5, X, Y), ValueError, "y_train must hold class indices"),
        (lambda: sweep({"hidden_size": [3]}, X, Y[:2], X, Y), ValueError, "y_train must hold one label for each of 5"),
        (lambda: sweep({"hidden_size": [3]}, X[0], Y, X, Y), ValueError, r"X_train must have 2 dimension\(s\)"),
        (lambda: sweep({"hidden_size": [3]}, X, Y, X[:, :2], Y), ValueError, "X_val must have 4 columns"),
        (lambda: sweep({"hidden_size": [3]}, X, Y, X, Y, seed="a"), TypeError, "seed must be a whole number"),
        (lambda: sweep({"hidden_size": [3]}, X, Y.astype(str), X, Y), TypeError, "y_train must hold real numbers"),
        (
            lambda: sweep({"hidden_size": [3]}, X, Y, X, [0, np.nan, 2, 2, 1]),
            ValueError,
            "y_val must hold finite numbers, got nan at row 1",
        ),
        (lambda: sweep({"hidden_size": [3]}, X, Y, X, Y[:2]), ValueError, "y_val must hold one label for each of 5"),
        (lambda: sweep([3], X, Y, X, Y), TypeError, r"grid must be a dict, got \[3\]"),
        (lambda: LogUniform(0, 1), ValueError, "LogUniform must have 0 < low <= high, got low=0 and high=1"),
        (lambda: LogUniform(1, 0.1), ValueError, "LogUniform must have 0 < low <= high, got low=1 and high=0.1"),
        (lambda: LogUniform("a", 1), TypeError, "low must be a finite number, at least 0, got 'a'"),
    ],
)
def test_bad_input_gets_a_clear_error(call, error, message):
    """It has the right type, the argument's name, what it must be and what it was."""
    with pytest.raises(error) as caught:
        call()
    assert re.match(message, str(caught.value)), str(caught.value)


# Trials that fail or diverge


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_bad_trials_do_not_stop_the_others(n_jobs):
    """A diverged trial is recorded and is never the best. A failed trial has its error."""
    with pytest.warns(RuntimeWarning, match="2 of 4 trials failed. The first error is that of trial 2: TypeError: hid"):
        result = small_sweep(grid={"hidden_size": [3, "many"], "learning_rate": [1e200, 0.01]}, n_jobs=n_jobs)
    assert [t.state for t in result.trials] == ["diverged", "done", "failed", "failed"]
    assert "Error: " in result.trials[2].error and not np.isfinite(result.trials[0].stats["loss_history"][-1])
    assert result.best.index == 1 and np.isnan(result.trials[0].val_accuracy)


def test_divergence_at_the_last_step():
    """The trial has diverged if the last loss is finite, but the step after it is not."""
    result = small_sweep(grid={"hidden_size": [3], "learning_rate": [1e308, 0.01]}, num_iters=1)
    assert [t.state for t in result.trials] == ["diverged", "done"]
    assert len(result.trials[0].stats["loss_history"]) == 1 and np.isfinite(result.trials[0].stats["loss_history"][0])
    assert result.best.index == 1


@pytest.mark.parametrize(
    "grid, message",
    [
        (
            {"hidden_size": ["many", 0]},
            "no trial of 2 is done: 2 failed, 0 diverged. The first error is that of trial 0: T",
        ),
        ({"hidden_size": [3, 4], "learning_rate": [1e200]}, "no trial of 2 is done: 0 failed, 2 diverged. Try a lower"),
        ({"hidden_size": [3, "many"], "learning_rate": [1e200]}, "1 failed, 1 diverged. The first error .* trial 1: T"),
    ],
)
def test_sweep_without_any_good_trial(tmp_path, grid, message):
    """The error has the result, also with a journal and after pickling."""
    for settings in ({}, {"journal": tmp_path / "sweep.jsonl"}, {"journal": tmp_path / "sweep.jsonl"}):
        with pytest.raises(SweepError, match=message) as caught:
            small_sweep(grid=grid, **settings)
        for result in (caught.value.result, pickle.loads(pickle.dumps(caught.value)).result):
            assert result.best is None and result.best_net is None and len(result.trials) == 2
            assert "diverged" in str(sweep_table(result)) or "failed" in str(sweep_table(result))


def test_warning_of_failed_trials_belongs_to_the_caller():
    """The warning is for the line that calls sweep. Diverged trials do not cause a warning."""
    with pytest.warns(RuntimeWarning, match="1 of 2 trials failed") as caught:
        sweep({"hidden_size": [3, "many"]}, X, Y, X, Y, num_iters=1, n_jobs=1, progress=False)
    assert [warning.filename for warning in caught] == [__file__]
    small_sweep(grid={"hidden_size": [3], "learning_rate": [1e200, 0.01]})


def interrupt(it, num_iters):
    """Schedule that raises KeyboardInterrupt at the last iteration, like Ctrl-C."""
    if it == num_iters - 1:
        raise KeyboardInterrupt
    return 1.0


# {} stands for the default number of iterations.
@pytest.mark.parametrize("number", [{"num_iters": 5}, {"num_iters": 1}, {}])
def test_interrupt_of_a_sweep_is_passed_on(tmp_path, number):
    """An interrupted trial is not recorded as finished."""
    with pytest.raises(KeyboardInterrupt):
        sweep(
            {"hidden_size": [3]}, X, Y, X, Y, **number,
            schedule=interrupt, n_jobs=1, progress=False, journal=tmp_path / "sweep.jsonl",
        )  # fmt: skip
    assert (tmp_path / "sweep.jsonl").read_bytes().count(b"\n") == 1  # the header, without a trial


def test_interrupt_of_a_worker_is_passed_on():
    """KeyboardInterrupt also comes from another process."""
    with pytest.raises(KeyboardInterrupt):
        small_sweep(schedule=interrupt, n_jobs=2)


# Workers


def test_worker_that_dies_costs_nothing(tmp_path, monkeypatch):
    """If a process is killed, another process runs its trials again."""
    monkeypatch.setattr(sweep_module, "run_trial", DieOnce(tmp_path / "died", run_trial))
    result = small_sweep(n_jobs=2)
    assert (tmp_path / "died").exists()
    assert fingerprint(result) == fingerprint(small_sweep())


def test_sweep_survives_any_number_of_deaths_between_finished_trials(monkeypatch):
    """A finished trial resets the count. Here each trial ends one death before the limit."""
    expected = fingerprint(small_sweep())
    deaths = [WorkerDied] * (ATTEMPTS - 1)
    end_in_order(monkeypatch, [event for index in range(8) for event in (*deaths, index)])
    assert fingerprint(small_sweep()) == expected


def test_sweep_gives_up_after_deaths_in_a_row(tmp_path, monkeypatch):
    """No trial ends between the deaths. The journal keeps the trials that ended before."""
    events = end_in_order(monkeypatch, [0, *[WorkerDied] * ATTEMPTS, "not reached"])
    with pytest.raises(WorkerDied):
        small_sweep(journal=tmp_path / "sweep.jsonl")
    assert list(events) == ["not reached"]
    assert (tmp_path / "sweep.jsonl").read_bytes().count(b"\n") == 2


def count_blas_threads():
    """Return the numbers of threads of the BLAS libraries that threadpoolctl knows."""
    return {library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"}


def require_one_blas_thread(it, num_iters):
    """Schedule that makes its trial fail if BLAS has more than one thread."""
    if count_blas_threads() - {1}:  # empty on macOS: threadpoolctl does not know its BLAS
        raise RuntimeError(f"BLAS has {count_blas_threads()} threads")
    return 1.0


def test_trial_has_one_blas_thread_in_this_process():
    """The process has two threads before and after the sweep."""
    with threadpool_limits(2):
        if count_blas_threads() != {2}:
            pytest.skip("BLAS has no second thread here, or threadpoolctl does not know it")
        result = small_sweep(grid={"hidden_size": [3]}, schedule=require_one_blas_thread)
        assert count_blas_threads() == {2}
    assert [(t.state, t.error) for t in result.trials] == [("done", "")]


def test_trial_has_one_blas_thread_in_a_worker():
    """The joblib setting of two threads per worker has no effect on a trial."""
    with joblib.parallel_config(backend="loky", inner_max_num_threads=2):
        if joblib.Parallel(n_jobs=2)(2 * [joblib.delayed(count_blas_threads)()]) != [{2}, {2}]:
            pytest.skip("BLAS has no second thread here, or threadpoolctl does not know it")
        result = small_sweep(grid={"hidden_size": [3, 5]}, schedule=require_one_blas_thread, n_jobs=2)
    assert [(t.state, t.error) for t in result.trials] == 2 * [("done", "")]


class LikeRay(MultiprocessingBackend):
    """Backend like that of Ray: it extends the multiprocessing backend and returns only lists."""

    supports_return_generator = False


@pytest.fixture(params=["threading", "multiprocessing", "like ray", "sequential"])
def backend(request):
    """Name of a joblib backend that is active during the test."""
    joblib.register_parallel_backend("like ray", LikeRay)
    try:
        with joblib.parallel_config(backend=request.param):
            yield request.param
    finally:
        joblib.parallel.BACKENDS.pop("like ray")


def test_results_do_not_depend_on_the_backend(backend, tmp_path):
    """Results are bit-identical. Threads of BLAS and filters of warnings are restored."""
    filters = list(warnings.filters)
    with joblib.parallel_config(backend="loky"):
        expected = fingerprint(small_sweep())
    with threadpool_limits(2):
        before = count_blas_threads()
        result = small_sweep(n_jobs=2, journal=tmp_path / "sweep.jsonl")
        assert count_blas_threads() == before
    assert warnings.filters == filters and fingerprint(result) == expected


def test_backend_without_generators_works_in_rounds(monkeypatch):
    """A round has as many trials as workers. They are in the journal before the next round."""
    sizes = []

    class Rounds:
        def __init__(self, n_jobs, batch_size):
            assert n_jobs == 3

        def __enter__(self):
            return self

        def __exit__(self, *exception):
            pass

        def __call__(self, calls):
            sizes.append(len(calls))
            return [function(*args, **kwargs) for function, args, kwargs in calls]

    monkeypatch.setattr(sweep_module, "Parallel", Rounds)
    with joblib.parallel_config(backend="multiprocessing"):
        assert fingerprint(small_sweep(n_jobs=3))
    assert sizes == [3, 3, 2]


def wait_for_each_other(it, num_iters):
    """Schedule that makes two trials overlap. One waits in its first iteration for the other."""
    if it == 0:
        first = BARRIER.wait() == 0
        if first:
            ENDED.wait(10)
    elif it == num_iters - 1:
        ENDED.set()
    require_one_blas_thread(it, num_iters)
    warnings.warn("overflow", RuntimeWarning, stacklevel=1)
    return 1.0


BARRIER, ENDED = threading.Barrier(2, timeout=10), threading.Event()


@pytest.mark.parametrize("interrupted", [False, True])
def test_threads_leave_the_process_as_it_was(interrupted):
    """Overlapping trials have one BLAS thread and show no warnings. Afterwards both are as before.

    This also holds if a trial is interrupted.
    """
    ENDED.clear()
    with threadpool_limits(2), warnings.catch_warnings():
        warnings.simplefilter("error")
        before, filters = count_blas_threads(), list(warnings.filters)
        with joblib.parallel_config(backend="threading"):
            if interrupted:
                with pytest.raises(KeyboardInterrupt):
                    small_sweep(n_jobs=2, schedule=interrupt)
            else:
                result = small_sweep(grid={"hidden_size": [3, 5]}, n_jobs=2, schedule=wait_for_each_other)
                assert [(t.state, t.error) for t in result.trials] == 2 * [("done", "")]
        assert count_blas_threads() == before and warnings.filters == filters
