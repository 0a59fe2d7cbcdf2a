"""The tables of those who review: accounts and the sessions of browsers."""

from __future__ import annotations

import sqlalchemy as sa

from storage.database import db_now
from storage.tables import Id, Moment
from storage.tables import metadata as metadata

moderators = sa.Table(
    "moderators",
    metadata,
    sa.Column("id", Id, primary_key=True),
    # What goes on record, so it is never given to somebody else: accounts are disabled, not removed.
    sa.Column("name", sa.String(200), nullable=False, unique=True),
    sa.Column("role", sa.String(10), nullable=False),
    # Argon2id in PHC form; NULL where the account signs in by OIDC alone.
    sa.Column("password", sa.String(200)),
    sa.Column("subject", sa.String(255), unique=True),
    # Failed sign-ins in a row, and until when another is not even tried.
    sa.Column("failures", sa.Integer, nullable=False, server_default="0"),
    sa.Column("barred_until", Moment),
    sa.Column("created_at", Moment, nullable=False, default=db_now()),
    sa.Column("disabled_at", Moment),
)

console_sessions = sa.Table(
    "console_sessions",
    metadata,
    # SHA-256 of the cookie: who reads the table cannot sign in.
    sa.Column("sha256", sa.String(64), primary_key=True),
    sa.Column("moderator_id", Id, sa.ForeignKey("moderators.id"), nullable=False, index=True),
    sa.Column("csrf", sa.String(64), nullable=False),
    sa.Column("created_at", Moment, nullable=False, default=db_now()),
    sa.Column("seen_at", Moment, nullable=False, default=db_now()),
)
