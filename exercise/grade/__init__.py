"""Grades submissions: finds them, chooses a file of each, runs it with limits, and writes points and feedback."""
