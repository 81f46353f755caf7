"""TwoLayerNet against published numbers, arithmetic done by hand, numeric gradients and invariances."""

import copy
import tracemalloc

import numpy as np
import pytest
from conftest import make_toy_net

from classifiers.layers import CHUNK, backward, dropout_mask, forward, softmax_loss
from classifiers.neural_net import TwoLayerNet
from data_utils import get_CIFAR10_data
from gradient_check import eval_numerical_gradient, rel_error

SCORES = [
    [-0.81233741, -1.27654624, -0.70335995],
    [-0.17129677, -1.18803311, -0.47310444],
    [-0.51590475, -1.01354314, -0.8504215],
    [-0.15419291, -0.48629638, -0.52901952],
    [-0.00618733, -0.12435261, -0.15226949],
]


def random_problem(N, D, H, C, dtype=np.float64, seed=0):
    """A net with weights and biases of order 1, and data for it."""
    rng = np.random.default_rng(seed)
    net = TwoLayerNet(D, H, C, std=0.5, dtype=dtype, rng=rng)
    net.params["b1"] += rng.standard_normal(H).astype(dtype)
    net.params["b2"] += rng.standard_normal(C).astype(dtype)
    return net, rng.standard_normal((N, D)), rng.integers(0, C, N)


# Published numbers


def test_scores_are_the_published_ones(toy_net, toy_data):
    """The scores of the toy net agree in all eight published digits."""
    assert np.abs(toy_net.loss(toy_data[0]) - SCORES).sum() == pytest.approx(3.68e-8, abs=1e-10)


def test_loss_is_the_published_one(toy_net, toy_data):
    """The published loss comes with reg 0.1 under the half, and differs by the known amount at 0.05."""
    X, y = toy_data
    assert toy_net.loss(X, y, reg=0.1)[0] == pytest.approx(1.30378789133, abs=1e-12)
    assert 1.30378789133 - toy_net.loss(X, y, reg=0.05)[0] == pytest.approx(0.018965419606062905, abs=1e-12)


def test_toy_training_ends_at_the_published_loss(toy_data):
    """A hundred steps on the toy data give the golden last loss; the fresh net leaves the stream where it belongs."""
    stats = make_toy_net().train(*toy_data, *toy_data, learning_rate=1e-1, reg=5e-6, num_iters=100)
    assert stats["loss_history"][-1] == pytest.approx(0.017143643532923757, abs=1e-12)
    assert stats["val_acc_history"][-1] == 1.0


def test_default_net_on_real_images(real_cifar10, toy_data):
    """The ten printed losses and the accuracy of the default net, on the official pixels or a JPEG copy of them."""
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


# Arithmetic done by hand


def test_forward_and_backward_by_hand():
    """One example, two inputs, two hidden units of which one is closed, two classes.

    X W1 + b1 = [1*1 + 2*0 + 1, 1*0 - 2*1 + 0] = [2, -2], hidden = [2, 0].
    scores = [2*1 + 0, 2*1 + 0] + [0, 0] = [2, 2], p = [1/2, 1/2], loss = log 2.
    Penalty with reg 2: 0.5 * 2 * (1 + 0 + 0 + 1 + 1 + 1 + 1 + 0) = 5.
    dscores for y = 0: [-1/2, 1/2].   dW2 = hidden^T dscores = [[-1, 1], [0, 0]], + reg W2 = [[1, 3], [2, 0]].
    dhidden = dscores W2^T = [-1/2*1 + 1/2*1, -1/2*1 + 1/2*0] = [0, -1/2], after ReLU [0, 0]: dW1 = reg W1.
    """
    net = TwoLayerNet(2, 2, 2, rng=0)
    net.params = {
        "W1": np.array([[1.0, 0.0], [0.0, -1.0]]),
        "b1": np.array([1.0, 0.0]),
        "W2": np.array([[1.0, 1.0], [1.0, 0.0]]),
        "b2": np.array([0.0, 0.0]),
    }
    loss, grads = net.loss(np.array([[1.0, 2.0]]), np.array([0]), reg=2.0)
    assert loss == pytest.approx(np.log(2) + 5)
    np.testing.assert_allclose(grads["W2"], [[1, 3], [2, 0]])
    np.testing.assert_allclose(grads["b2"], [-0.5, 0.5])
    np.testing.assert_allclose(grads["W1"], [[2, 0], [0, -2]])
    np.testing.assert_allclose(grads["b1"], [0, 0])


def test_loss_is_log_C_where_all_scores_are_equal():
    """Zero weights make every class equally likely."""
    net = TwoLayerNet(6, 4, 7, std=0.0)
    assert net.loss(np.ones((3, 6)), np.array([0, 3, 6]))[0] == pytest.approx(np.log(7))


def test_softmax_loss_by_hand():
    """Scores log 1, log 2, log 5 are probabilities 1/8, 2/8, 5/8."""
    loss, dscores = softmax_loss(np.log([[1.0, 2.0, 5.0]]), np.array([2]))
    assert loss == pytest.approx(np.log(8 / 5))
    np.testing.assert_allclose(dscores, [[1 / 8, 2 / 8, -3 / 8]])


# Gradients


@pytest.mark.parametrize("reg", [0.0, 1.0])
@pytest.mark.parametrize("shape", [(1, 1, 1, 2), (5, 4, 10, 3), (3, 7, 2, 5), (8, 3, 6, 2)])
def test_gradients_are_numerically_right(shape, reg):
    """Every coordinate of every parameter, with a penalty large enough that a missing term shows."""
    net, X, y = random_problem(*shape)
    _, grads = net.loss(X, y, reg)
    for name, param in net.params.items():
        numeric = eval_numerical_gradient(lambda _: net.loss(X, y, reg)[0], param, verbose=False)
        np.testing.assert_allclose(grads[name], numeric, rtol=1e-6, atol=1e-9, err_msg=name)


def test_toy_gradients_reach_the_published_accuracy(toy_net, toy_data):
    """The largest relative error of each parameter is at most 1e-8 at reg 0.05."""
    _, grads = toy_net.loss(*toy_data, reg=0.05)
    for name, param in toy_net.params.items():
        numeric = eval_numerical_gradient(lambda _: toy_net.loss(*toy_data, reg=0.05)[0], param, verbose=False)
        assert rel_error(numeric, grads[name]) <= 1e-8, name


def test_float32_gradients_are_those_of_float64():
    """The same formulas in half the digits."""
    net, X, y = random_problem(6, 5, 8, 4)
    single = copy.deepcopy(net)
    single.params = {name: param.astype(np.float32) for name, param in net.params.items()}
    loss, grads = net.loss(X, y, reg=1.0)
    loss32, grads32 = single.loss(X, y, reg=1.0)
    assert loss32 == pytest.approx(loss, rel=1e-6)
    for name in grads:
        assert grads32[name].dtype == np.float32
        np.testing.assert_allclose(grads32[name], grads[name], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("size", [1e4, -1e4])
def test_softmax_is_stable(size, dtype):
    """Scores of ten thousand give finite losses and gradients, and the exact values where those are simple."""
    scores = np.array([[size, 0, 0], [0, size, -size]], dtype)
    loss, dscores = softmax_loss(scores, np.array([0, 1]))
    by_hand = 0.0 if size > 0 else (1e4 + np.log(2) + 2e4) / 2  # -log p of a class 1e4 (2e4) below the maximum
    assert loss == pytest.approx(by_hand, rel=1e-6)
    assert dscores.dtype == dtype and np.isfinite(dscores).all()


def test_stability_does_not_depend_on_other_rows():
    """A row far below the largest score of the array keeps its digits: the maximum is taken by row."""
    loss, _ = softmax_loss(np.array([[1e4, 0.0], [0.0, 0.0]]), np.array([0, 0]))
    assert loss == pytest.approx(np.log(2) / 2)


# Invariances


def test_shift_of_scores_changes_nothing():
    """Softmax sees only differences of scores."""
    scores, y = np.random.randn(4, 3), np.array([0, 1, 2, 1])
    loss, dscores = softmax_loss(scores, y)
    shifted_loss, shifted_dscores = softmax_loss(scores + np.array([[5.0], [-3.0], [100.0], [0.0]]), y)
    assert shifted_loss == pytest.approx(loss)
    np.testing.assert_allclose(shifted_dscores, dscores, atol=1e-14)


def test_order_of_rows_changes_nothing():
    """The loss is a mean over rows."""
    net, X, y = random_problem(6, 5, 4, 3)
    loss, grads = net.loss(X, y, reg=0.5)
    loss_reversed, grads_reversed = net.loss(X[::-1], y[::-1], reg=0.5)
    assert loss_reversed == pytest.approx(loss)
    np.testing.assert_allclose(grads_reversed["W1"], grads["W1"])


def test_loss_changes_nothing():
    """Neither params nor X nor y are touched."""
    net, X, y = random_problem(6, 5, 4, 3)
    before = copy.deepcopy((net.params, X, y))
    net.loss(X, y, reg=1.0)
    np.testing.assert_equal((net.params, X, y), before)


# The class


def test_weights_are_drawn_as_published():
    """W1 before W2, std times standard normal, biases zero."""
    net = make_toy_net()
    np.random.seed(0)
    np.testing.assert_array_equal(net.params["W1"], 1e-1 * np.random.randn(4, 10))
    np.testing.assert_array_equal(net.params["W2"], 1e-1 * np.random.randn(10, 3))
    assert not net.params["b1"].any() and not net.params["b2"].any()


def test_keywords_and_default_std_of_the_public_lab():
    """The names that existing notebooks use."""
    net = TwoLayerNet(input_size=100, hidden_size=200, output_size=10)
    assert net.params["W1"].std() == pytest.approx(1e-4, rel=0.05)


@pytest.mark.parametrize("make_rng", [lambda: 0, lambda: np.random.RandomState(0), lambda: np.random.default_rng(0)])
def test_rng_fixes_weights_and_batches(make_rng, toy_data):
    """Every kind of rng gives the same net and history twice, and leaves the global stream alone."""
    before = np.random.get_state()[1:3]
    nets = [TwoLayerNet(4, 10, 3, rng=make_rng()) for _ in range(2)]
    histories = [net.train(*toy_data, *toy_data, num_iters=20, rng=make_rng())["loss_history"] for net in nets]
    assert histories[0] == histories[1]
    np.testing.assert_array_equal(nets[0].params["W1"], nets[1].params["W1"])
    np.testing.assert_equal(np.random.get_state()[1:3], before)


def test_int_rng_is_a_seed():
    """rng=0 draws what np.random.seed(0) would."""
    np.testing.assert_array_equal(make_toy_net().params["W1"], TwoLayerNet(4, 10, 3, std=1e-1, rng=0).params["W1"])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_net_computes_in_its_dtype(dtype, toy_data):
    """Parameters, scores and gradients stay in the dtype of the net, whatever X comes in."""
    net = make_toy_net(dtype=dtype)
    X, y = np.abs(toy_data[0]).astype(np.uint8), toy_data[1]
    net.train(X, y, X, y, num_iters=3)
    assert {param.dtype for param in net.params.values()} == {np.dtype(dtype)}
    assert net.loss(X).dtype == dtype
    np.testing.assert_allclose(net.loss(X), net.loss(X.astype(np.float64)))


def test_net_follows_replaced_params(toy_data):
    """Clients put other arrays into params, of another dtype even, and copy nets deeply."""
    net = make_toy_net()
    twin = copy.deepcopy(net)
    twin.params["W1"] *= 2
    assert np.abs(net.loss(toy_data[0]) - SCORES).sum() < 1e-7
    net.params = {name: param.astype(np.float32) for name, param in twin.params.items()}
    np.testing.assert_allclose(net.loss(toy_data[0]), twin.loss(toy_data[0]), rtol=1e-5)
    assert net.loss(toy_data[0]).dtype == np.float32


# Training


def test_one_step_is_the_textbook_formula(toy_data):
    """Parameters move by -learning_rate * gradient of the drawn batch."""
    net, twin = make_toy_net(), make_toy_net()
    X, y = toy_data
    stats = net.train(X, y, X, y, learning_rate=0.1, reg=0.5, num_iters=1, batch_size=3, rng=7)
    batch = np.random.RandomState(7).choice(5, 3)
    loss, grads = twin.loss(X[batch], y[batch], reg=0.5)
    assert stats["loss_history"] == [loss]
    for name in grads:
        np.testing.assert_allclose(net.params[name], twin.params[name] - 0.1 * grads[name], rtol=1e-12)


@pytest.mark.parametrize(
    "num_train, batch_size, num_iters, epochs",
    [(5, 200, 7, 7), (100, 20, 11, 3), (49_000, 256, 383, 3), (49_000, 256, 382, 2), (10, 10, 3, 3), (7, 2, 7, 3)],
)
def test_epochs_are_counted_in_whole_iterations(num_train, batch_size, num_iters, epochs):
    """max(N // batch_size, 1) iterations an epoch, the first at iteration 0; 49,000 / 256 is 191, not 191.4."""
    net = TwoLayerNet(1, 1, 2, rng=0)
    X, y = np.zeros((num_train, 1)), np.zeros(num_train, int)
    stats = net.train(X, y, X[:1], y[:1], num_iters=num_iters, batch_size=batch_size)
    assert len(stats["loss_history"]) == num_iters
    assert len(stats["train_acc_history"]) == len(stats["val_acc_history"]) == epochs


def test_learning_rate_decays_after_each_epoch():
    """With decay 0 only the first step, at iteration 0, moves anything."""
    net, X, y = random_problem(4, 3, 5, 2)
    twin = copy.deepcopy(net)
    net.train(X, y, X, y, learning_rate=0.1, learning_rate_decay=0.0, num_iters=10, batch_size=4, rng=3)
    twin.train(X, y, X, y, learning_rate=0.1, num_iters=1, batch_size=4, rng=3)
    np.testing.assert_array_equal(net.params["W1"], twin.params["W1"])


def test_accuracy_is_taken_after_the_step():
    """A first step large enough to fit the only example shows in the history at once."""
    net = TwoLayerNet(1, 1, 2, rng=0)
    X, y = np.ones((1, 1)), np.array([1])
    net.params.update(b2=np.array([0.1, 0.0]))
    stats = net.train(X, y, X, y, learning_rate=1.0, num_iters=1)
    assert stats["train_acc_history"] == stats["val_acc_history"] == [1.0]


def train_plainly(net, X, y, learning_rate, decay, reg, num_iters, batch_size, rng):
    """SGD with nothing but `loss` and the textbook's update."""
    losses, per_epoch = [], max(len(X) // batch_size, 1)
    for it in range(num_iters):
        batch = rng.choice(len(X), batch_size)
        loss, grads = net.loss(X[batch], y[batch], reg)
        losses.append(loss)
        for name in grads:
            net.params[name] = net.params[name] - learning_rate * grads[name]
        if it % per_epoch == 0:
            learning_rate *= decay
    return losses


@pytest.mark.parametrize("dtype, rtol", [(np.float64, 1e-12), (np.float32, 1e-3)])
def test_fast_training_equals_plain_formulas(dtype, rtol):
    """The tricks of `train` change nothing: same losses, same parameters after 100 iterations."""
    net, X, y = random_problem(60, 600, 300, 4, dtype)  # W1 is larger than a block of `descend`
    plain = copy.deepcopy(net)
    settings = dict(learning_rate=1e-3, reg=0.3, num_iters=100, batch_size=20)
    stats = net.train(X, y, X[:5], y[:5], learning_rate_decay=0.9, rng=5, **settings)
    losses = train_plainly(plain, X, y, decay=0.9, rng=np.random.RandomState(5), **settings)
    np.testing.assert_allclose(stats["loss_history"], losses, rtol=rtol)
    for name in net.params:
        scale = np.abs(plain.params[name]).max()
        np.testing.assert_allclose(net.params[name], plain.params[name], rtol=rtol, atol=rtol * scale, err_msg=name)


def test_everything_off_changes_nothing(toy_data):
    """Momentum, dropout, augmentation and schedule that do nothing give the same bits as none of them."""
    nets = [make_toy_net(), make_toy_net()]
    plain = nets[0].train(*toy_data, *toy_data, learning_rate=0.1, reg=0.1, num_iters=30, rng=3)
    idle = nets[1].train(
        *toy_data, *toy_data, learning_rate=0.1, reg=0.1, num_iters=30, rng=3,
        momentum=0.0, dropout=0.0, augment=lambda X, rng: X, schedule=lambda it, num_iters: 1.0,
    )  # fmt: skip
    assert plain == idle
    np.testing.assert_equal(nets[0].params, nets[1].params)


def test_momentum_in_training(toy_data):
    """Two steps on the whole of the data: V1 = -lr g1, V2 = 0.5 V1 - lr g2, W moves by V1 and then V2."""
    X, y = toy_data
    net, twin = make_toy_net(), make_toy_net()
    net.train(X[:1], y[:1], X, y, 0.1, 1.0, reg=0.5, num_iters=2, batch_size=1, momentum=0.5, rng=0)
    velocity = {name: 0.0 for name in twin.params}
    for _ in range(2):
        _, grads = twin.loss(X[:1], y[:1], reg=0.5)
        for name, grad in grads.items():
            velocity[name] = 0.5 * velocity[name] - 0.1 * grad
            twin.params[name] = twin.params[name] + velocity[name]
    for name in net.params:
        np.testing.assert_allclose(net.params[name], twin.params[name], rtol=1e-12, atol=1e-14)


def test_schedule_scales_the_rate(toy_data):
    """A schedule that is 1 at iteration 0 and 0 afterwards moves once; it is told the iteration and their number."""
    asked, nets = [], [make_toy_net(), make_toy_net()]

    def first_only(it, num_iters):
        asked.append((it, num_iters))
        return 1.0 if it == 0 else 0.0

    nets[0].train(*toy_data, *toy_data, 0.1, num_iters=4, schedule=first_only, rng=1)
    nets[1].train(*toy_data, *toy_data, 0.1, num_iters=1, rng=1)
    assert asked == [(0, 4), (1, 4), (2, 4), (3, 4)]
    np.testing.assert_equal(nets[0].params, nets[1].params)


def test_augment_changes_each_batch(toy_data):
    """The step is taken on what augment returns, which is given a copy of the rows and the rng."""
    X, y = toy_data
    before, net, twin, rng = X.copy(), make_toy_net(), make_toy_net(), np.random.default_rng(0)

    def double(X_batch, given):
        assert given is rng
        X_batch *= 2
        return X_batch

    stats = net.train(X, y, X, y, num_iters=3, augment=double, rng=rng)
    assert stats == twin.train(2 * X, y, X, y, num_iters=3, rng=np.random.default_rng(0))
    np.testing.assert_array_equal(X, before)


def test_gradients_with_dropout_are_numerically_right():
    """Under a fixed mask, every coordinate."""
    net, X, y = random_problem(6, 5, 8, 3)
    keep = dropout_mask((6, 8), 0.4, np.float64, np.random.default_rng(0))
    assert 0 < np.count_nonzero(keep) < keep.size
    hidden, scores = forward(net.params, X, keep)
    grads = backward(net.params, X, hidden, softmax_loss(scores, y)[1], keep)
    for name, param in net.params.items():
        numeric = eval_numerical_gradient(
            lambda _: softmax_loss(forward(net.params, X, keep)[1], y)[0], param, verbose=False
        )
        np.testing.assert_allclose(grads[name], numeric, rtol=1e-6, atol=1e-9, err_msg=name)


@pytest.mark.parametrize("dropout", [0.1, 0.5])
def test_dropout_mask_keeps_the_mean(dropout):
    """Zero for a share of the units, 1 / (1 - dropout) for the rest."""
    keep = dropout_mask((200, 500), dropout, np.float32, np.random.RandomState(0))
    assert keep.dtype == np.float32 and set(np.unique(keep)) == {0, np.float32(1 / (1 - dropout))}
    assert np.mean(keep == 0) == pytest.approx(dropout, abs=0.01) and keep.mean() == pytest.approx(1, abs=0.02)


def test_dropout_in_training(toy_data):
    """Draws from rng after the batch; prediction uses all units."""
    X, y = toy_data
    net, twin, rng = make_toy_net(), make_toy_net(), np.random.RandomState(4)
    stats = net.train(X, y, X, y, num_iters=1, batch_size=3, reg=0.0, dropout=0.5, rng=4)
    batch = rng.choice(5, 3)
    keep = dropout_mask((3, 10), 0.5, np.float64, rng)
    _, scores = forward(twin.params, X[batch], keep)
    assert stats["loss_history"] == [softmax_loss(scores, y[batch])[0]]
    np.testing.assert_array_equal(net.predict(X), net.loss(X).argmax(axis=1))


def test_trained_params_are_the_same_arrays(toy_data):
    """As in the textbook, whoever holds the arrays sees them change."""
    net = make_toy_net()
    held = dict(net.params)
    net.train(*toy_data, *toy_data, num_iters=2)
    assert all(net.params[name] is held[name] for name in held) and held["b1"].any()


@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
def test_training_from_a_mapped_file(tmp_path, dtype):
    """X may lie in a file, read-only, in any dtype: the same losses as from memory."""
    X, y = np.random.randint(0, 256, (50, 12)).astype(dtype), np.random.randint(0, 3, 50)
    np.save(tmp_path / "X.npy", X)
    mapped = np.load(tmp_path / "X.npy", mmap_mode="r")
    histories = [
        TwoLayerNet(12, 5, 3, rng=1).train(data, y, data, y, num_iters=20, batch_size=7, rng=2)
        for data in (mapped, X.astype(np.float64), np.asfortranarray(X), X.repeat(2, axis=0)[::2])
    ]
    assert all(history == histories[0] for history in histories)


def test_training_memory_does_not_grow_with_the_data():
    """Beyond the parameters: at most three arrays of W1's size and five of the batch's."""
    D, H, batch_size = 1000, 400, 100
    peaks = []
    for N in (500, 5000):
        X, y = np.zeros((N, D), np.uint8), np.zeros(N, int)
        net = TwoLayerNet(D, H, 3, rng=0)
        tracemalloc.start()
        net.train(X, y, X, y, num_iters=3, batch_size=batch_size)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    prediction = 1000 * 8 * (D + H)  # the chunk that accuracy is taken on, and its hidden layer
    assert peaks[1] < 8 * (3 * D * H + 5 * batch_size * D) + prediction
    assert peaks[1] - peaks[0] < 500 * 8 * (D + H) + 100_000  # 500 rows are half a chunk


def test_prediction_makes_no_array_of_all_hidden_units():
    """A large X is taken in chunks."""
    net, X = TwoLayerNet(8, 500, 10, rng=0), np.zeros((50_000, 8), np.float32)
    tracemalloc.start()
    net.predict(X)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 50_000 * 500 * 8 / 10


def test_second_call_goes_on(toy_data):
    """Training resumes from the present parameters."""
    net = make_toy_net()
    first = net.train(*toy_data, *toy_data, learning_rate=0.1, num_iters=50)
    second = net.train(*toy_data, *toy_data, learning_rate=0.1, num_iters=50)
    assert second["loss_history"][0] < first["loss_history"][0] / 2


def test_verbose_prints_every_hundred_iterations(toy_data, capsys):
    """In the format of the public lab."""
    stats = make_toy_net().train(*toy_data, *toy_data, num_iters=201, verbose=True)
    losses = stats["loss_history"]
    assert capsys.readouterr().out.splitlines() == [
        f"iteration {it} / 201: loss {losses[it]:.6f}" for it in (0, 100, 200)
    ]


def test_progress_bar_counts_to_the_end(toy_data, capsys):
    """progress=True shows a bar."""
    make_toy_net().train(*toy_data, *toy_data, num_iters=7, progress=True)
    assert "7/7" in "".join(capsys.readouterr())


# Prediction and files


def test_predict_takes_the_largest_score():
    """predict is argmax of the scores, whole or in chunks."""
    net, X, _ = random_problem(2 * CHUNK + 7, 3, 5, 4)
    np.testing.assert_array_equal(net.predict(X), net.loss(X).argmax(axis=1))
    assert net.predict(X[:1]).shape == (1,)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_save_and_load_to_the_bit(tmp_path, dtype):
    """What is loaded is what was saved, under the very name that was given."""
    net, X, _ = random_problem(5, 4, 3, 2, dtype)
    for path in (tmp_path / "net.npz", tmp_path / "net"):
        net.save(path)
        loaded = TwoLayerNet.load(str(path))
        for name, param in net.params.items():
            assert loaded.params[name].dtype == dtype
            np.testing.assert_array_equal(loaded.params[name], param)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["net", "net.npz"]


def test_rates_of_the_old_epoch_count():
    """What CHANGES.md gives for them, beside the old loop: 450 rows in batches of 200, so one hit in 8 iterations."""
    X, y = np.random.default_rng(0).standard_normal((450, 4)), np.arange(450) % 3
    net, old = (TwoLayerNet(4, 5, 3, std=0.1, rng=0) for _ in range(2))
    net.train(
        X, y, X, y, 0.1, learning_rate_decay=1.0, schedule=lambda it, num_iters: 1.0 if it == 0 else 0.95, reg=0.1,
        num_iters=8, rng=1,
    )  # fmt: skip
    rng, rate = np.random.RandomState(1), 0.1
    for it in range(8):
        batch = rng.choice(450, 200)
        _, grads = old.loss(X[batch], y[batch], 0.1)
        for name in old.params:
            old.params[name] -= rate * grads[name]
        if it % (450 / 200) == 0:
            rate *= 0.95
    for name in old.params:
        np.testing.assert_allclose(net.params[name], old.params[name], rtol=1e-12, atol=1e-15)
