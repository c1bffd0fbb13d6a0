"""What ``workshop run`` prints, in a terminal and in a log. No kernel runs here."""

from collections import Counter
from io import BytesIO, StringIO, TextIOWrapper

import pytest
from rich.console import Console

from tests.small_course import BAD, make, use
from workshop_utils.course import report
from workshop_utils.course.results import headline
from workshop_utils.course.runner import Outcome

RESULTS = {
    "test_poems": 120,
    "majority": 0.5312,
    "TF-IDF [red]of words[/red]": 0.8123,
    "network_of_rather_long_name [/]": 0.8417,
    "verdict": "[link=http://nowhere]better[/link]",
}


@pytest.fixture
def outcomes(tmp_path, home, monkeypatch):
    """A function that makes ``workshop run`` give these outcomes; keep them by lesson id."""
    make(tmp_path, BAD)
    course = use(tmp_path, monkeypatch)
    kept = {
        "00": Outcome(course.lessons[0], 60, "done", 61.4, 812.0, RESULTS, Counter(open=2, passed=1)),
        "01": Outcome(course.lessons[1], 60, "failed", 3.2, 95.0, error="x = [/red]\nValueError: [bold] ü →"),
    }
    monkeypatch.setattr(report, "run_lesson", lambda lesson, *_: kept[lesson.id])
    return kept


def run(console):
    return report.run_course([], "smoke", "open", [], console)


def terminal(width=80):
    return Console(
        file=StringIO(),
        width=width,
        force_terminal=True,
        color_system=None,
        legacy_windows=False,
        soft_wrap=True,
    )


def test_the_table_fits_eighty_columns_and_has_two_results_at_most(outcomes):
    console = terminal()
    assert not run(console)
    printed = console.file.getvalue()
    table = printed[printed.index("profile smoke") : printed.index("01_bad failed")].splitlines()
    assert 6 < len(table) < 12 and max(map(len, table)) <= 80
    for shown in ("00_good", "done", "61 / 60", "2 open", "1 passed", "0.8123", "0.8417", "failed"):
        assert shown in printed
    for left_out in ("test_poems", "0.5312", "verdict"):
        assert left_out not in printed


def test_results_and_errors_are_never_read_as_markup(outcomes):
    for console in (terminal(200), Console(file=StringIO(), width=200)):
        run(console)
        printed = console.file.getvalue()
        assert "TF-IDF [red]of words[/red] 0.8123" in printed and "rather long name [/] 0.8417" in printed
        assert "x = [/red]\nValueError: [bold] ü →" in printed


def test_a_log_has_one_plain_line_for_each_lesson_as_it_ends(outcomes, monkeypatch):
    console = Console(file=StringIO(), width=80, soft_wrap=True)
    when_begun = []

    def run_lesson(lesson, *_):
        when_begun.append(console.file.getvalue())
        return outcomes[lesson.id]

    monkeypatch.setattr(report, "run_lesson", run_lesson)
    run(console)
    first = (
        "00_good: done, 61 of 60 s, 812 MB, 2 open, 1 passed, TF-IDF [red]of words[/red] 0.8123, "
        "network of rather long name [/] 0.8417\n"
    )
    assert when_begun == ["", first]
    assert console.file.getvalue().startswith(f"{first}01_bad: failed, 3 of 60 s, 95 MB\n01_bad failed:\n")


def test_failures_are_printed_in_full_after_the_lessons(outcomes):
    long = "numbers = " + "+ 1234567890 " * 30
    outcomes["00"] = Outcome(outcomes["00"].lesson, 60, "failed", error=f"{long}\nValueError: first")
    for console in (terminal(), Console(file=StringIO(), width=80)):
        run(console)
        printed = console.file.getvalue()
        assert long in printed, "long lines are not cut or broken"
        assert printed.index("ValueError: first") > printed.rindex(
            "95 MB" if "95 MB" in printed else "3 / 60"
        )


@pytest.mark.parametrize("encoding", ["cp1252", "ascii"])
@pytest.mark.parametrize("is_terminal", [True, False])
def test_a_console_of_few_signs_gets_others(outcomes, encoding, is_terminal):
    file = TextIOWrapper(BytesIO(), encoding=encoding)
    run(Console(file=file, width=80, force_terminal=is_terminal, color_system=None, legacy_windows=False))
    file.flush()
    printed = file.buffer.getvalue().decode(encoding)
    assert "00_good" in printed and ("ü ->" if encoding == "cp1252" else "? ->") in printed


def test_after_an_interruption_the_other_lessons_have_not_run(outcomes):
    outcomes["00"].status = "interrupted"
    console = terminal()
    assert not run(console)
    assert "not run" in console.file.getvalue()


def test_the_headline_is_the_last_two_fractions_or_else_the_last_values():
    assert headline({"rows": 3, "a": 0.1, "b": 0.2, "c": 0.3, "n": 7}) == {"b": 0.2, "c": 0.3}
    assert headline({"rows": 3, "a": 0.1}) == {"a": 0.1}
    assert headline({"rows": 3, "word": "süß", "n": 7}) == {"word": "süß", "n": 7}
    assert headline({}) == {}
