"""What `isthmus run` grants is what the plan says; a marked step is a declaration like any other."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from pathlib import Path

import pytest

from data_contracts.errors import DeclarationError, UsageError
from environments.identity.signers import FileSigner
from environments.loading import load_profiles
from environments.ref import AssetRef
from environments.site import SHIPPED_PROFILES, Site
from environments.trust.grants import ANY, Grant
from environments.trust.tokens import read_token
from flows.runtime.catalogue import find_pipeline
from flows.runtime.granting import needs_grant, pinned_params, read_grants, sign_grants
from flows.runtime.planning import make_plan

NOW = dt.datetime(2026, 11, 29, 12, tzinfo=dt.UTC)
REF = AssetRef("covid_tests", "onprem", "sha256:" + "1" * 64, "hospital.covid-tests@1.0.0")


def marked(folder: Path, step: str, *, environment: str = "onprem") -> Site:
    (folder / "environments").mkdir(parents=True)
    for path in SHIPPED_PROFILES.glob("*.yaml"):
        text = path.read_text(encoding="utf-8")
        if path.stem == environment:
            assert f"  - {step}\n" in text
            text = text.replace(f"  - {step}\n", f"  - {{name: {step}, grant: required}}\n")
        (folder / "environments" / path.name).write_text(text, encoding="utf-8")
    return Site.load(folder)


def granted(raw: str) -> Grant:
    from environments.trust import grants

    return grants._FORM.open(read_token(raw), Grant.from_json).statement


def test_a_step_of_a_plan_is_granted_over_the_version_that_the_run_starts_from(tmp_path: Path) -> None:
    site = marked(tmp_path, "hospital.quarantine")
    pipeline = find_pipeline(site, "hospital")
    plan = make_plan(pipeline, site, {}, {}, requester="anna")
    starts = tuple(replace(start, ref=REF) if start.parameter == "tests" else start for start in plan.starts)
    plan = replace(plan, starts=starts)
    assert needs_grant(site, "hospital")
    assert not needs_grant(site, "bank")
    grants = read_grants(sign_grants(plan, site, "anna", FileSigner(b"a" * 32), NOW))
    found = [granted(token) for token in grants.values()]
    assert found
    assert {grant.step for grant in found} == {"hospital.quarantine"}
    assert {grant.environment for grant in found} == {"onprem"}
    assert str(REF) in {value for grant in found for value in grant.references.values()}
    assert len({grant.nonce for grant in found}) == len(found)
    assert pinned_params(plan, {})["tests"] == str(REF)


def test_what_the_run_makes_is_granted_by_a_star(tmp_path: Path) -> None:
    site = marked(tmp_path, "hospital.train", environment="cloud")
    plan = make_plan(find_pipeline(site, "hospital"), site, {}, {}, requester="anna")
    (token,) = read_grants(sign_grants(plan, site, "anna", FileSigner(b"a" * 32), NOW)).values()
    grant = granted(token)
    assert set(grant.references.values()) == {ANY}
    assert (grant.environment, grant.purpose) == ("cloud", "model-training")


@pytest.mark.parametrize(
    "text", ["a", "a.", "a.b c", "A.b", "a.bb,", 3, "a.bb;b.cc", ",".join(["a.bb"] * 65)]
)
def test_what_is_no_list_of_grants_is_refused(text: object) -> None:
    with pytest.raises(UsageError):
        read_grants(text)


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("{name: hospital.train, grant: maybe}", "none of the words"),
        ("{name: hospital, grant: required}", "only a step of a pipeline"),
        ("{name: isthmus.pin, grant: required}", "only a step of a pipeline"),
    ],
)
def test_a_mark_that_is_none_is_told_with_its_line(tmp_path: Path, line: str, problem: str) -> None:
    text = (SHIPPED_PROFILES / "edge.yaml").read_text(encoding="utf-8")
    (tmp_path / "edge.yaml").write_text(text.replace("steps:\n  - ", f"steps:\n  - {line}\n  - ", 1))
    with pytest.raises(DeclarationError) as caught:
        load_profiles(tmp_path)
    assert problem in str(caught.value)
