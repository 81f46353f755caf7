"""Tests of `check_net` on update and predict, with nets that make a mistake and correct nets."""

import re

import numpy as np
import pytest
from test_diagnosis import Student, make_data

from diagnosis import check_net
from diagnosis.stages import PREDICT, TRAIN


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
            for name, grad in grads.items():
                rate = learning_rate * {"climbs": -1, "twice": 2, f"{name} climbs": -1}.get(m, 1)
                if m == "forgets b2" and name == "b2":
                    continue
                if m == "no update":
                    param = self.params[name].copy()
                    param -= rate * grad
                elif m == "sign":
                    self.params[name] -= rate * np.sign(grad)
                elif m == "replaces":  # correct, too
                    self.params = {**self.params, name: self.params[name] - rate * grad}
                else:
                    self.params[name] -= rate * grad
            if m == "late loss":
                loss, _ = self.loss(X_batch, y=y_batch, reg=reg)
            histories["loss_history"].append(loss + (m == "other loss"))
            if it % per_epoch == 0:
                histories["train_acc_history"].append((self.predict(X_batch) == y_batch).mean())
                histories["val_acc_history"].append((self.predict(X_val) == y_val).mean())
                learning_rate *= learning_rate_decay ** {"no decay": 0, "decay first": 0, "decays twice": 2}.get(m, 1)
        if m == "no accuracies":
            del histories["val_acc_history"]
        if m == "short history":
            histories["loss_history"].pop()
        return None if m == "returns nothing" else histories

    def predict(self, X):
        scores, m = self.loss(X), self.mistake
        if m == "predict raises" and len(X) > 1:  # train predicts for one row only
            raise ZeroDivisionError("no classes")
        if m == "predict not written" and len(X) > 1:
            raise NotImplementedError("argmax")
        answers = {
            "column": scores.argmax(axis=1)[:, None],
            "argmin": scores.argmin(axis=1),
            "over rows": scores.argmax(axis=0),
            "predicts nothing": None,
            "hidden": np.maximum(0, X @ self.params["W1"] + self.params["b1"]).argmax(axis=1),
        }
        return answers.get(m, scores.argmax(axis=1))


SENTENCES = {
    "raises": "train raises AttributeError: .*no_such_attribute.*test_diagnosis_training.py, line",
    "not written": "train is not finished. Next: the minibatch .*, line",
    "predict raises": "predict raises ZeroDivisionError: no classes .*, line",
    "predict not written": "predict is not finished. Next: argmax .*, line",
    "no update": "train changes no parameter",
    "climbs": "the update of W1, b1, W2, b2 goes up the gradient",
    "W2 climbs": "the update of W2 goes up the gradient",
    "forgets b2": "train does not update b2$",
    "no reg": "the update of W1, W2 lacks the gradient of the penalty",
    "decay first": "the learning rate decays before the first step",
    "twice": "the update of W1, b1, W2, b2 is 2 times what it should be",
    "sign": r"the update of W1, b1, W2, b2 is not W -= learning_rate \* dW",
    "no decay": "the learning rate does not decay",
    "decays twice": "the first iteration is correct, but the second is wrong",
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
    """On four nets of different shapes, the only finding is the correct one."""
    for seed, (D, H) in enumerate([(4, 6), (5, 5), (7, 9), (3, 8)]):
        report = check_net(Learner(mistake, D, H, 3, seed), *make_data(5, D, 3, seed=seed + 1), max_checks=2)
        assert len(report.findings) == 1, report
        assert re.search(SENTENCES[mistake], report.findings[0]), report
        assert report.stage == (PREDICT if "predict" in report.findings[0] else TRAIN)


@pytest.mark.parametrize("mistake", [None, "replaces"])
@pytest.mark.parametrize("D, H, C, N", [(4, 6, 3, 5), (1, 1, 1, 1), (7, 1, 5, 4)])
def test_right_training_has_no_findings(mistake, D, H, C, N):
    """Parameters may be changed in place or replaced. There may be only one class or one row."""
    report = check_net(Learner(mistake, D, H, C), *make_data(N, D, C))
    assert report.ok and report.stage == "done", report


def test_wrong_gradients_come_before_the_update():
    """The update is judged with the gradients that the net returns."""
    net = Learner("climbs")
    net.mistakes = ("b2 averaged",)
    report = check_net(net, *make_data())
    first, second = report.findings
    assert "gradient of b2 is averaged" in first and "goes up the gradient" in second and report.stage == "gradients"


@pytest.mark.parametrize("classes", [[3, 0, 0, 0, 0], [0.5, 0, 0, 0, 0], [-1, 0, 0, 0, 0]])
def test_predictions_that_are_not_classes(classes):
    """The finding shows them. They are not used as indices."""
    net = Learner()
    net.predict = lambda X: np.resize(classes, len(X))
    report = check_net(net, *make_data())
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


def test_steps_of_zero_hide_nothing():
    """All gradients of this net are zero. The check trains with its own parameters."""
    net = Learner("climbs")
    for param in net.params.values():
        param[:] = 0
    net.params["b2"][0] = 1000.0
    (finding,) = check_net(net, np.ones((2, 4)), np.array([0, 0])).findings
    assert "goes up the gradient" in finding


def test_training_leaves_the_net_as_it_was():
    """The net and the random stream are the same as before. The net's draws do not depend on it."""
    drawn = []

    class Stores(Learner):
        def train(self, *arguments, **options):
            self.best_params, self.counter = self.params, 1
            drawn.append(np.random.rand())
            return super().train(*arguments, **options)

    net = Stores()
    net.counter, before = 0, {name: param.copy() for name, param in net.params.items()}
    for seed in (1, 2):
        np.random.seed(seed)
        assert check_net(net, *make_data()).ok
        assert vars(net).keys() == {"params", "mistakes", "mistake", "counter"} and net.counter == 0
        assert np.random.rand() == np.random.RandomState(seed).rand()
        assert all(np.array_equal(net.params[name], before[name]) for name in before)
    half = len(drawn) // 2
    assert half and drawn[:half] == drawn[half:]


def test_one_row_may_be_right_by_chance():
    """Predictions are also compared on the check's own data."""
    net = Learner()
    right = net.predict
    net.predict = lambda X: right(X) if len(X) == 1 else np.arange(len(X)) % 3
    (finding,) = check_net(net, *make_data(N=1)).findings
    assert finding.startswith("predict returns class ") and " of the check's own data, but cl" in finding
