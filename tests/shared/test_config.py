"""Settings from environment variables, and options that override their defaults."""

import json
from dataclasses import fields
from datetime import timedelta
from typing import get_type_hints

import pytest

from shared.config import ContentStats, Options, Weights, load
from shared.config.feed_options import CollectionName, FieldName
from shared.errors import BadConfig

KEY = "sixteen bytes or more"
SOUND = {"MONGO_URI": "mongodb://user:pass@host/", "ARTIFACT_KEYS": KEY}


def options(**sections):
    return load(SOUND | {"FEEDKEEPER_OPTIONS": json.dumps(sections)}).options


def test_the_defaults_need_nothing_but_the_database():
    settings = load({"MONGO_URI": "mongodb://host/"})

    assert (settings.app_db, settings.analytics_db) == ("app-db", "analytics-db")
    assert settings.options == Options()
    assert settings.artifact_keys == ()


def test_names_of_databases_take_a_prefix():
    settings = load(SOUND | {"DB_PREFIX": "test-", "APP_DB": "social", "ANALYTICS_DB": ""})

    assert (settings.app_db, settings.analytics_db) == ("test-social", "test-analytics-db")


def test_of_several_keys_the_first_is_the_newest():
    settings = load(SOUND | {"ARTIFACT_KEYS": f"{KEY}, {KEY} of yesterday"})

    assert settings.artifact_keys == (KEY.encode(), f"{KEY} of yesterday".encode())


def test_options_override_what_they_name_and_nothing_else():
    changed = options(content_stats={"window": 336, "weights": {"quote": 3}}, guest_feed={"rows_per_country": 500})

    assert changed.content_stats == ContentStats(window=timedelta(days=14), weights=Weights(quote=3.0))
    assert changed.guest_feed.rows_per_country == 500
    assert changed.creator_stats == Options().creator_stats


def test_a_choice_takes_only_what_there_is_to_choose():
    assert options(content_stats={"age_from": "updatedAt"}).content_stats.age_from == "updatedAt"
    with pytest.raises(BadConfig, match=r"content_stats\.age_from"):
        options(content_stats={"age_from": "deletedAt"})


@pytest.mark.parametrize(
    ("environment", "named"),
    [
        ({"MONGO_URI": ""}, "MONGO_URI is missing"),
        ({"ARTIFACT_KEYS": "short"}, "ARTIFACT_KEYS: each key needs at least 16 bytes"),
        ({"ARTIFACT_KEYS": f"{KEY},"}, "ARTIFACT_KEYS"),
        ({"FEEDKEEPER_OPTIONS": "{"}, "FEEDKEEPER_OPTIONS is not JSON"),
        ({"FEEDKEEPER_OPTIONS": "[]"}, "FEEDKEEPER_OPTIONS must be a JSON object"),
        ({"FEEDKEEPER_OPTIONS": '{"stats": {}}'}, "option stats does not exist"),
        ({"FEEDKEEPER_OPTIONS": '{"content_stats": {"windov": 1}}'}, r"content_stats\.windov does not exist"),
        ({"FEEDKEEPER_OPTIONS": '{"content_stats": 3}'}, "content_stats: needs an object"),
        ({"FEEDKEEPER_OPTIONS": '{"content_stats": {"weights": {"share": 1}}}'}, r"content_stats\.weights\.share"),
        ({"MONGO_URI": "", "MONGO_URI_PARAMETER": "/x"}, "MONGO_URI_PARAMETER"),
    ],
)
def test_what_is_wrong_is_named(environment, named):
    with pytest.raises(BadConfig, match=named):
        load(SOUND | environment)


@pytest.mark.parametrize(
    ("section", "name", "value"),
    [
        ("content_stats", "window", 0),
        ("content_stats", "window", -1),
        ("content_stats", "window", "30"),
        ("content_stats", "window", float("inf")),
        ("content_stats", "window", 1e300),
        ("content_stats", "half_life_hours", 0),
        ("content_stats", "half_life_hours", float("nan")),
        ("content_stats", "half_life_hours", True),
        ("content_stats", "lag_ratio", 1.5),
        ("content_stats", "lag_ratio", -0.1),
        ("content_stats", "bias", float("inf")),
        ("content_stats", "bias", None),
        ("content_stats", "age_from", ["createdAt"]),
        ("hashtag_stats", "max_contents", 2.5),
        ("hashtag_stats", "max_contents", -1),
        ("hashtag_stats", "max_contents", True),
        ("hashtag_stats", "max_contents", 10**12),
        ("coldstart", "base_country", 7),
        ("members", "accounts_a_message", 0),
        ("members", "accounts_a_message", 2_001),
        ("topics", "batch", 0),
        ("topics", "head_folds", 1),
        ("relay", "batch", 0),
        ("relay", "queue", 0),
        ("bots", "splits", 1),
        ("home", "in_a_row", 0),
        ("people", "follows_each", 0),
    ],
)
def test_a_value_that_cannot_be_is_refused_by_name(section, name, value):
    with pytest.raises(BadConfig, match=rf"{section}\.{name}"):
        options(**{section: {name: value}})


def test_secrets_come_from_where_the_parameter_says():
    asked = []

    def fetch(name):
        asked.append(name)
        return f"mongodb://host/{name}"

    settings = load({"MONGO_URI_PARAMETER": "/stage/uri", "ARTIFACT_KEYS_PARAMETER": "/stage/keys"}, fetch)

    assert sorted(asked) == ["/stage/keys", "/stage/uri"]
    assert settings.mongo_uri == "mongodb://host//stage/uri"
    assert settings.artifact_keys == (b"mongodb://host//stage/keys",)


def test_a_secret_in_the_environment_is_not_fetched():
    assert load(SOUND | {"MONGO_URI_PARAMETER": "/x"}, lambda _: "").mongo_uri == SOUND["MONGO_URI"]


def test_an_empty_parameter_is_no_secret():
    with pytest.raises(BadConfig, match=r"MONGO_URI_PARAMETER: the parameter /x is empty"):
        load({"MONGO_URI_PARAMETER": "/x"}, lambda _: "")


def test_secrets_never_show():
    settings = load(SOUND)

    for shown in (repr(settings), str(settings), f"{settings}", repr([settings])):
        assert "pass" not in shown
        assert KEY not in shown


@pytest.mark.parametrize("section", [section.name for section in fields(Options)])
def test_every_section_has_a_default(section):
    assert getattr(Options(), section) == getattr(Options.from_mapping({section: {}}), section)


NAMES = {
    f"{section.name}.{name}"
    for section in fields(Options)
    for name, kind in get_type_hints(section.default_factory, include_extras=True).items()
    if kind in (CollectionName, FieldName)
}
NO_NAMES = ["", "$x", "a$b", "a..b", ".a", "a.", "a\0b", "a\n", "\ud800", "a" * 101, 3, None, True, ["a"]]


def test_each_text_that_is_no_name_is_read_as_something_else():
    texts = {
        f"{section.name}.{name}"
        for section in fields(Options)
        for name, kind in get_type_hints(section.default_factory).items()
        if kind is str
    }

    assert texts - NAMES == {"coldstart.base_country", "language.served", "topics.only_languages"}


@pytest.mark.parametrize("option", sorted(NAMES))
@pytest.mark.parametrize("value", NO_NAMES, ids=ascii)
def test_what_mongodb_takes_for_no_name_is_refused_by_the_name_of_the_option(option, value):
    section, name = option.split(".")

    with pytest.raises(BadConfig, match=rf"option exposures\.{name}: ") as caught:
        options(**{section: {name: value}})
    assert "\n" not in str(caught.value)


def test_a_collection_of_the_server_itself_is_none_of_the_application():
    with pytest.raises(BadConfig, match=r"option exposures\.collection: 'system\.views' is not a name"):
        options(exposures={"collection": "system.views"})
    assert options(exposures={"credential": "system.device"}).exposures.credential == "system.device"
