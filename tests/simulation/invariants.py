"""What must hold, whatever went wrong: looked at after each process, and when everything has ended."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from medium import MemoryTransit
from schedule import Asking
from simworld import NAMES, SimWorld, ViolationError

from data_contracts.errors import NotVerifiableError
from environments.boundary.crossing import Member, set_digest
from environments.boundary.manifest import open_manifest
from environments.boundary.receipt import open_receipt
from environments.ledger import verify_ledger, witnessed_head
from environments.ledger.lookup import find_entries
from environments.stores import AssetRecord, LocalStore

__all__ = [
    "about_receipt",
    "arrived_at",
    "check_always",
    "check_end",
    "check_ledger",
    "check_leftovers",
    "manifest_is_recorded",
    "permitted_of",
    "statement_of",
]


def arrived_at(world: SimWorld, environment: str) -> dict[str, list[AssetRecord]]:
    """Return the versions that crossings brought, by crossing."""
    store = LocalStore(world.world.folder(environment).store)
    found: dict[str, list[AssetRecord]] = {}
    for name in store.names():
        for record in store.versions(name):
            if record.lineage.get("crossing"):
                found.setdefault(record.lineage["crossing"], []).append(record)
    return found


def about_receipt(world: SimWorld, environment: str, raw: bytes) -> None:
    """No receipt of a commit is sent before its version stands in the store, and before it is recorded."""
    receipt, _ = open_receipt(raw, world.identities[environment].public)
    if receipt.outcome != "permitted":
        return
    if not _committed(arrived_at(world, environment).get(receipt.crossing, []), receipt.version):
        raise ViolationError("a receipt without its commit")
    entries = find_entries(world.world.folder(environment).ledger, crossing=receipt.crossing, kind="ingress")
    if not any(entry.body["outcome"] == "permitted" for entry in entries):
        raise ViolationError("a receipt of what no ledger holds")


def _committed(records: list[AssetRecord], version: str) -> bool:
    """Whether these are the one version of a crossing, or the members of its set."""
    members = [Member(record.name, record.version) for record in records]
    return version in {record.version for record in records} or version == set_digest(members)


def manifest_is_recorded(world: SimWorld, environment: str, raw: bytes) -> None:
    """No manifest is published before the source's ledger holds its digest, as permitted."""
    manifest, digest = open_manifest(raw, world.identities[environment].public)
    entries = find_entries(world.world.folder(environment).ledger, crossing=manifest.crossing, kind="egress")
    if not any(e.body.get("manifest") == digest and e.body["outcome"] == "permitted" for e in entries):
        raise ViolationError("a manifest that its source's ledger does not hold")


def check_always(world: SimWorld, environment: str) -> None:
    """At most one version for each crossing, and a ledger that verifies, also by what peers keep of it."""
    for crossing, records in arrived_at(world, environment).items():
        if len(records) != 1:
            raise ViolationError(f"{len(records)} versions of crossing {crossing} in {environment}")
    check_ledger(world, environment)


def check_ledger(world: SimWorld, environment: str) -> None:
    """A ledger verifies, also by what peers keep of it."""
    peers = [world.world.folder(name).ledger for name in NAMES if name != environment]
    kept = [head for head in (witnessed_head(folder, environment) for folder in peers) if head is not None]
    report = verify_ledger(
        world.world.folder(environment).ledger, world.identities[environment].public, witnessed=kept
    )
    if not report.success:
        raise ViolationError(f"{environment}'s ledger: {report.problems[0]}")


def check_end(
    world: SimWorld,
    transits: Mapping[tuple[str, str], MemoryTransit],
    ended: Iterable[tuple[Asking, str, Any]],
) -> None:
    """Each crossing has its one version or none, both sides say the same, and nothing is left over."""
    for name in NAMES:
        check_always(world, name)
    for asking, crossing, result in ended:
        arrived = arrived_at(world, asking.destination).get(crossing, [])
        if len(arrived) != (asking.ends == "permitted"):
            raise ViolationError(f"{asking}: {len(arrived)} versions in the end")
        if arrived:
            _check_pair(world, asking, crossing, arrived[0], result)
    for (source, destination), transit in transits.items():
        if transit.objects:
            raise ViolationError(
                f"{len(transit.objects)} objects are left between {source} and {destination}"
            )
    for name in NAMES:
        check_leftovers(world, name)


def _check_pair(world: SimWorld, asking: Asking, crossing: str, record: AssetRecord, result: Any) -> None:
    source, destination = world.world.folder(asking.source), world.world.folder(asking.destination)
    try:
        LocalStore(destination.store).open(record)
    except NotVerifiableError as error:
        raise ViolationError(f"{asking}: the version does not verify: {error}") from error
    if result.version != record.version:
        raise ViolationError(f"{asking}: another version was settled than the one that was committed")
    committed = permitted_of(find_entries(destination.ledger, crossing=crossing, kind="ingress"))
    settled = permitted_of(find_entries(source.ledger, crossing=crossing, kind="settle"))
    if (len(committed), len(settled)) != (1, 1):
        raise ViolationError(
            f"{asking}: {len(committed)} commits and {len(settled)} settlements are recorded"
        )
    kept = [(folder.outbox / crossing[7:] / "receipt").read_bytes() for folder in (source, destination)]
    if kept[0] != kept[1] or settled[0]["receipt"] != statement_of(world, asking.destination, kept[0]):
        raise ViolationError(f"{asking}: the two sides hold different receipts")
    for folder, peer in ((source, asking.destination), (destination, asking.source)):
        if witnessed_head(folder.ledger, peer) is None:
            raise ViolationError(f"{asking}: no head of {peer} is kept")


def permitted_of(entries: Iterable[Any]) -> list[Mapping[str, Any]]:
    return [entry.body for entry in entries if entry.body["outcome"] == "permitted"]


def statement_of(world: SimWorld, environment: str, raw: bytes) -> str:
    return open_receipt(raw, world.identities[environment].public)[1]


def check_leftovers(world: SimWorld, environment: str) -> None:
    folder = world.world.folder(environment)
    LocalStore(folder.store).begin("sweeps").abandon()  # the next draft removes what killed ones left
    left = list(folder.outbox.glob("*/work"))
    left += list(folder.outbox.glob("*/sealed"))
    # What was fetched of a crossing that its source took back stays for as long as a manifest could count.
    recalled = {f"{each.body['crossing']}" for each in find_entries(folder.ledger) if each.kind == "recalled"}
    left += [
        path
        for path in folder.outbox.glob("*/fetched")
        if (path.parent / "receipt").exists() or f"sha256:{path.parent.name}" in recalled
    ]
    left += [path for path in (folder.store / "staging").glob("*") if path.is_dir()]
    # The next head that is shown or kept removes the drafts beside it; those of requests go after a day.
    drafts = (path for path in folder.root.rglob(".*.*.*") if path.is_file())
    left += [path for path in drafts if path.parent.name not in {"shown", "witnessed", "requests"}]
    left += [path for path in folder.tmp.rglob("*") if path.is_file()]
    if left:
        raise ViolationError(f"left over in {environment}: {sorted({path.name for path in left})}")
