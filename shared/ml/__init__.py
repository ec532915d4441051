"""Computations on arrays that the models of every domain share.

Lives here: feature sets, counters as of a moment, boosted trees, ridge regression, ranking metrics, intervals of rates.
Does not live here: the features of a domain, databases, artifacts.
"""
