"""Is the middleware registered where software looks for it: Firefox, CryptoTokenKit, the Windows card database, the certificate manager.

A registration that is there and wrong breaks something (``fail``); one that is missing where nothing shows that it is used is worth a word
(``notice``); where the system does not have the thing at all, it does not apply.
"""

from __future__ import annotations

import json
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import TYPE_CHECKING, Any, Final, Protocol

from atsam_safe.cards.evidence import DesktopCheck
from atsam_safe.words.model import Problem

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from atsam_safe.cards.galss_align import Family
    from atsam_safe.facts.model import TokenExtensionFact

MAXIMUM_FILE: Final = 1024 * 1024
CARD_EXTENSION: Final = "fr.asip.esante.cpsgestion.dev"
CALAIS: Final = r"SOFTWARE\Microsoft\Cryptography\Calais\SmartCards"
CALAIS_CARD: Final = "Carte de Professionnel de Sante CPS3"
RUN: Final = r"SOFTWARE\Microsoft\Windows\CurrentVersion\Run"
MOZILLA_MODULES: Final = r"SOFTWARE\Mozilla\PKCS11Modules"

_MACOS_MANIFEST: Final = "/Library/Application Support/Mozilla/PKCS11Modules/cps3.json"
_MACOS_FIREFOX: Final = "/Applications/Firefox.app"
_MACOS_POLICIES: Final = ("/Applications/Firefox.app/Contents/Resources/distribution/policies.json",)
_PROFILES: Final = "Library/Application Support/Firefox/Profiles"
_MAXIMUM_PROFILES: Final = 50
# SrvSVCNAM writes one for every user; the extension « Lecture Carte Vitale » starts what it names (error FF00 when that is not there).
_NATIVE_HOST: Final = "NativeMessagingHosts/fr.sesamvitale.srvsvcnam_native_messaging_host.json"
_HOST_FOLDERS: Final = ("Library/Application Support/Google/Chrome", "Library/Application Support/Mozilla")
_WINDOWS_FIREFOX: Final = ("Program Files/Mozilla Firefox", "Program Files (x86)/Mozilla Firefox")
# A person's own lists of modules; the second is that of a Firefox from Microsoft's shop.
_WINDOWS_PROFILES: Final = (
    "AppData/Roaming/Mozilla/Firefox/Profiles",
    "AppData/Local/Packages/Mozilla.Firefox_n80bbvh6b1yt2/LocalCache/Roaming/Mozilla/Firefox/Profiles",
)
_FIREFOX_KEYS: Final = (r"SOFTWARE\Mozilla\Mozilla Firefox", r"SOFTWARE\WOW6432Node\Mozilla\Mozilla Firefox")


class Registry(Protocol):
    """Read access to the Windows registry's local-machine branch."""

    def value(self, key: str, name: str) -> str | None:
        """The text of a value (the default one for an empty name), or ``None``."""
        ...

    def subkeys(self, key: str) -> tuple[str, ...] | None:
        """Names of the keys below ``key``, or ``None`` when it does not exist."""
        ...


def _text(path: Path) -> str | None:
    """A small text file, or ``None``."""
    try:
        with path.open("rb") as handle:
            return handle.read(MAXIMUM_FILE).decode("utf-8", errors="replace")
    except OSError:
        return None


def _inside(root: Path, path: str) -> Path:
    return root / PurePosixPath(path).relative_to("/")


def _module_path(text: str | None) -> str | None:
    """The module a native manifest names, or ``None``."""
    try:
        manifest: Any = json.loads(text or "")
    except ValueError:
        return None
    path = manifest.get("path") if isinstance(manifest, dict) else None
    return path if isinstance(path, str) else None


def _allowed_extensions(text: str) -> tuple[str, ...]:
    """The extensions that may use a native manifest, as it names them."""
    try:
        manifest: Any = json.loads(text)
    except ValueError:
        return ()
    allowed = manifest.get("allowed_extensions") if isinstance(manifest, dict) else None
    return tuple(entry for entry in allowed if isinstance(entry, str)) if isinstance(allowed, list) else ()


def _without_extension(places: Sequence[Path], extensions: Sequence[str]) -> bool:
    """True when there are profiles, and none of them has one of the extensions. What could not be seen proves nothing."""
    wanted = {name for entry in extensions for name in (entry, f"{entry}.xpi")}
    seen = False
    try:
        for profile in (profile for place in places if place.is_dir() for profile in sorted(place.iterdir())[:_MAXIMUM_PROFILES]):
            seen = seen or profile.is_dir()
            folder = profile / "extensions"
            if folder.is_dir() and any(entry.name in wanted for entry in folder.iterdir()):
                return False
    except OSError:
        return False
    return seen


def _named_in_policies(text: str | None, file_name: str) -> bool:
    """True when Firefox's policies load a module of this file name as a security device."""
    try:
        policies: Any = json.loads(text or "")
    except ValueError:
        return False
    devices = policies.get("policies", {}).get("SecurityDevices", {}) if isinstance(policies, dict) else {}
    return file_name in json.dumps(devices)


def _in_a_profile(profiles: Path, file_name: str) -> bool:
    """True when a profile's own list of modules has one of this file name."""
    try:
        lists = sorted(profiles.glob("*/pkcs11.txt"))[:_MAXIMUM_PROFILES] if profiles.is_dir() else []
    except OSError:
        return False
    return any(file_name.casefold() in (_text(path) or "").casefold() for path in lists)


def firefox_macos(root: Path, module: str, homes: Iterable[str]) -> DesktopCheck:
    """Whether Firefox can reach the module: by the native manifest, by its policies, or by a profile's own list.

    A native manifest serves the extensions it names and nobody else: without one of them in a profile Firefox does not load the module.
    """
    if not _inside(root, _MACOS_FIREFOX).exists():
        return DesktopCheck(id="firefox", outcome="not-applicable")
    file_name = PurePosixPath(module).name
    if any(_named_in_policies(_text(_inside(root, path)), file_name) for path in _MACOS_POLICIES):
        return DesktopCheck(id="firefox", outcome="pass")
    text = _text(_inside(root, _MACOS_MANIFEST))
    named = _module_path(text)
    if text is not None and not (named is not None and named.startswith("/") and _inside(root, named).exists()):
        params = {"path": named or _MACOS_MANIFEST}
        return DesktopCheck(id="firefox", outcome="fail", problem=Problem(ref="configuration.firefox-broken", params=params))
    profiles = [_inside(root, home) / _PROFILES for home in homes if home.startswith("/")]
    extensions = _allowed_extensions(text or "")
    served = text is not None and not (extensions and _without_extension(profiles, extensions))
    if served or any(_in_a_profile(place, file_name) for place in profiles):
        return DesktopCheck(id="firefox", outcome="pass")
    problem = Problem(ref="configuration.firefox-missing")
    if text is not None:
        problem = Problem(ref="configuration.firefox-extension-missing", params={"extension": extensions[0]})
    return DesktopCheck(id="firefox", outcome="notice", problem=problem)


def native_messaging_macos(root: Path, homes: Iterable[str]) -> DesktopCheck:
    """Whether a program that browsers are told to start for the card is missing. It concerns web sites alone, so it is only said."""
    for home in homes:
        for folder in _HOST_FOLDERS if home.startswith("/") else ():
            named = _module_path(_text(_inside(root, home) / folder / _NATIVE_HOST))
            if named is not None and named.startswith("/") and not _inside(root, named).exists():
                problem = Problem(ref="configuration.native-host-missing", params={"path": named})
                return DesktopCheck(id="native-messaging", outcome="notice", problem=problem)
    return DesktopCheck(id="native-messaging", outcome="not-applicable")


def token_extension_macos(extensions: Sequence[TokenExtensionFact] | None, *, installed: bool) -> DesktopCheck:
    """Whether the CryptoTokenKit extension that Safari and the key chain use is registered, where CPS Gestion is installed."""
    if not installed:
        return DesktopCheck(id="crypto-token-kit", outcome="not-applicable")
    states = None if extensions is None else {one.state for one in extensions if one.identifier.startswith(CARD_EXTENSION)}
    if states is None or states == {"unknown"}:
        return DesktopCheck(id="crypto-token-kit", outcome="not-checked")
    if "on" in states:
        return DesktopCheck(id="crypto-token-kit", outcome="pass")
    # An extension its application never started is silently missing from the list: starting the application once is the cure.
    ref = "configuration.extension-off" if states else "configuration.extension-missing"
    return DesktopCheck(id="crypto-token-kit", outcome="fail" if states else "notice", problem=Problem(ref=ref))


def card_database_windows(registry: Registry) -> DesktopCheck:
    """Whether Windows knows the card (``Calais``): without it no Windows program offers the card's certificates."""
    names = registry.subkeys(CALAIS)
    if names is None:
        return DesktopCheck(id="calais", outcome="not-checked")
    if CALAIS_CARD not in names:
        return DesktopCheck(id="calais", outcome="fail", problem=Problem(ref="configuration.calais-missing"))
    if registry.value(f"{CALAIS}\\{CALAIS_CARD}", "Crypto Provider") is None:
        return DesktopCheck(id="calais", outcome="fail", problem=Problem(ref="configuration.calais-broken"))
    return DesktopCheck(id="calais", outcome="pass")


def certificate_manager_windows(registry: Registry) -> DesktopCheck:
    """Whether the certificate manager starts with the session."""
    names = registry.value(RUN, "CCM")
    if names is None:
        return DesktopCheck(id="certificate-manager", outcome="notice", problem=Problem(ref="configuration.ccm-not-started"))
    return DesktopCheck(id="certificate-manager", outcome="pass")


def _windows_policy(root: Path, module: str) -> bool:
    """True when Firefox's own policies load the module; its file is told by name, as its policies may write any spelling of a path."""
    name = PureWindowsPath(module).name
    return bool(name) and any(_named_in_policies(_text(root / folder / "distribution/policies.json"), name) for folder in _WINDOWS_FIREFOX)


def _firefox_is_on_windows(registry: Registry, root: Path, profiles: Iterable[Path]) -> bool:
    there = (*(root / folder for folder in _WINDOWS_FIREFOX), *profiles)
    return any(folder.is_dir() for folder in there) or any(registry.subkeys(key) is not None for key in _FIREFOX_KEYS)


def firefox_windows(registry: Registry, root: Path, module: str, homes: Iterable[str]) -> DesktopCheck:
    """Whether Firefox can reach the module: by its policies, by a profile's own list, or by the registered native manifest.

    The manifest must name a module that is there. ``homes``: the folder of the person at the screen; none when it could not be told, which
    is said where it would have mattered.
    """
    people = tuple(homes)
    profiles = [Path(home) / place for home in people for place in _WINDOWS_PROFILES]
    manifest = registry.value(f"{MOZILLA_MODULES}\\cps3", "") or registry.value(f"{MOZILLA_MODULES}\\cps3_x86", "")
    if manifest is None and not _firefox_is_on_windows(registry, root, profiles):
        return DesktopCheck(id="firefox", outcome="not-applicable")
    if _windows_policy(root, module):
        return DesktopCheck(id="firefox", outcome="pass")
    if manifest is None:
        name = PureWindowsPath(module).name
        if name and any(_in_a_profile(place, name) for place in profiles):
            return DesktopCheck(id="firefox", outcome="pass")
        told = None if people else "configuration.firefox-missing.nobody"
        return DesktopCheck(id="firefox", outcome="notice", problem=Problem(ref="configuration.firefox-missing", told=told))
    path = _module_path(_text(Path(manifest)))
    if path is None or not (Path(manifest).parent / path).exists():
        return DesktopCheck(
            id="firefox", outcome="fail", problem=Problem(ref="configuration.firefox-broken", params={"path": path or manifest})
        )
    return DesktopCheck(id="firefox", outcome="pass")


def desktop_checks(
    family: Family,
    *,
    root: Path,
    module: str,
    homes: Iterable[str],
    extension_installed: bool,
    extensions: Sequence[TokenExtensionFact] | None = None,
    live: bool,
    registry: Registry | None,
) -> tuple[DesktopCheck, ...]:
    """Every registration check of one system family. ``live``: the running system may be asked, not only its volume."""
    if family == "macos":
        people = tuple(homes)
        checks = [firefox_macos(root, module, people), native_messaging_macos(root, people)]
        if live:
            checks.append(token_extension_macos(extensions, installed=extension_installed))
        return tuple(checks)
    if family == "windows" and registry is not None:
        return card_database_windows(registry), certificate_manager_windows(registry), firefox_windows(registry, root, module, homes)
    return ()
