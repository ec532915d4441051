"""The hashtags of a post, for statistics and ranking alike: those of its message.

The application's own field `hashtags` is not read: it is derived from the message too, by other rules.
"""

from collections.abc import Iterable, Iterator
from typing import Final

from shared.documents import Document
from shared.store.expressions import holds_any, text
from shared.text.hashtags import HASH_SIGNS, hashtags

MESSAGE: Final = text("$payload.message")
MAY_HAVE_HASHTAGS: Final[Document] = {"$expr": holds_any(MESSAGE, HASH_SIGNS)}  # a query; no other post has any


def with_hashtags(posts: Iterable[Document]) -> Iterator[Document]:
    """The posts that have hashtags, with their spellings as `names`, each once; read with MESSAGE as `message`."""
    for post in posts:
        post["names"] = hashtags(post.pop("message"))
        if post["names"]:
            yield post
