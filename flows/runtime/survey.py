"""Walking a program with contracts in hand: what lies where, under what, and what would cross.

One walk serves two questions. Without places it says what placement must know; with places it says
what every crossing will do and puts in those that the places bring.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from data_contracts.anonymity import would_leave
from data_contracts.destination import UNATTRIBUTED
from data_contracts.errors import UsageError
from data_contracts.labels import Labels, join
from data_contracts.model import Contract
from data_contracts.policy import CrossingRequest, Decision
from environments.engine import load_engine
from environments.placement import DataNeed, Ruling, StepNeed
from environments.site import Site
from flows.runtime.errors import PlanError
from flows.runtime.forecast import Holding, arrival_of, forecast, spent, together
from flows.runtime.plan import Crossing
from flows.runtime.program import (
    ARRIVED,
    Arm,
    ChoiceNode,
    Node,
    Program,
    RequireNode,
    StepNode,
    SyncNode,
)
from flows.runtime.symbols import Link
from tasks.steps.definition import AnyStep, Made

__all__ = ["Survey"]


class Survey:
    """One walk over a program."""

    def __init__(
        self,
        program: Program,
        steps: Mapping[str, AnyStep],
        site: Site,
        sources: Mapping[str, Holding],
        places: Mapping[str, str] | None = None,
        *,
        requester: str = UNATTRIBUTED,
    ) -> None:
        """Begin with the assets to start from, by parameter; `places` by step call once known."""
        self._requester = requester
        self._program, self._steps, self._site, self._places = program, steps, site, places
        self._engine = load_engine(site)
        self._held: dict[Link, Holding] = {Link(name, "ref"): held for name, held in sources.items()}
        self.needs: list[StepNeed] = []
        self.crossings: dict[str, Crossing] = {}
        self.reasons: dict[tuple[str, str], str] = {}
        """(all reasons of a ruling, rule) to the reason of that rule."""
        self.nodes = self._block(program.nodes, {})

    def _block(self, nodes: tuple[Node, ...], arrived: dict[tuple[Link, str, str], Link]) -> tuple[Node, ...]:
        """Walk one block; `arrived` holds the crossings that this block and those around it brought."""
        known, done = dict(arrived), []
        for node in nodes:
            if isinstance(node, StepNode):
                done += self._step(node, known)
            elif isinstance(node, SyncNode):
                self._sync(node)
                done.append(node)
            elif isinstance(node, RequireNode):
                for link, asked in zip(node.arrived, node.asked, strict=True):
                    self._held[link] = self._held[asked]
                done.append(node)
            else:
                done.append(self._choice(node, known))
        return tuple(done)

    # Steps

    def _step(self, node: StepNode, known: dict[tuple[Link, str, str], Link]) -> list[Node]:
        step = self._steps[node.step]
        environment = node.pinned if self._places is None else self._places[node.id]
        if self._places is None:
            self.needs.append(self._need(node, step))
        before: list[Node] = []
        inputs: dict[str, Holding] = {}
        arguments = dict(node.arguments)
        for name, link in node.arguments.items():
            held = self._held.get(link) if isinstance(link, Link) else None
            if held is None:
                continue
            if environment is not None and held.environment not in (None, environment):
                held, arguments[name] = self._bring(node, name, link, environment, known, before)
            inputs[name] = held
        self._make(node, step, environment, inputs)
        return [*before, replace(node, arguments=arguments)]

    def _bring(
        self,
        node: StepNode,
        name: str,
        link: Link,
        environment: str,
        known: dict[tuple[Link, str, str], Link],
        before: list[Node],
    ) -> tuple[Holding, Link]:
        purpose = self._steps[node.step].purpose
        key = (link, environment, purpose)
        if key not in known:
            sync = SyncNode(f"{node.id}-{name}", link, environment, purpose, inserted=True, place=node.place)
            self._sync(sync)
            before.append(sync)
            known[key] = Link(sync.id, ARRIVED)
        return self._held[known[key]], known[key]

    def _make(
        self, node: StepNode, step: AnyStep, environment: str | None, inputs: Mapping[str, Holding]
    ) -> None:
        size = int(sum(held.size for held in inputs.values()) * step.needs.output_share)
        for name, made in step.outputs.items():
            if made.like is None:
                contract, inherits = self._site.contracts.get(str(made.contract)), None
            elif made.like in inputs:
                contract, inherits = inputs[made.like].contract, made.like
            else:
                raise PlanError(f"{step.name}: {made.like} is no asset here", node.place)
            # A pinned step's place is known; its contract is, once it is known where its input was.
            sure = environment is not None and (inherits is None or inputs[inherits].environment is not None)
            self._held[Link(node.id, name)] = Holding(
                title=f"{node.id}.{name}",
                contract=contract,
                labels=join(contract.labels, *_sticking(made, contract, inputs)),
                size=size,
                environment=environment if sure else None,
                producer=None if sure else node.id,
                inherits=None if sure else inherits,
            )

    def _need(self, node: StepNode, step: AnyStep) -> StepNeed:
        listed = f"{self._program.pipeline}.{step.name}"
        needs = []
        for name, link in node.arguments.items():
            held = self._held.get(link) if isinstance(link, Link) else None
            if held is not None:
                needs.append(
                    DataNeed(
                        name=name,
                        data=str(link),
                        source=held.environment,
                        producer=None if held.environment is not None else held.producer,
                        size=held.size,
                        rulings=self._rulings(held, step.purpose),
                        inherits=held.inherits,
                    )
                )
        return StepNeed(
            id=node.id,
            step=listed,
            purpose=step.purpose,
            inputs=tuple(needs),
            hours=step.needs.hours,
            accelerator=step.needs.accelerator,
            latency_ms=step.needs.latency_ms,
            pinned=node.pinned,
            refused=self._refused(node, step, listed),
        )

    def _refused(self, node: StepNode, step: AnyStep, listed: str) -> dict[str, Ruling]:
        found: dict[str, Ruling] = {}
        for name, profile in self._site.profiles.items():
            grant = profile.grant(listed)
            for parameter, value in node.arguments.items():
                kind = step.inputs[parameter]
                if grant is None or not kind.number or isinstance(value, Link):
                    continue
                try:
                    kind.parse(value, parameter, grant.numbers.get(parameter))
                except UsageError as error:
                    found[name] = Ruling(lawful=False, rules=("number",), reason=str(error))
        return found

    def _rulings(self, held: Holding, purpose: str) -> dict[tuple[str, str], Ruling]:
        names = sorted(self._site.profiles)
        sources = [held.environment] if held.environment is not None else names
        return {
            (source, destination): self._ruling(self._decide(held, source, destination, purpose))
            for source in sources
            for destination in names
            if source != destination
        }

    def _ruling(self, decision: Decision) -> Ruling:
        denials = decision.denials
        together = "; ".join(rule.reason for rule in denials)
        self.reasons.update({(together, rule.id): rule.reason for rule in denials})
        return Ruling(decision.permitted, tuple(rule.id for rule in denials), together)

    # Crossings

    def _decide(self, held: Holding, source: str, destination: str, purpose: str) -> Decision:
        return self._engine.decide(
            CrossingRequest(
                contract=held.contract,
                source=self._site.profile(source).destination(),
                destination=self._site.profile(destination).destination(),
                purpose=purpose,
                labels=held.labels,
                organisation=self._site.organisation,
                requester=self._requester,
            )
        )

    def _sync(self, node: SyncNode) -> None:
        self._site.profile(node.to)
        arrived = node.arrived or (None,) * len(node.refs)
        members = [self._member(node, *way) for way in zip(node.refs, arrived, strict=True)]
        found = tuple(member for member in members if member is not None)
        if len({member.source for member in found}) > 1:
            raise PlanError(
                f"{'queue' if node.queued else 'sync'}() of a set with members in different environments",
                node.place,
                remedy="one crossing has one source: bring them together first, or ask for each source's own",
            )
        if len(found) == len(members):
            self.crossings[node.id] = together(found) if node.more else found[0]

    def _member(self, node: SyncNode, ref: Link, arrived: Link | None) -> Crossing | None:
        """Return what one asset's crossing will do; None while it is not known where the asset will be."""
        held = self._held.get(ref)
        if held is None:
            raise PlanError("a crossing of what is no asset", node.place)
        if held.environment == node.to:
            if arrived is not None:
                self._held[arrived] = held
            return Crossing(
                held.title, node.to, node.to, node.purpose, held.contract.reference,
                held.contract.reference, "local", size=held.size, inserted=node.inserted,
            )  # fmt: skip
        destination = self._site.profile(node.to).destination()
        arrival, labels = arrival_of(held.contract, destination, node.purpose), held.labels
        crossing = None
        if held.environment is not None:
            decision = self._decide(held, held.environment, node.to, node.purpose)
            labels = decision.labels if decision.permitted else held.labels
            crossing = forecast(node, held, decision, arrival, destination)
            rule = self._site.profile(held.environment).approval
            if rule is not None and crossing.outcome != "deny":
                crossing = replace(crossing, approval=rule.words(node.purpose))
        if arrived is not None:
            self._held[arrived] = Holding(
                str(arrived), arrival or spent(held.contract), labels, held.size, node.to
            )
        return crossing

    # Branches

    def _choice(self, node: ChoiceNode, known: dict[tuple[Link, str, str], Link]) -> ChoiceNode:
        arms = {name: Arm(self._block(arm.nodes, known), arm.result) for name, arm in node.arms.items()}
        results = [self._held[arm.result] for arm in arms.values() if arm.result is not None]
        if len(results) == len(arms):
            self._held[Link(node.id, "chosen")] = self._agreed(node, results)
        return replace(node, arms=arms)

    def _agreed(self, node: ChoiceNode, results: list[Holding]) -> Holding:
        first = results[0]
        if any(held.environment is None for held in results):
            raise PlanError(
                "an arm of when() returns what a step makes whose place is not known",
                node.place,
                remedy="pin the steps in the arms: step.on(ENVIRONMENT)(…)",
            )
        if any((held.environment, held.contract.digest) != (first.environment, first.contract.digest)
               for held in results):  # fmt: skip
            raise PlanError(
                "the arms of when() end in different environments or under different contracts",
                node.place,
                remedy="let every arm return an asset of one environment and one contract",
            )
        return replace(
            first,
            title=f"{node.id}",
            labels=join(*(held.labels for held in results)),
            size=max(held.size for held in results),
        )


def _sticking(made: Made, contract: Contract, inputs: Mapping[str, Holding]) -> list[Labels]:
    """Return what sticks of each input to an output, if the step does what it declares."""
    return [
        would_leave(held.labels, held.contract, contract) if name == made.lowers else held.labels
        for name, held in inputs.items()
    ]
