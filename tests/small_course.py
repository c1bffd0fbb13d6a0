"""A course of two small lessons, made where the tests say."""

import textwrap
from pathlib import Path

from pytest import MonkeyPatch

from workshop_utils.course import builder, report
from workshop_utils.course.syllabus import Course, load_course

GOOD = """
    # %% [markdown]
    # # 00 · Good

    # %% tags=["parameters"]
    size = 2
    name = "süß"

    # %%
    from workshop_utils.course.results import record
    record("00_good", word=name, size=size)
    """
BAD = """
    # %% [markdown]
    # # 01 · Bad

    # %% tags=["parameters"]
    seed = 0

    # %%
    numbers = [1, 2]
    numbers[7]
    """
SLOW = BAD.replace("numbers[7]", "import time; time.sleep(60)")
KILLED = BAD.replace(
    "numbers[7]", 'import os; os.kill(os.getpid(), 9) if os.name == "posix" else os._exit(9)'
)


def make(folder: Path, second: str) -> None:
    """Write the syllabus and two lessons, the first of them GOOD, into the folder."""
    (folder / "lessons").mkdir()
    toml = ['title = "T"', 'subtitle = "S"']
    for slug, title, source in [("00_good", "Good", GOOD), ("01_bad", "Bad", second)]:
        text = textwrap.dedent(source).lstrip()
        (folder / "lessons" / f"{slug}.py").write_text(text, encoding="utf-8")
        toml += ["[[lessons]]", f'id = "{slug[:2]}"', f'name = "{slug[3:]}"', f'title = "{title}"']
        toml += ["teach = 1", "practise = 0", "budget = { smoke = 60, workshop = 60, full = 60 }"]
    toml += ["[[blocks]]", 'name = "B"', 'lessons = ["00", "01"]', "breaks = 0", "minutes = 2"]
    (folder / "course.toml").write_text("\n".join(toml), encoding="utf-8")


def use(folder: Path, monkeypatch: MonkeyPatch) -> Course:
    """Let ``workshop run`` take its lessons from the folder."""
    course = load_course(folder / "course.toml", folder / "lessons")
    monkeypatch.setattr(report, "load_course", lambda: course)
    monkeypatch.setattr(builder, "lesson_source", lambda lesson: folder / "lessons" / f"{lesson.slug}.py")
    return course
