"""The story this project exists for, played for real: every line shown comes from a command that is really run.

Run by ``scripts/demo``, which prepares Python. Everything happens in the folder given as the first argument (made new each time).
Ends 0 only when every command ended as it should and every expectation held; the test-suite runs it too.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import time
from pathlib import Path
from typing import Any, BinaryIO, Final

PROJECT: Final = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(PROJECT), str(PROJECT / "tests"), str(PROJECT / "src")]

import msgspec  # noqa: E402 - found by the lines above
from plumbum import local  # noqa: E402
from scripts.stand_in_installer import BSDTAR  # noqa: E402

from lab.atsam import CRYPTOLIB, GALSS, Sabotage, build_atsam, component_items  # noqa: E402
from lab.authority import Authority  # noqa: E402
from lab.catalogue import write_test_manifests  # noqa: E402
from lab.damage import changed_file, missing_file, mixed_versions  # noqa: E402
from lab.raw_installer import raw_install  # noqa: E402
from lab.workstation import lay_out_mojave  # noqa: E402

KILL_AFTER_STEPS: Final = 5
KILL_TRIES: Final = 12


def execute(command: list[str], folder: Path, environment: dict[str, str]) -> tuple[int, str, str]:
    """Run a command to its end; returns exit code, standard output and standard error."""
    code, out, err = local[command[0]].run(command[1:], retcode=None, cwd=str(folder), env=environment, timeout=300)
    return int(code), str(out), str(err)


class DemoFailedError(Exception):
    """An expectation did not hold."""


class Story:
    """Runs the real program in ``folder`` and holds it to what the story expects."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.program = [sys.executable, "-m", "atsam_safe"]
        # a French workstation, whatever the machine speaks on which the demonstration runs
        self.environment = {"PYTHONPATH": str(PROJECT / "src"), "LC_ALL": "fr_FR.UTF-8", "PYTHONUTF8": "1", "NO_COLOR": "1"}

    def chapter(self, title: str) -> None:
        """Say what comes next."""
        print(f"\n\033[1m── {title}\033[0m" if sys.stdout.isatty() else f"\n── {title}")

    def remark(self, text: str) -> None:
        """Say something between two commands."""
        print(f"   {text}")

    def show(self, *arguments: str, code: int, contains: tuple[str, ...] = ()) -> str:
        """Run a command, show it with its output, and require its exit code and words."""
        print(f"\n$ atsam-safe {' '.join(arguments)}")
        started = time.monotonic()
        code_seen, out, err = execute([*self.program, *arguments], self.folder, self.environment)
        seconds = time.monotonic() - started
        print("\n".join("  " + line for line in out.rstrip("\n").split("\n")))
        if "Traceback" in err:
            print(err)
        print(f"  → code {code_seen}, {seconds:.1f} s")
        self.require(code_seen == code, f"expected exit code {code}, got {code_seen}\n{err}")
        for words in contains:
            self.require(words in out, f"expected these words: {words!r}")
        return out

    def ask(self, *arguments: str) -> dict[str, Any]:
        """The JSON answer of a command, not shown."""
        code, out, _ = execute([*self.program, "--json", *arguments], self.folder, self.environment)
        answer: dict[str, Any] = msgspec.json.decode(out)
        self.require(answer["exit_code"] == code, "the envelope and the process disagree about the exit code")
        return answer

    def require(self, truth: object, otherwise: str) -> None:
        """Stop the demonstration when something is not as it should be."""
        if not truth:
            raise DemoFailedError(otherwise)

    def digest(self, root: str) -> str:
        """A digest of the whole volume, made by standard tools only: the program is not its own witness."""
        code, out, err = execute(["/bin/sh", "-c", _DIGEST_SCRIPT, "digest", str(self.folder / root)], self.folder, {})
        self.require(code == 0, f"the digest could not be made: {err}")
        return out.split()[0]

    def kill_in_the_middle(self, root: str, package: str) -> None:
        """Start an installation and kill it with SIGKILL as soon as its journal shows that the workstation is being changed."""
        journal = self.folder / root / "Library/Application Support/atsam-safe/run/journal.log"
        with Path(os.devnull).open("wb") as silence:
            self._kill(journal, root, package, silence)

    def _kill(self, journal: Path, root: str, package: str, silence: BinaryIO) -> None:
        for attempt in range(KILL_TRIES):
            command = [*self.program, *MANIFESTS, "--root", root, "--yes", "install", package]
            running = local[command[0]].popen(command[1:], cwd=str(self.folder), env=self.environment, stdout=silence, stderr=silence)
            wanted = KILL_AFTER_STEPS + attempt
            while running.poll() is None:
                try:
                    if journal.read_bytes().count(b'"done"') >= wanted:
                        running.send_signal(signal.SIGKILL)
                        break
                except FileNotFoundError:
                    pass
            running.wait()
            if running.returncode == -signal.SIGKILL and journal.exists():
                print(f"\n$ atsam-safe {' '.join(command[len(self.program) :])} &\n$ kill -9 {running.pid}")
                self.remark(f"processus {running.pid} tué (signal 9) après {wanted} étapes écrites au journal")
                return
        raise DemoFailedError("the installation could never be killed in the middle")


_DIGEST_SCRIPT: Final = (
    'cd "$1" && { find . -path "./Library/Application Support/atsam-safe" -prune -o -printf "%p %y %m %U %G %l\\n"; '
    'find . -path "./Library/Application Support/atsam-safe" -prune -o -type f -exec sha256sum {} +; } | LC_ALL=C sort | sha256sum'
)
MANIFESTS: Final = ("--manifests", "catalogue-essai")


def prepare(folder: Path) -> None:
    """Build the signed packages, the catalogue that trusts their authority, and the doctor's workstation."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    authority = Authority.create()
    signer = authority.signer()
    (folder / "ATSAM-4.41.pkg").write_bytes(build_atsam("4.41", signer))
    (folder / "ATSAM-4.50.pkg").write_bytes(build_atsam("4.50", signer))
    (folder / "ATSAM-4.41-saboté.pkg").write_bytes(build_atsam("4.41", signer, sabotage={GALSS: _contradicting_version()}))
    write_test_manifests(folder / "catalogue-essai", authority.trust())
    lay_out_mojave(folder / "poste")
    shutil.copytree(folder / "poste", folder / "copie", symlinks=True)


def install_unguarded(folder: Path) -> str:
    """Put ATSAM 4.50 on the copy of the workstation as the system's installer would; what was run, line by line."""
    package = "ATSAM-4.50.pkg"
    if not Path(BSDTAR).exists():
        raw_install(folder / "copie", folder / package, vendor_scripts=False)
        return (
            f"  « bsdtar » manque ici (paquet libarchive-tools) : {package} est ouvert par le lecteur du programme, et posé sans contrôle."
        )
    script = os.path.relpath(PROJECT / "scripts/stand_in_installer.py", folder)
    command = [os.path.relpath(sys.executable, folder), script, package, "copie"]
    code, out, err = execute([sys.executable, *command[1:]], folder, {"LC_ALL": "C.UTF-8", "PYTHONUTF8": "1"})
    if code != 0:
        raise DemoFailedError(f"the stand-in of the system's installer ended {code}\n{out}{err}")
    return "\n".join([f"$ {' '.join(command)}", *(f"  {line}" for line in out.rstrip("\n").split("\n"))])


def _contradicting_version() -> Sabotage:
    """GALSS that claims 3.42.03 and carries the files of 3.43.02: sound and signed, but its content contradicts its version."""
    other = {item.path: item.data for item in component_items(GALSS, "3.43.02") if item.kind == "file" and item.path.endswith("Info.plist")}
    return Sabotage(contents=tuple(other.items()))


def play(story: Story) -> None:
    """The whole story, in the order it happened, and as it should have happened."""
    on = (*MANIFESTS, "--root", "poste")
    story.chapter("1. Le paquet : ce qu’il est vraiment, sans le lancer")
    story.show(*MANIFESTS, "inspect", "ATSAM-4.50.pkg", code=0, contains=("ATSAM 4.50", "fr.sesamvitale.galss.pkg"))

    story.chapter("2. Le poste du médecin : Mojave 10.14.6, ATSAM 4.41, MédiStory, DMP Connect")
    story.show(*on, "status", code=0, contains=("10.14.6", "atsam-macos-4.41", "MédiStory"))

    story.chapter("3. Ce que le médecin a fait en 2019 : installer la 4.50. Ici, c’est refusé, avec la raison")
    before = story.digest("poste")
    story.show(*on, "check", "ATSAM-4.50.pkg", code=10, contains=("REFUSÉ", "ATSAM 4.41."))
    story.show(*on, "--yes", "install", "ATSAM-4.50.pkg", code=10, contains=("REFUSÉ",))
    story.require(story.digest("poste") == before, "a refused installation touched the workstation")
    story.remark(f"empreinte du volume inchangée : {before[:16]}…")

    story.chapter("4. Ce que l’installateur brut aurait fait (sur une copie du poste)")
    story.remark("L’installateur d’Apple n’existe que sur macOS. À sa place, des outils ordinaires font du paquet ce qu’il en fait :")
    story.remark("ils le posent par-dessus ce qui est là, sans rien vérifier, sans rien demander et sans rien garder.")
    print("\n" + install_unguarded(story.folder))
    story.show(*MANIFESTS, "--root", "copie", "status", code=11, contains=("PAS en ordre",))

    story.chapter("5. Un lot abîmé : un fichier manque, un autre est changé, des fichiers d’une autre version")
    missing_file(story.folder / "poste")
    changed_file(story.folder / "poste")
    mixed_versions(story.folder / "poste", CRYPTOLIB, "5.1.8")
    story.show(*on, "status", code=11, contains=("PAS en ordre",))

    story.chapter("6. Le remède : ATSAM 4.41, d’un bloc")
    story.show(*on, "--yes", "install", "ATSAM-4.41.pkg", code=0, contains=("Installé et vérifié",))
    story.show(*on, "verify", code=0)

    story.chapter("7. Un paquet signé mais menteur : la vérification échoue, tout revient de soi-même")
    before = story.digest("poste")
    story.show(*on, "--yes", "install", "ATSAM-4.41-saboté.pkg", code=20, contains=("remis comme avant",))
    after = story.digest("poste")
    story.require(before == after, "the automatic rollback left a difference")
    story.remark(f"empreinte du volume avant : {before}")
    story.remark(f"empreinte du volume après : {after} — identiques")

    story.chapter("8. Coupure en plein milieu (kill -9), puis « recover »")
    story.kill_in_the_middle("poste", "ATSAM-4.41.pkg")
    story.show(*on, "--no-recover", "--yes", "install", "ATSAM-4.41.pkg", code=22)
    story.show(*on, "recover", code=0)
    story.require(story.digest("poste") == before, "recover did not bring back the state before")
    story.remark("empreinte du volume identique à celle d’avant la coupure")

    story.chapter("9. Les sauvegardes, et le retour en arrière à la main")
    story.show(*on, "snapshots", "list", code=0)
    story.show(*on, "snapshots", "check", code=0)
    first = story.ask(*on, "snapshots", "list")["data"]["snapshots"][-1]
    story.show(*on, "--yes", "rollback", first["id"], code=0)
    story.show(*on, "status", code=11, contains=("PAS en ordre",))
    story.remark("le poste est revenu à l’état abîmé du chapitre 5 ; ce retour s’annule aussi :")
    story.show(*on, "--yes", "rollback", code=0)
    story.require(story.digest("poste") == before, "undoing the rollback left a difference")
    story.show(*on, "status", code=0)

    story.chapter("10. Sans ce programme, sans Python : le script de la sauvegarde suffit")
    _restore_alone(story, first["place"])


def _restore_alone(story: Story, place: str) -> None:
    """Run ``restore.sh`` of the first snapshot and let the program say what it sees."""
    shown = os.path.relpath(place, story.folder)
    print(f"\n$ sh '{shown}/restore.sh' poste")
    code, out, err = execute(
        ["/bin/sh", f"{place}/restore.sh", str(story.folder / "poste")], story.folder, {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
    )
    print("\n".join("  " + line for line in (out + err).rstrip("\n").split("\n")))
    story.require(code == 0, f"restore.sh ended {code}")
    story.show(*MANIFESTS, "--root", "poste", "status", code=11, contains=("PAS en ordre",))


def main() -> int:
    """Prepare, play, and say how it went."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else PROJECT / ".demo").absolute()
    started = time.monotonic()
    prepare(folder)
    try:
        play(Story(folder))
    except DemoFailedError as error:
        print(f"\nDEMO FAILED: {error}", file=sys.stderr)
        return 1
    print(f"\nTout s’est passé comme prévu, en {time.monotonic() - started:.0f} s. Le poste d’essai reste dans {folder}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
