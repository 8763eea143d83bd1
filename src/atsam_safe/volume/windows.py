r"""The primitives of ``volume.primitives`` on Windows, which has no directory descriptors. Loaded on Windows only.

Same promises by other means:

- a folder "descriptor" is a number above every real one, standing for an open handle and the folder's path. The handle is opened without
  sharing deletion: while it is held Windows lets nobody rename or remove the folder, so the path stays the folder that was checked;
- every folder and file is opened *as itself* (``FILE_FLAG_OPEN_REPARSE_POINT``); a link, junction or other reparse point is ``ELOOP``;
- files are opened sharing deletion, so that an open file can be renamed, as the callers know it from elsewhere;
- what Windows keeps instead of a mode (the access list, the attributes read-only, hidden, system) is carried as two extended attributes.
"""

from __future__ import annotations

import contextlib
import ctypes
import msvcrt
import os
import stat
import sys
from ctypes import wintypes
from typing import Final

import tenacity

assert sys.platform == "win32"  # noqa: S101 - tells the type checker which system this module is for

from atsam_safe.volume import windows_aside, windows_handles, windows_security  # noqa: E402 - what follows exists on that system alone
from atsam_safe.volume.windows_handles import (  # noqa: E402 - as above
    ACCESS_NAME,
    AS_ITSELF,
    ATTRIBUTE_DIRECTORY,
    ATTRIBUTE_READONLY,
    ATTRIBUTE_REPARSE,
    ATTRIBUTES_NAME,
    BACKUP_SEMANTICS,
    CREATE_NEW,
    DELETE_PENDING_CODES,
    FIRST_FOLDER,
    FOLDERS,
    GENERIC_READ,
    GENERIC_WRITE,
    KEPT_ATTRIBUTES,
    LIST_FOLDER,
    OPEN_ALWAYS,
    OPEN_EXISTING,
    READ_ATTRIBUTES,
    READ_ONLY_VOLUME,
    REPLACE_EXISTING,
    SHARE_ALL,
    SHARE_NO_DELETION,
    UNFLUSHED,
    WRITE_THROUGH,
    Status,
    attributes_of,
    kernel32,
    last_error,
    long_path,
    open_handle,
    path_below,
    patiently,
    refuse_folder,
    refuse_link,
    require_folder,
)

# --- looking -----------------------------------------------------------------------------------------------------------------------


def _open_folder(path: str, *, follow: bool) -> int:
    flags = BACKUP_SEMANTICS if follow else BACKUP_SEMANTICS | AS_ITSELF
    handle = open_handle(path, LIST_FOLDER | READ_ATTRIBUTES, SHARE_NO_DELETION, OPEN_EXISTING, flags)
    try:
        # the path is held open above, this asks about the same
        seen = os.lstat(path) if not follow else os.stat(path)  # noqa: PTH116 - text
        refuse_link(0 if follow else seen.st_file_attributes)
        require_folder(seen.st_file_attributes)
    except BaseException:
        kernel32.CloseHandle(handle)
        raise
    return FOLDERS.add(handle, path)


def open_root(path: str) -> int:
    """See ``primitives``: the root may be reached through links, it is the user's choice."""
    return _open_folder(long_path(os.path.abspath(path)), follow=True)  # noqa: PTH100 - must stay text


def open_directory(name: str, dir_fd: int) -> int:
    """See ``primitives``."""
    return _open_folder(path_below(name, dir_fd), follow=False)


def _open_file(name: str, dir_fd: int, access: int, disposition: int, flags: int) -> int:
    path = path_below(name, dir_fd)
    handle = open_handle(path, access, SHARE_ALL, disposition, AS_ITSELF | BACKUP_SEMANTICS)
    try:
        attributes = attributes_of(path)
        refuse_link(attributes)
        refuse_folder(attributes)
        return int(msvcrt.open_osfhandle(handle, flags | os.O_BINARY | os.O_NOINHERIT))
    except BaseException:
        kernel32.CloseHandle(handle)
        raise


@patiently  # type: ignore[untyped-decorator]  # one decorator for every signature
def open_read(name: str, dir_fd: int) -> int:
    """See ``primitives``; ``EISDIR`` for a folder."""
    return _open_file(name, dir_fd, GENERIC_READ, OPEN_EXISTING, os.O_RDONLY)


def close(fd: int) -> None:
    """See ``primitives``."""
    if fd < FIRST_FOLDER:
        os.close(fd)
        return
    kernel32.CloseHandle(FOLDERS.remove(fd))


def _status(seen: os.stat_result) -> Status:
    attributes: int = seen.st_file_attributes
    if attributes & ATTRIBUTE_REPARSE:
        # junctions as well as links: neither is ever gone through
        mode = stat.S_IFLNK | 0o777
    elif attributes & ATTRIBUTE_DIRECTORY:
        mode = stat.S_IFDIR | 0o700
    elif attributes & ATTRIBUTE_READONLY:
        mode = stat.S_IFREG | 0o400
    else:
        mode = stat.S_IFREG | 0o600
    return Status(
        st_mode=mode,
        st_ino=seen.st_ino,
        st_dev=seen.st_dev,
        st_nlink=seen.st_nlink,
        st_uid=0,
        st_gid=0,
        st_size=seen.st_size,
        st_mtime_ns=seen.st_mtime_ns,
        st_ctime_ns=seen.st_ctime_ns,
    )


def lstat(name: str, dir_fd: int) -> Status:
    """See ``primitives``."""
    return _status(os.lstat(path_below(name, dir_fd)))


def fstat(fd: int) -> Status:
    """See ``primitives``."""
    if fd >= FIRST_FOLDER:
        # the root may have been reached through a link: what it leads to is what is meant
        seen = os.stat(FOLDERS.path(fd))  # noqa: PTH116 - text
        return _status(seen)
    return _status(os.stat(_path_of(fd)))  # noqa: PTH116 - by path, so that device and inode are told in the same way everywhere


def list_names(dir_fd: int) -> list[str]:
    """See ``primitives``."""
    return os.listdir(FOLDERS.path(dir_fd))  # noqa: PTH208 - text


def read_link(name: str, dir_fd: int) -> str:
    """See ``primitives``."""
    try:
        return os.readlink(path_below(name, dir_fd))  # noqa: PTH115 - text
    except OSError:
        return ""  # a reparse point of another kind: known to be no folder, and where it leads is its owner's matter


def read_into(fd: int, buffer: memoryview) -> int:
    """See ``primitives``."""
    data = os.read(fd, len(buffer))
    buffer[: len(data)] = data
    return len(data)


def free_bytes(fd: int) -> tuple[int, int, bool]:
    """See ``primitives``."""
    path = FOLDERS.path(fd)
    free, total = ctypes.c_ulonglong(), ctypes.c_ulonglong()
    if not kernel32.GetDiskFreeSpaceExW(path, ctypes.byref(free), ctypes.byref(total), None):
        raise last_error(path)
    place = ctypes.create_unicode_buffer(1024)
    flags = wintypes.DWORD()
    known = kernel32.GetVolumePathNameW(path, place, len(place)) and kernel32.GetVolumeInformationW(
        place, None, 0, None, None, ctypes.byref(flags), None, 0
    )
    return free.value, total.value, not (known and flags.value & READ_ONLY_VOLUME)


# --- changing names ----------------------------------------------------------------------------------------------------------------


def make_directory(name: str, mode: int, dir_fd: int) -> None:
    """See ``primitives``; ``mode`` means nothing here, rights come from the folder above."""
    del mode
    os.mkdir(path_below(name, dir_fd))  # noqa: PTH102 - text


@patiently  # type: ignore[untyped-decorator]  # one decorator for every signature
def remove_directory(name: str, dir_fd: int) -> None:
    """See ``primitives``."""
    os.rmdir(path_below(name, dir_fd))  # noqa: PTH106 - text


def unlink(name: str, dir_fd: int) -> None:
    """See ``primitives``; the read-only attribute does not keep a file, as it does not elsewhere. A loaded one: see ``windows_aside``."""
    path = path_below(name, dir_fd)
    try:
        _unlink(path)
    except PermissionError as error:
        place = windows_aside.put_aside(path, error)
        if place is None:
            raise
        windows_aside.let_go(place, path)


@patiently  # type: ignore[untyped-decorator]  # one decorator for every signature
def _unlink(path: str) -> None:
    attributes = attributes_of(path)
    _make_writable(path, attributes)
    UNFLUSHED.discard(path)
    if attributes & ATTRIBUTE_REPARSE and attributes & ATTRIBUTE_DIRECTORY:
        os.rmdir(path)  # noqa: PTH106 - a junction is removed as a folder; what it leads to stays
        return
    os.unlink(path)  # noqa: PTH108 - text


def _make_writable(path: str, attributes: int) -> None:
    if attributes & ATTRIBUTE_READONLY and not attributes & ATTRIBUTE_REPARSE:
        kernel32.SetFileAttributesW(path, attributes & ~ATTRIBUTE_READONLY & 0x27 or 0x80)


def rename(source: str, source_fd: int, target: str, target_fd: int) -> None:
    """See ``primitives``: one step, on the disk when it returns; two where the target is loaded (``windows_aside``)."""
    before, after = path_below(source, source_fd), path_below(target, target_fd)
    try:
        _rename(before, after)
    except PermissionError as error:
        place = windows_aside.put_aside(after, error)
        if place is None:
            raise
        try:
            _rename(before, after)
        except OSError:
            windows_aside.put_back(place, after)
            raise
        windows_aside.let_go(place, after)
    if before in UNFLUSHED:
        UNFLUSHED.discard(before)
        UNFLUSHED.add(after)


@patiently  # type: ignore[untyped-decorator]  # one decorator for every signature
def _rename(before: str, after: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        _make_writable(after, attributes_of(after))
    if not kernel32.MoveFileExW(before, after, REPLACE_EXISTING | WRITE_THROUGH):
        raise last_error(after)


def make_symlink(target: str, name: str, dir_fd: int) -> None:
    """See ``primitives``."""
    os.symlink(target, path_below(name, dir_fd))  # noqa: PTH211 - text


# --- changing content --------------------------------------------------------------------------------------------------------------


def create_file(name: str, mode: int, dir_fd: int) -> int:
    """See ``primitives``; ``mode`` means nothing here."""
    del mode
    fd = _open_file(name, dir_fd, GENERIC_READ | GENERIC_WRITE, CREATE_NEW, os.O_RDWR)
    UNFLUSHED.add(path_below(name, dir_fd))
    return fd


def open_append(name: str, dir_fd: int) -> int:
    """See ``primitives``."""
    fd = _open_file(name, dir_fd, GENERIC_READ | GENERIC_WRITE, OPEN_EXISTING, os.O_RDWR | os.O_APPEND)
    os.lseek(fd, 0, os.SEEK_END)
    return fd


@tenacity.retry(
    # a lock file whose owner just removed it cannot be opened until the owner's handle is closed
    retry=tenacity.retry_if_exception(lambda error: getattr(error, "winerror", None) in DELETE_PENDING_CODES),
    stop=tenacity.stop_after_attempt(20),
    wait=tenacity.wait_fixed(0.05),
    reraise=True,
)
def open_for_lock(name: str, mode: int, dir_fd: int) -> int:
    """See ``primitives``."""
    del mode
    return _open_file(name, dir_fd, GENERIC_READ | GENERIC_WRITE, OPEN_ALWAYS, os.O_RDWR)


def allocate(fd: int, size: int) -> None:
    """See ``primitives``: zeros are written, a longer file alone would reserve nothing on a compressed or sparse volume."""
    block = bytes(1 << 20)
    remaining = size
    while remaining > 0:
        view = memoryview(block)[: min(remaining, len(block))]
        while view:
            view = view[os.write(fd, view) :]
        remaining -= min(remaining, len(block))


def clone(source_fd: int, target_fd: int) -> bool:
    """See ``primitives``: no clones here, the bytes are copied."""
    del source_fd, target_fd
    return False


# --- changing metadata -------------------------------------------------------------------------------------------------------------


def _path_of(fd: int) -> str:
    if fd >= FIRST_FOLDER:
        return FOLDERS.path(fd)
    buffer = ctypes.create_unicode_buffer(32_768)
    if not kernel32.GetFinalPathNameByHandleW(msvcrt.get_osfhandle(fd), buffer, len(buffer), 0):
        raise last_error()
    return buffer.value


def change_mode(fd: int, mode: int) -> None:
    """See ``primitives``: only the owner's right to write has a meaning here, and it is the read-only attribute."""
    if fd >= FIRST_FOLDER:
        return
    path = _path_of(fd)
    attributes = attributes_of(path)
    wanted = attributes & ~ATTRIBUTE_READONLY if mode & stat.S_IWUSR else attributes | ATTRIBUTE_READONLY
    if wanted != attributes and not kernel32.SetFileAttributesW(path, wanted & 0x27 or 0x80):
        raise last_error(path)


def change_owner(fd: int, uid: int, gid: int) -> None:
    """See ``primitives``: the access list carries the rights."""
    del fd, uid, gid


def change_link_owner(name: str, uid: int, gid: int, dir_fd: int) -> None:
    """See ``primitives``: the access list carries the rights."""
    del name, uid, gid, dir_fd


def change_times(fd: int, mtime_ns: int) -> None:
    """See ``primitives``."""
    os.utime(_path_of(fd), ns=(mtime_ns, mtime_ns))


def change_link_times(name: str, mtime_ns: int, dir_fd: int) -> None:
    """See ``primitives``: Windows cannot set the times of a link itself through Python; they are left."""
    del name, mtime_ns, dir_fd


def list_xattrs(fd: int) -> list[str]:
    """See ``primitives``: the explicit part of the access list, and hidden or system attributes, where there are any."""
    path = _path_of(fd)
    names = [ACCESS_NAME] if windows_security.explicit_access(path) else []
    if _attribute_letters(path):
        names.append(ATTRIBUTES_NAME)
    return names


def _attribute_letters(path: str) -> str:
    attributes = attributes_of(path)
    # read-only is the mode's; on folders it has another meaning to the shell and is kept here
    letters = "RHS" if attributes & ATTRIBUTE_DIRECTORY else "HS"
    return "".join(letter for letter in letters if attributes & KEPT_ATTRIBUTES[letter])


def get_xattr(fd: int, name: str) -> bytes:
    """See ``primitives``."""
    path = _path_of(fd)
    if name == ACCESS_NAME:
        return windows_security.explicit_access(path).encode("ascii", "replace")
    return _attribute_letters(path).encode("ascii")


def set_xattr(fd: int, name: str, value: bytes) -> None:
    """See ``primitives``; any other name comes from another system and has no place here."""
    path = _path_of(fd)
    if name == ACCESS_NAME:
        windows_security.set_explicit_access(path, value.decode("ascii", "replace"))
    elif name == ATTRIBUTES_NAME:
        _set_letters(path, value.decode("ascii", "replace"))


def remove_xattr(fd: int, name: str) -> None:
    """See ``primitives``."""
    path = _path_of(fd)
    if name == ACCESS_NAME:
        windows_security.set_explicit_access(path, "")
    elif name == ATTRIBUTES_NAME:
        _set_letters(path, "")


def _set_letters(path: str, letters: str) -> None:
    attributes = attributes_of(path)
    known = sum(KEPT_ATTRIBUTES[letter] for letter in ("RHS" if attributes & ATTRIBUTE_DIRECTORY else "HS"))
    wanted = (attributes & 0x27 & ~known) | sum(KEPT_ATTRIBUTES[letter] for letter in letters if letter in KEPT_ATTRIBUTES)
    if not kernel32.SetFileAttributesW(path, wanted or 0x80):
        raise last_error(path)


# --- making it last ----------------------------------------------------------------------------------------------------------------


def _flush(path: str) -> None:
    handle = open_handle(path, GENERIC_WRITE, SHARE_ALL, OPEN_EXISTING, BACKUP_SEMANTICS | AS_ITSELF)
    try:
        if not kernel32.FlushFileBuffers(handle):
            raise last_error(path)
    finally:
        kernel32.CloseHandle(handle)


def sync_file(fd: int) -> None:
    """See ``primitives``. Entries of a folder are on the disk once the (write-through) rename or creation in it has returned."""
    if fd < FIRST_FOLDER:
        os.fsync(fd)
        return
    try:
        _flush(FOLDERS.path(fd))
    except PermissionError:
        return  # flushing a folder is a courtesy of the file system; NTFS logs its entries by itself


def sync_volume(fd: int) -> None:
    r"""See ``primitives``: the whole volume for an administrator, else every file written since the last barrier.

    Opening ``\\.\C:`` needs an administrator; both ways end with the bytes on the disk.
    """
    drive = os.path.splitdrive(FOLDERS.path(fd).removeprefix("\\\\?\\"))[0]
    pending = tuple(UNFLUSHED)
    try:
        _flush(f"\\\\.\\{drive}")
    except OSError:
        for path in pending:
            try:
                _flush(path)
            except FileNotFoundError:
                continue
    UNFLUSHED.difference_update(pending)


lock_exclusive = windows_handles.lock_exclusive
lock_shared = windows_handles.lock_shared

REPLACED: Final = (
    "open_root",
    "open_directory",
    "open_read",
    "close",
    "lstat",
    "fstat",
    "list_names",
    "read_link",
    "read_into",
    "free_bytes",
    "make_directory",
    "remove_directory",
    "unlink",
    "rename",
    "make_symlink",
    "create_file",
    "open_append",
    "open_for_lock",
    "allocate",
    "clone",
    "change_mode",
    "change_owner",
    "change_link_owner",
    "change_times",
    "change_link_times",
    "list_xattrs",
    "get_xattr",
    "set_xattr",
    "remove_xattr",
    "sync_file",
    "sync_volume",
    "lock_exclusive",
    "lock_shared",
)
