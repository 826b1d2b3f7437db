"""How an environment of another machine becomes known: an invitation, an answer to it, an admission.

Invariants, in order:
1. What travels is three signed files. They hold public keys, a trust document and an address; the one secret
   that is ever in one, the credential of the API, is sealed for the keys of the new environment.
2. An invitation is of one environment and of one answer: the first answer that a person admits, by its
   fingerprint. That it was is on disk before any trust document names the new keys.
3. The fingerprint is of the whole answer, and through it of the whole invitation: whoever exchanged either
   on its way makes the two sides read different ones. A person says on both sides that they are the same.
4. What is refused changes nothing on disk.

Example:
    >>> raw = seal_invitation(invitation, signer)          # on the machine of the control plane
    >>> answer = new_answer(open_invitation(raw, now), public, dask_ca)   # on the other machine
    >>> spoken(answer.digest)
    '48213 90114 …'
"""

from environments.joining.admission import Admission, open_admission, seal_admission
from environments.joining.answer import Answer, new_answer, open_answer, seal_answer
from environments.joining.fingerprint import agrees, spoken
from environments.joining.invitation import (
    Declared,
    Invitation,
    OpenedInvitation,
    open_invitation,
    seal_invitation,
)
from environments.joining.renewal import Renewal, open_renewal, seal_renewal

__all__ = [
    "Admission",
    "Answer",
    "Declared",
    "Invitation",
    "OpenedInvitation",
    "Renewal",
    "agrees",
    "new_answer",
    "open_admission",
    "open_answer",
    "open_invitation",
    "open_renewal",
    "seal_admission",
    "seal_answer",
    "seal_invitation",
    "seal_renewal",
    "spoken",
]
