"""The English texts, and whether a flow's step has all of its own."""

import string
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from homeassistant.data_entry_flow import FlowResultType

from .sources import read_json


@cache
def texts() -> dict[str, Any]:
    """Return translations/en.json."""
    content: dict[str, Any] = read_json("translations/en.json")
    return content


def placeholders(text: str) -> set[str]:
    """Return the names in braces."""
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


def every_text(node: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield each text with the keys that lead to it."""
    if isinstance(node, str):
        yield path, node
        return
    for key, inner in node.items():
        yield from every_text(inner, (*path, key))


def missing(section: Mapping[str, Any], result: Mapping[str, Any]) -> Iterator[str]:
    """Yield what a step shows and has no text for; `section`: config, options or a fix flow."""
    step = section["step"].get(result.get("step_id"), {})
    given = set(result.get("description_placeholders") or ())
    shown: list[str | None] = []
    match result["type"]:
        case FlowResultType.FORM:
            shown.append(step.get("title"))
            shown += [section["error"].get(error) for error in (result["errors"] or {}).values()]
            if (schema := result["data_schema"]) is not None:
                for key in map(str, schema.schema):
                    shown += [step["data"].get(key), step["data_description"].get(key)]
        case FlowResultType.MENU:
            shown.append(step.get("title"))
            for option in result["menu_options"]:
                shown += [step["menu_options"].get(option)]
                shown += [step["menu_option_descriptions"].get(option)]
        case FlowResultType.SHOW_PROGRESS:
            shown += [step.get("title"), section["progress"].get(result["progress_action"])]
        case FlowResultType.ABORT:
            shown.append(section["abort"].get(result["reason"]))
    if None in shown:
        yield f"a text of {result}"
    everything = [*(text for text in shown if text), step.get("description", "")]
    for name in set().union(*map(placeholders, everything)) - given:
        yield f"{{{name}}} of {result}"
