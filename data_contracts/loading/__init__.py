"""Strict reading of ODCS files: the standard's own JSON Schema first, then our terms.

Invariants:
1. Nothing is skipped. A key that neither the standard nor we know is a problem, with its line.
2. All problems of a file are reported at once: what the standard refuses is cut out, and our rules read the
   rest, so that they too are told, and nothing that follows only from a cut.
3. `apiVersion` v3.0.x and v3.1.0 are taken; any other, v2.2.x and v3.2.0 included, is refused by name.
4. A problem of severity `warning` does not stop a contract from loading; `isthmus contract lint` shows it.
"""

from __future__ import annotations

from data_contracts.loading.acknowledged import rule_ids
from data_contracts.loading.quality import unevaluated
from data_contracts.loading.reader import (
    contract_from_document,
    dump_contract,
    lint_contract,
    lint_source,
    load_contract,
    parse_contract,
)

__all__ = [
    "contract_from_document",
    "dump_contract",
    "lint_contract",
    "lint_source",
    "load_contract",
    "parse_contract",
    "rule_ids",
    "unevaluated",
]
