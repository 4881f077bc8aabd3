"""All lints over one mapping."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from pmsbridge_rest.lint.against_examples import Example, example_findings
from pmsbridge_rest.lint.against_openapi import openapi_findings
from pmsbridge_rest.lint.aims import aim_findings
from pmsbridge_rest.lint.findings import Finding
from pmsbridge_rest.lint.honesty import evidence_findings, gap_findings, reversal_findings, unused_findings
from pmsbridge_rest.lint.reads import read_findings
from pmsbridge_rest.lint.writes import key_findings, look_findings, read_only_findings, sealed_findings, time_findings
from pmsbridge_rest.mapping.document import Mapping
from pmsbridge_rest.mapping.problems import Problem, at
from pmsbridge_rest.mapping.reading import examine
from pmsbridge_rest.spec import Spec

__all__ = ["lint"]

_LINTS: Final[tuple[Callable[[Mapping], Iterator[Finding]], ...]] = (
    key_findings,
    look_findings,
    sealed_findings,
    read_only_findings,
    time_findings,
    aim_findings,
    read_findings,
    gap_findings,
    reversal_findings,
    unused_findings,
)


def lint(
    content: bytes, *, production: bool = False, spec: Spec | None = None, examples: list[Example] | None = None
) -> list[Problem]:
    """Everything that is wrong or doubtful in a mapping file, in the order of the file.

    Args:
        content: The file's bytes.
        production: It is to be used for real tenants: what is only guessed becomes an error.
        spec: The vendor's own document to hold it against; None for none.
        examples: The vendor's own examples to hold it against; None for none.
    """
    examined = examine(content)
    if examined.mapping is None:
        return sorted(examined.problems)
    mapping = examined.mapping
    found = [finding for each in _LINTS for finding in each(mapping)]
    found += evidence_findings(mapping, production=production)
    found += openapi_findings(mapping, spec) if spec is not None else []
    found += example_findings(mapping, examples or [])
    return sorted({at(examined.tree, each.key, each.what, rule=each.rule, level=each.level) for each in found})
