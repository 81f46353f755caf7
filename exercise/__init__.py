"""The lab as homework: `exercise.make` makes the exercise, `exercise.grade` grades submissions."""
