"""Looking into a transit without touching it: whether an answer lies there, and what lies there at all.

Invariants:
1. Nothing is believed: names and sizes are the transit's word, until somebody verifies.
2. Looking changes nothing. A transit that cannot be reached is told as that, and is no error.

Example:
    >>> answer_lies(env, "cloud", crossing, remote=False)
    (True, '')
"""

from __future__ import annotations

from data_contracts.errors import IsthmusError
from environments.boundary.context import EnvironmentContext
from environments.boundary.transit import receipt_name

__all__ = ["answer_lies"]


def answer_lies(
    env: EnvironmentContext, destination: str, crossing: str, *, remote: bool
) -> tuple[bool, str]:
    """Say whether a receipt lies in the transit to a peer, and why that is not known where it is not.

    Args:
        env: the source.
        destination: the peer.
        crossing: a crossing that was sent.
        remote: whether a transit that is no folder is asked as well.
    """
    declared = env.profile.transit_with(destination)
    if not remote and declared is not None and declared.place[0] != "directory":
        return False, "its transit was not asked for an answer"
    try:
        return env.outgoing(destination).size(receipt_name(crossing)) is not None, ""
    except IsthmusError:
        return False, "its transit cannot be reached"
