"""New keys beside the old ones, and letting them act.

Invariants:
1. Adding a generation changes nothing that peers see: the old one goes on signing.
2. Which generation acts is said by the pinned trust document: the newest one that it names and that counts
   now. Where it names none, nothing changes (and peers refuse what is signed, as they should).
3. The file is replaced in one durable step, under a lock: of two rotations at once each adds its own.

Example:
    >>> fresh = add_generation(folder)           # published in the next trust document, then:
    >>> let_act(folder, {fresh.key_id})
    True
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import replace

from data_contracts.digest import canonical
from environments.identity.keyring import Keyring, new_generation
from environments.identity.keys import PRIVATE, IdentityFolder, create_identity, load_keyring
from environments.identity.public import PublicIdentity
from environments.identity.signers import KmsKey, TokenKey
from environments.locking import held
from environments.private import write_private

__all__ = ["add_generation", "let_act", "pending"]


@contextmanager
def _locked(folder: IdentityFolder) -> Iterator[None]:
    with held(folder.keys / ".lock", "the keys of this environment"):
        yield


def _change(folder: IdentityFolder, change: Callable[[Keyring], Keyring]) -> Keyring:
    with _locked(folder):
        keyring = load_keyring(folder)
        changed = change(keyring)
        if changed != keyring:
            write_private(folder.keys / PRIVATE, canonical(changed.to_json()))
    create_identity(folder, changed.name)  # the public file beside it follows
    return changed


def add_generation(folder: IdentityFolder, signing: TokenKey | KmsKey | None = None) -> PublicIdentity:
    """Make new keys (the signing key in a token or in KMS, if one is named) and return their public part.

    Raises:
        UsageError: the environment has no identity yet.
        NotVerifiableError: its key file is damaged.
    """
    made = new_generation(signing)
    changed = _change(folder, lambda keyring: replace(keyring, generations=(*keyring.generations, made)))
    return changed.of(len(changed.generations))


def pending(folder: IdentityFolder) -> PublicIdentity | None:
    """Return the public part of a generation newer than the acting one; None where there is none."""
    keyring = load_keyring(folder)
    newest = len(keyring.generations)
    return keyring.of(newest) if newest > keyring.acting_number else None


def let_act(folder: IdentityFolder, key_ids: Collection[str]) -> bool:
    """Let the newest generation act whose signing key is among `key_ids`; return whether one is."""
    keyring = load_keyring(folder)
    ids = [keyring.of(number).key_id for number in range(1, len(keyring.generations) + 1)]
    found = [number for number, key_id in enumerate(ids, start=1) if key_id in key_ids]
    if not found:
        return False
    if found[-1] != keyring.acting_number:
        _change(folder, lambda kept: replace(kept, acting_number=found[-1]))
    return True
