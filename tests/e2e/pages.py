"""What a user sees of Home Assistant, named as he would name it."""

from typing import Any

from playwright.async_api import Locator

from .desk import Desk

LOOK_OF_THE_PORT = "input[type=number]"
"""The one field that has no name."""


class Dialog:
    """The dialog of a flow: of a config flow, or of a repair."""

    def __init__(self, desk: Desk) -> None:
        """It may not be open yet."""
        self._desk = desk
        self._box = desk.page.locator("dialog-data-entry-flow")

    async def sees(self, text: str) -> None:
        """Wait for a text in it."""
        await self._desk.see(self._box.get_by_text(text).first, f"{text!r} in the dialog")

    async def complains(self, text: str) -> None:
        """Wait for an error in it."""
        alert = self._box.locator("ha-alert").filter(has_text=text)
        await self._desk.see(alert, f"the error {text!r} in the dialog")

    async def choose(self, text: str) -> None:
        """Choose from a menu."""
        await self._desk.click(self._box.get_by_text(text, exact=True), f"the choice {text!r}")

    async def enter(self, **values: str) -> None:
        """Fill in fields by their names."""
        for name, value in values.items():
            look = LOOK_OF_THE_PORT if name == "port" else f"input[name={name}]"
            field = await self._desk.see(self._box.locator(look), f"the field {name!r}")
            await field.fill(value)

    async def press(self, text: str) -> None:
        """Press a button."""
        await self._desk.click(self._button(text), f"the button {text!r} of the dialog")

    async def submit(self, **values: str) -> None:
        """Fill in fields, and send them."""
        await self.enter(**values)
        await self.press("Submit")

    async def finish(self, button: str) -> None:
        """Take note of the end."""
        await self.press(button)
        await self._desk.see_no_more(self._button(button), f"the button {button!r} of the dialog")

    def _button(self, text: str) -> Locator:
        return self._box.get_by_role("button", name=text, exact=True)


class Integrations:
    """Settings, Devices & services."""

    def __init__(self, desk: Desk) -> None:
        """It need not be open."""
        self._desk = desk

    async def open(self) -> None:
        """Go there."""
        await self._desk.open("/config/integrations/dashboard")

    def card(self, name: str) -> Locator:
        """Return the card of a device that was discovered."""
        return self._desk.page.locator("ha-config-flow-card").filter(has_text=name)

    async def add_discovered(self, name: str) -> Dialog:
        """Begin with a device that was discovered."""
        add = self.card(name).get_by_role("button", name="Add")
        await self._desk.click(add, f"'Add' on the card of {name}")
        return Dialog(self._desk)

    async def add(self, *, others_were_discovered: bool) -> Dialog:
        """Begin with no device in particular."""
        page = self._desk.page
        await self._desk.click(page.get_by_text("Add integration"), "'Add integration'")
        box = page.locator("dialog-add-integration")
        search = await self._desk.see(box.locator("input").first, "the search for integrations")
        await search.fill("Secure Pair")
        await self._desk.click(box.get_by_text("Secure Pair", exact=True).first, "Secure Pair")
        if others_were_discovered:
            another = box.get_by_text("Set up another instance of Secure Pair")
            await self._desk.click(another, "'Set up another instance'")
        return Dialog(self._desk)


class Integration:
    """The page of this integration: its entries."""

    def __init__(self, desk: Desk) -> None:
        """It need not be open."""
        self._desk = desk

    async def open(self) -> None:
        """Go there."""
        await self._desk.open("/config/integrations/integration/secure_pair")

    def entry(self, name: str) -> Locator:
        """Return the row of an entry."""
        return self._desk.page.locator("ha-config-entry-row").filter(has_text=name)

    async def choose(self, name: str, item: str) -> None:
        """Choose from the menu of an entry."""
        row = self.entry(name)
        await self._desk.click(row.locator("ha-icon-button[slot=trigger]").first, "the menu")
        await self._desk.click(row.locator(f"ha-dropdown-item[value={item}]"), f"the item {item}")


class Device:
    """The page of a device."""

    def __init__(self, desk: Desk) -> None:
        """It need not be open."""
        self._desk = desk

    async def open(self, name: str) -> None:
        """Go there, from the integration's page as a user would."""
        await Integration(self._desk).open()
        row = self._desk.page.locator("ha-config-entry-device-row").filter(has_text=name)
        await self._desk.click(row.get_by_text(name, exact=True), f"the row of {name}")
        await self._desk.see(self.title(name), f"the page of {name}")

    def title(self, name: str) -> Locator:
        """Return the title of its page."""
        return self._desk.page.locator("ha-config-device-page").get_by_text(name, exact=True).first

    def row(self, kind: str, name: str) -> Locator:
        """Return the row of an entity; `kind`: as the frontend names it."""
        return self._desk.page.locator(f"hui-{kind}-entity-row").filter(has_text=name)

    async def press(self, kind: str, name: str, button: str) -> None:
        """Press the button in the row of an entity."""
        control = self.row(kind, name).get_by_text(button, exact=True)
        await self._desk.click(control, f"{button!r} of {name}")

    async def look_into(self, kind: str, name: str) -> Locator:
        """Click on an entity; returns the dialog that says more of it."""
        await self._desk.click(
            self.row(kind, name).get_by_text(name, exact=True), f"the row of {name}"
        )
        return self._desk.page.locator("ha-more-info-dialog")


async def ask(desk: Desk, command: str, **fields: Any) -> Any:
    """Ask Home Assistant over the page's own WebSocket."""
    return await desk.page.evaluate(
        "message => document.querySelector('home-assistant').hass.callWS(message)",
        {"type": command, **fields},
    )
