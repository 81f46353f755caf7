"""Makes the exercise from the solution: homework.py, the notebook, and the folder around them."""
