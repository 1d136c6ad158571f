"""PURE: the file system of an RTO as MMEMory commands see it: drive C in memory, any case, either slash."""

from drivers.wire.scpi import ScpiError

HOME = "C:\\Users\\Public\\Documents\\Rohde-Schwarz\\RTx"
"""Where relative names are looked for after power-on [UNV]."""
CAPACITY_BYTES = 64_000_000
"""All files together: exports of a few shots, and a bound on what a client can fill."""
FILES_MAX = 1000
DIRECTORIES_MAX = 200


class Files:
    """Files by path. Raises ScpiError -254 full, -256 no such file or directory, -257 a name that cannot be."""

    def __init__(self) -> None:
        self._files: dict[str, tuple[str, bytes]] = {}
        self._directories: dict[str, str] = {}
        self.current = HOME
        self._add_directory(HOME)

    def resolve(self, name: str) -> str:
        """The absolute path of ``name``."""
        text = name.replace("/", "\\").strip().rstrip("\\")
        if any(char in text for char in '<>"|?*'):
            raise ScpiError(-257, name)
        parts = [] if text[1:2] == ":" else self.current.split("\\")
        for part in text.split("\\"):
            if part == ".." and len(parts) > 1:
                parts.pop()
            elif part not in ("", ".", ".."):
                parts.append(part)
        return "\\".join(parts)

    def write(self, name: str, data: bytes) -> None:
        """Make or replace a file, and its directory."""
        path = self.resolve(name)
        old = self._files.get(path.lower(), ("", b""))[1]
        if self.used - len(old) + len(data) > CAPACITY_BYTES or len(self._files) >= FILES_MAX:
            raise ScpiError(-254, name)
        self._add_directory(path.rpartition("\\")[0])
        self._files[path.lower()] = (path, data)

    def read(self, name: str) -> bytes:
        """The contents of a file."""
        found = self._files.get(self.resolve(name).lower())
        if found is None:
            raise ScpiError(-256, name)
        return found[1]

    def delete(self, name: str) -> None:
        """Remove a file."""
        self.read(name)
        del self._files[self.resolve(name).lower()]

    def make_directory(self, name: str) -> None:
        """Make a directory with those above it."""
        self._add_directory(self.resolve(name))

    def change_directory(self, name: str) -> None:
        """Where relative names start from now on."""
        path = self.resolve(name)
        if path.lower() not in self._directories:
            raise ScpiError(-256, name)
        self.current = path

    @property
    def used(self) -> int:
        """Bytes of all files."""
        return sum(len(data) for _, data in self._files.values())

    def catalog(self, name: str) -> tuple[int, int, list[str]]:
        """Bytes used, bytes free, and ``name,TYPE,size`` of each entry, ``.`` and ``..`` first."""
        directory = self.resolve(name)
        if directory.lower() not in self._directories:
            raise ScpiError(-256, name)
        entries = [".,DIR,0", "..,DIR,0"]
        for path in sorted(self._directories.values()):
            above, _, last = path.rpartition("\\")
            if above.lower() == directory.lower():
                entries.append(f"{last},DIR,0")
        for path, data in (self._files[key] for key in sorted(self._files)):
            above, _, last = path.rpartition("\\")
            if above.lower() == directory.lower():
                entries.append(f"{last},{last.rpartition('.')[2].upper()},{len(data)}")
        return self.used, CAPACITY_BYTES - self.used, entries

    def _add_directory(self, path: str) -> None:
        parts = path.split("\\")
        for count in range(1, len(parts) + 1):
            above = "\\".join(parts[:count])
            if above.lower() not in self._directories and len(self._directories) >= DIRECTORIES_MAX:
                raise ScpiError(-254, path)
            self._directories.setdefault(above.lower(), above)
