"""What the ladder is asked to look at, made from the catalogue and what is known of the workstation: middleware, pins, files. Pure.

``facts`` may be ``None`` on a system that has no observer: then the chain is judged without knowing which release is installed. What is
installed is not recognised here a second time: the same components and the same software as everywhere else are told (``Installed``).
"""

from __future__ import annotations

import ntpath
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from atsam_safe.cards.galss_align import Family
from atsam_safe.cards.middleware import known_middlewares
from atsam_safe.cards.model import LadderReport, UnreadGeneration
from atsam_safe.cards.probe import PROBE_SECONDS
from atsam_safe.catalogue.model import CardRule, CertificateRule, MiddlewareRule
from atsam_safe.catalogue.windows_paths import expand, name
from atsam_safe.facts.model import TokenExtensionFact

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from atsam_safe.catalogue.model import Catalogue, Component
    from atsam_safe.facts.model import Facts

INSERTION_SECONDS: Final = 60.0

GALSS: Final = "galss"
CPS_GESTION: Final = "cps-gestion"

_GALSS_INI: Final = "galss.ini"
_WINDOWS_GALSS_INI: Final = r"%WINDIR%\galss.ini"
_SANTESOCIAL: Final = "%SANTESOCIAL%"
_SANTESOCIAL_PLACE: Final = r"%ALLUSERSPROFILE%\santesocial"
"""ANS-MSI: what the vendors call ``%SANTESOCIAL%`` is no variable of the system."""

_VAULT: Final = "coffre"
_LINUX_CACHE: Final = "/etc/opt/santesocial/CPS/cache"


class Installed(msgspec.Struct, frozen=True, kw_only=True):
    """What is installed as far as the card is concerned, told by whoever recognises it for the whole program.

    ``versions``: the components that are there (``None``: version not known). ``galss_users``: other software that goes through GALSS.
    ``unread``: generations of cards that the installed release cannot read.
    """

    versions: dict[str, str | None] = {}
    galss_users: tuple[str, ...] = ()
    unread: tuple[UnreadGeneration, ...] = ()


class LadderRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What to look at, and how patiently.

    - ``middleware``: the module the bundle installs, ``package`` the installed version of its component; ``others``: further known ones.
    - ``authority_folders``: where the components keep the authorities' certificates. ``caches``: where the middleware may keep its cache.
    - ``galss_ini``: its path on this system (``None``: not looked at); ``galss_needed``: installed software uses it;
      ``galss_kept``: the snapshot that holds an earlier one (empty: none). ``galss_back``: the command that brings it back here.
    - ``unread``: generations of cards that the installed release cannot read.
    - ``person``: somebody is there; a missing card is then waited for. ``settle_seconds``: readers may still be coming back.
    - ``system_folders``: where the folders of Windows are, by the catalogue's names; ``libraries``: where a module may find its GALSS.
    - ``before``: the report of before a change; ``challenge``: the person agreed to sign a challenge.
    """

    family: Family
    rules: tuple[CardRule, ...]
    hardware: str | None = None
    root: Path = Path("/")
    live: bool = True
    state_folder: Path | None = None
    middleware: MiddlewareRule | None = None
    package: str | None = None
    others: tuple[MiddlewareRule, ...] = ()
    pins: tuple[CertificateRule, ...] = ()
    authority_folders: tuple[Path, ...] = ()
    caches: tuple[Path, ...] = ()
    galss_ini: Path | None = None
    galss_needed: bool = False
    unread: tuple[UnreadGeneration, ...] = ()
    galss_kept: str = ""
    galss_back: str = ""
    homes: tuple[str, ...] = ()
    extension_installed: bool = False
    extensions: tuple[TokenExtensionFact, ...] | None = None
    programs: tuple[str, ...] = ()
    system_folders: dict[str, str] = {}
    libraries: tuple[str, ...] = ()
    person: bool = False
    insertion_seconds: float = INSERTION_SECONDS
    settle_seconds: float = 0.0
    probe_seconds: float = PROBE_SECONDS
    before: LadderReport | None = None
    challenge: bool = False


def choose_middleware(rules: Sequence[MiddlewareRule], family: Family, hardware: str | None) -> MiddlewareRule | None:
    """The module the bundle installs for programs of this machine's own architecture."""
    ours = [rule for rule in rules if rule.family == family and rule.component is not None and rule.certainty != "inferred"]
    fitting = [rule for rule in ours if hardware is None or not rule.architectures or hardware in rule.architectures]
    return next(iter(fitting or ours), None)


def windows_place(path: str, folders: Mapping[str, str]) -> str | None:
    """A path of the catalogue on this Windows; ``None`` when it is unknown there.

    ``folders``: as the registry tells them. Variables of the environment, which a person may set and an administrator's program inherits,
    only serve where nothing was observed.
    """
    if folders:
        return expand(path, folders)
    found = ntpath.expandvars(path.replace(_SANTESOCIAL, _SANTESOCIAL_PLACE))
    return found if "%" not in found else None


def _place(root: Path, path: str, folders: Mapping[str, str]) -> Path | None:
    """Where a path of the catalogue lies on this system; ``None`` for one of another system family."""
    if path.startswith("/"):
        return root / path.lstrip("/")
    found = windows_place(path, folders)
    return None if found is None else Path(found)


def _folders(components: Sequence[Component], root: Path, family: Family, folders: Mapping[str, str], *, cache: bool) -> tuple[Path, ...]:
    """Folders of the authorities' certificates, or of the middleware's cache."""
    found: dict[Path, None] = {}
    for component in components:
        for rule in component.paths if family != "windows" or component.windows is None else component.windows.paths:
            wanted = rule.role == "cache" if cache else ntpath.basename(rule.path) == _VAULT
            place = _place(root, rule.path, folders) if wanted else None
            if place is not None:
                found.setdefault(place)
    if cache and family == "linux":
        found.setdefault(root / _LINUX_CACHE.lstrip("/"))
    return tuple(found)


def _libraries(catalogue: Catalogue, folders: Mapping[str, str]) -> tuple[str, ...]:
    """The folder of GALSS, where a module looks for its client library. Only what the registry tells, never a variable."""
    component = catalogue.component(GALSS)
    rules = component.windows.paths if component is not None and component.windows is not None else ()
    return tuple(place for rule in rules if rule.scope == "tree" and rule.role == "program" and (place := expand(rule.path, folders)))


def _galss_ini(catalogue: Catalogue, root: Path, family: Family, folders: Mapping[str, str]) -> Path | None:
    """Where ``galss.ini`` lies on this system; ``None`` where GALSS does not exist."""
    if family == "windows":
        return _place(root, _WINDOWS_GALSS_INI, folders)
    component = catalogue.component(GALSS)
    if family != "macos" or component is None:
        return None
    return next((_place(root, rule.path, folders) for rule in component.configs if rule.path.endswith(_GALSS_INI)), None)


class Circumstances(msgspec.Struct, frozen=True, kw_only=True):
    """How to look: who is there, how patiently, compared with what. The fields mean what they mean in ``LadderRequest``."""

    state_folder: Path | None = None
    person: bool = False
    insertion_seconds: float = INSERTION_SECONDS
    settle_seconds: float = 0.0
    before: LadderReport | None = None
    challenge: bool = False


def ladder_request(
    catalogue: Catalogue,
    family: Family,
    circumstances: Circumstances,
    *,
    facts: Facts | None = None,
    installed: Installed | None = None,
    hardware: str | None = None,
    root: Path | None = None,
) -> LadderRequest:
    """What the ladder has to look at on this workstation. ``root``: another volume, whose files alone can be seen."""
    there = installed or Installed()
    place = root or Path("/")
    machine = facts.os.hardware if facts is not None and facts.os.hardware is not None else hardware
    rule = choose_middleware(catalogue.middlewares, family, machine)
    component = catalogue.component(rule.component) if rule is not None and rule.component is not None else None
    owners = [component] if component is not None else []
    processes = facts.processes if facts is not None and facts.processes is not None else ()
    folders = facts.folders if facts is not None and family == "windows" else {}
    return LadderRequest(
        family=family,
        rules=catalogue.cards,
        hardware=machine,
        root=place,
        live=root is None,
        middleware=rule,
        package=there.versions.get(component.id) if component is not None else None,
        others=tuple(other for other in known_middlewares(catalogue.middlewares, family) if other is not rule),
        pins=component.certificates if component is not None else (),
        authority_folders=_folders(owners, place, family, folders, cache=False),
        caches=_folders(owners, place, family, folders, cache=True),
        galss_ini=_galss_ini(catalogue, place, family, folders),
        unread=there.unread,
        galss_needed=GALSS in there.versions or bool(there.galss_users),
        homes=tuple(home.path for home in facts.homes) if facts is not None else (),
        extension_installed=CPS_GESTION in there.versions,
        extensions=facts.token_extensions if facts is not None else None,
        programs=tuple(sorted({name(process.path) if family == "windows" else Path(process.path).name for process in processes})),
        system_folders=folders,
        libraries=_libraries(catalogue, folders),
        state_folder=circumstances.state_folder,
        person=circumstances.person,
        insertion_seconds=circumstances.insertion_seconds,
        settle_seconds=circumstances.settle_seconds,
        before=circumstances.before,
        challenge=circumstances.challenge,
    )
