"""What the public headers declare."""
import pathlib
import re

# A declaration at the left margin: what it is, and its name.
FUNCTION = re.compile(r"^MTLSPIN_API\b.*?\b(mtlspin_\w+)\(", re.DOTALL)
TYPE = re.compile(r"^(?:struct|enum) (mtlspin_\w+) *[{;]")
TYPEDEF = re.compile(r"^typedef\b.*?\b(mtlspin_\w+)\(")


def headers(root):
    return sorted((pathlib.Path(root) / "include" / "mtlspin").glob("*.h"))


def declarations(header):
    """(name, is it a function, the comment that stands above it) of each declaration. A comment holds for all that follows
    it up to an empty line."""
    text = header.read_text(encoding="utf-8")
    comment = ""
    position = 0
    while position < len(text):
        end = text.find("\n", position) + 1 or len(text)
        line = text[position:end]
        if line.startswith("/*"):
            end = text.index("*/", position) + 3
            comment = text[position:end]
        elif not line.strip():
            comment = ""
        for pattern in (FUNCTION, TYPE, TYPEDEF):
            found = pattern.match(text[position:text.find(";", position) + 1] if pattern is FUNCTION else line)
            if found:
                yield found.group(1), pattern is FUNCTION, comment
        position = end


def functions(root):
    return {name for header in headers(root) for name, function, _ in declarations(header) if function}
