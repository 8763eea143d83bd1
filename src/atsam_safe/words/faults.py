"""What the codes of faults mean, for the brackets of a sentence. The codes themselves stay in the evidence, the same in every language.

Many codes have the same words: which of twenty bounds an archive breaks helps the person who maintains the reader, not a practice.
"""

from __future__ import annotations

from typing import Final

from atsam_safe.words.reference import N_

_CUT: Final = N_("the file is cut short")
_COMPRESSED: Final = N_("its compressed content is damaged")
_CHECKSUM: Final = N_("a checksum is wrong")
_STRUCTURE: Final = N_("its inner structure is damaged")
_BILL: Final = N_("the list of files and the files do not agree")
_SURPLUS: Final = N_("something was added at its end")
_TWICE: Final = N_("something is in it twice")
_DESCRIPTION: Final = N_("its description is damaged")
_NAME: Final = N_("a file name in it is not allowed")
_SIGNATURE: Final = N_("its signature is damaged")
_NO_INSTALLER: Final = N_("it does not have the content of one")
_NOT_FOR_INSTALLERS: Final = N_("its certificate is not one for installers")
_PLACE: Final = N_("it would go where nothing may be put")
_PATH_LENGTH: Final = N_("a name is too long")
_DENIED: Final = N_("access is denied")
_FULL: Final = N_("the disk is full")
_READ_ONLY: Final = N_("the disk cannot be written to")
_BROKEN: Final = N_("the disk does not answer rightly")
_BUSY: Final = N_("another program is using it")
_LINK: Final = N_("a link is in the way")

_ALGORITHM: Final = N_("it relies on a kind of checksum that is not accepted")
_DEVICE: Final = N_("it would make a device")
_LOCKED: Final = N_("it is packed or locked in a way that this program does not read")
_REFUSED: Final = N_("it was refused when it was read")

STAGES: Final = {
    "begin": N_("preparation"),
    "load": N_("loading"),
    "start": N_("start"),
    "slots": N_("list of readers"),
    "token": N_("card"),
    "certificates": N_("certificates"),
    "code": N_("code"),
    "signature": N_("signature"),
}
"""How far the library of a card came."""

SUBJECTS: Final = {"PC/SC": N_("smart-card service")}
"""Who did not answer, where it is not the name of a reader."""

NONE_OF: Final = {
    **dict.fromkeys(("readers", "cps_reader", "vitale_reader", "cps_found", "vitale_found"), N_("no reader")),
    "programs": N_("none"),
    **dict.fromkeys(("detail", "error"), N_("without a reason")),
}
"""What a sentence says where there is no such thing (a parameter of ``-``)."""

PLACES: Final = {
    "header": N_("header"),
    "heap": N_("content"),
    "checksum": N_("checksum"),
    "compound file": N_("inner table"),
    "streams": N_("inner tables"),
    "table of contents": N_("table of contents"),
    "signature": N_("signature"),
    "timestamp": N_("timestamp"),
    "ticket": N_("notarisation ticket"),
}
"""Where in a file a fault was found, where the place is not itself the name of a file."""

FAULTS: Final = {
    # the folder of snapshots
    "link": N_("a link, or no folder"),
    "owner": N_("it belongs to another user"),
    "writable": N_("other users may change it"),
    "latest": N_("the note of the last snapshot is wrong"),
    "format": N_("its format mark is missing or wrong"),
    "objects": N_("its folder of kept files is missing"),
    "snapshots": N_("its folder of snapshots is missing"),
    "run": N_("its folder of the run under way is missing"),
    "history": N_("its folder of past runs is missing"),
    "sequence": N_("the numbers of the snapshots are used up"),
    # packages
    **dict.fromkeys(("cut-short", "stream-cut-short", "past-end-of-file", "short-block", "no-data"), _CUT),
    **dict.fromkeys(("compressed-data", "zlib", "pbzx-chunk", "pbzx-chunk-size", "more-than-size", "size"), _COMPRESSED),
    **dict.fromkeys(("toc-checksum", "cpio-checksum", "bom-checksum", "checksum-size", "checksum-style"), _CHECKSUM),
    **dict.fromkeys(
        (
            "header",
            "header-size",
            "heap",
            "length",
            "magic",
            "index",
            "block-number",
            "tree",
            "tree-loop",
            "variables",
            "version",
            "trailer",
            "encoding",
            "out-of-bounds",
            "overlapping-regions",
            "parent-after-child",
            "member-type",
            "missing-member",
            "children-below-a-file",
            "file-of-a-namespace",
            "directory-with-data",
            "cpio-header",
            "cpio-magic",
            "payload-format",
            "hard-link-without-data",
            "empty-cell",
            "unknown-text",
            "too-deep",
            "base64",
            "path-length",
            "path-type",
            "missing-paths",
            "differing-names",
            "no-product-code",
            "no-version",
        ),
        _STRUCTURE,
    ),
    **dict.fromkeys(("missing-from-payload", "not-in-bom", "bom-kind", "bom-link", "not-as-declared"), _BILL),
    **dict.fromkeys(("data-after-stream", "data-after-cpio", "data-after-zlib", "data-after-heap"), _SURPLUS),
    **dict.fromkeys(("repeated-member", "repeated-path", "repeated-extracted-checksum"), _TWICE),
    **dict.fromkeys(("xml-document-type", "xml-encoding", "xml-malformed", "xml-too-large", "root-element"), _DESCRIPTION),
    **dict.fromkeys(
        ("cpio-name", "name-encoding", "link-target", "control-character", "not-utf-8", "link-not-utf-8", "archive-name"), _NAME
    ),
    "checksum-algorithm": _ALGORITHM,
    "digest-algorithm": _ALGORITHM,
    "other-package": N_("it was made for another package"),
    "message-digest": N_("it was made for another content"),
    "other-signature": N_("it was made for another signature"),
    "certificate": N_("a certificate in it was changed"),
    **dict.fromkeys(
        (
            "signature",
            "ticket",
            "envelope",
            "signer-count",
            "signer-certificate-missing",
            "signing-certificate",
            "content-type",
            "data-after-structure",
            "malformed",
            "attributes-missing",
            "payload",
            "time",
            "signature-slot",
            "certificates",
            # the answers of the reader of Authenticode signatures
            "parse_error",
            "inconsistent_digest_algorithm",
        ),
        _SIGNATURE,
    ),
    **dict.fromkeys(("invalid_digest", "invalid_additional_hash"), N_("the file was changed after it was signed")),
    **dict.fromkeys(("character-device", "block-device", "fifo", "socket", "unknown"), _DEVICE),
    "image-not-mounted": N_("the disk image cannot be opened"),
    **dict.fromkeys(("refused", "unopened"), _REFUSED),
    "zip-RuntimeError": _LOCKED,
    "zip-NotImplementedError": _LOCKED,
    **dict.fromkeys(("not-xar", "no-component", "no-package-inside", "no-installer-database", "image-file"), _NO_INSTALLER),
    **dict.fromkeys(
        ("purpose", "leaf-mark", "issuer-mark", "team-id-missing", "leaf-is-an-authority", "leaf-may-not-sign", "not-an-authority"),
        _NOT_FOR_INSTALLERS,
    ),
    **dict.fromkeys(("authority-may-not-certify", "chain-too-long"), _NOT_FOR_INSTALLERS),
    **dict.fromkeys(("rsa", "style", "two-signers", "not-detached"), _SIGNATURE),
    **dict.fromkeys(("archived-checksum", "extracted-checksum"), _CHECKSUM),
    **dict.fromkeys(("parent-folder", "absolute", "link-leaves-root", "system-link"), _PLACE),
    **dict.fromkeys(("path-too-long", "name-too-long"), _PATH_LENGTH),
    "not-a-file": N_("it is no file"),
    # what the system answers, in the words of the C library
    "no-such-file-or-directory": N_("nothing is there"),
    "permission-denied": _DENIED,
    "operation-not-permitted": _DENIED,
    "not-a-directory": N_("it is no folder"),
    "is-a-directory": N_("it is a folder"),
    "input/output-error": _BROKEN,
    "no-space-left-on-device": _FULL,
    "read-only-file-system": _READ_ONLY,
    "too-many-open-files": N_("too many files are open"),
    "file-name-too-long": _PATH_LENGTH,
    "too-many-levels-of-symbolic-links": _LINK,
    # and by its short names
    **dict.fromkeys(("eacces", "eperm"), _DENIED),
    **dict.fromkeys(("enospc", "edquot", "efbig"), _FULL),
    "erofs": _READ_ONLY,
    **dict.fromkeys(("eio", "unknown"), _BROKEN),
    **dict.fromkeys(("ebusy", "etxtbsy"), _BUSY),
    **dict.fromkeys(("eloop", "volume.link-in-the-way"), _LINK),
    # the files of the state of a workstation
    "missing": N_("it is not there"),
    "changed": N_("it was changed"),
    "changed-since-inspection": N_("it was changed while it was being read"),
    "decoder-memory": N_("unpacking it asks for too much memory"),
}

FAMILIES: Final = {
    "missing-": _STRUCTURE,
    "attribute-": _STRUCTURE,
    "integer-": _STRUCTURE,
    "repeated-": _TWICE,
    "malformed-": _STRUCTURE,
    "zip-": _COMPRESSED,
    "below-": _PLACE,
    "compression-": N_("its compression is not known to this program"),
    "critical-extension-": N_("its certificate has a condition that this program does not know"),
    "no-room-for-a-copy": N_("there is no room for a copy of it"),
}
"""Beginnings of codes whose end is a name from inside the package or from a library."""


def fault_words(code: str) -> str | None:
    """What ``code`` means, in English; the system's own answer (“Permission denied”) is a code like any other."""
    written = code if code in FAULTS else code.lower().replace(" ", "-")
    if written in FAULTS:
        return FAULTS[written]
    return next((words for beginning, words in FAMILIES.items() if code.startswith(beginning)), None)
