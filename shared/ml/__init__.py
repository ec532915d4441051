"""Numbers in, numbers out: what rankers of every domain share.

Lives here: feature sets, counters as of a moment, boosted trees, ranking metrics.
Does not live here: which features a domain uses, databases, artifacts.
"""
