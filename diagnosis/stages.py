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
CONSTRUCTOR = "constructor"  # initial parameters, their correct shapes, and weight_scale or None
LAYER = "layer"  # `layers.Call`: what a function of a layer returns, and how
ORDER = "order"  # a `layers.Call` of a backward function, and the `kinds.Layer`
UNWRITTEN = "unwritten"  # (name, formula) of each function that is not written
NEEDS = "needs"  # the names of wrong functions that a function calls
SKIPPED = "skipped"  # the names of functions that cannot be checked, and why
ROUGH = "rough"  # the name of a function that is less precise than float64
CONVENTIONS = "conventions"  # the factors of the penalty by function
GRADIENT = "gradient"  # `Answer`: a gradient at some coordinates, against numeric derivatives
# The other stages of layers have the names of the classes in kinds.py. Their evidence is an `Answer`.
COMPARED = (OTHER_INPUTS, SCORES, ANSWERS, PENALTY, OVERFLOW, NUMERIC)
