"""How the heap grows with the size of the input: exact figures at some sizes, and the power law that fits them."""

import io
import math
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

from benchmarks.heap.files import TargetError, write_atomically
from benchmarks.heap.units import format_bytes

__all__ = [
    "METRICS",
    "Growth",
    "GrowthError",
    "Law",
    "fit",
    "measure_growth",
    "operations",
    "parse_sizes",
    "plot",
    "table",
]

# Fields of a heap profile: name for people, and unit.
METRICS = {
    "allocations": ("allocations", "blocks"),
    "allocated_bytes": ("allocated bytes", "bytes"),
    "peak_bytes": ("peak", "bytes"),
}
# What a size counts, by the operation's first parameter.
SIZES = {
    "n_names": "names",
    "size": "candidate skills, half as many required",
    "n_pairs": "pairs",
    "n_candidates": "candidates",
}

CONFIDENCE = 0.95
NEAR = 0.1  # an exponent this near to a whole number has its name, however narrow the interval
NAMES = ("constant", "linear", "quadratic", "cubic")  # by exponent


class GrowthError(ValueError):
    """Growth cannot be measured, fitted or drawn as asked."""


@dataclass(frozen=True)
class Law:
    """A power law: a figure grows as n to the power `exponent`.

    Parameters
    ----------
    exponent : float
        The least-squares slope in logarithms.
    low, high : float
        Its 95 % confidence interval.
    scale : float
        What the law says at n = 1.
    r_squared : float
        Share of the variance, in logarithms, that the law explains; 1 for equal figures.
    """

    exponent: float
    low: float
    high: float
    scale: float
    r_squared: float

    @property
    def name(self) -> str:
        """What the exponent is called; n log n has no name of its own, and lies between linear and quadratic."""
        if not self.high - self.low < 1:
            return "no clear law"
        nearest = round(self.exponent)
        if 0 <= nearest < len(NAMES) and (abs(self.exponent - nearest) <= NEAR or self.low <= nearest <= self.high):
            return NAMES[nearest]
        below = math.floor(self.exponent)
        if below < 0:
            return "falling"
        if below >= len(NAMES) - 1:
            return f"more than {NAMES[-1]}"
        return "sub-linear" if below == 0 else f"between {NAMES[below]} and {NAMES[below + 1]}"

    def statement(self, metric: str) -> str:
        """The law in words, such as ``peak grows as n^1.97, 95 % CI 1.95 to 1.99: quadratic``."""
        return (
            f"{metric} {'grow' if metric.endswith('s') else 'grows'} as n^{self.exponent:z.2f}, "
            f"95 % CI {self.low:z.2f} to {self.high:z.2f}: {self.name}"
        )

    def at(self, n: float) -> float:
        """What the law says at a size."""
        return float(self.scale * n**self.exponent)


@dataclass(frozen=True)
class Growth:
    """Figures of an operation at some sizes.

    Parameters
    ----------
    operation : str
        What was measured.
    unit : str
        What a size counts.
    sizes : tuple of int
        In ascending order.
    figures : mapping of str to tuple of int
        Of each metric, a field of a heap profile, one for each size.
    """

    operation: str
    unit: str
    sizes: tuple[int, ...]
    figures: Mapping[str, tuple[int, ...]]

    @property
    def laws(self) -> dict[str, Law]:
        """The law of each metric."""
        return {metric: fit(self.sizes, values) for metric, values in self.figures.items()}

    def statements(self) -> list[str]:
        """The law of each metric in words."""
        return [law.statement(METRICS[metric][0]) for metric, law in self.laws.items()]

    def to_dict(self) -> dict[str, Any]:
        """Plain objects, ready for JSON."""
        return {
            "operation": self.operation,
            "unit": self.unit,
            "sizes": list(self.sizes),
            "metrics": {
                metric: {
                    "values": list(self.figures[metric]),
                    "factors": _factors(self.figures[metric]),
                    "law": {**asdict(law), "name": law.name},
                }
                for metric, law in self.laws.items()
            },
        }


def _factors(values: Sequence[int]) -> list[float]:
    """By what each value but the first is greater than the one before."""
    return [after / before for before, after in pairwise(values)]


def parse_sizes(text: str) -> tuple[int, ...]:
    """Sizes, such as ``10,20,50``, in ascending order.

    Raises
    ------
    GrowthError
        Where they are not three or more distinct positive whole numbers.
    """
    sizes = []
    for part in text.split(","):
        if not (part.strip().isascii() and part.strip().isdigit() and len(part) < 10 and int(part) > 0):
            raise GrowthError(f"size {part[:40]!r}: expected a positive whole number below a thousand million")
        if int(part) in sizes:
            raise GrowthError(f"size {int(part)} is there twice: expected distinct sizes")
        sizes.append(int(part))
    return _checked(sizes)


def _checked(sizes: Sequence[int]) -> tuple[int, ...]:
    if len(sizes) < 3:
        raise GrowthError(f"{len(sizes)} sizes ({', '.join(map(str, sizes))}): expected three or more")
    return tuple(sorted(sizes))


def fit(sizes: Sequence[float], values: Sequence[float]) -> Law:
    """Least squares on logarithms; the interval takes deviations from the law for independent and normal.

    Exact figures of a program deviate for reasons, such as a constant part that matters at small sizes, so that the
    interval says how well a power law describes them, and is no test.

    Parameters
    ----------
    sizes, values : sequence of float, shape (n_sizes,)
        Three or more, all positive and finite; sizes are distinct.

    Raises
    ------
    GrowthError
        Where they are not.
    """
    import numpy as np
    from scipy import stats

    if len(sizes) != len(values) or len(sizes) < 3:
        raise GrowthError(f"{len(values)} values at {len(sizes)} sizes: expected three or more, and as many of each")
    for value in (*sizes, *values):
        if not 0 < value < math.inf:
            raise GrowthError(f"{value}: expected a positive finite number")
    if len(set(sizes)) != len(sizes):
        raise GrowthError(f"sizes {', '.join(map(str, sizes))}: expected distinct ones")
    x, y = np.log(sizes), np.log(values)
    if y.min() == y.max():  # no variance to explain
        return Law(0.0, 0.0, 0.0, float(values[0]), 1.0)
    line = stats.linregress(x, y)
    margin = float(stats.t.ppf((1 + CONFIDENCE) / 2, len(sizes) - 2) * line.stderr)
    slope = float(line.slope)
    return Law(slope, slope - margin, slope + margin, math.exp(line.intercept), float(line.rvalue**2))


def _by_size(operation: Any) -> Callable[[int], tuple[Any, ...]] | None:
    """Parameter values of an operation as a function of the size, all others the first ones; None without a size."""
    if operation.sized:
        return lambda n: operation.sized(n, max(n // 2, 1))
    if next(iter(operation.params), None) not in SIZES:
        return None
    _, *others = operation.combinations()[0]
    return lambda n: (n, *others)


def operations() -> list[str]:
    """Names of the suite's operations that can be set up for any size."""
    from benchmarks.common import OPERATIONS

    return [name for name, operation in OPERATIONS.items() if _by_size(operation)]


def measure_growth(name: str, sizes: Sequence[int], *, metrics: Sequence[str] = tuple(METRICS)) -> Growth:
    """Measure an operation's heap at some sizes, with progress on stderr.

    Parameters
    ----------
    name : str
        One of `operations`.
    sizes : sequence of int
        Three or more; what they count is the operation's own: see `Growth.unit`.
    metrics : sequence of str
        Of `METRICS`.

    Raises
    ------
    GrowthError
        Where the operation has no size, this commit lacks it, or a size is more than the inputs can give.
    """
    from benchmarks.common import OPERATIONS
    from benchmarks.heap.measure import measure

    params = _by_size(OPERATIONS[name]) if name in OPERATIONS else None
    if params is None:
        raise GrowthError(f"operation {name!r}: expected one that has a size, of {', '.join(operations())}")
    operation = OPERATIONS[name]
    for metric in metrics:
        if metric not in METRICS:
            raise GrowthError(f"metric {metric!r}: expected one of {', '.join(METRICS)}")
    sizes = _checked(sizes)
    try:
        operation.check_available()
        operation.setup(*params(sizes[-1]))  # what is too large is said before the rest is measured
    except NotImplementedError as error:
        raise GrowthError(str(error)) from None
    except ValueError as error:
        raise GrowthError(f"{name} at size {sizes[-1]}: {error}") from None
    profiles = []
    for n in sizes:
        print(f"growth: {name} at size {n:,} ...", file=sys.stderr, flush=True)
        profiles.append(measure(operation.run, setup=partial(operation.setup, *params(n))))
    figures = {metric: tuple(getattr(profile, metric) for profile in profiles) for metric in metrics}
    unit, *others = operation.params
    fixed = [f"{other} {value}" for other, value in zip(others, params(sizes[0])[1:], strict=False)]
    return Growth(name, ", ".join([SIZES.get(unit, "n"), *fixed]), sizes, figures)


def table(growth: Growth) -> str:
    """Text for a terminal: a line for each size, with each figure and its growth from line to line, and the laws."""
    columns = [["n", *(f"{n:,}" for n in growth.sizes)]]
    for metric, values in growth.figures.items():
        label, unit = METRICS[metric]
        columns.append([label, *(format_bytes(value) if unit == "bytes" else f"{value:,}" for value in values)])
        columns.append(["growth", "", *(f"x{factor:.2f}" for factor in _factors(values))])
    widths = [max(map(len, column)) for column in columns]
    rows = ["  ".join(map(str.rjust, row, widths)).rstrip() for row in zip(*columns, strict=True)]
    rule = "  ".join("-" * width for width in widths)
    head = f"{growth.operation}, n {growth.unit}"
    return "\n".join([head, "", rows[0], rule, *rows[1:], "", *growth.statements()])


def plot(growth: Growth, path: Path) -> None:
    """Draw each metric over the sizes with its law, in logarithms, as PNG or SVG by the suffix; whole or not at all.

    Raises
    ------
    GrowthError
        Where the suffix is another, matplotlib is missing, or the file cannot be written.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in {".png", ".svg"}:
        raise GrowthError(f"plot {str(path)!r}: expected a name that ends in .png or .svg")
    drawn = _draw(growth, suffix[1:])
    try:
        write_atomically(path, drawn)
    except TargetError as error:
        raise GrowthError(str(error)) from None


def _draw(growth: Growth, form: str) -> bytes:
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise GrowthError("matplotlib is not installed: a plot needs python -m pip install matplotlib") from None
    from matplotlib.ticker import LogFormatter, NullFormatter

    figure = Figure(figsize=(4.6 * len(growth.figures), 4.2), layout="constrained")
    figure.suptitle(f"{growth.operation}: heap by size")
    panels = figure.subplots(1, len(growth.figures), squeeze=False)[0]
    ends = growth.sizes[0], growth.sizes[-1]
    for panel, (metric, values), law in zip(panels, growth.figures.items(), growth.laws.values(), strict=True):
        label, unit = METRICS[metric]
        first = format_bytes(values[0]) if unit == "bytes" else f"{values[0]:,} {unit}"
        panel.plot(ends, [law.at(n) / values[0] for n in ends], color="#d55e00", label=f"n^{law.exponent:z.2f}")
        panel.plot(growth.sizes, [value / values[0] for value in values], "o", color="#0072b2", label="measured")
        panel.set(xscale="log", yscale="log", xlabel=f"n ({growth.unit})")
        panel.set_ylabel(f"{label} (1 = {first}, at n = {ends[0]:,})")
        panel.set_title(law.statement(label).replace(", 95 %", ",\n95 %"), fontsize="medium")
        panel.set_xticks(growth.sizes, [f"{n:,}" for n in growth.sizes])
        panel.xaxis.set_minor_formatter(NullFormatter())
        panel.yaxis.set_major_formatter(LogFormatter())
        panel.yaxis.set_minor_formatter(LogFormatter())
        panel.grid(alpha=0.3)
        panel.legend()
    stream = io.BytesIO()
    # an SVG with a date would differ at every drawing
    figure.savefig(stream, format=form, dpi=150, metadata={"Date": None} if form == "svg" else None)
    return stream.getvalue()
