"""The card's number never leaves, whichever form the answer has and however the path is written."""

from __future__ import annotations

import json

import pytest

from atsam_safe.report.private import without_card_numbers

NUMBER = "80250000011234567890"


@pytest.mark.parametrize(
    "path",
    [
        f"/Library/Application Support/santesocial/CPS/cache/{NUMBER}_cert.der",
        f"/Library/Application Support/santesocial/CPS/{NUMBER}_cert.der",
        f"/Users/x/Library/Application Support/SanteSocial/cps/CACHE/{NUMBER}_cert.der",
        f"C:\\ProgramData\\santesocial\\CPS\\cache\\{NUMBER}_cert.der",
        f"C:\\ProgramData\\santesocial\\CPS\\{NUMBER}_cert.der",
        "/x/santesocial/CPS/cache/0A1B2C_cert.der",
        f"/x/santesocial/CPS/cache/{'ab' * 20}_cert.der",
    ],
)
def test_the_number_in_a_cached_files_name_is_taken_out(path: str) -> None:
    number = path.replace("\\", "/").rsplit("/", 1)[1].split("_")[0]
    for written in (path, json.dumps({"path": path}), f"« {path} » et {path}"):
        told = without_card_numbers(written.encode()).decode()
        assert number not in told
        assert told == written.replace(number, "***")


@pytest.mark.parametrize(
    "path",
    [
        "/x/santesocial/CPS/cache/readme_first.txt",
        "/x/santesocial/CPS/cache/12345_cert.der",
        f"/x/santesocial/CPS/cache/{'1' * 41}_cert.der",
        f"/x/santesocial/CPS/cache/{NUMBER}.der",
        f"/x/santesocial/{NUMBER}_cert.der",
        f"/x/CPS/cache/{NUMBER}_cert.der",
    ],
)
def test_nothing_else_is_changed(path: str) -> None:
    assert without_card_numbers(path.encode()) == path.encode()
