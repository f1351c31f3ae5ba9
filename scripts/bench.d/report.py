"""From the rows of figures to aims and what is printed."""

ALGORITHMS = ("RS256", "PS256", "ES256", "EdDSA")

# (name, metric, column, compared with, limit as it reads, is the aim reached from above)
AIMS = [(name, "p50", mode, other, limit, False) for name in ("post_python", "post_node") for mode, other, limit in (
    ("enforce", "bare", 2.0), ("enforce", "floor", 1.2), ("observe", "bare", 1.25))]
AIMS += [("transfer", metric, "enforce", "bare", 0.7, True) for metric in ("upload", "download")]
AIMS += [("idle", "rss", mode, None, 64, False) for mode in ("observe", "enforce")]
AIMS += [("token", f"{algorithm}_{roles}_roles_ratio", "verify", None, 1.5, False) for algorithm in ALGORITHMS for roles in (5, 41)]
AIMS += [("scopes", "per_call_p50", column, None, 1000, False) for column in ("specific", "wildcards")]
AIMS += [("policy", "decide_p50", "1000", None, 5, False), ("policy", "growth_p50", "10000", None, 2, False)]
AIMS += [("parse", "http2", "64KiB", None, 1000, True), ("parse", "json", "64KiB", None, 500, True)]


def aims(all_rows: list[dict]) -> list[dict]:
    index = {(row["name"], row["metric"]): row for row in all_rows}
    found = []
    for name, metric, column, other, limit, at_least in AIMS:
        row = index.get((name, metric))
        if row is None:
            continue
        value = row[column] / row[other] if other else row[column]
        found.append({"name": name, "metric": metric, "what": f"{column} / {other}" if other else f"{column}, {row['unit']}",
                      "value": round(value, 2), "aim": f"{'>=' if at_least else '<='} {limit}",
                      "reached": value >= limit if at_least else value <= limit})
    return found


def text(subjects, all_rows: list[dict], reached: list[dict], machine: dict, rounds: int) -> str:
    lines = [", ".join(f"{key}: {value}" for key, value in machine.items()),
             f"medians of {rounds} rounds, [quartiles] below them"]
    for subject in subjects:
        mine = [row for row in all_rows if row["name"] == subject.name]
        if not mine:
            continue
        lines += ["", f"{subject.name}: {subject.what}", f"  {'':26}" + "".join(f"{column:>20}" for column in subject.columns)]
        for row in mine:
            medians = "".join(f"{'-' if row[column] is None else _number(row[column]):>20}" for column in subject.columns)
            spreads = "".join(f"{_range(row['spread'].get(column)):>20}" for column in subject.columns)
            lines += [f"  {row['metric'] + ', ' + row['unit']:26}" + medians, f"  {'':26}" + spreads]
    lines += ["", "aims"]
    lines += [f"  {a['name'] + ' ' + a['metric']:30} {a['what']:18} {a['value']:8.2f}  aim {a['aim']:8} "
              f"{'reached' if a['reached'] else 'not reached'}" for a in reached]
    return "\n".join(lines)


def _number(value: float) -> str:
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def _range(spread) -> str:
    return f"[{_number(spread[0])} {_number(spread[1])}]" if spread else ""
