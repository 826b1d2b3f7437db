"""What an environment's file says of a second person's word.

Invariants:
1. Without it nothing needs approval. With it, who may give it is listed; an empty list is nobody, and then
   what needs approval never leaves.

Example:
    >>> Approval(purposes=("marketing",), approvers=("bob",)).words("marketing")
    'what is for marketing needs the approval of 1: bob'
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from data_contracts.destination import ANY

__all__ = ["Approval"]


@dataclass(frozen=True)
class Approval:
    """What leaves this environment only after a second person's word.

    Attributes:
        first: whether the first crossing to each environment needs it.
        purposes: purposes that need it, or `*`.
        approvers: requesters who may give it, or `*` for whoever the trust document lets approve here; nobody
            where it is empty.
        count: how many of them; none of them who asked.
    """

    first: bool = False
    purposes: tuple[str, ...] = ()
    approvers: tuple[str, ...] = ()
    count: int = 1

    def why(self, purpose: str, *, first: Callable[[], bool]) -> str | None:
        """Return what about a crossing needs approval; None where nothing does."""
        if ANY in self.purposes or purpose in self.purposes:
            return f"what is for {purpose}"
        return "the first crossing to an environment" if self.first and first() else None

    def words(self, purpose: str) -> str:
        """Return what a plan says of a crossing for a purpose; empty where nothing needs approval."""
        why = self.why(purpose, first=lambda: True)
        whom = "whoever the trust document lets" if ANY in self.approvers else " or ".join(self.approvers)
        return "" if why is None else f"{why} needs the approval of {self.count}: {whom or 'nobody may'}"
