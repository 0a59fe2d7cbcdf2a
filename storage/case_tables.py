"""The tables of review: cases, who passed one over, what each moderator has seen.

No foreign keys to jobs: no job may fail to move because of what is noted here, and a case outlives its job's content.
"""

from __future__ import annotations

import sqlalchemy as sa

from storage.database import db_now
from storage.tables import Id, Json, Moment, partial_index
from storage.tables import metadata as metadata

Name = sa.String(200)
_PENDING = "state IN ('open', 'proposed')"

cases = sa.Table(
    "cases",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("kind", sa.String(10), nullable=False),
    sa.Column("job_id", Id, nullable=False),
    sa.Column("tenant_id", Id, nullable=False),
    sa.Column("held_at", sa.String(10)),
    sa.Column("category", sa.String(60), nullable=False),
    sa.Column("severity", sa.Integer, nullable=False),
    sa.Column("rule", sa.String(100), nullable=False),
    sa.Column("queue", sa.String(40), nullable=False),
    sa.Column("state", sa.String(10), nullable=False, server_default="open"),
    # What the caller or the reporter wrote.
    sa.Column("words", sa.Text),
    sa.Column("first_by", Name),
    sa.Column("expected", sa.String(10)),
    sa.Column("lease_by", Name),
    sa.Column("lease_until", Moment),
    # The fencing token: +1 whenever the case is given to somebody. A late decision of an earlier holder matches no row.
    sa.Column("lease_no", sa.Integer, nullable=False, server_default="0"),
    sa.Column("proposal", Json),
    sa.Column("proposed_by", Name),
    sa.Column("proposed_at", Moment),
    sa.Column("ruling", Json),
    sa.Column("decided_by", Name),
    sa.Column("decided_at", Moment),
    sa.Column("undone_by", Name),
    sa.Column("undone_at", Moment),
    sa.Column("replacement", Id),
    sa.Column("opened_at", Moment, nullable=False, default=db_now()),
    sa.Column("due_at", Moment, nullable=False),
    sa.Column("given_at", Moment),
    # The decided case, with a known answer, that this one asks somebody about again.
    sa.Column("copy_of", Id),
    # Who asked that the decision be undone, where a second person has to agree.
    sa.Column("undo_by", Name),
    sa.Column("undo_note", sa.String(300)),
    # `next` walks along this one: the case whose time ends first comes first.
    partial_index("ix_cases_pending", "due_at", "id", where=_PENDING),
    sa.Index("ix_cases_job", "job_id", "id"),
    sa.Index("ix_cases_decided", "decided_at"),
    sa.Index("ix_cases_tenant", "tenant_id", "id"),
    partial_index("ix_cases_known", "id", where="expected IS NOT NULL"),
)

case_skips = sa.Table(
    "case_skips",
    metadata,
    sa.Column("case_id", Id, primary_key=True),
    sa.Column("moderator", Name, primary_key=True),
    sa.Column("reason", sa.String(300), nullable=False),
    sa.Column("at", Moment, nullable=False, default=db_now()),
)

exposures = sa.Table(
    "exposures",
    metadata,
    # One case counts once for one moderator, however often its pictures are revealed.
    sa.Column("moderator", Name, primary_key=True),
    sa.Column("case_id", Id, primary_key=True),
    sa.Column("category", sa.String(60), nullable=False),
    sa.Column("severity", sa.Integer, nullable=False),
    sa.Column("at", Moment, nullable=False, default=db_now()),
    sa.Index("ix_exposures_moderator", "moderator", "at"),
)

reveals = sa.Table(
    "reveals",
    metadata,
    # Each picture by itself: what opens one of them opens none of the others.
    sa.Column("moderator", Name, primary_key=True),
    sa.Column("case_id", Id, primary_key=True),
    sa.Column("picture", sa.String(40), primary_key=True),
    sa.Column("at", Moment, nullable=False, default=db_now()),
)
