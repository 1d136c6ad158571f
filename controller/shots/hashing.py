"""sha256 of texts and files, in bounded pieces."""

from hashlib import sha256
from pathlib import Path

PIECE_BYTES = 1 << 20
"""Files are hashed in pieces of this size: a record may have a hundred megabytes."""


def hash_bytes(data: bytes) -> str:
    """sha256 as 64 hex digits."""
    return sha256(data).hexdigest()


def hash_file(path: Path) -> str:
    """sha256 of a file's content as 64 hex digits."""
    digest = sha256()
    with open(path, "rb") as file:
        while piece := file.read(PIECE_BYTES):
            digest.update(piece)
    return digest.hexdigest()
