"""Decode a whole file that others sent, and keep nothing of it: what it does to a process is the answer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow  # noqa: ICN001 - before the request: what it loads is then no part of the limit
import pyarrow.parquet

from data_contracts.errors import DataBreaksContractError, IsthmusError
from data_contracts.formats import kind_of_file, open_source

__all__ = ["decode", "decode_each"]


def _row_groups(path: Path) -> int:
    """Read each row group whole, as a check does; batches of one would hide how large it is."""
    rows = 0
    try:
        with pyarrow.parquet.ParquetFile(path, memory_map=False) as file:
            for number in range(file.num_row_groups):
                table: Any = file.read_row_group(number)
                table.validate(full=True)
                rows += table.num_rows
    except pyarrow.ArrowMemoryError:
        raise  # A limit, which is no refusal in good order.
    except (pyarrow.ArrowException, OSError, ValueError, OverflowError):
        raise DataBreaksContractError("not a whole Parquet file") from None
    return rows


def decode(arguments: list[str], stream: Any) -> int:  # noqa: ANN401 - the arrow stream, unused
    """Decode files one after the other; returns the number of rows."""
    del stream
    rows = 0
    for name in arguments:
        path = Path(name)
        source = open_source(path)
        if kind_of_file(path) == "parquet":
            rows += _row_groups(path)
        else:
            rows += sum(table.num_rows for table in source.read(None))
    return rows


def decode_each(arguments: list[str], stream: Any) -> list[str]:  # noqa: ANN401 - the arrow stream, unused
    """Decode files that stand or fall alone: `read`, `refused`, or the name of an error that got out."""
    answers = []
    for name in arguments:
        try:
            decode([name], stream)
        except IsthmusError:
            answers.append("refused")
        except Exception as error:  # noqa: BLE001 - the test of readers wants the names of all that get out
            answers.append(type(error).__name__)
        else:
            answers.append("read")
    return answers
