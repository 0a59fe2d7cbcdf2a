"""`python -m bench.watermark_robustness`: is the mark still there after what happens to pictures?

Marks pictures of many kinds, does to each what `bench.watermark_attacks` lists, and reads the mark again; looks for
marks in pictures that have none of ours; tries to take marks away with the mean of 50; and does the same with two
published schemes. Prints a table; exits 1 when a promise is not kept. Times are CPU time, so that a busy machine does
not change them much.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from bench.targets import Row, report
from bench.watermark_attacks import Attack, attacks, mean_residual, without
from bench.watermark_pictures import Sample, samples, spread
from bench.watermark_rivals import rivals
from bench.watermark_schemes import Ours, Scheme
from bench.watermark_strangers import strangers
from bench.watermark_tally import Stopwatch, Tally, psnr
from safety.mark_keys import MarkKeys

KEYS = MarkKeys.from_secret("a secret for the benchmark alone")
AVERAGED, SEARCHED_STRANGERS = 50, 0.1
QUICK_PICTURES, RIVALS_PICTURES = 12, 8


@dataclass(frozen=True, slots=True)
class Marked:
    """A picture with its mark, and what must be read from it."""

    sample: Sample
    image: Image.Image
    expected: object


def mark_all(scheme: Scheme, made: list[Sample]) -> tuple[list[Marked], Stopwatch]:
    """Every picture with a mark of its own."""
    watch = Stopwatch()
    marked = []
    for number, sample in enumerate(made):
        image, expected = watch.time(lambda n=number, s=sample: scheme.embed(s.image, n))  # type: ignore[misc]
        marked.append(Marked(sample, image, expected))
    return marked, watch


def read_after(scheme: Scheme, marked: list[Marked], attack: Attack, tally: Tally, watch: Stopwatch) -> None:
    """Reads every picture after one attack."""
    for one in marked:
        attacked = attack.change(one.image)
        found = watch.time(lambda a=attacked: scheme.read(a, attack.searched))  # type: ignore[misc]
        tally.add(one.sample.kind, scheme.right(found, one.expected))


class Bench:
    """One run: the table's rows as they are measured, and what was promised of them."""

    def __init__(self, chosen: argparse.Namespace) -> None:
        made = samples(pocket=not chosen.quick)
        self.made = spread(made, chosen.pictures or (QUICK_PICTURES if chosen.quick else len(made)))
        self.scheme = Ours(KEYS)
        self.rows: list[Row] = []
        self.plain, self.searching = Stopwatch(), Stopwatch()
        self.marked, embedding = mark_all(self.scheme, self.made)
        distances = [psnr(one.sample.image, one.image) for one in self.marked]
        refused = [one.sample.name for one in self.marked if one.expected == "refused"]
        print(f"{len(self.made)} pictures; PSNR least {min(distances):.1f} dB, mean {np.mean(distances):.1f} dB")
        print(f"embed {embedding}; refused: {', '.join(refused) or 'none'}\n")
        self.rows += [("PSNR, least, dB", min(distances), ">=", 40.0)]
        self.rows += [("embed, ms, median", float(np.median(embedding.taken)), "<=", 300.0)]

    def table(self, beside: Sequence[Scheme], few: int) -> None:
        """Every attack on our marks, and one variant of each on the rivals'."""
        theirs = [(rival, mark_all(rival, spread(self.made, few))[0]) for rival in beside]
        _print_head(theirs)
        for row, variants in _by_row().items():
            tally = Tally()
            for attack in variants:
                watch = self.searching if attack.searched else self.plain
                read_after(self.scheme, self.marked, attack, tally, watch)
            share = variants[0].share
            cells = [_cell(rival, marked, variants[-1]) for rival, marked in theirs]
            promised = "" if share is None else f"{share:.0%}"
            print(f"{row:<38}{tally.share:7.1%}{promised:>6}  {tally.worst:<16}{''.join(cells)}", flush=True)
            if share is not None:
                self.rows.append((f"{row}, share exact", tally.share, ">=", share))
        self.rows.append(("detect, ms, median", float(np.median(self.plain.taken)), "<=", 60.0))
        self.rows.append(("detect with a search, ms, p95", float(np.percentile(self.searching.taken, 95)), "<=", 1000))
        print(f"\ndetect {self.plain}; with a search {self.searching}")

    def averaging(self) -> None:
        """The mean of what 50 marks changed is taken away: as it is, and as strongly as one mark is written."""
        some = self.marked[:AVERAGED]
        residual = mean_residual([(one.sample.image, one.image) for one in some])
        single = np.mean([np.std(mean_residual([(one.sample.image, one.image)])) for one in some])
        for name, strength in (("as it is", 1.0), ("at a mark's strength", float(single / np.std(residual)))):
            tally = Tally()
            removal = Attack("", "", lambda image, s=strength: without(residual, s, image), None)  # type: ignore[misc]
            read_after(self.scheme, some, removal, tally, Stopwatch())
            print(f"less the mean of {len(some)}, {name}: {tally.share:.1%} {tally.worst}")
            if strength == 1.0:
                self.rows.append(("averaging, share exact", tally.share, ">=", 0.98))

    def false_positives(self, number: int) -> None:
        """Marks found where there are none of ours; a tenth of the pictures is searched through other geometries."""
        watch, found = Stopwatch(), 0
        for k, image in enumerate(strangers(self.made, number)):
            found += watch.time(lambda i=image: self.scheme.read(i, False)) is not None  # type: ignore[misc]
            if k % round(1 / SEARCHED_STRANGERS) == 0:
                found += self.scheme.read(image, True) is not None
        print(f"{found} marks in {number} unmarked or foreign pictures; detect {watch}")
        self.rows.append(("false positives", float(found), "<=", 0.0))


def _by_row() -> dict[str, list[Attack]]:
    rows: dict[str, list[Attack]] = {}
    for attack in attacks():
        rows.setdefault(attack.row, []).append(attack)
    return rows


def _cell(rival: Scheme, marked: list[Marked], attack: Attack) -> str:
    tally = Tally()
    read_after(rival, marked, attack, tally, Stopwatch())
    return f"{tally.share:9.0%}{np.mean(tally.right):6.2f}"


def _print_head(theirs: list[tuple[Scheme, list[Marked]]]) -> None:
    for rival, marked in theirs:
        distance = np.mean([psnr(one.sample.image, one.image) for one in marked])
        print(f"{rival.name}: on {len(marked)} of the pictures, PSNR {distance:.1f} dB; exact, share of bits right")
    titles = "".join(f"{rival.name:>15}" for rival, _ in theirs)
    print(f"\n{'attack':<38}{'exact':>7}{'aim':>6}  {'worst kind':<16}{titles}")


def main() -> int:
    """Run, print, return the exit code."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--pictures", type=int, help="how many, spread over the kinds")
    options.add_argument("--quick", action="store_true", help=f"{QUICK_PICTURES} pictures, none of the pocket model's")
    options.add_argument("--no-rivals", action="store_true")
    options.add_argument("--rival-pictures", type=int, default=RIVALS_PICTURES, help="rivaGan takes seconds for each")
    options.add_argument("--strangers", type=int, default=2000, help="pictures to find no mark in")
    chosen = options.parse_args()
    started = time.monotonic()
    bench = Bench(chosen)
    bench.table([] if chosen.no_rivals else rivals(), chosen.rival_pictures)
    bench.averaging()
    bench.false_positives(chosen.strangers)
    print(f"{time.monotonic() - started:.0f} s\n")
    return report(bench.rows)


if __name__ == "__main__":
    sys.exit(main())
