"""Random changes to genuine crossings: bits, bytes, fields, files, and several at once. None is accepted.

2,000 in `make test`; `make mutations` (or ISTHMUS_MUTATIONS=100000) makes as many as it says. The same seed
makes the same changes. What is accepted is told with the seed and the number of its change.
"""

from __future__ import annotations

import json
import os
import random
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "contract_suites"))
from boundary_world import World, rows

from data_contracts.digest import canonical
from environments.boundary import CrossingFailedError, egress, ingress

pytestmark = pytest.mark.attack
COUNT = int(os.environ.get("ISTHMUS_MUTATIONS", "2000"))
SEED = int(os.environ.get("ISTHMUS_MUTATIONS_SEED", "20261129"))
SECONDS = float(os.environ.get("ISTHMUS_MUTATIONS_SECONDS", "inf"))
Files = dict[str, bytes]


def _bits(seed: random.Random, files: Files) -> None:
    name = seed.choice(sorted(files))
    data = bytearray(files[name])
    for _ in range(seed.choice((1, 1, 1, 2, 8))):
        data[seed.randrange(len(data))] ^= 1 << seed.randrange(8)
    files[name] = bytes(data)


def _bytes(seed: random.Random, files: Files) -> None:
    name = seed.choice(sorted(files))
    data, where = bytearray(files[name]), seed.randrange(len(files[name]))
    length = seed.choice((1, 2, 16, 64, 4096))
    kind = seed.randrange(5)
    if kind == 0:
        del data[where : where + length]
    elif kind == 1:
        data[where:where] = seed.randbytes(length)
    elif kind == 2:
        data[where : where + length] = bytes(min(length, len(data) - where))
    elif kind == 3:
        del data[where:]
    else:
        data[where:where] = data[max(0, where - length) : where] or b"\0"
    files[name] = bytes(data)


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    keys = value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    return [path, *(place for key in keys for place in _places(value[key], (*path, key)))]


def _fields(seed: random.Random, files: Files) -> None:
    """Change a field of the envelope, or of the statement inside it, and write it canonically again."""
    import base64

    name = next(name for name in files if name.endswith("manifest"))
    envelope = json.loads(files[name])
    inner = seed.random() < 0.8
    document = json.loads(base64.b64decode(envelope["payload"])) if inner else envelope
    where = seed.choice(_places(document)[1:])
    parent = document
    for key in where[:-1]:
        parent = parent[key]
    kind, old = seed.randrange(4), parent[where[-1]]
    if kind == 0:
        del parent[where[-1]]
    elif kind == 1 and isinstance(parent, dict):
        parent[f"{where[-1]}x"] = old
    elif kind == 2:
        parent[where[-1]] = seed.choice(
            (None, True, 0, -1, 2**53 - 1, "", "*", [], {}, 1.5, "sha256:" + "0" * 64)
        )
    elif isinstance(old, int) and not isinstance(old, bool):
        parent[where[-1]] = old + seed.choice((-1, 1))
    else:
        parent[where[-1]] = [old]
    if inner:
        envelope["payload"] = base64.b64encode(canonical(document)).decode()
    files[name] = canonical(envelope)


def _files(seed: random.Random, files: Files) -> None:
    """Lose, swap, double, empty or exchange whole files."""
    names = sorted(files)
    one, other = seed.sample(names, 2)
    kind = seed.randrange(4)
    if kind == 0:
        del files[one]
    elif kind == 1:
        files[one], files[other] = files[other], files[one]
    elif kind == 2:
        files[one] = b""
    else:
        files[one] = files[other]


def _another(seed: random.Random, files: Files, others: list[Files]) -> None:
    """Put a file of another genuine crossing in the place of this one's."""
    other = seed.choice(others)
    kinds = ("manifest", "contents", "chunks/")
    kind = seed.choice(kinds)
    mine = [name for name in sorted(files) if f"/{kind}" in name]
    theirs = [name for name in sorted(other) if f"/{kind}" in name]
    files[seed.choice(mine)] = other[seed.choice(theirs)]


KINDS: tuple[Callable[[random.Random, Files], None], ...] = (_bits, _bytes, _fields, _files)


def _read(folder: Path) -> Files:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


def _lay(folder: Path, before: Files, after: Files) -> None:
    for name in before.keys() | after.keys():
        if before.get(name) == after.get(name):
            continue
        path = folder / name
        if name in after:
            path.write_bytes(after[name])
        else:
            path.unlink()


@pytest.mark.timeout(0 if COUNT > 2000 else 900)
def test_random_changes_to_genuine_crossings(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    world = World(tmp_path)
    record = world.add(rows(40), groups=2)
    sent = [egress(world.env("onprem"), world.request(record, request_id=f"ask-{n}")) for n in range(3)]
    folder = world.transit()
    genuine = _read(folder)
    own = [{n: genuine[n] for n in genuine if n.startswith(end.crossing[7:])} for end in sent]
    env = world.env("cloud")
    before = world.files("cloud")
    seed = random.Random(SEED)  # noqa: S311 - repeatable, not secret
    made, refused, began = Counter[str](), Counter[str](), time.monotonic()
    while sum(made.values()) < COUNT and time.monotonic() - began < SECONDS:
        target = seed.randrange(3)
        files = dict(own[target])
        kind = seed.randrange(5)
        what = "another" if kind == len(KINDS) else KINDS[kind].__name__
        if kind == len(KINDS):
            _another(seed, files, [own[n] for n in range(3) if n != target])
        else:
            KINDS[kind](seed, files)
        if files == own[target]:
            continue
        made[what] += 1
        _lay(folder, own[target], files)
        try:
            ended = ingress(env, "onprem", sent[target].crossing).outcome
        except CrossingFailedError as error:
            refused[error.rule] += 1
        else:
            pytest.fail(f"seed {SEED}, change {sum(made.values())} ({what}): {ended}")
        finally:
            _lay(folder, files, own[target])
    total = sum(made.values())
    if COUNT > 2000:  # a soak says what it did
        told = f"seed {SEED}: {total:,} changes {dict(made)}, refused by {dict(refused)}, 0 accepted"
        with capsys.disabled():
            sys.stderr.write(f"\n{told}\n")
    assert sum(refused.values()) == total > 0
    assert set(made) == {"_bits", "_bytes", "_fields", "_files", "another"}
    assert {"manifest", "chunks"} <= set(refused)
    after = world.files("cloud")
    touched = {
        Path(path).name for path in before.keys() | after.keys() if before.get(path) != after.get(path)
    }
    assert touched <= {"ledger.db", "ledger.db-journal"}
    assert env.store.names() == ()
    # What was refused so often is genuine again, and crosses.
    assert [ingress(env, "onprem", end.crossing).outcome for end in sent] == ["permitted"] * 3
