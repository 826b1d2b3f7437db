"""Every unknown name through every command that takes one: exit 2, one message, and what there is."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click
import pytest

from data_contracts.registry import CATALOG
from environments.assets import add_file
from environments.home import Home
from environments.site import SHIPPED_PROFILES, Site
from environments.stores import open_store
from flows.cli.commands import COMMANDS
from flows.cli.group import ROOT
from flows.cli.report import run_reporting
from flows.hospital import pipeline as hospital

CLINIC = Path(hospital.__file__).parent / "data" / "clinic_tests.csv"
ENVIRONMENTS = ("cloud", "edge", "onprem")
CONTRACTS = ("hospital.covid-tests", "hospital.result-model")
PURPOSES = ("batch-inference", "marketing", "model-training", "reporting")
HOMELESS = ("terms",)  # it reads contracts and profiles only


@dataclass(frozen=True)
class Told:
    code: int
    out: str
    err: str


@dataclass(frozen=True)
class Line:
    """One home with one asset, and the command line on it, in this process."""

    home: Path
    capsys: pytest.CaptureFixture[str]

    def __call__(self, *arguments: str, site: Path | None = None) -> Told:
        self.capsys.readouterr()
        own = [] if arguments[0] in HOMELESS else ["--home", str(self.home)]
        own += ["--site", str(site)] if site else []
        code = run_reporting(ROOT, [*arguments, *own])
        return Told(code, *self.capsys.readouterr())


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home, site = Home(tmp_path_factory.mktemp("names") / "home"), Site.load()
    store = open_store(home.create().environment("edge").create(), site.profile("edge"))
    contract = site.contracts.get("hospital.clinic-tests")
    add_file(store, CLINIC, "clinic_tests", contract, check=False)
    return home.root


@pytest.fixture
def line(filled: Path, capsys: pytest.CaptureFixture[str]) -> Line:
    return Line(filled, capsys)


REIDENTIFY = (
    *(
        "reidentify",
        "clinic_tests",
        "--column",
        "subject_id",
        "--purpose",
        "safety-recall",
        "--by",
        "a.meier",
    ),
    *("--list", str(CLINIC), "--out", "x"),
)
SYNC = ("sync", "clinic_tests", "--purpose", "model-training")
ADD = ("asset", "add", str(CLINIC), "--name", "new")
CASES: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "asset add, environment": ((*ADD, "--env", "moon", "--contract", "hospital.clinic-tests"), ENVIRONMENTS),
    "asset add, contract": ((*ADD, "--env", "edge", "--contract", "hospital.tests"), CONTRACTS),
    "asset list": (("asset", "list", "--env", "moon"), ENVIRONMENTS),
    "asset show, environment": (("asset", "show", "clinic_tests", "--env", "moon"), ENVIRONMENTS),
    "asset show, asset": (("asset", "show", "nothing", "--env", "edge"), ("clinic_tests",)),
    "asset get, environment": (("asset", "get", "clinic_tests", "--env", "moon", "--out", "x"), ENVIRONMENTS),
    "asset get, asset": (("asset", "get", "nothing", "--env", "edge", "--out", "x"), ("clinic_tests",)),
    "asset verify, environment": (("asset", "verify", "--env", "moon"), ENVIRONMENTS),
    "asset verify, asset": (("asset", "verify", "nothing", "--env", "edge"), ("clinic_tests",)),
    "check, contract": (("check", str(CLINIC), "--contract", "hospital.tests"), CONTRACTS),
    "check, environment": (("check", "--asset", "clinic_tests", "--env", "moon"), ENVIRONMENTS),
    "check, asset": (("check", "--asset", "nothing", "--env", "edge"), ("clinic_tests",)),
    "sync, source": ((*SYNC, "--from", "moon", "--to", "cloud"), ENVIRONMENTS),
    "sync, destination": ((*SYNC, "--from", "edge", "--to", "moon"), ENVIRONMENTS),
    "sync, purpose": (
        ("sync", "clinic_tests", "--from", "edge", "--to", "cloud", "--purpose", "modle-training"),
        PURPOSES,
    ),
    "run, pipeline": (("run", "hospitl"), ("hospital",)),
    "run, parameter": (("run", "hospital", "--param", "test=x"), ("tests", "newest")),
    "plan, pipeline": (("plan", "hospitl"), ("hospital",)),
    "plan, parameter": (("plan", "hospital", "--param", "test=x"), ("tests", "newest")),
    "ledger show": (("ledger", "show", "--env", "moon"), ENVIRONMENTS),
    "ledger explain": (("ledger", "explain", "aaaa", "--env", "moon"), ENVIRONMENTS),
    "ledger backup": (("ledger", "backup", "moon.jsonl", "--env", "moon"), ENVIRONMENTS),
    "ledger restore": (("ledger", "restore", str(CLINIC), "--env", "moon"), ENVIRONMENTS),
    "ledger announce": (("ledger", "announce", "x", "--env", "moon", "--to", "edge"), ENVIRONMENTS),
    "ledger announce, peer": (
        ("ledger", "announce", "x", "--env", "edge", "--to", "moon"),
        ENVIRONMENTS,
    ),
    "ledger accept": (("ledger", "accept", "x", "--env", "moon", "--of", "edge"), ENVIRONMENTS),
    "ledger accept, peer": (("ledger", "accept", "x", "--env", "edge", "--of", "moon"), ENVIRONMENTS),
    "ledger report": (("ledger", "report", "moon.html", "--env", "moon"), ENVIRONMENTS),
    "ledger export": (("ledger", "export", "moon.jsonl", "--env", "moon"), ENVIRONMENTS),
    "ledger verify": (("ledger", "verify", "--env", "moon"), ENVIRONMENTS),
    "ledger witnessed": (("ledger", "witnessed", "--env", "moon", "--of", "edge"), ENVIRONMENTS),
    "ledger witnessed, peer": (("ledger", "witnessed", "--env", "edge", "--of", "moon"), ENVIRONMENTS),
    "outbox list": (("outbox", "list", "--env", "moon"), ENVIRONMENTS),
    "outbox run": (("outbox", "run", "--env", "moon", "--once"), ENVIRONMENTS),
    "outbox backup": (("outbox", "backup", "new.queue", "--env", "moon"), ENVIRONMENTS),
    "outbox restore": (("outbox", "restore", __file__, "--env", "moon"), ENVIRONMENTS),
    "outbox drop": (("outbox", "drop", "sync-5f0c", "--env", "moon"), ENVIRONMENTS),
    "approve": (("approve", "aaaa", "--env", "moon"), ENVIRONMENTS),
    "keys export": (("keys", "export", "--env", "moon"), ENVIRONMENTS),
    "keys rotate": (("keys", "rotate", "--env", "moon"), ENVIRONMENTS),
    "keys revoke": (("keys", "revoke", "--env", "moon", "aaaa"), ENVIRONMENTS),
    "incident show": (("incident", "show", "3f9a0c11d2e4", "--env", "moon"), ENVIRONMENTS),
    "incident list": (("incident", "list", "--env", "moon"), ENVIRONMENTS),
    "logs": (("logs", "moon"), ENVIRONMENTS),
    "terms draft, contract": (
        ("terms", "draft", "hospital.tests", "--to", "cloud", "--purpose", "model-training"),
        CONTRACTS,
    ),
    "terms draft, environment": (
        ("terms", "draft", "hospital.covid-tests", "--to", "moon", "--purpose", "model-training"),
        ENVIRONMENTS,
    ),
    "reidentify, environment": (
        (*REIDENTIFY, "--env", "moon", "--to", "cloud", "--crossed-for", "model-training"),
        ENVIRONMENTS,
    ),
    "reidentify, receiver": (
        (*REIDENTIFY, "--env", "edge", "--to", "moon", "--crossed-for", "model-training"),
        ENVIRONMENTS,
    ),
    "reidentify, purpose": (
        (*REIDENTIFY, "--env", "edge", "--to", "cloud", "--crossed-for", "modle-training"),
        PURPOSES,
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_an_unknown_name_is_exit_2_and_names_the_known(line: Line, case: str) -> None:
    arguments, known = CASES[case]
    told = line(*arguments)
    assert (told.code, told.out) == (2, "")
    first, second = told.err.splitlines()
    assert first.startswith("isthmus: ")
    assert second.startswith("  what to do: ")
    assert [name for name in known if name not in second] == []


@pytest.mark.parametrize("case", CASES)
def test_for_scripts_it_is_one_document(line: Line, case: str) -> None:
    arguments, known = CASES[case]
    told = line(*arguments, "--json")
    document = json.loads(told.out)
    assert (told.code, told.err) == (2, "")
    assert list(document)[:4] == ["error", "remedy", "exit_code", "kind"]
    assert (document["exit_code"], bool(document["error"])) == (2, True)
    assert [name for name in known if name not in document["remedy"]] == []


def test_nothing_was_written_for_any_of_them(line: Line) -> None:
    assert json.loads(line("asset", "list", "--env", "edge", "--json").out)["assets"][0]["versions"] == 1
    assert {path.name for path in (line.home / "environments").iterdir()} == {"edge"}
    assert not Path("x").exists()


def test_every_command_that_takes_a_name_is_here() -> None:
    """A new command with such an option or argument must be added above, or to those told elsewhere."""
    elsewhere = {
        "worker start": "tests/system/test_worker_command.py",
        **dict.fromkeys(
            ("requester add", "requester allow"), "unit/environments/embedded/test_requesters.py"
        ),
        "cancel": "tests/system/test_bad_input.py: it names a run of a server",
        "gate start": "tests/system/test_api_gate.py",
        "recall": "unit/flows/test_recalling.py",
        "reconcile": "unit/environments/consistency/test_reconcile_command.py",
        **dict.fromkeys(
            ("media export", "media import", "media settle"), "unit/flows_cli_assets/test_media_command.py"
        ),
        **dict.fromkeys(("asset gc", "asset status"), "unit/flows_cli_assets/test_asset_command.py"),
    }
    takes = {"--env", "--from", "--to", "--contract", "--purpose", "--of", "pipeline", "asset", "env", "run"}
    found = {path for name in COMMANDS for path, named in leaves(name) if named & takes}
    tested = {" ".join(arguments[:length]) for arguments, _ in CASES.values() for length in (1, 2)}
    assert found - tested == set(elsewhere)


def leaves(name: str) -> Iterator[tuple[str, set[str]]]:
    """Yield each command under `name`, with what it may be given."""
    context = click.Context(ROOT)
    command = ROOT.get_command(context, name)
    assert command is not None
    children = command.commands.items() if isinstance(command, click.Group) else [("", command)]
    for child, leaf in children:
        yield f"{name} {child}".strip(), {word for part in leaf.params for word in part.opts}


TWICE = "name: cloud\nkind: cloud\njurisdiction: DE\nclearance: public\nsteps: []\n"


@pytest.fixture
def site(tmp_path: Path) -> Path:
    shutil.copytree(SHIPPED_PROFILES, tmp_path / "site" / "environments")
    return tmp_path / "site"


@pytest.mark.parametrize("arguments", [("up",), ("plan", "hospital"), ("asset", "list", "--env", "edge")])
def test_two_environments_of_one_name_are_told_with_both_files(
    line: Line, site: Path, arguments: tuple[str, ...], tmp_path: Path
) -> None:
    (site / "environments" / "sky.yaml").write_text(TWICE)
    told = Line(tmp_path / "home", line.capsys)(*arguments, site=site)
    assert (told.code, told.out) == (2, "")
    assert "sky.yaml:1" in told.err
    assert "cloud.yaml" in told.err
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize(
    "arguments", [("plan", "hospital"), ("sync", "x", *SYNC[2:], "--from", "edge", "--to", "cloud")]
)
def test_a_contract_with_a_typing_error_is_told_with_its_line(
    line: Line, site: Path, arguments: tuple[str, ...]
) -> None:
    (site / "data_contracts").mkdir()
    text = (CATALOG / "hospital.clinic-tests.odcs.yaml").read_text()
    number = next(i for i, row in enumerate(text.splitlines(), 1) if row.startswith("status:"))
    (site / "data_contracts" / "clinic.odcs.yaml").write_text(text.replace("\nstatus:", "\nstatu:"))
    told = line(*arguments, site=site)
    assert (told.code, told.out) == (2, "")
    assert f"clinic.odcs.yaml:{number}:" in told.err
