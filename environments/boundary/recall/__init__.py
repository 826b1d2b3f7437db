"""Recall: the source of an asset asks wherever it went to erase it and what was derived from it.

`recall` at the source, `erase` at each destination, `settle_recall` at the source; each with the keys, store
and ledger of one environment. A destination passes the request on to wherever it sent any of it itself.

Invariants:
1. Nothing is erased but on the signed request of whoever sent it, and nothing that the law lets stay.
2. Every request and every answer stands in both ledgers, and no ledger holds data.
3. All of it may be killed and run again.

Example:
    >>> asked = recall(onprem, "visits", version, signed)
    >>> [erase(env, "onprem", request).outcome for env, (_, request) in zip([cloud], asked.requests)]
    ['erased']
"""

from __future__ import annotations

from environments.boundary.recall.asking import PURPOSE, Recalled, preview, recall
from environments.boundary.recall.erasing import erase
from environments.boundary.recall.sending import Sent
from environments.boundary.recall.settling import Settled, is_over, report, settle_recall

__all__ = [
    "PURPOSE",
    "Recalled",
    "Sent",
    "Settled",
    "erase",
    "is_over",
    "preview",
    "recall",
    "report",
    "settle_recall",
]
