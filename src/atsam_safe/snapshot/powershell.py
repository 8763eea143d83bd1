"""``restore.ps1``: brings a Windows snapshot back with nothing but Windows' own PowerShell, when this program cannot be run.

The same text for every snapshot: what to restore stands in the manifest beside it. Every object is verified before anything is touched;
products first (from the kept packages; one that is refused is named and keeps nothing else away), then files, then registry keys; running
it again is harmless. ASCII alone: PowerShell 5 reads a file without a mark in the system's own code page.
"""

from __future__ import annotations

import hashlib
from typing import Final

NAME: Final = "restore.ps1"
# Scripts of earlier versions of this program lie in snapshots that are as good as ever.
_EARLIER: Final = frozenset(
    {
        "bc3f24435cb01472e3dbff7fa528d450ca654053ce5bdecd1d2fa855b47cef53",
        "70a89abc43a99e7c232652e4c3326fb8c8fd53ce1382dc41f4a6f7c6a09cadec",
        "b8167ec679fe02e0082885cd1e6f2c00d2337c8e0406dd960b1bc6e5715e3cec",
        "3c79e8876bc9acae8c4c4d03ed7fea639b506b68b30a5c04b551e5f51086f17c",
        "8c5410cf1b13287156ff55f828c5ee00dec80df32112b16b8c477d8ec6cd695f",
    }
)

SCRIPT: Final = rb"""# atsam-safe snapshot: puts the workstation back into the state of this snapshot, without the program atsam-safe.
# Remet le poste dans l'etat de cette sauvegarde, sans le programme atsam-safe.
#
# As administrator / en tant qu'administrateur:
#   powershell -NoProfile -ExecutionPolicy Bypass -File restore.ps1 [-Check] [-Root X:\]
#   -Check   only verify the snapshot / verifier seulement la sauvegarde
#   -Root    default: the drive on which this snapshot lies / par defaut : le disque de cette sauvegarde
param([switch]$Check, [string]$Root = '')
if ($env:PROCESSOR_ARCHITEW6432) {
    # a 32-bit PowerShell is shown other system folders than the real ones
    Write-Host 'ARRET : ouvrez le PowerShell de 64 bits. / STOP: open the 64-bit PowerShell.'
    exit 1
}
$ErrorActionPreference = 'Stop'
Set-StrictMode -Version 2
$here = Split-Path -Parent $MyInvocation.MyCommand.Path
$objects = Join-Path $here '..\..\objects'
$system = Join-Path $here 'system'
function Fail($fr, $en) { Write-Host "ARRET : $fr"; Write-Host "STOP: $en"; exit 1 }
$script:refused = $false
function Refuse($what) { Write-Host "Non remis / not put back: $what"; $script:refused = $true }
function Host-Path($path) { Join-Path $Root ($path.TrimStart('/') -replace '/', '\') }
function Object-Of($sha) { Join-Path $objects ($sha.Substring(0, 2) + '\' + $sha.Substring(2)) }
function Is-Link($path) { $i = Get-Item -LiteralPath $path -Force -ErrorAction SilentlyContinue; $i -and ($i.Attributes -band 0x400) }
function Guard($path) {
    $parent = Split-Path -Parent $path
    while ($parent -and $parent.Length -gt 3) {
        if (Is-Link $parent) { Fail "lien sur le chemin : $parent" "a link is in the way: $parent" }
        $parent = Split-Path -Parent $parent
    }
}
function Run-Installer($what) {
    $line = $what + ' /qn /norestart REBOOT=ReallySuppress MSIRESTARTMANAGERCONTROL=Disable'
    (Start-Process -FilePath "$env:SystemRoot\System32\msiexec.exe" -ArgumentList $line -Wait -PassThru).ExitCode
}
$state = [IO.Path]::GetFullPath((Join-Path $here '..\..'))
if (-not $Root) {
    $Root = [IO.Path]::GetPathRoot($state)
    if ($state -ne ($Root + 'ProgramData\atsam-safe')) { Fail 'indiquez le disque : -Root C:\' 'name the drive: -Root C:\' }
}
$numbered = Join-Path $state 'workstation'
if (Test-Path -LiteralPath $numbered) {
    # kept outside of the workstation: the two bear the same number
    $mark = Join-Path $Root 'ProgramData\atsam-safe\elsewhere'
    $bears = if (Test-Path -LiteralPath $mark) { @(Get-Content -LiteralPath $mark)[0] } else { '' }
    if ($bears -ne @(Get-Content -LiteralPath $numbered)[0]) {
        Fail "cette sauvegarde est celle d'un autre poste" 'this is the snapshot of another workstation'
    }
}
$manifest = Get-Content -LiteralPath (Join-Path $here 'manifest.json') -Raw -Encoding UTF8 | ConvertFrom-Json
foreach ($item in $manifest.paths) {
    if ($item.kind -ne 'file') { continue }
    $object = Object-Of $item.sha256
    if (-not (Test-Path -LiteralPath $object -PathType Leaf)) { Fail "contenu manquant : $object" "content missing: $object" }
    if ((Get-FileHash -LiteralPath $object -Algorithm SHA256).Hash -ne $item.sha256) { Fail "contenu abime : $object" "damaged: $object" }
}
$kept = $null
if (Test-Path -LiteralPath (Join-Path $system 'SHA256SUMS')) {
    foreach ($line in Get-Content -LiteralPath (Join-Path $system 'SHA256SUMS')) {
        $sum, $name = $line -split '  ', 2
        if ((Get-FileHash -LiteralPath (Join-Path $system $name) -Algorithm SHA256).Hash -ne $sum) { Fail "abime : $name" "damaged: $name" }
    }
    $kept = Get-Content -LiteralPath (Join-Path $system 'windows.json') -Raw -Encoding UTF8 | ConvertFrom-Json
}
Write-Host 'La sauvegarde est intacte. / The snapshot is whole.'
if ($Check) { exit 0 }
# the room that a killed run of the program kept for the way back, before anything is written; never through a link
foreach ($spare in (Join-Path $state 'run\reserve'), (Join-Path $Root 'ProgramData\atsam-safe\.atsam-safe-0000000000000000.tmp')) {
    $above = Split-Path -Parent $spare
    if ((Is-Link $above) -or (Is-Link (Split-Path -Parent $above)) -or -not (Test-Path -LiteralPath $spare -PathType Leaf)) { continue }
    try { Remove-Item -LiteralPath $spare -Force } catch { Write-Host "Reste / left: $spare" }
}
if ($kept) {
    $installer = New-Object -ComObject WindowsInstaller.Installer
    $codes = @($kept.products | ForEach-Object { $_.code })
    $newer = @()
    if (Test-Path -LiteralPath (Join-Path $system 'newer.list')) { $newer = @(Get-Content -LiteralPath (Join-Path $system 'newer.list')) }
    foreach ($code in @($kept.strangers)) {
        # a newer product would not let an older one in
        if (-not $code -or $codes -contains $code -or $installer.ProductState($code) -ne 5) { continue }
        [void](Run-Installer ('/x ' + $code))
        if ($installer.ProductState($code) -eq 5) { Refuse $code }
    }
    foreach ($product in $kept.products) {
        if ($installer.ProductState($product.code) -eq 5) { continue }
        $place = Join-Path (Join-Path $here '..\..\packages') $product.sha256.Substring(0, 16)
        $package = Join-Path $place $product.original
        try {
            [void](New-Item -ItemType Directory -Force -Path $place)
            Copy-Item -LiteralPath (Join-Path $system $product.package) -Destination $package -Force
        } catch { Refuse $product.name; continue }
        $code = Run-Installer ('/i "' + $package + '"')
        if ($code -eq 1603) {
            # one of ours that is newer does not let it in either: it goes, and its turn comes after
            foreach ($pair in $newer) {
                $old, $new = $pair -split ' ', 2
                if ($old -eq $product.code -and $installer.ProductState($new) -eq 5) { [void](Run-Installer ('/x ' + $new)) }
            }
            $code = Run-Installer ('/i "' + $package + '"')
        }
        if ($code -ne 0 -and $code -ne 3010) { Refuse "$($product.name) (code $code)" }
    }
}
foreach ($item in ($manifest.paths | Where-Object { $_.kind -eq 'absent' } | Sort-Object { - $_.path.Length })) {
    $path = Host-Path $item.path
    Guard $path
    if (-not (Test-Path -LiteralPath $path)) { continue }
    if (Test-Path -LiteralPath $path -PathType Leaf) { Remove-Item -LiteralPath $path -Force; continue }
    if (@(Get-ChildItem -LiteralPath $path -Force).Count -eq 0) { Remove-Item -LiteralPath $path -Force }
    else { Write-Host "Dossier non vide laisse / folder not empty, left: $path" }
}
foreach ($item in $manifest.paths) {
    $path = Host-Path $item.path
    if ($item.kind -eq 'directory') { Guard $path; [void](New-Item -ItemType Directory -Force -Path $path) }
    if ($item.kind -ne 'file') { continue }
    Guard $path
    [void](New-Item -ItemType Directory -Force -Path (Split-Path -Parent $path))
    $beside = "$path.atsam-safe"
    Copy-Item -LiteralPath (Object-Of $item.sha256) -Destination $beside -Force
    (Get-Item -LiteralPath $beside -Force).Attributes = 'Normal'
    if ((Get-FileHash -LiteralPath $beside -Algorithm SHA256).Hash -ne $item.sha256) { Fail "copie fausse : $path" "bad copy: $path" }
    Move-Item -LiteralPath $beside -Destination $path -Force
    [IO.File]::SetLastWriteTimeUtc($path, ([DateTime]'1970-01-01').AddTicks([Math]::Floor($item.mtime_ns / 100)))
}
if ($kept) {
    foreach ($key in $kept.keys) {
        # importing alone merges: what was added since would stay
        if ($key.file -or $key.ours) {
            & "$env:SystemRoot\System32\reg.exe" delete "HKLM\$($key.key)" /f "/reg:$($key.view)" 2>$null | Out-Null
        }
        if (-not $key.file) { continue }
        & "$env:SystemRoot\System32\reg.exe" import (Join-Path $system $key.file) "/reg:$($key.view)" | Out-Null
        if ($LASTEXITCODE -ne 0) { Refuse "HKLM\$($key.key)" }
    }
    $modes = @{ automatic = 'Automatic'; manual = 'Manual'; disabled = 'Disabled' }
    foreach ($service in $kept.services) {
        if ($service.start -and $modes.ContainsKey($service.start)) {
            Set-Service -Name $service.name -StartupType $modes[$service.start] -ErrorAction SilentlyContinue
        }
        if ($service.running) { Start-Service -Name $service.name -ErrorAction SilentlyContinue }
    }
}
if ($script:refused) {
    Fail "ce qui est nomme ci-dessus n'est pas remis, relancez ensuite ce script" 'what is named above is not put back, run this again then'
}
Write-Host 'Termine. / Done.'
"""


def is_ours(content: bytes) -> bool:
    """True for the script of this version of the program or of an earlier one."""
    return content == SCRIPT or hashlib.sha256(content).hexdigest() in _EARLIER
