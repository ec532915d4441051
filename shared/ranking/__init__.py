"""Ranking of posts for countries, over the recent history of the network as arrays.

Lives here: the history of posts, engagements and impressions; counters as of any moment; features of a post for a
country; training examples, evaluation on a holdout, and the rankers of countries.
Does not live here: jobs that train, publish and answer (functions), computations that know no network (ml).
"""
