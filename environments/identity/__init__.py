"""Identity: keys, pinned peers and certificates of one environment.

Invariants:
1. A private key exists in one folder of one environment and is used there.
2. A peer is known by the trust document (`environments.trust`), or, where none was issued yet, by the public
   identity that was pinned for it; by nothing else.

Example:
    >>> public = create_identity(folder, "onprem")      # made once, the same ever after
    >>> pin_peer(folder, cloud_public)
    >>> load_identity(folder).sign(b"payload")
"""

from environments.identity.keys import Identity, IdentityFolder, create_identity, load_identity
from environments.identity.peers import load_peer, load_peers, pin_peer
from environments.identity.public import PublicIdentity
from environments.identity.rotation import add_generation, let_act, pending

__all__ = [
    "Identity",
    "IdentityFolder",
    "PublicIdentity",
    "add_generation",
    "create_identity",
    "let_act",
    "load_identity",
    "load_peer",
    "load_peers",
    "pending",
    "pin_peer",
]
