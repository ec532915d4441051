"""The network as arrays, and what a country makes of its posts.

Lives here: the history of posts, acts and exposures; counters as of any moment; what is known of a post for a country;
examples to learn from; the rankers of countries.
Does not live here: who is trained, published or answered (jobs), arithmetic without a network (ml).
"""
