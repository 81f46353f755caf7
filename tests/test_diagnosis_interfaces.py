"""Tests of nets with other interfaces: they are translated, and a note says so."""

import numpy as np
import pytest
from test_diagnosis import Student, make_data
from test_diagnosis_training import Learner

from diagnosis import check_net
from diagnosis.check import check_with_random_data
from diagnosis.net import NetUnderTest

SIZES = 4, 10, 3


def transposed(Base):
    """Return a class like Base with weights of shapes (H, D) and (C, H)."""

    class Transposed(Base):
        def __init__(self, *arguments):
            super().__init__(*arguments)
            self.params = self.turn(self.params)

        @staticmethod
        def turn(arrays):
            return {name: array.T.copy() for name, array in arrays.items()}

        def loss(self, *arguments, **options):
            stored, self.params = self.params, self.turn(self.params)
            try:
                answer = super().loss(*arguments, **options)
            finally:
                self.params = stored
            return (answer[0], self.turn(answer[1])) if isinstance(answer, tuple) else answer

        def predict(self, X):
            return self.loss(X).argmax(axis=1)

    return Transposed


@pytest.mark.parametrize("mistakes, words", [
    ((), None), (("no ReLU",), "ReLU is missing"), (("b2 averaged",), "gradient of b2 is averaged"),
    (("transposed",), "gradient of W1 is transposed|gradient of W1 has the wrong shape"),
])  # fmt: skip
def test_transposed_weights(mistakes, words):
    """The gradients have the shapes of the weights. The findings are the same."""
    report = check_net(transposed(Student)(*SIZES, *mistakes), *make_data())
    assert report.notes[0].startswith("the weights have shapes (H, D) and (C, H)")
    assert report.ok == (words is None) and len(report.findings) == len(mistakes), report


@pytest.mark.parametrize("mistake, words", [(None, None), ("climbs", "goes up the gradient"), ("mixed", "mixes rows")])
def test_transposed_weights_are_trained(mistake, words):
    """Training and predictions are checked, too."""
    report = check_net(transposed(Learner)(mistake, *SIZES), *make_data())
    assert (report.findings or [""])[0].count(words or "") and report.ok == (mistake is None), report


@pytest.mark.parametrize("D, H, C", [(4, 4, 4), (4, 4, 3), (3, 4, 4)])
def test_square_weights_are_not_transposed(D, H, C):
    """Shapes that fit both ways are those of the lab."""
    assert check_net(Student(D, H, C), *make_data(5, D, C)).notes == []


def test_square_weights_that_are_transposed():
    """Only the scores show it."""
    report = check_net(transposed(Student)(4, 4, 4), *make_data(C=4))
    assert report.ok and report.notes[0].startswith("the weights have shapes (H, D)")
    wrong = check_net(transposed(Student)(4, 4, 4, "raises"), *make_data(C=4))
    assert "loss raises IndexError" in wrong.findings[0]


@pytest.mark.parametrize("mistakes", [(), ("no ReLU",)])
def test_keyword_only_reg(mistakes):
    """The check passes reg by its name."""

    class Keyword(Learner):
        def loss(self, X, y=None, *, reg=0.0):
            return super().loss(X, y, reg)

    net = Keyword()
    net.mistakes = mistakes
    report = check_net(net, *make_data())
    assert len(report.findings) == len(mistakes) and all("ReLU" in finding for finding in report.findings), report


@pytest.mark.parametrize("value", [1.0, np.array(1.0), np.ones(3)])
def test_parameters_beside_the_four(value):
    """They stay as they are. Their gradients are not checked. A note says so."""

    class Scaled(Learner):
        def loss(self, X, y=None, reg=0.0):
            scale = self.params["scale"]
            if y is None:
                return super().loss(X) * scale
            loss, grads = super().loss(X, y, reg)
            return loss, {**grads, "scale": np.zeros_like(scale)}

    net = Scaled()
    net.params["scale"] = value
    report = check_net(net, *make_data())
    assert report.ok and report.notes[0].startswith("params has scale, too"), report
    assert net.params["scale"] is value
    with_random = Scaled(None, *SIZES)
    with_random.params["scale"] = value
    assert check_with_random_data(with_random).ok


def test_bias_that_is_the_number_0():
    """It counts as one number for all units."""
    net = Student(*SIZES)
    net.params["b1"], net.params["b2"] = 0, 0.0
    assert check_net(net, *make_data()).ok
    net.params["b1"] = 2.5
    assert (NetUnderTest(net).params["b1"] == np.full(10, 2.5)).all()
    net = Student(*SIZES, "forward: no b1")
    net.params["b1"] = 0
    assert "b1 is missing" in check_with_random_data(net).findings[0]


def test_fit_instead_of_train():
    """A note says that training is not checked."""
    net = Student(*SIZES)
    net.fit = print
    report = check_net(net, *make_data())
    assert report.ok and report.notes == ["the net has fit instead of train, so its training is not checked"]


class Affine:
    """A layer that holds its own arrays."""

    def __init__(self, W, b):
        self.W, self.b = W, b

    def forward(self, x):
        self.x = x
        return x @ self.W + self.b

    def backward(self, dout):
        self.dW, self.db = self.x.T @ dout, dout.sum(axis=0)
        return dout @ self.W.T


class Book:
    """A net with the interface of the book Deep Learning from Scratch, with at most one mistake."""

    def __init__(self, input_size, hidden_size, output_size, weight_init_std=0.01, sigmoid=False, probabilities=False,
                 form="both", mistake=None):  # fmt: skip
        rng = np.random.default_rng(0)
        self.params = {
            "W1": weight_init_std * rng.standard_normal((input_size, hidden_size)), "b1": np.zeros(hidden_size),
            "W2": weight_init_std * rng.standard_normal((hidden_size, output_size)), "b2": np.zeros(output_size),
        }  # fmt: skip
        self.first = Affine(self.params["W1"], self.params["b1"])
        self.second = Affine(self.params["W2"], self.params["b2"])
        self.sigmoid, self.probabilities, self.form, self.mistake = sigmoid, probabilities, form, mistake

    def scores(self, x):
        pre = self.first.forward(x)
        self.hidden = 1 / (1 + np.exp(-pre)) if self.sigmoid else np.maximum(0, pre)
        return self.second.forward(self.hidden)

    def softmax(self, x):
        e = np.exp(self.scores(x) - self.scores(x).max(axis=1, keepdims=True))
        return e / e.sum(axis=1, keepdims=True)

    def predict(self, x):
        return self.softmax(x) if self.probabilities else self.scores(x)

    def one_hot(self, x, t):
        if self.form == "both":
            return t if np.ndim(t) == 2 else np.eye(len(self.params["b2"]))[t]
        return t if self.form == "one-hot" else np.eye(len(self.params["b2"]))[np.asarray(t)]

    def loss(self, x, t):
        loss = -np.sum(self.one_hot(x, t) * np.log(self.softmax(x) + 1e-7)) / len(x)
        return 2 * loss if self.mistake == "loss" else loss

    def gradient(self, x, t):
        dout = (self.softmax(x) - self.one_hot(x, t)) / (1 if self.mistake == "mean" else len(x))
        dout = self.second.backward(dout)
        slope = self.hidden * (1 - self.hidden) if self.sigmoid else self.hidden > 0
        self.first.backward(dout if self.mistake == "slope" else dout * slope)
        return {"W1": self.first.dW, "b1": self.first.db, "W2": self.second.dW, "b2": self.second.db}

    def accuracy(self, x, t):
        return np.mean(self.predict(x).argmax(axis=1) == np.argmax(t, axis=1))


@pytest.mark.parametrize("sigmoid", [True, False])
@pytest.mark.parametrize("probabilities", [True, False])
@pytest.mark.parametrize("form", ["both", "one-hot", "indices"])
def test_net_of_the_book(sigmoid, probabilities, form):
    """Labels are one-hot or class indices. The hidden layer may be a sigmoid. The check restores its arrays."""
    net = Book(*SIZES, 0.5, sigmoid, probabilities, form)
    before = {name: param.copy() for name, param in net.params.items()}
    for report in (
        check_net(net, *make_data()),
        check_with_random_data(Book(*SIZES, 0.1, sigmoid, probabilities, form)),
    ):
        assert report.ok and report.stage == "done", report
        assert report.notes[0].startswith("this is the net of the book Deep Learning from Scratch")
        assert ("sigmoid" in report.notes[0]) == sigmoid
        assert any("inside the logarithm" in note for note in report.notes[1:])
    assert all(np.array_equal(net.params[name], before[name]) for name in before)
    assert net.first.W is net.params["W1"]


@pytest.mark.parametrize("mistake, words", [
    ("mean", "the gradient is 5 times too large: it is not divided by N"),
    ("slope", "gradient of W1 and b1 flows through inactive hidden units"), ("loss", "the loss without penalty is"),
])  # fmt: skip
def test_mistakes_in_a_net_of_the_book(mistake, words):
    """They are named as in other nets."""
    (finding,) = check_net(Book(*SIZES, 0.5, mistake=mistake), *make_data()).findings
    assert words in finding
