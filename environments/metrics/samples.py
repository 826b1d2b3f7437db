"""What one look at an environment found: numbers under metrics and labels of the catalogue, and no others.

Invariants:
1. A metric or a label that the catalogue does not have is a defect of ours, and gives nothing out.
2. A value that is not of its label's form becomes `other`; so do names beyond `MOST` series of a metric. What
   then has the same labels is merged as the catalogue says: no series stands twice, none is dropped.
3. Numbers are finite.

Example:
    >>> samples = Samples("onprem", {"peer": frozenset({"cloud"})})
    >>> samples.put("isthmus_sent_bytes", 12, peer="somewhere else")
    >>> samples.series("isthmus_sent_bytes")
    {('other',): 12.0}
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from data_contracts.errors import DefectError
from environments.metrics.catalogue import BOUNDS, DECLARED, FORMS, METRICS, OTHER, WORDS

__all__ = ["MOST", "Histogram", "Samples"]

MOST = 1000
"""Series of one metric; more are merged under `other`."""


@dataclass(frozen=True)
class Histogram:
    """How many took how long.

    Attributes:
        counts: of each bucket of `BOUNDS`, and of the one above them; not cumulated.
        total: seconds of all.
    """

    counts: tuple[int, ...]
    total: float


class Samples:
    """The samples of one environment at one moment."""

    def __init__(self, environment: str, declared: Mapping[str, Collection[str]]) -> None:
        """Begin with none.

        Args:
            environment: whose; the label `environment` of each.
            declared: the names that `peer` and `step` may say.
        """
        self.environment = environment
        self._declared = declared
        self._found: dict[str, dict[tuple[str, ...], float]] = {}
        self._histograms: dict[str, dict[tuple[str, ...], Histogram]] = {}

    def put(self, name: str, value: float, **labels: str) -> None:
        """Add one sample.

        Raises:
            DefectError: no such metric, other labels than its own, or a number that is not finite.
        """
        metric = METRICS.get(name)
        if metric is None or metric.kind == "histogram" or not math.isfinite(value):
            raise DefectError(f"{name}: not a metric of the catalogue, or not a number")
        series = self._found.setdefault(name, {})
        key = self._key(name, labels, series)
        series[key] = float(metric.merge([series[key], value])) if key in series else float(value)

    def put_histogram(self, name: str, counts: Sequence[int], total: float, **labels: str) -> None:
        """Add one histogram.

        Raises:
            DefectError: no such metric, other labels than its own, or not as many counts as buckets.
        """
        if name not in METRICS or METRICS[name].kind != "histogram" or len(counts) != len(BOUNDS) + 1:
            raise DefectError(f"{name}: not a histogram of the catalogue")
        if not math.isfinite(total) or any(type(count) is not int or count < 0 for count in counts):
            raise DefectError(f"{name}: counts and seconds are needed")
        series = self._histograms.setdefault(name, {})
        key = self._key(name, labels, series)
        known = series.get(key, Histogram((0,) * len(counts), 0.0))
        merged = tuple(a + b for a, b in zip(known.counts, counts, strict=True))
        series[key] = Histogram(merged, known.total + total)

    def series(self, name: str) -> dict[tuple[str, ...], float]:
        """Return one metric's numbers by the values of its labels, in the catalogue's order."""
        return self._found.get(name, {})

    def histograms(self, name: str) -> dict[tuple[str, ...], Histogram]:
        """Return one histogram's parts by the values of its labels."""
        return self._histograms.get(name, {})

    def to_json(self) -> dict[str, Any]:
        """Return every sample, as JSON values: a list by metric, each with its labels."""
        found: dict[str, Any] = {}
        for name, series in self._found.items():
            words = METRICS[name].labels
            found[name] = [dict(zip(words, key, strict=True)) | {"value": v} for key, v in series.items()]
        for name, parts in self._histograms.items():
            words = METRICS[name].labels
            found[name] = [
                dict(zip(words, key, strict=True)) | {"count": sum(part.counts), "seconds": part.total}
                for key, part in parts.items()
            ]
        return found

    def _key(
        self, name: str, labels: Mapping[str, str], series: Mapping[tuple[str, ...], object]
    ) -> tuple[str, ...]:
        words = METRICS[name].labels
        if set(labels) != set(words):
            raise DefectError(f"{name}: it has the labels {', '.join(words) or 'of none'}, and no others")
        key = tuple(self._word(word, labels[word]) for word in words)
        if key in series or len(series) < MOST:
            return key
        return tuple(OTHER if word in FORMS else said for word, said in zip(words, key, strict=True))

    def _word(self, label: str, value: str) -> str:
        if label in WORDS:
            fits = value in WORDS[label]
        elif label in DECLARED:
            fits = value in self._declared.get(label, ())
        else:
            fits = re.fullmatch(FORMS[label], value) is not None
        return value if fits else OTHER
