"""`isthmus keys`: the keys of environments and requesters, as the trust document names them."""

from __future__ import annotations

import datetime as dt
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from data_contracts.errors import UnreachableError, UsageError
from environments.home import Home
from environments.members import read_membership
from environments.site import Site
from flows.cli.newfile import write_new
from flows.cli.options import env_option, example, home_option, json_option, site_option
from flows.cli.report import emit_json

if TYPE_CHECKING:
    from environments.embedded.trustwork import Spread
    from environments.identity.signers import KmsKey
    from environments.trust import SignedTrust
    from environments.trust.keys import AgreementKey, SigningKey

__all__ = ["announce", "command", "document_json", "now"]

_KMS = {"key", "region", "credentials", "endpoint"}
_FILE = click.Path(path_type=Path, dir_okay=False)


def now() -> dt.datetime:
    """Return the time now, in UTC."""
    return dt.datetime.now(dt.UTC)


@click.group(
    name="keys",
    no_args_is_help=True,
    epilog=example(
        "isthmus keys list",
        "isthmus keys rotate --env cloud",
        "isthmus keys revoke --env cloud 1a2b3c4d",
    ),
)
def command() -> None:
    """List, rotate, revoke and export keys. Private keys never leave their environment, nor this command."""


def _state(key: SigningKey | AgreementKey) -> str:
    if key.window.revoked is not None:
        return "revoked"
    if key.window.accepts(now()):
        return "counts"
    return "ended" if now() >= key.window.ends else "not yet"


def _listed(newest: SignedTrust) -> list[dict[str, Any]]:
    document = newest.document
    rows: list[tuple[str, str, SigningKey | AgreementKey]] = []
    for name, one in sorted(document.environments.items()):
        rows += [(name, "signing", key) for key in one.signing]
        rows += [(name, "agreement", key) for key in one.agreement]
    for name, asks in sorted(document.requesters.items()):
        rows += [(name, asks.kind, key) for key in asks.keys]
    return [
        {"of": name, "use": use, "key_id": key.key_id, "state": _state(key)} | key.window.to_json()
        for name, use, key in rows
    ]


def document_json(newest: SignedTrust) -> dict[str, Any]:
    """Return a document with its digest and the ids of the roots that signed it."""
    document = newest.document
    return {"digest": newest.digest, "signers": sorted(newest.signers), "document": document.to_json()}


@command.command("list", epilog=example("isthmus keys list"))
@home_option
@json_option
def list_keys(*, home: Home, as_json: bool) -> None:
    """List every key that the trust document names: whose, for what, from when until when, and revoked."""
    from environments.embedded.trustwork import newest_here

    newest = newest_here(home)
    rows = _listed(newest)
    if as_json:
        emit_json({"version": newest.document.version, "keys": rows})
        return
    for row in rows:
        window = f"{row['begins'][:10]} to {row['ends'][:10]}"
        click.echo(f"{row['of']:<12} {row['use']:<10} {row['key_id'][7:19]}  {row['state']:<8} {window}")


@command.command("export", epilog=example("isthmus keys export --env cloud > cloud.json"))
@env_option
@home_option
@site_option
@json_option
def export(*, env: str, home: Home, site: Site, as_json: bool) -> None:  # noqa: ARG001 - it is JSON either way
    """Print an environment's public keys as JSON: what another site's document needs. No private key."""
    from environments.embedded.trustwork import newest_here

    site.profile(env)
    emit_json(newest_here(home).document.identity(env, now()).to_json())


@command.command(
    "rotate",
    epilog=example(
        "isthmus keys rotate --env cloud",
        "isthmus keys rotate --env cloud --overlap 7",
        "isthmus keys rotate --env cloud --kms kms.toml",
    ),
)
@env_option
@click.option(
    "--overlap", type=click.IntRange(0), default=30, show_default=True, help="Days for the old key."
)
@click.option(
    "--kms",
    type=_FILE,
    metavar="FILE",
    help="Sign in AWS KMS: TOML with key, region, credentials[, endpoint].",
)
@click.option("--out", type=_FILE, metavar="FILE", help="A proposal's file (trust-VERSION.json).")
@home_option
@site_option
@json_option
def rotate(
    *, env: str, overlap: int, kms: Path | None, out: Path | None, home: Home, site: Site, as_json: bool
) -> None:
    """Give an environment new signing and agreement keys; the system may run.

    The new keys sign as soon as the environment has the new trust document; the old ones count on for the
    overlap, so that what is under way arrives. In a home that joined another machine's, this writes a file
    for that machine (ENV.renewal.json), which takes it by `isthmus env renew`.
    """
    from environments.embedded import trustwork

    site.profile(env)
    token = None if kms is None else _in_kms(kms)
    if read_membership(home.check()) is not None:
        _ask(home, env, token, out or Path(f"{env}.renewal.json"), as_json=as_json)
        return
    made = trustwork.rotate(home, env, now=now(), overlap=dt.timedelta(days=overlap), token=token)
    announce(made, out, as_json=as_json)


def _ask(home: Home, env: str, token: KmsKey | None, out: Path, *, as_json: bool) -> None:
    """Write what asks for new keys in a home that joined."""
    from environments.embedded.renewing import ask_renewal
    from environments.joining import spoken
    from flows.cli.env_confirm import show_fingerprint

    raw, renewal = ask_renewal(home, env, now(), token)
    write_new(out, raw)
    if as_json:
        told = {"environment": env, "file": str(out), "digest": renewal.digest}
        emit_json(told | {"fingerprint": spoken(renewal.digest)})
        return
    click.echo(f"{out}: asks for new keys of {env}; the old ones sign until the trust document names them")
    show_fingerprint(renewal)
    click.echo(f"  where the trust document is issued: isthmus env renew {out.name}")


def _in_kms(file: Path) -> KmsKey:
    from environments.identity.signers import find_kms_key

    expected = "TOML with key, region, credentials (a file's path) and perhaps endpoint, a text each"
    try:
        said = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"{file}: cannot be read: {error.strerror}", remedy=expected) from None
    except ValueError:
        raise UsageError(f"{file}: no TOML", remedy=expected) from None
    texts = all(isinstance(word, str) for word in said.values())
    if not texts or not {"key", "region", "credentials"} <= set(said) <= _KMS:
        raise UsageError(f"{file}: not what says where a key in KMS is", remedy=expected)
    credentials = file.absolute().parent / Path(said["credentials"]).expanduser()
    return find_kms_key(said["key"], said["region"], credentials, said.get("endpoint", ""))


@command.command("revoke", epilog=example("isthmus keys revoke --env cloud 1a2b3c4d"))
@env_option
@click.argument("key_id")
@click.option("--out", type=_FILE, metavar="FILE", help="A proposal's file (trust-VERSION.json).")
@home_option
@site_option
@json_option
def revoke(*, env: str, key_id: str, out: Path | None, home: Home, site: Site, as_json: bool) -> None:
    """Let a key count no more, for ever: KEY_ID as `isthmus keys list` shows it. Rotate first.

    What it signed and was committed stays; what it signed and waits is refused and must be sent again.
    """
    from environments.embedded import trustwork

    site.profile(env)
    announce(trustwork.revoke(home, env, key_id, now=now()), out, as_json=as_json)


def _write_proposal(made: Spread, raw: bytes, out: Path | None) -> Path:
    path = out or Path(f"trust-{made.version}.json")
    try:
        with path.open("xb") as file:
            file.write(raw)
    except FileExistsError:
        raise UsageError(f"{path}: stands there already", remedy="name another with --out") from None
    path.chmod(0o600)
    return path


def announce(made: Spread, out: Path | None = None, *, as_json: bool) -> None:
    """Say what came of a change; a proposal is written to `out` first.

    Raises:
        UsageError: a file stands where the proposal would go.
        UnreachableError: an environment could not be told.
    """
    waits = None if made.proposal is None else _write_proposal(made, made.proposal, out)
    if as_json:
        told = {"version": made.version, "digest": made.digest, "pinned": list(made.pinned)}
        emit_json(told | {"proposal": str(waits) if waits else None, "failed": made.failed})
    elif waits:
        click.echo(f"{waits}: trust document {made.version} waits for signatures; nothing changed yet")
        click.echo(f"  each holder of a root key: isthmus trust sign {waits} --key KEY")
        click.echo(f"  then here: isthmus trust update {waits}")
    else:
        click.echo(f"trust document {made.version}, pinned by {', '.join(made.pinned) or 'nobody'}")
        click.echo(f"  {made.digest}")
    if made.failed:
        said = "; ".join(f"{name}: {text}" for name, text in sorted(made.failed.items()))
        raise UnreachableError(
            f"not told: {said}", remedy="the document is issued: `isthmus up` tells them, or run this again"
        )
