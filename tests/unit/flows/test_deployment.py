"""What is registered: forms that work as they open, schedules that say what they mean."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest

from data_contracts.errors import UsageError
from environments.site import Site
from flows.deployment.documents import registrations
from flows.deployment.schedules import Schedule, digest_of, read_schedules
from flows.runtime.catalogue import build_catalogue


@pytest.fixture(scope="module")
def registered() -> dict[str, Any]:
    site = Site.load()
    hourly = (Schedule(interval=3600.0),)
    return {item.name: item for item in registrations(site, build_catalogue(site), {"hospital": hourly})}


def test_each_environment_has_what_its_file_lists_and_nothing_else(registered: dict[str, Any]) -> None:
    listed = {
        f"{grant.name}/{profile.name}" for profile in Site.load().profiles.values() for grant in profile.steps
    }
    assert set(registered) == listed


def test_forms_are_filled_in_with_what_works(registered: dict[str, Any]) -> None:
    form = registered["hospital/onprem"]
    assert form.defaults == {"tests": "covid_tests@latest", "newest": "clinic_tests@latest"}
    jsonschema.validate(form.defaults, form.form)
    for wrong in ({"tests": "covid tests"}, {"tests": "covid_tests@1"}, {"other": "x"}, {"tests": 3}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(form.defaults | wrong, form.form)
    # What is signed may be handed over, and no form shows it.
    assert list(form.form["properties"]) == ["tests", "newest"]
    jsonschema.validate(form.defaults | {"isthmus_request": ""}, form.form)


def test_every_document_is_json_with_a_description_tags_and_the_right_queue(
    registered: dict[str, Any],
) -> None:
    for item in registered.values():
        json.dumps(item.body)
        assert item.description
        assert {tag.partition(":")[0] for tag in item.tags} >= {"pool", "kind", "jurisdiction"}
        assert item.queue == ("steps" if "." in item.flow else "pipelines")
        assert "entrypoint" not in item.body
        assert "pull_steps" not in item.body


def test_a_version_changes_with_document_or_schedule_only(registered: dict[str, Any]) -> None:
    site = Site.load()
    again = {item.name: item for item in registrations(site, build_catalogue(site), {})}
    assert again["hospital.train/cloud"].version == registered["hospital.train/cloud"].version
    assert again["hospital/onprem"].version != registered["hospital/onprem"].version


def test_schedules_are_read_from_the_site() -> None:
    table = {"p": [{"cron": "0 6 * * *", "timezone": "Europe/Berlin"}, {"interval": 60, "active": False}]}
    first, second = read_schedules(table, ["p"])["p"]
    assert (first.words, second.words) == ("cron 0 6 * * * Europe/Berlin", "every 60 s (inactive)")
    assert Schedule.from_server(first.to_server()) == first
    anchored = second.to_server()
    anchored["schedule"]["anchor_date"] = "2026-01-01T00:00:00Z"
    assert digest_of([Schedule.from_server(anchored)]) == digest_of([second])
    assert digest_of([first, second]) == digest_of([second, first]) != digest_of([first])


@pytest.mark.parametrize(
    "entry",
    [
        {},
        {"cron": "0 6 * * *", "interval": 60},
        {"cron": "often"},
        {"interval": 0},
        {"interval": "60"},
        {"interval": True},
        {"cron": "0 6 * * *", "timezone": "Mars/Olympus"},
        {"interval": 60, "every": 3},
        {"interval": 60, "parameters": 3},
        "daily",
    ],
)
def test_what_is_no_schedule_is_refused(entry: object) -> None:
    with pytest.raises(UsageError, match=r"\[schedules\.p\]"):
        read_schedules({"p": entry}, ["p"])


def test_a_schedule_of_no_pipeline_is_refused() -> None:
    with pytest.raises(UsageError, match="of no pipeline"):
        read_schedules({"q": {"interval": 60}}, ["p"])


def test_runs_act_under_the_keys_that_the_site_names() -> None:
    """What the UI starts has one token, a schedule its own, or that of nobody."""
    site = Site.load()
    catalogue, hourly = (
        build_catalogue(site),
        (Schedule(interval=3600.0, parameters={"tests": "covid_tests"}),),
    )

    def made(signs: dict[str, str]) -> Any:
        def sign(use: str, pipeline: str) -> str:
            return f"{signs[use]}-{pipeline}" if use in signs else ""

        found = registrations(site, catalogue, {"hospital": hourly}, sign)
        return next(item for item in found if item.name == "hospital/onprem")

    nobody, ui, both = made({}), made({"ui": "console"}), made({"ui": "console", "schedules": "nightly"})
    assert "isthmus_request" not in nobody.defaults
    assert nobody.schedules == hourly
    assert ui.defaults["isthmus_request"] == "console-hospital"
    assert [item.parameters["isthmus_request"] for item in ui.schedules] == [""]
    assert [item.parameters["isthmus_request"] for item in both.schedules] == ["nightly-hospital"]
    assert both.schedules[0].parameters["tests"] == "covid_tests"
    for item in (ui, both):
        jsonschema.validate(item.defaults, item.form)
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(item.defaults | {"isthmus_request": "anna; rm"}, item.form)
