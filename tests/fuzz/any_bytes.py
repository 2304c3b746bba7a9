"""Coverage-guided fuzzing of reader, extraction and normalisation: any bytes in, a value out.

    python tests/fuzz/any_bytes.py -runs=20000 CORPUS_DIR

Started by `test_fuzz.py`; ends with another exit code than 0 where anything escapes.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["ingest"]):
    from ingest.documents import Failed, RawDocument, Rejected
    from ingest.extract import ExtractOptions, extract
    from ingest.extract.encoding import decode
    from ingest.normalise import NormaliseOptions, normalise
    from ingest.read.files import Files
    from ingest.testing import FakeContext

NAMES = ("a.txt", "a.html", "a.jsonl", "a.json", "a.csv", "a.zip", "a.tar", "a.gz", "a.xz", "a.zst")
FOLDER = Path(tempfile.mkdtemp())


def one_input(data: bytes) -> None:
    """The first byte chooses the form, the rest is the file."""
    if not data:
        return
    decode(data[1:], html=bool(data[0] & 1))
    path = FOLDER / NAMES[data[0] % len(NAMES)]
    path.write_bytes(data[1:])
    for event in Files(path=str(path)).read(None, FakeContext(base=FOLDER)):
        if isinstance(event, RawDocument):
            through(event)
        elif isinstance(event, Failed):
            assert event.reason
    path.unlink()


def through(raw: RawDocument) -> None:
    """Extract and normalise one document."""
    extracted = extract(raw, ExtractOptions())
    if isinstance(extracted, Rejected):
        assert extracted.reason
        return
    document = normalise(raw, extracted, "fuzz", NormaliseOptions())
    assert isinstance(document, Rejected) or document.text


if __name__ == "__main__":
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()
