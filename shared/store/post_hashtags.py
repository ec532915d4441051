"""The hashtags of a post, which are those of its message; statistics and ranking use the same.

The application's own field `hashtags` is not read: it is derived from the message too, by other rules.
"""

from collections.abc import Iterable, Iterator
from typing import Final

from shared.documents import Document
from shared.store.expressions import holds_any, text
from shared.text.hashtags import HASH_SIGNS, hashtags

MESSAGE: Final = text("$payload.message")
MAY_HAVE_HASHTAGS: Final[Document] = {"$expr": holds_any(MESSAGE, HASH_SIGNS)}  # finds all posts that have any


def with_hashtags(posts: Iterable[Document]) -> Iterator[Document]:
    """The posts that have hashtags, with the spellings of these as `names`, each once.

    posts  documents that were read with MESSAGE as `message`, which they lose
    """
    for post in posts:
        post["names"] = hashtags(post.pop("message"))
        if post["names"]:
            yield post
