"""``restore.sh``: brings a snapshot back with nothing but a POSIX shell and standard tools, when this program cannot be run.

Rules of the script: every object is verified before anything is touched; every ancestor must be a real folder, no link; names are
single-quoted data, whatever bytes they hold; running it again is harmless; each file is compared with its object before it takes its place.
"""

from __future__ import annotations

import os
import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from atsam_safe.snapshot.scope import SECOND, UNTIMED, sort_key
from atsam_safe.volume.metadata import UNKEPT_XATTRS
from atsam_safe.volume.state_place import DEFAULT_PLACE, RESERVE, RESERVE_BESIDE

if TYPE_CHECKING:
    from atsam_safe.snapshot.model import Manifest, PathState

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
OLDEST = -62_135_596_800
NEWEST = 253_402_300_799
PLAIN = re.compile(r"[A-Za-z0-9_./-]+\Z")

HEAD = r"""#!/bin/sh
# atsam-safe snapshot @ID@ (@CREATED@)
# Remet le poste dans l'etat de cette sauvegarde, sans le programme atsam-safe.
# Puts the workstation back into the state of this snapshot, without the program atsam-safe.
#
# Usage: sh restore.sh [--check] [--this-one] [ROOT]
#   ROOT        the system volume to restore; default: the one on which this snapshot lies
#   --check     only verify the snapshot
#   --this-one  ROOT bears no sign of its snapshots any more, and this is the right one
set -u
set -f
umask 077
LC_ALL=C
PATH=/usr/bin:/bin:/usr/sbin:/sbin
export LC_ALL PATH
unset CDPATH
IFS='
'
here=$(cd -- "$(dirname -- "$0")" && pwd -P) || exit 1
objects=$here/../../objects
check=no sure=no
if [ "${1-}" = --check ]; then check=yes; shift; fi
if [ "${1-}" = --this-one ]; then sure=yes; shift; fi
# Never the volume that happens to be mounted where another one was when the snapshot was made.
own=${here%"@PLACE@/snapshots/"*}
if [ "$own" = "$here" ]; then own=; else own=${own:-/}; fi
root=${1-$own}
case $root in
  '') ;;
  /*) ;;
  *) root=$(pwd -P)/$root ;;
esac
root=${root%/}
partial=no taken=

say() { printf '%s\n' "$1" "$2"; }
fail() {
  printf '%s\n' "ARRET : $1" "STOP: $2" >&2
  [ "${3-}" = touched ] && printf '%s\n' "Corrigez la cause puis relancez ce script." "Correct the cause, then run this script again." >&2
  exit 1
}
if command -v sha256sum >/dev/null 2>&1; then sums() { sha256sum -c - >/dev/null 2>&1; }
elif command -v shasum >/dev/null 2>&1; then sums() { shasum -a 256 -c - >/dev/null 2>&1; }
else fail "ni sha256sum ni shasum sur ce poste" "neither sha256sum nor shasum on this computer"
fi
[ "$(id -u)" = 0 ] && as_root=yes || as_root=no
[ -n "${1-$own}" ] || fail "indiquez le volume a restaurer : sh restore.sh VOLUME" "name the volume to restore: sh restore.sh VOLUME"
if [ -e "$here/../../workstation" ]; then # kept outside of the workstation: the two bear the same number
  number= mark=
  read -r number <"$here/../../workstation"
  [ ! -f "$root@PLACE@/elsewhere" ] || read -r mark <"$root@PLACE@/elsewhere"
  [ "$number" = "$mark" ] || [ -n "$mark" ] || [ "$sure" = yes ] ||
    fail "rien ne dit que cette sauvegarde est celle de $root ; si c'est sur : sh restore.sh --this-one $root" \
      "nothing says that this is not the snapshot of another workstation than $root; if it surely is not: sh restore.sh --this-one $root"
  [ "$number" = "$mark" ] || [ -z "$mark" ] ||
    fail "cette sauvegarde est celle d'un autre poste que $root" "the snapshot of another workstation"
fi
[ -d "$root/" ] || fail "dossier introuvable : $root" "no such folder: $root"

guard() { # no folder on the way may be a link
  [ ! -L "$root/$1" ] || fail "lien sur le chemin : $root/$1" "a link is in the way: $root/$1"
  [ ! -e "$root/$1" ] || [ -d "$root/$1" ] || fail "ce n'est pas un dossier : $root/$1" "not a folder: $root/$1"
}
plain() {
  [ -f "$objects/$1" ] && [ ! -L "$objects/$1" ] || fail "contenu manquant dans la sauvegarde : $1" "content missing from the snapshot: $1"
}
remove() { # everything below, never through a link, never into another file system
  if [ -d "$1" ] && [ ! -L "$1" ]; then
    find "$1" -xdev -depth \( -type d -exec rmdir {} \; -o -exec rm -f {} \; \)
    [ ! -e "$1" ] || fail "impossible d'enlever $1" "cannot remove $1" touched
  elif [ -e "$1" ] || [ -L "$1" ]; then
    rm -f "$1" || fail "impossible d'enlever $1" "cannot remove $1" touched
  fi
}
real_way() { # true when no folder above, in scope or not, is a link
  way=$1
  while :; do
    case $way in */*) way=${way%/*} ;; *) return 0 ;; esac
    [ ! -L "$root/$way" ] || return 1
  done
}
need_way() { real_way "$1" || fail "lien sur le chemin de $1" "a link is in the way of $1" touched; }
absent_tree() { # all of it is ours; nothing can be there below a link that is itself about to go
  if real_way "$1"; then remove "$root/$1"; fi
}
absent() { # a folder goes only when it is empty: what others have put into it since is theirs
  real_way "$1" || return 0
  if [ -L "$root/$1" ] || [ ! -d "$root/$1" ]; then remove "$root/$1"; return; fi
  rmdir "$root/$1" 2>/dev/null || { partial=yes; say "Dossier non vide laisse : $1" "Folder not empty, left: $1"; }
}
room() { # for a file or link outside of our own trees: a folder there gives way only when it is empty; the rest is restored first
  need_way "$1"
  [ ! -d "$root/$1" ] || [ -L "$root/$1" ] || rmdir "$root/$1" 2>/dev/null && return 0
  taken="$taken
$1"
  return 1
}
new_above() { [ ! -d "$root/$1" ] || [ -L "$root/$1" ] || rmdir "$root/$1" 2>/dev/null || :; }
folder() {
  need_way "$1"
  if [ -L "$root/$1" ] || { [ -e "$root/$1" ] && [ ! -d "$root/$1" ]; }; then remove "$root/$1"; fi
  [ -d "$root/$1" ] || mkdir "$root/$1" || fail "impossible de creer $1" "cannot make $1" touched
}
above() { # path mode owner time: a folder above the scope is made again only when it is missing
  [ ! -d "$root/$1" ] || return 0
  folder "$1"
  rights "$root/$1" "$2" "$3"
  stamp "$root/$1" "$4"
}
own() { [ "$as_root" = no ] || chown -h "$2" "$1" || fail "proprietaire de $1" "owner of $1" touched; }
mode() { # five digits: with four, some leave a folder the bits that it inherits
  chmod "0$2" "$1" || fail "droits de $1" "rights of $1" touched
}
rights() { # path mode owner: the owner first, a change of it takes rights away
  own "$1" "$3"
  mode "$1" "$2"
}
stamp() { TZ=UTC0 touch -m -t "$2" "$1" || fail "date de $1" "time of $1" touched; }
attribute() { # path name hex
  if command -v setfattr >/dev/null 2>&1; then setfattr -n "$2" -v "0x$3" "$1" 2>/dev/null || partial=yes
  elif command -v xattr >/dev/null 2>&1; then xattr -wx "$2" "$3" "$1" 2>/dev/null || partial=yes
  else partial=yes
  fi
}
only() { # path names: attributes of a folder that the snapshot does not know go, but those that the system sets by itself
  place=$1
  shift
  if command -v getfattr >/dev/null 2>&1 && command -v setfattr >/dev/null 2>&1; then
    found=$(getfattr --absolute-names -m - -- "$place" 2>/dev/null | sed -e 1d -e '/^$/d')
  elif command -v xattr >/dev/null 2>&1; then found=$(xattr "$place" 2>/dev/null)
  else return 0
  fi
  for name in $found; do
    case $name in @UNKEPT@) continue ;; esac
    for one; do [ "$one" != "$name" ] || continue 2; done
    if command -v setfattr >/dev/null 2>&1; then setfattr -x "$name" "$place" 2>/dev/null || partial=yes
    else xattr -d "$name" "$place" 2>/dev/null || partial=yes
    fi
  done
}
sweep_ours() { # what a killed run of the program left beside the paths in scope
  real_way "$1/any" || return 0
  set +f
  for item in "$root/$1"/.atsam-safe-*.tmp; do
    if [ -L "$item" ] || [ ! -d "$item" ]; then rm -f "$item"; fi
  done
  set -f
}
give_back() { # the room that a killed run of the program kept for the way back, before anything is written
  [ -L "$here/../../run" ] || rm -f "$here/../../@RESERVE@" 2>/dev/null || :
  if real_way "@BESIDE@"; then rm -f "$root/@BESIDE@" 2>/dev/null || :; fi
}
bare() { # a new file is given the access list that its folder has for new files; the snapshot knows of none but its own
  case $(ls -ld "$1") in ??????????+*) ;; *) return 0 ;; esac
  setfattr -x system.posix_acl_access "$1" 2>/dev/null || setfacl -b "$1" 2>/dev/null || chmod -N "$1" 2>/dev/null || partial=yes
}
temporary() {
  temp=${1%/*}/.atsam-safe-restore-$$.tmp
  rm -f "$temp"
}
begin_file() { # path object owner: the content in a temporary file beside its place
  need_way "$1"
  target=$root/$1
  temporary "$target"
  ( set -C; cat "$objects/$2" >"$temp" ) || fail "ecriture de $1" "writing $1" touched
  cmp -s "$objects/$2" "$temp" || fail "le contenu ecrit differe : $1" "the written content differs: $1" touched
  own "$temp" "$3" # before the attributes: a change of the owner takes capabilities away
  bare "$temp"
}
end_file() { # mode time
  mode "$temp" "$1"
  stamp "$temp" "$2"
  if [ -L "$target" ] || [ -d "$target" ]; then remove "$target"; fi
  mv -f "$temp" "$target" || fail "mise en place de $target" "placing $target" touched
}
link() { # path target owner time
  need_way "$1"
  target=$root/$1
  temporary "$target"
  ln -s -- "$2" "$temp" || fail "lien $1" "link $1" touched
  [ "$as_root" = no ] || chown -h "$3" "$temp" || fail "proprietaire de $1" "owner of $1" touched
  TZ=UTC0 touch -h -m -t "$4" "$temp" 2>/dev/null || partial=yes
  if [ -L "$target" ] || [ -d "$target" ]; then remove "$target"; fi
  mv -f "$temp" "$target" || fail "mise en place de $target" "placing $target" touched
}

say "Sauvegarde @ID@ du @CREATED@" "Snapshot @ID@ of @CREATED@"
say "Poste a restaurer : ${root:-/}" "Workstation to restore: ${root:-/}"
"""


def quote(text: str) -> str:
    """``text`` as one shell word that means exactly these bytes."""
    if PLAIN.match(text) and not text.startswith("-"):
        return text
    return "'" + text.replace("'", "'\\''") + "'"


def _relative(path: str) -> str:
    return quote(path[1:])


def _stamp(mtime_ns: int) -> str:
    seconds = min(max(mtime_ns // SECOND, OLDEST), NEWEST)
    return (EPOCH + timedelta(seconds=seconds)).strftime("%Y%m%d%H%M.%S").rjust(15, "0")


def _object(state: PathState) -> str:
    sha256 = state.sha256 or ""
    return f"{sha256[:2]}/{sha256[2:]}"


def _depth(state: PathState) -> int:
    return state.path.count("/")


def render_script(manifest: Manifest) -> bytes:
    """The whole script of a manifest, as bytes (names may be no valid UTF-8)."""
    head = HEAD.replace("@ID@", manifest.id).replace("@CREATED@", manifest.created_at).replace("@PLACE@", DEFAULT_PLACE)
    head = head.replace("@RESERVE@", RESERVE).replace("@BESIDE@", f"{DEFAULT_PLACE[1:]}/{RESERVE_BESIDE}")
    head = head.replace("@UNKEPT@", "|".join(sorted(quote(name) for name in UNKEPT_XATTRS)))
    lines = [head, *_verification(manifest), *_removals(manifest), *_contents(manifest), *_folder_metadata(manifest), *_ending()]
    return os.fsencode("\n".join(lines))


def _verification(manifest: Manifest) -> list[str]:
    objects = sorted({_object(item) for item in manifest.paths if item.kind == "file"})
    lines = [f"guard {_relative(path)}" for path in _way(manifest)]
    lines.extend(f"plain {name}" for name in objects)
    if objects:
        lines.append("( cd -- \"$objects\" && sums <<'END_OF_SUMS'")
        lines.extend(f"{name.replace('/', '')}  {name}" for name in objects)
        lines.append("END_OF_SUMS")
        lines.append(
            ') || fail "contenu abime dans la sauvegarde, rien n\'est touche" "content of the snapshot is damaged, nothing is touched"'
        )
    lines.append('say "La sauvegarde est intacte." "The snapshot is whole."')
    lines.append('[ "$check" = no ] || exit 0')
    lines.append("give_back")
    return lines


def _way(manifest: Manifest) -> list[str]:
    """Every folder above a path of the manifest, outermost first. Folders that are themselves in scope are made right later."""
    within = {item.path for item in manifest.paths}
    return sorted({item.path for item in manifest.ancestors} - within, key=sort_key)


def _removals(manifest: Manifest) -> list[str]:
    trees = _trees(manifest)
    # first: a folder that has to go must not be kept by a temporary file of ours
    lines = [f"sweep_ours {_relative(path)}" for path in _neighbourhood(manifest)]
    for item in sorted((item for item in manifest.paths if item.kind == "absent"), key=lambda item: -_depth(item)):
        # whatever is no tree of ours loses nothing but itself
        name = "absent_tree" if f"{item.path}/" in trees else "absent"
        lines.append(f"{name} {_relative(item.path)}")
    return lines


def _contents(manifest: Manifest) -> list[str]:
    lines: list[str] = []
    for item in sorted(manifest.ancestors, key=_depth):
        if item.kind == "directory":
            mode, owner, moment = f"{item.mode:04o}", f"{item.uid}:{item.gid}", _stamp(item.mtime_ns)
            path = _relative(item.path)
            lines.append(
                f'[ -d "$root"/{path} ] || {{ folder {path}; rights "$root"/{path} {mode} {owner}; stamp "$root"/{path} {moment}; }}'
            )
    for item in sorted((item for item in manifest.paths if item.kind == "directory"), key=_depth):
        lines.append(f"folder {_relative(item.path)}")
        lines.append(f'chmod u+rwx "$root"/{_relative(item.path)} 2>/dev/null || :')
    lines.extend(_sweeps(manifest))
    trees = _trees(manifest)
    for item in manifest.paths:
        if item.kind not in {"file", "link"}:
            continue
        is_alone = not f"{item.path}/".startswith(trees)
        lines += [f"if room {_relative(item.path)}; then"] if is_alone else []
        lines += _content(item)
        lines += ["fi"] if is_alone else []
    return lines


def _content(item: PathState) -> list[str]:
    """One file or link with all that belongs to it."""
    if item.kind == "link":
        return [f"link {_relative(item.path)} {quote(item.link or '')} {item.uid}:{item.gid} {_stamp(item.mtime_ns)}"]
    return [
        f"begin_file {_relative(item.path)} {_object(item)} {item.uid}:{item.gid}",
        *(f'attribute "$temp" {quote(name)} {value}' for name, value in item.xattrs.items()),
        f"end_file {item.mode:04o} {_stamp(item.mtime_ns)}",
    ]


def _trees(manifest: Manifest) -> tuple[str, ...]:
    """How the paths begin that are ours with all that lies below them."""
    return tuple(item.path.rstrip("/") + "/" for item in manifest.scope if item.kind == "tree")


def _neighbourhood(manifest: Manifest) -> list[str]:
    """The folders in which a run makes its temporary files: those that hold a path in scope. Folders in a tree are swept whole already."""
    folders = {item.path.rpartition("/")[0] for item in manifest.paths}
    trees = _trees(manifest)
    return sorted((path for path in folders if path and not f"{path}/".startswith(trees)), key=sort_key)


def _sweeps(manifest: Manifest) -> list[str]:
    """In each folder of a tree in scope, remove what the snapshot does not know."""
    trees = _trees(manifest)
    children: dict[str, list[str]] = {}
    for item in manifest.paths:
        if item.kind == "directory" and f"{item.path}/".startswith(trees):
            children.setdefault(item.path, [])
    for item in manifest.paths:
        parent, _, name = item.path.rpartition("/")
        if parent in children and item.kind != "absent":
            children[parent].append(name)
    lines: list[str] = []
    for path in sorted(children, key=sort_key):
        folder = f'"$root"/{_relative(path)}'
        lines.append("set +f")
        lines.append(f"for item in {folder}/* {folder}/.[!.]* {folder}/..?*; do")
        lines.append('  [ -e "$item" ] || [ -L "$item" ] || continue')
        lines.append('  [ ! -S "$item" ] || continue')
        lines.append("  case ${item##*/} in")
        lines.extend(f"    {quote(name)}) ;;" for name in children[path])
        lines.append('    *) remove "$item" ;;')
        lines.extend(["  esac", "done", "set -f"])
    return lines


def _folder_metadata(manifest: Manifest) -> list[str]:
    lines: list[str] = []
    for item in sorted((item for item in manifest.paths if item.kind == "directory"), key=lambda item: -_depth(item)):
        path = f'"$root"/{_relative(item.path)}'
        lines.append(f"own {path} {item.uid}:{item.gid}")
        lines.append(" ".join(["only", path, *(quote(name) for name in item.xattrs)]))
        lines.extend(f"attribute {path} {quote(name)} {value}" for name, value in item.xattrs.items())
        lines.append(f"mode {path} {item.mode:04o}")
        if item.mtime_ns != UNTIMED:
            lines.append(f"stamp {path} {_stamp(item.mtime_ns)}")
    lines.extend(
        f"new_above {_relative(item.path)}" for item in sorted(manifest.ancestors, key=lambda item: -_depth(item)) if item.kind == "absent"
    )
    return lines


def _ending() -> list[str]:
    return [
        "sync",
        '[ -z "$taken" ] || fail "tout est restaure, sauf ceci, dont un dossier occupe la place : $taken" \\',
        '  "all is restored, but these, whose place a folder has taken: $taken" touched',
        'if [ "$partial" = yes ]; then',
        '  say "Restaure, sauf des attributs ou des dossiers." "Restored, except attributes or folders."',
        "  exit 3",
        "fi",
        'say "Le poste est dans l\'etat de la sauvegarde." "The workstation is in the state of the snapshot."',
        "",
    ]
