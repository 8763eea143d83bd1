"""Builder of flat packages: component packages and product archives in every form the field knows."""

from __future__ import annotations

import dataclasses
import gzip
from typing import TYPE_CHECKING, Final
from xml.sax.saxutils import escape, quoteattr

from lab.bill import bill_of_materials
from lab.cpio import Compression, CpioFormat, compress, cpio_archive
from lab.items import Item, with_parents
from lab.xar import TocSigner, XarFile, XarFolder, XarOptions, xar_archive

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

INSTALLATION_CHECK: Final = (
    '    <volume-check script="InstallationCheck()"/>\n'
    "    <script>function InstallationCheck() { return system.compareVersions('1', '2') &lt; 0; }</script>\n"
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Component:
    """One component package.

    ``payload_bytes`` and ``bom_bytes`` replace what would be written (sabotage); ``bom_bytes=b""`` leaves the bill out.
    ``choice``: raw attributes of its choice in a product; ``attached=False`` leaves it out of every choice, ``announced=False`` out of all.
    ``declared_items``: what the bill of materials lists when that shall differ from the payload.
    """

    identifier: str
    version: str
    items: tuple[Item, ...] = ()
    scripts: Mapping[str, str] = dataclasses.field(default_factory=dict)
    directory: str = ""
    install_location: str = "/"
    compression: Compression = "gzip"
    cpio: CpioFormat = "odc"
    level: int = 6
    payload_bytes: bytes | None = None
    bom_bytes: bytes | None = None
    declared_items: tuple[Item, ...] | None = None
    bundles: tuple[tuple[str, str, str], ...] = ()
    has_payload: bool = True
    choice: str = ""
    attached: bool = True
    announced: bool = True
    minimum_os: str = ""

    @property
    def folder(self) -> str:
        """Name of the component's folder in a product archive."""
        return self.directory or (self.identifier if self.identifier.endswith(".pkg") else f"{self.identifier}.pkg")

    @property
    def kilobytes(self) -> int:
        """Installed size as PackageInfo states it."""
        return (sum(len(item.data) for item in self.items) + 1023) // 1024


def package_info(component: Component) -> bytes:
    """The PackageInfo document of a component."""
    count = len(with_parents(component.items))
    attributes = (
        f'overwrite-permissions="true" relocatable="false" identifier={quoteattr(component.identifier)} postinstall-action="none" '
        f'version={quoteattr(component.version)} format-version="2" generator-version="InstallCmds-681" '
        f'install-location={quoteattr(component.install_location)} auth="root"'
    )
    attributes += f" minimumSystemVersion={quoteattr(component.minimum_os)}" if component.minimum_os else ""
    bundles = "".join(
        f"    <bundle path={quoteattr(path)} id={quoteattr(identifier)} CFBundleShortVersionString={quoteattr(version)}/>\n"
        for path, identifier, version in component.bundles
    )
    scripts = "".join(f'        <{name} file="./{name}"/>\n' for name in ("preinstall", "postinstall") if name in component.scripts)
    payload = f'    <payload numberOfFiles="{count}" installKBytes="{component.kilobytes}"/>\n' if component.has_payload else ""
    return (
        f'<?xml version="1.0" encoding="utf-8"?>\n<pkg-info {attributes}>\n{payload}{bundles}'
        f"    <bundle-version/>\n    <relocate/>\n    <scripts>\n{scripts}    </scripts>\n</pkg-info>\n"
    ).encode()


def component_files(component: Component) -> tuple[XarFile, ...]:
    """Bom, Payload, Scripts and PackageInfo of a component."""
    files = []
    if component.has_payload:
        items = with_parents(component.items)
        declared = items if component.declared_items is None else with_parents(component.declared_items)
        bom = bill_of_materials(declared) if component.bom_bytes is None else component.bom_bytes
        payload = component.payload_bytes
        if payload is None:
            payload = compress(cpio_archive(items, component.cpio), component.compression, component.level)
        if bom:
            files.append(XarFile(name="Bom", data=bom, compress=True))
        files.append(XarFile(name="Payload", data=payload))
    if component.scripts:
        scripts = with_parents([Item(path=name, data=text.encode(), mode=0o755) for name, text in component.scripts.items()])
        files.append(XarFile(name="Scripts", data=gzip.compress(cpio_archive(scripts), mtime=0)))
    files.append(XarFile(name="PackageInfo", data=package_info(component), compress=True))
    return tuple(files)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Product:
    """A product archive. ``checks`` is raw XML put into the Distribution (``INSTALLATION_CHECK``)."""

    title: str
    components: tuple[Component, ...]
    host_architectures: str = "x86_64"
    root_volume_only: bool = True
    minimum_os: str | None = None
    checks: str = ""
    resources: Mapping[str, bytes] = dataclasses.field(default_factory=dict)
    conclusion: str = "none"


def distribution(product: Product) -> bytes:
    """The Distribution document."""
    announced = [component for component in product.components if component.announced]
    lines = "".join(f"        <line choice={quoteattr(component.identifier)}/>\n" for component in announced)
    choices = "".join(
        f'    <choice id={quoteattr(component.identifier)} visible="false" {component.choice}>\n'
        f"{f'        <pkg-ref id={quoteattr(component.identifier)}/>' if component.attached else ''}\n    </choice>\n"
        f"    <pkg-ref id={quoteattr(component.identifier)} version={quoteattr(component.version)} "
        f"onConclusion={quoteattr(product.conclusion)} "
        f'installKBytes="{component.kilobytes}">#{escape(component.folder)}</pkg-ref>\n'
        for component in announced
    )
    allowed = (
        "    <volume-check>\n        <allowed-os-versions>\n"
        f"            <os-version min={quoteattr(product.minimum_os)}/>\n        </allowed-os-versions>\n    </volume-check>\n"
        if product.minimum_os
        else ""
    )
    volume = "true" if product.root_volume_only else "false"
    return (
        '<?xml version="1.0" encoding="utf-8"?>\n<installer-gui-script minSpecVersion="1">\n'
        f"    <title>{escape(product.title)}</title>\n"
        f'    <options customize="never" require-scripts="false" rootVolumeOnly="{volume}" '
        f"hostArchitectures={quoteattr(product.host_architectures)}/>\n"
        f"{allowed}{product.checks}    <choices-outline>\n{lines}    </choices-outline>\n{choices}</installer-gui-script>\n"
    ).encode()


def component_package(component: Component, signer: TocSigner | None = None, options: XarOptions | None = None) -> bytes:
    """A bare component package."""
    return xar_archive(component_files(component), signer, options)


def product_package(product: Product, signer: TocSigner | None = None, options: XarOptions | None = None) -> bytes:
    """A product archive."""
    members: list[XarFile | XarFolder] = [
        XarFolder(name=component.folder, children=component_files(component)) for component in product.components
    ]
    members.insert(0, XarFile(name="Distribution", data=distribution(product), compress=True))
    if product.resources:
        resources = tuple(XarFile(name=name, data=data, compress=True) for name, data in product.resources.items())
        members.append(XarFolder(name="Resources", children=resources))
    return xar_archive(members, signer, options)


def flipped(data: bytes, position: int, bit: int = 0) -> bytes:
    """``data`` with one bit turned over."""
    changed = bytearray(data)
    changed[position] ^= 1 << bit
    return bytes(changed)


def rewritten(data: bytes, sequence: Sequence[tuple[int, bytes]]) -> bytes:
    """``data`` with bytes replaced at positions."""
    changed = bytearray(data)
    for position, content in sequence:
        changed[position : position + len(content)] = content
    return bytes(changed)
