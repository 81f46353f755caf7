"""Tests of `check_net` on update and predict, with nets that make a mistake and correct nets."""

import linecache
import re

import numpy as np
import pytest
from test_diagnosis import Student, make_data

from classifiers.neural_net import TwoLayerNet
from diagnosis import check_net
from diagnosis.net import NetUnderTest
from diagnosis.probes import fresh_reference
from diagnosis.reference import FORWARD, OTHER_CLASSES
from diagnosis.stages import PREDICT, TRAIN
from diagnosis.training import probe_predictions


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
    "column": r"predict must return one class for each row, an array of shape \(5,\), got an array of shape \(5, 1\)",
    "over rows": r"predict must return one class for each row, an array of shape \(5,\), got an array of shape \(3,\)",
    "predicts nothing": r"predict must return one class for each row, an array of shape \(5,\), got None",
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


PREDICTIONS = {  # wrong ways to predict, from public copies of the lab
    "zeros": (lambda net, X: np.zeros(len(X)), "predict returns class 0.0 for all rows"),
    "ones": (lambda net, X: np.ones(len(X), dtype=int), "predict returns class 1 for all rows"),
    "no b2": (lambda net, X: (net.layer(X) @ net.params["W2"]).argmax(axis=1), "predict: b2 is missing"),
    "no b1": (
        lambda net, X: (np.maximum(0, X @ net.params["W1"]) @ net.params["W2"] + net.params["b2"]).argmax(axis=1),
        "predict: b1 is missing",
    ),
    "no biases": (
        lambda net, X: (np.maximum(0, X @ net.params["W1"]) @ net.params["W2"]).argmax(axis=1),
        "predict: both biases are missing",
    ),
    "no ReLU": (
        lambda net, X: ((X @ net.params["W1"] + net.params["b1"]) @ net.params["W2"] + net.params["b2"]).argmax(axis=1),
        "predict: the ReLU is missing",
    ),
    "ReLU on the scores": (lambda net, X: np.maximum(0, net.loss(X)).argmax(axis=1), "predict: there is a ReLU on the"),
    "b1 added to W1": (
        lambda net, X: (
            np.maximum(0, X @ (net.params["W1"] + net.params["b1"])) @ net.params["W2"] + net.params["b2"]
        ).argmax(axis=1),
        "predict: b1 is added to W1",
    ),
    "b2 added to W2": (
        lambda net, X: (net.layer(X) @ (net.params["W2"] + net.params["b2"])).argmax(axis=1),
        "predict: b2 is added to W2",
    ),
    "lowest": (lambda net, X: net.loss(X).argmin(axis=1), "predict returns the class with the lowest score"),
    "largest modulus": (lambda net, X: np.abs(net.loss(X)).argmax(axis=1), "predict returns"),
    "softmax over rows": (
        lambda net, X: (np.exp(net.loss(X)) / np.exp(net.loss(X)).sum(axis=0)).argmax(axis=1),
        r"predict returns class \d for row \d+",
    ),
    "one too high": (lambda net, X: net.loss(X).argmax(axis=1) + 1, r"predict returns class \d for row \d+"),
    "one number": (lambda net, X: net.loss(X).argmax(), r"predict must return one class for each row"),
    "scores": (lambda net, X: net.loss(X), r"predict must return one class for each row"),
    "highest scores": (lambda net, X: net.loss(X).max(axis=1), r"predict returns class \S+ for row 0"),
}


class Predicts(Learner):
    """A net with a function that predicts."""

    def __init__(self, function, *sizes, seed=0):
        super().__init__(None, *sizes, seed=seed)
        self.function = function

    def layer(self, X):
        return np.maximum(0, X @ self.params["W1"] + self.params["b1"])

    def predict(self, X):
        return self.function(self, X)


@pytest.mark.parametrize("way", PREDICTIONS)
def test_wrong_ways_to_predict(way):
    """Each is found, with its cause, for several shapes and for data on which it may be correct by chance."""
    function, words = PREDICTIONS[way]
    for seed, (D, H, C) in enumerate([(4, 10, 3), (4, 6, 2), (7, 3, 5), (30, 12, 10), (3, 2, 4), (4, 1, 2), (2, 1, 5)]):
        net = Predicts(function, D, H, C, seed=seed)
        net.params["b2"][0] += 100 * (seed > 2)  # class 0 wins for all rows
        report = check_net(net, *make_data(5, D, C), max_checks=1)
        assert len(report.findings) == 1 and report.stage == PREDICT, report
        assert re.match(words, report.findings[0]), report


@pytest.mark.parametrize("D", [1, 2, 50])
@pytest.mark.parametrize("H", [1, 2, 20])
@pytest.mark.parametrize("C", [1, 2, 3, 10])
def test_rows_of_the_check_show_every_class_and_mistake(D, H, C):
    """Each class has the highest score for some rows, and each wrong forward pass changes the class of some."""
    _, *probes = probe_predictions(NetUnderTest(Learner(None, D, H, C)), np.ones((1, D)))
    classes = np.concatenate([probe.r.scores.argmax(axis=1) for probe in probes])
    assert set(classes) == set(range(C))
    for formula in list(FORWARD.values())[:OTHER_CLASSES] if C > 1 else ():
        assert (np.concatenate([formula(probe.r).argmax(axis=1) for probe in probes]) != classes).any()


TRAININGS = {  # changed lines of a training loop: "old" -> "new", and the words of the finding
    "decay in each iteration": (("if it % per_epoch == 0: rate *= decay", "rate *= decay"),
                                "decay once in each epoch, but it decays in each iteration. An epoch"),
    "decay twice an epoch": (("if it % per_epoch == 0: rate", "if it % max(per_epoch - 1, 1) == 0: rate"),
                             "decay once in each epoch, but it decays before iterations 2, 4, 6"),
    "decay once": (("if it % per_epoch == 0: rate", "if it == 0: rate"), "but it decays before iterations 2. An epoch"),
    "rate set again": (("rate *= decay", "rate = learning_rate * decay"), "but the second is wrong|it decays before"),
    "decay squared later": (("rate *= decay", "rate *= decay ** (1 + (it > 0))"),
                            "but the second is wrong|not by the same factor"),
    "validation on training rows": (("predict(X_val) == y_val", "predict(X) == y"),
                                    "val_acc_history .*: it is the accuracy on training rows"),
    "validation on the batch": (("predict(X_val) == y_val", "predict(X_batch) == y_batch"),
                                "val_acc_history .*: it is the accuracy on training rows"),
    "training on validation rows": (("predict(X_batch) == y_batch", "predict(X_val) == y_val"),
                                    "train_acc_history .*: it is the accuracy on the validation rows"),
    "errors": (("np.mean(self.predict(X_val) == y_val)", "np.mean(self.predict(X_val) != y_val)"),
               r"val_acc_history is not the accuracy on X_val and y_val\. It is 0\..*, and should be 0\."),
    "accuracy of the first epoch": (("val_acc.append(np.mean(self.predict(X_val) == y_val))",
                                     "val_acc.append(val_acc[0] if val_acc else 0.5)"), "val_acc_history"),
    "first rows": (("rows = np.random.choice(N, batch_size)", "rows = np.arange(min(N, batch_size))"),
                   "every iteration uses the same rows"),
    "drawn once": (("rows = np.random.choice(N, batch_size)",
                    "rows = rows if it else np.random.choice(N, batch_size)"), "every iteration uses the same rows"),
    "seed in the loop": (("rows = np", "np.random.seed(0); rows = np"), "every iteration uses the same rows"),
    "rows in order": (("np.random.choice(N, batch_size)", "np.arange(it * batch_size, (it + 1) * batch_size) % N"),
                      "the batches are not random"),
    "no replacement": (("choice(N, batch_size)", "choice(N, batch_size, replace=False)"),
                       "train raises ValueError if the batch is larger .* line .*Draw rows with replacement"),
    "rows of one batch": (("choice(N, batch_size)", "choice(min(N, batch_size), batch_size)"),
                          "train never uses the rows after 5, of 18"),
    "half of the rows": (("choice(N, batch_size)", "choice((N + 1) // 2, batch_size)"),
                         "train never uses the rows after 8, of 18"),
    "all rows": (("np.random.choice(N, batch_size)", "np.random.permutation(N)"), "train ignores batch_size"),
    "one row": (("np.random.choice(N, batch_size)", "np.random.choice(N, 1)"), "train ignores batch_size.*uses 1 rows"),
    "other labels": (("y_batch = y[rows]", "y_batch = y[:len(rows)]"), "the batch mixes rows"),
    "sorted labels": (("y_batch = y[rows]", "y_batch = np.sort(y[rows])"), "the batch mixes rows"),
    "validation rows": (("X_batch = X[rows]", "X_batch = X_val[rows % len(X_val)]"), "has rows that are not in X"),
    "scaled rows": (("X_batch = X[rows]", "X_batch = 0.5 * X[rows]"), "batch has rows that are not in X|is not W -="),
    "stops early": (("in range(num_iters)", "in range(min(num_iters, 5))"), "train makes 5 steps, each"),
    "one iteration more": (("range(num_iters)", "range(num_iters + 1)"), "train makes 2 steps with num_iters=1$"),
    "gradient of the first batch": (("loss, grads = self.loss(X_batch, y=y_batch, reg=reg)",
        "loss, grads = (loss, grads) if it else self.loss(X_batch, y=y_batch, reg=reg)"), "the second is wrong"),
    "momentum": (("steps[name] = rate * grads[name]", "steps[name] = 0.9 * steps.get(name, 0) + rate * grads[name]"),
                 "but the second is wrong"),
    "clipped": (("rate * grads[name]", "rate * np.clip(grads[name], -0.01, 0.01)"), "is not W -= learning_rate"),
    "no reg": (("reg=reg)", "reg=0.0)"), "lacks the gradient of the penalty"),
    "reg twice": (("rate * grads[name]", "rate * (grads[name] + reg * self.params[name])"), "is not W -="),
    "own rate": (("rate = learning_rate\n", "rate = 1e-3\n"), "times what it should be"),
    "mean of losses": (("losses.append(loss)", "losses.append(np.mean([*losses, loss]))"),
                       "loss_history is wrong at iteration 2"),
    "loss of each epoch": (("        losses.append(loss)", "        if it % per_epoch == 0: losses.append(loss)"),
                           "loss_history is wrong: it has 3 numbers, and should have 7, one for each iteration"),
    "no numbers": (('"loss_history": losses', '"loss_history": [None] * num_iters'),
                   "loss_history starts with nan"),
    "texts": (('"loss_history": losses', '"loss_history": [str(loss) + "!" for loss in losses]'),
              "got loss_history: not numbers, train_acc_history: 2"),
    "minibatch missing": (("X_batch = X[rows]", "X_batch = None"), "train is not finished. Next: the minibatch"),
    "labels missing": (("y_batch = y[rows]", "y_batch = None"), "train is not finished. Next: the minibatch"),
}  # fmt: skip
TRAIN_SOURCE = """
def train(self, X, y, X_val, y_val, learning_rate=1e-3, learning_rate_decay=0.95, reg=1e-5, num_iters=100,
          batch_size=200, verbose=False):
    N, decay = len(X), learning_rate_decay
    per_epoch = max(N // batch_size, 1)
    rate = learning_rate
    losses, train_acc, val_acc, steps = [], [], [], {}
    for it in range(num_iters):
        rows = np.random.choice(N, batch_size)
        X_batch = X[rows]
        y_batch = y[rows]
        loss, grads = self.loss(X_batch, y=y_batch, reg=reg)
        losses.append(loss)
        for name in grads:
            steps[name] = rate * grads[name]
            self.params[name] -= steps[name]
        if it % per_epoch == 0: train_acc.append(np.mean(self.predict(X_batch) == y_batch))
        if it % per_epoch == 0: val_acc.append(np.mean(self.predict(X_val) == y_val))
        if it % per_epoch == 0: rate *= decay
    return {"loss_history": losses, "train_acc_history": train_acc, "val_acc_history": val_acc}
"""


def net_with(*changes, D=4, H=6, C=3, seed=0):
    """Return a net whose training loop has some lines changed."""
    source = TRAIN_SOURCE
    for old, new in zip(changes[::2], changes[1::2], strict=True):
        assert old in source
        source = source.replace(old, new)
    names = {"np": np}
    exec(compile(source, "train.py", "exec"), names)
    linecache.cache["train.py"] = len(source), None, source.splitlines(True), "train.py"
    return type("Net", (Learner,), {"train": names["train"]})(None, D, H, C, seed)


@pytest.mark.parametrize("change", TRAININGS)
def test_changed_trainings(change):
    """Each is found on three nets, and is the only finding."""
    lines, words = TRAININGS[change]
    for seed, (D, H, C) in enumerate([(4, 10, 3), (5, 6, 4), (3, 8, 2)]):
        report = check_net(net_with(*lines, D=D, H=H, C=C, seed=seed), *make_data(5, D, C), max_checks=1)
        assert len(report.findings) == 1 and report.stage == TRAIN, report
        assert re.search(words, report.findings[0]), report


CORRECT = {  # other ways to train that are correct
    "as in the lab": (),
    "end of an epoch": ("if it % per_epoch == 0: rate", "if (it + 1) % per_epoch == 0: rate"),
    "accuracies at the end of an epoch": ("if it % per_epoch == 0: val", "if (it + 1) % per_epoch == 0: val",
                                          "if it % per_epoch == 0: tr", "if (it + 1) % per_epoch == 0: tr"),
    "accuracy on all rows": ("predict(X_batch) == y_batch", "predict(X) == y"),
    "shuffled": ("rows = np.random.choice(N, batch_size)",
                 "order = np.random.permutation(N) if it % per_epoch == 0 else order; "
                 "rows = order[it % per_epoch * batch_size:][:batch_size]"),
    "integers": ("np.random.choice(N, batch_size)", "np.random.randint(0, N, batch_size)"),
    "loss of the validation data": ("        losses.append(loss)", "        losses += [loss]; self.loss(X_val, y_val)"),
    "new dict": ("self.params[name] -= steps[name]",
                 "self.params = {**self.params, name: self.params[name] - steps[name]}"),
    "positional": ("self.loss(X_batch, y=y_batch, reg=reg)", "self.loss(X_batch, y_batch, reg)"),
    "arrays": ('{"loss_history": losses,', '{"loss_history": np.array(losses),'),
    "update before": ("        losses.append(loss)\n", "        losses += [loss]\n"),
}  # fmt: skip


@pytest.mark.parametrize("way", CORRECT)
def test_correct_trainings(way):
    """None of them has a finding or a note."""
    for seed, (D, H, C) in enumerate([(4, 10, 3), (5, 6, 4), (3, 1, 2), (2, 5, 1)]):
        report = check_net(net_with(*CORRECT[way], D=D, H=H, C=C, seed=seed), *make_data(5, D, C), max_checks=1)
        assert report.ok and report.notes == [], report


def test_epoch_that_is_not_a_whole_number_gives_a_note():
    """With 49,000 rows and a batch of 256, the learning rate would never decay."""
    report = check_net(net_with("N // batch_size", "N / batch_size"), *make_data())
    assert report.ok and report.notes[0].startswith("an epoch is not num_train // batch_size iterations")


def test_train_without_loss_is_checked_for_one_row():
    """A net may have another method for its gradients. Then the batches are not known. A note says so."""
    net = net_with("self.loss(X_batch, y=y_batch, reg=reg)", "self.gradients(X_batch, y_batch, reg)")
    net.gradients = Student.loss.__get__(net)
    report = check_net(net, *make_data())
    assert report.ok and report.notes == [
        "train is not checked beyond the first two steps, because it does not call self.loss(X_batch, y_batch, reg)"
    ]
    net.mistake = None
    wrong = net_with("self.loss(X_batch, y=y_batch, reg=reg)", "self.gradients(X_batch, y_batch, reg)",
                     "-= steps", "+= steps")  # fmt: skip
    wrong.gradients = Student.loss.__get__(wrong)
    (finding,) = check_net(wrong, *make_data()).findings
    assert "goes up the gradient" in finding


def test_train_does_not_depend_on_predict():
    """If predict is missing, only that is reported."""
    net = net_with()
    net.predict = lambda X: None
    (finding,) = check_net(net, *make_data()).findings
    assert finding.startswith("predict must return one class for each row") and "got None" in finding


@pytest.mark.parametrize("mistake", ["changes params", "changes X"])
def test_training_is_not_judged_if_loss_changes_its_arguments(mistake):
    """Its steps would be wrong as a consequence."""
    net = Learner()
    net.mistakes = (mistake,)
    assert all("in place" in finding for finding in check_net(net, *make_data()).findings)


@pytest.mark.parametrize("D", range(3, 16))
@pytest.mark.parametrize("H, C, N", [(10, 3, 5), (5, 9, 8), (12, 16, 20)])
def test_sizes_of_the_check_differ(D, H, C, N):
    """The number of rows, one more and one less differ from the other sizes, and from their neighbours."""
    r = fresh_reference(NetUnderTest(Learner(None, D, H, C)), N)
    assert min(abs(r.N - size) for size in (D, H, C, N)) > 2


@pytest.mark.parametrize("seed", range(60))
def test_random_correct_nets_have_no_findings(seed):
    """They have all shapes, float32 or float64 arrays, biases of zero or not, and one of several ways to train."""
    rng = np.random.default_rng(seed)
    D, H, C, N = (int(rng.integers(1, high)) for high in (12, 15, 8, 12))
    ours = TwoLayerNet(D, H, C, std=0.5, rng=seed, dtype=[np.float32, np.float64][seed % 2])
    way = list(CORRECT.values())[seed % len(CORRECT)]
    net = ours if seed % 3 == 0 else net_with(*way, D=D, H=H, C=C, seed=seed)
    if seed % 5 == 0:
        net.params["b1"] = 0 * net.params["b1"]
    X = (rng.choice([1e-3, 1.0, 30.0]) * rng.standard_normal((N, D))).astype([np.float64, np.float32][seed % 2])
    report = check_net(net, X, rng.integers(0, C, N), float(rng.choice([0, 1e-6, 0.1, 3])), max_checks=3, rng=seed)
    assert report.ok, report
