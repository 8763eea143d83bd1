"""Are the configuration files there, readable and more than the publisher's default? GALSS serves nobody without its reader map.

A package brings a default of both files, and what a person has set up is kept across an installation: an installed GALSS without
galss.ini is therefore never what an installation left, but a loss. A workstation whose software reaches USB readers directly goes on
reading the card, but which software that is nobody can know from here.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, Literal

from atsam_safe.verify.model import Finding

if TYPE_CHECKING:
    from collections.abc import Iterable

    from atsam_safe.catalogue.model import Catalogue, Component, ConfigRule
    from atsam_safe.facts.model import ConfigFact
    from atsam_safe.verify.model import Severity
    from atsam_safe.verify.witnesses import View

_SERIAL: Final = "1"
_LINK: Final = "is a symlink"
# The publisher's installer names its copies by day, month, year: as text they do not sort.
_DATED: Final = re.compile(r"backup-(\d\d)-(\d\d)-(\d{4})-(.*)", re.ASCII)

Unread = Literal["config.no-file", "config.too-large", "config.unreadable"]


def config_findings(view: View, catalogue: Catalogue, present: frozenset[str]) -> list[Finding]:
    """What is wrong with, or worth telling of, each configuration file. ``present``: the components that are there."""
    seen = {config.path: config for config in view.facts.configs}
    findings: list[Finding] = []
    for component in catalogue.components:
        for rule in component.configs:
            needed = component.id in present and _is_needed(rule, component, seen)
            severity: Severity = "blocking" if needed else "notice"
            if rule.path in seen:
                findings += _of_present(rule, component, seen, severity)
            elif needed and view.facts.os.family == "macos" and rule.path not in view.paths:
                findings.append(_missing(rule, component, view))
    return findings


def _is_needed(rule: ConfigRule, component: Component, seen: dict[str, ConfigFact]) -> bool:
    """True when the component cannot serve without the file: the port map only where a reader is on a serial port."""
    if rule.needed != "serial":
        return rule.needed == "always"
    sections = (seen[other.path].sections for other in component.configs if other.needed == "always" and other.path in seen)
    return any(
        key.casefold() == "tcanal" and value == _SERIAL
        for channels in sections
        for name, keys in channels.items()
        if name.casefold().startswith("canal")
        for key, value in keys.items()
    )


def _of_present(rule: ConfigRule, component: Component, seen: dict[str, ConfigFact], severity: Severity) -> Iterable[Finding]:
    config = seen[rule.path]
    params = {"path": rule.path, "component": component.name}
    unread = _unread(config)
    if unread is not None:
        evidence = {"path": rule.path, "problem": config.problem}
        yield Finding(ref=unread, severity=severity, component=component.id, params=params, evidence=evidence)
        return
    alone = rule.pair is not None and rule.pair not in seen
    if alone and not _is_map(rule.pair, component):
        pair = {**params, "other": rule.pair or ""}
        yield Finding(ref="config.ini-pair-broken", severity="notice", component=component.id, params=pair)
    elif alone:
        # The other one is what describes the readers: that it is lost is said of it where the component is there.
        lost = {**params, "other": rule.pair or ""}
        yield Finding(ref="config.ini-pair-broken.map-lost", severity="notice", component=component.id, params=lost)
    if config.size == 0 and config.problem != _LINK:
        yield Finding(ref="config.empty", severity=severity, component=component.id, params=params)
    elif config.sha256 in rule.default_sha256:
        yield Finding(ref="config.untouched-default", severity="info", component=component.id, params=params)


def _is_map(path: str | None, component: Component) -> bool:
    return any(rule.path == path and rule.needed == "always" for rule in component.configs)


def _unread(config: ConfigFact) -> Unread | None:
    """Why nothing is known of its content. A link is followed by the programs that read the file: nothing is held against it."""
    if config.problem is None or config.sha256 or config.problem == _LINK:
        return None
    if config.problem.startswith("is a "):
        return "config.no-file"
    return "config.too-large" if config.problem.startswith("larger than") else "config.unreadable"


def _missing(rule: ConfigRule, component: Component, view: View) -> Finding:
    copies = _copies(rule, component, view)
    params = {"path": rule.path, "component": component.name}
    if not copies:
        ref = "config.missing" if rule.needed == "always" else "config.missing.ports"
        return Finding(ref=ref, severity="blocking", component=component.id, params=params, evidence={"path": rule.path, "copies": []})
    params |= {"backup": copies[0], "count": str(len(copies))}
    evidence = {"path": rule.path, "copies": list(copies)}
    return Finding(ref="config.missing.backup", severity="blocking", component=component.id, params=params, evidence=evidence)


def _copies(rule: ConfigRule, component: Component, view: View) -> tuple[str, ...]:
    """The publisher's own copies of the file that are worth putting back, the newest first."""
    name = rule.path.rsplit("/", 1)[-1]
    places = [one.path for one in component.paths if one.role == "backup" and one.scope == "file" and one.path.endswith(name)]
    found = {path for place in places for path in view.concrete(place) if path in view.paths and view.paths[path].size > 0}
    return tuple(sorted(found, key=_age, reverse=True))


def _age(path: str) -> tuple[str, ...]:
    dated = _DATED.search(path)
    return ("", path) if dated is None else (dated[3], dated[2], dated[1], dated[4])
