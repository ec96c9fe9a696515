"""What the emitter of Beanie documents knows of Beanie."""

from __future__ import annotations

from beanie import Document

from compiler.emit.documents import RESERVED


def test_the_names_that_a_document_cannot_have_are_the_library_s() -> None:
    own = {name for name in dir(Document) if not name.startswith(("_", "model_"))}
    assert own <= RESERVED
