"""Baseline: the two-layer net of textbooks, with a new array for every operation."""

import numpy as np


class TextbookNet:
    """Two-layer net with the arguments of `TwoLayerNet` and, except for rounding, its results."""

    def __init__(self, input_size, hidden_size, output_size, std=1e-4, dtype=np.float64):
        self.params = {
            "W1": (std * np.random.randn(input_size, hidden_size)).astype(dtype),
            "b1": np.zeros(hidden_size, dtype),
            "W2": (std * np.random.randn(hidden_size, output_size)).astype(dtype),
            "b2": np.zeros(output_size, dtype),
        }

    def loss(self, X, y=None, reg=0.0):
        """Return the scores or, with labels, the loss and the gradients."""
        W1, b1, W2, b2 = (self.params[name] for name in ("W1", "b1", "W2", "b2"))
        hidden = np.maximum(0, X.dot(W1) + b1)
        scores = hidden.dot(W2) + b2
        if y is None:
            return scores
        exps = np.exp(scores - np.max(scores, axis=1, keepdims=True))
        probs = exps / np.sum(exps, axis=1, keepdims=True)
        rows = np.arange(X.shape[0])
        loss = np.mean(-np.log(probs[rows, y])) + 0.5 * reg * (np.sum(W1 * W1) + np.sum(W2 * W2))
        dscores = probs.copy()
        dscores[rows, y] -= 1
        dscores = dscores / X.shape[0]
        dhidden = dscores.dot(W2.T)
        dhidden[hidden <= 0] = 0
        grads = {
            "W1": X.T.dot(dhidden) + reg * W1,
            "b1": np.sum(dhidden, axis=0),
            "W2": hidden.T.dot(dscores) + reg * W2,
            "b2": np.sum(dscores, axis=0),
        }
        return loss, grads

    def train(
        self, X, y, X_val, y_val, learning_rate=1e-3, learning_rate_decay=0.95, reg=1e-5, num_iters=100, batch_size=200
    ):
        """Train with plain SGD and return the histories."""
        iterations_per_epoch = max(X.shape[0] // batch_size, 1)
        stats = {"loss_history": [], "train_acc_history": [], "val_acc_history": []}
        for it in range(num_iters):
            batch = np.random.choice(X.shape[0], batch_size)
            loss, grads = self.loss(X[batch], y[batch], reg)
            stats["loss_history"].append(loss)
            for name in grads:
                self.params[name] -= learning_rate * grads[name]
            if it % iterations_per_epoch == 0:
                stats["train_acc_history"].append(np.mean(self.predict(X[batch]) == y[batch]))
                stats["val_acc_history"].append(np.mean(self.predict(X_val) == y_val))
                learning_rate *= learning_rate_decay
        return stats

    def predict(self, X):
        """Return the class indices."""
        return np.argmax(self.loss(X), axis=1)
