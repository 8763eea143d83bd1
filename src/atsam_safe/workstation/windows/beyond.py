"""What Windows holds besides files: products with the packages to put them back, registry keys of both views, states of services.

Way back: products first, of one component from the oldest up, because Windows Installer refuses an older one where a newer one is
(it writes their files and keys itself), then the files byte by byte (the store does that), then
the keys (removed, then imported, because importing alone merges), then services; at the end the products are compared with before.
"""

from __future__ import annotations

import hashlib
import re
import shutil
from functools import partial
from typing import TYPE_CHECKING, Final

import msgspec

from atsam_safe.catalogue import windows_paths
from atsam_safe.catalogue.product_codes import normal
from atsam_safe.catalogue.windows_paths import expand
from atsam_safe.verify.products import component_products, resident_programs, version_rank
from atsam_safe.volume import windows_names
from atsam_safe.volume.aside import ASIDE
from atsam_safe.volume.errors import failure, problem_of
from atsam_safe.words.model import Problem, WorkstationError
from atsam_safe.workstation.windows.native import Start, View
from atsam_safe.workstation.windows.pending import keep_from_undoing, waiting
from atsam_safe.workstation.windows.staging import digest_of, package_name, settle
from atsam_safe.workstation.windows.steps import install_package, start_service, stop_programs, uninstall_product

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from atsam_safe.catalogue.model import Catalogue, Component
    from atsam_safe.catalogue.windows import RegistryRule
    from atsam_safe.facts.model import Facts, InstalledProduct
    from atsam_safe.workstation.windows.native import Native
    from atsam_safe.workstation.windows.pc import Pc

KEPT: Final = "windows.json"
_LIMIT: Final = 4 << 20
_REG_LIMIT: Final = 60.0
_MOST_KEYS: Final = 2_000
_VIEWS: Final[tuple[View, ...]] = ("64", "32")
# A key of everybody's: only single values in it are a component's, and Windows Installer puts them back itself.
_COMMON_ROLES: Final = frozenset({"autostart", "obsolete"})
_COMMON_ENDINGS: Final = ("\\currentversion\\uninstall", "\\currentversion\\run")


class KeptProduct(msgspec.Struct, frozen=True, kw_only=True):
    """A product as it was. ``package``: name of the copy in the same folder; ``original``: the name its package came under."""

    code: str
    name: str
    version: str | None
    component: str
    package: str | None = None
    original: str | None = None
    sha256: str | None = None


class KeptKey(msgspec.Struct, frozen=True, kw_only=True):
    """A registry key in one view. ``file``: its export in the same folder; ``None``: it was not there. ``digest``: of all it holds."""

    key: str
    view: View
    file: str | None
    ours: bool
    digest: str | None = None


class KeptService(msgspec.Struct, frozen=True, kw_only=True):
    """A service as it was."""

    name: str
    start: Start | None
    running: bool | None


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that is kept. ``programs``: full paths of the components' programs, to be stopped before a way back.

    ``running``: those of them that ran then and should run all the time.
    ``strangers``: codes of the components' products that were not there; a script that puts the others back removes them first.
    ``at_restart``: what the next restart was to do with files already then (``pending``).
    """

    products: tuple[KeptProduct, ...]
    keys: tuple[KeptKey, ...]
    services: tuple[KeptService, ...]
    programs: tuple[str, ...]
    running: tuple[str, ...] = ()
    strangers: tuple[str, ...] = ()
    at_restart: tuple[tuple[str, str], ...] = ()


def capture(pc: Pc, seen: tuple[Facts, Catalogue] | None, folder: Path) -> None:
    """Write into ``folder`` what brings the products, keys and services back. Raises ``WorkstationError`` when it cannot be known."""
    if seen is None:
        raise _failed("windows.cannot-be-asked", what="Facts")
    facts, catalogue = seen
    products: list[KeptProduct] = []
    for component in catalogue.core:
        ours = [product for product in component_products(component, facts) if product.windows_installer]
        products += [_keep_product(pc, component, product, folder) for product in ours]
    keys = [_keep_key(pc, rule, view, folder, number) for number, (rule, view) in enumerate(_keys_of(catalogue))]
    names = dict.fromkeys(rule.name for one in catalogue.core if one.windows is not None for rule in one.windows.services)
    services = [
        KeptService(name=name, start=status.start, running=status.running)
        for name in names
        if (status := pc.native.service(name)) is not None
    ]
    strangers = pc.known_codes() - {product.code for product in products}
    kept = Kept(
        products=_in_order(products),
        keys=tuple(keys),
        services=tuple(services),
        programs=_programs(catalogue, facts),
        running=tuple(path for component in catalogue.core for path in resident_programs(component, facts).values()),
        strangers=tuple(sorted(strangers)),
        at_restart=waiting(pc.native),
    )
    try:
        (folder / KEPT).write_bytes(msgspec.json.encode(kept))
        for name, lines in _lists(kept).items():
            (folder / name).write_bytes("".join(f"{line}\r\n" for line in lines).encode("ascii", "replace"))
    except OSError as error:
        raise failure(error, str(folder)) from error


def _lists(kept: Kept) -> dict[str, list[str]]:
    """The same for ``restore.cmd``, which cannot read JSON: fields a space apart, the one that may hold spaces last."""
    starts = {"automatic": "auto", "manual": "demand", "disabled": "disabled"}
    packed = [one for one in _in_order(kept.products) if one.package]
    products = [f"{one.code} {one.package} {(one.sha256 or '')[:16]} {_plain(one.original or '')}" for one in packed]
    newer = [f"{one.code} {other.code}" for one in packed for other in reversed(packed) if _is_newer(other, one)]
    keys = [f"{one.view} {'ours' if one.ours else 'others'} {one.file or '-'} {one.key}" for one in kept.keys]
    services = [f"{starts.get(one.start or '', '-')} {'running' if one.running else 'stopped'} {one.name}" for one in kept.services]
    return {
        windows_names.PRODUCTS: products,
        windows_names.NEWER: newer,
        windows_names.STRANGERS: list(kept.strangers),
        windows_names.KEYS: keys,
        windows_names.SERVICES: services,
    }


def _in_order(products: Sequence[KeptProduct]) -> tuple[KeptProduct, ...]:
    """Component by component as they were kept, the oldest product of each first."""
    components = list(dict.fromkeys(one.component for one in products))
    return tuple(sorted(products, key=lambda one: (components.index(one.component), version_rank(one.version))))


def _is_newer(one: KeptProduct, other: KeptProduct) -> bool:
    """True for two products of one component of which the first would keep the second from being installed."""
    return one.component == other.component and version_rank(one.version) > version_rank(other.version)


def _plain(name: str) -> str:
    """A package's name as a script can say it: what the script's language reads otherwise is an underscore."""
    return re.sub(r"[^A-Za-z0-9 ._()+-]", "_", name)


def _keep_product(pc: Pc, component: Component, product: InstalledProduct, folder: Path) -> KeptProduct:
    """The cached package goes when the product is uninstalled, so it is copied before; without a whole one there is no way back.

    What lies beside the package it came from does not help: Windows Installer would look for it beside the copy, and it is not taken along,
    because the folder it lies in (a temporary one, as a rule) may be anybody's.
    """
    from atsam_safe.packages.errors import PackageError  # noqa: PLC0415 - only changes capture
    from atsam_safe.packages.windows_source import needed_beside  # noqa: PLC0415 - as said

    cached = pc.native.product(product.code, "LocalPackage") or product.local_package
    name = f"package-{normal(product.code)}.msi"
    if cached is None:
        raise _failed("windows.no-cached-package", product=product.name)
    try:
        shutil.copyfile(cached, folder / name)
        digest = digest_of(folder / name)
        beside = needed_beside(folder / name)
    except FileNotFoundError as error:
        raise _failed("windows.no-cached-package", product=product.name) from error
    except PackageError as error:
        raise _unread(product.name, cached, error.params["reason"], error.ref) from error
    except OSError as error:
        why = problem_of(error, cached)
        if why.ref == "volume.no-space":
            raise failure(error, str(folder / name)) from error  # ours, not Windows's: there is no room for the copy
        raise _unread(product.name, cached, why.ref, why.ref) from error
    if beside:
        raise _failed("windows.cached-package-not-whole", product=product.name, files=", ".join(beside))
    return KeptProduct(
        code=normal(product.code),
        name=product.name,
        version=product.version,
        component=component.id,
        package=name,
        original=package_name(product.package_name or f"{product.name}.msi"),
        sha256=digest,
    )


def _unread(product: str, path: str, reason: str, fault: str) -> WorkstationError:
    """It is there, so Windows has not lost it; what our reader could not do, it says."""
    params = {"product": product, "reason": reason}
    problem = Problem(ref="windows.no-cached-package", params=params, evidence={**params, "path": path, "fault": fault})
    return WorkstationError(msgspec.structs.replace(problem, told="windows.no-cached-package.unreadable"))


def _keys_of(catalogue: Catalogue) -> list[tuple[RegistryRule, View]]:
    found: list[tuple[RegistryRule, View]] = []
    for component in catalogue.core:
        for rule in component.windows.registry if component.windows is not None else ():
            common = rule.role in _COMMON_ROLES or rule.key.casefold().endswith(_COMMON_ENDINGS)
            if rule.hive == "HKLM" and not common:
                found += [(rule, view) for view in _VIEWS if rule.view in {view, "both"}]
    return found


def _keep_key(pc: Pc, rule: RegistryRule, view: View, folder: Path, number: int) -> KeptKey:
    ours = rule.on_uninstall == "remove"
    if pc.native.values("HKLM", rule.key, view) is None:
        return KeptKey(key=rule.key, view=view, file=None, ours=ours)
    name = f"key-{number}.reg"
    outcome = _reg(pc, "export", f"HKLM\\{rule.key}", str(folder / name), "/y", f"/reg:{view}")
    if outcome != 0 or not (folder / name).is_file():
        raise _failed("windows.key-not-kept", key=rule.key)
    return KeptKey(key=rule.key, view=view, file=name, ours=ours, digest=content_of(pc.native, rule.key, view))


def content_of(native: Native, key: str, view: View) -> str | None:
    """SHA-256 of everything a key holds, keys below included; ``None`` when it is not there or holds too much to say."""
    hasher = hashlib.sha256()
    waiting = [key]
    for _ in range(_MOST_KEYS):
        if not waiting:
            return hasher.hexdigest()
        place = waiting.pop()
        values = native.values("HKLM", place, view)
        if values is None:
            return None
        hasher.update(repr((place[len(key) :].casefold(), sorted(values.items()))).encode("utf-8", "backslashreplace"))
        waiting += sorted(f"{place}\\{name}" for name in native.subkeys("HKLM", place, view))
    return None


def _reg(pc: Pc, *arguments: str) -> int | None:
    return pc.runner.run((pc.program("reg.exe"), *arguments), limit=_REG_LIMIT).status


def _programs(catalogue: Catalogue, facts: Facts) -> tuple[str, ...]:
    found: list[str] = []
    for component in catalogue.core:
        for rule in component.windows.processes if component.windows is not None else ():
            path = expand(f"{rule.folder}\\{rule.name}", facts.folders) if rule.folder is not None and rule.action == "stop" else None
            if path is not None:
                found.append(path)
    return tuple(found)


# --- the way back ------------------------------------------------------------------------------------------------------------------


def read_kept(folder: Path) -> Kept:
    """What was kept. Raises ``WorkstationError`` (``snapshot.system-state-damaged``)."""
    place = folder / KEPT
    try:
        with place.open("rb") as stream:
            return msgspec.json.decode(stream.read(_LIMIT), type=Kept)
    except (OSError, msgspec.MsgspecError) as error:
        raise _failed("snapshot.system-state-damaged", path=str(place)) from error


def prepare_back(pc: Pc, folder: Path) -> None:
    """Put the products back as they were: others of the components removed, missing ones installed from their kept packages.

    One that Windows Installer refuses keeps none of the others away: everything is tried, then what failed is raised.
    """
    state = folder.parent.parent.parent
    # a library that a program of somebody else has loaded must not keep the right one from coming back
    pc.restart_needed = ASIDE.allow(state) or pc.restart_needed
    kept = read_kept(folder)
    stop_programs(pc, kept.programs)
    wanted = {product.code for product in kept.products}
    failed: list[Problem] = []
    for code, name in _present(pc, kept):
        if code not in wanted:
            failed += _tried(partial(uninstall_product, pc, code, name, state))
    products = _in_order(kept.products)
    for product in products:
        newer = [one for one in reversed(products) if _is_newer(one, product)]
        failed += _tried(partial(_product_back, pc, product, newer, folder))
    if failed:
        raise WorkstationError(*failed)


def _tried(action: Callable[[], object]) -> tuple[Problem, ...]:
    try:
        action()
    except WorkstationError as error:
        return error.problems
    return ()


def _product_back(pc: Pc, product: KeptProduct, newer: Iterable[KeptProduct], folder: Path) -> None:
    """Install what was kept. Where Windows Installer refuses it because of ``newer`` ones, they go first: their turn comes after it."""
    state = folder.parent.parent.parent
    found = pc.native.product(product.code, "VersionString")
    if found == product.version and found is not None:
        return
    if found is not None:
        uninstall_product(pc, product.code, product.name, state)
    package = folder / (product.package or "")
    place = settle(package, state, product.original or package.name, product.sha256 or "")
    wanted = (product.code, product.name, product.version or "")
    try:
        install_package(pc, place, wanted, state)
    except WorkstationError as refusal:
        there = [one for one in newer if pc.native.product(one.code, "VersionString") is not None]
        if not there or refusal.problems[0].ref != "windows.installation-failed":
            raise
        for one in there:
            uninstall_product(pc, one.code, one.name, state)
        install_package(pc, place, wanted, state)


def _present(pc: Pc, kept: Kept) -> list[tuple[str, str]]:
    """Products of the components that are there now: those known before, and those this run may have put there."""
    codes = pc.native.products()
    if codes is None:
        raise _failed("windows.cannot-be-asked", what="Windows Installer")
    ours = {product.code for product in kept.products} | pc.known_codes()
    found: list[tuple[str, str]] = []
    for code in (normal(one) for one in codes):
        name = pc.native.product(code, "InstalledProductName") or code
        if code in ours or pc.is_component_name(name):
            found.append((code, name))
    return found


def bring_back(pc: Pc, folder: Path) -> None:
    """Keys and services as they were, then the proof: the same products in the same versions."""
    for path in ASIDE.end():
        pc.restart_needed = True
        pc.notes.append(Problem(ref="windows.file-was-loaded", params={"path": path}, evidence={"path": path}))
    kept = read_kept(folder)
    _miss(pc, kept.running)
    for entry in kept.keys:
        _bring_back_key(pc, entry, folder)
    for service in kept.services:
        _bring_back_service(pc, service)
    before = {(product.code, product.version) for product in kept.products}
    after = {(code, pc.native.product(code, "VersionString")) for code, _name in _present(pc, kept)}
    if before != after:
        names = {product.code: product.name for product in kept.products}
        differing = sorted({names.get(code, code) for code, _version in before ^ after})
        raise _failed("windows.products-differ", products=", ".join(differing))
    keep_from_undoing(pc.native, folder, kept.at_restart, pc.folders["SystemDrive"])


def _miss(pc: Pc, programs: tuple[str, ...]) -> None:
    """Say which programs ran before and do not now. They are not started with an administrator's rights, for another account."""
    running = pc.native.processes()
    there = {windows_paths.key(process.path) for process in running or ()}
    for path in programs if running is not None else ():
        if windows_paths.key(path) not in there:
            pc.restart_needed = True
            params = {"program": windows_paths.name(path)}
            pc.notes.append(Problem(ref="windows.program-not-running", params=params, evidence={**params, "path": path}))


def _bring_back_key(pc: Pc, entry: KeptKey, folder: Path) -> None:
    present = pc.native.values("HKLM", entry.key, entry.view) is not None
    if present and entry.digest is not None and content_of(pc.native, entry.key, entry.view) == entry.digest:
        return
    if entry.file is None:
        # it was not there: only a key that is wholly the component's is removed again
        if present and entry.ours:
            _reg(pc, "delete", f"HKLM\\{entry.key}", "/f", f"/reg:{entry.view}")
        return
    if present:
        _reg(pc, "delete", f"HKLM\\{entry.key}", "/f", f"/reg:{entry.view}")
    if _reg(pc, "import", str(folder / entry.file), f"/reg:{entry.view}") != 0:
        raise _failed("windows.key-not-restored", key=entry.key)
    if pc.native.values("HKLM", entry.key, entry.view) is None:
        raise _failed("windows.key-not-restored", key=entry.key)


def _bring_back_service(pc: Pc, kept: KeptService) -> None:
    status = pc.native.service(kept.name)
    if status is None:
        raise _failed("windows.service-gone", service=kept.name)
    if kept.start is not None and status.start != kept.start and not pc.native.set_service_start(kept.name, kept.start):
        raise _failed("windows.service-not-restored", service=kept.name)
    # One that runs now and did not is left alone: Windows starts the smart-card service by itself when a card comes in, and stopping it
    # would cut off every other program that talks to a card.
    if kept.running and not status.running:
        start_service(pc, kept.name)


def _failed(ref: str, **params: str) -> WorkstationError:
    return WorkstationError(Problem(ref=ref, params=params, evidence=dict(params)))
