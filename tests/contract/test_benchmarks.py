"""What a benchmark prints with ``--json``."""

from __future__ import annotations

import json

import pytest

from benchmarks import harness


def printed(capsys: pytest.CaptureFixture[str], *subjects: harness.Subject) -> dict[str, object]:
    claim = harness.Claim("fast", ">= 2 times", "3.0 times", holds=True)
    harness.report("title", ("a",), [["b"]], [claim], {"cores": 2}, as_json=True, subjects=subjects)
    found: dict[str, object] = json.loads(capsys.readouterr().out)
    return found


def test_the_object_has_the_figures_of_every_subject_beside_the_claims(capsys: pytest.CaptureFixture[str]) -> None:
    samples = [harness.Sample(seconds, 100, mb) for seconds, mb in ((2.0, 1.0), (1.0, 3.5), (4.0, 2.0))]

    found = printed(capsys, harness.Subject("ours", samples))

    assert set(found) == {"claims", "machine", "subjects"}
    assert found["claims"] == [{"claim": "fast", "wanted": ">= 2 times", "measured": "3.0 times", "holds": True}]
    assert found["subjects"] == [
        {
            "subject": "ours",
            "rounds": 3,
            "rows": 100,
            "median_s": 2.0,
            "min_s": 1.0,
            "max_s": 4.0,
            "rows_per_second": 50,
            "peak_added_mb": 3.5,
        }
    ]


def test_a_benchmark_without_subjects_prints_claims_and_machine_alone(capsys: pytest.CaptureFixture[str]) -> None:
    assert set(printed(capsys)) == {"claims", "machine"}
