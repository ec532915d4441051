"""Texts of posts in several languages, and what is stored of a post without a text."""

from functions.topics.post_state import PostState
from shared.change import ClusterTime, Order

CATS = "The cat slept on the sofa all day with her kittens"
MOVIE = "We watched the new film at the cinema and the actors were great"
THAI = "วันนี้ทีมฟุตบอลไทยชนะการแข่งขันสามประตูต่อศูนย์"
VIETNAMESE = "Hôm nay đội tuyển bóng đá Việt Nam đã thắng trận chung kết với tỷ số ba không"
STUB = {
    "_id",
    "contentId",
    "clusterTime",
    "contentUpdatedAt",
    "removedAt",
    "updatedAt",
}  # fields of a post that is gone


def hash_of(text: str) -> str:
    """The stored hash of a text."""
    return PostState(Order(ClusterTime(0, 0), None), text).text_hash
