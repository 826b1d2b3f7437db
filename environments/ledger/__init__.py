"""Ledger: each environment's append-only, hash-chained, signed record.

Invariants:
1. One writer at a time; an entry that `append` returned is on disk.
2. Altered, removed, reordered and cut entries are found by `verify_ledger`; a rewritten history also by
   every peer that witnessed a head of it.

Example:
    >>> Ledger(folder.ledger, load_identity(folder)).append("egress", {"crossing": "sha256:…"})
    >>> verify_ledger(folder.ledger, public).success
    True
"""

from environments.ledger.entry import Entry, Head
from environments.ledger.export import export_lines, export_parquet
from environments.ledger.ledger import Ledger
from environments.ledger.lookup import find_entries, read_entries, read_head
from environments.ledger.migrate import take_over
from environments.ledger.verify import LedgerProblem, LedgerReport, verify_ledger
from environments.ledger.witness import check_head, witness_head, witnessed_head

__all__ = [
    "Entry",
    "Head",
    "Ledger",
    "LedgerProblem",
    "LedgerReport",
    "check_head",
    "export_lines",
    "export_parquet",
    "find_entries",
    "read_entries",
    "read_head",
    "take_over",
    "verify_ledger",
    "witness_head",
    "witnessed_head",
]
