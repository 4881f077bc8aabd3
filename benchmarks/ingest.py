"""How fast a DataSet answer becomes rows, and how much memory that takes: us, zeep, and the XML library alone.

``python benchmarks/ingest.py`` prints a table, ``--json`` one object. One generated answer (integers, decimals, dates,
booleans and text, about 15 % NULL, no white space between elements, which is the dense form services send and the
hardest for us) is read by

- ``zeep typed``: zeep parses the response into objects, as it does by default;
- ``zeep raw + tree``: zeep hands over the raw response, and lxml builds a tree from which rows are made;
- ``pmsbridge``: our streaming reader;
- ``libxml2 alone``: lxml parses the bytes into a tree and nothing is made of it: the floor.

Time is processor time of one process that does nothing else and waits for nothing: a busy machine disturbs it least.
"""

from __future__ import annotations

import argparse
import itertools
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks import harness

PIECE = 65_536
KINDS = ("int", "decimal", "dateTime", "boolean", "string")
PREFIXES = {"int": "iCol", "decimal": "dcCol", "dateTime": "dCol", "boolean": "bCol", "string": "sCol"}
NULL_SHARE = 0.15
LARGE = 10
SUBJECTS = ("zeep typed", "zeep raw + tree", "pmsbridge", "libxml2 alone")
WSDL = Path(__file__).resolve().parent / "ingest.wsdl"

HEAD = (
    '<?xml version="1.0" encoding="utf-8"?><soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/">'
    '<soap:Body><ReadResponse xmlns="http://bench.invalid/Ws"><ReadResult>'
)
DIFFGRAM = (
    '<diffgr:diffgram xmlns:msdata="urn:schemas-microsoft-com:xml-msdata" '
    'xmlns:diffgr="urn:schemas-microsoft-com:xml-diffgram-v1"><NewDataSet xmlns="">'
)
TAIL = "</NewDataSet></diffgr:diffgram></ReadResult></ReadResponse></soap:Body></soap:Envelope>"


def column_names(columns: int) -> list[tuple[str, str]]:
    """(name, type) of every column."""
    kinds = itertools.islice(itertools.cycle(KINDS), columns)
    return [(f"{PREFIXES[kind]}{number}", kind) for number, kind in enumerate(kinds)]


def schema(columns: int) -> str:
    """The inline schema."""
    declared = "".join(
        f'<xs:element name="{name}" type="xs:{kind}" minOccurs="0"/>' for name, kind in column_names(columns)
    )
    return (
        '<xs:schema id="NewDataSet" xmlns="" xmlns:xs="http://www.w3.org/2001/XMLSchema" '
        'xmlns:msdata="urn:schemas-microsoft-com:xml-msdata"><xs:element name="NewDataSet" msdata:IsDataSet="true" '
        'msdata:UseCurrentLocale="true"><xs:complexType><xs:choice minOccurs="0" maxOccurs="unbounded">'
        f'<xs:element name="Table"><xs:complexType><xs:sequence>{declared}</xs:sequence></xs:complexType></xs:element>'
        "</xs:choice></xs:complexType></xs:element></xs:schema>"
    )


def values(chance: random.Random) -> dict[str, Callable[[], str]]:
    """A maker of values for every type."""
    return {
        "int": lambda: str(chance.randrange(1_000_000)),
        "decimal": lambda: f"{chance.randrange(1_000_000) / 100:.4f}",
        "dateTime": lambda: f"20{chance.randrange(10, 30)}-{chance.randrange(1, 13):02d}-01T00:00:00-04:00",
        "boolean": lambda: chance.choice(("true", "false")),
        "string": lambda: chance.choice(("Smith &amp; Sons", "015", "J\u00fcrgen", "12 Long Street, Apartment 4", "x")),
    }


def answer(rows: int, columns: int) -> Iterator[bytes]:
    """The answer, a row at a time; the same for the same numbers."""
    chance = random.Random(20_000)
    makers = values(chance)
    named = column_names(columns)
    yield (HEAD + schema(columns) + DIFFGRAM).encode()
    for number in range(rows):
        cells = "".join(f"<{name}>{makers[kind]()}</{name}>" for name, kind in named if chance.random() >= NULL_SHARE)
        yield f'<Table diffgr:id="Table{number + 1}" msdata:rowOrder="{number}">{cells}</Table>'.encode()
    yield TAIL.encode()


def pieces(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """The same bytes in pieces of 64 KiB, as they come from a connection."""
    waiting = bytearray()
    for chunk in chunks:
        waiting += chunk
        while len(waiting) >= PIECE:
            yield bytes(waiting[:PIECE])
            del waiting[:PIECE]
    yield bytes(waiting)


# -- the subjects: each takes the whole body and returns the number of rows it made


def libxml2_alone(body: bytes) -> int:
    """Parse into a tree, make nothing of it."""
    from lxml import etree

    return len(etree.fromstring(body, etree.XMLParser(huge_tree=False)))


def ours(body: bytes) -> int:
    """Stream rows out of the body as it would come from the connection."""
    from pmsbridge.transport.dataset import DataSetReader

    reader = DataSetReader(body[start : start + PIECE] for start in range(0, len(body), PIECE))
    return sum(1 for _ in reader.rows("Table"))


def through_zeep(body: bytes, *, raw: bool) -> int:
    """Call a service with zeep whose every answer is ``body``."""
    import requests
    import zeep
    from lxml import etree

    class Canned(zeep.Transport):
        def post(self, address: str, message: object, headers: object) -> requests.Response:
            del address, message, headers
            response = requests.Response()
            response.status_code = 200
            response.headers["Content-Type"] = "text/xml; charset=utf-8"
            response._content = body  # noqa: SLF001  (the library's own way to a response without a network)
            return response

    make_client: Any = zeep.Client
    make_transport: Any = Canned
    settings = zeep.Settings(raw_response=raw, xml_huge_tree=True)
    client = make_client(str(WSDL), transport=make_transport(), settings=settings)
    service = client.create_service("{http://bench.invalid/Ws}WsSoap", "http://bench.invalid/")
    result = service.Read()
    if not raw:
        return len(result["_value_1"]["_value_1"])
    table = etree.fromstring(result.content).iter("Table")
    return len([{cell.tag: cell.text for cell in row} for row in table])


WORK: dict[str, Callable[[bytes], int]] = {
    "zeep typed": lambda body: through_zeep(body, raw=False),
    "zeep raw + tree": lambda body: through_zeep(body, raw=True),
    "pmsbridge": ours,
    "libxml2 alone": libxml2_alone,
}


def warm_up(subject: str) -> None:
    """Load what the subject needs on a small answer, so that neither time nor memory of loading is counted."""
    WORK[subject](b"".join(answer(20, 5)))


def measure_one(subject: str, body_file: Path, rows: int) -> None:
    """In a process of its own: one sample of one subject, with the body, and nothing else, in memory beforehand."""
    warm_up(subject)
    body = body_file.read_bytes()
    sample = harness.measured_here(lambda: WORK[subject](body), time.process_time)
    if subject == "libxml2 alone":
        sample = harness.Sample(sample.seconds, rows, sample.grown_mb)
    if sample.rows != rows:
        message = f"{subject} saw {sample.rows} rows instead of {rows}"
        raise AssertionError(message)
    harness.print_sample(sample)


def measure_stream(rows: int, columns: int) -> None:
    """In a process of its own: our reader on an answer that is made while it is read, and never held."""
    from pmsbridge.transport.dataset import DataSetReader

    warm_up("pmsbridge")

    def work() -> int:
        return sum(1 for _ in DataSetReader(pieces(answer(rows, columns))).rows("Table"))

    harness.print_sample(harness.measured_here(work, time.process_time))


def compare(settings: argparse.Namespace, say: Callable[[str], None]) -> dict[str, harness.Subject]:
    """All subjects on the same bytes, alternating."""
    script = Path(__file__).resolve()
    with tempfile.TemporaryDirectory() as folder:
        body_file = Path(folder) / "answer.xml"
        with body_file.open("wb") as body:
            body.writelines(answer(settings.rows, settings.columns))

        def sampler(subject: str) -> Callable[[], harness.Sample]:
            return lambda: harness.measured_apart(script, ["--measure", subject, str(body_file), str(settings.rows)])

        return harness.alternate({subject: sampler(subject) for subject in SUBJECTS}, settings.rounds, say=say)


def streamed(settings: argparse.Namespace, rows: int) -> harness.Sample:
    """Peak memory of our reader on ``rows`` rows."""
    return harness.measured_apart(Path(__file__).resolve(), ["--stream", str(rows), str(settings.columns)])


def claims(
    found: dict[str, harness.Subject], small: harness.Sample, large: harness.Sample, settings: argparse.Namespace
) -> list[harness.Claim]:
    """What the figures say."""
    mine = found["pmsbridge"]
    faster = found["zeep typed"].seconds / mine.seconds
    slower = mine.seconds / found["libxml2 alone"].seconds
    shape = f"{settings.rows:,} rows x {settings.columns} columns"
    return [
        harness.Claim(f"against zeep typed, {shape}", ">= 20 times as fast", f"{faster:.1f} times", faster >= 20),
        harness.Claim(f"against libxml2 alone, {shape}", "<= 2.2 times its time", f"{slower:.2f} times", slower <= 2.2),
        *(
            harness.Claim(
                f"peak memory added, {sample.rows:,} rows", "< 80 MB", f"{sample.grown_mb:.1f} MB", small_enough
            )
            for sample in (small, large)
            for small_enough in [sample.grown_mb < 80]
        ),
    ]


def table(found: dict[str, harness.Subject]) -> list[list[str]]:
    """A line per subject."""
    mine = found["pmsbridge"].seconds
    return [
        [
            name,
            f"{subject.seconds:.3f}",
            subject.spread,
            f"{subject.rows_per_second:,.0f}",
            f"{subject.grown_mb:.0f}",
            f"{subject.seconds / mine:.2f}",
        ]
        for name, subject in found.items()
    ]


def main() -> None:
    """Measure, and print."""
    parser = harness.options("Reading one DataSet answer: pmsbridge, zeep, libxml2.")
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--columns", type=int, default=60)
    parser.add_argument("--measure", nargs=3, metavar=("SUBJECT", "FILE", "ROWS"), help=argparse.SUPPRESS)
    parser.add_argument("--stream", nargs=2, metavar=("ROWS", "COLUMNS"), help=argparse.SUPPRESS)
    settings = parser.parse_args()
    if settings.measure:
        subject, body_file, rows = settings.measure
        measure_one(subject, Path(body_file), int(rows))
        return
    if settings.stream:
        measure_stream(int(settings.stream[0]), int(settings.stream[1]))
        return
    if settings.quick:
        settings.rounds, settings.rows = 1, min(settings.rows, 500)
    found = compare(settings, lambda line: print(line, file=sys.stderr, flush=True))
    small, large = streamed(settings, settings.rows), streamed(settings, settings.rows * LARGE)
    about = harness.machine(
        ("lxml", "zeep"), {"libxml2": _libxml2(), "noise": round(max(each.noise for each in found.values()), 2)}
    )
    harness.report(
        f"One answer of {settings.rows:,} rows x {settings.columns} columns, {settings.rounds} rounds",
        ("subject", "median CPU s", "min-max", "rows/s", "peak +MB", "time / ours"),
        table(found),
        claims(found, small, large, settings),
        about,
        as_json=settings.json,
        subjects=list(found.values()),
    )


def _libxml2() -> str:
    from lxml import etree

    return ".".join(map(str, etree.LIBXML_VERSION))


if __name__ == "__main__":
    main()
