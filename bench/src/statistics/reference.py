"""Writes reference.json, which the tests of the statistics compare with.

    python3 -m venv VENV
    VENV/bin/pip install numpy==2.4.6 scipy==1.17.1 statsmodels==0.15.0
    VENV/bin/pip install --no-deps apache-otava==0.8.0
    VENV/bin/python bench/src/statistics/reference.py

The figures come from scipy, statsmodels and Apache Otava, never from the code under test.
"""

import functools
import json
import pathlib
import warnings

import numpy as np
import otava.analysis
import scipy
import statsmodels
import statsmodels.api
from scipy import stats
from statsmodels.stats.multitest import multipletests

FOLDER = pathlib.Path(__file__).parent
RANDOM = np.random.default_rng(20261123)


def samples():
    """Pairs of samples of several shapes: base, new."""
    normal = lambda n, mean=100.0: RANDOM.normal(mean, 3.0, n)
    return {
        "three and four": (normal(3), normal(4)),
        "five and five, apart": (normal(5), normal(5, 110.0)),
        "eight and twelve": (normal(8), normal(12, 101.0)),
        "twenty and twenty": (normal(20), normal(20, 103.0)),
        "large": (normal(60), normal(45, 101.0)),
        "skewed": (100 * RANDOM.lognormal(0, 0.5, 15), 100 * RANDOM.lognormal(0.4, 0.5, 15)),
        "outliers": (np.append(normal(14), [400.0]), np.append(normal(14, 103.0), [900.0])),
        "ties": (np.round(normal(12)), np.round(normal(12, 102.0))),
        "many ties": (RANDOM.integers(1, 4, 20).astype(float), RANDOM.integers(1, 5, 20).astype(float)),
        "one and one": (normal(1), normal(1)),
    }


def mann_whitney():
    cases = []
    for name, (base, new) in samples().items():
        both = np.concatenate([base, new])
        ties = len(np.unique(both)) < len(both)
        p = {
            method: float(stats.mannwhitneyu(new, base, alternative="two-sided", method=method).pvalue)
            for method in ("exact", "asymptotic")
        }
        cases.append({
            "name": name,
            "base": list(base),
            "new": list(new),
            "statistic": float(stats.mannwhitneyu(new, base).statistic),
            "exact": None if ties else p["exact"],
            "normal": p["asymptotic"],
        })
    return cases


def wilcoxon():
    pairs = {name: (base[: len(new)], new[: len(base)]) for name, (base, new) in samples().items()}
    zeros = np.round(RANDOM.normal(100, 3, 14))
    pairs["zeros"] = (zeros, zeros + np.round(RANDOM.normal(1, 1.5, 14)))
    cases = []
    for name, (base, new) in pairs.items():
        apart = (new - base)[new != base]
        if len(apart) == 0:
            continue
        ties = len(np.unique(np.abs(apart))) < len(apart)
        exact = stats.wilcoxon(apart, method="exact")
        normal = stats.wilcoxon(apart, method="approx", correction=True)
        cases.append({
            "name": name,
            "base": list(base),
            "new": list(new),
            "statistic": float(normal.statistic),
            "exact": None if ties else float(exact.pvalue),
            "normal": float(normal.pvalue),
        })
    return cases


def t_quantiles():
    return [
        {"freedom": freedom, "p": p, "t": float(stats.t.ppf(p, freedom))}
        for freedom in (1, 2, 3, 4.7, 9, 30, 198)
        for p in (0.75, 0.975, 0.995, 0.9995)
    ]


def holm():
    families = [
        [0.01, 0.04, 0.03, 0.005],
        [0.2],
        [0.9, 0.8, 0.7],
        [0.02, 0.02, 0.02, 1.0],
        [1e-9, 0.5, 0.04, 0.011, 0.011, 0.3],
    ]
    return [{"p": p, "adjusted": list(multipletests(p, method="holm")[1])} for p in families]


def fit():
    cases = []
    small = np.array([1, 2, 4, 8, 16, 32], dtype=float)
    once = lambda n: np.ones(len(n))
    by_16 = lambda n: np.ceil(n / 16)
    for name, noise, n, submissions in (
        ("exact", 0.0, small, once),
        ("one per cent", 0.01, small, once),
        ("five per cent", 0.05, np.repeat(small, 5), once),
        ("submissions of 16, exact", 0.0, small, by_16),
        ("submissions of 16, one per cent", 0.01, small, by_16),
        ("submissions of 16, five per cent", 0.05, np.repeat([*small, 48.0], 5), by_16),
        ("whole submissions of 16, one per cent", 0.01, np.array([16.0, 32, 48, 80]), by_16),
    ):
        h = submissions(n)
        ns = (900 + 120 * n + 700 * (h - 1)) * (1 + noise * RANDOM.normal(size=len(n)))
        at = 64.0
        columns, next_one = [np.ones(len(n)), n], [1.0, at]
        # What cannot be told apart from the entries is not asked for.
        if np.linalg.matrix_rank(np.transpose([*columns, h])) == 3:
            columns, next_one = [*columns, h - 1], [*next_one, np.ceil(at / 16) - 1]
        line = statsmodels.api.WLS(ns, np.transpose(columns), weights=1 / ns**2).fit()
        predicted = line.get_prediction([next_one], weights=1 / line.predict([next_one])[0] ** 2)
        interval = lambda values: [float(value) for value in values]
        coefficients = [interval([value, *ends]) for value, ends in zip(line.params, line.conf_int(0.05))]
        cases.append({
            "name": name,
            "points": [interval(point) for point in zip(n, h, ns)],
            "confidence": 0.95,
            "intercept": coefficients[0],
            "slope": coefficients[1],
            "further": coefficients[2] if len(coefficients) == 3 else None,
            "r_squared": float(line.rsquared),
            "spread": float(np.sqrt(line.scale)),
            "at": at,
            "predicted": interval([predicted.predicted[0], *predicted.conf_int(obs=True, alpha=0.05)[0]]),
        })
    return cases


def trimmed(logs, axis=-1):
    return stats.trim_mean(logs, 0.2, axis=axis)


def variance(logs):
    """Of the trimmed mean (Yuen 1974)."""
    cut = int(0.2 * len(logs))
    kept = len(logs) - 2 * cut
    wins = np.asarray(stats.mstats.winsorize(logs, (0.2, 0.2)))
    return wins.var(ddof=1) * (len(logs) - 1) / (kept * (kept - 1))


def stretched(middle, interval, sides, confidence):
    """What the percentile interval is too short by, as T. Hesterberg (2015) has it."""
    parts = np.array([variance(side) for side in sides])
    sizes = np.array([len(side) for side in sides])
    freedom = parts.sum() ** 2 / (parts**2 / (sizes - 1)).sum()
    factor = stats.t.ppf(0.5 + confidence / 2, freedom) / stats.norm.ppf(0.5 + confidence / 2)
    factor *= np.sqrt((parts * sizes / (sizes - 1)).sum() / parts.sum())
    return [middle] + [middle + factor * (end - middle) for end in interval]


def ratio():
    cases = []
    chosen = ("five and five, apart", "eight and twelve", "twenty and twenty", "large", "skewed", "outliers")
    for name, (base, new) in samples().items():
        if name not in chosen:
            continue
        for confidence in (0.95, 0.99):
            draw = functools.partial(
                stats.bootstrap, n_resamples=200_000, batch=20_000, method="percentile",
                confidence_level=confidence, rng=np.random.default_rng(1), vectorized=True,
            )
            x, y = np.log(base), np.log(new)
            drawn = draw((x, y), lambda x, y, axis: trimmed(y, axis) - trimmed(x, axis))
            unpaired = stretched(trimmed(y) - trimmed(x), drawn.confidence_interval, (x, y), confidence)
            pairs = min(len(base), len(new))
            change = y[:pairs] - x[:pairs]
            drawn = draw((change,), trimmed)
            paired = stretched(trimmed(change), drawn.confidence_interval, (change,), confidence)
            cases.append({
                "name": name,
                "base": list(base),
                "new": list(new),
                "confidence": confidence,
                "unpaired": [float(np.exp(end)) for end in unpaired],
                "paired": [float(np.exp(end)) for end in paired],
            })
    return cases


def r_normals(seed):
    """R's `set.seed(seed); rnorm(…)`: Mersenne Twister, inversion."""
    state = seed
    for _ in range(50):
        state = (69069 * state + 1) & 0xFFFFFFFF
    key = []
    for _ in range(625):
        state = (69069 * state + 1) & 0xFFFFFFFF
        key.append(state)
    twister = np.random.MT19937()
    twister.state = {"bit_generator": "MT19937", "state": {"key": np.array(key[1:], np.uint64), "pos": 624}}
    uniform = lambda: twister.random_raw() * 2.3283064365386963e-10
    while True:
        first = int(134217728 * uniform())
        yield float(stats.norm.ppf((first + uniform()) / 134217728))


def ecp():
    """The univariate example of James and Matteson, "ecp", JSS 62(7), 2014, section 4.1.

    `set.seed(250)`, 100 each of N(0,1), N(0,3), N(2,1), N(2,4). As published, counted from 1:
    order.found 201, 308, 108, considered.last 358 (min.size 30, alpha 1).
    """
    normal = r_normals(250)
    check = r_normals(100)
    assert np.allclose([next(check) for _ in range(3)], [-0.50219235, 0.13153117, -0.07891709])
    values = [mean + spread * next(normal) for mean, spread in ((0, 1), (0, 3), (2, 1), (2, 4)) for _ in range(100)]
    return {"values": [round(value, 6) for value in values], "least": 30, "found": [200, 307, 107, 357]}


def otava_answers(values, window, p_max, magnitude_min):
    """Merged once more: when a point is taken back, Otava 0.8.0 tests its right neighbour and the
    one after that again, where the left one's side has changed."""
    points, _ = otava.analysis.compute_change_points(
        values, window_len=window, max_pvalue=p_max, min_magnitude=magnitude_min
    )
    tester = otava.analysis.TTestSignificanceTester(p_max)
    intervals = tester.get_intervals(points)
    fresh = [tester.change_point(point.to_candidate(), values, intervals) for point in points]
    merged = otava.analysis.merge(fresh, values, p_max, magnitude_min)
    return [int(point.index) for point in merged]


def change_points():
    """Series with the answers of Apache Otava (https://github.com/apache/otava, Apache-2.0).

    The first two are of its tests/change_point_divisive_test.py and tests/analysis_test.py, which
    expect [5, 8] and [10]; the third is tests/deterministic_tigerbeetle_test.py's. Its test takes
    the population's standard deviation; Student's takes the sample's, and so is it asked here.
    """
    sequence = [0.3, 2.4, 1.5, -0.9, -0.5, 99.7, 98.3, 99.1, 149.0, 149.7, 149.5, 149.1, 148.8, 150.0]
    halved = [1.02, 0.95, 0.99, 1.00, 1.12, 1.00, 1.01, 0.98, 1.01, 0.96]
    halved += [0.50, 0.51, 0.48, 0.48, 0.55, 0.50, 0.49, 0.51, 0.50, 0.49]
    tigerbeetle = json.loads((FOLDER / "tigerbeetle.json").read_text())
    steps = list(np.round(RANDOM.normal(1000, 8, 400) * np.repeat([1, 1.03, 1.03, 0.98], 100), 3))
    flat = list(np.round(RANDOM.normal(1000, 8, 300), 3))
    asked = [
        ("sequence", sequence, 50, 0.01, 0.0, [5, 8]),
        ("halved", halved, 10, 0.0001, 0.0, [10]),
        ("tigerbeetle", tigerbeetle, 50, 0.001, 0.0, None),
        ("tigerbeetle, strict", tigerbeetle, 50, 0.00001, 0.0, None),
        ("tigerbeetle, five per cent", tigerbeetle, 50, 0.001, 0.05, None),
        ("tigerbeetle, short window", tigerbeetle, 30, 0.001, 0.0, None),
        ("steps of three per cent", steps, 50, 0.001, 0.01, None),
        ("flat", flat, 50, 0.001, 0.0, None),
        ("the example of ecp", ecp()["values"], 50, 0.001, 0.0, None),
    ]
    cases = []
    population = np.std
    for name, values, window, p_max, magnitude_min, published in asked:
        np.std = functools.partial(population, ddof=1)
        try:
            indexes = otava_answers([float(value) for value in values], window, p_max, magnitude_min)
        finally:
            np.std = population
        assert published in (None, indexes), (name, indexes)
        cases.append({
            "name": name,
            "values": values,
            "window": window,
            "p_max": p_max,
            "magnitude_min": magnitude_min,
            "indexes": indexes,
            "p": student(values, indexes),
        })
    return cases


def student(values, indexes):
    """The t-tests of neighbouring parts."""
    ends = [0, *indexes, len(values)]
    parts = [values[begin:end] for begin, end in zip(ends, ends[1:])]
    return [float(stats.ttest_ind(*both).pvalue) for both in zip(parts, parts[1:])]


def steady():
    """MSER-5 by its definition (White 1997), with medians of the batches; no test of the rest."""
    noise = lambda n: RANDOM.normal(100, 2, n)
    ramp = np.append(np.linspace(200, 100, 60), np.full(240, 100.0)) + RANDOM.normal(0, 2, 300)
    series = {
        "at once": noise(200),
        "after a step": np.append(noise(80) * 1.5, noise(320)),
        "after a ramp": ramp,
        "with interruptions": noise(250) * np.where(RANDOM.random(250) < 0.05, 6, 1),
        "after a decay": 100 + 80 * np.exp(-np.arange(500) / 40) + RANDOM.normal(0, 2, 500),
    }
    cases = []
    for name, values in series.items():
        values = np.round(values, 4)
        count = len(values) // 5
        medians = np.median(values[len(values) - 5 * count :].reshape(count, 5), axis=1)
        rule = [((rest := medians[cut:]) - rest.mean()) @ (rest - rest.mean()) / len(rest) ** 2 for cut in range(count // 2 + 1)]
        cases.append({"name": name, "values": list(values), "from": len(values) - 5 * count + 5 * int(np.argmin(rule))})
    return cases


def main():
    warnings.simplefilter("ignore")
    reference = {
        "scipy": scipy.__version__,
        "statsmodels": statsmodels.__version__,
        "otava": "0.8.0",
        "mann_whitney": mann_whitney(),
        "wilcoxon": wilcoxon(),
        "t_quantiles": t_quantiles(),
        "holm": holm(),
        "fit": fit(),
        "ratio": ratio(),
        "ecp": ecp(),
        "change_points": change_points(),
        "steady": steady(),
    }
    lines = [f"{json.dumps(key)}: {json.dumps(value)}" for key, value in reference.items() if not isinstance(value, list)]
    for key, value in reference.items():
        if isinstance(value, list):
            lines.append(f"{json.dumps(key)}: [\n" + ",\n".join(json.dumps(case) for case in value) + "\n]")
    (FOLDER / "reference.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")


main()
