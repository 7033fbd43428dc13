"""An inference as text: numbers that stand under each other, features and classes by name."""

from __future__ import annotations

from softplex._text import aligned, count, figure, readable, wrapped
from softplex.inference._coefficients import Coefficients

_NAME_LIMIT = 40
_SMALLEST_P = 1e-4


def summary(result: Coefficients, level: float) -> str:
    """Write how well the model fits, a table for each row of coefficients, and what they mean."""
    lines = [_headline(result), "", *_fit_lines(result)]
    intervals = result.confidence_intervals(level)
    heads = _heads(result, level)
    for row, name in enumerate(result.row_names):
        lines += ["", name]
        cells = [("", *heads)]
        for column, feature in enumerate(result.column_names):
            cells.append(
                (
                    readable(feature, _NAME_LIMIT),
                    figure(result.estimates[row, column]),
                    figure(result.standard_errors[row, column]),
                    figure(result.z[row, column]),
                    p_text(float(result.p_values[row, column])),
                    figure(intervals[row, column, 0]),
                    figure(intervals[row, column, 1]),
                    figure(result.odds_ratios[row, column]),
                )
            )
        lines += aligned(cells)
    lines += ["", *wrapped(result.meaning, indent=0)]
    return "\n".join(lines)


def p_text(p: float) -> str:
    """Write a p-value with four decimals; smaller ones as a bound.

    >>> p_text(0.03), p_text(1e-9)
    ('0.0300', '<0.0001')
    """
    return f"<{_SMALLEST_P:.4f}" if p < _SMALLEST_P else f"{p:.4f}"


def _headline(result: Coefficients) -> str:
    penalty = "no penalty" if result.penalty == 0 else f"ridge penalty, C = {1 / result.penalty:g}"
    return f"Softmax regression: {count(result.n)} rows, {len(result.classes)} classes, {penalty}"


def _fit_lines(result: Coefficients) -> list[str]:
    freedom = result.degrees_of_freedom
    shown = f"{freedom:.0f}" if float(freedom).is_integer() else f"{freedom:.2f}"
    cells = [
        ("log-likelihood", figure(result.log_likelihood)),
        ("null log-likelihood", figure(result.null_log_likelihood)),
        ("McFadden R2", figure(result.mcfadden)),
        ("degrees of freedom", shown),
    ]
    if result.is_likelihood:
        cells += [("AIC", figure(result.aic)), ("BIC", figure(result.bic))]
    return aligned(cells)


def _heads(result: Coefficients, level: float) -> tuple[str, ...]:
    tail = 50.0 * (1.0 - level)
    error = "std. error" if result.is_sampling else "post. sd"
    p = "P > |z|" if result.is_sampling else "2 P(sign)"
    return "estimate", error, "z", p, f"{tail:.4g} %", f"{100 - tail:.4g} %", "odds ratio"
