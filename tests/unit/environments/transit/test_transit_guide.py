"""The guide to transits says what the code does: its table, and its examples."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from https_server import Authority

from data_contracts.yamlsource import parse_yaml
from environments.fields import Fields
from environments.transit import Transit, open_transit
from environments.transit.https import HttpsTransit
from environments.transit.sftp import SftpTransit
from environments.transit_fields import TRANSIT_KEYS, read_transits
from environments.transits import AzureTransitSpec, DirectoryTransitSpec, HttpsTransitSpec, S3TransitSpec

GUIDE = (Path(__file__).parents[4] / "docs/guides/transits.md").read_text(encoding="utf-8")
ROWS = {
    kind: (one, durable)
    for kind, one, durable in re.findall(r"^\| `(\w+)` \| (\w+) \| (\w+) \|", GUIDE, re.MULTILINE)
}


def opened(folder: Path, kind: str, promises: frozenset[str]) -> Transit:
    secret = folder / "secret"
    words = {"s3": 'access_key_id = "x"\nsecret_access_key = "x"\n', "azure": 'account_key = "eA=="\n'}
    secret.write_text(words.get(kind, ""))
    secret.chmod(0o600)
    if kind == "https":
        authority = Authority(folder, f"a{len(promises)}")
        cert, key = authority.issue("client")
        return HttpsTransit(
            HttpsTransitSpec("cloud", "https://x/", authority.path, cert, key, promises), "a/b"
        )
    specs = {
        "directory": DirectoryTransitSpec("cloud", folder),
        "s3": S3TransitSpec("cloud", "bucket", "eu-central-1", "", "", secret),
        "azure": AzureTransitSpec("cloud", "clinic", "exchange", "", "", secret),
    }
    return open_transit(folder, "onprem", "cloud", specs[kind])


def test_the_table_has_every_kind() -> None:
    assert set(ROWS) == set(TRANSIT_KEYS)


@pytest.mark.parametrize("kind", TRANSIT_KEYS)
def test_the_table_says_what_a_medium_promises(tmp_path: Path, kind: str) -> None:
    every = frozenset({"one-writer-wins", "durable"})
    with_all, with_none = (
        SftpTransit.capabilities if kind == "sftp" else opened(tmp_path, kind, promises).capabilities
        for promises in (every, frozenset[str]())
    )
    assert with_all.medium == with_none.medium == kind
    for word, most, least in zip(
        ROWS[kind],
        (with_all.one_writer_wins, with_all.durable),
        (with_none.one_writer_wins, with_none.durable),
        strict=True,
    ):
        assert (most, least) == {"yes": (True, True), "declared": (True, False)}[word]


def test_the_examples_are_read() -> None:
    kinds = set()
    for block in re.findall(r"```yaml\n(.*?)```", GUIDE, re.DOTALL):
        text = block.replace("ssh-ed25519 AAAAC3Nza…", "ssh-ed25519 " + "A" * 68)
        fields = Fields(parse_yaml(text.encode(), file="guide.yaml"))
        read = read_transits(fields)
        assert fields.problems == []
        assert len(read) == len(yaml.safe_load(text)["transits"])
        kinds |= {spec.place[0] for spec in read}
    assert kinds == set(TRANSIT_KEYS)
