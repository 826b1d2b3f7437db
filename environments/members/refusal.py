"""Why an invitation, an answer or an admission is not taken; whatever it is, nothing was changed."""

from __future__ import annotations

from typing import Literal

from data_contracts.errors import NotVerifiableError

__all__ = ["JoiningRefusedError", "Reason"]

Reason = Literal[
    "shape",
    "signature",
    "trust",
    "early",
    "expired",
    "name",
    "foreign",
    "withdrawn",
    "used",
    "keys",
    "fingerprint",
]


class JoiningRefusedError(NotVerifiableError):
    """A file of a joining that is not taken.

    Attributes:
        reason: the check that refused it.
    """

    def __init__(self, reason: Reason, message: str, *, remedy: str = "") -> None:
        """Keep the check's name beside the message."""
        super().__init__(message, remedy=remedy)
        self.reason = reason
