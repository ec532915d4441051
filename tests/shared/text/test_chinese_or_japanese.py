"""Texts with signs of Chinese, Japanese and Korean: strong ones decide, and the confidence says how far all agree."""

import pytest

from shared.text.han import CHINESE, JAPAN, MIN_CERTAINTY, charsets_of, is_japanese, sign_of
from shared.text.language import UNKNOWN, identifier
from shared.text.options import Language

NAME = identifier(Language())
EVERY_HAN = [*map(chr, range(0x4E00, 0xA000))]

JAPANESE = (
    "今日は天気がいいですね",
    "昨日、友達と駅前のラーメン屋に行きました",
    "このカフェの雰囲気が好き",
    "我が家の猫がかわいい",
    "魚釣り最高！",
    "東京スカイツリー",
    "国際会議の議長に選ばれた",
    "県立図書館 臨時休館 蔵書点検実施",
    "円安進行 輸出関連株軒並上昇",
    "期間限定発売 数量限定",
    "日本代表が勝った、本当に嬉しい",
    "哺乳類は恐竜の時代から生きている",
)
CHINESE_SENTENCES = (
    "我最喜歡吃日本料理了",
    "昨天去看的那部電影，真的好看",
    "這家餐廳的東西很好吃，下次還要來",
    "今天在松山機場買了好多東西，準備回國",
    "避暑勝地的旅遊季節，通常在印度的夏季期間",
    "細胞一詞來自拉丁文，意指小空間",
    "我们今天去公园散步，然后看电影",
    "关于日本的旅行攻略，请大家收藏",
    "这家店的牛肉面特别好吃",
    "周末去逛街，买了两件新衣服",
    "他在一次訪問中表示，新的產品將於明年上市",
    "我哋今日去邊度食飯好呢",
)


@pytest.mark.parametrize("text", JAPANESE)
def test_sentences_of_japanese_are_japanese_and_nearly_certain(text):
    assert (NAME(text).code, NAME(text).confidence >= 0.75) == ("ja", True)


@pytest.mark.parametrize("text", CHINESE_SENTENCES)
def test_sentences_of_chinese_are_chinese(text):
    assert (NAME(text).code, NAME(text).confidence >= MIN_CERTAINTY) == ("zh", True)


@pytest.mark.parametrize("decoration", ["の", " の ", "「優の良品」", "スシロー", "ラーメン"])
def test_kana_of_a_decoration_or_a_name_do_not_make_a_chinese_sentence_japanese_wherever_they_stand(decoration):
    texts = [text[:at] + decoration + text[at:] for text in CHINESE_SENTENCES for at in range(2, len(text) - 1)]
    codes = [NAME(text).code for text in texts]

    assert set(codes) <= {"zh", UNKNOWN}
    assert codes.count("zh") > 0.75 * len(codes)


@pytest.mark.parametrize("name", ["易烊千玺", "谢谢", "周杰伦", "北京烤鸭", "你好嗎"])
@pytest.mark.parametrize("text", ["{}という言葉を初めて聞いた", "先週、友達が{}について教えてくれました"])
def test_a_chinese_word_in_a_japanese_sentence_leaves_it_japanese_but_less_certain(text, name):
    said, without = NAME(text.format(f"「{name}」")), NAME(text.format("「それ」"))

    assert said.code == without.code == "ja"
    assert MIN_CERTAINTY <= said.confidence < without.confidence == 1.0


@pytest.mark.parametrize("place", ["新宿駅", "円安", "愛知県"])
@pytest.mark.parametrize("text", ["我们去{}吃饭吧", "大家快去{}玩，這裡真的很漂亮喔"])
def test_a_japanese_place_in_a_chinese_sentence_leaves_it_chinese_but_less_certain(text, place):
    assert NAME(text.format("日本")).confidence > NAME(text.format(place)).confidence >= MIN_CERTAINTY
    assert NAME(text.format(place)).code == "zh"


@pytest.mark.parametrize(
    "text",
    [
        "働く这个字在日文里面",
        "働き方改革 是什么意思",
        "込み这个字怎么念",
        "我想知道働き方是什么意思",
        "辻さん真可爱 这张照片",
    ],
)
def test_a_japanese_word_with_its_ending_in_a_chinese_sentence_leaves_it_chinese(text):
    assert NAME(text).code == "zh"
    assert MIN_CERTAINTY <= NAME(text).confidence < 0.75


@pytest.mark.parametrize("ending", ["く", "きます", "さん", "ちゃん"])
def test_a_word_is_no_more_signs_of_japanese_with_its_ending_than_without(ending):
    for own in (letter for letter in EVERY_HAN if charsets_of(letter) == {JAPAN}):
        for word in (f"{own}{ending}", f"{own}山{ending}"):
            assert NAME(f"我们都喜欢{word}").code == "zh"


@pytest.mark.parametrize("suffix", ["さん", "ちゃん", "くん"])
def test_what_follows_a_name_is_no_ending(suffix):
    assert NAME(f"田中{suffix}真的很棒").code == "zh"
    assert NAME(f"田中{suffix}が来た").code == "ja"


@pytest.mark.parametrize("text", ["東京の空", "幸福の味道", "優の良品", "台北の雨", "是正"])
def test_a_single_weak_sign_is_half_as_certain(text):
    assert NAME(text).confidence == MIN_CERTAINTY


def test_any_number_of_weak_signs_names_no_language_against_a_strong_one():
    letters = "".join(letter for letter in sorted(CHINESE) if sign_of(letter) not in ("zh", "ja"))
    for own in (letter for letter in EVERY_HAN if charsets_of(letter) == {JAPAN}):
        for count in range(1, len(letters)):
            assert NAME(letters[:count] + own).code != "zh"
    for endings in ("を見る", "が好きです"):
        assert NAME(f"{letters}山{endings}").code != "zh"


def test_as_many_strong_signs_of_both_are_decided_by_the_part_of_kana_and_never_certain():
    assert is_japanese("们饭駅、前が", 0.3)
    assert not is_japanese("们饭駅、前が", 0.2)
    assert NAME("们饭駅、前が").confidence < 0.75
    assert NAME("们駅").code == UNKNOWN


@pytest.mark.parametrize(
    ("text", "code", "certain"),
    [
        ("大韓民國은 民主共和國이다", "ko", True),
        ("中國의 習近平 主席이", "ko", True),
        ("일본 駅 앞에서 만나요", "ko", False),
        ("我们의愛", "ko", False),
        ("我们都爱看한국的电视剧", "zh", False),
        ("韓國의美食真好吃", "zh", False),
    ],
)
def test_hangul_beside_han_are_korean_as_certain_as_their_signs_agree(text, code, certain):
    said = NAME(text)

    assert (said.code, said.confidence >= 0.9) == (code, certain)
