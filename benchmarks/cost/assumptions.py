"""What an estimate assumes beside the measurements: the habits of a mean account, the machines, and the prices."""

from dataclasses import dataclass
from datetime import timedelta

from local.world import SIZES

MEASURED = SIZES["M"]  # the world of the floors
DAY, DAY_S = timedelta(days=1), 86_400
VCPU_MB = 1_769  # memory that comes with one vCPU [MB]
NODES = 3  # of the database, each with all data


@dataclass(frozen=True, slots=True)
class Assumed:
    """A mean account's day, and the machines.

    Per post there are ten engagements and ten exposures, as on the worlds that were measured.
    """

    posts: float = MEASURED.contents / MEASURED.users / MEASURED.days  # that an account publishes
    changes_a_post: float = 1.5  # of its text or visibility, the first included
    pages: float = 4.0  # of its home feed that an account reads
    rankings: float = 4.0  # lists of 200 posts that are ranked for an account
    active_ratio: float = 0.3  # of the accounts that engage, and whose models are trained anew
    cold_ratio: float = 0.01  # of the answers that begin in a new execution environment
    peak: float = 3.0  # load of the busiest minute over the mean load
    busy_ratio: float = 0.5  # of the database's cores, in that minute, at most
    platform_log_kb: float = 0.5  # that Lambda itself logs for each call [kB]
    oplog_kb: float = 0.5  # of a written document [kB]
    oplog_gb: float = 50.0  # that a day's oplog may take [GB]


@dataclass(frozen=True, slots=True)
class Prices:
    """In US dollars. Examples of the order that clouds ask for; put yours."""

    lambda_gb_s: float = 16.67e-6
    lambda_request: float = 0.20e-6
    http_request: float = 1.00e-6
    event: float = 1.00e-6  # on the bus
    queue_request: float = 0.40e-6
    schedule: float = 1.00e-6  # each time that one fires
    log_gb: float = 0.50
    relay_hour: float = 0.015  # of a quarter of a vCPU with half a GB
    watching_month: float = 60.0  # metrics, alarms, the dashboard
    database_core_hour: float = 0.27
    database_gb_month: float = 0.25
