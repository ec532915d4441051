"""The quality of posts, as an upstream filter describes it: a factor on their scores."""

import numpy as np

from shared.columns import Columns, FloatArray, KeyArray, id_keys, lookup

# Added to each value of the filter, so that a value of 0 pushes a post down and still leaves an order among such posts.
_MIN_FACTOR = 0.01


def quality(filtered: Columns, posts: KeyArray) -> FloatArray:
    """(n_posts,) sense · diversity · promotion, each positive; higher is better.

    sense      0..1, low for junk. The filter's score is taken as its certainty about the class that it names, at least
               1/2, so that it does not matter whether it means that or the probability of not being junk
    diversity  0..1, of the words
    promotion  1 if the filter found none, 1/2 if it is unsure, 1/4 if it is sure
    A factor that the filter does not give for a post is the mean of those of other posts; 1 if it gives none at all.

    filtered  as `Posts.quality` of the store gives it
    posts     (n_posts,) keys of the posts
    """
    certainty = np.clip(filtered["junk_score"], 0.0, 1.0)
    certainty = np.maximum(certainty, 1 - certainty)
    sense = np.where(filtered["junk"] == 1, 1 - certainty, np.where(filtered["junk"] == 0, certainty, np.nan))
    promotion = np.select([filtered["promotion"] == value for value in (0.0, 0.5, 1.0)], [1.0, 0.5, 0.25], np.nan)
    at = lookup(id_keys(filtered["content"]), posts)
    product = np.ones(len(posts))
    for factor in (sense + _MIN_FACTOR, np.clip(filtered["diversity"], 0.0, 1.0) + _MIN_FACTOR, promotion):
        of_post = np.full(len(posts), np.nan)
        of_post[at[at >= 0]] = factor[at >= 0]
        mean = np.nanmean(of_post) if np.isfinite(of_post).any() else 1.0
        product *= np.where(np.isfinite(of_post), of_post, mean)
    return product
