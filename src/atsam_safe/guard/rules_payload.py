"""Rules about where a payload writes: never into the system's own places, and nowhere unknown without a word.

A genuine signature says who built a package, not that its content is what the field knows: a vendor's build machine can be taken
over, and a later package of the same number can bring one file more. The catalogue knows every place of every component; what lies
elsewhere is told, and what would be started by the system from elsewhere is refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from atsam_safe.catalogue.patterns import canonical, fold
from atsam_safe.catalogue.system_folders import is_system_folder
from atsam_safe.guard.case import PASS, Case, Rule, Verdict, fail, notice
from atsam_safe.guard.places import Places

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from atsam_safe.catalogue.model import Component
    from atsam_safe.facts.model import Home
    from atsam_safe.packages.model import PayloadEntry

_FLAT: Final = ("macos-flat-package", "macos-disk-image")
_MAXIMUM_NAMED: Final = 20
_EXECUTABLE: Final = 0o111
_SPECIAL_RIGHTS: Final = 0o6000

# Places of macOS itself, in the form of ``fold``: no installer of these components has any business there, save where a rule says so.
# « /.vol » and « /.nofollow » are other spellings of any path at all.
_SYSTEM: Final = (
    "/system",
    "/bin",
    "/sbin",
    "/usr",
    "/dev",
    "/cores",
    "/volumes",
    "/network",
    "/private/etc",
    "/private/var",
    "/library/apple",
    # who may do what and whom the Mac trusts: keys, trust, rules of an administrator, settings of the network and of accounts
    "/library/keychains",
    "/library/managed preferences",
    "/library/preferences/opendirectory",
    "/library/preferences/systemconfiguration",
    "/library/security/trust settings",
    "/library/systemextensions",
    "/library/updates",
    "/library/staged extensions",
    "/library/stagedextensions",
    "/.vol",
    "/.nofollow",
    "/.resolve",
)
# macOS's own settings lie beside everybody's and are told by their names.
_SYSTEM_SETTINGS: Final = ("/library/preferences/com.apple.", "/library/preferences/.globalpreferences")
# People's homes. What a component has there, its scripts make on the spot: no payload can know who works on a workstation.
_HOMES: Final = "/users/"
_SHARED: Final = "/users/shared"
# Folders that lie at the root of every volume, the former included. Nothing new comes beside them: since macOS 10.15 nobody can write to
# the root, and on no release did any of these components have anything there.
_AT_ROOT: Final = frozenset({"applications", "library", "opt", "private", "users", *(place.split("/")[1] for place in _SYSTEM)})
# What lies in these although it is below one of the former is everybody's.
_OPEN: Final = ("/usr/local", "/private/var/log", "/private/var/tmp")
# This program's own folder: a journal or a snapshot that came with a package would be taken for ours.
OWN_FOLDER: Final = "/Library/Application Support/atsam-safe"
# What is put here is started by the system by itself, or decides who may do what.
_LAUNCHED: Final = (
    "/library/launchdaemons/",
    "/library/launchagents/",
    "/library/startupitems/",
    "/library/privilegedhelpertools/",
    "/library/extensions/",
    "/library/security/securityagentplugins/",
    "/library/directoryservices/plugins/",
    "/library/scriptingadditions/",
    "/library/loginplugins/",
    "/private/var/at/",
    "/cron",
    "/sudoers",
    "/periodic/",
)


def _within(key: str, folders: tuple[str, ...]) -> bool:
    return any(key == folder or key.startswith(f"{folder}/") for folder in folders)


def is_system_place(path: str) -> bool:
    """True for a path that is macOS's own (``path`` absolute, in any spelling)."""
    key = fold(canonical(path))
    return key.startswith(_SYSTEM_SETTINGS) or (_within(key, _SYSTEM) and not _within(key, _OPEN))


def _in_a_home(path: str, homes: Sequence[Home]) -> bool:
    """True for what would lie in somebody's home, be it there yet or not. What is shared by all is nobody's home."""
    key = fold(canonical(path))
    return (key.startswith(_HOMES) and not _within(key, (_SHARED,))) or _within(key, tuple(fold(canonical(home.path)) for home in homes))


def _is_new_at_root(path: str) -> bool:
    """True for a name at the root of the volume that no macOS has there, and for all below it."""
    top = fold(canonical(path)).split("/")[1]
    return top != "" and top not in _AT_ROOT


def _is_listed_folder(entry: PayloadEntry) -> bool:
    """True for a folder of the system or of everybody, which packages list on the way to their own and nobody changes."""
    return entry.kind == "directory" and is_system_folder(canonical(entry.path)) and not _is_new_at_root(entry.path)


def _is_the_systems(entry: PayloadEntry) -> bool:
    """True for what would lie in macOS's own places, come new to the root, or be a file or a link in the place of everybody's folder."""
    if is_system_place(entry.path) or _is_new_at_root(entry.path):
        return True
    return entry.kind != "directory" and is_system_folder(canonical(entry.path))


def is_launched(path: str) -> bool:
    """True for a place from which the system starts programs by itself, a user's own Library included."""
    key = fold(canonical(path))
    return any(place in key for place in _LAUNCHED)


def _strangers(case: Case) -> Iterator[tuple[PayloadEntry, Component]]:
    """What the parts of macOS packages bring to places not known of their component. Parts nobody knows are a rule of their own."""
    for part in case.candidate.parts:
        inspection, component = case.inspections[part.package], case.catalogue.component(part.component)
        if inspection.format not in _FLAT or component is None:
            continue
        places = Places(component, case.facts.homes)
        for entry in inspection.components[part.part].entries or ():
            if not _is_listed_folder(entry) and not places.know(entry):
                yield entry, component


def _unknown_parts(case: Case) -> Iterator[tuple[PayloadEntry, str]]:
    """What parts nobody knows bring. A volume that does not run goes without them; the system's own installer puts them in place."""
    if case.facts.adapter == "offline":
        return
    for package in dict.fromkeys(part.package for part in case.candidate.parts):
        if case.inspections[package].format in _FLAT:
            for content in case.inspections[package].components:
                if content.component is None:
                    yield from ((entry, content.identifier) for entry in content.entries or ())


def _concerns(case: Case) -> bool:
    return any(case.inspections[part.package].format in _FLAT for part in case.candidate.parts)


def writes_system(case: Case) -> Verdict | None:
    """The payload would write where only macOS itself does, or in somebody's home."""
    if not _concerns(case):
        return None
    brought = [(entry, component.name) for entry, component in _strangers(case)]
    brought += [(entry, name) for entry, name in _unknown_parts(case) if not _is_listed_folder(entry)]
    system = [(canonical(entry.path), name) for entry, name in brought if _is_the_systems(entry)]
    found = system or [(canonical(entry.path), name) for entry, name in brought if _in_a_home(entry.path, case.facts.homes)]
    if not found:
        return PASS
    words = None if system else "package.writes-system.homes"
    evidence = {"paths": [path for path, _name in found[:_MAXIMUM_NAMED]], "count": len(found)}
    return fail(words=words, path=found[0][0], component=found[0][1], count=str(len(found)), evidence=evidence)


def writes_own_folder(case: Case) -> Verdict | None:
    """The payload would write where this program keeps what it needs for going back."""
    if not _concerns(case):
        return None
    own = (fold(OWN_FOLDER),)
    brought = [(entry, component.name) for entry, component in _strangers(case)] + list(_unknown_parts(case))
    found = [(canonical(entry.path), name) for entry, name in brought if _within(fold(canonical(entry.path)), own)]
    if not found:
        return PASS
    evidence = {"paths": [path for path, _name in found[:_MAXIMUM_NAMED]], "count": len(found)}
    return fail(path=found[0][0], component=found[0][1], count=str(len(found)), evidence=evidence)


def unknown_paths(case: Case) -> Verdict | None:
    """The payload brings files where its component never had any."""
    if not _concerns(case):
        return None
    homes = case.facts.homes
    unknown = [pair for pair in _strangers(case) if not _is_the_systems(pair[0]) and not _in_a_home(pair[0].path, homes)]
    if not unknown:
        return PASS
    started = [pair for pair in unknown if _could_start(pair[0])]
    shown = started or [pair for pair in unknown if pair[0].kind != "directory"] or unknown
    path, component, count = canonical(shown[0][0].path), shown[0][1].name, str(len(shown))
    named = [canonical(entry.path) for entry, _component in shown[:_MAXIMUM_NAMED]]
    evidence = {"paths": named, "count": len(shown), "started": len(started)}
    if started:
        return fail(path=path, component=component, count=count, evidence=evidence)
    return notice(words="package.unknown-paths.seen", path=path, component=component, count=count, evidence=evidence)


def _could_start(entry: PayloadEntry) -> bool:
    """True for a program, for anything with another's rights, and for whatever lies where the system starts things."""
    if entry.kind == "directory":
        return False
    if is_launched(entry.path):
        return True
    return entry.kind == "file" and bool(entry.mode & (_EXECUTABLE | _SPECIAL_RIGHTS))


RULES: Final = (
    Rule(ref="package.writes-system", evaluate=writes_system),
    Rule(ref="package.writes-own-folder", evaluate=writes_own_folder),
    Rule(ref="package.unknown-paths", evaluate=unknown_paths),
)
