"""Telling a purpose that nothing permits from one that nobody ever named.

The first is a question for the gate, which denies it and records that it did. The second is a typing
error, told to whoever typed it before anything is asked. Nothing is permitted here: the gate decides
by terms and rules alone, whatever this module says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from data_contracts.errors import UsageError
from environments.fields import nearest
from environments.ref import check_name
from environments.site import Site
from flows.runtime.errors import PlanError
from flows.runtime.pipeline import Pipeline
from flows.runtime.program import Program, SyncNode, walk

__all__ = ["check_program", "check_purpose"]


def check_purpose(site: Site, purpose: str, pipelines: Callable[[], Iterable[Pipeline]]) -> str:
    """Return the purpose, if a contract, an environment, a step or the site's list names it.

    `pipelines` loads them, for their steps; it is asked only where no declaration names the purpose.

    Raises:
        UsageError: nobody does; the text lists the known ones.
    """
    check_name(purpose, "--purpose")
    if purpose not in site.purposes and purpose not in (known := _known(site, pipelines())):
        raise UsageError(_says(purpose), remedy=_remedy(purpose, known))
    return purpose


def check_program(site: Site, pipeline: Pipeline, program: Program) -> None:
    """Do the same for every crossing that a pipeline writes.

    Raises:
        PlanError: a crossing's purpose is nowhere named.
    """
    known = _known(site, [pipeline])
    for node in walk(program.nodes):
        if isinstance(node, SyncNode) and node.purpose not in known:
            raise PlanError(_says(node.purpose), node.place, remedy=_remedy(node.purpose, known))


def _known(site: Site, pipelines: Iterable[Pipeline]) -> frozenset[str]:
    steps = (step for pipeline in pipelines for step in pipeline.steps.values())
    return site.purposes | {step.purpose for step in steps}


def _says(purpose: str) -> str:
    return f"nothing here is for the purpose {purpose!r}"


def _remedy(purpose: str, known: frozenset[str]) -> str:
    close = nearest(purpose, known)
    meant = f"did you mean {close}? " if close else ""
    return (
        f"{meant}the known ones are: {', '.join(sorted(known))}; "
        "a new one is named by a contract's terms, or under [purposes] in site.toml"
    )
