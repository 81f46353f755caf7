"""The lab as homework: `exercise.make` takes the solution out, `exercise.grade` grades what comes back."""
