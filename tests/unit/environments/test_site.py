from __future__ import annotations

from pathlib import Path

import pytest

from data_contracts.errors import DeclarationError, UsageError
from environments.site import SHIPPED_PROFILES, Site


@pytest.fixture
def site(tmp_path: Path) -> Path:
    (tmp_path / "environments").mkdir()
    (tmp_path / "environments" / "lab.yaml").write_text(
        "name: lab\nkind: edge\njurisdiction: DE\nclearance: public\nsteps: []\n"
    )
    return tmp_path


def test_without_a_site_it_is_what_ships() -> None:
    shipped = Site.load()
    assert sorted(shipped.profiles) == ["cloud", "edge", "onprem"]
    assert shipped.flow_files == ()
    assert shipped.policies is None
    assert shipped.profiles["edge"].file.startswith(str(SHIPPED_PROFILES))


def test_a_sites_environments_are_its_own_alone(site: Path) -> None:
    assert list(Site.load(site).profiles) == ["lab"]


def test_settings_and_flows(site: Path) -> None:
    (site / "site.toml").write_text('[schedules.readings]\ncron = "0 6 * * *"\n')
    (site / "flows" / "deep").mkdir(parents=True)
    for name in ("b.py", "deep/a.py", "_helper.py", "notes.txt"):
        (site / "flows" / name).write_text("raise SystemExit('imported')\n")
    loaded = Site.load(site)
    assert loaded.settings["schedules"]["readings"]["cron"] == "0 6 * * *"
    assert [path.relative_to(site).as_posix() for path in loaded.flow_files] == [
        "flows/b.py",
        "flows/deep/a.py",
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[schedules", "no TOML"),
        ("[schedule.x]\n", "an unknown table"),
        ("\xff", "no UTF-8"),
        ('purposes = ["study"]', "purposes: not a table"),
        ('[purposes]\n"Not A Name" = "x"\nstudy = 1\n', "(?s)purposes.Not A Name.*purposes.study"),
    ],
)
def test_a_wrong_settings_file(site: Path, text: str, message: str) -> None:
    (site / "site.toml").write_bytes(text.encode("latin-1"))
    with pytest.raises(DeclarationError, match=message):
        Site.load(site)


def test_a_folder_that_is_no_site(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no site here") as caught:
        Site.load(tmp_path / "nowhere")
    assert "isthmus init" in caught.value.remedy


def test_an_unknown_environment_is_answered_with_the_known_ones(site: Path) -> None:
    with pytest.raises(UsageError) as caught:
        Site.load(site).profile("cloud")
    assert "lab" in caught.value.remedy


def test_purposes_come_from_terms_rules_and_both_lists(site: Path) -> None:
    lab = site / "environments" / "lab.yaml"
    rule = "egress: [{to: ['*'], purposes: [research], contracts: ['*']}]\n"
    lab.write_text(lab.read_text() + rule + rule.replace("egress", "ingress").replace("to:", "from:"))
    (site / "site.toml").write_text('[purposes]\nadvertising = "nobody here does"\n')
    terms = {"batch-inference", "model-training", "reporting"}
    assert Site.load(site).purposes == terms | {"research", "advertising", "marketing"}
