"""Every fault in the table of docs/faults.md is proved by a test, and the table names it."""

from tests.faults import PAGE, filled, marked_rows, proofs, rows_of

#: What service and deployment withstand; monitoring and retraining have the rows between.
SERVICE = {*range(1, 29), *range(31, 35), 36}


def test_every_row_has_a_test_and_every_marked_test_a_row():
    rows = rows_of(PAGE.read_text(encoding="utf-8"))
    assert len(set(rows)) == len(rows) and set(rows) >= SERVICE
    assert set(proofs()) == set(rows)


def test_the_table_names_the_tests_that_prove_it():
    page = PAGE.read_text(encoding="utf-8")
    assert filled(page, proofs()) == page, "run `python -m tests.faults`"


def test_a_mark_is_found_and_written_into_its_row():
    source = "@pytest.mark.slow\n@pytest.mark.fault(1, 2)\ndef test_it_holds(): ...\ndef test_not(): ...\n"
    assert marked_rows(source) == {"test_it_holds": [1, 2]}
    page = "| # | fault | answer | test |\n| 1 | a | b |  |\n| 3 | c | d | gone |\n"
    told = filled(page, {1: [("test_a.py", "test_it_holds"), ("test_a.py", "test_so_does_it")]})
    assert told.splitlines()[1:] == [
        "| 1 | a | b | [test_a.py](../tests/test_a.py): it holds, so does it |",
        "| 3 | c | d |  |",
    ]
