"""Everything that is installed here and may run: the shipped pipelines, the site's, and the built-in steps.

Invariants:
1. Code comes from this installation and from the site's own directory, by path; nothing is looked up
   by a name that a server said, and nothing is fetched.
2. Two pipelines of one name are an error, not a choice.
3. Loading starts no thread: it happens before forks.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType

import cloudpickle

from data_contracts.digest import digest_bytes
from data_contracts.errors import DeclarationError, Problem, UsageError
from environments.site import Site
from environments.workpools.catalogue import Runnable
from flows.runtime.pipeline import Pipeline
from flows.runtime.pipelineflow import PipelineRunnable
from flows.runtime.stepflow import BuiltInRunnable, StepRunnable
from tasks.sync import BUILT_IN

__all__ = ["SHIPPED", "InstalledCatalogue", "build_catalogue", "find_pipeline", "load_pipelines"]

SHIPPED = ("flows.bank.pipeline", "flows.factory.pipeline", "flows.hospital.pipeline")


@dataclass(frozen=True)
class InstalledCatalogue:
    """Entries by flow name."""

    entries: Mapping[str, Runnable] = field(repr=False)
    pipelines: Mapping[str, Pipeline] = field(repr=False)

    def find(self, flow_name: str) -> Runnable | None:
        """Return the entry of exactly that name."""
        return self.entries.get(flow_name)


def build_catalogue(site: Site) -> InstalledCatalogue:
    """Load every pipeline that ships and that the site has.

    Raises:
        DeclarationError: a flow file cannot be loaded; all of them are told.
        UsageError: two pipelines have one name.
    """
    pipelines = load_pipelines(site)
    entries: dict[str, Runnable] = {
        f"isthmus.{name}": BuiltInRunnable(step) for name, step in BUILT_IN.items()
    }
    for pipeline in pipelines.values():
        entries[pipeline.name] = PipelineRunnable(pipeline, site)
        for step in pipeline.steps.values():
            entries[f"{pipeline.name}.{step.name}"] = StepRunnable(pipeline.name, step)
    return InstalledCatalogue(entries, pipelines)


def load_pipelines(site: Site) -> dict[str, Pipeline]:
    """Return every pipeline by name.

    Raises:
        DeclarationError: a flow file cannot be loaded.
        UsageError: two pipelines have one name, or one is called `isthmus`.
    """
    modules = [importlib.import_module(name) for name in SHIPPED]
    problems: list[Problem] = []
    for path in site.flow_files:
        try:
            modules.append(_load(path))
        except Exception as error:  # noqa: BLE001 - whatever the user's file raises is told with its place
            problems.append(_problem(path, error))
    if problems:
        raise DeclarationError(problems)
    found: dict[str, Pipeline] = {}
    for module in modules:
        for value in vars(module).values():
            if isinstance(value, Pipeline) and found.setdefault(value.name, value) is not value:
                raise UsageError(
                    f"{module.__file__}: a second pipeline is named {value.name}", remedy="rename one of them"
                )
    if "isthmus" in found:
        raise UsageError("a pipeline is named isthmus, as the built-in steps are", remedy="rename it")
    return dict(sorted(found.items()))


def find_pipeline(site: Site, name: str) -> Pipeline:
    """Return one pipeline.

    Raises:
        UsageError: none has this name; the text lists those that there are.
    """
    pipelines = load_pipelines(site)
    if name not in pipelines:
        known = ", ".join(pipelines) or "none"
        raise UsageError(f"no pipeline is named {name!r}", remedy=f"there are: {known}")
    return pipelines[name]


def _load(path: Path) -> ModuleType:
    """Load one of the site's files by its path, under a name that no installed module can have."""
    name = f"isthmus_site_{path.stem}_{digest_bytes(str(path).encode())[7:19]}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    cloudpickle.register_pickle_by_value(module)  # its steps run where this file may not be: see DaskCluster
    return module


def _problem(path: Path, error: Exception) -> Problem:
    line, trace = 0, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == str(path):
            line = trace.tb_lineno
        trace = trace.tb_next
    if isinstance(error, SyntaxError) and error.filename == str(path):
        line = error.lineno or 0
    return Problem(str(path), line, 0, "", f"{type(error).__name__}: {error}", "a file that can be imported")
