"""`isthmus trust` and `isthmus keys`, as a user types them: each command a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[3] / "contract_suites"))
from kms_server import REGION, running_kms

from environments.embedded.prepare import issue_trust, make_environment, meet_peers
from environments.home import Home
from environments.identity import load_identity
from environments.ledger import read_entries

NAMES = ("onprem", "cloud")


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = Home(tmp_path / "home").create()
    identities = {name: make_environment(made.environment(name)) for name in NAMES}
    document = issue_trust(made, identities)
    for name in NAMES:
        meet_peers(made.environment(name), identities, document)
    return made


def run(home: Home, *words: str, code: int = 0) -> str:
    program = "from flows.cli.main import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", program, *words],
        env=os.environ | {"ISTHMUS_HOME": str(home.root)},
        cwd=home.root.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + (done.stderr if code else "")


def told(home: Home, *words: str) -> Any:
    return json.loads(run(home, *words, "--json"))


def signing(home: Home, name: str) -> dict[str, str]:
    rows = told(home, "keys", "list")["keys"]
    return {row["key_id"]: row["state"] for row in rows if (row["of"], row["use"]) == (name, "signing")}


def test_rotate_then_revoke(home: Home) -> None:
    [old] = signing(home, "cloud")
    made = told(home, "keys", "rotate", "--env", "cloud")
    assert (made["version"], made["pinned"], made["proposal"]) == (2, ["cloud", "onprem"], None)
    new = load_identity(home.environment("cloud")).public.key_id
    assert signing(home, "cloud") == {old: "counts", new: "counts"}
    run(home, "keys", "revoke", "--env", "cloud", old[7:19])
    assert signing(home, "cloud") == {old: "revoked", new: "counts"}
    recorded = [entry.body["version"] for entry in read_entries(home.environment("onprem").ledger)]
    assert recorded == [2, 3]
    assert json.loads(run(home, "keys", "export", "--env", "cloud"))["name"] == "cloud"
    assert "no key" in run(home, "keys", "revoke", "--env", "cloud", "ffff", code=2).replace(
        "0 keys", "no key"
    )


def test_show_tells_versions_and_roots(home: Home) -> None:
    shown = told(home, "trust", "show")
    assert (shown["document"]["version"], len(shown["signers"])) == (1, 1)
    assert {one["digest"] for one in shown["pinned"].values()} == {shown["digest"]}
    assert "1 of 1 root keys sign" in run(home, "trust", "show")


def test_two_people_hold_the_roots(home: Home) -> None:
    for name in ("alice", "bob"):
        run(home, "trust", "new-root", f"{name}.key")
    roots = ["--root", "alice.key.pub", "--root", "bob.key.pub"]
    made = told(home, "trust", "upgrade", "--threshold", "2", *roots)
    assert (made["pinned"], made["proposal"]) == ([], "trust-2.json")
    assert "signatures" in run(home, "trust", "update", "trust-2.json", code=4)
    run(home, "trust", "sign", "trust-2.json", "--key", "alice.key")
    assert "signatures" in run(home, "trust", "update", "trust-2.json", code=4)
    assert told(home, "trust", "show")["document"]["version"] == 1
    assert len(told(home, "trust", "sign", "trust-2.json", "--key", "bob.key")["signatures"]) == 3
    assert told(home, "trust", "update", "trust-2.json")["pinned"] == ["cloud", "onprem"]
    # From here on what lies in the home signs nothing alone: a rotation waits for both, and then acts.
    before = load_identity(home.environment("cloud")).public.key_id
    assert told(home, "keys", "rotate", "--env", "cloud")["proposal"] == "trust-3.json"
    assert load_identity(home.environment("cloud")).public.key_id == before
    for name in ("alice", "bob"):
        run(home, "trust", "sign", "trust-3.json", "--key", f"{name}.key")
    run(home, "trust", "update", "trust-3.json")
    assert load_identity(home.environment("cloud")).public.key_id != before
    assert "version 3 is pinned" in run(home, "trust", "update", "trust-2.json", code=4)


def test_rotate_into_kms(home: Home, tmp_path: Path) -> None:
    with running_kms() as server:
        server.credentials(tmp_path)
        said = f'key = "{server.make_key()}"\nregion = "{REGION}"\nendpoint = "{server.url}"\n'
        file = tmp_path / "kms.toml"
        for text in (said, said + 'credentials = "kms.credentials.toml"\nmore = "x"\n', "key ="):
            file.write_text(text)
            run(home, "keys", "rotate", "--env", "cloud", "--kms", str(file), code=2)
        file.write_text(said + 'credentials = "kms.credentials.toml"\n')
        assert told(home, "keys", "rotate", "--env", "cloud", "--kms", str(file))["version"] == 2
        identity = load_identity(home.environment("cloud"))
        identity.public.verify(b"word", identity.sign(b"word"))
        assert server.kinds.count("ok") >= 2
        [kept] = [state for key, state in signing(home, "cloud").items() if key == identity.public.key_id]
        assert kept == "counts"
