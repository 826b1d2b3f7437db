"""What a home knows of other machines: whom it invited, what it joined, and so which environments live in it.

Invariants:
1. An environment lives in one home. What was invited elsewhere is never made here.
2. Every change is one durable step; of invitations, under one lock.

Example:
    >>> environments_here(home, ["cloud", "edge", "onprem"])
    ('onprem',)
"""

from environments.members.here import check_here, environments_here, keep_only
from environments.members.issued import Invitations, Issued
from environments.members.member import CREDENTIAL, Membership, read_membership, write_membership
from environments.members.refusal import JoiningRefusedError

__all__ = [
    "CREDENTIAL",
    "Invitations",
    "Issued",
    "JoiningRefusedError",
    "Membership",
    "check_here",
    "environments_here",
    "keep_only",
    "read_membership",
    "write_membership",
]
