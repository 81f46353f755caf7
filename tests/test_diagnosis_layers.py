"""Tests of the check of layers: each known mistake alone, in pairs, and none in correct layers."""

import inspect
import linecache

import numpy as np
import pytest
from course_files import CLASSIFIERS, RULES, SOLVED

from diagnosis.layers import check_gradient, check_layer
from diagnosis.layers import check_functions

# (function, its code, the code with the mistake, words of the finding)
MISTAKES = [
    ("affine_forward", "rows.dot(w) + b", "rows.dot(w)", "output lacks b"),
    ("affine_forward", "rows.dot(w) + b", "rows.dot(w) - b", "b is subtracted"),
    ("affine_forward", "rows.dot(w) + b", "np.maximum(0, rows.dot(w) + b)", "output has a ReLU"),
    ("affine_forward", "rows.dot(w) + b", "rows.dot(w) + 2 * b", "adds b twice"),
    ("affine_forward", "rows.dot(w) + b", "(rows.dot(w) + b).tolist()", "must be a float64 array, got a list"),
    ("affine_forward", "rows.dot(w) + b", "(rows.dot(w) + b).astype(np.float32)", "got an array of float32"),
    ("affine_forward", "rows.dot(w) + b", "2 * (rows.dot(w) + b)", "2 times what it should be"),
    ("affine_forward", "cache = (x, w, b)", "x *= 1.5; cache = (x, w, b)", "changes x in place"),
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
    ("affine_backward", "dout.dot(w.T).reshape(x.shape)", "3 * dout.dot(w.T).reshape(x.shape)", "x is 3 times what it should be"),
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
     "ReLU comes before|unknown"),
    ("affine_relu_forward", "affine_forward(x, w, b)", "affine_forward(x, w, 0 * b)", "output lacks b"),
    ("affine_relu_backward", "relu_backward(dout, relu_cache)", "dout", "flows through inactive"),
    ("affine_relu_backward", "relu_backward(dout, relu_cache)", "dout * (relu_cache <= 0)", "1 for inactive units"),
    ("affine_relu_backward", "relu_backward(dout, relu_cache)", "relu_backward(dout, dout)", "sign of the gradient"),
    ("batchnorm_forward", "gamma * xhat + beta", "xhat + beta", "output lacks gamma$"),
    ("batchnorm_forward", "gamma * xhat + beta", "gamma * xhat", "output lacks beta"),
    ("batchnorm_forward", "gamma * xhat + beta", "xhat", "lacks gamma and beta"),
    ("batchnorm_forward", "gamma * xhat + beta", "beta * xhat + gamma", "are exchanged in the output"),
    ("batchnorm_forward", "np.sqrt(var + eps)\n", "np.sqrt(var)\n", "output lacks eps"),
    ("batchnorm_forward", "np.sqrt(var + eps)\n", "np.sqrt(var) + eps\n", "eps is outside"),
    ("batchnorm_forward", "np.sqrt(var + eps)\n", "var + eps\n", "divided by the variance"),
    ("batchnorm_forward", "var = x.var(axis=0)", "var = x.var(axis=0, ddof=1)", "ddof=1"),
    ("batchnorm_forward", "(x - mean) / std", "x / std", "mean is not subtracted"),
    ("batchnorm_forward", "= momentum * running_mean + (1 - momentum)", "= (1 - momentum) * running_mean + momentum",
     "momentum and 1 - momentum are exchanged in running_mean"),
    ("batchnorm_forward", "bn_param['running_var'] = running_var", "pass", "are not updated"),
    ("batchnorm_forward", "(1 - momentum) * var", "(1 - momentum) * np.sqrt(var)", "standard deviations"),
    ("batchnorm_forward", "(x - running_mean) / np.sqrt(running_var + eps)", "(x - x.mean(0)) / np.sqrt(x.var(0) + eps)",
     "in test mode is that of the batch"),
    ("batchnorm_forward", "/ np.sqrt(running_var + eps)", "/ (running_var + eps)", "test mode is divided by the variance"),
    ("batchnorm_backward", "(dout * xhat).sum(axis=0)", "dout.sum(axis=0)", "gamma lacks the normalised x"),
    ("batchnorm_backward", "(dout * xhat).sum(axis=0)", "(dout * x).sum(axis=0)", "gamma uses x instead"),
    ("batchnorm_backward", "(dout * xhat).sum(axis=0)", "(dout * out).sum(axis=0)", "gamma uses the output"),
    ("batchnorm_backward", "(dout * xhat).sum(axis=0)", "dout * xhat", "gamma is not summed over the rows"),
    ("batchnorm_backward", "dbeta = dout.sum(axis=0)", "dbeta = dout.mean(axis=0)", "beta is averaged"),
    ("batchnorm_backward", "(d - d.mean(axis=0) - xhat * (d * xhat).mean(axis=0)) / std", "d / std", "as constants"),
    ("batchnorm_backward", " - d.mean(axis=0) - ", " - ", "lacks the term of the mean"),
    ("batchnorm_backward", " - xhat * (d * xhat).mean(axis=0)", "", "lacks the term of the variance"),
    ("batchnorm_backward", "d = dout * gamma", "d = dout", "gradient of x lacks gamma"),
    ("batchnorm_backward", "xhat * (d * xhat).mean(axis=0)", "xhat * (d * xhat).sum(axis=0)", "sums instead of means"),
    ("layernorm_forward", "x.mean(axis=1, keepdims=True)", "x.mean(axis=0)", "unknown"),
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
    ("rmsprop", "config['cache'] = cache", "pass", "cache is not kept"),
    ("rmsprop", "np.sqrt(cache)", "cache", "square root is missing"),
    ("rmsprop", "(1 - config['decay_rate']) * dw ** 2", "(1 - config['decay_rate']) * dw", "dw is not squared"),
    ("rmsprop", "config['decay_rate'] * config['cache'] + (1 - config['decay_rate'])", "config['cache'] + 1",
     "unknown"),
    ("adam", "config['t'] += 1", "config['t'] = 1", "t stays the same"),
    ("adam", "config['m'], config['v'] = m, v", "pass", "m and v are not kept"),
    ("adam", "mt = m / (1 - config['beta1'] ** config['t'])", "mt = m", "m is not corrected"),
    ("adam", "vt = v / (1 - config['beta2'] ** config['t'])", "vt = v", "v is not corrected"),
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
