"""The table of marks: what is known of every picture that was marked here, without the picture."""

from __future__ import annotations

import sqlalchemy as sa

from storage.database import db_now
from storage.tables import Id, Json, Moment
from storage.tables import metadata as metadata

# No foreign keys: a mark is still known when its job is not, and must never keep a job from completing.
marks = sa.Table(
    "marks",
    metadata,
    sa.Column("id", Id, primary_key=True),
    # 36 random bits are not unique among millions of pictures; the fingerprint tells which of several is meant.
    sa.Column("mark_id", sa.String(16), nullable=False),
    sa.Column("key_id", sa.String(16), nullable=False),
    sa.Column("tenant_id", Id, nullable=False),
    sa.Column("job_id", Id, nullable=False),
    sa.Column("image_index", sa.Integer, nullable=False),
    sa.Column("model", Json, nullable=False),
    sa.Column("width", sa.Integer, nullable=False),
    sa.Column("height", sa.Integer, nullable=False),
    # Left, top, right, bottom of the repainted area, in pixels.
    sa.Column("mask_box", Json, nullable=False),
    sa.Column("fingerprint", Json, nullable=False),
    sa.Column("manifest_key", sa.String(300), nullable=False),
    sa.Column("manifest_sha256", sa.String(64), nullable=False),
    sa.Column("created_at", Moment, nullable=False, default=db_now(), index=True),
    sa.Index("ix_marks_mark", "mark_id", "id"),
    sa.Index("ix_marks_manifest", "manifest_key"),
)
