"""Every byte of an output file: pages, dictionaries, statistics, indexes and metadata hold the output only.

The decoded output was compared with the source elsewhere (`proof`). A Parquet file can carry more than a
reader decodes: a dictionary with entries that no row uses, the bounds that a column had before it was
transformed, a filter of the originals, bytes between pages. Here the file is read again, byte by byte, and
all of it must be what the decoded columns make it.

Invariants:
1. What is not known is refused (`parquet`): a file that passes was understood to its last byte.
2. Each finding is one of `KINDS`; a file that cannot be followed further fails that kind and the last,
   `bytes`, since what lies behind was not accounted for.
3. Memory is one row group.

Example, of a file that was written from a decoded table and nothing else::

    assert all(rule.success for rule in check_output_file(Path("part-00000.parquet")))
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from data_contracts.arrow import Values
from data_contracts.obligations.parquet.bloom import check_bloom
from data_contracts.obligations.parquet.cells import Cells
from data_contracts.obligations.parquet.chunk import Pages, read_chunk
from data_contracts.obligations.parquet.footer import File, open_file
from data_contracts.obligations.parquet.indexes import check_column_index, check_offset_index
from data_contracts.obligations.parquet.leaves import present
from data_contracts.obligations.parquet.statistics import check_sizes, check_statistics
from data_contracts.obligations.parquet.thrift import UnaccountedError
from data_contracts.verdict import Reason, RuleResult

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

__all__ = ["KINDS", "check_opened", "check_output_file"]

KINDS = ("structure", "metadata", "pages", "dictionaries", "statistics", "indexes", "bloom", "bytes")


def check_output_file(path: Path, table: pa.Table | None = None) -> list[RuleResult]:
    """Return one result for each of `KINDS`, as `output.file.KIND`.

    Args:
        path: the file.
        table: what a reader gets of it; None to read it here.

    Raises:
        OSError: the file cannot be read.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        decoded = pq.ParquetFile(path)
    except (pa.ArrowException, KeyError, TypeError, ValueError, OverflowError, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        return [_result(kind, 0, failed=kind in {"structure", "bytes"}) for kind in KINDS]
    with decoded:
        return check_opened(path, decoded, table)


def check_opened(path: Path, decoded: pq.ParquetFile, table: pa.Table | None = None) -> list[RuleResult]:
    """As `check_output_file`, of a file that a reader has opened already.

    Raises:
        OSError: the file cannot be read.
    """
    rows = 0
    broken: set[str] = set()
    try:
        rows = _check(path, decoded, table)
    except UnaccountedError as error:
        broken = {error.where, "bytes"}
    return [_result(kind, rows, failed=kind in broken) for kind in KINDS]


def _check(path: Path, decoded: pq.ParquetFile, table: pa.Table | None) -> int:
    import pyarrow as pa

    with path.open("rb") as stream:
        file = open_file(stream, path.stat().st_size)
        rows = 0
        try:
            groups = decoded.metadata.num_row_groups
            if groups != len(file.footer["groups"]) or not _usual(file, decoded.schema_arrow):
                raise UnaccountedError("structure")
            for number, group in enumerate(file.footer["groups"]):
                _group(file, group, number, _rows(decoded, table, number, rows, group["rows"]))
                rows += group["rows"]
        except (pa.ArrowException, KeyError, TypeError, ValueError, OverflowError):
            # A field that is needed is not there, or is none of what it should be.
            raise UnaccountedError("structure") from None
        except OSError as error:
            if error.errno is not None:
                raise
            raise UnaccountedError("structure") from None  # a parser's own, which may quote values
        if rows != file.footer["rows"] or (table is not None and rows != table.num_rows):
            raise UnaccountedError("structure")
        if file.gaps():
            raise UnaccountedError("bytes")
    return rows


def _rows(decoded: Any, table: pa.Table | None, number: int, start: int, count: int) -> Any:  # noqa: ANN401 - a table
    """Return the rows of one row group; fewer than `count` where the table has not so many."""
    if table is None:
        return decoded.read_row_group(number)
    if count < 0:
        raise UnaccountedError("structure")
    return table.slice(start, count)


def _usual(file: File, found: pa.Schema) -> bool:
    """Whether the schema's elements are, field for field, those that the decoded columns are written with."""
    import io

    import pyarrow as pa
    import pyarrow.parquet as pq

    sink = pa.BufferOutputStream()
    pq.write_metadata(found.remove_metadata(), sink, store_schema=False)
    raw = sink.getvalue().to_pybytes()
    return bool(open_file(io.BytesIO(raw), len(raw)).footer["schema"] == file.footer["schema"])


def _group(file: File, group: dict[str, Any], number: int, table: pa.Table) -> None:
    chunks = group["chunks"]
    columns = [leaf for name in table.columns for leaf in present(_joined(name))]
    if len(chunks) != len(file.leaves) or len(columns) != len(file.leaves):
        raise UnaccountedError("structure")
    if group["rows"] != table.num_rows or group.get("ordinal", number) != number:
        raise UnaccountedError("structure")
    first, uncompressed, compressed = None, 0, 0
    for chunk, leaf, values in zip(chunks, file.leaves, columns, strict=True):
        column = chunk["column"]
        start = column.get("dictionary_offset", column["data_offset"])
        # A chunk without rows may have no page at all, and then no place.
        raw = file.take(start, column["compressed"]) if column["compressed"] or start else b""
        cells = Cells(leaf, values)
        pages = read_chunk(raw, start, cells, column["codec"])
        _column(column, pages, cells)
        if (
            chunk.get("offset", 0) not in {0, start}
            or sum(page.rows for page in pages.data) != table.num_rows
        ):
            raise UnaccountedError("structure")
        _beside(file, chunk, pages, cells)
        first = start if first is None else first
        uncompressed += pages.uncompressed
        compressed += len(raw)
    said = (group["uncompressed"], group.get("compressed", compressed), group.get("offset", first))
    if said not in {(uncompressed, compressed, first), (uncompressed, compressed, 0)}:
        raise UnaccountedError("structure")


def _joined(column: Values) -> Values:
    import pyarrow as pa

    if column.num_chunks == 1:
        return column.chunk(0)
    return pa.concat_arrays(column.chunks) if column.num_chunks else pa.nulls(0, column.type)


def _column(column: dict[str, Any], pages: Pages, cells: Cells) -> None:
    """Compare what a chunk's metadata says with what its pages are."""
    encodings = [
        {"type": kind, "encoding": encoding, "count": count}
        for (kind, encoding), count in pages.encodings.items()
    ]
    leaf, listed = cells.leaf, column.get("pages")
    same = (
        tuple(column["path"]) == leaf.path,
        column["type"] == leaf.type,
        column["values"] == pages.values,
        column["uncompressed"] == pages.uncompressed,
        not pages.data or column["data_offset"] == pages.data[0].offset,
        column.get("dictionary_offset") == pages.dictionary,
        listed in (None, encodings) or sorted(map(_order, listed)) == sorted(map(_order, encodings)),
        # A writer may name the encoding of levels also where there are none.
        len(set(column["encodings"])) == len(column["encodings"]),
        pages.forms <= set(column["encodings"]) <= pages.forms | {0, 3},
    )
    if not all(same):
        raise UnaccountedError("structure")
    nulls = sum(page.nulls for page in pages.data)
    if "statistics" in column:
        check_statistics(column["statistics"], cells, nulls)
    if "sizes" in column:
        check_sizes(column["sizes"], cells.size(0, len(cells)), _levels(pages), leaf)


def _levels(pages: Pages) -> dict[str, list[int]]:
    """Return how often each level occurs in all pages."""
    if len(pages.data) == 1:
        return pages.data[0].levels
    return {
        name: [sum(counts) for counts in zip(*(page.levels[name] for page in pages.data), strict=True)]
        for name in ("repetitions", "definitions")
    }


def _order(entry: dict[str, int]) -> tuple[int, int, int]:
    return entry["type"], entry["encoding"], entry["count"]


def _beside(file: File, chunk: dict[str, Any], pages: Pages, cells: Cells) -> None:
    """Check what stands apart from the pages: indexes and filters."""
    if ("offset_index" in chunk) != ("offset_index_length" in chunk):
        raise UnaccountedError("indexes")
    if ("column_index" in chunk) != ("column_index_length" in chunk):
        raise UnaccountedError("indexes")
    if "offset_index" in chunk:
        raw = file.take(chunk["offset_index"], chunk["offset_index_length"])
        check_offset_index(raw, pages, cells)
    if "column_index" in chunk:
        raw = file.take(chunk["column_index"], chunk["column_index_length"])
        check_column_index(raw, pages, cells)
    column = chunk["column"]
    if ("bloom_offset" in column) != ("bloom_length" in column):
        raise UnaccountedError("bloom")
    if "bloom_offset" in column:
        check_bloom(file.take(column["bloom_offset"], column["bloom_length"]), cells.leaf, cells.values)


def _result(kind: str, rows: int, *, failed: bool) -> RuleResult:
    reason = Reason.UNEXPECTED_VALUES if failed else None
    return RuleResult(f"output.file.{kind}", None, kind, not failed, rows, 0, int(failed), reason)
