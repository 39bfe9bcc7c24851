"""The OpenAPI description as a page that loads nothing from anywhere."""

from html import escape
from typing import Any

_STYLE = """
body { font: 16px/1.5 sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
table { border-collapse: collapse } td, th { text-align: left; padding: .1rem 1rem .1rem 0 }
h2 { margin-top: 2.5rem } h3 { font-family: monospace; margin: 1.5rem 0 0 }
td:first-child { font-family: monospace }
"""


def page(description: dict[str, Any]) -> str:
    """Return the page as HTML."""
    operations: dict[str, list[str]] = {}
    for path, methods in description["paths"].items():
        for method, operation in methods.items():
            tag = operation.get("tags", ["others"])[0]
            operations.setdefault(tag, []).append(_operation(method, path, operation, description))
    title = escape(description["info"]["title"])
    parts = [
        f"<h2>{escape(tag.capitalize())}</h2>{''.join(found)}" for tag, found in operations.items()
    ]
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>'
        f"<style>{_STYLE}</style><h1>{title}</h1>"
        '<p>The same for machines: <a href="openapi.json">openapi.json</a></p>'
        f"{''.join(parts)}</html>"
    )


def _operation(
    method: str, path: str, operation: dict[str, Any], description: dict[str, Any]
) -> str:
    rows = [
        (f"{found['name']} ({found['in']})", _kind(found.get("schema", {}), description))
        for found in operation.get("parameters", [])
    ]
    body = operation.get("requestBody", {})
    rows += [(name, _kind(kind, description)) for name, kind in _members(body, description)]
    asked = "".join(f"<tr><td>{escape(a)}<td>{escape(b)}" for a, b in rows)
    answers = []
    for status, answer in operation["responses"].items():
        names = ", ".join(name for name, _ in _members(answer, description))
        if status < "4":
            answers.append(f"{status}: {names or answer['description']}")
    others = ", ".join(status for status in operation["responses"] if status >= "4")
    refused = f" Refusals are problem details: {others}." if others else ""
    return (
        f"<h3>{method.upper()} {escape(path)}</h3><p>{escape(operation.get('description', ''))}</p>"
        f"<table>{asked}</table><p>Answer {escape('; '.join(answers))}.{refused}</p>"
    )


def _members(part: dict[str, Any], description: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """Return name and schema of each member of a body."""
    schema = part.get("content", {}).get("application/json", {}).get("schema", {})
    name = schema.get("$ref", "").rpartition("/")[2]
    found = description["components"]["schemas"].get(name, {})
    return list(found.get("properties", {}).items())


def _kind(schema: dict[str, Any], description: dict[str, Any]) -> str:
    if "anyOf" in schema:
        return " or ".join(_kind(one, description) for one in schema["anyOf"])
    if "$ref" in schema:
        schema = description["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    limits = [
        f"{name} {schema[name]}"
        for name in ("pattern", "minLength", "maxLength", "minimum", "maximum")
        if name in schema
    ]
    return ", ".join([str(schema.get("type", "any")), *limits])
