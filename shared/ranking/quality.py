"""What an upstream filter says of posts, as a factor on their scores."""

import numpy as np
from numpy.typing import NDArray

from shared.columns import Columns, FloatArray, id_keys, lookup

# Added to what the filter says, so that its worst word pushes a post down without wiping out its order.
_MIN_FACTOR = 0.01


def quality(said: Columns, posts: NDArray[np.uint64]) -> FloatArray:
    """(n_posts,) factor of the upstream filter: sense · diversity · promotion, positive.

    sense      0..1, low for junk. The filter's score counts as its certainty about the class that it names, so that the
               result is the same whether it means that or the chance of not being junk
    diversity  0..1, of the words
    promotion  1 where it found none, 1/2 where it is in doubt, 1/4 where it is sure
    Where the filter said nothing, a part counts as the mean of what it said of others; 1 where it said nothing of any.
    """
    certainty = np.clip(said["junk_score"], 0.0, 1.0)
    certainty = np.maximum(certainty, 1 - certainty)
    sense = np.where(said["junk"] == 1, 1 - certainty, np.where(said["junk"] == 0, certainty, np.nan))
    promotion = np.select([said["promotion"] == value for value in (0.0, 0.5, 1.0)], [1.0, 0.5, 0.25], np.nan)
    at = lookup(id_keys(said["content"]), posts)
    factor = np.ones(len(posts))
    for part in (sense + _MIN_FACTOR, np.clip(said["diversity"], 0.0, 1.0) + _MIN_FACTOR, promotion):
        found = np.full(len(posts), np.nan)
        found[at[at >= 0]] = part[at >= 0]
        mean = np.nanmean(found) if np.isfinite(found).any() else 1.0
        factor *= np.where(np.isfinite(found), found, mean)
    return factor
