"""Forget an account.

Trigger   on demand: {"accountId": ...}
Reads     app.users, app.accounts, app.contents, app.engagements, app.feeditems
Writes    analytics.erasures, and every collection of ours that shared/store/schema says is about an account, a user,
          a post or a credential
"""

from functions.privacy import erase_account
from shared.report import Report
from shared.runtime import Request, on_direct_call
from shared.store import open_store


@on_direct_call
def handler(request: Request) -> Report:
    return erase_account.run(open_store(), request.id("accountId"), now=request.time)
