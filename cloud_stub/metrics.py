"""What the service counts, for Prometheus."""

import os

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

SHARED = "PROMETHEUS_MULTIPROC_DIR"
"""Environment variable: a folder in which the processes of one machine count together."""

_BUCKETS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10)


class Metrics:
    """One application's counters; nothing in them names anybody."""

    def __init__(self) -> None:
        """Begin at zero."""
        self._registry = CollectorRegistry()
        self.requests = Counter(
            "secure_pair_requests",
            "Requests that were answered",
            ["method", "route", "status"],
            registry=self._registry,
        )
        self.seconds = Histogram(
            "secure_pair_request_seconds",
            "How long a request took",
            ["route"],
            buckets=_BUCKETS,
            registry=self._registry,
        )
        self.refusals = Counter(
            "secure_pair_refusals",
            "Requests that were refused, by the failure's code",
            ["route", "code"],
            registry=self._registry,
        )
        self.slowed = Counter(
            "secure_pair_slowed_down",
            "Requests that were more than a limit allows",
            ["limit"],
            registry=self._registry,
        )
        self.under_way = Gauge(
            "secure_pair_requests_under_way",
            "Requests that are being answered",
            multiprocess_mode="livesum",
            registry=self._registry,
        )

    def text(self) -> bytes:
        """Return all of them, of all of this machine's processes, as Prometheus reads it."""
        if SHARED not in os.environ:
            return generate_latest(self._registry)
        together = CollectorRegistry()
        MultiProcessCollector(together)  # type: ignore[no-untyped-call]
        return generate_latest(together)
