"""Tests of the files of the course of 2021 to 2026: layers.py, layer_utils.py, fc_net.py, softmax.py, optim.py."""

import json
import re
import sys

import pytest
from conftest import ROOT
from course_files import (
    CLASSIFIERS,
    DEEP_NET,
    FC_NET,
    RULES,
    SOLVED,
    UNTOUCHED_DEEP,
    UNTOUCHED_LAYERS,
    UNTOUCHED_RULES,
    UNTOUCHED_SOFTMAX,
)

from diagnosis.__main__ import main
from diagnosis.compat import homework_imports
from diagnosis.course import check_module
from diagnosis.loading import run_file

START, END = SOLVED.index("def affine_relu_forward"), SOLVED.index("def batchnorm_forward")
LAYERS = SOLVED[:START] + SOLVED[END:]
LAYER_UTILS = "from .layers import *\nfrom .fast_layers import *\n\n\n" + SOLVED[START:END]


@pytest.fixture
def course(tmp_path):
    """A function that writes a folder of the course, solved except for some files, and returns it."""

    def write(**files):
        solved = {"layers": LAYERS, "layer_utils": LAYER_UTILS, "optim": RULES}
        for name, source in {**solved, "fc_net": FC_NET, "softmax": CLASSIFIERS, **files}.items():
            folder = tmp_path / "cs231n" / ("classifiers" if name in ("fc_net", "softmax") else "")
            folder.mkdir(parents=True, exist_ok=True)
            if source:
                (folder / f"{name}.py").write_text(source)
        return tmp_path / "cs231n"

    return write


def check(path, name="TwoLayerNet"):
    """Check a file in this process."""
    with homework_imports(path.parent) as finder:
        return check_module(*run_file(path, finder), name, finder)


@pytest.mark.parametrize("file", ["layers", "layer_utils", "classifiers/fc_net", "classifiers/softmax", "optim"])
def test_solved_files(file, course):
    """They have no findings."""
    report = check(course() / f"{file}.py")
    assert report.ok and report.stage == "done", report


@pytest.mark.parametrize("file, source, words, stage", [
    ("layers", UNTOUCHED_LAYERS, "not written yet: affine_forward, affine_backward", "affine_forward"),
    ("softmax", UNTOUCHED_SOFTMAX, "not written yet: softmax_loss_naive", "softmax_loss_naive"),
    ("optim", UNTOUCHED_RULES, "not written yet: sgd_momentum", "sgd_momentum"),
    ("fc_net", UNTOUCHED_DEEP, "W1, b1, W2, b2, W3, b3 are missing in params. Next: in __init__, create", None),
])  # fmt: skip
def test_untouched_files_at_the_command_line(file, source, words, stage, course, capsys):
    """The exit status is 1, the first stage is next, and there is no traceback."""
    folder = course(**{file: source})
    path = folder / "classifiers" / f"{file}.py" if file in ("fc_net", "softmax") else folder / f"{file}.py"
    with pytest.raises(SystemExit) as end:
        main([str(path), "--json"])
    answer = json.loads(capsys.readouterr().out)
    assert end.value.code == 1 and answer["findings"][0].startswith(words) and answer["stage"] == stage, answer


def test_endless_loop_in_a_layer(course, capsys):
    """It is stopped like that of a net, and the line is named."""
    path = course(layers=LAYERS.replace("    dx = dout * (x > 0)", "    while True: pass")) / "layers.py"
    with pytest.raises(SystemExit) as end:
        main([str(path), "--timeout", "2"])
    error = capsys.readouterr().err
    assert end.value.code == 2 and "was stopped after 2 s at line" in error and "while True: pass" in error


def test_missing_layers(course, capsys):
    """layer_utils.py needs layers.py. The exit status is 2 if nothing can be checked."""
    path = course(layers="") / "layer_utils.py"
    with pytest.raises(SystemExit) as end:
        main([str(path)])
    error = capsys.readouterr().err
    assert end.value.code == 2 and "affine_forward belongs to layers.py or fast_layers.py, which is missing" in error


def test_only_own_functions_are_checked(course):
    """Those that the file imports are those of another file. A layer that the check does not know has a note."""
    more = "\n\ndef rnn_forward(x):\n    return x, x\n\n\ndef rnn_backward(dout, cache):\n    return dout\n"
    wrong = LAYERS.replace("np.sum(dout, axis=0)", "dout")
    report = check(course(layers=wrong, layer_utils=LAYER_UTILS + more) / "layer_utils.py")
    assert report.functions == ["affine_relu_forward", "affine_relu_backward"]
    assert report.findings == ["affine_relu_forward: calls affine_backward. Correct or write that first"]
    assert "not checked: rnn_forward. Call diagnosis.check_layer" in report.notes[0]


def test_layers_that_call_wrong_layers(course):
    """They are not blamed. What they call may be in another file."""
    folder = course(layers=LAYERS.replace("rows.dot(w) + b", "rows.dot(w)"))
    report = check(folder / "layer_utils.py")
    assert report.findings == ["affine_relu_forward: calls affine_forward. Correct or write that first"], report
    report = check(course(layers=UNTOUCHED_LAYERS) / "layer_utils.py")
    assert report.findings[0].startswith("affine_relu_forward: calls affine_forward, relu_forward, ") and not report.ok
    report = check(course(layers=LAYERS.replace("var = x.var(axis=0)", "var = x.var(axis=0, ddof=1)")) / "layers.py")
    assert [finding.partition(":")[0] for finding in report.findings] == [
        "batchnorm_forward", "spatial_batchnorm_forward"
    ] and "calls batchnorm_forward" in report.findings[1]  # fmt: skip


CONSTRUCTORS = {
    "scale": ("weight_scale * np.random.randn(input_dim, hidden_dim)", "np.random.randn(input_dim, hidden_dim)",
              "W1 has the standard deviation"),
    "bias": ("np.zeros(hidden_dim)", "np.ones(hidden_dim)", "__init__ must create b1 as zeros"),
    "W2": ("        self.params['W2'] = weight_scale * np.random.randn(hidden_dim, num_classes)\n", "",
           "W2 is missing in params. Next: in __init__"),
}  # fmt: skip


@pytest.mark.parametrize("name", CONSTRUCTORS)
def test_constructor_of_the_two_layer_net(name, course):
    """It is a task, too."""
    old, new, words = CONSTRUCTORS[name]
    report = check(course(fc_net=FC_NET.replace(old, new)) / "classifiers" / "fc_net.py")
    assert len(report.findings) == 1 and report.findings[0].startswith(words), report


def test_bias_that_is_the_number_0(course):
    """It is as good as an array of zeros."""
    assert check(course(fc_net=FC_NET.replace("np.zeros(hidden_dim)", "0")) / "classifiers" / "fc_net.py").ok


DEEP = {
    "no bias": ("scores, last = affine_forward(a, self.params['W%d' % L], self.params['b%d' % L])",
                "scores, last = affine_forward(a, self.params['W%d' % L], 0 * self.params['b%d' % L])",
                "b2 is missing"),
    "bias of one layer": ("affine_relu_forward(a, self.params['W%d' % i], self.params['b%d' % i])",
                          "affine_relu_forward(a, self.params['W%d' % i], (i != 3) * self.params['b%d' % i])",
                          "3 hidden layers: the bias b3 is missing in the forward pass"),
    "linear": ("            caches.append(cache)\n",
               "            a = cache[1] if i == 2 else a\n            caches.append(cache)\n",
               "3 hidden layers: the ReLU of layer 2 is missing in the forward pass"),
    "ReLU on top": ("        if y is None:\n", "        scores = np.maximum(0, scores)\n        if y is None:\n",
                    "ReLU on the scores"),
    "penalty of two": ("np.sum(self.params['W%d' % i] ** 2)", "np.sum(self.params['W%d' % min(i, 2)] ** 2)",
                       "3 hidden layers: the penalty on W.* is"),
    "no penalty in gradient": ("            grads['W%d' % i] += self.reg * self.params['W%d' % i]\n",
                               "            pass\n",
                               "the penalty on W1 and W2 is missing from the gradient"),
    "gradient of W3": ("        return loss, grads\n", "        if L > 3:\n            grads['W3'] *= 2\n"
                       "        return loss, grads\n", "3 hidden layers: the gradient of W3 is 2 times"),
    "transposed W3": ("        return loss, grads\n", "        if L > 3:\n            grads['W3'] = grads['W3'].T\n"
                      "        return loss, grads\n", "3 hidden layers: the gradient of W3 is transposed"),
    "no gradient of b3": ("        return loss, grads\n", "        if L > 3:\n            del grads['b3']\n"
                          "        return loss, grads\n", "3 hidden layers: .*the gradient of b3"),
    "raises": ("        loss, grads = 0.0, {}\n", "        loss, grads = 0.0, {}\n"
               "        self.params['W9'] if L > 3 else 0\n",
               "3 hidden layers: loss raises KeyError: 'W9'"),
}  # fmt: skip


@pytest.mark.parametrize("name", DEEP)
def test_deep_net(name, course):
    """Each mistake is named with its layer, also one that needs more than one hidden layer."""
    old, new, words = DEEP[name]
    assert old in DEEP_NET
    report = check(course(fc_net=DEEP_NET.replace(old, new)) / "classifiers" / "fc_net.py")
    assert any(re.search(words, finding) for finding in report.findings), report


def test_deep_net_by_its_name(course):
    """A correct net has no finding, whatever the name of its class. Its own parameters stay float64."""
    source = DEEP_NET.replace("class FullyConnectedNet", "class Mine")
    report = check(course(fc_net=source) / "classifiers" / "fc_net.py", "Mine")
    assert report.ok and report.stage == "done", report
    both = check(course(fc_net=FC_NET + DEEP_NET) / "classifiers" / "fc_net.py")
    assert both.ok, both


def test_deep_constructor(course):
    """Shapes and standard deviations of the weights of each layer are looked at."""
    for old, new, words in [
        ("weight_scale * np.random.randn(widths[i - 1], widths[i])", "np.zeros((widths[i - 1], widths[i]))", "W1 has"),
        ("np.random.randn(widths[i - 1], widths[i])", "np.random.randn(widths[0], widths[i])", "W2 with the shape"),
        ("np.zeros(widths[i])", "np.zeros(widths[i]) + 0.1", "b1 as zeros"),
    ]:
        assert old in DEEP_NET
        report = check(course(fc_net=DEEP_NET.replace(old, new)) / "classifiers" / "fc_net.py")
        assert len(report.findings) == 1 and words in report.findings[0], report


def test_examples_of_the_documentation(course, capsys):
    """docs/check_net.md quotes what the check prints."""
    text = (ROOT / "docs" / "check_net.md").read_text(encoding="utf-8")
    code = next(code for code in re.findall(r"```python\n(.*?)```", text, re.DOTALL) if "check_layer" in code)
    exec(code, {})
    printed = capsys.readouterr().out
    assert "".join(f"    {line}\n" for line in printed.splitlines()) in text
    report = check(
        course(layers=LAYERS.replace("db = np.sum(dout, axis=0)\n    return dx, dw", "db = dout\n    return dx, dw"))
        / "layers.py"
    )
    assert "\n".join(f"    {line}" for line in str(report).splitlines()[-2:]) in text


def test_module_of_the_lab_is_unchanged():
    """The check removes the modules of the course."""
    assert not [name for name in sys.modules if name.startswith("cs231n")]
