"""Reading a table record by record changes nothing for others who read CSV in the same process."""

import csv
import threading

import pytest

from workshop_utils.data import csv_stream
from workshop_utils.data.csv_stream import CsvStream

LONG = "ü" * 200_000  # longer than csv's own limit of 131,072


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "long.csv"
    path.write_text(f"id,text\n1,{LONG}\n2,short\n", encoding="utf-8")
    return path


@pytest.fixture(autouse=True)
def usual_limit():
    """Python's own limit, whatever other tests have left."""
    former = csv.field_size_limit(131_072)
    yield
    csv.field_size_limit(former)


def test_long_fields_are_read_and_the_limit_of_the_process_stays(table):
    before = csv.field_size_limit()
    stream = CsvStream(table, "text")
    assert csv.field_size_limit() == before
    records = []
    for record in stream.records():
        records.append(record)
        assert csv.field_size_limit() == before
    stream.close()
    assert [record.fields for record in records] == [["1", LONG], ["2", "short"]]
    assert csv.field_size_limit() == before < len(LONG)


def test_the_limit_is_put_back_when_a_record_or_a_header_is_refused(table, monkeypatch):
    before = csv.field_size_limit()
    monkeypatch.setattr(csv_stream, "FIELD_LIMIT", 1000)
    stream = CsvStream(table, "text")
    assert [record.problem for record in stream.records()] == ["a quote is never closed", ""]
    stream.close()
    assert csv.field_size_limit() == before


def test_many_streams_at_once_read_what_one_reads_and_leave_the_limit(table):
    before, seen = csv.field_size_limit(), []

    def read():
        for _ in range(20):
            stream = CsvStream(table, "text")
            seen.append([record.fields[1] for record in stream.records()])
            stream.close()

    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == [[LONG, "short"]] * 80
    assert csv.field_size_limit() == before
