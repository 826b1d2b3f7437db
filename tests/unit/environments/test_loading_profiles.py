from __future__ import annotations

import pickle
from decimal import Decimal
from pathlib import Path

import pytest

from data_contracts.destination import permits
from data_contracts.errors import DeclarationError
from data_contracts.labels import Classification
from environments.loading import load_profiles
from environments.profile import StepGrant
from environments.site import SHIPPED_PROFILES

LEAST = """\
name: {name}
kind: cloud
jurisdiction: DE
clearance: internal
steps: []
"""


def load(folder: Path, **files: str) -> list[str]:
    for name, text in files.items():
        (folder / f"{name}.yaml").write_text(text)
    with pytest.raises(DeclarationError) as caught:
        load_profiles(folder)
    return [
        f"{Path(problem.file).name}:{problem.line}: {problem.path}: {problem.message}"
        for problem in caught.value.problems
    ]


def test_the_shipped_environments_load() -> None:
    profiles = load_profiles(SHIPPED_PROFILES)
    assert list(profiles) == ["cloud", "edge", "onprem"]
    assert profiles["cloud"].clearance is Classification.CONFIDENTIAL
    assert profiles["cloud"].capacity.workers[0] >= 2, "training must be shown on two workers"
    assert profiles["onprem"].grant("hospital.train") is not None
    assert profiles["edge"].grant("hospital.train") is None
    assert len({profile.cost.currency for profile in profiles.values()}) == 1


def test_a_profile_crosses_process_borders_and_shows_its_public_part() -> None:
    cloud = load_profiles(SHIPPED_PROFILES)["cloud"]
    assert pickle.loads(pickle.dumps(cloud)) == cloud  # noqa: S301 - our own bytes
    assert cloud.to_json()["clearance"] == "confidential"
    assert cloud.work_pool == "cloud"


def test_the_least_file_runs_nothing_and_permits_nothing(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(LEAST.format(name="lab"))
    lab = load_profiles(tmp_path)["lab"]
    assert lab.grant("hospital.train") is None
    side = lab.destination()
    assert (side.environment, side.kind, side.jurisdiction, side.clearance) == (
        "lab",
        "cloud",
        "DE",
        Classification.INTERNAL,
    )
    assert not permits(side.egress, "cloud", "reporting", "hospital.covid-tests")
    assert not permits(side.ingress, "cloud", "reporting", "hospital.covid-tests")


def test_every_field_is_read(tmp_path: Path) -> None:
    for name in ("ca", "cert", "key"):
        (tmp_path / f"{name}.pem").write_text("")
    (tmp_path / "a.yaml").write_text(
        LEAST.format(name="lab").replace("steps: []", "")
        + """\
dask: {address: "tls://dask.example:8786", ca: ca.pem, cert: cert.pem, key: key.pem}
store: {path: /srv/store}
capacity: {workers: {min: 2, max: 5}, threads: 3, memory: 512 MiB, pipelines: 2, steps: 9}
cost: {currency: EUR, compute_hour: 0.1, egress_gib: {edge: 0.02, "*": 1}}
offers: {accelerators: [gpu], latency_ms: 12.5}
steps:
  - hospital
  - {name: hospital.train, numbers: {l2: {min: 0.001, max: 10}}}
egress: [{to: [edge], purposes: ["*"], contracts: [a.b]}]
ingress: [{from: ["*"], purposes: [x], contracts: ["*"]}]
"""
    )
    lab = load_profiles(tmp_path)["lab"]
    assert lab.dask.kind == "external"
    assert lab.dask.ca == tmp_path / "ca.pem"
    assert lab.store.path == Path("/srv/store")
    assert lab.capacity.workers == (2, 5)
    assert (lab.capacity.memory, lab.capacity.threads, lab.capacity.pipelines) == (512 * 1024**2, 3, 2)
    assert lab.cost.compute_hour == Decimal("0.1")
    assert lab.cost.egress_gib == {"edge": Decimal("0.02"), "*": Decimal(1)}
    assert lab.offers.accelerators == {"gpu"}
    assert lab.grant("hospital.train") == StepGrant("hospital.train", {"l2": (0.001, 10)})
    assert lab.egress[0].matches("edge", "anything", "a.b")
    assert not lab.egress[0].matches("cloud", "anything", "a.b")
    assert lab.ingress[0].matches("onprem", "x", "any.contract")


def test_every_mistake_of_every_file_at_once_with_its_line(tmp_path: Path) -> None:
    problems = load(
        tmp_path,
        a="""\
name: Cloud
kind: clowd
jurisdicton: DE
clearance: secret
capacity:
  workers: {min: 3, max: 2}
  threads: 0
  memory: lots
cost: {compute_hour: -1, currency: euro}
offers: {latency_ms: soon}
steps:
  - Train
  - hospital.train
  - hospital.train
  - {numbers: {l2: {min: 2, max: 1}}}
egress: [{to: cloud, purposes: [x]}]
dask: {address: "http://x"}
""",
        b="- a list\n",
        c="name: [\n",
    )
    expected = [
        "a.yaml:1: : 'jurisdiction' is missing",
        "a.yaml:1: name: 'Cloud' is not of the form",
        "a.yaml:2: kind: 'clowd' is none of the words",
        "a.yaml:3: jurisdicton: an unknown key",
        "a.yaml:4: clearance: 'secret' is none of the words",
        "a.yaml:6: capacity.workers.max: 2 is less than min, 3",
        "a.yaml:7: capacity.threads: 0 is out of bounds",
        "a.yaml:8: capacity.memory: 'lots' is no size",
        "a.yaml:9: cost.compute_hour: -1 is negative",
        "a.yaml:9: cost.currency: 'euro' is not of the form",
        "a.yaml:10: offers.latency_ms: 'soon' is no number",
        "a.yaml:12: steps.0: 'Train' is not of the form",
        "a.yaml:14: steps.2: 'hospital.train' stands here twice",
        "a.yaml:15: steps.3: 'name' is missing",
        "a.yaml:15: steps.3.numbers.l2.max: 1 is less than min, 2",
        "a.yaml:16: egress.0: 'contracts' is missing",
        "a.yaml:16: egress.0.to: 'cloud' is no list",
        "a.yaml:17: dask: 'ca' is missing",
        "a.yaml:17: dask: 'cert' is missing",
        "a.yaml:17: dask: 'key' is missing",
        "a.yaml:17: dask.address: 'http://x' is not of the form",
        "b.yaml:1: : ['a list'] is no mapping",
    ]
    assert [line for line in problems if not line.startswith("c.yaml")] == expected
    assert any(line.startswith("c.yaml:2") and "no YAML" in line for line in problems)


def test_an_unknown_key_names_the_nearest_known_one(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(LEAST.format(name="lab") + "clearence: public\n")
    with pytest.raises(DeclarationError, match="expected 'clearance'"):
        load_profiles(tmp_path)


def test_two_environments_with_one_name(tmp_path: Path) -> None:
    [problem] = load(tmp_path, a=LEAST.format(name="lab"), b=LEAST.format(name="lab"))
    assert problem.startswith("b.yaml:1: name: a second environment with the name 'lab'")
    assert "a.yaml" in problem


def test_prices_in_two_currencies(tmp_path: Path) -> None:
    other = LEAST.format(name="shop") + "cost: {currency: USD}\n"
    [problem] = load(tmp_path, a=LEAST.format(name="lab"), b=other)
    assert "USD" in problem
    assert "EUR" in problem


def test_a_folder_without_environments(tmp_path: Path) -> None:
    assert "no environment file" in load(tmp_path)[0]


def test_a_certificate_that_is_not_there(tmp_path: Path) -> None:
    dask = 'dask: {address: "tls://x:1", ca: ca.pem, cert: c.pem, key: k.pem}\n'
    problems = load(tmp_path, a=LEAST.format(name="lab") + dask)
    assert [problem.split(": ")[1] for problem in problems] == ["dask.ca", "dask.cert", "dask.key"]


def test_a_wild_card_is_written_out_or_nothing_matches(tmp_path: Path) -> None:
    rule = "egress: [{to: [], purposes: ['*'], contracts: ['*']}]\n"
    (tmp_path / "a.yaml").write_text(LEAST.format(name="lab") + rule)
    assert not permits(load_profiles(tmp_path)["lab"].egress, "cloud", "x", "y")
