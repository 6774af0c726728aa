"""A process gets what it needs and nothing of anyone else's."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key

from services.local import keys, ports
from services.local.components import DEPLOYABLES
from services.local.environment import environment, home_directory, without_ours
from services.local.postgres import ServerInfo

NAMES = [deployable.name for deployable in DEPLOYABLES]
SERVER = ServerInfo(Path("/s"), {name: f"password-{name}" for name in NAMES})


def _environment(name: str, home: Path, base: dict[str, str] | None = None) -> dict[str, str]:
    return environment(name, home, base=base or {}, server=lambda: SERVER)


@pytest.mark.parametrize("name", NAMES)
def test_gives_a_component_its_own_secrets_and_no_other(tmp_path: Path, name: str) -> None:
    found = _environment(name, tmp_path)
    databases = {key for key in found if key.endswith("_DATABASE_URL")}
    expected = ["gateway", "legacy", "products", "orders"] if name == "sync" else [name]
    assert databases == {f"{database.upper()}_DATABASE_URL" for database in expected}
    assert {key for key in found if key.endswith("_SECRET_KEY")} == {f"{name.upper()}_SECRET_KEY"}
    assert found["IDENTITY_KEY_FILE"].endswith(f"/{name}.pem")


def test_takes_others_secrets_out_of_what_it_was_given(tmp_path: Path) -> None:
    base = {f"{n.upper()}_{what}": "x" for n in NAMES for what in ("DATABASE_URL", "SECRET_KEY")}
    found = environment("orders", tmp_path, base=base, server=lambda: pytest.fail("nothing is missing"))
    assert {key for key, value in found.items() if value == "x"} == {"ORDERS_DATABASE_URL", "ORDERS_SECRET_KEY"}


def test_leaves_what_people_set(tmp_path: Path) -> None:
    base = {"LOG_FORMAT": "json", "GATEWAY_URL": "http://elsewhere", "ORDERS_PORT": "4444"}
    found = _environment("orders", tmp_path, base)
    assert {key: found[key] for key in base} == base


def test_addresses_follow_the_ports(tmp_path: Path) -> None:
    found = _environment("gateway", tmp_path, {"GATEWAY_PORT": "3333", "ORDERS_PORT": "4444"})
    assert found["GATEWAY_URL"] == "http://127.0.0.1:3333"
    assert found["ORDERS_URL"] == "http://127.0.0.1:4444"


def test_fills_nothing_in_outside_this_machine(tmp_path: Path) -> None:
    found = environment("orders", tmp_path, base={"TECHCOMMERCE_ENV": "production"})
    assert set(found) == {"TECHCOMMERCE_ENV", "TECHCOMMERCE_COMPONENT", "DJANGO_SETTINGS_MODULE"}
    assert not (tmp_path / "identity").exists()


def test_a_second_shop_inherits_nothing_of_the_first(tmp_path: Path) -> None:
    first = _environment("gateway", tmp_path, {"PATH": "/bin"})
    assert without_ours(first).keys() == {"PATH", "LOG_FORMAT"}


def test_home_is_where_the_variable_says(tmp_path: Path) -> None:
    assert home_directory({"TECHCOMMERCE_HOME": str(tmp_path)}) == tmp_path
    assert home_directory({}).name == ".run"


def test_keys_are_made_once_however_many_ask_at_once(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        (made,) = set(pool.map(lambda _: keys.ensure(tmp_path), range(8)))
    before = {path.name: path.read_bytes() for path in made.directory.iterdir()}
    keys.ensure(tmp_path)
    assert before == {path.name: path.read_bytes() for path in made.directory.iterdir()}


def test_public_keys_match_the_private_ones_and_only_their_owner_reads_those(tmp_path: Path) -> None:
    made = keys.ensure(tmp_path)
    public = json.loads(made.public.read_text())
    assert set(public) == set(NAMES)
    for name in NAMES:
        private = load_pem_private_key(made.private(name).read_bytes(), None)
        known = load_pem_public_key(public[name].encode())
        assert isinstance(private, Ed25519PrivateKey) and isinstance(known, Ed25519PublicKey)
        known.verify(private.sign(b"x"), b"x")
        assert made.private(name).stat().st_mode & 0o777 == 0o600
        assert made.secret(name).stat().st_mode & 0o777 == 0o600


def test_a_key_that_was_deleted_is_made_anew_and_published(tmp_path: Path) -> None:
    made = keys.ensure(tmp_path)
    before = json.loads(made.public.read_text())
    made.private("orders").unlink()
    keys.ensure(tmp_path)
    after = json.loads(made.public.read_text())
    assert {name for name in NAMES if before[name] != after[name]} == {"orders"}


@pytest.mark.parametrize("value", ["0", "65536", "abc", "-1", "²"])
def test_a_port_that_is_none_is_named(value: str) -> None:
    with pytest.raises(ports.PortError, match="ORDERS_PORT"):
        ports.chosen({"ORDERS_PORT": value})


def test_one_port_for_two_is_refused() -> None:
    with pytest.raises(ports.PortError, match="given to both gateway and orders: change ORDERS_PORT"):
        ports.require_free({**ports.free(), "gateway": 31999, "orders": 31999}, ["gateway", "orders"])
