"""The libraries that a page carries within it, from the packages that ship them.

Vega-Lite draws the figures: its bundle is 0.9 MB, Plotly's 4.7, which alone would fill the page, and a
Bokeh page needs JavaScript of its own for each slider. DataTables sorts and filters tables that are there
without it.
"""

from __future__ import annotations

import re
from base64 import b64encode
from dataclasses import dataclass
from functools import cache
from importlib.resources import files


@dataclass(frozen=True)
class Libraries:
    """What a page carries.

    Attributes:
        charts: the JavaScript that draws Vega-Lite's specifications; it sets ``window.vegaEmbed``.
        tables: a data URL of the JavaScript module that makes tables sort and filter.
        table_style: its CSS.
    """

    charts: str
    tables: str
    table_style: str


@cache
def libraries() -> Libraries:
    """Return them as they are installed."""
    from vl_convert import javascript_bundle

    bundle: str = javascript_bundle("window.vegaEmbed = vegaEmbed;")
    folder = files("itables") / "html"
    module = (folder / "dt_bundle.js").read_bytes()
    return Libraries(
        charts=inside_script(bundle),
        tables=f"data:text/javascript;base64,{b64encode(module).decode('ascii')}",
        table_style=(folder / "dt_bundle.css").read_text(encoding="utf-8"),
    )


def inside_script(text: str) -> str:
    """Return JavaScript or JSON as it may stand inside a script element, which nothing in it ends."""
    return re.sub("<(?=/script|!--)", r"\\x3c", text, flags=re.IGNORECASE)
