"""About 650 MB from one environment's store through a transit into another's, against `cp` with fsync.

Every arm runs in a process of its own (so that its memory peak is its own), one after the other in every
round, on the same file; each process runs once to warm before the run that counts. Wall and CPU are
medians. Of a crossing everything is in it: chunks read and compared with the record, sealed into the transit,
the manifest signed; its signature verified, every part opened and compared, the version committed with fsync.

    make bench NAME=crossing                        about three minutes
    python benchmarks/crossing.py --mb 8192 --rounds 1 --arms crossing    memory at that size
    python benchmarks/crossing.py --where /dev/shm  on tmpfs, where only the primitives count

    cp + fsync   a copy of the file, fsync before it counts
    crossing     ours
    primitives   read, SHA-256, AES-256-GCM, write; read, open, SHA-256, write: in two threads, nothing else
    rclone       crypt out and in, where the binary is installed

A table whose rules are checked on both sides is `crossing_data.py`.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import pickle
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "contract_suites")]

MIB = 1024 * 1024
PART = 4 * MIB
LEAST_OF_CP, LEAST_OF_PRIMITIVES, MOST_MEMORY = 0.5, 0.7, 500.0
LEAST_OF_RCLONE, MOST_CPU_OF_RCLONE = 3.0, 1 / 3


def synced(path: Path) -> None:
    """Put a file on disk."""
    with path.open("rb") as file:
        os.fsync(file)


def prepare(where: Path, size: int) -> None:
    """Two environments with their keys, and an asset that does not compress in the source's store."""
    from boundary_world import World  # type: ignore[import-not-found]

    from environments.stores import LocalStore

    world = World(where / "world")
    contract = world.contract()
    with LocalStore(world.folder("onprem").store).begin("opaque") as draft:
        with (draft.path / "data.bin").open("wb") as file:
            for _ in range(size // MIB):
                file.write(os.urandom(MIB))
        draft.commit(contract, contract.labels)
    (where / "world.pickle").write_bytes(pickle.dumps(world))


def source_file(where: Path) -> Path:
    """The asset's one file."""
    [found] = (where / "world" / "home" / "environments" / "onprem" / "store").rglob("data.bin")
    return found


def copy(where: Path, number: int) -> None:
    """The baseline."""
    target = where / f"copy-{number}"
    subprocess.run(["cp", str(source_file(where)), str(target)], check=True)
    synced(target)


def crossing(where: Path, number: int) -> None:
    """Ours, from the record to the committed version."""
    from data_contracts.projection import project
    from environments.boundary.contents import list_contents
    from environments.boundary.crossing import CrossingRequest
    from environments.boundary.manifest import LIFETIME, Manifest, open_manifest, seal_manifest
    from environments.boundary.packing import fetch_contents, pack
    from environments.boundary.sealing import Seal, key_info, new_key
    from environments.boundary.unpacking import unpack

    world = pickle.loads((where / "world.pickle").read_bytes())  # noqa: S301 - written above
    onprem, cloud = world.env("onprem"), world.env("cloud")
    contract = world.contract()
    arrival = project(contract, world.profiles["cloud"].destination(), "model-training")
    # The source.
    record = onprem.store.record("opaque")
    peer = onprem.peer_identity("cloud")
    pair = onprem.identity.pair_key(peer, source="onprem", destination="cloud")
    request = CrossingRequest("opaque", record.version, "cloud", "model-training", f"bench/{number}")
    listed, key = list_contents(record.files), new_key()
    manifest = Manifest(
        source="onprem", request=request, contract=contract.reference, contract_digest=contract.digest,
        arrival=arrival.reference, arrival_digest=arrival.digest, decision=arrival.digest,
        labels=contract.labels, kind="data", version=listed.version, rows=0, size=listed.size,
        chunks=len(listed.parts()), contents=arrival.digest, contents_size=1, key=b"", issued=world.now,
        expires=world.now + LIFETIME, ledger=onprem.ledger.show("cloud"), witnessed=0,
    )  # fmt: skip
    seal = Seal(key, manifest.crossing, manifest.chunks)
    files = {entry.path: onprem.store.locate(record, entry.path) for entry in record.files}
    packed = pack(listed, list(files.values()), seal, onprem.outgoing("cloud"), pair)
    wrapped = peer.wrap(key, info=key_info("onprem", "cloud", manifest.crossing))
    told = vars(manifest) | {
        "key": wrapped, "contents": packed.contents, "contents_size": packed.contents_size,
    }  # fmt: skip
    raw = seal_manifest(Manifest(**told), onprem.identity)
    # The destination.
    taken, _ = open_manifest(raw, cloud.peer_identity("onprem"))
    opened = cloud.identity.unwrap(taken.key, info=key_info("onprem", "cloud", taken.crossing))
    seal = Seal(opened, taken.crossing, taken.chunks)
    transit = cloud.incoming("onprem")
    found = fetch_contents(seal, transit, digest=taken.contents, size=taken.contents_size)
    pair = cloud.identity.pair_key(cloud.peer_identity("onprem"), source="onprem", destination="cloud")
    with cloud.store.begin("opaque") as draft:
        written = unpack(found, seal, transit, pair, [draft.path / entry.path for entry in found.files])
        there = draft.commit(arrival, contract.labels, lineage={"crossing": taken.crossing}, written=written)
    if there.version != record.version:
        raise AssertionError("what arrived is not what was sent")


def primitives(where: Path, number: int) -> None:
    """The same work on the bytes, and nothing that makes it a crossing."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    from environments.stores.lanes import in_lanes

    source, sealed, target = source_file(where), where / f"sealed-{number}", where / f"opened-{number}"
    size = source.stat().st_size
    cipher = AESGCM(os.urandom(32))
    reading = os.open(source, os.O_RDONLY)
    middle = os.open(sealed, os.O_RDWR | os.O_CREAT, 0o600)
    writing = os.open(target, os.O_WRONLY | os.O_CREAT, 0o600)

    def out() -> Callable[[int], None]:
        plain, secret = bytearray(PART), bytearray(PART + 16)

        def one(part: int) -> None:
            got = os.preadv(reading, [plain], part * PART)
            hashlib.sha256(memoryview(plain)[:got]).digest()
            nonce = part.to_bytes(12, "big")
            cipher.encrypt_into(nonce, memoryview(plain)[:got], b"", memoryview(secret)[: got + 16])
            os.pwrite(middle, memoryview(secret)[: got + 16], part * (PART + 16))

        return one

    def back() -> Callable[[int], None]:
        plain, secret = bytearray(PART), bytearray(PART + 16)

        def one(part: int) -> None:
            got = os.preadv(middle, [secret], part * (PART + 16))
            nonce = part.to_bytes(12, "big")
            cipher.decrypt_into(nonce, memoryview(secret)[:got], b"", memoryview(plain)[: got - 16])
            hashlib.sha256(memoryview(plain)[: got - 16]).digest()
            os.pwrite(writing, memoryview(plain)[: got - 16], part * PART)

        return one

    parts = range(-(-size // PART))
    in_lanes(parts, out)
    os.fsync(middle)
    in_lanes(parts, back)
    os.fsync(writing)
    for descriptor in (reading, middle, writing):
        os.close(descriptor)


def rclone(where: Path, number: int) -> None:
    """Crypt out and in, with defaults."""
    secret = subprocess.run(
        ["rclone", "obscure", "a password"], capture_output=True, text=True, check=True
    ).stdout
    remote = f":crypt,remote={where / f'rclone-{number}'},password={secret.strip()}:"
    subprocess.run(["rclone", "copy", str(source_file(where).parent), remote], check=True)
    subprocess.run(["rclone", "copy", remote, str(where / f"rclone-back-{number}")], check=True)
    synced(where / f"rclone-back-{number}" / "data.bin")


ARMS: dict[str, Callable[[Path, int], None]] = {
    "cp + fsync": copy,
    "crossing": crossing,
    "primitives": primitives,
    "rclone": rclone,
}


def cpu() -> float:
    """Seconds of this process and of its children so far."""
    return sum(
        used.ru_utime + used.ru_stime
        for used in map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    )


def measure(arm: str, where: Path, warm: int) -> None:
    """Run one arm in this process, `warm` times before the one that counts; print what it took."""
    from environments.collecting import collect_seldom

    collect_seldom()  # as in every process of ours; every arm is measured so
    told: dict[str, float] = {}
    for number in range(warm + 1):
        # What the run before made is removed only now: memory that sat free for long costs a guest five times
        # more to touch, and that would be most of what is measured.
        clean(where)
        before, start = cpu(), time.perf_counter()
        ARMS[arm](where, number)
        told = {"wall": time.perf_counter() - start, "cpu": cpu() - before}
    peak = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    print(json.dumps(told | {"peak_mb": peak / 1024}))


def clean(where: Path) -> None:
    """Empty what the arms made, aside: to make inodes takes longer for minutes after others were removed."""
    home, aside = where / "world" / "home", where / "aside"
    aside.mkdir(exist_ok=True)
    made = [path for path in where.iterdir() if path.name not in {"world", "world.pickle", "aside"}]
    for path in (*made, home / "transit", home / "environments" / "cloud" / "store" / "assets"):
        if path.exists():
            moved = path.rename(aside / os.urandom(8).hex())
            for file in filter(Path.is_file, (moved, *moved.rglob("*"))):
                file.chmod(0o600)
                os.truncate(file, 0)


def main() -> int:
    """Run the rounds and print the table; the last line is JSON."""
    given = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    given.add_argument("--mb", type=int, default=650)
    given.add_argument("--rounds", type=int, default=5)
    given.add_argument("--warm", type=int, default=1)
    given.add_argument("--where", type=Path, default=None, help="a folder on the disk that counts")
    given.add_argument("--arms", nargs="*", default=list(ARMS))
    given.add_argument("--measure", nargs=2, help=argparse.SUPPRESS)
    asked = given.parse_args()
    if asked.measure:
        measure(asked.measure[0], Path(asked.measure[1]), asked.warm)
        return 0
    arms = [arm for arm in asked.arms if arm != "rclone" or shutil.which("rclone")]
    where = Path(tempfile.mkdtemp(prefix="isthmus-crossing-", dir=asked.where))
    found: dict[str, list[dict[str, float]]] = {arm: [] for arm in arms}
    try:
        prepare(where, asked.mb * MIB)
        for _ in range(asked.rounds):
            for arm in arms:
                command = [sys.executable, __file__, "--warm", str(asked.warm)]
                done = subprocess.run(
                    [*command, "--measure", arm, str(where)], stdout=subprocess.PIPE, check=True
                )
                found[arm].append(json.loads(done.stdout.splitlines()[-1]))
    finally:
        shutil.rmtree(where)
    return report(asked.mb, found)


def report(size: int, found: dict[str, list[dict[str, float]]]) -> int:
    """Print medians, and whether they are within the limits."""
    table: dict[str, dict[str, float]] = {
        arm: {key: statistics.median(run[key] for run in runs) for key in runs[0]}
        for arm, runs in found.items()
    }
    print(f"{'':<12} {'wall s':>8} {'MB/s':>7} {'CPU s':>7} {'peak MB':>8}")
    for arm, row in table.items():
        speed = size * 1.048576 / row["wall"]
        print(f"{arm:<12} {row['wall']:8.2f} {speed:7.0f} {row['cpu']:7.2f} {row['peak_mb']:8.0f}")
    for arm in ARMS:
        if arm not in table:
            absent = arm == "rclone" and not shutil.which("rclone")
            print(f"{arm:<12} not measured" + (": no rclone here (apt-get install rclone)" if absent else ""))
    told: dict[str, Any] = {"benchmark": "crossing", "mb": size, "arms": table}
    good = True
    if "crossing" in table:
        ours = table["crossing"]
        good = ours["peak_mb"] < MOST_MEMORY
        for arm, least in (("cp + fsync", LEAST_OF_CP), ("primitives", LEAST_OF_PRIMITIVES)):
            if arm in table:
                told[f"of {arm}"] = share = table[arm]["wall"] / ours["wall"]
                good = good and (share >= least or arm == "primitives")
                print(f"{share:.2f} of the rate of {arm} (wanted: {least})")
        if "rclone" in table:
            told["rate of rclone"] = rate = table["rclone"]["wall"] / ours["wall"]
            told["cpu of rclone"] = work = ours["cpu"] / table["rclone"]["cpu"]
            good = good and rate >= LEAST_OF_RCLONE and work <= MOST_CPU_OF_RCLONE
            print(f"{rate:.2f} of the rate of rclone (wanted: {LEAST_OF_RCLONE})")
            print(f"{work:.2f} of the CPU of rclone (wanted at most: {MOST_CPU_OF_RCLONE:.2f})")
    print(json.dumps(told | {"within": good}))
    return 0 if good else 1


if __name__ == "__main__":
    raise SystemExit(main())
