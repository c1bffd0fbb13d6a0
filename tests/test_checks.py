"""A check tells open from wrong from passed, says what to look at, and does not raise in class."""

import pytest

from workshop_utils.course import checks
from workshop_utils.course.checks import exercise


@pytest.fixture
def told(monkeypatch):
    """What the checks reported."""
    reports = []
    monkeypatch.setattr(checks, "_report", lambda title, state, lines: reports.append((state, lines)))
    monkeypatch.delenv("WORKSHOP_STRICT", raising=False)
    return reports


def run(answer, told):
    namespace = {"answer": answer, "exercise": exercise}
    exec(
        "@exercise('Double')\n"
        "def check(answer, expect):\n"
        "    expect(isinstance(answer, int), 'it is a whole number', 'use int()')\n"
        "    expect(answer == 4, 'it is twice two', 'multiply by two')\n",
        namespace,
    )
    return told[-1]


def test_an_untouched_stub_is_open(told):
    assert run(..., told)[0] == "open"


def test_a_right_answer_passes_and_is_told_why(told):
    assert run(4, told) == ("passed", ["Right: it is a whole number.", "Right: it is twice two."])


def test_a_wrong_answer_is_told_what_is_right_and_where_to_look(told):
    state, lines = run(5, told)
    assert state == "wrong"
    assert lines[0] == "Right: it is a whole number."
    assert "multiply by two" in lines[1]


def test_an_answer_of_the_wrong_kind_does_not_raise(told):
    class Odd(int):
        def __eq__(self, other):
            raise ValueError("odd")

    state, lines = run(Odd(4), told)
    assert state == "wrong"
    assert "ValueError" in lines[-1]


def test_a_missing_name_asks_to_keep_the_names(told):
    exec("@exercise('x')\ndef check(nowhere, expect):\n    pass\n", {"exercise": exercise})
    assert "keep the names" in told[-1][1][0]


def test_a_function_that_still_returns_the_open_mark_is_open(told):
    namespace = {"exercise": exercise}
    exec("def f(x):\n    return ...\n", namespace)
    exec("@exercise('x')\ndef check(f, expect):\n    expect(f(1) == 1, 'a', 'b')\n", namespace)
    assert told[-1][0] == "open"


def test_strict_mode_raises_for_wrong_but_not_for_open(told, monkeypatch):
    monkeypatch.setenv("WORKSHOP_STRICT", "1")
    run(..., told)
    with pytest.raises(AssertionError, match="multiply by two"):
        run(5, told)


def test_outside_a_notebook_the_report_is_plain_text(capsys):
    namespace = {"exercise": exercise, "answer": 1}
    exec("@exercise('Größe <b>')\ndef check(answer, expect):\n    expect(True, 'gut', 'x')\n", namespace)
    assert capsys.readouterr().out == "✓ Größe <b>: passed\n  Right: gut.\n"
