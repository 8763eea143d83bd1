"""Observation of an offline macOS volume: the world → ``Facts``.

Only paths that the catalogue or a component's receipt names are looked at. Nothing is walked but, before a change, the folders that go
with a component as a whole. What cannot be known from a volume (processes, running jobs, a pending restart) stays ``None``.
"""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING, Final

import msgspec

from atsam_safe.facts.ini import parse_ini
from atsam_safe.facts.model import BinaryImage, ConfigFact, Facts, ForeignClaim, PathFact, Receipt, Space, SystemState
from atsam_safe.volume import primitives
from atsam_safe.workstation.homes import find_homes
from atsam_safe.workstation.lens import Lens
from atsam_safe.workstation.operating_system import read_operating_system
from atsam_safe.workstation.plists import clean_text, read_dictionary, text_of
from atsam_safe.workstation.receipts import read_receipts, receipt_filter
from atsam_safe.workstation.services import read_services
from atsam_safe.workstation.unreadable import UnreadableError
from atsam_safe.workstation.wanted import Wanted, config_patterns, private_patterns, wanted_paths

if TYPE_CHECKING:
    from collections.abc import Iterable

    from atsam_safe.catalogue.model import Catalogue
    from atsam_safe.guard.overwriting import PayloadPaths
    from atsam_safe.volume.volume import Volume

# Genuine files: the largest binary of the components has 5 MB, the largest configuration 20 kB.
MAX_HASHED_BYTES: Final = 64 << 20
MAX_CONFIG_BYTES: Final = 1 << 20
MAX_INFO_PLIST_BYTES: Final = 1 << 20
_BUNDLE_KEYS: Final = ("CFBundleIdentifier", "CFBundleShortVersionString", "CFBundleVersion")


def observe_volume(
    volume: Volume, catalogue: Catalogue, *, ownership: bool, payload: PayloadPaths | None = None, asked: set[str] | None = None
) -> Facts:
    """Look at the volume once. ``ownership`` adds the claims of foreign receipts and the checksums of the components' files.

    ``payload``: what packages would write: whatever lies there already, and whose it is, belongs to the facts. What is to be seen again is
    looked at as the files of a receipt are, its content included.
    ``asked`` receives every path that was looked at (a rehearsal copies exactly those).
    """
    with Lens(volume, asked) as lens:
        operating_system = read_operating_system(lens)
        homes = find_homes(lens)
        lens.forbid(private_patterns(catalogue), homes, except_for=config_patterns(catalogue))
        known = receipt_filter(catalogue)
        receipts = read_receipts(lens, known)
        wanted = wanted_paths(lens, catalogue, homes)
        for receipt in receipts:
            for entry in receipt.entries or ():
                wanted.add(entry.path)
        again = payload.again if payload is not None else frozenset()
        for path in payload.paths | again if payload is not None else ():
            wanted.add(path)
        for path in payload.paths if payload is not None else ():
            other = lens.other_spelling(path)
            if other is not None:
                wanted.add(other)
        summed = _files_of(receipts) | again if ownership else frozenset()
        paths = _read_paths(lens, wanted, summed)
        configs = tuple(config for path, form in sorted(wanted.configs.items()) if (config := _read_config(lens, path, form)) is not None)
        services = read_services(lens, catalogue, homes)
        claims: tuple[ForeignClaim, ...] = ()
        unread: tuple[Receipt, ...] | None = None
        unclaimed: tuple[str, ...] = ()
        if ownership:
            from atsam_safe.workstation.ownership import foreign_claims  # noqa: PLC0415 - needed before a change only
            from atsam_safe.workstation.unclaimed import unclaimed_files  # noqa: PLC0415 - as above

            unclaimed = unclaimed_files(lens, catalogue, homes, wanted.readings)
            claims, unread = foreign_claims(lens, catalogue, known, homes, receipts, payload)
        free, total, mounted_writable, permitted = lens.space()
        return Facts(
            adapter="offline",
            os=operating_system,
            homes=homes,
            receipts=receipts,
            paths=paths,
            configs=configs,
            services=services,
            foreign_claims=claims,
            unclaimed=unclaimed,
            foreign_unread=unread,
            space=Space(free=free, total=total, writable=mounted_writable),
            system=SystemState(elevated=_elevated(paths, permitted=permitted), gives_owners=primitives.effective_user() == 0)
            if ownership
            else SystemState(),
            notes=lens.notes,
        )


def _elevated(paths: Iterable[PathFact], *, permitted: bool) -> bool | None:
    """False when this user could not put everything back as it was: only an administrator gives a file to somebody else.

    ``None`` when the question does not arise: an administrator, or a scratch volume that is wholly one's own.
    """
    user = primitives.effective_user()
    if user == 0:
        return None
    groups = {os.getegid(), *os.getgroups()} if hasattr(os, "getgroups") else set()
    foreign = any(fact.uid != user or (groups and fact.gid not in groups) for fact in paths)
    return False if foreign or not permitted else None


def _files_of(receipts: Iterable[Receipt]) -> frozenset[str]:
    return frozenset(entry.path for receipt in receipts for entry in receipt.entries or () if entry.kind == "file")


def _read_paths(lens: Lens, wanted: Wanted, summed: frozenset[str]) -> tuple[PathFact, ...]:
    facts = []
    for path in sorted(wanted.readings):
        fact = _read_path(lens, path, wanted, checksum=path in summed)
        if fact is not None:
            facts.append(fact)
    # no receipt and no rule names them; without them what lies behind would be called missing
    links = [link for link in lens.links_in_the_way() if link not in wanted.readings]
    facts += [fact for link in links if (fact := _read_path(lens, link, wanted, checksum=False)) is not None]
    return tuple(sorted(facts, key=lambda fact: fact.path)) if links else tuple(facts)


def _read_path(lens: Lens, path: str, wanted: Wanted, *, checksum: bool) -> PathFact | None:
    entry = lens.entry(path)
    if entry is None:
        return None
    fact = PathFact(path=clean_text(path), kind=entry.kind, mode=entry.mode, uid=entry.uid, gid=entry.gid)
    if entry.kind == "symlink":
        return msgspec.structs.replace(fact, link=clean_text(entry.link or ""))
    if entry.kind != "file":
        return fact
    fact = msgspec.structs.replace(fact, size=entry.size)
    readings = wanted.readings[path]
    if not readings and not checksum:
        return fact
    try:
        return _read_content(lens, fact, path, wanted, checksum=checksum)
    except UnreadableError as error:
        return msgspec.structs.replace(fact, problem=str(error))


def _read_content(lens: Lens, fact: PathFact, path: str, wanted: Wanted, *, checksum: bool) -> PathFact:
    """Everything asked for is read from one descriptor. Raises ``UnreadableError``."""
    readings = wanted.readings[path]
    image: BinaryImage | None = None
    bundle: dict[str, str] | None = None
    if "image" in readings:
        image = lens.image(path)
    if "plist" in readings:
        values = read_dictionary(lens.read(path, MAX_INFO_PLIST_BYTES))
        keys = dict.fromkeys((*_BUNDLE_KEYS, *sorted(wanted.keys.get(path, ()))))
        bundle = {key: text for key in keys if (text := text_of(values, key)) is not None}
    sha256: str | None = None
    cksum: int | None = None
    if "hash" in readings or checksum:
        sha256, cksum = _digests(lens, path, hashed="hash" in readings, summed=checksum)
    return msgspec.structs.replace(fact, image=image, bundle=bundle, sha256=sha256, checksum=cksum)


def _digests(lens: Lens, path: str, *, hashed: bool, summed: bool) -> tuple[str | None, int | None]:
    """SHA-256 and POSIX cksum of one file, whichever is asked for, in one pass."""
    digest = hashlib.sha256()
    checksum = None
    if summed:
        from atsam_safe.packages.checksums import Cksum  # noqa: PLC0415 - needed before a change only

        checksum = Cksum()
    for piece in lens.chunks(path, MAX_HASHED_BYTES):
        if hashed:
            digest.update(piece)
        if checksum is not None:
            checksum.update(piece)
    return digest.hexdigest() if hashed else None, checksum.value() if checksum is not None else None


def _read_config(lens: Lens, path: str, form: str) -> ConfigFact | None:
    """One configuration file. Only ini files are taken apart; of any other the identity and the line ends are facts enough."""
    entry = lens.entry(path)
    if entry is None:
        return None
    if entry.kind != "file":
        return _unread_config(path, f"is a {entry.kind}")
    try:
        data = lens.read(path, MAX_CONFIG_BYTES)
    except UnreadableError as error:
        return _unread_config(path, str(error))
    reading = parse_ini(data)
    return ConfigFact(
        path=clean_text(path),
        sha256=hashlib.sha256(data).hexdigest(),
        size=len(data),
        line_ends=reading.line_ends,
        encoding=reading.encoding,
        sections=reading.sections if form == "ini" else {},
        problem=reading.problem if form == "ini" else None,
    )


def _unread_config(path: str, problem: str) -> ConfigFact:
    return ConfigFact(path=clean_text(path), sha256="", size=0, line_ends="none", encoding="ascii", problem=problem)
