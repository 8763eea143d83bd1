"""What a Windows Installer package says of itself: product, files, conditions, and the signature over it. Nothing is run."""

from __future__ import annotations

import contextlib
import hashlib
import re
from typing import TYPE_CHECKING, Final

import msgspec

from atsam_safe.packages import windows_trust
from atsam_safe.packages.errors import PackageError, damaged, printable, too_large
from atsam_safe.packages.launch_condition import ConditionError, names_in, parse
from atsam_safe.packages.model import (
    ComponentPackage,
    GivenProperty,
    InstallerFact,
    LaunchCondition,
    PayloadSummary,
    ProductFact,
    ReasonFact,
    ScriptFact,
    SignatureFact,
)
from atsam_safe.packages.msi import MsiDatabase
from atsam_safe.packages.windows_source import is_compressed, names_beside, number

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterable

    from atsam_safe.catalogue.model import Trust
    from atsam_safe.packages.limits import Limits
    from atsam_safe.packages.reading import PinnedFile

_CODE: Final = re.compile(r"\{[0-9A-F]{8}-[0-9A-F]{4}-[0-9A-F]{4}-[0-9A-F]{4}-[0-9A-F]{12}\}\Z", re.IGNORECASE)
_PLATFORMS: Final = {"intel": "i386", "": "i386", "x64": "x86_64", "amd64": "x86_64", "arm64": "arm64"}
_TEMPLATE, _PACKAGE_CODE = 7, 9
# custom actions that carry code or start a program: kinds 1, 2, 5, 6 of the low bits, from whatever source
_CODE_KINDS: Final = frozenset({1, 2, 5, 6})
_KIND_MASK: Final = 0x07
# an action that only gives a property a value
_SETS_PROPERTY, _SOURCE_MASK = 51, 0x3F
_MOST_NAMED: Final = 2_000
_RESTARTS: Final = ("ForceReboot", "ScheduleReboot")


class InstallerReading(msgspec.Struct, frozen=True, kw_only=True):
    """What was read of one .msi. ``faults`` make it refused; ``warnings`` are codes with a detail after a colon."""

    product: ProductFact | None = None
    component: ComponentPackage | None = None
    installer: InstallerFact | None = None
    signature: SignatureFact
    faults: tuple[ReasonFact, ...] = ()
    warnings: tuple[str, ...] = ()


def read_installer(file: PinnedFile, trust: Trust, now: dt.datetime, limits: Limits) -> InstallerReading:
    """Read the package behind ``file``. Bad content never raises: ``faults`` tell."""
    try:
        with MsiDatabase(file, limits) as database:
            signed, extended = database.signed, database.extended_signature
            installer = _installer(database)
            component = _component(database, installer)
            most = limits.unpacked(file.size)
            if not installer.beside and component.payload is not None and component.payload.bytes > most:
                # Its archives are Windows' to unpack: only what it announces is ours to bound.
                raise too_large("File", most)
            warnings = _warnings(database, installer, extended=extended)
    except PackageError as error:
        return InstallerReading(signature=SignatureFact(verdict="refused"), faults=(error.reason,))
    architectures = (installer.architecture,) if installer.architecture else ()
    conditions = tuple(condition.condition for condition in installer.conditions)
    product = ProductFact(title=installer.name, host_architectures=architectures, unknown_checks=conditions)
    signature = SignatureFact(verdict="unsigned", reasons=(ReasonFact(ref="package.unsigned"),))
    if signed:
        from atsam_safe.packages.authenticode import check_authenticode  # noqa: PLC0415 - only signed packages pay it

        signature = check_authenticode(file, trust, now=now)
        if not any(anchor.role == "authenticode-root" for anchor in trust.anchors):
            # authorities a catalogue pins are not Windows'
            signature, doubts = windows_trust.weigh(signature, windows_trust.ask(file))
            warnings += doubts
    return InstallerReading(product=product, component=component, installer=installer, signature=signature, warnings=warnings)


def _installer(database: MsiDatabase) -> InstallerFact:
    properties = database.properties()
    summary = database.summary()
    code, version = properties.get("ProductCode", ""), properties.get("ProductVersion", "")
    if not _CODE.match(code) or not version:
        raise damaged("Property", "no-product-code" if version else "no-version")
    platform = str(summary.get(_TEMPLATE, "")).split(";", 1)[0].split(",", 1)[0].strip().casefold()
    conditions = [
        LaunchCondition(condition=printable(row.get("Condition") or ""), message=printable(row.get("Description") or ""))
        for row in database.table("LaunchCondition")[:_MOST_NAMED]
    ]
    asked = _asked(condition.condition for condition in conditions)
    return InstallerFact(
        product_code=code.upper(),
        upgrade_code=_code_or_none(properties.get("UpgradeCode")),
        package_code=_code_or_none(str(summary.get(_PACKAGE_CODE, ""))),
        name=printable(properties.get("ProductName", "")),
        version=printable(version),
        publisher=printable(properties.get("Manufacturer", "")),
        language=printable(properties.get("ProductLanguage", "")),
        architecture=_PLATFORMS.get(platform),  # type: ignore[arg-type]  # the values are architectures
        per_machine=properties.get("ALLUSERS", "") in {"1", "2"},
        conditions=tuple(conditions),
        properties=tuple(GivenProperty(name=name, value=printable(properties[name])) for name in asked if name in properties),
        undecided=tuple(sorted(_undecided(database) & {*asked, "*"})),
        beside=names_beside(database),
    )


def _asked(conditions: Iterable[str]) -> tuple[str, ...]:
    """The properties that conditions ask for; what is no condition asks for none."""
    found: set[str] = set()
    for text in conditions:
        with contextlib.suppress(ConditionError):
            found |= names_in(parse(text))
    return tuple(sorted(found))


def _undecided(database: MsiDatabase) -> set[str]:
    """Properties that are set while the package runs: by a search, by a look for other products, by its own actions.

    An action that carries code and runs before the conditions are asked may set any: ``*``.
    """
    found = {str(row.get("Property")) for table in ("AppSearch", "CCPSearch") for row in database.table(table)}
    found |= {str(row.get("ActionProperty")) for row in database.table("Upgrade")}
    order = {str(row.get("Action")): number(row.get("Sequence")) for row in database.table("InstallExecuteSequence")}
    asked_at = order.get("LaunchConditions", 0)
    for row in database.table("CustomAction"):
        kind = number(row.get("Type"))
        if kind & _SOURCE_MASK == _SETS_PROPERTY:
            found.add(str(row.get("Source")))
        elif kind & _KIND_MASK in _CODE_KINDS and 0 < order.get(str(row.get("Action")), 0) < asked_at:
            found.add("*")
    return found


def _code_or_none(text: str | None) -> str | None:
    found = text is not None and _CODE.match(text.strip()) is not None
    return text.strip().upper() if found and text is not None else None


def _component(database: MsiDatabase, installer: InstallerFact) -> ComponentPackage:
    sizes = [number(row.get("FileSize")) for row in database.table("File")]
    return ComponentPackage(
        identifier=installer.product_code,
        version=installer.version,
        install_location="",
        payload=PayloadSummary(files=len(sizes), bytes=sum(sizes), compression="cabinet" if is_compressed(database) else "none"),
        scripts=tuple(_scripts(database)),
        restart_action=_restart(database),
    )


def _scripts(database: MsiDatabase) -> list[ScriptFact]:
    """Custom actions that run code: named, and told apart by a digest of what they say (their code lies in another stream)."""
    found: list[ScriptFact] = []
    for row in database.table("CustomAction")[:_MOST_NAMED]:
        if number(row.get("Type")) & _KIND_MASK in _CODE_KINDS:
            said = "\0".join(str(row.get(column) or "") for column in ("Action", "Type", "Source", "Target"))
            found.append(ScriptFact(name=printable(row.get("Action")), sha256=hashlib.sha256(said.encode()).hexdigest()))
    return found


def _restart(database: MsiDatabase) -> str:
    """``require`` when the package always asks for a restart, whatever it met."""
    rows = database.table("InstallExecuteSequence")
    asked = any(row.get("Action") in _RESTARTS and not row.get("Condition") and number(row.get("Sequence")) for row in rows)
    return "require" if asked else "none"


def _warnings(database: MsiDatabase, installer: InstallerFact, *, extended: bool) -> tuple[str, ...]:
    found = [f"external-cabinet:{name}" for name in installer.beside]
    if database.signed and not extended:
        found.append("signature-without-stream-names")
    if not installer.per_machine:
        found.append("not-for-all-users")
    return tuple(found)
