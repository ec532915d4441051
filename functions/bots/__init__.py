"""Bots: find credentials that read like a machine, and learn from what reviewers say of them.

Lives here: features of reading times, the detector, suspects for review, verdicts as labels for training.
Does not live here: what happens to a bot, which the application decides.
"""
