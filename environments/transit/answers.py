"""Whether an answer to a crossing lies in a transit: a look, by name.

Invariants:
1. That something lies there is the transit's word; who reads it verifies it.
2. A transit that cannot be reached is told as that, and is no error.

Example:
    >>> answer_lies(lambda: transit, crossing)
    (True, '')
"""

from __future__ import annotations

from collections.abc import Callable

from data_contracts.errors import IsthmusError
from environments.transit.names import receipt_name
from environments.transit.port import Transit

__all__ = ["answer_lies"]


def answer_lies(opened: Callable[[], Transit], crossing: str) -> tuple[bool, str]:
    """Say whether a receipt lies in the transit to a peer, and why that is not known where it is not.

    Args:
        opened: opens the transit.
        crossing: a crossing that was sent.
    """
    try:
        return opened().size(receipt_name(crossing)) is not None, ""
    except IsthmusError:
        return False, "its transit cannot be reached"
