"""The ways in: CSV, JSON Lines, Parquet, partitioned Parquet, Arrow IPC; every one as strict as the others.

Invariants:
1. One function opens them all. What is read is the whole file or one clear refusal; nothing is guessed.
2. Types come from the contract (CSV, JSON Lines) or from the file (Parquet, Arrow); never from a sample.

Example::

    source = open_source(Path("tests.jsonl"), contract)
    verdict = check_source(plan, source.read)      # and `source.unreadable`: cells by column
"""

from __future__ import annotations

from data_contracts.formats.base import Batch, Reading, Source
from data_contracts.formats.opening import kind_of_file, open_source

__all__ = ["Batch", "Reading", "Source", "kind_of_file", "open_source"]
