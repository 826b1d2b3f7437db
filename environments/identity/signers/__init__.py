"""Signers: whatever holds a private Ed25519 key and signs with it.

Example:
    >>> signer = make_file_signer(folder / "root.key")
    >>> len(signer.public), len(signer.sign(b"payload"))
    (32, 64)
"""

from environments.identity.signers.file import FileSigner, load_file_signer, make_file_signer
from environments.identity.signers.kms import KMS_LIMIT, KmsKey, KmsSigner, find_kms_key
from environments.identity.signers.port import Signer
from environments.identity.signers.token import TokenKey, TokenSigner, make_token_key

__all__ = [
    "KMS_LIMIT",
    "FileSigner",
    "KmsKey",
    "KmsSigner",
    "Signer",
    "TokenKey",
    "TokenSigner",
    "find_kms_key",
    "load_file_signer",
    "make_file_signer",
    "make_token_key",
]
