"""Programs that run from sign-in on: a run that ended them says so when they do not run again."""

from __future__ import annotations

import pytest

from atsam_safe.catalogue.load import load_catalogue
from atsam_safe.facts.model import Facts, OperatingSystem, ProcessFact
from atsam_safe.plan.model import Target
from atsam_safe.verify import verify
from atsam_safe.words.translate import explain

CATALOGUE = load_catalogue(None)
SERVER = r"C:\Program Files (x86)\santesocial\srvsvcnam\SRVSVCNAM.exe"
CERTIFICATES = r"C:\Program Files\santesocial\CPS\ccm.exe"
GALSS = r"C:\Program Files\santesocial\galss\galsvw64.exe"
SET = {"cryptolib": "5.2.6", "galss": "3.45.01", "srvsvcnam": "5.10.04"}


def facts(*paths: str, told: bool = True) -> Facts:
    return Facts(
        adapter="windows",
        os=OperatingSystem(family="windows", name="Windows 11 Pro", version="10.0.26100", build="26100"),
        processes=tuple(ProcessFact(path=path, pid=number) for number, path in enumerate(paths)) if told else None,
        folders={"WINDIR": r"C:\Windows", "ProgramFiles": r"C:\Program Files", "ProgramFiles(x86)": r"C:\Program Files (x86)"},
    )


@pytest.mark.parametrize(
    ("before", "after", "target", "told"),
    [
        pytest.param(facts(SERVER, CERTIFICATES), facts(), SET, ["ccm.exe", "SRVSVCNAM.exe"], id="both are gone"),
        pytest.param(facts(SERVER, CERTIFICATES), facts(SERVER.upper()), SET, ["ccm.exe"], id="one runs again"),
        pytest.param(facts(CERTIFICATES), facts(), SET, ["ccm.exe"], id="what did not run before need not run"),
        pytest.param(facts(SERVER), facts(r"C:\Vendor\SRVSVCNAM.exe"), SET, ["SRVSVCNAM.exe"], id="a namesake is another program"),
        pytest.param(facts(GALSS), facts(), SET, [], id="a server that is started on demand"),
        pytest.param(facts(SERVER, CERTIFICATES), facts(), {}, [], id="taken away on purpose"),
        pytest.param(facts(SERVER), facts(told=False), SET, [], id="nobody can tell what runs now"),
        pytest.param(facts(told=False), facts(), SET, [], id="nobody could tell what ran"),
    ],
)
def test_a_program_that_ran_before_and_does_not_run_now_is_told_and_undoes_nothing(
    before: Facts, after: Facts, target: dict[str, str], told: list[str]
) -> None:
    found = [one for one in verify(before, after, CATALOGUE, Target(bundle=None, versions=target)).findings if "program" in one.params]
    assert [finding.params["program"] for finding in found] == told
    assert {(finding.ref, finding.severity) for finding in found} <= {("windows.program-not-running", "notice")}
    for finding in found:
        assert finding.params["program"] in explain(finding.problem, "fr").what
