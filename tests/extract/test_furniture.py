from __future__ import annotations

import pytest

from ingest.extract.furniture import FurnitureTable, learn
from ingest.extract.plain import cut

PROMPT = "Join the readers' circle of the Harbour Gazette, four issues a year, sent by post."


NAMES = ["Ada", "Bo", "Cleo", "Dan", "Eve", "Finn", "Gil", "Hal"]


def page(number: int) -> str:
    name = NAMES[number - 1]
    return "\n\n".join(
        [
            f"The council of {name} Bay met on the pier and spoke about boats for two hours.",
            PROMPT,
            f"In the end, {name} Winter and the others agreed that the boats should be painted.",
            f"{number} comments so far",
        ]
    )


PAGES = [page(number) for number in range(1, 9)]


def test_lines_that_recur_are_found_and_others_are_not():
    table = learn(PAGES)
    assert table.known([PROMPT, "77 comments so far", "A line of its own"]) == [True, True, False]
    assert table.documents == len(PAGES)


def test_copies_of_one_document_do_not_make_its_sentences_furniture():
    assert not learn([PAGES[0]] * 50).hashes


def test_headlines_that_differ_in_a_number_are_kept():
    body = "\n".join(f"Paragraph {name}." for name in "abcd")
    texts = [f"Section 5\nJudgment number {n}\n{body}{n}a\n{n} comments" for n in range(12)]
    table = learn([text.replace("Paragraph", NAMES[n % 8] * n) for n, text in enumerate(texts)])
    asked = ["Section 5", "Judgment number 3", "7 comments", "Judgment number 77"]
    assert table.known(asked) == [True, False, True, False]


def test_the_order_of_documents_does_not_matter():
    assert learn(PAGES) == learn(PAGES[::-1])


def test_a_table_survives_json_and_a_changed_one_is_refused():
    table = learn(PAGES)
    assert FurnitureTable.from_json(table.to_json()) == table
    with pytest.raises(ValueError, match="version"):
        FurnitureTable.from_json(table.to_json().replace(table.version, "0" * 12))
    with pytest.raises(ValueError, match="format"):
        FurnitureTable.from_json("[]")


def test_a_known_line_is_cut_and_the_table_becomes_part_of_the_extractor():
    table = learn(PAGES)
    with_table, without = cut(PAGES[2], table), cut(PAGES[2])
    assert PROMPT not in with_table.text
    assert "should be painted" in with_table.text
    assert with_table.extractor == f"{without.extractor}+{table.version}"
