"""quality_scale.yaml is a promise that nobody else checks of a custom integration."""

import ast
import re
import tomllib
from pathlib import Path

import pytest
from homeassistant.const import Platform

from custom_components.secure_pair import PLATFORMS
from scripts import check_coverage

from .sources import INTEGRATION, ROOT, calls, functions, modules, read_json, read_yaml, tree

TIERS = {
    "bronze": """
        action-setup appropriate-polling brands common-modules config-flow
        config-flow-test-coverage dependency-transparency docs-actions docs-conditions
        docs-high-level-description docs-installation-instructions docs-removal-instructions
        docs-triggers entity-event-setup entity-unique-id has-entity-name runtime-data
        test-before-configure test-before-setup unique-config-entry
    """,
    "silver": """
        action-exceptions config-entry-unloading docs-configuration-parameters
        docs-installation-parameters entity-unavailable integration-owner log-when-unavailable
        parallel-updates reauthentication-flow test-coverage
    """,
    "gold": """
        devices diagnostics discovery discovery-update-info docs-data-update docs-examples
        docs-known-limitations docs-supported-devices docs-supported-functions
        docs-troubleshooting docs-use-cases dynamic-devices entity-category
        entity-device-class entity-disabled-by-default entity-translations
        exception-translations icon-translations reconfiguration-flow repair-issues
        stale-devices
    """,
    "platinum": "async-dependency inject-websession strict-typing",
}
RULES = [rule for tier in TIERS.values() for rule in tier.split()]

DOCUMENTED = {
    "docs-actions": ("docs/user.md", "### `secure_pair.renew_session_key`"),
    "docs-high-level-description": ("docs/user.md", "## What it is for"),
    "docs-installation-instructions": ("docs/user.md", "## Install"),
    "docs-removal-instructions": ("docs/user.md", "## Remove a device"),
    "docs-configuration-parameters": ("docs/user.md", "## Configuration parameters"),
    "docs-installation-parameters": ("docs/user.md", "### Installation parameters"),
    "docs-data-update": ("docs/user.md", "## How data is updated"),
    "docs-examples": ("docs/automations.md", "# Automations"),
    "docs-known-limitations": ("docs/user.md", "## Known limitations"),
    "docs-supported-devices": ("docs/user.md", "## Supported devices"),
    "docs-supported-functions": ("docs/user.md", "## Supported functions"),
    "docs-troubleshooting": ("docs/user.md", "## Troubleshooting"),
    "docs-use-cases": ("docs/user.md", "## Use cases"),
}
"""Where the documents say it; that what is there is complete, test_user_page.py holds."""

HOOKS = {
    "async_setup_entry",
    "async_unload_entry",
    "async_remove_entry",
    "async_migrate_entry",
    "async_get_config_entry_diagnostics",
    "async_get_device_diagnostics",
    "async_get_options_flow",
    "async_remove_config_entry_device",
}
"""What Home Assistant calls with an entry."""


def statuses() -> dict[str, str]:
    return {
        rule: status if isinstance(status, str) else status["status"]
        for rule, status in read_yaml("quality_scale.yaml")["rules"].items()
    }


def is_done(rule: str) -> bool:
    return statuses()[rule] == "done"


def promised(*rules: str) -> pytest.MarkDecorator:
    """Run a test only while its rules are promised: it is the promise that it checks."""
    broken = [rule for rule in rules if not is_done(rule)]
    return pytest.mark.skipif(bool(broken), reason=f"not promised: {broken}")


def class_sources() -> list[ast.ClassDef]:
    return [
        node
        for module in modules()
        for node in ast.walk(tree(module))
        if isinstance(node, ast.ClassDef)
    ]


# The file


def test_every_rule_and_no_other() -> None:
    assert len(RULES) == 54
    assert list(statuses()) == RULES


def test_done_or_exempt_with_a_reason() -> None:
    for rule, status in read_yaml("quality_scale.yaml")["rules"].items():
        match status:
            case "done":
                pass
            case {"status": "exempt", "comment": str(comment), **rest}:
                assert not rest
                assert comment.endswith("."), rule
            case _:
                pytest.fail(f"{rule}: {status}")


def test_each_rule_about_documents_has_its_place() -> None:
    assert {rule for rule in RULES if rule.startswith("docs-") and is_done(rule)} == set(DOCUMENTED)


@pytest.mark.parametrize("rule", DOCUMENTED)
def test_documents_say_it(rule: str) -> None:
    file, heading = DOCUMENTED[rule]
    _, found, rest = f"\n{(ROOT / file).read_text()}".partition(f"\n{heading}\n")
    assert found
    level = heading.partition(" ")[0]
    section = re.split(rf"^#{{1,{len(level)}}} ", rest, flags=re.MULTILINE)[0]
    assert len(section.split()) > 30


@promised("docs-actions")
def test_each_action_and_field_is_documented() -> None:
    page = (ROOT / "docs" / "user.md").read_text()
    for name, service in read_yaml("services.yaml").items():
        _, _, section = page.partition(f"### `secure_pair.{name}`\n")
        for field in service["fields"]:
            assert f"| `{field}` |" in section.partition("\n#")[0], (name, field)


@promised("docs-examples")
def test_examples_are_automations() -> None:
    """That each of them works, test_automations.py holds."""
    page = (ROOT / "docs" / "automations.md").read_text()
    assert page.count("```yaml\nalias: ") >= 5


# Bronze


@promised("action-setup")
def test_actions_are_registered_at_the_start() -> None:
    assert len(list(calls(functions("__init__")["async_setup"], "register_services"))) == 1
    setup = functions("__init__")["async_setup_entry"]
    assert not list(calls(setup, "async_register")) + list(calls(setup, "register_services"))
    for module in modules():
        if module != "services":
            assert not list(calls(tree(module), "async_register_admin_service")), module


@promised("brands")
def test_brand() -> None:
    assert (INTEGRATION / "brand" / "icon.png").is_file()


@promised("common-modules")
def test_coordinator_and_entity_have_their_modules() -> None:
    assert {"coordinator", "entity"} <= set(modules())


@promised("config-flow", "unique-config-entry")
def test_config_flow() -> None:
    assert read_json("manifest.json")["config_flow"] is True
    flow = tree("config_flow")
    assert list(calls(flow, "async_set_unique_id"))
    assert list(calls(flow, "_abort_if_unique_id_configured"))
    for name, step in read_json("translations/en.json")["config"]["step"].items():
        assert set(step.get("data", {})) == set(step.get("data_description", {})), name


@promised("dependency-transparency")
def test_requirement() -> None:
    """msgspec encodes and decodes; everything else that is needed comes with Home Assistant."""
    assert [line.partition("==")[0] for line in read_json("manifest.json")["requirements"]] == [
        "msgspec"
    ]


@promised("entity-event-setup")
def test_entities_listen_when_they_are_added_and_no_longer_than_they_are_there() -> None:
    listening = ("listen_session", "listen", "bind")
    for module in modules():
        for name in listening:
            for call in calls(tree(module), name):
                within = functions(module)["async_added_to_hass"]
                kept = [
                    argument
                    for on_remove in calls(within, "async_on_remove")
                    for argument in on_remove.args
                ]
                assert call in kept, (module, name)


@promised("entity-unique-id", "has-entity-name")
def test_every_entity_has_a_name_and_an_id() -> None:
    for module in ("entity", "session_entity"):
        source = ast.unparse(tree(module))
        assert "_attr_has_entity_name = True" in source
        assert "_attr_should_poll = False" in source
        assert "self._attr_unique_id =" in source
    own = {"SecurePairEntity", "SessionEntity", "SessionSensor"}
    for platform in PLATFORMS:
        for node in tree(platform).body:
            if isinstance(node, ast.ClassDef):
                bases = {ast.unparse(base).partition("[")[0] for base in node.bases}
                entities = {base for base in bases if base.endswith("Entity")}
                assert not entities or bases & own, node.name


@promised("runtime-data", "strict-typing")
def test_entries_are_typed_and_keep_their_own_data() -> None:
    assert (
        "type SecurePairConfigEntry = ConfigEntry[DeviceCoordinator]"
        in (INTEGRATION / "coordinator.py").read_text()
    )
    assert "entry.runtime_data = coordinator" in ast.unparse(
        functions("__init__")["async_setup_entry"]
    )
    found = set()
    for module in modules():
        assert "hass.data[DOMAIN]" not in ast.unparse(tree(module)), module
        for name in HOOKS & functions(module).keys():
            arguments = functions(module)[name].args.args
            annotations = {
                each.arg: ast.unparse(each.annotation) for each in arguments if each.annotation
            }
            assert "SecurePairConfigEntry" in annotations.values(), (module, name)
            assert "ConfigEntry" not in annotations.values(), (module, name)
            found.add(name)
    assert found >= {"async_setup_entry", "async_unload_entry", "async_get_options_flow"}


@promised("strict-typing")
def test_mypy_is_strict() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["mypy"]
    assert settings["strict"] is True
    assert "custom_components" in settings["files"]
    assert (INTEGRATION / "protocol" / "py.typed").is_file()


@promised("test-before-setup")
def test_setup_connects_before_it_says_yes() -> None:
    setup = functions("__init__")["async_setup_entry"]
    (start,) = calls(setup, "start")
    (forward,) = calls(setup, "set_up")
    assert list(calls(tree("platforms"), "async_forward_entry_setups"))
    assert start.lineno < forward.lineno
    source = ast.unparse(setup)
    assert "ConfigEntryNotReady" in source
    assert "ConfigEntryError" in source


# Silver


@promised("config-entry-unloading")
def test_unload() -> None:
    assert list(calls(functions("__init__")["async_unload_entry"], "unload"))
    assert list(calls(tree("platforms"), "async_unload_platforms"))


@promised("integration-owner")
def test_owner() -> None:
    assert read_json("manifest.json")["codeowners"]


@promised("test-coverage", "config-flow-test-coverage")
def test_coverage_is_held_by_its_script() -> None:
    """`./scripts/coverage` measures; this is how it judges."""
    folder = check_coverage.INTEGRATION

    def found(**reached: float) -> list[str]:
        measured = {
            f"{folder}{module}.py": {"percent_covered": part} for module, part in reached.items()
        }
        return list(check_coverage.check({**measured, "tests/x.py": {"percent_covered": 0}}))

    assert found(config_flow=100, lock=95) == []
    assert found(config_flow=99.9, lock=94.9) == [
        "config_flow.py: 99.9 %, at least 100 % are promised",
        "lock.py: 94.9 %, at least 95 % are promised",
    ]
    assert found(lock=100) == ["config_flow.py: not measured"]


@promised("parallel-updates")
@pytest.mark.parametrize("platform", PLATFORMS)
def test_parallel_updates(platform: Platform) -> None:
    assigned = [
        node.value
        for node in tree(platform).body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "PARALLEL_UPDATES"
    ]
    (value,) = assigned
    assert isinstance(value, ast.Constant)
    assert isinstance(value.value, int)


def test_every_platform_is_there() -> None:
    assert {path.stem for path in INTEGRATION.glob("*.py")} & set(Platform) == set(PLATFORMS)


@promised("reauthentication-flow", "reconfiguration-flow", "discovery", "discovery-update-info")
def test_flows_for_all_that_happens_later() -> None:
    steps = functions("config_flow")
    assert {"async_step_reauth", "async_step_reconfigure", "async_step_zeroconf"} <= set(steps)
    assert read_json("manifest.json")["zeroconf"] == ["_secure-pair._tcp.local."]
    # Home Assistant would reload, on anybody's word: a resumption decides, see test_discovery.
    for call in calls(steps["async_step_zeroconf"], "_abort_if_unique_id_configured"):
        assert not call.args
        assert not call.keywords
    assert list(calls(functions("coordinator")["found"], "async_update_entry"))


# Gold


@promised("diagnostics")
def test_diagnostics() -> None:
    assert "async_get_config_entry_diagnostics" in functions("diagnostics")


@promised("devices", "dynamic-devices", "stale-devices")
def test_devices_come_and_go() -> None:
    source = ast.unparse(tree("devices"))
    for field in ("name", "manufacturer", "model", "sw_version", "hw_version", "serial_number"):
        assert f"{field}=" in source
    assert list(calls(tree("devices"), "async_remove_device"))
    assert list(calls(functions("coordinator")["_take_description"], "register"))


@promised("entity-translations", "icon-translations")
def test_names_and_icons_are_in_the_files() -> None:
    for node in class_sources():
        source = ast.unparse(node)
        for forbidden in ("_attr_icon", "def icon", "_attr_entity_id", "self.entity_id ="):
            assert forbidden not in source, node.name
    assert read_json("icons.json")["entity"]


@promised("exception-translations", "action-exceptions")
def test_errors_for_the_user_are_translated() -> None:
    translated = {"HomeAssistantError", "ServiceValidationError", "ConfigEntryNotReady"}
    for module in modules():
        for name in translated:
            for call in calls(tree(module), name):
                given = {each.arg for each in call.keywords}
                assert {"translation_domain", "translation_key"} <= given, (module, name)
                assert not call.args, (module, name)
    # By whichever of two classes it is, in __init__.
    setup = ast.unparse(functions("__init__")["async_setup_entry"])
    assert "translation_domain=DOMAIN" in setup


@promised("entity-category", "entity-disabled-by-default", "entity-device-class")
def test_the_device_says_what_an_entity_is() -> None:
    source = ast.unparse(tree("entity"))
    assert "self._attr_entity_category = EntityCategory(described.category.value)" in source
    assert "self._attr_entity_registry_enabled_default = described.enabled" in source
    assert "entity_registry_enabled_default=False" in ast.unparse(tree("session_sensors"))


@promised("repair-issues")
def test_every_repair_can_be_fixed() -> None:
    (create,) = calls(tree("troubles"), "async_create_issue")
    given = {each.arg: ast.unparse(each.value) for each in create.keywords}
    assert given["is_fixable"] == "True"
    assert "async_create_fix_flow" in functions("repairs")


# Platinum


@promised("inject-websession")
def test_session_is_home_assistants() -> None:
    for module in modules():
        assert not list(calls(tree(module), "ClientSession")), module
        for call in calls(tree(module), "KeyService"):
            assert "session" in ast.unparse(call.args[0]), module


def test_where_the_quality_scale_is_not() -> None:
    """The loader forces it to `custom`: a value in the manifest would say nothing."""
    assert "quality_scale" not in read_json("manifest.json")
    assert Path(INTEGRATION / "quality_scale.yaml").is_file()
