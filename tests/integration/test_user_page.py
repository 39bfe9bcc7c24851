"""docs/user.md says everything that there is, and nothing that is not: row by row."""

import re
from typing import Any

import pytest
from homeassistant.util.yaml import parse_yaml

from custom_components.secure_pair.pairing import Stage
from custom_components.secure_pair.protocol.errors import Failure
from custom_components.secure_pair.protocol.model import KINDS
from custom_components.secure_pair.session_sensors import SESSION_SENSORS
from custom_components.secure_pair.troubles import REPAIRS, SecurityEvent
from device_stub.appliances.kinds import KINDS as VIRTUAL

from .house import House
from .sources import ROOT, read_yaml
from .texts import texts
from .zoo_calls import CALLS

PAGE = (ROOT / "docs" / "user.md").read_text()
SERVICES: dict[str, Any] = read_yaml("services.yaml")


def section(heading: str) -> str:
    """Return what stands below a heading, its own headings among it."""
    level = heading.partition(" ")[0]
    found = re.search(
        rf"^{re.escape(heading)}\n(.*?)(?=^#{{1,{len(level)}}} |\Z)",
        PAGE,
        re.MULTILINE | re.DOTALL,
    )
    assert found is not None, heading
    return found[1]


def rows(heading: str) -> dict[str, list[str]]:
    """Return the rows of all tables below a heading, by what their first cell calls code."""
    found: dict[str, list[str]] = {}
    for line in section(heading).splitlines():
        if line.startswith("|") and (key := re.search(r"`([^`]+)`", line)):
            assert key[1] not in found, key[1]
            found[key[1]] = [cell.strip() for cell in line.strip("|").split(" | ")]
    return found


def sentence(text: str) -> str:
    """Return the first sentence of a text, as the page writes it."""
    first = re.match(r".*?[.?!](?=\s|$)", text)
    return re.sub(r"\{(\w+)\}", r"*\1*", first[0] if first else text)


# What devices have


def test_virtual_devices() -> None:
    assert set(rows("## Supported devices")) == set(VIRTUAL)


def test_kinds() -> None:
    assert list(rows("### What a device can have")) == sorted(KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_what_a_kind_does(kind: str) -> None:
    """Each action that the tests have the zoo do, and no other."""
    _, shows, does = rows("### What a device can have")[kind]
    assert shows
    said = {*re.findall(rf"`{kind}\.(\w+)`", does)}
    # A picture is no command.
    assert said - {"snapshot"} == {action for action, *_ in CALLS.get(kind, ())}
    assert (does == "nothing") == (KINDS[kind].action is None)


def test_what_every_device_has() -> None:
    table = rows("### What every device has")
    names = texts()["entity"]
    own = {
        "renew_session_key": (names["button"]["renew_session_key"]["name"], True),
        "security": (names["event"]["security"]["name"], True),
        **{
            each.key: (
                names["sensor"][each.key]["name"],
                each.entity_registry_enabled_default,
            )
            for each in SESSION_SENSORS
        },
    }
    assert list(table) == list(own)
    for key, (name, enabled) in own.items():
        assert table[key][0] == name
        assert table[key][-1] == ("enabled" if enabled else "disabled"), key


# What is entered


def test_stages() -> None:
    assert list(rows("## Pair a device"))[: len(Stage)] == list(Stage)


def test_parameters() -> None:
    fields = {
        field for step in texts()["config"]["step"].values() for field in step.get("data", ())
    }
    assert set(rows("### Installation parameters")) == fields


def test_options_and_choices() -> None:
    options = texts()["options"]["step"]["init"]["data"]
    choices = texts()["config"]["step"]["reconfigure"]["menu_options"]
    assert list(rows("## Configuration parameters")) == [*options, *choices]


# Actions


@pytest.mark.parametrize("name", SERVICES)
def test_action(name: str) -> None:
    heading = f"### `secure_pair.{name}`"
    fields = SERVICES[name]["fields"]
    table = rows(heading)
    assert list(table) == list(fields)
    for field, described in fields.items():
        assert (table[field][1] == "required") == described["required"]
    example: Any = parse_yaml(re.findall(r"```yaml\n(.*?)```", section(heading), re.DOTALL)[0])
    assert example["action"] == f"secure_pair.{name}"
    assert list(example["data"]) == [field for field in fields if fields[field]["required"]]


async def test_response(house: House) -> None:
    """The keys, and the form of each value."""
    blocks = re.findall(
        r"```yaml\n(.*?)```", section("### `secure_pair.list_terminals`"), re.DOTALL
    )
    written: Any = parse_yaml(blocks[1])
    response = await house.act("list_terminals")
    assert list(response) == list(written) == ["terminals"]
    (own,) = response["terminals"]
    for terminal in written["terminals"]:
        assert list(terminal) == list(own)
        assert len(terminal["terminal_id"]) == len(own["terminal_id"])


# What happens


def test_security_events() -> None:
    assert list(rows("### Security events")) == list(SecurityEvent)


def test_repairs() -> None:
    table = rows("### Repairs")
    assert set(table) == REPAIRS
    for key, (said, what_to_do) in table.items():
        assert said == f"`{key}`: {sentence(texts()['issues'][key]['title'])}"
        assert what_to_do


TROUBLES = rows("## Troubleshooting")


def messages() -> dict[str, set[str]]:
    """Return every message that a user can see, by its key."""
    config = texts()["config"]
    found: dict[str, set[str]] = {failure: set() for failure in Failure}
    for said in (
        config["error"],
        config["abort"],
        {key: said["message"] for key, said in texts()["exceptions"].items()},
    ):
        for key, text in said.items():
            found.setdefault(key, set()).add(sentence(text))
    for issue in texts()["issues"].values():
        assert set(issue["fix_flow"]["error"]) <= found.keys()
    return found


def test_no_message_is_left_out_and_none_is_too_many() -> None:
    assert set(TROUBLES) == set(messages())


@pytest.mark.parametrize("key", sorted(messages()))
def test_message(key: str) -> None:
    """By its words, for that is what a user looks for; and what to do about it."""
    code, said, what_to_do = TROUBLES[key]
    assert code == f"`{key}`"
    assert set(said.split(" · ")) == (messages()[key] or {"(in the log alone)"})
    assert what_to_do.endswith(".")
