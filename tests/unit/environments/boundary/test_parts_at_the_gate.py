"""Parts of the gate: neighbouring row groups together, and few of them changed by a change of the source."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from environments.assets import PartWriter
from environments.boundary.contents import list_contents
from environments.boundary.partitions import Part, parts_of, write_part
from environments.stores.cutting import cut

ROWS = 800_000


def table(rows: int, seed: int) -> pa.Table:
    random = np.random.default_rng(seed)
    columns = {f"n{at}": random.integers(0, 1 << 60, rows) for at in range(4)}
    return pa.table({**columns, "few": random.integers(0, 9, rows)})


def parts(folder: Path, rows: pa.Table) -> list[Part]:
    folder.mkdir()
    with PartWriter(folder, rows.schema) as writer:
        for start in range(0, rows.num_rows, 100_000):
            writer.write(rows.slice(start, 100_000))
    return parts_of(writer.paths)


def outputs(folder: Path, found: list[Part]) -> list[Path]:
    folder.mkdir()
    made = [folder / f"part-{part.number:05d}.parquet" for part in found]
    for part, path in zip(found, made, strict=True):
        write_part(part.read(), path)
    return made


def sent(before: list[Path], after: list[Path]) -> float:
    """Share of the output that a second crossing sends where the first was acknowledged."""
    held = {digest for path in before for digest in cut(path, path.name, durable=False).chunks}
    entries = tuple(cut(path, path.name, durable=False) for path in after)
    listed = list_contents(entries, frozenset(held))
    return sum(part.size for part in listed.parts()) / listed.size


def test_parts_are_all_rows_once_and_in_order(tmp_path: Path) -> None:
    rows = table(ROWS, 1)
    found = parts(tmp_path / "a", rows)
    assert pa.concat_tables([part.read() for part in found]).equals(rows)
    assert [part.rows for part in found] == [part.read().num_rows for part in found]
    assert 8 <= len(found) < pq.read_metadata(found[0].path).num_row_groups / 3
    assert max(part.rows for part in found) < 131_072


@pytest.mark.parametrize(("sizes", "wanted"), [([100] * 3, 3), ([10] * 320, 25), ([7, 0, 900], 2), ([0], 1)])
def test_groups_of_others_are_joined_only_where_there_are_many(
    tmp_path: Path, sizes: list[int], wanted: int
) -> None:
    path, made = tmp_path / "x.parquet", table(sum(sizes), 1)
    with pq.ParquetWriter(path, made.schema) as writer:
        start = 0
        for size in sizes:
            writer.write_table(made.slice(start, size), row_group_size=max(1, size))
            start += size
    found = parts_of([path])
    assert len(found) == wanted
    assert pa.concat_tables([part.read() for part in found]).equals(made)


def test_files_that_arrived_are_left_whole_while_memory_allows_it(tmp_path: Path) -> None:
    rows = table(ROWS, 1)
    made = outputs(tmp_path / "out", parts(tmp_path / "a", rows))
    assert any(pq.read_metadata(path).num_row_groups > 1 for path in made)
    arrived = parts_of(made, whole=True)
    assert [part.path for part in arrived] == made
    assert all(part.alone for part in arrived)
    assert pa.concat_tables([part.read() for part in arrived]).equals(rows)
    large = tmp_path / "large.parquet"
    pq.write_table(rows, large, row_group_size=10_000)
    assert parts_of([large], whole=True) == parts_of([large])
    assert max(part.rows for part in parts_of([large], whole=True)) <= 131_072


def test_what_leaves_the_gate_after_a_change(tmp_path: Path) -> None:
    rows, more = table(ROWS, 1), table(ROWS // 100, 2)
    half = ROWS // 2 + 77
    base = outputs(tmp_path / "base-out", parts(tmp_path / "base", rows))
    grown = pa.concat_tables([rows, more])
    middle = pa.concat_tables([rows.slice(0, half), more, rows.slice(half)])
    appended = outputs(tmp_path / "grown-out", parts(tmp_path / "grown", grown))
    inserted = outputs(tmp_path / "middle-out", parts(tmp_path / "middle", middle))
    assert 0.01 < sent(base, appended) < 0.05
    assert 0.01 < sent(base, inserted) < 0.10
    assert sent([], appended) == 1.0
