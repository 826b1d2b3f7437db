from __future__ import annotations

import os
import stat

import pytest

from data_contracts.errors import NotVerifiableError
from environments.embedded.settings import load_settings, make_secrets, remember_port, secret
from environments.home import Home


def test_nothing_is_made_by_asking(home: Home) -> None:
    assert load_settings(home) is None
    assert list(home.system.iterdir()) == []


def test_memory_stays_the_same_but_for_the_port(home: Home) -> None:
    first = load_settings(home, create=True)
    assert first is not None
    assert load_settings(home, create=True) == first
    second = remember_port(home, first, 4300)
    assert load_settings(home) == second
    assert (second.mark, second.database_uid, second.port) == (first.mark, first.database_uid, 4300)


def test_postgresql_never_runs_as_root(home: Home) -> None:
    settings = load_settings(home, create=True)
    assert settings is not None
    if os.geteuid() == 0:
        assert settings.database_uid in range(61184, 65520)
    else:
        assert settings.database_uid is None


def test_settings_hold_no_secret_and_secrets_stay_the_same(home: Home) -> None:
    load_settings(home, create=True)
    make_secrets(home)
    words = {secret(home, "api"), secret(home, "database")}
    make_secrets(home)
    assert {secret(home, "api"), secret(home, "database")} == words
    assert len(words) == 2
    text = (home.system / "settings.json").read_text()
    assert not any(word in text for word in words)
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in home.secrets.iterdir())


def test_damaged_settings_and_missing_secrets_are_said_plainly(home: Home) -> None:
    load_settings(home, create=True)
    (home.system / "settings.json").write_text("{")
    with pytest.raises(NotVerifiableError):
        load_settings(home, create=True)
    with pytest.raises(NotVerifiableError, match="missing"):
        secret(home, "database")
