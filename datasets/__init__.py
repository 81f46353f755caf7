"""CIFAR-10 and its stand-in: the modules that fetch, draw, find and read the data."""
