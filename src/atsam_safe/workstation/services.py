"""launchd jobs: what their property lists say. Whether they run cannot be known on an offline volume.

Launchd knows a job by the ``Label`` inside its file, whatever the file is called (``org.clm.jfse.demon.launchd.plist`` names
``org.clm.jfse.launchd``). What the catalogue says is only what to expect where no file says anything. A label comes from a file that others
write and becomes part of an argument, so one that could mean anything but a job's name is not used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

from atsam_safe.facts.model import ServiceFact
from atsam_safe.words.model import Problem, WorkstationError
from atsam_safe.workstation.plists import clean_text, read_dictionary, text_of
from atsam_safe.workstation.unreadable import UnreadableError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from atsam_safe.catalogue.model import Catalogue, ServiceRule
    from atsam_safe.facts.model import Home
    from atsam_safe.volume.volume import Volume
    from atsam_safe.workstation.lens import Lens

Domain = Literal["daemon", "agent", "user-agent", "service"]

DAEMONS: Final = "/Library/LaunchDaemons"
AGENTS: Final = "/Library/LaunchAgents"
USER_AGENTS: Final = "~/Library/LaunchAgents"
DISABLED: Final = "/private/var/db/com.apple.xpc.launchd/disabled.plist"
_FOLDERS: Final[dict[Domain, str]] = {"daemon": DAEMONS, "agent": AGENTS, "user-agent": USER_AGENTS, "service": DAEMONS}
_MAX_JOB_BYTES: Final = 256 << 10
_MAX_LABEL: Final = 255
# They would end the name in « gui/501/NAME », or in the list of what is switched off.
_NO_PART_OF_A_LABEL: Final = frozenset('/"\\')


def read_services(lens: Lens, catalogue: Catalogue, homes: Sequence[Home]) -> tuple[ServiceFact, ...]:
    """Every job file the catalogue knows of that exists, of components and of dependents, in all homes, sorted by path."""
    disabled = _disabled_labels(lens)
    found: dict[str, ServiceFact] = {}
    for domain, pattern, expected in _patterns(catalogue):
        for path in lens.expand(pattern, homes):
            if path not in found:
                fact = _read_job(lens, path, (domain, expected), disabled)
                if fact is not None:
                    found[path] = fact
    return tuple(found[path] for path in sorted(found))


def label_in(volume: Volume, path: str) -> str | None:
    """The name of the job in the file ``path``, read again; ``None`` for no file, and for one in which launchd finds no name either.

    Raises ``macos.service-name-unusable``.
    """
    try:
        label = text_of(read_dictionary(volume.read_bytes(path, _MAX_JOB_BYTES)), "Label")
    except (UnreadableError, WorkstationError):
        return None
    if label and not _is_usable(label):
        raise WorkstationError(Problem(ref="macos.service-name-unusable", params={"path": path}, evidence={"path": path}))
    return label or None


def _is_usable(label: str) -> bool:
    """True for what can be nothing but the name of a job in ``gui/501/NAME``."""
    if len(label) > _MAX_LABEL or not label.isprintable() or not label[0].isalnum() or label.endswith(" "):
        return False
    return _NO_PART_OF_A_LABEL.isdisjoint(label)


def _patterns(catalogue: Catalogue) -> Iterable[tuple[Domain, str, str | None]]:
    """Where job files may lie, and which name to expect where the file's own cannot be read."""
    for component in catalogue.components:
        if "macos" in component.families:
            for rule in component.services:
                if rule.domain != "service":
                    yield rule.domain, _pattern(rule), rule.label if rule.match == "exact" else None
    for dependent in catalogue.dependents:
        if "macos" in dependent.families:
            for label in dependent.services:
                yield "daemon", f"{DAEMONS}/{label}.plist", None
                yield "agent", f"{AGENTS}/{label}.plist", None
                yield "user-agent", f"{USER_AGENTS}/{label}.plist", None


def _pattern(rule: ServiceRule) -> str:
    if rule.path is not None:
        return rule.path
    return f"{_FOLDERS[rule.domain]}/{rule.label}{'*' if rule.match == 'prefix' else ''}.plist"


def _read_job(lens: Lens, path: str, said: tuple[Domain, str | None], disabled: dict[str, bool]) -> ServiceFact | None:
    entry = lens.entry(path)
    if entry is None:
        return None
    domain, expected = said
    name = expected or clean_text(path.rsplit("/", 1)[-1].removesuffix(".plist"))
    try:
        values = read_dictionary(lens.read(path, _MAX_JOB_BYTES))
    except UnreadableError as error:
        return ServiceFact(label=name, path=path, domain=domain, problem=str(error))
    label = text_of(values, "Label")
    problem = None if label else "no Label: launchd ignores this file"
    if label and not _is_usable(label):
        label, problem = None, "its Label cannot be the name of a job"
    program = text_of(values, "Program")
    arguments = values.get("ProgramArguments")
    if program is None and isinstance(arguments, list) and arguments and isinstance(arguments[0], str):
        program = clean_text(arguments[0])
    state = values.get("Disabled")
    own = state if isinstance(state, bool) else False
    return ServiceFact(
        label=label or name,
        path=path,
        domain=domain,
        program=program,
        disabled=disabled.get(label or name, own),
        problem=problem,
    )


def _disabled_labels(lens: Lens) -> dict[str, bool]:
    """Launchd's own override of ``Disabled``; it wins over the job's file since OS X 10.10."""
    if lens.entry(DISABLED) is None:
        return {}
    try:
        values = read_dictionary(lens.read(DISABLED, _MAX_JOB_BYTES))
    except UnreadableError as error:
        lens.note(f"{DISABLED}: {error}")
        return {}
    return {label: state for label, state in values.items() if isinstance(state, bool)}
