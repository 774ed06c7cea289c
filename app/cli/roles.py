"""The login roles of the database: one per process, so that grants can say who may not.

They exist before the first migration runs, because grants name them. Passwords are sent as SCRAM
verifiers: a server that logs statements does not learn them.
"""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Mapping

import msgspec

from app.core.secret import Secret

OWNER = "tripcord_owner"
DATABASE = "tripcord"

_SCRAM_ITERATIONS = 4096
"""RFC 7677 section 4 and PostgreSQL's default; the passwords are 256 random bits."""


class Role(msgspec.Struct, frozen=True):
    """A login role, the settings every session of it starts with, and how many there may be.

    `share` is in percent of the connections that the server gives to others than superusers. All
    shares together leave a tenth: it is the cord's, whatever the others do, so that a revoke can
    open a connection anew even when its held ones were cut and everybody else is at the limit.
    """

    name: str
    settings: tuple[tuple[str, str], ...] = ()
    share: int | None = None


ROLES: tuple[Role, ...] = (
    # Migrations run under live traffic: waiting for a lock would queue everybody behind them.
    Role(OWNER, (("lock_timeout", "4s"), ("statement_timeout", "60s")), 5),
    Role("tripcord_api", (("idle_in_transaction_session_timeout", "5s"),), 40),
    # A signer that stops inside a transaction must not hold a trader's lock against a revoke.
    Role(
        "tripcord_signer",
        (("lock_timeout", "1s"), ("idle_in_transaction_session_timeout", "1s")),
        20,
    ),
    Role("tripcord_courier", (("idle_in_transaction_session_timeout", "5s"),), 10),
    Role("tripcord_dispatcher", (("idle_in_transaction_session_timeout", "5s"),), 10),
    Role("tripcord_operator", (("idle_in_transaction_session_timeout", "5s"),), 5),
    # The role of the kill cord: two connections held open, so that a revoke never waits for one.
    Role("tripcord_cord", (("idle_in_transaction_session_timeout", "5s"),)),
)


def scram_verifier(password: Secret, salt: bytes | None = None) -> str:
    """What PostgreSQL stores for a password (RFC 5802 section 3, as written in pg_authid)."""
    salt = secrets.token_bytes(16) if salt is None else salt
    salted = hashlib.pbkdf2_hmac("sha256", password.reveal(), salt, _SCRAM_ITERATIONS)
    client_key = hmac.digest(salted, b"Client Key", "sha256")
    server_key = hmac.digest(salted, b"Server Key", "sha256")
    stored = base64.b64encode(hashlib.sha256(client_key).digest()).decode()
    server = base64.b64encode(server_key).decode()
    return f"SCRAM-SHA-256${_SCRAM_ITERATIONS}:{base64.b64encode(salt).decode()}${stored}:{server}"


def roles_sql(passwords: Mapping[str, Secret]) -> str:
    """Statements that bring every role to its password and settings; they may be repeated.

    Written for an administrator who may create roles and is no superuser, as hosted servers have
    it: no attribute is set that only a superuser may name; a role that has one refuses.

    Raises
    ------
    KeyError
        A role has no password.
    """
    lines = [line for role in ROLES for line in _role_lines(role, passwords[role.name])]
    return "\n".join([*lines, _REFUSE_POWERFUL_ROLES, _JOIN_OWNER, _RESERVE_FOR_CORD])


_NAMES = ", ".join(f"'{role.name}'" for role in ROLES)

_REFUSE_POWERFUL_ROLES = f"""
DO $$ DECLARE powerful text; BEGIN
    SELECT string_agg(rolname, ', ') INTO powerful FROM pg_roles WHERE rolname IN ({_NAMES})
       AND (rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls);
    IF powerful IS NOT NULL THEN
        RAISE EXCEPTION 'role(s) % may do more than log in; take that away first', powerful;
    END IF;
END $$;"""

# To hand a database to the owner, an administrator who is no superuser must be able to be it.
_JOIN_OWNER = f"""
SELECT 'GRANT {OWNER} TO CURRENT_USER' FROM pg_roles
 WHERE rolname = current_user AND NOT rolsuper \\gexec"""

# PostgreSQL 16 and later keep connections back for members of this role; 15 has none to give.
_RESERVE_FOR_CORD = """
SELECT 'GRANT pg_use_reserved_connections TO tripcord_cord' FROM pg_roles
 WHERE rolname = current_user AND rolsuper
   AND to_regrole('pg_use_reserved_connections') IS NOT NULL \\gexec"""


def _role_lines(role: Role, password: Secret) -> list[str]:
    name, verifier = role.name, scram_verifier(password)
    return [
        f"SELECT 'CREATE ROLE {name}' WHERE to_regrole('{name}') IS NULL \\gexec",
        f"ALTER ROLE {name} WITH LOGIN PASSWORD '{verifier}';",
        *(f"ALTER ROLE {name} SET {key} = '{value}';" for key, value in role.settings),
        *([] if role.share is None else [_limit(name, role.share)]),
    ]


def _limit(name: str, share: int) -> str:
    """Rounded down, so that what is left for the cord is never less than its tenth."""
    return f"""
SELECT 'ALTER ROLE {name} CONNECTION LIMIT '
       || greatest(1, (sum(CASE name WHEN 'max_connections' THEN setting::int
                                     ELSE -setting::int END) * {share} / 100)::int)
  FROM pg_settings
 WHERE name IN ('max_connections', 'superuser_reserved_connections',
                'reserved_connections') \\gexec"""


def database_sql(database: str) -> str:
    """Statements that create the database for its owner and close it to everybody else.

    Privileges are granted role by role: a further role of the same server has none by default,
    and a function whose grants were forgotten can be called by nobody.
    """
    others = ", ".join(role.name for role in ROLES if role.name != OWNER)
    return f"""
SELECT 'CREATE DATABASE {database} OWNER {OWNER}'
 WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = '{database}') \\gexec
SET ROLE {OWNER};
REVOKE ALL ON DATABASE {database} FROM PUBLIC;
GRANT CONNECT ON DATABASE {database} TO {others};
\\connect {database}
SET ROLE {OWNER};
REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO {others};
ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
"""
