"""What declarations say of people: for whose requests a line is, and what a second person must approve.

Invariants:
1. A line without `requesters` is for everybody; an empty list is for nobody.
2. Without `approval` nothing needs it. With it, something does, and who may give it is listed; an empty list
   is nobody, and then what needs approval never leaves.
"""

from __future__ import annotations

from data_contracts.destination import ANY, ANYBODY, UNATTRIBUTED
from environments.approval import Approval
from environments.fields import Fields
from environments.fields import Path as Place
from environments.ref import NAME

__all__ = ["ANY_NAME", "read_approval", "read_requesters"]

ANY_NAME = rf"(?=.{{1,63}}$){NAME}|\*"


def read_requesters(fields: Fields, place: Place) -> tuple[str, ...]:
    """Read a line's `requesters`."""
    here, line = (*place, "requesters"), fields.get(place)
    if not isinstance(line, dict) or "requesters" not in line:
        return ANYBODY
    return fields.texts(here, ANY_NAME, f'names, "*" for whoever signs, or "{UNATTRIBUTED}" for everybody')


def read_approval(fields: Fields) -> Approval | None:
    """Read an environment's `approval`; None where it has none."""
    place: Place = ("approval",)
    if not isinstance(fields.source.data, dict) or "approval" not in fields.source.data:
        return None
    fields.mapping(place, ("first", "purposes", "approvers", "count"), ("approvers",))
    first = fields.get((*place, "first"))
    if first is not None and not isinstance(first, bool):
        fields.complain((*place, "first"), "not true or false", "true or false")
    made = Approval(
        first is True,
        fields.texts((*place, "purposes"), ANY_NAME, 'purposes, or "*"'),
        fields.texts((*place, "approvers"), ANY_NAME, 'requesters who may approve, or "*"'),
        fields.integer((*place, "count"), low=1, high=16, default=1),
    )
    if not made.first and not made.purposes:
        fields.complain(place, "nothing needs approval by it", "first: true, or purposes")
    if made.approvers and ANY not in made.approvers and made.count > len(made.approvers):
        fields.complain((*place, "count"), "more than there are approvers", "at most as many as approvers")
    return made
