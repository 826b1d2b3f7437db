"""What may run is what is installed: by path, under names of its own, all problems told with their lines."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from data_contracts.errors import DeclarationError, UsageError
from environments.profile import StepGrant
from environments.site import SHIPPED_PROFILES, Site
from flows.runtime.catalogue import build_catalogue, find_pipeline
from flows.runtime.stepflow import StepRunnable
from tasks.steps import DaskCluster

FLOW = '''
from flows.runtime import AssetRef, latest, pipeline
from tasks.steps import StepRun, step

@step(purpose="statistics")
def count(run: StepRun, tests: AssetRef, share: float = 0.5) -> int:
    """Count."""
    return 1

@pipeline(home="onprem")
def NAME(tests: AssetRef = latest("covid_tests", environment="onprem")) -> None:
    count(tests)
'''
REF = {
    "name": "covid_tests",
    "environment": "onprem",
    "version": "sha256:" + "a" * 64,
    "contract": "hospital.covid-tests@1.0.0",
}


@pytest.fixture
def site_with(tmp_path: Path) -> Callable[..., Site]:
    def make(**files: str) -> Site:
        shutil.copytree(SHIPPED_PROFILES, tmp_path / "environments", dirs_exist_ok=True)
        (tmp_path / "flows").mkdir(exist_ok=True)
        for name, text in files.items():
            (tmp_path / "flows" / f"{name}.py").write_text(text, encoding="utf-8")
        return Site.load(tmp_path)

    return make


def test_the_shipped_catalogue_has_the_hospital_its_steps_and_the_built_in_ones() -> None:
    catalogue = build_catalogue(Site.load())
    assert {"hospital", "hospital.train", "isthmus.egress", "isthmus.pin"} <= set(catalogue.entries)
    assert all(entry.flow_name == name for name, entry in catalogue.entries.items())
    assert catalogue.find("hospital.Train") is None
    assert {entry.queue for name, entry in catalogue.entries.items() if "." in name} == {"steps"}
    assert catalogue.entries["hospital"].queue == "pipelines"


def test_a_sites_flow_files_are_loaded_by_path(site_with: Callable[..., Site]) -> None:
    site = site_with(anything=FLOW.replace("NAME", "mine"))
    catalogue = build_catalogue(site)
    assert "mine.count" in catalogue.entries
    assert find_pipeline(site, "mine").home == "onprem"
    module = catalogue.pipelines["mine"].fn.__module__
    assert module.startswith("isthmus_site_anything_")


def test_a_file_called_like_one_of_our_packages_shadows_nothing(site_with: Callable[..., Site]) -> None:
    import tasks

    before = tasks.__file__
    build_catalogue(site_with(tasks=FLOW.replace("NAME", "mine")))
    assert tasks.__file__ == before


def test_every_file_that_cannot_be_loaded_is_told_with_its_line(site_with: Callable[..., Site]) -> None:
    site = site_with(one="\n\nraise ValueError('no')", two="def broken(:\n")
    with pytest.raises(DeclarationError) as caught:
        build_catalogue(site)
    assert [(Path(item.file).name, item.line) for item in caught.value.problems] == [
        ("one.py", 3),
        ("two.py", 1),
    ]


def test_two_pipelines_of_one_name_are_an_error(site_with: Callable[..., Site]) -> None:
    with pytest.raises(UsageError, match="second pipeline is named hospital"):
        build_catalogue(site_with(one=FLOW.replace("NAME", "hospital")))
    with pytest.raises(UsageError, match="no pipeline is named 'nobody'"):
        find_pipeline(Site.load(), "nobody")


def test_a_steps_parameters_are_checked_before_anything_runs(site_with: Callable[..., Site]) -> None:
    runnable = build_catalogue(site_with(one=FLOW.replace("NAME", "mine"))).find("mine.count")
    assert isinstance(runnable, StepRunnable)
    grant = StepGrant("mine.count", {"share": (0, 1)})
    assert runnable.validate({"tests": REF}, grant)["share"] == 0.5
    assert runnable.validate({"tests": REF, "share": 1}, grant)["share"] == 1.0
    wrong: list[dict[str, object]] = [
        {},
        {"tests": "covid_tests@latest"},
        {"tests": REF | {"command": "id"}},
        {"tests": REF, "share": 2},
        {"tests": REF, "share": "0.5"},
        {"tests": REF, "command": "id"},
    ]
    for parameters in wrong:
        with pytest.raises(UsageError):
            runnable.validate(parameters, grant)
    with pytest.raises(UsageError, match="without bounds"):
        runnable.validate({"tests": REF, "share": 0.5}, None)


def test_built_in_steps_take_names_and_digests_only() -> None:
    runnable = build_catalogue(Site.load()).find("isthmus.egress")
    assert runnable is not None
    good: dict[str, object] = {
        "asset": "covid_tests",
        "version": "sha256:" + "a" * 64,
        "to": "cloud",
        "purpose": "marketing",
        "request": "run-7/sync-2",
    }
    assert runnable.validate(good, None) == good
    for key, value in (
        ("asset", "../x"),
        ("version", "latest"),
        ("to", 3),
        ("request", "a b"),
        ("request", ""),
    ):
        with pytest.raises(UsageError):
            runnable.validate(good | {key: value}, None)
    with pytest.raises(UsageError, match="without parameters request"):
        runnable.validate({key: value for key, value in good.items() if key != "request"}, None)


def test_a_sites_own_function_runs_on_a_cluster_that_has_not_got_its_file(
    site_with: Callable[..., Site],
) -> None:
    from distributed import Client, LocalCluster

    helper = "import math\ndef mean_and_more(numbers, more):\n    return math.fsum(numbers) / 2 + more\n"
    site = site_with(own=FLOW.replace("NAME", "mine") + helper)
    function = vars(sys.modules[find_pipeline(site, "mine").fn.__module__])["mean_and_more"]
    with (
        LocalCluster(n_workers=1, threads_per_worker=1, processes=True, dashboard_address=None) as cluster,
        Client(cluster, set_as_default=False) as client,
    ):
        client.wait_for_workers(1, timeout=60)
        shutil.rmtree(site.flow_files[0].parent)
        over = DaskCluster(client, workers=1)
        assert over.map(function, [[1, 2], [3, 5]], 10) == [11.5, 14]
        assert over.hold(function, [[1, 2]], 10).map(function_of_held) == [23.0]


def function_of_held(value: float) -> float:
    return value * 2
