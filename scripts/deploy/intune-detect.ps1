# Detection script of a Win32 app in Intune: found when it ends 0 AND writes something.
# Set $Bundle to the set that the app installs. It changes nothing.
$Bundle = 'field-windows-cryptolib-5.2.6'
$Program = "$env:ProgramFiles\atsam-safe\atsam-safe.exe"
if (-not (Test-Path -LiteralPath $Program)) { exit 1 }
& $Program --lang en verify --bundle $Bundle *> $null
if ($LASTEXITCODE -ne 0) { exit 1 }
Write-Output "$Bundle is installed and right."
exit 0
