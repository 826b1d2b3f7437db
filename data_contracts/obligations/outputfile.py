"""The output file's own schema and metadata: what arrives, and nothing beside it.

A Parquet file can carry a dropped column without a row of it: in the key-value metadata (pandas and Arrow
write whole schemas there), in the schema's own key-values, or in a column that a reader skips. This reads
the footer and refuses all of them, and then looks at every byte of the file (`pages`).
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from data_contracts.arrow import arrow_schema
from data_contracts.errors import DataBreaksContractError
from data_contracts.model import Contract
from data_contracts.obligations.pages import check_opened
from data_contracts.verdict import Reason, RuleResult

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["verify_file"]


def verify_file(path: Path, arrival: Contract, decoded: pa.Table | None = None) -> tuple[RuleResult, ...]:
    """Check one output file, to its last byte, against the arrival contract.

    `decoded` are its rows, where they were read from it already: else they are read here, a row group at a
    time. Returns the results `output.file.columns` and `output.file.KIND` (`pages.KINDS`).

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
            beside = check_opened(path, file, decoded)
    except (pa.ArrowException, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
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
        *(_metadata(rule, rows, carried=carried) if rule.rule == "metadata" else rule for rule in beside),
    )


def _metadata(found: RuleResult, rows: int, *, carried: bool) -> RuleResult:
    """Join what is said of metadata here and there."""
    broken = carried or not found.success
    reason = Reason.UNEXPECTED_VALUES if broken else None
    return RuleResult(found.id, None, found.rule, not broken, rows, 0, int(broken), reason)


def _plain(metadata: dict[bytes, bytes], wanted: pa.Schema) -> bool:
    """Whether the footer's key-values are none, or Arrow's own copy of exactly the wanted schema."""
    if set(metadata) - {b"ARROW:schema"}:
        return False
    copy = metadata.get(b"ARROW:schema")
    if copy is None:
        return True
    import base64

    # Byte for byte: what a reader of schemas skips would cross all the same.
    return copy == base64.b64encode(wanted.serialize().to_pybytes())
