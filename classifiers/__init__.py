"""The two-layer net, its training, the hyperparameter search, and what they use."""
