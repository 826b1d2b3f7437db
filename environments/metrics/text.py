"""Samples as the text that Prometheus scrapes, written by its own client library.

Invariants:
1. The form is the one that the scraper asks for: Prometheus' text, or OpenMetrics'.
2. Every metric that the catalogue has is declared with its HELP and TYPE where it has a sample.

Example:
    >>> exposition(samples, "").body.splitlines()[0]
    b'# HELP isthmus_sent_bytes_total Bytes of the crossings that were permitted to leave.'
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from environments.metrics.catalogue import BOUNDS, METRICS
from environments.metrics.samples import Samples

__all__ = ["Exposition", "exposition"]


@dataclass(frozen=True)
class Exposition:
    """What a scraper gets: the text, and the type that names its form."""

    body: bytes
    content_type: str


def exposition(samples: Samples, accept: str) -> Exposition:
    """Write samples in the form that a scraper's `Accept` asks for; without one, Prometheus' text."""
    encode, content_type = choose_encoder(accept)
    return Exposition(encode(_Found(samples)), content_type)


class _Found(Collector):
    def __init__(self, samples: Samples) -> None:
        self._samples = samples

    def collect(self) -> Iterator[Metric]:
        for name, metric in METRICS.items():
            labels = ("environment", *metric.labels)
            if metric.kind == "histogram":
                yield from self._histogram(name, labels)
                continue
            series = self._samples.series(name)
            if not series:
                continue
            family = CounterMetricFamily if metric.kind == "counter" else GaugeMetricFamily
            made = family(name, metric.meaning, labels=labels)
            for key, value in sorted(series.items()):
                made.add_metric((self._samples.environment, *key), value)
            yield made

    def _histogram(self, name: str, labels: tuple[str, ...]) -> Iterator[Metric]:
        found = self._samples.histograms(name)
        if not found:
            return
        made = HistogramMetricFamily(name, METRICS[name].meaning, labels=labels)
        bounds = [*(str(bound) for bound in BOUNDS), "+Inf"]
        for key, part in sorted(found.items()):
            buckets = list(zip(bounds, map(float, accumulate(part.counts)), strict=True))
            made.add_metric((self._samples.environment, *key), buckets, part.total)
        yield made
