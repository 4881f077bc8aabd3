"""Every paper the library makes, as PDF and as pictures, to be looked at by people.

For a plain tenant and an awkward one, in English and French; ``make papers`` writes them and prints where each lies.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from pmsbridge.portal.papers.drawing import draw
from tests.portal.papers.samples import opened
from tests.portal.papers.specimens import specimens

_FOLDER: Final = Path("build/papers")
_PIXELS_PER_POINT: Final = 1.5


def write(folder: Path, words: Sequence[str] = ()) -> Iterator[Path]:
    """Draw papers and write them; the paths of each PDF and of its pages as PNG, as they become ready.

    Args:
        folder: Made where it is missing.
        words: Only papers whose name holds one of these; all of them for none.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for specimen in specimens():
        if words and not any(word in specimen.name for word in words):
            continue
        content = draw(specimen.sheet).content
        pdf = folder / f"{specimen.name}.pdf"
        pdf.write_bytes(content)
        yield pdf
        for stale in folder.glob(f"{specimen.name}.page*.png"):
            stale.unlink()
        with opened(content) as document:
            for number, page in enumerate(document, 1):
                picture = folder / f"{specimen.name}.page{number:02}.png"
                page.render(scale=_PIXELS_PER_POINT).to_pil().save(picture)
                yield picture


def main() -> None:
    """Write the papers named on the command line, or all."""
    parser = argparse.ArgumentParser(description="Render every paper the library makes, as PDF and PNG.")
    parser.add_argument("words", nargs="*", help="only papers whose name holds one of these, such as invoice or -fr")
    parser.add_argument("--folder", type=Path, default=_FOLDER)
    given = parser.parse_args()
    for path in write(given.folder, given.words):
        print(path)


if __name__ == "__main__":
    main()
