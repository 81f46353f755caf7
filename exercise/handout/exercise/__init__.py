"""The functions that you write, their points, and the cases that test them."""
