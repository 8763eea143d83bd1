"""``install``, ``uninstall``, ``rollback``, ``recover`` and ``rehearse`` in words, and the plan shown before consent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from atsam_safe.catalogue.names import set_text
from atsam_safe.guard.strangers import first_of
from atsam_safe.plan.duration import estimated_seconds
from atsam_safe.report.blocks import Block, Heading, Line, Table, Verdict
from atsam_safe.report.headlines import HEADLINES
from atsam_safe.report.recovered import FOUND_KEPT, NOTHING_ELSE, THEN, is_brought_back
from atsam_safe.report.result import BUSY, OK, PRIVILEGES, REFUSED, RESTART_NEEDED, UNTRUSTED
from atsam_safe.report.transactions import inventories_gone, live_notes
from atsam_safe.report.views.common import good_to_know, numbered, section, unique, unseen_card
from atsam_safe.report.views.packages import explained, rules_blocks
from atsam_safe.words.amounts import MEGABYTE, decimal, size
from atsam_safe.words.reference import N_
from atsam_safe.words.translate import explain, phrase

if TYPE_CHECKING:
    from collections.abc import Sequence

    from atsam_safe.catalogue.model import Catalogue
    from atsam_safe.plan.model import Plan
    from atsam_safe.report.result import CommandResult
    from atsam_safe.words.model import Language

_DONE: Final = {
    "install": N_("Installed and verified."),
    "uninstall": N_("All components were removed, and nothing else was touched."),
    "uninstall-with-others": N_("All components were removed, and with their folders files of others that lay there."),
    "rollback": N_("The workstation is back in the state of the snapshot."),
    "recover": N_("The interrupted run was undone: the workstation is back as it was before that run."),
    "rehearse": N_("The rehearsal succeeded; the workstation itself was not touched."),
}
PHASES: Final = {
    "stop-service": N_("stop the services"),
    "stop-process": N_("end the programs"),
    "remove-path": N_("remove the old files"),
    "forget-receipt": N_("forget the old receipts"),
    "install-payload": N_("install the files"),
    "apply-effect": N_("apply the settings of the installer"),
    "write-receipt": N_("write the receipts"),
    "run-installer": N_("run the system's installer"),
    "run-uninstaller": N_("run the vendor's uninstaller"),
    "restore-config": N_("put the kept configuration back"),
    "start-service": N_("start the services"),
    "restore-snapshot": N_("restore the snapshot"),
}

OUTCOMES: Final = {"done": N_("done"), "not-applicable": N_("not applicable here"), "failed": N_("failed")}


def plan_blocks(plan: Plan, catalogue: Catalogue, language: Language) -> list[Block]:
    """What is about to be done, for a person to accept: from which set to which, how many of what, what stays."""
    counts: dict[str, int] = {}
    for step in plan.steps:
        kind = str(step.__struct_config__.tag)
        counts[kind] = counts.get(kind, 0) + 1
    target = set_text(catalogue, plan.target.versions)
    blocks: list[Block] = [
        Heading(phrase(N_("What will be done"), language)),
        Line(phrase(N_("Result: {target}"), language, target=target or phrase(N_("no component installed"), language)), 1),
        Line(phrase(N_("First, the present state is saved ({size})."), language, size=size(plan.bytes_in_scope, language)), 1),
    ]
    blocks += [Line(f"- {phrase(PHASES.get(kind, kind), language)} ({count})", 2) for kind, count in counts.items()]
    seconds = estimated_seconds(plan)
    if seconds:
        text = N_("It takes about {minutes} min. The longest step shows nothing but the elapsed time: do not switch the computer off.")
        blocks.append(Line(phrase(text, language, minutes=-(-seconds // 60)), 1))
    if plan.preserved:
        blocks.append(Line(phrase(N_("Your settings stay as they are: {paths}."), language, paths=", ".join(plan.preserved)), 1))
    undecided = [entry.path for entry in plan.kept if entry.reason == "undecided"]
    altered = [entry.path for entry in plan.kept if entry.reason == "altered"]
    if len(plan.kept) > len(altered) + len(undecided):
        count = len(plan.kept) - len(altered) - len(undecided)
        blocks.append(Line(phrase(N_("Left alone because others need it (paths: {count})."), language, count=count), 1))
    if altered:
        text = N_("Left alone because it is not what the receipt recorded (files: {count}): {paths}.")
        blocks.append(Line(phrase(text, language, count=len(altered), paths=first_of(altered)), 1, "warning"))
    if undecided:
        text = N_("Left alone because it may belong to other software (files: {count}): {paths}.")
        blocks.append(Line(phrase(text, language, count=len(undecided), paths=first_of(undecided)), 1, "warning"))
    gone = inventories_gone(plan, catalogue)
    if gone:
        text = N_("Inventory files that go and that nothing writes again here (files: {count}): {paths}.")
        blocks.append(Line(phrase(text, language, count=len(gone), paths=first_of(gone)), 1))
    if plan.left_out:
        text = N_("Not installed, because the package's own choices do not select them: {parts}.")
        blocks.append(Line(phrase(text, language, parts=", ".join(plan.left_out)), 1))
    if plan.strangers:
        text = N_("Goes with the folders of the components, and is in the snapshot (files of others: {count}): {paths}.")
        shown = first_of(plan.strangers)
        blocks.append(Line(phrase(text, language, count=len(plan.strangers), paths=shown), 1, "warning"))
    return blocks + _not_done_here(live_notes(plan, catalogue, language), language)


def _not_done_here(notes: Sequence[str], language: Language) -> list[Block]:
    """What only the started Mac can do: said before consent and again at the end, so that nobody believes that it was done."""
    return section(N_("Not done on a disk that is not started"), notes, language)


def _verdict(result: CommandResult, language: Language) -> Verdict:
    if result.exit_code == 0:
        message = _DONE[result.command]
        if result.command == "uninstall" and result.data.get("plan", {}).get("strangers"):
            message = _DONE["uninstall-with-others"]
        if (result.data.get("transaction") or {}).get("outcome") == "unchanged":
            message = N_("The interrupted run had not touched anything yet: the workstation is as it was.")
        if result.data.get("nothing_to_do"):
            message = NOTHING_ELSE if is_brought_back(result) else N_("There was nothing to do; nothing was touched.")
        return Verdict(phrase(message, language), "good")
    if result.command == "rehearse" and result.exit_code == REFUSED and result.data.get("transaction"):
        text = N_("The rehearsal succeeded on the copy, but the installation itself would be REFUSED. The workstation was not touched.")
        return Verdict(phrase(text, language), "bad")
    if result.command == "rehearse" and result.exit_code in {20, 21}:
        return Verdict(
            phrase(N_("The rehearsal FAILED on the copy: the installation would fail. The workstation itself was not touched."), language),
            "bad",
        )
    message, tone = HEADLINES.get(result.exit_code, (N_("The command was stopped; the workstation was made safe."), "warning"))
    if is_brought_back(result):
        message = THEN.get(result.exit_code, message)
    return Verdict(phrase(message, language), tone)


def _steps(transaction: dict[str, Any], language: Language) -> list[Block]:
    steps = transaction.get("steps") or []
    if not steps:
        return []
    groups: dict[tuple[str, str], list[float]] = {}
    for step in steps:
        groups.setdefault((step["name"], step["outcome"]), []).append(float(step["seconds"]))
    rows = tuple(
        (
            phrase(PHASES.get(name, name), language),
            phrase(OUTCOMES.get(outcome, outcome), language),
            str(len(times)),
            decimal(sum(times), language) + " s",
        )
        for (name, outcome), times in groups.items()
    )
    headers = (phrase(N_("Step"), language), phrase(N_("Result"), language), phrase(N_("Count"), language), phrase(N_("Time"), language))
    return [Heading(phrase(N_("What was done"), language)), Table(headers, rows)]


def _proof(data: dict[str, Any], language: Language) -> list[Block]:
    """The snapshot and the digests: what a technician needs to go back, and the proof that nothing changed."""
    blocks: list[Block] = []
    snapshot = data.get("snapshot")
    if snapshot:
        blocks.append(Line(phrase(N_("Snapshot of the state before: {snapshot}"), language, snapshot=snapshot), 1))
        blocks.append(Line(phrase(N_("It lies in: {place}"), language, place=data["snapshot_place"]), 1))
    if data.get("found"):
        blocks.append(Line(phrase(FOUND_KEPT, language, snapshot=data["found"]), 1))
    before, after = data.get("digest_before"), data.get("digest_after")
    if before and after:
        blocks.append(Line(phrase(N_("Digest before: {digest}"), language, digest=before), 1))
        blocks.append(Line(phrase(N_("Digest after:  {digest}"), language, digest=after), 1))
        if before == after:
            undone = (data.get("transaction") or {}).get("outcome") == "rolled-back"
            text = (
                N_("The two are equal: the workstation is exactly as it was before.")
                if undone
                else N_("The two are equal: nothing has changed.")
            )
            blocks.append(Line(phrase(text, language), 1, "good"))
    return blocks


def _card(card: dict[str, Any], language: Language) -> list[Block]:
    """Whether the CPS card is usable after the change; what is wrong with it is told with the notices."""
    from atsam_safe.report.views.cards import ladder_table, ladder_verdict  # noqa: PLC0415 - only runs that looked at a card pay for it

    text, tone = ladder_verdict(card, language)
    return [Heading(phrase(N_("CPS card"), language)), Line(text, 1, tone), ladder_table(card, language)]


def transaction_view(result: CommandResult, language: Language) -> list[Block]:
    """The outcome first, then why, what was done, and the way back."""
    data = result.data
    if not data:
        return []
    blocks: list[Block] = [_verdict(result, language)]
    if "rules" in data and result.exit_code in {REFUSED, UNTRUSTED, PRIVILEGES, BUSY} and not data.get("transaction"):
        blocks += rules_blocks(data["rules"], language)
        if data.get("recommended"):
            text = phrase(N_("The right build for this workstation: {build}."), language, build=data["recommended_name"])
            blocks += [Line(""), Line(text, 0, "good")]
        return blocks
    told = [explain(problem, language) for problem in result.problems]
    found = [explained(finding) for finding in (data.get("verification") or {}).get("findings", ()) if finding["severity"] == "blocking"]
    facts = {words.what for words in told}
    blocks += numbered(unique([*told, *(words for words in found if words.what not in facts)]), language)
    transaction = data.get("transaction")
    if transaction:
        blocks += _steps(transaction, language)
    if result.exit_code in {OK, RESTART_NEEDED}:
        seen = data.get("verification") or {}
        blocks += _card(data["card"], language) if "card" in data else unseen_card(seen.get("findings", ()), language)
    proof = _proof(data, language)
    if proof:
        blocks += [Heading(phrase(N_("The way back"), language)), *proof]
    if result.exit_code == 0 and "plan" in data:
        blocks += _not_done_here(data["plan"]["needs_live_notes"], language)
    return blocks + good_to_know(result.notices, language)


def rehearse_view(result: CommandResult, language: Language) -> list[Block]:
    """The same, with the forecast of time and space."""
    blocks = transaction_view(result, language)
    forecast = result.data.get("forecast")
    if forecast:
        text = phrase(
            N_("On the workstation itself, expect about {seconds} s; {needed} MB of free space are asked for before anything begins."),
            language,
            seconds=decimal(float(forecast["seconds"]), language),
            needed=-(-int(forecast["bytes_asked"]) // MEGABYTE),
        )
        blocks += [Heading(phrase(N_("Forecast"), language)), Line(text, 1)]
    return blocks
