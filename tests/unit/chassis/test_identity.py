"""services.chassis.identity"""

from __future__ import annotations

import json
from pathlib import Path

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from services.chassis.identity import LEEWAY, LIFETIME, Kind, Minter, Principal, TokenError, Verifier, bearer

KEY = Ed25519PrivateKey.generate()
OTHER = Ed25519PrivateKey.generate()
WORDS = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=20)
ANYONE = Principal("c-1", "customer", frozenset({"orders"}), {"products": "monolith", "orders": "service"})
VERIFIER = Verifier(audience="orders", keys={"gateway": KEY.public_key()})
MINTER = Minter(issuer="gateway", key=KEY)


@given(st.text(max_size=64), st.sampled_from(["customer", "staff", "service"]), st.frozensets(WORDS))
def test_it_believes_what_was_signed_and_changes_none_of_it(subject: str, kind: Kind, scopes: frozenset[str]) -> None:
    try:
        subject.encode()
    except UnicodeEncodeError:
        return
    principal = Principal(subject, kind, scopes, {"products": "service"})
    verified = VERIFIER.verify(MINTER.mint(principal, audience="orders"))
    assert (verified.issuer, verified.principal) == ("gateway", principal)


def test_its_tokens_say_what_the_contract_says() -> None:
    token = Minter(issuer="gateway", key=KEY, clock=lambda: 1000.9).mint(ANYONE, audience="orders")
    assert jwt.get_unverified_header(token) == {"alg": "EdDSA", "kid": "gateway", "typ": "JWT"}
    assert jwt.decode(token, options={"verify_signature": False}) == {
        "iss": "gateway",
        "aud": "orders",
        "sub": "c-1",
        "kind": "customer",
        "scope": "orders",
        "iat": 1000,
        "exp": 1000 + LIFETIME,
        "owners": {"products": "monolith", "orders": "service"},
    }
    assert LIFETIME == 60


@pytest.mark.parametrize(
    ("age", "lifetime", "believed"),
    [(0, 60, True), (60, 60 + LEEWAY - 2, True), (70, 60, False), (-2, 60, True), (-60, 60, False)],
    ids=["new", "old", "expired", "clocks differ a little", "from the future"],
)
def test_it_believes_a_token_only_in_its_time(age: int, lifetime: int, believed: bool) -> None:
    import time

    token = Minter(issuer="gateway", key=KEY, clock=lambda: time.time() - age).mint(
        ANYONE, audience="orders", lifetime=lifetime
    )
    if believed:
        assert VERIFIER.verify(token).principal == ANYONE
    else:
        with pytest.raises(TokenError):
            VERIFIER.verify(token)


CLAIMS = {"iss": "gateway", "aud": "orders", "sub": "c", "kind": "customer", "iat": 1, "exp": 2**33}


def _signed(key: Ed25519PrivateKey = KEY, kid: object = "gateway", **claims: object) -> str:
    found = {name: value for name, value in {**CLAIMS, **claims}.items() if value is not None}
    return jwt.encode(found, key, algorithm="EdDSA", headers={"kid": kid})


def test_it_believes_the_plain_token_that_the_following_ones_are_made_of() -> None:
    assert VERIFIER.verify(_signed()).principal == Principal("c", "customer")


@pytest.mark.parametrize(
    "token",
    [
        _signed(OTHER),
        _signed(kid="orders"),
        _signed(aud="legacy"),
        _signed(aud=["legacy", "products"]),
        _signed(iss="orders"),
        _signed(kind="admin"),
        _signed(kind=None),
        _signed(sub=None),
        _signed(exp=None),
        _signed(iat=None),
        _signed(aud=None),
        _signed(exp=1),
        _signed(owners="all"),
        _signed(owners=["products"]),
        _signed()[:-4] + "AAAA",
        jwt.encode(CLAIMS, "x" * 32, algorithm="HS256", headers={"kid": "gateway"}),
        jwt.encode(CLAIMS, "", algorithm="none", headers={"kid": "gateway"}),
        "",
        "a.b.c",
        "a.b",
        "é.é.é",
        "\udc80.b.c",
    ],
)
def test_it_believes_no_other(token: str) -> None:
    with pytest.raises(TokenError):
        VERIFIER.verify(token)


@given(st.text(max_size=200))
def test_it_fails_in_one_way_only(token: str) -> None:
    with pytest.raises(TokenError):
        VERIFIER.verify(token)


@pytest.mark.parametrize("kid", [None, 1, ["gateway"], {}])
def test_an_odd_key_id_is_not_believed(kid: object) -> None:
    head = jwt.utils.base64url_encode(json.dumps({"alg": "EdDSA", "kid": kid}).encode()).decode()
    _, claims, signature = _signed().split(".")
    with pytest.raises(TokenError):
        VERIFIER.verify(f"{head}.{claims}.{signature}")


@pytest.mark.parametrize(("header", "token"), [(None, None), ("Bearer x", "x"), ("bearer x", "x"), ("BEARER  x ", "x")])
def test_it_finds_the_token_in_a_header(header: str | None, token: str | None) -> None:
    assert bearer(header) == token


@pytest.mark.parametrize("header", ["", " ", "Bearer", "Bearer ", "Bearer   ", "Basic x", "x", "Bearerx"])
def test_a_header_without_a_token_is_refused(header: str) -> None:
    with pytest.raises(TokenError):
        bearer(header)


def _pem(key: Ed25519PrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def test_it_reads_keys_from_files_and_trusts_only_the_issuers_asked_for(tmp_path: Path) -> None:
    pems = {
        name: key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
        for name, key in {"gateway": KEY, "orders": OTHER}.items()
    }
    (tmp_path / "public.json").write_text(json.dumps(pems))
    (tmp_path / "gateway.pem").write_bytes(_pem(KEY))
    (tmp_path / "orders.pem").write_bytes(_pem(OTHER))
    verifier = Verifier.from_file(audience="legacy", path=tmp_path / "public.json", issuers=frozenset({"gateway"}))
    believed = Minter.from_file(issuer="gateway", path=tmp_path / "gateway.pem").mint(ANYONE, audience="legacy")
    assert verifier.verify(believed).principal == ANYONE
    with pytest.raises(TokenError):
        verifier.verify(Minter.from_file(issuer="orders", path=tmp_path / "orders.pem").mint(ANYONE, audience="legacy"))


def test_keys_of_another_kind_are_refused(tmp_path: Path) -> None:
    rsa = generate_private_key(public_exponent=65537, key_size=2048)
    path = tmp_path / "key"
    path.write_bytes(rsa.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    with pytest.raises(TypeError, match="Ed25519"):
        Minter.from_file(issuer="gateway", path=path)
    public = rsa.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    path.write_text(json.dumps({"gateway": public}))
    with pytest.raises(TypeError, match="gateway"):
        Verifier.from_file(audience="x", path=path, issuers=frozenset({"gateway"}))


def test_a_principal_may_what_its_scopes_say() -> None:
    assert ANYONE.may("orders")
    assert not ANYONE.may("orders:operate")
