"""A pytest plugin that looks for secrets in all that can be seen of the tests.

`pytest -p tests.secret_search` keeps every value that anybody wraps as a `Secret`, at each of
the three ends, and what goes into logs (all levels), exceptions, Home Assistant's events, states,
registries, entries, issues, diagnostics and files, and the bodies of the key service's HTTP. A
test in which one is found in another fails.
"""

import base64
import json
import logging
import sys
import traceback
import tracemalloc
from collections.abc import Awaitable, Callable, Generator, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import CodeType
from typing import Any, override

import pytest
from _pytest.terminal import TerminalReporter
from fastapi import FastAPI
from homeassistant.core import EventBus, HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers import issue_registry as ir

from custom_components.secure_pair.const import CONF_DEVICE_ID, DOMAIN
from custom_components.secure_pair.diagnostics import async_get_config_entry_diagnostics
from custom_components.secure_pair.protocol import secret as terminal_secret
from secure_pair_protocol import secret as other_secret

SIZE = 12
"""A shorter value may be anywhere by chance, in bytes."""

PRODUCT = ("custom_components.secure_pair", "secure_pair_protocol", "cloud_stub", "device_stub")

CARRIERS = frozenset({"claim_proof", "initial_key", "ticket_key", "token"})
"""The fields of the key service's HTTP that are there to carry a secret."""

_TOOL = 4
"""An id of sys.monitoring that coverage, debuggers and profilers leave alone."""


class Secrets:
    """Values, and every way in which somebody may have written one."""

    def __init__(self) -> None:
        self.values: set[bytes] = set()
        self._forms: dict[str, set[str]] = {}
        """By their first characters: how many there are costs a search nothing."""

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Add each value that is wrapped meanwhile."""
        with pytest.MonkeyPatch.context() as patch:
            kinds: tuple[Any, ...] = (terminal_secret.Secret, other_secret.Secret)
            for kind in kinds:
                patch.setattr(kind, "__init__", self._keeping(kind.__init__))
            yield

    def _keeping(self, really: Callable[[Any, bytes], None]) -> Callable[[Any, bytes], None]:
        def keep(secret: Any, value: bytes) -> None:
            really(secret, value)
            self.add(value)

        return keep

    def add(self, value: bytes) -> None:
        """Look for these bytes too."""
        if len(value) >= SIZE and value not in self.values:
            self.values.add(bytes(value))
            for form in forms(value):
                self._forms.setdefault(form[:SIZE], set()).add(form)

    def found_in(self, text: str) -> set[str]:
        """Return how each secret that is in the text is written there."""
        starts = {text[at : at + SIZE] for at in range(len(text) - SIZE + 1)}
        return {
            form
            for start in self._forms.keys() & starts
            for form in self._forms[start]
            if form in text
        }


def forms(value: bytes) -> set[str]:
    """Return every way in which somebody may have written the bytes."""
    found = {
        value.hex(),
        value.hex().upper(),
        base64.b64encode(value).decode().rstrip("="),
        base64.urlsafe_b64encode(value).decode().rstrip("="),
        repr(value)[2:-1],
        repr(list(value))[1:-1],
    }
    if value.isascii():
        text = value.decode()
        found |= {text}
        if text.isalnum() and len(text) == 15:
            # A setup code, as the label shows it.
            found.add("-".join((text[:4], text[4:8], text[8:12], text[12:])))
    return found


class Search(logging.Handler):
    """What was seen since the last look, and where."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.secrets = Secrets()
        self.seen: dict[str, str] = {}
        """Where, by what: much is there many times."""

    def see(self, where: str, what: object) -> None:
        self.seen.setdefault(what if isinstance(what, str) else repr(what), where)

    def look(self, item: pytest.Item) -> None:
        """Fail where a secret was seen; says where, and never what."""
        seen, self.seen = self.seen, {}
        if "hass" not in getattr(item, "fixturenames", ()):
            # Where no Home Assistant asks, the test does: an attacker may say what it likes.
            seen = {what: where for what, where in seen.items() if not where.startswith(_HTTP)}
        found = sorted({where for what, where in seen.items() if self.secrets.found_in(what)})
        size = sum(map(len, seen))
        item.user_properties.append((_PROPERTY, (len(seen), size, len(self.secrets.values))))
        if found:
            pytest.fail("a secret is in " + ", ".join(found), pytrace=False)

    # What is seen while it happens

    @override
    def emit(self, record: logging.LogRecord) -> None:
        text = record.getMessage()
        if record.exc_info is not None:
            text += "".join(traceback.format_exception(record.exc_info[1]))
        self.see(f"the log of {record.name}", text)

    def raised(self, code: CodeType, _: int, error: BaseException) -> None:
        """See an exception of the product's own, as a log would show it."""
        if tracemalloc.is_tracing():
            # A test measures what the exception costs.
            return
        kind = type(error)
        if kind.__module__.startswith(PRODUCT) or isinstance(error, HomeAssistantError):
            where = f"{kind.__name__} in {code.co_qualname}"
            # A device may be wrong ten thousand times: a traceback is looked at once.
            if (brief := f"{where}: {error}") not in self.seen:
                self.see(where, brief)
                self.see(where, "".join(traceback.format_exception(error)))

    def fire(self, really: Callable[..., None]) -> Callable[..., None]:
        def fire(
            bus: EventBus, event_type: str, event_data: Any = None, *args: Any, **more: Any
        ) -> None:
            self.see(f"the event {event_type}", event_data)
            really(bus, event_type, event_data, *args, **more)

        return fire

    def serve(self, really: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
        async def serve(app: FastAPI, scope: Any, receive: Any, send: Any) -> None:
            bodies = {"request": b"", "answer": b""}

            async def receiving() -> Any:
                message = await receive()
                bodies["request"] += message.get("body", b"")
                return message

            async def sending(message: Any) -> None:
                bodies["answer"] += message.get("body", b"")
                self.see(f"{_HTTP} header", message.get("headers"))
                await send(message)

            try:
                await really(app, scope, receiving, sending)
            finally:
                self.see(f"{_HTTP} address", (scope.get("path"), scope.get("query_string")))
                for name, body in bodies.items():
                    self.see(f"{_HTTP} {name} to {scope.get('path')}", _without_carriers(body))

        return serve

    # What is there at the end

    def home_assistant(self, hass: HomeAssistant) -> None:
        """See all that Home Assistant knows and keeps."""
        entries = hass.config_entries.async_entries()
        self.see("an entry", [entry.as_dict() for entry in entries])
        self.see("the states", [state.as_dict() for state in hass.states.async_all()])
        self.see("an issue", [issue.to_json() for issue in ir.async_get(hass).issues.values()])
        entities = er.async_get(hass).entities.values()
        self.see("an entity", [entity.extended_dict for entity in entities])
        for entry in hass.config_entries.async_entries(DOMAIN):
            devices = dr.async_entries_for_config_entry(dr.async_get(hass), entry.entry_id)
            self.see("a device", [device.dict_repr for device in devices])
            if CONF_DEVICE_ID in entry.data:
                diagnostics = async_get_config_entry_diagnostics(hass, entry)
                self.see("diagnostics", hass.loop.run_until_complete(diagnostics))
        for path in Path(hass.config.config_dir).rglob("*"):
            if path.is_file():
                text = path.read_text(errors="replace")
                # The key store's, wherever a test has put it.
                if not text.startswith('{"version":1,"key_services":'):
                    self.see(f"the file {path.name}", text)


def _without_carriers(body: bytes) -> object:
    try:
        content = json.loads(body)
    except ValueError:
        return body
    if isinstance(content, dict):
        return {name: value for name, value in content.items() if name not in CARRIERS}
    return content


_HTTP = "an HTTP"
_PROPERTY = "searched for secrets"
_SEARCH: pytest.StashKey[Search] = pytest.StashKey()


def pytest_configure(config: pytest.Config) -> None:
    """Begin before the first secret is made."""
    search = config.stash[_SEARCH] = Search()
    logging.getLogger().addHandler(search)
    stack = ExitStack()
    config.add_cleanup(stack.close)
    stack.enter_context(search.secrets.watching())
    patch = stack.enter_context(pytest.MonkeyPatch.context())
    patch.setattr(EventBus, "async_fire_internal", search.fire(EventBus.async_fire_internal))
    patch.setattr(FastAPI, "__call__", search.serve(FastAPI.__call__))
    monitoring = sys.monitoring
    monitoring.use_tool_id(_TOOL, __name__)
    monitoring.register_callback(_TOOL, monitoring.events.RAISE, search.raised)
    monitoring.set_events(_TOOL, monitoring.events.RAISE)
    stack.callback(monitoring.free_tool_id, _TOOL)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None]:
    """Let every logger of the product speak."""
    for name in PRODUCT:
        logging.getLogger(name).setLevel(logging.DEBUG)
    return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None]:
    """Look at a test that has passed, while its Home Assistant is there."""
    yield
    search = item.config.stash[_SEARCH]
    hass = getattr(item, "funcargs", {}).get("hass")
    if isinstance(hass, HomeAssistant) and not hass.loop.is_closed():
        search.home_assistant(hass)
    search.look(item)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None]:
    """Look at how it ends, too."""
    yield
    item.config.stash[_SEARCH].look(item)


def pytest_terminal_summary(terminalreporter: TerminalReporter) -> None:
    """Say how much was searched."""
    found = [
        value
        for outcome in ("passed", "failed")
        for report in terminalreporter.getreports(outcome)
        if report.when == "call"
        for name, value in report.user_properties
        if name == _PROPERTY
    ]
    texts, size = (sum(value[place] for value in found) for place in (0, 1))
    secrets = max((value[2] for value in found), default=0)
    terminalreporter.write_line(
        f"searched {texts:,} texts of {size / 1e6:,.1f} MB for {secrets:,} secrets or more"
    )
