"""What a rehearsal proves, in order, each by what was deployed and by nothing of this process."""

from collections.abc import Callable

from local.rehearsal.api_proofs import a_key_is_rotated, the_console_is_read
from local.rehearsal.change_proofs import a_parked_change_is_replayed, posts_are_described
from local.rehearsal.deployment_proofs import (
    a_lost_database_is_made_again,
    a_model_is_brought_back,
    every_function_is_there,
    everything_is_watched,
    logs_and_metrics_tell,
    upgraded_and_rolled_back,
)
from local.rehearsal.stage import Stage
from local.rehearsal.trigger_proofs import (
    a_message_is_poisoned,
    a_network_is_filled,
    a_schedule_fires,
    accounts_are_trained,
    an_account_is_erased,
)

Proof = Callable[[Stage], str]  # says what was proven, or raises Disproved

# In this order. Those of ASIDE wait for long, beside those of MEANWHILE.
FIRST: tuple[Proof, ...] = (
    every_function_is_there,
    everything_is_watched,
    a_message_is_poisoned,
    a_network_is_filled,
)
ASIDE: tuple[Proof, ...] = (a_schedule_fires, accounts_are_trained)
MEANWHILE: tuple[Proof, ...] = (
    posts_are_described,
    a_parked_change_is_replayed,
    a_key_is_rotated,
    the_console_is_read,
    a_model_is_brought_back,
    an_account_is_erased,
)
LAST: tuple[Proof, ...] = (logs_and_metrics_tell, upgraded_and_rolled_back, a_lost_database_is_made_again)
