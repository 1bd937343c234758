"""Writes the figures of a run into the page, and draws the plots.

  report.py FIGURES.json PAGE.md           the tables between the page's marks, and the plots (SVG) beside FIGURES.json
  report.py --check FIGURES.json PAGE.md   only says whether the tables in the page are those of the figures

FIGURES.json is what `run.sh --json` has written. The plots need matplotlib (Debian: python3-matplotlib).
"""
import pathlib
import re
import sys

import plots
from figures_file import Figures, number

TITLES = {"mtlspin": "libmtlspin", "haproxy": "HAProxy", "nginx": "nginx", "mtlspin-mix": "libmtlspin, all kinds of rules"}
GROWTH = {  # SIZE stands for 1e3, 1e4, ...
    "load (s)": "load-SIZE",
    "most memory while loading (MiB)": "load-peak/SIZE",
    "bytes a rule": "rule-bytes/SIZE",
    "decision (ns): hit": "decide-SIZE/spki-hit",
    "miss": "decide-SIZE/spki-miss",
    "hit, of a thousand peers": "decide-warm-SIZE/spki-hit",
    "added to a full handshake (instructions)": "handshake-added-SIZE",
}


def table(head, rows):
    lines = [head, ["---"] * len(head)] + rows
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def machine_text(figures):
    words = [f"{key}: {value}" for key, value in figures.machine.items()]
    return "\n".join(f"- {line}" for line in words)


def goals_text(figures):
    rows = []
    for figure in figures.list:
        goal = figure["goal"].replace("<=", "≤").replace(">=", "≥")
        if goal != "-":
            rows.append([f"`{figure['name']}`", number(figure["value"]), figure["unit"], goal, figure["verdict"]])
    return table(["figure", "value", "unit", "goal", ""], rows)


def growth_text(figures):
    present = [(title, figures.grown(name)) for title, name in GROWTH.items()]
    sizes = sorted({size for _, values in present for size in values}, key=float)
    rows = [[size] + [number(values[size]) if size in values else "–" for _, values in present] for size in sizes]
    return table(["rules"] + [title for title, _ in present], rows)


def beside_text(figures):
    families = {}
    for figure in figures.list:
        front, slash, server = figure["name"].partition("/")
        if front.startswith("beside-") and slash:
            families.setdefault(front, {"unit": figure["unit"]})[server] = number(figure["value"])
    rows = [[f"`{front}`", found["unit"]] + [found.get(server, "–") for server in TITLES]
            for front, found in families.items()]
    return table(["figure", "unit"] + list(TITLES.values()), rows)


def others_text(figures):
    """What no other table shows."""
    grown = {name.replace("SIZE", size) for name in GROWTH.values() for size in figures.grown(name)}
    rows = [[f"`{figure['name']}`", number(figure["value"]), figure["unit"]] for figure in figures.list
            if figure["goal"] == "-" and figure["name"] not in grown and not re.match("beside-.*/", figure["name"])]
    return table(["figure", "value", "unit"], rows)


PARTS = {"machine": machine_text, "goals": goals_text, "growth": growth_text, "beside": beside_text, "others": others_text}


def page_with(figures, page):
    """The page with each part between its marks made anew."""
    for name, make in PARTS.items():
        pattern = re.compile(rf"(<!-- {name} -->\n).*?(<!-- end of {name} -->)", re.DOTALL)
        if not pattern.search(page):
            raise SystemExit(f"the page has no marks for {name}")
        page = pattern.sub(lambda found, make=make: found.group(1) + make(figures) + "\n" + found.group(2), page)
    return page


def check(figures, page, path):
    """The page's tables, and that each plot that it shows is there."""
    shown = re.findall(r"!\[[^]]*\]\(([^)]+\.svg)\)", page)
    problems = [f"{path.name} shows {name}, which is not there" for name in shown if not (path.parent / name).is_file()]
    if page_with(figures, page) != page:
        problems.append(f"the tables in {path.name} are not those of the figures: run report.py")
    for problem in problems:
        print(f"FAILED: {problem}")
    print(f"{len(shown) + 1 - len(problems)} passed, {len(problems)} failed, 0 skipped")
    return 1 if problems else 0


def main():
    arguments = [argument for argument in sys.argv[1:] if argument != "--check"]
    if len(arguments) != 2:
        raise SystemExit(__doc__)
    source, path = (pathlib.Path(argument) for argument in arguments)
    figures, page = Figures(source), path.read_text(encoding="utf-8")
    if "--check" in sys.argv:
        return check(figures, page, path)
    path.write_text(page_with(figures, page), encoding="utf-8")
    plots.draw(figures, source.parent)
    return 0


if __name__ == "__main__":
    sys.exit(main())
