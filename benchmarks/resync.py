"""How much of a version crosses again after a change: bytes of the parts and the list that would be sent.

Counted as the gate counts: the version is cut as a store cuts it, chunks of the version before are held by
the destination, and the rest goes in parts, sealed, with the list of contents beside them. The data is that
of the benchmark of contracts: 12 columns, 4,000,000 rows (about 180 MB as we write them).

    make bench NAME=resync                         about two minutes
    python benchmarks/resync.py --rows 1000000     smaller, where lists and row groups weigh more: no limits

    appended, ours       1 % more rows at the end, written as `isthmus asset add` and the gate write
    appended, pyarrow    the same, written by pyarrow with its defaults
    inserted, ours       1 % more rows in the middle
    one part more        a directory of four parts, and a fifth
    unchanged            the same version again
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]

import contracts_data  # noqa: E402 - the benchmarks are beside each other

from environments.assets.writing import PartWriter  # noqa: E402
from environments.boundary.contents import list_contents  # noqa: E402
from environments.boundary.sealing import OVERHEAD  # noqa: E402
from environments.stores import FileEntry  # noqa: E402
from environments.stores.cutting import cut  # noqa: E402

AT_ONCE = 250_000
WHOLE = 4_000_000
LIMITS = {
    "appended, ours": 0.015,
    "appended, pyarrow": 0.025,
    "inserted, ours": 0.06,
    "unchanged": 0.002,
}


def batches(start: int, count: int) -> list[pa.Table]:
    """Rows of the benchmark's kind, from a number on."""
    return [
        contracts_data.rows(at, min(AT_ONCE, start + count - at), {})
        for at in range(start, start + count, AT_ONCE)
    ]


def ours(folder: Path, parts: list[pa.Table]) -> tuple[FileEntry, ...]:
    """Write as we write, and cut."""
    folder.mkdir(parents=True)
    with PartWriter(folder, parts[0].schema) as writer:
        for part in parts:
            writer.write(part)
    return entries(folder)


def pyarrows(folder: Path, parts: list[pa.Table]) -> tuple[FileEntry, ...]:
    """Write as pyarrow does, and cut."""
    folder.mkdir(parents=True)
    pq.write_table(pa.concat_tables(parts), folder / "part-00000.parquet")
    return entries(folder)


def entries(folder: Path) -> tuple[FileEntry, ...]:
    """The files of a version, cut."""
    return tuple(cut(path, path.name, durable=False) for path in sorted(folder.iterdir()))


def sent(before: tuple[FileEntry, ...], after: tuple[FileEntry, ...]) -> int:
    """Bytes that lie in the transit for a version whose one before was acknowledged."""
    held = frozenset(digest for entry in before for digest in entry.chunks)
    contents = list_contents(after, held)
    return sum(part.size + OVERHEAD for part in contents.parts()) + len(contents.to_bytes()) + OVERHEAD


def size(files: tuple[FileEntry, ...]) -> int:
    """Bytes of a version."""
    return sum(entry.size for entry in files)


def measure(
    rows: int, where: Path, writers: tuple[Callable[..., tuple[FileEntry, ...]], ...] = (ours, pyarrows)
) -> dict[str, tuple[int, int]]:
    """Return, of each change, the bytes that cross and those of the version, or of the part added."""
    base, more = batches(0, rows), batches(rows, rows // 100)
    half = len(base) // 2
    found = {}
    for writer in writers:
        name = "ours" if writer is ours else "pyarrow"
        first = writer(where / name, base)
        grown = writer(where / f"{name}-grown", [*base, *more])
        found[f"appended, {name}"] = (sent(first, grown), size(grown))
        if writer is ours:
            found["unchanged"] = (sent(first, first), size(first))
            middle = writer(where / "ours-middle", [*base[:half], *more, *base[half:]])
            found["inserted, ours"] = (sent(first, middle), size(middle))
    parts = where / "parts"
    whole, quarter = pa.concat_tables(base), -(-rows // 4)
    for number in range(4):
        inner = ours(where / f"part-{number}", [whole.slice(number * quarter, quarter)])
        parts.mkdir(exist_ok=True)
        shutil.move(where / f"part-{number}" / inner[0].path, parts / f"p{number}.parquet")
    before = entries(parts)
    added = ours(where / "part-4", more)
    shutil.move(where / "part-4" / added[0].path, parts / "p4.parquet")
    found["one part more"] = (sent(before, entries(parts)), size(added))
    return found


def main() -> int:
    """Measure, print the table; the last line is JSON."""
    given = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    given.add_argument("--rows", type=int, default=WHOLE)
    asked = given.parse_args()
    where = Path(tempfile.mkdtemp(prefix="isthmus-resync-"))
    try:
        found = measure(asked.rows, where)
    finally:
        shutil.rmtree(where)
    good = True
    print(f"{'':<20} {'sent':>12} {'of':>14} {'share':>8} {'wanted':>8}")
    for name, (moved, whole) in found.items():
        limit = LIMITS.get(name)
        # A part that was added crosses whole, beside the list, which is what "unchanged" sends.
        most = whole * limit if limit is not None else whole + 1.1 * found["unchanged"][0]
        good = good and moved <= most
        wanted = f"{limit:.1%}" if limit else "the part"
        print(f"{name:<20} {moved:>12,} {whole:>14,} {moved / whole:>8.2%} {wanted:>8}")
    told = {name: moved / whole for name, (moved, whole) in found.items()}
    within = good if asked.rows >= WHOLE else None
    print(json.dumps({"benchmark": "resync", "rows": asked.rows, "shares": told, "within": within}))
    return 0 if good or asked.rows < WHOLE else 1


if __name__ == "__main__":
    raise SystemExit(main())
