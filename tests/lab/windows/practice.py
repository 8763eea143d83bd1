"""A Windows practice under Wine: the laboratory's packages, a known set installed, and the program run on it.

One Windows serves a whole test session (starting one takes seconds); each test gets it in the same state, told by what is really there.
"""

from __future__ import annotations

import dataclasses
import hashlib
import time
from typing import TYPE_CHECKING, Any, Final

import msgspec

from atsam_safe.catalogue.model import Trust
from lab.catalogue import write_test_manifests
from lab.stage import Answer
from lab.windows import installers
from lab.windows.signing import SigningAuthority

if TYPE_CHECKING:
    from pathlib import Path

    from lab.windows import wine
    from lab.windows.installers import Product

STATE: Final = "ProgramData/atsam-safe"
INI: Final = "windows/galss.ini"
GALSS_INI: Final = b"[CANAL1]\r\nNomLAD=lecteur \xe9t\xe9\r\n"
# What no file shows: products with their versions, the components' registry keys in both views, services.
BEYOND: Final = r"""
import ctypes, winreg
msi = ctypes.WinDLL("msi")

def detail(code, name):
    buffer, size = ctypes.create_unicode_buffer(1024), ctypes.c_uint(1024)
    return buffer.value if msi.MsiGetProductInfoW(code, name, buffer, ctypes.byref(size)) == 0 else None

def keys(place, view):
    try:
        opened = winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, place, 0, winreg.KEY_READ | view)
    except OSError:
        return None
    with opened:
        below, values, _ = winreg.QueryInfoKey(opened)
        found = {f"={name}": [str(value), kind] for name, value, kind in (winreg.EnumValue(opened, i) for i in range(values))}
        found.update({name: keys(f"{place}\\{name}", view) for name in [winreg.EnumKey(opened, i) for i in range(below)]})
        return found

codes, buffer = [], ctypes.create_unicode_buffer(40)
while msi.MsiEnumProductsW(len(codes), buffer) == 0:
    codes.append(buffer.value)
answer = {
    "products": {code.upper(): [detail(code, "InstalledProductName"), detail(code, "VersionString")] for code in sorted(codes)},
    "keys": {f"{place} {view}": keys(place, view) for place in given for view in (winreg.KEY_WOW64_64KEY, winreg.KEY_WOW64_32KEY)},
}
"""
KEYS: Final = (r"SOFTWARE\ASIP", r"SOFTWARE\GIE SESAM VITALE", r"SOFTWARE\CNAMTS")
# Brings the products to a known set. Full exit codes are only seen inside.
RESET: Final = r"""
import subprocess
for code in given["remove"]:
    assert subprocess.run(["msiexec", "/x", code, "/qn", "/norestart"]).returncode in (0, 3010), code
for package in given["install"]:
    assert subprocess.run(["msiexec", "/i", package, "/qn", "/norestart"]).returncode == 0, package
"""
CALLS: Final = 'import subprocess; answer = [subprocess.run(["msiexec", *one, "/qn", "/norestart"]).returncode for one in given]'


class Practice:
    """A Windows workstation with the laboratory's packages and catalogue."""

    def __init__(self, windows: wine.Windows, folder: Path) -> None:
        self.windows = windows
        self.folder = folder
        self.authority = SigningAuthority(folder)
        self.old = self.packages("old", installers.OLD_SET)
        self.manifests = write_test_manifests(folder / "manifests", Trust(anchors=(self.authority.anchor,)))

    def packages(self, name: str, products: tuple[Product, ...]) -> Path:
        """A folder of signed packages; built once for its name."""
        target = self.folder / name
        if target.exists():
            return target
        target.mkdir()
        for product in products:
            unsigned = installers.build(product, self.folder / "unsigned.msi")
            self.authority.sign(unsigned, target / _file_of(product), product.publisher)
        return target

    @property
    def new(self) -> Path:
        """The set that replaces the old one."""
        return self.packages("new", installers.NEW_SET)

    @property
    def drive(self) -> Path:
        """Its ``C:`` on this machine."""
        return self.windows.drive

    def reset(self) -> None:
        """The old set is installed, nothing else; no state of earlier runs."""
        state = self.drive / STATE
        if state.exists():
            state.rename(self.folder / f"state-{time.monotonic_ns()}")
        there: dict[str, list[str]] = self.beyond()["products"]
        wanted = {product.code: [product.name, product.version] for product in installers.OLD_SET}
        if there != wanted or not self._whole():
            packages = [self.windows.path(path) for path in sorted(self.old.iterdir())]
            self.windows.evaluate(RESET, {"remove": list(there), "install": packages})
        (self.drive / INI).write_bytes(GALSS_INI)

    def add(self, name: str, products: tuple[Product, ...]) -> list[int]:
        """Install further packages by hand, in this order; their exit codes."""
        folder = self.packages(name, products)
        found: list[int] = self.windows.evaluate(CALLS, [["/i", self.windows.path(folder / _file_of(product))] for product in products])
        return found

    def remove(self, product: Product) -> None:
        """Uninstall a product by hand."""
        assert self.windows.evaluate(CALLS, [["/x", product.code]]) == [0]

    def _whole(self) -> bool:
        """Every file of the old set lies where its package put it, as it was."""
        folders = {"ProgramFiles64Folder": "Program Files", "ProgramFilesFolder": "Program Files (x86)"}
        folders |= {"System64Folder": "windows/system32", "WindowsFolder": "windows"}
        placed = [(product, one) for product in installers.OLD_SET for one in product.files]
        paths = [self.drive.joinpath(folders[one.folder], *one.below, one.name) for _product, one in placed]
        contents = [one.content or f"{product.name} {one.name}".encode() for product, one in placed]
        return all(path.is_file() and path.read_bytes() == content for path, content in zip(paths, contents, strict=True))

    def beyond(self) -> dict[str, Any]:
        """Products, keys: what no file shows."""
        found: dict[str, Any] = self.windows.evaluate(BEYOND, list(KEYS))
        return found

    def arguments(self, *arguments: str) -> tuple[str, ...]:
        """A command line with this practice's catalogue."""
        return ("--manifests", self.windows.path(self.manifests), *arguments)

    def run(self, *arguments: str) -> Answer:
        """The program's command line inside."""
        return Answer(**self.windows.ask(run=list(self.arguments(*arguments))))

    def ask(self, *arguments: str, status: int = 0) -> dict[str, Any]:
        """The same, which must end with ``status``; its one JSON object."""
        answer = self.run("--json", "--yes", *arguments)
        assert answer.code == status, answer.out + answer.err
        return answer.json

    def versions(self) -> dict[str, str]:
        """The core components as ``status`` sees them."""
        data = msgspec.json.decode(self.run("--json", "status").out)["data"]
        return {one["component"]: f"{one['version']} {one['state']}" for one in data["components"] if one["core"]}

    def files(self) -> dict[str, Any]:
        """Every file a component could touch, outside the program's own folder, with content and time; folders by name."""
        found: dict[str, Any] = {}
        roots = ("Program Files/santesocial", "Program Files (x86)/santesocial", "ProgramData")
        paths = [path for root in roots for path in (self.drive / root).rglob("*")]
        paths += [path for folder in ("windows", "windows/system32", "windows/syswow64") for path in (self.drive / folder).glob("[cg]*")]
        for path in paths:
            inside = path.relative_to(self.drive).as_posix()
            if inside.startswith(STATE):
                continue
            if path.is_dir():
                found[inside] = "folder"
            else:
                found[inside] = (int(path.stat().st_mtime), hashlib.sha256(path.read_bytes()).hexdigest())
        return found


def _file_of(product: Product) -> str:
    return f"{product.family}-{product.version}.msi"


def changed(product: Product, **fields: Any) -> Product:  # noqa: ANN401 - fields of a product
    """The same product with other fields."""
    return dataclasses.replace(product, **fields)
