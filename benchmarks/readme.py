"""Tables in the README that measurements write."""

import re

from workshop_utils.paths import ROOT


def write_between_marks(name: str, text: str) -> None:
    """Replace what stands in the README between ``<!-- name -->`` and ``<!-- /name -->``."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    marks = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.S)
    (ROOT / "README.md").write_text(marks.sub(lambda m: m[1] + text + m[2], readme), encoding="utf-8")
