"""Memory does not grow with the answer."""

from __future__ import annotations

import json
import subprocess
import sys

_READ = """
import json, resource, sys
from pmsbridge.transport.dataset import DataSetReader

def answer(rows):
    yield b'<R xmlns:d="urn:schemas-microsoft-com:xml-diffgram-v1"><d:diffgram><NewDataSet xmlns="">'
    for start in range(0, rows, 1000):
        yield b"".join(
            b'<Table d:id="Table%d"><ID>%d</ID><sName>somebody number %d</sName><dcRent>129.0000</dcRent></Table>'
            % (n, n, n) for n in range(start, start + 1000)
        )
    yield b"</NewDataSet></d:diffgram></R>"

def peak_kib():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

assert sum(1 for _ in DataSetReader(answer(5_000)).rows("Table")) == 5_000
before = peak_kib()
count = sum(1 for _ in DataSetReader(answer(150_000)).rows("Table"))
print(json.dumps({"rows": count, "grown_mib": (peak_kib() - before) / 1024}))
"""


def test_thirty_times_the_rows_take_no_more_memory() -> None:
    done = subprocess.run([sys.executable, "-c", _READ], capture_output=True, text=True, check=True, timeout=120)

    measured = json.loads(done.stdout)

    assert measured["rows"] == 150_000
    assert measured["grown_mib"] < 24
