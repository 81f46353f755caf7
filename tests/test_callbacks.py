"""Tests of callbacks: their calls, how they end training, and their use in a sweep."""

import signal

import numpy as np
import pytest
from conftest import make_toy_net
from sweep_helpers import small_sweep

from classifiers.callbacks import Callbacks, EarlyStopping
from classifiers.neural_net import TwoLayerNet

rng = np.random.default_rng(0)
X, Y = rng.standard_normal((30, 4)), rng.integers(0, 3, 30)
X_VAL, Y_VAL = X[:8], Y[:8]


def train(callback=None, num_iters=12, **arguments):
    """Train a net on 30 examples in batches of 10, so an epoch has three iterations."""
    net = TwoLayerNet(4, 10, 3, std=0.1, rng=0)
    arguments = {"learning_rate": 0.5, "rng": 1, **arguments}
    stats = net.train(X, Y, X_VAL, Y_VAL, num_iters=num_iters, batch_size=10, callback=callback, **arguments)
    return net, stats


class Recorder:
    """Callback that records its arguments, and stops at a given iteration."""

    def __init__(self, stop=None):
        self.calls, self.ends, self.stop = [], [], stop

    def __call__(self, net, it, stats):
        self.calls.append((it, {name: len(values) for name, values in stats.items()}, net.params["W1"].copy()))
        return it == self.stop

    def finish(self, net, stats):
        self.ends.append((stats.ended, net.params["W1"].copy()))


def test_called_once_an_epoch():
    """The call is after the step. A callback that only reads does not change the results."""
    recorder = Recorder()
    net, stats = train(recorder)
    assert [(it, lengths) for it, lengths, _ in recorder.calls] == [
        (it, {"loss_history": it + 1} | dict.fromkeys(list(stats)[1:], it // 3 + 1)) for it in (0, 3, 6, 9)
    ]
    plain, expected = train()
    assert stats == expected and stats.ended == "finished"
    np.testing.assert_array_equal(net.params["W1"], plain.params["W1"])
    np.testing.assert_array_equal(recorder.calls[1][2], train(num_iters=4)[0].params["W1"])
    assert [end for end, _ in recorder.ends] == ["finished"]


@pytest.mark.parametrize("stop", [0, 6])
def test_true_ends_training(stop):
    """Training ends at once and keeps the current parameters."""
    recorder = Recorder(stop)
    net, stats = train(recorder)
    assert stats.ended == net.history.ended == "stopped" and len(stats["loss_history"]) == stop + 1
    np.testing.assert_array_equal(net.params["W1"], recorder.calls[-1][2])
    assert [end for end, _ in recorder.ends] == ["stopped"]


@pytest.mark.parametrize(
    "answer, ends", [(None, False), (False, False), (np.False_, False), (True, True), (np.True_, True)]
)
def test_answers(answer, ends):
    """NumPy's True also ends training. None and False do not."""
    assert (train(lambda net, it, stats: answer)[1].ended == "stopped") is ends


def test_callback_is_checked_before_training():
    """A callback that is not a function is an error before training."""
    net = make_toy_net()
    with pytest.raises(TypeError, match="callback must be None or a function, got 3"):
        net.train(np.ones((2, 4)), [0, 1], np.ones((2, 4)), [0, 1], callback=3)
    assert net.history is None


def test_ctrl_c_restores_the_best_epoch():
    """The program ends, and `finish` gives the net the parameters of its best epoch first."""
    recorder, nets = Recorder(), []

    def interrupt_at_6(net, it, stats):
        nets.append(net)
        if it == 6:
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        train(Callbacks(recorder, EarlyStopping(9), interrupt_at_6), learning_rate=2.0)
    best = int(np.argmax(nets[0].history["val_acc_history"]))
    assert nets[0].history.ended == "interrupted" and len(recorder.calls) == 3
    assert [ended for ended, _ in recorder.ends] == ["interrupted"]
    np.testing.assert_array_equal(nets[0].params["W1"], recorder.calls[best][2])


def history(**values):
    """Histories after the first epoch, after the second, and so on."""
    return [{name: list(numbers[: i + 1]) for name, numbers in values.items()} for i in range(len(*values.values()))]


@pytest.mark.parametrize(
    "patience, monitor, values, stopped",
    [
        (1, "val_acc_history", [0.1, 0.2, 0.2], 2),  # equal is not better
        (1, "val_acc_history", [0.1, 0.2, 0.3], None),
        (2, "val_acc_history", [0.3, 0.2, 0.2, 0.9], 2),
        (2, "val_acc_history", [0.3, 0.2, 0.4, 0.3, 0.3], 4),
        (2, "val_loss_history", [0.3, 0.2, 0.4, 0.3, 0.1], 3),
        (3, "val_loss_history", [0.3, 0.2, 0.4, 0.3, 0.1], None),
        (1, "val_loss_history", [np.nan, np.inf, 2.0, np.nan], 1),
        (2, "val_loss_history", [np.nan, np.inf, 2.0, np.nan], None),
    ],
)
def test_patience(patience, monitor, values, stopped):
    """Patience counts the epochs after the best one. NaN is worse than any number."""
    net, stopper = make_toy_net(), EarlyStopping(patience, monitor=monitor)
    said = [bool(stopper(net, i, stats)) for i, stats in enumerate(history(**{monitor: values}))]
    assert (said.index(True) if any(said) else None) == stopped


@pytest.mark.parametrize("stop_early", [True, False])
def test_best_parameters_are_restored(stop_early):
    """The net has those of the best epoch, after an early stop and after the last iteration."""
    recorder, stopper = Recorder(), EarlyStopping(2 if stop_early else 1000, monitor="val_loss_history")
    net, stats = train(Callbacks(recorder, stopper), num_iters=600, learning_rate=2.0, learning_rate_decay=1.0)
    best = int(np.argmin(stats["val_loss_history"]))
    assert stopper.best_epoch(stats) == best < len(stats["val_loss_history"]) - 1
    assert stats.ended == ("stopped" if stop_early else "finished")
    np.testing.assert_array_equal(net.params["W1"], recorder.calls[best][2])
    assert net.loss(X_VAL, Y_VAL, 1e-5)[0] == pytest.approx(min(stats["val_loss_history"]), rel=1e-12)


def test_last_parameters_stay_if_asked():
    """With restore_best=False, the net keeps the last parameters."""
    recorder = Recorder()
    net, stats = train(Callbacks(EarlyStopping(2, restore_best=False), recorder), num_iters=600, learning_rate=2.0)
    assert stats.ended == "stopped"
    np.testing.assert_array_equal(net.params["W1"], recorder.calls[-1][2])


def test_stopper_can_be_used_again():
    """The object keeps no state from one training to the next."""
    stopper = EarlyStopping(2, monitor="val_loss_history")
    first, second = (train(stopper, num_iters=300, learning_rate=2.0) for _ in range(2))
    assert first[1] == second[1] and vars(stopper) == vars(EarlyStopping(2, monitor="val_loss_history"))
    np.testing.assert_array_equal(first[0].params["W1"], second[0].params["W1"])


def test_stopper_in_two_trainings_at_once():
    """Each net gets its own best parameters."""
    stopper, settings = EarlyStopping(4, monitor="val_loss_history"), {"num_iters": 300, "learning_rate": 2.0}
    inner = []

    def other(net, it, stats):
        if it == 6:
            inner.append(train(stopper, rng=5, **settings)[0])

    outer, _ = train(Callbacks(stopper, other), **settings)
    for net, expected in (outer, train(stopper, **settings)[0]), (inner[0], train(stopper, rng=5, **settings)[0]):
        np.testing.assert_array_equal(net.params["W1"], expected.params["W1"])


def test_stopper_after_an_error():
    """The net keeps its last parameters, and the object starts clean."""
    stopper, recorder = EarlyStopping(9), Recorder()

    def fail(net, it, stats):
        if it == 9:
            raise ZeroDivisionError

    net = TwoLayerNet(4, 10, 3, std=0.1, rng=0)
    with pytest.raises(ZeroDivisionError):
        net.train(X, Y, X_VAL, Y_VAL, 2.0, num_iters=12, batch_size=10, callback=Callbacks(recorder, stopper, fail))
    np.testing.assert_array_equal(net.params["W1"], recorder.calls[-1][2])
    net.train(X, Y, X_VAL, Y_VAL, num_iters=0, callback=stopper)
    np.testing.assert_array_equal(net.params["W1"], recorder.calls[-1][2])


def test_stopper_without_validation_data():
    """The error says what it needs."""
    with pytest.raises(ValueError, match="EarlyStopping needs val_acc_history, .*: pass X_val and y_val to train"):
        make_toy_net().train(X, Y, callback=EarlyStopping(2))


def test_divergence_restores_the_best_epoch():
    """The parameters are those of the best epoch, not of the epoch before the divergence."""
    recorder = Recorder()

    def explode(net, it, stats):
        if it == 9:
            net.params["W2"] *= 1e200

    with pytest.warns(RuntimeWarning, match="diverged"):
        net, stats = train(Callbacks(recorder, EarlyStopping(9), explode))
    assert stats.ended == "diverged" and np.isfinite(net.params["W2"]).all()
    best = int(np.argmax(stats["val_acc_history"]))
    np.testing.assert_array_equal(net.params["W1"], recorder.calls[best][2])


def test_divergence_counts_more_than_a_stop():
    """If a callback makes the parameters diverge and stops, the snapshot is restored."""

    def spoil(net, it, stats):
        net.params["W2"] *= 1e200
        return True

    with pytest.warns(RuntimeWarning, match="diverged"):
        net, stats = train(spoil)
    assert stats.ended == "diverged" and np.isfinite(net.params["W2"]).all()


@pytest.mark.parametrize(
    "make, error, message",
    [
        (lambda: EarlyStopping(0), ValueError, "patience must be a whole number, at least 1, got 0"),
        (lambda: EarlyStopping("5"), TypeError, "patience must be a whole number, at least 1, got '5'"),
        (lambda: EarlyStopping(5, "no"), TypeError, "restore_best must be True or False, got 'no'"),
        (
            lambda: EarlyStopping(5, monitor="loss"),
            ValueError,
            "monitor must be one of val_acc_history, val_loss_history, got 'loss'",
        ),
        (lambda: Callbacks(len, 3), TypeError, r"callbacks\[1\] must be None or a function, got 3"),
    ],
)
def test_bad_arguments(make, error, message):
    """The error gives the argument's name, what it must be and what it was."""
    with pytest.raises(error, match=message):
        make()


def test_all_callbacks_are_called():
    """Callbacks after one that stops are called, too."""
    recorder = Recorder()
    _, stats = train(Callbacks(lambda *arguments: True, recorder))
    assert stats.ended == "stopped" and len(recorder.calls) == len(recorder.ends) == 1


# In a sweep


def stopping_sweep(**arguments):
    """Sweep three learning rates with early stopping. The trial with rate 0 is stopped."""
    grid = {"learning_rate": [0.05, 0.0, 0.1]}
    settings = {"hidden_size": 5, "num_iters": 40, "batch_size": 20, "callback": EarlyStopping(3)}
    return small_sweep(**{"grid": grid, **settings, **arguments})


def test_stopped_trial_is_recorded():
    """The trial is done and `stopped`, and its accuracy is that of the best epoch."""
    result = stopping_sweep()
    _, lazy, _ = result.trials
    assert lazy.state == "done" and lazy.stopped and len(lazy.stats["loss_history"]) == 3 * 2 + 1
    assert all(t.val_accuracy == max(t.stats["val_acc_history"]) for t in result.trials)
    without = stopping_sweep(callback=None)
    assert not any(trial.stopped for trial in without.trials)


def test_sweep_does_not_change_the_callback():
    """Each trial gets a copy of the callback."""
    recorder = Recorder(stop=2)
    result = stopping_sweep(callback=recorder)
    assert recorder.calls == [] and [trial.stopped for trial in result.trials] == 3 * [True]


def test_several_callbacks_in_a_journal(tmp_path):
    """Their repr is the same in every process, so the journal recognises them."""
    journal, both = tmp_path / "sweep.jsonl", [Callbacks(EarlyStopping(3), EarlyStopping(9)) for _ in range(2)]
    first, again = (stopping_sweep(journal=journal, callback=callback) for callback in both)
    assert [(t.stopped, t.stats) for t in first.trials] == [(t.stopped, t.stats) for t in again.trials]
    with pytest.raises(ValueError, match="belongs to another sweep: its fixed is"):
        stopping_sweep(journal=journal, callback=Callbacks(EarlyStopping(3)))


def test_swept_callbacks():
    """Callbacks can be values of the grid."""
    grid = {"callback": [None, EarlyStopping(1), EarlyStopping(3)]}
    result = small_sweep(grid=grid, hidden_size=5, num_iters=40, batch_size=20, learning_rate=0.0)
    assert [len(trial.stats["loss_history"]) for trial in result.trials] == [40, 3, 7]
