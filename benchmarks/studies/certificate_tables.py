"""Certificates in words: medians over instances of every term, beside what bounds it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from benchmarks.studies.certificates import CertificateRow

Line = tuple[str, str, str, str, str]
"""Quantity, actual, bound, bound / actual, equation."""


class Pair(NamedTuple):
    """A quantity and the field that bounds it."""

    words: str
    actual: str
    bound: str
    equation: str


PAIRS = (
    Pair("|U_n - V^pi|, sup", "value_error", "error_bound", "V1"),
    Pair("|U_n - V^pi|, sup", "value_error", "error_bound_horizon", "V2: finite horizon"),
    Pair("|U_n - V^pi|, first state", "value_error_start", "error_bound_visited", "V3: weighted by visits"),
    Pair("|U_n - U_m|, sup", "depth_gap", "path_bound", "V5: L_V times path"),
    Pair("|U_n - U_m|, sup", "depth_gap", "envelope", "V6: geometric envelope"),
    Pair("|U_n - V^pi|, sup", "value_error", "limit_bound", "V7: m to infinity"),
    Pair("|A_hat - A|, sup (eps_A)", "eps_advantage", "advantage_bound", "A1"),
    Pair("|A_hat - A|, sup (eps_A)", "eps_advantage", "advantage_bound_span", "A2: span"),
)
TERMS = (
    ("residual |U_m - T_K U_m|", "residual"),
    ("path length of z", "path_length"),
    ("C_z", "first_move"),
    ("L_z", "lipschitz"),
    ("L_V", "lipschitz_value"),
    ("centring defect", "centring_defect"),
    ("eps_cand", "eps_cand"),
    ("eps_CPI", "eps_cpi"),
    ("alpha", "alpha"),
    ("eta(pi)", "eta"),
    ("surrogate L_hat - eta(pi)", "surrogate_rise"),
    ("projection active, share", "projected"),
    ("float32 error of U_n", "float32_error"),
)
STEPS = (
    Pair("eta(pi_new) - eta(pi)", "rise", "rise_published", "I2: as published"),
    Pair("eta(pi_new) - eta(pi)", "rise", "rise_horizon", "I3: finite horizon"),
    Pair("eta(pi_new) - eta(pi)", "rise", "rise_residual", "I6: clocked TV and span, critic U_n"),
    Pair("eta(pi_new) - eta(pi)", "rise", "rise_deviations_0", "I7: J = 0, critic U_n"),
    Pair("eta(pi_new) - eta(pi)", "rise", "rise_deviations_1", "I7: J = 1, critic U_n"),
    Pair("eta(pi_new) - eta(pi)", "rise", "rise_deviations_2", "I7: J = 2, critic U_n"),
    Pair("eta(pi_new) - eta(pi)", "rise", "rise_exact_0", "I7: J = 0, critic V^pi"),
    Pair("eta(pi_new) - eta(pi)", "rise", "rise_exact_1", "I7: J = 1, critic V^pi"),
)
SAFE = (
    ("at the safe alpha of U_n", "safe", "I7, J = 1"),
    ("at the safe alpha of V^pi", "exact_safe", "I7, J = 1, critic V^pi"),
)


def lines(rows: Sequence[CertificateRow]) -> list[Line]:
    """The table of `certify`."""

    def of(name: str) -> list[float]:
        return [float(getattr(row, name)) for row in rows]

    found: list[Line] = [(words, number(of(field)), "", "", "") for words, field in TERMS]
    for pair in (*PAIRS, *STEPS):
        found.append(_pair(pair.words, of(pair.actual), of(pair.bound), pair.equation))
    for words, name, equation in SAFE:
        bounds = of(f"{name}_rise")
        share = float(np.mean(np.array(bounds) > 0.0))
        line = _pair(f"rise {words}, median {number(of(f'{name}_alpha'))}", of(f"{name}_rise_actual"), bounds, equation)
        found.append((*line[:4], f"{line[4]}: positive on {share:.0%}"))
    return found


def _pair(words: str, actual: list[float], bound: list[float], equation: str) -> Line:
    ratios = [b / a for a, b in zip(actual, bound, strict=True) if abs(a) > 1e-12]
    return words, number(actual), number(bound), number(ratios) if ratios else "-", equation


def number(values: Sequence[float]) -> str:
    """The median; `not certified` for an infinite bound."""
    middle = float(np.median(values))
    return f"{middle:.4g}" if np.isfinite(middle) else "not certified"
