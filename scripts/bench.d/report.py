"""From the figures of all rounds to rows, aims and what is printed."""
import statistics

from measures import MEASURES, UNITS
from modes import MODES

# (name, metric, mode, compared with, limit as it reads, is the aim reached)
AIMS = [(name, "p50", mode, other, limit, False) for name in ("post_python", "post_node") for mode, other, limit in (
    ("enforce", "bare", 2.0), ("enforce", "floor", 1.2), ("observe", "bare", 1.25))]
AIMS += [("transfer", metric, "enforce", "bare", 0.7, True) for metric in ("upload", "download")]
AIMS += [("idle", "rss", mode, None, 64, False) for mode in ("observe", "enforce")]


def _quartiles(values: list[float]) -> list[float]:
    if len(values) < 2:
        return [values[0], values[0]]
    low, _, high = statistics.quantiles(values, n=4, method="inclusive")
    return [low, high]


def rows(figures: dict) -> list[dict]:
    """figures: (name, metric, mode) → one value a round. A mode without the figure is null. Spread: the quartiles."""
    found = []
    for measure in MEASURES:
        for metric, unit in UNITS.items():
            by_mode = {mode: figures.get((measure.name, metric, mode)) for mode in MODES}
            if not any(by_mode.values()):
                continue
            found.append({"name": measure.name, "metric": metric, "unit": unit}
                         | {mode: values and round(statistics.median(values), 2) for mode, values in by_mode.items()}
                         | {"spread": {mode: [round(v, 2) for v in _quartiles(values)]
                                       for mode, values in by_mode.items() if values}})
    return found


def aims(all_rows: list[dict]) -> list[dict]:
    index = {(row["name"], row["metric"]): row for row in all_rows}
    found = []
    for name, metric, mode, other, limit, at_least in AIMS:
        row = index.get((name, metric))
        if row is None:
            continue
        value = row[mode] / row[other] if other else row[mode]
        found.append({"name": name, "metric": metric, "what": f"{mode} / {other}" if other else f"{mode}, {row['unit']}",
                      "value": round(value, 2), "aim": f"{'>=' if at_least else '<='} {limit}",
                      "reached": value >= limit if at_least else value <= limit})
    return found


def text(all_rows: list[dict], reached: list[dict], machine: dict, rounds: int) -> str:
    lines = [", ".join(f"{key}: {value}" for key, value in machine.items()),
             f"medians of {rounds} rounds, [quartiles] below them"]
    for measure in MEASURES:
        mine = [row for row in all_rows if row["name"] == measure.name]
        if not mine:
            continue
        lines += ["", f"{measure.name}: {measure.what}", f"  {'':26}" + "".join(f"{mode:>20}" for mode in MODES)]
        for row in mine:
            medians = "".join(f"{'-' if row[mode] is None else f'{row[mode]:.1f}':>20}" for mode in MODES)
            spreads = "".join(f"{_range(row['spread'].get(mode)):>20}" for mode in MODES)
            lines += [f"  {row['metric'] + ', ' + row['unit']:26}" + medians, f"  {'':26}" + spreads]
    lines += ["", "aims"]
    lines += [f"  {a['name'] + ' ' + a['metric']:20} {a['what']:18} {a['value']:8.2f}  aim {a['aim']:8} "
              f"{'reached' if a['reached'] else 'not reached'}" for a in reached]
    return "\n".join(lines)


def _range(spread) -> str:
    return f"[{spread[0]:.1f} {spread[1]:.1f}]" if spread else ""
