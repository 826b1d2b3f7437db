"""The schemas for editors: every file that ships keeps them, and mistakes that editors can see do not."""

from __future__ import annotations

import copy
import json
import tomllib
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from referencing import Registry

from data_contracts.registry import CATALOG
from data_contracts.yamlsource import load_yaml
from environments import loading
from environments.site import SHIPPED_PROFILES, Site
from flows.cli.init import TEMPLATE, write_site
from flows.cli.schemas import editor_schemas

ROOT = Path(__file__).parents[3]
OFFICIAL = Path(__file__).parents[1] / "data_contracts" / "odcs_examples"
SCHEMAS = {name.partition(".")[0]: json.loads(text) for name, text in editor_schemas().items()}
FILES: list[tuple[str, Path]] = [
    *(
        ("environment", path)
        for path in (*SHIPPED_PROFILES.glob("*.yaml"), *TEMPLATE.glob("environments/*.yaml"))
    ),
    *(
        ("contract", path)
        for path in (*CATALOG.glob("*.odcs.yaml"), *TEMPLATE.glob("data_contracts/*.odcs.yaml"))
    ),
    *(("contract", path) for path in OFFICIAL.glob("*.odcs.yaml")),
    *(("samples", path) for path in (*CATALOG.glob("*.samples.yaml"), *TEMPLATE.glob("*/*.samples.yaml"))),
    ("site", TEMPLATE / "site.toml"),
]


def validator(kind: str) -> Any:
    return jsonschema.Draft201909Validator(SCHEMAS[kind], registry=Registry())


def value(path: Path) -> Any:
    return tomllib.loads(path.read_text()) if path.suffix == ".toml" else load_yaml(path).data


@pytest.mark.parametrize("kind", SCHEMAS)
def test_a_schema_is_one_and_refers_to_nothing_outside(kind: str) -> None:
    jsonschema.Draft201909Validator.check_schema(SCHEMAS[kind])
    assert (ROOT / "docs" / "schemas" / f"{kind}.schema.json").is_file()
    assert json.dumps(SCHEMAS[kind]).count('"$ref": "http') == 0


@pytest.mark.parametrize(("kind", "path"), FILES, ids=lambda item: getattr(item, "name", item))
def test_every_file_that_ships_keeps_its_schema(kind: str, path: Path) -> None:
    assert [error.message for error in validator(kind).iter_errors(value(path))] == []


def test_a_written_site_names_its_schemas_and_holds_them(tmp_path: Path) -> None:
    write_site(tmp_path / "site")
    for path in (tmp_path / "site").rglob("*"):
        if path.suffix not in {".yaml", ".toml"}:
            continue
        first = path.read_text().splitlines()[0]
        named = first.removeprefix("# yaml-language-server: $schema=").removeprefix("#:schema ")
        assert (path.parent / named).is_file(), path
    assert Site.load(tmp_path / "site").contracts.get("clinic.readings")


def test_the_organisations_schema_takes_what_is_read_and_no_more() -> None:
    line = {"from": ["onprem"], "to": ["*"], "purposes": ["care"], "contracts": ["a.b", "*"]}
    schema = validator("organisation")
    assert schema.is_valid({"version": 1, "transfers": [line]})
    assert schema.is_valid({"version": 1, "transfers": []})
    for wrong in (
        {"version": 2, "transfers": []},
        {"version": 1},
        {"version": 1, "transfers": [{"to": ["*"]}]},
    ):
        assert not schema.is_valid(wrong)


def test_the_environments_schema_has_the_keys_that_are_read() -> None:
    schema = SCHEMAS["environment"]
    assert tuple(schema["properties"]) == loading._KEYS
    assert tuple(schema["required"]) == loading._REQUIRED


MISTAKES: list[tuple[str, str, tuple[str | int, ...], Any]] = [
    ("environment", "environments/onprem.yaml", ("nam",), "x"),
    ("environment", "environments/onprem.yaml", ("kind",), "moon"),
    ("environment", "environments/onprem.yaml", ("clearance",), "secret"),
    ("environment", "environments/onprem.yaml", ("capacity", "memory"), "1 PB"),
    ("environment", "environments/onprem.yaml", ("capacity", "workers", "min"), 0),
    ("environment", "environments/onprem.yaml", ("dask",), "else"),
    ("environment", "environments/onprem.yaml", ("dask",), {"address": "tcp://x:1"}),
    ("environment", "environments/onprem.yaml", ("steps", 0), "A B"),
    ("environment", "environments/onprem.yaml", ("egress", 0, "purposes"), ["*", "*"]),
    ("environment", "environments/onprem.yaml", ("egress", 0, "more"), []),
    ("site", "site.toml", ("schedule",), {}),
    ("site", "site.toml", ("schedules", "blood_pressure", "interval"), 60),
    ("site", "site.toml", ("schedules", "blood_pressure", "cron"), "never"),
    ("site", "site.toml", ("purposes",), {"X Y": "z"}),
    ("samples", "data_contracts/clinic.readings.samples.yaml", ("pas",), []),
    ("samples", "data_contracts/clinic.readings.samples.yaml", ("fail", 0, "rules"), []),
    ("contract", "data_contracts/clinic.readings.odcs.yaml", ("apiVersion",), "v2.2.2"),
    ("contract", "data_contracts/clinic.readings.odcs.yaml", ("schema", 0, "properties", 0, "requird"), True),
    (
        "contract",
        "data_contracts/clinic.readings.odcs.yaml",
        ("customProperties", 0, "property"),
        "isthmusBondary",
    ),
    (
        "contract",
        "data_contracts/clinic.readings.odcs.yaml",
        ("customProperties", 0, "property"),
        "IsthmusBoundary",
    ),
    (
        "contract",
        "data_contracts/clinic.readings.odcs.yaml",
        ("customProperties", 0, "value", "crossings", 0, "purpose"),
        "x",
    ),
    (
        "contract",
        "data_contracts/clinic.readings.odcs.yaml",
        ("customProperties", 0, "value", "crossings", 0, "anonymity"),
        {"k": 1, "quasiIdentifiers": ["age"]},
    ),
]


@pytest.mark.parametrize(("kind", "file", "path", "wrong"), MISTAKES, ids=lambda item: str(item)[:40])
def test_a_mistake_that_an_editor_can_see_is_seen(
    kind: str, file: str, path: tuple[str | int, ...], wrong: Any
) -> None:
    told = copy.deepcopy(value(TEMPLATE / file))
    holder = told
    for step in path[:-1]:
        holder = holder[step]
    holder[path[-1]] = wrong
    assert list(validator(kind).iter_errors(told))
