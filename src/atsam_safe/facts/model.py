r"""Facts: everything the program knows about a workstation at one instant, as one immutable value.

Rules
- A ``Facts`` value only says what was *seen*; what it means is decided elsewhere (``guard``, ``verify``).
- ``None`` always means "not observable here" (an offline volume has no processes), never "absent".
- Paths are absolute POSIX paths *inside the workstation* (``/Library/…``), whatever ``--root`` is; on Windows as Windows writes
  them (``C:\Windows\galss.ini``), to be compared without regard to case (``catalogue.windows_paths``).
- The JSON form (``facts.codec``) is stable: keys are only ever added.
- No patient data and no card secret is ever part of Facts.
"""

from __future__ import annotations

from typing import Final, Literal

import msgspec

FACTS_SCHEMA: Final = 1

OsFamily = Literal["macos", "windows", "linux"]
Architecture = Literal["x86_64", "arm64", "i386"]
EntryKind = Literal["file", "directory", "symlink", "other"]


class OperatingSystem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=False):
    """The operating system of the workstation.

    ``version`` is the spelling found on the workstation (``10.14.6``); ``None`` when it could not be
    read: ``problem`` then says why in English for the log and the guard answers ``os.unreadable``.
    ``hardware`` is the architecture of the machine, not of this process; ``None`` when the volume does not tell.
    """

    family: OsFamily
    name: str = ""
    version: str | None = None
    build: str | None = None
    hardware: Architecture | None = None
    rosetta: bool | None = None
    source: str = ""
    problem: str | None = None


class Home(msgspec.Struct, frozen=True, kw_only=True):
    """One local user's home directory. ``uid`` is ``None`` when unknown."""

    user: str
    path: str
    uid: int | None = None


class ReceiptEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a receipt's bill of materials: absolute path, kind, mode (permission bits), size, POSIX cksum."""

    path: str
    kind: EntryKind
    mode: int
    size: int = 0
    checksum: int | None = None
    link: str | None = None


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """What the OS remembers of one installed package.

    ``store`` is the plist (or old-style ``/Library/Receipts/*.pkg`` folder) it was read from.
    ``entries`` is filled for receipts of catalogue components only; ``problem`` says why a receipt could not be read.
    """

    identifier: str
    version: str | None = None
    installed_at: str | None = None
    prefix: str = "/"
    package_file: str | None = None
    store: str = ""
    bom: str | None = None
    entries: tuple[ReceiptEntry, ...] | None = None
    problem: str | None = None


class BinaryImage(msgspec.Struct, frozen=True, kw_only=True):
    """A Mach-O file: architectures, and the versions a dynamic library declares (``LC_ID_DYLIB``)."""

    architectures: tuple[str, ...]
    current_version: str | None = None
    minimum_os: tuple[str, ...] = ()


class PathFact(msgspec.Struct, frozen=True, kw_only=True):
    """One path the catalogue asks about that exists. Absent paths are simply not listed.

    ``bundle`` holds ``CFBundleIdentifier``, ``CFBundleShortVersionString`` and ``CFBundleVersion`` of an Info.plist.
    ``sha256`` is filled for regular files the catalogue wants hashed. ``checksum`` is the POSIX cksum of the content, to hold against
    ``ReceiptEntry.checksum``; it is filled for files of component receipts when ownership was asked for (before and after a change).
    """

    path: str
    kind: EntryKind
    mode: int
    uid: int
    gid: int
    size: int = 0
    sha256: str | None = None
    link: str | None = None
    bundle: dict[str, str] | None = None
    image: BinaryImage | None = None
    problem: str | None = None
    checksum: int | None = None


class ServiceFact(msgspec.Struct, frozen=True, kw_only=True):
    """A launchd job or Windows service file. ``running`` is ``None`` on an offline volume."""

    label: str
    path: str
    domain: Literal["daemon", "agent", "user-agent", "service"]
    program: str | None = None
    running: bool | None = None
    disabled: bool | None = None
    last_exit: int | None = None
    problem: str | None = None


class ProcessFact(msgspec.Struct, frozen=True, kw_only=True):
    """A running process that matters, identified by its full executable path."""

    path: str
    pid: int
    user: str | None = None


class ConfigFact(msgspec.Struct, frozen=True, kw_only=True):
    """A configuration file, byte-exact identity plus the few structural facts decisions need.

    ``line_ends`` is one of ``lf``, ``crlf``, ``cr``, ``mixed``, ``none``; ``encoding`` ``ascii``, ``utf-8`` or ``latin-1``.
    ``sections`` maps section → key → value as read (no secret lives in galss.ini or io_comm.ini).
    """

    path: str
    sha256: str
    size: int
    line_ends: str
    encoding: str
    sections: dict[str, dict[str, str]] = {}
    problem: str | None = None


class ForeignClaim(msgspec.Struct, frozen=True, kw_only=True):
    """A path of ours (or below one of our trees) that another product's receipt lists too."""

    path: str
    receipt: str


class InstalledProduct(msgspec.Struct, frozen=True, kw_only=True):
    """A Windows product as Windows Installer or the uninstall keys know it."""

    code: str
    name: str
    version: str | None = None
    architecture: Architecture | None = None
    publisher: str | None = None
    windows_installer: bool = True
    local_package: str | None = None
    install_source: str | None = None
    package_name: str | None = None
    upgrade_code: str | None = None
    per_user: bool = False


class RegistryFact(msgspec.Struct, frozen=True, kw_only=True):
    """A registry key of the machine that says what a component is, in one view. ``values``: texts, by name in lower case."""

    key: str
    view: Literal["64", "32"]
    values: dict[str, str] = {}


class CertificateFact(msgspec.Struct, frozen=True, kw_only=True):
    """A certificate of the system keychain, by its fingerprints (upper-case hex). macOS before 10.15 tells SHA-1 only."""

    sha1: str
    sha256: str | None = None
    label: str | None = None


class Space(msgspec.Struct, frozen=True, kw_only=True):
    """Room on the system volume in bytes, and whether it can be written at all."""

    free: int
    total: int
    writable: bool


class TokenExtensionFact(msgspec.Struct, frozen=True, kw_only=True):
    """A card extension of macOS and what its person chose: ``off`` is never loaded, ``unknown`` is said of no choice that can be told."""

    identifier: str
    state: Literal["on", "off", "unknown"]


class SystemState(msgspec.Struct, frozen=True, kw_only=True):
    """Transient state of a live system; every field ``None`` when not observable (offline volume)."""

    restart_pending: bool | None = None
    installer_running: bool | None = None
    on_battery: bool | None = None
    elevated: bool | None = None
    console_user: str | None = None
    gatekeeper: bool | None = None
    encrypting: bool | None = None
    trust_settings_open: bool | None = None
    # whether who runs the program can give a file to somebody else: not without administrator rights, on a volume that is wholly his own
    gives_owners: bool | None = None


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """One observation of one workstation. ``adapter`` names what observed it (``offline``, ``macos``, ``windows``)."""

    schema: int = FACTS_SCHEMA
    adapter: str
    os: OperatingSystem
    homes: tuple[Home, ...] = ()
    receipts: tuple[Receipt, ...] = ()
    paths: tuple[PathFact, ...] = ()
    configs: tuple[ConfigFact, ...] = ()
    services: tuple[ServiceFact, ...] = ()
    processes: tuple[ProcessFact, ...] | None = None
    products: tuple[InstalledProduct, ...] | None = None
    foreign_claims: tuple[ForeignClaim, ...] = ()
    space: Space | None = None
    system: SystemState = SystemState()
    notes: tuple[str, ...] = ()
    certificates: tuple[CertificateFact, ...] | None = None
    # macOS: the card extensions registered for the person at the screen; ``None``: nobody could be asked
    token_extensions: tuple[TokenExtensionFact, ...] | None = None
    # drivers that present a card now (``com.apple.pivtoken``), without the card's serial number
    card_tokens: tuple[str, ...] | None = None
    # generations of the cards that were in the readers (``CPS4``), nothing of whose they are; ``None``: nobody looked at the readers
    cards: tuple[str, ...] | None = None
    # Windows: where the system's folders are, by the names the catalogue uses (WINDIR, ProgramFiles, SANTESOCIAL …)
    folders: dict[str, str] = {}
    # Windows: the keys in which components say what they are
    registry: tuple[RegistryFact, ...] = ()
    # files in folders that go with a component as a whole which neither a receipt nor the catalogue names
    unclaimed: tuple[str, ...] = ()
    # receipts of other products that are there and whose claims are not known, and why; ``None``: nobody looked at them
    foreign_unread: tuple[Receipt, ...] | None = None

    def path(self, path: str) -> PathFact | None:
        """The fact for ``path``, or ``None`` when it is absent (or was not asked about)."""
        for fact in self.paths:
            if fact.path == path:
                return fact
        return None

    def receipt(self, identifier: str) -> Receipt | None:
        """The receipt with this identifier, or ``None``."""
        for receipt in self.receipts:
            if receipt.identifier == identifier:
                return receipt
        return None
