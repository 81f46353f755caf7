"""`NetUnderTest`: the only place that calls the code of a net."""

import inspect
import io
import warnings
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from copy import copy, deepcopy

import numpy as np

from checks import BIASES, WEIGHTS, check_params

from .functions import FunctionNet
from .reference import NAMES, WrongForm


class NetUnderTest:
    """Wrapper of a net that calls it with any parameters. The net's own parameters do not change.

    Subclasses wrap nets of other interfaces, see interfaces.py. They override `get`, `set` and `call`.
    """

    note = ""  # what a subclass changes
    penalty = True  # whether loss has a penalty
    sigmoid = False  # whether the hidden layer is a sigmoid
    methods = ("train", "predict")  # those that can be checked

    names = NAMES  # of the parameters

    def __init__(self, net, params=None):
        self.net, self.own, self._printed, self._by_name = net, net.params, io.StringIO(), False
        self.asked = self.failed = None
        params = params or self._usual()
        self.more = {name: value for name, value in params.items() if name not in self.names}
        self.params = {name: np.array(params[name], dtype=np.float64) for name in self.names}
        with suppress(TypeError, ValueError):  # no signature
            reg = inspect.signature(net.loss).parameters.get("reg")
            self._by_name = reg is not None and reg.kind == reg.KEYWORD_ONLY

    def _usual(self):
        """Return the present parameters, if they are those of a two-layer net."""
        params = dict(self.get())
        for name, weight in zip(BIASES, WEIGHTS, strict=True):
            if np.shape(params.get(name, [])) == () and np.ndim(params.get(weight)) == 2:  # a number for all units
                params[name] = np.full(params[weight].shape[1], params[name], dtype=np.float64)
        check_params(params)
        return params

    def get(self):
        """Return the present parameters as a dict, with the shapes of this lab."""
        return self.net.params

    def set(self, params):
        """Give the net other parameters."""
        self.net.params = params

    def restore(self):
        """Give the net its own parameters."""
        self.net.params = self.own

    def call(self, X, y, reg):
        """Return the net's scores or, with labels, its loss and gradients."""
        if y is None:
            return self.net.loss(X)
        return self.net.loss(X, y, reg=reg) if self._by_name else self.net.loss(X, y, reg)

    @contextmanager
    def quiet(self):
        """Hide warnings, and collect the output of the net."""
        with warnings.catch_warnings(), redirect_stdout(self._printed), redirect_stderr(self._printed):
            warnings.simplefilter("ignore")
            yield

    @contextmanager
    def _with(self, params):
        """Yield the net with copies of these arrays."""
        self.set({**deepcopy(self.more), **{name: array.copy() for name, array in params.items()}})
        try:
            with np.errstate(all="ignore"):
                yield self.net
        except Exception as error:
            self.failed = error  # an exception of the net, not of the check
            raise
        finally:
            self.restore()

    @property
    def lines_printed(self):
        return self._printed.getvalue().count("\n")

    def ask(self, params, X, y=None, reg=0.0):
        """Call ``loss`` with copies of all arguments. Without labels, return the scores.

        With labels, return loss and gradients. In an unfinished net the loss may be None, and gradients may
        be missing from the dict.
        """
        self.asked = params, X, y, reg
        with self._with(params):
            answer = self.call(X.copy(), None if y is None else y.copy(), reg)
        if y is None:
            if isinstance(answer, (tuple, list, dict, np.matrix)):
                raise WrongForm(f"loss(X) must return the scores, an array (N, C), got a {type(answer).__name__}")
            return answer
        loss, grads = answer if isinstance(answer, (tuple, list)) and len(answer) == 2 else (answer, None)
        if isinstance(loss, (tuple, list, dict)) or np.size(loss) != 1:
            shape = f"an array of shape {np.shape(loss)}" if isinstance(loss, np.ndarray) else type(loss).__name__
            got = f"{shape} of {len(loss)} values" if isinstance(loss, (tuple, list)) else shape
            raise WrongForm(f"loss(X, y, reg) must return the loss, one number, and a dict of gradients, got {got}")
        grads = {} if grads is None else grads
        if isinstance(grads, dict):
            grads = {name: copy(grad) for name, grad in grads.items() if grad is not None}  # a net may reuse its arrays
        return None if loss is None else float(np.asarray(loss).item()), grads

    def hidden(self, params, X):
        """Return the hidden layer as a dict, empty if the net cannot tell it."""
        with self._with(params) as net:
            return {"hidden": net.hidden(X.copy())} if isinstance(net, FunctionNet) else {}

    def has(self, method):
        """Tell whether the net has a method of this name that can be checked."""
        return method in self.methods and callable(getattr(self.net, method, None))

    def predict(self, params, X):
        """Return the net's predictions for copies of the arguments."""
        with self._with(params) as net:
            return net.predict(X.copy())

    def train(self, params, data, learning_rate, decay, reg, num_iters, batch_size, calls=None):
        """Train copies of the parameters on X, y, X_val, y_val. Return them and the answer of ``train``.

        If `calls` is a list, it gets parameters, X and y of each call of ``loss`` with labels. ``predict`` is
        replaced by a correct one. Afterwards the net's attributes and NumPy's random stream are restored.
        """
        attributes, stream, own_loss = dict(vars(self.net)), np.random.get_state(), self.net.loss
        options = {"learning_rate": learning_rate, "learning_rate_decay": decay, "reg": reg}

        def loss(X, y=None, *more, **options):
            if y is not None or X is None or more or options:  # labels may be missing by mistake
                calls.append((self._now(), deepcopy(X), deepcopy(y)))
            return own_loss(X, y, *more, **options) if y is not None else own_loss(X)

        try:
            np.random.seed(0)
            with self._with(params) as net:
                net.predict = lambda X: np.argmax(own_loss(X), axis=1)
                if calls is not None:
                    net.loss = loss
                copies = [array.copy() for array in data]
                answer = net.train(*copies, **options, num_iters=num_iters, batch_size=batch_size, verbose=False)
                return self._now(), answer
        finally:
            vars(self.net).clear()
            vars(self.net).update(attributes)
            np.random.set_state(stream)

    def _now(self):
        """Return copies of the parameters of the net; it may have replaced its dict."""
        now = self.get()
        return {name: np.array(now[name], dtype=np.float64) for name in self.names}

    def changes(self, X, y, reg):
        """Name the arguments and parameters that ``net.loss`` changes."""
        before = {**self.params, "X": X, "y": y}
        data = {"X": X.copy(), "y": y.copy()}
        with self._with(self.params):
            self.call(data["X"], data["y"], reg)
            now = {**self._now(), **data}
        return tuple(name for name in before if not np.array_equal(now[name], before[name], equal_nan=True))
