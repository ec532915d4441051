from local.accounts import members
from tests.factories import account, an_id, engagement, user


def test_those_who_did_most_come_first_and_odd_acts_count_for_nobody(databases, store, noon):
    app = databases.app
    app.accounts.insert_many([account(f"account of {who}", now=noon) for who in ("ann", "bob", "cat")])
    app.users.insert_one(user("bob", now=noon, ownerAccount=str(an_id("account of bob")), displayId="bob"))
    acts = [engagement("bob", "p", at=noon), engagement("bob", "q", at=noon), engagement("cat", "p", at=noon)]
    acts[1]["account"] = str(acts[1]["account"])
    odd = [
        engagement("bob", f"p{n}", at=noon) | {"account": one} for n, one in enumerate(([1], {"a": 1}, 7, "x", None))
    ]
    app.engagements.insert_many([*acts, *odd])

    found = members(store, 3)

    assert [(one.account, one.acts) for one in found[:2]] == [
        (an_id("account of bob"), 2),
        (an_id("account of cat"), 1),
    ]
    assert [one.name for one in found] == ["bob", "", ""]
