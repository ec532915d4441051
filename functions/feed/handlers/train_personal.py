"""Train a small model for each of some accounts.

Trigger   queue, from plan_personal_training
Reads     app.contents, app.engagements, app.feeditems, app.relationships, app.accounts, app.users, app.contentinfo,
          analytics.contentfiltering, analytics.mlArtifacts_country, analytics.mlArtifacts_global,
          analytics.mlArtifacts_members, analytics.mlArtifacts
Writes    analytics.mlArtifacts
"""

from functions.feed import train_personal
from functions.feed.options import MAX_ACCOUNTS_PER_MESSAGE, Members
from shared.artifacts import Registry
from shared.config import settings
from shared.ranking.options import Coldstart
from shared.report import Report
from shared.runtime import Message, on_queue
from shared.store import open_store


@on_queue
def handler(message: Message) -> Report:
    store, options, accounts = open_store(), settings().options, message.ids("accounts", MAX_ACCOUNTS_PER_MESSAGE)
    registry, now = Registry(store.analytics, settings().artifact_keys), message.moment("time")
    trainer = train_personal.open_trainer(store, registry, options.of(Coldstart), options.of(Members), now=now)
    return train_personal.run(store, trainer, registry, options.of(Coldstart), options.of(Members), accounts, now=now)
