"""Files as students of the course have them, written anew: a solved `layers.py`, and untouched files."""

SOLVED = """
import numpy as np


def affine_forward(x, w, b):
    rows = x.reshape(x.shape[0], -1)
    out = rows.dot(w) + b
    cache = (x, w, b)
    return out, cache


def affine_backward(dout, cache):
    x, w, b = cache
    rows = x.reshape(x.shape[0], -1)
    dx = dout.dot(w.T).reshape(x.shape)
    dw = rows.T.dot(dout)
    db = np.sum(dout, axis=0)
    return dx, dw, db


def relu_forward(x):
    out = np.maximum(0, x)
    cache = x
    return out, cache


def relu_backward(dout, cache):
    x = cache
    dx = dout * (x > 0)
    return dx


def softmax_loss(x, y):
    N = x.shape[0]
    shifted = x - x.max(axis=1, keepdims=True)
    logp = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    loss = -logp[np.arange(N), y].sum() / N
    dx = np.exp(logp)
    dx[np.arange(N), y] -= 1
    dx /= N
    return loss, dx


def svm_loss(x, y):
    N = x.shape[0]
    right = x[np.arange(N), y][:, np.newaxis]
    margins = np.maximum(0, x - right + 1.0)
    margins[np.arange(N), y] = 0
    loss = margins.sum() / N
    dx = (margins > 0).astype(float)
    dx[np.arange(N), y] -= dx.sum(axis=1)
    dx /= N
    return loss, dx


def affine_relu_forward(x, w, b):
    a, fc_cache = affine_forward(x, w, b)
    out, relu_cache = relu_forward(a)
    return out, (fc_cache, relu_cache)


def affine_relu_backward(dout, cache):
    fc_cache, relu_cache = cache
    da = relu_backward(dout, relu_cache)
    return affine_backward(da, fc_cache)


def batchnorm_forward(x, gamma, beta, bn_param):
    eps, momentum = bn_param.get('eps', 1e-5), bn_param.get('momentum', 0.9)
    running_mean = bn_param.get('running_mean', np.zeros(x.shape[1]))
    running_var = bn_param.get('running_var', np.zeros(x.shape[1]))
    if bn_param['mode'] == 'train':
        mean = x.mean(axis=0)
        var = x.var(axis=0)
        std = np.sqrt(var + eps)
        xhat = (x - mean) / std
        out = gamma * xhat + beta
        running_mean = momentum * running_mean + (1 - momentum) * mean
        running_var = momentum * running_var + (1 - momentum) * var
        cache = (xhat, std, gamma, x, out)
    else:
        out = gamma * (x - running_mean) / np.sqrt(running_var + eps) + beta
        cache = None
    bn_param['running_mean'] = running_mean
    bn_param['running_var'] = running_var
    return out, cache


def batchnorm_backward(dout, cache):
    xhat, std, gamma, x, out = cache
    N = dout.shape[0]
    dbeta = dout.sum(axis=0)
    dgamma = (dout * xhat).sum(axis=0)
    d = dout * gamma
    dx = (d - d.mean(axis=0) - xhat * (d * xhat).mean(axis=0)) / std
    return dx, dgamma, dbeta


def batchnorm_backward_alt(dout, cache):
    xhat, std, gamma, x, out = cache
    N = dout.shape[0]
    dbeta, dgamma = np.sum(dout, axis=0), np.sum(dout * xhat, axis=0)
    dx = gamma / (N * std) * (N * dout - dbeta - xhat * dgamma)
    return dx, dgamma, dbeta


def layernorm_forward(x, gamma, beta, ln_param):
    eps = ln_param.get('eps', 1e-5)
    mean = x.mean(axis=1, keepdims=True)
    std = np.sqrt(x.var(axis=1, keepdims=True) + eps)
    xhat = (x - mean) / std
    out = gamma * xhat + beta
    return out, (xhat, std, gamma, x)


def layernorm_backward(dout, cache):
    xhat, std, gamma, x = cache
    dbeta = dout.sum(axis=0)
    dgamma = (dout * xhat).sum(axis=0)
    d = dout * gamma
    dx = (d - d.mean(axis=1, keepdims=True) - xhat * (d * xhat).mean(axis=1, keepdims=True)) / std
    return dx, dgamma, dbeta


def dropout_forward(x, dropout_param):
    p, mode = dropout_param['p'], dropout_param['mode']
    if 'seed' in dropout_param:
        np.random.seed(dropout_param['seed'])
    mask = None
    out = None
    if mode == 'train':
        mask = (np.random.rand(*x.shape) < p) / p
        out = x * mask
    elif mode == 'test':
        out = x
    cache = (dropout_param, mask, x)
    return out, cache


def dropout_backward(dout, cache):
    dropout_param, mask, x = cache
    dx = None
    if dropout_param['mode'] == 'train':
        dx = dout * mask
    elif dropout_param['mode'] == 'test':
        dx = dout
    return dx


def conv_forward_naive(x, w, b, conv_param):
    pad, stride = conv_param['pad'], conv_param['stride']
    N, C, H, W = x.shape
    F, _, HH, WW = w.shape
    padded = np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
    rows, cols = 1 + (H + 2 * pad - HH) // stride, 1 + (W + 2 * pad - WW) // stride
    out = np.zeros((N, F, rows, cols))
    for i in range(rows):
        for j in range(cols):
            window = padded[:, :, i * stride:i * stride + HH, j * stride:j * stride + WW]
            out[:, :, i, j] = np.tensordot(window, w, ((1, 2, 3), (1, 2, 3))) + b
    return out, (x, w, b, conv_param)


def conv_backward_naive(dout, cache):
    x, w, b, conv_param = cache
    pad, stride = conv_param['pad'], conv_param['stride']
    HH, WW = w.shape[2:]
    padded = np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
    dpadded, dw = np.zeros(padded.shape), np.zeros(w.shape)
    for i in range(dout.shape[2]):
        for j in range(dout.shape[3]):
            place = np.s_[:, :, i * stride:i * stride + HH, j * stride:j * stride + WW]
            dpadded[place] += np.tensordot(dout[:, :, i, j], w, (1, 0))
            dw += np.tensordot(dout[:, :, i, j], padded[place], (0, 0))
    db = dout.sum(axis=(0, 2, 3))
    dx = dpadded[:, :, pad:-pad, pad:-pad]
    return dx, dw, db


def max_pool_forward_naive(x, pool_param):
    h, w, s = pool_param['pool_height'], pool_param['pool_width'], pool_param['stride']
    N, C, H, W = x.shape
    out = np.zeros((N, C, 1 + (H - h) // s, 1 + (W - w) // s))
    for i in range(out.shape[2]):
        for j in range(out.shape[3]):
            out[:, :, i, j] = x[:, :, i * s:i * s + h, j * s:j * s + w].max(axis=(2, 3))
    return out, (x, pool_param)


def max_pool_backward_naive(dout, cache):
    x, pool_param = cache
    h, w, s = pool_param['pool_height'], pool_param['pool_width'], pool_param['stride']
    dx = np.zeros(x.shape)
    for n, c, i, j in np.ndindex(*dout.shape):
        window = x[n, c, i * s:i * s + h, j * s:j * s + w]
        mask = window == window.max()
        dx[n, c, i * s:i * s + h, j * s:j * s + w] += mask * dout[n, c, i, j]
    return dx


def spatial_batchnorm_forward(x, gamma, beta, bn_param):
    N, C, H, W = x.shape
    columns = x.transpose(0, 2, 3, 1).reshape(-1, C)
    out, cache = batchnorm_forward(columns, gamma, beta, bn_param)
    return out.reshape(N, H, W, C).transpose(0, 3, 1, 2), cache


def spatial_batchnorm_backward(dout, cache):
    N, C, H, W = dout.shape
    dx, dgamma, dbeta = batchnorm_backward(dout.transpose(0, 2, 3, 1).reshape(-1, C), cache)
    return dx.reshape(N, H, W, C).transpose(0, 3, 1, 2), dgamma, dbeta


def spatial_groupnorm_forward(x, gamma, beta, G, gn_param):
    eps = gn_param.get('eps', 1e-5)
    groups = x.reshape(x.shape[0] * G, -1)
    std = np.sqrt(groups.var(axis=1, keepdims=True) + eps)
    xhat = ((groups - groups.mean(axis=1, keepdims=True)) / std).reshape(x.shape)
    out = gamma * xhat + beta
    return out, (xhat, std, gamma, G)


def spatial_groupnorm_backward(dout, cache):
    xhat, std, gamma, G = cache
    dbeta = dout.sum(axis=(0, 2, 3), keepdims=True)
    dgamma = (dout * xhat).sum(axis=(0, 2, 3), keepdims=True)
    d, n = (a.reshape(dout.shape[0] * G, -1) for a in (dout * gamma, xhat))
    dx = (d - d.mean(axis=1, keepdims=True) - n * (d * n).mean(axis=1, keepdims=True)) / std
    return dx.reshape(dout.shape), dgamma, dbeta
"""

CLASSIFIERS = """
import numpy as np


def softmax_loss_naive(W, X, y, reg):
    loss = 0.0
    dW = np.zeros_like(W)
    for i in range(X.shape[0]):
        scores = X[i].dot(W)
        scores -= scores.max()
        p = np.exp(scores) / np.exp(scores).sum()
        loss -= np.log(p[y[i]])
        p[y[i]] -= 1
        dW += np.outer(X[i], p)
    loss = loss / X.shape[0] + reg * np.sum(W * W)
    dW = dW / X.shape[0] + 2 * reg * W
    return loss, dW


def softmax_loss_vectorized(W, X, y, reg):
    N = X.shape[0]
    scores = X.dot(W)
    scores -= scores.max(axis=1, keepdims=True)
    logp = scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))
    loss = -logp[np.arange(N), y].mean() + reg * np.sum(W * W)
    p = np.exp(logp)
    p[np.arange(N), y] -= 1
    dW = X.T.dot(p) / N + 2 * reg * W
    return loss, dW


def svm_loss_naive(W, X, y, reg):
    dW = np.zeros(W.shape)
    loss = 0.0
    for i in range(X.shape[0]):
        scores = X[i].dot(W)
        for j in range(W.shape[1]):
            if j == y[i]:
                continue
            margin = scores[j] - scores[y[i]] + 1
            if margin > 0:
                loss += margin
                dW[:, j] += X[i]
                dW[:, y[i]] -= X[i]
    loss /= X.shape[0]
    dW /= X.shape[0]
    loss += reg * np.sum(W * W)
    dW += 2 * reg * W
    return loss, dW


def svm_loss_vectorized(W, X, y, reg):
    N = X.shape[0]
    scores = X.dot(W)
    margins = np.maximum(0, scores - scores[np.arange(N), y].reshape(-1, 1) + 1)
    margins[np.arange(N), y] = 0
    loss = margins.sum() / N + reg * np.sum(W * W)
    mask = (margins > 0).astype(float)
    mask[np.arange(N), y] = -mask.sum(axis=1)
    dW = X.T.dot(mask) / N + 2 * reg * W
    return loss, dW
"""

RULES = """
import numpy as np


def sgd(w, dw, config=None):
    if config is None:
        config = {}
    config.setdefault('learning_rate', 1e-2)
    w -= config['learning_rate'] * dw
    return w, config


def sgd_momentum(w, dw, config=None):
    if config is None:
        config = {}
    config.setdefault('learning_rate', 1e-2)
    config.setdefault('momentum', 0.9)
    v = config.get('velocity', np.zeros_like(w))
    v = config['momentum'] * v - config['learning_rate'] * dw
    next_w = w + v
    config['velocity'] = v
    return next_w, config


def rmsprop(w, dw, config=None):
    if config is None:
        config = {}
    config.setdefault('learning_rate', 1e-2)
    config.setdefault('decay_rate', 0.99)
    config.setdefault('epsilon', 1e-8)
    config.setdefault('cache', np.zeros_like(w))
    cache = config['decay_rate'] * config['cache'] + (1 - config['decay_rate']) * dw ** 2
    next_w = w - config['learning_rate'] * dw / (np.sqrt(cache) + config['epsilon'])
    config['cache'] = cache
    return next_w, config


def adam(w, dw, config=None):
    if config is None:
        config = {}
    config.setdefault('learning_rate', 1e-3)
    config.setdefault('beta1', 0.9)
    config.setdefault('beta2', 0.999)
    config.setdefault('epsilon', 1e-8)
    config.setdefault('m', np.zeros_like(w))
    config.setdefault('v', np.zeros_like(w))
    config.setdefault('t', 0)
    config['t'] += 1
    m = config['beta1'] * config['m'] + (1 - config['beta1']) * dw
    v = config['beta2'] * config['v'] + (1 - config['beta2']) * dw ** 2
    config['m'], config['v'] = m, v
    mt = m / (1 - config['beta1'] ** config['t'])
    vt = v / (1 - config['beta2'] ** config['t'])
    next_w = w - config['learning_rate'] * mt / (np.sqrt(vt) + config['epsilon'])
    return next_w, config
"""

FC_NET = """
from builtins import range
import numpy as np

from ..layers import *
from ..layer_utils import *


class TwoLayerNet(object):
    def __init__(self, input_dim=3 * 32 * 32, hidden_dim=100, num_classes=10, weight_scale=1e-3, reg=0.0):
        self.params = {}
        self.reg = reg
        self.params['W1'] = weight_scale * np.random.randn(input_dim, hidden_dim)
        self.params['b1'] = np.zeros(hidden_dim)
        self.params['W2'] = weight_scale * np.random.randn(hidden_dim, num_classes)
        self.params['b2'] = np.zeros(num_classes)

    def loss(self, X, y=None):
        hidden, first = affine_relu_forward(X, self.params['W1'], self.params['b1'])
        scores, second = affine_forward(hidden, self.params['W2'], self.params['b2'])
        if y is None:
            return scores
        loss, dscores = softmax_loss(scores, y)
        loss += 0.5 * self.reg * (np.sum(self.params['W1'] ** 2) + np.sum(self.params['W2'] ** 2))
        grads = {}
        dhidden, grads['W2'], grads['b2'] = affine_backward(dscores, second)
        _, grads['W1'], grads['b1'] = affine_relu_backward(dhidden, first)
        grads['W1'] += self.reg * self.params['W1']
        grads['W2'] += self.reg * self.params['W2']
        return loss, grads
"""

DEEP_NET = """
import numpy as np

from ..layers import *
from ..layer_utils import *


class FullyConnectedNet(object):
    def __init__(self, hidden_dims, input_dim=3 * 32 * 32, num_classes=10, dropout_keep_ratio=1,
                 normalization=None, reg=0.0, weight_scale=1e-2, dtype=np.float32, seed=None):
        self.normalization = normalization
        self.use_dropout = dropout_keep_ratio != 1
        self.reg = reg
        self.num_layers = 1 + len(hidden_dims)
        self.dtype = dtype
        self.params = {}
        widths = [input_dim, *hidden_dims, num_classes]
        for i in range(1, self.num_layers + 1):
            self.params['W%d' % i] = weight_scale * np.random.randn(widths[i - 1], widths[i])
            self.params['b%d' % i] = np.zeros(widths[i])
        for k, v in self.params.items():
            self.params[k] = v.astype(dtype)

    def loss(self, X, y=None):
        X = X.astype(self.dtype)
        a, caches, L = X, [], self.num_layers
        for i in range(1, L):
            a, cache = affine_relu_forward(a, self.params['W%d' % i], self.params['b%d' % i])
            caches.append(cache)
        scores, last = affine_forward(a, self.params['W%d' % L], self.params['b%d' % L])
        if y is None:
            return scores
        loss, grads = 0.0, {}
        loss, d = softmax_loss(scores, y)
        for i in range(1, L + 1):
            loss += 0.5 * self.reg * np.sum(self.params['W%d' % i] ** 2)
        d, grads['W%d' % L], grads['b%d' % L] = affine_backward(d, last)
        for i in range(L - 1, 0, -1):
            d, grads['W%d' % i], grads['b%d' % i] = affine_relu_backward(d, caches[i - 1])
        for i in range(1, L + 1):
            grads['W%d' % i] += self.reg * self.params['W%d' % i]
        return loss, grads
"""


BANNER = "    ###########################################################################\n"
TODO = (
    BANNER
    + "    # TODO: {}\n"
    + BANNER
    + "    # *****START OF YOUR CODE (DO NOT DELETE/MODIFY THIS LINE)*****\n\n    pass\n\n"
)
TODO += "    # *****END OF YOUR CODE (DO NOT DELETE/MODIFY THIS LINE)*****\n" + BANNER
TODO += "    #                             END OF YOUR CODE\n" + BANNER


def stub(signature, before, returned, todo="write this function"):
    """Return the source of a function that is handed out."""
    lines = "".join(f"    {line}\n" for line in before)
    return f'def {signature}:\n    """Docstring of the course."""\n{lines}{TODO.format(todo)}    return {returned}\n'


NORM = "out, cache = None, None", "eps = bn_param.get('eps', 1e-5)"
MODES = ["mode = bn_param['mode']", *NORM, "if mode == 'train':", "    pass", "elif mode == 'test':", "    pass"]
MODES += ["else:", "    raise ValueError('Invalid forward batchnorm mode')"]
GRADS = ["dx, dgamma, dbeta = None, None, None"]
UNTOUCHED_LAYERS = "from builtins import range\nimport numpy as np\n\n\n" + "\n\n".join([
    stub("affine_forward(x, w, b)", ["out = None"], "out, (x, w, b)"),
    stub("affine_backward(dout, cache)", ["x, w, b = cache", "dx, dw, db = None, None, None"], "dx, dw, db"),
    stub("relu_forward(x)", ["out = None"], "out, x"),
    stub("relu_backward(dout, cache)", ["dx, x = None, cache"], "dx"),
    stub("softmax_loss(x, y)", ["loss, dx = None, None"], "loss, dx"),
    stub("batchnorm_forward(x, gamma, beta, bn_param)", MODES, "out, cache"),
    stub("batchnorm_backward(dout, cache)", GRADS, "dx, dgamma, dbeta"),
    stub("batchnorm_backward_alt(dout, cache)", GRADS, "dx, dgamma, dbeta"),
    stub("layernorm_forward(x, gamma, beta, ln_param)", ["out, cache = None, None"], "out, cache"),
    stub("layernorm_backward(dout, cache)", GRADS, "dx, dgamma, dbeta"),
    "def dropout_forward(x, dropout_param):\n    p, mode = dropout_param['p'], dropout_param['mode']\n"
    "    if 'seed' in dropout_param:\n        np.random.seed(dropout_param['seed'])\n    mask = None\n    out = None\n"
    "    if mode == 'train':\n        # TODO\n        pass\n    elif mode == 'test':\n        pass\n"
    "    cache = (dropout_param, mask)\n    out = out.astype(x.dtype, copy=False)\n    return out, cache\n",
    "def dropout_backward(dout, cache):\n    dropout_param, mask = cache\n    mode = dropout_param['mode']\n"
    "    dx = None\n"
    "    if mode == 'train':\n        pass\n    elif mode == 'test':\n        dx = dout\n    return dx\n",
    stub("conv_forward_naive(x, w, b, conv_param)", ["out = None"], "out, (x, w, b, conv_param)"),
    stub("conv_backward_naive(dout, cache)", ["dx, dw, db = None, None, None"], "dx, dw, db"),
    stub("max_pool_forward_naive(x, pool_param)", ["out = None"], "out, (x, pool_param)"),
    stub("max_pool_backward_naive(dout, cache)", ["dx = None"], "dx"),
    stub("spatial_batchnorm_forward(x, gamma, beta, bn_param)", ["out, cache = None, None"], "out, cache"),
    stub("spatial_batchnorm_backward(dout, cache)", GRADS, "dx, dgamma, dbeta"),
    stub("spatial_groupnorm_forward(x, gamma, beta, G, gn_param)", ["out, cache = None, None"], "out, cache"),
    stub("spatial_groupnorm_backward(dout, cache)", GRADS, "dx, dgamma, dbeta"),
])  # fmt: skip
ZEROS = ["loss = 0.0", "dW = np.zeros_like(W)"]
UNTOUCHED_SOFTMAX = "import numpy as np\n\n\n" + "\n\n".join(
    stub(f"softmax_loss_{kind}(W, X, y, reg)", ZEROS, "loss, dW") for kind in ("naive", "vectorized")
)
# The file of 2025 and that of the SVM give the naive loss.
UNTOUCHED_SVM = CLASSIFIERS[CLASSIFIERS.index("def svm_loss_naive") : CLASSIFIERS.index("def svm_loss_vectorized")]
UNTOUCHED_SVM = UNTOUCHED_SVM.replace("                dW[:, j] += X[i]\n                dW[:, y[i]] -= X[i]\n", "")
UNTOUCHED_SVM = (
    "import numpy as np\n\n\n"
    + UNTOUCHED_SVM.replace("    dW += 2 * reg * W\n", "")
    + stub("svm_loss_vectorized(W, X, y, reg)", ["loss = 0.0", "dW = np.zeros(W.shape)"], "loss, dW")
)
UNTOUCHED_RULES = RULES[: RULES.index("def sgd_momentum")] + "\n\n".join(
    stub(f"{name}(w, dw, config=None)", ["if config is None:", "    config = {}",
                                         "config.setdefault('learning_rate', 1e-2)", "next_w = None"], "next_w, config")
    for name in ("sgd_momentum", "rmsprop", "adam")
)  # fmt: skip
UNTOUCHED_DEEP = DEEP_NET[: DEEP_NET.index("        widths =")] + TODO.format("weights").replace("\n    ", "\n        ")
UNTOUCHED_DEEP = (
    UNTOUCHED_DEEP.rstrip()
    + """
        for k, v in self.params.items():
            self.params[k] = v.astype(dtype)

    def loss(self, X, y=None):
        X = X.astype(self.dtype)
        mode = 'test' if y is None else 'train'
        scores = None
        if mode == 'test':
            return scores
        loss, grads = 0.0, {}
        return loss, grads
"""
)

# Ten strangers' habits: the same functions in other styles. Each replaces functions of SOLVED.
STYLES = {
    "einsum": """
def affine_forward(x, w, b):
    N = len(x)
    return np.einsum('nd,dm->nm', x.reshape(N, -1), w) + b[None], dict(x=x, w=w, b=b)


def affine_backward(dout, cache):
    x, w = cache['x'], cache['w']
    dx = np.einsum('nm,dm->nd', dout, w).reshape(*x.shape)
    dw = np.einsum('nd,nm->dm', x.reshape(len(x), -1), dout)
    return dx, dw, np.einsum('nm->m', dout)
""",
    "loops": """
def affine_forward(x, w, b):
    N, M = x.shape[0], w.shape[1]
    out = np.zeros((N, M))
    for i in range(N):
        for j in range(M):
            out[i, j] = np.sum(x[i].flatten() * w[:, j]) + b[j]
    return out, (x, w, b)


def affine_backward(dout, cache):
    x, w, b = cache
    N = x.shape[0]
    dx, dw, db = np.zeros((N, w.shape[0])), np.zeros(w.shape), np.zeros(b.shape)
    for i in range(N):
        for j in range(dout.shape[1]):
            dx[i] += dout[i, j] * w[:, j]
            dw[:, j] += dout[i, j] * x[i].ravel()
            db[j] += dout[i, j]
    return dx.reshape(x.shape), dw, db


def relu_forward(x):
    out = np.copy(x)
    for index in np.ndindex(*x.shape):
        if out[index] < 0:
            out[index] = 0.0
    return out, x


def softmax_loss(x, y):
    N, C = x.shape
    loss, dx = 0.0, np.zeros_like(x)
    for i in range(N):
        e = np.exp(x[i] - np.max(x[i]))
        p = e / np.sum(e)
        loss += -np.log(p[y[i]])
        for j in range(C):
            dx[i, j] = (p[j] - (j == y[i])) / N
    return loss / N, dx


def svm_loss(x, y):
    N, C = x.shape
    loss, dx = 0, np.zeros(x.shape)
    for i in range(N):
        for j in range(C):
            margin = x[i, j] - x[i, y[i]] + 1
            if j != y[i] and margin > 0:
                loss += margin / N
                dx[i, j] += 1 / N
                dx[i, y[i]] -= 1 / N
    return loss, dx
""",
    "other names": """
def affine_forward(inputs, weights, bias):
    flat = inputs.reshape(inputs.shape[0], np.prod(inputs.shape[1:]))
    return flat @ weights + bias.reshape(1, -1), [inputs, weights, bias]


def affine_backward(upstream, saved):
    inputs, weights, bias = saved
    d_inputs = np.reshape(upstream @ weights.T, inputs.shape)
    d_weights = np.matmul(inputs.reshape(len(inputs), -1).T, upstream)
    d_bias = upstream.T @ np.ones(len(inputs))
    return [d_inputs, d_weights, d_bias]


def relu_forward(z):
    return z * (z > 0), z


def relu_backward(g, z):
    return np.where(z > 0, g, 0)


def softmax_loss(logits, labels):
    logits = logits - np.max(logits, axis=1).reshape(-1, 1)
    p = np.exp(logits) / np.sum(np.exp(logits), axis=1)[:, None]
    onehot = np.eye(logits.shape[1])[labels]
    return -(onehot * np.log(p)).sum() / len(labels), (p - onehot) / len(labels)
""",
    "in place on copies": """
def relu_forward(x):
    out = x.copy()
    out[out < 0] = 0
    return out, (x,)


def relu_backward(dout, cache):
    x, = cache
    dx = np.array(dout, copy=True)
    dx[x <= 0] = 0
    return dx


def softmax_loss(x, y):
    p = x.copy()
    p -= np.max(p, axis=1, keepdims=True)
    np.exp(p, out=p)
    p /= p.sum(axis=1, keepdims=True)
    loss = np.mean(-np.log(p[range(len(x)), y]))
    p[range(len(x)), y] -= 1
    p /= len(x)
    return loss, p
""",
    "object as cache": """
class Saved:
    def __init__(self, **values):
        self.__dict__.update(values)


def affine_forward(x, w, b):
    return x.reshape(len(x), -1).dot(w) + b, Saved(x=x, w=w)


def affine_backward(dout, cache):
    dx = dout.dot(cache.w.T)
    dx.shape = cache.x.shape
    return dx, cache.x.reshape(len(cache.x), -1).T.dot(dout), np.add.reduce(dout)


def relu_forward(x):
    mask = x > 0
    return mask * x, Saved(mask=mask)


def relu_backward(dout, cache):
    return cache.mask * dout
""",
    "helpers": """
def rows_of(x):
    return x.reshape((x.shape[0], -1))


def affine_forward(x, w, b):
    return np.dot(rows_of(x), w) + b, (x, w, b)


def affine_backward(dout, cache):
    x, w, _ = cache
    return np.dot(dout, w.T).reshape(x.shape), np.dot(rows_of(x).T, dout), dout.sum(0)


def affine_relu_forward(x, w, b):
    z = np.dot(rows_of(x), w) + b
    return np.maximum(z, 0), (x, w, z)


def affine_relu_backward(dout, cache):
    x, w, z = cache
    dz = np.where(z > 0, dout, 0.0)
    return affine_backward(dz, (x, w, None))
""",
    "floats": """
def affine_forward(x, w, b):
    out = np.asarray(np.float64(x.reshape(x.shape[0], -1) @ w)) + b.astype(float)
    return out, (x, w, b)


def svm_loss(x, y):
    N = np.float64(x.shape[0])
    margins = (x.T - x[np.arange(len(x)), y] + 1.).T
    margins = np.clip(margins, 0, None)
    margins[np.arange(len(x)), y] = 0.
    dx = np.sign(margins)
    dx[np.arange(len(x)), y] = -np.sum(dx, axis=1)
    return np.float64(np.sum(margins) / N), dx / N


def softmax_loss(x, y):
    shift = x - np.amax(x, axis=1, keepdims=True)
    Z = np.sum(np.exp(shift), axis=1, keepdims=True)
    log_p = shift - np.log(Z)
    p = np.exp(log_p)
    loss = float(-np.sum(log_p[np.arange(len(x)), y])) / float(len(x))
    p[np.arange(len(x)), y] -= 1.
    return loss, p / float(len(x))
""",
    "steps of the graph": """
def batchnorm_forward(x, gamma, beta, bn_param):
    mode, eps, momentum = bn_param['mode'], bn_param.get('eps', 1e-5), bn_param.get('momentum', 0.9)
    N, D = x.shape
    running_mean = bn_param.get('running_mean', np.zeros(D, dtype=x.dtype))
    running_var = bn_param.get('running_var', np.zeros(D, dtype=x.dtype))
    out, cache = None, None
    if mode == 'train':
        mu = 1. / N * np.sum(x, axis=0)
        xmu = x - mu
        var = 1. / N * np.sum(xmu ** 2, axis=0)
        sqrtvar = np.sqrt(var + eps)
        ivar = 1. / sqrtvar
        xhat = xmu * ivar
        out = gamma * xhat + beta
        running_mean = momentum * running_mean + (1.0 - momentum) * mu
        running_var = momentum * running_var + (1.0 - momentum) * var
        cache = (xhat, gamma, xmu, ivar, sqrtvar)
    elif mode == 'test':
        out = (x - running_mean) / np.sqrt(running_var + eps) * gamma + beta
    else:
        raise ValueError(mode)
    bn_param['running_mean'], bn_param['running_var'] = running_mean, running_var
    return out, cache


def batchnorm_backward(dout, cache):
    xhat, gamma, xmu, ivar, sqrtvar = cache
    N, D = dout.shape
    dbeta = np.sum(dout, axis=0)
    dgamma = np.sum(dout * xhat, axis=0)
    dxhat = dout * gamma
    divar = np.sum(dxhat * xmu, axis=0)
    dxmu1 = dxhat * ivar
    dsqrtvar = -1. / sqrtvar ** 2 * divar
    dvar = 0.5 / sqrtvar * dsqrtvar
    dxmu2 = 2 * xmu * (1. / N * np.ones((N, D)) * dvar)
    dx1 = dxmu1 + dxmu2
    dmu = -np.sum(dx1, axis=0)
    return dx1 + 1. / N * np.ones((N, D)) * dmu, dgamma, dbeta


def batchnorm_backward_alt(dout, cache):
    return batchnorm_backward(dout, cache)
""",
    "layer by transposition": """
def layernorm_forward(x, gamma, beta, ln_param):
    eps = ln_param.get('eps', 1e-5)
    t = x.T
    mu, var = t.mean(0), t.var(0)
    hat = ((t - mu) / np.sqrt(var + eps)).T
    return hat * gamma + beta, (hat, gamma, 1 / np.sqrt(var + eps))


def layernorm_backward(dout, cache):
    hat, gamma, inverse = cache
    D = hat.shape[1]
    d = (dout * gamma).T
    h = hat.T
    dx = (inverse / D * (D * d - d.sum(0) - h * (d * h).sum(0))).T
    return dx, (dout * hat).sum(0), dout.sum(0)


def dropout_forward(x, dropout_param):
    if dropout_param['mode'] == 'train':
        mask = np.random.binomial(1, dropout_param['p'], x.shape) / dropout_param['p']
        return x * mask, ('train', mask)
    return x, ('test', None)


def dropout_backward(dout, cache):
    return dout * cache[1] if cache[0] == 'train' else dout
""",
    "drop probability": """
def dropout_forward(x, dropout_param):
    p, mode = dropout_param['p'], dropout_param['mode']
    keep = 1 - p
    mask = np.random.uniform(size=x.shape) > p
    if mode == 'test':
        return x.copy(), (mode, mask, keep)
    return x * mask / keep, (mode, mask, keep)


def dropout_backward(dout, cache):
    mode, mask, keep = cache
    if mode == 'test':
        return dout
    return dout * mask / keep
""",
}
