"""The seal: what a worker takes from the server, and why it refuses the rest.

Invariants:
1. Two things are taken: the name of an entry of the local catalogue, and parameters that the entry
   itself accepts. Nothing else that the server says has any effect on what runs.
2. What the environment's file does not list is refused.
3. Parameters hold JSON values only: nothing in them asks for a block, a variable, a template or a
   result to be fetched (`__prefect_kind` and its like).
4. A refusal's text names rules, steps and environments, never a parameter's value.

Example:
    >>> find_marker({"a": [{"__prefect_kind": "jinja"}]})
    '__prefect_kind'
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from data_contracts.errors import UsageError
from environments.workpools.catalogue import Catalogue, Queue, Runnable

if TYPE_CHECKING:
    from environments.profile import Profile

__all__ = ["Admitted", "Request", "admit", "find_marker"]

_DEEPEST = 16
_MARKERS = ("__prefect_", "$ref", "$block")


@dataclass(frozen=True)
class Request:
    """What the server asks for, after its ids were looked up.

    Attributes:
        flow_name: the flow's name.
        deployment_name: the deployment's; None for a run of no deployment.
        queue: the queue that offered it.
        parameters: as they came.
    """

    flow_name: str
    deployment_name: str | None
    queue: str
    parameters: Mapping[str, object]


@dataclass(frozen=True)
class Admitted:
    """A run that this environment will run.

    Attributes:
        runnable: the entry of the catalogue.
        queue: whose slots it takes.
    """

    runnable: Runnable
    queue: Queue


def admit(request: Request, profile: Profile, catalogue: Catalogue) -> Admitted:
    """Admit a run, or refuse it.

    Raises:
        UsageError: it is refused; the text is the reason.
    """
    here = profile.name
    name = _shown(request.flow_name)
    if request.deployment_name is None:
        raise UsageError(f"refused by {here}: the run belongs to no deployment")
    if request.deployment_name != here:
        raise UsageError(f"refused by {here}: the deployment of {name} is for another environment")
    runnable = catalogue.find(request.flow_name)
    if runnable is None or runnable.flow_name != request.flow_name:
        raise UsageError(f"refused by {here}: {name} is not installed here")
    grant = profile.grant(request.flow_name)
    if grant is None:
        raise UsageError(f"refused by {here}: the environment's file does not list {name}")
    if runnable.queue != request.queue:
        raise UsageError(f"refused by {here}: {name} belongs in the queue {runnable.queue}")
    marker = find_marker(request.parameters)
    if marker is not None:
        raise UsageError(f"refused by {here}: the parameters of {name} ask for something to be fetched")
    try:
        runnable.validate(request.parameters, grant)
    except UsageError as refusal:
        raise UsageError(f"refused by {here}: {name}: {refusal}") from None
    return Admitted(runnable, runnable.queue)


def find_marker(value: object, depth: int = 0) -> str | None:
    """Return the key in some JSON value that would have something fetched; None if there is none.

    A value that is nested deeper than any of ours is treated as one that has such a key.
    """
    if depth > _DEEPEST:
        return "depth"
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if any(str(key).startswith(marker) for marker in _MARKERS):
                return str(key)
            found = find_marker(inner, depth + 1)
            if found is not None:
                return found
    elif isinstance(value, list | tuple):
        for inner in value:
            found = find_marker(inner, depth + 1)
            if found is not None:
                return found
    return None


def _shown(text: str) -> str:
    """Return a name of the server's that is safe in a message: short, printable, on one line."""
    return "".join(letter if letter.isprintable() else "?" for letter in text[:64]) or "(no name)"
