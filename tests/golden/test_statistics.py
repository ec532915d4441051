"""All rows of a small network, to the last field: a change of what other programs read shows as a diff."""

import pytest

from tests.stats.conftest import JOBS, fill


def rounded(value):
    """Without the last digits, which a library may round otherwise, and without ids that the server draws."""
    if isinstance(value, dict):
        return {name: rounded(one) for name, one in value.items()}
    if isinstance(value, list):
        return [rounded(one) for one in value]
    return round(value, 9) if isinstance(value, float) else value


@pytest.mark.parametrize("job", JOBS, ids=lambda job: job.name)
def test_rows_of_a_small_network(store, databases, noon, golden, job):
    fill(databases, noon)

    job.run(store, now=noon)

    hidden = {"_id": 0} if job.collection == "userEngagementStats" else None
    key = "userId" if job.collection == "userEngagementStats" else "_id"
    golden(job.collection, [rounded(row) for row in databases.analytics[job.collection].find({}, hidden).sort(key, 1)])
