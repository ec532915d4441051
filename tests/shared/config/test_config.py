"""Settings from environment variables, and options that override their defaults."""

import json
import re
from contextlib import suppress
from datetime import timedelta

import pytest
from msgspec import structs

from functions.coldstart.options import GuestFeedOptions
from functions.feed.options import Home
from functions.stats.options import ContentStats, CreatorStats
from layers.build import ROOT
from shared.config import Options, Weights, load, sections
from shared.errors import BadConfig
from shared.store.options import ExposureFields

KEY = "sixteen bytes or more"
SOUND = {"MONGO_URI": "mongodb://user:pass@host/", "ARTIFACT_KEYS": KEY}


def options(**values):
    return load(SOUND | {"FEEDKEEPER_OPTIONS": json.dumps(values)}).options


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

    assert changed.of(ContentStats) == ContentStats(window=timedelta(days=14), weights=Weights(quote=3.0))
    assert changed.of(GuestFeedOptions).rows_per_country == 500
    assert changed.of(CreatorStats) == CreatorStats()


def test_an_option_is_given_under_its_public_name():
    assert options(home={"explore_every": 7}).of(Home).exploration_interval == 7
    with pytest.raises(BadConfig, match=r"option home\.exploration_interval does not exist"):
        options(home={"exploration_interval": 7})


def test_a_choice_takes_only_what_there_is_to_choose():
    assert options(content_stats={"age_from": "updatedAt"}).of(ContentStats).age_from == "updatedAt"
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
        ({"FEEDKEEPER_OPTIONS": '{"content_stats": {"weights": [1]}}'}, r"content_stats\.weights: needs an object"),
        ({"FEEDKEEPER_OPTIONS": '{"bots": {"splits": 5}}'}, r"option bots\.splits does not exist"),
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
        ("content_stats", "bias", 10**400),
        ("content_stats", "bias", -1_000_001),
        ("content_stats", "bias", None),
        ("content_stats", "age_from", ["createdAt"]),
        ("content_stats", "weights", {"like": "1"}),
        ("hashtag_stats", "max_contents", 2.5),
        ("hashtag_stats", "max_contents", 2.0),
        ("hashtag_stats", "max_contents", {"value": 2}),
        ("hashtag_stats", "max_contents", -1),
        ("hashtag_stats", "max_contents", True),
        ("hashtag_stats", "max_contents", 10**12),
        ("coldstart", "base_country", 7),
        ("members", "accounts_a_message", 0),
        ("members", "accounts_a_message", 2_001),
        ("topics", "batch", 0),
        ("relay", "batch", 0),
        ("relay", "queue", 0),
        ("home", "in_a_row", 0),
        ("people", "follows_each", 0),
    ],
)
def test_a_value_that_cannot_be_is_refused_by_name(section, name, value):
    with pytest.raises(BadConfig, match=rf"option {section}\.{name}") as caught:
        options(**{section: {name: value}})
    assert repr(value) in str(caught.value) or isinstance(value, dict)


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


@pytest.mark.parametrize("name", sections())
def test_every_section_has_defaults(name):
    section = sections()[name]

    assert Options().of(section) == Options.from_mapping({name: {}}).of(section) == section()


def test_every_section_has_a_name_of_its_own():
    files = ROOT.glob("functions/*/options.py"), ROOT.glob("shared/*/options.py")
    texts = [file.read_text() for of_package in files for file in of_package]
    declared = [name for text in texts for name in re.findall(r'section: ClassVar\[str\] = "(\w+)"', text)]

    assert sorted(declared) == sorted(sections())


@pytest.mark.parametrize("name", sections())
def test_a_default_could_be_given(name):
    section = sections()[name]
    given = {option.encode_name: as_given(getattr(section(), option.name)) for option in structs.fields(section)}

    assert options(**{name: given}).of(section) == section()


def as_given(value):
    """The JSON that an operator gives for a value of an option."""
    if isinstance(value, Weights):
        return structs.asdict(value)
    return value / timedelta(hours=1) if isinstance(value, timedelta) else value


@pytest.mark.parametrize("value", ["\ud800", float("nan"), [], {}, None, [1], "\0"], ids=ascii)
def test_no_option_that_is_no_text_takes_a_value_of_another_type(value):
    taken, names = [], [(name, option) for name, section in sections().items() for option in structs.fields(section)]
    for name, option in names:
        if option.type is str or (option.type is Weights and value == {}):
            continue
        with suppress(BadConfig):
            options(**{name: {option.encode_name: value}})
            taken.append(f"{name}.{option.encode_name}")

    assert (len(names) > 100, taken) == (True, [])


NAMES = {f"exposures.{option.encode_name}" for option in structs.fields(ExposureFields)}
NO_NAMES = ["", "$x", "a$b", "a..b", ".a", "a.", "a\0b", "a\n", "\ud800", "a" * 101, 3, None, True, ["a"]]


def test_each_text_that_is_no_name_is_read_as_something_else():
    texts = {
        f"{name}.{option.encode_name}"
        for name, section in sections().items()
        for option in structs.fields(section)
        if option.type is str
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
    assert options(exposures={"credential": "system.device"}).of(ExposureFields).credential == "system.device"
