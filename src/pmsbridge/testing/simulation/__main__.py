"""``python -m pmsbridge.testing.simulation``: play schedules, replay one, or soak."""

from __future__ import annotations

import argparse
import json
import logging
import sys
from collections.abc import Sequence
from pathlib import Path

from pmsbridge.errors import InputError
from pmsbridge.testing.simulation.run import Simulator
from pmsbridge.testing.simulation.tally import Tally, play_many, replay_command, soak, stage_of

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; 0 when nothing was violated, else 1."""
    parser = _parser()
    options = parser.parse_args(arguments)
    for name in ("schedules", "jobs"):
        if getattr(options, name) < 1:
            parser.error(
                f"--{name}: must be at least 1 (given: {getattr(options, name)}). Leave it out for the default."
            )
    if options.record is not None and options.office:
        parser.error("--record: is for the simulated back offices alone; leave it out with --office.")
    try:
        if options.only_seed is not None:
            return _replay(options.only_seed, options.log, options.office, quiet=options.json)
        if options.record is not None:
            tally = soak(options.seed, options.schedules, jobs=options.jobs, record=options.record)
        else:
            tally = play_many(options.seed, options.schedules, jobs=options.jobs, office=options.office)
    except InputError as error:
        parser.error(str(error))
    _report(tally, as_json=options.json)
    return 1 if tally.violations else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m pmsbridge.testing.simulation", description=__doc__)
    parser.add_argument("--schedules", type=int, default=1000, metavar="N", help="how many seeds to play")
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="the first seed")
    parser.add_argument("--jobs", type=int, default=1, metavar="J", help="processes")
    parser.add_argument(
        "--office", default="", metavar="MODULE:FACTORY", help="play another back office: what makes its stage"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object")
    parser.add_argument("--only-seed", type=int, metavar="S", help="play this seed and print its events")
    parser.add_argument("--log", type=Path, metavar="FILE", help="with --only-seed: write the events to a file")
    parser.add_argument(
        "--record",
        type=Path,
        metavar="FILE",
        help="append a JSON line per piece, and go on where an earlier run stopped",
    )
    return parser


def _replay(seed: int, log: Path | None, office: str, *, quiet: bool) -> int:
    logging.disable(logging.CRITICAL)
    try:
        with Simulator(stage_of(office)) as simulator:
            verdict = simulator.play_seed(seed)
    finally:
        logging.disable(logging.NOTSET)
    text = "\n".join(verdict.log) + "\n"
    if log is not None:
        log.write_text(text, encoding="utf-8", newline="\n")
    elif not quiet:
        sys.stdout.write(text)
    answer = {"seed": seed, "sha256": verdict.digest, "violations": [str(found) for found in verdict.violations]}
    sys.stdout.write(json.dumps(answer, indent=None if quiet else 2) + "\n")
    return 1 if verdict.violations else 0


def _report(tally: Tally, *, as_json: bool) -> None:
    if as_json:
        sys.stdout.write(json.dumps(tally.as_json(), indent=2) + "\n")
        return
    lines = [f"{tally.schedules} schedules, {tally.violations} violations, {tally.rate:.1f} schedules/s"]
    lines += [f"  {times:>9}  {what}" for what, times in sorted(tally.coverage.items())]
    lines += [f"VIOLATION {kind}: {times}" for kind, times in sorted(tally.by_kind.items())]
    lines += [*tally.examples, *(replay_command(seed, tally.office) for seed in tally.bad_seeds)]
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    sys.exit(main())
