"""Plain texts: which characters are removed, and which stay."""

import time

import pytest

from shared.text.normalise import MAX_CHARACTERS, plain, tokens

EVERY_SCRIPT = (
    "ที่นี่มีน้ำ ๆ",
    "วันนี้กินข้าวแล้วหรือยัง",
    "ຂ້ອຍມັກເຂົ້າ",
    "ខ្ញុំស្រឡាញ់",
    "ကျွန်တော်",
    "我喜歡這本書",
    "今天天气很好",
    "今日はコーヒーを飲む",
    "コーヒー",
    "오늘은 날씨가 좋아요",
    "मुझे किताबें पसंद हैं",
    "நான் படிக்கிறேன்",
    "আমি ভালো আছি",
    "אני אוהב ספרים",
    "أحبُّ القراءة",
    "من کتاب می‌خوانم",
    "Καλημέρα",
    "გამარჯობა",
    "Բարեւ",
    "Люблю читать",
    "Đêm nay tôi đọc sách",
    "Füße, naïve, cœur, İstanbul",
    "été",
    "ㅋㅋㅋ",
    "don´t",
    "ትምህርት",
    "𠮷野家",
    "㐂",
)


@pytest.mark.parametrize("text", EVERY_SCRIPT)
def test_every_script_stays_as_it_was_written(text):
    assert plain(text) == text
    assert plain(f"😀{text}👍🏽") == text


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("see https://example.com/a?b=1#c now", "see now"),
        ("HTTP://EXAMPLE.COM/A now", "now"),
        ("see www.example.co.th/page, ok", "see ok"),
        ("read example.com or news.example.org/today?x=1 first", "read or first"),
        ("t.co/a1 and youtu.be/xyz", "and"),
        ("ดูที่https://example.com/aครับ", "ดูที่ ครับ"),
        ("ไป https://example.com/wiki/หน้าแรก กัน", "ไป กัน"),
        ("请看https://example.com/x，谢谢", "请看 ,谢谢"),
    ],
)
def test_links_go_and_the_words_around_them_stay(text, left):
    assert plain(text) == left


@pytest.mark.parametrize(
    "text",
    [
        "Great day.Tomorrow we travel",
        "It was fun.me too",
        "Please stop.in my view it is late",
        "We go up.and.down all day",
        "e.g. the U.S.A. or version 1.2.3 costs 5,000.00",
        "it's what o’clock?",
        "and/or 50% off: yes/no",
    ],
)
def test_what_only_looks_like_a_link_stays_whole(text):
    assert plain(text) == text


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("@ann hello @bob_2, hi", "hello , hi"),
        ("สวัสดี@somchai ครับ", "สวัสดี ครับ"),
        ("@user@example.social hello", "hello"),
        ("write to ann.lee@example.com please", "write to ann.lee@example.com please"),
        ("10 baht @ the market", "10 baht @ the market"),
    ],
)
def test_mentions_go_and_mail_addresses_stay(text, left):
    assert plain(text) == left


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("#goal", "goal"),
        ("a #late #เช้านี้ #東京", "a late เช้านี้ 東京"),
        ("one#two", "one#two"),
        ("＃goal ﹟goal #\ufe0f\u20e3", "goal goal"),
        ("press &#39;1&#39; #go", "press '1' go"),
        ("in C# # 1", "in C# # 1"),
    ],
)
def test_of_hashtags_only_the_mark_goes(text, left):
    assert plain(text) == left


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("Top 10 reasons ☺", "Top 10 reasons"),
        ("Top 10 reasons ☺️", "Top 10 reasons"),
        ("1️⃣ first, *️⃣ 2 second", "first, 2 second"),
        ("👩‍👩‍👧 🤦🏻‍♀️ 🏳️‍🌈 family", "family"),
        ("🇹🇭🏴󠁧󠁢󠁥󠁮󠁧󠁿 flags", "flags"),
        ("good👍🏽morning", "good morning"),
        ("❤️ ✨ ⌚ ▶️ ⭐ ©️ 2026", "2026"),
        ("क्‍ष می‌روم", "क्‍ष می‌روم"),
    ],
)
def test_emoji_go_with_all_their_parts_and_joiners_of_words_stay(text, left):
    assert plain(text) == left


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("one\ntwo\r\n\tthree\u3000four\xa0five\u2028six", "one two three four five six"),
        ("one\x00two \ud83d three\udc00 \ufeff", "one two three"),
        ("ค่า\u200bน้ำ", "ค่า น้ำ"),
        ("", ""),
        (" \n ", ""),
        ("😀 @ann https://example.com", ""),
    ],
)
def test_white_space_is_folded_and_what_is_no_character_goes(text, left):
    assert plain(text) == left


@pytest.mark.parametrize(
    "piece",
    [
        "https://a.b/",
        "http://",
        "www.",
        "a.",
        "a.com.",
        "A.com@",
        "-a",
        "a-.",
        "@",
        "@a",
        "@a.a",
        "#",
        "#a",
        "t.co/",
        "👩\u200d",
        "\u200d",
        "\ufe0f",
        "1\ufe0f",
        "1\ufe0f\u20e3",
        " ",
        "\x00",
        "\ud800",
        "a",
        "ก",
        "漢",
        "e\u0301",
        "_.a",
        ":/",
        "a\u2019",
    ],
)
def test_a_megabyte_of_anything_takes_no_longer_than_a_long_post(piece):
    hostile = piece * (1_000_000 // len(piece))
    began = time.process_time()

    words = plain(hostile)
    tokens(words)

    assert time.process_time() - began < 0.1
    assert len(words) <= MAX_CHARACTERS


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("𝗦𝗮𝗹𝗲 ｓａｌｅ Ⓢⓐⓛⓔ 🄢🄐🄻🄴 ⒮⒜⒧⒠", "Sale sale Sale SALE sale"),
        ("ｺｰﾋｰ ﾊﾞﾝｺｸ", "コーヒー バンコク"),
        ("e\u0301te\u0301", "été"),
        ("น\u0e4d\u0e49\u0e32", "น้ำ"),
        ("soft\u00adhyphen \u200fright\u200e", "softhyphen right"),
        ("\u3164\u115f", ""),
        ("ＷＷＷ．ｅｘａｍｐｌｅ．ｃｏｍ／ａ ok", "ok"),
    ],
)
def test_characters_in_another_dress_are_read(text, left):
    assert plain(text) == left


def test_cleaning_twice_changes_nothing():
    for text in (*EVERY_SCRIPT, "#a #b it's 10 ☺ @x", "word#tag#more"):
        assert plain(plain(text)) == plain(text)


@pytest.mark.parametrize(
    ("text", "least", "most"),
    [
        ("", 0, 0),
        ("2026 !! 10%", 0, 0),
        ("It's a well-known fact", 5, 5),
        ("नमस्ते दोस्तों", 2, 2),
        ("오늘은 날씨가 좋아요", 3, 3),
        ("می‌خواهم بخوانم", 2, 2),
        ("วันนี้ฝนตกหนักมาก", 3, 5),
        ("今天天气很好", 3, 5),
        ("今日はコーヒーを飲む", 3, 5),
        ("ဒီနေ့ရာသီဥတုကောင်းတယ်", 3, 6),
        ("กิน pizza กัน", 2, 4),
        ("ก", 1, 1),
    ],
)
def test_words_are_counted_and_estimated_where_no_space_parts_them(text, least, most):
    assert least <= tokens(text) <= most
