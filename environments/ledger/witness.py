"""Heads of peers' ledgers, kept here, so that a peer cannot rewrite its history unnoticed.

Invariants:
1. A head is kept only after its signature verified under the peer's pinned key.
2. A peer's head agrees with everything kept of it. One that reaches further names the kept head in its
   trail; one that reaches less far (it was overtaken on the way) is itself in a trail that was kept. Else
   the peer cut, forked or restored an old copy, and both signed heads are the proof.
3. What is kept only grows, but for trails of more than `MAX_TRAIL` heads; also where two processes keep
   heads of one peer at once.

Example:
    >>> witness_head(folder.ledger, cloud_public, manifest.ledger_head)
    >>> witnessed_head(folder.ledger, "cloud").sequence
    12
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from data_contracts.digest import canonical
from data_contracts.errors import NotVerifiableError
from environments.ledger.entry import Head
from environments.locking import held
from environments.private import make_private, read_private, write_private
from environments.ref import check_name

if TYPE_CHECKING:
    from environments.identity.public import PublicIdentity

__all__ = ["all_witnessed", "check_head", "replace_witnessed", "witness_head", "witnessed_head"]

MAX_TRAIL = 4096


def _path(folder: Path, peer: str) -> Path:
    return folder / "witnessed" / f"{check_name(peer, 'the peer')}.json"


def witnessed_head(folder: Path, peer: str) -> Head | None:
    """Return the last head of `peer` that was kept here; None where there is none.

    Raises:
        NotVerifiableError: its file is damaged.
    """
    try:
        return Head.from_json(json.loads(read_private(_path(folder, peer))))
    except FileNotFoundError:
        return None
    except ValueError:
        raise NotVerifiableError(f"the witnessed head of {peer}: not a ledger head") from None


def all_witnessed(folder: Path) -> list[Head]:
    """Return the last head kept of each peer.

    Raises:
        NotVerifiableError: a file is damaged.
    """
    found = (witnessed_head(folder, path.stem) for path in sorted((folder / "witnessed").glob("[!.]*.json")))
    return [head for head in found if head is not None]


def check_head(folder: Path, peer: PublicIdentity, head: Head) -> None:
    """Return if `head` is the peer's and contains the last one kept; nothing is written.

    Raises:
        NotVerifiableError: it is not, or does not.
    """
    head.verify(peer)
    kept = witnessed_head(folder, peer.name)
    if kept is None:
        return
    kept.verify(peer.ever)  # the key that signed it may have been rotated or revoked since it was kept
    told, known = _all(head), _all(kept)
    contained = kept.sequence in told if head.sequence >= kept.sequence else head.sequence in known
    if not contained or any(told[number] != known[number] for number in told.keys() & known.keys()):
        raise NotVerifiableError(
            f"{peer.name}'s ledger does not agree with its entry {kept.sequence}, which was witnessed here",
            remedy=f"ask {peer.name}'s operator: its history was cut, rewritten or restored from an old copy",
        )


def witness_head(folder: Path, peer: PublicIdentity, head: Head) -> None:
    """Check a peer's head and keep it.

    Raises:
        NotVerifiableError: as `check_head`.
        ConflictError: another process held what is kept all the time that we were ready to wait.
    """
    with held(make_private(folder / "witnessed") / ".lock", "the heads that are kept of peers"):
        check_head(folder, peer, head)
        kept = witnessed_head(folder, peer.name)
        if kept is not None and head.sequence <= kept.sequence:
            return
        known = _all(head) | (_all(kept) if kept else {})
        newest = dict(sorted(known.items())[-MAX_TRAIL:])
        write_private(_path(folder, peer.name), canonical(replace(head, trail=newest).to_json()))


def _all(head: Head) -> dict[int, str]:
    return {**head.trail, head.sequence: head.digest}


def replace_witnessed(folder: Path, head: Head, trail: Mapping[int, str]) -> None:
    """Keep a head in place of the one kept so far, which is put aside: a peer's restore was accepted."""
    kept = witnessed_head(folder, head.environment)
    if kept is not None:
        aside = (
            make_private(folder / "lost") / f"{check_name(head.environment, 'the peer')}-{kept.sequence}.json"
        )
        write_private(aside, canonical(kept.to_json()))
    make_private(folder / "witnessed")
    write_private(_path(folder, head.environment), canonical(replace(head, trail=dict(trail)).to_json()))
