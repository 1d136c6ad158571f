"""Shots, tags, comments, files, scopes with unstored records, wear counters."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

SHOT_TEXTS = (
    "kind",
    "profile",
    "load",
    "operator",
    "purpose",
    "started_utc",
    "ended_utc",
    "verdict",
    "ended",
    "reason",
    "profile_sha256",
    "rig_sha256",
)


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "shots",
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
        _text("shot_id"),
        sa.Column("rig", sa.String(120), nullable=False, index=True),
        *(_text(name) for name in SHOT_TEXTS),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "tags",
        sa.Column("number", sa.Integer, sa.ForeignKey("shots.number"), primary_key=True),
        sa.Column("tag", sa.String(120), primary_key=True),
    )
    op.create_table(
        "comments",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("number", sa.Integer, sa.ForeignKey("shots.number"), nullable=False, index=True),
        *(_text(name) for name in ("at_utc", "author", "text")),
    )
    op.create_table(
        "files",
        sa.Column("number", sa.Integer, sa.ForeignKey("shots.number"), primary_key=True),
        sa.Column("role", sa.String(120), primary_key=True),
        *(_text(name) for name in ("path", "sha256")),
    )
    op.create_table(
        "unstored",
        sa.Column("number", sa.Integer, sa.ForeignKey("shots.number"), primary_key=True),
        sa.Column("instrument", sa.String(120), primary_key=True),
        _text("setup"),
    )
    op.create_table(
        "wear",
        sa.Column("serial", sa.String(120), primary_key=True),
        sa.Column("counter", sa.String(60), primary_key=True),
        sa.Column("total", sa.Float, nullable=False),
    )


def downgrade() -> None:
    """Drop the tables."""
    for name in ("wear", "unstored", "files", "comments", "tags", "shots"):
        op.drop_table(name)


def _text(name: str) -> "sa.Column[str]":
    return sa.Column(name, sa.Text, nullable=False, server_default="")
