"""What an answer sees of an account and a post is what training saw of them."""

import numpy as np
import pytest

from functions.feed.candidate_features import FEATURES, Tastes, follow_pairs, read_follows
from functions.feed.item_embeddings import Alike
from functions.feed.post_index import FINGERPRINT, NAME, Catalogue
from functions.feed.user_profile import Taste, tastes_now
from shared.clock import epoch_hours
from shared.errors import StaleModel
from shared.ranking.counters import Counters
from shared.ranking.country_ranker import Rankers
from shared.ranking.country_scores import Margins
from shared.ranking.history import read_history
from tests.factories import account, an_id, engagement, follow, post, topics_of, user
from tests.networks import HOUR, NOON, QUICK


def tastes_of(network):
    history = read_history(network.store, QUICK, now=NOON, with_exposures=True)
    return Tastes(
        history,
        Counters(history),
        follow_pairs(history, read_follows(network.store, history)),
        Alike(history, 200, 24.0),
    )


def catalogue_of(network):
    return Catalogue(**network.snapshots.load(NAME, network.snapshots.head(NAME), FINGERPRINT))


def test_training_and_answering_describe_every_encounter_alike(world):
    tastes, catalogue = tastes_of(world), catalogue_of(world)
    history = tastes.history
    margins = Margins(history, tastes.counters, np.empty(0, np.int64), Rankers(world.registry), QUICK)
    accounts = np.arange(len(history.actors.ids))
    post = np.random.default_rng(0).choice(len(history.posts), 100, replace=False)
    for number, taste in enumerate(tastes_now(tastes, accounts)):
        whose, now = np.full(len(post), number), np.zeros(len(post))
        margin = margins.at(post, history.actors.country[whose], now)
        trained = FEATURES.matrix(tastes.encounters(whose, post, now, margin))

        kept, place = Taste.unpack(taste.pack()), catalogue.positions(history.posts.ids[post])
        answered = FEATURES.matrix(
            kept.encounters(
                catalogue, place, catalogue.country_margins(place, kept.place), kept.place, epoch_hours(NOON)
            )
        )

        rounded = [FEATURES.names.index(name) for name in ("countryMargin", "alike")]  # kept in half precision
        exact = np.setdiff1d(np.arange(len(FEATURES.names)), rounded)
        np.testing.assert_allclose(answered[:, exact], trained[:, exact], rtol=1e-4, atol=1e-4)
        np.testing.assert_allclose(answered[:, rounded], trained[:, rounded], atol=0.01)


@pytest.fixture
def cats(village):
    """Cat likes two posts on cats by ann, one of them thrice; she follows bob, who wrote two posts on dogs."""
    app = village.store.app
    app.contents.insert_many(
        [post(name, now=NOON, age_hours=20 + n, author="ann") for n, name in enumerate(("c1", "c2", "c3"))]
        + [post(name, now=NOON, age_hours=30 + n, author="bob") for n, name in enumerate(("d1", "d2"))]
    )
    info = [topics_of(name, "cats", at=NOON) for name in ("c1", "c2", "c3")]
    app.contentinfo.insert_many(info + [topics_of(name, "dogs", at=NOON) for name in ("d1", "d2")])
    app.accounts.insert_one(account("account of cat", now=NOON))
    app.users.insert_many([user("cat", now=NOON), user("bob", now=NOON)])
    app.relationships.insert_one(follow("cat", "bob", at=NOON - 50 * HOUR))
    kinds = ("like", "comment", "recast")
    acts = [engagement("cat", "c1", kind=kind, at=NOON - n * HOUR) for n, kind in enumerate(kinds, 3)]
    app.engagements.insert_many([*acts, engagement("cat", "c2", at=NOON - HOUR)])
    return tastes_of(village)


def meet(tastes, name):
    """Cat before that post now."""
    history = tastes.history
    ids = [bytes(one) for one in history.actors.ids]
    cat = np.array([ids.index(an_id("account of cat").binary)])
    posts = [bytes(one) for one in history.posts.ids]
    at = np.array([posts.index(an_id(name).binary)])
    return tastes.encounters(cat, at, np.zeros(1), np.zeros(1))


def test_what_one_likes_lifts_its_topic_and_its_author(cats):
    c3, d1, other = meet(cats, "c3"), meet(cats, "d1"), meet(cats, "p0")

    assert c3.topic_lift[0] > 0 > d1.topic_lift[0]
    assert np.isnan(other.topic_lift[0]), "a post without a topic"
    assert (c3.author_acts[0], c3.author_last[0]) == (4, 1)
    assert d1.author_acts[0] == 0
    assert np.isnan(d1.author_last[0])
    assert c3.acts[0] == d1.acts[0] == 4


def test_of_a_followed_author_the_newest_post_has_the_first_turn(cats):
    d1, d2, c1 = (meet(cats, name) for name in ("d1", "d2", "c1"))

    assert (d1.followed[0], d1.later[0], d1.turn[0]) == (1, 0, 1)
    assert (d2.followed[0], d2.later[0], d2.turn[0]) == (1, 1, 0.5)
    assert (c1.followed[0], c1.turn[0]) == (0, 0)


def test_what_comes_later_is_not_known_before(cats):
    history = cats.history
    cat = np.array([[bytes(one) for one in history.actors.ids].index(an_id("account of cat").binary)])
    at = np.array([[bytes(one) for one in history.posts.ids].index(an_id("c3").binary)])

    before = cats.encounters(cat, at, np.array([-10.0]), np.zeros(1))

    assert (before.acts[0], before.author_acts[0], before.topic_acts[0]) == (0, 0, 0)


def test_a_taste_survives_its_packing_and_damage_is_refused(cats):
    (taste,) = tastes_now(cats, np.array([0]))
    packed = taste.pack()

    again = Taste.unpack(packed)

    assert again.pack() == packed
    assert (again.country, again.acts, len(again.posts)) == (taste.country, taste.acts, len(taste.posts))
    for damaged in (b"", packed[:100], b"\x80\x04]\x94.", packed.replace(b"numbers", b"nothing")):
        with pytest.raises(StaleModel):
            Taste.unpack(damaged)
