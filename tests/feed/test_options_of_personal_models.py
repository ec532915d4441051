"""Every option that a training of personal models reads changes the digest of their options, whatever it is called.

An option is declared once, and read anywhere; one of another training, or of how often something is done, is listed
here. A new option is neither until somebody says which.
"""

from datetime import timedelta
from typing import Any

import msgspec
import numpy as np
import pytest
from msgspec import structs

from functions.feed import train_personal
from functions.feed.inputs import digest_of_options
from functions.feed.options import Members
from functions.feed.user_profile_builder import profiles_now
from shared.ranking.options import Coldstart
from tests.networks import NOON, QUICK, QUICK_MEMBERS

SECTIONS = (Coldstart, Members)
# Options that cannot change a personal model, by section and reason.
OTHER_OPTIONS: dict[type, dict[str, set[str]]] = {
    Coldstart: {
        "of the training of the countries' rankers, whose version is recorded": {
            *("holdout", "max_holdout", "min_queries", "examples_span", "min_positives", "max_positives"),
            *("max_skipped_ratio", "rounds", "learning_rate", "max_depth", "country_rounds", "max_country_positives"),
            *("min_country_queries", "candidates", "max_queries_per_country", "min_gain_se"),
        },
        "replaced by a constant of the trees, and of the decay of popularity": {"negatives"},
    },
    Members: {
        "of the training of the ranker of all members, whose version is recorded": {
            *("max_positives", "negatives", "rounds", "learning_rate", "max_depth", "min_queries"),
        },
        "how often and how many at once": {
            *("refresh_interval_s", "accounts_per_message", "overlap", "full_every", "compare_every"),
        },
    },
}
REPLACED = {(Coldstart, "negatives")}  # read, but after a constant took its place


class WatchedColdstart(Coldstart, frozen=True, kw_only=True):
    """Notes which options are read."""

    def __getattribute__(self, name: str) -> Any:
        READ.add((Coldstart, name))
        return super().__getattribute__(name)


class WatchedMembers(Members, frozen=True, kw_only=True):
    """Notes which options are read."""

    def __getattribute__(self, name: str) -> Any:
        READ.add((Members, name))
        return super().__getattribute__(name)


READ: set[tuple[type, str]] = set()


def other_value(field: structs.FieldInfo, value: Any) -> Any:
    """Another valid value of the option."""
    if isinstance(value, str):
        choices = [*getattr(msgspec.inspect.type_info(field.type), "values", ()), "th"]
        return next(choice for choice in choices if choice != value)
    if isinstance(value, timedelta):
        return value + timedelta(hours=1)
    return value / 2 if isinstance(value, float) else value + 1


def digests(section: type, name: str) -> set[str]:
    """The digests before and after a change of one option."""
    field = next(field for field in structs.fields(section) if field.name == name)
    before: dict[type, Any] = {kind: kind() for kind in SECTIONS}
    after = dict(before)
    after[section] = structs.replace(before[section], **{name: other_value(field, getattr(before[section], name))})
    assert after != before
    return {digest_of_options(options[Coldstart], options[Members]) for options in (before, after)}


@pytest.mark.parametrize("section", SECTIONS)
def test_every_option_changes_the_digest_or_cannot_change_a_model(section):
    others = [name for names in OTHER_OPTIONS[section].values() for name in names]
    changing = {field.name for field in structs.fields(section) if len(digests(section, field.name)) == 2}

    assert sorted([*changing, *others]) == sorted(field.name for field in structs.fields(section))


def test_no_option_that_a_training_reads_is_among_those_that_cannot_change_a_model(world):
    eager = structs.replace(QUICK_MEMBERS, trees_min_engagements=1, trees_min_gain_se=-100.0)
    coldstart, members = WatchedColdstart(**structs.asdict(QUICK)), WatchedMembers(**structs.asdict(eager))
    train_personal.forget()
    READ.clear()

    trainer = train_personal.open_trainer(world.store, world.registry, coldstart, members, now=NOON)
    numbers = np.flatnonzero(np.bincount(trainer.affinities.history.engagements.account) >= 10)[:2]
    profiles = dict(zip(numbers.tolist(), profiles_now(trainer.affinities, numbers), strict=True))
    assert all(train_personal.needs_trees(profile, members) for profile in profiles.values())
    fitted = train_personal.fit_trees(trainer, numbers, profiles, coldstart, members)

    assert all(profile.trees for profile in fitted.values())
    read = READ & {(section, field.name) for section in SECTIONS for field in structs.fields(section)}
    changing = {(section, name) for section, name in read if len(digests(section, name)) == 2}
    assert read - changing == REPLACED
    assert {name for _, name in changing} >= {"window", "horizon", "base_country", "min_country_positives"}
