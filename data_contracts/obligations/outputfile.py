"""The output file's own schema and metadata: what arrives, and nothing beside it.

A Parquet file can carry a dropped column without a row of it: in the key-value metadata (pandas and Arrow
write whole schemas there), in the schema's own key-values, or in a column that a reader skips. This reads
the footer and refuses all of them. Pages, dictionaries and statistics are written by us from the decoded
output, so they hold no other values; the deep check of them is the contract engine's.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from data_contracts.arrow import arrow_schema
from data_contracts.errors import DataBreaksContractError
from data_contracts.model import Contract
from data_contracts.verdict import Reason, RuleResult

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["verify_file"]


def verify_file(path: Path, arrival: Contract) -> tuple[RuleResult, ...]:
    """Check the footer of one output file against the arrival contract.

    Raises:
        DataBreaksContractError: the file is no Parquet file.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    wanted = arrow_schema(arrival)
    try:
        with pq.ParquetFile(path) as file:
            schema, rows = file.schema_arrow, file.metadata.num_rows
            carried = not _plain(file.metadata.metadata or {}, wanted) or bool(schema.metadata)
            carried = carried or any(set(field.metadata or {}) - {b"PARQUET:field_id"} for field in schema)
    except pa.ArrowInvalid:
        raise DataBreaksContractError("output.file: no Parquet file") from None
    plain = pa.schema([pa.field(field.name, field.type) for field in schema])
    columns = 0 if plain.equals(wanted) else 1
    return (
        RuleResult(
            "output.file.columns",
            None,
            "columns",
            not columns,
            rows,
            0,
            columns,
            Reason.COLUMN_UNDECLARED if columns else None,
        ),
        RuleResult(
            "output.file.metadata",
            None,
            "metadata",
            not carried,
            rows,
            0,
            int(carried),
            Reason.UNEXPECTED_VALUES if carried else None,
        ),
    )


def _plain(metadata: dict[bytes, bytes], wanted: pa.Schema) -> bool:
    """Whether the footer's key-values are none, or Arrow's own copy of exactly the wanted schema."""
    if set(metadata) - {b"ARROW:schema"}:
        return False
    copy = metadata.get(b"ARROW:schema")
    if copy is None:
        return True
    import base64

    import pyarrow as pa

    try:
        held = base64.b64decode(copy, validate=True)
        found = pa.ipc.read_schema(pa.py_buffer(held))
    except (ValueError, pa.ArrowInvalid):
        return False
    # The length as well: bytes after the schema would be read by nobody, and cross.
    return found.equals(wanted, check_metadata=True) and len(held) == len(wanted.serialize())
