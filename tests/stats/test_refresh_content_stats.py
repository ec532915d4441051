from functions.stats import refresh_content_stats
from shared.config import ContentStats
from tests.factories import an_id, post


def test_of_two_posts_with_equal_likes_the_newer_ranks_first(store, databases, noon):
    databases.app.contents.insert_many(
        [post("old", now=noon, age_hours=48, likes=10), post("new", now=noon, age_hours=1, likes=10)]
    )

    report = refresh_content_stats.run(store, ContentStats(), now=noon)

    ranked = [row["_id"] for row in databases.analytics.contentStats.find().sort("score", -1)]
    assert ranked == [an_id("new"), an_id("old")]
    assert report.as_dict() == {"read": 2, "written": 2}
