r"""``restore.cmd``: brings a Windows snapshot back with what every Windows has.

That is ``cmd``, ``certutil``, ``reg``, ``msiexec``, ``sc``. No PowerShell, which a company's rules may forbid and which the repair
console lacks.

Rules of the script: every object is verified before anything is touched; no folder on the way may be a link; products first (those of
other versions removed, then the kept packages installed from the oldest up), then files, then registry keys (removed, then imported), then
services; a product or key that is refused is named and keeps nothing else away; each file is compared by its digest before it takes its
place; running it again is harmless. ASCII alone, unless a path is not.
``restore.cmd D:`` restores the files of a Windows that does not run, on drive D; products and keys need the Windows itself.
"""

from __future__ import annotations

import ntpath
import re
import shlex
from typing import TYPE_CHECKING, Final

from atsam_safe.volume import primitives
from atsam_safe.volume.errors import printable
from atsam_safe.volume.state_place import RESERVE, RESERVE_BESIDE, WINDOWS_PLACE
from atsam_safe.volume.windows_names import KEYS, NEWER, PRODUCTS, SERVICES, STRANGERS, unusable

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from atsam_safe.snapshot.model import Manifest, PathState

NAME: Final = "restore.cmd"
_PLACE: Final = WINDOWS_PLACE.replace("/", "\\")
_LETTERS: Final = re.compile(r"[RHS]*\Z")

_HEAD: Final = r"""@echo off
rem atsam-safe snapshot @ID@ (@CREATED@)
rem Remet le poste dans l'etat de cette sauvegarde, sans le programme atsam-safe.
rem Puts the workstation back into the state of this snapshot, without the program atsam-safe.
rem
rem As administrator / en tant qu'administrateur:  restore.cmd [/check] [DRIVE:]
rem   /check   only verify the snapshot / verifier seulement la sauvegarde
rem   DRIVE:   default: the one on which this snapshot lies / par defaut : celui de cette sauvegarde
rem            a Windows that does not run: files only / un Windows arrete : les fichiers seulement
setlocal EnableExtensions DisableDelayedExpansion
if defined PROCESSOR_ARCHITEW6432 (
  "%SystemRoot%\Sysnative\cmd.exe" /d /c ""%~f0" %*"
  exit /b
)
@CODEPAGE@set "here=%~dp0"
set "objects=%here%..\..\objects"
set "packages=%here%..\..\packages"
set "kept=%here%system"
set "bin=%SystemRoot%\System32"
set "only="
if /i "%~1"=="/check" set "only=yes"
if defined only shift
set "root=%~1"
set "live="
set "partial="
set "refused="
for %%I in ("%here%..\..") do set "state=%%~fI"
if not defined root if /i "%state%"=="%~d0\@PLACE@" set "root=%~d0"
if not defined root goto nodrive
if /i "%root%"=="%SystemDrive%" set "live=yes"
rem kept outside of the workstation: the two bear the same number
if not exist "%state%\workstation" goto ours
set "number="
set "mark="
for /f "usebackq delims=" %%A in ("%state%\workstation") do if not defined number set "number=%%A"
if not exist "%root%\@PLACE@\elsewhere" goto stranger
for /f "usebackq delims=" %%A in ("%root%\@PLACE@\elsewhere") do if not defined mark set "mark=%%A"
if not "%number%"=="%mark%" goto stranger
:ours
if not exist "%bin%\certutil.exe" goto notools
"""

_SEALED: Final = r"""set "bad="
if not exist "%kept%\SHA256SUMS" goto verified
for /f "usebackq tokens=1,2" %%A in ("%kept%\SHA256SUMS") do call :sealed %%A "%%B"
if defined bad goto damaged
:verified
echo La sauvegarde est intacte. / The snapshot is whole.
if defined only exit /b 0
rem the room that a killed run of the program kept for the way back, before anything is written
set "p=%state%\@RUN@"
call :way
if errorlevel 1 goto beside
set "p=%state%\@RESERVE@"
call :spare
:beside
set "p=%root%\@ABOVE@"
call :way
if errorlevel 1 goto probe
set "p=%root%\@PLACE@"
call :way
if errorlevel 1 goto probe
set "p=%root%\@PLACE@\@BESIDE@"
call :spare
:probe
copy /y nul "%root%\Windows\atsam-safe-probe.tmp" >nul 2>&1
if not exist "%root%\Windows\atsam-safe-probe.tmp" goto rights
del /f /q "%root%\Windows\atsam-safe-probe.tmp"
if not defined live goto files
if not exist "%kept%\@STRANGERS@" goto files
for /f "usebackq tokens=1" %%A in ("%kept%\@STRANGERS@") do call :remove %%A
for /f "usebackq tokens=1,2,3,*" %%A in ("%kept%\@PRODUCTS@") do call :install %%A "%%B" %%C "%%D"
:files
"""

_TAIL: Final = r"""if not defined live goto done
if not exist "%kept%\@KEYS@" goto done
for /f "usebackq tokens=1,2,3,*" %%A in ("%kept%\@KEYS@") do call :key %%A %%B %%C "%%D"
for /f "usebackq tokens=1,2,*" %%A in ("%kept%\@SERVICES@") do call :service %%A %%B "%%C"
:done
if defined refused goto refused
if defined partial echo Termine ; ce qui est nomme ci-dessus reste a faire. / Done; what is named above is left to do.
if not defined partial echo Termine. / Done.
exit /b 0

:sum
rem digest of the file %f% in %sum%
set "sum="
if not exist "%f%" exit /b 0
for /f "skip=1 delims=" %%H in ('%bin%\certutil.exe -hashfile "%f%" SHA256 2^>nul') do if not defined sum set "sum=%%H"
if defined sum set "sum=%sum: =%"
exit /b 0

:object
rem the object %o% is there and whole
set "f=%objects%\%o%"
set "want=%o:\=%"
call :sum
if /i not "%sum%"=="%want%" exit /b 1
exit /b 0

:sealed
if defined bad exit /b 1
set "f=%kept%\%~2"
call :sum
if /i not "%sum%"=="%~1" set "bad=yes"
exit /b 0

:look
rem attributes of what lies at %p% in %a%, nothing when there is nothing; d is a folder, l a link
set "a="
for %%I in ("%p%") do set "a=%%~aI"
exit /b 0

:way
rem a folder on the way that is a link leads elsewhere
call :look
if not defined a exit /b 0
if not "%a:l=%"=="%a%" exit /b 1
exit /b 0

:spare
rem a file alone: of a folder, del would take all that is in it
call :look
if not defined a exit /b 0
if /i "%a:~0,1%"=="d" exit /b 0
del /f /q "%p%" >nul 2>&1
exit /b 0

:there
rem is the product %1 there? As Windows Installer itself registers it, in either view
"%bin%\reg.exe" query "HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Uninstall\%~1" /reg:64 >nul 2>&1
if not errorlevel 1 exit /b 0
"%bin%\reg.exe" query "HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Uninstall\%~1" /reg:32 >nul 2>&1
if not errorlevel 1 exit /b 0
exit /b 1

:refuse
rem one thing that is refused keeps none of the others away: half of the way back is better than none
echo Non remis / not put back: %~1
set "refused=yes"
exit /b 0

:remove
call :there %1
if errorlevel 1 exit /b 0
echo Retire / removing %~1
start "" /wait "%bin%\msiexec.exe" /x %~1 /qn /norestart REBOOT=ReallySuppress MSIRESTARTMANAGERCONTROL=Disable
call :there %1
if not errorlevel 1 call :refuse %1
exit /b 0

:install
call :there %1
if not errorlevel 1 exit /b 0
echo Remet / putting back %~4
if not exist "%packages%\%~3" md "%packages%\%~3"
copy /b /y "%kept%\%~2" "%packages%\%~3\%~4" >nul
call :put %1 "%packages%\%~3\%~4"
if not errorlevel 1 exit /b 0
rem an older product is refused where a newer one is: that one goes, and comes back after it
for /f "usebackq tokens=1,2" %%E in ("%kept%\@NEWER@") do if /i "%%E"=="%~1" call :remove %%F
call :put %1 "%packages%\%~3\%~4"
if errorlevel 1 call :refuse "%~4"
exit /b 0

:put
start "" /wait "%bin%\msiexec.exe" /i "%~2" /qn /norestart REBOOT=ReallySuppress MSIRESTARTMANAGERCONTROL=Disable
call :there %1
if not errorlevel 1 exit /b 0
exit /b 1

:gone
call :look
if not defined a exit /b 0
if /i "%a:~0,1%"=="d" goto gonefolder
"%bin%\attrib.exe" -r -h -s "%p%" >nul 2>&1
del /f /q "%p%"
call :look
if defined a exit /b 1
exit /b 0
:gonefolder
rem an empty one alone: what others have put into it since is theirs
rd "%p%" >nul 2>&1
call :look
if not defined a exit /b 0
echo Dossier non vide laisse / folder not empty, left: "%p%"
set "partial=yes"
exit /b 0

:folder
call :look
if not defined a goto make
if /i "%a:~0,1%"=="d" exit /b 0
call :gone
if errorlevel 1 exit /b 1
:make
md "%p%"
call :look
if not defined a exit /b 1
exit /b 0

:file
rem a folder of somebody else in the place of a file: the file cannot be put back
call :look
if defined a if /i "%a:~0,1%"=="d" rd "%p%" >nul 2>&1
call :look
if defined a if /i "%a:~0,1%"=="d" exit /b 1
rem already right: left alone, whatever uses it
set "want=%o:\=%"
set "f=%p%"
call :sum
if /i "%sum%"=="%want%" exit /b 0
copy /b /y "%objects%\%o%" "%p%.atsam-safe" >nul
set "f=%p%.atsam-safe"
call :sum
if /i not "%sum%"=="%want%" exit /b 1
if exist "%p%" "%bin%\attrib.exe" -r -h -s "%p%" >nul 2>&1
move /y "%p%.atsam-safe" "%p%" >nul
if exist "%p%.atsam-safe" exit /b 1
if not exist "%p%" exit /b 1
exit /b 0

:key
rem view, ours, file or -, key
if not "%~3"=="-" goto keyback
if "%~2"=="ours" "%bin%\reg.exe" delete "HKLM\%~4" /f /reg:%~1 >nul 2>&1
exit /b 0
:keyback
"%bin%\reg.exe" delete "HKLM\%~4" /f /reg:%~1 >nul 2>&1
"%bin%\reg.exe" import "%kept%\%~3" /reg:%~1 >nul 2>&1
"%bin%\reg.exe" query "HKLM\%~4" /reg:%~1 >nul 2>&1
if errorlevel 1 call :refuse "HKLM\%~4"
exit /b 0

:service
rem start, running or stopped, name
if not "%~1"=="-" "%bin%\sc.exe" config "%~3" start= %~1 >nul 2>&1
if "%~2"=="running" "%bin%\sc.exe" start "%~3" >nul 2>&1
exit /b 0

:nodrive
echo ARRET : indiquez le disque a restaurer, par exemple restore.cmd C:
echo STOP: name the drive to restore, for example restore.cmd C:
exit /b 1
:stranger
echo ARRET : cette sauvegarde est celle d'un autre poste. Rien n'est touche.
echo STOP: this is the snapshot of another workstation. Nothing is touched.
exit /b 1
:notools
echo ARRET : certutil.exe manque, rien n'est touche.
echo STOP: certutil.exe is missing, nothing is touched.
exit /b 1
:rights
echo ARRET : il faut les droits d'administrateur. Rien n'est touche.
echo STOP: administrator rights are needed. Nothing is touched.
exit /b 1
:damaged
echo ARRET : contenu manquant ou abime dans la sauvegarde, rien n'est touche : "%f%"
echo STOP: content missing or damaged in the snapshot, nothing is touched.
exit /b 1
:link
echo ARRET : lien sur le chemin : "%p%"
echo STOP: a link is in the way.
exit /b 1
:failed
echo ARRET : impossible de remettre "%p%". Corrigez la cause puis relancez ce script.
echo STOP: this cannot be put back. Correct the cause, then run this script again.
exit /b 1
:refused
echo ARRET : ce qui est nomme ci-dessus n'est pas remis. Corrigez la cause puis relancez ce script.
echo STOP: what is named above is not put back. Correct the cause, then run this script again.
exit /b 1
"""


def script_in(folder: Path) -> Path:
    """The script in a snapshot's folder that a person of this system runs."""
    return folder / (NAME if primitives.IS_WINDOWS else "restore.sh")


def by_hand(folder: Path, root: str) -> str:
    """What a person types to bring a snapshot back to the workstation at ``root`` without this program: quoted, ready to be pasted."""
    script = printable(str(script_in(folder)))
    return f'"{script}"' if primitives.IS_WINDOWS else shlex.join(["sh", script, printable(root)])


def render(manifest: Manifest) -> bytes:
    """The whole script of a manifest. Paths that no Windows can have are left out: they cannot have been there."""
    paths = [item for item in manifest.paths if not unusable(item.path)]
    ancestors = [item for item in manifest.ancestors if not unusable(item.path)]
    plain = all(item.path.isascii() for item in (*paths, *ancestors))
    head = _HEAD.replace("@ID@", manifest.id).replace("@CREATED@", manifest.created_at)
    head = head.replace("@PLACE@", _PLACE)
    lines = head.replace("@CODEPAGE@", "" if plain else '"%SystemRoot%\\System32\\chcp.com" 65001 >nul\n').splitlines()
    lines += _checks(paths, ancestors)
    lines += _listed(_SEALED)
    lines += _removals(paths)
    lines += _contents(paths, ancestors)
    lines += _listed(_TAIL)
    return "\r\n".join([*lines, ""]).encode("utf-8", "replace")


def _listed(text: str) -> list[str]:
    reserve = RESERVE.replace("/", "\\")
    places = (("@PLACE@", _PLACE), ("@ABOVE@", ntpath.dirname(_PLACE)), ("@BESIDE@", RESERVE_BESIDE))
    names = (("@PRODUCTS@", PRODUCTS), ("@STRANGERS@", STRANGERS), ("@NEWER@", NEWER), ("@KEYS@", KEYS), ("@SERVICES@", SERVICES))
    for mark, name in (*names, *places, ("@RESERVE@", reserve), ("@RUN@", ntpath.dirname(reserve))):
        text = text.replace(mark, name)
    return text.splitlines()


def _object(item: PathState) -> str:
    sha256 = item.sha256 or ""
    return f"{sha256[:2]}\\{sha256[2:]}"


def _depth(item: PathState) -> int:
    return item.path.count("/")


def _at(path: str) -> str:
    """The line that names a path for the next call: a per cent sign would begin a variable."""
    return 'set "p=%root%' + path.replace("/", "\\").replace("%", "%%") + '"'


def _checks(paths: list[PathState], ancestors: Iterable[PathState]) -> list[str]:
    lines: list[str] = []
    within = {item.path for item in paths}
    for path in sorted({item.path for item in ancestors} - within):
        lines += [_at(path), "call :way", "if errorlevel 1 goto link"]
    for name in sorted({_object(item) for item in paths if item.kind == "file"}):
        lines += [f'set "o={name}"', "call :object", "if errorlevel 1 goto damaged"]
    return lines


def _removals(paths: list[PathState]) -> list[str]:
    lines: list[str] = []
    for item in sorted((item for item in paths if item.kind == "absent"), key=_depth, reverse=True):
        lines += [_at(item.path), "call :gone", "if errorlevel 1 goto failed"]
    return lines


def _contents(paths: list[PathState], ancestors: Iterable[PathState]) -> list[str]:
    lines: list[str] = []
    folders = [item for item in (*ancestors, *paths) if item.kind == "directory"]
    for path in sorted({item.path for item in folders}, key=lambda path: (path.count("/"), path)):
        lines += [_at(path), "call :way", "if errorlevel 1 goto link", "call :folder", "if errorlevel 1 goto failed"]
    for item in paths:
        if item.kind != "file":
            continue
        lines += [_at(item.path), f'set "o={_object(item)}"', "call :file", "if errorlevel 1 goto failed"]
        letters = _attributes(item)
        if letters:
            lines.append(f'"%bin%\\attrib.exe" {letters} "%p%" >nul 2>&1')
    return lines


def _attributes(item: PathState) -> str:
    """Hidden, system and read-only, as ``attrib`` writes them."""
    kept = bytes.fromhex(item.xattrs.get("windows.attributes", "")).decode("ascii", "replace")
    letters = (kept if _LETTERS.match(kept) else "") + ("R" if not item.mode & 0o200 else "")
    return " ".join(f"+{letter.lower()}" for letter in dict.fromkeys(letters))
