"""Bots: who reads like a machine, and what people say of them.

Lives here: features of reading times, the detector, suspects for review, verdicts back into training.
Does not live here: what is done with a bot, which is the application's to decide.
"""
