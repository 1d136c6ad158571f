"""The catalogue's tables as SQLAlchemy Core sees them; ``migrations/`` brings a database to this shape."""

from sqlalchemy import Column, Float, ForeignKey, Integer, MetaData, String, Table, Text

metadata = MetaData()


def _text(name: str) -> "Column[str]":
    """A text that is empty until it is known; never NULL."""
    return Column(name, Text, nullable=False, server_default="")


shots = Table(
    "shots",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=True),
    _text("shot_id"),
    Column("rig", String(120), nullable=False, index=True),
    _text("kind"),
    _text("profile"),
    _text("load"),
    _text("operator"),
    _text("purpose"),
    _text("started_utc"),
    _text("ended_utc"),
    _text("verdict"),
    _text("ended"),
    _text("reason"),
    _text("profile_sha256"),
    _text("rig_sha256"),
    _text("trips"),
    _text("faults"),
    sqlite_autoincrement=True,
)

tags = Table(
    "tags",
    metadata,
    Column("number", Integer, ForeignKey("shots.number"), primary_key=True),
    Column("tag", String(120), primary_key=True),
)

comments = Table(
    "comments",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("number", Integer, ForeignKey("shots.number"), nullable=False, index=True),
    _text("at_utc"),
    _text("author"),
    _text("text"),
)

files = Table(
    "files",
    metadata,
    Column("number", Integer, ForeignKey("shots.number"), primary_key=True),
    Column("role", String(120), primary_key=True),
    _text("path"),
    _text("sha256"),
)

unstored = Table(
    "unstored",
    metadata,
    Column("number", Integer, ForeignKey("shots.number"), primary_key=True),
    Column("instrument", String(120), primary_key=True),
    _text("setup"),
)

wear = Table(
    "wear",
    metadata,
    Column("serial", String(120), primary_key=True),
    Column("counter", String(60), primary_key=True),
    Column("total", Float, nullable=False),
)
