"""Training and answering compute the same features of an account and a post."""

import numpy as np
import pytest

from functions.feed.affinity_counters import AffinityCounters, follow_pairs, read_follows
from functions.feed.candidate_features import FEATURES
from functions.feed.item_embeddings import ItemEmbeddings
from functions.feed.post_index import FINGERPRINT, NAME, PostIndex
from functions.feed.user_profile import UserProfile
from functions.feed.user_profile_builder import profiles_now
from shared.clock import epoch_hours
from shared.errors import StaleModel
from shared.ranking.counters import Counters
from shared.ranking.country_ranker import Rankers
from shared.ranking.country_scores import CountryScores
from shared.ranking.history import read_history
from tests.factories import account, an_id, engagement, follow, post, topics_of, user
from tests.networks import HOUR, NOON, QUICK


def affinities_of(network):
    history = read_history(network.store, QUICK, now=NOON, with_exposures=True)
    return AffinityCounters(
        history,
        Counters(history),
        follow_pairs(history, read_follows(network.store, history)),
        ItemEmbeddings(history, 200, 24.0),
    )


def post_index_of(network):
    return PostIndex(**network.snapshots.load(NAME, network.snapshots.head(NAME), FINGERPRINT))


def test_training_and_answering_give_the_same_features(world):
    affinities, post_index = affinities_of(world), post_index_of(world)
    history = affinities.history
    logits = CountryScores(history, affinities.counters, np.empty(0, np.int64), Rankers(world.registry), QUICK)
    accounts = np.arange(len(history.accounts.ids))
    post = np.random.default_rng(0).choice(len(history.posts), 100, replace=False)
    for number, profile in enumerate(profiles_now(affinities, accounts)):
        account, now = np.full(len(post), number), np.zeros(len(post))
        country_logit = logits.at(post, history.accounts.country[account], now)
        trained = FEATURES.matrix(affinities.candidate_features(account, post, now, country_logit))

        stored, positions = UserProfile.unpack(profile.pack()), post_index.positions(history.posts.ids[post])
        country = stored.country_index
        stored_logit = post_index.country_logits(positions, country)
        answered = FEATURES.matrix(
            stored.candidate_features(post_index, positions, stored_logit, country, epoch_hours(NOON))
        )

        rounded = [FEATURES.names.index(name) for name in ("countryMargin", "alike")]  # stored in half precision
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
    engagements = [engagement("cat", "c1", kind=kind, at=NOON - n * HOUR) for n, kind in enumerate(kinds, 3)]
    app.engagements.insert_many([*engagements, engagement("cat", "c2", at=NOON - HOUR)])
    return affinities_of(village)


def numbers_of(history, name):
    """Numbers of cat's account and of that post in the history, (1,) both."""
    accounts = [bytes(key) for key in history.accounts.ids]
    posts = [bytes(key) for key in history.posts.ids]
    return np.array([accounts.index(an_id("account of cat").binary)]), np.array([posts.index(an_id(name).binary)])


def features_of(affinities, name):
    """Features of cat's account before that post, as of now."""
    account, post = numbers_of(affinities.history, name)
    return affinities.candidate_features(account, post, np.zeros(1), np.zeros(1))


def test_engagements_raise_the_features_of_their_topic_and_author(cats):
    c3, d1, other = features_of(cats, "c3"), features_of(cats, "d1"), features_of(cats, "p0")

    assert c3.topic_log_lift[0] > 0 > d1.topic_log_lift[0]
    assert np.isnan(other.topic_log_lift[0]), "a post without a topic"
    assert (c3.author_engagements[0], c3.author_last[0]) == (4, 1)
    assert d1.author_engagements[0] == 0
    assert np.isnan(d1.author_last[0])
    assert c3.engagements[0] == d1.engagements[0] == 4


def test_the_newest_post_of_a_followed_author_has_the_largest_follow_slot(cats):
    d1, d2, c1 = (features_of(cats, name) for name in ("d1", "d2", "c1"))

    assert (d1.followed[0], d1.newer_posts_by_author[0], d1.follow_slot[0]) == (1, 0, 1)
    assert (d2.followed[0], d2.newer_posts_by_author[0], d2.follow_slot[0]) == (1, 1, 0.5)
    assert (c1.followed[0], c1.follow_slot[0]) == (0, 0)


def test_features_do_not_count_later_engagements(cats):
    account, post = numbers_of(cats.history, "c3")

    before = cats.candidate_features(account, post, np.array([-10.0]), np.zeros(1))

    assert (before.engagements[0], before.author_engagements[0], before.topic_engagements[0]) == (0, 0, 0)


def test_a_profile_survives_packing_and_damaged_bytes_are_refused(cats):
    (profile,) = profiles_now(cats, np.array([0]))
    packed = profile.pack()

    unpacked = UserProfile.unpack(packed)

    assert unpacked.pack() == packed
    assert (unpacked.country, unpacked.acts, len(unpacked.posts)) == (profile.country, profile.acts, len(profile.posts))
    for damaged in (b"", packed[:100], b"\x80\x04]\x94.", packed.replace(b"numbers", b"nothing")):
        with pytest.raises(StaleModel):
            UserProfile.unpack(damaged)
