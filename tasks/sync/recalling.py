"""The built-in steps of a recall, thin over `environments.boundary.recall`.

Each runs in one environment. What they return are digests, counts and names of environments: which versions
went, the ledger of whoever asked says.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from environments.trust.tokens import REQUEST_PARAMETER, read_token
from tasks.steps.errors import BrokenRule
from tasks.sync.answer import Answer
from tasks.sync.side import Side

__all__ = ["erase", "recall", "recall_settle"]


def recall(side: Side, given: Mapping[str, Any]) -> Answer:
    """Ask every destination of one version to erase it; or refuse to, with the rules."""
    from environments.boundary import recall as boundary

    token = given.get(REQUEST_PARAMETER)
    signed = None if token is None else read_token(token)
    again = given.get("again", False)
    asked = boundary.recall(side.gate(), given["asset"], given["version"], signed, again=again)
    rules = tuple(BrokenRule(rule.id, rule.reason, rule.unexpected_count) for rule in asked.rules)
    results = {"recall": asked.recall, "unreached": len(asked.unreached)} | _requests(asked.requests)
    return Answer(results, asked.outcome, rules)


def erase(side: Side, given: Mapping[str, Any]) -> Answer:
    """Verify a request, erase what it is about or lawfully refuse, pass it on, and sign the answer."""
    from environments.boundary import recall as boundary

    done = boundary.erase(side.gate(), given["source"], given["recall"])
    counts = {"erased": len(done.erased), "remaining": len(done.remaining), "shared": done.shared}
    return Answer({"recall": done.request} | counts, done.outcome)


def recall_settle(side: Side, given: Mapping[str, Any]) -> Answer:
    """Verify the answer to a request, if there is one, and record it."""
    from environments.boundary import recall as boundary

    settled = boundary.settle_recall(side.gate(), given["to"], given["recall"])
    counts = {"erased": settled.erased, "remaining": settled.remaining}
    return Answer({"recall": given["recall"]} | counts | _requests(settled.forwarded), settled.outcome)


def _requests(requests: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """Return the results that name environments and the requests to them, in order."""
    found = list(requests)
    told: dict[str, Any] = {"requests": len(found)}
    for number, (environment, request) in enumerate(found, 1):
        told |= {f"to-{number}": environment, f"request-{number}": request}
    return told
