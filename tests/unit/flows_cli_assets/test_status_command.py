"""`isthmus asset status` says the same whether one process writes it or several do."""

from __future__ import annotations

import datetime as dt
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from environments.home import Home
from environments.site import Site
from environments.stores import LocalStore, SetMember
from flows.cli.init import write_site

ALONE = "from flows.cli.main import main; main()"
TOGETHER = (
    "import os; os.sched_getaffinity = lambda _: set(range({cores}))\n"
    "import environments.consistency.status as status; status._WORTH_IT = 1\n" + ALONE
)
NAMES = [f"readings_{number}" for number in range(5)]


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A home with five assets, and one with a name of its own length."""
    write_site(tmp_path / "site")
    site = Site.load(tmp_path / "site")
    folder = Home(tmp_path / "home").create().environment("onprem").create()
    contract = site.contracts.get("clinic.readings")
    store = LocalStore(folder.store, clock=lambda: dt.datetime(2026, 1, 1, tzinfo=dt.UTC))  # told in days
    with store.begin_set([*NAMES, "a_long_name_of_an_asset"]) as draft:
        for name in draft.names:
            (draft.path(name) / "part.bin").write_bytes(name.encode())
        draft.commit({name: SetMember(contract, contract.labels) for name in draft.names})
    return tmp_path


def run(place: Path, code: str, *arguments: str, status: int = 0) -> str:
    told = subprocess.run(
        [sys.executable, "-P", "-c", code, "asset", "status", *arguments],
        env={**os.environ, "ISTHMUS_HOME": str(place / "home"), "ISTHMUS_SITE": str(place / "site")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (told.returncode, told.stderr) == (status, "")
    return told.stdout


def rows(text: str) -> list[dict[str, Any]]:
    found = json.loads(text)["environments"]["onprem"]
    return [{key: value for key, value in row.items() if key != "seconds"} for row in found]


@pytest.mark.parametrize("cores", [2, 4, 100])
def test_one_document_and_one_table_from_any_number_of_processes(place: Path, cores: int) -> None:
    alone = rows(run(place, ALONE, "--json"))
    assert [row["asset"] for row in alone] == sorted([*NAMES, "a_long_name_of_an_asset"])
    together = TOGETHER.format(cores=cores)
    assert rows(run(place, together, "--json")) == alone
    header, *lines = run(place, ALONE).splitlines()[1:]
    assert [line.index("never-sent") for line in lines] == [header.index("STATE")] * len(alone)
    assert run(place, together).splitlines()[1:] == [header, *lines]


def test_shares_of_which_nothing_is_wanted_leave_no_gap(place: Path) -> None:
    together = TOGETHER.format(cores=100)
    [row] = rows(run(place, together, "readings_3", "--json"))
    assert row["asset"] == "readings_3"
    assert rows(run(place, together, "nothing", "--json")) == []
    assert run(place, together, "nothing") == "onprem: nothing that could cross by the name nothing\n"
    header, line = run(place, together, "readings_3").splitlines()[1:]
    assert header.startswith("ASSET       TO ")
    assert line.startswith("readings_3  cloud ")


def test_an_error_in_one_of_several_processes_is_the_answer(place: Path) -> None:
    broken = TOGETHER.format(cores=3).replace(
        ALONE,
        "from data_contracts.errors import NotVerifiableError\n"
        "def fails(*_, **__):\n"
        "    raise NotVerifiableError('the second share does not read', remedy='look at it')\n"
        "    yield\n"
        "whole = status.rows_of\n"
        "status.rows_of = lambda *a, names: (fails if 'readings_0' in names else whole)(*a, names=names)\n"
        + ALONE,
    )
    told = json.loads(run(place, broken, "--json", status=4))
    assert told["error"] == "the second share does not read"
