"""Accounts to try commands with."""

from local.accounts import members
from tests.factories import account, an_id, engagement, user


def test_accounts_with_most_engagements_come_first_and_malformed_engagements_do_not_count(databases, store, noon):
    app = databases.app
    app.accounts.insert_many([account(f"account of {name}", now=noon) for name in ("ann", "bob", "cat")])
    app.users.insert_one(user("bob", now=noon, ownerAccount=str(an_id("account of bob")), displayId="bob"))
    engagements = [engagement("bob", "p", at=noon), engagement("bob", "q", at=noon), engagement("cat", "p", at=noon)]
    engagements[1]["account"] = str(engagements[1]["account"])
    malformed = [
        engagement("bob", f"p{n}", at=noon) | {"account": value}
        for n, value in enumerate(([1], {"a": 1}, 7, "x", None))
    ]
    app.engagements.insert_many([*engagements, *malformed])

    listed = members(store, 3)

    assert [(member.account, member.engagements) for member in listed[:2]] == [
        (an_id("account of bob"), 2),
        (an_id("account of cat"), 1),
    ]
    assert [member.name for member in listed] == ["bob", "", ""]
