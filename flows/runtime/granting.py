"""Grants for the steps of one run that their environments want signed, by the key of whoever starts it.

Invariants:
1. What a grant lists is what the plan says: a version where the run starts from one, `*` where it makes it.
2. A run whose steps need grants starts from the versions that they list, not from what is latest later.
3. A key that is missing is told before anything runs.

Example:
    >>> read_grants("train.eyJw,score.eyJx")
    {'train': 'eyJw', 'score': 'eyJx'}
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from data_contracts.errors import UsageError
from environments.ref import NAME
from environments.trust.grants import ANY, new_grant, sign_grant
from environments.trust.tokens import ONE_WORD, write_token
from flows.runtime.program import StepNode, walk
from flows.runtime.symbols import Link

if TYPE_CHECKING:
    from environments.home import Home
    from environments.identity.signers import Signer
    from environments.site import Site
    from flows.runtime.pipeline import Pipeline
    from flows.runtime.plan import Plan

__all__ = ["GRANTS", "granted", "needs_grant", "pinned_params", "read_grants", "sign_grants"]

_ONE = rf"{NAME}\.{ONE_WORD}"
GRANTS = rf"(?:{_ONE}(?:,{_ONE}){{0,63}})?"
"""The form of the parameter that holds a run's grants."""


def read_grants(text: object) -> dict[str, str]:
    """Return node to token.

    Raises:
        UsageError: it is not of the one form.
    """
    if not isinstance(text, str) or not re.fullmatch(GRANTS, text):
        raise UsageError("not grants in their one form", remedy="let `isthmus run` write them")
    pairs = [one.partition(".") for one in text.split(",") if one]
    return {node: token for node, _, token in pairs}


def needs_grant(site: Site, pipeline: str) -> bool:
    """Whether any environment wants any step of a pipeline signed."""
    grants = (grant for profile in site.profiles.values() for grant in profile.steps)
    return any(grant.grant and grant.name.startswith(f"{pipeline}.") for grant in grants)


def granted(
    home: Home, site: Site, pipeline: Pipeline, params: Mapping[str, Any], who: str | None
) -> tuple[dict[str, Any], str]:
    """Return a run's parameters, pinned, and its steps' grants, signed by the requester whose key lies here.

    Raises:
        UsageError: no key lies here, or several and none is named.
    """
    from environments.embedded.requesters import requester_here, signer_of
    from flows.runtime.facts import ask_stores
    from flows.runtime.planning import make_plan

    requester = requester_here(home, who)
    if requester is None:
        raise UsageError(
            f"steps of {pipeline.name} need a signed grant, and no requester's key lies in this home",
            remedy="isthmus requester add NAME --from ENV --asset ASSET --to ENV --purpose PURPOSE",
        )
    sources, _ = pipeline.read(params)
    plan = make_plan(pipeline, site, ask_stores(home, site, sources), params, requester=requester)
    now = dt.datetime.now(dt.UTC)
    return pinned_params(plan, params), sign_grants(plan, site, requester, signer_of(home, requester), now)


def sign_grants(plan: Plan, site: Site, requester: str, signer: Signer, now: dt.datetime) -> str:
    """Return the grants of a plan's steps that need one."""
    starts = {start.parameter: start.ref for start in plan.starts}
    signed = []
    for node in walk(plan.program.nodes):
        if not isinstance(node, StepNode):
            continue
        place = plan.places[node.id]
        listed = site.profile(place.environment).grant(place.step)
        if listed is None or not listed.grant:
            continue
        links = {name: value for name, value in node.arguments.items() if isinstance(value, Link)}
        references = {
            name: str(starts[link.node]) if starts.get(link.node) is not None else ANY
            for name, link in links.items()
        }
        grant = new_grant(requester, place.environment, place.step, references, place.purpose, now)
        signed.append(f"{node.id}.{write_token(sign_grant(grant, signer))}")
    return ",".join(signed)


def pinned_params(plan: Plan, params: Mapping[str, Any]) -> dict[str, Any]:
    """Return a run's parameters, with the versions that its plan was made over."""
    return dict(params) | {start.parameter: str(start.ref) for start in plan.starts if start.ref is not None}
