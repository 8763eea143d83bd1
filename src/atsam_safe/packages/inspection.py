"""The inspection of one flat package: everything is read once, every checksum compared, nothing is run."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, TypeVar

import msgspec

from atsam_safe.packages.background import WORTHWHILE, Background
from atsam_safe.packages.content import bill_of, require_room, walk
from atsam_safe.packages.declared import declare
from atsam_safe.packages.errors import PackageError, damaged, shown_name
from atsam_safe.packages.flat import PackageInfo, read_distribution, read_package_infos, read_scripts
from atsam_safe.packages.identify import identify
from atsam_safe.packages.limits import DEFAULT_LIMITS, Depth, Limits
from atsam_safe.packages.meeting import meetings
from atsam_safe.packages.model import ComponentPackage, Inspection, PackageFormat, ProductFact, ReasonFact, SignatureFact
from atsam_safe.packages.reading import WholeFileDigest
from atsam_safe.packages.streams import Allowance
from atsam_safe.packages.xar import MAGIC, XarArchive

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable

    from atsam_safe.catalogue.model import Catalogue, Trust
    from atsam_safe.packages.flat import Distribution
    from atsam_safe.packages.model import PartSelection
    from atsam_safe.packages.reading import PinnedFile

_Result = TypeVar("_Result")
_FORMATS: dict[bytes, PackageFormat] = {
    MAGIC: "macos-flat-package",
    b"\xd0\xcf\x11\xe0": "windows-installer",
    b"\xed\xab\xee\xdb": "rpm",
}
_READ_WITH_COMPONENT = ("PackageInfo", "Bom", "Payload", "Scripts")


class _Draft(msgspec.Struct, kw_only=True):
    """What has been learnt of a package so far; faults are collected so that all are said at once."""

    product: ProductFact | None = None
    components: list[ComponentPackage] = []
    faults: list[ReasonFact] = []
    warnings: list[str] = []


class _Bounds(msgspec.Struct, frozen=True, kw_only=True):
    """What one component may take: ``within`` is what the whole package may still unpack to."""

    limits: Limits
    depth: Depth
    within: Allowance


def inspect_file(
    file: PinnedFile,
    shown_path: str,
    trust: Trust,
    catalogue: Catalogue,
    now: dt.datetime,
    limits: Limits = DEFAULT_LIMITS,
    depth: Depth = "everything",
) -> tuple[Inspection, XarArchive | None]:
    """Inspect the package behind ``file``; ``now`` is aware. Bad content never raises: verdict ``refused`` and its reasons tell.

    Returns the archive too (``None`` when it could not be opened), for extraction through the same descriptor.
    """
    if detect_format(file) == "windows-installer":
        return _inspect_installer(file, shown_path, trust, catalogue, now, limits), None
    digest = WholeFileDigest(file)
    draft = _Draft()
    archive: XarArchive | None = None
    signature = SignatureFact(verdict="refused")
    try:
        try:
            archive = XarArchive(file, limits)
            signature = _signature_and_content(archive, draft, partial(_signature, archive, trust, now), (limits, depth))
        except PackageError as error:
            draft = _Draft(faults=[error.reason])
        sha256 = digest.result()
    finally:
        digest.stop()
    if archive is not None:
        draft.warnings += archive.warnings
    inspection = Inspection(
        path=shown_path,
        sha256=sha256,
        size=file.size,
        format=detect_format(file),
        product=draft.product,
        components=tuple(draft.components),
        signature=_judged(signature, draft.faults, shown_path),
        warnings=tuple(dict.fromkeys(draft.warnings)),
    )
    return identify(inspection, catalogue), archive


def _inspect_installer(
    file: PinnedFile, shown_path: str, trust: Trust, catalogue: Catalogue, now: dt.datetime, limits: Limits
) -> Inspection:
    from atsam_safe.packages.windows_installer import read_installer  # noqa: PLC0415 - flat packages need not pay for its reader

    digest = WholeFileDigest(file)
    digest.in_background()
    try:
        reading = read_installer(file, trust, now, limits)
        sha256 = digest.result()
    finally:
        digest.stop()
    inspection = Inspection(
        path=shown_path,
        sha256=sha256,
        size=file.size,
        format="windows-installer",
        product=reading.product,
        components=() if reading.component is None else (reading.component,),
        signature=_judged(reading.signature, list(reading.faults), shown_path),
        warnings=reading.warnings,
        installer=reading.installer,
    )
    return identify(inspection, catalogue)


def detect_format(file: PinnedFile) -> PackageFormat:
    """The format by content."""
    if file.size < len(MAGIC):
        return "unknown"
    try:
        return _FORMATS.get(file.read_at(0, len(MAGIC), "header"), "unknown")
    except PackageError:
        return "unknown"


def refused_inspection(shown_path: str, error: PackageError, *, size: int = 0, package_format: PackageFormat = "unknown") -> Inspection:
    """The inspection of something that cannot even be opened."""
    signature = SignatureFact(verdict="refused", reasons=(_named(error.reason, shown_path),))
    return Inspection(path=shown_path, sha256=None, size=size, format=package_format, signature=signature)


def _signature(archive: XarArchive, trust: Trust, now: dt.datetime) -> SignatureFact:
    if not archive.signed and archive.ticket is None:
        return SignatureFact(verdict="unsigned", reasons=(ReasonFact(ref="package.unsigned"),))
    # Loading the cryptographic libraries takes longer than reading an unsigned package.
    from atsam_safe.packages.signature import check_signature  # noqa: PLC0415 - only signed packages pay it

    return check_signature(archive, trust, now=now)


def _signature_and_content(
    archive: XarArchive, draft: _Draft, check: Callable[[], SignatureFact], bounds: tuple[Limits, Depth]
) -> SignatureFact:
    """Check the signature; beside a large package's content, since loading the cryptographic libraries takes a tenth of a second."""
    found: list[SignatureFact] = []
    with Background(threaded=archive.size >= WORTHWHILE) as background:
        background.call(lambda: found.append(check()))
        _read_content(archive, draft, *bounds)
        background.finish()
    return found[0]


def _judged(signature: SignatureFact, faults: list[ReasonFact], shown_path: str) -> SignatureFact:
    """Damage outweighs every signature; all reasons are kept, the decisive one first."""
    reasons = tuple(_named(reason, shown_path) for reason in (*faults, *signature.reasons))
    if faults:
        return msgspec.structs.replace(signature, verdict="refused", reasons=tuple(r for r in reasons if r.ref != "package.unsigned"))
    return msgspec.structs.replace(signature, reasons=reasons)


def _named(reason: ReasonFact, shown_path: str) -> ReasonFact:
    """The reason with the package's name, which its sentence mentions."""
    return msgspec.structs.replace(reason, params={"reason": reason.ref, **reason.params, "package": shown_name(shown_path)})


def _read_content(archive: XarArchive, draft: _Draft, limits: Limits, depth: Depth) -> None:
    distribution = _attempt(draft, lambda: read_distribution(archive, limits))
    infos = _attempt(draft, lambda: read_package_infos(archive, limits)) or ()
    if not infos and not draft.faults:
        draft.faults.append(PackageError("package.not-a-package", path="PackageInfo", fault="no-component").reason)
    if distribution is not None:
        draft.product = distribution.fact
        _compare_folders(distribution, infos, draft)
    left = limits
    within = Allowance(limits.unpacked(archive.size))
    for info in infos:
        part = _attempt(draft, partial(_component, archive, info, distribution, draft, _Bounds(limits=left, depth=depth, within=within)))
        if part is not None:
            draft.components.append(part)
            left = _left(left, part)
    _compare_payloads(draft)
    done = {f"{info.folder}{name}" for info in infos for name in _READ_WITH_COMPONENT}
    done |= {"Distribution"} if distribution is not None else set()
    for path, entry in archive.entries.items():
        if path not in done:
            _attempt(draft, partial(archive.verify, entry))


def _left(limits: Limits, part: ComponentPackage) -> Limits:
    """What the components after ``part`` may still bring: the entries of all are kept."""
    entries = part.entries or ()
    paths = sum(len(entry.path.encode()) for entry in entries)
    return msgspec.structs.replace(
        limits, payload_members=max(limits.payload_members - len(entries), 0), paths=max(limits.paths - paths, 0)
    )


def _attempt(draft: _Draft, action: Callable[[], _Result]) -> _Result | None:
    try:
        return action()
    except PackageError as error:
        draft.faults.append(error.reason)
        return None


def _compare_folders(distribution: Distribution, infos: tuple[PackageInfo, ...], draft: _Draft) -> None:
    """What the product refers to must be inside; macOS installs only what is referred to, and of that what the choices select."""
    present = {info.folder.rstrip("/") for info in infos}
    for folder in distribution.folders:
        if folder not in present:
            draft.faults.append(damaged("Distribution", f"missing-component {folder}").reason)
    draft.warnings += [f"component-not-referenced:{folder}" for folder in sorted(present - set(distribution.folders)) if folder]


def _compare_payloads(draft: _Draft) -> None:
    """Components of one archive are installed together: what they bring must be able to lie side by side.

    Only what is certainly installed is held against each other here: alternatives that a choice decides between share their paths.
    """
    parts = [part for part in draft.components if part.selection == "installed"]
    found = next(meetings((part.identifier, part.entries or ()) for part in parts), None)
    if found is None:
        return
    path, other = f"{found.path} ({found.owner})", f"{found.other} ({found.other_owner})"
    draft.faults.append(PackageError("package.path-collision", path=path, other=other).reason)


def _component(
    archive: XarArchive, info: PackageInfo, distribution: Distribution | None, draft: _Draft, bounds: _Bounds
) -> ComponentPackage:
    """One component with its payload and scripts read; a damaged part is left out and its fault noted."""
    limits, depth, within = bounds.limits, bounds.depth, bounds.within
    content = None
    complete = True
    if info.has_payload:
        stored = archive.entries[f"{info.folder}Payload"].length
        require_room([info.announced], Allowance(limits.unpacked(stored), within), f"{info.folder}PackageInfo")
        complete = depth == "everything" or stored < limits.large_payload
        bill = _attempt(draft, lambda: bill_of(archive, info.folder, limits)) if depth == "archive" and not complete else None
        if bill is not None:
            content = _attempt(draft, lambda: declare(archive, info.folder, info.install_location, bill, limits, within))
        else:
            content = _attempt(draft, lambda: walk(archive, info.folder, info.install_location, limits=limits, within=within))
    elif f"{info.folder}Bom" in archive.entries:
        archive.read(f"{info.folder}Bom", limits.bom)
    scripts = _attempt(draft, lambda: read_scripts(archive, info.folder, limits, within)) if info.has_scripts else ()
    if content is not None:
        draft.warnings += content.warnings
    declared = distribution.restart_actions.get(info.identifier) if distribution is not None else None
    selection = _selection(info, distribution, draft)
    return ComponentPackage(
        identifier=info.identifier,
        version=info.version,
        install_location=info.install_location,
        payload=None if content is None else content.summary,
        scripts=scripts or (),
        bundles=info.bundles,
        restart_action=declared or info.restart_action,
        directory=info.folder.rstrip("/"),
        entries=None if content is None else content.entries,
        complete=complete,
        bill=not info.has_payload or f"{info.folder}Bom" in archive.entries,
        selection=selection,
        minimum_os=info.minimum_os,
    )


def _selection(info: PackageInfo, distribution: Distribution | None, draft: _Draft) -> PartSelection:
    """What the product's choices make of the part; a part it does not refer to is never installed, and was told already."""
    folder = info.folder.rstrip("/")
    if distribution is None:
        return "installed"
    if folder not in distribution.selections:
        return "left-out"
    selection = distribution.selections[folder]
    if selection != "installed":
        draft.warnings.append(f"component-{selection}:{info.identifier}")
    return selection
