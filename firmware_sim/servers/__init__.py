"""asyncio shells that put a session on a socket, a pty or a linked pair."""
