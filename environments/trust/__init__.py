"""Trust: a signed, versioned, expiring document that says which keys of whom count, and who may ask.

Invariants, in order:
1. A document is signed by a threshold of root keys; a new one by the pinned roots and by its own.
2. A pinned document is replaced only by a newer one that verifies: no rollback, no freeze, no fork, and no
   revocation taken back. What is refused changes nothing on disk.
3. A peer is believed under the keys that the document lists for it, that are not revoked and count now.
4. What has expired is believed in nothing.

Example:
    >>> authority = Authority(home.secrets / "trust")
    >>> issued = authority.settle({"cloud": cloud_public, "edge": edge_public}, {}, now)
    >>> pin_document(cloud_folder, issued.raw, now)
    >>> peer_identity(cloud_folder, "edge", now).name
    'edge'
"""

from environments.trust.adopting import RecordedFolder, adopt_document
from environments.trust.authority import Authority, Unsigned
from environments.trust.document import TrustDocument
from environments.trust.envelope import SignedTrust, TrustRefusedError, open_document
from environments.trust.members import Permission, Requester, Roots, TrustedEnvironment
from environments.trust.pins import TrustFolder, load_pinned, peer_identity, pin_document
from environments.trust.update import accept

__all__ = [
    "Authority",
    "Permission",
    "RecordedFolder",
    "Requester",
    "Roots",
    "SignedTrust",
    "TrustDocument",
    "TrustFolder",
    "TrustRefusedError",
    "TrustedEnvironment",
    "Unsigned",
    "accept",
    "adopt_document",
    "load_pinned",
    "open_document",
    "peer_identity",
    "pin_document",
]
