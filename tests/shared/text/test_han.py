"""Han characters: Chinese, Japanese, Korean, or not certain."""

from itertools import pairwise

import pytest

from shared.text.characters import HAN, KANA
from shared.text.han import JAPAN, ONLY_CHINESE, charsets_of, language_of_han, sign_of
from shared.text.scripts import weights

EVERY_HAN = [*map(chr, range(0x3400, 0x4DC0)), *map(chr, range(0x4E00, 0xA000))]
JAPANS_OWN = [letter for letter in EVERY_HAN if charsets_of(letter) == {JAPAN}]
CHINAS_OWN = [letter for letter in EVERY_HAN if charsets_of(letter) and JAPAN not in charsets_of(letter)]
EITHER = "人口二百万山川大小中心東西南北"  # letters that Japanese and Chinese share


def test_the_charsets_know_the_letters_that_one_side_has_to_itself():
    assert set("駅円売県気図発関経済働込峠辻広転") <= set(JAPANS_OWN)
    assert set("你们这为时动說內產") <= set(CHINAS_OWN)
    assert not set(EITHER) & {*JAPANS_OWN, *CHINAS_OWN}


@pytest.mark.parametrize("around", ["", EITHER, EITHER * 20])
def test_no_letter_that_only_japanese_writes_is_chinese(around):
    assert {language_of_han(around + letter) for letter in JAPANS_OWN} == {""}
    assert {language_of_han(f"{a}{around}{b}") for a, b in pairwise(JAPANS_OWN)} == {"ja"}


@pytest.mark.parametrize("letters", ["哋嘅咗喺冇嗰咁啲嘢嚟乜揾瞓攰㗎佢嘥啱喎囉", "你她您嗎呢吧哪啊", "們很它麼"])
def test_letters_of_everyday_cantonese_and_chinese_are_known_as_such(letters):
    assert {sign_of(letter) for letter in letters} == {ONLY_CHINESE}


def test_forms_that_japanese_prints_and_letters_of_korea_are_no_sign_of_chinese():
    assert ONLY_CHINESE not in {sign_of(letter) for letter in "鷗俠醬蟬繡囊頰剝塡𠮟乭畓"}
    assert [language_of_han(text) for text in ("森鷗外記念館", "任俠映画", "田畓 大韓民國 憲法")] == [""] * 3


def test_rare_letters_of_vietnamese_in_han_are_not_chinese():
    assert language_of_han("𡨸喃 𠊛越南") == ""
    assert language_of_han("𠮷野家的牛肉飯很好吃，我們都喜歡") == "zh"  # a name's


BESIDE = ("の", "ノ", "コーヒー", "すし")


@pytest.mark.parametrize("kana", BESIDE)
def test_kana_alone_do_not_settle_against_letters_that_only_chinese_writes(kana):
    for a, b in pairwise(CHINAS_OWN):
        assert set(weights(f"{kana} {EITHER}{a}")) == set(weights(f"{EITHER}{a}人{b} {kana}")) == {HAN}
        assert language_of_han(f"{EITHER}{a}人{b} {kana}") == "zh"


def test_letters_that_only_chinese_writes_do_not_settle_against_endings_of_japanese():
    for a, b in pairwise(CHINAS_OWN):
        assert set(weights(f"{a}{b}が好きです。山を見る人は")) == {KANA}


@pytest.mark.parametrize("text", ["東京の空", "税制改革の是非", "日本のラーメン", "コーヒー 中毒", "駅前のビル"])
def test_kana_without_a_strong_sign_of_chinese_make_han_japanese(text):
    assert set(weights(text)) == {KANA}


@pytest.mark.parametrize("around", ["", EITHER, EITHER * 20])
def test_every_letter_that_only_chinese_writes_is_chinese(around):
    assert {language_of_han(around + letter) for letter in CHINAS_OWN} == {"zh"}


def test_strong_signs_of_both_sides_name_neither_unless_one_outweighs_the_other():
    for ours, theirs in zip(JAPANS_OWN, CHINAS_OWN, strict=False):
        assert language_of_han(f"{EITHER}{ours}{theirs}") == ""
    assert language_of_han("我们昨天去了新宿駅吃东西，还买东西给孩子们") == "zh"


def test_a_weak_sign_does_not_settle_against_a_strong_one():
    assert language_of_han("是正勧告") == ""  # 是 is common in Chinese, 勧 is written in Japanese only
    assert language_of_han("国会議事堂前集会参加者多数") == ""  # 国 is not traditional, 議 is not simplified


@pytest.mark.parametrize("text", ["国际", "國際上很", "trip 这", "台北市立大安高級中學", "黑海和裏海之間的距離是多少"])
def test_han_are_chinese_by_one_that_japanese_does_not_write_or_by_ten(text):
    assert language_of_han(text) == "zh"


@pytest.mark.parametrize("text", ["", "国際", "國際", "人々", "台北市立大安高級中", "東京: 2026 ☺ café"])
def test_fewer_han_that_both_write_are_neither(text):
    assert language_of_han(text) == ""


def test_kana_of_a_name_in_a_chinese_text_do_not_make_it_japanese_and_a_quoted_chinese_word_leaves_it_japanese():
    assert set(weights("我们今天去吃すき家牛丼")) == {HAN}
    assert set(weights("私は中国語の谢谢という言葉が好きです")) == {KANA}
    assert set(weights("駅前のビル")) == {KANA}
