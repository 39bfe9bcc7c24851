"""Secrets do not show themselves."""

import copy
import dataclasses
import json
import logging
import pickle
import pprint
import traceback
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from secure_pair_protocol.secret import Secret

HIDDEN = b"hidden"


@dataclasses.dataclass
class Holder:
    key: Secret


@pytest.mark.parametrize(
    "show",
    [
        repr,
        str,
        ascii,
        pprint.pformat,
        "{}".format,
        "{!r}".format,
        "{!s:>40}".format,
        "{:x}".format,
        lambda secret: f"{secret}",
        lambda secret: f"{secret!r:<40}",
        lambda secret: f"{secret:>40}",
        lambda secret: "%s %r" % (secret, secret),  # noqa: UP031
        lambda secret: repr([secret]),
        lambda secret: repr({"key": secret}),
        lambda secret: repr(Holder(secret)),
        lambda secret: str(ValueError(secret)),
        lambda secret: repr(dir(secret)),
    ],
)
def test_no_text_shows_it(show: Callable[[Secret], str]) -> None:
    text = show(Secret(HIDDEN))
    assert HIDDEN.decode() not in text
    assert HIDDEN.hex() not in text


def test_reveals_only_when_asked() -> None:
    assert Secret(HIDDEN).reveal() == HIDDEN
    assert repr(Secret(HIDDEN)) == repr(Secret(b"")) == f"{Secret(HIDDEN):>40}" == "Secret(...)"


@pytest.mark.parametrize(
    "use",
    [
        lambda secret: secret == Secret(HIDDEN),
        lambda secret: secret != Secret(HIDDEN),
        lambda secret: secret == HIDDEN,
        [Secret(HIDDEN)].index,
        lambda secret: Holder(secret) == Holder(Secret(HIDDEN)),
        lambda secret: secret < Secret(b"z"),
        hash,
        lambda secret: {secret},
        lambda secret: {secret: 1},
        bytes,
        len,
        iter,
        vars,
        copy.copy,
        copy.deepcopy,
        lambda secret: dataclasses.asdict(Holder(secret)),
        json.dumps,
        lambda secret: json.dumps({"key": secret}),
        msgspec.json.encode,
        msgspec.msgpack.encode,
        msgspec.to_builtins,
        lambda secret: msgspec.json.encode(Holder(secret)),
        *(lambda secret, n=n: pickle.dumps(secret, n) for n in range(pickle.HIGHEST_PROTOCOL + 1)),
    ],
)
def test_nothing_else_can_be_done_with_it(use: Callable[[Secret], Any]) -> None:
    with pytest.raises(TypeError) as caught:
        use(Secret(HIDDEN))
    assert HIDDEN.decode() not in "".join(traceback.format_exception(caught.value))


def test_log_and_traceback_with_locals(caplog: pytest.LogCaptureFixture) -> None:
    def fail(key: Secret) -> None:
        raise RuntimeError(key)

    try:
        fail(Secret(HIDDEN))
    except RuntimeError as error:
        logging.getLogger(__name__).exception("with %s", Secret(HIDDEN))
        shown = traceback.TracebackException.from_exception(error, capture_locals=True)
    text = "".join(shown.format()) + caplog.text
    assert "Secret(...)" in text
    assert HIDDEN.decode() not in text
