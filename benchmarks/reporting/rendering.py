"""Pages from the Jinja templates of `templates/`."""

from __future__ import annotations

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape


def environment() -> Environment:
    """Templates by name; HTML is escaped, Markdown is not, and an undefined name is an error."""
    return Environment(
        loader=PackageLoader("benchmarks.reporting"),
        autoescape=select_autoescape(),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
