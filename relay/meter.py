"""Log lines of the relay as JSON, and its metrics in CloudWatch's embedded format."""

from dataclasses import dataclass
from datetime import UTC, datetime

from aws_lambda_powertools import Logger
from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit

logger = Logger(service="feedkeeper-relay")


@dataclass(slots=True)
class Meter:
    """Counts of one collection since the last report, and how far the relay is behind.

    sent     changes that the receiver took
    retried  changes that have to be sent again
    parked   changes that the receiver refused for good
    up_to    everything before this moment has been sent; None while another copy follows the collection
    """

    collection: str
    sent: int = 0
    retried: int = 0
    parked: int = 0
    up_to: datetime | None = None

    @property
    def lag_s(self) -> float | None:
        """How long ago `up_to` was [s]; it grows while changes cannot be sent."""
        return None if self.up_to is None else max((datetime.now(UTC) - self.up_to).total_seconds(), 0.0)

    def report(self) -> None:
        """Write the metrics, and reset the counts."""
        metrics = EphemeralMetrics(namespace="Feedkeeper", service="feedkeeper-relay")
        metrics.add_dimension(name="collection", value=self.collection)
        for name, count in (("sent", self.sent), ("retried", self.retried), ("parked", self.parked)):
            metrics.add_metric(name=name, unit=MetricUnit.Count, value=count)
        lag_s = self.lag_s
        if lag_s is not None:
            metrics.add_metric(name="lag", unit=MetricUnit.Seconds, value=lag_s)
        metrics.flush_metrics()
        self.sent = self.retried = self.parked = 0
