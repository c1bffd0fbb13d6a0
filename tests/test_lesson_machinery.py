"""Optional matter, claims, mistakes and notes for instructors: each goes where it belongs."""

import ast

import pytest

from tests.conftest import COURSE, lesson_cells
from workshop_utils.course import builder, runner
from workshop_utils.course.builder import build_notebook
from workshop_utils.course.claims import claim
from workshop_utils.course.instructors import instructors_guide
from workshop_utils.course.minutes import code_lines, core_minutes, in_core
from workshop_utils.course.mistakes import mistake
from workshop_utils.course.pages import _sections
from workshop_utils.course.runner import run_lesson

#: Lessons that have not taken this form yet. The list may only become shorter.
NOT_REMADE = {"01", "02", "03", "04", "05", "06", "07", "08"}
LESSON = COURSE.lesson("00")
every_lesson = pytest.mark.parametrize("lesson", COURSE.lessons, ids=lambda lesson: lesson.id)
remade = pytest.mark.parametrize(
    "lesson",
    [lesson for lesson in COURSE.lessons if lesson.id not in NOT_REMADE],
    ids=lambda lesson: lesson.id,
)

SOURCE = """\
# %% [markdown]
# # 00 · Train a first network

# %% tags=["parameters"]
source = "sample"

# %% [markdown] tags=["instructor"]
# Ask who has seen this before.

# %%
x = 2

# %% tags=["claim"]
from workshop_utils.course.claims import claim

claim("two is even", x % 2 == 0)
claim("two is large", x > 100)

# %% [markdown] exercise="double" part="task"
# Double it.

# %% [markdown] exercise="double" part="hint"
# one

# %% [markdown] exercise="double" part="hint"
# two

# %% exercise="double" part="solution"
### BEGIN SOLUTION
y = 4
### END SOLUTION

# %% exercise="double" part="check"
from workshop_utils.course.checks import exercise


@exercise("Double")
def check(y, expect):
    expect(y == 2 * x, "it is twice two", f"yours is {y}")


# %% exercise="double" part="mistake" says="yours is 5"
y = 5
x = 3

# %% exercise="double" part="mistake" says="WORDS"
y = 6

# %% [markdown] tags=["more"]
# ## More: three

# %% tags=["more"]
z = x + 1
"""


@pytest.fixture
def source(tmp_path, monkeypatch):
    """Lesson 00 with a source of a test's own."""

    def write(text):
        path = tmp_path / "lesson.py"
        path.write_text(text, encoding="utf-8")
        monkeypatch.setattr(builder, "lesson_source", lambda lesson: path)

    return write


def sources(notebook):
    return "\n".join(cell.source for cell in notebook.cells)


def test_participants_see_neither_claims_nor_mistakes_nor_notes(source):
    source(SOURCE)
    for form in ("open", "solved"):
        text = sources(build_notebook(LESSON, form))
        assert not any(word in text for word in ("claim", "mistake", "yours is 5", "Ask who"))
    assert "z = x + 1" in text


def test_the_checked_form_holds_claims_and_with_solutions_mistakes(source):
    source(SOURCE)
    opened, solved = (sources(build_notebook(LESSON, form, checked=True)) for form in ("open", "solved"))
    assert "two is even" in opened and "mistake(" not in opened
    assert "two is even" in solved and solved.count("mistake(check, ") == 2 and "Ask who" not in solved


def test_optional_matter_is_collapsed_and_checks_are_folded_away(source):
    source(SOURCE)
    cells = build_notebook(LESSON).cells
    [heading] = [cell for cell in cells if cell.source.startswith("## More:")]
    [check] = [cell for cell in cells if "@exercise" in cell.source]
    assert heading.metadata["jp-MarkdownHeadingCollapsed"] is True
    assert check.metadata["jupyter"] == {"source_hidden": True}
    core, optional = _sections(build_notebook(LESSON, "solved", checked=True))
    assert core[0] == "" and optional[0] == "More: three" and len(optional[1].cells) == 2
    assert "claim(" not in sources(core[1]) and "mistake(" not in sources(core[1])


def test_a_mistake_without_the_words_of_its_check_is_refused(source):
    source(SOURCE.replace(' says="WORDS"', ""))
    with pytest.raises(builder.WorkshopError, match="needs the words of its check"):
        build_notebook(LESSON, "solved", checked=True)


@pytest.mark.parametrize(
    ("profile", "large", "words", "status", "error"),
    [
        (
            "workshop",
            "x > 100",
            "yours is 6",
            "failed",
            "The lesson says what its output does not show:\ntwo is large",
        ),
        ("smoke", "x > 100", "yours is 6", "done", ""),
        ("workshop", "x > 1", "yours is 6", "done", ""),
        (
            "workshop",
            "x > 1",
            "something else",
            "failed",
            "Wanted: something else Said: Not yet: it is twice two.",
        ),
    ],
)
def test_a_false_claim_and_an_unnoticed_mistake_fail_the_run(
    home, data_dir, source, profile, large, words, status, error
):
    source(SOURCE.replace("x > 100", large).replace("WORDS", words))
    monkey = LESSON.model_copy(update={"parameters": {}})
    outcome = run_lesson(monkey, profile, "solved")
    assert (outcome.status, outcome.claims) == (
        status,
        {"two is even": True, "two is large": large == "x > 1"},
    )
    assert error in outcome.error and outcome.exercises == {"passed": 1}


@pytest.mark.slow
@pytest.mark.parametrize(("csv", "status"), [("", "failed"), ("mine.csv", "done")])
def test_neither_claims_nor_solutions_are_held_against_somebodys_own_table(
    home, data_dir, source, csv, status
):
    source(SOURCE.replace('source = "sample"', 'csv = ""').replace("y = 4", "y = 4 if not csv else 7"))
    monkey = LESSON.model_copy(update={"parameters": {}})
    outcome = run_lesson(monkey, "workshop", "solved", {"csv": csv})
    assert (outcome.status, outcome.exercises) == (status, {"wrong" if csv else "passed": 1})


def test_claims_are_strict_on_the_bundled_data_only(source, data_dir, home):
    source(SOURCE)
    notebook = build_notebook(LESSON)
    assert runner.on_bundled_data(notebook, {})
    (data_dir / "mnist.npz").touch()
    assert runner.on_bundled_data(notebook, {}), "the parameter says sample"
    assert not runner.on_bundled_data(notebook, {"source": "auto"})
    assert not runner.on_bundled_data(notebook, {"csv": "my.csv"})


def test_a_mistake_changes_no_variable_of_the_notebook(capsys):
    variables = {"x": 2}
    exec("def check(y, expect):\n    expect(y == 2 * x, 'twice', f'yours is {y}')", variables)
    mistake(variables["check"], "y = 5\nx = 3", "yours is 5")
    assert capsys.readouterr().out.startswith("noticed: ")
    assert variables["x"] == 2 and "y" not in variables
    mistake(variables["check"], "y = 4", "yours is")
    assert capsys.readouterr().out.startswith("NOT NOTICED: ")


def test_a_claim_is_true_or_false_and_never_something_between(capsys):
    claim("one", 1)
    claim("none", [])
    assert capsys.readouterr().out == "true: one\nFALSE: none\n"
    with pytest.raises(ValueError, match="ambiguous"):
        claim("both", __import__("numpy").array([True, False]))


def test_shuffled_labels_are_the_same_labels_in_another_order(monkeypatch):
    from workshop_utils.data import load_digits

    right = load_digits("sample")
    monkeypatch.setenv("WORKSHOP_SHUFFLE_LABELS", "1")
    shuffled = load_digits("sample")
    assert sorted(shuffled.y_train) == sorted(right.y_train)
    assert 0.05 < (shuffled.y_train == right.y_train).mean() < 0.2


def test_shuffled_reviews_keep_their_texts_and_how_many_are_positive(monkeypatch):
    from workshop_utils.data import load_reviews

    right = load_reviews("sample")
    monkeypatch.setenv("WORKSHOP_SHUFFLE_LABELS", "1")
    shuffled = load_reviews("sample")
    assert shuffled["review"].equals(right["review"])
    assert sorted(shuffled["sentiment"]) == sorted(right["sentiment"])
    assert 0.4 < (shuffled["sentiment"] == right["sentiment"]).mean() < 0.6


def test_the_guide_for_instructors_holds_notes_mistakes_and_minutes():
    guide = instructors_guide(COURSE)
    assert "who has trained a network before" in guide
    assert "“yours ends with linear”; " in guide
    assert f"| 00 · {LESSON.title} | " in guide


def test_the_estimate_counts_words_lines_and_cells_of_the_core(source):
    source(SOURCE)
    core = [cell for cell in builder.source_cells(LESSON) if in_core(cell)]
    assert len(core) == 4, "title, parameters, x = 2 and the task"
    assert core_minutes(core) == pytest.approx(7 / 150 + (2 * 6 + 2 * 20) / 60)
    assert code_lines("# only a comment\n\nx = 1  # code") == ["x = 1  # code"]


@remade
def test_the_core_of_a_lesson_takes_half_an_hour_at_most(lesson):
    assert core_minutes(lesson_cells(lesson)) <= 30
    assert lesson.teach <= 40 and lesson.practise <= 20


@remade
def test_every_exercise_knows_two_typical_mistakes_and_the_lesson_makes_claims(lesson):
    cells = lesson_cells(lesson)
    names = {cell.metadata["exercise"] for cell in cells if "exercise" in cell.metadata}
    mistakes = [cell.metadata["exercise"] for cell in cells if cell.metadata.get("part") == "mistake"]
    assert names and all(mistakes.count(name) >= 2 for name in names)
    assert sum(cell.source.count("claim(") for cell in cells if "claim" in cell.metadata.get("tags", [])) >= 5


@remade
def test_nothing_in_the_core_depends_on_optional_matter(lesson):
    notebook = build_notebook(lesson, "solved", checked=True)
    kept = [cell for cell in notebook.cells if "more" not in cell.metadata.get("tags", [])]
    optional = {name for cell in notebook.cells if cell not in kept for name in assigned(cell)}
    defined = {name for cell in kept for name in assigned(cell)}
    used = {name for cell in kept for name in loaded(cell)}
    assert not (optional - defined) & used


@every_lesson
def test_nothing_that_participants_run_needs_a_claim(lesson):
    theirs = build_notebook(lesson, "solved").cells
    claims = [cell for cell in lesson_cells(lesson) if "claim" in cell.metadata.get("tags", [])]
    only_there = {name for cell in claims for name in assigned(cell)}
    only_there -= {name for cell in theirs for name in assigned(cell)}
    assert not only_there & {name for cell in theirs for name in loaded(cell)}


def assigned(cell):
    return names(cell, "Store")


def loaded(cell):
    return names(cell, "Load")


def names(cell, context):
    if cell.cell_type != "code":
        return set()
    tree = ast.parse(cell.source)
    found = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and type(n.ctx).__name__ == context}
    defined = {n.name for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.ClassDef)}
    return found | (defined if context == "Store" else set())


def test_blocks_of_remade_lessons_are_three_lessons_and_breaks_in_210_minutes():
    to_come = set() if COURSE.lessons[-1].id == "11" else {COURSE.blocks[-1].name}
    for block in COURSE.blocks:
        if not NOT_REMADE & set(block.lessons) and block.name not in to_come:
            assert len(block.lessons) == 3 and block.minutes == 210


def test_the_list_of_lessons_not_yet_remade_only_becomes_shorter():
    still = {lesson.id for lesson in COURSE.lessons if core_minutes(lesson_cells(lesson)) > 30}
    assert still == NOT_REMADE, "a lesson that fits is remade: take it off the list"
