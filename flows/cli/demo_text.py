"""The demo's closing page."""

from __future__ import annotations

from collections.abc import Iterator

from flows.runtime.server import RunView
from flows.runtime.summary import Crossed, Said, Summary

__all__ = ["page"]

_RULE = "─" * 88
_TELLING = ("auc", "auc_chance", "rows_accepted", "rows_rejected", "workers", "clinics", "clinics_withheld")


def page(summary: Summary, end: RunView, url: str, seconds: float, *, stopped: bool) -> Iterator[str]:
    """Yield the lines: what crossed, what was refused and why, what to type next, where to look."""
    yield ""
    yield _RULE
    yield f"{end.state} in {seconds} s"
    yield ""
    yield "What crossed"
    for item in summary.permitted:
        yield f"  {_path(item)}"
        yield f"      {_arrived(item)}"
    if not summary.permitted:
        yield "  nothing"
    if summary.queued:
        yield ""
        yield "What waits in an outbox, or has crossed since (isthmus outbox list)"
        yield from (f"  {_path(item)}" for item in summary.queued)
    yield ""
    yield "What was refused, and why"
    for item in summary.refused:
        yield f"  {_path(item)}: {_word(item)}"
        for rule in item.rules:
            rows = f" ({rule.unexpected_count} rows)" if rule.unexpected_count else ""
            yield f"      {rule.id}: {rule.reason}{rows}"
    if not summary.refused:
        yield "  nothing"
    said = [line for item in summary.said if (line := _said(item))]
    if said:
        yield ""
        yield "What the steps said (numbers only; nothing else can leave them)"
        yield from said
    yield ""
    if stopped:
        yield "The system is down; the data stays. Next:  isthmus up"
    else:
        yield "What to type next"
        yield "  isthmus plan hospital            why each step runs where it does"
        yield "  isthmus ledger show --env onprem  the signed record of what crossed"
        yield "  isthmus status                   every part of the system"
        yield "  isthmus down                     stop it; the data stays"
        yield ""
        yield f"Prefect UI: {url}/runs/flow-run/{end.id}   (credential: isthmus shell-env)"
    yield _RULE


def _path(item: Crossed) -> str:
    return f"{item.asset}: {item.source} → {item.destination}, for {item.purpose}"


def _arrived(item: Crossed) -> str:
    rows = "" if item.rows is None else f"{item.rows:,} rows, "
    receipt = "receipt signed and settled" if item.settled else "receipt not settled"
    return f"{rows}{item.size:,} bytes, now {item.classification}, under {item.contract}; {receipt}"


def _word(item: Crossed) -> str:
    return {"broken": "its data breaks its contract", "denied": "denied"}.get(item.outcome, item.outcome)


def _said(item: Said) -> str:
    numbers = dict(item.numbers)
    words = [f"{name} {_number(numbers[name])}" for name in _TELLING if name in numbers]
    return f"  {item.step}: {', '.join(words)}" if words else ""


def _number(value: bool | float) -> str:
    return f"{value:.3f}" if isinstance(value, float) else f"{value:,}" if type(value) is int else str(value)
