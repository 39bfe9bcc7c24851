"""The maker's side."""

import json
import stat
from pathlib import Path

import pytest
from rich.console import Console

from device_stub.factory import DeviceFileError, read_device_file
from device_stub.provision import MadeBeforeError, Provisioned, print_label, provision
from secure_pair_protocol import base64url
from secure_pair_protocol.crypto import PRIMITIVES
from secure_pair_protocol.keys import claim_hash
from secure_pair_protocol.label import parse_setup_code


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Provisioned:
    folder = tmp_path_factory.mktemp("maker")
    return provision(folder, device_id="AA:BB:CC:dd:ee:ff", model="Model", name="Front door")


def test_files_and_label_fit_each_other(made: Provisioned) -> None:
    assert made.setup_code is not None
    keys = parse_setup_code(made.setup_code).stretch("aabbccddeeff")
    data = read_device_file(made.device_file)
    row = json.loads(made.registration_file.read_text())
    assert set(row) == {"device_id", "initial_key", "claim_hash", "model"}
    assert (data.device_id, data.model, data.name) == ("aabbccddeeff", "Model", "Front door")
    assert (row["device_id"], row["model"]) == ("aabbccddeeff", "Model")
    assert data.pairing_secret.reveal() == keys.pairing_secret.reveal()
    assert data.initial_key.reveal() == base64url.decode(row["initial_key"], 32)
    proof = claim_hash(PRIMITIVES, "aabbccddeeff", keys.claim_proof)
    assert base64url.decode(row["claim_hash"], 32) == proof
    assert made.registration_file.read_bytes() == made.device.registration
    assert made.registration_file.read_bytes().count(b"\n") == 1


def test_setup_code_is_on_the_label_only(made: Provisioned) -> None:
    assert made.setup_code is not None
    code = made.setup_code.replace("-", "")
    for file in (made.device_file, made.registration_file):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        text = file.read_text().replace("-", "").upper()
        assert code not in text
        assert code[:15] not in text
    # And the key service's row has no pairing secret.
    secret = base64url.encode(made.device.data.pairing_secret.reveal())
    assert secret not in made.registration_file.read_text()
    assert code not in repr(made)
    assert secret not in repr(made)


def test_printed_label(made: Provisioned) -> None:
    console = Console(record=True, width=100, file=open("/dev/null", "w", encoding="utf-8"))  # noqa: PTH123, SIM115
    print_label(console, made)
    console.file.close()
    text = console.export_text()
    assert made.setup_code is not None
    assert made.setup_code in text
    assert f"SP1:aabbccddeeff:{made.setup_code}" in text.splitlines()
    modules = [line for line in text.splitlines() if "\N{FULL BLOCK}" in line]
    # 29 modules and the quiet zone, two in each line.
    assert len(modules) >= 15
    assert len({len(line) for line in modules}) == 1
    assert base64url.encode(made.device.data.initial_key.reveal()) not in text


def test_no_label(tmp_path: Path) -> None:
    made = provision(tmp_path, model="Model", label=False)
    assert made.setup_code is None
    assert made.qr_text is None
    assert json.loads(made.registration_file.read_text())["claim_hash"] is None
    assert read_device_file(made.device_file).pairing_secret.reveal() == b""
    console = Console(width=100)
    with console.capture() as capture:
        print_label(console, made)
    assert "no label" in capture.get()
    assert json.loads(made.to_json()) == {
        "device_id": made.device.data.device_id,
        "setup_code": None,
        "qr_text": None,
        "device_file": str(made.device_file),
        "registration_file": str(made.registration_file),
    }


def test_drawn_ids_are_local_macs(tmp_path: Path) -> None:
    ids = {provision(tmp_path, model="M", label=False).device.data.device_id for _ in range(20)}
    assert len(ids) == 20
    for device_id in ids:
        assert len(device_id) == 12
        # Locally administered, and no group's.
        assert bytes.fromhex(device_id)[0] & 0b11 == 0b10


def test_a_device_is_made_once(made: Provisioned) -> None:
    before = made.device_file.read_bytes()
    with pytest.raises(MadeBeforeError, match="made before"):
        provision(made.device_file.parent, device_id="aabbccddeeff", model="M", label=False)
    assert made.device_file.read_bytes() == before


def test_no_half_device(tmp_path: Path) -> None:
    (tmp_path / "d.registration.jsonl").write_bytes(b"")
    with pytest.raises(MadeBeforeError, match="made before"):
        provision(tmp_path, device_id="d", model="M", label=False)
    assert [file.name for file in tmp_path.iterdir()] == ["d.registration.jsonl"]


@pytest.mark.parametrize("device_id", ["", "x" * 65, "with space", "ümlaut"])
def test_ids_that_the_protocol_cannot_carry(tmp_path: Path, device_id: str) -> None:
    with pytest.raises(ValueError, match="Expected"):
        provision(tmp_path, device_id=device_id, model="M", label=False)
    assert not list(tmp_path.iterdir())


def test_an_id_is_no_path(tmp_path: Path) -> None:
    made = provision(tmp_path / "inner", device_id="../x/y", model="M", label=False)
    assert made.device_file.parent == tmp_path / "inner"
    assert read_device_file(made.device_file).device_id == "../x/y"


@pytest.mark.parametrize(
    "change",
    [{"initial_key": "AAAA"}, {"pairing_secret": "!"}, {"device_id": ""}, {"model": "x" * 65}],
)
def test_damaged_device_file(made: Provisioned, tmp_path: Path, change: dict[str, str]) -> None:
    path = tmp_path / "device.json"
    path.write_text(json.dumps({**json.loads(made.device_file.read_text()), **change}))
    with pytest.raises(DeviceFileError, match="is not a device's file") as error:
        read_device_file(path)
    assert base64url.encode(made.device.data.initial_key.reveal()) not in str(error.value)


def test_device_file_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(DeviceFileError, match="No such file"):
        read_device_file(tmp_path / "nothing")
    (tmp_path / "empty").write_bytes(b"")
    with pytest.raises(DeviceFileError):
        read_device_file(tmp_path / "empty")
