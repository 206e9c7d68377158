"""Tables of docs/theory.md, from the rows under published/theory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import groupby
from pathlib import Path

import numpy as np

from benchmarks.protocol import records, sums
from benchmarks.protocol.published import PUBLISHED
from benchmarks.studies.audits import AuditRow
from benchmarks.studies.certificate_tables import PAIRS, SAFE, STEPS, number
from benchmarks.studies.certificates import CertificateRow
from benchmarks.studies.depth import DepthRow
from benchmarks.studies.depth_report import dial_table
from benchmarks.studies.depth_report import table as depth_table
from trm_agents.theory.ledger import ROUNDINGS

FOLDER = PUBLISHED / "theory"
BOUNDS = ("published", "clocked", "one_deviation", "two_deviations", "exact", "exact_one")
"""Fields of `AuditRow` that are certain."""
SURELY = 1e-9
"""A rise that is more than rounding."""
SHOWN_DEPTHS = (1, 4, 16, 32)


def certificates(rows: Sequence[CertificateRow]) -> str:
    """One column an agent: how much was checked, and medians of bound / actual and of shares."""
    agents = {name: list(group) for name, group in groupby(rows, key=lambda row: row.model)}
    lines = _heading(["", *agents])

    def add(words: str, of: Callable[[list[CertificateRow]], str]) -> None:
        lines.append(_line([words, *(of(group) for group in agents.values())]))

    add("instances, states", lambda g: f"{len(g)}, {sum(r.states for r in g):,}")
    add("checks", lambda g: f"{sum(r.checks for r in g):,}")
    add("**violations**", lambda g: f"**{sum(r.violations for r in g)}**")
    add("n, m, K", lambda g: f"{g[0].n}, {g[0].m}, {g[0].bootstrap_horizon}")
    for words, field in (("L_z", "lipschitz"), ("L_V", "lipschitz_value"), ("C_z", "first_move")):
        add(words, partial(_median, field=field))
    for pair in PAIRS:
        add(f"{pair.words}: bound / actual, {pair.equation}", partial(_ratio, actual=pair.actual, bound=pair.bound))
    add("rise at alpha = 0.1: > 0, exact", partial(_share, field="rise"))
    for step in STEPS:
        add(f"rise at alpha = 0.1: certified > 0, {step.equation}", partial(_share, field=step.bound))
    for words, name, equation in SAFE:
        add(f"rise {words}: certified > 0, {equation}", partial(_share, field=f"{name}_rise"))
    lines.append(f"\nTolerance: {ROUNDINGS} roundings of float64, fixed beforehand.")
    return "\n".join(lines)


def _median(rows: list[CertificateRow], field: str) -> str:
    return number([getattr(row, field) for row in rows])


def _ratio(rows: list[CertificateRow], actual: str, bound: str) -> str:
    pairs = [(getattr(row, actual), getattr(row, bound)) for row in rows]
    ratios = [b / a for a, b in pairs if a > SURELY]
    return number(ratios) if ratios else "-"


def _share(rows: list[CertificateRow], field: str) -> str:
    return f"{np.mean([getattr(row, field) > SURELY for row in rows]):.0%}"


def violated(row: AuditRow) -> bool:
    """Whether a certain bound did not hold, as far as the digits of a row tell and float32 deploys."""
    scale = max(1.0, abs(row.eta))
    return row.expiry_tv > row.expiry_bound + 1e-6 or any(
        getattr(row, name) > row.rise + 1e-5 * scale for name in BOUNDS
    )


def steps(rows: Sequence[AuditRow]) -> str:
    """One line a setting: shares of the steps whose rise is certain, and what rose."""
    heads = ["method", "mixture_alpha", "puzzles, states", "seeds", "steps", "violations", "eta rose"]
    heads += [f"{name} > 0" for name in BOUNDS]
    lines = _heading([*heads, "estimated > 0", "median alpha"])
    for key, group in _settings(rows):
        shares = [f"{np.mean([getattr(row, name) > SURELY for row in group]):.0%}" for name in ("rise", *BOUNDS)]
        estimated = [row.estimated for row in group if not np.isnan(row.estimated)]
        believed = f"{np.mean(np.array(estimated) > SURELY):.0%}" if estimated else "-"
        closures = f"{group[0].instances}, {group[0].states:,}"
        cells = [key[0], key[2], closures, str(len({row.seed for row in group})), str(len(group))]
        cells.append(str(sum(map(violated, group))))
        lines.append(_line([*cells, *shares, believed, f"{np.median([row.alpha for row in group]):.3g}"]))
    return "\n".join(lines)


def expiry(rows: Sequence[AuditRow]) -> str:
    """One line a setting: how far expiry has moved the mixture by the end of a run; the most among its seeds."""
    heads = ["mixture_alpha", "snapshots", "seeds", "promotions", "E TV", "bound on sup TV", "change of eta", "eta"]
    lines = _heading(heads)
    for key, group in _settings(rows):
        last = [row for row in group if not np.isnan(row.expiry_tv)]
        most = [max(getattr(row, name) for row in last) for name in ("expiry_tv", "expiry_bound", "expiry_eta")]
        cells = [key[2], str(key[3]), str(len(last)), str(last[0].promotion), *(f"{value:.1e}" for value in most)]
        lines.append(_line([*cells, f"{np.mean([row.eta + row.rise for row in last]):.4g}"]))
    return "\n".join(lines)


def _settings(rows: Sequence[AuditRow]) -> Iterator[tuple[tuple[str, str, str, int, int, int], list[AuditRow]]]:
    def key(row: AuditRow) -> tuple[str, str, str, int, int, int]:
        return row.algo, row.suite, row.setting, row.capacity, row.steps, row.instances

    for found, group in groupby(sorted(rows, key=key), key=key):
        yield found, list(group)


def _heading(heads: Sequence[str]) -> list[str]:
    return [_line(heads), "| :--- |" + " ---: |" * (len(heads) - 1)]


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def table(name: str, folder: Path = FOLDER) -> str:
    """A block's table, empty without rows.

    Args:
        name: `theory:` and `certificates`, `closures`, `latents`, `steps`, `expiry`, `depth` or `dials`.
        folder: of the rows.

    Raises:
        ValueError: there is no such table, or a file was changed since it was published.
    """
    sums.verify(folder)
    kind = name.removeprefix("theory:")
    if kind in ("certificates", "closures", "latents"):
        files = sorted(folder.glob(f"{kind}-*.csv"))
        rows = [row for path in files for row in records.read(path, CertificateRow)]
        return certificates(rows) if rows else ""
    if kind == "steps":
        audited = [row for path in sorted(folder.glob("audits*.csv")) for row in records.read(path, AuditRow)]
        return steps(audited) if audited else ""
    if kind == "expiry":
        ended = [row for name in ("audits", "expiry") for row in records.read(folder / f"{name}.csv", AuditRow)]
        return expiry(ended) if ended else ""
    if kind == "depth":
        measured = records.read(folder / "depth.csv", DepthRow)
        return depth_table([row for row in measured if row.states_set == "B1"], SHOWN_DEPTHS) if measured else ""
    if kind == "dials":
        turned = records.read(folder / "dials.csv", DepthRow)
        return dial_table(turned) if turned else ""
    raise ValueError(f"there is no table {name!r}")
