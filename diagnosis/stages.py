"""Stages of the check, in their order, and what the `symptom` of a mistake in each stage gets."""

PARAMS = "params"  # the parameters
FORM = "form"  # `probes.Calls`: the net's answers for its own parameters and data
OTHER_INPUTS = "other inputs"  # the exception of `loss` for other parameters, reg or number of rows
PRECISION = "precision"  # a name, the answer, the correct answer, and the possible rounding error
SCORES = "scores"  # name, answer and `Reference`
ANSWERS = "loss and gradients"  # the same, for the loss without penalty and the gradients
LOSS_PRECISION = "loss precision"  # whether the loss is imprecise, see `probes.is_imprecise`
PENALTY = "penalty"  # name, and the factors of `probes.penalty_factors`
JOINT_PENALTY = "joint penalty"  # where the penalty is wrong, reg, and the factors
OVERFLOW = "overflow"  # no symptoms; formulas return inputs that make the loss infinite or NaN
KINKS = "kinks"  # the name of a parameter; most of its coordinates lie at kinks
NUMERIC = "numeric check"  # a `numeric.Row` that contradicts the gradient
UNFINISHED = "unfinished"  # `probes.Calls` of a net whose answers are correct; some may be missing
TRAIN = "update"  # `training_probe.Training`
PREDICT = "predict"  # `training_probe.Prediction`
PRINTS = "prints"  # the number of printed lines
ALL = (FORM, OTHER_INPUTS, SCORES, ANSWERS, PENALTY, JOINT_PENALTY, OVERFLOW, NUMERIC, KINKS)
