"""Codes of countries, the languages that are read there, and spellings in data."""

import pytest

from shared.countries import COUNTRIES, GLOBAL_PARTITION, LANGUAGES, SPELLINGS, country_of


def test_there_are_250_countries_in_lower_case():
    assert len(COUNTRIES) == len(set(COUNTRIES)) == 250
    assert all(len(code) == 2 and code.isalpha() and code.islower() for code in COUNTRIES)
    assert {"xk", "us", "th", "gb", "ss", "cw"} <= set(COUNTRIES)
    assert not {"uk", "an", "su", "eu", "zz"} & set(COUNTRIES)


def test_everywhere_is_no_country():
    assert GLOBAL_PARTITION == "en"
    assert GLOBAL_PARTITION not in COUNTRIES


def test_each_country_reads_something_and_some_read_much():
    assert all(LANGUAGES[code] for code in COUNTRIES)
    assert LANGUAGES["sg"] == {"en", "zh", "ms", "ta"}
    assert LANGUAGES["jp"] == {"ja"}
    assert all(len(language) == 2 and language.islower() for read in LANGUAGES.values() for language in read)


@pytest.mark.parametrize(("code", "country"), [("TH", "th"), ("Xk", "xk"), (" us ", "us"), ("UK", "gb"), ("SU", "ru")])
def test_a_code_is_understood_in_any_case_and_of_any_age(code, country):
    assert country_of(code) == country


@pytest.mark.parametrize("code", [None, "", "zz", "usa", "840", 840, 1.5, True, b"us", ["us"], {"code": "us"}, "ü"])
def test_what_is_no_country_is_unknown(code):
    assert country_of(code) is None


def test_every_spelling_leads_to_a_country():
    assert {country_of(code) for code in SPELLINGS} == set(COUNTRIES)
