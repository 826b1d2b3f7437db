"""A rehearsal: what an egress would do, done up to where it would write into the transit.

Invariants:
1. Nothing is sent, sealed, signed or recorded. The output lies in the environment's own `tmp` for as long as
   it is measured; what stays is what the environment remembers of its own work (`economy`), such as that this
   version keeps its contract, so that the crossing itself need not find it out again.
2. It asks the same rules of the same bytes as the egress, by the same code. The destination's answer is its
   own: it decides again, by its own copies.

Example:
    >>> rehearse(env, CrossingRequest("covid_tests", version, "cloud", "model-training", "rehearsal")).outcome
    'broken'
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from environments.boundary.approving import unapproved
from environments.boundary.asking import decide, resolve
from environments.boundary.context import EnvironmentContext
from environments.boundary.crossing import CrossingRequest
from environments.boundary.economy import held_now
from environments.boundary.outbox import Outbox
from environments.boundary.preparing import Output, contents_of, prepare
from environments.boundary.result import EgressResult, GateRule

__all__ = ["rehearse"]


def rehearse(env: EnvironmentContext, request: CrossingRequest, signed: bytes | None = None) -> EgressResult:
    """Return how the egress would end; `size` counts the plaintext of what the destination lacks.

    Raises:
        UsageError: no such asset, version or environment.
        NotVerifiableError: the store does not hold what it recorded.
        UnreachableError: the disk refuses.
    """
    env.progress("egress.request")
    asked = resolve(env, request, signed, rehearsal=True)
    env.progress("egress.decide")
    decision = decide(env, asked)
    if not decision.permitted:
        return EgressResult(asked.crossing, "denied", decision.denials)
    given = unapproved(env, asked, decision, rehearsal=True)
    if isinstance(given, GateRule):
        return EgressResult(asked.crossing, "denied", (given,))
    hold = held_now(env, "send", request.destination)
    if hold is not None:
        rule = GateRule(hold.rule, hold.reason)
        return EgressResult(asked.crossing, "denied", (rule,), not_before=hold.until)
    with tempfile.TemporaryDirectory(prefix="rehearsal-", dir=env.folder.tmp) as work:
        found = prepare(env, asked, lambda: Path(work))
        outputs = [each for each in found if isinstance(each, Output)]
        if len(outputs) != len(asked.members):
            rules = tuple(each for each in found if isinstance(each, GateRule))
            return EgressResult(asked.crossing, "broken", rules)
        outbox = Outbox.of(env.folder, asked.crossing)
        contents = contents_of(asked, outputs, decision, outbox)
        return EgressResult(
            asked.crossing,
            "permitted",
            size=sum(part.size for part in contents.parts()),
            rows=sum(output.rows for output in outputs),
            arrival=outputs[0].arrival.reference if len(outputs) == 1 else "",
            version=contents.version,
        )
