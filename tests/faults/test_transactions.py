"""Several changes of one post in one transaction, which have one cluster time, through the real relay and handler."""

from datetime import UTC, datetime

import pytest

from functions.topics.handlers.classify_content import handler
from relay.sinks import Here
from tests.changes import TEXT
from tests.factories import an_id
from tests.faults.writers import caught_up, differences

CATS = "The cat slept on the sofa all day with her kittens"
NOW = datetime.now(UTC)
KEY = {"_id": an_id("one")}
POST = KEY | {"visibility": "publish", "payload": {"message": TEXT}, "updatedAt": NOW}
EDIT = {"$set": {"payload.message": CATS, "updatedAt": NOW}}

WRITES = {
    "inserted and deleted": [("insert_one", POST), ("delete_one", KEY)],
    "inserted and edited": [("insert_one", POST), ("update_one", KEY, EDIT)],
    "inserted and withdrawn": [("insert_one", POST), ("update_one", KEY, {"$set": {"visibility": "deleted"}})],
    "replaced": [("insert_one", POST), ("replace_one", KEY, POST | {"payload": {"message": CATS}})],
    "deleted and made again": [("insert_one", POST), ("delete_one", KEY), ("insert_one", POST)],
    "made again of another text": [
        ("insert_one", POST),
        ("delete_one", KEY),
        ("insert_one", POST | {"payload": {"message": CATS}}),
    ],
}


@pytest.mark.parametrize("batch", [1, 50], ids="{} at once".format)
@pytest.mark.parametrize("existed", [False, True], ids=["new", "there before"])
@pytest.mark.parametrize("writes", WRITES.values(), ids=WRITES)
def test_the_state_after_a_transaction_is_annotated(prepared, follow, writes, existed, batch):
    store = prepared
    with follow(Here(handler), batch=batch):
        if existed:
            store.app.contents.insert_one(POST | {"payload": {"message": "An older text about a football match"}})
        with store.client.start_session() as session, session.start_transaction():
            if existed:
                store.app.contents.delete_one(KEY, session=session)
            for name, *arguments in writes:
                getattr(store.app.contents, name)(*arguments, session=session)
        caught_up(store)

    assert differences(store, [KEY["_id"]]) == []
