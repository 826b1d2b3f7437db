"""Who decides: one small interface that both gates call, and today's rules as its first implementation.

Invariants of every engine (`tests/contract_suites/policy_suite.py` asks them of each):
1. It is total: every request has a decision, and no request is an error.
2. It denies by default: what is taken away from a request, or put in its place, never turns *deny* into
   *permit*.
3. It is a function of the request: the same request has the same decision with the same digest, in every
   process. No clock, file or randomness is asked.
4. A permission is one of every rule that it names.

A site's own engine narrows: what the shipped rules deny stays denied, and what they oblige to stays obliged.

Example:
    >>> Narrowing(mine).decide(request).permitted <= SHIPPED_RULES.decide(request).permitted
    True
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

from data_contracts.policy import CrossingRequest, Decision, DecisionRule, decide

__all__ = ["SHIPPED_RULES", "Narrowing", "PolicyEngine", "ShippedRules"]


class PolicyEngine(Protocol):
    """Decides crossings; the module's text says what is asked of it."""

    def decide(self, request: CrossingRequest) -> Decision:
        """Return the decision, with every rule named."""


@dataclass(frozen=True)
class ShippedRules:
    """Contract terms, both sides' own rules, clearance, the organisation's rule, and who asks."""

    def decide(self, request: CrossingRequest) -> Decision:
        """Decide by `data_contracts.policy`."""
        return decide(request)


SHIPPED_RULES = ShippedRules()


@dataclass(frozen=True)
class Narrowing:
    """The shipped rules, and beside them an engine of a site's own, which may only deny what they permit.

    Attributes:
        engine: the site's; its rules stand in the decision as `policy.ID`.
    """

    engine: PolicyEngine

    def decide(self, request: CrossingRequest) -> Decision:
        """Decide by both: permitted is what both permit, in the form that the shipped rules give it."""
        shipped, own = SHIPPED_RULES.decide(request), self.engine.decide(request)
        rules = [replace(rule, id=f"policy.{rule.id}") for rule in own.rules]
        if not own.rules or (own.outcome == "deny" and not own.denials):
            # No rule of its own speaks: without one that permits there is no permission.
            rules.append(DecisionRule("policy.unnamed", "deny", "the site's policy engine names no rule"))
        together = (*shipped.rules, *rules)
        if shipped.permitted and all(rule.effect == "permit" for rule in together):
            return replace(shipped, rules=together)
        return Decision("deny", together, labels=request.labels)
