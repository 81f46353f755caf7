"""Each known mistake is made on purpose and must be named, alone; correct nets must never be accused."""

import re

import numpy as np
import pytest
from conftest import make_toy_net
from hypothesis import given, settings
from hypothesis import strategies as st

from classifiers.neural_net import TwoLayerNet
from gradient_check import check_net, main


class Student:
    """A net as students write it, right but for the mistakes that are asked for by name."""

    def __init__(self, D=4, H=6, C=3, *mistakes, seed=0):
        rng = np.random.default_rng(seed)
        shapes = {"W1": (D, H), "b1": (H,), "W2": (H, C), "b2": (C,)}
        self.params = {name: 0.7 * rng.standard_normal(shape) for name, shape in shapes.items()}
        self.mistakes, self.calls = mistakes, 0

    def has(self, mistake):
        return mistake in self.mistakes

    def log_softmax(self, scores):
        axis = 0 if self.has("axis") else 1
        if self.has("unstable"):
            shifted = scores
        elif self.has("whole maximum"):
            shifted = scores - scores.max()
        else:
            shifted = scores - scores.max(axis=axis, keepdims=True)
        return shifted - np.log(np.exp(shifted).sum(axis=axis, keepdims=True))

    def loss(self, X, y=None, reg=0.0):
        W1, b1, W2, b2 = (self.params[name] for name in ("W1", "b1", "W2", "b2"))
        self.calls += 1
        if self.has("raises"):
            raise IndexError("out of bounds")
        pre = X @ W1 if self.has("forward: no b1") else X @ W1 + b1
        if self.has("forward: no ReLU"):
            hidden = pre
        elif self.has("forward: sigmoid"):
            hidden = 1 / (1 + np.exp(-pre))
        else:
            hidden = np.maximum(0, pre)
        scores = hidden @ W2 if self.has("forward: no b2") else hidden @ W2 + b2
        if y is None:
            return scores

        N, rows, C = len(X), np.arange(len(X)), len(b2)
        if self.has("labels in both"):
            y = y - 1
        log_p = self.log_softmax(scores)
        y_loss = (y + 1) % C if self.has("labels in loss") else y
        loss = -log_p[rows, y_loss].mean()
        dscores = np.exp(log_p)
        dscores[rows, (y + 1) % C if self.has("labels in gradient") else y] -= 1
        dscores /= N

        loss *= N if self.has("loss not averaged") else 1 / N if self.has("loss averaged twice") else 1
        loss *= -1 if self.has("loss negative") else 1
        dscores *= N if self.has("gradient not averaged") else 1 / N if self.has("gradient averaged twice") else 1
        dscores *= -1 if self.has("gradient negative") else 1

        half = 1.0 if self.has("no half") or self.has("no half in loss") else 0.5
        full = 2.0 if self.has("no half") or self.has("no half in gradient") else 1.0
        for name in ("W1", "W2"):
            if not (self.has("penalty not in loss") or self.has(f"penalty without {name}")):
                loss += half * reg * np.sum(self.params[name] ** 2)
        if self.has("half missing for W1"):
            loss += 0.5 * reg * np.sum(W1**2)
        if self.has("penalty of sums"):
            loss += 0.5 * reg * (np.sum(W1) + np.sum(W2) - np.sum(W1**2) - np.sum(W2**2))
        if self.has("penalty of moduli"):
            loss += 0.5 * reg * (np.abs(W1).sum() + np.abs(W2).sum() - np.sum(W1**2) - np.sum(W2**2))
        if self.has("penalty of products"):
            loss += reg * np.sum(W1) * np.sum(W2)
        if self.has("reg squared"):
            loss += 0.5 * (reg**2 - reg) * (np.sum(W1**2) + np.sum(W2**2))
        if self.has("biases in loss"):
            loss += 0.5 * reg * (np.sum(b1**2) + np.sum(b2**2))

        dhidden = dscores @ W2.T
        if self.has("mask by gradient"):
            mask = dhidden > 0
        elif self.has("mask without bias"):
            mask = X @ W1 > 0
        elif self.has("mask inverted"):
            mask = pre < 0
        elif self.has("forward: sigmoid"):
            mask = hidden * (1 - hidden)
        else:
            mask = 1.0 if self.has("no ReLU") or self.has("forward: no ReLU") else pre > 0
        dhidden = dhidden * mask
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
        if self.has("biases in both"):
            loss += 0.5 * reg * (np.sum(b1**2) + np.sum(b2**2))
        return self.spoil(loss, grads, X, y, dscores, dhidden)

    def spoil(self, loss, grads, X, y, dscores, dhidden):
        """Mistakes that happen after everything has been computed."""
        if self.has("bias averaged"):
            grads["b1"], grads["b2"] = dhidden.mean(axis=0), dscores.mean(axis=0)
        if self.has("b2 averaged"):
            grads["b2"] = dscores.mean(axis=0)
        if self.has("bias not summed"):
            grads["b1"] = dhidden
        if self.has("b2 not summed"):
            grads["b2"] = dscores
        if self.has("bias summed whole"):
            grads["b2"] = np.sum(dscores)
        if self.has("bias keepdims"):
            grads["b2"] = dscores.sum(axis=0, keepdims=True)
        if self.has("transposed"):
            grads["W1"] = grads["W1"].T.copy()
        if self.has("strange"):
            grads["W2"] = grads["W2"] + 0.3 * np.sin(np.arange(grads["W2"].size)).reshape(grads["W2"].shape)
        if self.has("changes X"):
            X -= 1
        if self.has("changes y"):
            y[0] = 0
        if self.has("changes params"):
            self.params["W1"] *= 0.99
        if self.has("random"):
            loss += 1e-3 * np.random.rand()
        if self.has("keys"):
            grads = {"d" + name: grad for name, grad in grads.items()}
        if self.has("missing key"):
            del grads["b1"]
        if self.has("float32"):
            grads = {name: grad.astype(np.float32) for name, grad in grads.items()}
        if self.has("list"):
            grads["b1"] = grads["b1"].tolist()
        return loss, grads


MISTAKES = {
    "loss not averaged": "the loss .* 5 times too large.*not divided by N",
    "loss averaged twice": "the loss .* too small by the factor 5.*divided by N twice",
    "gradient not averaged": "the gradient is 5 times too large.*not divided by N",
    "gradient averaged twice": "the gradient is too small by the factor 5.*divided by N twice",
    "penalty not in loss": "penalty on W1 and W2 is missing from the loss: add",
    "penalty not in gradient": "penalty on W1 and W2 is missing from the gradient: add",
    "penalty without W1": "penalty leaves W1 out",
    "penalty without W2": "penalty leaves W2 out",
    "no half in loss": "loss penalises W1 and W2 without the half.*factor 2",
    "no half in gradient": r"gradient is that without the half, 2 \* reg \* W \(factor 2\)",
    "biases in loss": "penalty includes b1 and b2 in the loss, with the factor 0.5",
    "biases in gradient": "penalty includes b1 and b2 in the gradient, with the factor 1",
    "biases in both": "penalty includes b1 and b2 in the loss and the gradient, with the factor 0.5",
    "penalty of sums": "penalty on W1 and W2 is another function of W in the loss: ",
    "penalty of moduli": "penalty on W1 and W2 is another function of W in the loss: ",
    "penalty of products": "penalty in the loss is right for one parameter at a time .* not here, at reg=0.1",
    "penalty gradient squared": "penalty on W1 and W2 is another function of W in the gradient: ",
    "penalty gradient constant": "penalty on W1 and W2 is another function of W in the gradient: ",
    "half missing for W1": "penalty on W1 is without the half, that on the other weights with it",
    "reg squared": "penalty on W1 and W2 counts 0.35 in the loss and 1.0 in the gradient, not 0.5 and 1",
    "no ReLU": "gradient of W1 and b1 .*ReLU is missing in the backward pass",
    "mask by gradient": "gradient of W1 and b1 is masked by the wrong array, the sign of the gradient",
    "mask without bias": "gradient of W1 and b1 is masked by the wrong array, X W1 without b1",
    "mask inverted": "gradient of W1 and b1 is masked by the wrong array, open where the unit is closed",
    "axis": "softmax is taken over the wrong axis in the loss and the gradients.*axis=1",
    "unstable": "softmax overflows: at scores of 1000.*Subtract each row's maximum",
    "whole maximum": "maximum of the whole array.*max\\(axis=1",
    "bias averaged": "gradient of b1 and b2 is averaged over the rows, 5 times too small: sum",
    "b2 averaged": "gradient of b2 is averaged over the rows, 5 times too small: sum",
    "bias not summed": "gradient of b1 is not summed over the rows",
    "b2 not summed": "gradient of b2 is not summed over the rows",
    "bias summed whole": r"gradient of b2 has the wrong shape, \(\) instead of \(4,\)",
    "bias keepdims": r"gradient of b2 has the wrong shape, \(1, 4\) instead of \(4,\)",
    "pre-activation": "gradient of W2 is taken from the pre-activation",
    "loss negative": "the loss .* wrong sign",
    "gradient negative": "the gradient has the wrong sign",
    "transposed": "gradient of W1 is transposed",
    "labels in loss": "labels are shifted by one in the loss: .* one too high",
    "labels in gradient": "labels are shifted by one in the gradients: .* one too high",
    "labels in both": "labels are shifted by one in the loss and the gradients: .* one too low",
    "changes X": "loss changes X in place",
    "changes y": "loss changes y in place",
    "changes params": "loss changes W1 in place",
    "random": "loss is not deterministic",
    "keys": "gradients must be a dict with the keys of params, W1, b1, W2 and b2; got .*'dW1'",
    "missing key": r"gradients must be a dict with the keys of params, W1, b1, W2 and b2; got \['W1', 'W2', 'b2'\]",
    "float32": "gradient of W1 must be an array of float64, as W1 is; got float32",
    "list": "gradient of b1 must be an array of float64, as b1 is; got list",
    "raises": "loss raises IndexError: out of bounds",
    "forward: no ReLU": "scores: the ReLU is missing in the forward pass",
    "forward: sigmoid": "scores are not max",
    "strange": r"gradient of W2 is wrong; none of the known mistakes.*Worst at \(\d, \d\): it is .*, and numerically",
}


def make_data(N=5, D=4, C=3, seed=1):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((N, D)), rng.permutation(np.arange(1, N + 1) % C)


def findings(*mistakes, reg=0.1):
    """What is said of a net with these mistakes; H = D = 4, so that a transposed gradient has the right shape."""
    X, y = make_data(C=4)
    with np.errstate(all="ignore"):
        return check_net(Student(4, 4, 4, *mistakes), X, y, reg)


@pytest.mark.parametrize("mistake", MISTAKES)
def test_each_mistake_is_named_alone(mistake):
    """One finding, the right one."""
    report = findings(mistake)
    assert not report.ok and len(report.findings) == 1, report
    assert re.search(MISTAKES[mistake], report.findings[0], re.DOTALL), report.findings[0]


@pytest.mark.parametrize(
    "pair",
    [
        ("loss not averaged", "penalty not in gradient"),
        ("no ReLU", "b2 averaged"),
        ("biases in gradient", "pre-activation"),
        ("unstable", "changes X"),
        ("no half in loss", "gradient negative"),
        ("labels in loss", "penalty without W2"),
    ],
)
def test_two_mistakes_are_both_named(pair):
    """They do not hide each other."""
    report = findings(*pair)
    assert len(report.findings) == 2, report
    for mistake in pair:
        assert any(re.search(MISTAKES[mistake], finding, re.DOTALL) for finding in report.findings), report


def test_mistakes_that_mix_are_admitted():
    """Where nothing known fits: more than one thing is wrong, with both values at the worst coordinate."""
    report = findings("labels in gradient", "no ReLU")
    assert any("more than one thing is wrong. Worst at" in finding for finding in report.findings)


@pytest.mark.parametrize(
    "mistake, words",
    [("forward: no b1", "b1 is missing"), ("forward: no b2", "b2 is missing"), ("mask without bias", "without b1")],
)
def test_biases_of_zero_hide_nothing(mistake, words):
    """As a fresh net has them."""
    net = Student(4, 6, 3, mistake)
    net.params["b1"][:], net.params["b2"][:] = 0, 0
    report = check_net(net, *make_data())
    assert not report.ok and words in str(report)


def test_net_that_hands_out_the_same_arrays_each_time():
    """Gradients that are written into kept arrays are right ones."""

    class Thrifty(Student):
        def loss(self, X, y=None, reg=0.0):
            if y is None:
                return super().loss(X)
            loss, grads = super().loss(X, y, reg)
            self.kept = getattr(self, "kept", None) or {name: np.empty_like(grad) for name, grad in grads.items()}
            for name, grad in grads.items():
                self.kept[name][...] = grad
            return loss, self.kept

    report = check_net(Thrifty(4, 6, 3), *make_data(), reg=0.1)
    assert report.ok, report


def test_loss_that_needs_as_many_rows_as_it_was_written_for():
    """Raises for other numbers of rows: a finding, no traceback."""
    net = Student()
    right = net.loss
    net.loss = lambda X, y=None, reg=0.0: right(X + np.zeros((5, 4)), y, reg)
    report = check_net(net, *make_data())
    assert any("numbers of rows than yours" in finding for finding in report.findings)


def test_missing_half_is_a_convention():
    """Where loss and gradient agree, a note and no finding."""
    report = findings("no half")
    assert report.ok and len(report.notes) == 1 and "without the half" in report.notes[0]


def test_our_own_net_passes(toy_net, toy_data):
    """The toy net: every coordinate checked, all within 1e-8, and its parameters left alone."""
    before = {name: (param, param.copy()) for name, param in toy_net.params.items()}
    report = check_net(toy_net, *toy_data, reg=0.05)
    assert report.ok and not report.notes
    assert [row.checked for row in report.rows] == [40, 10, 30, 3]
    assert max(row.error for row in report.rows) < 1e-7
    for name, (array, values) in before.items():
        assert toy_net.params[name] is array
        np.testing.assert_array_equal(array, values)


@settings(max_examples=1000, deadline=None, derandomize=True)
@given(
    N=st.integers(1, 6), D=st.integers(1, 5), H=st.integers(1, 6), C=st.integers(1, 5),
    reg=st.sampled_from([0.0, 1e-6, 0.1, 3.0]), scale=st.sampled_from([1e-3, 1.0, 30.0, 1e3]),
    ours=st.booleans(), half=st.booleans(), seed=st.integers(0, 10**6),
)  # fmt: skip
def test_correct_nets_are_never_accused(N, D, H, C, reg, scale, ours, half, seed):
    """Whatever their shapes, penalty, data and convention."""
    rng = np.random.default_rng(seed)
    theirs = Student(D, H, C, *([] if half else ["no half"]), seed=seed)
    net = TwoLayerNet(D, H, C, std=0.5, rng=rng) if ours else theirs
    X, y = scale * rng.standard_normal((N, D)), rng.integers(0, C, N)
    report = check_net(net, X, y, reg, max_checks=3, rng=rng)
    assert report.ok, report
    assert any("without the half" in note for note in report.notes) == (not ours and not half)


def test_kinks_are_skipped_and_counted():
    """A pre-activation of 9.6e-6 is smaller than h: the two gradients differ there, and nobody is to blame."""
    net = TwoLayerNet(2, 3, 2, std=0.5, rng=0)
    X = np.ones((1, 2))
    net.params["b1"][1] = 9.6e-6 - net.params["W1"][:, 1].sum()
    report = check_net(net, X, np.array([0]))
    assert report.ok and [row.skipped for row in report.rows] == [2, 1, 0, 0]
    assert max(row.error for row in report.rows) < 1e-7


def test_data_at_kinks_are_called_unfit():
    """All pre-activations at zero: a note proposes other data."""
    report = check_net(TwoLayerNet(2, 3, 2, std=0.0), np.ones((2, 2)), np.array([0, 1]))
    assert report.ok and "more than half of the coordinates of W1 lie at a kink" in report.notes[0]
    assert "np.random.randn" in report.notes[0]


def test_large_net_is_sampled():
    """At most max_checks coordinates of each parameter, without repetition."""
    report = check_net(TwoLayerNet(50, 20, 3, std=0.3, rng=0), *make_data(D=50), max_checks=25, rng=0)
    assert [row.checked + row.skipped for row in report.rows] == [25, 20, 25, 3]


def test_report_prints_and_renders():
    """An aligned table and sentences; HTML with the same content."""
    report = findings("no ReLU")
    text = str(report)
    assert text.splitlines()[0].split()[:4] == ["parameter", "largest", "relative", "error"]
    assert "1 finding(s):" in text and report.findings[0] in text
    html = report._repr_html_()
    assert html.count("<tr>") == 5 and "ReLU is missing" in html
    assert "No mistake found." in str(check_net(make_toy_net(), *make_data()))


STUDENT_FILE = """
from classifiers.neural_net import TwoLayerNet as Right
class TwoLayerNet(Right):
    def loss(self, X, y=None, reg=0.0):
        if y is None:
            return super().loss(X)
        loss, grads = super().loss(X, y, reg)
        grads["b2"] = grads["b2"] * FACTOR
        return loss, grads
"""


@pytest.mark.parametrize("factor, status", [(1, 0), (-1, 1)])
def test_command_line_for_teachers(tmp_path, capsys, factor, status):
    """The report of the class in a file; exit status 1 where there is a finding."""
    (tmp_path / "theirs.py").write_text(STUDENT_FILE.replace("FACTOR", str(factor)))
    with pytest.raises(SystemExit) as caught:
        main([str(tmp_path / "theirs.py")])
    assert caught.value.code == status
    assert ("the gradient of b2 has the wrong sign" in capsys.readouterr().out) == bool(status)


@pytest.mark.parametrize(
    "source, error",
    [
        ("", "AttributeError: "),
        ("import sys; sys.exit(0)", "SystemExit: 0"),
        ("class TwoLayerNet:\n    def __init__(self, *sizes): pass", "AttributeError: .* 'params'"),
        (
            "import numpy as np\nclass TwoLayerNet:\n    def __init__(self, *sizes): self.params = {'W1': np.eye(2)}",
            "ValueError: params must have W1, b1, W2 and b2, b1 is missing",
        ),
    ],
)
def test_command_line_on_a_file_without_such_a_net(tmp_path, capsys, source, error):
    """A message, no traceback, and another exit status than a finding's or a right net's."""
    (tmp_path / "theirs.py").write_text(source)
    with pytest.raises(SystemExit) as caught:
        main([str(tmp_path / "theirs.py")])
    assert caught.value.code == 2
    assert re.search(f"theirs.py: TwoLayerNet\\(4, 10, 3, 1e-1\\) is no net: {error}", capsys.readouterr().err)
