"""Plots of the figures of a run, as SVG."""
from figures_file import SERVERS, number

INK, BLUE, GREY, ORANGE = "#24292f", "#0969da", "#8c959f", "#bc4c00"


def axes(plot, title, what, unit):
    """One drawing; all look alike."""
    figure, axis = plot.subplots(figsize=(7, 3.4), layout="constrained")
    axis.set_title(title, loc="left", fontsize=11, color=INK)
    axis.set_xlabel(what)
    axis.set_ylabel(unit)
    axis.grid(True, color="#d0d7de", linewidth=0.6)
    axis.set_axisbelow(True)
    for side in ("top", "right"):
        axis.spines[side].set_visible(False)
    return figure, axis


def save(plot, figure, path):
    figure.savefig(path, metadata={"Date": None})
    plot.close(figure)


def draw_growth(plot, figures, folder):
    decisions = [("decide-SIZE/spki-hit", "hit, any rule", BLUE), ("decide-SIZE/spki-miss", "miss", ORANGE),
                 ("decide-warm-SIZE/spki-hit", "hit, the same thousand peers", GREY)]
    drawings = [("load", "Loading a policy", "seconds", [("load-SIZE", "", BLUE)]),
                ("memory", "Memory", "bytes a rule", [("rule-bytes/SIZE", "", BLUE)]),
                ("decide", "One decision", "nanoseconds", decisions)]
    for name, title, unit, lines in drawings:
        figure, axis = axes(plot, title, "rules", unit)
        for family, label, colour in lines:
            points = sorted((float(size), value) for size, value in figures.grown(family).items())
            axis.plot([x for x, _ in points], [y for _, y in points], marker="o", color=colour, label=label)
        axis.set_xscale("log")
        axis.set_yscale("linear" if name == "decide" else "log")
        axis.set_ylim(bottom=0 if name == "decide" else None)
        if len(lines) > 1:
            axis.legend(frameon=False)
        save(plot, figure, folder / f"{name}.svg")


def draw_handshakes(plot, figures, folder):
    families = [("handshake-full-instr-ratio", "full", BLUE), ("handshake-resumed-instr-ratio", "resumed", ORANGE)]
    bars = [(f"{kind}\n{which.replace('-', ' ')}", (value - 1) * 100, colour) for front, kind, colour in families
            for which, value in figures.under(front).items() if value is not None]
    figure, axis = axes(plot, "What libmtlspin adds to a server's handshake, 1,000,000 rules", "", "% of instructions")
    names, values, colours = zip(*bars)
    axis.bar(names, values, color=colours, width=0.6)
    axis.axhline(1, color=INK, linewidth=0.8, linestyle="--")
    axis.tick_params(axis="x", labelsize=7)
    save(plot, figure, folder / "handshakes.svg")


def draw_beside(plot, figures, folder):
    drawings = [("beside-start", "Start to first accepted client"), ("beside-memory", "Memory"),
                ("beside-rate", "Full handshakes"), ("beside-reload", "Reload")]
    figure, rows = plot.subplots(1, len(drawings), figsize=(9, 2.8), layout="constrained")
    for axis, (front, title) in zip(rows, drawings):
        values = [(server, figures.value(f"{front}/{server}")) for server in SERVERS]
        values = [(server, value) for server, value in values if value is not None]
        unit = next((figure["unit"] for figure in figures.list if figure["name"].startswith(front + "/")), "")
        bars = axis.bar([server for server, _ in values], [value for _, value in values],
                        color=[BLUE if server == "mtlspin" else GREY for server, _ in values], width=0.6)
        axis.bar_label(bars, labels=[number(value) for _, value in values], fontsize=7)
        axis.set_title(f"{title} ({unit})", loc="left", fontsize=8, color=INK)
        axis.tick_params(labelsize=7)
        for side in ("top", "right"):
            axis.spines[side].set_visible(False)
    save(plot, figure, folder / "beside.svg")


def draw(figures, folder):
    import matplotlib  # here, since the tables do not need it
    matplotlib.use("svg")
    matplotlib.rcParams.update({"svg.hashsalt": "mtlspin", "svg.fonttype": "none", "font.size": 9})
    from matplotlib import pyplot
    draw_growth(pyplot, figures, folder)
    draw_handshakes(pyplot, figures, folder)
    draw_beside(pyplot, figures, folder)
