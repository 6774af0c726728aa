"""Who is who: an Ed25519 key per deployable, and a Django secret key for each, made once under the home directory."""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass
from pathlib import Path

from services.local import files, locks
from services.local.components import DEPLOYABLES


@dataclass(frozen=True, slots=True)
class KeyFiles:
    """Where the keys lie."""

    directory: Path

    @property
    def public(self) -> Path:
        """The public keys of everyone, as JSON: `{name: PEM}`."""
        return self.directory / "public.json"

    def private(self, name: str) -> Path:
        """Return the file of a deployable's private key."""
        return self.directory / f"{name}.pem"

    def secret(self, name: str) -> Path:
        """Return the file of a deployable's Django secret key."""
        return self.directory / f"{name}.secret"


def ensure(home: Path) -> KeyFiles:
    """Create what is missing and return where everything lies. Any number of processes may call this at once."""
    keys = KeyFiles(home.resolve() / "identity")
    if not _complete(keys):
        keys.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        with locks.exclusive(keys.directory / ".lock"):
            if not _complete(keys):
                _create(keys)
    return keys


def _complete(keys: KeyFiles) -> bool:
    return keys.public.exists() and all(
        keys.private(deployable.name).exists() and keys.secret(deployable.name).exists() for deployable in DEPLOYABLES
    )


def _create(keys: KeyFiles) -> None:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    public = {}
    for deployable in DEPLOYABLES:
        private_file = keys.private(deployable.name)
        if private_file.exists():
            key = serialization.load_pem_private_key(private_file.read_bytes(), password=None)
        else:
            key = Ed25519PrivateKey.generate()
            pem = key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
            files.write(private_file, pem.decode())
        public[deployable.name] = (
            key.public_key()
            .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
            .decode()
        )
        if not keys.secret(deployable.name).exists():
            files.write(keys.secret(deployable.name), secrets.token_urlsafe(48))
    # Last, and from the private keys as they are: whoever sees it sees keys that match.
    files.write(keys.public, json.dumps(public, indent=2), mode=0o644)
