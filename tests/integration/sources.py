"""The integration's source files, as syntax trees and as texts."""

import ast
import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from homeassistant.util.yaml import parse_yaml

ROOT = Path(__file__).parent.parent.parent
INTEGRATION = ROOT / "custom_components" / "secure_pair"


@cache
def tree(module: str) -> ast.Module:
    """Return a module of the integration by its name."""
    return ast.parse((INTEGRATION / f"{module}.py").read_text())


def modules() -> list[str]:
    """Return the names of all modules beside the protocol."""
    return sorted(path.stem for path in INTEGRATION.glob("*.py"))


def functions(module: str) -> dict[str, ast.FunctionDef | ast.AsyncFunctionDef]:
    """Return a module's functions and methods by name."""
    return {
        node.name: node
        for node in ast.walk(tree(module))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }


def calls(node: ast.AST, name: str) -> Iterator[ast.Call]:
    """Yield the calls of a function or method of this name."""
    for call in ast.walk(node):
        if isinstance(call, ast.Call):
            match call.func:
                case ast.Name(id=found) | ast.Attribute(attr=found) if found == name:
                    yield call


def keyword(call: ast.Call, name: str) -> ast.expr | None:
    """Return an argument that is given by its name."""
    return next((each.value for each in call.keywords if each.arg == name), None)


def read_json(path: str) -> Any:
    return json.loads((INTEGRATION / path).read_text())


def read_yaml(path: str) -> Any:
    return parse_yaml((INTEGRATION / path).read_text())
