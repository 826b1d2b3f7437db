"""Turning pseudonyms and codes back: at the source, for a declared purpose, and never unrecorded.

Invariants, in the order in which they are made true:
1. The asset's record and contract are the store's own. The terms are those under which the pseudonyms
   crossed; without terms, or where they do not name the purpose of turning back, it is denied.
2. What was asked and who asked stands in the ledger before a value is given out, a denial too. The entry
   holds names, counts and the digest of the list that was asked for; never a value, nor a pseudonym.
3. A pseudonym is found by computing those of the asset again, a code in the environment's own table.

At a destination there is nothing to turn back with: its key and table are others, and what arrived has no
terms.

Example:
    >>> asked = Reidentification("visits", None, "patient", "cloud", "model-training", "recall", "a.meier")
    >>> reidentify(env, asked, pseudonyms)
    {b'...': 'P0001'}
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from data_contracts import policy
from data_contracts.arrow import kind_of
from data_contracts.digest import digest_json
from data_contracts.errors import DeniedError, UsageError
from data_contracts.model import Column, Contract
from data_contracts.obligations import Context
from data_contracts.obligations.applying import source_column
from data_contracts.obligations.code import code_domain
from data_contracts.obligations.pseudonymise import Pseudonymise
from data_contracts.terms import CrossingTerms, Treatment
from environments.boundary import EnvironmentContext
from environments.boundary.partitions import parts_of
from environments.codes import open_codes
from environments.stores import AssetRecord

__all__ = ["Reidentification", "reidentify"]

_ENTRY = "reidentify"
_TURNS_BACK = ("pseudonymise", "code")


@dataclass(frozen=True)
class Reidentification:
    """What is asked.

    Attributes:
        name: the asset's.
        version: of it; None for the latest.
        column: whose pseudonyms or codes they are.
        destination: where they were sent.
        crossed_for: the purpose that they were sent for.
        purpose: why they are turned back; the terms must name it.
        by: who asks.
    """

    name: str
    version: str | None
    column: str
    destination: str
    crossed_for: str
    purpose: str
    by: str


def reidentify(
    env: EnvironmentContext, asked: Reidentification, pseudonyms: Iterable[bytes]
) -> dict[bytes, str]:
    """Return pseudonym (or code) to original, for those that stand for a value of the asset's column.

    Raises:
        UsageError: no such asset, column or environment, or a column without pseudonyms or codes.
        DeniedError: no terms, or none that name the purpose.
        NotVerifiableError: the store or the table of codes does not hold what it recorded.
        UnreachableError: the disk refuses.
    """
    wanted = frozenset(pseudonyms)
    record = env.store.record(asked.name, asked.version)
    destination = env.peer(asked.destination).destination()
    contract = _contract(env, record)
    terms = policy.select_terms(contract, destination, asked.crossed_for) if contract else None
    if contract is None or terms is None or asked.purpose not in terms.reidentify:
        _record(env, asked, record, wanted, "denied", 0)
        raise DeniedError(
            f"{record.contract_ref} does not let anyone turn {asked.column} back for {asked.purpose}",
            remedy="ask the contract's owner for `reidentify: {purposes: […]}` in that crossing's terms",
        )
    column, treatment = _treated(contract, terms, asked.column)
    if treatment.obligation == "code":
        found = _from_table(env, terms, column, treatment, wanted)
    else:
        found = _from_asset(env, record, terms, column, treatment, wanted)
    _record(env, asked, record, wanted, "done", len(found))
    return found


def _contract(env: EnvironmentContext, record: AssetRecord) -> Contract | None:
    """Return the asset's contract if it is declared here with the very words it was committed under."""
    try:
        contract = env.contracts.get(record.contract_ref)
    except UsageError:
        return None
    return contract if contract.digest == record.contract_digest else None


def _treated(contract: Contract, terms: CrossingTerms, name: str) -> tuple[Column, Treatment]:
    treatment = terms.columns.get(name)
    if treatment is None or treatment.obligation not in _TURNS_BACK:
        there = [key for key, said in terms.columns.items() if said.obligation in _TURNS_BACK]
        raise UsageError(
            f"{name}: no column with pseudonyms or codes in that crossing",
            remedy=f"known: {', '.join(there) or 'none'}",
        )
    return contract.object.column(name), treatment


def _from_table(
    env: EnvironmentContext,
    terms: CrossingTerms,
    column: Column,
    treatment: Treatment,
    wanted: frozenset[bytes],
) -> dict[bytes, str]:
    domain = code_domain(treatment.parameters, column, Context(terms.destination, terms.purpose))
    found = open_codes(env.folder).originals(domain, wanted)
    return {code: _shown(column, raw) for code, raw in found.items()}


def _shown(column: Column, raw: bytes) -> str:
    """Return canonical bytes as people write the value."""
    text = raw.decode("utf-8", errors="backslashreplace")
    if kind_of(column) == "date":
        return (dt.date(1970, 1, 1) + dt.timedelta(days=int(text))).isoformat()
    return text


def _from_asset(
    env: EnvironmentContext,
    record: AssetRecord,
    terms: CrossingTerms,
    column: Column,
    treatment: Treatment,
    wanted: frozenset[bytes],
) -> dict[bytes, str]:
    context = Context(terms.destination, terms.purpose, env.identity.pseudonym_key())
    paths = [env.store.materialise(record, entry.path) for entry in record.files]
    found: dict[bytes, Any] = {}
    for part in parts_of(paths):
        values = source_column(column, part.read())
        found |= Pseudonymise().matching(treatment.parameters, column, context, values, wanted)
        if len(found) == len(wanted):
            break
    return {made: str(value) for made, value in found.items()}


def _record(
    env: EnvironmentContext,
    asked: Reidentification,
    record: AssetRecord,
    wanted: frozenset[bytes],
    outcome: str,
    found: int,
) -> None:
    body: Mapping[str, Any] = {
        "outcome": outcome,
        "name": record.name,
        "version": record.version,
        "contract": record.contract_ref,
        "contract_digest": record.contract_digest,
        "column": asked.column,
        "destination": asked.destination,
        "crossed_for": asked.crossed_for,
        "purpose": asked.purpose,
        "by": asked.by,
        "asked": len(wanted),
        "found": found,
        "list": digest_json(sorted(item.hex() for item in wanted)),
    }
    env.ledger.append(_ENTRY, body)
