"""What an installer is, read without running it: plain values shared by inspection, guard and plan.

Nothing here is concluded from a file name. ``Inspection`` is the value behind ``inspect`` (JSON keys of the contract)
and the only thing ``guard`` and ``plan`` ever see of a package.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from atsam_safe.facts.model import BinaryImage

PackageFormat = Literal["macos-flat-package", "macos-disk-image", "windows-installer", "rpm", "unknown"]
Verdict = Literal["refused", "unsigned", "untrusted", "developer-id", "authenticode"]
PayloadKind = Literal["file", "directory", "symlink"]
PartSelection = Literal["installed", "left-out", "undecided"]


class PayloadEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One member of a payload at its absolute destination (install location applied, AppleDouble members left out).

    ``link`` is a link's target as stored, ``checksum`` the POSIX cksum; where it is there, the content was read, and ``image`` is what
    a program declares (``None``: it is no Mach-O file). ``listed`` is the cksum in the bill of materials of content that was not read yet.
    """

    path: str
    kind: PayloadKind
    mode: int
    uid: int
    gid: int
    size: int = 0
    mtime: int = 0
    link: str | None = None
    checksum: int | None = None
    listed: int | None = None
    image: BinaryImage | None = None


class PayloadSummary(msgspec.Struct, frozen=True, kw_only=True):
    """Counts of a payload: files (links among them, folders not), decompressed bytes, compression name (gzip, pbzx, xz, bzip2, none)."""

    files: int
    bytes: int
    compression: str


class ScriptFact(msgspec.Struct, frozen=True, kw_only=True):
    """A script inside a package: named and hashed, never run."""

    name: str
    sha256: str


class BundleFact(msgspec.Struct, frozen=True, kw_only=True):
    """A ``<bundle>`` line of PackageInfo."""

    path: str
    identifier: str | None = None
    version: str | None = None


class ComponentPackage(msgspec.Struct, frozen=True, kw_only=True):
    """One component package (a PackageInfo and its payload).

    ``component`` and ``known_release`` come from the catalogue by identifier and version, never from a name.
    ``entries`` is the payload's content, ``None`` when the payload was not read (damaged or script-only package).
    ``complete`` is false for a large payload of which not every check was made yet (``limits.Depth``): unpacking it makes them all.
    ``selection`` is what the package's own choices make of it: ``undecided`` when only JavaScript, which is never run, could tell.
    ``minimum_os`` is what the package itself declares (``minimumSystemVersion``).
    ``bill`` is false when a payload comes without a bill of materials: the receipt that lists what was installed could not be written.
    """

    identifier: str
    version: str
    install_location: str = "/"
    payload: PayloadSummary | None = None
    scripts: tuple[ScriptFact, ...] = ()
    bundles: tuple[BundleFact, ...] = ()
    component: str | None = None
    known_release: bool = False
    restart_action: str = "none"
    directory: str = ""
    entries: tuple[PayloadEntry, ...] | None = None
    complete: bool = True
    bill: bool = True
    selection: PartSelection = "installed"
    minimum_os: str | None = None

    @property
    def images(self) -> tuple[BinaryImage, ...]:
        """What the programs of the payload declare, as far as its content was read."""
        return tuple(entry.image for entry in self.entries or () if entry.image is not None and entry.image.architectures)


class ProductFact(msgspec.Struct, frozen=True, kw_only=True):
    """What a Distribution declares. ``unknown_checks`` names JavaScript checks that are never run."""

    title: str = ""
    host_architectures: tuple[str, ...] = ()
    root_volume_only: bool = False
    minimum_os: str | None = None
    unknown_checks: tuple[str, ...] = ()


class SignatureFact(msgspec.Struct, frozen=True, kw_only=True):
    """Result of the trust check. ``reasons`` are references with parameters (``ReasonFact``), first the decisive one."""

    verdict: Verdict
    signer: str | None = None
    team_id: str | None = None
    leaf_sha256: str | None = None
    signed_at: str | None = None
    timestamped: bool = False
    notarized: bool = False
    notarized_at: str | None = None
    chain: tuple[str, ...] = ()
    reasons: tuple[ReasonFact, ...] = ()


class ReasonFact(msgspec.Struct, frozen=True, kw_only=True):
    """Why a package is refused or not trusted: a reference of the words catalogue and its parameters.

    ``told``: the reference whose sentences tell this very case, when it is not ``ref`` itself (as of a ``Problem``).
    """

    ref: str
    params: dict[str, str] = {}
    told: str | None = None


class LaunchCondition(msgspec.Struct, frozen=True, kw_only=True):
    """A condition without which Windows Installer refuses the package, in its own language, and what it then says."""

    condition: str
    message: str


class GivenProperty(msgspec.Struct, frozen=True, kw_only=True):
    """A property that a package gives a value."""

    name: str
    value: str


class InstallerFact(msgspec.Struct, frozen=True, kw_only=True):
    """What a Windows Installer package says of itself. Codes are upper case with braces.

    ``architecture`` is that of the package, ``per_machine`` whether it is installed for everybody.
    ``beside``: archives and files that must lie beside it. Of the properties its conditions ask for, ``properties`` are those it sets
    from the beginning, ``undecided`` those that its own actions or searches set while it runs (``*``: any that it does not set itself).
    """

    product_code: str
    upgrade_code: str | None = None
    package_code: str | None = None
    name: str = ""
    version: str = ""
    publisher: str = ""
    language: str = ""
    architecture: Literal["x86_64", "arm64", "i386"] | None = None
    per_machine: bool = False
    conditions: tuple[LaunchCondition, ...] = ()
    beside: tuple[str, ...] = ()
    properties: tuple[GivenProperty, ...] = ()
    undecided: tuple[str, ...] = ()


class BuildFact(msgspec.Struct, frozen=True, kw_only=True):
    """Which known ATSAM build this package is."""

    id: str
    bundle: str


class Inspection(msgspec.Struct, frozen=True, kw_only=True):
    """Everything ``inspect`` says about one file. ``sha256`` is that of the whole file."""

    path: str
    sha256: str | None
    size: int
    format: PackageFormat
    product: ProductFact | None = None
    components: tuple[ComponentPackage, ...] = ()
    signature: SignatureFact
    build: BuildFact | None = None
    warnings: tuple[str, ...] = ()
    installer: InstallerFact | None = None

    @property
    def readable(self) -> bool:
        """False when the package is damaged, tampered with or unreadable."""
        return self.signature.verdict != "refused"
