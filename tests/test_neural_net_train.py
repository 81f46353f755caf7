"""Tests of training: plain formulas, other implementations, subclasses."""

import copy
import re
import tracemalloc

import numpy as np
import pytest
from conftest import make_toy_net, random_problem, run_python

from benchmarks.textbook import TextbookNet
from classifiers.layers import dropout_mask, forward, softmax_loss
from classifiers.neural_net import TwoLayerNet


@pytest.mark.parametrize(
    "num_train, batch_size, num_iters, epochs",
    [(5, 200, 7, 7), (100, 20, 11, 3), (49_000, 256, 383, 3), (49_000, 256, 382, 2), (10, 10, 3, 3), (7, 2, 7, 3)],
)
def test_epochs_are_counted_in_whole_iterations(num_train, batch_size, num_iters, epochs):
    """An epoch has max(N // batch_size, 1) iterations: 191 for 49,000 / 256. The first is at 0."""
    net = TwoLayerNet(1, 1, 2, rng=0)
    X, y = np.zeros((num_train, 1)), np.zeros(num_train, int)
    stats = net.train(X, y, X[:1], y[:1], num_iters=num_iters, batch_size=batch_size)
    assert len(stats["loss_history"]) == num_iters
    assert len(stats["train_acc_history"]) == len(stats["val_acc_history"]) == epochs


def test_accuracy_is_taken_after_the_step():
    """The first step fits the only example, and the first accuracy is 1."""
    net = TwoLayerNet(1, 1, 2, rng=0)
    X, y = np.ones((1, 1)), np.array([1])
    net.params.update(b2=np.array([0.1, 0.0]))
    stats = net.train(X, y, X, y, learning_rate=1.0, num_iters=1)
    assert stats["train_acc_history"] == stats["val_acc_history"] == [1.0]


def train_plainly(net, X, y, learning_rate, decay, reg, num_iters, batch_size, rng):
    """SGD with `loss` and the update of the textbook."""
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
def test_training_equals_plain_formulas(dtype, rtol):
    """100 iterations give the losses and parameters of the textbook."""
    net, X, y = random_problem(60, 30, 20, 4, dtype)
    plain = copy.deepcopy(net)
    settings = dict(learning_rate=1e-3, reg=0.3, num_iters=100, batch_size=20)
    stats = net.train(X, y, X[:5], y[:5], learning_rate_decay=0.9, rng=5, **settings)
    losses = train_plainly(plain, X, y, decay=0.9, rng=np.random.RandomState(5), **settings)
    np.testing.assert_allclose(stats["loss_history"], losses, rtol=rtol)
    for name in net.params:
        scale = np.abs(plain.params[name]).max()
        np.testing.assert_allclose(net.params[name], plain.params[name], rtol=rtol, atol=rtol * scale, err_msg=name)


def test_schedule_scales_the_rate(toy_data):
    """A schedule of 1 at iteration 0, then 0, makes one step. It gets `it` and `num_iters`."""
    asked, nets = [], [make_toy_net(), make_toy_net()]

    def first_only(it, num_iters):
        asked.append((it, num_iters))
        return 1.0 if it == 0 else 0.0

    nets[0].train(*toy_data, *toy_data, 0.1, num_iters=4, schedule=first_only, rng=1)
    nets[1].train(*toy_data, *toy_data, 0.1, num_iters=1, rng=1)
    assert asked == [(0, 4), (1, 4), (2, 4), (3, 4)]
    np.testing.assert_equal(nets[0].params, nets[1].params)


def test_augment_changes_each_batch(toy_data):
    """The step uses the result of augment. augment gets a copy of the rows, and the rng."""
    X, y = toy_data
    before, net, twin, rng = X.copy(), make_toy_net(), make_toy_net(), np.random.default_rng(0)

    def double(X_batch, given):
        assert given is rng
        X_batch *= 2
        return X_batch

    stats = net.train(X, y, X, y, num_iters=3, augment=double, rng=rng)
    assert stats == twin.train(2 * X, y, X, y, num_iters=3, rng=np.random.default_rng(0))
    np.testing.assert_array_equal(X, before)


def test_augment_may_change_the_number_of_inputs(toy_data):
    """A net of two inputs trains on rows of four if augment returns two columns."""
    X, y = toy_data
    nets = [TwoLayerNet(2, 10, 3, std=0.1, rng=0) for _ in range(2)]
    stats = nets[0].train(X, y, X[:, :2], y, num_iters=3, augment=lambda X, rng: X[:, :2], rng=1)
    assert stats == nets[1].train(X[:, :2], y, X[:, :2], y, num_iters=3, rng=1)
    np.testing.assert_equal(nets[0].params, nets[1].params)


def test_augment_and_dtypes(toy_data):
    """augment gets the dtype of the net, and may return another one."""
    X, y = toy_data[0].astype(np.int8), toy_data[1]
    nets = [TwoLayerNet(4, 10, 3, std=0.1, dtype=np.float32, rng=0) for _ in range(2)]

    def augment(X_batch, rng):
        assert X_batch.dtype == np.float32
        return X_batch.astype(np.float64)

    stats = nets[0].train(X, y, X, y, num_iters=3, augment=augment, rng=1)
    assert stats == nets[1].train(X, y, X, y, num_iters=3, rng=1)
    np.testing.assert_equal(nets[0].params, nets[1].params)


@pytest.mark.parametrize(
    "wrong, message",
    [
        (lambda X: X[:, :3], "the result of augment must have 4 columns"),
        (lambda X: None, "the result of augment must have 2 dimension"),
        (lambda X: X[:-1], "y must hold one label for each of 199 rows, got 200"),
        (lambda X: X * np.inf, "X must hold finite numbers"),
    ],
)
def test_augment_must_return_a_batch(toy_data, wrong, message):
    """Another result is an error, and the parameters stay unchanged."""
    net = make_toy_net()
    with pytest.raises(ValueError, match=message):
        net.train(*toy_data, *toy_data, augment=lambda X, rng: wrong(X), rng=0)
    np.testing.assert_equal(net.params, make_toy_net().params)


def test_dropout_in_training(toy_data):
    """The mask is drawn from rng after the batch. Prediction uses all units."""
    X, y = toy_data
    net, twin, rng = make_toy_net(), make_toy_net(), np.random.RandomState(4)
    stats = net.train(X, y, X, y, num_iters=1, batch_size=3, reg=0.0, dropout=0.5, rng=4)
    batch = rng.choice(5, 3)
    mask = dropout_mask((3, 10), 0.5, np.float64, rng)
    _, scores = forward(twin.params, X[batch], mask)
    assert stats["loss_history"] == [softmax_loss(scores, y[batch])[0]]
    np.testing.assert_array_equal(net.predict(X), net.loss(X).argmax(axis=1))


def test_trained_params_are_the_same_arrays(toy_data):
    """train changes the arrays in place, as in the textbook."""
    net = make_toy_net()
    held = dict(net.params)
    net.train(*toy_data, *toy_data, num_iters=2)
    assert all(net.params[name] is held[name] for name in held) and held["b1"].any()


@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
def test_training_from_a_mapped_file(tmp_path, dtype):
    """X from a read-only file of any dtype gives the same losses as from memory."""
    X, y = np.random.randint(0, 256, (50, 12)).astype(dtype), np.random.randint(0, 3, 50)
    np.save(tmp_path / "X.npy", X)
    mapped = np.load(tmp_path / "X.npy", mmap_mode="r")
    histories = [
        TwoLayerNet(12, 5, 3, rng=1).train(data, y, data, y, num_iters=20, batch_size=7, rng=2)
        for data in (mapped, X.astype(np.float64), np.asfortranarray(X), X.repeat(2, axis=0)[::2])
    ]
    assert all(history == histories[0] for history in histories)


def test_training_memory_does_not_grow_with_the_data(tmp_path):
    """From a mapped file, train needs at most four arrays of the size of W1 and six of the size of a batch."""
    D, H, batch_size = 1000, 400, 100
    peaks = []
    for N in (1000, 5000):  # at least a chunk
        X, y = np.lib.format.open_memmap(tmp_path / f"{N}.npy", "w+", np.uint8, (N, D)), np.zeros(N, int)
        net = TwoLayerNet(D, H, 3, rng=0)
        tracemalloc.start()
        net.train(X, y, X, y, num_iters=3, batch_size=batch_size)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    prediction = 1000 * 8 * (D + 2 * H)  # a chunk of validation data, its hidden layer and gradient
    assert peaks[1] < 8 * (4 * D * H + 6 * batch_size * D) + prediction
    assert peaks[1] - peaks[0] < 1_000_000  # the labels and the scores; X in float64 has 40 MB


def test_training_with_weights(toy_data):
    """A step of all rows is a weighted step by hand. Equal weights change no bit. Batches take theirs."""
    X, y = toy_data
    weights, settings = np.array([0.5, 1, 2, 3, 0]), {"learning_rate": 0.1, "reg": 0.1, "num_iters": 1}
    net, twin = make_toy_net(), make_toy_net()
    net.train(X, y, batch_size=None, sample_weight=weights, **settings)
    _, grads = twin.loss(X, y, 0.1, sample_weight=weights)
    for name, grad in grads.items():
        twin.params[name] -= 0.1 * grad
        np.testing.assert_allclose(net.params[name], twin.params[name], rtol=1e-13)
    rows = np.random.RandomState(3).choice(5, 3)
    expected, _ = twin.loss(X[rows], y[rows], 0.1, sample_weight=weights[rows])
    stats = net.train(X, y, batch_size=3, rng=3, sample_weight=weights, **settings)
    assert stats["loss_history"] == pytest.approx([expected], rel=1e-12)
    runs = [make_toy_net().train(X, y, X, y, rng=0, sample_weight=given) for given in (None, [7] * 5)]
    assert runs[0] == runs[1]
    for wrong in ([1, 2], [1, 1, 1, 1, -1], [0] * 5, [1, 1, 1, 1, np.nan]):
        with pytest.raises(ValueError, match="^sample_weight must hold"):
            net.train(X, y, sample_weight=wrong)


def test_training_on_all_rows(toy_data):
    """batch_size=None draws nothing. An augment that changes its batch does not change X."""
    X, y = toy_data
    rng, before = np.random.RandomState(0), X.copy()
    stats = make_toy_net().train(
        X, y, num_iters=2, batch_size=None, rng=rng, augment=lambda X, rng: np.add(X, 1, out=X)
    )
    np.testing.assert_array_equal(X, before)
    assert rng.rand() == np.random.RandomState(0).rand() and len(stats["train_acc_history"]) == 2


def test_velocity_continues(toy_data):
    """Two calls with one dict are one call of the same length."""
    net, twin, velocity = make_toy_net(), make_toy_net(), {}
    settings = {"learning_rate": 0.01, "learning_rate_decay": 1.0, "momentum": 0.9, "batch_size": None}
    for _ in range(2):
        net.train(*toy_data, num_iters=3, velocity=velocity, **settings)
    twin.train(*toy_data, num_iters=6, **settings)
    np.testing.assert_equal(net.params, twin.params)


def test_second_call_continues(toy_data):
    """The second call starts from the current parameters."""
    net = make_toy_net()
    first = net.train(*toy_data, *toy_data, learning_rate=0.1, num_iters=50)
    second = net.train(*toy_data, *toy_data, learning_rate=0.1, num_iters=50)
    assert second["loss_history"][0] < first["loss_history"][0] / 2


def test_verbose_prints_every_hundred_iterations(toy_data, capsys):
    """The format is that of the public lab."""
    stats = make_toy_net().train(*toy_data, *toy_data, num_iters=201, verbose=True)
    losses = stats["loss_history"]
    assert capsys.readouterr().out.splitlines() == [
        f"iteration {it} / 201: loss {losses[it]:.6f}" for it in (0, 100, 200)
    ]


def test_default_arguments_give_the_textbook_results():
    """With the same random draws, losses differ by at most 1e-12, and accuracies are equal."""
    rng = np.random.default_rng(0)
    X, y = 60 * rng.standard_normal((3000, 300)), rng.integers(0, 10, 3000)
    results = []
    for cls in (TwoLayerNet, TextbookNet):
        np.random.seed(3)
        net = cls(300, 50, 10)
        results.append(net.train(X, y, X[:500], y[:500], num_iters=100, learning_rate=1e-4, reg=0.25))
    np.testing.assert_allclose(results[0]["loss_history"], results[1]["loss_history"], rtol=0, atol=1e-12)
    for name in ("train_acc_history", "val_acc_history"):
        assert results[0][name] == results[1][name]


# Subclasses train with their own loss and predict


class L1Net(TwoLayerNet):
    """Net with the penalty reg * sum(|W|)."""

    def loss(self, X, y=None, reg=0.0):
        if y is None:
            return super().loss(X)
        loss, grads = super().loss(X, y)
        for name in ("W1", "W2"):
            loss += reg * np.abs(self.params[name]).sum()
            grads[name] += reg * np.sign(self.params[name])
        return loss, grads


@pytest.mark.parametrize("momentum", [0.0, 0.5])
def test_own_penalty_is_used(toy_data, momentum):
    """Ten steps by hand with an L1 penalty give the same losses and parameters."""
    X, y = toy_data
    net, twin = (L1Net(4, 10, 3, std=0.1, rng=0) for _ in range(2))
    rng = np.random.RandomState(7)
    stats = net.train(X, y, X, y, 0.05, 1.0, reg=0.3, num_iters=10, batch_size=3, momentum=momentum, rng=7)
    velocity = {name: np.zeros_like(param) for name, param in twin.params.items()}
    for loss in stats["loss_history"]:
        rows = rng.choice(5, 3)
        expected, grads = twin.loss(X[rows], y[rows], 0.3)
        assert loss == expected
        for name in grads:
            velocity[name] = momentum * velocity[name] - 0.05 * grads[name]
            twin.params[name] += velocity[name]
    for name in net.params:
        np.testing.assert_allclose(net.params[name], twin.params[name], rtol=1e-13)


@pytest.mark.parametrize("owner", ["class", "instance"])
def test_loss_that_is_replaced_by_hand(toy_data, monkeypatch, owner):
    """In a notebook, students assign TwoLayerNet.loss = my_loss or net.loss = my_loss."""
    net, asked = make_toy_net(), []
    right = TwoLayerNet.loss

    def my_loss(self, X, y=None, reg=0.0):
        asked.append(reg)
        return right(self, X, y, reg)

    if owner == "class":
        monkeypatch.setattr(TwoLayerNet, "loss", my_loss)
    else:
        net.loss = my_loss.__get__(net)
    stats = net.train(*toy_data, *toy_data, 0.1, reg=0.5, num_iters=20, rng=3)
    assert asked.count(0.5) == 60  # each step, and at each epoch the batch and the validation data
    monkeypatch.undo()
    expected = make_toy_net().train(*toy_data, *toy_data, 0.1, reg=0.5, num_iters=20, rng=3)
    np.testing.assert_allclose(stats["loss_history"], expected["loss_history"], rtol=1e-12)


def returning(value):
    """Return a net with a loss that returns this value."""
    net = make_toy_net()
    net.loss = lambda X, y=None, reg=0.0: value
    return net


GRADS = {"W1": np.ones((4, 10)), "b1": np.ones(10), "W2": np.ones((10, 3)), "b2": np.ones(3)}


@pytest.mark.parametrize(
    "returned, error, message",
    [
        (1.0, TypeError, "loss must return a number and a dict of gradients, got 1.0"),
        ((1.0, None), TypeError, "loss must return a number and a dict of gradients"),
        (("a", GRADS), TypeError, "loss must return a number .* got 'a' as the number"),
        ((np.ones(5), GRADS), TypeError, r"loss must return a number .* shape \(5,\) .* as the number"),
        ((1.0, {"W1": GRADS["W1"]}), ValueError, "grads must have the keys of params, b1 is missing"),
        ((None, GRADS), TypeError, "loss must return a number .* got None as the number"),
        ((1.0, {**GRADS, "b1": np.ones((1, 10))}), ValueError, r"grads\['b1'\] must be .* \(10,\), got \(1, 10\)"),
        ((1.0, {**GRADS, "W2": 0.0}), ValueError, r"grads\['W2'\] must be an array of shape \(10, 3\), got 0.0"),
        ((1.0, {**GRADS, "b2": [1, 2, 3]}), ValueError, r"grads\['b2'\] must be .* \(3,\), got \[1, 2, 3\]"),
        ((1.0, {**GRADS, "W3": np.ones(3)}), ValueError, "params must have the keys of grads, W3 is missing"),
    ],
)
def test_own_loss_that_returns_something_else(toy_data, returned, error, message):
    """Another return value is a clear error. The parameters stay unchanged."""
    net = returning(returned)
    with pytest.raises(error, match=message):
        net.train(*toy_data, *toy_data, num_iters=3)
    np.testing.assert_equal(net.params, make_toy_net().params)


def test_own_loss_with_dropout(toy_data):
    """The loss gets the mask as an argument. A loss without it is an error that names it."""
    with pytest.raises(TypeError, match="mask"):
        L1Net(4, 10, 3).train(*toy_data, *toy_data, dropout=0.5)

    class Doubled(TwoLayerNet):
        def loss(self, X, y=None, reg=0.0, *, mask=None):
            return super().loss(2 * X, y, reg, mask=mask)

    net, twin = Doubled(4, 10, 3, std=0.1, rng=0), TwoLayerNet(4, 10, 3, std=0.1, rng=0)
    stats, expected = (
        n.train(k * toy_data[0], toy_data[1], *toy_data, dropout=0.5, num_iters=5, rng=1)
        for n, k in ((net, 1), (twin, 2))
    )
    assert stats["loss_history"] == expected["loss_history"]


def test_further_parameters(toy_data):
    """A subclass can train further entries of params. TwoLayerNet does not change them."""

    class Scaled(TwoLayerNet):
        def loss(self, X, y=None, reg=0.0):
            scale = self.params["scale"]
            if y is None:
                return super().loss(X) * scale
            loss, dscores = softmax_loss(self.loss(X), y)
            grads = {name: np.zeros_like(self.params[name]) for name in ("W1", "b1", "W2", "b2")}
            return loss, {**grads, "scale": np.array([np.sum(dscores * super().loss(X))])}

    for cls, moves in ((Scaled, True), (TwoLayerNet, False)):
        net = cls(4, 10, 3, std=0.1, rng=0)
        net.params.update(scale=np.ones(1), note="mine")
        losses = net.train(*toy_data, *toy_data, 0.1, num_iters=30, rng=0)["loss_history"]
        assert (net.params["scale"][0] != 1) == moves and net.params["note"] == "mine" and losses[-1] < losses[0]


def test_params_that_a_callback_replaces(toy_data):
    """Training continues with the new arrays."""
    net, twin = make_toy_net(), make_toy_net()

    def replace(it, num_iters):
        net.params = {name: param.copy() for name, param in net.params.items()}
        return 1.0

    stats = net.train(*toy_data, *toy_data, 0.1, num_iters=20, schedule=replace, rng=0)
    assert stats == twin.train(*toy_data, *toy_data, 0.1, num_iters=20, rng=0)
    np.testing.assert_equal(net.params, twin.params)


def test_schedule_that_returns_a_numpy_number(toy_data):
    """The number is converted to float, so it cannot change the precision of a float32 net."""
    nets = [make_toy_net(dtype=np.float32) for _ in range(2)]
    for net, factor in zip(nets, (np.float64(1 / 3), 1 / 3), strict=True):
        net.train(*toy_data, *toy_data, num_iters=5, schedule=lambda *a, factor=factor: factor, rng=0)
    np.testing.assert_equal(nets[0].params, nets[1].params)


# The same numbers


def test_rates_of_the_old_epoch_count():
    """The arguments in CHANGES.md give the old rates: 8 iterations, 450 rows, batches of 200."""
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


HASH_TRAINING = """
import hashlib
import numpy as np
from classifiers.neural_net import TwoLayerNet
from classifiers.preprocessing import random_flip_shift
rng = np.random.default_rng(0)
X, y = rng.standard_normal((300, 3072), dtype=np.float32), rng.integers(0, 10, 300)
net = TwoLayerNet(3072, 40, 10, dtype=np.float32, rng=1)
stats = net.train(X, y, X, y, num_iters=20, momentum=0.9, dropout=0.3, augment=random_flip_shift(2), rng=2)
print(hashlib.md5(b"".join(p.tobytes() for p in net.params.values()) + repr(stats).encode()).hexdigest())
"""


def test_same_seed_same_bits_in_two_processes():
    """Parameters and histories are bit-identical with all options."""
    outputs = {run_python(HASH_TRAINING).communicate()[0] for _ in range(2)}
    assert len(outputs) == 1 and re.fullmatch(r"[0-9a-f]{32}\n", outputs.pop())


def test_pytorch_agrees():
    """Loss, gradients and 100 steps agree with autograd in float64."""
    torch = pytest.importorskip("torch", reason="PyTorch is not installed: nothing to compare with")
    net, X, y = random_problem(60, 20, 15, 5)
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
