"""Tests of Ctrl-C, snapshots, histories and the end of training."""

import json
import pickle
import signal
import threading
from dataclasses import asdict, dataclass, field
from types import SimpleNamespace

import numpy as np
import pytest

from classifiers.neural_net import TwoLayerNet
from classifiers.safety import DelayedInterrupt, History, Snapshot, end_training


def handler():
    return signal.getsignal(signal.SIGINT)


def test_first_signal_is_delayed_and_the_second_is_not():
    """The first signal sets the flag, and the block continues. The second signal ends the block."""
    steps = []
    with DelayedInterrupt() as ctrl_c:
        assert not ctrl_c.pressed
        signal.raise_signal(signal.SIGINT)
        steps.append("first")
        assert ctrl_c.pressed
        signal.raise_signal(signal.SIGINT)
        steps.append("second")
    assert steps == ["first"] and handler() is signal.default_int_handler


@pytest.mark.parametrize("error", [None, KeyboardInterrupt, ValueError])
def test_handler_is_restored(error):
    """This holds after errors, too. A KeyboardInterrupt sets the flag. Other errors are raised."""
    try:
        with DelayedInterrupt() as ctrl_c:
            assert handler() is not signal.default_int_handler
            if error:
                raise error
    except ValueError:
        assert error is ValueError
    assert handler() is signal.default_int_handler and ctrl_c.pressed == (error is KeyboardInterrupt)


@pytest.mark.parametrize("own", [signal.SIG_IGN, lambda number, frame: None])
def test_handler_of_the_program_is_kept(own):
    """If the program ignores or handles SIGINT, this does not change."""
    signal.signal(signal.SIGINT, own)
    try:
        with DelayedInterrupt() as ctrl_c:
            assert handler() is own
            signal.raise_signal(signal.SIGINT)
        assert handler() is own and not ctrl_c.pressed
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def test_other_threads_install_nothing():
    """signal.signal would raise an error there."""
    seen = []

    def work():
        with DelayedInterrupt() as ctrl_c:
            seen.append((handler(), ctrl_c.pressed))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [(signal.default_int_handler, False)]


def test_snapshot_restores_in_place():
    """The arrays get the values of the last take and stay the same objects. Other entries stay."""
    params = {"a": np.array([1.0, 2.0]), "b": np.asfortranarray(np.ones((2, 3))), "name": "mine"}
    a, b = params["a"], params["b"]
    snapshot = Snapshot(params)
    a *= 10
    b *= 10
    snapshot.restore(params)
    np.testing.assert_array_equal(a, [1, 2])
    a[0] = 7
    snapshot.take(params)
    a[:] = np.nan
    b[0, 0] = np.inf
    snapshot.restore(params)
    np.testing.assert_array_equal(a, [7, 2])
    np.testing.assert_array_equal(b, np.ones((2, 3)))
    assert params["a"] is a and params["name"] == "mine"


def test_snapshot_of_arrays_that_were_replaced():
    """The new array can have another shape."""
    params = {"a": np.ones(2)}
    snapshot = Snapshot(params)
    params["a"] = np.full(3, 5.0)
    snapshot.take(params)
    params["a"] = np.zeros(3)
    snapshot.restore(params)
    np.testing.assert_array_equal(params["a"], [5, 5, 5])


def test_snapshot_of_a_read_only_array():
    """A read-only array is an error before training. The error names the array."""
    net = TwoLayerNet(4, 5, 3)
    net.params["b1"].flags.writeable = False
    with pytest.raises(ValueError, match="b1 must be writable, got a read-only array. Use a copy of it"):
        net.train(np.ones((2, 4)), [0, 1], np.ones((2, 4)), [0, 1])
    assert not net.params["b2"].any()


def test_history_is_a_dict_of_lists():
    """A history equals a plain dict and works with JSON and pickle. Pickle keeps `ended`."""
    history = History()
    names = ["loss_history", "train_acc_history", "val_acc_history", "val_loss_history"]
    assert history == {name: [] for name in names}
    assert history.add_loss(1.5) and not History().add_loss(np.nan) and not History().add_loss(-np.inf)
    history.add_epoch(0.25, 0.5, 2.0)
    with pytest.raises(TypeError):
        history.add_epoch(0.25, 0.5)
    history.ended, history.iterations_per_epoch = "finished", 7
    assert json.loads(json.dumps(history)) == {
        "loss_history": [1.5],
        "train_acc_history": [0.25],
        "val_acc_history": [0.5],
        "val_loss_history": [2.0],
    }
    copy = pickle.loads(pickle.dumps(history))
    assert copy == history and copy.ended == "finished" and copy.iterations_per_epoch == 7
    assert History().ended == "running" and History()["loss_history"] == []


def test_history_in_a_dataclass():
    """dataclasses.asdict makes a new History from the pairs."""

    @dataclass
    class Holder:
        stats: dict = field(default_factory=dict)

    assert asdict(Holder(History()))["stats"] == History()


def end(losses, values=(1.0,), interrupted=False, whole=True):
    """End training with these losses and parameter values. Return history and values."""
    net = SimpleNamespace(history=History(), params={"W": np.zeros(len(values)), "name": "mine"})
    net.history["loss_history"].extend(losses)
    snapshot, ctrl_c = Snapshot(net.params), DelayedInterrupt()
    net.params["W"][:], ctrl_c.pressed = values, interrupted
    end_training(net, snapshot, ctrl_c, whole, 9, 0.5)
    return net.history, net.params["W"]


def test_history_that_finished():
    """The parameters stay unchanged."""
    history, W = end([3.0, 2.0])
    assert history.ended == "finished" and W == 1
    assert end([])[0].ended == "finished"


def test_history_that_was_interrupted(capsys):
    """The parameters stay unchanged, and a line says how to continue."""
    history, W = end([3.0, 2.0], interrupted=True)
    assert history.ended == "interrupted" and W == 1
    out = capsys.readouterr().out
    assert "interrupted after 2 of 9 iterations: calling train again continues from these parameters" in out


@pytest.mark.parametrize(
    "losses, values",
    [([1.0, np.nan], [1.0]), ([np.inf], [1.0]), ([1.0, 1.0], [np.nan]), ([1.0], [1.0, -np.inf]), ([1.0], [1e200])],
)
def test_history_that_diverged(losses, values):
    """The last loss or the square of a parameter is not finite. The snapshot is restored."""
    with pytest.warns(RuntimeWarning, match=f"diverged at iteration {len(losses) - 1}, learning rate 0.5: the param"):
        history, W = end(losses, values)
    assert history.ended == "diverged" and not W.any()


def test_training_without_iterations_cannot_diverge():
    """Parameters that were NaN before stay NaN."""
    history, W = end([], [np.nan])
    assert history.ended == "finished" and np.isnan(W)


def test_step_that_was_broken_off(capsys):
    """The parameters are those from the start of the epoch, and a line says this."""
    history, W = end([1.0], interrupted=True, whole=False)
    assert history.ended == "interrupted" and W == 0
    assert "restored from the start of the epoch" in capsys.readouterr().out


def test_an_earlier_infinite_loss_is_not_a_divergence():
    """Only the last loss counts, because training stops at the first infinite one."""
    assert end([np.inf, 1.0])[0].ended == "finished"


def test_interrupt_and_divergence():
    """`ended` is "interrupted", so a sweep stops. The warning is given too."""
    with pytest.warns(RuntimeWarning):
        history, W = end([np.nan], interrupted=True)
    assert history.ended == "interrupted" and W == 0
