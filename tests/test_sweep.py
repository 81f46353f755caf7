"""Tests of the sweep: equal results in all ways to run it, and no finished trial is lost."""

import pickle
import re
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import nullcontext
from itertools import product
from types import SimpleNamespace

import joblib
import numpy as np
import pytest
from sweep_helpers import (
    Script,
    count_blas_threads,
    count_trials,
    fingerprint,
    interrupt,
    make_data,
    require_one_blas_thread,
    small_sweep,
    wait_for,
)
from threadpoolctl import threadpool_limits

from classifiers.callbacks import EarlyStopping
from classifiers.neural_net import TwoLayerNet
from classifiers.sgd import warm_cosine
from classifiers.sweep import LogUniform, SweepError, SweepResult, Trial, sweep
from vis_utils import sweep_table

# Results


def states(result):
    return [(trial.state, trial.error) for trial in result.trials]


def test_result_holds_every_trial_in_grid_order():
    """A trial has parameters, accuracy, standard error, seconds, histories, seed and state."""
    result = small_sweep()
    assert [t.index for t in result.trials] == list(range(8))
    assert result.trials[0].params == {"hidden_size": 3, "learning_rate": 1e-1, "reg": 0.0}
    assert result.trials[1].params["reg"] == 0.5 and result.trials[4].params["hidden_size"] == 5
    for trial in result.trials:
        a = trial.val_accuracy
        assert trial.state == "done" and trial.standard_error == pytest.approx(np.sqrt(a * (1 - a) / 20))
        assert len(trial.stats["loss_history"]) == 30 and trial.seconds > 0 and trial.seed[0] == 0
        assert trial.stats.iterations_per_epoch == 1 and trial.stats.ended == "finished" and not trial.stopped
    assert result.best.val_accuracy == max(t.val_accuracy for t in result.trials)
    _, _, X_val, y_val = make_data()
    assert np.mean(result.best_net.predict(X_val) == y_val) == result.best.val_accuracy


def test_each_trial_can_be_repeated_alone():
    """Its weights and batches come from default_rng(trial.seed)."""
    trial = small_sweep(seed=7).trials[5]
    rng = np.random.default_rng(trial.seed)
    net = TwoLayerNet(4, trial.params["hidden_size"], 3, std=0.3, rng=rng)
    rates = {name: trial.params[name] for name in ("learning_rate", "reg")}
    assert net.train(*make_data(), num_iters=30, rng=rng, **rates) == trial.stats


GROUPS = {"learning_rate": [1e-1, 1e5], "num_iters": [3, 0, 12, 7, *range(25, 40)], "reg": [0.0, 0.5]}


@pytest.mark.filterwarnings("ignore:training diverged")
@pytest.mark.parametrize("option", [{}, {"schedule": warm_cosine}, {"callback": EarlyStopping(3)}])
def test_nets_that_differ_only_in_num_iters(option, tmp_path):
    """Each equals the net that is trained alone, also if longer trainings diverge."""
    data, settings = make_data(), {"batch_size": 10, "momentum": 0.5, **option}
    journal = tmp_path / "sweep.jsonl"

    def run():
        return sweep(
            GROUPS, *data, hidden_size=3, std=0.3, seed=7, n_jobs=1, journal=journal, progress=False, **settings
        )

    result = run()
    for trial in result.trials:
        rng = np.random.default_rng(trial.seed)
        net = TwoLayerNet(4, 3, 3, std=0.3, rng=rng)
        history = net.train(*data, rng=rng, **settings, **trial.params)
        diverged = history.ended == "diverged"
        accuracy = np.nan if diverged else np.mean(net.predict(data[2]) == data[3])
        assert repr(trial.stats) == repr(history)
        assert vars(trial.stats) == vars(history)
        assert trial.state == ("diverged" if diverged else "done")
        assert np.array_equal(trial.val_accuracy, accuracy, equal_nan=True)
    assert option or {trial.state for trial in result.trials[38::2]} == {"done", "diverged"}
    lines = journal.read_bytes().splitlines(keepends=True)
    for kept in (1, 2, 20, 50):  # an interruption may leave a part of a group
        journal.write_bytes(b"".join(lines[: kept + 1]))
        assert repr(fingerprint(run())) == repr(fingerprint(result))  # NaN is not equal to NaN


def test_nets_that_differ_only_in_num_iters_are_one_training():
    """The longest one takes all steps of the others."""
    steps, data, settings = [], make_data(), {"hidden_size": 3, "n_jobs": 1, "progress": False}

    def count(X, rng):
        steps.append(len(X))
        return X

    sweep({"num_iters": [3, 12, 7]}, *data, augment=count, **settings)
    assert len(steps) == 12


@pytest.mark.parametrize("backend", ["loky", "threading", "multiprocessing", "sequential"])
def test_results_do_not_depend_on_the_backend(backend, tmp_path):
    """Results are bit-identical. Threads of BLAS and filters of warnings are restored."""
    expected, filters = fingerprint(small_sweep()), list(warnings.filters)
    with joblib.parallel_config(backend=backend), threadpool_limits(2):
        before = count_blas_threads()
        result = small_sweep(n_jobs=2, journal=tmp_path / "sweep.jsonl")
        assert count_blas_threads() == before
    assert warnings.filters == filters and fingerprint(result) == expected
    assert fingerprint(small_sweep(seed=1)) != expected


@pytest.mark.parametrize("order", [(1, 2, 3, 4, 5), (5, 4, 3, 2, 1), (3, 1, 4, 2, 5)])
def test_first_in_the_grid_wins_among_equals(order, tmp_path):
    """Neither the order in which trials end nor a resumed journal matters for ranking and best net.

    The first trial diverges and is last. The third, fourth and fifth have the accuracy 0.4.
    """
    after = {H: place for place, H in enumerate(order)}
    script = Script(str(tmp_path), after=after, predict={1: None, 2: 2, 3: 0, 4: 0, 5: 1})
    y_val = np.repeat([0, 1, 2], [8, 8, 4])
    settings = {"y_val": y_val, "callback": script, "journal": script.journal, "learning_rate": 0.0, "num_iters": 2}
    with joblib.parallel_config(backend="threading"):
        result = small_sweep(grid={"hidden_size": [1, 2, 3, 4, 5]}, n_jobs=5, **settings)
    lines = script.journal.read_bytes().splitlines(keepends=True)
    resumed = []
    for kept in range(6):
        script.journal.write_bytes(b"".join(lines[: kept + 1]))
        with joblib.parallel_config(backend="threading"):
            resumed.append(small_sweep(grid={"hidden_size": [1, 2, 3, 4, 5]}, n_jobs=5, **settings))
        assert count_trials(script.journal) == 5  # a trial that diverged is not trained again, either
    for one in (result, *resumed, SweepResult([result.trials[H - 1] for H in order], result.best_net)):
        assert [trial.val_accuracy for trial in one.trials[1:]] == [0.2, 0.4, 0.4, 0.4]
        assert one.best is one.ranked[0] and one.best.index == 2 and one.best_net.params["b1"].shape == (3,)
        assert [trial.index for trial in one.ranked] == [2, 3, 4, 1, 0]
        assert [trial.index for trial in one.trials] == [0, 1, 2, 3, 4]


def test_bar_shows_the_best_so_far(capsys, tmp_path):
    """The sweep has one bar. It counts the trials of a journal. With progress=False there is none."""
    result = small_sweep(progress=True, journal=tmp_path / "sweep.jsonl")
    out = capsys.readouterr().out
    assert "8/8" in out and f"best={result.best.val_accuracy:.3f}" in out
    small_sweep(progress=True, journal=tmp_path / "sweep.jsonl")
    assert "8/8" in capsys.readouterr().out
    small_sweep(progress=False)
    assert capsys.readouterr().out == ""


def test_number_of_classes_comes_from_all_labels():
    """A class counts also if only the validation data have it. output_size overrides the number."""
    y_val = make_data()[3]
    y_val[0] = 5
    settings = {"grid": {"hidden_size": [3]}, "y_val": y_val}
    assert small_sweep(**settings).best_net.params["b2"].shape == (6,)
    assert small_sweep(**settings, output_size=9).best_net.params["b2"].shape == (9,)
    with pytest.raises(ValueError, match="y_val must hold class indices in 0..2, got 5 at row 0"):
        small_sweep(**settings, output_size=3)


# Random search


def test_random_search():
    """It draws values from lists and distributions. Another seed gives other values."""
    grid = {"hidden_size": [3, 5], "learning_rate": LogUniform(1e-4, 1e-1)}
    result = small_sweep(grid=grid, n_trials=12)
    rates = [t.params["learning_rate"] for t in result.trials]
    assert len(set(rates)) == 12 and all(1e-4 <= rate <= 1e-1 for rate in rates)
    assert {t.params["hidden_size"] for t in result.trials} == {3, 5}
    assert rates != [t.params["learning_rate"] for t in small_sweep(grid=grid, n_trials=12, seed=1).trials]


@pytest.mark.parametrize("n_trials", [3.0, 4, 9])
def test_random_search_trains_no_combination_twice(n_trials):
    """It has no more trials than combinations, and says so. Iterators are grids, too."""
    distribution = SimpleNamespace(rvs=lambda random_state: random_state.integers(3, 5))
    for sizes in ([3, 4], iter([3, 4]), distribution):
        few = pytest.warns(UserWarning, match=f"n_trials is {n_trials}.* only 4 combinations")
        with few if n_trials > 4 else nullcontext():
            result = small_sweep(grid={"hidden_size": sizes, "reg": (0.1, 1)}, n_trials=n_trials)
        params = [tuple(trial.params.values()) for trial in result.trials]
        assert len(params) == len(set(params)) == min(4, n_trials) and set(params) <= set(product([3, 4], [0.1, 1]))


def test_table_for_pandas():
    """Each trial is a row."""
    pandas = pytest.importorskip("pandas")
    result = small_sweep()
    table = result.to_pandas()
    assert list(table.columns[:4]) == ["hidden_size", "learning_rate", "reg", "state"] and len(table) == 8
    assert table.val_accuracy.idxmax() == result.best.index and set(table.iterations) == {30}
    assert isinstance(table, pandas.DataFrame) and table.seed[3] == result.trials[3].seed


def test_hyperparameters_have_streams_of_their_own():
    """The hyperparameters of trial i are drawn from stream (i, 0)."""
    rates = LogUniform(1e-4, 1e-1)
    for trial in small_sweep(grid={"learning_rate": rates}, n_trials=3, hidden_size=3, seed=7).trials:
        rng = np.random.default_rng(np.random.SeedSequence(7, spawn_key=(trial.index, 0)))
        assert trial.params["learning_rate"] == rates.rvs(rng)


def test_seed_of_a_trial():
    """It depends on the sweep's seed and on all hyperparameters except num_iters, not on the rest of the grid."""
    grid = {
        "dtype": [np.float32, float],
        "reg": [0, 1],
        "num_iters": [3, 4],
        "schedule": [warm_cosine, lambda it, n: 1.0],
    }

    def seeds(seed, **grid):
        return {tuple(t.params.values()): tuple(t.seed) for t in small_sweep_of(grid, seed).trials}

    def small_sweep_of(grid, seed):
        return sweep(grid, *make_data(), hidden_size=3, n_jobs=1, progress=False, seed=seed)

    all_seeds = seeds(7, **grid)
    assert len(set(all_seeds.values())) == 8 and {seed for seed, _ in all_seeds.values()} == {7}
    few = {name: values[1:] for name, values in grid.items()} | {"reg": [1.0]}
    assert seeds(7, **few).items() <= all_seeds.items()
    assert set(seeds(8, **few).values()).isdisjoint(all_seeds.values())


def test_log_uniform_spreads_over_decades():
    """Each of three decades has a third of the values. Equal bounds give one value."""
    rng = np.random.default_rng(0)
    decades = np.floor(np.log10([LogUniform(1e-4, 1e-1).rvs(random_state=rng) for _ in range(3000)]))
    np.testing.assert_allclose([np.mean(decades == d) for d in (-4, -3, -2)], 1 / 3, atol=0.03)
    assert LogUniform(0.5, 0.5).rvs(rng) == pytest.approx(0.5)


# Bad input


X, Y = make_data()[:2]


@pytest.mark.parametrize(
    "settings, error, message",
    [
        ({"grid": {"hiden_size": [3]}}, ValueError, "arguments of TwoLayerNet or train .*; got 'hiden_size'"),
        ({"grid": {"rng": [3]}}, ValueError, "arguments .* got 'rng'"),
        ({"grid": {"reg": [3]}}, ValueError, "hidden_size must be swept or fixed"),
        ({"verbose": True}, ValueError, "arguments .* got 'verbose'"),
        ({"reg": 0.5}, ValueError, "reg must be swept or fixed, not both"),
        ({"grid": {"hidden_size": []}}, ValueError, r"hidden_size must be a list of at least one value, got \[\]"),
        ({"grid": {"hidden_size": 50}}, ValueError, "hidden_size must be a list of at least one value, got 50"),
        ({"grid": {"hidden_size": "50"}}, ValueError, "hidden_size must be a list of at least one value, got '50'"),
        ({"grid": {"hidden_size": [3], "reg": LogUniform(1e-3, 1)}}, ValueError, "n_trials must be given, since reg"),
        ({"grid": {"hidden_size": [3, 4, 3.0]}}, ValueError, "the values of hidden_size must differ, got 3.0 twice"),
        ({"sample_weight": np.ones(40)}, ValueError, "arguments .* got 'sample_weight'"),
        ({"grid": [3]}, TypeError, r"grid must be a dict, got \[3\]"),
        ({"n_trials": 0}, ValueError, "n_trials must be a whole number, at least 1, got 0"),
        ({"seed": -1}, ValueError, "seed must be a whole number, at least 0, got -1"),
        ({"X_train": X[0]}, ValueError, r"X_train must have 2 dimension\(s\)"),
        ({"X_val": X[:, :2]}, ValueError, "X_val must have 4 columns"),
        ({"y_train": Y + 0.5}, ValueError, "y_train must hold class indices"),
        ({"y_val": Y[:2]}, ValueError, "y_val must hold one label for each of 20"),
    ],
)
def test_mistakes_are_found_before_anything_trains(settings, error, message, monkeypatch):
    """The error has the argument's name, what it must be and what it was."""
    monkeypatch.setattr(TwoLayerNet, "train", lambda *args, **kwargs: pytest.fail("a net was trained"))
    with pytest.raises(error) as caught:
        small_sweep(**settings)
    assert re.match(message, str(caught.value)), str(caught.value)


@pytest.mark.parametrize("low, high", [(0, 1), (1, 0.1)])
def test_bounds_of_log_uniform(low, high):
    """The error says which bound is wrong."""
    with pytest.raises(ValueError, match=f"LogUniform must have 0 < low <= high, got low={low} and high={high}"):
        LogUniform(low, high)


# Trials that fail or diverge


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_bad_trials_do_not_stop_the_others(n_jobs):
    """A diverged trial is recorded and is never the best. A failed trial has its error.

    The warning is for the line that calls sweep.
    """
    with pytest.warns(RuntimeWarning, match="2 of 4 trials failed.*that of trial 2: TypeError: hid") as caught:
        data = make_data()
        grid = {"hidden_size": [3, "many"], "learning_rate": [1e200, 0.01]}
        result = sweep(grid, *data, num_iters=30, n_jobs=n_jobs, progress=False)
    assert [warning.filename for warning in caught] == [__file__]
    assert [t.state for t in result.trials] == ["diverged", "done", "failed", "failed"]
    assert "Error: " in result.trials[2].error and not np.isfinite(result.trials[0].stats["loss_history"][-1])
    with pytest.warns(RuntimeWarning, match="1 of 2 trials failed"):
        assert sweep({"num_iters": ["many", 3]}, *data, hidden_size=3, n_jobs=n_jobs, progress=False).best.index == 1
    assert result.best.index == 1 and np.isnan(result.trials[0].val_accuracy)
    assert result.trials[2].stats == Trial(2, {}, []).stats and len(result.trials[2].stats["loss_history"]) == 0


@pytest.mark.parametrize(
    "grid, message",
    [
        ({"hidden_size": ["many", 0]}, "no trial of 2 is done: 2 failed, 0 diverged. The first error .* trial 0: T"),
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


@pytest.mark.parametrize("num_iters, n_jobs", [(5, 1), (1, 1), (5, 2)])
def test_interrupt_of_a_sweep_is_passed_on(tmp_path, num_iters, n_jobs):
    """It can come from a worker. An interrupted trial is not recorded as finished. The message says what is kept."""
    with pytest.raises(KeyboardInterrupt, match="after 0 of 8 trials. Without a journal, they are lost"):
        small_sweep(num_iters=num_iters, n_jobs=n_jobs, schedule=interrupt)
    with pytest.raises(KeyboardInterrupt, match="after 0 of 8 trials. They are in .*jsonl: the same call continues"):
        small_sweep(num_iters=num_iters, n_jobs=n_jobs, schedule=interrupt, journal=tmp_path / "sweep.jsonl")
    assert count_trials(tmp_path / "sweep.jsonl") == 0


# Workers


def test_workers_that_die(tmp_path):
    """Their trials run again. The sweep ends at the third death in a row, without a finished trial between.

    Then the journal keeps the finished trials, and the same call continues.
    """
    grid, script = {"hidden_size": [3, 5]}, Script(str(tmp_path), after={5: 1}, deaths={3: 1, 5: 3})
    settings = {"grid": grid, "n_jobs": 2, "callback": script, "journal": script.journal}
    with pytest.raises(BrokenProcessPool):
        small_sweep(**settings)
    assert (script.count_deaths(3), script.count_deaths(5), count_trials(script.journal)) == (1, 3, 1)
    assert fingerprint(small_sweep(**settings)) == fingerprint(small_sweep(grid=grid))


# One BLAS thread and no warnings in a trial


def test_trial_has_one_blas_thread_in_this_process():
    """Also if another running thread has set a different number. It is two before and after the sweep."""
    with ThreadPoolExecutor(1) as other:
        limits = other.submit(threadpool_limits, 2).result()
        if count_blas_threads() != {2}:
            pytest.skip("BLAS has no second thread here, or threadpoolctl does not know it")
        result = small_sweep(grid={"hidden_size": [3]}, schedule=require_one_blas_thread)
        assert states(result) == [("done", "")] and count_blas_threads() == {2}
        other.submit(limits.restore_original_limits).result()


def test_trial_has_one_blas_thread_in_a_worker():
    """The joblib setting of two threads per worker has no effect on a trial."""
    with joblib.parallel_config(backend="loky", inner_max_num_threads=2):
        if joblib.Parallel(n_jobs=2)(2 * [joblib.delayed(count_blas_threads)()]) != [{2}, {2}]:
            pytest.skip("BLAS has no second thread here, or threadpoolctl does not know it")
        result = small_sweep(grid={"hidden_size": [3, 5]}, schedule=require_one_blas_thread, n_jobs=2)
    assert states(result) == 2 * [("done", "")]


def wait_for_each_other(it, num_iters):
    """Schedule that makes two trials overlap. One waits in its first iteration for the other."""
    if it == 0 and BARRIER.wait() == 0:
        ENDED.wait(60)
    elif it == num_iters - 1:
        ENDED.set()
    require_one_blas_thread(it, num_iters)
    warnings.warn("overflow", RuntimeWarning, stacklevel=1)
    return 1.0


def interrupt_together(it, num_iters):
    """Schedule that raises KeyboardInterrupt when both trials have begun."""
    BARRIER.wait()
    raise KeyboardInterrupt


BARRIER, ENDED = threading.Barrier(2, timeout=60), threading.Event()


@pytest.mark.parametrize("interrupted", [False, True])
def test_threads_leave_the_process_as_it_was(interrupted):
    """Overlapping trials have one BLAS thread and show no warnings. Afterwards both are as before.

    An interrupted sweep does not wait for its trials.
    """
    ENDED.clear()
    with threadpool_limits(2), warnings.catch_warnings(record=True) as shown:
        warnings.simplefilter("always")
        before, filters = count_blas_threads(), list(warnings.filters)
        with joblib.parallel_config(backend="threading"):
            if interrupted:
                with pytest.raises(KeyboardInterrupt):
                    small_sweep(grid={"hidden_size": [3, 5]}, n_jobs=2, schedule=interrupt_together)
                wait_for(lambda: count_blas_threads() == before and warnings.filters == filters)
            else:
                result = small_sweep(grid={"hidden_size": [3, 5]}, n_jobs=2, schedule=wait_for_each_other)
                assert states(result) == 2 * [("done", "")]
        assert count_blas_threads() == before and warnings.filters == filters and shown == []
