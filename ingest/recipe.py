"""The pure part of the flow, document by document: extract, normalise, steps, sign.

    RawDocument -> extract -> Extracted -> normalise -> Document -> steps -> sign, pack -> Prepared

It runs in worker processes: a `Recipe` is small and pickles, `Recipe.make` loads what is
heavy, once in each worker.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from ingest.documents import RawDocument, Rejected

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ingest.catalog.packed import Packed
    from ingest.dedup.signatures import Signer
    from ingest.documents import Document, Signature
    from ingest.extract import ExtractOptions
    from ingest.normalise import NormaliseOptions


class Prepared(NamedTuple):
    """A document that is ready to be decided."""

    document: Packed
    signature: Signature


WARM_UP = RawDocument(
    "warm-up", b"The harbour was rebuilt after the storm; its council has paid for it.", clean=True
)
"""A text that meets what every document does, and so loads it."""

Prepare: TypeAlias = "Callable[[RawDocument], Prepared | Rejected]"


@dataclass(frozen=True, slots=True)
class Recipe:
    """How the documents of one source are prepared.  ``steps``: names with their options."""

    source: str
    extract: ExtractOptions
    normalise: NormaliseOptions
    steps: tuple[tuple[str, Mapping[str, Any]], ...]
    signer: Signer

    def version(self) -> str:
        """All that a prepared document depends on beside its bytes; what differs is read again.

        Signatures are not in it: they have a version of their own, for the whole store.
        """
        from ingest.extract import version as extract_version  # noqa: PLC0415 - heavy, late
        from ingest.normalise import steps_version  # noqa: PLC0415 - heavy, late
        from ingest.normalise import version as normalise_version  # noqa: PLC0415 - heavy, late

        return " ".join(
            (
                extract_version(self.extract),
                normalise_version(self.normalise),
                steps_version(self.steps),
            )
        )

    def make(self) -> Prepare:
        """The function from an item to a prepared document; loads the libraries."""
        from ingest.catalog.packed import Packer  # noqa: PLC0415 - with the others
        from ingest.extract import extract  # noqa: PLC0415 - heavy, late
        from ingest.normalise import load_steps, normalise, run_steps  # noqa: PLC0415 - heavy, late

        steps = load_steps(self.steps)
        sign, pack = self.signer.sign, Packer().pack

        def clean(raw: RawDocument) -> Document | Rejected:
            extracted = extract(raw, self.extract)
            if isinstance(extracted, Rejected):
                return extracted
            return normalise(raw, extracted, self.source, self.normalise)

        # The first document loads libraries and tables: here, where no document's time limit
        # runs.  On a busy machine it would pass for a hanging one.
        clean(WARM_UP)
        sign("warm", "up", "en")

        def prepare(raw: RawDocument) -> Prepared | Rejected:
            document = clean(raw)
            if not isinstance(document, Rejected):
                document = run_steps(steps, document)
            if isinstance(document, Rejected):
                return document
            signature = sign(document.text, document.title, document.language)
            return Prepared(pack(document), signature)

        return prepare
