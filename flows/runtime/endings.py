"""How a run ends: the true error stays here, and a clean word goes to the control plane.

Invariants:
1. The message of a state is made of names, rule ids, reason codes, counts and an incident id.
2. Text of an error is sent only where it is ours by construction: from the built-in steps, the planner
   and the crossing's own answers. A step's own code may have put anything into its errors.
3. A state's name says who must act; the exit code of design §4 follows from it.

Example:
    >>> ending_of(ValueError("Jane Doe is 47"), "4f1c2d3e4a5b", trusted=False).message
    'StepFailed: incident 4f1c2d3e4a5b'
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from data_contracts.errors import (
    ConflictError,
    DataBreaksContractError,
    DefectError,
    DeniedError,
    IsthmusError,
    NotVerifiableError,
    StepFailedError,
    UnreachableError,
    UsageError,
)
from data_contracts.verdict import Reason
from environments.ref import NAME
from flows.runtime.server import RunView
from tasks.steps.errors import BrokenRule, ContractBroken, CrossingDenied

__all__ = [
    "INCIDENT",
    "RULES",
    "AwayError",
    "Ending",
    "dump_rules",
    "ending_of",
    "error_of",
    "exit_code_of",
    "rules_in",
]

RULES = "isthmus.rules"
INCIDENT = "isthmus.incident"
_RULE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,127}")
_NAMES: dict[type[IsthmusError], str] = {
    DataBreaksContractError: "ContractBroken",
    UsageError: "Refused",
    DeniedError: "Denied",
    NotVerifiableError: "NotVerifiable",
    UnreachableError: "Unreachable",
    StepFailedError: "Failed",
    ConflictError: "Conflict",
    DefectError: "Defect",
}
_CLASSES = {name: family for family, name in _NAMES.items()}
_REASONS = frozenset(reason.value for reason in Reason)


class AwayError(UnreachableError):
    """A run ended because something could not be reached from where it ran; the server itself answers."""


@dataclass(frozen=True)
class Ending:
    """A final state, ready to be sent.

    Attributes:
        type: `COMPLETED` or `FAILED`.
        name: of the state.
        message: clean.
        labels: what the run says of itself.
    """

    type: str
    name: str
    message: str = ""
    labels: Mapping[str, Any] = field(default_factory=dict)


def _family(error: BaseException) -> type[IsthmusError]:
    return next((family for family in _NAMES if isinstance(error, family)), StepFailedError)


def _clean(rule: BrokenRule, *, trusted: bool) -> BrokenRule:
    known = rule.id if _RULE.fullmatch(rule.id) else "rule"
    reason = rule.reason if trusted or rule.reason in _REASONS else "refused"
    return BrokenRule(known, reason, int(rule.unexpected_count))


def ending_of(error: BaseException, incident: str | None, *, trusted: bool) -> Ending:
    """Return how a run ends that raised `error`, which is kept under the incident id.

    Args:
        error: the true one.
        incident: its id in the environment where it happened; None where nothing is to be looked up.
        trusted: whether only our own code ran, so that the text of our own errors is clean.
    """
    family = _family(error)
    labels: dict[str, Any] = {} if incident is None else {INCIDENT: incident}
    tail = "" if incident is None else f"; incident {incident}"
    if isinstance(error, ContractBroken | CrossingDenied):
        rules = [_clean(rule, trusted=trusted) for rule in error.rules]
        what = error.what if trusted or re.fullmatch(NAME, error.what) else "an asset"
        labels[RULES] = dump_rules(rules)
        clean = (
            ContractBroken(what, rules) if isinstance(error, ContractBroken) else CrossingDenied(what, rules)
        )
        return Ending("FAILED", _NAMES[family], f"{clean}{tail}", labels)
    if trusted and isinstance(error, IsthmusError) and family is not DefectError:
        return Ending("FAILED", _NAMES[family], f"{error}{tail}", labels)
    return Ending("FAILED", _NAMES[family], f"StepFailed: incident {incident}", labels)


def dump_rules(rules: Iterable[BrokenRule]) -> str:
    """Return rules as a label holds them."""
    return json.dumps([rule.to_json() for rule in rules], separators=(",", ":"))


def rules_in(labels: Mapping[str, Any]) -> tuple[BrokenRule, ...]:
    """Return the rules that a run's labels hold; none where they hold none that can be read."""
    try:
        return tuple(BrokenRule.from_json(item) for item in json.loads(str(labels.get(RULES, "[]"))))
    except (ValueError, TypeError, AttributeError, UsageError):
        return ()


def error_of(run: RunView, title: str) -> IsthmusError:
    """Return the error that stands for a run that did not complete, for whoever waited for it."""
    rules = rules_in(run.labels)
    if run.type == "FAILED" and run.state == "ContractBroken":
        return ContractBroken(title, rules)
    if run.type == "FAILED" and run.state == "Denied":
        return CrossingDenied(title, rules)
    family = _CLASSES.get(run.state, StepFailedError) if run.type == "FAILED" else StepFailedError
    environment = title.rpartition("@")[2]
    incident = run.labels.get(INCIDENT)
    remedy = f"isthmus incident show {incident} --env {environment}" if incident else ""
    if family is UnreachableError:
        family = AwayError
    return family(f"{title} {run.state.lower()}: {run.message or 'no message'}", remedy=remedy)


def exit_code_of(run: RunView) -> int:
    """Return the exit code of design §4 for a run that ended."""
    if run.type == "COMPLETED":
        return 0
    family = _CLASSES.get(run.state, StepFailedError) if run.type == "FAILED" else StepFailedError
    return family.exit_code
