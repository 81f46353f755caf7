"""The net of a file that has functions instead of a class, such as homework.py of the exercise."""

import numpy as np

from checks import check_rng

FIRST = "forward"  # a file without this function is not such a file


class FunctionNet:
    """Two-layer net that calls functions of arrays.

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
    """

    def __init__(self, functions, input_size, hidden_size, output_size, std):
        self.functions, D, H, C = functions, input_size, hidden_size, output_size
        W1, W2 = std * np.random.randn(D, H), std * np.random.randn(H, C)
        self.params = {"W1": W1, "b1": np.zeros(H), "W2": W2, "b2": np.zeros(C)}

    def loss(self, X, y=None, reg=0.0):
        """Return the scores or, with labels, the loss and its gradients.

        If ``backward`` is not written, there are no gradients yet.
        """
        hidden, scores = self.functions.forward(self.params, X)
        if y is None:
            return scores
        loss, dscores = self.functions.softmax_loss(scores, y)
        value = self.functions.penalty(self.params, reg)
        try:
            grads = self.functions.backward(self.params, X, hidden, dscores)
        except NotImplementedError:
            return loss + value, {}
        return loss + self.functions.penalty(self.params, reg, grads), grads

    def train(
        self, X, y, X_val, y_val, learning_rate, learning_rate_decay, reg, num_iters, batch_size, verbose=False
    ):  # fmt: skip
        """Train by stochastic gradient descent. Return the histories. It works without ``best_class``."""
        stats = {"loss_history": [], "train_acc_history": [], "val_acc_history": []}
        for it in range(num_iters):
            X_batch, y_batch = self.functions.draw_minibatch(X, y, batch_size, check_rng(None))
            loss, grads = self.loss(X_batch, y_batch, reg)
            stats["loss_history"].append(loss)
            for name, grad in grads.items():
                self.functions.update(self.params[name], grad, learning_rate)
            if it % max(len(X) // batch_size, 1) == 0:
                stats["train_acc_history"].append(np.mean(self.loss(X_batch).argmax(axis=1) == y_batch))
                stats["val_acc_history"].append(np.mean(self.loss(X_val).argmax(axis=1) == y_val))
                learning_rate *= learning_rate_decay
        return stats

    def predict(self, X):
        """Return the class with the highest score for each row."""
        return self.functions.best_class(self.loss(X))
