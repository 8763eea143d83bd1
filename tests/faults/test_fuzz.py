"""The readers on garbage: the corpus is replayed and a bounded number of new inputs is tried (more: ``scripts/faults --fuzz``)."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from faults.fuzz import TARGETS, try_one, whole_package

CORPUS = Path(__file__).parent / "corpus"
BOUNDED = settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@pytest.mark.parametrize("name", TARGETS)
def test_the_corpus_is_read_or_refused(name: str) -> None:
    target = TARGETS[name]
    for seed in target.seeds:
        try_one(target, seed)
    for path in sorted((CORPUS / name).glob("*")):
        try_one(target, path.read_bytes())


def test_seeds_are_read_whole() -> None:
    """A seed that is refused at its first byte would lead a fuzzer nowhere."""
    for name in ("package", "payload", "bom", "xml", "plist", "ini", "galss.ini", "journal"):
        for seed in TARGETS[name].seeds:
            TARGETS[name].read(seed)
    TARGETS["package"].read(whole_package())


@pytest.mark.parametrize("name", TARGETS)
@BOUNDED
@given(data=st.data())
def test_bent_seeds_give_an_answer_or_our_error(name: str, data: st.DataObject) -> None:
    target = TARGETS[name]
    bent = bytearray(data.draw(st.sampled_from(target.seeds)))
    for _ in range(data.draw(st.integers(1, 6))):
        position = data.draw(st.integers(0, max(len(bent) - 1, 0)))
        kind = data.draw(st.sampled_from(["set", "cut", "insert", "repeat"]))
        if kind == "set" and bent:
            bent[position] = data.draw(st.integers(0, 255))
        elif kind == "cut":
            del bent[position : position + data.draw(st.integers(1, 64))]
        elif kind == "insert":
            bent[position:position] = data.draw(st.binary(max_size=16))
        else:
            bent[position:position] = bent[position : position + 64]
    try_one(target, bytes(bent))
