"""From a pipeline and what its assets are to a plan: trace, ask placement, walk again with the answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from data_contracts.destination import UNATTRIBUTED
from data_contracts.errors import NotVerifiableError, UsageError
from data_contracts.labels import Labels
from data_contracts.model import Contract
from data_contracts.projection import project
from environments.placement import EnvironmentOffer, Placement, PlacementProblem, place
from environments.placement.result import money
from environments.profile import Profile
from environments.ref import AssetRef
from environments.site import Site
from flows.runtime.forecast import Holding
from flows.runtime.pipeline import Pipeline
from flows.runtime.plan import Place, Plan, Start
from flows.runtime.program import Program, SourceAsset, StepNode, walk
from flows.runtime.purposes import check_program
from flows.runtime.survey import Survey

__all__ = ["AssetFacts", "make_plan", "resolve_contract"]


@dataclass(frozen=True)
class AssetFacts:
    """What a store says of one version: metadata only.

    Attributes:
        ref: the version.
        contract_digest: of the contract that it was committed under.
        labels: the store's own record of them.
        size: bytes.
        rows: None where it has none.
    """

    ref: AssetRef
    contract_digest: str
    labels: Labels
    size: int
    rows: int | None


def resolve_contract(site: Site, reference: str, digest: str) -> Contract:
    """Find a contract, or compute the arrival contract, that a store's record names.

    Raises:
        UsageError: the site knows no such contract.
        NotVerifiableError: what the site has under this name says something else.
    """
    contract = _known(site, reference)
    if contract.digest != digest:
        raise NotVerifiableError(
            f"{reference}: the asset's contract and the site's differ",
            remedy="give the changed contract a new version, and add or cross the asset again",
        )
    return contract


def _known(site: Site, reference: str) -> Contract:
    name, _, version = reference.partition("@")
    source, _, tail = name.rpartition(".")
    source, _, destination = source.rpartition(".")
    if name not in site.contracts.ids() and destination in site.profiles and source in site.contracts.ids():
        base = site.contracts.get(f"{source}@{version}")
        return project(base, site.profiles[destination].destination(), tail)
    return site.contracts.get(reference)


def make_plan(
    pipeline: Pipeline,
    site: Site,
    facts: Mapping[str, AssetFacts],
    given: Mapping[str, object] | None = None,
    *,
    requester: str = UNATTRIBUTED,
) -> Plan:
    """Plan one run of a pipeline.

    Args:
        pipeline: what to run.
        site: its environments and contracts.
        facts: what the stores say of the assets to start from, by parameter; one that is absent is
            planned by the contract that its `latest(…)` names.
        given: the run's parameters.
        requester: who asks; what that requester may ask is each gate's to say.

    Raises:
        PlanError: the pipeline's text cannot be planned, or names a purpose that nothing else does.
        PlacementRefused: a step has no lawful place.
        UsageError: an environment, contract or asset that it names is not there.
    """
    if site.profile(pipeline.home).grant(pipeline.name) is None:
        raise UsageError(
            f"{pipeline.home} does not list the pipeline {pipeline.name}",
            remedy=f"add `- {pipeline.name}` under `steps` in the environment's file",
        )
    program = pipeline.trace(given)
    check_program(site, pipeline, program)
    starts = tuple(_start(pipeline, site, source, facts.get(source.parameter)) for source in program.sources)
    sources = {start.parameter: _holding(site, start, facts.get(start.parameter)) for start in starts}
    survey = Survey(program, pipeline.steps, site, sources, requester=requester)
    offers = tuple(_offer(profile) for profile in site.profiles.values())
    placement = place(PlacementProblem(offers, tuple(survey.needs)))
    final = Survey(
        program,
        pipeline.steps,
        site,
        sources,
        places={choice.step: choice.environment for choice in placement.chosen},
        requester=requester,
    )
    return Plan(
        program=Program(program.pipeline, program.home, program.sources, final.nodes),
        starts=starts,
        places=_places(survey, placement),
        crossings=final.crossings,
        outputs={
            node.id: tuple(pipeline.steps[node.step].results)
            for node in walk(final.nodes)
            if isinstance(node, StepNode)
        },
        cost=money(placement.cost),
        currency=placement.currency,
    )


def _start(pipeline: Pipeline, site: Site, source: SourceAsset, facts: AssetFacts | None) -> Start:
    site.profile(source.environment)
    if facts is not None:
        return Start(
            source.parameter,
            source.name,
            source.environment,
            facts.ref,
            facts.ref.contract,
            facts.contract_digest,
            facts.size,
            facts.rows,
        )
    hint = pipeline.assets[source.parameter].contract
    if hint is None:
        raise UsageError(
            f"{source.environment} has no asset {source.name}",
            remedy=f"isthmus asset add FILE --env {source.environment} --name {source.name} --contract ID",
        )
    contract = site.contracts.get(hint)
    return Start(source.parameter, source.name, source.environment, None, contract.reference, contract.digest)


def _holding(site: Site, start: Start, facts: AssetFacts | None) -> Holding:
    contract = resolve_contract(site, start.contract, start.contract_digest)
    labels = contract.labels if facts is None else facts.labels
    return Holding(start.parameter, contract, labels, start.size, start.environment)


def _offer(profile: Profile) -> EnvironmentOffer:
    return EnvironmentOffer(
        name=profile.name,
        steps=frozenset(grant.name for grant in profile.steps),
        compute_hour=profile.cost.compute_hour,
        egress_gib=dict(profile.cost.egress_gib),
        accelerators=profile.offers.accelerators,
        latency_ms=profile.offers.latency_ms,
        currency=profile.cost.currency,
    )


def _places(survey: Survey, placement: Placement) -> dict[str, Place]:
    needs = {need.id: need for need in survey.needs}
    return {
        choice.step: Place(
            step=needs[choice.step].step,
            environment=choice.environment,
            pinned=needs[choice.step].pinned is not None,
            purpose=needs[choice.step].purpose,
            compute_cost=money(choice.compute_cost),
            excluded=tuple(
                replace(reason, reason=survey.reasons.get((reason.reason, reason.rule), reason.reason))
                for reason in choice.excluded
            ),
        )
        for choice in placement.chosen
    }
