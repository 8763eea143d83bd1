"""The laboratory's ``/bin/launchctl``: jobs that are known, run, stop late or not at all, and are switched off."""

from __future__ import annotations

import plistlib
import time
from typing import TYPE_CHECKING, Final

from lab.macos.state import Answer, Lab, short

if TYPE_CHECKING:
    from collections.abc import Sequence

WORDS_OF_DISABLED: Final = (13,)
TWO_LINES: Final = (26,)
# A job that launchd does not know any more is still being ended for a while: bootstrapping it again is refused meanwhile.
RACES: Final = {
    "still-ending-5": (5, "", "Bootstrap failed: 5: Input/output error\nTry re-running the command as root for richer errors.\n"),
    "still-ending-37": (37, "", "Bootstrap failed: 37: Operation already in progress\n"),
}


def launchctl(lab: Lab, argv: Sequence[str], _stdin: bytes) -> None:
    verb, rest = argv[0], list(argv[1:])
    verbs = {"print": _print, "print-disabled": _print_disabled, "bootout": _bootout, "bootstrap": _bootstrap, "list": _list}
    {**verbs, "enable": _switch, "disable": _switch_off}[verb](lab, rest)


def _switch(lab: Lab, rest: list[str], *, off: bool = False) -> None:
    """Launchd remembers it by name, whether there is such a job or not."""
    lab.state["switched_off"] = [target for target in lab.state["switched_off"] if target != rest[0]] + ([rest[0]] if off else [])
    raise Answer


def _switch_off(lab: Lab, rest: list[str]) -> None:
    _switch(lab, rest, off=True)


def _domain_there(lab: Lab, domain: str) -> bool:
    console = lab.state["console"]
    if domain.startswith("user/"):
        return domain in {f"user/{uid}" for uid in lab.state["users"].values()}
    return domain == "system" or (console is not None and domain == f"gui/{lab.state['users'].get(console)}")


def _domain_words(domain: str) -> str:
    return "system" if domain == "system" else f"user gui: {domain.rpartition('/')[2]}"


def _job(lab: Lab, target: str) -> dict[str, object] | None:
    now = time.time()
    lab.state["jobs"] = [job for job in lab.state["jobs"] if job.get("gone_at") is None or job["gone_at"] > now]
    return next((job for job in lab.state["jobs"] if f"{job['domain']}/{job['label']}" == target), None)


def _print(lab: Lab, rest: list[str]) -> None:
    target = rest[0]
    if target == "system" or (target.count("/") == 1 and target.startswith(("gui/", "user/"))):
        if not _domain_there(lab, target):
            raise Answer(113, err=f"Could not find domain for {_domain_words(target)}\n")
        lines = "".join(f"\t\t{job['pid']:8d}      - \t{job['label']}\n" for job in lab.state["jobs"] if job["domain"] == target)
        raise Answer(out=f"{target} = {{\n\ttype = {target}\n\tservices = {{\n{lines}\t}}\n}}\n")
    job = _job(lab, target)
    if job is None:
        domain, _, label = target.rpartition("/")
        first = "Bad request.\n" if lab.release >= TWO_LINES else ""
        raise Answer(113, err=f'{first}Could not find service "{label}" in domain for {_domain_words(domain)}\n')
    ending = "(never exited)" if job.get("last_exit") is None else str(job["last_exit"])
    running = f"\tpid = {job['pid']}\n" if job["pid"] else ""
    raise Answer(
        out=f"{target} = {{\n\tactive count = 1\n\tpath = {job['path']}\n\ttype = LaunchDaemon\n"
        f"\tstate = {'running' if job['pid'] else 'not running'}\n\n\tprogram = {job['program']}\n\targuments = {{\n"
        f"\t\t{job['program']}\n\t}}\n\truns = 3\n{running}\tlast exit code = {ending}\n"
        '\tendpoints = {\n\t\t"x" = {\n\t\t\tstate = active\n\t\t}\n\t}\n}\n'
    )


def _print_disabled(lab: Lab, rest: list[str]) -> None:
    words = ("disabled", "enabled") if lab.release >= WORDS_OF_DISABLED else ("true", "false")
    lines = "".join(f'\t\t"{job["label"]}" => {words[0] if job.get("disabled") else words[1]}\n' for job in lab.state["jobs"])
    off = [target.rpartition("/")[2] for target in lab.state["switched_off"] if target.startswith(f"{rest[0]}/")]
    lines += "".join(f'\t\t"{label}" => {words[0]}\n' for label in off)
    raise Answer(out=f"\tdisabled services = {{\n{lines}\t}}\n")


def _list(lab: Lab, _rest: list[str]) -> None:
    lines = "".join(f"{job['pid'] or '-'}\t{job.get('last_exit') or 0}\t{job['label']}\n" for job in lab.state["jobs"])
    raise Answer(out=f"PID\tStatus\tLabel\n{lines}")


def _bootout(lab: Lab, rest: list[str]) -> None:
    """Asynchronous on request: the job is still known for a while after the command returned."""
    job = _job(lab, rest[0])
    if job is None:
        raise Answer(3, err="Boot-out failed: 3: No such process\n")
    wrong = lab.wrong("launchctl")
    if wrong == "stuck":
        raise Answer(5, err="Boot-out failed: 5: Input/output error\nTry re-running the command as root for richer errors.\n")
    lab.state["processes"] = [process for process in lab.state["processes"] if process["pid"] != job["pid"]]
    if wrong == "asynchronous":
        job["gone_at"] = time.time() + 0.4
        raise Answer(36, err="Boot-out failed: 36: Operation now in progress\n")
    lab.state["jobs"].remove(job)
    if wrong in RACES:
        lab.state["ending"] = {"target": rest[0], "until": time.time() + 0.4}
    raise Answer


def _bootstrap(lab: Lab, rest: list[str]) -> None:
    domain, path = rest[0], rest[1]
    if not _domain_there(lab, domain):
        raise Answer(125, err="Bootstrap failed: 125: Domain does not support specified action\n")
    file = lab.host(path)
    if not file.is_file() or lab.wrong("launchctl") == "no-start":
        raise Answer(5, err="Bootstrap failed: 5: Input/output error\nTry re-running the command as root for richer errors.\n")
    values = plistlib.loads(file.read_bytes())
    ending = lab.state.get("ending")
    if ending is not None and ending["target"] == f"{domain}/{values['Label']}" and time.time() < ending["until"]:
        raise Answer(*RACES[lab.wrong("launchctl")])
    if f"{domain}/{values['Label']}" in lab.state["switched_off"]:
        raise Answer(119, err="Bootstrap failed: 119: Service is disabled\n")
    if _job(lab, f"{domain}/{values['Label']}") is not None:
        raise Answer(37, err="Bootstrap failed: 37: Operation already in progress\n")
    start_job(lab, domain, path, values)
    if lab.wrong("launchctl") == "says-5":
        raise Answer(5, err="Bootstrap failed: 5: Input/output error\n")
    raise Answer


def start_job(lab: Lab, domain: str, path: str, values: dict[str, object]) -> None:
    """Load a job and run its program."""
    arguments = values.get("ProgramArguments")
    program = str(arguments[0]) if isinstance(arguments, list) and arguments else str(values.get("Program", ""))
    pid = lab.state["next_pid"]
    lab.state["next_pid"] += 1
    user = "root" if domain == "system" else next((short(n) for n, uid in lab.state["users"].items() if domain == f"gui/{uid}"), "root")
    lab.state["jobs"].append({"domain": domain, "label": values["Label"], "path": path, "program": program, "pid": pid, "last_exit": None})
    lab.state["processes"].append({"pid": pid, "ppid": 1, "user": user, "path": program})
