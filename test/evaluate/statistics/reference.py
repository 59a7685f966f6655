"""Computes the reference values of the statistics tests with scipy and statsmodels, and prints them as JSON.

    pip install scipy==1.17.1 statsmodels==0.15.0
    python test/evaluate/statistics/reference.py > test/evaluate/statistics/fixtures/reference.json
"""

import json
import math

import numpy as np
from scipy import stats
from scipy.optimize import brentq
from statsmodels.regression.linear_model import WLS
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.proportion import proportion_confint

Z = stats.norm.ppf(0.975)


def wilson(right, of):
    low, high = proportion_confint(right, of, method="wilson")
    return [float(low), float(high)]


def newcombe(a, b, c, d):
    """Method 10 on the table: a both right, b only the second, c only the first, d neither. Second minus first."""
    n = a + b + c + d
    p2, p1 = (a + b) / n, (a + c) / n
    l2, u2 = proportion_confint(a + b, n, method="wilson")
    l1, u1 = proportion_confint(a + c, n, method="wilson")
    margins = (a + b) * (c + d) * (a + c) * (b + d)
    if margins == 0:
        phi = 0.0
    else:
        excess = a * d - b * c
        excess = max(excess - n / 2, 0) if excess > 0 else excess
        phi = excess / math.sqrt(margins)
    low = p2 - p1 - math.sqrt((p2 - l2) ** 2 - 2 * phi * (p2 - l2) * (u1 - p1) + (u1 - p1) ** 2)
    high = p2 - p1 + math.sqrt((u2 - p2) ** 2 - 2 * phi * (u2 - p2) * (p1 - l1) + (p1 - l1) ** 2)
    return [float(low), float(high)]


def tango(a, b, c, d):
    """The score interval, by root finding: another method, whose limits are near."""
    n = a + b + c + d

    def score(delta):
        quadratic, linear, constant = 2 * n, -b - c + (2 * n - b + c) * delta, -c * delta * (1 - delta)
        q = (math.sqrt(max(0, linear**2 - 4 * quadratic * constant)) - linear) / (2 * quadratic)
        variance = n * (2 * q + delta * (1 - delta))
        return (b - c - n * delta) / math.sqrt(max(variance, 1e-300))

    eps = 1e-9
    point = (b - c) / n
    low = brentq(lambda x: score(x) - Z, -1 + eps, point - eps) if point > -1 + 2 * eps else -1
    high = brentq(lambda x: score(x) + Z, point + eps, 1 - eps) if point < 1 - 2 * eps else 1
    return [float(low), float(high)]


def clustered(rights, of):
    """Wilson's interval for n / design effect answers. The variance between questions is a regression's, robust for clusters."""
    rights = np.array(rights, float)
    shares = np.append(rights / of, [1.0, 0.0])
    weights = np.append(np.ones(len(rights)), [Z * Z / 2, Z * Z / 2])
    fit = WLS(shares, np.ones(len(shares)), weights=weights).fit()
    mean = float(fit.params[0])
    residuals = shares - mean
    total = weights.sum()
    # A question of weight w is w questions with the same residual.
    variance = float((weights * residuals**2).sum() / total**2)
    independent = min(len(rights) * of, max(1, mean * (1 - mean) / variance - Z * Z))
    low, high = proportion_confint(independent * rights.sum() / (len(rights) * of), independent, method="wilson")
    return {"independent": independent, "interval": [float(low), float(high)]}


def bootstrap(numerator, denominator):
    n = len(numerator)
    tail = stats.norm.sf(stats.t.ppf(0.975, n - 1) * math.sqrt(n / (n - 1)))
    found = stats.bootstrap(
        (np.array(numerator, float), np.array(denominator, float)),
        lambda x, y, axis: x.sum(axis=axis) / y.sum(axis=axis),
        paired=True,
        vectorized=True,
        n_resamples=100_000,
        confidence_level=1 - 2 * tail,
        method="percentile",
        rng=np.random.default_rng(1),
    )
    return {"tail": float(tail), "interval": [float(found.confidence_interval.low), float(found.confidence_interval.high)]}


rng = np.random.default_rng(7)
tables = [(20, 12, 2, 16), (36, 12, 2, 0), (15, 0, 0, 15), (0, 0, 0, 30), (30, 0, 0, 0), (10, 20, 0, 0), (0, 5, 6, 19), (54, 0, 0, 0), (0, 30, 0, 0), (400, 60, 20, 20)]
groups = [([0] * 30, 8), ([8] * 30, 8), ([1] + [0] * 29, 8), ([0, 8] * 15, 8), ([4] * 30, 8), (rng.binomial(8, rng.beta(2, 1, 30)).tolist(), 8), (rng.binomial(3, 0.8, 200).tolist(), 3), ([1, 0, 1, 1, 0], 1)]
tokens = [
    (rng.gamma(2, 400, 12).round().tolist(), [1] * 12),
    (rng.gamma(2, 400, 60).round().tolist(), [4] * 60),
    (rng.gamma(2, 400, 40).round().tolist(), rng.integers(1, 4, 40).tolist()),
]
print(
    json.dumps(
        {
            "wilson": [{"right": r, "of": n, "interval": wilson(r, n)} for r, n in [(0, 30), (30, 30), (1, 30), (15, 30), (50, 100), (1456, 1500), (0, 1), (3, 4)]],
            "paired": [{"table": t, "newcombe": newcombe(*t), "tango": tango(*t), "p": float(mcnemar([[t[0], t[1]], [t[2], t[3]]], exact=True).pvalue)} for t in tables],
            "clustered": [{"rights": r, "of": n, **clustered(r, n)} for r, n in groups],
            "bootstrap": [{"numerator": x, "denominator": y, **bootstrap(x, y)} for x, y in tokens],
            "tails": [{"n": n, "tail": float(stats.norm.sf(stats.t.ppf(0.975, n - 1) * math.sqrt(n / (n - 1))))} for n in (2, 3, 4, 5, 10, 30, 31, 500)],
        },
        indent=1,
    )
)
