"""Good answers of a key service, and good files."""

from typing import Any

KEY = "A" * 43
ID = "A" * 22

JSON_SEEDS: dict[str, Any] = {
    "terminal": {"terminal_id": ID, "account": "home"},
    "claim": {"device_id": "2867fa12a3d8"},
    "authorization": {"first_encrypted_data": "A" * 96, "ticket_key": KEY, "lifetime": 3600},
    "problem": {"type": "about:blank", "status": 403, "code": "not_yours"},
    "key store": {
        "version": 1,
        "key_services": {
            "https://keys.example": {
                "token": KEY + "=",
                "terminal_id": "AAAAAAAAAAAAAAAAAAAAAA==",
                "fingerprint": None,
            }
        },
        "devices": {
            "2867fa12a3d8": {
                "device_id": "2867fa12a3d8",
                "key_service": "https://keys.example",
                "terminal_id": "AAAAAAAAAAAAAAAAAAAAAA==",
                "pairing_secret": KEY + "=",
                "installation": "AAAAAAAAAAA=",
                "sessions": [
                    {
                        "session_id": "AAAAAAAAAAAAAAAAAAAAAA==",
                        "session_key": KEY + "=",
                        "lifetime": 3600,
                        "negotiated_at": 1.5,
                        "transcript": KEY + "=",
                        "provisional": True,
                    }
                ],
            }
        },
        "tombstones": {},
    },
    "device state": {
        "version": 1,
        "device_id": "2867fa12a3d8",
        "installation": "A" * 11,
        "epoch": 7,
        "held": [
            {
                "session_id": ID,
                "session_key": KEY,
                "terminal_id": ID,
                "epoch": 7,
                "lifetime": 3600,
                "spent": 60,
            }
        ],
        "revoked": [ID],
    },
    "device file": {
        "device_id": "2867fa12a3d8",
        "initial_key": KEY,
        "pairing_secret": KEY,
        "model": "Lock",
        "name": "Front door",
    },
}
