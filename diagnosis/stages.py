"""Stages of the check. Each mistake belongs to one stage, see mistakes.py."""

FORM, ELSEWHERE, SCORES, ANSWERS = "form", "elsewhere", "scores", "loss and gradients"
PENALTY, AT_ONCE, OVERFLOW = "penalty", "penalty at once", "overflow"
TRAIN, PREDICT, NEXT, PARAMS = "update", "predict", "next", "params"
NUMERIC, KINKS, PRINTS = "numeric check", "kinks", "prints"
PRECISION, ROUGH = "precision", "rough"
ALL_STAGES = (FORM, ELSEWHERE, SCORES, ANSWERS, PENALTY, AT_ONCE, OVERFLOW, NUMERIC, KINKS)
