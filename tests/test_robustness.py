"""What happens to wrong arguments, diverging rates, interrupts and damaged files: each has a defined answer."""

import os
import re
import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import pytest
from conftest import make_cifar10, make_toy_net
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

import checks
from classifiers.layers import forward, softmax_loss
from classifiers.neural_net import TwoLayerNet
from classifiers.sweep import LogUniform, sweep
from data_utils import get_CIFAR10_data, random_flip_shift
from gradient_check import eval_numerical_gradient, grad_check_sparse
from vis_utils import show_examples, show_images, visualize_grid

ROOT = Path(checks.__file__).parent
X, Y = np.ones((5, 4)), np.array([0, 1, 2, 2, 1])


def with_value(array, value, *place):
    """A copy with one value changed."""
    changed = np.array(array, dtype=float)
    changed[place] = value
    return changed


def train(net=None, **changes):
    arguments = {"X": X, "y": Y, "X_val": X, "y_val": Y, "num_iters": 2, **changes}
    return (net or make_toy_net()).train(**arguments)


def loss(*arguments, **keywords):
    return make_toy_net().loss(*arguments, **keywords)


def net_with(**params):
    net = make_toy_net()
    net.params.update(params)
    return net


def net_without(name):
    net = make_toy_net()
    del net.params[name]
    return net


BAD = [
    # TwoLayerNet
    (lambda: TwoLayerNet(0, 10, 3), ValueError, "input_size must be a whole number, at least 1, got 0"),
    (lambda: TwoLayerNet(4, -1, 3), ValueError, "hidden_size must be a whole number, at least 1, got -1"),
    (lambda: TwoLayerNet(4, 2.5, 3), TypeError, "hidden_size must be a whole number, at least 1, got 2.5"),
    (lambda: TwoLayerNet(4, 10, "3"), TypeError, "output_size must be a whole number, at least 1, got '3'"),
    (lambda: TwoLayerNet(4, 10, None), TypeError, "output_size must be a whole number, at least 1, got None"),
    (lambda: TwoLayerNet(True, 10, 3), TypeError, "input_size must be a whole number, at least 1, got True"),
    (lambda: TwoLayerNet(4, 10, 3, std=-1), ValueError, "std must be a finite number, at least 0, got -1"),
    (lambda: TwoLayerNet(4, 10, 3, std=np.nan), ValueError, "std must be a finite number, at least 0, got nan"),
    (lambda: TwoLayerNet(4, 10, 3, dtype=int), TypeError, "dtype must be a floating-point type .* got <class 'int'>"),
    (lambda: TwoLayerNet(4, 10, 3, dtype="real"), TypeError, "dtype must be a floating-point type .* got 'real'"),
    (lambda: TwoLayerNet(4, 10, 3, rng="seed"), TypeError, "rng must be None, an int .* got 'seed'"),
    (lambda: TwoLayerNet(4, 10, 3, rng=-1), TypeError, "rng must be None, an int in 0..2\\*\\*32-1, .* got -1"),
    # loss
    (lambda: loss(np.ones(4)), ValueError, r"X must have 2 dimension\(s\), got an array of shape \(4,\)"),
    (lambda: loss(np.ones((2, 2, 4))), ValueError, r"X must have 2 dimension\(s\), got an array of shape \(2, 2, 4\)"),
    (lambda: loss(np.ones((5, 3))), ValueError, r"X must have 4 columns, got an array of shape \(5, 3\)"),
    (lambda: loss(np.ones((0, 4))), ValueError, r"X must not be empty, got an array of shape \(0, 4\)"),
    (lambda: loss(with_value(X, np.nan, 3, 1)), ValueError, "X must hold finite numbers, got nan at row 3, column 1"),
    (lambda: loss(with_value(X, -np.inf, 0, 2)), ValueError, "X must hold finite numbers, got -inf at row 0, column 2"),
    (lambda: loss([[1, 2], [3]]), TypeError, "X must be an array of real numbers, 2-dimensional, got \\[\\[1, 2\\]"),
    (lambda: loss("images"), TypeError, "X must hold real numbers, got an array of shape \\(\\) and dtype <U6"),
    (lambda: loss(X.astype(complex)), TypeError, "X must hold real numbers, got .* complex128"),
    (lambda: loss(np.full((5, 4), "a", object)), TypeError, "X must be an array of real numbers"),
    (lambda: loss(None), ValueError, "X must have 2 dimension"),
    (lambda: loss(X, Y[:3]), ValueError, "y must hold one label for each of 5 rows, got 3"),
    (lambda: loss(X, Y + 1), ValueError, "y must hold class indices in 0..2, got 3 at row 2"),
    (lambda: loss(X, Y - 1), ValueError, "y must hold class indices in 0..2, got -1 at row 0"),
    (lambda: loss(X, Y + 0.5), ValueError, "y must hold class indices in 0..2, got 0.5 at row 0"),
    (lambda: loss(X, with_value(Y, np.nan, 4)), ValueError, "y must hold finite numbers, got nan at row 4"),
    (lambda: loss(X, Y[:, None]), ValueError, r"y must have 1 dimension\(s\), got an array of shape \(5, 1\)"),
    (lambda: loss(X, np.eye(5)), ValueError, r"y must have 1 dimension\(s\), got an array of shape \(5, 5\)"),
    (
        lambda: loss(X, list("abcde")),
        TypeError,
        "y must hold real numbers, got .* dtype <U1",
    ),
    (lambda: loss(X, Y > 0), TypeError, "y must hold class indices in 0..2, got an array of shape .* bool"),
    (lambda: loss(X, Y, reg=-0.1), ValueError, "reg must be a finite number, at least 0, got -0.1"),
    (lambda: loss(X, Y, reg="strong"), TypeError, "reg must be a finite number, at least 0, got 'strong'"),
    (lambda: loss(X, Y, reg=[0.1]), TypeError, "reg must be a finite number, at least 0, got \\[0.1\\]"),
    # params
    (lambda: net_without("b1").loss(X), ValueError, "params must have W1, b1, W2 and b2, b1 is missing"),
    (lambda: net_with(b1=np.zeros(9)).loss(X), ValueError, r"params\['b1'\] must have shape \(10,\), got \(9,\)"),
    (lambda: net_with(W1=np.zeros(4)).loss(X), ValueError, r"params must have W1 \(D, H\) .* got \(4,\)"),
    (lambda: net_with(b2=np.zeros(3, int)).loss(X), TypeError, r"params\['b2'\] must be of a floating-point type"),
    # train
    (lambda: train(X=np.ones((5, 3))), ValueError, "X must have 4 columns"),
    (lambda: train(y=Y[:4]), ValueError, "y must hold one label for each of 5 rows, got 4"),
    (lambda: train(X_val=np.ones((5, 5))), ValueError, "X_val must have 4 columns"),
    (lambda: train(X_val=with_value(X, np.inf, 0, 0)), ValueError, "X_val must hold finite numbers, got inf at row 0"),
    (lambda: train(y_val=Y + 1), ValueError, "y_val must hold class indices in 0..2, got 3 at row 2"),
    (lambda: train(X_val=X[:0], y_val=Y[:0]), ValueError, "X_val must not be empty"),
    (lambda: train(learning_rate=-1), ValueError, "learning_rate must be a finite number, at least 0, got -1"),
    (lambda: train(learning_rate=np.inf), ValueError, "learning_rate must be a finite number, at least 0, got inf"),
    (lambda: train(learning_rate=None), TypeError, "learning_rate must be a finite number, at least 0, got None"),
    (lambda: train(learning_rate_decay=-0.9), ValueError, "learning_rate_decay must be a finite number"),
    (lambda: train(reg=np.nan), ValueError, "reg must be a finite number, at least 0, got nan"),
    (lambda: train(num_iters=-1), ValueError, "num_iters must be a whole number, at least 0, got -1"),
    (lambda: train(num_iters=1.5), TypeError, "num_iters must be a whole number, at least 0, got 1.5"),
    (lambda: train(batch_size=0), ValueError, "batch_size must be a whole number, at least 1, got 0"),
    (lambda: train(momentum=1.0), ValueError, "momentum must be a number in 0..1, 1 excluded, got 1.0"),
    (lambda: train(momentum=-0.1), ValueError, "momentum must be a number in 0..1, 1 excluded, got -0.1"),
    (lambda: train(dropout=1.0), ValueError, "dropout must be a number in 0..1, 1 excluded, got 1.0"),
    (lambda: train(dropout="half"), TypeError, "dropout must be a number in 0..1, 1 excluded, got 'half'"),
    (lambda: train(augment=3), TypeError, "augment must be None or a function, got 3"),
    (lambda: train(schedule="cosine"), TypeError, "schedule must be None or a function, got 'cosine'"),
    (lambda: train(rng=1.5), TypeError, "rng must be None, an int .* got 1.5"),
    # predict
    (lambda: make_toy_net().predict(np.ones(4)), ValueError, r"X must have 2 dimension\(s\)"),
    (lambda: make_toy_net().predict(np.ones((2, 5))), ValueError, "X must have 4 columns"),
    (lambda: make_toy_net().predict(with_value(X, np.nan, 1, 1)), ValueError, "X must hold finite .* row 1, column 1"),
    # sweep, data, gradients, pictures
    (lambda: sweep({"hidden_size": [3]}, X, Y + 0.5, X, Y), ValueError, "y_train must hold class indices"),
    (lambda: sweep({"hidden_size": [3]}, X, Y[:2], X, Y), ValueError, "y_train must hold one label for each of 5 rows"),
    (lambda: sweep({"hidden_size": [3]}, X[0], Y, X, Y), ValueError, r"X_train must have 2 dimension\(s\)"),
    (lambda: sweep({"hidden_size": [3]}, X, Y, X[:, :2], Y), ValueError, "X_val must have 4 columns"),
    (lambda: sweep({"hidden_size": [3]}, X, Y, X, Y, seed="a"), TypeError, "seed must be a whole number"),
    (lambda: sweep({"hidden_size": [3]}, X, Y.astype(str), X, Y), TypeError, "y_train must hold real numbers"),
    (
        lambda: sweep({"hidden_size": [3]}, X, Y, X, with_value(Y, np.nan, 1)),
        ValueError,
        "y_val must hold finite numbers, got nan at row 1",
    ),
    (lambda: sweep({"hidden_size": [3]}, X, Y, X, Y, verbose=True), ValueError, "arguments .* got 'verbose'"),
    (lambda: LogUniform(0, 1), ValueError, "LogUniform must have 0 < low <= high, got low=0 and high=1"),
    (lambda: LogUniform(1, 0.1), ValueError, "LogUniform must have 0 < low <= high, got low=1 and high=0.1"),
    (lambda: LogUniform("a", 1), TypeError, "low must be a finite number, at least 0, got 'a'"),
    (lambda: sweep([3], X, Y, X, Y), TypeError, r"grid must be a dict, got \[3\]"),
    (lambda: get_CIFAR10_data(0), ValueError, "num_training must be a whole number, at least 1, got 0"),
    (lambda: get_CIFAR10_data(10, "all"), TypeError, "num_validation must be a whole number"),
    (lambda: get_CIFAR10_data(10, 10, 10, dtype=np.uint8), TypeError, "dtype must be a floating-point type"),
    (lambda: random_flip_shift(-1), ValueError, "max_shift must be a whole number, at least 0, got -1"),
    (
        lambda: eval_numerical_gradient(np.sum, X.astype(np.float32)),
        TypeError,
        "x must be a float64 array, got",
    ),
    (lambda: eval_numerical_gradient(np.sum, X, h=0), ValueError, "h must be a finite number, .* got 0"),
    (lambda: grad_check_sparse(np.sum, X, X[:2]), ValueError, r"analytic_grad must have shape \(5, 4\), got \(2, 4\)"),
    (lambda: grad_check_sparse(np.sum, X, X, num_checks=0), ValueError, "num_checks must be a whole number"),
    (lambda: visualize_grid(X), ValueError, r"Xs must have 4 dimension\(s\), got an array of shape \(5, 4\)"),
    (
        lambda: visualize_grid(np.full((1, 2, 2, 3), np.nan)),
        ValueError,
        "Xs must hold finite numbers, got nan",
    ),
    (lambda: visualize_grid(np.ones((1, 2, 2, 3)), padding=-1), ValueError, "padding must be a whole number"),
    (lambda: show_images(X, "abcde"), ValueError, r"images must have 4 dimension\(s\)"),
    (lambda: show_examples(np.ones((2, 3, 3, 3)), [0], "ab"), ValueError, "labels must hold one label for each of 2 r"),
]


@pytest.mark.parametrize("call, error, message", BAD)
def test_bad_input_gets_a_clear_error(call, error, message):
    """Its type, the argument's name, what it must be and what it was."""
    with pytest.raises(error) as caught:
        call()
    assert re.match(message, str(caught.value)), str(caught.value)


@pytest.mark.parametrize(
    "good",
    [
        {"X": X.tolist(), "y": Y.tolist(), "X_val": X.tolist(), "y_val": Y.tolist()},
        {"y": Y.astype(float)},
        {"y": Y.astype(np.uint8)},
        {"X": np.asfortranarray(X)},
        {"X": np.ones((10, 8))[::2, ::2]},
        {"X": X.astype(">f8"), "y": Y.astype(">i4")},
        {"X": X.astype(object), "y": Y.astype(object)},
        {"X": X > 0},
        {"X": X[:1], "y": Y[:1]},
        {"batch_size": 1000},
        {"num_iters": 0},
        {"num_iters": 2.0, "batch_size": np.int64(3)},
        {"learning_rate": np.float32(0.1), "reg": 0},
    ],
)
def test_unusual_input_is_taken(good):
    """Lists, whole floats, any layout, any byte order, objects that are numbers, a single row, no iteration at all."""
    stats = train(**good)
    assert len(stats["loss_history"]) == good.get("num_iters", 2) and np.isfinite(stats["loss_history"]).all()


def test_read_only_input_is_taken_and_left_alone():
    """Nothing is written to what the caller owns."""
    frozen = X.copy()
    frozen.flags.writeable = False
    train(X=frozen, X_val=frozen)


# Divergence


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("rate", [1e3, 1e30, 1e200])
def test_divergence_stops_with_a_warning(dtype, rate, toy_data):
    """One RuntimeWarning; the last loss is not finite, the parameters are, and give a finite loss."""
    net = make_toy_net(dtype=dtype)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        stats = net.train(*toy_data, *toy_data, learning_rate=rate, reg=0.1, num_iters=300)
    (warning,) = caught
    assert warning.category is RuntimeWarning and warning.filename == __file__
    iteration = len(stats["loss_history"]) - 1
    assert re.match(rf"training diverged at iteration {iteration}, learning rate .*lower", str(warning.message))
    assert iteration < 299 and np.isfinite(stats["loss_history"][:-1]).all()
    assert all(np.isfinite(param).all() for param in net.params.values())
    with np.errstate(all="ignore"):
        assert np.isfinite(net.loss(*toy_data, reg=0.1)[0])


def test_divergence_at_the_last_step(toy_data):
    """A last step into infinity is taken back, although no loss comes after it."""
    net = make_toy_net()
    with pytest.warns(RuntimeWarning, match="training diverged at iteration 0"):
        net.train(*toy_data, *toy_data, learning_rate=1e308, num_iters=1)
    np.testing.assert_equal(net.params, make_toy_net().params)


# Interrupts


def test_interrupt_keeps_whole_iterations(toy_data, capsys):
    """Ctrl-C: the history so far comes back, the parameters belong to it, and a second call goes on."""
    net, twin = make_toy_net(), make_toy_net()

    def interrupt_at_7(it, num_iters):
        if it == 7:
            raise KeyboardInterrupt
        return 1.0

    stats = net.train(*toy_data, *toy_data, learning_rate=0.1, num_iters=50, schedule=interrupt_at_7, rng=0)
    assert "interrupted after 7 of 50 iterations" in capsys.readouterr().out
    assert stats == twin.train(*toy_data, *toy_data, learning_rate=0.1, num_iters=7, rng=0)
    np.testing.assert_equal(net.params, twin.params)
    assert len(net.train(*toy_data, *toy_data, num_iters=3)["loss_history"]) == 3


SLOW_TRAINING = """
import sys, time
import numpy as np
from classifiers.neural_net import TwoLayerNet
net = TwoLayerNet(2000, 300, 10, std=0.01, rng=0)
X, y = np.random.default_rng(0).standard_normal((500, 2000)), np.arange(500) % 10
print("ready", flush=True)
stats = net.train(X, y, X, y, num_iters=1_000_000, rng=0)
twin = TwoLayerNet(2000, 300, 10, std=0.01, rng=0)
twin.train(X, y, X, y, num_iters=len(stats["loss_history"]), rng=0)
steps = len(stats["loss_history"])
same = all(np.array_equal(net.params[name], twin.params[name]) for name in net.params)
print("whole" if same and steps < 1_000_000 else "torn", steps, flush=True)
"""


def run_python(code, **options):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1"}
    return subprocess.Popen([sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE, text=True, **options)


def test_real_interrupt():
    """SIGINT at some moment of a running training leaves whole parameters."""
    process = run_python(SLOW_TRAINING)
    assert process.stdout.readline() == "ready\n"
    time.sleep(0.7)
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=60)
    assert "interrupted after" in out and "whole" in out, out


def test_interrupt_of_a_sweep_is_passed_on():
    """A trial that was cut short is not taken for a finished one."""

    def interrupt(it, num_iters):
        raise KeyboardInterrupt

    for number in ({"num_iters": 5}, {}):  # the default number of iterations too
        with pytest.raises(KeyboardInterrupt):
            sweep({"hidden_size": [3]}, X, Y, X, Y, schedule=interrupt, n_jobs=1, progress=False, **number)


# Files


def write_npz(path, **changes):
    params = {**make_toy_net().params, **changes}
    np.savez(path, **{name: param for name, param in params.items() if param is not None})


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"W2": None}, "W2 is missing"),
        ({"b1": np.zeros(3)}, r"params\['b1'\] must have shape \(10,\), got \(3,\)"),
        ({"W1": np.full((4, 10), np.nan)}, "W1 must hold finite numbers, got nan at row 0"),
        ({"W1": np.zeros((4, 10), int)}, "must be of a floating-point type"),
        ({"b2": np.array([None, 1, 2])}, "allow_pickle=False"),
    ],
)
def test_load_refuses_what_is_no_net(tmp_path, changes, message):
    """With the file's name."""
    write_npz(tmp_path / "net.npz", **changes)
    with pytest.raises(ValueError, match=rf"net.npz is no saved TwoLayerNet: .*{message}"):
        TwoLayerNet.load(tmp_path / "net.npz")


@pytest.mark.parametrize("content", [b"", b"not a zip file", b"PK\x03\x04 and then nothing"])
def test_load_refuses_other_files(tmp_path, content):
    """Whatever they hold."""
    (tmp_path / "net.npz").write_bytes(content)
    with pytest.raises(ValueError, match="net.npz is no saved TwoLayerNet"):
        TwoLayerNet.load(tmp_path / "net.npz")


def test_load_of_a_truncated_file(tmp_path):
    """Cut off anywhere."""
    make_toy_net().save(tmp_path / "net.npz")
    content = (tmp_path / "net.npz").read_bytes()
    for length in range(0, len(content), 37):
        (tmp_path / "net.npz").write_bytes(content[:length])
        with pytest.raises(ValueError, match="net.npz is no saved TwoLayerNet"):
            TwoLayerNet.load(tmp_path / "net.npz")


def test_load_of_a_missing_file(tmp_path):
    """The usual error."""
    with pytest.raises(FileNotFoundError, match="nowhere.npz"):
        TwoLayerNet.load(tmp_path / "nowhere.npz")


def test_save_that_fails_leaves_the_old_file(tmp_path, monkeypatch):
    """A full disk in the middle: the old net is still there, and nothing else."""
    make_toy_net().save(tmp_path / "net.npz")
    old = (tmp_path / "net.npz").read_bytes()

    def fail(file, **params):
        file.write(b"half")
        raise OSError("no space left")

    monkeypatch.setattr(np, "savez", fail)
    with pytest.raises(OSError, match="no space"):
        make_toy_net().save(tmp_path / "net.npz")
    assert (tmp_path / "net.npz").read_bytes() == old
    assert [path.name for path in tmp_path.iterdir()] == ["net.npz"]


SAVE_FOREVER = """
import sys
from classifiers.neural_net import TwoLayerNet
net = TwoLayerNet(3000, 200, 10, rng=0)
print("ready", flush=True)
while True:
    net.save(sys.argv[1])
"""


def test_save_that_is_killed_leaves_a_whole_file(tmp_path):
    """SIGKILL at some moment of saving: the file is the old or the new one."""
    TwoLayerNet(3000, 200, 10, rng=0).save(tmp_path / "net.npz")
    for delay in (0.02, 0.05, 0.11):
        process = subprocess.Popen(
            [sys.executable, "-c", SAVE_FOREVER, tmp_path / "net.npz"],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
        )
        process.stdout.readline()
        time.sleep(delay)
        process.kill()
        process.communicate()
        assert TwoLayerNet.load(tmp_path / "net.npz").params["W1"].shape == (3000, 200)


# The same bits

HASH_TRAINING = """
import hashlib
import numpy as np
from classifiers.neural_net import TwoLayerNet
from data_utils import random_flip_shift
rng = np.random.default_rng(0)
X, y = rng.standard_normal((300, 3072), dtype=np.float32), rng.integers(0, 10, 300)
net = TwoLayerNet(3072, 40, 10, dtype=np.float32, rng=1)
stats = net.train(X, y, X, y, num_iters=20, momentum=0.9, dropout=0.3, augment=random_flip_shift(2), rng=2)
print(hashlib.md5(b"".join(p.tobytes() for p in net.params.values()) + repr(stats).encode()).hexdigest())
"""


def test_same_seed_same_bits_in_two_processes():
    """Parameters and histories, everything switched on."""
    outputs = {run_python(HASH_TRAINING).communicate()[0] for _ in range(2)}
    assert len(outputs) == 1 and re.fullmatch(r"[0-9a-f]{32}\n", outputs.pop())


# Properties that hold for all inputs

finite = st.floats(-1e6, 1e6, width=64)


def small_net(seed, D=3, H=5, C=4):
    rng = np.random.default_rng(seed)
    net = TwoLayerNet(D, H, C, std=1.0, rng=rng)
    net.params["b1"] += rng.standard_normal(H)
    return net, rng


@given(arrays(np.float64, (4, 3), elements=finite), st.floats(-1e6, 1e6))
def test_softmax_ignores_shifts(scores, shift):
    """Loss and gradient, to the rounding of the shifted scores."""
    y = np.array([0, 1, 2, 0])
    loss_, dscores = softmax_loss(scores, y)
    shifted_loss, shifted_dscores = softmax_loss(scores + shift, y)
    assert shifted_loss == pytest.approx(loss_, rel=1e-9, abs=1e-8)
    np.testing.assert_allclose(shifted_dscores, dscores, atol=1e-8)


@given(arrays(np.float64, st.tuples(st.integers(1, 5), st.just(3)), elements=finite), st.integers(0, 99))
def test_loss_is_finite_for_finite_input(X, seed):
    """Of any magnitude up to 1e6."""
    net, rng = small_net(seed)
    loss_, grads = net.loss(X, rng.integers(0, 4, len(X)), reg=0.1)
    assert np.isfinite(loss_) and all(np.isfinite(grad).all() for grad in grads.values())


@given(st.integers(0, 10**6), st.floats(1e-3, 1e3))
def test_permuted_hidden_units(seed, scale):
    """The loss is the same, the gradients are permuted."""
    net, rng = small_net(seed)
    X, y, order = scale * rng.standard_normal((6, 3)), rng.integers(0, 4, 6), rng.permutation(5)
    loss_, grads = net.loss(X, y, reg=0.3)
    p = net.params
    net.params = {"W1": p["W1"][:, order], "b1": p["b1"][order], "W2": p["W2"][order], "b2": p["b2"]}
    permuted_loss, permuted = net.loss(X, y, reg=0.3)
    assert permuted_loss == pytest.approx(loss_, rel=1e-10)
    np.testing.assert_allclose(permuted["W1"], grads["W1"][:, order], rtol=1e-7, atol=1e-9 * scale)
    np.testing.assert_allclose(permuted["W2"], grads["W2"][order], rtol=1e-7, atol=1e-9 * scale)


@given(st.integers(0, 10**6), st.integers(1, 7))
def test_split_batches_average_and_duplicates_change_nothing(seed, cut):
    """A batch is the weighted mean of its parts; the same rows twice give the same mean."""
    net, rng = small_net(seed)
    X, y = rng.standard_normal((8, 3)), rng.integers(0, 4, 8)
    whole, grads = net.loss(X, y)
    (first, grads1), (second, grads2) = net.loss(X[:cut], y[:cut]), net.loss(X[cut:], y[cut:])
    assert (cut * first + (8 - cut) * second) / 8 == pytest.approx(whole)
    doubled, grads_doubled = net.loss(np.concatenate([X, X]), np.concatenate([y, y]))
    assert doubled == pytest.approx(whole)
    for name in grads:
        np.testing.assert_allclose((cut * grads1[name] + (8 - cut) * grads2[name]) / 8, grads[name], atol=1e-12)
        np.testing.assert_allclose(grads_doubled[name], grads[name], atol=1e-12)


@given(st.integers(0, 10**6))
@settings(max_examples=50, deadline=None)
def test_gradients_are_right_off_the_kinks(seed):
    """Numerically, wherever no hidden unit is near its threshold."""
    net, rng = small_net(seed)
    X, y = rng.standard_normal((3, 3)), rng.integers(0, 4, 3)
    pre = X @ net.params["W1"] + net.params["b1"]
    assume(np.abs(pre).min() >= 1e-3)
    _, grads = net.loss(X, y, reg=0.5)
    for name, param in net.params.items():
        numeric = eval_numerical_gradient(lambda _: net.loss(X, y, reg=0.5)[0], param, verbose=False)
        np.testing.assert_allclose(grads[name], numeric, rtol=1e-5, atol=1e-8)


@given(st.data())
def test_grid_of_any_shape(data):
    """Values stay in 0..ubound, constant tiles included."""
    Xs = data.draw(arrays(np.float64, array_shapes(min_dims=4, max_dims=4, max_side=4), elements=finite))
    ubound, padding = data.draw(st.sampled_from([1.0, 255.0])), data.draw(st.integers(0, 3))
    grid = visualize_grid(Xs, ubound, padding)
    n = int(np.ceil(np.sqrt(len(Xs))))
    assert grid.shape == (n * (Xs.shape[1] + padding) - padding, n * (Xs.shape[2] + padding) - padding, Xs.shape[3])
    assert np.isfinite(grid).all() and grid.min() >= 0 and grid.max() <= ubound * (1 + 1e-12)


@given(st.integers(1, 30), st.integers(1, 7))
def test_predictions_in_chunks(rows, chunk):
    """Any size of the chunk gives the classes of the whole."""
    net, rng = small_net(rows)
    X = rng.standard_normal((rows, 3))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("classifiers.layers.CHUNK", chunk)
        predicted = net.predict(X)
    np.testing.assert_array_equal(predicted, forward(net.params, X)[1].argmax(axis=1))


# Other implementations


def test_pytorch_agrees():
    """Loss, gradients and 100 steps of training with autograd, in float64."""
    torch = pytest.importorskip("torch", reason="PyTorch is not installed: nothing to compare with")
    net, rng = small_net(0, D=20, H=15, C=5)
    X, y = rng.standard_normal((60, 20)), rng.integers(0, 5, 60)
    params = {name: torch.tensor(param, requires_grad=True) for name, param in net.params.items()}

    def torch_loss(rows):
        hidden = torch.relu(torch.tensor(X[rows]) @ params["W1"] + params["b1"])
        data_loss = torch.nn.functional.cross_entropy(hidden @ params["W2"] + params["b2"], torch.tensor(y[rows]))
        return data_loss + 0.5 * 0.2 * ((params["W1"] ** 2).sum() + (params["W2"] ** 2).sum())

    loss_, grads = net.loss(X, y, reg=0.2)
    theirs = torch_loss(slice(None))
    theirs.backward()
    assert loss_ == pytest.approx(theirs.item(), rel=1e-10)
    for name in grads:
        np.testing.assert_allclose(grads[name], params[name].grad.numpy(), rtol=1e-10, atol=1e-12)

    stats = net.train(X, y, X, y, 0.05, 1.0, reg=0.2, num_iters=100, batch_size=10, momentum=0.9, rng=3)
    optimizer, batches, losses = torch.optim.SGD(params.values(), lr=0.05, momentum=0.9), np.random.RandomState(3), []
    for _ in range(100):
        optimizer.zero_grad()
        step_loss = torch_loss(batches.choice(60, 10))
        step_loss.backward()
        optimizer.step()
        losses.append(step_loss.item())
    np.testing.assert_allclose(stats["loss_history"], losses, rtol=1e-10)
    for name in grads:
        np.testing.assert_allclose(net.params[name], params[name].detach().numpy(), rtol=1e-10, atol=1e-10)


def test_loaders_take_whole_floats(tmp_path):
    """Sizes that come out of a division."""
    assert get_CIFAR10_data(20.0, 10, 10, root=make_cifar10(tmp_path / "data"))[0].shape == (20, 3072)
