"""The catalogue: everything the program knows about the field, read from ``manifests/*.toml``.

Each statement carries where it comes from (``source``) and how sure it is (``certainty``); decisions use both:
``confirmed`` passes, ``field`` passes with a visible notice, ``inferred`` is refused unless accepted by reference.
A manifest with an unknown key or an impossible value is refused with file and line (see ``catalogue.load``).
"""

# Annotations are not postponed here: msgspec would compile each of them again at every start.

from typing import Literal

import msgspec

from atsam_safe.catalogue.cards import CardGeneration, CardRule, MiddlewareRelease, MiddlewareRule
from atsam_safe.catalogue.statement import Certainty, Family, PathRole, Statement
from atsam_safe.catalogue.symptoms import Symptom
from atsam_safe.catalogue.windows import (
    RegistryRule,
    WindowsCommand,
    WindowsPathRule,
    WindowsProcessRule,
    WindowsRules,
    WindowsServiceRule,
)

# The rest of the program takes every shape from here, wherever it is written down.
__all__ = [
    "Anchor",
    "BrowserRule",
    "Bundle",
    "BundleIdentifier",
    "BundleMember",
    "CardGeneration",
    "CardRule",
    "Catalogue",
    "Certainty",
    "CertificateRule",
    "Component",
    "ConfigRule",
    "DeniedSigner",
    "Dependent",
    "EffectRule",
    "Family",
    "LiveOnlyNote",
    "MiddlewareRelease",
    "MiddlewareRule",
    "OsRange",
    "OsRelease",
    "PathRole",
    "PathRule",
    "PortRule",
    "ProcessRule",
    "ProductRule",
    "ReceiptRule",
    "RegistryRule",
    "Release",
    "ServiceRule",
    "SignerRule",
    "Source",
    "Statement",
    "Symptom",
    "Trust",
    "UninstallerRule",
    "WindowsCommand",
    "WindowsPathRule",
    "WindowsProcessRule",
    "WindowsRules",
    "WindowsServiceRule",
    "WitnessRule",
]


class ReceiptRule(Statement, frozen=True, kw_only=True):
    """A receipt identifier of a component. ``match`` says how ``id`` is compared: exactly, or as a prefix.

    ``style`` is ``flat`` (``/private/var/db/receipts``) or ``bundle`` (old ``/Library/Receipts/*.pkg`` folders).
    """

    id: str
    match: Literal["exact", "prefix"] = "exact"
    current: bool = False
    style: Literal["flat", "bundle"] = "flat"


class PathRule(Statement, frozen=True, kw_only=True):
    """A path a component owns, shares or leaves.

    - ``path``: absolute; ``~/`` means every local user's home; ``*`` matches within one path segment only.
    - ``scope``: ``file`` (that one file or link), ``tree`` (the folder and all below), ``directory`` (the folder node only:
      removed when empty and nobody else claims it).
    - ``role``: what it is. ``config`` is preserved across a reinstall; ``log`` is left alone; ``cache`` may be cleared;
      ``backup`` (the vendor's own) is left alone; ``private`` is never opened, copied or listed (law 9).
    - ``on_uninstall``: ``remove``, ``keep``, or ``remove-if-unclaimed`` (only when no other component or receipt claims it).
    - ``shared_with``: ids of components or dependents that use the same path.
    - ``legacy``: only older releases had it; removed as residue, never expected.
    - ``created_by_script``: not in the payload, made by the vendor's script.
    - ``essential``: what the component is not without, in every release listed for this system (``server``). Several rules with the
      same word are alternatives: one of them is enough. A single file must hold something; of a tree, any program in it counts.
      Files of one release only are its ``witnesses``.
    """

    path: str
    scope: Literal["file", "tree", "directory"] = "file"
    role: PathRole = "program"
    on_uninstall: Literal["remove", "keep", "remove-if-unclaimed"] = "remove"
    shared_with: tuple[str, ...] = ()
    legacy: bool = False
    created_by_script: bool = False
    mode: str | None = None
    essential: str | None = None
    note: str | None = None


class ServiceRule(Statement, frozen=True, kw_only=True):
    """A launchd job or Windows service. ``order``: services stop in ascending order and start in descending order."""

    label: str  # with a path only what to expect where no file is: the name inside the file counts
    path: str | None = None
    domain: Literal["daemon", "agent", "user-agent", "service"] = "agent"
    match: Literal["exact", "prefix"] = "exact"
    order: int = 50
    legacy: bool = False
    note: str | None = None


class ProcessRule(Statement, frozen=True, kw_only=True):
    """A process, by full executable path (``*`` within one segment), that must stop before removal or that blocks it."""

    path: str
    action: Literal["stop", "blocks", "never-touch"] = "stop"


class ConfigRule(Statement, frozen=True, kw_only=True):
    """A configuration file; it may be read even when it lies below a ``private`` tree (nothing else there may).

    ``pair`` names the file it must never be separated from (galss.ini with io_comm.ini).

    ``default_sha256`` is the vendor's untouched default (a fact worth telling: automatic configuration did not run).

    ``needed``: the component cannot serve without it; ``serial``: only where one of its readers is on a serial port.
    """

    path: str
    format: Literal["ini", "conf", "xml", "json"] = "ini"
    pair: str | None = None
    default_sha256: tuple[str, ...] = ()
    needed: Literal["always", "serial"] | None = None


class CertificateRule(Statement, frozen=True, kw_only=True):
    """A certificate a component adds to, or removes from, the system keychain. ``shared`` ones are never deleted by name."""

    common_name: str
    sha1: str | None = None
    sha256: str | None = None
    role: Literal["root", "intermediate", "local", "obsolete"] = "intermediate"
    shared: bool = False
    file: str | None = None


class UninstallerRule(Statement, frozen=True, kw_only=True):
    """The vendor's own uninstaller: a guest, never trusted (law 10).

    ``arguments``: what it is called with here. ``options``: every option it has and what that does, so that a wrong one is
    recognised; an option that deletes configuration is never among ``arguments``. ``sha256``: digests of genuine ones; only a private copy
    with one of them is run, because the installed file lies where anybody may write.
    """

    path: str
    arguments: tuple[str, ...] = ()
    interactive: bool = False
    answers: tuple[str, ...] = ()
    options: dict[str, str] = msgspec.field(default_factory=dict)
    sha256: tuple[str, ...] = ()
    note: str | None = None


class SignerRule(Statement, frozen=True, kw_only=True):
    """A signer a component's packages may have: the Team ID decides, never the display name.

    ``kind = "authenticode"`` (Windows): ``team_id`` is the organisation in the signing certificate, compared without regard to case,
    accents and punctuation; the authority that issued it has checked it.
    """

    team_id: str
    name: str
    kind: Literal["installer", "application", "authenticode"] = "installer"
    leaf_sha256: str | None = None
    note: str | None = None


class WitnessRule(Statement, frozen=True, kw_only=True):
    """An independent source of a component's version.

    ``kind``: ``receipt`` (version of the current receipt), ``info-plist`` (``key`` of the plist at ``path``),
    ``binary`` (Mach-O current version at ``path``), ``checksum`` (SHA-256 at ``path``).
    ``value`` fixes the expected value for one release (release-level witness). Without it (component level) the
    version read must agree with the component's version: ``compare`` = ``exact`` or ``prefix``
    (GALSS 3.43.02 ships frameworks that say 3.43).
    """

    kind: Literal["receipt", "info-plist", "binary", "checksum"]
    path: str | None = None
    key: str = "CFBundleShortVersionString"
    value: str | None = None
    compare: Literal["exact", "prefix"] = "exact"


class EffectRule(Statement, frozen=True, kw_only=True):
    """A vetted, declarative effect of a vendor's script, applied instead of running it.

    ``kind``: ``mode`` (set ``mode`` on ``path``; ``recursive``), ``remove`` (``path``), ``create-directory``,
    ``write-file`` (``content``), ``preserve-config`` (restore ``path`` saved before). ``owner`` is ``user:group``.
    ``from_release``/``below_release`` bound the releases whose script does it, ``from_os``/``below_os`` the macOS families.
    """

    kind: Literal["mode", "remove", "create-directory", "write-file", "preserve-config"]
    path: str
    mode: str | None = None
    recursive: bool = False
    content: str | None = None
    owner: str | None = None
    from_release: str | None = None
    below_release: str | None = None
    below_os: str | None = None
    from_os: str | None = None


class LiveOnlyNote(Statement, frozen=True, kw_only=True):
    """Something the vendor's scripts do that only a running macOS can do; told to the user on an offline volume.

    ``from_os``/``below_os``: the macOS families under which they do it; under the others there is nothing to tell.
    """

    id: str
    from_os: str | None = None
    below_os: str | None = None
    what_en: str
    what_fr: str


class KnownFailure(Statement, frozen=True, kw_only=True):
    """An OS release family (``10.14``) under which a release was seen to fail: only there may the failure be given as a reason."""

    system: str


class Release(Statement, frozen=True, kw_only=True):
    """One release of a component. ``version_is_prefix``: only the beginning is known (« 3.43 »).

    ``package_sha256``: digests of genuine installers. ``architectures``: what the binaries are. ``failures``: where it was seen to fail.
    """

    version: str
    family: Family = "macos"
    version_is_prefix: bool = False
    date: str | None = None
    package_sha256: tuple[str, ...] = ()
    package_sha1: tuple[str, ...] = ()
    disk_image_sha1: tuple[str, ...] = ()
    product_codes: tuple[str, ...] = ()
    architectures: tuple[str, ...] = ()
    minimum_os: str | None = None
    failures: tuple[KnownFailure, ...] = ()
    witnesses: tuple[WitnessRule, ...] = ()
    note: str | None = None


class ProductRule(Statement, frozen=True, kw_only=True):
    """How a component appears among Windows products: product codes first, names second.

    ``name_pattern``: shell-style (``*``), compared without regard to case.
    """

    name_pattern: str | None = None
    product_codes: tuple[str, ...] = ()
    upgrade_codes: tuple[str, ...] = ()
    uninstall_keys: tuple[str, ...] = ()
    publisher: tuple[str, ...] = ()
    architecture: Literal["x86", "x64", "any"] = "any"
    windows_installer: bool = True
    note: str | None = None


class PortRule(Statement, frozen=True, kw_only=True):
    """Local TCP ports a component's service listens on."""

    family: Family
    ports: tuple[int, ...]
    note: str | None = None


class BundleIdentifier(Statement, frozen=True, kw_only=True):
    """The identifier in the Info.plist of an application, framework or preference pane of a component."""

    id: str
    path: str | None = None
    note: str | None = None


class BrowserRule(Statement, frozen=True, kw_only=True):
    """Something a component registers with a browser or with the system's token layer.

    ``kind``: ``extension``, ``security-module``, ``certificate`` (nickname in the browser's store), ``native-messaging`` (host
    name), ``policy`` or ``token`` (CryptoTokenKit extension or class id). ``path``: where the registration lies, if one is known.
    """

    kind: Literal["extension", "security-module", "certificate", "native-messaging", "policy", "token"]
    browser: Literal["firefox", "chrome", "edge", "safari", "any"]
    id: str
    path: str | None = None
    legacy: bool = False
    note: str | None = None


class Component(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One component. ``core`` ones (GALSS, SrvSVCNAM, Cryptolib CPS) form the unit that is removed and installed together."""

    id: str
    name: str
    publisher: str
    core: bool = False
    families: tuple[Family, ...] = ("macos",)
    receipts: tuple[ReceiptRule, ...] = ()
    paths: tuple[PathRule, ...] = ()
    services: tuple[ServiceRule, ...] = ()
    processes: tuple[ProcessRule, ...] = ()
    configs: tuple[ConfigRule, ...] = ()
    certificates: tuple[CertificateRule, ...] = ()
    uninstallers: tuple[UninstallerRule, ...] = ()
    signers: tuple[SignerRule, ...] = ()
    witnesses: tuple[WitnessRule, ...] = ()
    effects: tuple[EffectRule, ...] = ()
    live_only: tuple[LiveOnlyNote, ...] = ()
    releases: tuple[Release, ...] = ()
    products: tuple[ProductRule, ...] = ()
    windows: WindowsRules | None = None
    ports: tuple[PortRule, ...] = ()
    browsers: tuple[BrowserRule, ...] = ()
    bundle_identifiers: tuple[BundleIdentifier, ...] = ()


class BundleMember(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One component of a bundle and the versions that belong to it; the first is the one the build installs."""

    component: str
    versions: tuple[str, ...]
    optional: bool = False


class OsRange(Statement, frozen=True, kw_only=True):
    """OS releases on which a bundle is known to be right. ``first``/``last`` are inclusive release families (``10.14``, ``15``).

    For macOS either may be one update (``26.6``): what was seen under it says nothing about the updates before. Without ``first`` there
    is no lower bound (a publisher who offers one build “below Catalina” names none).
    """

    first: str | None = None
    last: str
    architectures: tuple[str, ...] = ()
    note: str | None = None


class Bundle(Statement, frozen=True, kw_only=True):
    """A set of component versions that belong together. ``build`` is the ATSAM number, ``None`` for a set seen in the field.

    ``signers``: who may sign the *assembled* package of this build, besides the publishers of its components: one package has one
    signature, but its parts come from several publishers.
    """

    id: str
    family: Family = "macos"
    build: str | None = None
    date: str | None = None
    complete: bool = True
    members: tuple[BundleMember, ...] = ()
    systems: tuple[OsRange, ...] = ()
    signers: tuple[SignerRule, ...] = ()
    note_en: str | None = None
    note_fr: str | None = None


class Dependent(Statement, frozen=True, kw_only=True):
    """Other vendors' software that uses the components, or that lives beside them and must never be touched.

    ``uses``: component ids it depends on; ``serial_only``: those of them it does without when the readers are USB ones.
    ``shares``: paths it shares with components.
    ``never_touch``: remote control, databases, record software: not a target in any circumstance.
    """

    id: str
    name: str
    vendor: str | None = None
    families: tuple[Family, ...] = ("macos",)
    receipts: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    services: tuple[str, ...] = ()
    product_names: tuple[str, ...] = ()
    uses: tuple[str, ...] = ()
    serial_only: tuple[str, ...] = ()
    shares: tuple[str, ...] = ()
    owns: tuple[str, ...] = ()
    never_touch: bool = False
    note: str | None = None


class OsRelease(Statement, frozen=True, kw_only=True):
    """A known operating-system release family: ``10.14`` Mojave, ``11`` Big Sur, ``26`` Tahoe."""

    family: Family
    version: str
    name: str
    builds: tuple[str, ...] = ()
    note: str | None = None


class Anchor(Statement, frozen=True, kw_only=True):
    """A pinned authority. ``role``: ``installer-root``, ``timestamp-root``, ``ticket-root``, ``intermediate`` or ``authenticode-root``.

    A catalogue with an ``authenticode-root`` trusts these for Windows files, and no longer Microsoft's list of authorities.

    ``public_key`` (DER SubjectPublicKeyInfo, hex) lets a chain be completed without shipping the certificate.
    """

    name: str
    sha256: str
    role: Literal["installer-root", "timestamp-root", "ticket-root", "intermediate", "authenticode-root"]
    public_key: str | None = None
    valid_until: str | None = None


class DeniedSigner(Statement, frozen=True, kw_only=True):
    """A leaf certificate that must never be trusted again (stands in for revocation, impossible offline)."""

    leaf_sha256: str
    reason: str


class Trust(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Trust anchors and denials."""

    anchors: tuple[Anchor, ...] = ()
    denied: tuple[DeniedSigner, ...] = ()


class Source(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A source tag used by statements."""

    tag: str
    title: str


class Catalogue(msgspec.Struct, frozen=True, kw_only=True):
    """The whole catalogue. ``origin`` is ``embedded`` or the folder given with ``--manifests``; ``digest`` identifies its content."""

    origin: str
    digest: str
    components: tuple[Component, ...]
    bundles: tuple[Bundle, ...]
    dependents: tuple[Dependent, ...]
    os_releases: tuple[OsRelease, ...]
    trust: Trust
    cards: tuple[CardRule, ...] = ()
    card_generations: tuple[CardGeneration, ...] = ()
    middlewares: tuple[MiddlewareRule, ...] = ()
    sources: tuple[Source, ...] = ()
    symptoms: tuple[Symptom, ...] = ()

    @property
    def embedded(self) -> bool:
        """True for the catalogue shipped with the program; any other one is named loudly in every output."""
        return self.origin == "embedded"

    def component(self, identifier: str) -> Component | None:
        """The component with this id, or ``None``."""
        for component in self.components:
            if component.id == identifier:
                return component
        return None

    def bundle(self, identifier: str) -> Bundle | None:
        """The bundle with this id, or ``None``."""
        for bundle in self.bundles:
            if bundle.id == identifier:
                return bundle
        return None

    @property
    def core(self) -> tuple[Component, ...]:
        """The components that form the unit."""
        return tuple(component for component in self.components if component.core)
