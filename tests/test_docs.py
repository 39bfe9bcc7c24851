"""What the documents say of the code is what the code says."""

from pathlib import Path

from scripts import protocol_tables

ROOT = Path(__file__).parent.parent


def test_tables_of_the_protocol() -> None:
    text = (ROOT / "docs" / "protocol.md").read_text()
    for table in protocol_tables.tables().values():
        assert table in text
    assert protocol_tables.document(text) == text
