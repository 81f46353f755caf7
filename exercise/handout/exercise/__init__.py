"""The functions to be written, their points, and the cases that try them."""
