"""The countries, languages, topics and words that worlds are drawn from."""

from dataclasses import dataclass

from shared.engagement_kinds import ENGAGEMENT_KINDS


@dataclass(frozen=True, slots=True)
class Country:
    """A country by code (ISO 3166-1 alpha-2), its language (ISO 639-1) and continent."""

    code: str
    language: str
    continent: str


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic and the words that posts about it contain."""

    slug: str
    english: tuple[str, ...]
    thai: tuple[str, ...]
    japanese: tuple[str, ...]


REPORT = ENGAGEMENT_KINDS.index("report")

_COUNTRIES = """
TH th AS, US en NA, JP ja AS, VN vi AS, GB en EU, ID id AS, MY ms AS, SG en AS, PH en AS, IN en AS, KR ko AS, DE de EU,
FR fr EU, AU en OC, LA lo AS, KH km AS, MM my AS, TW zh AS, HK zh AS, CA en NA, BR pt SA, ES es EU, IT it EU, NL nl EU,
SE sv EU, NO no EU, PL pl EU, RU ru EU, TR tr AS, AE ar AS
"""
COUNTRIES = tuple(Country(*entry.split()) for entry in _COUNTRIES.split(","))

_TOPICS = """
football: goal match league striker penalty coach derby keeper
    | ฟุตบอล ประตู ลีก นักเตะ โค้ช แมตช์ | サッカー 試合 ゴール リーグ
crypto: bitcoin token wallet chain staking market airdrop yield
    | คริปโต เหรียญ บิตคอยน์ ตลาด กระเป๋าเงิน ลงทุน | 暗号 ビットコイン 市場 ウォレット
food: noodle curry rice recipe dessert spicy kitchen cafe
    | อาหาร ข้าวผัด ต้มยำ ขนม อร่อย ร้านกาแฟ | 料理 ラーメン 寿司 レシピ
travel: beach island flight hotel mountain trip temple sunset
    | เที่ยว ทะเล ภูเขา โรงแรม เกาะ วัด | 旅行 海 山 ホテル
music: album concert guitar lyrics band single chorus stage
    | เพลง คอนเสิร์ต กีตาร์ วงดนตรี อัลบั้ม เนื้อเพลง | 音楽 ライブ 曲 バンド
movies: film trailer actor series director cinema scene season
    | หนัง ซีรีส์ นักแสดง โรงหนัง ผู้กำกับ ตอนจบ | 映画 俳優 監督 ドラマ
gaming: quest raid level console patch boss ranked lobby
    | เกม ตี้ แรงค์ บอส เลเวล แพตช์ | ゲーム ボス レベル 対戦
tech: phone chip laptop update software cloud model battery
    | มือถือ ชิป แล็ปท็อป อัปเดต ซอฟต์แวร์ แบตเตอรี่ | スマホ 技術 半導体 更新
politics: vote policy cabinet senate debate minister election law
    | การเมือง เลือกตั้ง รัฐมนตรี นโยบาย สภา กฎหมาย | 政治 選挙 政策 大臣
fashion: dress style runway sneaker outfit fabric vintage trend
    | แฟชั่น ชุด รองเท้า สไตล์ เทรนด์ กระเป๋า | 服 ファッション 靴 流行
health: sleep vitamin clinic run diet doctor stretch protein
    | สุขภาพ วิตามิน หมอ วิ่ง ออกกำลังกาย นอนหลับ | 健康 医者 運動 睡眠
art: paint canvas sketch gallery color portrait brush exhibit
    | ศิลปะ ภาพวาด สี แกลเลอรี นิทรรศการ พู่กัน | 絵 美術 色 展示
pets: cat dog puppy kitten vet leash treat fur
    | แมว หมา ลูกแมว สัตวแพทย์ ขนม น่ารัก | 猫 犬 子猫 獣医
finance: stock bond inflation bank rate fund dividend saving
    | หุ้น ธนาคาร ดอกเบี้ย กองทุน เงินเฟ้อ ออม | 株 銀行 金利 投資
cars: engine race electric torque wheel garage drift charge
    | รถ เครื่องยนต์ แข่ง ไฟฟ้า ล้อ อู่ | 車 エンジン 電気 レース
science: space planet gene telescope lab theory fossil rocket
    | วิทยาศาสตร์ อวกาศ ดาว จรวด ทดลอง ทฤษฎี | 科学 宇宙 惑星 実験
comedy: joke meme prank laugh sketch funny roast skit
    | ตลก มีม ขำ แกล้ง ฮา มุก | 笑い ネタ 冗談 漫才
books: novel chapter author poem library plot review story
    | หนังสือ นิยาย นักเขียน บทกวี รีวิว ห้องสมุด | 本 小説 作家 図書館
anime: manga episode hero studio cosplay opening arc sequel
    | อนิเมะ มังงะ คอสเพลย์ ตอนใหม่ ตัวเอก สตูดิโอ | アニメ 漫画 主人公 声優
business: startup founder sales market brand office profit pitch
    | ธุรกิจ สตาร์ทอัพ แบรนด์ กำไร ลูกค้า ตลาด | 会社 起業 売上 ブランド
"""


def _topics(table: str) -> tuple[Topic, ...]:
    """Parse entries of the form `slug: english | thai | japanese`."""
    lines = table.strip().replace("\n    |", " |").splitlines()
    entries = (line.partition(": ") for line in lines)
    return tuple(Topic(slug, *(tuple(part.split()) for part in words.split("|"))) for slug, _, words in entries)


TOPICS = _topics(_TOPICS)

_FILLERS = """
the a this today really new best my your we with for about love just so and great why how
วันนี้ มาก ครับ ค่ะ ที่ และ ใหม่ ดี ชอบ เรา ทำไม จริง
今日 です とても 新しい 最高 これ
"""
FILLERS_ENGLISH, FILLERS_THAI, FILLERS_JAPANESE = (tuple(line.split()) for line in _FILLERS.strip().splitlines())


def languages_of(countries: int) -> tuple[str, ...]:
    """Codes of the languages of the first `countries`, and English, sorted."""
    return tuple(sorted({c.language for c in COUNTRIES[:countries]} | {"en"}))
