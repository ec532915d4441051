"""Forget an account.

Trigger   on demand: {"accountId": ...}
Reads     app.users, app.accounts, app.contents, app.engagements, app.feeditems, app.contentinfo, app.guestfeeditems,
          analytics.contentStats, analytics.creatorStats, analytics.credentialfeatures, analytics.accountLinks,
          analytics.erasures
Writes    analytics.erasures, and every collection of ours that shared/store/schema says is about an account, a user,
          a post or a credential
"""

from datetime import datetime

from functions.privacy import erase_account
from functions.privacy.erase_account import EraseRequest
from shared.report import Report
from shared.runtime import on_direct_call
from shared.store import open_store


@on_direct_call(EraseRequest)
def handler(request: EraseRequest, now: datetime) -> Report:
    return erase_account.run(open_store(), request.account_id, now=now)
