"""`transits:` of an environment file: what it makes, and every mistake with its line."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import jsonschema
import pytest

from data_contracts.errors import DeclarationError
from data_contracts.yamlsource import parse_yaml
from environments.loading import load_profiles
from environments.profile import Profile
from environments.transit_fields import TRANSIT_KEYS
from environments.transits import HttpsTransitSpec, S3TransitSpec, SftpTransitSpec

ROOT = Path(__file__).parents[3]
HOST_KEY = "ssh-ed25519 " + "A" * 68
KINDS = {
    "directory": "{with: PEER, kind: directory, path: /mnt/exchange}",
    "s3": "{with: PEER, kind: s3, bucket: exchange, region: eu-central-1, prefix: a/b, credentials: s3.toml}",
    "azure": "{with: PEER, kind: azure, account: clinic, container: exchange, credentials: azure.toml, "
    "endpoint: 'http://127.0.0.1:10000/clinic'}",
    "sftp": "{with: PEER, kind: sftp, host: files.example.org, user: clinic, path: /in, "
    f"host_key: {HOST_KEY}, key: keys/id}}",
    "https": "{with: PEER, kind: https, url: 'https://files.example.org/dav/', ca: ca.pem, cert: cert.pem, "
    "key: /keys/key.pem, promises: [durable]}",
}


def files(folder: Path, **transits: str) -> dict[str, Profile]:
    for name in ("here", "there"):
        (folder / f"{name}.yaml").write_text(
            f"name: {name}\nkind: cloud\njurisdiction: DE\nclearance: internal\nsteps: []\n"
            + transits.get(name, "")
        )
    return load_profiles(folder)


def both(folder: Path, text: str) -> dict[str, Profile]:
    here, there = (f"transits:\n  - {text.replace('PEER', peer)}\n" for peer in ("there", "here"))
    return files(folder, here=here, there=there)


def mistakes(folder: Path, **transits: str) -> list[str]:
    with pytest.raises(DeclarationError) as caught:
        files(folder, **transits)
    return [
        f"{Path(item.file).stem}:{item.line}: {item.path}: {item.message}" for item in caught.value.problems
    ]


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_is_read_and_crosses_process_borders(tmp_path: Path, kind: str) -> None:
    profiles = both(tmp_path, KINDS[kind])
    spec = profiles["here"].transit_with("there")
    assert spec is not None
    assert spec.place[0] == kind
    assert profiles["there"].transit_with("elsewhere") is None
    assert pickle.loads(pickle.dumps(profiles["here"])) == profiles["here"]  # noqa: S301 - our own bytes


def test_credentials_are_paths_beside_the_file_and_are_shown_nowhere(tmp_path: Path) -> None:
    s3, sftp, https = (both(tmp_path, KINDS[kind])["here"] for kind in ("s3", "sftp", "https"))
    assert isinstance(spec := s3.transit_with("there"), S3TransitSpec)
    assert spec.credentials == tmp_path / "s3.toml"
    assert isinstance(spec := sftp.transit_with("there"), SftpTransitSpec)
    assert (spec.key, spec.port) == (tmp_path / "keys/id", 22)
    assert isinstance(spec := https.transit_with("there"), HttpsTransitSpec)
    assert (spec.key, spec.promises) == (Path("/keys/key.pem"), {"durable"})
    assert "s3.toml" not in repr(s3) + json.dumps(s3.to_json())
    assert "transits" not in s3.to_json()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[{with: there}]", "transits.0: 'kind' is missing"),
        ("[{with: there, kind: ftp}]", "transits.0.kind: 'ftp' is none of the words"),
        ("[{with: there, kind: [s3]}]", "transits.0.kind: ['s3'] is none of the words"),
        ("[s3]", "transits.0: 's3' is no mapping"),
        ("s3", "transits: 's3' is no list"),
        (
            "[{with: there, kind: directory, path: exchange}]",
            "transits.0.path: 'exchange' is not of the form",
        ),
        ("[{with: there, kind: directory, path: /a/../b}]", "transits.0.path: '/a/../b' is not of the form"),
        ("[{with: there, kind: directory}]", "transits.0: 'path' is missing"),
        (f"[{KINDS['s3'].replace('a/b', '../b')}]", "transits.0.prefix: '../b' is not of the form"),
        (
            f"[{KINDS['s3'].replace('bucket: exchange', 'bucket: exchange, secret_access_key: x')}]",
            "transits.0.secret_access_key: an unknown key",
        ),
        (
            f"[{KINDS['azure'].replace('127.0.0.1', 'example.org')}]",
            "transits.0.endpoint: 'http://example.org:10000/clinic' is not of the form",
        ),
        (
            f"[{KINDS['https'].replace('https://f', 'https://me:secret@f')}]",
            "transits.0.url: 'https://me",
        ),
        (
            f"[{KINDS['https'].replace('durable', 'fast')}]",
            "transits.0.promises.0: 'fast' is not of the form",
        ),
        (f"[{KINDS['sftp'].replace(HOST_KEY, 'any')}]", "transits.0.host_key: 'any' is not of the form"),
    ],
)
def test_a_mistake_is_told_with_its_line(tmp_path: Path, text: str, said: str) -> None:
    there = "transits: [{with: here, kind: directory, path: /mnt/exchange}]\n"
    found = mistakes(tmp_path, here=f"transits:\n  {text.replace('PEER', 'there')}\n", there=there)
    assert [line for line in found if said in line], found
    assert all(line.startswith(("here:6", "here:7", "there:6")) for line in found), found


def test_ends_that_would_never_meet_are_told_in_both_files(tmp_path: Path) -> None:
    here = f"transits:\n  - {KINDS['s3'].replace('PEER', 'there')}\n"
    [told] = mistakes(tmp_path, here=here)
    assert told.startswith(f"here:7: transits.0.with: {tmp_path}/there.yaml declares no transit with 'here'")
    there = f"transits:\n  - {KINDS['s3'].replace('PEER', 'here').replace('a/b', 'a/c')}\n"
    both_told = mistakes(tmp_path, here=here, there=there)
    assert [line.split(":")[0] for line in both_told] == ["here", "there"]
    assert all("declares another place" in line for line in both_told)


def test_a_peer_is_another_declared_environment_and_named_once(tmp_path: Path) -> None:
    each = "{with: WHO, kind: directory, path: /x}"
    here = "transits:\n" + "".join(f"  - {each.replace('WHO', who)}\n" for who in ("ther", "here"))
    assert [line.partition("transits")[2] for line in mistakes(tmp_path, here=here)] == [
        ".0.with: 'ther' is no other environment",
        ".1.with: 'here' is no other environment",
    ]
    twice = "transits:\n" + 2 * f"  - {each.replace('WHO', 'there')}\n"
    assert any("a second transit with 'there'" in line for line in mistakes(tmp_path, here=twice))


@pytest.mark.parametrize("kind", KINDS)
def test_the_schema_knows_the_keys_that_are_read(kind: str) -> None:
    schema = json.loads((ROOT / "flows/cli/schemas/environment.schema.json").read_text())
    arms = schema["properties"]["transits"]["items"]["oneOf"]
    [arm] = [arm for arm in arms if arm["properties"]["kind"]["const"] == kind]
    must, may = TRANSIT_KEYS[kind]
    assert set(arm["required"]) == {"with", "kind", *must}
    assert set(arm["properties"]) == {"with", "kind", *must, *may}
    item = parse_yaml(KINDS[kind].replace("PEER", "there").encode(), file="x").data
    jsonschema.Draft201909Validator(arm).validate(item)
