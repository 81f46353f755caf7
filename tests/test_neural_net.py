"""Tests of TwoLayerNet: published numbers, gradients, files and errors."""

import copy
import re
import tracemalloc

import numpy as np
import pytest
from conftest import make_toy_net, random_problem
from hypothesis import given
from hypothesis import strategies as st

from classifiers.layers import penalty
from classifiers.neural_net import TwoLayerNet
from data_utils import get_CIFAR10_data
from gradient_check import eval_numerical_gradient, rel_error

X, Y = np.ones((5, 4)), np.array([0, 1, 2, 2, 1])

SCORES = [
    [-0.81233741, -1.27654624, -0.70335995],
    [-0.17129677, -1.18803311, -0.47310444],
    [-0.51590475, -1.01354314, -0.8504215],
    [-0.15419291, -0.48629638, -0.52901952],
    [-0.00618733, -0.12435261, -0.15226949],
]


# Published numbers


def test_scores_are_the_published_ones(toy_net, toy_data):
    """The scores of the toy net agree in all eight published digits."""
    assert np.abs(toy_net.loss(toy_data[0]) - SCORES).sum() == pytest.approx(3.68e-8, abs=1e-10)


def test_loss_is_the_published_one(toy_net, toy_data):
    """The penalty here has a factor 0.5, so reg 0.1 gives the published loss for reg 0.05."""
    X, y = toy_data
    assert toy_net.loss(X, y, reg=0.1)[0] == pytest.approx(1.30378789133, abs=1e-12)
    assert 1.30378789133 - toy_net.loss(X, y, reg=0.05)[0] == pytest.approx(0.018965419606062905, abs=1e-12)


def test_toy_training_ends_at_the_published_loss(toy_data):
    """A hundred steps on the toy data, with NumPy's global stream, give the published last loss."""
    stats = make_toy_net().train(*toy_data, *toy_data, learning_rate=1e-1, reg=5e-6, num_iters=100)
    assert stats["loss_history"][-1] == pytest.approx(0.017143643532923757, abs=1e-12)
    assert stats["val_acc_history"][-1] == 1.0


def test_default_net_on_real_images(real_cifar10, toy_data):
    """The net gives the ten printed losses and the accuracy, on official images or JPEG copies."""
    make_toy_net().train(*toy_data, *toy_data, learning_rate=1e-1, reg=5e-6, num_iters=100)
    X_train, y_train, X_val, y_val, *_ = get_CIFAR10_data(root=real_cifar10)
    net = TwoLayerNet(3072, 50, 10)
    stats = net.train(
        X_train, y_train, X_val, y_val, num_iters=1000, learning_rate=1e-4, learning_rate_decay=0.95, reg=0.25
    )
    official = [2.302792, 2.302473, 2.298877, 2.277810, 2.212994, 2.133865, 2.069171, 2.078976, 2.072534, 2.005639]
    jpeg = [2.302789, 2.302478, 2.298906, 2.277975, 2.213245, 2.134139, 2.069971, 2.079462, 2.073214, 2.005393]
    losses = np.array(stats["loss_history"][::100])
    assert min(np.abs(losses - official).max(), np.abs(losses - jpeg).max()) < 1e-3
    assert np.mean(net.predict(X_val) == y_val) == pytest.approx(0.242, abs=0.002)


def test_loss_is_log_C_if_all_scores_are_equal():
    """With zero weights, every class is equally likely."""
    net = TwoLayerNet(6, 4, 7, std=0.0)
    assert net.loss(np.ones((3, 6)), np.array([0, 3, 6]))[0] == pytest.approx(np.log(7))


# Gradients


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_weights_of_rows(dtype):
    """Whole weights are repeated rows, equal ones change no bit, and all zeros leave the penalty."""
    net, X, y = random_problem(6, 4, 5, 3, dtype=dtype)
    weights = np.array([0, 1, 2, 3, 1, 0])
    loss, grads = net.loss(X, y, 0.1, sample_weight=weights)
    expected, repeated = net.loss(X.repeat(weights, axis=0), y.repeat(weights), 0.1)
    tolerance = 10 * np.finfo(dtype).eps
    assert loss == pytest.approx(expected, rel=tolerance)
    for name in repeated:
        np.testing.assert_allclose(grads[name], repeated[name], rtol=50 * tolerance, atol=tolerance)
        assert grads[name].dtype == dtype
    np.testing.assert_equal(net.loss(X, y, 0.1, sample_weight=[0.1] * 6), net.loss(X, y, 0.1))
    assert net.loss(X, y, 0.1, sample_weight=[0] * 6)[0] == penalty(net.params, 0.1)
    assert net.loss(X, y, 0.1, sample_weight=weights * 5e307)[0] == pytest.approx(loss, rel=tolerance)
    net.params["W2"] *= dtype(1e4)  # large scores: log p stays exact
    assert net.loss(X, y, sample_weight=weights)[0] == pytest.approx(
        net.loss(X.repeat(weights, axis=0), y.repeat(weights))[0], rel=100 * tolerance
    )


def test_gradients_with_weights_are_numerically_right():
    """Every coordinate is checked."""
    net, X, y = random_problem(6, 4, 5, 3)
    weights = [0.5, 0, 3, 1, 2, 0.1]
    _, grads = net.loss(X, y, 0.1, sample_weight=weights)
    for name, param in net.params.items():
        numeric = eval_numerical_gradient(lambda _: net.loss(X, y, 0.1, sample_weight=weights)[0], param, False)
        assert rel_error(numeric, grads[name]) < 1e-6


def test_toy_gradients_reach_the_published_accuracy(toy_net, toy_data):
    """The largest relative error of each parameter is at most 1e-8 at reg 0.05."""
    _, grads = toy_net.loss(*toy_data, reg=0.05)
    for name, param in toy_net.params.items():
        numeric = eval_numerical_gradient(lambda _: toy_net.loss(*toy_data, reg=0.05)[0], param, verbose=False)
        assert rel_error(numeric, grads[name]) <= 1e-8, name


def test_float32_gradients_are_those_of_float64():
    """Both gradients agree to the precision of float32."""
    net, X, y = random_problem(6, 5, 8, 4)
    single = copy.deepcopy(net)
    single.params = {name: param.astype(np.float32) for name, param in net.params.items()}
    loss, grads = net.loss(X, y, reg=1.0)
    loss32, grads32 = single.loss(X, y, reg=1.0)
    assert loss32 == pytest.approx(loss, rel=1e-6)
    for name in grads:
        assert grads32[name].dtype == np.float32
        np.testing.assert_allclose(grads32[name], grads[name], rtol=1e-4, atol=1e-6)


def test_loss_does_not_change_its_arguments():
    """params, X and y stay the same."""
    net, X, y = random_problem(6, 5, 4, 3)
    before = copy.deepcopy((net.params, X, y))
    net.loss(X, y, reg=1.0)
    np.testing.assert_equal((net.params, X, y), before)


# The class


def test_weights_are_drawn_as_published():
    """W1 is drawn before W2. Weights are std times standard normal numbers, biases are 0."""
    net = make_toy_net()
    np.random.seed(0)
    np.testing.assert_array_equal(net.params["W1"], 1e-1 * np.random.randn(4, 10))
    np.testing.assert_array_equal(net.params["W2"], 1e-1 * np.random.randn(10, 3))
    assert not net.params["b1"].any() and not net.params["b2"].any()


def test_keywords_and_default_std_of_the_public_lab():
    """Existing notebooks use these names."""
    net = TwoLayerNet(input_size=100, hidden_size=200, output_size=10)
    assert net.params["W1"].std() == pytest.approx(1e-4, rel=0.05)


@pytest.mark.parametrize("make_rng", [lambda: 0, lambda: np.random.RandomState(0), lambda: np.random.default_rng(0)])
def test_rng_fixes_weights_and_batches(make_rng, toy_data):
    """Each kind of rng gives the same net and history twice, and does not use the global stream."""
    before = np.random.get_state()[1:3]
    nets = [TwoLayerNet(4, 10, 3, rng=make_rng()) for _ in range(2)]
    histories = [net.train(*toy_data, *toy_data, num_iters=20, rng=make_rng())["loss_history"] for net in nets]
    assert histories[0] == histories[1]
    np.testing.assert_array_equal(nets[0].params["W1"], nets[1].params["W1"])
    np.testing.assert_equal(np.random.get_state()[1:3], before)


def test_int_rng_is_a_seed():
    """rng=0 gives the same weights as np.random.seed(0)."""
    np.testing.assert_array_equal(make_toy_net().params["W1"], TwoLayerNet(4, 10, 3, std=1e-1, rng=0).params["W1"])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_net_computes_in_its_dtype(dtype, toy_data):
    """Parameters and scores have the dtype of the net for every dtype of X."""
    net = make_toy_net(dtype=dtype)
    X, y = np.abs(toy_data[0]).astype(np.uint8), toy_data[1]
    net.train(X, y, X, y, num_iters=3)
    assert {param.dtype for param in net.params.values()} == {np.dtype(dtype)}
    assert net.loss(X).dtype == dtype
    np.testing.assert_allclose(net.loss(X), net.loss(X.astype(np.float64)))


def test_net_follows_replaced_params(toy_data):
    """params can be replaced by arrays of another dtype, and nets can be copied with deepcopy."""
    net = make_toy_net()
    twin = copy.deepcopy(net)
    twin.params["W1"] *= 2
    assert np.abs(net.loss(toy_data[0]) - SCORES).sum() < 1e-7
    net.params = {name: param.astype(np.float32) for name, param in twin.params.items()}
    np.testing.assert_allclose(net.loss(toy_data[0]), twin.loss(toy_data[0]), rtol=1e-5)
    assert net.loss(toy_data[0]).dtype == np.float32


# Prediction and evaluation


@given(st.integers(1, 30), st.integers(1, 7))
def test_predict_takes_the_largest_score(rows, chunk):
    """predict is the argmax of the scores for every chunk size."""
    net, X, _ = random_problem(rows, 3, 5, 4, seed=rows)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("classifiers.neural_net.CHUNK", chunk)
        predicted = net.predict(X)
    np.testing.assert_array_equal(predicted, net.loss(X).argmax(axis=1))


@pytest.mark.parametrize("chunk", [1000, 7, 1])
def test_evaluate_in_chunks(monkeypatch, chunk):
    """Accuracy and loss, with the penalty, are those of all rows at once."""
    monkeypatch.setattr("classifiers.neural_net.CHUNK", chunk)
    net, X, y = random_problem(20, 4, 6, 3)
    accuracy, loss = net.evaluate(X, y, 0.5)
    assert abs(loss - net.loss(X, y, 0.5)[0]) < 1e-12 and type(loss) is type(accuracy) is float
    assert accuracy == np.mean(net.predict(X) == y) and 0 < accuracy < 1
    assert net.evaluate(X, y)[1] == pytest.approx(net.loss(X, y)[0])


def test_evaluate_uses_overridden_methods():
    """The loss of a subclass is averaged over the rows, and its predictions give the accuracy."""

    class Squared(TwoLayerNet):
        def loss(self, X, y=None, reg=0.0):
            scores = super().loss(X)
            return -scores if y is None else (np.mean((scores - np.eye(3)[y]) ** 2) + reg, {})

    class Stubborn(TwoLayerNet):
        def predict(self, X):
            return np.full(len(X), 2)

    plain, X, y = random_problem(1500, 4, 6, 3)
    accuracy, loss = (net := Squared.from_params(plain.params)).evaluate(X, y, 0.5)
    assert loss == pytest.approx(net.loss(X, y, 0.5)[0])
    assert accuracy == np.mean(plain.loss(X).argmin(axis=1) == y)
    accuracy, loss = Stubborn.from_params(plain.params).evaluate(X, y, 0.5)
    assert accuracy == np.mean(y == 2) and loss == plain.evaluate(X, y, 0.5)[1]


def test_evaluate_of_a_net_that_diverged():
    """The accuracy of a net with infinite scores is NaN, without a warning."""
    net, X, y = random_problem(5, 4, 6, 3)
    net.params["b2"][0] = np.inf
    assert np.isnan(net.evaluate(X, y)).all()


@pytest.mark.parametrize("reg", [0.0, 5.0])
def test_history_of_validation_losses(toy_data, reg):
    """Each value includes the penalty and is computed after the first step of the epoch."""
    X, y = toy_data
    net, seen = make_toy_net(), []
    stats = net.train(
        X, y, X[:3], y[:3], 0.1, reg=reg, num_iters=7, batch_size=2,
        callback=lambda net, it, stats: seen.append(net.loss(X[:3], y[:3], reg)[0]),
    )  # fmt: skip
    np.testing.assert_allclose(stats["val_loss_history"], seen, rtol=1e-12)
    assert len(seen) == 4 and len(set(seen)) == 4


def test_probabilities():
    """The probabilities are the softmax of each row, in the dtype of the net."""
    net, X, _ = random_problem(2500, 4, 6, 3)
    scores = net.loss(X)
    np.testing.assert_allclose(net.scores(X), scores, rtol=1e-12)
    expected = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(net.predict_proba(X), expected, rtol=1e-12)
    net, X, _ = random_problem(5, 4, 6, 3, dtype=np.float32)
    assert net.predict_proba((10 * X).astype(np.int8)).dtype == np.float32


def test_probabilities_of_large_scores():
    """Scores of 1e4 and -1e4 give 0 and 1 without a warning."""
    net, X, _ = random_problem(5, 4, 6, 3)
    net.params["W2"] *= 1e4
    p = net.predict_proba(X)
    np.testing.assert_allclose(p.sum(axis=1), 1, rtol=1e-11)
    np.testing.assert_array_equal(p.argmax(axis=1), net.predict(X))
    assert p.min() == 0 and p.max() == 1


@pytest.mark.parametrize("method", ["predict", "predict_proba", "scores"])
def test_inputs_too_large_for_float32(method):
    """The error says which number is too large."""
    with pytest.raises(ValueError, match="X as float32 must hold finite numbers, got inf at row 1, column 3"):
        getattr(make_toy_net(dtype=np.float32), method)(with_value(np.ones((2, 4)), 1e39, 1, 3))


@pytest.mark.parametrize("method", ["predict", "predict_proba", "scores"])
def test_scores_that_are_not_finite(method):
    """There is no best class if the largest score is not finite. Other scores may be -infinity."""
    net = make_toy_net(dtype=np.float32)
    net.params["b2"][0] = -np.inf
    assert len(getattr(net, method)(np.ones((2, 4)))) == 2
    net.params["W2"] *= 1e10
    with pytest.raises(ValueError, match="the largest scores of X must hold finite numbers, got .* at row 0"):
        getattr(net, method)(np.full((2, 4), 1e35))


# Files


def test_load_of_a_subclass(tmp_path):
    """Its constructor may have other arguments. It is not called."""

    class Small(TwoLayerNet):
        def __init__(self, hidden_size):
            super().__init__(4, hidden_size, 3)

    Small(5).save(tmp_path / "net.npz")
    net = Small.load(tmp_path / "net.npz")
    assert type(net) is Small and net.loss(X).shape == (5, 3)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_save_and_load(tmp_path, dtype):
    """The loaded parameters are bit-identical. The file has exactly the given name."""
    net, X, _ = random_problem(5, 4, 3, 2, dtype)
    for path in (tmp_path / "net.npz", tmp_path / "net"):
        net.save(path)
        loaded = TwoLayerNet.load(str(path))
        for name, param in net.params.items():
            assert loaded.params[name].dtype == dtype
            np.testing.assert_array_equal(loaded.params[name], param)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["net", "net.npz"]


def test_prediction_makes_no_array_of_all_hidden_units():
    """A large X is processed in chunks."""
    net, X = TwoLayerNet(8, 500, 10, rng=0), np.zeros((50_000, 8), np.float32)
    tracemalloc.start()
    net.predict(X)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 50_000 * 500 * 8 / 10


def write_npz(path, **changes):
    params = {**make_toy_net().params, **changes}
    np.savez(path, **{name: param for name, param in params.items() if param is not None})


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"W2": None}, "W2 is missing"),
        ({"b1": np.zeros(3)}, r"params\['b1'\] must have shape \(10,\), got \(3,\)"),
        ({"W1": np.full((4, 10), np.nan)}, "W1 must hold finite numbers, got nan at row 0"),
        ({"W1": np.zeros((4, 10), int)}, "must be float32 or a wider floating-point type"),
        ({"b2": np.array([None, 1, 2])}, "allow_pickle=False"),
    ],
)
def test_load_refuses_what_is_not_a_net(tmp_path, changes, message):
    """The error gives the name of the file."""
    write_npz(tmp_path / "net.npz", **changes)
    with pytest.raises(ValueError, match=rf"net.npz is not a saved TwoLayerNet: .*{message}"):
        TwoLayerNet.load(tmp_path / "net.npz")


def test_load_of_another_file(tmp_path):
    """Another file, and a truncated one of any length, are errors."""
    make_toy_net().save(tmp_path / "net.npz")
    content = (tmp_path / "net.npz").read_bytes()
    for wrong in [b"not a zip file", *(content[:length] for length in range(0, len(content), 37))]:
        (tmp_path / "net.npz").write_bytes(wrong)
        with pytest.raises(ValueError, match="net.npz is not a saved TwoLayerNet"):
            TwoLayerNet.load(tmp_path / "net.npz")


@pytest.mark.parametrize(
    "content, message",
    [
        (b"", "it is empty"),
        (b"\n<!DOCTYPE html><p>404", "it is a web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid", "it is a pointer of Git LFS, .* git lfs pull"),
        (b"\x93NUMPY\x01", "it is not an .npz file$"),
    ],
)
def test_load_says_what_the_file_is(tmp_path, content, message):
    """NumPy's advice to allow pickle is not shown."""
    (tmp_path / "net.npz").write_bytes(content)
    with pytest.raises(ValueError, match=f"net.npz is not a saved TwoLayerNet: {message}"):
        TwoLayerNet.load(tmp_path / "net.npz")


def test_home_folder(tmp_path, monkeypatch):
    """``~`` is the home folder in save and load."""
    for variable in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(variable, str(tmp_path))
    make_toy_net().save("~/net.npz")
    assert (tmp_path / "net.npz").exists() and TwoLayerNet.load("~/net.npz").params["W1"].shape == (4, 10)


def test_load_without_enough_memory(tmp_path, monkeypatch):
    """The error is a MemoryError, because the file can be a saved net."""
    net, _, _ = random_problem(1, 2, 3, 2)
    net.save(tmp_path / "net.npz")

    def short_of_memory(*arguments, **options):
        raise MemoryError("Unable to allocate 1 TiB")

    monkeypatch.setattr(np, "load", short_of_memory)
    with pytest.raises(MemoryError, match="1 TiB"):
        TwoLayerNet.load(tmp_path / "net.npz")


def test_load_of_a_missing_file(tmp_path):
    """The error is the usual FileNotFoundError."""
    with pytest.raises(FileNotFoundError, match="nowhere.npz"):
        TwoLayerNet.load(tmp_path / "nowhere.npz")


# Wrong arguments


def with_value(array, value, *place):
    """Return a copy of an array with one changed value."""
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
    (lambda: TwoLayerNet(4, 2.5, 3), TypeError, "hidden_size must be a whole number, at least 1, got 2.5"),
    (lambda: TwoLayerNet(4, 10, "3"), TypeError, "output_size must be a whole number, at least 1, got '3'"),
    (lambda: TwoLayerNet(4, 10, 3, std=-1), ValueError, "std must be a finite number, at least 0, got -1"),
    (lambda: TwoLayerNet(4, 10, 3, dtype=int), TypeError, "dtype must be a floating-point type .* got <class 'int'>"),
    (lambda: TwoLayerNet(4, 10, 3, dtype=np.float16), TypeError, "dtype must be .* float32, got .*float16"),
    (lambda: TwoLayerNet(4, 10, 3, rng="seed"), TypeError, "rng must be None, an int .* got 'seed'"),
    # loss
    (lambda: loss(np.ones(4)), ValueError, r"X must have 2 dimension\(s\), got an array of shape \(4,\)"),
    (lambda: loss(np.ones((5, 3))), ValueError, r"X must have 4 columns, got an array of shape \(5, 3\)"),
    (lambda: loss(np.ones((0, 4))), ValueError, r"X must not be empty, got an array of shape \(0, 4\)"),
    (lambda: loss(with_value(X, np.nan, 3, 1)), ValueError, "X must hold finite numbers, got nan at row 3, column 1"),
    (lambda: loss(X, Y[:3]), ValueError, "y must hold one label for each of 5 rows, got 3"),
    (lambda: loss(X, Y + 1), ValueError, "y must hold class indices in 0..2, got 3 at row 2"),
    (lambda: loss(X, Y + 0.5), ValueError, "y must hold class indices in 0..2, got 0.5 at row 0"),
    (lambda: loss(X, with_value(Y, np.nan, 4)), ValueError, "y must hold finite numbers, got nan at row 4"),
    (lambda: loss(X, np.eye(5)), ValueError, r"y must have 1 dimension\(s\), got an array of shape \(5, 5\)"),
    (lambda: loss(X, Y > 0), TypeError, "y must hold class indices in 0..2, got an array of shape .* bool"),
    (lambda: loss(X, Y, reg=-0.1), ValueError, "reg must be a finite number, at least 0, got -0.1"),
    # params
    (lambda: net_without("b1").loss(X), ValueError, "params must have W1, b1, W2 and b2, b1 is missing"),
    (lambda: net_with(b1=np.zeros(9)).loss(X), ValueError, r"params\['b1'\] must have shape \(10,\), got \(9,\)"),
    (lambda: net_with(W1=np.zeros(4)).loss(X), ValueError, r"params must have W1 \(D, H\), .* got \(4,\)"),
    (
        lambda: net_with(b2=np.zeros(3, int)).loss(X),
        TypeError,
        r"params\['b2'\] must be float32 .* got int64",
    ),
    (lambda: net_with(b2=np.zeros(3, np.float16)).loss(X), TypeError, r"params\['b2'\] must be float32 .* got float16"),
    # train
    (lambda: train(X=np.ones((5, 3))), ValueError, "X must have 4 columns"),
    (lambda: train(y=Y[:4]), ValueError, "y must hold one label for each of 5 rows, got 4"),
    (lambda: train(X_val=np.ones((5, 5))), ValueError, "X_val must have 4 columns"),
    (lambda: train(X_val=with_value(X, np.inf, 0, 0)), ValueError, "X_val must hold finite numbers, got inf at row 0"),
    (lambda: train(y_val=Y + 1), ValueError, "y_val must hold class indices in 0..2, got 3 at row 2"),
    (lambda: train(learning_rate=-1), ValueError, "learning_rate must be a finite number, at least 0, got -1"),
    (lambda: train(learning_rate_decay=-0.9), ValueError, "learning_rate_decay must be a finite number"),
    (lambda: train(reg=np.nan), ValueError, "reg must be a finite number, at least 0, got nan"),
    (lambda: train(num_iters=-1), ValueError, "num_iters must be a whole number, at least 0, got -1"),
    (lambda: train(batch_size=0), ValueError, "batch_size must be a whole number, at least 1, got 0"),
    (lambda: train(momentum=1.0), ValueError, "momentum must be a number in 0..1, 1 excluded, got 1.0"),
    (lambda: train(dropout=1.0), ValueError, "dropout must be a number in 0..1, 1 excluded, got 1.0"),
    (lambda: train(augment=3), TypeError, "augment must be None or a function, got 3"),
    (lambda: train(schedule="cosine"), TypeError, "schedule must be None or a function, got 'cosine'"),
    (lambda: train(rng=1.5), TypeError, "rng must be None, an int .* got 1.5"),
    # evaluate and predict
    (lambda: make_toy_net().evaluate(np.ones((2, 5)), Y[:2]), ValueError, "X must have 4 columns, got .* \\(2, 5\\)"),
    (
        lambda: make_toy_net().evaluate(np.ones((1000, 4)), np.zeros(1500)),
        ValueError,
        "y must hold one label for each of 1000 rows, got 1500",
    ),
    (lambda: make_toy_net().predict(np.ones(4)), ValueError, r"X must have 2 dimension\(s\)"),
    (lambda: make_toy_net().predict(np.ones((2, 5))), ValueError, "X must have 4 columns"),
    (lambda: make_toy_net().predict(with_value(X, np.nan, 1, 1)), ValueError, "X must hold finite .* row 1, column 1"),
]


@pytest.mark.parametrize("call, error, message", BAD)
def test_bad_input_gets_a_clear_error(call, error, message):
    """The error gives the argument's name, what it must be and what it was."""
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
    """Lists, whole floats, objects, any memory layout, one row and 0 iterations are accepted."""
    stats = train(**good)
    assert len(stats["loss_history"]) == good.get("num_iters", 2) and np.isfinite(stats["loss_history"]).all()
