"""`isthmus trust`: the document that says which keys count, and whose word makes it."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING

import click

from data_contracts.errors import UsageError
from environments.home import Home
from flows.cli.keys import announce, document_json, now
from flows.cli.newfile import write_new
from flows.cli.options import example, home_option, json_option
from flows.cli.report import emit_json

if TYPE_CHECKING:
    from environments.identity.signers import Signer

__all__ = ["command", "read_public"]

_MAX_FILE = 1024 * 1024
_FILE = click.Path(path_type=Path, dir_okay=False)


@click.group(
    name="trust",
    no_args_is_help=True,
    epilog=example(
        "isthmus trust show",
        "isthmus trust new-root alice.key        # on Alice's own machine",
        "isthmus trust upgrade --threshold 2 --root alice.key.pub --root bob.key.pub",
        "isthmus trust sign trust-2.json --key alice.key",
        "isthmus trust update trust-2.json",
    ),
)
def command() -> None:
    """Show and change the trust document: which keys of whom count, and who may ask.

    An embedded system makes one root key itself, and signs with it. `upgrade` moves to root keys that people
    hold elsewhere, of which a threshold must sign every change.
    """


@command.command("show", epilog=example("isthmus trust show", "isthmus trust show --json"))
@home_option
@json_option
def show(*, home: Home, as_json: bool) -> None:
    """Print the newest document, and which version each environment has pinned."""
    from environments.embedded.trustwork import newest_here, pinned_by

    newest = newest_here(home)
    document, pinned = newest.document, pinned_by(home)
    if as_json:
        named = {name: {"version": one, "digest": digest} for name, (one, digest) in pinned.items()}
        emit_json(document_json(newest) | {"pinned": named})
        return
    left = (document.expires - now()).days
    click.echo(f"trust document {document.version}  {newest.digest}")
    click.echo(f"  issued {document.issued:%Y-%m-%d}, ends {document.expires:%Y-%m-%d} (in {left} days)")
    click.echo(f"  suite {document.suite}")
    count = len(document.roots.keys)
    click.echo(f"  {document.roots.threshold} of {count} root keys sign; this version: {len(newest.signers)}")
    for key_id in document.roots.by_id:
        click.echo(f"    {key_id}{'  signed' if key_id in newest.signers else ''}")
    for name, (version, digest) in sorted(pinned.items()):
        same = digest == newest.digest
        told = "has it" if same else f"has version {version}" if version else "has none"
        click.echo(f"  {name}: {told}")
        if version == document.version and not same:
            click.echo(f"    ANOTHER document of this version: {digest}", err=True)
    for name, requester in sorted(document.requesters.items()):
        click.echo(f"  {requester.kind} {name}: {len(requester.keys)} keys")


@command.command("export", epilog=example("isthmus trust export --out trust-3.json"))
@click.option("--out", type=_FILE, metavar="FILE", help="The document's file (trust-VERSION.json).")
@home_option
@json_option
def export(*, out: Path | None, home: Home, as_json: bool) -> None:
    """Write the newest document with its signatures: what another machine takes by `isthmus trust update`."""
    from environments.embedded.trustwork import newest_here

    newest = newest_here(home)
    path = out or Path(f"trust-{newest.document.version}.json")
    write_new(path, newest.raw)
    if as_json:
        emit_json({"file": str(path), "version": newest.document.version, "digest": newest.digest})
    else:
        click.echo(f"{path}: trust document {newest.document.version}, {newest.digest}")


@command.command("new-root", epilog=example("isthmus trust new-root alice.key"))
@click.argument("file", type=_FILE)
@json_option
def new_root(*, file: Path, as_json: bool) -> None:
    """Make a root key: FILE holds the private key (keep it offline), FILE.pub the public one (hand it in)."""
    from data_contracts.digest import digest_bytes
    from environments.encoding import encode
    from environments.identity.signers import make_file_signer

    public = make_file_signer(file).public
    beside = file.with_name(f"{file.name}.pub")
    beside.write_text(encode(public) + "\n", encoding="ascii")
    if as_json:
        emit_json({"key": str(file), "public": str(beside), "key_id": digest_bytes(public)})
    else:
        click.echo(f"{file}: private, keep it offline\n{beside}: {digest_bytes(public)}")


def read_public(path: Path) -> bytes:
    """Return the public key in a file that `new-root` wrote."""
    from environments.encoding import decode

    return decode(_read(path).decode("ascii", "replace").strip(), what=str(path), length=32)


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(_MAX_FILE + 1)
    except FileNotFoundError:
        raise UsageError(f"{path}: no such file") from None


@command.command("upgrade", epilog=example("isthmus trust upgrade --threshold 2 --root a.pub --root b.pub"))
@click.option("--threshold", type=click.IntRange(1), required=True, help="How many must sign each change.")
@click.option("--root", "roots", multiple=True, required=True, type=_FILE, help="A public root key (.pub).")
@click.option("--out", type=_FILE, metavar="FILE", help="The proposal (trust-VERSION.json).")
@home_option
@json_option
def upgrade(*, threshold: int, roots: tuple[Path, ...], out: Path | None, home: Home, as_json: bool) -> None:
    """Let these root keys sign from now on, in place of those before.

    Writes a proposal that the old roots and a threshold of the new ones must sign; what lies here signs at
    once.
    """
    from environments.embedded.trustwork import change_roots
    from environments.trust import Roots

    asked = Roots(threshold, tuple(read_public(path) for path in roots))
    announce(change_roots(home, asked, now=now()), out, as_json=as_json)


@command.command(
    "sign",
    epilog=example(
        "isthmus trust sign trust-2.json --key alice.key",
        "isthmus trust sign trust-2.json --module /usr/lib/softhsm/libsofthsm2.so --token isthmus "
        "--label alice --pin-file pin --public alice.pub",
    ),
)
@click.argument("file", type=_FILE)
@click.option("--key", type=_FILE, help="A private key file (`isthmus trust new-root`).")
@click.option("--module", type=_FILE, help="A token's PKCS#11 library, in place of --key.")
@click.option("--token", default="", help="The token's label.")
@click.option("--label", default="", help="The key's label in the token.")
@click.option("--pin-file", type=_FILE, help="A private file that holds the PIN.")
@click.option("--public", type=_FILE, help="The token key's public key.")
@json_option
def sign(*, file: Path, key: Path | None, as_json: bool, **token: Path | str | None) -> None:
    """Add your signature to a proposal. Read first what it says: `isthmus trust sign` shows it."""
    from environments.private import write_private
    from environments.trust.envelope import add_signatures, proposal

    raw = add_signatures(_read(file), [_signer(key, token)])
    document, signatures = proposal(raw)
    write_private(file, raw)
    said = {
        "version": document.version,
        "digest": document.digest,
        "threshold": document.roots.threshold,
        "signatures": sorted(signatures),
        "environments": {
            name: [one.key_id for one in each.signing if one.window.accepts(now())]
            for name, each in sorted(document.environments.items())
        },
    }
    if as_json:
        emit_json(said)
        return
    click.echo(f"signed: trust document {document.version}, {document.digest}")
    click.echo(f"  {len(signatures)} signatures; {document.roots.threshold} of its own roots are needed")


def _signer(key: Path | None, token: dict[str, Path | str | None]) -> Signer:
    from environments.identity.signers import TokenKey, TokenSigner, load_file_signer

    if key is not None:
        return load_file_signer(key)
    module, pin_file, public = token["module"], token["pin_file"], token["public"]
    if not (isinstance(module, Path) and isinstance(pin_file, Path) and isinstance(public, Path)):
        raise UsageError(
            "no key to sign with",
            remedy="say --key FILE, or --module, --token, --label, --pin-file, --public",
        )
    named = str(token["token"]), str(token["label"])
    return TokenSigner(TokenKey(module, *named, pin_file, read_public(public)))


@command.command("update", epilog=example("isthmus trust update trust-2.json"))
@click.argument("file", type=_FILE)
@home_option
@json_option
def update(*, file: Path, home: Home, as_json: bool) -> None:
    """Take a signed document: verified against what is pinned, issued, and pinned by every environment."""
    from environments.embedded.trustwork import take

    announce(take(home, _read(file), now=dt.datetime.now(dt.UTC)), as_json=as_json)
