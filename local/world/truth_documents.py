"""What an upstream text pipeline would have written, and the truth that only measurements may read."""

from collections.abc import Iterator

import numpy as np

from local.world.documents import DAY
from local.world.ids import Identities, dates, object_ids
from local.world.vocabulary import COUNTRIES, TOPICS, languages_of
from local.world.worlds import World
from shared.columns import BoolArray
from shared.documents import Document

DESCRIBED_AFTER = 30.0  # from the publication of a post [s]


def topics(world: World, ids: Identities) -> Iterator[Document]:
    """All topics by name."""
    at = dates(world, np.full(len(TOPICS), -DAY * world.options.days))
    for key, topic, made_at in zip(ids.topics, TOPICS, at, strict=True):
        yield {"_id": key, "slug": topic.slug, "createdAt": made_at, "updatedAt": made_at}


def content_info(world: World, ids: Identities) -> Iterator[Document]:
    """True language and topic of most posts."""
    posts, languages = world.posts, languages_of(world.options.countries)
    for key, row, at in _described(world, "contentinfo", world.screenings.described):
        yield {
            "_id": key,
            "contentId": ids.posts[row],
            "language": languages[posts.language[row]],
            "topics": [ids.topics[posts.topic[row]]],
            "updatedAt": at,
        }


def content_filtering(world: World, ids: Identities) -> Iterator[Document]:
    """Junk score, text diversity and promotion of most posts."""
    posts, screenings, languages = world.posts, world.screenings, languages_of(world.options.countries)
    for key, row, at in _described(world, "contentfiltering", screenings.screened):
        worth = float(screenings.worth[row])
        yield {
            "_id": key,
            "contentId": ids.posts[row],
            "junkOutput": {"class": "junk" if worth < 0.4 else "not junk", "score": worth},
            "textDiversity": float(screenings.diversity[row]),
            "prDetect": float(screenings.promotion[row]),
            "language": languages[posts.language[row]],
            "updatedAt": at,
        }


def _described(world: World, purpose: str, mask: BoolArray) -> Iterator[tuple[object, int, object]]:
    """(id, row, moment) of each post that a mask (n_posts,) selects."""
    rows = np.flatnonzero(mask)
    at = world.posts.created_at[rows] + DESCRIBED_AFTER
    return zip(object_ids(world, purpose, at), rows.tolist(), dates(world, at), strict=True)


def truth_users(world: World, ids: Identities) -> Iterator[Document]:
    """Planted taste and follows of everybody."""
    people = world.people
    tastes = people.taste.round(5).tolist()
    for row, user in enumerate(ids.users):
        yield {
            "_id": user,
            "user": user,
            "account": ids.accounts[row],
            "country": COUNTRIES[people.country[row]].code,
            "pref": tastes[row],
            "bilingual": bool(people.bilingual[row]),
            "follows": [ids.authors[author] for author in world.follows.of(row)],
        }


def truth_contents(world: World, ids: Identities) -> Iterator[Document]:
    """Topic, language and quality of every post."""
    posts, languages = world.posts, languages_of(world.options.countries)
    created_at = dates(world, posts.created_at)
    for row, post in enumerate(ids.posts):
        yield {
            "_id": post,
            "content": post,
            "topic": int(posts.topic[row]),
            "language": languages[posts.language[row]],
            "quality": float(posts.quality[row]),
            "author": ids.authors[posts.author[row]],
            "createdAt": created_at[row],
        }


def truth_credentials(world: World, ids: Identities) -> Iterator[Document]:
    """Whether each credential that saw anything is a bot."""
    is_bot = world.viewers.is_bot
    for row in np.flatnonzero(world.viewers.views).tolist():
        yield {
            "_id": ids.credentials[row],
            "seenCredential": ids.credentials[row],
            "account": ids.accounts[row],
            "isBot": bool(is_bot[row]),
            "views": int(world.viewers.views[row]),
        }
