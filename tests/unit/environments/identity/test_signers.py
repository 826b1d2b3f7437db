"""Signers: a private file, and a token (SoftHSM, by its PKCS#11 library)."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[3] / "contract_suites"))
from signer_suite import SignerSuite

from data_contracts.errors import NotVerifiableError, UnreachableError, UsageError
from environments.identity import add_generation, create_identity, let_act, load_identity
from environments.identity.signers import (
    Signer,
    TokenKey,
    TokenSigner,
    load_file_signer,
    make_file_signer,
    make_token_key,
)

MODULE = Path("/usr/lib/softhsm/libsofthsm2.so")
token_needed = pytest.mark.skipif(not MODULE.exists(), reason="needs Debian's softhsm2")


class TestFileSigner(SignerSuite):
    @pytest.fixture
    def signer(self, tmp_path: Path) -> Signer:
        return make_file_signer(tmp_path / "one.key")

    @pytest.fixture
    def another(self, tmp_path: Path) -> Signer:
        return make_file_signer(tmp_path / "two.key")

    def test_it_is_the_same_when_loaded_again(self, tmp_path: Path, signer: Signer) -> None:
        assert load_file_signer(tmp_path / "one.key") == signer

    def test_a_key_is_never_replaced(self, tmp_path: Path, signer: Signer) -> None:
        with pytest.raises(UsageError, match="already"):
            make_file_signer(tmp_path / "one.key")
        assert load_file_signer(tmp_path / "one.key") == signer

    def test_a_key_that_others_could_read_is_refused(self, tmp_path: Path, signer: Signer) -> None:
        assert signer.public
        (tmp_path / "one.key").chmod(0o644)
        with pytest.raises(NotVerifiableError):
            load_file_signer(tmp_path / "one.key")

    def test_a_file_that_is_no_key_is_refused(self, tmp_path: Path) -> None:
        path = tmp_path / "none.key"
        path.touch(mode=0o600)
        for text in (b"", b"{}", b'{"algorithm":"none","seed":"","version":1}'):
            path.write_bytes(text)
            with pytest.raises(NotVerifiableError):
                load_file_signer(path)


@pytest.fixture(scope="module")
def pin_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Initialise a token of this test's own, and return the file of its PIN."""
    folder = tmp_path_factory.mktemp("token")
    (folder / "tokens").mkdir()
    (folder / "softhsm2.conf").write_text(f"directories.tokendir = {folder / 'tokens'}\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOFTHSM2_CONF", str(folder / "softhsm2.conf"))
        tool = shutil.which("softhsm2-util")
        assert tool is not None
        told = ["--init-token", "--free", "--label", "isthmus", "--so-pin", "12345678", "--pin", "1234"]
        subprocess.run([tool, *told], check=True, capture_output=True)
        path = folder / "pin"
        path.touch(mode=0o600)
        path.write_text("1234\n")
        yield path


@pytest.fixture
def token_key(pin_file: Path, request: pytest.FixtureRequest) -> TokenKey:
    return make_token_key(MODULE, "isthmus", f"{request.node.name}-one", pin_file)


@token_needed
class TestTokenSigner(SignerSuite):
    @pytest.fixture
    def signer(self, token_key: TokenKey) -> Signer:
        return TokenSigner(token_key)

    @pytest.fixture
    def another(self, pin_file: Path, request: pytest.FixtureRequest) -> Signer:
        return TokenSigner(make_token_key(MODULE, "isthmus", f"{request.node.name}-two", pin_file))

    def test_a_declaration_survives_json_and_names_no_pin(self, token_key: TokenKey) -> None:
        assert TokenKey.from_json(token_key.to_json()) == token_key
        assert "1234" not in str(token_key.to_json() | {"public": ""}).replace(str(token_key.pin_file), "")

    def test_the_private_key_cannot_be_read_out(self, token_key: TokenKey) -> None:
        import pkcs11

        with pkcs11.lib(str(MODULE)).get_token(token_label="isthmus").open(user_pin="1234") as session:
            key = session.get_key(object_class=pkcs11.ObjectClass.PRIVATE_KEY, label=token_key.label)
            with pytest.raises(pkcs11.PKCS11Error):
                key[pkcs11.Attribute.VALUE]

    def test_a_label_is_taken_once(self, token_key: TokenKey) -> None:
        with pytest.raises(UsageError, match="already"):
            make_token_key(MODULE, "isthmus", token_key.label, token_key.pin_file)

    def test_another_key_under_the_label_signs_nothing(self, token_key: TokenKey, another: Signer) -> None:
        with pytest.raises(NotVerifiableError, match="another key"):
            TokenSigner(replace(token_key, public=another.public)).sign(b"payload")

    def test_a_wrong_pin_a_missing_token_and_a_missing_key(self, token_key: TokenKey, tmp_path: Path) -> None:
        wrong = tmp_path / "pin"
        wrong.touch(mode=0o600)
        wrong.write_text("9999")
        for key in (
            replace(token_key, pin_file=wrong),
            replace(token_key, token="other"),
            replace(token_key, label="other"),
            replace(token_key, module=tmp_path / "none.so"),
        ):
            with pytest.raises(UnreachableError) as error:
                TokenSigner(key).sign(b"payload")
            assert "9999" not in str(error.value) + error.value.remedy

    def test_a_pin_that_others_could_read_is_refused(self, token_key: TokenKey, tmp_path: Path) -> None:
        path = tmp_path / "pin"
        path.write_text("1234")
        path.chmod(0o644)
        with pytest.raises(NotVerifiableError):
            TokenSigner(replace(token_key, pin_file=path)).sign(b"payload")

    def test_an_environment_signs_with_it_after_a_rotation(self, token_key: TokenKey, tmp_path: Path) -> None:
        from trust_builder import Folder

        folder = Folder(tmp_path / "cloud")
        old = create_identity(folder, "cloud")
        fresh = add_generation(folder, token_key)
        assert fresh.signing == token_key.public
        assert let_act(folder, {fresh.key_id})
        identity = load_identity(folder)
        signature = identity.sign(b"statement")
        identity.public.verify(b"statement", signature, key_id=fresh.key_id)
        with pytest.raises(NotVerifiableError):
            old.verify(b"statement", signature)
        assert b'"module"' in (folder.keys / "identity.key").read_bytes()
