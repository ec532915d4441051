"""Text embeddings: likeness across languages, independence of other texts, and how they are stored."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from shared.text.embedding import MAX_EMBEDDED_CHARACTERS, SUPPORTED, embed, load
from shared.text.vectors import EMBEDDING_SIZE, packed, unpacked

TEXTS = ["The ferry leaves at nine", "เรือออกเก้าโมง", "渡し船は九時に出る", "My cat hates the vet"]


def test_rows_have_length_one_and_one_meaning_in_three_languages_is_close():
    vectors = embed(TEXTS)

    assert vectors.shape == (4, EMBEDDING_SIZE)
    assert vectors.dtype == np.float32
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(np.ones(4), abs=1e-5)
    near = vectors @ vectors.T
    assert near[0, [1, 2]].min() > 0.5 > 0.3 > near[0, 3]


def test_a_row_does_not_depend_on_the_other_texts():
    together = embed([*TEXTS, *(f"another sentence of number {n}" for n in range(60))])[:4]
    alone = np.concatenate([embed([text]) for text in TEXTS])

    assert np.abs(together - alone).max() < 1e-5


def test_the_same_texts_give_the_same_numbers_in_every_thread():
    load()
    with ThreadPoolExecutor(4) as threads:
        several = list(threads.map(embed, [TEXTS] * 8))

    assert all((vectors == several[0]).all() for vectors in several)


@pytest.mark.parametrize("text", ["", " ", "\n", "😀", "\ud83d half of a character", "\0", "x" * 100_000, "ก" * 10_000])
def test_any_text_has_a_finite_row(text):
    (vector,) = embed([text])

    assert np.isfinite(vector).all()
    assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-5)


def test_of_a_very_long_text_the_beginning_counts():
    beginning = ("a long story about a boat " * 100)[:MAX_EMBEDDED_CHARACTERS]

    assert (embed([beginning + " and then the sea"]) == embed([beginning])).all()


def test_no_texts_have_no_rows():
    assert embed([]).shape == (0, EMBEDDING_SIZE)
    assert packed(embed([])) == []
    assert unpacked([]).shape == (0, EMBEDDING_SIZE)


def test_a_stored_row_is_1024_bytes_and_comes_back_nearly_whole():
    vectors = embed(TEXTS)
    rows = packed(vectors)

    assert {len(row) for row in rows} == {1024}
    assert np.abs(unpacked(rows) - vectors).max() < 5e-4
    assert packed(unpacked(rows)) == rows
    assert np.frombuffer(rows[0][:2], "<f2")[0] == np.float16(vectors[0, 0])


def test_a_row_of_another_length_is_refused():
    with pytest.raises(ValueError, match="1024 bytes"):
        unpacked([b"12"])


def test_vietnamese_and_hindi_are_not_guessed_at():
    assert {"en", "th", "ja", "zh", "id"} <= SUPPORTED
    assert not SUPPORTED & {"vi", "hi", "ms", "km", "lo", "my"}
