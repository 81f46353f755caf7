"""Tests of the check of layers: each known mistake alone, in pairs, and none in correct layers."""

import inspect
import linecache
import re
from itertools import combinations

import numpy as np
import pytest
from course_files import (
    CLASSIFIERS,
    RULES,
    SOLVED,
    STYLES,
    UNTOUCHED_LAYERS,
    UNTOUCHED_RULES,
    UNTOUCHED_SOFTMAX,
    UNTOUCHED_SVM,
)

from diagnosis import check_gradient, check_layer
from diagnosis.kinds import KINDS, numeric_gradients
from diagnosis.layers import check_functions

# (function, its code, the code with the mistake, words of the finding)
MISTAKES = [
    ("affine_forward", "rows.dot(w) + b", "rows.dot(w)", "output lacks b"),
    ("affine_forward", "rows.dot(w) + b", "rows.dot(w) - b", "has b subtracted"),
    ("affine_forward", "rows.dot(w) + b", "np.maximum(0, rows.dot(w) + b)", "output has a ReLU"),
    ("affine_forward", "rows.dot(w) + b", "rows.dot(w) + 2 * b", "has b twice"),
    ("affine_forward", "rows.dot(w) + b", "(rows.dot(w) + b).tolist()", "must be a float64 array, got a list"),
    ("affine_forward", "rows.dot(w) + b", "(rows.dot(w) + b).astype(np.float32)", "got an array of float32"),
    ("affine_forward", "rows.dot(w) + b", "2 * (rows.dot(w) + b)", "2 times what it should be"),
    ("affine_forward", "cache = (x, w, b)", "x *= 1.5; cache = (x, w, b)", "changes x in place"),
    ("affine_forward", "rows.dot(w) + b", "(rows.dot(w) + b).T", "output has the wrong shape"),
    ("affine_forward", "rows.dot(w) + b", "rows.dot(w) * np.nan", "nan at"),
    ("affine_backward", "np.sum(dout, axis=0)", "dout", "gradient of b is not summed over the rows"),
    ("affine_backward", "np.sum(dout, axis=0)", "np.mean(dout, axis=0)", "gradient of b is averaged"),
    ("affine_backward", "np.sum(dout, axis=0)", "np.sum(dout, axis=0, keepdims=True)", "b has the wrong shape"),
    ("affine_backward", "np.sum(dout, axis=0)", "np.sum(dout, axis=1)", "b has the wrong shape"),
    ("affine_backward", "np.sum(dout, axis=0)", "np.sum(dout)", "b has the wrong shape"),
    ("affine_backward", "np.sum(dout, axis=0)", "dout[0]", "b is not summed over the rows, but that of one row"),
    ("affine_backward", "rows.T.dot(dout)", "dout.T.dot(rows)", "gradient of w is transposed"),
    ("affine_backward", "rows.T.dot(dout)", "rows.T.dot(dout) / len(x)", "gradient of w is divided by"),
    ("affine_backward", "rows.T.dot(dout)", "-rows.T.dot(dout)", "gradient of w has the wrong sign"),
    ("affine_backward", "rows.T.dot(dout)", "np.zeros_like(w)", "gradient of w is 0 everywhere"),
    ("affine_backward", "rows.T.dot(dout)", "None", "returns None for the gradient of w"),
    ("affine_backward", "rows.T.dot(dout)", "rows.dot(dout)", "raises ValueError: "),
    ("affine_backward", "return dx, dw, db", "return dw, dx, db", "in another order. It must be: the gradient of x"),
    ("affine_backward", "return dx, dw, db", "return dx, dw", "must return the gradient of x, the gradient of w"),
    ("affine_backward", "dout.dot(w.T).reshape(x.shape)", "dout.dot(w.T).T", "gradient of x has the wrong shape"),
    ("affine_backward", "dout.dot(w.T).reshape(x.shape)", "3 * dout.dot(w.T).reshape(x.shape)",
     "x is 3 times what it should be"),
    ("affine_backward", "x, w, b = cache", "x, w, b = cache; dout += 1", "changes dout in place"),
    ("relu_forward", "np.maximum(0, x)", "x.copy()", "output is x without a ReLU"),
    ("relu_forward", "np.maximum(0, x)", "np.minimum(0, x)", "output is min"),
    ("relu_forward", "np.maximum(0, x)", "np.abs(x)", "modulus"),
    ("relu_forward", "np.maximum(0, x)", "np.where(x > 0, x, 0.01 * x)", "leaky ReLU"),
    ("relu_forward", "np.maximum(0, x)", "(x > 0) * 1.0", "output is 1 where x is positive"),
    ("relu_forward", "out = np.maximum(0, x)", "x[x < 0] = 0; out = x", "changes x in place"),
    ("relu_backward", "dout * (x > 0)", "dout.copy()", "flows through inactive"),
    ("relu_backward", "dout * (x > 0)", "dout * (x < 0)", "1 for inactive units"),
    ("relu_backward", "dout * (x > 0)", "dout * (dout > 0)", "ReLU mask: it comes from the sign|ReLU of dout"),
    ("relu_backward", "dout * (x > 0)", "(x > 0) * 1.0", "mask alone"),
    ("relu_backward", "dout * (x > 0)", "np.maximum(0, x)", "gradient of x is the output"),
    ("relu_backward", "dout * (x > 0)", "dout * np.maximum(0, x)", "multiplies dout by the output"),
    ("relu_backward", "dout * (x > 0)", "dout * x", "multiplies dout by x"),
    ("relu_backward", "dout * (x > 0)", "-dout * (x > 0)", "wrong sign"),
    ("relu_backward", "dx = dout * (x > 0)", "dout[x < 0] = 0; dx = dout", "changes dout in place"),
    ("softmax_loss", "y].sum() / N", "y].sum()", "the loss is .* times too large: it is not divided by N"),
    ("softmax_loss", "dx /= N", "pass", "gradient of x is .* times too large: it is not divided by N"),
    ("softmax_loss", "dx /= N", "dx /= N * N", "divided by N twice"),
    ("softmax_loss", "dx /= N", "dx /= x.shape[1]", "divided by C, the number of classes"),
    ("softmax_loss", "loss = -", "loss = ", "the loss has the wrong sign"),
    ("softmax_loss", "dx[np.arange(N), y] -= 1", "pass", "lacks the labels"),
    ("softmax_loss", "y] -= 1", "y] += 1", "adds 1 at the correct class"),
    ("softmax_loss", "dx[np.arange(N), y] -= 1", "dx[:, y] -= 1", "all rows together with all labels"),
    ("softmax_loss", "-logp[np.arange(N), y].sum()", "-logp[:, y].sum()", "all rows together with all labels"),
    ("softmax_loss", "-logp[np.arange(N), y].sum()", "-x[np.arange(N), y].sum()", "lacks the logarithm of the sum"),
    ("softmax_loss", "-logp[np.arange(N), y].sum()", "-np.exp(logp)[np.arange(N), y].sum()", "lacks the logarithm:"),
    ("softmax_loss", "-logp[np.arange(N), y].sum()", "-logp.sum()", "that of all classes"),
    ("softmax_loss", "np.exp(shifted).sum(axis=1, keepdims=True)", "np.exp(shifted).sum(axis=0)", "wrong axis|unknown"),
    ("softmax_loss", "np.exp(shifted).sum(axis=1, keepdims=True)", "np.exp(shifted).sum()", "whole array|unknown"),
    ("softmax_loss", "x - x.max(axis=1, keepdims=True)", "x", "softmax overflows"),
    ("softmax_loss", "x - x.max(axis=1, keepdims=True)", "x - x.max()", "maximum of the whole array"),
    ("softmax_loss", "N = x.shape[0]", "N = x.shape[0]; y = y - 1", "labels are shifted by one"),
    ("softmax_loss", "dx = np.exp(logp)", "dx = x.copy()", "comes from the scores instead"),
    ("softmax_loss", "N = x.shape[0]", "N = x.shape[0]; y = (y + 1) % x.shape[1]", "index is one too high"),
    ("softmax_loss", "axis=1", "axis=0", "wrong axis"),
    ("softmax_loss", "axis=1, keepdims=True", "keepdims=True", "whole array"),
    ("softmax_loss", "x.max(axis=1, keepdims=True)", "x.max(axis=0)", "correct|overflows|maximum of"),
    ("softmax_loss", "-logp[np.arange(N), y]", "-np.log(np.exp(logp[np.arange(N), y]) + 1e-2)", "loss adds 0.01"),
    ("softmax_loss", "dx /= N", "dx *= -1", "wrong sign and is not divided by N"),
    ("softmax_loss", "dx /= N", "dx /= -N * N", "wrong sign and is divided by N twice"),
    ("svm_loss", "margins[np.arange(N), y] = 0", "margins = margins", "counts the margin of the correct class"),
    ("svm_loss", "x - right + 1.0", "x - right", "the margin of 1"),
    ("svm_loss", "x - right + 1.0", "right - x + 1.0", "has margins of the wrong sign"),
    ("svm_loss", "loss = margins.sum() / N", "loss = margins.max(axis=1).mean()", "largest margin"),
    ("svm_loss", "loss = margins.sum() / N", "loss = (margins ** 2).sum() / N", "squares the margins"),
    ("svm_loss", "loss = margins.sum() / N", "loss = margins.sum()", "the loss is .* times too large"),
    ("svm_loss", "loss = margins.sum() / N", "loss = margins.mean()", "the loss is divided by N \\* C"),
    ("svm_loss", "dx[np.arange(N), y] -= dx.sum(axis=1)", "pass", "lacks the correct class"),
    ("svm_loss", "y] -= dx.sum(axis=1)", "y] -= 1", "is -1 at the correct class"),
    ("svm_loss", "y] -= dx.sum(axis=1)", "y] += dx.sum(axis=1)", "wrong sign at the correct class"),
    ("svm_loss", "y] -= dx.sum(axis=1)", "y] -= dx.sum(axis=1) + 1", "counts the correct class itself"),
    ("svm_loss", "(margins > 0).astype(float)", "margins.copy()", "uses the margins themselves"),
    ("svm_loss", "dx /= N", "pass", "gradient of x is .* times too large"),
    ("svm_loss", "dx /= N", "dx /= -N", "wrong sign \\(factor -1\\)"),
    ("affine_relu_forward", "relu_forward(a)", "(a, a)", "ReLU is missing in the output"),
    ("affine_relu_forward", "affine_forward(x, w, b)", "affine_forward(np.maximum(x, 0), w, b)",
     "ReLU comes before"),
    ("affine_relu_forward", "affine_forward(x, w, b)", "affine_forward(x, w, 0 * b)", "output lacks b"),
    ("affine_relu_backward", "relu_backward(dout, relu_cache)", "dout", "flows through inactive"),
    ("affine_relu_backward", "relu_backward(dout, relu_cache)", "dout * (relu_cache <= 0)", "1 for inactive units"),
    ("affine_relu_backward", "relu_backward(dout, relu_cache)", "relu_backward(dout, dout)", "sign of the gradient"),
    ("batchnorm_forward", "gamma * xhat + beta", "xhat + beta", "output lacks gamma\\."),
    ("batchnorm_forward", "gamma * xhat + beta", "gamma * xhat", "output lacks beta"),
    ("batchnorm_forward", "gamma * xhat + beta", "xhat", "lacks gamma and beta"),
    ("batchnorm_forward", "gamma * xhat + beta", "beta * xhat + gamma", "gamma and beta exchanged"),
    ("batchnorm_forward", "np.sqrt(var + eps)\n", "np.sqrt(var)\n", "output lacks eps"),
    ("batchnorm_forward", "np.sqrt(var + eps)\n", "np.sqrt(var) + eps\n", "has eps outside"),
    ("batchnorm_forward", "np.sqrt(var + eps)\n", "var + eps\n", "divided by the variance"),
    ("batchnorm_forward", "var = x.var(axis=0)", "var = x.var(axis=0, ddof=1)", "ddof=1"),
    ("batchnorm_forward", "(x - mean) / std", "x / std", "lacks the mean"),
    ("batchnorm_forward", "= momentum * running_mean + (1 - momentum)", "= (1 - momentum) * running_mean + momentum",
     "running_mean has momentum and 1 - momentum exchanged"),
    ("batchnorm_forward", "bn_param['running_var'] = running_var", "pass", "running_var is not updated"),
    ("batchnorm_forward", "(1 - momentum) * var", "(1 - momentum) * np.sqrt(var)", "standard deviations"),
    ("batchnorm_forward", "(x - running_mean) / np.sqrt(running_var + eps)",
     "(x - x.mean(0)) / np.sqrt(x.var(0) + eps)",
     "in test mode uses mean and variance of the batch"),
    ("batchnorm_forward", "/ np.sqrt(running_var + eps)", "/ (running_var + eps)",
     "test mode is divided by the variance"),
    ("batchnorm_forward", "x.mean(axis=0)", "x.mean(axis=1, keepdims=True)", "wrong axis|unknown|raises"),
    ("batchnorm_forward", "(1 - momentum) * var", "(1 - momentum) * (var + eps)", "variances with eps"),
    ("batchnorm_forward", "out = gamma * (x - running_mean) / np.sqrt(running_var + eps) + beta",
     "out = (x - running_mean) / np.sqrt(running_var + eps)", "in test mode lacks gamma and beta"),
    ("batchnorm_backward", "(dout * xhat).sum(axis=0)", "dout.sum(axis=0)", "gamma lacks the normalised x"),
    ("batchnorm_backward", "(dout * xhat).sum(axis=0)", "(dout * x).sum(axis=0)", "gamma uses x instead"),
    ("batchnorm_backward", "(dout * xhat).sum(axis=0)", "(dout * out).sum(axis=0)", "gamma uses the output"),
    ("batchnorm_backward", "(dout * xhat).sum(axis=0)", "dout * xhat", "gamma is not summed over the rows"),
    ("batchnorm_backward", "return dx, dgamma, dbeta", "return dx, dbeta, dgamma", "in another order"),
    ("batchnorm_backward", "dbeta = dout.sum(axis=0)", "dbeta = dout.mean(axis=0)", "beta is averaged"),
    ("batchnorm_backward", "(d - d.mean(axis=0) - xhat * (d * xhat).mean(axis=0)) / std", "d / std", "as constants"),
    ("batchnorm_backward", " - d.mean(axis=0) - ", " - ", "lacks the term of the mean"),
    ("batchnorm_backward", " - xhat * (d * xhat).mean(axis=0)", "", "lacks the term of the variance"),
    ("batchnorm_backward", "d = dout * gamma", "d = dout", "gradient of x lacks gamma"),
    ("batchnorm_backward", "xhat * (d * xhat).mean(axis=0)", "xhat * (d * xhat).sum(axis=0)", "sums instead of means"),
    ("layernorm_forward", "x.mean(axis=1, keepdims=True)", "x.mean(axis=0)", "unknown"),
    ("layernorm_forward", "axis=1", "axis=0", "wrong axis, not those of the rows"),
    ("layernorm_forward", "axis=1, ", "", "wrong axis"),
    ("layernorm_forward", "gamma * xhat + beta", "gamma * xhat", "output lacks beta"),
    ("layernorm_backward", "dbeta = dout.sum(axis=0)", "dbeta = dout.sum(axis=1)", "beta has the wrong shape"),
    ("layernorm_backward", "(dout * xhat).sum(axis=0)", "(dout * x).sum(axis=0)", "gamma uses x instead"),
    ("layernorm_backward", "d.mean(axis=1, keepdims=True) - xhat", "d.mean(axis=0) - xhat", "unknown"),
    ("dropout_forward", "(np.random.rand(*x.shape) < p) / p", "(np.random.rand(*x.shape) < p) * 1.0",
     "output is not divided by p"),
    ("dropout_forward", "(np.random.rand(*x.shape) < p) / p", "(np.random.rand(*x.shape) > p) / p",
     "kept with the probability 1 - p"),
    ("dropout_forward", "    elif mode == 'test':\n        out = x", "    elif mode == 'test':\n        out = x * p",
     "in test mode is multiplied by p"),
    ("dropout_forward", "/ p\n", "* p\n", "output is multiplied by p"),
    ("dropout_forward", "(np.random.rand(*x.shape) < p) / p", "(np.random.rand(*x.shape) < 0.6) / p", "share of units"),
    ("dropout_forward", "    elif mode == 'test':\n        out = x", "    elif mode == 'test':\n        out = x / p",
     "in test mode is divided by p"),
    ("dropout_forward", "out = x * mask", "out = x * mask[:, :3]", "raises ValueError"),
    ("dropout_backward", "dx = dout * mask", "dx = dout", "gradient of x lacks the mask"),
    ("dropout_backward", "dx = dout * mask", "dx = dout * (mask > 0)", "gradient of x is not divided by p"),
    ("dropout_backward", "dx = dout * mask", "dx = x * mask", "uses x instead of dout"),
    ("dropout_backward", "dx = dout * mask", "dx = dout * (np.random.rand(*x.shape) < .3) / .3", "another mask"),
    ("conv_forward_naive", "((1, 2, 3), (1, 2, 3))) + b", "((1, 2, 3), (1, 2, 3)))", "output lacks b"),
    ("conv_forward_naive", "tensordot(window, w,", "tensordot(window, w[:, :, ::-1, ::-1],", "unknown"),
    ("conv_backward_naive", "dout.sum(axis=(0, 2, 3))", "dout.sum(axis=(0, 2))", "b has the wrong shape"),
    ("conv_backward_naive", "dpadded[:, :, pad:-pad, pad:-pad]", "dpadded", "x has the wrong shape"),
    ("conv_backward_naive", "dw += np.tensordot", "dw -= np.tensordot", "gradient of w has the wrong sign"),
    ("max_pool_forward_naive", ".max(axis=(2, 3))", ".mean(axis=(2, 3))", "times|unknown"),
    ("max_pool_forward_naive", ".max(axis=(2, 3))", ".min(axis=(2, 3))", "unknown"),
    ("max_pool_backward_naive", "mask = window == window.max()", "mask = 1", "unknown"),
    ("spatial_batchnorm_forward", "x.transpose(0, 2, 3, 1).reshape(-1, C)", "x.reshape(-1, C)", "unknown"),
    ("softmax_loss_naive", "/ X.shape[0] + 2 * reg * W", "/ X.shape[0]", "penalty on W is missing from the gradient"),
    ("softmax_loss_naive", "+ 2 * reg * W", "+ reg * W", "penalises W without the half"),
    ("softmax_loss_naive", "dW / X.shape[0]", "dW", "gradient of W is .* times too large"),
    ("softmax_loss_vectorized", " + reg * np.sum(W * W)", "", "penalty on W is missing from the loss"),
    ("softmax_loss_vectorized", "reg * np.sum(W * W)", "reg * np.sum(W)", "wrong function of W in the loss"),
    ("svm_loss_naive", "dW[:, y[i]] -= X[i]", "pass", "lacks the correct class"),
    ("svm_loss_vectorized", "X.T.dot(mask) / N", "X.T.dot(mask)", "gradient of W is .* times too large"),
    ("svm_loss_vectorized", "reshape(-1, 1) + 1)", "reshape(-1, 1))", "the margin of 1"),
    ("sgd", "w -= ", "w += ", "goes up the gradient"),
    ("sgd_momentum", "w + v", "w - v", "goes up the gradient"),
    ("sgd_momentum", "config['velocity'] = v", "pass", "velocity is not kept"),
    ("sgd_momentum", "- config['learning_rate'] * dw", "- dw", "learning_rate is missing"),
    ("sgd_momentum", "config['momentum'] * v -", "v -", "momentum is missing"),
    ("sgd_momentum", "- config['learning_rate'] * dw", "- (1 - config['momentum']) * config['learning_rate'] * dw",
     "multiplied by 1 - momentum"),
    ("rmsprop", "next_w = w -", "next_w = w +", "goes up the gradient"),
    ("rmsprop", "cache = config['decay_rate'] * config['cache'] + (1 - config['decay_rate']) * dw ** 2",
     "d = config['decay_rate']; cache = (1 - d) * config['cache'] + d * dw ** 2", "are exchanged"),
    ("rmsprop", "config['cache'] = cache", "pass", "cache is not kept"),
    ("rmsprop", "np.sqrt(cache)", "cache", "square root is missing"),
    ("rmsprop", "(1 - config['decay_rate']) * dw ** 2", "(1 - config['decay_rate']) * dw", "dw is not squared"),
    ("rmsprop", "config['decay_rate'] * config['cache'] + (1 - config['decay_rate'])", "config['cache'] + 1",
     "unknown"),
    ("adam", "config['t'] += 1", "config['t'] = 1", "t stays the same"),
    ("adam", "config['m'], config['v'] = m, v", "pass", "m and v are not kept"),
    ("adam", "mt = m / (1 - config['beta1'] ** config['t'])", "mt = m", "m is not corrected"),
    ("adam", "vt = v / (1 - config['beta2'] ** config['t'])", "vt = v", "v is not corrected"),
    ("adam", "mt = m / (1 - config['beta1'] ** config['t'])\n    vt = v / (1 - config['beta2'] ** config['t'])",
     "mt, vt = m, v", "m and v are not corrected"),
    ("adam", "np.sqrt(vt)", "vt", "square root is missing"),
    ("adam", "(1 - config['beta2']) * dw ** 2", "(1 - config['beta2']) * dw", "dw is not squared in v"),
    ("adam", "w - config", "w + config", "goes up the gradient"),
]  # fmt: skip
FILES = SOLVED, CLASSIFIERS, RULES
counter = iter(range(10**6))


def load(source):
    """Run a file's source, so that its lines can be quoted. Return its functions by name."""
    name = f"<course {next(counter)}>"
    linecache.cache[name] = len(source), None, source.splitlines(True), name
    names = {}
    exec(compile(source, name, "exec"), names)
    return {key: value for key, value in names.items() if inspect.isfunction(value)}


def source_of(function):
    """Return the source of the file that has a function, and that of the function."""
    source = next(source for source in FILES if f"def {function}(" in source)
    start = source.index(f"def {function}(")
    end = source.find("\n\n\ndef ", start)
    return source, source[start : end if end > 0 else len(source)]


def with_mistakes(function, *edits):
    """Return the functions of a file with mistakes in one function."""
    source, body = source_of(function)
    changed = body
    for old, new in edits:
        assert old in changed, old
        changed = changed.replace(old, new)
    return load(source.replace(body, changed))


def part(functions, function):
    """Return only the functions that are checked together with one."""
    start = function.partition("_forward")[0].partition("_backward")[0]
    keys = [key for key in functions if key == function or key.startswith((f"{start}_forward", f"{start}_backward"))]
    return {key: functions[key] for key in keys}


def findings_of(function, *edits, seed=0):
    """Check one function with mistakes, and its pair. Return the findings."""
    return check_functions(part(with_mistakes(function, *edits), function), seed).findings


@pytest.mark.parametrize("function, old, new, words", MISTAKES)
def test_each_mistake_is_named(function, old, new, words):
    """It is named alone. The findings have the name of the function."""
    found = findings_of(function, (old, new))
    assert found and all(re.search(words, finding) for finding in found), found
    assert any(finding.startswith(f"{function}: ") for finding in found)


FIRST = [mistake for mistake in MISTAKES if re.match("affine_|relu_|softmax_loss$|svm_loss$", mistake[0])]


@pytest.mark.parametrize("function", list(dict.fromkeys(mistake[0] for mistake in FIRST)))
def test_each_mistake_is_named_for_other_shapes(function):
    """The mistakes of the two-layer net's layers are named for 20 more shapes."""
    for _, old, new, words in [mistake for mistake in FIRST if mistake[0] == function]:
        for seed in range(1, 21):
            found = findings_of(function, (old, new), seed=seed)
            assert found and all(re.search(words, finding) for finding in found), (new, seed, found)


# What two mistakes may look like together: a shape, a factor.
TOGETHER = "unknown|wrong shape|times what|is divided by|returns None|lacks the (correct class|norm)|m and v are"


@pytest.mark.parametrize("function", list(dict.fromkeys(mistake[0] for mistake in MISTAKES)))
def test_two_mistakes_in_one_function(function):
    """At least one is named, or a finding says that there are several. No finding names another mistake."""
    body = source_of(function)[1]
    for (_, *a, words), (_, *b, other) in combinations([m for m in MISTAKES if m[0] == function], 2):
        apart = b[0] in body.replace(*a) and a[0] in body.replace(*b) and a[0] != b[0]
        if apart and not {"pass"} & {a[1], b[1]}:
            found = findings_of(function, a, b)
            assert found and all(re.search(f"{words}|{other}|{TOGETHER}", finding) for finding in found), (a, b, found)


@pytest.mark.parametrize("style", STYLES)
def test_correct_layers_in_other_styles(style):
    """There is no finding for 50 shapes."""
    own = load(f"import numpy as np\n{STYLES[style]}")
    functions = load(f"{SOLVED}\n\n{STYLES[style]}")
    names = [name for name in functions if any(name in part(functions, other) for other in own)]
    for seed in range(50):
        report = check_functions({name: functions[name] for name in names}, seed)
        assert report.ok and report.stage == "done" and not report.unchecked, report


@pytest.mark.parametrize("source", FILES, ids=["layers", "classifiers", "rules"])
def test_correct_files(source):
    """There is no finding. The verdict names the functions that are checked, in the order of the course."""
    functions = load(source)
    report = check_functions(dict(reversed(functions.items())))
    assert report.ok and report.stage == "done" and set(report.functions) == set(functions), report
    assert not any("half" in note for note in report.notes)
    order = [name for name in functions if not name.startswith("affine_relu")]
    assert [name for name in report.functions if not name.startswith("affine_relu")] == order
    assert str(report).partition("No mistake found. Checked: ")[2].startswith(", ".join(report.functions))


@pytest.mark.parametrize("name", KINDS)
def test_formulas_of_the_check(name):
    """The gradients with which it compares are the numeric gradients of its outputs."""
    rng = np.random.default_rng(5)
    r = KINDS[name](KINDS[name].draw(rng), rng.standard_normal)
    if name == "dropout":
        return
    right = numeric_gradients(r.forward, r.args, r.names, r.wrt, r.dout) if r.value == "out" else {}
    if r.value == "loss":
        right = numeric_gradients(lambda *args: type(r)(args).right["loss"], r.args, r.names, r.wrt, np.array(1.0))
    for key, value in right.items():
        np.testing.assert_allclose(r.right[key], value, atol=1e-7)


def test_untouched_functions_are_named():
    """Each is named. The first one of the course is next."""
    report = check_functions(load(UNTOUCHED_LAYERS))
    assert len(report.findings) == 1 and report.stage == "affine_forward"
    assert "not written yet: affine_forward, affine_backward, relu_forward, relu_backward, softmax" in str(report)
    assert "Next: affine_forward: out = x w + b" in str(report)
    for name in load(UNTOUCHED_LAYERS):
        assert name in str(report)


@pytest.mark.parametrize("source, words", [
    (UNTOUCHED_SOFTMAX, ["not written yet: softmax_loss_naive, softmax_loss_vectorized. Next: softmax_loss_naive: "]),
    (UNTOUCHED_SVM, ["svm_loss_naive: the gradient of W is 0 everywhere", "not written yet: svm_loss_vectorized"]),
    (UNTOUCHED_RULES, ["not written yet: sgd_momentum, rmsprop, adam. Next: sgd_momentum"]),
])  # fmt: skip
def test_other_untouched_files(source, words):
    """What the course gives is correct. The rest is not written."""
    found = check_functions(load(source)).findings
    assert len(found) == len(words) and all(map(str.startswith, found, words)), found


def test_one_mistake_in_two_functions():
    """Each function has its finding."""
    source = SOLVED.replace("dbeta, dgamma = np.sum(dout, axis=0)", "dbeta, dgamma = dout")
    source = source.replace("dbeta = dout.sum(axis=0)", "dbeta = dout")
    found = check_functions(part(load(source), "batchnorm_backward")).findings
    names = [name for name, _, rest in (finding.partition(":") for finding in found) if "beta is not summed" in rest]
    assert names == ["batchnorm_backward", "batchnorm_backward_alt"], found


def test_function_of_another_kind():
    """A loss or a rule with other arguments is not one of the course."""
    assert check_functions(load("def sgd(net, X, y, steps):\n    pass\n")) is None


def test_names_of_the_students_code():
    """Findings name the arguments as the code does."""
    own = STYLES["other names"].replace("upstream.T @ np.ones(len(inputs))", "upstream")
    found = check_functions(part(load(f"{SOLVED}\n\n{own}"), "affine_backward")).findings
    assert found == ["affine_backward: the gradient of bias is not summed over the rows. Use .sum(axis=0)"]


def test_half_written_function():
    """A missing forward function, or gradients that are still None, are named. The others are checked."""
    functions = load(SOLVED)
    del functions["affine_forward"]
    assert check_functions(functions).ok
    source = SOLVED.replace("dx = dout * (x > 0)", "raise NotImplementedError")
    report = check_functions(load(source))
    calls = "affine_relu_forward: calls relu_backward. Correct or write that first"
    assert report.findings[0] == calls and report.findings[1].startswith("not written yet: relu_backward. "), report
    assert report.stage == "relu_backward"


def test_epsilon_inside_of_the_square_root():
    """It makes hardly a difference, so it is no mistake of a rule."""
    source = RULES.replace("(np.sqrt(cache) + config['epsilon'])", "np.sqrt(cache + config['epsilon'])")
    assert source != RULES and check_functions(load(source)).ok


def test_two_conventions_of_the_penalty():
    """Both are correct, with and without the half. But the functions of a file must agree."""
    other = CLASSIFIERS.replace("reg * np.sum(W * W)", "0.5 * reg * np.sum(W * W)").replace("2 * reg", "reg")
    assert check_functions(load(other)).ok
    start = CLASSIFIERS.index("def softmax_loss_vectorized")
    mixed = load(CLASSIFIERS[:start] + other[other.index("def softmax_loss_vectorized") :])
    assert check_functions(mixed).findings[0].startswith("softmax_loss_naive and softmax_loss_vectorized penalise W in")


def test_backward_of_a_wrong_forward():
    """The gradient of the wrong output is not blamed. A note says that it is not checked."""
    functions = with_mistakes("batchnorm_forward", ("var = x.var(axis=0)", "var = x.var(axis=0, ddof=1)"))
    report = check_functions(part(functions, "batchnorm_forward"))
    assert len(report.findings) == 1 and "ddof=1" in report.findings[0]
    assert "not checked: batchnorm_backward, batchnorm_backward_alt" in report.notes[0]


def test_exceptions_and_output():
    """An exception is a finding of its function, with the line. What is printed is not shown."""
    source = SOLVED.replace("dw = rows.T.dot(dout)", "print('debug'); dw = rows.dot(dout)")
    report = check_functions(part(load(source), "affine_backward"))
    assert re.search(r"affine_backward: raises ValueError: .*line \d+: print\('debug'\)", report.findings[0]), report


ANSWERS = [
    lambda *a: None, lambda *a: 1, lambda *a: (), lambda *a: (1, 2), lambda *a: ([1, 2], [3]), lambda *a: {"x": 1},
    lambda *a: (np.zeros((3, 4)), None), lambda *a: (np.array(["a"]), {}), lambda *a: (x for x in a), lambda: 1,
    lambda *a: (a[0], (x for x in a)), lambda *a: (a[0] * 1j, a), lambda *a: (np.array([1.0]), a[0]), lambda *a: a[0],
    lambda *a: (a[0], a[0], a[0]), lambda *a: (None, a[0]), lambda *a: (np.matrix(np.eye(2)), a), lambda *a: 1 / 0,
    lambda *a: (a[0][:-1], a), lambda *a: (a[0].astype(object), a), lambda *a: (True, a[0]),
]  # fmt: skip


@pytest.mark.parametrize("source", FILES, ids=["layers", "classifiers", "rules"])
def test_answers_of_any_kind(source):
    """A function that returns something else has a finding of its own; the others are checked."""
    functions = load(source)
    for name in functions:
        for answer in ANSWERS:

            def replaced(*arguments, answer=answer):
                return answer(*arguments)

            replaced.__name__ = name
            report = check_functions({**part(functions, name), name: replaced})
            harmless = report.ok and name.startswith("relu_backward")
            assert harmless or any(name in finding for finding in report.findings), (name, report)


NAMES = {"x": (7, 3), "w": (3, 4), "b": (4,)}


def given(**shapes):
    """Return random arrays of some shapes."""
    rng = np.random.default_rng(1)
    return [rng.standard_normal(shape) for shape in shapes.values()]


@pytest.mark.parametrize("shape", [(1, 3), (7, 3), (2, 3, 1)])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_check_layer(shape, dtype):
    """A correct layer has no finding, for N = 1 and float32 inputs, too. The inputs stay as they are."""
    functions = load(SOLVED)
    x, w, b = (array.astype(dtype) for array in given(**{**NAMES, "x": shape}))
    before = x.copy()
    report = check_layer(functions["affine_forward"], functions["affine_backward"], x, w, b)
    assert report.ok and report.stage == "done" and [row.name for row in report.rows] == ["x", "w", "b"], report
    assert [row.checked for row in report.rows] == [x.size, 12, 4] and (x == before).all()


def test_check_layer_of_a_wrong_forward():
    """A note says that backward is not checked."""
    functions = with_mistakes("batchnorm_forward", ("var = x.var(axis=0)", "var = x.var(axis=0, ddof=1)"))
    inputs = *given(x=(6, 4), gamma=4, beta=4), {"mode": "train"}
    report = check_layer(functions["batchnorm_forward"], functions["batchnorm_backward"], *inputs)
    assert "ddof=1" in report.findings[0] and report.notes[0].startswith("not checked: batchnorm_backward"), report


def test_check_layer_names_a_known_mistake():
    """The name of the function says which layer it is."""
    functions = with_mistakes("affine_backward", ("np.sum(dout, axis=0)", "dout[0]"))
    report = check_layer(functions["affine_forward"], functions["affine_backward"], *given(**NAMES))
    assert report.findings == ["affine_backward: the gradient of b is not summed over the rows, but that of one row. "
                               "Use .sum(axis=0)"] and report.stage == "gradients"  # fmt: skip


def two_outputs(x, h, v):
    """A layer of another kind: two outputs, one of which is 0 for half of the numbers."""
    return np.tanh(x @ v) + h, np.maximum(0, h), (x, h, v)


def two_outputs_backward(dtanh, drelu, cache, scale=1.0, spoilt=False):
    x, h, v = cache
    d = dtanh * (1 - np.tanh(x @ v) ** 2)
    dh = dtanh + drelu * (h > 0)
    dh[1, 2] += spoilt
    return d @ v.T, dh, scale * x.T @ d


@pytest.mark.parametrize("options, words", [
    ({}, None), ({"scale": 3.0}, "the gradient of v is 3 times what it should be"),
    ({"scale": -1.0}, "the gradient of v has the wrong sign"),
    ({"spoilt": True}, r"the gradient of h is wrong at \(1, 2\) only, of 28 coordinates"),
])  # fmt: skip
def test_layer_of_another_kind(options, words):
    """It is compared with numeric gradients alone, for all outputs."""

    def backward(*arguments):
        return two_outputs_backward(*arguments, **options)

    report = check_layer(two_outputs, backward, *given(x=(7, 3), h=(7, 4), v=(3, 4)))
    assert report.ok == (words is None) and all(re.search(words, finding) for finding in report.findings), report


def quadratic(x):
    return np.sum(x**2 / 2) + np.sum(np.abs(x[0]))


def right_gradient(x):
    grad = x.copy()
    grad[0] += np.sign(x[0])
    return grad


def at(*where, by=0.1):
    """Make a function that adds a number to one coordinate."""

    def change(grad):
        grad[where] += by
        return grad

    return change


@pytest.mark.parametrize("shape", [(3, 4), (4, 4), (120, 150)])
@pytest.mark.parametrize("change, words", [
    (lambda grad: grad, None), (lambda grad: 2 * grad, "is 2 times what it should be"),
    (lambda grad: -grad, "has the wrong sign"), (lambda grad: grad.T, "is transposed"),
    (lambda grad: 0 * grad, "is 0 everywhere"), (lambda grad: grad[0], r"has the shape \(\d+,\), but x has"),
    (lambda grad: grad + 0.01, "is wrong. The largest error is at"),
    (lambda grad: grad * np.nan, "wrong|nan"), (at(1, 2), r"is wrong at \(1, 2\) only"),
    (at(-1, -1, by=-1e-2), r"is wrong at \(\d+, \d+\) only"),
])  # fmt: skip
def test_check_gradient(shape, change, words):
    """The wrong gradient is explained. A single wrong number among thousands is found, too."""
    x = np.random.default_rng(0).standard_normal(shape)
    report = check_gradient(quadratic, x, change(right_gradient(x)))
    assert report.ok == (words is None) and all(re.search(words, finding) for finding in report.findings), report
    assert len(report.findings) == (words is not None)


def test_kinks_are_left_out():
    """They do not count, even if x lies at them. If there are too many, a note says so."""
    x = np.zeros((3, 4))
    x[1:] = 1.0
    report = check_gradient(lambda x: np.abs(x).sum(), x, np.sign(x) + (x == 0) * 0.5)
    assert report.ok and (report.rows[0].checked, report.rows[0].skipped) == (8, 4) and not report.notes
    report = check_gradient(lambda x: np.abs(x).sum(), 0 * x, 0.5 + x)
    assert (
        report.ok and report.rows[0].skipped == 12 and report.notes[0].startswith("more than half of the coordinates")
    )


def test_function_in_float32():
    """It is named, because numeric gradients then mean nothing."""
    x = np.random.default_rng(0).standard_normal((3, 4))
    report = check_gradient(lambda x: float(np.sum(x.astype(np.float32) ** 2)), x, 2 * x)
    assert report.findings == ["f is only as precise as float32, but this check needs float64. Compute without "
                               "astype(np.float32)"]  # fmt: skip


@pytest.mark.parametrize("options, words", [
    ({"h": 0}, "h must be"), ({"max_checks": 0}, "max_checks must be"), ({"rng": "x"}, "rng must be"),
])  # fmt: skip
def test_wrong_arguments(options, words):
    """The error names the argument."""
    with pytest.raises((TypeError, ValueError), match=words):
        check_gradient(quadratic, np.ones((2, 2)), np.ones((2, 2)), **options)
    with pytest.raises((TypeError, ValueError), match=words):
        check_layer(two_outputs, two_outputs_backward, **options)


def test_function_that_returns_an_array():
    """f must return one number."""
    with pytest.raises((TypeError, ValueError), match="f must return"):
        check_gradient(lambda x: x, np.ones((2, 2)), np.ones((2, 2)))
