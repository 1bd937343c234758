"""The figures of a run, as `run.sh --json` has written them."""
import json
import re

SERVERS = ["mtlspin", "haproxy", "nginx"]


class Figures:
    def __init__(self, path):
        content = json.loads(path.read_text(encoding="utf-8"))
        self.machine = content["machine"]
        self.list = content["figures"]
        self.by_name = {figure["name"]: figure for figure in self.list}

    def value(self, name):
        """The value as a number, or None: not measured."""
        figure = self.by_name.get(name)
        return figure["value"] if figure and isinstance(figure["value"], (int, float)) else None

    def under(self, front):
        """{what stands behind the slash: value} of a family of figures."""
        names = [name for name in self.by_name if name.startswith(front + "/")]
        return {name[len(front) + 1:]: self.value(name) for name in names}

    def grown(self, name):
        """{size: value} of figures such as load-SIZE."""
        pattern = re.compile(re.escape(name).replace("SIZE", r"(\de\d)"))
        found = [(pattern.fullmatch(figure), figure) for figure in self.by_name]
        return {match.group(1): self.value(figure) for match, figure in found if match and self.value(figure) is not None}


def number(value):
    """At most four digits that say something; groups of three."""
    if not isinstance(value, (int, float)):
        return str(value)
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"
