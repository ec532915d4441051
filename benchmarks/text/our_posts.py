"""Posts of our own, each with the topic that it is about: `topic_posts.tsv`, with columns topic, language and text."""

import csv
from pathlib import Path

POSTS = Path(__file__).with_name("topic_posts.tsv")


def read_posts() -> list[tuple[str, str]]:
    """(topic path, text) of each post; small talk has an empty topic."""
    with POSTS.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    return [(row["topic"], row["text"]) for row in rows]
