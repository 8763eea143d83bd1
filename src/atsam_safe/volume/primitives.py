"""The file operations of the heart, one system call each: nothing else in the product changes a file of a workstation or of the store.

Rules of this module:

- callers use it as ``primitives.rename(...)`` (module attributes), so that a recorder of unsynced writes, or a fault injector, can be
  put underneath by replacing attributes;
- every name is relative to an open directory descriptor and is never followed when it is a link;
- nothing is decided, retried or translated here: ``OSError`` goes up as it is.

Windows has no directory descriptors: ``volume.windows`` replaces this module's functions there, not their callers.
"""

from __future__ import annotations

import errno
import os
import stat
import sys

IS_DARWIN = sys.platform == "darwin"
IS_LINUX = sys.platform.startswith("linux")
IS_WINDOWS = sys.platform == "win32"
NOFOLLOW = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
DIRECTORY_FLAGS = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | NOFOLLOW
# O_NONBLOCK: a FIFO put in the place of a file must not hang the run
READ_FLAGS = os.O_RDONLY | NOFOLLOW | getattr(os, "O_NONBLOCK", 0)
CREATE_FLAGS = os.O_RDWR | os.O_CREAT | os.O_EXCL | NOFOLLOW
APPEND_FLAGS = os.O_WRONLY | os.O_APPEND | NOFOLLOW
LOCK_FLAGS = os.O_RDWR | os.O_CREAT | NOFOLLOW
FICLONE = 0x40049409
F_FULLFSYNC = 51
XATTR_LIMIT = 16 * 1024 * 1024
NOT_SUPPORTED = frozenset({errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL, errno.ENOTTY, errno.EXDEV})


# --- looking -----------------------------------------------------------------------------------------------------------------------


def open_root(path: str) -> int:
    """Open the root folder of a volume. The root itself may be reached through links: it is the user's choice."""
    return os.open(path, os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_CLOEXEC", 0))


def open_directory(name: str, dir_fd: int) -> int:
    """Open folder ``name`` below ``dir_fd``; ``ELOOP`` or ``ENOTDIR`` when it is a link or no folder."""
    return os.open(name, DIRECTORY_FLAGS, dir_fd=dir_fd)


def open_read(name: str, dir_fd: int) -> int:
    """Open ``name`` for reading without following a link and without waiting for a FIFO."""
    return os.open(name, READ_FLAGS, dir_fd=dir_fd)


def close(fd: int) -> None:
    """Close a descriptor."""
    os.close(fd)


def lstat(name: str, dir_fd: int) -> os.stat_result:
    """Status of ``name`` itself (a link is not followed)."""
    return os.stat(name, dir_fd=dir_fd, follow_symlinks=False)


def fstat(fd: int) -> os.stat_result:
    """Status of an open file."""
    return os.fstat(fd)


def list_names(dir_fd: int) -> list[str]:
    """Names in an open folder, in no order."""
    return os.listdir(dir_fd)


def read_link(name: str, dir_fd: int) -> str:
    """Target of the link ``name``."""
    return os.readlink(name, dir_fd=dir_fd)


def read(fd: int, size: int) -> bytes:
    """Read up to ``size`` bytes."""
    return os.read(fd, size)


def read_into(fd: int, buffer: memoryview) -> int:
    """Fill ``buffer`` from ``fd``; the number of bytes read, 0 at the end."""
    return os.readv(fd, [buffer])


def rewind(fd: int) -> None:
    """Go back to the first byte of an open file."""
    os.lseek(fd, 0, os.SEEK_SET)


def free_bytes(fd: int) -> tuple[int, int, bool]:
    """Free bytes (for this user), total bytes, and whether the file system is mounted writable."""
    status = os.fstatvfs(fd)
    return status.f_bavail * status.f_frsize, status.f_blocks * status.f_frsize, not status.f_flag & os.ST_RDONLY


# --- changing names ----------------------------------------------------------------------------------------------------------------


def make_directory(name: str, mode: int, dir_fd: int) -> None:
    """Make folder ``name``; fails when anything of that name exists."""
    os.mkdir(name, mode, dir_fd=dir_fd)


def remove_directory(name: str, dir_fd: int) -> None:
    """Remove the empty folder ``name``."""
    os.rmdir(name, dir_fd=dir_fd)


def unlink(name: str, dir_fd: int) -> None:
    """Remove the file or link ``name``."""
    os.unlink(name, dir_fd=dir_fd)


def rename(source: str, source_fd: int, target: str, target_fd: int) -> None:
    """Rename, replacing a file or link of the target's name in one indivisible step."""
    os.rename(source, target, src_dir_fd=source_fd, dst_dir_fd=target_fd)


def make_symlink(target: str, name: str, dir_fd: int) -> None:
    """Make link ``name`` that says ``target``."""
    os.symlink(target, name, dir_fd=dir_fd)


# --- changing content --------------------------------------------------------------------------------------------------------------


def create_file(name: str, mode: int, dir_fd: int) -> int:
    """Create ``name`` for writing; fails when anything of that name exists (also a dangling link)."""
    return os.open(name, CREATE_FLAGS, mode, dir_fd=dir_fd)


def open_append(name: str, dir_fd: int) -> int:
    """Open an existing file for appending."""
    return os.open(name, APPEND_FLAGS, dir_fd=dir_fd)


def open_for_lock(name: str, mode: int, dir_fd: int) -> int:
    """Open or create the lock file without following a link."""
    return os.open(name, LOCK_FLAGS, mode, dir_fd=dir_fd)


def write_all(fd: int, data: bytes | memoryview) -> None:
    """Write every byte of ``data``: a short write is continued, never taken for success."""
    view = memoryview(data)
    while view:
        written = os.write(fd, view)
        if written == 0:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        view = view[written:]


def truncate(fd: int, size: int) -> None:
    """Cut or extend an open file to ``size`` bytes."""
    os.ftruncate(fd, size)


def allocate(fd: int, size: int) -> None:
    """Really allocate ``size`` bytes to an open file (``ENOSPC`` when there is no room)."""
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(fd, 0, size)
        return
    block = bytes(1 << 20)  # macOS: zeros are written, a sparse file would reserve nothing
    remaining = size
    while remaining > 0:
        write_all(fd, memoryview(block)[: min(remaining, len(block))])
        remaining -= len(block)


def clone(source_fd: int, target_fd: int) -> bool:
    """Share the blocks of ``source_fd`` with the empty file ``target_fd``; ``False`` when the file system cannot.

    On APFS a clone can only be made by name, so this answers ``False`` there and the bytes are copied by ``copy_range``
    (the same promise, more room).
    """
    if not IS_LINUX:
        return False
    import fcntl  # noqa: PLC0415 - does not exist on Windows

    try:
        fcntl.ioctl(target_fd, FICLONE, source_fd)
    except OSError as error:
        if error.errno in NOT_SUPPORTED:
            return False
        raise
    return True


def copy_range(source_fd: int, target_fd: int, size: int) -> int:
    """Copy up to ``size`` bytes from the current offsets inside the kernel where possible; bytes copied, 0 at the end."""
    if hasattr(os, "copy_file_range"):
        try:
            return os.copy_file_range(source_fd, target_fd, size)
        except OSError as error:
            if error.errno not in NOT_SUPPORTED:
                raise
    data = os.read(source_fd, min(size, 1 << 20))  # EXDEV, or no such call here
    write_all(target_fd, data)
    return len(data)


# --- changing metadata -------------------------------------------------------------------------------------------------------------


def change_mode(fd: int, mode: int) -> None:
    """Set permission bits of an open file or folder."""
    os.fchmod(fd, mode)


def change_owner(fd: int, uid: int, gid: int) -> None:
    """Set the owner of an open file or folder."""
    os.fchown(fd, uid, gid)


def change_link_owner(name: str, uid: int, gid: int, dir_fd: int) -> None:
    """Set the owner of a link itself."""
    os.chown(name, uid, gid, dir_fd=dir_fd, follow_symlinks=False)


def change_times(fd: int, mtime_ns: int) -> None:
    """Set access and modification time of an open file or folder, in nanoseconds since 1970."""
    os.utime(fd, ns=(mtime_ns, mtime_ns))


def change_link_times(name: str, mtime_ns: int, dir_fd: int) -> None:
    """Set the times of a link itself."""
    os.utime(name, ns=(mtime_ns, mtime_ns), dir_fd=dir_fd, follow_symlinks=False)


def list_xattrs(fd: int) -> list[str]:
    """Names of the extended attributes; empty where the file system has none."""
    try:
        if IS_DARWIN:
            from atsam_safe.volume import darwin  # noqa: PLC0415 - its library exists on macOS only

            return darwin.list_xattrs(fd)
        return os.listxattr(fd)
    except OSError as error:
        if error.errno in NOT_SUPPORTED:
            return []
        raise


def get_xattr(fd: int, name: str) -> bytes:
    """Value of one extended attribute."""
    if IS_DARWIN:
        from atsam_safe.volume import darwin  # noqa: PLC0415 - exists on macOS alone

        return darwin.get_xattr(fd, name)
    return os.getxattr(fd, name)


def set_xattr(fd: int, name: str, value: bytes) -> None:
    """Set one extended attribute."""
    if IS_DARWIN:
        from atsam_safe.volume import darwin  # noqa: PLC0415 - exists on macOS alone

        darwin.set_xattr(fd, name, value)
        return
    os.setxattr(fd, name, value)


def remove_xattr(fd: int, name: str) -> None:
    """Remove one extended attribute."""
    if IS_DARWIN:
        from atsam_safe.volume import darwin  # noqa: PLC0415 - exists on macOS alone

        darwin.remove_xattr(fd, name)
        return
    os.removexattr(fd, name)


# --- making it last ----------------------------------------------------------------------------------------------------------------


def sync_file(fd: int) -> None:
    """Bring one file's (or folder's) content to stable storage; on macOS through the drive's cache as well."""
    if IS_DARWIN:
        import fcntl  # noqa: PLC0415 - does not exist on Windows

        try:
            fcntl.fcntl(fd, F_FULLFSYNC)
        except OSError as error:
            if error.errno not in NOT_SUPPORTED:
                raise
        else:
            return
    try:
        os.fsync(fd)
    except OSError as error:
        # some network file systems refuse fsync of a folder with EINVAL; EIO is never tolerated
        if error.errno != errno.EINVAL or not stat.S_ISDIR(os.fstat(fd).st_mode):
            raise


def begin_sync(fd: int) -> None:
    """Let the disk begin with what was written to the file system that holds ``fd``. Promises nothing: ``sync_volume`` does."""
    if IS_LINUX:
        import ctypes  # noqa: PLC0415 - as below

        ctypes.CDLL(None).syncfs(fd)
    elif not IS_WINDOWS:
        os.sync()


def sync_volume(fd: int) -> None:
    """Bring everything written to the file system that holds ``fd`` to stable storage: one barrier instead of many."""
    if IS_LINUX:
        import ctypes  # noqa: PLC0415 - only a barrier needs it, and looking at a volume must start fast

        library = ctypes.CDLL(None, use_errno=True)
        if library.syncfs(fd) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))
        return
    if IS_DARWIN:
        from atsam_safe.volume import darwin  # noqa: PLC0415 - its library exists on macOS only

        try:
            darwin.sync_volume(fd)
        except OSError as error:
            if error.errno not in NOT_SUPPORTED:
                raise
        else:
            return
    os.sync()  # schedules everything; the full flush of the drive follows with the descriptor below
    sync_file(fd)


# --- locking -----------------------------------------------------------------------------------------------------------------------


def lock_exclusive(fd: int) -> None:
    """Take the kernel's exclusive lock without waiting; ``BlockingIOError`` when another process holds it."""
    import fcntl  # noqa: PLC0415 - missing on Windows

    fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)


def lock_shared(fd: int) -> None:
    """Hold the kernel's lock beside others who only look, without waiting; ``BlockingIOError`` while a process has it exclusively."""
    import fcntl  # noqa: PLC0415 - missing on Windows

    fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)


def effective_user() -> int:
    """Number of the user this process acts as. On Windows every file and everybody is 0 here: access lists say who may what."""
    return 0 if IS_WINDOWS else os.geteuid()


# what a recorder of writes, or a fault injector, has to replace
CHANGING: frozenset[str] = frozenset(
    {
        "make_directory",
        "remove_directory",
        "unlink",
        "rename",
        "make_symlink",
        "create_file",
        "open_append",
        "open_for_lock",
        "write_all",
        "truncate",
        "allocate",
        "clone",
        "copy_range",
        "change_mode",
        "change_owner",
        "change_link_owner",
        "change_times",
        "change_link_times",
        "set_xattr",
        "remove_xattr",
        "sync_file",
        "sync_volume",
    }
)

if sys.platform == "win32":
    from atsam_safe.volume import windows

    globals().update({name: getattr(windows, name) for name in windows.REPLACED})
