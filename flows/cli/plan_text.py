"""A plan as text for people."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from environments.placement import Exclusion
from flows.runtime.plan import Crossing, Place, Plan, Start
from flows.runtime.program import ChoiceNode, Node, RequireNode, StepNode, SyncNode

__all__ = ["lines_of"]

_INDENT = "    "
_KIB = 1024


def lines_of(plan: Plan) -> Iterator[str]:
    """Yield the lines."""
    yield f"{plan.program.pipeline}, at home in {plan.program.home}"
    yield f"plan {plan.digest}"
    yield f"cost {plan.cost} {plan.currency}, as declared for compute and egress"
    yield ""
    yield "starts from"
    for start in plan.starts:
        yield f"{_INDENT}{_start(start)}"
    yield ""
    yield from _nodes(plan, plan.program.nodes, "")


def _start(start: Start) -> str:
    what = f"{start.parameter}: {start.name} in {start.environment}, {start.contract}"
    if start.ref is None:
        return f"{what}; not there yet"
    rows = "" if start.rows is None else f", {start.rows:,} rows"
    return f"{what}{rows}, {_size(start.size)}, {start.ref.version[:19]}…"


def _size(size: int) -> str:
    return f"{size / _KIB:,.0f} KiB" if size >= _KIB else f"{size} bytes"


def _nodes(plan: Plan, nodes: Iterable[Node], indent: str) -> Iterator[str]:
    for node in nodes:
        if isinstance(node, StepNode):
            yield from _step(node, plan.places[node.id], indent)
        elif isinstance(node, SyncNode):
            yield from _crossing(node, plan.crossings[node.id], indent)
        elif isinstance(node, RequireNode):
            yield f"{indent}{node.sync.node} must be permitted"
        else:
            yield from _choice(plan, node, indent)


def _step(node: StepNode, place: Place, indent: str) -> Iterator[str]:
    why = "pinned by the pipeline" if place.pinned else "chosen: lawful, and the cheapest"
    yield f"{indent}{node.id}@{place.environment}  ({place.step}, {why})"
    for reason in _merged(place.excluded):
        yield f"{indent}{_INDENT}not {reason}"


def _merged(excluded: tuple[Exclusion, ...]) -> Iterator[str]:
    """Yield the reasons against each environment; where the pipeline pins the step, that is the reason."""
    for name in sorted({reason.environment for reason in excluded}):
        mine = [reason for reason in excluded if reason.environment == name]
        for reason in [reason for reason in mine if reason.rule == "pinned"] or mine:
            about = f" {reason.input}:" if reason.input else ""
            yield f"{name}: {reason.rule}:{about} {reason.reason}"


def _crossing(node: SyncNode, crossing: Crossing, indent: str) -> Iterator[str]:
    if crossing.local:
        yield f"{indent}{node.id}: {crossing.asset} is in {crossing.destination} already; nothing crosses"
        return
    path = f"egress@{crossing.source} → ingress@{crossing.destination} → settle@{crossing.source}"
    if node.queued:
        path = f"queue@{crossing.source}, and its pump to {crossing.destination} when the link is there"
    by = ", brought by placement" if crossing.inserted else ""
    yield f"{indent}{node.id}: {path}  ({crossing.asset} for {crossing.purpose}{by})"
    deeper = f"{indent}{_INDENT}"
    if crossing.outcome == "deny":
        for rule, reason in crossing.denials:
            yield f"{deeper}denied by {rule}: {reason}"
        return
    yield f"{deeper}permitted by terms and policy, if the data keeps {crossing.contract}"
    if crossing.approval:
        yield f"{deeper}{crossing.approval} (isthmus approve)"
    if crossing.members:
        yield f"{deeper}all of it arrives, or nothing:"
    for member in crossing.members:
        yield f"{deeper}{member.asset}"
        yield from _arrives(member, deeper + _INDENT)
    if not crossing.members:
        yield from _arrives(crossing, deeper)


def _arrives(crossing: Crossing, deeper: str) -> Iterator[str]:
    """Yield under what an asset arrives, and what becomes of its columns."""
    if crossing.arrival is not None:
        yield f"{deeper}arrives under {crossing.arrival}"
    for line in _asks(crossing):
        yield f"{deeper}{line}"
    kept = [name for name, words in crossing.columns.items() if words == "keep"]
    for name, words in crossing.columns.items():
        if words != "keep":
            yield f"{deeper}{name}: {words}"
    if kept:
        yield f"{deeper}kept: {', '.join(kept)}"


def _asks(crossing: Crossing) -> Iterator[str]:
    """Yield what the terms ask of the rows as a whole: the gate verifies each on the output."""
    if "rows" in crossing.asks:
        yield f"only rows where: {crossing.asks['rows']}"
    anonymity = crossing.asks.get("anonymity")
    if anonymity is not None:
        yield f"at least {anonymity['k']} rows alike in {', '.join(anonymity['quasi_identifiers'])}"
        for name, least in anonymity["distinct"].items():
            yield f"among rows alike, at least {least} values of {name}"
        yield f"at most {anonymity['max_suppressed']:.2%} of the rows left out to reach it"
    cell = crossing.asks.get("minimum_cell")
    if cell is not None:
        yield f"no count below {cell['least']} in {', '.join(cell['columns'])}"


def _choice(plan: Plan, node: ChoiceNode, indent: str) -> Iterator[str]:
    for outcome, arm in node.arms.items():
        result = "" if arm.result is None else f" gives {arm.result}"
        yield f"{indent}when {node.sync.node} is {outcome}:{result or ' nothing'}"
        yield from _nodes(plan, arm.nodes, indent + _INDENT)
