"""The user's desk: a browser in which he looks at Home Assistant, and a camera at his shoulder."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Literal

from playwright.async_api import Locator, Page, async_playwright
from playwright.async_api import TimeoutError as TooLate

from .house import SECONDS

CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = (
    # It is alone with pages of our own, and may be root, for whom it has no sandbox.
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
WIDTH, HEIGHT = 1200, 800

type State = Literal["visible", "hidden"]


class Desk:
    """One page of Home Assistant at a time."""

    def __init__(self, page: Page, url: str, pictures: Path) -> None:
        """`pictures`: the folder for the screenshots."""
        self.page = page
        self._url = url
        self._pictures = pictures

    async def open(self, path: str) -> None:
        """Go to a page by its address."""
        await self.page.goto(f"{self._url}{path}", wait_until="commit")

    async def see(self, what: Locator, name: str) -> Locator:
        """Wait until it is on the page; raises AssertionError that says what was awaited."""
        return await self._wait(what, name, "visible", "not to be seen")

    async def see_no_more(self, what: Locator, name: str) -> None:
        """Wait until it has left the page."""
        await self._wait(what, name, "hidden", "still to be seen")

    async def click(self, what: Locator, name: str) -> None:
        """Click on it when it is there and holds still."""
        await (await self.see(what, name)).click(timeout=SECONDS * 1000)

    async def picture(self, name: str) -> None:
        """Take a picture of the page as it is."""
        await self.page.screenshot(path=self._pictures / f"{name}.png", animations="disabled")

    async def _wait(self, what: Locator, name: str, state: State, complaint: str) -> Locator:
        try:
            await what.wait_for(state=state, timeout=SECONDS * 1000)
        except TooLate as error:
            raise AssertionError(f"after {SECONDS} s {complaint}: {name}") from error
        return what


@asynccontextmanager
async def at_the_desk(url: str, pictures: Path) -> AsyncGenerator[Desk]:
    """Open a browser, in which nobody has ever been anywhere."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        page = await browser.new_page(
            viewport={"width": WIDTH, "height": HEIGHT}, reduced_motion="reduce", locale="en-GB"
        )
        page.set_default_timeout(SECONDS * 1000)
        try:
            yield Desk(page, url, pictures)
        finally:
            await browser.close()
