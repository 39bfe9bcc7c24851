"""Every text that the code asks for is there, and no other is.

What each step of each flow shows is looked at while all tests of this folder run: see the
fixture `_every_step_has_its_texts` in conftest.py.
"""

import ast
import re
from collections.abc import Iterator
from typing import Any

import pytest
import voluptuous as vol
from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant

from custom_components.secure_pair import (
    PLATFORMS,
    config_flow,
    key_service,
    key_service_flow,
    pairing_flow,
    services,
)
from custom_components.secure_pair.pairing import Stage
from custom_components.secure_pair.protocol.errors import REFUSALS, Failure
from custom_components.secure_pair.session_sensors import SESSION_SENSORS
from custom_components.secure_pair.system_health import system_health_info
from custom_components.secure_pair.troubles import REAUTH_STEPS, REPAIRS, SecurityEvent

from .sources import calls, keyword, modules, read_json, read_yaml, tree
from .texts import every_text, missing, placeholders, texts

# Which failures can be shown where. What is left out is shown nowhere, for this reason:

ONLY_ONE_ENTITY = {Failure.UNKNOWN_KIND, Failure.OUT_OF_RANGE}
"""Costs one entity or one state, and is in the log."""
ONLY_TYPED = {Failure.MISTYPED_SETUP_CODE, Failure.INVALID_FINGERPRINT, Failure.ANOTHER_MODEL}
"""Of what a user types or chooses: nowhere else than in a flow."""
ONLY_BY_ITSELF = {Failure.IDENTITY_IN_USE}
"""Only what Home Assistant does without being asked stops at it."""
ONLY_OF_AN_ENTRY = {Failure.SESSION_NOT_STORED}
"""A flow makes the session that is missing."""

IN_A_FLOW = set(Failure) - ONLY_ONE_ENTITY - ONLY_BY_ITSELF - ONLY_OF_AN_ENTRY
IN_A_FIX_FLOW = set(Failure) - ONLY_ONE_ENTITY - ONLY_TYPED - ONLY_BY_ITSELF
IN_AN_EXCEPTION = set(Failure) - ONLY_ONE_ENTITY - ONLY_TYPED


def test_what_others_may_say_can_be_shown() -> None:
    """A refusal of the device's, or of the key service's, can come in each of the places."""
    said = REFUSALS | key_service._CODES | set(key_service._STATUS_FAILURES.values())
    assert said <= IN_A_FLOW & IN_A_FIX_FLOW & IN_AN_EXCEPTION


# Config flow


FLOW_MODULES = {
    "config_flow": config_flow,
    "key_service_flow": key_service_flow,
    "pairing_flow": pairing_flow,
}


def literal(module: str, node: ast.expr | None) -> Any:
    """Return what a simple expression is, by the constants of its module."""
    assert node is not None
    return eval(compile(ast.Expression(node), "<string>", "eval"), dict(vars(FLOW_MODULES[module])))


def shown(name: str) -> Iterator[tuple[str, ast.Call]]:
    """Yield the places where a flow shows something; `name`: of Home Assistant's method."""
    for module in FLOW_MODULES:
        for call in calls(tree(module), name):
            yield module, call


def address_steps() -> set[str]:
    """Return the steps that ask for an address: `_step` names the one that is shown."""
    return {
        str(literal("config_flow", node.value))
        for node in ast.walk(tree("config_flow"))
        if isinstance(node, ast.Assign)
        and ast.unparse(node.targets[0]).rpartition(".")[2] == "_step"
    }


def test_address_steps_are_found() -> None:
    assert address_steps() == {"user", "address", "new_address", "replacement"}


def test_steps() -> None:
    steps = {*address_steps(), "pair"}
    for name in ("async_show_form", "async_show_menu"):
        for module, call in shown(name):
            asked = keyword(call, "step_id")
            if ast.unparse(asked or call) == "self._reauth_step":
                steps.update(REAUTH_STEPS.values())
            elif ast.unparse(asked or call) != "self._step":
                steps.add(str(literal(module, asked)))
    # The options flow is in the same module.
    assert set(texts()["config"]["step"]) == steps - {"init"}
    assert set(texts()["options"]["step"]) == {"init"}
    for step in steps - {"init"}:
        assert hasattr(config_flow.SecurePairConfigFlow, f"async_step_{step}"), step


def test_menus() -> None:
    for module, call in shown("async_show_menu"):
        step = texts()["config"]["step"][literal(module, keyword(call, "step_id"))]
        options = literal(module, keyword(call, "menu_options"))
        assert list(step["menu_options"]) == options
        assert list(step["menu_option_descriptions"]) == options


def test_fields() -> None:
    config = texts()["config"]["step"]
    by_schema = {
        "new_key_service": key_service_flow.KEY_SERVICE_SCHEMA,
        "label": pairing_flow._LABEL_SCHEMA,
        **dict.fromkeys(address_steps(), config_flow._ADDRESS_SCHEMA),
    }
    expected: dict[str, set[str]] = {
        name: set(map(str, schema.schema)) for name, schema in by_schema.items()
    }
    expected["key_service"] = {"key_service"}
    expected["reauth_token"] = expected["new_key_service"] - {"url"}
    assert {name: set(step["data"]) for name, step in config.items() if "data" in step} == expected
    (init,) = texts()["options"]["step"].values()
    assert set(init["data"]) == set(map(str, config_flow._OPTIONS_SCHEMA.schema))
    for step in (*config.values(), init):
        assert set(step.get("data", ())) == set(step.get("data_description", ()))


def test_errors() -> None:
    literals = {
        argument.value
        for module in FLOW_MODULES
        for name in ("_show_label", "_show_retry")
        for call in calls(tree(module), name)
        for argument in call.args
        if isinstance(argument, ast.Constant)
    }
    assert literals == {"unknown", "code_or_no_label"}
    assert set(texts()["config"]["error"]) == IN_A_FLOW | literals


def test_aborts() -> None:
    reasons = {
        str(literal(module, keyword(call, "reason")))
        for module, call in shown("async_abort")
        if keyword(call, "reason") is not None
    }
    # Home Assistant's own helpers.
    helpers = {
        "_abort_if_unique_id_configured": {"already_configured"},
        "async_set_unique_id": {"already_in_progress"},
        "async_update_reload_and_abort": {"reauth_successful", "reconfigure_successful"},
    }
    for name, theirs in helpers.items():
        assert list(shown(name))
        reasons |= theirs
    assert set(texts()["config"]["abort"]) == reasons


def test_progress() -> None:
    assert set(texts()["config"]["progress"]) == set(Stage)


def test_the_title_of_a_menu_stands_by_itself() -> None:
    """The frontend gives placeholders to the description of a menu, and not to its title."""
    menus = [step for step in texts()["config"]["step"].values() if "menu_options" in step]
    assert menus
    assert not any(placeholders(menu["title"]) for menu in menus)


def test_flow_title() -> None:
    (assigned,) = [
        node
        for node in ast.walk(tree("config_flow"))
        if isinstance(node, ast.Assign) and "title_placeholders" in ast.unparse(node.targets[0])
    ]
    assert isinstance(assigned.value, ast.Dict)
    given = {literal("config_flow", key) for key in assigned.value.keys}
    assert placeholders(texts()["config"]["flow_title"]) == given


def test_the_check_of_each_step_can_fail() -> None:
    """The one that runs along with every flow."""
    section = texts()["config"]
    form: dict[str, Any] = {
        "type": "form",
        "step_id": "label",
        "errors": {},
        "data_schema": pairing_flow._LABEL_SCHEMA,
        "description_placeholders": {"device_id": "aabbccddeeff"},
    }
    assert not list(missing(section, form))
    assert list(missing(section, {**form, "description_placeholders": None}))
    assert list(missing(section, {**form, "errors": {"base": "nonsense"}}))
    assert list(missing(section, {**form, "step_id": "nonsense", "data_schema": None}))
    assert list(missing(section, {"type": "abort", "reason": "nonsense"}))


# Repairs, exceptions, actions and the rest


def test_repairs() -> None:
    assert set(texts()["issues"]) == REPAIRS
    for name, issue in texts()["issues"].items():
        assert set(issue) == {"title", "fix_flow"}, name
        fix_flow = issue["fix_flow"]
        assert set(fix_flow) == {"step", "error"}, name
        assert set(fix_flow["step"]) == {"confirm"}, name
        assert set(fix_flow["step"]["confirm"]) == {"title", "description"}, name
        assert set(fix_flow["error"]) == IN_A_FIX_FLOW, name
        for _, text in every_text(issue):
            assert placeholders(text) <= {"device"}, text


def raised() -> dict[str, set[str]]:
    """Return the keys of the exceptions in the code, each with its placeholders."""
    found: dict[str, set[str]] = {}
    for module in modules():
        for call in calls(tree(module), "error"):
            if call.args and isinstance(key := call.args[0], ast.Constant):
                extra = {str(each.arg) for each in call.keywords}
                found.setdefault(str(key.value), {"device"}).update(extra)
        for name in ("HomeAssistantError", "ServiceValidationError"):
            for call in calls(tree(module), name):
                if isinstance(named := keyword(call, "translation_key"), ast.Constant):
                    given = keyword(call, "translation_placeholders")
                    names = given.keys if isinstance(given, ast.Dict) else ()
                    found[str(named.value)] = {
                        str(each.value) for each in names if isinstance(each, ast.Constant)
                    }
    return found


def test_exceptions() -> None:
    own = raised()
    assert {"not_connected", "command_failed", "no_secure_pair_device"} <= own.keys()
    assert set(texts()["exceptions"]) == own.keys() | IN_AN_EXCEPTION
    for key, exception in texts()["exceptions"].items():
        assert set(exception) == {"message"}
        assert placeholders(exception["message"]) <= own.get(key, {"device"}), key


def test_actions() -> None:
    fields = {
        services.RENEW: ["device_id"],
        services.LIST: ["device_id"],
        services.REVOKE: ["device_id", "terminal_id"],
    }
    described = read_yaml("services.yaml")
    assert {name: list(action["fields"]) for name, action in described.items()} == fields
    assert set(texts()["services"]) == fields.keys()
    assert set(read_json("icons.json")["services"]) == fields.keys()
    for name, action in texts()["services"].items():
        assert set(action) == {"name", "description", "fields"}
        assert list(action["fields"]) == fields[name]
        for field in action["fields"].values():
            assert set(field) == {"name", "description"}


async def test_actions_are_those_that_are_registered(
    hass: HomeAssistant, entry: ConfigEntry
) -> None:
    registered = hass.services.async_services_for_domain("secure_pair")
    assert set(registered) == set(texts()["services"])
    for name, service in registered.items():
        assert isinstance(service.schema, vol.Schema)
        assert set(map(str, service.schema.schema)) == set(texts()["services"][name]["fields"])


async def test_system_health(hass: HomeAssistant) -> None:
    info = await system_health_info(hass)
    await info["key_services_reachable"]
    assert set(texts()["system_health"]["info"]) == set(info)


def test_selectors() -> None:
    keys = {
        node.value
        for module in FLOW_MODULES
        for call in calls(tree(module), "SelectSelectorConfig")
        if isinstance(node := keyword(call, "translation_key"), ast.Constant)
    }
    assert set(texts()["selector"]) == keys == {"key_service"}
    options = texts()["selector"]["key_service"]["options"]
    assert set(options) == {key_service_flow.OTHER_KEY_SERVICE}


# Entities


OWN = {
    "sensor": {description.key for description in SESSION_SENSORS},
    "button": {"renew_session_key"},
    "event": {"security"},
}
"""Those that the integration gives to every device; all others are standard names, which a
device may use."""


def test_own_entities() -> None:
    for platform, keys in OWN.items():
        for key in keys:
            assert texts()["entity"][platform][key]["name"], key
    types = texts()["entity"]["event"]["security"]["state_attributes"]["event_type"]["state"]
    assert set(types) == set(SecurityEvent)


async def test_own_entities_are_those_that_a_device_gets(
    hass: HomeAssistant, entry: ConfigEntry
) -> None:
    from homeassistant.helpers import entity_registry as er  # noqa: PLC0415

    entities = er.async_entries_for_config_entry(er.async_get(hass), entry.entry_id)
    own: dict[str, set[str]] = {}
    for entity in entities:
        if "#" in entity.unique_id:
            own.setdefault(entity.domain, set()).add(str(entity.translation_key))
    assert own == OWN


def test_entities_of_platforms_that_there_are() -> None:
    assert set(texts()["entity"]) <= set(PLATFORMS)
    for platform, entities in texts()["entity"].items():
        for key, entity in entities.items():
            assert set(entity) <= {"name", "state", "state_attributes"}, (platform, key)
            assert entity["name"], (platform, key)


def test_icons_of_names_that_there_are() -> None:
    for platform, icons in read_json("icons.json")["entity"].items():
        assert set(icons) <= set(texts()["entity"][platform]), platform
        for key, icon in icons.items():
            described = texts()["entity"][platform][key].get("state")
            if described and "state" in icon:
                assert set(icon["state"]) <= set(described), (platform, key)


# What hassfest asks of every text


TOP = {
    "title", "config", "options", "config_subentries", "selector", "services", "entity",
    "entity_component", "device", "exceptions", "issues", "system_health", "triggers",
    "conditions", "preview_features", "device_automation", "application_credentials",
    "conversation", "common",
}  # fmt: skip
KEY = re.compile(r"(?!.+[_-]{2})(?![_-])[a-z0-9-_]+(?<![_-])")
ALL = list(every_text(texts()))


def test_sections() -> None:
    assert set(texts()) <= TOP


@pytest.mark.parametrize(
    "wrong",
    [r"https?://|www\.", r"</?[a-z]+[^>]*>", r"^\s|\s$", r"'\{\w+\}'", r"\[%key:"],
    ids=["url", "html", "space", "quoted_placeholder", "reference"],
)
def test_no_text_has(wrong: str) -> None:
    assert not [path for path, text in ALL if re.search(wrong, text)]


def test_keys_and_placeholders() -> None:
    for path, text in ALL:
        assert text, path
        assert all(KEY.fullmatch(key) for key in path), path
        assert all(name.isidentifier() for name in placeholders(text)), path
        if "state" in path:
            assert not placeholders(text), path


def test_no_dead_end_is_said_without_a_way_out() -> None:
    """Whatever the user can meet in a form is more than a word."""
    for key, text in texts()["config"]["error"].items():
        assert text.endswith("."), key
        assert len(text.split()) > 3, key
