"""Trips of a shot, and the faults that were injected into it."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

COLUMNS = ("trips", "faults")


def upgrade() -> None:
    """Add the columns; of shots from before nobody knows, so they stay empty."""
    for name in COLUMNS:
        op.add_column("shots", sa.Column(name, sa.Text, nullable=False, server_default=""))


def downgrade() -> None:
    """Drop the columns."""
    for name in reversed(COLUMNS):
        op.drop_column("shots", name)
