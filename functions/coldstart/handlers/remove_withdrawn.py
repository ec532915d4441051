"""Take what may no longer be shown out of the guest feed, the moment that it is withdrawn.

Trigger   change: contents, users, accounts
Reads     app.contents, app.users, app.accounts, app.guestfeeditems
Writes    app.guestfeeditems, and its staging collection
"""

from functions.coldstart import remove_withdrawn
from shared.report import Report
from shared.runtime import Changes, on_change
from shared.store import open_store


@on_change("contents", "users", "accounts")
def handler(changes: Changes) -> Report:
    return remove_withdrawn.run(open_store(), changes.items)
