"""Ten thousand assets of 10 KB in one crossing, durable, beside one crossing for each.

    make bench NAME=sets                                     about two minutes
    python benchmarks/sets.py --assets 1000 --arms checked   with contracts checked on both sides

    set        records read, every chunk compared and sealed in parts, signed; verified, opened and committed
    one each   the same work for each asset by itself (a hundred of them)
    checked    `egress` and `ingress` as they are: Parquet files, checked and transformed on one side, and
               checked again on the other (a hundred of them: the checks are what it costs)

A file system that has just removed thousands of files makes new ones several times slower for some minutes
(ext4 looks past inodes that went lately): of runs in a row only the first counts.

Assets per second, CPU-seconds, and how many objects lay in the transit. The disk is that of `--where`.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from environments.boundary.manifest import Manifest

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "contract_suites")]

SIZE, EACH, LEAST = 10_000, 100, 2_000.0


def cpu() -> float:
    """Seconds of this process and of its children so far."""
    return sum(
        used.ru_utime + used.ru_stime
        for used in map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    )


def opaque(world: Any, names: Sequence[str]) -> None:  # noqa: ANN401 - the suites' world
    """Put assets that do not compress into the source's store."""
    from environments.stores import SetMember

    contract = world.contract()
    with world.env("onprem").store.begin_set(names) as draft:
        for name in names:
            (draft.path(name) / "data.bin").write_bytes(os.urandom(SIZE))
        draft.commit({name: SetMember(contract, contract.labels) for name in names})


def cross(world: Any, names: Sequence[str], request_id: str) -> int:  # noqa: ANN401 - the suites' world
    """Everything of a crossing but the contract's check, which opaque bytes lack; return how many objects."""
    from data_contracts.projection import project
    from environments.boundary import CrossingRequest, Member
    from environments.boundary.contents import list_contents
    from environments.boundary.manifest import open_manifest, seal_manifest
    from environments.boundary.members import MemberTerms
    from environments.boundary.packing import fetch_contents, pack
    from environments.boundary.sealing import Seal, key_info, new_key
    from environments.boundary.unpacking import unpack
    from environments.stores import SetMember

    onprem, cloud = world.env("onprem"), world.env("cloud")
    contract = world.contract()
    arrival = project(contract, world.profiles["cloud"].destination(), "model-training")
    # The source: the records, every file compared with its record as egress compares it, and sealed.
    records = [onprem.store.record(name) for name in sorted(names)]
    files = [onprem.store.materialise(record, entry.path) for record in records for entry in record.files]
    members = tuple(
        MemberTerms(
            record.name, record.version, contract.reference, contract.digest, arrival.reference,
            arrival.digest, arrival.digest, record.labels, "data", record.version, 0, len(record.files),
        )
        for record in records
    )  # fmt: skip
    several = len(members) > 1
    entries = tuple(entry for record in records for entry in record.files)
    listed = list_contents(entries, members=members if several else ())
    asked = [Member(record.name, record.version) for record in records]
    request = CrossingRequest.of(asked, "cloud", "model-training", request_id)
    manifest = made(world, request, listed, members)
    peer, key = onprem.peer_identity("cloud"), new_key()
    pair = onprem.identity.pair_key(peer, source="onprem", destination="cloud")
    seal = Seal(key, manifest.crossing, manifest.chunks)
    packed = pack(listed, files, seal, onprem.outgoing("cloud"), pair)
    wrapped = peer.wrap(key, info=key_info("onprem", "cloud", manifest.crossing))
    told = vars(manifest) | {
        "key": wrapped,
        "contents": packed.contents,
        "contents_size": packed.contents_size,
    }
    raw = seal_manifest(type(manifest)(**told), onprem.identity)
    # The destination.
    taken, _ = open_manifest(raw, cloud.peer_identity("onprem"))
    opened = cloud.identity.unwrap(taken.key, info=key_info("onprem", "cloud", taken.crossing))
    seal, transit = Seal(opened, taken.crossing, taken.chunks), cloud.incoming("onprem")
    found = fetch_contents(seal, transit, digest=taken.contents, size=taken.contents_size)
    pair = cloud.identity.pair_key(cloud.peer_identity("onprem"), source="onprem", destination="cloud")
    with cloud.store.begin_set([record.name for record in records]) as draft:
        groups = list(zip(draft.names, found.by_member(), strict=True))
        paths = [draft.path(name) / entry.path for name, group in groups for entry in group]
        lineage, labels = {"crossing": taken.crossing}, contract.labels
        written = iter(unpack(found, seal, transit, pair, paths))
        there = draft.commit(
            {
                name: SetMember(
                    arrival,
                    labels,
                    lineage,
                    written=tuple(next(written) for _ in group),
                )
                for name, group in groups
            }
        )
    if [each.version for each in there] != [each.version for each in records]:
        raise AssertionError("what arrived is not what was sent")
    return len(listed.parts())


def made(world: Any, request: Any, listed: Any, members: Any) -> Manifest:  # noqa: ANN401 - as above
    """Return the manifest that the source would sign, but for what sealing adds."""
    from environments.boundary import Member
    from environments.boundary.manifest import LIFETIME, Manifest, named_members
    from environments.boundary.members import summary

    [first, *more] = members
    arrived = [Member(member.name, member.version) for member in members]
    said = summary(members) | {"contract": "", "arrival": "", "kind": "set", "count": len(members)}
    said |= {"members": named_members(arrived)}
    if not more:
        said = {
            "contract": first.contract, "contract_digest": first.contract_digest, "arrival": first.arrival,
            "arrival_digest": first.arrival_digest, "decision": first.decision, "labels": first.labels,
            "kind": "data", "version": first.version, "rows": 0,
        }  # fmt: skip
    return Manifest(
        source="onprem", request=request, size=listed.size, chunks=len(listed.parts()),
        contents=first.arrival_digest, contents_size=1, key=b"", issued=world.now,
        expires=world.now + LIFETIME, ledger=world.env("onprem").ledger.show("cloud"), witnessed=0, **said,
    )  # fmt: skip


def as_a_set(where: Path, count: int) -> tuple[int, int, Callable[[], int]]:
    """The arm `set`."""
    world, names = ready(where, count)
    return count, count, lambda: cross(world, names, "bench/set")


def one_each(where: Path, count: int) -> tuple[int, int, Callable[[], int]]:
    """The arm `one each`."""
    some = min(count, EACH)
    world, names = ready(where, some)
    return some, count, lambda: sum(cross(world, [name], f"bench/{name}") for name in names)


def checked(where: Path, count: int) -> tuple[int, int, Callable[[], int]]:
    """The arm `checked`."""
    from boundary_world import World, rows  # type: ignore[import-not-found]

    from environments.boundary import CrossingRequest, Member, egress, ingress

    some = min(count, EACH)
    world = World(where / "checked")
    # One row group each, as our own writer makes of so few rows.
    records = [world.add(rows(400 + number), name=f"asset_{number}", groups=1) for number in range(some)]
    members = [Member(record.name, record.version) for record in records]

    def run() -> int:
        request = CrossingRequest.of(members, "cloud", "model-training", "bench/checked")
        sent = egress(world.env("onprem"), request)
        objects = len(list((world.transit() / sent.crossing[7:] / "chunks").iterdir()))
        if ingress(world.env("cloud"), "onprem", sent.crossing).outcome != "permitted":
            raise AssertionError("the set was refused")
        return objects

    return some, count, run


def ready(where: Path, count: int) -> tuple[Any, list[str]]:
    """Return a world with this many opaque assets in its source."""
    from boundary_world import World

    world, names = World(where / f"world-{count}"), [f"asset_{number}" for number in range(count)]
    opaque(world, names)
    return world, names


ARMS = {"set": as_a_set, "one each": one_each, "checked": checked}


def main() -> int:
    """Run the arms and print the table; the last line is JSON."""
    from environments.collecting import collect_seldom

    given = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    given.add_argument("--assets", type=int, default=10_000)
    given.add_argument("--where", type=Path, default=None, help="a folder on the disk that counts")
    given.add_argument("--arms", nargs="*", default=list(ARMS))
    asked = given.parse_args()
    collect_seldom()  # as in every process of ours
    told: dict[str, dict[str, float]] = {}
    print(f"{'':<10} {'assets':>7} {'wall s':>8} {'assets/s':>9} {'CPU ms each':>12} {'objects':>8}")
    for arm in asked.arms:
        where = Path(tempfile.mkdtemp(prefix="isthmus-sets-", dir=asked.where))
        try:
            count, _, run = ARMS[arm](where, asked.assets)
            before, start = cpu(), time.perf_counter()
            objects = run()
            wall, used = time.perf_counter() - start, cpu() - before
        finally:
            shutil.rmtree(where)
        told[arm] = {"assets": count, "wall": wall, "rate": count / wall, "cpu": used, "objects": objects}
        each = 1000 * used / count
        print(f"{arm:<10} {count:7} {wall:8.2f} {count / wall:9.0f} {each:12.2f} {objects:8}", flush=True)
    good = "set" not in told or told["set"]["rate"] >= LEAST
    print(json.dumps({"benchmark": "sets", "arms": told, "within": good}))
    return 0 if good else 1


if __name__ == "__main__":
    raise SystemExit(main())
