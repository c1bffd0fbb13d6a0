"""A check tells open from wrong from passed, says what to look at, and does not raise in class."""

import functools
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

from workshop_utils.course import checks, untouched
from workshop_utils.course.checks import exercise
from workshop_utils.course.untouched import is_untouched
from workshop_utils.paths import ROOT


@pytest.fixture
def reports(monkeypatch):
    """What the checks reported: pairs of state and lines."""
    kept = []
    monkeypatch.setattr(checks, "_report", lambda title, state, lines: kept.append((state, lines)))
    monkeypatch.delenv("WORKSHOP_STRICT", raising=False)
    return kept


def run(answer, reports):
    namespace = {"answer": answer, "exercise": exercise}
    exec(
        "@exercise('Double')\n"
        "def check(answer, expect):\n"
        "    expect(isinstance(answer, int), 'it is a whole number', 'use int()')\n"
        "    expect(answer == 4, 'it is twice two', 'multiply by two')\n",
        namespace,
    )
    return reports[-1]


def test_an_untouched_stub_is_open(reports):
    assert run(..., reports)[0] == "open"


def test_a_right_answer_passes_and_is_told_why(reports):
    assert run(4, reports) == ("passed", ["Right: it is a whole number.", "Right: it is twice two."])


def test_a_wrong_answer_is_told_what_is_right_and_where_to_look(reports):
    state, lines = run(5, reports)
    assert state == "wrong"
    assert lines[:2] == ["Got: answer = 5.", "Right: it is a whole number."]
    assert "multiply by two" in lines[2]


@pytest.mark.parametrize(
    ("answer", "shown"),
    [
        ("four", "answer = 'four'"),
        (np.float64(2.5), "answer = 2.5"),
        (np.zeros((3, 2)), "answer of shape (3, 2)"),
        (["a"] * 50, "answer = ['a', 'a', 'a', 'a', 'a', 'a', ...]"),
        ("ä" * 5000, "answer = 'äää"),
        (None, "answer = None"),
    ],
    ids=str,
)
def test_a_wrong_answer_is_shown_as_it_was_got(reports, answer, shown):
    assert run(answer, reports)[1][0].startswith(f"Got: {shown}")


def test_no_answer_at_all_is_wrong_and_not_open(reports):
    assert run(None, reports)[0] == "wrong"


def test_an_answer_of_the_wrong_kind_does_not_raise(reports):
    class Odd(int):
        def __eq__(self, other):
            raise ValueError("odd")

    state, lines = run(Odd(4), reports)
    assert state == "wrong"
    assert "ValueError" in lines[-1]


def test_a_missing_name_asks_to_keep_the_names(reports):
    exec("@exercise('x')\ndef check(nowhere, expect):\n    pass\n", {"exercise": exercise})
    assert "keep the names" in reports[-1][1][0]


def test_a_right_function_with_an_ellipsis_as_index_has_passed(reports):
    namespace = {"exercise": exercise, "np": np}
    exec("def last(x, i):\n    return x[..., i]\n", namespace)
    exec(
        "@exercise('x')\ndef check(last, expect):\n    expect(last(np.eye(2), 0)[0] == 1, 'a', 'b')\n",
        namespace,
    )
    assert reports[-1] == ("passed", ["Right: a."])


OPEN = {
    "returned": "def answer(x):\n    return ...",
    "given to a name": "def answer(x):\n    y = ...\n    return y + x",
    "given to two names": "def answer(x):\n    y = z = ...\n    return y + z",
    "unpacked": "def answer(x):\n    y, z = ..., ...\n    return y + z",
    "returned with another": "def answer(x):\n    return ..., x",
    "returned after another": "def answer(x):\n    return x, ...",
    "yielded": "def answer(x):\n    for i in x:\n        yield ...",
    "in one branch": "def answer(x):\n    if x:\n        return ...\n    return x[..., 0]",
    "in an inner function": "def answer(x):\n    def inner():\n        return ...\n    return inner()",
    "for an inner function": "def answer():\n    y = ...\n    def f():\n        return y\n    return f",
    "the whole body": "def answer(x):\n    ...",
    "a docstring and a bare one": "def answer(x):\n    'Doubles.'\n    ...",
    "pass": "def answer(x):\n    pass",
    "a lambda": "answer = lambda x: ...",
    "a partial function": "def f(x, y):\n    return ...\nanswer = functools.partial(f, 1)",
    "a cached function": "@functools.cache\ndef answer(x):\n    return ...",
    "a wrapped function": "def f(x):\n    return ...\n@functools.wraps(f)\ndef answer(x):\n    return f(x)",
    "a method": "class answer:\n    def predict(self, x):\n        return ...",
    "a class method": "class answer:\n    @classmethod\n    def make(cls):\n        return ...",
    "a property": "class answer:\n    @property\n    def size(self):\n        return ...",
    "an attribute of a class": "class answer:\n    size = ...",
    "a bound method": "class A:\n    def predict(self, x):\n        return ...\nanswer = A().predict",
}
BEGUN = {
    "index with a variable": "def answer(x, i):\n    return x[..., i]",
    "index with a number": "def answer(x):\n    return x[..., 0]",
    "index alone": "def answer(x):\n    return x[...]",
    "index with a slice": "def answer(x, i):\n    return x[..., i:]",
    "index on the left": "def answer(x, i):\n    x[..., i] = 0\n    x[...] = 1\n    return x",
    "index in a tuple": "def answer(x, i):\n    return x[..., i], x[...], i",
    "index with a name": "def answer(x):\n    where = (..., 0)\n    return x[where]",
    "index in a lambda": "answer = lambda x, i: x[..., i]",
    "index in an inner function": "def answer(x):\n    def f(i):\n        return x[..., i]\n    return f",
    "index in a generator": "def answer(x, n):\n    for i in range(n):\n        yield x[..., i]",
    "index in a method": "class answer:\n    def predict(self, x, i):\n        return x[..., i]",
    "index in a partial function": "answer = functools.partial(lambda x, i: x[..., i], i=0)",
    "annotation": "def answer(x):\n    def f(y: tuple[int, ...]) -> None: pass\n    return f(x)",
    "default": "def answer(x, y=...):\n    return x if y is ... else y",
    "argument": "def answer(x, i):\n    return x.__getitem__(...)",
    "an empty inner function": "def answer(x):\n    def nothing(): pass\n    return x or nothing",
    "an empty lambda": "answer = lambda: None",
    "a class with an empty method": "class answer:\n    def close(self):\n        pass",
    "a class that knows itself": "class answer: pass\nanswer.other = answer",
    "an array": "answer = np.array([1, 2])",
    "no answer": "answer = None",
    "a built-in": "answer = len",
}


@pytest.mark.parametrize("code", OPEN.values(), ids=OPEN)
def test_a_bare_ellipsis_is_open(code):
    assert is_untouched(evaluated(code))


@pytest.mark.parametrize("code", BEGUN.values(), ids=BEGUN)
def test_an_ellipsis_within_an_expression_is_not_open(code):
    assert not is_untouched(evaluated(code))


def evaluated(code):
    namespace = {"functools": functools, "np": np}
    exec(code, namespace)
    return namespace["answer"]


def other_pythons():
    """Python 3.11 to 3.13 where pyenv has them."""
    versions = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    found = [path for minor in (11, 12, 13) for path in versions.glob(f"3.{minor}.*/bin/python")]
    return found or [Path(sys.executable)]


@pytest.mark.parametrize("python", other_pythons(), ids=lambda path: path.parts[-3])
def test_every_python_of_the_course_tells_them_apart(python):
    script = f"""
        import functools, importlib.util
        spec = importlib.util.spec_from_file_location("untouched", {untouched.__file__!r})
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        def untouched(code):
            namespace = {{"functools": functools}}
            exec(code, namespace)
            return module.is_untouched(namespace["answer"])
        print([code for code in {list(OPEN.values())} if not untouched(code)])
        print([code for code in {[code for code in BEGUN.values() if "np." not in code]} if untouched(code)])
        """
    command = [python, "-B", "-c", textwrap.dedent(script)]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    assert result.stdout == "[]\n[]\n"


def test_a_function_that_still_returns_the_open_mark_is_open(reports):
    namespace = {"exercise": exercise}
    exec("def f(x):\n    return ...\n", namespace)
    exec("@exercise('x')\ndef check(f, expect):\n    expect(f(1) == 1, 'a', 'b')\n", namespace)
    assert reports[-1][0] == "open"


def test_strict_mode_raises_for_wrong_but_not_for_open(reports, monkeypatch):
    monkeypatch.setenv("WORKSHOP_STRICT", "1")
    run(..., reports)
    with pytest.raises(AssertionError, match="multiply by two"):
        run(5, reports)


SHOWN = "@exercise('Größe <b>')\ndef check(answer, expect):\n    expect(True, 'gut', 'x')\n"


def test_outside_a_notebook_the_report_is_plain_text(capsys):
    exec(SHOWN, {"exercise": exercise, "answer": 1})
    assert capsys.readouterr().out == "✓ Größe <b>: passed\n  Right: gut.\n"


@pytest.mark.parametrize(
    ("encoding", "printed"), [("utf-8", "✓ Größe"), ("cp1252", "+ Größe"), ("ascii", "+ Gr??e")]
)
def test_a_console_that_lacks_the_check_mark_gets_another(encoding, printed):
    code = f"from workshop_utils.course.checks import exercise\nanswer = 1\n{SHOWN}"
    own = os.environ | {"PYTHONIOENCODING": encoding}
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=own, capture_output=True, check=True)
    assert result.stdout.decode(encoding).splitlines() == [f"{printed} <b>: passed", "  Right: gut."]
