"""What `characters`, `words` and `plain_model` count, in compiled loops; imported with numba.

Every number is that of its numpy counterpart, to the last bit: the loops add in the same
order, and whatever needs a logarithm stays in numpy, whose own differ by a bit.  Arrays are
indexed by unsigned numbers (`U`): for signed ones numba tests whether they are negative.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from ingest.compiling import inner
from ingest.extract import characters, words

if TYPE_CHECKING:
    from numpy.typing import NDArray

Codes: TypeAlias = "NDArray[np.uint32]"
Hashes: TypeAlias = "NDArray[np.uint64]"
Table: TypeAlias = "NDArray[np.uint8]"
Places: TypeAlias = "NDArray[np.int64]"
Marks: TypeAlias = "NDArray[np.bool_]"
Singles: TypeAlias = "NDArray[np.float32]"
Doubles: TypeAlias = "NDArray[np.float64]"

U = np.uintp
LAST_CODE = np.uint32(characters.BEYOND)
SPACE, UPPER, WIDE, DIGIT = characters.SPACE, characters.UPPER, characters.WIDE, characters.DIGIT
END, QUOTE, BRACKET = characters.END, characters.QUOTE, characters.BRACKET
CLASSES, YEAR, CLOSING = characters.CLASSES, characters.YEAR, characters.CLOSING
BREAK, POINT, COLON, SLASH, AT = (np.uint32(ord(sign)) for sign in "\n.:/@")

FACTOR, MIX, PLACE, DRAWER = words.FACTOR, words.MIX, words.PLACE, words.DRAWER
SUBJECT, LANGUAGES = words.SUBJECT, words.MOST_LANGUAGES
ZERO, ONE = np.uint64(0), np.uint32(1)


@inner
def occurrences(codes: Codes, wanted: np.uint32) -> int:
    """How often a code point occurs."""
    found = 0
    for code in codes:
        found += code == wanted
    return found


@inner
def kind_at(codes: Codes, classes: Table, at: int) -> int:
    """Class of a character."""
    return int(classes[U(min(codes[U(at)], LAST_CODE))])


@inner
def last_kind(codes: Codes, classes: Table, start: int, stop: int) -> int:
    """Class of the last character, behind closing quotes, brackets and note numbers."""
    at = stop - 1
    last = kind_at(codes, classes, at)
    for _ in range(CLOSING):
        if at > start and (last in (QUOTE, BRACKET)):
            at -= 1
            last = kind_at(codes, classes, at)
    if last == DIGIT and at - 1 > start and kind_at(codes, classes, at - 1) == END:
        return END
    return last


@inner
def has_stamp(codes: Codes, classes: Table, start: int, stop: int) -> bool:
    """Whether a line holds a time of day or a number of four digits."""
    begin = before = -1  # of this number, and where the last one ended
    for at in range(start, stop + 1):
        digit = kind_at(codes, classes, at) == DIGIT
        if digit and begin < 0:
            begin = at
        if digit or begin < 0:
            continue
        length = at - begin
        clock = length > 1 and before == begin - 1 and before >= 0 and codes[U(before)] == COLON
        if length == YEAR or clock:
            return True
        before = at
        begin = -1
    return False


@inner
def has_address(codes: Codes, start: int, stop: int) -> bool:
    """Whether a line holds ``@`` or ``//``."""
    for at in range(start, stop):
        if codes[U(at)] == AT or (codes[U(at)] == SLASH and codes[U(at + 1)] == SLASH):
            return True
    return False


def count_characters(
    codes: Codes, classes: Table, weights: Singles, function: Marks
) -> tuple[Places, Singles, Places, Places, Table, Table, Singles, Marks, Marks]:
    """See `characters.count_characters`: the fields of `Characters`, in order."""
    n = occurrences(codes, BREAK)
    counts = np.zeros((n, CLASSES), np.int64)
    spaced, wide, spoken = np.zeros(n, np.int64), np.zeros(n), np.zeros(n, np.int64)
    capitalised, ends, points = np.zeros(n, np.int64), np.zeros(n, np.int64), np.zeros(n, np.int64)
    first, last = np.zeros(n, np.uint8), np.zeros(n, np.uint8)
    stamps, addresses = np.zeros(n, np.bool_), np.zeros(n, np.bool_)
    start = 0
    before = SPACE
    for unit in range(n):
        u, at = U(unit), start
        while True:
            code = min(codes[U(at)], LAST_CODE)
            kind = int(classes[U(code)])
            counts[u, U(kind)] += 1
            if before == SPACE and kind != SPACE:
                spaced[u] += kind != WIDE
                capitalised[u] += kind == UPPER
            if kind == WIDE:
                wide[u] += weights[U(code)]
                spoken[u] += function[U(code)]
            elif kind == END:
                closed = kind_at(codes, classes, at + 1) == SPACE
                ends[u] += closed
                points[u] += closed or code != POINT
            before = kind
            if code == BREAK:
                break
            at += 1
        first[u] = kind_at(codes, classes, start)
        last[u] = last_kind(codes, classes, start, at)
        stamps[u] = has_stamp(codes, classes, start, at)
        addresses[u] = has_address(codes, start, at)
        start = at + 1
    some = counts[:, WIDE].sum() > 0
    return (
        counts,
        spaced.astype(np.float32) + wide.astype(np.float32),
        capitalised,
        points if some else ends,
        first,
        last,
        spoken.astype(np.float32),
        stamps,
        addresses,
    )


@inner
def tokens(codes: Codes, folded: Codes, classes: Table) -> tuple[Hashes, Places, Places]:
    """See `words.tokens`: hashes, lines, lengths."""
    hashes = np.empty(codes.size, np.uint64)
    lines, lengths = np.empty(codes.size, np.int64), np.empty(codes.size, np.int64)
    size = line = 0
    inside = wide = False
    power = PLACE
    for at in range(codes.size):
        code = codes[U(at)]
        letter = folded[U(min(code, LAST_CODE))]
        if not letter:
            line += code == BREAK
            inside = False
            continue
        was, wide = wide and inside, classes[U(letter)] == WIDE
        if not inside or was or wide:
            hashes[U(size)] = ZERO
            lines[U(size)], lengths[U(size)] = line, 0
            size += 1
            power = PLACE
        mixed = np.uint64(letter) * FACTOR
        hashes[U(size - 1)] += (mixed ^ (mixed >> MIX)) * power
        lengths[U(size - 1)] += 1
        power *= PLACE
        inside = True
    return hashes[:size], lines[:size], lengths[:size]


@inner
def look_up(
    found: Hashes, hashes: Hashes, languages: Codes, drawers: Places
) -> tuple[Places, np.uint32]:
    """See `words.Words.look_up`: place of each word, and the bit of the language."""
    places = np.empty(found.size, np.int64)
    counts = np.zeros(LANGUAGES, np.int64)
    for k in range(found.size):
        wanted = found[U(k)]
        at = drawers[U(wanted >> DRAWER)]
        while hashes[U(at)] < wanted:
            at += 1
        if hashes[U(at)] != wanted:
            at = hashes.size - 1
        places[U(k)] = at
        spoken = languages[U(at)]
        for bit in range(LANGUAGES if spoken else 0):
            counts[U(bit)] += (spoken >> np.uint32(bit)) & ONE
    return places, ONE << np.uint32(np.argmax(counts))


@inner
def numbered(hashes: Hashes) -> Places:
    """A small number for each hash, the same for the same one, in order of appearance."""
    size = 16
    while size < 2 * hashes.size:
        size *= 2
    mask = U(size - 1)
    slots = np.full(size, -1, np.int64)  # of the first one of each
    ids = np.empty(hashes.size, np.int64)
    count = 0
    for k in range(hashes.size):
        at = U(hashes[U(k)] >> np.uint64(20)) & mask
        while slots[at] >= 0 and hashes[U(slots[at])] != hashes[U(k)]:
            at = (at + U(1)) & mask
        if slots[at] < 0:
            slots[at] = k
            ids[U(k)] = count
            count += 1
        else:
            ids[U(k)] = ids[U(slots[at])]
    return ids


def count_words(  # noqa: PLR0913, PLR0917 - arrays, one by one, as numba takes them
    codes: Codes,
    prose: Marks,
    folded: Codes,
    classes: Table,
    hashes: Hashes,
    languages: Codes,
    leaning: Singles,
    drawers: Places,
) -> tuple[Places, Places, Doubles, Places, Places, Places, Places]:
    """See `words.count_words`: the fields of `Counts`, in order."""
    n = prose.size
    found, lines, lengths = tokens(codes, folded, classes)
    places, language = look_up(found, hashes, languages, drawers)
    every, function = np.zeros(n, np.int64), np.zeros(n, np.int64)
    leanings = np.zeros((4, n))
    of = np.empty(found.size, np.int64)
    size = 0
    for k in range(found.size):
        u, at = U(lines[U(k)]), U(places[U(k)])
        every[u] += 1
        for lexicon in range(2):
            odds = leaning[U(lexicon), at]
            leanings[U(2 * lexicon), u] += odds
            leanings[U(2 * lexicon + 1), u] += min(odds, np.float32(0))
        if languages[at] & language:
            function[u] += 1
        elif lengths[U(k)] >= SUBJECT:
            found[U(size)] = found[U(k)]
            of[U(size)] = lines[U(k)]
            size += 1
    of = of[:size].copy()
    ids = numbered(found[:size])
    return every, function, leanings, *shared(ids, of, prose), ids, of


@inner
def shared(ids: Places, of: Places, prose: Marks) -> tuple[Places, Places]:
    """Subject words of each unit, and how many of them prose elsewhere has too."""
    subjects, common = np.zeros(prose.size, np.int64), np.zeros(prose.size, np.int64)
    said = np.zeros(ids.size, np.int64)
    for k in range(ids.size):
        said[U(ids[U(k)])] += prose[U(of[U(k)])]
    for k in range(ids.size):
        u = U(of[U(k)])
        subjects[u] += 1
        common[u] += said[U(ids[U(k)])] > prose[u]
    return subjects, common


def logits(
    columns: Singles, features: Places, thresholds: Singles, leaves: Singles, start: np.float32
) -> Singles:
    """See `plain_model.Forest.logits`; ``columns`` are (features, n)."""
    n = columns.shape[1]
    total, leaf = np.zeros(n, np.float32), np.empty(n, np.uint8)
    for tree in range(features.shape[0]):
        leaf[:] = np.uint8(0)
        for level in range(features.shape[1]):
            column, bit = columns[U(features[U(tree), U(level)])], np.uint8(1 << level)
            threshold = thresholds[U(tree), U(level)]
            for unit in range(n):
                leaf[U(unit)] |= bit if column[U(unit)] > threshold else np.uint8(0)
        of = leaves[U(tree)]
        for unit in range(n):
            total[U(unit)] += of[U(leaf[U(unit)])]
    return total + start
