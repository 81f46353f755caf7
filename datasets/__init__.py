"""CIFAR-10 and its stand-in: where the data come from, and the folder that holds them."""
