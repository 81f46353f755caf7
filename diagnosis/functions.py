"""The net of a file that has functions instead of a class, such as homework.py of the exercise."""

import numpy as np

from checks import WEIGHTS, check_rng

from .reference import Reference, WrongForm

FIRST = "forward"  # a file without this function is not such a file
NUMBER = int, float, np.number, np.ndarray
RETURNS = {  # what each function must return
    "forward": ("hidden and scores, two arrays", (np.ndarray, np.ndarray)),
    "softmax_loss": ("loss and dscores, a number and an array", (NUMBER, np.ndarray)),
    "penalty": ("a number", (NUMBER,)),
    "backward": ("a dict of gradients", (dict,)),
    "draw_minibatch": ("X_batch and y_batch, two arrays", (np.ndarray, np.ndarray)),
}


class FunctionNet:
    """Two-layer net that calls functions of arrays, each of which is judged by itself.

    Parameters
    ----------
    functions : object
        Has ``forward``, ``softmax_loss``, ``penalty``, ``backward``, ``draw_minibatch``, ``update``
        and ``best_class``, see `classifiers.layers` and `classifiers.sgd`. They are looked up when
        they are called, so some may be missing.
    input_size, hidden_size, output_size : int
        D, H and C.
    std : float
        Standard deviation of the initial weights.

    Attributes
    ----------
    missing : dict
        The functions of ``loss`` that are not written, and their NotImplementedError. Correct results
        replace theirs.
    """

    unchecked = "the mask of forward and backward, and momentum in update. `make test` checks them"

    def __init__(self, functions, input_size, hidden_size, output_size, std):
        self.functions, D, H, C, self.missing = functions, input_size, hidden_size, output_size, {}
        W1, W2 = std * np.random.randn(D, H), std * np.random.randn(H, C)
        self.params = {"W1": W1, "b1": np.zeros(H), "W2": W2, "b2": np.zeros(C)}

    def _call(self, name, *arguments, instead=None):
        """Call a function and check the types that it returns. If it is not written, call `instead`."""
        try:
            if not hasattr(self.functions, name):
                raise NotImplementedError(f"Write {name}")
            answer = getattr(self.functions, name)(*arguments)
        except NotImplementedError as error:
            if instead is None:
                raise
            self.missing[name] = error
            return instead()
        what, kinds = RETURNS.get(name, ("", ()))
        parts = answer if isinstance(answer, (tuple, list)) and len(kinds) != 1 else (answer,)
        if kinds and (len(parts) != len(kinds) or not all(map(isinstance, parts, kinds))):
            got = " and ".join("None" if part is None else type(part).__name__ for part in parts)
            raise WrongForm(f"{name} must return {what}, got {got}")
        return answer

    def hidden(self, X):
        """Return the hidden layer."""
        return self._call("forward", self.params, X)[0]

    def loss(self, X, y=None, reg=0.0):
        """Return the scores or, with labels, the loss and its gradients."""
        params = self.params
        hidden, scores = self._call("forward", params, X)
        if y is None:
            return scores
        r = Reference(params, X, y)
        if r.agrees("scores", scores):
            hidden = r.hidden  # a wrong one is a mistake of forward, and not of backward
        loss, dscores = self._call("softmax_loss", scores, y, instead=lambda: (r.right["loss"], r.dscores))
        grads = self._call("backward", params, X, hidden, dscores, instead=lambda: r.grads(hidden > 0, hidden, dscores))

        def penalise():
            for name in WEIGHTS:
                grad, W = grads.get(name), params[name]
                if np.shape(grad) in (W.shape, W.T.shape) and isinstance(grad, np.ndarray):
                    grads[name] = grad + reg * (W if grad.shape == W.shape else W.T)
            return 0.5 * reg * sum(np.sum(params[name] ** 2) for name in WEIGHTS)

        fits = all(getattr(grads.get(name), "shape", None) == params[name].shape for name in WEIGHTS)
        if fits:
            value = self._call("penalty", params, reg, grads, instead=penalise)
        else:  # a mistake of backward is not one of penalty
            right = penalise()
            value = self._call("penalty", params, reg, instead=lambda: right)
        return loss + value, grads

    def train(
        self, X, y, X_val, y_val, learning_rate, learning_rate_decay, reg, num_iters, batch_size, verbose=False
    ):  # fmt: skip
        """Train by stochastic gradient descent. Return the histories. It works without ``best_class``."""
        stats = {"loss_history": [], "train_acc_history": [], "val_acc_history": []}
        for it in range(num_iters):
            X_batch, y_batch = self._call("draw_minibatch", X, y, batch_size, check_rng(None))
            loss, grads = self.loss(X_batch, y_batch, reg)
            stats["loss_history"].append(loss)
            for name, grad in grads.items():
                self._call("update", self.params[name], grad, learning_rate)
            if it % max(len(X) // batch_size, 1) == 0:
                stats["train_acc_history"].append(np.mean(self.loss(X_batch).argmax(axis=1) == y_batch))
                stats["val_acc_history"].append(np.mean(self.loss(X_val).argmax(axis=1) == y_val))
                learning_rate *= learning_rate_decay
        return stats

    def predict(self, X):
        """Return the class with the highest score for each row."""
        return self._call("best_class", self.loss(X))
