"""What is registered with the server: flows, deployments, forms. For people; no worker reads any of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from typing import Any

from data_contracts.digest import digest_json
from environments.profile import Profile, StepGrant
from environments.ref import ASSET
from environments.site import Site
from environments.trust.grants import GRANT_PARAMETER, GRANTS_PARAMETER
from environments.trust.tokens import ONE_WORD, REQUEST_PARAMETER
from flows.deployment.schedules import Schedule, digest_of
from flows.runtime.calls import tags_of
from flows.runtime.catalogue import InstalledCatalogue
from flows.runtime.granting import GRANTS
from flows.runtime.pipeline import Pipeline
from flows.runtime.stepflow import BuiltInRunnable, StepRunnable

__all__ = ["Registration", "Signs", "nobody_signs", "pipeline_registration", "registrations"]

Signs = Callable[[str, str], str]


def nobody_signs(_use: str, _pipeline: str) -> str:
    """Return no token: what runs is nobody's."""
    return ""


@dataclass(frozen=True)
class Registration:
    """One deployment as it shall be.

    Attributes:
        flow: the flow's name.
        environment: the deployment's name, and its work pool's.
        queue: `pipelines` or `steps`.
        description: for people.
        tags: environment, kind, jurisdiction, and what it is.
        form: JSON Schema of the parameters.
        defaults: values with which a run starts that names none.
        schedules: what the site configures.
    """

    flow: str
    environment: str
    queue: str
    description: str
    tags: tuple[str, ...]
    form: dict[str, Any] = field(repr=False)
    defaults: dict[str, Any] = field(repr=False)
    schedules: tuple[Schedule, ...] = ()

    @property
    def name(self) -> str:
        """`hospital.train/cloud`."""
        return f"{self.flow}/{self.environment}"

    @property
    def body(self) -> dict[str, Any]:
        """The document for the server, without flow id and schedules."""
        return {
            "name": self.environment,
            "work_pool_name": self.environment,
            "work_queue_name": self.queue,
            "description": self.description,
            "tags": list(self.tags),
            "parameters": self.defaults,
            "parameter_openapi_schema": self.form,
            "enforce_parameter_schema": True,
        }

    @property
    def version(self) -> str:
        """The deployment's version: ours, a digest of the document, a digest of the configured schedules.

        It says next time whether anything changed, and whether somebody edited the schedules meanwhile.
        """
        body = digest_json(self.body).removeprefix("sha256:")[:12]
        return f"{version('isthmus-hybrid')}+{body}.{digest_of(self.schedules)}"


def registrations(
    site: Site,
    catalogue: InstalledCatalogue,
    schedules: dict[str, tuple[Schedule, ...]],
    signs: Signs = nobody_signs,
) -> Iterator[Registration]:
    """Yield every deployment: what is installed and what some environment's file lists.

    `signs` gives, for `ui` or `schedules` and a pipeline, the token of who asks; empty where nobody does.
    """
    for flow, runnable in sorted(catalogue.entries.items()):
        for profile in site.profiles.values():
            grant = profile.grant(flow)
            if grant is None:
                continue
            if isinstance(runnable, StepRunnable):
                yield _step(site, profile, runnable, grant)
            elif isinstance(runnable, BuiltInRunnable):
                yield _built_in(site, profile, runnable)
            elif (pipeline := catalogue.pipelines[flow]).home == profile.name:
                yield pipeline_registration(site, pipeline, schedules.get(flow, ()), signs)


def pipeline_registration(
    site: Site, pipeline: Pipeline, schedules: tuple[Schedule, ...], signs: Signs = nobody_signs
) -> Registration:
    """Return a pipeline's deployment in its home, whose form works as it opens."""
    properties: dict[str, Any] = {}
    defaults: dict[str, Any] = {}
    for name, asset in pipeline.assets.items():
        defaults[name] = f"{asset.name}@latest"
        properties[name] = {
            "type": "string",
            "title": name,
            "description": (
                f"An asset of {asset.environment}: NAME@latest, which is pinned when the run starts, or "
                "NAME@sha256:… for one version."
            ),
            "pattern": f"^{ASSET}$",
            "default": defaults[name],
            "position": len(properties),
        }
    for name, (kind, default) in pipeline.options.items():
        defaults[name] = kind.write(default)
        about = {"title": name, "default": defaults[name], "position": len(properties)}
        properties[name] = kind.form() | about
    started, scheduled = signs("ui", pipeline.name), signs("schedules", pipeline.name)
    if started or scheduled:
        defaults[REQUEST_PARAMETER] = started
        # What a schedule starts never acts under the key of the UI.
        schedules = tuple(
            replace(one, parameters=dict(one.parameters) | {REQUEST_PARAMETER: scheduled})
            for one in schedules
        )
    return Registration(
        pipeline.name,
        pipeline.home,
        "pipelines",
        pipeline.description,
        (*tags_of(site, pipeline.home), "pipeline"),
        _form(properties, required=[]) | {"patternProperties": _SIGNED},
        defaults,
        schedules,
    )


def _step(site: Site, profile: Profile, runnable: StepRunnable, grant: StepGrant) -> Registration:
    step = runnable.step
    defaults = {name: step.inputs[name].write(value) for name, value in step.defaults.items()}
    properties = {
        name: kind.form(grant.numbers.get(name))
        | {"title": name, "position": position}
        | ({"default": defaults[name]} if name in defaults else {})
        for position, (name, kind) in enumerate(step.inputs.items())
    }
    if grant.grant:
        properties[GRANT_PARAMETER] = {
            "type": "string",
            "title": "grant, signed",
            "pattern": f"^{ONE_WORD}$",
            "position": len(properties),
        }
    return Registration(
        runnable.flow_name,
        profile.name,
        "steps",
        f"{step.description} Runs in {profile.name}, for {step.purpose}.".strip(),
        (*tags_of(site, profile.name), "step"),
        _form(properties, required=[name for name in step.inputs if name not in defaults]),
        defaults,
    )


def _built_in(site: Site, profile: Profile, runnable: BuiltInRunnable) -> Registration:
    step = runnable.step
    properties = {
        name: kind.form() | {"title": name, "position": position}
        for position, (name, kind) in enumerate(step.parameters.items())
    }
    return Registration(
        runnable.flow_name,
        profile.name,
        "steps",
        f"{step.description} Built in; {profile.name}'s side of a crossing.",
        (*tags_of(site, profile.name), "built-in"),
        _form(properties, required=[name for name in step.parameters if name not in step.optional]),
        {},
    )


_SIGNED = {
    f"^{REQUEST_PARAMETER}$": {"type": "string", "pattern": f"^(?:{ONE_WORD})?$"},
    f"^{GRANTS_PARAMETER}$": {"type": "string", "pattern": f"^(?:{GRANTS})?$"},
}
"""Who asks, and the grants of a pipeline's steps. Patterns show in no form: nobody types a signature."""


def _form(properties: dict[str, Any], required: list[str]) -> dict[str, Any]:
    return {
        "title": "Parameters",
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": False,
        "definitions": {},
    }
