"""Scoring of estimates: errors of fields and parameters, Dice, cohort statistics and tests."""
