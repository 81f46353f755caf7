"""Benchmarks: scripts that print tables of speed, memory and accuracy."""
