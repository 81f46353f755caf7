"""Tests of history, snapshots, divergence, Ctrl-C and progress of `train`."""

import json
import pickle
import re
import signal
import threading
import warnings
from dataclasses import asdict, dataclass, field

import numpy as np
import pytest
from conftest import make_toy_net, posix, run_python

from classifiers.history import History
from classifiers.neural_net import TwoLayerNet
from classifiers.training import Snapshot


def handler():
    return signal.getsignal(signal.SIGINT)


def train(net=None, **arguments):
    """Train on the toy data in batches of two rows, so an epoch has two iterations."""
    np.random.seed(1)
    data = 10 * np.random.randn(5, 4), np.array([0, 1, 2, 2, 1])
    settings = {"learning_rate": 0.05, "learning_rate_decay": 1.0, "batch_size": 2, "rng": 0, **arguments}
    return (net or make_toy_net()).train(*data, *data, **settings)


def call_at(iteration, action, value=1.0):
    """Return a schedule that calls a function at one iteration. It is 1, and `value` at this iteration."""

    def schedule(it, num_iters):
        if it == iteration:
            action()
            return value
        return 1.0

    return schedule


def assert_equal_nets(net, twin):
    np.testing.assert_equal(net.params, twin.params)


# Histories and snapshots


def test_history_is_a_dict_of_lists():
    """A history equals a plain dict and works with JSON, pickle and asdict. Pickle keeps all of it."""
    history = History(iterations_per_epoch=7)
    assert history == {name: [] for name in history} and len(history) == 4 and history.ended == "running"
    history["loss_history"].append(1.5)
    history.add_epoch(0.25, 0.5, 2.0)
    values = {"train_acc_history": [0.25], "val_acc_history": [0.5], "val_loss_history": [2.0]}
    assert json.loads(json.dumps(history)) == {"loss_history": [1.5], **values}
    history.ended = "finished"
    copy = pickle.loads(pickle.dumps(history))
    assert copy == history and (copy.ended, copy.iterations_per_epoch) == ("finished", 7)

    @dataclass
    class Holder:
        stats: dict = field(default_factory=dict)

    assert asdict(Holder(history))["stats"] == history
    assert History()["loss_history"] == [] and History(values, 3) == values


def test_snapshot_restores_in_place():
    """The arrays get the values of the snapshot and stay the same objects. Other entries stay."""
    params = {"a": np.array([1.0, 2.0]), "b": np.asfortranarray(np.ones((2, 3))), "name": "mine", "n": np.array(["x"])}
    a, snapshot = params["a"], Snapshot(params)
    params["a"] *= np.nan
    params["b"][0, 0] = np.inf
    snapshot.restore(params)
    np.testing.assert_array_equal(a, [1, 2])
    np.testing.assert_array_equal(params["b"], np.ones((2, 3)))
    assert params["a"] is a and params["name"] == "mine" and params["n"] == ["x"]


def test_read_only_parameters():
    """A read-only array is an error before training. The error names the array."""
    net = make_toy_net()
    net.params["b1"].flags.writeable = False
    with pytest.raises(ValueError, match="b1 must be writable, got a read-only array. Use a copy of it"):
        train(net)
    assert not net.params["b2"].any()


def test_progress_bar_counts_to_the_end(capsys):
    """progress=True shows a bar with loss and validation accuracy."""
    train(num_iters=7, progress=True)
    last = capsys.readouterr().out.split("\r")[-1]
    assert "7/7" in last and re.search(r"loss \d\.\d{4}, validation [01]\.\d{3}", last)


# Divergence


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("rate", [1e3, 1e30, 1e200])
def test_divergence_stops_with_a_warning(dtype, rate):
    """There is one RuntimeWarning. Only the last loss is not finite. The parameters are restored."""
    net = make_toy_net(dtype=dtype)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        stats = train(net, learning_rate=rate, reg=0.1, num_iters=300)
    (warning,) = caught
    assert warning.category is RuntimeWarning and warning.filename == __file__
    iteration = len(stats["loss_history"]) - 1
    assert re.match(rf"training diverged at iteration {iteration}: .*lower learning_rate", str(warning.message))
    assert iteration < 299 and np.isfinite(stats["loss_history"][:-1]).all() and stats.ended == "diverged"
    assert np.isfinite(net.loss(np.ones((1, 4)), [0], reg=0.1)[0])


@pytest.mark.parametrize("iteration, steps", [(0, 0), (1, 1), (2, 1), (3, 3), (4, 3), (5, 5)])
def test_divergence_restores_the_last_epoch(iteration, steps):
    """An epoch has two iterations: the parameters are those after iteration 0, 2 or 4, or the first."""
    net, twin = make_toy_net(), make_toy_net()
    with pytest.warns(RuntimeWarning, match=f"diverged at iteration {iteration + 1}:"):
        stats = train(net, num_iters=20, schedule=call_at(iteration, lambda: None, 1e300))
    assert len(stats["loss_history"]) == iteration + 2
    train(twin, num_iters=steps)
    assert_equal_nets(net, twin)


def test_divergence_at_the_last_step():
    """If the last step diverges, it is undone, although no loss is computed after it."""
    net = make_toy_net()
    with pytest.warns(RuntimeWarning, match="training diverged at iteration 0"):
        stats = train(net, learning_rate=1e308, num_iters=1)
    assert_equal_nets(net, make_toy_net())
    assert stats.ended == "diverged" and np.isnan(stats["val_acc_history"]).all()


def test_divergence_of_the_loss_alone():
    """The last loss is NaN, although all parameters are small."""

    class Unlucky(TwoLayerNet):
        def loss(self, X, y=None, reg=0.0):
            unlucky = y is not None and self.history and len(self.history["loss_history"]) == 3
            return (np.nan, super().loss(X, y, reg)[1]) if unlucky else super().loss(X, y, reg)

    with pytest.warns(RuntimeWarning, match="diverged at iteration 3"):
        assert train(Unlucky(4, 10, 3, rng=0), num_iters=9).ended == "diverged"


def test_divergence_of_parameters_without_gradient():
    """An infinite number in a further entry of params counts. Text entries do not."""
    net = make_toy_net()
    net.params.update(scale=np.ones(1), note="mine", names=np.array(["a"]))
    with pytest.warns(RuntimeWarning, match="diverged"):
        train(net, num_iters=2, schedule=call_at(1, lambda: net.params["scale"].fill(np.inf)))
    assert net.params["scale"] == 1 and net.params["note"] == "mine" and net.params["names"] == ["a"]


def test_divergence_under_warnings_as_errors():
    """With -W error, parameters and histories are complete before the warning is raised."""
    net, twin = make_toy_net(), make_toy_net()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(RuntimeWarning, match="diverged at iteration 4"):
            train(net, num_iters=9, schedule=call_at(3, lambda: None, 1e300))
    expected = train(twin, num_iters=3)
    assert_equal_nets(net, twin)
    assert net.history.ended == "diverged" and net.history["loss_history"][:3] == expected["loss_history"]
    assert len(net.history["loss_history"]) == 5 and len(net.history["val_acc_history"]) == 2
    assert handler() is signal.default_int_handler


def test_training_without_iterations_cannot_diverge():
    """Parameters that were NaN before stay NaN."""
    net = make_toy_net()
    net.params["b1"][:] = np.nan
    assert train(net, num_iters=0).ended == "finished" and np.isnan(net.params["b1"]).all()


def test_warnings_of_own_functions_are_shown():
    """Only the maths of the net hides NumPy's warnings, not a schedule, an augment or a callback."""

    def divide(*arguments):
        np.array([1.0]) / np.array([0.0])
        return arguments[0] if isinstance(arguments[0], np.ndarray) else 0.0

    for argument in ("schedule", "augment", "callback"):
        with pytest.warns(RuntimeWarning, match="divide by zero"):
            train(num_iters=1, **{argument: divide})


@pytest.mark.parametrize("iteration, steps", [(2, 1), (3, 3)])
def test_divergence_without_validation(iteration, steps):
    """The parameters are the last finite ones of an epoch."""
    net, twin, data = make_toy_net(), make_toy_net(), (np.eye(4), [0, 1, 2, 0])
    settings = {"batch_size": 2, "rng": 0}
    with pytest.warns(RuntimeWarning, match="diverged"):
        net.train(*data, num_iters=9, schedule=call_at(iteration, lambda: None, 1e300), **settings)
    twin.train(*data, num_iters=steps, **settings)
    assert_equal_nets(net, twin)


def test_training_without_validation_data(capsys):
    """The losses are those of a training with validation data, and the validation histories are empty."""
    data, settings = (np.eye(4), [0, 1, 2, 0]), {"batch_size": 2, "rng": 0, "num_iters": 5, "progress": True}
    net, twin = make_toy_net(), make_toy_net()
    stats, expected = net.train(*data, **settings), twin.train(*data, *data, **settings)
    assert stats == {**expected, "val_acc_history": [], "val_loss_history": []} and stats.ended == "finished"
    assert_equal_nets(net, twin)
    with pytest.raises((TypeError, ValueError), match="^y_val must"):
        net.train(*data, data[0])
    with pytest.raises((TypeError, ValueError), match="^X_val must"):
        net.train(*data, y_val=data[1])


# Ctrl-C


def press():
    signal.raise_signal(signal.SIGINT)


@pytest.mark.parametrize("moment", ["augment", "schedule", "callback"])
def test_ctrl_c_takes_effect_after_the_iteration(moment):
    """After SIGINT in iteration 6, the net and its history are those of seven iterations."""
    net, twin, calls = make_toy_net(), make_toy_net(), []

    def send(*args):
        calls.append(1)
        if len(calls) == (4 if moment == "callback" else 7):
            press()
        return {"augment": args[0], "schedule": 1.0, "callback": False}[moment]

    with pytest.raises(KeyboardInterrupt, match="after 7 of 50 iterations. The net keeps .* train again"):
        train(net, num_iters=50, **{moment: send})
    assert net.history.ended == "interrupted" and len(net.history["val_acc_history"]) == 4
    assert net.history == train(twin, num_iters=7) and twin.history.ended == "finished"
    assert_equal_nets(net, twin)
    assert handler() is signal.default_int_handler
    assert len(train(net, num_iters=3)["loss_history"]) == 3


def test_ctrl_c_in_the_last_iteration_is_not_lost():
    """All iterations are done, and the program still ends."""
    net = make_toy_net()
    with pytest.raises(KeyboardInterrupt):
        train(net, num_iters=5, schedule=call_at(4, press))
    assert net.history.ended == "interrupted" and len(net.history["loss_history"]) == 5


def test_ctrl_c_while_the_callback_finishes():
    """`finish` runs to its end, then the program ends."""

    class Late:
        done = False

        def __call__(self, net, it, stats):
            return False

        def finish(self, net, stats):
            press()
            self.done = stats.ended

    callback, net = Late(), make_toy_net()
    with pytest.raises(KeyboardInterrupt):
        train(net, num_iters=2, callback=callback)
    assert callback.done == "finished" and net.history.ended == "interrupted"


@pytest.mark.parametrize("presses", [2, 0])
def test_interrupt_at_once(presses):
    """A second Ctrl-C, or another KeyboardInterrupt, may leave a step half done.

    Therefore the net has the parameters of the last epoch.
    """
    net, twin = make_toy_net(), make_toy_net()

    def hang():
        for _ in range(presses):
            press()
        assert not presses, "the second one was delayed too"
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt, match="after 4 of 9 iterations. The net keeps"):
        train(net, num_iters=9, schedule=call_at(4, hang))
    assert net.history.ended == "interrupted" and len(net.history["loss_history"]) == 4
    train(twin, num_iters=3)
    assert_equal_nets(net, twin)


@pytest.mark.parametrize("action", ["default", "error"])
def test_ctrl_c_and_divergence(action):
    """The program ends, also with -W error. A warning says why the net has older parameters."""
    net, twin = make_toy_net(), make_toy_net()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter(action)
        with pytest.raises(KeyboardInterrupt):
            train(net, num_iters=4, schedule=call_at(3, lambda: net.params["b1"].fill(np.inf) or press()))
    assert net.history.ended == "interrupted" and (
        "diverged" in str(caught[0].message) if caught else action == "error"
    )
    train(twin, num_iters=3)
    assert_equal_nets(net, twin)


def test_handler_that_a_callback_installs():
    """It remains. A training inside a callback does not replace the handler of the outer one."""

    def own(number, frame):
        raise ZeroDivisionError

    def callback(net, it, stats):
        train(num_iters=1)
        press()  # the outer training ends after this iteration
        signal.signal(signal.SIGINT, own)

    with pytest.raises(KeyboardInterrupt, match="after 1 of 9"):
        train(num_iters=9, callback=callback)
    assert handler() is own


@pytest.mark.parametrize("own", [signal.SIG_IGN, lambda number, frame: None])
def test_handler_of_the_program_is_kept(own):
    """If the program ignores or handles SIGINT, this does not change."""
    signal.signal(signal.SIGINT, own)
    try:
        seen = []
        assert train(num_iters=3, schedule=call_at(1, lambda: seen.append(handler()) or press())).ended == "finished"
        assert seen == [own] and handler() is own
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def test_other_threads_install_no_handler():
    """signal.signal would raise an error there."""
    seen = []
    schedule = call_at(0, lambda: seen.append(handler()))
    thread = threading.Thread(target=lambda: train(num_iters=1, schedule=schedule))
    thread.start()
    thread.join()
    assert seen == [signal.default_int_handler]


def test_function_that_raises():
    """train raises its error. Net and history are those of the iterations before."""
    net, twin = make_toy_net(), make_toy_net()
    with pytest.raises(ZeroDivisionError):
        train(net, num_iters=9, schedule=call_at(3, lambda: 1 / 0))
    assert net.history == train(twin, num_iters=3) and net.history.ended == "running"
    assert_equal_nets(net, twin)
    assert handler() is signal.default_int_handler


def test_own_interrupt_keeps_its_message():
    """A KeyboardInterrupt of the caller's own function may have one."""

    def stop(net, it, stats):
        raise KeyboardInterrupt("mine")

    with pytest.raises(KeyboardInterrupt, match="^mine$"):
        train(callback=stop)


def test_callback_finishes_after_an_error():
    """The error of the training is raised, also if `finish` raises another one."""

    class Broken:
        ended = None

        def __call__(self, net, it, stats):
            raise ZeroDivisionError

        def finish(self, net, stats):
            self.ended = stats.ended
            raise IndexError

    callback = Broken()
    with pytest.raises(ZeroDivisionError):
        train(num_iters=1, callback=callback)
    assert callback.ended == "running"


def test_error_after_ctrl_c():
    """The error of the iteration is raised, because it says more."""

    def press_and_fail():
        press()
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        train(num_iters=9, schedule=call_at(3, press_and_fail))


SLOW_TRAINING = """
import signal
import numpy as np
signal.signal(signal.SIGINT, signal.default_int_handler)
from classifiers.neural_net import TwoLayerNet
X, y = np.random.default_rng(0).standard_normal((500, 2000)), np.arange(500) % 10
def schedule(it, num_iters):
    if it == 3:
        print("ready", flush=True)
    return 1.0
net, twin = (TwoLayerNet(2000, 300, 10, std=0.01, rng=0) for _ in range(2))
try:
    net.train(X, y, X, y, num_iters=1_000_000, schedule=schedule, rng=0)
except KeyboardInterrupt as error:
    print(error)
steps = len(net.history["loss_history"])
twin.train(X, y, X, y, num_iters=steps, rng=0)
equal = all(np.array_equal(net.params[name], twin.params[name]) for name in net.params)
print("whole" if equal and 3 < steps < 1_000_000 else "torn", steps, net.history.ended, flush=True)
"""


@posix
def test_ctrl_c_from_another_process():
    """The parameters are those of whole iterations."""
    process = run_python(SLOW_TRAINING)
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=600)
    assert "interrupted after" in out and "whole" in out and "interrupted" in out.splitlines()[-1], out
