"""The posts of the demo: written while the relay runs, in many languages and on many subjects."""

from dataclasses import dataclass

from local.posts import Answer, Author

POSTS = (
    "เมื่อคืนทีมเรายิงประตูชัยนาทีสุดท้าย ทั้งสนามลุกขึ้นเฮกันลั่นเลย ⚽",
    "Just finished the last episode and I am not okay, what an ending",
    "駅前に新しくできたラーメン屋さん、スープが濃厚で最高でした",
    "오늘 콘서트에서 그 노래를 라이브로 듣고 울었어요. 다음 앨범도 기대할게요",
    "Esta mañana terminé mi primera media maratón y todavía no siento las piernas",
    "Pantainya sepi, airnya jernih, kami berenang sampai matahari terbenam",
    "比特币今天又跌了百分之八，我还是决定继续拿着",
    "Ce soir on vote pour le nouveau maire, n'oubliez pas votre carte d'électeur",
    "Sáng nay mình nấu phở cho cả nhà, ai cũng khen ngon",
    "good night everyone, see you tomorrow 😴",
)
EDITED, EDITED_TEXT = 2, "うちの子猫がキーボードの上で寝てしまって、仕事にならない"
WITHDRAWN = 4


@dataclass(frozen=True, slots=True)
class Story:
    """What became known of the posts, and of two of them once more after they had changed."""

    published: list[Answer]
    edited: Answer
    withdrawn: Answer


def tell_story(author: Author) -> Story:
    """Write all posts one after the other, then give one another subject, and withdraw one."""
    published = [author.publish(text) for text in POSTS]
    changed, gone = published[EDITED], published[WITHDRAWN]
    return Story(published, author.edit(changed.post, EDITED_TEXT), author.withdraw(gone.post, gone.text))
