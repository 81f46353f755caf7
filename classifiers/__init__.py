"""Two-layer net: layers, training, preprocessing, ensembles and search."""

__version__ = "1.1"
