"""Tests of `check_net`: it names each known mistake alone, and finds none in correct nets."""

import math
import re
import sys
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from classifiers.neural_net import TwoLayerNet
from diagnosis import check_net, stages
from diagnosis.reference import NAMES


class Student:
    """A net as students write it. It makes only the mistakes that are named."""

    def __init__(self, D=4, H=6, C=3, *mistakes, seed=0):
        rng = np.random.default_rng(seed)
        shapes = {"W1": (D, H), "b1": (H,), "W2": (H, C), "b2": (C,)}
        self.params = {name: 0.7 * rng.standard_normal(shape) for name, shape in shapes.items()}
        self.mistakes = mistakes

    def has(self, mistake):
        return mistake in self.mistakes

    def log_softmax(self, scores, axis):
        if self.has("softmax: column maximum"):
            scores = scores - scores.max(axis=0)
        axis = None if self.has("softmax: whole array") else axis
        largest = scores.max() if self.has("whole maximum") else scores.max(axis=axis, keepdims=True)
        shifted = scores if self.has("unstable") else scores - largest
        return shifted - np.log(np.exp(shifted).sum(axis=axis, keepdims=True))

    def loss(self, X, y=None, reg=0.0):
        W1, b1, W2, b2 = (self.params[name] for name in ("W1", "b1", "W2", "b2"))
        if self.has("raises"):
            raise IndexError("out of bounds")
        pre = X @ W1 if self.has("forward: no b1") else X @ W1 + b1
        pre = X @ (W1 + b1) if self.has("forward: b1 on W1") else pre
        relu = pre if self.has("forward: no ReLU") else np.maximum(0, pre)
        hidden = 1 / (1 + np.exp(-pre)) if self.has("forward: sigmoid") else relu
        if self.has("float32 inside"):
            hidden, W2 = hidden.astype(np.float32), W2.astype(np.float32)
        scores = hidden @ W2 if self.has("forward: no b2") else hidden @ W2 + b2
        if self.has("forward: ReLU on top"):
            scores = np.maximum(0, scores)
        if y is None:
            shifted = scores - scores.max(axis=1, keepdims=True)
            answers = {
                "scores transposed": scores.T,
                "scores: ReLU": np.maximum(0, scores),
                "scores: minus maximum": shifted,
                "scores: probabilities": np.exp(shifted) / np.exp(shifted).sum(axis=1, keepdims=True),
            }
            return next((answer for mistake, answer in answers.items() if self.has(mistake)), scores)

        N, rows, C = len(X), np.arange(len(X)), len(b2)
        if self.has("labels in both"):
            y = y - 1
        log_p = self.log_softmax(scores, 0 if self.has("axis") else 1)
        if self.has("log of p"):
            log_p = np.log(np.exp(log_p))
        y_loss = (y + 1) % C if self.has("labels in loss") else y
        loss = -log_p[rows, y_loss].mean()
        if self.has("pairs in loss"):
            loss = -log_p[:, y].sum() / N
        if self.has("pairs in mean"):
            loss = -log_p[:, y].mean()
        if self.has("updates parameters"):
            self.params = {name: 0.99 * param for name, param in self.params.items()}
            W2 = self.params["W2"]
        dscores = np.exp(self.log_softmax(scores, 0 if self.has("axis") or self.has("axis in gradient") else 1))
        if self.has("gradient unstable"):
            dscores = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
        place = slice(None) if self.has("pairs in gradient") else rows
        dscores[place, (y + 1) % C if self.has("labels in gradient") else y] -= 1
        dscores /= N

        if self.has("float32 in the loss"):
            loss = np.float32(loss)
        loss *= N if self.has("loss not averaged") else 1 / N if self.has("loss averaged twice") else 1
        loss *= -1 if self.has("loss negative") else 1
        loss += 0.1 if self.has("loss strange") else 0
        dscores *= (
            N / (X.shape[1] + 1)
            if self.has("gradient over one more than D")
            else 1 / C
            if self.has("gradient over N C")
            else 1
        )
        dscores *= N if self.has("gradient not averaged") else 1 / N if self.has("gradient averaged twice") else 1
        dscores *= -1 if self.has("gradient negative") else 0.3 if self.has("gradient times 0.3") else 1

        half = 1.0 if self.has("no half") or self.has("no half in loss") else 0.5
        full = 2.0 if self.has("no half") or self.has("no half in gradient") else 1.0
        for name in ("W1", "W2"):
            if not (self.has("penalty not in loss") or self.has(f"penalty without {name}")):
                loss += half * reg * np.sum(self.params[name] ** 2)
        squares, of_biases = np.sum(W1**2) + np.sum(W2**2), 0.5 * reg * (np.sum(b1**2) + np.sum(b2**2))
        more = {
            "half missing for W1": 0.5 * reg * np.sum(W1**2),
            "penalty on W1 twice": 0.5 * reg * (np.sum(W1**2) - np.sum(W2**2)),
            "penalty of sums": 0.5 * reg * (np.sum(W1) + np.sum(W2) - squares),
            "penalty of moduli": 0.5 * reg * (np.abs(W1).sum() + np.abs(W2).sum() - squares),
            "penalty of products": reg * np.sum(W1) * np.sum(W2),
            "reg squared": 0.5 * (reg**2 - reg) * squares,
            "biases in loss": of_biases,
            "biases in both": of_biases,
        }
        loss += sum(term for mistake, term in more.items() if self.has(mistake))

        dhidden = dscores @ W2.T
        masks = {
            "mask by gradient": dhidden > 0,
            "mask without bias": X @ W1 > 0,
            "mask inverted": pre < 0,
            "forward: sigmoid": hidden * (1 - hidden),
            "forward: no ReLU": 1.0,
            "no ReLU": 1.0,
            "penalty as mask": relu > reg,
        }
        dhidden = dhidden * next((mask for mistake, mask in masks.items() if self.has(mistake)), pre > 0)
        grads = {
            "W1": X.T @ dhidden,
            "b1": dhidden.sum(axis=0),
            "W2": (pre if self.has("pre-activation") else hidden).T @ dscores,
            "b2": dscores.sum(axis=0),
        }
        for name in ("W1", "W2"):
            if not (self.has("penalty not in gradient") or self.has(f"penalty without {name}")):
                grads[name] = grads[name] + full * reg * self.params[name]
            if self.has("half missing for W1") and name == "W1":
                grads[name] = grads[name] + reg * W1
            if self.has("penalty gradient squared"):
                grads[name] = grads[name] + reg * (self.params[name] ** 2 - self.params[name])
            if self.has("penalty gradient constant"):
                grads[name] = grads[name] + reg * (1 - self.params[name])
        if self.has("biases in gradient") or self.has("biases in both"):
            grads["b1"], grads["b2"] = grads["b1"] + reg * b1, grads["b2"] + reg * b2
        return self.spoil(loss, grads, X, y, dscores, dhidden)

    def spoil(self, loss, grads, X, y, dscores, dhidden):
        """Add the mistakes that come after the computation."""
        noise = 1e-3 * np.random.rand() if self.has("random") or self.has("random gradient") else 0.0
        replaced = {
            "bias averaged": {"b1": dhidden.mean(axis=0), "b2": dscores.mean(axis=0)},
            "b2 averaged": {"b2": dscores.mean(axis=0)},
            "bias not summed": {"b1": dhidden},
            "bias of one row": {"b1": dhidden[0], "b2": dscores[0]},
            "b2 not summed": {"b2": dscores},
            "bias summed whole": {"b2": np.sum(dscores)},
            "bias keepdims": {"b2": dscores.sum(axis=0, keepdims=True)},
            "transposed": {"W1": grads["W1"].T.copy()},
            "strange": {"W2": grads["W2"] + 0.3 * np.sin(np.arange(grads["W2"].size)).reshape(grads["W2"].shape)},
            "random gradient": {"b2": grads["b2"] + noise},
            "further key": {"W3": grads["W1"]},
            "list": {"b1": grads["b1"].tolist()},
            "NaN": {"b2": grads["b2"] * np.where(np.arange(len(grads["b2"])), 1, np.nan)},
        }
        for mistake, others in replaced.items():
            grads |= others if self.has(mistake) else {}
        X -= self.has("changes X")
        y += self.has("changes y")
        self.params["W1"] *= 0.99 if self.has("changes params") else 1
        loss += noise * self.has("random")
        if self.has("keys"):
            grads = {"d" + name: grad for name, grad in grads.items()}
        if self.has("float32"):
            grads = {name: grad.astype(np.float32) for name, grad in grads.items()}
        return loss, grads


SENTENCES = {
    "loss not averaged": "the loss .* 5 times too large.*not divided by N",
    "loss averaged twice": "the loss .* too small by the factor 5.*divided by N twice",
    "gradient not averaged": "the gradient is 5 times too large.*not divided by N",
    "gradient times 0.3": "the gradient is 0.3 times what it should be",
    "gradient averaged twice": "the gradient is too small by the factor 5.*divided by N twice",
    "penalty not in loss": r"penalty on W1 and W2 is missing from the loss\. Add",
    "penalty not in gradient": r"penalty on W1 and W2 is missing from the gradient\. Add",
    "penalty without W1": "penalty on W1 is missing from the loss and the gradient",
    "penalty without W2": "penalty on W2 is missing from the loss and the gradient",
    "no half in loss": "loss penalises W1 and W2 without the half.*factor 2",
    "no half in gradient": r"gradient is 2 \* reg \* W, without the half \(factor 2\)",
    "biases in loss": "penalty includes b1 and b2 in the loss, with the factor 0.5",
    "biases in gradient": "penalty includes b1 and b2 in the gradient, with the factor 1",
    "penalty of sums": r"penalty on W1 and W2 is the wrong function of W in the loss\. ",
    "penalty of moduli": r"penalty on W1 and W2 is the wrong function of W in the loss\. ",
    "penalty of products": "penalty in the loss is wrong here, at reg=0.1, but correct for one parameter at a time",
    "penalty gradient squared": r"penalty on W1 and W2 is the wrong function of W in the gradient\. ",
    "penalty gradient constant": r"penalty on W1 and W2 is the wrong function of W in the gradient\. ",
    "penalty of moduli + penalty gradient constant": r"the wrong function of W in the loss and in the gradient\. ",
    "half missing for W1": "penalty on W1 lacks the half, but the penalty on the other weights has it",
    "reg squared": "penalty on W1 and W2 has the factor 0.35 in the loss and 1.0 in the gradient.* are 0.5 and 1",
    "no ReLU": "gradient of W1 and b1 .*ReLU is missing in the backward pass",
    "mask by gradient": "gradient of W1 and b1 uses the wrong ReLU mask: it comes from the sign of the gradient",
    "mask without bias": "gradient of W1 and b1 uses the wrong ReLU mask: it comes from X W1 without b1",
    "mask inverted": "gradient of W1 and b1 uses the wrong ReLU mask: it is 1 for inactive units",
    "axis": "softmax uses the wrong axis in the loss and the gradients.*axis=1",
    "unstable": "softmax overflows: .* scores of 1000.*Subtract each row's maximum",
    "whole maximum": "maximum of the whole array.*max\\(axis=1",
    "bias averaged": "gradient of b1 and b2 is averaged over the rows, so it is 5 times too small. Sum",
    "b2 averaged": "gradient of b2 is averaged over the rows, so it is 5 times too small. Sum",
    "bias not summed": "gradient of b1 is not summed over the rows",
    "b2 not summed": "gradient of b2 is not summed over the rows",
    "bias of one row": "gradient of b1 and b2 is not summed over the rows",
    "bias summed whole": r"gradient of b2 has the wrong shape, \(\) instead of \(4,\)",
    "bias keepdims": r"gradient of b2 has the wrong shape, \(1, 4\) instead of \(4,\)",
    "pre-activation": "gradient of W2 uses the pre-activation",
    "loss strange": r"the loss without penalty is (\d\.\d+) and should be (?!\1)\d\.\d+: the mistake is unknown",
    "loss negative": "the loss .* wrong sign",
    "loss not averaged + loss negative": r"the loss .* wrong sign and is not divided by N.*\(factor -5\)",
    "gradient averaged twice + gradient negative": r"the gradient has the wrong sign and is divided .*factor -1/5\)",
    "gradient negative": "the gradient has the wrong sign",
    "transposed": "gradient of W1 is transposed",
    "labels in loss": "labels are shifted by one in the loss: .* one too high",
    "labels in gradient": "labels are shifted by one in the gradients: .* one too high",
    "labels in both": "labels are shifted by one in the loss and the gradients: .* one too low",
    "changes X": "loss changes X in place",
    "changes y": "loss changes y in place",
    "changes params": "loss changes W1 in place",
    "random": "loss is not deterministic",
    "random gradient": "loss is not deterministic",
    "keys": r"gradients must be a dict with the same keys as params \(W1, b1, W2 and b2\), got .*'dW1'",
    "further key": r"gradients must be a dict with .*, got \['W1', 'W2', 'W3', 'b1', 'b2'\]",
    "float32": "gradient of W1 must be a float64 array, like W1, got float32",
    "list": "gradient of b1 must be a float64 array, like b1, got list",
    "raises": "loss raises IndexError: out of bounds",
    "forward: no ReLU": "scores: the ReLU is missing in the forward pass",
    "scores transposed": r"scores must have shape \(N, C\) = \(5, 4\), got \(4, 5\)",
    "forward: sigmoid": "scores are not max",
    "strange": r"gradient of W2 is wrong: the mistake is unknown.*error is at \(\d, \d\): it is .* and should be",
    "scores: ReLU": "scores: there is a ReLU on the scores, too",
    "scores: minus maximum": "scores: the maximum of each row is subtracted",
    "scores: probabilities": "scores: they are probabilities",
    "softmax: whole array": "divides by the sum over the whole array in the loss and the gradients",
    "softmax: column maximum": "maximum of each column in the loss and the gradients",
    "pairs in loss": "the loss takes all rows together with all labels",
    "pairs in mean": "the loss takes all rows together with all labels",
    "pairs in gradient": "the gradients takes all rows together with all labels",
    "updates parameters": "loss changes W1, b1, W2, b2 in place",
    "gradient unstable": "overflows in the gradient: it is not finite for scores of 1000, but the loss is",
    "gradient over one more than D": r"the gradient is divided by .*D \+ 1, one more than the inputs, instead of N",
    "gradient over N C": r"the gradient is divided by N \* C, the number of all scores, instead of N",
    "penalty as mask": "gradient of W1 and the gradient of b1: the ReLU mask compares the hidden layer with reg",
    "penalty on W1 twice": "the loss penalises W1 twice, and W2 not at all",
    "float32 inside": "only as precise as float32|computed in float32",
    "float32 in the loss": "the loss is only as precise as float32",
}
SCORES_ONLY = {
    "forward: no b1": "scores: b1 is missing in the forward pass",
    "forward: no b2": "scores: b2 is missing in the forward pass",
}
SCORES_AND_MORE = {  # the gradients also contradict the net's own loss
    "forward: b1 on W1": "scores: b1 is added to W1, not to X W1",
    "forward: ReLU on top": "scores: there is a ReLU on the scores, too",
}


def make_data(N=5, D=4, C=3, seed=1):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((N, D)), rng.permutation(np.arange(1, N + 1) % C)


def diagnose(*mistakes, reg=0.1):
    """Check a net with these mistakes. D = H = C = 4: a transposed gradient has the correct shape."""
    return check_net(Student(4, 4, 4, *mistakes), *make_data(C=4), reg)


class Changed(Student):
    """A net with a function that changes its loss and gradients: ``change(net, loss, grads, reg)``."""

    def __init__(self, change, *mistakes, shape=(4, 6, 3)):
        super().__init__(*shape, *mistakes)
        self.change = change

    def loss(self, X, y=None, reg=0.0):
        return super().loss(X) if y is None else self.change(self, *super().loss(X, y, reg), reg)


class Answers(Student):
    """A net with only the named answers, each times its factor. `form` builds the return value."""

    def __init__(self, factors, *mistakes, plus=None, form=lambda loss, grads: (loss, grads)):
        super().__init__(4, 6, 3, *mistakes)
        self.factors, self.plus, self.form = factors, plus or {}, form

    def change(self, name, answer):
        if name not in self.factors:
            return None
        factor = self.factors[name]
        return answer * (factor(self.N) if callable(factor) else factor) + self.plus.get(name, 0)

    def loss(self, X, y=None, reg=0.0):
        self.N = len(X)
        if y is None:
            return self.change("scores", super().loss(X))
        loss, grads = super().loss(X, y, reg)
        grads = {name: self.change(name, grads[name]) for name in grads if name in self.factors}
        return self.form(self.change("loss", loss), grads)


def scaled(name, factor=1.0, *mistakes, plus=0.0):
    """A net with one answer that is multiplied by a factor and has a number added."""
    return Answers({**dict.fromkeys(("scores", "loss", *NAMES), 1), name: factor}, *mistakes, plus={name: plus})


@pytest.mark.parametrize("mistake", SENTENCES)
def test_each_mistake_is_named_alone(mistake):
    """On eight nets of several shapes, the only finding is the correct one."""
    for seed, (D, H) in enumerate([(4, 4), (5, 5), (4, 6), (7, 9), (3, 8), (4, 4), (5, 5), (4, 6)]):
        student, data = Student(D, H, 4, *mistake.split(" + "), seed=seed), make_data(5, D, 4, seed=seed + 1)
        report = check_net(student, *data, max_checks=2, rng=seed)
        assert len(report.findings) == 1 and not report.ok, report
        assert re.search(SENTENCES[mistake], report.findings[0], re.DOTALL), (seed, report)


@pytest.mark.parametrize("mistake", SCORES_ONLY)
def test_bias_that_the_scores_lack(mistake):
    """Its numeric gradient is 0. This is not a second mistake."""
    (finding,) = check_net(Student(4, 6, 3, mistake), *make_data()).findings
    assert re.search(SCORES_ONLY[mistake], finding)


@pytest.mark.parametrize("mistake", SCORES_AND_MORE)
def test_wrong_scores_come_first(mistake):
    """The gradients come second: they belong to other scores."""
    first, *others = diagnose(mistake).findings
    assert re.search(SCORES_AND_MORE[mistake], first) and others
    assert all(re.search("gradient of .. is wrong: .* but the numeric derivative is ", other) for other in others)


def test_gradient_that_is_not_a_number():
    """The finding shows the NaN. No known mistake explains it, and the penalty of b2 has no finding."""
    (finding,) = diagnose("NaN").findings
    assert re.search(r"gradient of b2 is wrong: the mistake is unknown.*at \(0,\): it is nan and should be", finding)


def test_gradient_that_is_wrong_for_biases_of_zero_only():
    """The biases of a new net are zero. They hide other mistakes but show this one."""
    double = {True: 1, False: 2}
    net = Changed(lambda net, loss, grads, reg: (loss, {**grads, "W1": grads["W1"] * double[net.params["b1"].any()]}))
    net.params["b1"][:] = 0
    report = check_net(net, *make_data())
    assert report.findings == ["the gradient of W1 is 2 times what it should be"]
    assert report.rows[0].error > 0.3


def test_finding_says_whose_data_show_it():
    """Biases of zero hide the mistake, so these numbers differ from those in the table."""
    net = Changed(lambda net, loss, grads, reg: (loss, {**grads, "W2": grads["W2"] + net.params["b2"]}))
    net.params["b2"][:] = 0
    (finding,) = check_net(net, *make_data()).findings
    numbers = re.search(r"it is (\S*) and should be (\S*) \(with parameters and data of the check\)$", finding)
    got, right = numbers.groups()
    assert abs(float(got) - float(right)) > 0.01


@pytest.mark.parametrize("mistake", ["forward: no b1", "forward: no b2", "mask without bias"])
def test_biases_of_zero_hide_nothing(mistake):
    """A new net has biases of zero."""
    net = Student(4, 6, 3, mistake)
    net.params["b1"][:], net.params["b2"][:] = 0, 0
    report = check_net(net, *make_data())
    assert not report.ok and re.search("b1 is missing|b2 is missing|without b1", str(report))


@pytest.mark.parametrize("off, found", [(1.0005, True), (1 + 1e-7, False)])
def test_numeric_check_counts_by_itself(off, found):
    """The slope of this loss does not fit its values. Only the numeric derivatives show it."""
    net, right = Student(), Student()
    start = {name: param.copy() for name, param in net.params.items()}

    def loss(X, y=None, reg=0.0):
        right.params = {name: param.copy() for name, param in net.params.items()}
        changed = [name for name in start if not np.array_equal(start[name], net.params[name])]
        if changed == ["W1"] and np.abs(net.params["W1"] - start["W1"]).max() < 1e-4:  # a step of the numeric check
            right.params["W1"] = start["W1"] + off * (net.params["W1"] - start["W1"])
        return right.loss(X, y, reg)

    net.loss = loss
    report = check_net(net, *make_data())
    assert [finding[:28] for finding in report.findings] == ["the gradient of W1 is wrong:"] * found


@pytest.mark.parametrize(
    "form", [lambda loss, grads: (loss, grads), lambda loss, grads: (loss, grads or None), lambda *both: [*both]]
)
@pytest.mark.parametrize(
    "factors, stage, finding",
    [
        ({}, "scores", r"loss\(X\) returns None. Next: the scores"),
        ({"scores": 1}, "loss", "the scores are correct. Next: the loss, the mean of -log p"),
        ({"scores": 2}, "scores", "scores are not max"),
        ({"scores": 1, "loss": 1}, "gradients",
         "the scores and the loss are correct. Next: the gradient of W1, b1, W2, b2"),
        ({"scores": 1, "loss": lambda N: N}, "loss", "the loss without penalty is 5 times too large"),
        ({"scores": 1, "loss": 1, "b2": 1, "W2": 1}, "gradients",
         "the scores, the loss and the gradient of W2, b2 are correct. Next: the gradient of W1, b1$"),
        ({"scores": 1, "loss": 1, "b2": -1}, "gradients", "the gradient of b2 has the wrong sign"),
        ({"scores": 1, "loss": 1, "W1": 1.0005}, "gradients", "the gradient of W1 is 1.0005 times"),
        ({"scores": 1, "W2": 1}, "loss", "the scores are correct. Next: the loss"),
    ],
)  # fmt: skip
def test_stages_of_an_unfinished_net(factors, stage, finding, form):
    """The check covers the existing answers, and the sentence says what comes next."""
    report = check_net(Answers(factors, form=form), *make_data())
    assert not report.ok and report.stage == stage, report
    assert re.search(finding, report.findings[0]), report
    assert [row.name for row in report.rows] == [name for name in NAMES if name in factors and "loss" in factors]


@pytest.mark.parametrize("mistakes, words", [
    ((), "the scores and the loss are correct"),
    (("penalty of moduli",), "wrong function of W in the loss."),
    (("penalty not in loss",), "the penalty on W1 and W2 is missing from the loss"),
    (("biases in loss",), "penalises the biases like the weights"),
    (("reg squared",), "has the factor 0.35 in the loss. The correct factor is 0.5"),
])  # fmt: skip
@pytest.mark.parametrize("form", [lambda loss: loss, lambda loss: (loss, {})])
def test_loss_without_gradients(mistakes, words, form):
    """The loss may be returned alone. Its penalty is checked, and nothing is said about gradients."""
    report = check_net(Changed(lambda net, loss, grads, reg: form(loss), *mistakes), *make_data())
    assert words in str(report) and "gradient. " not in str(report), report


def test_loss_that_is_not_written():
    """If it is half-written, the report still says whether the scores are correct. It quotes the line."""

    def not_written(*arguments):
        raise NotImplementedError("write me")

    right, wrong = (
        check_net(Changed(not_written, *more, shape=(4, 4, 4)), *make_data(C=4)) for more in ((), ("forward: no b1",))
    )
    (finding,) = right.findings
    assert right.stage == "loss" and finding.startswith("the scores are correct. loss is not finished. Next: ")
    assert re.search(r"Next: write me \(test_diagnosis.py, line \d+: raise .*\)$", finding)
    assert wrong.stage == "scores" and len(wrong.findings) == 2 and "b1 is missing" in wrong.findings[0]
    assert wrong.findings[1].startswith("loss is not finished. Next: write me")


def test_nothing_is_written():
    """The next step is the line of the NotImplementedError, because it has no text."""

    def not_written(*arguments):
        raise NotImplementedError

    net = Student()
    net.loss = not_written
    report = check_net(net, *make_data())
    assert len(report.findings) == 1 and report.stage == "scores"
    assert re.search(r"Next: this line \(test_diagnosis.py, line \d+: raise NotImplementedError\)$", report.findings[0])


@pytest.mark.parametrize("name, place", [("W1", (1, 2)), ("b2", (0,))])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_parameters_that_are_not_finite(name, place, value):
    """The only finding names the parameter."""
    net = Student()
    net.params[name][place] = value
    report = check_net(net, *make_data())
    assert len(report.findings) == 1 and report.findings[0].startswith(f"{name} is {value} at {place}, but param")


def test_overflow_is_not_called_random():
    """Large weights and an unstable softmax give NaN at each call."""
    net = Student(4, 4, 4, "unstable")
    net.params["W2"] *= 1e4
    first, second = check_net(net, *make_data(C=4)).findings
    assert re.match("the loss is (inf|nan) with", first) and second.startswith("softmax overflows")


def test_scores_that_are_not_finite():
    """The finding names the scores, not the loss that depends on them."""
    net = Student()
    right = net.loss
    net.loss = lambda X, y=None, reg=0.0: right(X) / 0.0 if y is None else (np.nan, right(X, y, reg)[1])
    (finding,) = check_net(net, *make_data()).findings
    assert finding.startswith("a score is ") and " at (0, 0) with your parameters and data" in finding


@pytest.mark.parametrize(
    "X, y, message",
    [
        (np.ones((2, 4)), np.array([0, 3]), "y must .* 0..2, got 3 at row 1"),
        (np.ones((2, 5)), np.array([0, 1]), "X must .* 4"),
    ],
)
def test_wrong_data_are_not_a_mistake_of_the_net(X, y, message):
    """The error names the argument. Labels may be whole floats."""
    with pytest.raises((TypeError, ValueError), match=message):
        check_net(Student(), X, y)
    assert check_net(Student(), np.ones((2, 4)), np.array([0.0, 1.0])).ok


def test_float32_anywhere_in_the_loss():
    """If its rounding is too small to show in the answers, small steps of the parameters show it."""
    found = set()
    for seed in range(10):
        net = Student(5, 9, 4, "float32 inside", seed=seed)
        report = check_net(net, *make_data(8, 5, 4, seed=seed + 1))
        assert len(report.findings) == 1 and "float32" in report.findings[0] and report.rows == [], report
        found.add(report.found[0].mistake.stage)
    assert found == {stages.PRECISION, stages.LOSS_PRECISION}


def test_output_and_warnings_of_the_net_are_not_shown(capsys):
    """The check calls the net with extreme numbers. A note counts the lines of all calls."""
    net = Student()
    right = net.loss

    def loss(X, y=None, reg=0.0):
        print("shapes\n", X.shape)
        print("stderr", file=sys.stderr)
        warnings.warn("loud", UserWarning, stacklevel=1)
        np.log(np.zeros(1))
        return right(X, y, reg)

    net.loss = loss
    report = check_net(net, *make_data(), max_checks=1)
    assert report.ok and capsys.readouterr() == ("", "")
    (note,) = report.notes
    lines = int(re.fullmatch(r"loss prints output: (\d+) lines are not shown here", note).group(1))
    assert lines % 3 == 0 and lines > 30


@pytest.mark.parametrize(
    "mistake, of, rest",
    [("no ReLU", "W1 and b1", "W2 and b2"), ("mask by gradient", "W1 and b1", "W2 and b2"),
     ("mask without bias", "W1 and b1", "W2 and b2"), ("mask inverted", "W1 and b1", "W2 and b2"),
     ("pre-activation", "W2", "W1 and b1 and b2")],
)  # fmt: skip
def test_factor_does_not_hide_another_mistake(mistake, of, rest):
    """One gradient has a mistake and a wrong factor, the others have only the factor."""
    findings = diagnose(mistake, "gradient times 0.3").findings
    factor = f"the gradient of {rest} is 0.3 times what it should be"
    assert len(findings) == 2 and factor in findings, findings
    finding = next(finding for finding in findings if finding != factor)
    assert re.search(SENTENCES[mistake], finding) and f"gradient of {of} " in finding


def test_combined_mistakes_may_be_unknown():
    """If no known mistake fits, the finding shows both values at the largest error."""
    mistakes = "labels in gradient", "no ReLU", "transposed"
    (finding,) = diagnose(*mistakes).findings
    assert finding.startswith("the gradient of W1 and b1 and W2 and b2 is wrong: the mistake is unknown")
    row, column, got = re.search(r"error is at \((\d), (\d)\) of W1: it is (\S+) and should be", finding).groups()
    grads = Student(4, 4, 4, *mistakes).loss(*make_data(C=4))[1]
    assert float(got) == pytest.approx(grads["W1"][int(row), int(column)], rel=1e-8)


def test_order_of_findings():
    """The order is: form, loss, gradients in the order of the parameters, penalty, overflow."""
    report = diagnose(
        "unstable", "biases in loss", "b2 averaged", "no ReLU", "loss negative", "changes X", "changes params"
    )
    words = ["loss changes W1, X in place", "the loss", "W1 and b1", "b2 is averaged", "penalty", "softmax overflows"]
    for finding, part in zip(report.findings, words, strict=True):
        assert part in finding


@pytest.mark.parametrize("mistake", ["raises", "keys", "float32", "random"])
def test_no_numbers_for_answers_that_cannot_be_compared(mistake):
    """The report has no rows of the numeric check."""
    assert diagnose(mistake).rows == []


@pytest.mark.parametrize("name", ["scores", "loss", "W1", "b1", "W2", "b2"])
@pytest.mark.parametrize("factor", [1.0005, 1.00001])
def test_small_factors_are_found(name, factor):
    """An answer is wrong by 0.05% or 0.001%. Without a penalty, only the answer itself shows it."""
    report = check_net(scaled(name, factor), *make_data(), reg=0.0)
    assert not report.ok and (name == "loss" or name in report.findings[0]), report
    if name not in ("scores", "loss"):
        assert f"is {factor:.6g} times what it should be" in report.findings[0]


@pytest.mark.parametrize("name", ["loss", "W2"])
@pytest.mark.parametrize(
    "factor, words",
    [(lambda N: N, "not divided by N"), (lambda N: 1 / N, "divided by N twice"), (lambda N: -1, "wrong sign")],
)
def test_factors_close_to_a_known_factor_are_not_known(name, factor, words):
    """A factor of N means that the mean is missing. 1.00001 N, or 5 for any number of rows, does not."""
    X, y = make_data()
    assert words in str(check_net(scaled(name, factor), X, y, reg=0.0))
    for other in (lambda N: 1.00001 * factor(N), lambda N: 1.00001 * factor(5)):
        report = check_net(scaled(name, other), X, y, reg=0.0)
        assert not report.ok and words not in str(report)
    constant = check_net(scaled(name, lambda N: factor(5)), X, y, reg=0.0)
    assert not constant.ok and (words in str(constant)) == (factor(5) == factor(7))


@pytest.mark.parametrize("off, found", [(1e-5, True), (1e-9, False)])
def test_gradients_of_wrong_scores_must_be_those_of_the_nets_own_loss(off, found):
    """The correct gradient is unknown then, but the numeric gradient is known. NaN differs from it."""
    report = check_net(scaled("b2", 1 + off, "forward: sigmoid"), *make_data())
    assert ["gradient of b2 is wrong" in finding for finding in report.findings] == [False] + [True] * found
    lenient = check_net(scaled("b2", 1 + off, "forward: sigmoid"), *make_data(), tolerance=1e-4)
    assert len(lenient.findings) == 1
    assert "it is nan" in diagnose("forward: sigmoid", "NaN").findings[-1]


@pytest.mark.parametrize("plus, ok", [(5e-10, True), (3e-9, False)])
@pytest.mark.parametrize("name", ["scores", "loss"])
def test_rounding_of_small_scores_and_losses_is_not_a_mistake(name, plus, ok):
    """A difference of 1e-9 passes even if the correct value is almost 0."""
    net = scaled(name, plus=plus)
    net.params = {param: 1e-6 * value for param, value in net.params.items()}
    if name == "loss":
        net.params["b2"][0] = 40.0  # p of class 0 is 1 - 1e-17
    assert check_net(net, make_data()[0], np.zeros(5, dtype=int)).ok == ok


def with_product(in_loss, in_gradient, *mistakes, other="W2"):
    """A net whose penalty has an additional term. It is zero if W1 or the other parameter is zero."""

    def change(net, loss, grads, reg):
        product = reg * np.abs(net.params["W1"]).sum() * np.abs(net.params[other]).sum()
        return loss + in_loss * product, {**grads, "W1": grads["W1"] + in_gradient * product}

    return Changed(change, *mistakes)


@pytest.mark.parametrize(
    "net, reg, words",
    [
        (with_product(1e-7, 0), 0.1, "loss is wrong here, at reg=0.1, .* be 0.5 .* reg .* and reg . W in the gradient"),
        (with_product(0, 1e-7), 0.1, "in the gradient of W1 is wrong here, at reg=0.1"),
        (with_product(1, 1), 0.0, "in the loss, the gradient of W1 is wrong here, at reg=0.7"),
        (with_product(1, 0, "no half"), 0.1, r"be reg \* \(sum\(W1\*\*2\) .* and 2 \* reg \* W in the gradient"),
        (with_product(0.01, 0, "biases in both", other="b2"), 0.1,
         r"reg \* \(sum\(W1\*\*2\) \+ sum\(W2\*\*2\) \+ sum\(b1\*\*2\) \+ sum\(b2\*\*2\)\)"),
    ],
)  # fmt: skip
def test_penalty_that_is_wrong_only_for_all_parameters_at_once(net, reg, words):
    """Small differences are found, too. The formulas in the finding follow the net's convention."""
    report = check_net(net, *make_data(), reg)
    assert len(report.findings) == 1 and re.search(words, report.findings[0]), report


@pytest.mark.parametrize(
    "change, words",
    [
        (lambda W: 1e-4 * W**2, "penalty on W2 is the wrong function of W in the gradient. "),
        (lambda W: np.abs(W) - W, "penalty on W2 is the wrong function of W in the gradient. "),
        (lambda W: 1e-5 * W, "has the factor 0.5 in the loss and 1.00001 in the gradient"),
    ],
)
def test_penalty_that_is_nearly_right(change, words):
    """A small term of another form, a penalty that is correct for positive weights, a factor near 1."""
    net = Changed(lambda net, loss, grads, reg: (loss, {**grads, "W2": grads["W2"] + reg * change(net.params["W2"])}))
    report = check_net(net, *make_data())
    assert len(report.findings) == 1 and words in str(report), report


def test_penalty_smaller_than_rounding_is_not_a_mistake():
    """At reg=1e-13 the penalty is smaller than the rounding errors of the loss."""
    assert check_net(Student(), *make_data(), reg=1e-13).ok


def test_net_that_returns_the_same_arrays_at_each_call():
    """A net may reuse its gradient arrays. That is not a mistake."""
    kept = {}

    def reuse(net, loss, grads, reg):
        for name, grad in grads.items():
            kept.setdefault(name, np.empty_like(grad))[...] = grad
        return loss, kept

    report = check_net(Changed(reuse), *make_data(), reg=0.1)
    assert report.ok, report


def test_loss_that_works_for_one_number_of_rows_only():
    """An exception for another number of rows is a finding, not a traceback."""
    net = Student()
    right = net.loss
    net.loss = lambda X, y=None, reg=0.0: right(X + np.zeros((5, 4)), y, reg)
    assert "the number of rows or reg differ from yours" in str(check_net(net, *make_data()))


@pytest.mark.parametrize("half", [True, False])
@pytest.mark.parametrize("biases", [True, False])
def test_other_penalties_are_conventions(half, biases):
    """A missing half, and a penalty on the biases, each give a note if loss and gradient agree."""

    def penalise(net, loss, grads, reg):
        for name in ("b1", "b2") if biases else ():
            loss += (0.5 if half else 1) * reg * np.sum(net.params[name] ** 2)
            grads[name] = grads[name] + (1 if half else 2) * reg * net.params[name]
        return loss, grads

    report = check_net(Changed(penalise, *([] if half else ["no half"])), *make_data())
    assert report.ok and len(report.notes) == biases + (not half), report
    assert ("penalises the biases like the weights" in str(report)) == biases
    assert ("without the half" in str(report)) == (not half)


@pytest.mark.parametrize("shape", [(1, 6), (6, 1)])
def test_bias_with_two_dimensions(shape):
    """The only finding says how to create the bias. Nothing else is checked."""
    net = Student()
    net.params["b1"] = net.params["b1"].reshape(shape)
    report = check_net(net, *make_data())
    assert report.findings == [
        f"b1 has shape {shape}, but a bias has one number for each unit: shape (6,). Create it with np.zeros(6)"
    ]
    assert report.rows == []


def test_our_own_net_passes(toy_net, toy_data):
    """All coordinates of the toy net are checked, with errors below 1e-7. Its parameters stay."""
    before = {name: (param, param.copy()) for name, param in toy_net.params.items()}
    report = check_net(toy_net, *toy_data, reg=0.05)
    assert report.ok and len(report.notes) == 1
    assert report.notes[0].startswith("not checked: the arguments momentum, dropout, ")
    assert [row.checked for row in report.rows] == [40, 10, 30, 3]
    assert max(row.error for row in report.rows) < 1e-7
    for name, (array, values) in before.items():
        assert toy_net.params[name] is array
        np.testing.assert_array_equal(array, values)


def test_finding_quotes_the_line_that_raises():
    """It is a line of the student's code, not of NumPy or of the check. The net keeps its parameters."""

    class Raises(Student):
        def loss(self, X, y=None, reg=0.0):
            return super().loss(X) if y is None else np.linalg.inv(X)  # the line that raises

    net = Raises()
    before, line = net.params, Raises.loss.__code__.co_firstlineno + 1
    (finding,) = check_net(net, *make_data()).findings
    text = "return super().loss(X) if y is None else np.linalg.inv(X)  # the line that raises"
    assert finding.startswith("loss raises LinAlgError: ")
    assert finding.endswith(f" (test_diagnosis.py, line {line}: {text})")
    assert net.params is before


def test_float32_parameters_are_checked_as_float64():
    """The check calls the net with float64 copies. The net's own parameters do not change."""
    net = TwoLayerNet(4, 6, 3, std=0.5, dtype=np.float32, rng=0)
    assert check_net(net, *make_data()).ok
    assert {param.dtype for param in net.params.values()} == {np.dtype(np.float32)}


def test_numpy_that_raises_on_overflow():
    """An infinite loss is a finding, not an exception, even if np.seterr is set to raise."""
    X, y = make_data()
    with np.errstate(all="raise"):
        report = diagnose("unstable")
        assert check_net(Student(), 1e3 * X, y).ok
    assert len(report.findings) == 1 and "softmax overflows" in report.findings[0] and report.stage == "loss"


@settings(max_examples=200, deadline=None, derandomize=True)
@given(
    N=st.integers(1, 6), D=st.integers(1, 5), H=st.integers(1, 6), C=st.integers(1, 5),
    reg=st.sampled_from([0.0, 1e-6, 0.1, 3.0]), scale=st.sampled_from([1e-3, 1.0, 30.0, 1e3]),
    ours=st.booleans(), half=st.booleans(), seed=st.integers(0, 10**6),
)  # fmt: skip
def test_correct_nets_have_no_findings(N, D, H, C, reg, scale, ours, half, seed):
    """This holds for all shapes, penalties, data and conventions."""
    rng = np.random.default_rng(seed)
    theirs = Student(D, H, C, *([] if half else ["no half"]), seed=seed)
    net = TwoLayerNet(D, H, C, std=0.5, rng=rng) if ours else theirs
    X, y = scale * rng.standard_normal((N, D)), rng.integers(0, C, N)
    report = check_net(net, X, y, reg, max_checks=3, rng=rng)
    assert report.ok, report
    assert any("without the half" in note for note in report.notes) == (not ours and not half)


class InPlace(Student):
    """A correct net in another style: ReLU and softmax overwrite their inputs, gradients are added up."""

    def loss(self, X, y=None, reg=0.0):
        W1, b1, W2, b2 = (self.params[name] for name in ("W1", "b1", "W2", "b2"))
        h = X @ W1
        h += b1
        h[h < 0] = 0
        s = h @ W2
        s += b2
        if y is None:
            return s
        s -= s.max(axis=1, keepdims=True)
        right = s[np.arange(len(y)), y].copy()
        np.exp(s, out=s)
        z = s.sum(axis=1)
        loss = np.log(z).sum() - right.sum()
        s /= z[:, np.newaxis]
        s[np.arange(len(y)), y] -= 1
        grads = {"W2": h.T @ s / len(y), "b2": s.mean(axis=0)}
        dh = s @ W2.T / len(y)
        dh[h == 0] = 0
        grads["W1"], grads["b1"] = X.T @ dh, np.sum(dh, axis=0)
        for name in ("W1", "W2"):
            grads[name] += reg * self.params[name]
        return loss / len(y) + 0.5 * reg * (np.sum(W1**2) + np.sum(W2**2)), grads


@pytest.mark.parametrize("D, H, C, N", [(4, 6, 3, 5), (3, 1, 2, 1), (5, 4, 5, 5)])
def test_other_styles_are_correct(D, H, C, N):
    """This also holds for one hidden unit, or one row."""
    report = check_net(InPlace(D, H, C), *make_data(N, D, C), max_checks=4, rng=0)
    assert report.ok and report.notes == [], report


def test_kinks_are_skipped_and_counted():
    """A pre-activation of 9.6e-6 is smaller than h. The two gradients may differ there."""
    net = TwoLayerNet(2, 3, 2, std=0.5, rng=0)
    X = np.ones((1, 2))
    net.params["b1"][1] = 9.6e-6 - net.params["W1"][:, 1].sum()
    report = check_net(net, X, np.array([0]))
    assert report.ok and [row.skipped for row in report.rows] == [2, 1, 0, 0]
    assert max(row.error for row in report.rows) < 1e-7
    assert [row.skipped for row in check_net(net, X, np.array([0]), h=9e-6).rows] == [0, 0, 0, 0]


def test_data_at_kinks_give_a_note():
    """If all pre-activations are zero, a note proposes other data."""
    report = check_net(TwoLayerNet(2, 3, 2, std=0.0), np.ones((2, 2)), np.array([0, 1]))
    assert report.ok and "more than half of the coordinates of W1 lie at a kink" in report.notes[0]
    assert "np.random.randn" in report.notes[0]


def with_loss(function, *mistakes):
    """A net whose loss without penalty is ``function(p)`` of the probabilities of the correct classes."""

    def change(net, loss, grads, reg):
        return loss + function(net.p) + np.mean(np.log(net.p)), grads

    class Net(Changed):
        def loss(self, X, y=None, reg=0.0):
            if y is not None:
                scores = Student.loss(self, X)
                self.p = np.exp(self.log_softmax(scores, 1))[np.arange(len(y)), y]
                lost = self.p == 0
                if lost.any():
                    return function(self.p), {name: np.zeros_like(param) for name, param in self.params.items()}
            return super().loss(X, y, reg)

    return Net(change, *mistakes)


@pytest.mark.parametrize("epsilon", [1e-6, 1e-7, 1e-8, 1e-10, 1e-12, 1e-16, 1e-20, 2.0**-52, 1e-30])
@pytest.mark.parametrize("cut", [False, True])
def test_small_number_inside_the_logarithm(epsilon, cut):
    """It is a note that says what it is. Nothing else is found."""
    function = (lambda p: -np.mean(np.log(np.maximum(p, epsilon)))) if cut else lambda p: -np.mean(np.log(p + epsilon))
    report = check_net(with_loss(function), *make_data())
    assert report.ok and len(report.notes) == 1 and "inside the logarithm" in report.notes[0], report
    assert [row.checked for row in report.rows] == [24, 6, 18, 3]


@pytest.mark.parametrize("epsilon", [1e-2, 1e-3])
def test_number_inside_the_logarithm_that_is_not_small(epsilon):
    """Then the gradient is not that of the loss."""
    report = check_net(with_loss(lambda p: -np.mean(np.log(p + epsilon))), *make_data())
    assert len(report.findings) == 1 and f"the loss adds {epsilon:g} to the probability" in report.findings[0], report


def test_logarithm_of_a_probability():
    """Only a probability below 1e-300 makes the loss infinite. That is a note."""
    report = diagnose("log of p")
    assert report.ok and report.stage == "done"
    assert re.search("logarithm of 0 if .* 1000 lower .* log p = shifted - log", report.notes[0])


def test_findings_beside_an_overflow():
    """After an overflow, what is missing, and the update, are judged, too."""
    unfinished = Answers({"scores": 1, "loss": 1, "W2": 1, "b2": 1}, "unstable")
    first, second = check_net(unfinished, *make_data()).findings
    assert first.startswith("softmax overflows") and second == "Next: the gradient of W1, b1"


@pytest.mark.parametrize("function", [
    lambda X: np.array([[math.exp(x) for x in row] for row in X]), lambda X: 1 / (X * 0) if X.max() > 700 else 0,
])  # fmt: skip
def test_exceptions_for_large_scores_are_an_overflow(function):
    """math.exp raises an OverflowError where np.exp returns infinity."""

    def change(net, loss, grads, reg):
        function(net.scores)
        return loss, grads

    class Net(Changed):
        def loss(self, X, y=None, reg=0.0):
            self.scores = Student.loss(self, X)
            with np.errstate(all="raise"):
                return super().loss(X, y, reg)

    (finding,) = check_net(Net(change), *make_data()).findings
    assert finding.startswith("softmax overflows: the loss is not finite for scores of 1000")


@pytest.mark.parametrize("form, words", [
    (lambda loss, grads: (loss, grads, 1, 2), "one number, and a dict of gradients, got tuple of 4 values"),
    (lambda loss, grads: np.full(5, loss), r"one number, and a dict of gradients, got an array of shape \(5,\)"),
    (lambda loss, grads: (np.full(5, loss), grads), r"one number, .* got an array of shape \(5,\)"),
    (lambda loss, grads: ([loss, loss], grads), "one number, .* got list of 2 values"),
    (lambda loss, grads: grads, "one number, and a dict of gradients, got dict"),
    (lambda loss, grads: (loss, {name: np.asmatrix(grad) for name, grad in grads.items()}),
     "gradient of W1 must be a float64 array, like W1, got a matrix"),
    (lambda loss, grads: (np.array([[loss]]), grads), None),
    (lambda loss, grads: (np.float64(loss), grads), None),
])  # fmt: skip
def test_kinds_of_answers(form, words):
    """The finding says what loss must return, and what it returns."""
    report = check_net(Changed(lambda net, loss, grads, reg: form(loss, grads)), *make_data())
    assert len(report.findings) == (words is not None) and re.search(words or "", str(report)), report


@pytest.mark.parametrize("answer", [lambda scores: (scores, None), np.asmatrix, lambda scores: {"scores": scores}])
def test_kinds_of_scores(answer):
    """Without labels, loss returns an array."""
    net = Student()
    right = net.loss
    net.loss = lambda X, y=None, reg=0.0: answer(right(X)) if y is None else right(X, y, reg)
    (finding,) = check_net(net, *make_data()).findings
    assert finding.startswith("loss(X) must return the scores, an array (N, C), got a ")


def test_labels_without_the_last_class():
    """A net that counts the classes of y fails for other labels. The finding says for which."""
    net = Student()
    right = net.loss

    def loss(X, y=None, reg=0.0):
        if y is not None:
            right(X) * np.eye(y.max() + 1)[y]
        return right(X, y, reg)

    net.loss = loss
    (finding,) = check_net(net, *make_data()).findings
    assert finding.startswith("loss raises ValueError if no row has the label of the last class: operands")


@pytest.mark.parametrize("X, y", [(np.zeros((3, 4)), [0, 0, 0]), (np.ones((1, 4)), [2]), (-np.ones((6, 4)), [1] * 6)])
@pytest.mark.parametrize(
    "mistake", ["gradient not averaged", "no ReLU", "labels in both", "bias averaged", "pre-activation"]
)
def test_any_data_show_the_mistakes(X, y, mistake):
    """The check has data of its own, in case those of the user hide a mistake."""
    words = {"gradient not averaged": "not divided by N", "bias averaged": "averaged over the rows"}
    (finding,) = check_net(Student(4, 10, 3, mistake), X, np.array(y)).findings
    assert re.search(words.get(mistake, SENTENCES[mistake]), finding), finding


def test_loss_that_is_right_for_wrong_scores_is_judged():
    """Only the answer without labels is wrong. The gradients are compared with the correct ones."""
    first, second = diagnose("scores: minus maximum", "no ReLU").findings
    assert "the maximum of each row is subtracted" in first and "ReLU is missing in the backward pass" in second


@pytest.mark.parametrize("missing, verb", [(["W1", "b1", "W2", "b2"], "are"), (["b2"], "is"), (["W2", "b2"], "are")])
def test_constructor_that_is_not_finished(missing, verb):
    """The finding says what to create."""
    net = Student()
    for name in missing:
        del net.params[name]
    report = check_net(net, *make_data())
    assert report.findings == [
        f"{', '.join(missing)} {verb} missing in params. Next: in __init__, create W1 (D, H), b1 (H,), W2 (H, C) and "
        "b2 (C,)"
    ]
    assert report.rows == []
    net.params = None
    assert "W1, b1, W2, b2 are missing in params" in str(check_net(net, *make_data()))
    assert "W1, b1, W2, b2 are missing in params" in str(check_net(object(), *make_data()))


def test_parameters_of_another_net():
    """An error says so."""
    net = Student()
    net.params = {"theta": np.zeros(3)}
    with pytest.raises(ValueError, match="params must have W1, b1, W2 and b2, W1 is missing"):
        check_net(net, *make_data())


@pytest.mark.parametrize("off", [3e-7, 1e-6, -2e-7])
def test_small_differences_are_not_a_number_inside_the_logarithm(off):
    """Only the exact difference is."""
    assert "inside the logarithm" not in str(check_net(scaled("loss", 1 + off), *make_data()))


@pytest.mark.parametrize("function, words", [
    (lambda x: math.log(max(0, 900 - x)), "softmax overflows: the loss is not finite for scores of 1000"),
    (lambda x: [].index(x) if x > 900 else 0, "loss raises ValueError if the parameters or the number of"),
])  # fmt: skip
def test_exceptions_for_large_scores(function, words):
    """A logarithm of 0 is an overflow, too. Other exceptions are not."""

    class Net(Student):
        def loss(self, X, y=None, reg=0.0):
            if y is not None:
                function(float(Student.loss(self, X).max()))
            return super().loss(X, y, reg)

    (finding,) = check_net(Net(), *make_data()).findings
    assert finding.startswith(words)


def test_mistakes_of_the_check_are_not_blamed_on_the_net(monkeypatch):
    """An exception that the net does not raise is not a finding."""
    net = Student()
    with monkeypatch.context() as patch:
        patch.setattr(np, "bincount", lambda *arguments, **options: 1 / 0)
        net.predict = lambda X: net.loss(X).argmax(axis=1)
        with pytest.raises(ZeroDivisionError):
            check_net(net, *make_data())
