"""One side's account of its crossings with one peer: what its ledger says was sent and what came, signed.

It holds ids, names of assets, digests and outcomes: metadata that both sides have seen already in manifests
and receipts. A peer compares it with its own ledger.

Invariants:
1. An account is believed only if the peer's key that counts now signed the digest of its lists, for this
   side, and if the ledger head in it contains every head of that peer that was witnessed here.
2. Reading one changes nothing; making one writes down only which head was shown.

Example:
    >>> told = seal_account(onprem, "cloud")
    >>> open_account(cloud, "onprem", told).sent[crossing].outcome
    'permitted'
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from data_contracts.digest import digest_bytes
from data_contracts.errors import NotVerifiableError
from environments.boundary import EnvironmentContext
from environments.boundary.crossing import SET
from environments.boundary.envelope import make_statement, open_statement, seal_statement
from environments.boundary.looking import refers
from environments.ledger import Entry, Head, check_head
from environments.stores.record import canonical_list

__all__ = ["Account", "Came", "Sent", "open_account", "read_accounts", "seal_account"]

_TYPE = "https://isthmus.invalid/account/v1"
_KEYS = {"environment", "peer", "lists", "ledger"}


@dataclass(frozen=True)
class Sent:
    """A crossing by its source's ledger.

    Attributes:
        name: the asset.
        version: what the destination shall hold.
        manifests: digests of every manifest that was signed for it.
        outcome: `open`, `permitted`, `denied`, `broken`, or `withdrawn`: taken back before an answer came.
    """

    name: str
    version: str
    manifests: tuple[str, ...]
    outcome: str


@dataclass(frozen=True)
class Came:
    """A crossing that was committed, by its destination's ledger.

    Attributes:
        name: the asset.
        version: what was committed.
        manifest: the digest of the manifest that it came under.
        members: of a set, each asset and version, where the ledger names them; peers are not told.
    """

    name: str
    version: str
    manifest: str
    members: tuple[tuple[str, str], ...] = ()

    @property
    def versions(self) -> tuple[tuple[str, str], ...]:
        """What the store must have of it, as far as the ledger says so."""
        return self.members or (((self.name, self.version),) if self.name != SET else ())


@dataclass(frozen=True)
class Account:
    """What one side says of its crossings with one peer, by crossing.

    Attributes:
        sent: to the peer.
        came: from the peer.
        refers: for each asset, the crossing whose chunks the next one to the peer will not send again.
    """

    sent: dict[str, Sent] = field(default_factory=dict)
    came: dict[str, Came] = field(default_factory=dict)
    refers: dict[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return the lists."""
        return {
            "sent": [[id_, s.name, s.version, list(s.manifests), s.outcome] for id_, s in self.sent.items()],
            "came": [[id_, c.name, c.version, c.manifest] for id_, c in self.came.items()],
            "refers": [[name, crossing] for name, crossing in self.refers.items()],
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Account:
        """Read lists that were signed.

        Raises:
            NotVerifiableError: they are not what `to_json` writes.
        """
        try:
            sent = {i: Sent(name, version, tuple(m), o) for i, name, version, m, o in value["sent"]}
            came = {i: Came(name, version, m) for i, name, version, m in value["came"]}
            return cls(sent, came, {name: crossing for name, crossing in value["refers"]})  # noqa: C416 - pairs
        except (KeyError, TypeError, ValueError):
            raise NotVerifiableError("a peer's account: not the lists that belong there") from None


def read_accounts(entries: Iterable[Entry]) -> dict[str, Account]:
    """Return the account with each peer that a ledger names."""
    found: dict[str, Account] = {}
    for entry in entries:
        body = entry.body
        if "crossing" not in body:
            continue
        crossing, outcome = str(body["crossing"]), str(body.get("outcome", ""))
        if entry.kind == "egress":
            _asked(found.setdefault(str(body["destination"]), Account()), crossing, outcome, body)
        elif entry.kind == "settle" and outcome != "failed":
            account = found.setdefault(str(body["destination"]), Account())
            if crossing in account.sent:
                sent = account.sent[crossing]
                account.sent[crossing] = Sent(sent.name, sent.version, sent.manifests, outcome)
        elif entry.kind == "ingress" and outcome == "permitted":
            members = tuple((str(name), str(version)) for name, version in body.get("members", ()))
            came = Came(str(body["name"]), str(body["version"]), str(body["manifest"]), members)
            found.setdefault(str(body["source"]), Account()).came[crossing] = came
    return found


def _asked(account: Account, crossing: str, outcome: str, body: Mapping[str, Any]) -> None:
    before = account.sent.get(crossing)
    if outcome == "permitted":
        manifests = (*(before.manifests if before else ()), str(body["manifest"]))
        account.sent[crossing] = Sent(str(body["name"]), str(body["version"]), manifests, "open")
    elif (
        before is not None and before.outcome == "open" and outcome == "denied" and "not_before" not in body
    ):  # what was sent was taken back; what was answered is not
        account.sent[crossing] = Sent(before.name, before.version, before.manifests, "withdrawn")


def seal_account(env: EnvironmentContext, peer: str, account: Account) -> dict[str, Any]:
    """Return the account for one peer, signed, as a JSON object."""
    lists = replace(account, refers=refers(env, peer)).to_json()
    digest = digest_bytes(canonical_list(lists))
    predicate = {
        "environment": env.name,
        "peer": peer,
        "lists": digest,
        "ledger": env.ledger.show(peer).to_json(),
    }
    envelope = seal_statement(make_statement(_TYPE, [(env.name, digest)], predicate), env.identity)
    return {"envelope": envelope.decode("ascii"), "lists": lists}


def open_account(env: EnvironmentContext, peer: str, told: Mapping[str, Any]) -> Account:
    """Verify a peer's account.

    Raises:
        NotVerifiableError: the peer did not sign it for this side, or its ledger is not the one that was
            witnessed here.
    """
    what = f"{peer}'s account"
    public = env.peer_identity(peer)
    envelope, lists = told.get("envelope"), told.get("lists")
    if not isinstance(envelope, str) or not isinstance(lists, Mapping):
        raise NotVerifiableError(f"{what}: not an account")
    predicate = open_statement(envelope.encode(), public, predicate_type=_TYPE).statement["predicate"]
    if not isinstance(predicate, Mapping) or set(predicate) != _KEYS:
        raise NotVerifiableError(f"{what}: its fields are not the expected ones")
    if (predicate["environment"], predicate["peer"]) != (peer, env.name):
        raise NotVerifiableError(f"{what}: it is another's, or for another")
    if predicate["lists"] != digest_bytes(canonical_list(lists)):
        raise NotVerifiableError(f"{what}: its lists are not the ones that were signed")
    check_head(env.folder.ledger, public, Head.from_json(predicate["ledger"]))
    return Account.from_json(lists)
