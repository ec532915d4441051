"""The demo: a network, every function once, posts written while the relay runs, and verdicts; and what came out."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from secrets import token_hex

from local import show
from local.changes import relaying
from local.functions import all_functions
from local.homes import two_homes
from local.on_demand import requests
from local.posts import Answer, Author
from local.reviews import by_truth, detectors, review
from local.runs import run_and_say, run_pipeline
from local.terminal import console, say
from local.workspace import HOME, fill, workspace
from shared.errors import BadConfig, Refused
from shared.store import Store

COUNTRIES = ("th", "us", "jp")  # whose guest feeds are shown

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
    """Annotations of the posts, and of two of them after they were changed."""

    published: list[Answer]
    edited: Answer
    withdrawn: Answer


def tell_story(author: Author) -> Story:
    """Write all posts one after the other, change the text of one, and withdraw one."""
    published = [author.publish(text) for text in POSTS]
    edited, withdrawn = published[EDITED], published[WITHDRAWN]
    return Story(published, author.edit(edited.post, EDITED_TEXT), author.withdraw(withdrawn.post, withdrawn.text))


def run_demo(size: str, rows: int) -> None:
    """Fill databases of its own with a demo network, run every function once, and print the results.

    rows  of each table
    Raises Refused where a function did not run.
    """
    began, functions = time.perf_counter(), all_functions()
    with workspace(None, prefix=f"demo-{token_hex(6)}-", started=began) as store:
        now, ran = datetime.now(UTC), set[str]()
        fill(store, size, now=now)
        ran |= run_pipeline(store, now, anew=True)
        for country in COUNTRIES:
            show.guest_feed(console, store, country, rows, now=now)
        if "recommend_home" in functions:
            show.homes(console, store, two_homes(store, 2 * rows, now=now), now=now)
        with relaying(store, lambda run: ran.add(run.stem)) as relay:
            relay.await_start()
            if "classify_content" in functions:
                story = tell_story(Author(store, relay.check))
                show.answers(console, "posts written while the relay runs", story.published)
                show.answers(console, "one with another text, and one withdrawn", [story.edited, story.withdrawn])
            judged = "flag_suspects" in functions and judge_suspects(store, relay.check, rows)
        if "train_bot_detector" in functions:
            run_and_say("train_bot_detector", datetime.now(UTC))
            show.detector_report(console, detectors(store))
        if "serve_console" in functions:
            say_picture(store)
        for stem, request in requests(store, datetime.now(UTC)).items():
            ran |= run_and_say(stem, datetime.now(UTC), request) if stem in functions else set()
    without_work = set() if judged else {"apply_verdicts"}  # a small network may have no suspect to judge
    say("everything", time.perf_counter() - began, f"{len(ran)} of {len(functions)} functions ran")
    if missing := sorted(functions.keys() - ran - without_work):
        raise Refused(f"the demo does not run {', '.join(missing)}")


def say_picture(store: Store) -> None:
    """Save a picture of the console's first page, and say where; without a browser, say what is missing."""
    from local import console_pictures

    began = time.perf_counter()
    try:
        with console_pictures.launched() as browser:
            (file,) = console_pictures.take(store, browser, HOME, ["today"])
        result = f"a picture of its first page is in {file}"
    except BadConfig as error:
        result = str(error)
    say("console", time.perf_counter() - began, result)


def judge_suspects(store: Store, check: Callable[[], None], rows: int) -> bool:
    """Judge every suspect as the network's truth says, print the first ones, and return whether there are any.

    check  called while waiting; an error that it raises ends the wait
    """
    from functions.bots.store.suspects import Suspects

    suspects = Suspects(store).waiting()
    reviewed = review(store, suspects, by_truth(store), check)
    flagged = [suspect for suspect in suspects if not suspect.sampled]
    show.suspects(console, f"{len(flagged)} suspects, the first {min(rows, len(flagged))}", flagged[:rows])
    verdicts = f"bots {len(reviewed.bots)}  people {len(reviewed.people)}, all taken over as labels"
    say("verdicts", reviewed.seconds, verdicts)
    return bool(suspects)
