"""`store:` of an environment file: what it makes, and every mistake with its line."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import jsonschema
import pytest
import yaml

from data_contracts.errors import DeclarationError
from environments.loading import load_profiles
from environments.profile import AzureStoreSpec, Profile, S3StoreSpec, StoreSpec
from environments.store_fields import STORE_KEYS

ROOT = Path(__file__).parents[3]
S3 = "{kind: s3, bucket: assets, region: eu-central-1, credentials: s3.toml, prefix: a/b, cache: 2 GiB}"
AZURE = "{kind: azure, account: clinic, container: assets, credentials: /keys/azure.toml}"
SCHEMA = json.loads((ROOT / "flows/cli/schemas/environment.schema.json").read_text())["properties"]["store"]


def loaded(folder: Path, store: str) -> Profile:
    (folder / "here.yaml").write_text(
        f"name: here\nkind: cloud\njurisdiction: DE\nclearance: internal\nsteps: []\nstore: {store}\n"
    )
    return load_profiles(folder)["here"]


def test_each_kind_is_read(tmp_path: Path) -> None:
    s3 = S3StoreSpec("assets", "eu-central-1", tmp_path / "s3.toml", "a/b", cache=2 * 1024**3)
    azure = AzureStoreSpec("clinic", "assets", Path("/keys/azure.toml"))
    for text, spec in ((S3, s3), (AZURE, azure), ("local", StoreSpec())):
        profile = loaded(tmp_path, text)
        assert profile.store == spec
        assert pickle.loads(pickle.dumps(profile)) == profile  # noqa: S301 - our own bytes
        assert ".toml" not in repr(profile) + json.dumps(profile.to_json())
    assert azure.cache == 16 * 1024**3


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("cloud", "store: not a store"),
        ("{kind: gcs}", "store.kind: 'gcs' is none of the words"),
        ("{kind: s3, bucket: assets, region: eu-central-1}", "store: 'credentials' is missing"),
        (S3.replace("prefix", "prefx"), "store.prefx: an unknown key"),
        (S3.replace("2 GiB", "lots"), "store.cache: 'lots' is no size"),
        (S3.replace("a/b", "../b"), "store.prefix: '../b' is not of the form"),
        (S3.replace("prefix: a/b", "endpoint: 'http://files.example.org'"), "store.endpoint: "),
        (AZURE.replace("clinic", "Clinic"), "store.account: 'Clinic' is not of the form"),
    ],
)
def test_every_mistake_is_told_with_its_line(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(DeclarationError) as caught:
        loaded(tmp_path, text)
    problems = [f"{item.path}: {item.message}" for item in caught.value.problems if item.line == 6]
    assert any(problem.startswith(said) for problem in problems), problems
    assert not jsonschema.Draft201909Validator(SCHEMA).is_valid(yaml.safe_load(text))


@pytest.mark.parametrize("text", [S3, AZURE, "local", "{path: /mnt/assets}"])
def test_the_schema_takes_what_is_read(text: str) -> None:
    jsonschema.Draft201909Validator(SCHEMA).validate(yaml.safe_load(text))


def test_the_schema_knows_the_keys_that_are_read() -> None:
    arms = SCHEMA["then"]["then"]
    for kind, arm in (("s3", arms["else"]), ("azure", arms["then"])):
        must, may = STORE_KEYS[kind]
        assert set(arm["properties"]) == {"kind", *must, *may}
        assert set(arm["required"]) == {"kind", *must}
