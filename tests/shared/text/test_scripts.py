"""Scripts of texts, and the languages that follow from them."""

import pytest

from shared.text.characters import HAN, KANA, LATIN, THAI, script_of
from shared.text.scripts import LANGUAGE_OF_SCRIPT, is_thai, main_script, weights

ALONE = {
    "th": "พรุ่งนี้ไปทะเล",
    "lo": "ມື້ນີ້ອາກາດດີ",
    "km": "ថ្ងៃនេះអាកាសធាតុល្អ",
    "my": "ဒီနေ့ရာသီဥတုကောင်းတယ်",
    "ko": "비가 와요",
    "ja": "雨が降る",
    "zh": "下雨了",
    "ta": "மழை பெய்கிறது",
    "bn": "বৃষ্টি হচ্ছে",
    "he": "יורד גשם",
    "el": "βρέχει",
    "ka": "წვიმს",
    "hy": "անձրեւ",
    "te": "వర్షం",
    "kn": "ಮಳೆ",
    "ml": "മഴ",
    "si": "වැස්ස",
    "gu": "વરસાદ",
    "pa": "ਮੀਂਹ",
    "or": "ବର୍ଷା",
    "dv": "ވާރޭ ވެހެނީ",
}


@pytest.mark.parametrize(("code", "text"), ALONE.items())
def test_a_script_of_one_language_names_it(code, text):
    by_script = weights(text)

    assert LANGUAGE_OF_SCRIPT[max(by_script, key=by_script.__getitem__)] == code


@pytest.mark.parametrize("text", ["it rains", "идёт дождь", "يهطل المطر", "बारिश हो रही है", "ዝናብ"])
def test_a_script_of_several_languages_names_none(text):
    assert not set(weights(text)) & set(LANGUAGE_OF_SCRIPT)


def test_vowel_signs_count_and_digits_marks_and_accents_do_not():
    assert weights("ที่ ๑๒ 34 !") == {THAI: 3.0}
    assert script_of("\u0301") == script_of("๑") == script_of("\ue000") == script_of("😀") == ""


def test_letters_of_any_width_belong_to_their_script():
    assert {script_of("ａ"), script_of("ｶ"), script_of("ﾡ")} == {LATIN, KANA, "HANGUL"}


def test_kana_make_han_japanese_and_a_single_kana_in_a_long_chinese_text_does_not():
    assert set(weights("東京は雨")) == {KANA}
    assert set(weights("東京雨")) == {HAN}
    assert weights("我們今天一起去公園散步然後看電影再回家吃飯休息の") == {HAN: 24.0}


@pytest.mark.parametrize(
    "weak",
    ["ㅋㅋㅋㅋㅋㅋㅋㅋㅋㅋ", "ㅠㅠㅋㅋㅎㅎㅠㅠ", "ツ ツ ツ", "ヽ(´ー`)ノ", "ω Д ω", "ಠ_ಠ ಠ_ಠ", "(ง •̀_•́)ง", "好 好 好"],
)
@pytest.mark.parametrize("code", ALONE)
def test_letters_of_emoticons_and_laughter_are_no_script_beside_words(code, weak):
    script = main_script(weights(ALONE[code]), ALONE[code])[0]

    assert main_script(weights(f"{weak} so"), f"{weak} so") == (LATIN, 1.0)
    assert main_script(weights(f"{ALONE[code]} {weak}"), f"{ALONE[code]} {weak}")[0] == script


def test_thai_is_settled_by_its_part_of_the_letters():
    assert is_thai(weights("ชอบ Netflix มากเลย"))
    assert is_thai(weights("ราคา Toyota Yaris เท่าไหร่คะ"))
    assert not is_thai(weights("Yesterday we learned that ดี means good"))
    assert not is_thai(weights("no Thai at all"))


def test_a_thai_clause_outweighs_a_longer_row_of_names():
    row_of_names = "Samsung Galaxy Ultra Apple iPhone Pro Max Google Pixel Sony Xperia Nokia"

    assert is_thai(weights(f"รุ่นไหนถ่ายรูปสวยที่สุดคะ {row_of_names}"))
    assert not is_thai(weights(f"ดีไหม {row_of_names}"))
