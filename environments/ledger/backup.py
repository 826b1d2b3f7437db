"""Backups of a ledger, and a restore that says that it is one.

A backup is an export (`export_lines`): anybody can verify it. A restore puts its entries back, moves aside
what stood there, and adds an entry of its own that names where the backup ended. What came after that is
lost, and peers may have seen heads of it: so the restored environment announces the restore to each peer
(`announcement`), and the peer's operator accepts it, which is an entry in the peer's ledger.

Invariants:
1. Only a backup that verifies, and is of this environment, is put back; nothing changes before.
2. A ledger that stands is replaced only on request, and never deleted. No process may use it meanwhile.
3. A restore is no way to rewrite history unseen: its entry is chained to the backup's last one and signed;
   a peer takes it only by its operator's word, keeps the head that was lost, and records both.
4. An announcement must agree with what the peer keeps of the time before the backup's end.

Example:
    >>> restore(folder.ledger, load_identity(folder), Path("onprem.jsonl")).kind
    'restored'
    >>> told = announcement(folder.ledger, load_identity(folder), "cloud")
    >>> accept(cloud.ledger, load_identity(cloud), onprem_public, told).kind
    'peer-restored'
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from data_contracts.digest import digest_bytes
from data_contracts.errors import NotVerifiableError, UsageError
from environments.identity.keys import Identity
from environments.identity.public import PublicIdentity
from environments.ledger.database import DATABASE, newest_head, reading
from environments.ledger.entry import Entry, Head, parse_entry
from environments.ledger.importing import import_lines
from environments.ledger.ledger import Ledger, utc_now
from environments.ledger.lookup import find_entries, read_head
from environments.ledger.shown import all_shown, changing, shown_to, write_shown
from environments.ledger.verify import verify_ledger
from environments.ledger.witness import all_witnessed, replace_witnessed, witness_head, witnessed_head
from environments.private import disk_errors, make_private, sync_folder

__all__ = ["accept", "announcement", "restore"]

_KEYS = {"isthmus", "version", "entry", "head"}


def restore(
    folder: Path,
    identity: Identity,
    backup: Path,
    *,
    replacing: bool = False,
    clock: Callable[[], dt.datetime] = utc_now,
) -> Entry:
    """Put a backup in place of this environment's ledger, and return the entry that says so.

    Raises:
        UsageError: a ledger stands there, and it was not asked to replace it.
        NotVerifiableError: the backup does not verify, or is not of this environment.
        UnreachableError: the disk refuses.
    """
    make_private(folder)
    standing = os.path.lexists(folder / DATABASE)
    if standing and not replacing:
        raise UsageError(
            f"{folder / DATABASE}: a ledger stands there",
            remedy="verify it; `--replace` moves it aside and puts the backup in its place",
        )
    draft = folder / ".restoring"
    with disk_errors(f"{draft}: cannot be made"):
        if draft.exists():
            shutil.rmtree(draft)
    try:
        end = _prepare(make_private(draft), identity, backup)
        _carry_over(folder, draft, end.sequence)
        body = {
            "from": [end.sequence, end.digest],
            "backup": _digest(backup),
            "replaced": _ends(folder, identity),
        }
        entry = Ledger(draft, identity, clock=clock).append("restored", body)
        for peer, shown in all_shown(draft).items():
            write_shown(draft, peer, [*shown, entry.sequence])
        _put_in_place(folder, draft)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return entry


def _prepare(draft: Path, identity: Identity, backup: Path) -> Head:
    import_lines(draft, identity.public, backup)
    report = verify_ledger(draft, identity.public)
    if not report.success:
        first = report.problems[0]
        raise NotVerifiableError(
            f"{backup}: {first.id} at entry {first.sequence}: {first.message}", remedy="use another backup"
        )
    head = read_head(draft)
    if head is None:
        raise NotVerifiableError(f"{backup}: a ledger without entries", remedy="use another backup")
    return head


def _carry_over(folder: Path, draft: Path, end: int) -> None:
    """Keep what was shown to peers up to the backup's end, and the newest that is kept of each."""
    for peer in {**all_shown(folder), **all_shown(draft)}:
        shown = [*all_shown(folder).get(peer, []), *all_shown(draft).get(peer, [])]
        write_shown(draft, peer, [number for number in shown if number <= end])
    for head in all_witnessed(folder):
        there = witnessed_head(draft, head.environment)
        if there is None or there.sequence < head.sequence:
            replace_witnessed(draft, head, head.trail)


def _ends(folder: Path, identity: Identity) -> list[Any] | None:
    """Return where the ledger that stands ends, as far as it can be read."""
    try:
        with reading(folder) as database:
            found = None if database is None else newest_head(database, identity.name)
    except NotVerifiableError:
        return None
    return None if found is None else [found[0].sequence, found[0].digest]


def _digest(path: Path) -> str:
    with disk_errors(f"{path}: cannot be read"), path.open("rb") as file:
        return "sha256:" + hashlib.file_digest(file, "sha256").hexdigest()


def _put_in_place(folder: Path, draft: Path) -> None:
    with disk_errors(f"{folder}: cannot be written"):
        names = ("shown", "witnessed", DATABASE)
        aside = make_private(folder / "replaced" / dt.datetime.now(dt.UTC).strftime("%Y%m%dT%H%M%S.%fZ"))
        for name in (f"{DATABASE}-journal", *names):
            if os.path.lexists(folder / name):
                (folder / name).rename(aside / name)
        for name in names:
            if os.path.lexists(draft / name):
                (draft / name).rename(folder / name)
        sync_folder(aside)
        sync_folder(folder)


def announcement(folder: Path, identity: Identity, peer: str) -> dict[str, Any]:
    """Return the signed statement that tells `peer` of the last restore.

    Raises:
        UsageError: this ledger was never restored.
    """
    found = find_entries(folder, kind="restored", last=1)
    if not found:
        raise UsageError(
            f"{identity.name}'s ledger was never restored", remedy="there is nothing to announce"
        )
    with changing(folder):  # so that it is in the trail
        write_shown(folder, peer, [*shown_to(folder, peer), found[0].sequence])
    head = Ledger(folder, identity).show(peer)
    return {"isthmus": "ledger-restore", "version": 1, "entry": found[0].to_json(), "head": head.to_json()}


def accept(
    folder: Path,
    identity: Identity,
    peer: PublicIdentity,
    told: object,
    *,
    clock: Callable[[], dt.datetime] = utc_now,
) -> Entry | None:
    """Take a peer's restore: record it, and keep its head from now on; None if nothing of it was lost here.

    Raises:
        NotVerifiableError: the peer did not sign it, or it denies what this environment keeps of before.
    """
    entry, head = _told(told, peer)
    since, digest = entry.body["from"]
    kept = witnessed_head(folder, peer.name)
    known = {} if kept is None else {**kept.trail, kept.sequence: kept.digest}
    says = {**head.trail, head.sequence: head.digest, since: digest}
    if kept is None or kept.sequence <= since or known.get(entry.sequence) == says[entry.sequence]:
        witness_head(folder, peer, head)
        return None
    kept.verify(peer.ever)
    before = {number: known[number] for number in known if number <= since}
    both = before.keys() & says.keys()
    if (before and not both) or any(before[number] != says[number] for number in both):
        raise NotVerifiableError(
            f"{peer.name}'s restored ledger does not agree with what was witnessed here before entry {since}",
            remedy=f"this is no restore but another history: ask {peer.name}'s operator for an older backup",
        )
    body = {
        "peer": peer.name,
        "from": [since, digest],
        "entry": [entry.sequence, says[entry.sequence]],
        "lost": [kept.sequence, kept.digest],
    }
    made = Ledger(folder, identity, clock=clock).append("peer-restored", body)
    replace_witnessed(folder, head, {**before, **says})
    return made


def _told(told: object, peer: PublicIdentity) -> tuple[Entry, Head]:
    """Return the restore's entry and the head that contains it, both verified."""
    wrong = NotVerifiableError(
        "not the announcement of a restore", remedy="make it with `isthmus ledger announce`"
    )
    if not isinstance(told, Mapping) or set(told) != _KEYS or told["isthmus"] != "ledger-restore":
        raise wrong
    head = Head.from_json(told["head"])
    head.verify(peer)
    entry = parse_entry(json.dumps(told["entry"]).encode())
    says = {**head.trail, head.sequence: head.digest}
    if entry.kind != "restored" or says.get(entry.sequence) != digest_bytes(entry.payload()):
        raise wrong
    since = entry.body.get("from")
    if entry.environment != peer.name or since != [entry.sequence - 1, entry.previous]:
        raise wrong
    return entry, head
