"""A declared environment: what its file says, as frozen types.

Invariants:
1. A profile exists only if its whole file was valid (`environments.loading` makes it).
2. What is not listed is refused: a step without a grant, a number without bounds, a peer, purpose or
   contract that no crossing rule names. `"*"` is the one way to say "any", and it is written out.
3. A profile holds no secret, pickles, and its public part (`to_json`) may be shown to every peer.

Example:
    >>> steps = (StepGrant("hospital.train"),)
    >>> cloud = Profile("cloud", "cloud", "DE", Classification.CONFIDENTIAL, steps=steps)
    >>> cloud.grant("hospital.train").numbers, cloud.grant("hospital.aggregate")
    ({}, None)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

from data_contracts.destination import Destination, TransferRule
from data_contracts.labels import Classification
from environments.approval import Approval
from environments.boundaries import BoundaryLimits, Direction
from environments.holds import Hold
from environments.outbox.limits import USUAL_OUTBOX, OutboxLimits
from environments.transits import TransitSpec

__all__ = [
    "AzureStoreSpec",
    "Capacity",
    "Cost",
    "DaskSpec",
    "Kind",
    "MetricsSpec",
    "Offers",
    "Profile",
    "S3StoreSpec",
    "StepGrant",
    "StoreSpec",
]

Kind = Literal["onprem", "cloud", "edge"]
CACHE = 16 * 1024**3
"""Bytes of local copies where the file does not say."""


@dataclass(frozen=True)
class DaskSpec:
    """The environment's Dask cluster.

    Attributes:
        kind: `embedded` (started by `isthmus up`) or `external` (an existing one).
        address: `tls://host:port` of an external scheduler; None for an embedded one.
        ca: the external cluster's CA certificate; None for an embedded one.
        cert: our client certificate there.
        key: its private key.
    """

    kind: Literal["embedded", "external"] = "embedded"
    address: str | None = None
    ca: Path | None = None
    cert: Path | None = None
    key: Path | None = None


@dataclass(frozen=True)
class StoreSpec:
    """The environment's store, on a disk of its machine: `store: local`, or `store: {path: FOLDER}`.

    Attributes:
        path: where it lies; None for the environment's own folder.
    """

    path: Path | None = None


@dataclass(frozen=True)
class S3StoreSpec:
    """The environment's store in a bucket of S3, or of what speaks as S3 does: `store: {kind: s3, …}`.

    Attributes:
        bucket: its name.
        region: its region.
        credentials: the file with `access_key_id`, `secret_access_key` and perhaps `session_token`.
        prefix: what every name in it begins with; the environment's name follows. Empty for none.
        endpoint: the server; empty for Amazon's in that region.
        cache: bytes that local copies of its files may take.
    """

    bucket: str
    region: str
    credentials: Path = field(repr=False)
    prefix: str = ""
    endpoint: str = ""
    cache: int = CACHE


@dataclass(frozen=True)
class AzureStoreSpec:
    """The environment's store in a container of Azure Blob Storage: `store: {kind: azure, …}`.

    Attributes:
        account: the storage account.
        container: its name.
        credentials: the file with `account_key` or `sas_token`.
        prefix: what every name in it begins with; the environment's name follows. Empty for none.
        endpoint: the server; empty for Azure's of that account.
        cache: bytes that local copies of its files may take.
    """

    account: str
    container: str
    credentials: Path = field(repr=False)
    prefix: str = ""
    endpoint: str = ""
    cache: int = CACHE


@dataclass(frozen=True)
class Capacity:
    """What may run at once.

    Attributes:
        workers: least and most Dask workers; Dask's adaptive logic moves between them.
        threads: of each Dask worker.
        memory: bytes of each Dask worker.
        pipelines: pipelines that may run at once.
        steps: steps that may run at once.
    """

    workers: tuple[int, int] = (1, 1)
    threads: int = 1
    memory: int = 1024**3
    pipelines: int = 4
    steps: int = 4


@dataclass(frozen=True)
class Cost:
    """Declared prices, exact.

    Attributes:
        compute_hour: of one hour of compute.
        egress_gib: destination (or `*`) to the price of one GiB that leaves for it.
        currency: ISO 4217 code of both.
    """

    compute_hour: Decimal = Decimal(0)
    egress_gib: Mapping[str, Decimal] = field(default_factory=dict)
    currency: str = "EUR"


@dataclass(frozen=True)
class Offers:
    """What the environment has for steps that ask for it.

    Attributes:
        accelerators: `gpu`, `npu`, `tpu`.
        latency_ms: how soon an answer reaches whoever asked, in milliseconds; None is unknown.
    """

    accelerators: frozenset[str] = frozenset()
    latency_ms: float | None = None


@dataclass(frozen=True)
class MetricsSpec:
    """Where the environment's numbers can be scraped: `metrics: {port: 9464}`; without it, nowhere.

    Attributes:
        port: 1024 to 65535; 0 takes a free one, which `isthmus status` names.
        host: the address to listen on. There is no password and no TLS: leave it on loopback, or put a proxy
            that has both in front.
    """

    port: int
    host: str = "127.0.0.1"


@dataclass(frozen=True)
class StepGrant:
    """One step or pipeline that the environment runs, and the numbers that it takes.

    Attributes:
        name: `PIPELINE.STEP`, or `PIPELINE` for a pipeline whose home this is.
        numbers: parameter to its least and greatest value; a number that is not named is refused.
        grant: `required`: each run of the step needs a grant that a requester's key signed.
    """

    name: str
    numbers: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    grant: str = ""


@dataclass(frozen=True)
class Profile:
    """One environment, as its file declares it.

    Attributes:
        name: the environment's, and its work pool's, name.
        kind: `onprem`, `cloud` or `edge`.
        jurisdiction: ISO 3166-1 country, optionally with its subdivision (`DE`, `US-PA`).
        clearance: the highest classification that may arrive.
        description: one sentence for people.
        dask: its cluster.
        store: its store.
        capacity: what may run at once.
        cost: its prices.
        offers: accelerators and latency.
        steps: what it runs; anything else is refused.
        egress: its own rule for what leaves; empty denies.
        ingress: its own rule for what arrives; empty denies.
        approval: what leaves only after a second person's word; by default nothing needs it.
        holds: what may not be erased for now, by a recall or as an old version.
        transits: where it meets its peers; a peer that is not listed is met in the common home.
        boundaries: how much may move, how fast and when; what is not listed is not limited.
        outbox: how much may wait to be sent, and for how long.
        metrics: where its numbers can be scraped; by default nowhere.
        file: the file that declares it.
    """

    name: str
    kind: Kind
    jurisdiction: str
    clearance: Classification
    description: str = ""
    dask: DaskSpec = DaskSpec()
    store: StoreSpec | S3StoreSpec | AzureStoreSpec = StoreSpec()
    capacity: Capacity = Capacity()
    cost: Cost = Cost()
    offers: Offers = Offers()
    steps: tuple[StepGrant, ...] = ()
    egress: tuple[TransferRule, ...] = ()
    ingress: tuple[TransferRule, ...] = ()
    approval: Approval | None = None
    holds: tuple[Hold, ...] = ()
    transits: tuple[TransitSpec, ...] = ()
    boundaries: tuple[BoundaryLimits, ...] = ()
    outbox: OutboxLimits = USUAL_OUTBOX
    metrics: MetricsSpec | None = None
    file: str = ""

    @property
    def work_pool(self) -> str:
        """The Prefect work pool: the environment's name (design §4)."""
        return self.name

    def grant(self, step: str) -> StepGrant | None:
        """Return the grant of a step or pipeline; None where the file does not list it."""
        return next((grant for grant in self.steps if grant.name == step), None)

    def transit_with(self, peer: str) -> TransitSpec | None:
        """Return what the file declares for a peer; None for the common home."""
        return next((transit for transit in self.transits if transit.peer == peer), None)

    def limits_with(self, peer: str, direction: Direction) -> BoundaryLimits | None:
        """Return what the file limits of what moves to, or from, a peer; None where it limits nothing."""
        about = (limits for limits in self.boundaries if limits.peer == peer and limits.about(direction))
        return next(about, None)

    def destination(self) -> Destination:
        """Return this environment as a contract's terms and the policy see one side of a crossing."""
        return Destination(
            environment=self.name,
            kind=self.kind,
            jurisdiction=self.jurisdiction,
            clearance=self.clearance,
            egress=self.egress,
            ingress=self.ingress,
        )

    def to_json(self) -> dict[str, Any]:
        """Return the public declaration, as JSON values."""
        return {
            "name": self.name,
            "kind": self.kind,
            "jurisdiction": self.jurisdiction,
            "clearance": self.clearance.word,
            "description": self.description,
            "capacity": {
                "workers": list(self.capacity.workers),
                "threads": self.capacity.threads,
                "memory": self.capacity.memory,
            },
            "cost": {
                "compute_hour": str(self.cost.compute_hour),
                "egress_gib": {name: str(price) for name, price in self.cost.egress_gib.items()},
                "currency": self.cost.currency,
            },
            "offers": {
                "accelerators": sorted(self.offers.accelerators),
                "latency_ms": self.offers.latency_ms,
            },
            "steps": [grant.name for grant in self.steps],
        }
