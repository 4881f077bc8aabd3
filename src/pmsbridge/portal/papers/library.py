"""What draws a paper: an extra, loaded when the first paper is made."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Final

from pmsbridge.errors import ConfigurationError
from pmsbridge.model.letterhead import Letterhead
from pmsbridge.portal.papers.sheet import Column, Line, Paper, Sheet

__all__ = ["drawer", "try_letterhead"]

_ANY_DAY: Final = date(2000, 1, 1)


def drawer() -> Callable[[Sheet], Paper]:
    """What draws a sheet.

    Raises:
        ConfigurationError: Its library is not installed.
    """
    try:
        from pmsbridge.portal.papers.drawing import draw  # noqa: PLC0415 - an extra
    except ImportError:
        message = "papers of our own need more; run: pip install 'pmsbridge[pdf]'"
        raise ConfigurationError(message, code="no_pdf") from None
    return draw


def try_letterhead(head: Letterhead) -> None:
    """Draw a paper with nothing on it but its head and its foot.

    Raises:
        ConfigurationError: The library is not installed, or the logo or one of the fonts cannot be used.
    """
    drawer()(Sheet(
        language="en", file_name="trial.pdf", title="", subtitle="", dated_on=_ANY_DAY, letterhead=head,
        sender=(head.name, *head.lines), addressee=(), facts=(), tiles=(), columns=(Column(""),), lines=(Line(("",)),),
        totals=(),
    ))  # fmt: skip
