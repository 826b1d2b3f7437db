"""Whether an answer to a crossing lies in a transit: a look, by name.

Invariants:
1. That something lies there is the transit's word; who reads it verifies it.
2. A transit that cannot be reached is told as that, and is no error.

Example:
    >>> answer_lies(lambda: transit, None, crossing, remote=False)
    (True, '')
"""

from __future__ import annotations

from collections.abc import Callable

from data_contracts.errors import IsthmusError
from environments.transit.names import receipt_name
from environments.transit.port import Transit
from environments.transits import TransitSpec

__all__ = ["answer_lies"]


def answer_lies(
    opened: Callable[[], Transit], declared: TransitSpec | None, crossing: str, *, remote: bool
) -> tuple[bool, str]:
    """Say whether a receipt lies in the transit to a peer, and why that is not known where it is not.

    Args:
        opened: opens the transit.
        declared: what the source declares of it; None for the home's folder.
        crossing: a crossing that was sent.
        remote: whether a transit that is no folder is asked as well.
    """
    if not remote and declared is not None and declared.place[0] != "directory":
        return False, "its transit was not asked for an answer"
    try:
        return opened().size(receipt_name(crossing)) is not None, ""
    except IsthmusError:
        return False, "its transit cannot be reached"
