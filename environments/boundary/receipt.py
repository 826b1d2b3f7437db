"""The receipt: the destination's signed answer to one manifest.

Invariants:
1. It names the manifest by its digest, so it answers that one and no other.
2. It says what was committed, or which rules refused it; rule ids, reasons and counts only.
3. It carries the destination's ledger head, and the source's head that the destination now keeps.

Example:
    >>> raw = seal_receipt(receipt, identity)
    >>> receipt, digest = open_receipt(raw, cloud_public)
    >>> receipt.manifest == egress_result.manifest
    True
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from data_contracts.digest import is_digest
from data_contracts.errors import NotVerifiableError
from environments.boundary.envelope import RECEIPT, make_statement, open_statement, seal_statement
from environments.boundary.result import GateRule, Outcome
from environments.boundary.shape import Fields
from environments.identity import Identity, PublicIdentity
from environments.ledger import Head

__all__ = ["Receipt", "open_receipt", "seal_receipt"]

_KEYS = {
    "format", "crossing", "source", "destination", "name", "manifest", "outcome", "rules", "version",
    "contract", "received", "ledger", "witnessed",
}  # fmt: skip
_MAX_RULES = 10_000


@dataclass(frozen=True)
class Receipt:
    """One answer.

    Attributes:
        crossing: the id.
        source: who sent.
        destination: who answers.
        name: the asset's name; `set` for a set, whose members the manifest names.
        manifest: digest of the statement that it answers.
        outcome: `permitted` (and committed), `denied` or `broken`.
        rules: those that spoke against it.
        version: what was offered, and committed if permitted.
        contract: digest of the arrival contract that the destination computed; empty if it got not so far.
        received: when, in UTC.
        ledger: the destination's head.
        witnessed: sequence of the source's head that the destination keeps now.
    """

    crossing: str
    source: str
    destination: str
    name: str
    manifest: str
    outcome: Outcome
    rules: tuple[GateRule, ...]
    version: str
    contract: str
    received: str
    ledger: Head = field(repr=False)
    witnessed: int

    def to_json(self) -> dict[str, Any]:
        """Return the predicate."""
        return {
            "format": 1,
            "crossing": self.crossing,
            "source": self.source,
            "destination": self.destination,
            "name": self.name,
            "manifest": self.manifest,
            "outcome": self.outcome,
            "rules": [rule.to_json() for rule in self.rules],
            "version": self.version,
            "contract": self.contract,
            "received": self.received,
            "ledger": self.ledger.to_json(),
            "witnessed": self.witnessed,
        }

    @classmethod
    def from_json(cls, value: object) -> Receipt:
        """Read a predicate strictly.

        Raises:
            NotVerifiableError: a field is missing, unknown or not of its form.
        """
        fields = Fields(value, _KEYS, "the receipt")
        outcome, contract = fields.text("outcome"), fields.text("contract")
        if fields.count("format") != 1 or outcome not in ("permitted", "denied", "broken"):
            raise NotVerifiableError("the receipt: a format or outcome that this version does not read")
        if contract and not is_digest(contract):
            raise NotVerifiableError("the receipt: a contract that is no digest")
        rules = fields.raw("rules")
        if not isinstance(rules, list) or len(rules) > _MAX_RULES or (outcome == "permitted") != (not rules):
            raise NotVerifiableError("the receipt: rules that do not go with its outcome")
        words: dict[str, Outcome] = {"permitted": "permitted", "denied": "denied", "broken": "broken"}
        return cls(
            fields.digest("crossing"), fields.name("source"), fields.name("destination"),
            fields.name("name"), fields.digest("manifest"), words[outcome],
            tuple(_rule(item) for item in rules), fields.digest("version"), contract,
            fields.text("received"), Head.from_json(fields.raw("ledger")), fields.count("witnessed"),
        )  # fmt: skip


def _rule(item: object) -> GateRule:
    fields = Fields(item, {"id", "reason", "unexpected_count"}, "the receipt's rule")
    return GateRule(fields.text("id"), fields.text("reason"), fields.count("unexpected_count"))


def seal_receipt(receipt: Receipt, identity: Identity) -> bytes:
    """Return the signed envelope."""
    return seal_statement(_statement(receipt), identity)


def _statement(receipt: Receipt) -> dict[str, Any]:
    return make_statement(RECEIPT, [(receipt.name, receipt.version)], receipt.to_json())


def open_receipt(raw: bytes, destination: PublicIdentity) -> tuple[Receipt, str]:
    """Verify an envelope and return its receipt and the digest of its statement.

    Raises:
        NotVerifiableError: it is not a receipt that `destination` signed about itself.
    """
    signed = open_statement(raw, destination, predicate_type=RECEIPT)
    receipt = Receipt.from_json(signed.statement["predicate"])
    if receipt.destination != destination.name:
        raise NotVerifiableError("the receipt: signed by one environment and given in another's name")
    if signed.statement != _statement(receipt):
        raise NotVerifiableError("the receipt: its subject is not what it is about")
    return receipt, signed.digest
