"""Rules about the workstation at this moment: who uses the components, what runs, room, rights, an unfinished run, its configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from atsam_safe.catalogue.patterns import matches
from atsam_safe.catalogue.windows_paths import is_program, name
from atsam_safe.guard.altered import altered
from atsam_safe.guard.case import PASS, Case, Rule, Verdict, fail, notice
from atsam_safe.guard.space import estimate
from atsam_safe.guard.strangers import first_of, strangers, unlisted
from atsam_safe.verify.witnesses import component_receipts

if TYPE_CHECKING:
    from atsam_safe.catalogue.model import Component
    from atsam_safe.facts.model import ProcessFact, Receipt
    from atsam_safe.verify.model import DependentState

_ALL: Final = frozenset({"install", "uninstall", "rollback"})
_CHANGING: Final = frozenset({"install", "uninstall"})
_MEGABYTE: Final = 1_000_000
_MAXIMUM_NAMED: Final = 20


def _users(case: Case) -> list[DependentState]:
    """Dependents that use one of the components concerned."""
    core = {component.id for component in case.catalogue.core}
    return [dependent for dependent in case.assessment.dependents if core & set(dependent.uses)]


def _anything_installed(case: Case) -> bool:
    """True when something of the unit is there to be taken away, be it a receipt without files."""
    return any(state.core and (state.state != "absent" or state.receipts) for state in case.assessment.components)


def dependents_present(case: Case) -> Verdict | None:
    """Other vendors' software uses the components. An install keeps them usable; an uninstall takes them away from it.

    Going back must stay possible: there it is only told.
    """
    users = _users(case)
    if not users or (case.command == "uninstall" and not _anything_installed(case)):
        return PASS
    named = ", ".join(dependent.name for dependent in users)
    evidence = {"dependents": [{"id": user.dependent, "evidence": list(user.evidence[:_MAXIMUM_NAMED])} for user in users]}
    if case.command == "uninstall":
        return fail(dependents=named, evidence=evidence)
    return notice(words=f"dependents.present.{'kept' if case.command == 'install' else 'around'}", dependents=named, evidence=evidence)


def _blocking(case: Case) -> list[ProcessFact]:
    """Running programs that a rule of this system's own list says must be closed."""
    running = case.facts.processes or ()
    if case.facts.os.family == "windows":
        theirs = [one.windows for one in case.catalogue.components if one.windows is not None]
        blocking = [rule for windows in theirs for rule in windows.processes if rule.action == "blocks"]
        return [process for process in running if any(is_program(rule, process.path, case.facts.folders) for rule in blocking)]
    patterns = [rule.path for component in case.catalogue.components for rule in component.processes if rule.action == "blocks"]
    return [process for process in running if any(matches(pattern, process.path) for pattern in patterns)]


def processes_blocking(case: Case) -> Verdict | None:
    """Programs that hold the reader or the files and must be closed by a person first."""
    if case.facts.processes is None:
        return None
    running = _blocking(case)
    if not running:
        return PASS
    windows = case.facts.os.family == "windows"
    named = ", ".join(dict.fromkeys(name(process.path) if windows else process.path.rpartition("/")[2] for process in running))
    evidence = {"processes": [{"path": process.path, "pid": process.pid} for process in running]}
    return fail(words="processes.blocking.windows" if windows else None, processes=named, evidence=evidence)


def restart_pending(case: Case) -> Verdict | None:
    """A restart another installation asked for has not happened yet."""
    if case.facts.system.restart_pending is None:
        return None
    return fail() if case.facts.system.restart_pending else PASS


def installer_running(case: Case) -> Verdict | None:
    """Another installation is under way."""
    if case.facts.system.installer_running is None:
        return None
    return fail() if case.facts.system.installer_running else PASS


def gatekeeper_off(case: Case) -> Verdict | None:
    """The system's own check of programs is switched off: told, never changed by this program."""
    if case.facts.system.gatekeeper is None:
        return None
    return PASS if case.facts.system.gatekeeper else notice(words="system.gatekeeper-off.seen")


def on_battery(case: Case) -> Verdict | None:
    """A laptop that may die in the middle. The run would survive it; the morning's consultations might not."""
    if case.facts.system.on_battery is None:
        return None
    return notice(words="system.on-battery.seen") if case.facts.system.on_battery else PASS


def space_too_little(case: Case) -> Verdict | None:
    """Room for the packages, the snapshot and the way back must be there before anything starts."""
    if case.facts.space is None:
        return None
    needed = estimate(case.facts, case.catalogue, case.inspections if case.command == "install" else ())
    evidence = {"needed": needed.total, "free": case.facts.space.free, "parts": needed.parts}
    if case.facts.space.free < needed.total:
        free, wanted = case.facts.space.free // _MEGABYTE, -(-needed.total // _MEGABYTE)
        return fail(free=str(free), needed=str(wanted), evidence=evidence)
    return Verdict(passed=True, evidence=evidence)


def volume_read_only(case: Case) -> Verdict | None:
    """Nothing can be written there."""
    if case.facts.space is None:
        return None
    return PASS if case.facts.space.writable else fail()


def privileges_missing(case: Case) -> Verdict | None:
    """Administrator rights are needed to change a live system."""
    if case.facts.system.elevated is None:
        return None
    if case.facts.system.elevated:
        return PASS
    return fail(words="privileges.missing.windows" if case.facts.os.family == "windows" else None)


def state_locked(case: Case) -> Verdict | None:
    """Another run is under way: what it will leave is not what is seen now."""
    if case.run.at_work is None:
        return PASS
    return fail(shown=case.run.at_work.params, evidence=dict(case.run.at_work.params))


def interrupted_run(case: Case) -> Verdict | None:
    """An earlier run did not end: it is finished or undone first."""
    if case.run.interrupted is None:
        return PASS
    return fail(run=case.run.interrupted, evidence={"run": case.run.interrupted})


def state_damaged(case: Case) -> Verdict | None:
    """The state folder cannot be understood: it is never overwritten."""
    if case.run.damaged is None:
        return PASS
    # its own sentences tell what is wrong with the folder, and where
    damaged = case.run.damaged
    return fail(words=damaged.ref, shown=damaged.params, evidence={"ref": damaged.ref, "params": damaged.params})


def ini_pair_broken(case: Case) -> Verdict | None:
    """One of galss.ini and io_comm.ini without the other: GALSS's own installer would delete it. Here it is kept."""
    seen = {config.path for config in case.facts.configs} | set(case.view.paths)
    rules = [rule for component in case.catalogue.components for rule in component.configs]
    pairs = [(rule.path, rule.pair) for rule in rules if rule.pair is not None]
    maps = {rule.path for rule in rules if rule.needed == "always"}
    if not pairs:
        return None
    for path, other in pairs:
        if path in seen and other not in seen:
            words = "config.ini-pair-broken.map-lost" if other in maps else "config.ini-pair-broken.kept"
            return notice(words=words, path=path, other=other, evidence={"present": path, "absent": other})
    return PASS


def config_not_a_file(case: Case) -> Verdict | None:
    """A folder, or a device, in the place of a configuration file: it would be kept as if it were the file, with rights for everybody."""
    files = {config.path for component in case.catalogue.components for config in component.configs}
    files |= {rule.path for component in case.catalogue.components for rule in component.paths if rule.role == "config"}
    places = {path for pattern in files for path in case.view.concrete(pattern)}
    if not places:
        return None
    found = {path: case.view.paths[path].kind for path in sorted(places & set(case.view.paths))}
    wrong = {path: kind for path, kind in found.items() if kind not in {"file", "symlink"}}
    if not wrong:
        return PASS
    return fail(path=next(iter(wrong)), evidence={"paths": [{"path": path, "kind": kind} for path, kind in wrong.items()]})


def receipts_damaged(case: Case) -> Verdict | None:
    """A receipt of ours that cannot be read: what it would have removed is then only known from the catalogue.

    Of another product's, its files in the folders of the components are not known: they stay, or a person has to decide.
    """
    going = _going(case)
    ours = [receipt for component in case.catalogue.core for receipt in component_receipts(component, case.facts)]
    bad = [receipt for receipt in ours if receipt.problem is not None]
    foreign = _foreign_unread(case)
    lost = unlisted(case.facts, case.catalogue, going)
    if lost:
        named = ", ".join(receipt.identifier for receipt in foreign)
        shown = {"receipts": named, "count": str(len(lost)), "paths": first_of(lost)}
        listed = [{"id": receipt.identifier, "problem": receipt.problem} for receipt in (*bad, *foreign)]
        return fail(words="receipts.damaged.whose", shown=shown, evidence={"receipts": listed, "paths": list(lost)})
    if bad:
        named = ", ".join(receipt.identifier for receipt in bad)
        return fail(receipts=named, evidence={"receipts": [{"id": receipt.identifier, "problem": receipt.problem} for receipt in bad]})
    if foreign:
        evidence = [receipt.identifier for receipt in foreign]
        return notice(words="receipts.damaged.foreign", receipts=first_of(evidence), evidence={"receipts": evidence})
    return PASS


def _foreign_unread(case: Case) -> list[Receipt]:
    """Every receipt of other products that cannot be read."""
    core = {receipt.identifier for component in case.catalogue.core for receipt in component_receipts(component, case.facts)}
    seen = [receipt for receipt in case.facts.receipts if receipt.problem is not None and receipt.identifier not in core]
    return list({receipt.identifier: receipt for receipt in (*seen, *(case.facts.foreign_unread or ()))}.values())


def receipts_orphan(case: Case) -> Verdict | None:
    """A receipt whose files are gone would make GALSS's installer refuse: it is forgotten with the rest."""
    orphans = [identifier for state in case.assessment.components if state.core for identifier in state.orphans]
    if not orphans:
        return PASS
    return notice(words="receipts.orphan.forgotten", receipt=", ".join(orphans), evidence={"receipts": orphans})


def _going(case: Case) -> list[Component]:
    """The core components whose files go, or go and come back."""
    changed = set(case.candidate.offered) if case.command == "install" and not case.candidate.unit else None
    return [component for component in case.catalogue.core if changed is None or component.id in changed]


def altered_files(case: Case) -> Verdict | None:
    """Files that a receipt calls a component's and that are not what it recorded: whose they are nobody knows, so they stay."""
    found = altered(case.facts, _going(case))
    if not found:
        return PASS
    return notice(words="components.altered-files.kept", count=str(len(found)), paths=first_of(found), evidence={"paths": list(found)})


def foreign_files(case: Case) -> Verdict | None:
    """Somebody's files in a folder that goes as a whole: they go with it, and are in the snapshot."""
    found = strangers(case.facts, case.catalogue, _going(case))
    if not found:
        return PASS
    if case.facts.foreign_unread:
        evidence = {"paths": list(found)}
        return notice(words="components.foreign-files.undecided", count=str(len(found)), paths=first_of(found), evidence=evidence)
    return notice(words="components.foreign-files.saved", count=str(len(found)), paths=first_of(found), evidence={"paths": list(found)})


RULES: Final = (
    Rule(ref="dependents.present", evaluate=dependents_present, commands=_ALL),
    Rule(ref="processes.blocking", evaluate=processes_blocking, commands=_ALL),
    Rule(ref="system.restart-pending", evaluate=restart_pending, commands=_CHANGING),
    Rule(ref="system.installer-running", evaluate=installer_running, commands=_ALL),
    Rule(ref="system.gatekeeper-off", evaluate=gatekeeper_off),
    Rule(ref="system.on-battery", evaluate=on_battery, commands=_ALL),
    Rule(ref="space.too-little", evaluate=space_too_little, commands=_CHANGING),
    Rule(ref="volume.read-only", evaluate=volume_read_only, commands=_ALL),
    Rule(ref="privileges.missing", evaluate=privileges_missing, commands=_ALL),
    Rule(ref="state.locked", evaluate=state_locked, commands=_ALL),
    Rule(ref="state.interrupted-run", evaluate=interrupted_run, commands=_ALL),
    Rule(ref="state.damaged", evaluate=state_damaged, commands=_ALL),
    Rule(ref="config.ini-pair-broken", evaluate=ini_pair_broken, commands=_CHANGING),
    Rule(ref="config.not-a-file", evaluate=config_not_a_file),
    Rule(ref="receipts.damaged", evaluate=receipts_damaged, commands=_CHANGING),
    Rule(ref="components.foreign-files", evaluate=foreign_files, commands=_CHANGING),
    Rule(ref="components.altered-files", evaluate=altered_files, commands=_CHANGING),
    Rule(ref="receipts.orphan", evaluate=receipts_orphan, commands=_CHANGING),
)
