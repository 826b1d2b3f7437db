"""What may lawfully stay though it is recalled: under a legal hold, or under a duty to keep it.

Invariants:
1. A hold stands in the environment's own file. A duty is a `retention` that the owner of a contract marked
   `driver: regulatory`; any other retention says how long something may be kept, not must. It is read in the
   version's own contract, and in that under which it came, as it is declared here now: an arrival contract
   carries no agreements.
2. A duty that cannot be read keeps: what was erased wrongly does not come back. A month counts 31 days, a
   year 366.

Sources: GDPR art. 17(3)(b) and (e), art. 18; ODCS v3.1, slaProperties.

Example:
    >>> why_kept(env, record)
    'legal hold until 2027-01-01: court order 12 O 3/26'
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING

from data_contracts.agreements import SlaProperty
from data_contracts.errors import UsageError
from data_contracts.model import Contract
from environments.stores import AssetRecord

if TYPE_CHECKING:
    from environments.boundary.context import EnvironmentContext

__all__ = ["why_kept"]

_DAYS = {"d": 1, "w": 7, "mo": 31, "y": 366}
_SECONDS = {"s": 1, "min": 60, "h": 3600}


def why_kept(env: EnvironmentContext, record: AssetRecord) -> str:
    """Return why a version may stay; empty where nothing keeps it.

    Raises:
        NotVerifiableError: its contract is not the one that it was committed under.
    """
    now = env.clock()
    for hold in env.profile.holds:
        if hold.counts(record.name, now.date()):
            return hold.words
    for contract in _contracts(env, record):
        for duty in contract.sla:
            if duty.property == "retention" and duty.driver == "regulatory":
                end = _end(duty, dt.datetime.fromisoformat(record.created))
                if end is None or now < end:
                    until = f" until {end.date().isoformat()}" if end else ", for a time that cannot be read"
                    return f"retention duty of {contract.reference}{until}"
    return ""


def _contracts(env: EnvironmentContext, record: AssetRecord) -> Iterator[Contract]:
    yield env.store.contract(record)
    if record.lineage.get("crossing"):
        for given in record.lineage.get("inputs", ()):
            with suppress(UsageError):  # declared here no more: then it demands nothing here
                yield env.contracts.get(str(given["contract"]))


def _end(duty: SlaProperty, since: dt.datetime) -> dt.datetime | None:
    if isinstance(duty.value, bool) or not isinstance(duty.value, int | float):
        return None
    seconds = _SECONDS.get(duty.unit) or 86400 * _DAYS.get(duty.unit, 0)
    try:
        return since + dt.timedelta(seconds=duty.value * seconds) if seconds else None
    except (OverflowError, ValueError):
        return None
