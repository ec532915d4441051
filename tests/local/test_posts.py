"""Posts that are written here, and their annotations as they come back."""

import io
from datetime import UTC, datetime

import pytest
from rich.console import Console

from local import show
from local.changes import relaying
from local.demo import EDITED, POSTS, WITHDRAWN, tell_story
from local.posts import Answer, Author
from shared.clock import EPOCH
from shared.errors import Unavailable
from tests.factories import an_id, user


@pytest.fixture
def shown():
    """Prints answers as `show.answers` does on a wide terminal."""

    def printed(*answers):
        text = io.StringIO()
        show.answers(Console(file=text, width=200), "posts", answers)
        return text.getvalue()

    return printed


def never():
    """Nothing to check."""


def test_the_demo_shows_language_and_topics_of_posts_in_many_languages(deployed, store, shown):
    with relaying(store, lambda run: None) as relay:
        relay.await_start()
        story = tell_story(Author(store, relay.check))

    text = shown(*story.published)
    languages = {answer.language for answer in story.published}
    assert {"th", "en", "ja", "ko", "es"} < languages
    assert len({answer.language for answer in story.published if answer.topics}) >= 5
    assert all(f" {answer.language}  {answer.confidence:.2f} " in text for answer in story.published)
    assert all(
        f"{path} {confidence:.2f}" in text for answer in story.published for path, confidence in answer.topics.items()
    )
    assert "no topics: the language is unsupported" in text
    assert "no topic" in text

    before = story.published[EDITED]
    assert story.edited.post == before.post
    assert story.edited.topics.keys().isdisjoint(before.topics)
    assert (story.withdrawn.text, story.withdrawn.language) == (POSTS[WITHDRAWN], "")
    assert "withdrawn: nothing is kept of it" in shown(story.withdrawn)
    assert list(store.parked_changes.waiting()) == []


def test_a_post_is_written_as_the_application_writes_it(store, noon):
    store.app.users.insert_one(user("ann", now=noon))

    answer = Author(store, never).publish("off to the #beach", within_s=0)

    [post] = store.app.contents.find()
    assert post["_id"] == answer.post
    assert post["author"]["id"] == an_id("ann")
    assert (post["payload"], post["hashtags"]) == ({"message": "off to the #beach"}, ["beach"])
    assert store.contents.malformed(EPOCH, "createdAt", now=datetime.now(UTC), changed_since=None) == []


def test_where_nothing_comes_back_the_table_says_so(store, shown):
    answer = Author(store, never).publish("hello", within_s=0)

    assert answer.info is None
    assert "nothing came within" in shown(answer)


def test_what_is_known_of_an_earlier_text_is_no_answer(store):
    author = Author(store, never)
    post = author.publish("hello", within_s=0)
    at = store.app.contents.find_one()["updatedAt"]
    store.app.contentinfo.insert_one({"contentId": post.post, "language": "en", "contentUpdatedAt": at})

    assert author.edit(post.post, "bonjour", within_s=0).info is None


def test_a_relay_that_has_ended_is_not_waited_for(store):
    def check():
        raise Unavailable("the relay has ended")

    with pytest.raises(Unavailable, match="the relay has ended"):
        Author(store, check).publish("hello")


def test_of_topics_the_lowest_are_shown_the_surest_first():
    paths = {"sports": 0.9, "sports/football": 0.8, "pets": 0.4, "sports/running": 0.35}
    scores = [{"path": path, "confidence": confidence} for path, confidence in paths.items()]

    answer = Answer(an_id("post"), "text", 0.1, {"language": "en", "topicState": "named", "topicScores": scores})

    assert list(answer.topics) == ["sports/football", "pets", "sports/running"]
