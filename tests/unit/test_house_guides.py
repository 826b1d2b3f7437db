"""Every `isthmus` line of a shell block in the documentation is one that the command line takes."""

from __future__ import annotations

import importlib
import re
import shlex
from pathlib import Path

import click
import pytest

from flows.cli.main import COMMANDS

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs/guides").glob("*.md"))]
BLOCK = re.compile(r"^ *```sh\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`(isthmus [^`…]+)`")
MAKE = re.compile(r"^make ([a-z]+)", re.MULTILINE)


def shown() -> list[tuple[str, str]]:
    """Return (page, command line) of every shell block, and of inline code that names a command."""
    found = []
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        lines = [line.strip() for block in BLOCK.findall(text) for line in block.splitlines()]
        lines = [re.sub(r'^eval "\$\((.*)\)"$', r"\1", line) for line in lines]
        lines += INLINE.findall(text)
        found += [(page.name, line) for line in lines if line.startswith("isthmus ")]
    return found


def complaint(line: str) -> str:
    """Parse as click would, without running any callback; return what is wrong."""
    words = shlex.split(re.split(r" (?:>>?|\|) ", line)[0], comments=True)[1:]
    if words[0] in {"--help", "COMMAND"}:
        return ""
    if words[0] not in COMMANDS:
        return f"no command {words[0]}"
    command: click.Command = importlib.import_module(COMMANDS[words[0]][0]).command
    context = click.Context(click.Group("isthmus"), info_name="isthmus")
    name, words = words[0], words[1:]
    while isinstance(command, click.Group):
        context = click.Context(command, info_name=name, parent=context)
        if not words:
            return ""
        name, words = words[0], words[1:]
        found = command.get_command(context, name)
        if found is None:
            return f"no command {name}"
        command = found
    context = click.Context(command, info_name=name, parent=context)
    try:
        options, left, _ = command.make_parser(context).parse_args(list(words))
    except click.UsageError as error:
        return error.format_message()
    return f"too much: {left}" if left or not isinstance(options, dict) else ""


@pytest.mark.parametrize(("page", "line"), shown())
def test_what_a_page_shows_can_be_typed(page: str, line: str) -> None:
    assert complaint(line) == "", f"{page}: {line}"


def test_the_pages_show_something() -> None:
    commands = {shlex.split(line, comments=True)[1] for _, line in shown()}
    assert set(COMMANDS) <= commands | {"init"}, "a command that no page mentions"


def test_make_targets_exist() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    for page in PAGES:
        named = {
            name for block in BLOCK.findall(page.read_text(encoding="utf-8")) for name in MAKE.findall(block)
        }
        assert named <= targets, page.name


def blocks(page: str, language: str) -> list[str]:
    text = (ROOT / "docs/guides" / page).read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def test_the_environment_file_that_the_guide_shows_is_one(tmp_path: Path) -> None:
    from environments.loading import load_profiles

    (tmp_path / "cloud.yaml").write_text(blocks("environments.md", "yaml")[0])
    assert list(load_profiles(tmp_path)) == ["cloud"]


def test_the_contract_that_the_guide_shows_is_one() -> None:
    from data_contracts.loading import parse_contract

    contract = parse_contract(blocks("contracts.md", "yaml")[0].encode(), file="guide.yaml")
    assert contract.reference == "hospital.covid-tests@1.0.0"
    assert contract.terms is not None


def test_the_mistake_that_the_guide_shows_is_told_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from data_contracts.errors import DeclarationError
    from environments.loading import load_profiles

    monkeypatch.chdir(tmp_path)
    folder = Path("environments")
    folder.mkdir()
    text = blocks("environments.md", "yaml")[0].replace("clearance: confidential", "clearance: secret")
    (folder / "cloud.yaml").write_text(text)
    with pytest.raises(DeclarationError) as caught:
        load_profiles(folder)
    assert f"isthmus: {caught.value}" == blocks("environments.md", "text")[0].strip()


def test_the_pipeline_that_the_guide_shows_is_the_one_that_init_writes() -> None:
    written = (ROOT / "flows/cli/site_template/flows/blood_pressure.py").read_text(encoding="utf-8")
    assert blocks("pipelines.md", "python")[0].strip() in written
    schedule = (ROOT / "flows/cli/site_template/site.toml").read_text(encoding="utf-8")
    assert blocks("pipelines.md", "toml")[0].strip() in schedule
