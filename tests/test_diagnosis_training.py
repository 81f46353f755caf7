"""Tests of `check_net` on update and predict, with nets that make a mistake and right nets."""

import re

import numpy as np
import pytest
from test_diagnosis import Student, make_data

from classifiers.neural_net import TwoLayerNet
from diagnosis import check_net
from diagnosis.matching import find_mistakes
from diagnosis.mistakes import MISTAKES
from diagnosis.probes import NetUnderTest
from diagnosis.stages import PREDICT, TRAIN
from diagnosis.training_probe import probe_training


class Learner(Student):
    """A net that trains like the public copies of this lab, with at most one mistake."""

    def __init__(self, mistake=None, D=4, H=6, C=3, seed=0):
        super().__init__(D, H, C, seed=seed)
        self.mistake = mistake

    def train(self, X, y, X_val, y_val, learning_rate=1e-3, learning_rate_decay=0.95, reg=1e-5, num_iters=100,
              batch_size=200, verbose=False):  # fmt: skip
        m, histories = self.mistake, {name: [] for name in ("loss_history", "train_acc_history", "val_acc_history")}
        if m == "raises":
            return X.no_such_attribute
        if m == "not written":
            raise NotImplementedError("the minibatch")
        per_epoch = max(len(X) // batch_size, 1)
        for it in range(num_iters):
            rows = np.random.choice(len(X), len(X) if m == "batch size" else batch_size, replace=m != "batch size")
            X_batch, y_batch = X[rows], y[rows]
            if m == "mixed":
                y_batch = y[np.random.choice(len(X), batch_size)]
            loss, grads = self.loss(X_batch, y=y_batch, reg=0.0 if m == "no reg" else reg)
            if m == "decay first":
                learning_rate *= learning_rate_decay
            rate = learning_rate * {"climbs": -1, "twice": 2, "W2 climbs": 1}.get(m, 1)
            for name, grad in grads.items():
                if m == "forgets b2" and name == "b2":
                    continue
                if m == "no update":
                    param = self.params[name].copy()
                    param -= rate * grad
                elif m == "sign":
                    self.params[name] -= rate * np.sign(grad)
                elif m == "W2 climbs" and name == "W2":
                    self.params[name] += rate * grad
                elif m == "replaces":  # right, too
                    self.params = {**self.params, name: self.params[name] - rate * grad}
                else:
                    self.params[name] -= rate * grad
            if m == "late loss":
                loss, _ = self.loss(X_batch, y=y_batch, reg=reg)
            histories["loss_history"].append(loss + (m == "other loss"))
            if it % per_epoch == 0:
                histories["train_acc_history"].append((self.predict(X_batch) == y_batch).mean())
                histories["val_acc_history"].append((self.predict(X_val) == y_val).mean())
                if m not in ("no decay", "decay first"):
                    learning_rate *= learning_rate_decay
                if m == "decays twice":
                    learning_rate *= learning_rate_decay
        if m == "no accuracies":
            del histories["val_acc_history"]
        if m == "short history":
            histories["loss_history"].pop()
        return None if m == "returns nothing" else histories

    def predict(self, X):
        scores, m = self.loss(X), self.mistake
        if m == "predict raises":
            raise ZeroDivisionError("no classes")
        if m == "predict raises in a check" and len(X) > 1:  # train predicts for one row only
            raise ZeroDivisionError("no classes")
        if m == "predict not written" and len(X) > 1:
            raise NotImplementedError("argmax")
        if m == "column":
            return scores.argmax(axis=1)[:, None]
        if m == "argmin":
            return scores.argmin(axis=1)
        if m == "over rows":
            return scores.argmax(axis=0)
        if m == "predicts nothing":
            return None
        if m == "hidden":
            return np.maximum(0, X @ self.params["W1"] + self.params["b1"]).argmax(axis=1)
        return scores.argmax(axis=1)


SENTENCES = {
    "raises": "train raises AttributeError: .*no_such_attribute.*test_diagnosis_training.py, line",
    "not written": "train is not written to the end. Next: the minibatch .*, line",
    "predict raises in a check": "predict raises ZeroDivisionError: no classes .*, line",
    "predict not written": "predict is not written to the end. Next: argmax .*, line",
    "no update": "train changes no parameter",
    "climbs": "the update of W1, b1, W2, b2 goes up the gradient",
    "W2 climbs": "the update of W2 goes up the gradient",
    "forgets b2": "train does not update b2$",
    "no reg": "the update of W1, W2 lacks the gradient of the penalty",
    "decay first": "the learning rate decays before the first step",
    "twice": "the update of W1, b1, W2, b2 is 2 times what it should be",
    "sign": r"the update of W1, b1, W2, b2 is not W -= learning_rate \* dW",
    "no decay": "the learning rate does not decay",
    "decays twice": "the first iteration is right, but the second is wrong",
    "late loss": "loss_history starts with .*, the loss after the step. It must start with the loss before",
    "other loss": r"loss_history starts with [\d.]+. It must start with the loss before the step, [\d.]+$",
    "no accuracies": "train must return a dict .* got .*val_acc_history: missing",
    "short history": "train must return a dict .* got loss_history: 1,",
    "returns nothing": "train must return a dict .* got NoneType",
    "mixed": "the batch mixes rows",
    "batch size": "train ignores batch_size",
    "column": r"predict must return one class for each row, shape \(5,\), got an array of shape \(5, 1\)",
    "over rows": r"predict must return one class for each row, shape \(5,\), got an array of shape \(3,\)",
    "predicts nothing": r"predict must return one class for each row, shape \(5,\), got None",
    "argmin": "predict returns the class with the lowest score",
    "hidden": r"predict returns class \d for row \d+( of the check's own data)?, but class \d has the highest score",
}


@pytest.mark.parametrize("mistake", SENTENCES)
def test_each_mistake_is_named_alone(mistake):
    """On eight nets of four shapes, the only finding is the right one."""
    for seed in range(8):
        D, H, C, N = [(4, 6, 3, 5), (5, 5, 4, 6), (7, 9, 2, 8), (3, 8, 5, 4)][seed % 4]
        report = check_net(Learner(mistake, D, H, C, seed), *make_data(N, D, C, seed=seed + 1), max_checks=2)
        assert len(report.findings) == 1, report
        pattern = SENTENCES[mistake].replace("(5,", f"({N},").replace("(5, 1", f"({N}, 1").replace("(3,", f"({C},")
        assert re.search(pattern, report.findings[0]), report
        assert report.stage == (PREDICT if "predict" in report.findings[0] else TRAIN)


def test_every_entry_is_found():
    """For each entry of the table there is a net that makes the mistake."""
    reports = [check_net(Learner(mistake), *make_data()) for mistake in SENTENCES]
    shown = {id(finding.mistake) for report in reports for finding in report.found}
    assert all(id(mistake) in shown for mistake in MISTAKES if mistake.stage in (TRAIN, PREDICT))


@pytest.mark.parametrize("mistake", [None, "replaces"])
@pytest.mark.parametrize("D, H, C, N", [(4, 6, 3, 5), (1, 1, 1, 1), (3, 2, 2, 1), (7, 1, 5, 4)])
def test_right_training_has_no_findings(mistake, D, H, C, N):
    """Parameters may be changed in place or replaced. There may be only one class or one row."""
    for seed in range(5):
        report = check_net(Learner(mistake, D, H, C, seed), *make_data(N, D, C))
        assert report.ok and report.stage == "done", report


@pytest.mark.parametrize("scale", [1e-3, 1.0, 255.0])
def test_our_own_training_has_no_findings(scale):
    """This holds for data of any scale, and for biases of zero."""
    for seed in range(10):
        net = TwoLayerNet(6, 5, 4, std=0.3, dtype=np.float32, rng=seed)
        X, y = make_data(6, 6, 4, seed=seed)
        assert check_net(net, scale * X, y).ok


def test_predict_that_raises():
    """train calls predict, so the finding is about train."""
    report = check_net(Learner("predict raises"), *make_data())
    assert "train raises ZeroDivisionError: no classes" in report.findings[0]


def test_net_and_random_stream_are_restored():
    """Parameters, other attributes and the random stream are the same as before."""
    net, (X, y) = Learner(), make_data()
    net.counter = 0
    params = {name: param.copy() for name, param in net.params.items()}
    np.random.seed(3)
    expected = np.random.rand()
    np.random.seed(3)
    check_net(net, X, y)
    assert np.random.rand() == expected
    assert net.counter == 0 and set(vars(net)) == {"params", "mistakes", "mistake", "counter"}
    assert all(np.array_equal(net.params[name], params[name]) for name in params)


def test_wrong_gradients_come_before_the_update():
    """If gradients are wrong, training is not checked."""
    net = Learner("climbs")
    net.mistakes = ("b2 averaged",)
    report = check_net(net, *make_data())
    assert len(report.findings) == 1 and report.stage == "gradients"


def test_training_uses_the_row_with_most_active_units():
    """A row without active units does not change W1, b1 and W2. It would hide mistakes."""
    net = Learner("forgets b2", H=2)
    net.params["W1"] = np.array([[1.0, 1.0], [0, 0], [0, 0], [0, 0]])
    net.params["b1"] = np.array([-1.0, -1.0])
    X = np.array([[0.0, 1, 1, 1], [3.0, 1, 0, 1], [-2.0, 0, 0, 1]])
    training = probe_training(NetUnderTest(net), X, np.array([0, 1, 2]))
    assert all(training.grads[name].any() for name in training.grads) and training.grads["W1"][0, 0] != 0


def test_equal_scores_allow_every_class():
    """If all scores are equal, no predicted class is wrong."""

    class Last(Learner):
        def predict(self, X):
            return np.full(len(X), 2)

    net = Last()
    net.params["W2"][:] = 0
    net.params["b2"][:] = 0
    assert not any("predict" in finding for finding in check_net(net, *make_data()).findings)


@pytest.mark.parametrize("classes", [[3, 0, 0, 0, 0], [0.5, 0, 0, 0, 0], [-1, 0, 0, 0, 0]])
def test_predictions_that_are_not_classes(classes):
    """The finding shows them. They are not used as indices."""

    class Outside(Learner):
        def predict(self, X):
            return np.array(classes)[: len(X)]

    report = check_net(Outside(), *make_data())
    assert f"predict returns class {classes[0]} for row 0" in report.findings[-1]


@pytest.mark.parametrize("draws", range(6))
def test_mixed_rows_are_found_for_every_random_stream(draws):
    """A check with one seed would miss them in half of the cases."""

    class Draws(Learner):
        def train(self, *arguments, **options):
            np.random.rand(draws)
            return super().train(*arguments, **options)

    (finding,) = check_net(Draws("mixed"), *make_data()).findings
    assert "mixes rows" in finding


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_each_way_to_mix_two_rows(order):
    """The step uses X of the first row with y of the second, or the reverse."""

    class Fixed(Learner):
        def train(self, X, y, *arguments, **options):
            if len(X) == 2:
                X, y = X[[order[0]]], y[[order[1]]]
            return super().train(X, y, *arguments, **options)

    (finding,) = check_net(Fixed(), *make_data()).findings
    assert "mixes rows" in finding


def test_steps_of_zero_have_no_findings():
    """If all gradients are zero, the steps with and without mistakes are equal."""
    net = Learner("climbs")
    for param in net.params.values():
        param[:] = 0
    net.params["b2"][0] = 1000.0
    training = probe_training(NetUnderTest(net), np.ones((2, 4)), np.array([0, 0]))
    assert training.names == [] and find_mistakes(TRAIN, training) == []


def test_training_leaves_no_attribute_and_draws_the_same_again():
    """New attributes are removed. The net's draws do not depend on the random stream outside."""
    drawn = []

    class Stores(Learner):
        def train(self, *arguments, **options):
            self.best_params = self.params
            drawn.append(np.random.rand())
            return super().train(*arguments, **options)

    net = Stores()
    for seed in (1, 2):
        np.random.seed(seed)
        assert check_net(net, *make_data()).ok and not hasattr(net, "best_params")
    half = len(drawn) // 2
    assert drawn[:half] == drawn[half:] and len(set(drawn)) == 8


def test_one_row_may_be_right_by_chance():
    """Predictions are also compared on the check's own data."""

    class First(Learner):
        def predict(self, X):
            return super().predict(X) if len(X) == 1 else np.zeros(len(X))

    (finding,) = check_net(First(), *make_data(N=1)).findings
    assert finding.startswith("predict returns class 0.0 for row ") and " of the check's own data, but cl" in finding
