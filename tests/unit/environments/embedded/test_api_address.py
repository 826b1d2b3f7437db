from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from data_contracts.errors import NotVerifiableError, UnreachableError
from environments.embedded.api import ApiAddress, api_file, client_settings, read_api, use_api, write_api
from environments.home import Home

API = ApiAddress("http://127.0.0.1:4281/api", "isthmus:s3cret")


def test_what_is_written_is_read_and_private(home: Home) -> None:
    write_api(home, API)
    assert read_api(home) == API
    assert stat.S_IMODE(api_file(home).stat().st_mode) == 0o600


def test_without_a_system_it_says_how_to_start_one(home: Home) -> None:
    with pytest.raises(UnreachableError) as caught:
        read_api(home)
    assert "isthmus up" in caught.value.remedy


def test_a_file_that_others_may_read_is_not_trusted(home: Home) -> None:
    write_api(home, API)
    api_file(home).chmod(0o640)
    with pytest.raises(NotVerifiableError):
        read_api(home)


@pytest.mark.parametrize("text", [b"", b"[]", b'{"url": "http://127.0.0.1/api"}', b"\xff"])
def test_a_damaged_file_is_not_an_address(home: Home, text: bytes) -> None:
    write_api(home, API)
    api_file(home).write_bytes(text)
    with pytest.raises(NotVerifiableError):
        read_api(home)


def test_the_credential_is_in_no_representation() -> None:
    assert "s3cret" not in repr(API)
    assert "s3cret" not in str(API)


def test_a_client_sends_neither_results_nor_logs_nor_analytics(tmp_path: Path) -> None:
    settings = client_settings(API, prefect_home=tmp_path / "prefect")
    assert settings["PREFECT_RESULTS_PERSIST_BY_DEFAULT"] == "false"
    assert settings["PREFECT_TASKS_DEFAULT_PERSIST_RESULT"] == "false"
    assert settings["PREFECT_LOGGING_TO_API_ENABLED"] == "false"
    assert settings["PREFECT_SERVER_ANALYTICS_ENABLED"] == "false"
    assert settings["PREFECT_SERVER_ALLOW_EPHEMERAL_MODE"] == "false"
    assert settings["PREFECT_HOME"] == str(tmp_path / "prefect")


def test_prefect_understands_every_setting(run_python: Callable[..., str], tmp_path: Path) -> None:
    code = """
import json, sys
from environments.embedded.api import ApiAddress, client_settings, use_api
from environments.embedded.server import _settings
from pathlib import Path
api = ApiAddress("http://127.0.0.1:4281/api", "isthmus:s3cret")
home = Path(sys.argv[1])
names = set(client_settings(api, prefect_home=home)) | set(_settings(home, api, "postgresql+asyncpg://x"))
from prefect.settings.legacy import _get_settings_fields
from prefect.settings import Settings
known = set(_get_settings_fields(Settings))
print(sorted(name for name in names if name.startswith("PREFECT_") and name not in known))
"""
    assert run_python(code, str(tmp_path)).strip().endswith("[]")


def test_other_prefect_settings_do_not_survive(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "environ", dict(os.environ))
    os.environ["PREFECT_API_KEY"] = "someone else's"
    os.environ["NO_PROXY"] = "intranet"
    use_api(client_settings(API))
    assert "PREFECT_API_KEY" not in os.environ
    assert os.environ["PREFECT_API_URL"] == API.url
    assert os.environ["NO_PROXY"] == "intranet,127.0.0.1,localhost"
