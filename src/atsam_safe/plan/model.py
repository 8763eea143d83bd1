"""The plan: typed steps that take a workstation from one set of components to another.

A plan is a value computed before anything is touched. Every step names what it does to which paths, so that the
snapshot's scope (``Plan.scope``) is known before the first change: *a path no step names is never written*.
"""

from __future__ import annotations

from typing import Literal

import msgspec

ScopeKind = Literal["file", "tree", "directory", "shared"]


class ScopeEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of the snapshot's scope.

    ``file``: that path (a file or link, present or absent). ``tree``: the path and everything below.
    ``directory``: only the folder's own existence, mode, owner and times (its children are named on their own).
    ``shared``: as ``directory`` without its times: on a running system other programs put things into ``/Library`` at any moment.
    """

    path: str
    kind: ScopeKind


class StepBase(msgspec.Struct, frozen=True, kw_only=True, tag_field="step"):
    """Base of all steps. ``component`` is the component concerned, if any."""

    component: str | None = None


class StopService(StepBase, frozen=True, kw_only=True, tag="stop-service"):
    """Stop a job before its files go. On an offline volume nothing runs: the step is recorded as not applicable.

    ``label``: what the job is called, or expected to be called; where ``path`` has a file, the name inside it counts when the step is done.
    """

    label: str
    path: str | None
    domain: str


class StopProcess(StepBase, frozen=True, kw_only=True, tag="stop-process"):
    """End a process known by its full executable path."""

    path: str


class RemovePath(StepBase, frozen=True, kw_only=True, tag="remove-path"):
    """Remove a path that belongs to a component. ``directory`` removes a folder only when it is empty.

    ``why`` is ``receipt`` (bill of materials), ``catalogue`` or ``residue``.
    """

    path: str
    kind: ScopeKind
    why: Literal["receipt", "catalogue", "residue"]


class ForgetReceipt(StepBase, frozen=True, kw_only=True, tag="forget-receipt"):
    """Remove a component's receipt (plist and bom, or an old bundle receipt folder)."""

    identifier: str
    paths: tuple[str, ...]


class InstallPayload(StepBase, frozen=True, kw_only=True, tag="install-payload"):
    """Put the verified, staged payload of one component package in place.

    ``package``/``part`` index into the inspected packages and their components. ``preserve`` lists configuration paths whose
    present content stays instead of the payload's.
    """

    identifier: str
    version: str
    package: int
    part: int
    files: int
    bytes: int
    preserve: tuple[str, ...] = ()


class ApplyEffect(StepBase, frozen=True, kw_only=True, tag="apply-effect"):
    """Apply one vetted, declarative effect of a vendor's script (``catalogue.EffectRule``). ``owner`` is ``user:group``, as names."""

    kind: Literal["mode", "remove", "create-directory", "write-file"]
    path: str
    mode: str | None = None
    recursive: bool = False
    content: str | None = None
    owner: str | None = None


class WriteReceipt(StepBase, frozen=True, kw_only=True, tag="write-receipt"):
    """Write the receipt as macOS does: plist, the package's own Bom, and a line of InstallHistory.plist."""

    identifier: str
    version: str
    package: int
    part: int
    title: str


class RunInstaller(StepBase, frozen=True, kw_only=True, tag="run-installer"):
    """Run the system's own installer on the privately staged package (live workstations).

    ``receipts``: identifier and version of every component package in it, asked for afterwards: its exit status alone proves nothing.
    """

    package: int
    title: str
    receipts: tuple[tuple[str, str], ...] = ()


class RunUninstaller(StepBase, frozen=True, kw_only=True, tag="run-uninstaller"):
    """Run a vendor's uninstaller as a guest: time limit, prompts answered, exit status never trusted (live workstations).

    ``sha256``: digests of genuine ones. The installed file lies in a folder anybody may write to, so only a private copy whose digest is
    among them is ever run; without one the step does nothing and the removal steps that follow do the whole work.
    """

    path: str
    arguments: tuple[str, ...] = ()
    answers: tuple[str, ...] = ()
    sha256: tuple[str, ...] = ()


class RestoreConfig(StepBase, frozen=True, kw_only=True, tag="restore-config"):
    """Put a preserved configuration file back byte for byte, whatever uninstallers and installers did to it (live workstations).

    ``sha256``: its content when the plan was made; the copy is taken while staging, before anything is changed.
    """

    path: str
    sha256: str


class StartService(StepBase, frozen=True, kw_only=True, tag="start-service"):
    """Start a job again after its files are in place. ``label``: as for ``StopService``; a package's file may name its job otherwise."""

    label: str
    path: str | None
    domain: str


class UninstallProduct(StepBase, frozen=True, kw_only=True, tag="uninstall-product"):
    """Remove a Windows product by its product code, through Windows Installer. A product that is gone already is not applicable."""

    code: str
    name: str
    version: str | None = None


class InstallProduct(StepBase, frozen=True, kw_only=True, tag="install-product"):
    """Install a verified Windows Installer package from its permanent place. ``package`` indexes the inspected packages."""

    package: int
    code: str
    title: str
    version: str


Step = (
    StopService
    | StopProcess
    | RemovePath
    | ForgetReceipt
    | InstallPayload
    | ApplyEffect
    | WriteReceipt
    | RunInstaller
    | RunUninstaller
    | RestoreConfig
    | StartService
    | UninstallProduct
    | InstallProduct
)


class KeptPath(msgspec.Struct, frozen=True, kw_only=True):
    """A path deliberately left alone, and why (shared, foreign, undecided, altered, configuration, log, not empty)."""

    path: str
    reason: str
    owner: str | None = None


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """What the workstation must look like afterwards: a bundle's id and exact versions; empty = nothing installed."""

    bundle: str | None
    versions: dict[str, str]


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """Everything a transaction needs to know. ``bytes_to_write`` and ``bytes_in_scope`` are estimates in bytes.

    ``needs_live`` lists effects only a running system can perform; they are told, never pretended.
    ``residue_rules`` are the paths that must not exist after the removal phase (swept, and failing the run when left).
    ``strangers``: files of nobody known in folders that go as a whole; they are in the snapshot.
    ``left_out``: known parts of the packages that are not installed, because the package's own choices leave them out, as people read them.
    ``folders``: what must be a folder, or nothing, when the steps come to it: each is made or entered by one of them.
    ``overwritten``: paths that are not ours and are written all the same, because a person accepted ``package.overwrites-foreign``.
    """

    command: Literal["install", "uninstall"]
    target: Target
    steps: tuple[Step, ...]
    scope: tuple[ScopeEntry, ...]
    kept: tuple[KeptPath, ...] = ()
    preserved: tuple[str, ...] = ()
    needs_live: tuple[str, ...] = ()
    residue_rules: tuple[str, ...] = ()
    folders: tuple[str, ...] = ()
    overwritten: tuple[str, ...] = ()
    strangers: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    bytes_to_write: int = 0
    bytes_in_scope: int = 0
