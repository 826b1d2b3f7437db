"""One look of `isthmus status --watch` as lines for a person.

Invariants:
1. It shows numbers, names and our own words; nothing else is in a look.
2. What is not well is in red, where the output has colours; the words say it without them.

Example:
    >>> shown(document)[0]
    'http://127.0.0.1:4200  ready, all 9 parts are well  2026-11-29 18:00:00 UTC'
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import click

__all__ = ["age", "shown"]

_UNITS = (("d", 86400), ("h", 3600), ("min", 60))
_SIZES = ((1e9, "GB"), (1e6, "MB"), (1e3, "kB"))
_MOST_BEHIND = 10
_SOON = 30 * 86400
Samples = Sequence[Mapping[str, Any]]


def age(seconds: float) -> str:
    """Return a length of time in its largest whole unit."""
    sign, seconds = ("-" if seconds < 0 else ""), abs(seconds)
    for unit, length in _UNITS:
        if seconds >= length:
            return f"{sign}{seconds // length:.0f} {unit}"
    return f"{sign}{seconds:.0f} s"


def _size(count: float) -> str:
    scale, unit = next((pair for pair in _SIZES if count >= pair[0]), (1.0, "B"))
    return f"{count / scale:.1f} {unit}" if scale > 1 else f"{count:.0f} B"


def shown(document: Mapping[str, Any]) -> list[str]:
    """Return the lines."""
    lines = [_head(document)]
    bad = [part for part in document["parts"] if part["health"] != "ok"]
    lines += [_red(f"  {part['name']}: {part['health']} {part['detail']}".rstrip()) for part in bad]
    lines += [_red(f"  cannot be asked: {problem}") for problem in document["problems"]]
    told = {name: one["metrics"] for name, one in document["environments"].items() if "metrics" in one}
    lines += [
        _red(f"  {name}: {one['error']}") for name, one in document["environments"].items() if "error" in one
    ]
    for rows in (_crossings(told), _behind(told), _states(told)):
        lines += ["", *_table(rows)] if len(rows) > 1 else []
    return lines


def _head(document: Mapping[str, Any]) -> str:
    when = str(document["time"]).replace("T", " ").replace("+00:00", " UTC")
    if document["phase"] == "down":
        return f"Nothing runs in {document['home']}. Start it with `isthmus up`.  {when}"
    count = len(document["parts"])
    well = sum(part["health"] == "ok" for part in document["parts"])
    health = (
        f"all {count} parts are well"
        if well == count
        else _red(f"{count - well} of {count} parts are not well")
    )
    return f"{document['url']}  {document['phase']}, {health}  {when}"


def _crossings(told: Mapping[str, Mapping[str, Samples]]) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = [
        (
            "FROM",
            "WITH",
            "QUEUED",
            "WAITING",
            "HELD BACK",
            "OLDEST",
            "PERMITTED",
            "DENIED",
            "BROKEN",
            "FAILED",
            "SENT",
        )
    ]
    for name, metrics in told.items():
        counts, waits = metrics.get("isthmus_crossings", ()), metrics.get("isthmus_outbox_crossings", ())
        ages, sent = metrics.get("isthmus_outbox_oldest_seconds", ()), metrics.get("isthmus_sent_bytes", ())
        for peer in sorted({str(one["peer"]) for one in (*counts, *waits)}):
            outcomes = [
                _sum(counts, peer=peer, outcome=word) for word in ("permitted", "denied", "broken", "failed")
            ]
            queues = [_sum(waits, peer=peer, queue=queue) for queue in ("queued", "waiting", "held_back")]
            if not any((*outcomes, *queues)):
                continue
            oldest = max((one["value"] for one in ages if one["peer"] == peer), default=0.0)
            cells = [f"{number:.0f}" for number in (*queues, *outcomes)]
            for place in (5, 6):
                cells[place] = _red(cells[place]) if outcomes[place - 3] else cells[place]
            size = _size(_sum(sent, peer=peer))
            rows.append((name, peer, *cells[:3], age(oldest) if any(queues) else "-", *cells[3:], size))
    return rows


def _behind(told: Mapping[str, Mapping[str, Samples]]) -> list[tuple[str, ...]]:
    found: list[tuple[float, tuple[str, ...]]] = []
    for name, metrics in told.items():
        seconds = metrics.get("isthmus_asset_behind_seconds", ())
        for one in metrics.get("isthmus_asset_behind_versions", ()):
            if one["value"]:
                late = _sum(seconds, asset=one["asset"], peer=one["peer"])
                found.append(
                    (late, (name, str(one["asset"]), str(one["peer"]), f"{one['value']:.0f}", age(late)))
                )
    found.sort(key=lambda pair: (-pair[0], pair[1]))
    rows: list[tuple[str, ...]] = [("FROM", "ASSET", "AT", "VERSIONS BEHIND", "SINCE")]
    rows += [row for _, row in found[:_MOST_BEHIND]]
    if len(found) > _MOST_BEHIND:
        rows.append(("", f"and {len(found) - _MOST_BEHIND} more", "", "", ""))
    return rows


def _states(told: Mapping[str, Mapping[str, Samples]]) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = [
        (
            "ENVIRONMENT",
            "LEDGER",
            "LAST ENTRY",
            "TRUST",
            "KEYS",
            "CERTIFICATES",
            "SPARES",
            "RUNNING",
            "CANNOT BE READ",
        )
    ]
    for name, metrics in told.items():
        bad = [str(one["source"]) for one in metrics.get("isthmus_source_readable", ()) if not one["value"]]
        ends = [
            _left(metrics.get(f"isthmus_{what}_remaining_seconds", ()))
            for what in ("trust", "signing_key", "certificate")
        ]
        heads = metrics.get("isthmus_ledger_head_age_seconds", ())
        rows.append(
            (
                name,
                _one(metrics.get("isthmus_ledger_entries", ())),
                f"{age(heads[0]['value'])} ago" if heads else "-",
                *ends,
                _one(metrics.get("isthmus_worker_spares", ())),
                f"{_sum(metrics.get('isthmus_worker_runs_running', ())):.0f}",
                _red(", ".join(bad)) if bad else "-",
            )
        )
    return rows


def _left(samples: Samples) -> str:
    if not samples:
        return "-"
    least = min(one["value"] for one in samples)
    return _red(age(least)) if least < _SOON else age(least)


def _one(samples: Samples) -> str:
    return f"{samples[0]['value']:.0f}" if samples else "-"


def _sum(samples: Samples, **labels: object) -> float:
    return sum(
        float(one["value"]) for one in samples if all(one[label] == word for label, word in labels.items())
    )


def _red(text: str) -> str:
    return click.style(text, fg="red")


def _table(rows: Sequence[tuple[str, ...]]) -> Iterable[str]:
    widths = [max(len(click.unstyle(row[column])) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        padded = (
            cell + " " * (width - len(click.unstyle(cell))) for cell, width in zip(row, widths, strict=True)
        )
        yield "  " + "  ".join(padded).rstrip()
