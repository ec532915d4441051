"""Hashtags of a text: where they begin and end, and which are the same."""

import sys
import time
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.text.cleaning import cleaned
from shared.text.hashtags import MAX_NAME_LENGTH, hashtags, spelling, without_marks
from shared.text.normalise import MAX_CHARACTERS, plain

EVERY_CHARACTER = [chr(code) for code in range(sys.maxunicode + 1) if not 0xD800 <= code < 0xE000]
BLOCKS = ["".join(EVERY_CHARACTER[at : at + 256]) for at in range(0, len(EVERY_CHARACTER), 256)]
PIECES = (
    "#", "＃", "﹟", "a", "İ", "ß", "ı", "Σ", "ก็", "น้ำ", "猫", "ｱ", "𝗯", "・", "·", "\u200c", "\u200d",
    "\u0301", "\ufe0f", "\u20e3", "_", "7", " ", "\n", "&", ";", "&#39;", "&amp;", "&num;", "/", ".", ":",
    "https://", "www.", "example.org", "@", "](", ")",
    "❤", "\ud800", "\x00", "\ufffd", "\u200b", "\u00ad", "क्", "\u0307",
)  # fmt: skip
SIGNS = ("#", "＃", "﹟", "&num;", "&amp;num;", "&#35;", "&amp;amp;#x23;")
TEXTS = st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=3)), max_size=25).map("".join)


@pytest.mark.parametrize(
    "text",
    [
        "see https://docs.example.org/guide#Installation now",
        "HTTPS://EXAMPLE.ORG/#Top",
        "see www.example.org/#contact",
        "see example.org/#contact or example.org#contact",
        "see docs.example.dev/guide/#install",
        "//example.io/#a",
        "localhost:3000/#login and 10.0.0.1:80/?q#x",
        "https://пример.рф/#контакт пример.рф/#контакт www.пример.рф/#x",
        "https://example.org/คู่มือ#ติดตั้ง",
        "tg://resolve?x=1#y ftp://example.org/a#b",
        "mailto:ann@example.org?subject=#hi",
        "[manual](https://example.org/guide#install) [top](#top) [b](/a/#b)",
        '<a href="#top">',
        "ｈｔｔｐｓ：／／example.org/#a",
        "https://example.org/?a=1&amp;b=2#c",
    ],
)
def test_part_of_a_link_is_no_hashtag(text):
    assert hashtags(text) == []


HOSTS = (
    "example.dev", "docs.example.dev", "xn--e1afmkfd.xn--p1ai", "bücher.de", "café.fr", "пример.рф", "пример.com",
    "пример.xn--p1ai", "παράδειγμα.ευ", "مثال.إختبار", "مثال.com", "ไทย.com", "ไทย.ไทย", "www2.ไทย.com", "ไทย.co.th",
    "例え.jp", "例え.テスト", "例子.中国", "예제.한국", "उदाहरण.भारत", "straße-7.de", "127.0.0.1", "localhost",
)  # fmt: skip
PATHS = ("/#{}", "/a/b#{}", "/?q=1#{}", "/?q=#{}", "?q=1#{}", ":8080/#{}", "/a_(b)#{}", "/#!/{}", "/#a#{}")
FRAGMENTS = ("x", "frag", "7", "ติดตั้ง", "контакт", "設定")


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("scheme", ["", "//", "https://"])
def test_the_fragment_of_a_link_is_no_hashtag_whatever_letters_its_host_has(scheme, host):
    links = [scheme + host + path.format(fragment) for path in PATHS for fragment in FRAGMENTS]

    assert {link: hashtags(f"see {link} #real") for link in links} == {link: ["real"] for link in links}


@pytest.mark.parametrize("before", ["ดูที่", "詳しくは", "详情见", "ເບິ່ງ", "មើល"])
@pytest.mark.parametrize("host", ["ไทย.com", "example.dev", "例え.jp", "例子.中国"])
def test_the_sentence_right_before_a_link_is_no_part_of_it(before, host):
    text = cleaned(f"{before}{host}/#frag {before}")

    assert text.startswith(before)
    assert text.endswith(f" {before}")
    assert "frag" not in text


@pytest.mark.parametrize("sentence", ["Nice", "สวัสดี", "今日は", "Привет", "مرحبا", "café", "100", "ราคา 100.บาท"])
@pytest.mark.parametrize("stop", [".", "。", "...", "/", ". ", "?", "!"])
def test_a_hashtag_right_after_a_sentence_is_one(sentence, stop):
    assert hashtags(f"{sentence}{stop}#tag") == ["tag"]


@pytest.mark.parametrize("escape", ["&amp;", "&AMP;", "&#38;", "&#x26;", "&#038;"])
@pytest.mark.parametrize(
    ("entity", "names"),
    [("num;tag", ["tag"]), ("#35;tag", ["tag"]), ("#39;tag", []), ("#x27;", []), ("lt;#tag", ["tag"]), ("#tag", [])],
)
def test_an_entity_is_what_it_stands_for_however_often_it_was_escaped(escape, entity, names):
    for times in range(6):
        written = f"&{entity}" if not times else f"{escape}{'amp;' * (times - 1)}{entity}"

        assert hashtags(f"a {written}") == names, written


@pytest.mark.parametrize(
    "text",
    [
        "Rock &#39;n&#39; roll &#8211; live",
        "&#x27;quoted&#X27;",
        "&amp;#39; &amp;amp;#39; &#38;#39;",
        "no semicolon &#39 and &#39s",
        "&#0; &#xD800; &#9999999; &#xZZ;",
    ],
)
def test_an_entity_is_no_hashtag(text):
    assert hashtags(text) == []


@pytest.mark.parametrize(
    "text",
    [
        "press #\ufe0f\u20e3 or #\u20e3",
        "#️⃣live",
        "#",
        "# a",
        "##",
        "#!",
        "#-x",
        "#❤️",
        "#_",
        "#・",
        "#\u200d",
        "#\u0301x",
        "#\ufffd",
    ],
)
def test_a_sign_without_a_name_is_no_hashtag(text):
    assert hashtags(text) == []


@pytest.mark.parametrize(
    "before", ["F", "7", "é", "e\u0301", "_", "ก", "ที่", "猫", "ी", "가", "𝗯", "ｆ", "a\ufe0f", "#a"]
)
def test_a_sign_inside_a_word_begins_no_hashtag(before):
    assert "sharp" not in hashtags(f"{before}#sharp")


@pytest.mark.parametrize("before", ["", " ", "\n", "(", "“", ",", "。", "、", "・", "❤️", "1️⃣", "!", "/", "\u200b", "​—"])
@pytest.mark.parametrize("sign", SIGNS)
def test_a_sign_at_a_beginning_begins_one_whichever_it_is(before, sign):
    assert hashtags(f"{before}{sign}sharp") == ["sharp"]


@pytest.mark.parametrize(
    "name",
    [
        "bangkok", "ก่อนนอน", "2026goals", "2026", "a_b", "__x__", "น้ำท่วม", "ที่นี่", "हिन्दी", "đànẵng", "año_2026",
        "日本", "かわいい", "ロング・タグ", "paral·lel", "می\u200cخواهم", "क्\u200dष", "अवन्\u200d", "צה״ל",
        "བོད་ཡིག", "العربية", "ქართული", "한국어", "ㅋㅋㅋ", "𠮷野家",
    ],
)  # fmt: skip
@pytest.mark.parametrize("after", ["", " ", "!", "❤️", ".", "。", "・", "·", "\u200c", "\ufe0f"])
def test_a_name_is_kept_whole_and_ends_where_its_letters_end(name, after):
    assert hashtags(f"x #{name}{after}") == [name]


@pytest.mark.parametrize(
    "written",
    [
        ("straße", "STRASSE", "Straße", "STRAẞE", "ｓｔｒａｓｓｅ"),
        ("istanbul", "İstanbul", "ISTANBUL", "i\u0307stanbul", "I\u0307STANBUL", "ıstanbul"),
        ("σίσυφος", "ΣΊΣΥΦΟΣ"),
        ("goal", "ＧＯＡＬ", "𝗴𝗼𝗮𝗹", "Ⓖⓞⓐⓛ", "⒢⒪⒜⒧", "go\u00adal", "\u200fgoal", "goal\ufe0f"),
        ("バンコク", "ﾊﾞﾝｺｸ", "ハ\u3099ンコク"),
        ("đànẵng", unicodedata.normalize("NFD", "ĐÀNẴNG")),
        ("น้ำ", "น\u0e49\u0e4d\u0e32", "น\u0e4d\u0e49\u0e32"),
        ("fish", "ﬁsh"),
        ("葛飾", "葛\U000e0100飾"),
        ("لا", "\ufefb"),
    ],
)
def test_what_reads_the_same_is_one_hashtag(written):
    assert len({tuple(hashtags(f"#{name}")) for name in written}) == 1
    assert len({spelling(name) for name in written}) == 1


def test_a_joiner_and_an_accent_are_part_of_a_name():
    assert len(set(hashtags("#می‌خواهم #میخواهم #pâté #pate"))) == 4


def test_names_stand_in_the_order_of_the_text_each_once():
    assert hashtags("#b #a #B #c·#d 猫・#犬 [#e](https://example.org/#f)#g") == ["b", "a", "c", "d", "犬", "e", "g"]


def test_a_name_may_be_long_but_not_without_end():
    assert hashtags(f"#{'a' * MAX_NAME_LENGTH} #{'b' * (MAX_NAME_LENGTH + 1)} #c") == ["a" * MAX_NAME_LENGTH, "c"]


def test_thousands_of_hashtags_in_one_text_are_all_seen():
    assert hashtags(" ".join(f"#tag{n}" for n in range(5_000))) == [f"tag{n}" for n in range(5_000)]


@pytest.mark.parametrize(
    "piece",
    [
        "#",
        "#a",
        "#a ",
        "a#",
        "&#",
        "&amp;",
        "&#38;",
        "#·",
        "#a·",
        "](#",
        "a.b/",
        "a.b/#",
        "ก.ก/#",
        "ก.",
        "#ก.",
        "?#ก.a",
        "ก",
        "aก.",
        "&amp;num;",
        "&amp;amp;#",
        "#\u0301",
        "❤#",
        "href=#",
        "://#",
    ],
)
def test_a_megabyte_of_anything_takes_no_long_time(piece):
    hostile = piece * (1_000_000 // len(piece))
    began = time.process_time()

    hashtags(hostile)

    assert time.process_time() - began < 15


def test_no_character_that_may_not_go_on_is_part_of_a_name():
    medial = set("\u00b7\u05be\u05f3\u05f4\u0f0b\u30a0\u30fb\u200c\u200d")
    others = [c for c in EVERY_CHARACTER if ord(c) < 0x20000 and not f"_{c}".isidentifier()]

    named = {c: name for c in others for name in hashtags(f"#a{c}b")}

    assert {c for c, name in named.items() if not f"_{name}".isidentifier() and not medial & set(name)} == set()


def test_no_other_character_becomes_a_hash_sign():
    signs = {c for block in BLOCKS if "#" in cleaned(" ".join(block)) for c in block if "#" in cleaned(c)}

    assert signs == {"#", "＃", "﹟"}


def test_every_spelling_of_a_letter_is_one_in_either_case_and_stays_as_it_is():
    # Where a whole block is its own spelling, so is each character, since parts of a normalised text are normalised.
    changing = (block for block in BLOCKS if not block == spelling(block) == block.lower() == block.upper())
    spelt = {c: spelling(c) for block in changing for c in block}
    unstable = [c for c, name in spelt.items() if name != c and spelling(name) != name]
    cased = (c for c in spelt if not c == c.lower() == c.upper())
    split = [c for c in cased if not spelt[c] == spelling(c.lower()) == spelling(c.upper())]

    assert (unstable, split) == ([], [])
    assert len(spelt) > 10_000


@settings(max_examples=300, deadline=None, derandomize=True)
@given(TEXTS)
def test_a_spelling_is_final_and_a_hashtag_again(text):
    for name in hashtags(text):
        assert spelling(name) == name
        assert hashtags(f"#{name}") == [name]


@settings(max_examples=300, deadline=None, derandomize=True)
@given(TEXTS)
def test_statistics_and_words_see_the_same_hashtags(text):
    read = cleaned(text[:MAX_CHARACTERS])
    marks = [at for at, (before, after) in enumerate(zip(read, without_marks(read), strict=True)) if before != after]

    assert list(dict.fromkeys(hashtags(read[at:].split()[0])[0] for at in marks)) == hashtags(text)
    assert all(read[at] == "#" for at in marks)
    plain(text)
