"""Stages of the check, in their order, and the evidence that `Mistake.seen` gets in each stage."""

PARAMS = "params"  # the dict of parameters
INTERFACE = "interface"  # `net.NetUnderTest`
FORM = "form"  # `probes.Calls`: the net's answers for its own parameters and data
OTHER_INPUTS = "other inputs"  # an exception of `loss`, and how its inputs differ from those of the user
PRECISION = "precision"  # `Answer`: scores, loss without penalty, or a gradient
SCORES = "scores"  # `Answer`
ANSWERS = "loss and gradients"  # `Answer`: loss without penalty, or a gradient
LOSS_PRECISION = "loss precision"  # whether the loss is imprecise, see `probes.is_imprecise`
PENALTY = "penalty"  # `Answer`: factors in the loss and in the gradient, see `probes.penalty_factors`
JOINT_PENALTY = "joint penalty"  # `probes.JointPenalty`
OVERFLOW = "overflow"  # `probes.Extremes`: what goes wrong for extreme scores
KINKS = "kinks"  # the name of a parameter; most of its coordinates lie at kinks
NUMERIC = "numeric check"  # a `numeric.Row` that contradicts the gradient
UNFINISHED = "unfinished"  # `probes.Calls` of a net with correct scores; other answers may be missing
TRAIN = "update"  # `training.Training`
PREDICT = "predict"  # a list of `training.Prediction`
UNCHECKED = "unchecked"  # `net.NetUnderTest`, if nothing is wrong
PRINTS = "prints"  # the number of printed lines
COMPARED = (OTHER_INPUTS, SCORES, ANSWERS, PENALTY, OVERFLOW, NUMERIC)
