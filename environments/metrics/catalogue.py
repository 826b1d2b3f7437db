"""Every metric that an environment gives out, and every label that it may have: one table, and no other.

Invariants:
1. A metric or a label that does not stand here cannot be given out (`environments.metrics.samples`).
2. A label's value is one of a few words, a declared name, or of a form; anything else becomes `other`.
3. No label is a place for data: environments, peers, steps and assets are names, rules are ids of rules.

Example:
    >>> METRICS["isthmus_crossings"].labels
    ('direction', 'peer', 'outcome')
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from environments.ref import NAME

__all__ = ["BOUNDS", "DECLARED", "FORMS", "METRICS", "OTHER", "WORDS", "Metric"]

OTHER = "other"
"""What a value that is not of its label's form becomes."""
BOUNDS = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0)
"""Upper bounds, in seconds, of the histogram of how long runs take; the last bucket has none."""
WORDS: Mapping[str, frozenset[str]] = {
    "direction": frozenset({"egress", "ingress", "settle"}),
    "outcome": frozenset({"permitted", "denied", "held_back", "broken", "failed"}),
    "end": frozenset({"taken", "refused", "completed", "failed", "crashed", "cancelled"}),
    "queue": frozenset({"queued", "waiting", "held_back", "pipelines", "steps"}),
    "certificate": frozenset({"ca", "scheduler", "worker", "client"}),
    "source": frozenset({"certificates", "gate", "ledger", "outbox", "store", "trust", "worker"}),
}
"""Labels that say one of a few words."""
DECLARED = frozenset({"environment", "peer", "step"})
"""Labels that say a name which the site's files declare."""
FORMS: Mapping[str, str] = {
    "asset": rf"(?=.{{1,63}}$){NAME}",
    "rule": r"[A-Za-z0-9_][A-Za-z0-9_.:-]{0,99}",
}
"""Labels that say a name of a form; there may be many of these, so their number is bounded."""


@dataclass(frozen=True)
class Metric:
    """One metric.

    Attributes:
        kind: as Prometheus has it.
        meaning: one line; it is the metric's HELP.
        labels: in their order, beside `environment`, which each has.
        merge: what two samples become that have the same labels after one of them said `other`.
    """

    kind: Literal["counter", "gauge", "histogram"]
    meaning: str
    labels: tuple[str, ...] = ()
    merge: Callable[[Iterable[float]], float] = sum


METRICS: Mapping[str, Metric] = {
    "isthmus_crossings": Metric(
        "counter",
        "Steps of crossings in this environment's ledger, by their outcome.",
        ("direction", "peer", "outcome"),
    ),
    "isthmus_crossing_rules": Metric(
        "counter",
        "Rules that spoke against a crossing, as the ledger has them; one refusal may have several.",
        ("direction", "peer", "outcome", "rule"),
    ),
    "isthmus_sent_bytes": Metric(
        "counter", "Bytes of the crossings that were permitted to leave.", ("peer",)
    ),
    "isthmus_outbox_crossings": Metric(
        "gauge",
        "Crossings in the outbox (queued), sent and not answered (waiting), or held back by a boundary.",
        ("queue", "peer"),
    ),
    "isthmus_outbox_oldest_seconds": Metric(
        "gauge",
        "Age of the oldest of them: since it was queued, was sent, or was last held back.",
        ("queue", "peer"),
        max,
    ),
    "isthmus_asset_behind_versions": Metric(
        "gauge", "Versions of an asset that a destination has not got.", ("asset", "peer"), max
    ),
    "isthmus_asset_behind_seconds": Metric(
        "gauge",
        "Age of the oldest version of an asset that a destination has not got.",
        ("asset", "peer"),
        max,
    ),
    "isthmus_assets_damaged": Metric("gauge", "Assets whose record in the store does not verify."),
    "isthmus_ledger_entries": Metric("gauge", "Sequence of the ledger's head.", (), max),
    "isthmus_ledger_head_age_seconds": Metric("gauge", "Age of the ledger's last entry.", (), max),
    "isthmus_certificate_remaining_seconds": Metric(
        "gauge", "Until a certificate of the Dask cluster ends; negative afterwards.", ("certificate",), min
    ),
    "isthmus_trust_remaining_seconds": Metric(
        "gauge", "Until the pinned trust document ends; negative afterwards.", (), min
    ),
    "isthmus_trust_version": Metric("gauge", "Version of the pinned trust document.", (), max),
    "isthmus_signing_key_remaining_seconds": Metric(
        "gauge",
        "Until the last signing key ends that the trust document has of an environment.",
        ("peer",),
        min,
    ),
    "isthmus_worker_reaches_server": Metric("gauge", "Whether the worker's last poll was answered.", (), min),
    "isthmus_worker_poll_age_seconds": Metric("gauge", "Since the worker's last answered poll.", (), max),
    "isthmus_worker_spares": Metric("gauge", "Warm processes that wait for a run."),
    "isthmus_worker_runs_running": Metric("gauge", "Runs that go on.", ("queue",)),
    "isthmus_worker_runs": Metric("counter", "Runs since the worker started, by how they ended.", ("end",)),
    "isthmus_step_seconds": Metric(
        "histogram", "How long runs took, from the order to the end of their process.", ("step",)
    ),
    "isthmus_gate_requests": Metric("counter", "Requests to the API gate since it started."),
    "isthmus_gate_refused": Metric("counter", "Requests that the API gate refused."),
    "isthmus_gate_withheld": Metric("counter", "Texts that the API gate kept at home."),
    "isthmus_source_readable": Metric(
        "gauge",
        "Whether a part of the environment could be read; where not, its metrics are absent.",
        ("source",),
        min,
    ),
}
"""By name; a counter's samples have `_total` behind it."""
