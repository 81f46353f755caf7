"""Classifiers written by hand in NumPy."""
