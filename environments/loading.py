"""Environment files to profiles: every mistake of every file at once.

Invariants:
1. Profiles come out only if no file has a problem; each problem names file, line and what was expected.
2. Nothing is guessed: an unknown key, a value of another type, a second environment of one name and a
   second currency are problems. An empty allow list stays empty, and denies.
3. Nothing is read but the files, and, for an external cluster, whether its certificates exist.

Example:
    >>> load_profiles(Path(__file__).parent / "profiles")["cloud"].clearance.word
    'confidential'
"""

from __future__ import annotations

from pathlib import Path
from typing import cast

from data_contracts.destination import TransferRule
from data_contracts.errors import DeclarationError, Problem
from data_contracts.labels import Classification
from data_contracts.yamlsource import load_yaml
from environments.asking_fields import ANY_NAME, read_approval, read_requesters
from environments.boundary_fields import read_boundaries, unknown_peers
from environments.fields import Fields
from environments.fields import Path as Place
from environments.holds import read_holds
from environments.metrics_fields import read_metrics
from environments.outbox_fields import read_outbox, unknown_destinations
from environments.profile import Capacity, Cost, DaskSpec, Kind, Offers, Profile, StepGrant
from environments.ref import NAME
from environments.store_fields import read_store
from environments.transit_fields import disagreements, read_transits

__all__ = ["CONTRACT_ID", "load_profiles"]

_NAME = rf"(?=.{{1,63}}$){NAME}"
_A_NAME = "lower-case letters, digits, '_' and '-', at most 63, starting with a letter"
_STEP = rf"{_NAME}(?:\.{NAME})?"
CONTRACT_ID = r"[a-z0-9]+(?:[._-][a-z0-9]+)*|\*"
_KINDS = ("onprem", "cloud", "edge")
_ACCELERATORS = r"gpu|npu|tpu"
_KEYS = (
    "name",
    "kind",
    "description",
    "jurisdiction",
    "clearance",
    "dask",
    "store",
    "capacity",
    "cost",
    "offers",
    "steps",
    "egress",
    "ingress",
    "approval",
    "holds",
    "transits",
    "boundaries",
    "outbox",
    "metrics",
)
_REQUIRED = ("name", "kind", "jurisdiction", "clearance", "steps")


def load_profiles(directory: Path) -> dict[str, Profile]:
    """Read every environment file of a folder; the profiles come by name, sorted.

    Raises:
        DeclarationError: there is no file, or any of them has any problem.
    """
    problems: list[Problem] = []
    found: list[tuple[Profile, Fields]] = []
    files = sorted(path for path in directory.glob("*.y*ml") if path.suffix in {".yaml", ".yml"})
    if not files:
        problems.append(Problem(str(directory), 0, 0, "", "no environment file", "one NAME.yaml each"))
    for path in files:
        try:
            fields = Fields(load_yaml(path))
        except DeclarationError as error:
            problems += error.problems
            continue
        found.append((_profile(fields), fields))
    names = {profile.name for profile, _ in found}
    for profile, fields in found:
        unknown_peers(profile.name, profile.boundaries, fields, names)
        unknown_destinations(profile.name, profile.outbox, fields, names)
        problems += fields.problems
    problems += _across(found)
    if problems:
        raise DeclarationError(
            problems, remedy="mend the files; `isthmus init` writes one that explains each key"
        )
    return {profile.name: profile for profile, _ in sorted(found, key=lambda pair: pair[0].name)}


def _across(found: list[tuple[Profile, Fields]]) -> list[Problem]:
    """Return the problems that only several files together have."""
    problems: list[Problem] = []
    first: dict[str, Profile] = {}
    for profile, fields in found:
        other = first.setdefault(profile.name, profile)
        if other is not profile and profile.name:
            message = f"a second environment with the name {profile.name!r} (the first: {other.file})"
            problems.append(fields.source.problem(("name",), message, "a name of its own"))
        currency = found[0][0].cost.currency
        if profile.cost.currency != currency:
            message = f"prices in {profile.cost.currency}, where {found[0][0].file} has {currency}"
            problems.append(fields.source.problem(("cost", "currency"), message, "one currency for all"))
    return problems + disagreements({profile.name: (profile.transits, fields) for profile, fields in found})


def _profile(fields: Fields) -> Profile:
    fields.mapping((), _KEYS, _REQUIRED)
    words = [level.word for level in Classification]
    name = fields.text(("name",), _NAME, _A_NAME)
    return Profile(
        name=name,
        kind=cast("Kind", fields.choice(("kind",), _KINDS, "edge")),
        jurisdiction=fields.text(
            ("jurisdiction",), r"[A-Z]{2}(-[A-Z0-9]{1,3})?", "an ISO 3166 code such as DE or US-PA"
        ),
        clearance=Classification.parse(fields.choice(("clearance",), words, "public")),
        description=fields.text(("description",), r"[^\n]{1,200}", "one line of at most 200 characters"),
        dask=_dask(fields),
        store=read_store(fields),
        capacity=_capacity(fields),
        cost=_cost(fields),
        offers=_offers(fields),
        steps=_steps(fields),
        egress=_rules(fields, "egress", "to"),
        ingress=_rules(fields, "ingress", "from"),
        approval=read_approval(fields),
        holds=read_holds(fields),
        transits=read_transits(fields),
        boundaries=read_boundaries(fields),
        outbox=read_outbox(fields),
        metrics=read_metrics(fields),
        file=fields.source.file,
    )


def _beside(fields: Fields, place: Place, what: str) -> Path | None:
    """Read a path, relative to the file that names it, of a file that must exist."""
    text = fields.text(place, r"[^\x00-\x1f]+", what)
    if not text:
        return None
    path = (Path(fields.source.file).parent / Path(text).expanduser()).resolve()
    if not path.is_file():
        fields.complain(place, f"no file {path}", what)
    return path


def _dask(fields: Fields) -> DaskSpec:
    value = fields.get(("dask",))
    if value is None or value == "embedded":
        return DaskSpec()
    if not isinstance(value, dict):
        fields.complain(
            ("dask",), "not a cluster", "`embedded`, or address, ca, cert and key of an existing one"
        )
        return DaskSpec()
    keys = ("address", "ca", "cert", "key")
    fields.mapping(("dask",), keys, keys)
    return DaskSpec(
        kind="external",
        address=fields.text(("dask", "address"), r"tls://[^\s/:]+:[0-9]{1,5}", "tls://HOST:PORT"),
        ca=_beside(fields, ("dask", "ca"), "the cluster's CA certificate (PEM)"),
        cert=_beside(fields, ("dask", "cert"), "our client certificate there (PEM)"),
        key=_beside(fields, ("dask", "key"), "its private key (PEM)"),
    )


def _capacity(fields: Fields) -> Capacity:
    fields.mapping(("capacity",), ("workers", "threads", "memory", "pipelines", "steps"))
    workers: Place = ("capacity", "workers")
    fields.mapping(workers, ("min", "max"))
    least = fields.integer((*workers, "min"), low=1, high=1024, default=1)
    most = fields.integer((*workers, "max"), low=1, high=1024, default=least)
    if most < least:
        fields.complain((*workers, "max"), f"{most} is less than min, {least}", f"{least} or more")
    return Capacity(
        workers=(least, most),
        threads=fields.integer(("capacity", "threads"), low=1, high=256, default=1),
        memory=fields.size(("capacity", "memory"), default=Capacity().memory),
        pipelines=fields.integer(("capacity", "pipelines"), low=1, high=1024, default=4),
        steps=fields.integer(("capacity", "steps"), low=1, high=1024, default=4),
    )


def _cost(fields: Fields) -> Cost:
    fields.mapping(("cost",), ("currency", "compute_hour", "egress_gib"))
    place: Place = ("cost", "egress_gib")
    value = fields.get(place)
    if value is not None and not isinstance(value, dict):
        fields.complain(place, "not prices by destination", 'such as {cloud: 0.09, "*": 0.12}')
    prices = value if isinstance(value, dict) else {}
    return Cost(
        compute_hour=fields.amount(("cost", "compute_hour")),
        egress_gib={destination: fields.amount((*place, destination)) for destination in prices},
        currency=fields.text(("cost", "currency"), r"[A-Z]{3}", "an ISO 4217 code such as EUR", "EUR"),
    )


def _offers(fields: Fields) -> Offers:
    fields.mapping(("offers",), ("accelerators", "latency_ms"))
    latency = fields.number(("offers", "latency_ms"), "milliseconds, more than zero")
    if latency is not None and latency <= 0:
        fields.complain(("offers", "latency_ms"), f"{latency} is not more than zero", "milliseconds")
    return Offers(
        frozenset(fields.texts(("offers", "accelerators"), _ACCELERATORS, "gpu, npu or tpu")), latency
    )


def _steps(fields: Fields) -> tuple[StepGrant, ...]:
    grants: dict[str, StepGrant] = {}
    for index, item in enumerate(fields.items(("steps",), "steps")):
        place: Place = ("steps", index)
        numbers: dict[str, tuple[float, float]] = {}
        where, grant = place, ""
        if isinstance(item, dict):
            fields.mapping(place, ("name", "numbers", "grant"), ("name",))
            numbers = _numbers(fields, (*place, "numbers"))
            grant = fields.choice((*place, "grant"), ("required",), "")
            where = (*place, "name")
        name = fields.text(where, _STEP, "PIPELINE.STEP, or PIPELINE for one whose home this is")
        if name in grants:
            fields.complain(where, f"{name!r} stands here twice", "each step once")
        if grant and ("." not in name or name.startswith("isthmus.")):
            fields.complain((*place, "grant"), "only a step of a pipeline takes a grant", "PIPELINE.STEP")
        if name:
            grants[name] = StepGrant(name, numbers, grant)
    return tuple(grants.values())


def _numbers(fields: Fields, place: Place) -> dict[str, tuple[float, float]]:
    value = fields.get(place)
    if value is None:
        return {}
    expected = "PARAMETER: {min: …, max: …}"
    if not isinstance(value, dict):
        fields.complain(place, "not bounds by parameter", expected)
        return {}
    bounds: dict[str, tuple[float, float]] = {}
    for parameter in value:
        here = (*place, parameter)
        fields.mapping(here, ("min", "max"), ("min", "max"))
        least, most = fields.number((*here, "min"), expected), fields.number((*here, "max"), expected)
        if least is None or most is None:
            continue
        if most < least:
            fields.complain((*here, "max"), f"{most} is less than min, {least}", f"{least} or more")
        bounds[parameter] = (least, most)
    return bounds


def _rules(fields: Fields, direction: str, peer: str) -> tuple[TransferRule, ...]:
    rules: list[TransferRule] = []
    keys = (peer, "purposes", "contracts")
    for index in range(len(fields.items((direction,), f"rules with {peer}, purposes and contracts"))):
        place: Place = (direction, index)
        fields.mapping(place, (*keys, "requesters"), keys)
        rules.append(
            TransferRule(
                environments=fields.texts((*place, peer), ANY_NAME, 'environments, or "*"'),
                purposes=fields.texts((*place, "purposes"), ANY_NAME, 'purposes, or "*"'),
                contracts=fields.texts((*place, "contracts"), CONTRACT_ID, 'ids of contracts, or "*"'),
                requesters=read_requesters(fields, place),
            )
        )
    return tuple(rules)
