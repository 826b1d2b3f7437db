"""The forms of text that may reach the control plane; everything else is withheld.

Invariants:
1. What a step's process says has one of the few forms that our own wrapper makes: a phase of its code with
   counts, an ending with rule ids and reason codes, an incident's id, a reference, a digest.
2. What our own code says (worker, built-in steps, the pipeline's runner) is a text of bounded length.
3. A text that is withheld shows as `[withheld: incident 1a2b3c4d5e6f]`, in its place.

Example:
    >>> progress = frozenset({"fit"})
    >>> is_progress("fit: 14,276 rows, 1.23 s", progress), is_progress("Jane Doe: 2 rows", progress)
    (True, False)
    >>> is_ending("StepFailed: incident 4f1c2d3e4a5b"), is_ending("no result for Jane Doe")
    (True, False)
"""

from __future__ import annotations

import json
import re

from data_contracts.digest import is_digest
from data_contracts.verdict import Reason
from environments.incidents import UNRECORDED
from environments.ref import NAME

__all__ = [
    "STATE_NAMES",
    "is_ending",
    "is_incident",
    "is_plain",
    "is_progress",
    "is_rules",
    "is_tag",
    "is_token",
    "mark_of",
    "said_by_step",
]

_LONGEST = 8000
_INCIDENT = rf"incident (?:[0-9a-f]{{12}}|{UNRECORDED})"
_REASONS = "|".join([*(re.escape(reason.value) for reason in Reason), "not_evaluated", "refused"])
_RULE = rf"[A-Za-z0-9][A-Za-z0-9_.:-]{{0,127}} \((?:{_REASONS})(?:, \d{{1,15}})?\)"
_RULES = rf"(?:{NAME}|an asset): (?:breaks its contract|denied): (?:{_RULE}(?:, {_RULE})*|rules unknown)"
_ENDING = re.compile(rf"(?:StepFailed: {_INCIDENT}|{_RULES}(?:; {_INCIDENT})?)")
_COUNTED = re.compile(
    r"(?P<phase>.{1,60}?)(?:: (?:\d{1,3}(?:,\d{3}){0,5} rows(?:, \d{1,9}\.\d\d s)?|\d{1,9}\.\d\d s))?"
)
_TAG = re.compile(rf"pool:{NAME}|kind:(?:onprem|cloud|edge)|jurisdiction:[A-Z]{{2}}(?:-[A-Z0-9]{{1,3}})?")
_TOKEN = re.compile(r"[A-Za-z0-9_.:@/+-]{1,300}")
_OWN_STATES = (
    *("Refused", "Denied", "ContractBroken", "NotVerifiable", "Unreachable", "Failed", "Conflict", "Defect"),
    *("Completed", "Running", "Pending", "Scheduled", "Cancelling", "Cancelled", "Crashed"),
)
_PREFECTS = ("Late", "AwaitingRetry", "Retrying", "Paused", "Suspended", "Cached", "RolledBack")
STATE_NAMES = frozenset(_OWN_STATES + _PREFECTS)


def mark_of(incident: str) -> str:
    """Return what stands in the place of a text that is withheld."""
    return f"[withheld: incident {incident}]"


def is_plain(text: str) -> bool:
    """Whether a text of ours may be shown: printable, and of a bounded length."""
    return len(text) <= _LONGEST and all(letter.isprintable() or letter == "\n" for letter in text)


def is_progress(text: str, phases: frozenset[str]) -> bool:
    """Whether a text is a line of progress about one of the code's phases."""
    match = _COUNTED.fullmatch(text)
    return match is not None and match["phase"] in phases


def is_ending(text: str) -> bool:
    """Whether a text is the message with which a step's wrapper ends a run."""
    return text == "" or (len(text) <= _LONGEST and _ENDING.fullmatch(text) is not None)


def said_by_step(text: str, phases: frozenset[str]) -> bool:
    """Whether a step may put a text into its log."""
    name, _, message = text.partition(": ")
    return is_progress(text, phases) or (name in STATE_NAMES and is_ending(message))


def is_incident(text: str) -> bool:
    """Whether a text is an incident's id."""
    return re.fullmatch(rf"[0-9a-f]{{12}}|{UNRECORDED}", text) is not None


def is_rules(text: str, *, plain: bool) -> bool:
    """Whether a text is the list of rules in a run's label; reasons in words only where that is permitted."""
    try:
        rules = json.loads(text)
    except ValueError:
        return False
    if not isinstance(rules, list) or not all(isinstance(rule, dict) for rule in rules):
        return False
    for rule in rules:
        shown = f"{rule.get('id')} ({rule.get('reason')})"
        if set(rule) != {"id", "reason", "unexpected_count"} or type(rule["unexpected_count"]) is not int:
            return False
        if not (is_plain(shown) if plain else re.fullmatch(_RULE, shown)):
            return False
    return True


def is_tag(text: str) -> bool:
    """Whether a text is one of the tags of an environment's runs."""
    return len(text) <= _LONGEST and _TAG.fullmatch(text) is not None


def is_token(text: str) -> bool:
    """Whether a text is one word of an identifier's letters: a name, a reference, a date, an interval."""
    return _TOKEN.fullmatch(text) is not None or is_digest(text)
