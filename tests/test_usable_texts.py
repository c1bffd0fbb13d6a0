"""From a table to labelled texts: nothing is lost, merged or repeated without a word."""

import pytest

from workshop_utils.data.tables import LabelledTable
from workshop_utils.data.usable_texts import same_text, shortened, usable_texts
from workshop_utils.errors import WorkshopError


def table(*rows, bad=()):
    texts, labels = zip(*rows, strict=True)
    return LabelledTable(list(texts), list(labels), list(range(2, len(rows) + 2)), list(bad), [])


def test_rows_without_text_or_label_are_left_out_and_counted():
    found = usable_texts(
        table(("gut", "a"), (None, "a"), ("  \n", "b"), ("schlecht", None), ("schlimm", "b"))
    )
    assert found.texts == ["gut", "schlimm"] and found.labels == ["a", "b"]
    assert found.notes == ["2 rows without a text left out.", "1 row without a label left out."]


def test_what_stays_is_as_it_was_typed():
    texts = [" NA", "Caf\u0065\u0301 &amp; Bar", "TAB\tund\nZeile", "\ud800 kaputt", "None"]
    found = usable_texts(
        table(*((text, label) for text, label in zip(texts, ["01", "1.0", "NA", "true", "01"], strict=True)))
    )
    assert found.texts == texts and found.labels == ["01", "1.0", "NA", "true", "01"] and found.notes == []


def test_a_text_that_stands_there_twice_is_taken_once():
    found = usable_texts(table(("Sehr  gut", "a"), ("sehr gut", "a"), ("SEHR GUT", "a"), ("mäßig", "b")))
    assert found.texts == ["Sehr  gut", "mäßig"]
    assert found.notes == ["2 rows repeat a text that stands there before; each text was taken once."]


def test_a_text_under_two_labels_is_left_out_and_named():
    found = usable_texts(table(("ok", "a"), ("OK", "b"), ("ok", "a"), ("gut", "a"), ("schlecht", "b")))
    assert found.texts == ["gut", "schlecht"]
    [note] = found.notes
    assert note.startswith("1 text stands under several labels and cannot be used (3 rows)")
    assert "'ok' under 'a' and 'b'" in note


def test_the_texts_of_all_rows_are_told_with_their_repeats():
    found = usable_texts(table(("ok", "a"), ("OK", "b"), ("gut", "a"), ("gut", "a"), (" ", "a"), ("so", "b")))
    assert found.texts == ["gut", "so"] and found.table == ["ok", "OK", "gut", "gut", "so"]


def test_when_each_row_counts_nothing_is_taken_once():
    found = usable_texts(table(("ok", "a"), ("ok", "b"), ("ok", "a")), once=False)
    assert found.labels == ["a", "b", "a"] and found.notes == []


def test_spellings_become_those_of_the_model():
    rows = [
        ("x", "BOOKS"),
        ("y", "books "),
        ("z", "Books"),
        ("u", "BOOKS"),
        ("v", "abnormal"),
        ("w", "normal"),
    ]
    found = usable_texts(table(*rows), known=["books", "normal"], once=False)
    assert found.labels == ["books"] * 4 + ["abnormal", "normal"]
    assert found.notes == [
        "The label 'BOOKS' (2 rows) is read as 'books'.",
        "The label 'books ' (1 row) is read as 'books'.",
        "The label 'Books' (1 row) is read as 'books'.",
    ]


def test_labels_of_a_model_that_differ_in_case_alone_stay_apart():
    found = usable_texts(table(("x", "us"), ("y", "US"), ("z", "Us")), known=["US", "us"], once=False)
    assert found.labels == ["us", "US", "US"]


def test_rows_that_do_not_fit_are_said():
    found = usable_texts(table(("gut", "a"), ("schlecht", "b"), bad=[(7, "3 fields in place of 2", "x,y,z")]))
    assert len(found.notes) == 1 and "line 7" in found.notes[0] and "3 fields" in found.notes[0]


@pytest.mark.parametrize("rows", [[(None, "a")], [("gut", None)], [("ok", "a"), ("ok", "b")]])
def test_a_table_of_which_nothing_stays_is_one_sentence(rows):
    with pytest.raises(WorkshopError, match="No row has both a text and a label"):
        usable_texts(table(*rows))


def test_same_texts_have_one_key():
    assert same_text(" Stra\u00dfe &amp;\n A\u0308rger ") == same_text("STRASSE & \u00e4rger")
    assert same_text("rot") != same_text("tot")


def test_a_table_with_a_note_for_every_row_has_some_of_them():
    noted = table(("gut", "a"), ("schlecht", "b"))._replace(notes=[f"line {n}" for n in range(100)])
    assert usable_texts(noted).notes[7:] == ["line 7", "The table has 92 more notes of this kind."]


def test_a_long_text_is_shortened_and_control_signs_are_escaped():
    assert shortened("x" * 100, 10) == "'xxxxxxxxx…'"
    assert "\x1b" not in shortened("\x1b[31mrot\x07")
