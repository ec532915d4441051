"""Languages of texts, and texts whose language is unknown."""

import re
import subprocess
import sys
import unicodedata
from concurrent.futures import ThreadPoolExecutor

import pytest
from msgspec.structs import replace

from shared.errors import BadConfig
from shared.text.alphabets import FOREIGN_LETTERS, LETTERS
from shared.text.characters import script_of
from shared.text.language import MIN_CONFIDENCE, UNKNOWN, NamedLanguage, identifier
from shared.text.normalise import plain
from shared.text.options import Language
from shared.text.scripts import LANGUAGE_OF_SCRIPT
from tests.shared.text.test_scripts import ALONE

OWN = {
    "ar": "أحب قراءة الكتب في المساء مع فنجان من الشاي",
    "bn": "আমি সন্ধ্যায় বই পড়তে ভালোবাসি",
    "de": "Abends lese ich gern ein Buch und trinke Tee",
    "en": "In the evening I like to read a book and drink tea",
    "es": "Por la noche me gusta leer un libro y tomar té",
    "fa": "من دوست دارم عصرها کتاب بخوانم و چای بنوشم",
    "fr": "Le soir, j’aime lire un livre et boire du thé",
    "he": "בערב אני אוהב לקרוא ספר ולשתות תה",
    "hi": "मुझे शाम को किताब पढ़ना और चाय पीना पसंद है",
    "id": "Pada malam hari saya suka membaca buku karena suasananya tenang",
    "it": "La sera mi piace leggere un libro e bere il tè",
    "ja": "夜は本を読んでお茶を飲むのが好きです",
    "km": "ខ្ញុំចូលចិត្តអានសៀវភៅនៅពេលល្ងាច",
    "ko": "저녁에는 책을 읽고 차를 마시는 것을 좋아해요",
    "lo": "ຕອນແລງຂ້ອຍມັກອ່ານປຶ້ມ",
    "ms": "Pada waktu malam saya gemar membaca buku kerana suasana sunyi",
    "my": "ညနေဘက်မှာ စာအုပ်ဖတ်ရတာ ကြိုက်တယ်",
    "nl": "'s Avonds lees ik graag een boek en drink ik thee",
    "pl": "Wieczorem lubię czytać książki i pić herbatę",
    "pt": "À noite gosto de ler um livro e beber chá",
    "ru": "По вечерам я люблю читать книги и пить чай с вареньем",
    "sv": "På kvällen läser jag gärna en bok och dricker te",
    "ta": "மாலையில் புத்தகம் படிக்க எனக்கு பிடிக்கும்",
    "th": "ตอนเย็นฉันชอบอ่านหนังสือและดื่มชา",
    "tl": "Tuwing gabi ay mahilig akong magbasa ng libro at uminom ng tsaa",
    "tr": "Akşamları kitap okumayı ve çay içmeyi severim",
    "uk": "Увечері я люблю читати книжки й пити чай",
    "vi": "Buổi tối tôi thích đọc sách và uống trà",
    "zh": "我晚上喜欢看书喝茶",
}
FOREIGN = {
    "Finnish": "Iltaisin luen mielelläni kirjaa ja juon teetä",
    "Hungarian": "Este szívesen olvasok könyvet és teát iszom",
    "Czech": "Večer si rád čtu knihu a piju čaj",
    "Danish": "Om aftenen læser jeg gerne en bog og drikker te",
    "Swahili": "Jioni napenda kusoma kitabu na kunywa chai",
    "Bulgarian": "Вечер обичам да чета книга и да пия чай",
    "Urdu": "مجھے شام کو کتاب پڑھنا اور چائے پینا پسند ہے",
    "Marathi": "मला संध्याकाळी पुस्तक वाचायला आणि चहा प्यायला आवडते",
    "Greek": "Το βράδυ μου αρέσει να διαβάζω",
    "Georgian": "საღამოს წიგნის კითხვა მიყვარს",
}
NOTHING = NamedLanguage(UNKNOWN, 0.0)
PY3LANGID = Language()
LANGDETECT = Language(engine="langdetect", served=Language().served.replace(" ms ", " "))
each_engine = pytest.mark.parametrize("options", [PY3LANGID, LANGDETECT], ids=lambda options: options.engine)


@each_engine
def test_every_language_that_is_served_is_named_by_its_code(options):
    said = {code: identifier(options)(text) for code, text in OWN.items() if code in options.served.split()}

    assert {code: language.code for code, language in said.items()} == {code: code for code in said}
    assert all(MIN_CONFIDENCE <= language.confidence <= 1.0 for language in said.values())


def test_a_sentence_of_each_served_language_stands_here():
    assert sorted(OWN) == sorted(Language().served.split())


@pytest.mark.parametrize("text", FOREIGN.values(), ids=FOREIGN)
def test_a_language_that_is_not_served_is_unknown(text):
    assert identifier(PY3LANGID)(text) == NOTHING


@each_engine
@pytest.mark.parametrize(
    "text",
    [
        "",
        "  \n",
        "😂😂",
        "☺️ 🇹🇭",
        "https://example.com/wiki/หน้าแรก",
        "www.example.com @ann",
        "555555",
        "12:30 - 14:00",
        "!!! ...",
        "\x00\ud800",
    ],
)
def test_a_text_without_words_is_unknown_without_confidence(options, text):
    assert identifier(options)(text) == NOTHING


@each_engine
@pytest.mark.parametrize("text", ["ok", "lol", "hahahaha", "wkwkwkwk", "xxxx", "aaaaaaaa"])
def test_too_little_to_tell_is_unknown(options, text):
    assert identifier(options)(text) == NOTHING


@each_engine
@pytest.mark.parametrize(
    "text", ["Bangkok", "Jakarta", "Kopenhagen", "Björn", "iPhone", "blorping", "florbing", "Киев"]
)
def test_a_name_or_an_invented_word_is_unknown(options, text):
    assert identifier(options)(text) == NOTHING


@pytest.mark.parametrize(
    "text", ["asdfgh", "asdf qwer zxcv", "asdfghjkl asdfghjkl asdfghjkl", "zzzz brrr", "sdf sdf sdf"]
)
def test_keyboard_rubbish_is_unknown_however_long(text):
    assert identifier(PY3LANGID)(text) == NOTHING


@pytest.mark.parametrize("text", ["hello", "Wow nice", "good vibes", "hahaha lol", "Koh Samui"])
def test_what_could_be_many_languages_is_unknown(text):
    assert identifier(PY3LANGID)(text) == NOTHING


@each_engine
@pytest.mark.parametrize(
    "text", ["東京", "東京都庁", "謹賀新年", "緊急地震速報", "国際自然保護連合", "早安", "北京 trip", "是正勧告"]
)
def test_han_that_may_be_chinese_or_japanese_are_unknown(options, text):
    assert identifier(options)(text) == NOTHING


@each_engine
@pytest.mark.parametrize("text", ["你好", "谢谢", "好吃", "生日快乐", "這是什麼", "台北市立大安高級中學"])
def test_han_that_japanese_does_not_write_or_a_row_of_them_are_chinese(options, text):
    assert identifier(options)(text).code == "zh"


@each_engine
@pytest.mark.parametrize("text", ["駅前広場再開発", "経済産業省 補助金申請受付開始", "県立図書館 臨時休館"])
def test_han_that_only_japanese_writes_are_japanese(options, text):
    assert identifier(options)(text) == NamedLanguage("ja", 1.0)


# Every alphabet that Unicode has in another style of its letters, as an offset or a list of the letters' codes.
STYLES = {
    **{f"mathematical {start:x}": (start, start + 26) for start in range(0x1D400, 0x1D6A4, 52)},
    "full-width": (0xFF21, 0xFF41),
    "circled": (0x24B6, 0x24D0),
    "in parentheses": (0x249C, 0x249C),
    "squared": (0x1F130, 0x1F130),
    "capitals in parentheses": (0x1F110, 0x1F110),
}


def styled(text, capitals, small):
    """The text in letters of another style; a letter that stands elsewhere in Unicode stays as it is."""
    moved = {65 + n: capitals + n for n in range(26)} | {97 + n: small + n for n in range(26)}
    drawn = text.translate(moved)
    return "".join(new if unicodedata.name(new, "") else old for new, old in zip(drawn, text, strict=True))


@pytest.mark.parametrize(("capitals", "small"), STYLES.values(), ids=STYLES)
def test_letters_of_every_style_are_read_as_plain_ones(capitals, small):
    name, text = identifier(PY3LANGID), OWN["en"]
    text = text.upper() if capitals == 0x1F130 else text.lower() if small == 0x249C else text

    assert styled(text, capitals, small) != text
    assert name(styled(text, capitals, small)) == name(plain(styled(text, capitals, small)))
    assert name(styled(text, capitals, small)).code == "en"
    assert name(f"{styled('Sale', capitals, small)} ลดราคา 50% {styled('today', capitals, small)}").code == "th"


@pytest.mark.parametrize("code", LETTERS)
def test_words_with_a_letter_that_a_language_does_not_write_are_not_of_it(code):
    name, words = identifier(PY3LANGID), OWN[code].split()
    script = next(filter(None, map(script_of, OWN[code])))
    others = {letter for own in LETTERS.values() for letter in own - LETTERS[code] if script_of(letter) == script}

    assert others
    assert code not in {name(" ".join(word + letter for word in words)).code for letter in others}
    assert {name(f"{OWN[code]} {words[0]}{letter}").code for letter in others} <= {code, UNKNOWN}


ALL_SCRIPTS = replace(PY3LANGID, served=" ".join({*PY3LANGID.served.split(), *LANGUAGE_OF_SCRIPT.values()}))
CLEAR = {**ALONE, **OWN}


def letters_of_others(code):
    """Every letter and sign of the script that the language does not write, as a text of posts has them."""
    script = next(script for script in map(script_of, CLEAR[code]) if script != "CJK")
    everything = map(chr, range(0xD7FC))
    foreign = [c for c in everything if FOREIGN_LETTERS[code].fullmatch(c) and script_of(c) == script]
    return [c for c in foreign if plain(f"x{c}") == f"x{c}"]


def test_every_script_of_one_language_is_tried():
    assert set(LANGUAGE_OF_SCRIPT.values()) <= CLEAR.keys()
    assert FOREIGN_LETTERS.keys() | {"ta", "zh"} == {*LANGUAGE_OF_SCRIPT.values(), "hi"}


@pytest.mark.parametrize("code", FOREIGN_LETTERS)
def test_letters_that_the_language_of_a_script_does_not_write_are_not_of_it(code):
    name, letters = identifier(ALL_SCRIPTS), letters_of_others(code)
    long = " ".join([CLEAR[code]] * (1 + 60 // len(CLEAR[code])))

    assert letters
    assert name(CLEAR[code]).code == code
    assert code not in {name(re.sub("(.{8})", rf"\1{letter}", long)).code for letter in letters}
    assert code not in {name(CLEAR[code][:6] + letter).code for letter in letters}
    assert {name(f"{long} {CLEAR[code].split()[0]}{letter}").code for letter in letters} == {code}  # a name's


MINORITIES = {
    "Assamese": ("bn", "আজি বতৰ ভাল আৰু মই বজাৰলৈ যাম"),
    "Manipuri": ("bn", "ঐহাক্ মণিপুরদগী লাকপনি, অদোম্গী মিং করি কৌবগে, ঐবু ৱাহৈ অমা তাকপীয়ু ৱা ঙাংলু"),
    "Shan": ("my", "ႁၼ်ၶႃႈ ၵူၼ်းတႆး ၵိၼ်ၶဝ်ႈ"),
    "Mon": ("my", "မၞိဟ်ဂမၠိုၚ် ဂွံၚုဟ်မး"),
    "Karen": ("my", "ပှၤကညီအကျိာ် တၢ်အဲၣ်"),
    "Yiddish": ("he", "ווי גייט עס אײַך מײַנע טײַערע פֿרײַנד"),
    "Yiddish with alef": ("he", "דאָס איז אַ שיינער טאָג און איך האָב ליב צו לייענען"),
    "Pali in Thai": ("th", "นโม ตสฺส ภควโต อรหโต สมฺมาสมฺพุทฺธสฺส"),
    "Ainu": ("ja", "イランカラㇷ゚テ クアニ アナㇰネ アイヌ クネ"),
    "Jeju": ("ko", "ᄒᆞᆫ저 옵서예"),
    "Svan": ("ka", "მიჩა ჟახე ლი ხოჩა ჲორი"),
    "ancient Greek": ("el", "ἐν ἀρχῇ ἦν ὁ λόγος"),
    "Konkani": ("kn", "ಹಾಂವ್ ಘರಾ ವೆತಾಂ ತುಂ ಯೇಽ"),
    "Khmu": ("lo", "ໞາ ໟາ ກຳມຸ"),
}


@pytest.mark.parametrize(("code", "text"), MINORITIES.values(), ids=MINORITIES)
def test_a_language_that_shares_a_script_is_not_taken_for_the_one_that_has_it_to_itself(code, text):
    assert identifier(ALL_SCRIPTS)(text).code != code


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("my", "ျမန္မာႏိုင္ငံသည္ အေရွ႕ေတာင္အာရွတြင္ ရွိသည္"),  # for the font Zawgyi
        ("he", "אַל תִּפְחַד כִּי אִתְּךָ אָנִי אָב וָאֵם אַתָּה"),
    ],
)
def test_shapes_of_other_letters_in_another_way_of_writing_leave_a_language_its_name(code, text):
    assert identifier(PY3LANGID)(text) == NamedLanguage(code, 1.0)


# A letter or two of each script as emoticons, laughter, brands and quoted words have them.
WEAK = (
    "ㅋ",
    "ㅠ",
    "ツ",
    "の",
    "ω",
    "Д",
    "ಠ",
    "ง",
    "益",
    "愛",
    "ლ",
    "ო",
    "ও",
    "ش",
    "ა",
    "য",
    "오빠",
    "愛人",
    "かわ",
    "สวย",
)


@pytest.mark.parametrize("code", sorted(CLEAR))
@pytest.mark.parametrize("weak", WEAK)
def test_weak_letters_inside_a_clear_text_change_neither_its_name_nor_that_it_has_one(code, weak):
    name = identifier(ALL_SCRIPTS)
    text = f"{CLEAR[code]} {CLEAR[code]}"

    for times in (1, 2, 3) if len(weak) == 1 else (1,):
        for added in (f"{text} {weak * times}", f"{' '.join([weak] * times)} {text}"):
            said = name(added)
            assert (said.code, said.confidence >= MIN_CONFIDENCE) == (code, True), added


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("台灣人の日常，我們今天去吃火鍋", "zh"),
        ("最愛の味道還是這家", "zh"),
        ("ドラえもん 很好看 我们都喜欢", "zh"),
        ("スーパーマリオ 很好玩 我们都喜欢", "zh"),
        ("我哋今日去邊度食飯", "zh"),
        ("香港嘅天氣好好", "zh"),
        ("易烊千玺が好きです", "ja"),
        ("私は中国語の谢谢という言葉が好きです", "ja"),
        ("haha this is so funny ㅋㅋㅋㅋㅋㅋㅋㅋㅋㅋ", "en"),
        ("the weather is so nice today my friend ¯\\_(ツ)_/¯", "en"),
        ("ㅋㅋㅋㅋ", "ko"),
        ("大韓民國은 民主共和國이다. 大韓民國의 主權은 國民에게 있고, 모든 權力은 國民으로부터 나온다.", "ko"),
        ("大韓民國 憲法 第一條 大韓民國은 民主共和國이다", "ko"),
        ("我们都爱看한국的电视剧", "zh"),
        ("我很喜歡韓國의 노래 因為 IU 唱得很好聽", "zh"),
        ("今日は韓国의 노래を聞きました", "ja"),
        ("ok ツ", UNKNOWN),
    ],
)
def test_a_weak_sign_never_settles_against_a_strong_one(text, code):
    assert identifier(PY3LANGID)(text).code == code


@each_engine
@pytest.mark.parametrize(
    ("text", "code"),
    [("สวัสดี", "th"), ("ดี", "th"), ("안녕", "ko"), ("こんにちは", "ja"), ("東京へ", "ja"), ("תודה", "he")],
)
def test_a_script_of_one_language_needs_no_more_than_a_word(options, text, code):
    assert identifier(options)(text) == NamedLanguage(code, 1.0)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("thank you so much", "en"),
        ("bonjour à tous", "fr"),
        ("danke schön", "de"),
        ("teşekkür ederim", "tr"),
        ("dziękuję", "pl"),
        ("доброе утро", "ru"),
        ("صباح الخير", "ar"),
        ("xin chào", "vi"),
    ],
)
def test_a_greeting_that_only_one_language_writes_is_named(text, code):
    assert identifier(PY3LANGID)(text).code == code


@each_engine
def test_hebrew_is_he_and_never_iw(options):
    assert identifier(options)("תודה רבה").code == "he"


def test_thai_comes_first_with_latin_names_in_it():
    name = identifier(PY3LANGID)

    assert name("ชอบ Netflix มากเลย #MovieNight").code == "th"
    assert name("สวย").code == "th"
    assert name("ขอบคุณครับ https://example.com/some/long/english/path @somebody").code == "th"


def test_an_english_sentence_with_a_thai_word_is_english():
    assert identifier(PY3LANGID)("Yesterday we learned that ดี means good in Thai").code == "en"


def test_links_and_mentions_do_not_make_a_text_english():
    assert (
        identifier(PY3LANGID)("@john_smith Abends lese ich gern ein Buch https://example.com/the/best/books").code
        == "de"
    )


def test_a_language_is_named_only_while_it_is_served():
    name = identifier(replace(PY3LANGID, served="en de"))

    assert name(OWN["de"]).code == "de"
    assert [name(OWN[code]) for code in ("th", "ko", "fr", "ru")] == [NOTHING] * 4


def test_languages_that_scripts_settle_need_no_library():
    name = identifier(replace(LANGDETECT, served="th lo km my"))

    assert name(OWN["km"]) == NamedLanguage("km", 1.0)
    assert name(OWN["en"]) == NOTHING


@each_engine
def test_the_same_text_gets_the_same_answer_each_time(options):
    name = identifier(options)
    texts = [*OWN.values(), "selamat pagi semua", "muy bom dia"]

    assert [name(text) for text in texts] == [name(text) for text in texts]


def test_threads_share_one_identifier_and_agree():
    options = replace(PY3LANGID, served="de en fr")
    with ThreadPoolExecutor(8) as pool:
        names = list(pool.map(identifier, [options] * 8))
        said = list(pool.map(names[0], [OWN["fr"]] * 50))

    assert len(set(map(id, names))) == 1
    assert {language.code for language in said} == {"fr"}


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (replace(PY3LANGID, served="en iw"), "iw"),
        (replace(PY3LANGID, served="en tlh"), "tlh"),
        (replace(PY3LANGID, engine="langdetect"), "ms"),
        (replace(PY3LANGID, served=" "), "served"),
    ],
)
def test_a_language_that_nothing_can_name_is_a_fault_that_says_which(options, named):
    with pytest.raises(BadConfig, match=named):
        identifier(options)


def test_importing_the_package_loads_nothing_heavy():
    heavy = "import sys, shared.text; print([m for m in ('numpy', 'py3langid', 'langdetect') if m in sys.modules])"

    assert subprocess.run([sys.executable, "-c", heavy], capture_output=True, text=True, check=True).stdout == "[]\n"
