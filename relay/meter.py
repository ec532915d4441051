"""What the relay tells of itself: log lines as JSON, metrics in CloudWatch's embedded format."""

from dataclasses import dataclass
from datetime import UTC, datetime

from aws_lambda_powertools import Logger
from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit
from bson import Timestamp

logger = Logger(service="feedkeeper-relay")


@dataclass(slots=True)
class Meter:
    """Counts of one collection since the last report, and how far the relay is behind.

    lag_s  age of the last change when it had been sent; 0 where none is waiting [s]
    """

    collection: str
    sent: int = 0
    retried: int = 0
    parked: int = 0
    lag_s: float = 0.0

    def stands_at(self, at: Timestamp | None) -> None:
        """All is sent up to that cluster time, which has whole seconds; None where nothing is waiting."""
        self.lag_s = 0.0 if at is None else max((datetime.now(UTC) - at.as_datetime()).total_seconds(), 0.0)

    def report(self) -> None:
        """Write the metrics, and count anew."""
        metrics = EphemeralMetrics(namespace="Feedkeeper", service="feedkeeper-relay")
        metrics.add_dimension(name="collection", value=self.collection)
        for name, count in (("sent", self.sent), ("retried", self.retried), ("parked", self.parked)):
            metrics.add_metric(name=name, unit=MetricUnit.Count, value=count)
        metrics.add_metric(name="lag", unit=MetricUnit.Seconds, value=self.lag_s)
        metrics.flush_metrics()
        self.sent = self.retried = self.parked = 0
