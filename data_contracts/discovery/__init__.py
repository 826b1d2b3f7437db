"""Discovery: a draft of a contract from data, and for each column the evidence that it may be personal.

Invariants:
1. The whole file is read, batch by batch; nothing is a sample, and no number depends on how the file is cut.
2. Evidence is counts and kinds. Of a column that may be personal the draft holds no value: no range, no
   enumeration, no length, no example.
3. A column that may be personal is `restricted` until a person lowers it. A draft has no terms: nothing
   crosses by it.
4. The draft loads under our own strict loader, and its own source passes it: both are tried before it is
   given.
"""

from __future__ import annotations

from data_contracts.discovery.infer import ColumnReport, Draft, examine, infer_contract
from data_contracts.discovery.judging import Finding

__all__ = ["ColumnReport", "Draft", "Finding", "examine", "infer_contract"]
