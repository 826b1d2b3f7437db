"""What every signer must do; each implementation runs this suite with a fixture `signer` and `another`."""

from __future__ import annotations

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from data_contracts.digest import canonical
from data_contracts.errors import UsageError
from environments.identity import PublicIdentity
from environments.identity.signers import Signer
from environments.trust.envelope import open_document, sign_document
from environments.trust.members import Roots


class SignerSuite:
    LIMIT = 1 << 30
    """Bytes that one signature may be of, where what holds the key sets a limit."""

    def test_the_public_key_is_raw_ed25519(self, signer: Signer) -> None:
        assert len(signer.public) == 32
        assert signer.public == signer.public

    @pytest.mark.parametrize("size", [0, 1, 64, 100_000])
    def test_a_signature_verifies_under_the_public_key(self, signer: Signer, size: int) -> None:
        payload = b"p" * size
        if size > self.LIMIT:
            with pytest.raises(UsageError, match=str(self.LIMIT)):
                signer.sign(payload)
            return
        signature = signer.sign(payload)
        assert len(signature) == 64
        Ed25519PublicKey.from_public_bytes(signer.public).verify(signature, payload)

    def test_signing_twice_gives_the_same(self, signer: Signer) -> None:
        assert signer.sign(b"payload") == signer.sign(b"payload")

    def test_nothing_else_verifies(self, signer: Signer, another: Signer) -> None:
        assert signer.public != another.public
        for public, payload in ((signer.public, b"payloae"), (another.public, b"payload")):
            with pytest.raises(InvalidSignature):
                Ed25519PublicKey.from_public_bytes(public).verify(signer.sign(b"payload"), payload)

    def test_it_shows_no_secret(self, signer: Signer) -> None:
        assert "seed" not in repr(signer)
        assert "1234" not in repr(signer)

    def test_it_signs_for_an_environment(self, signer: Signer) -> None:
        public = PublicIdentity("cloud", signer.public, b"", b"", b"")
        public.verify(b"statement", signer.sign(b"statement"), key_id=public.key_id)

    def test_two_of_two_root_keys(self, signer: Signer, another: Signer) -> None:
        from trust_builder import document

        roots = Roots(2, (signer.public, another.public))
        proposed = document(by=roots)
        if len(canonical(proposed.to_json())) > self.LIMIT:
            pytest.fail("the suite's own document is too large for this signer: say so in its guide")
        raw = sign_document(proposed, [signer, another])
        assert len(open_document(raw, trusted=roots).signers) == 2
