"""``course.toml``, the syllabus, as typed objects. Everything else asks here."""

import tomllib
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from workshop_utils.errors import WorkshopError
from workshop_utils.paths import ROOT

Profile = Literal["smoke", "workshop", "full"]
PROFILES: tuple[Profile, ...] = ("smoke", "workshop", "full")


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Lesson(_Strict):
    """One lesson: minutes for people, seconds for machines, and parameter values per profile."""

    id: str = Field(pattern=r"^\d\d$")
    name: str = Field(pattern=r"^[a-z_]+$")
    title: str
    teach: int = Field(gt=0, description="minutes")
    practise: int = Field(ge=0, description="minutes")
    budget: dict[Profile, int] = Field(description="seconds on two cores, bundled data")
    parameters: dict[Profile, dict[str, Any]] = {}

    @property
    def slug(self) -> str:
        """File name without ending, for example ``00_first_network``."""
        return f"{self.id}_{self.name}"

    @property
    def minutes(self) -> int:
        """Minutes to teach and to practise."""
        return self.teach + self.practise


class Block(_Strict):
    """A stretch of lessons with its breaks; ``minutes`` is what the clock on the wall must show."""

    name: str
    lessons: list[str]
    breaks: int = Field(ge=0, description="minutes")
    minutes: int = Field(description="lessons and breaks together")


class Course(_Strict):
    """The whole syllabus. ``blocks`` hold each lesson once; ``cuts`` are shorter selections."""

    title: str
    subtitle: str
    lessons: list[Lesson]
    blocks: list[Block]
    cuts: list[Block] = []

    @model_validator(mode="after")
    def _consistent(self) -> "Course":
        ids = [lesson.id for lesson in self.lessons]
        if ids != sorted(set(ids)):
            raise ValueError(f"lesson ids must rise and differ, not {ids}")
        if [id for block in self.blocks for id in block.lessons] != ids:
            raise ValueError("blocks must hold each lesson once, in order")
        for lesson in self.lessons:
            if missing := set(PROFILES) - set(lesson.budget):
                raise ValueError(f"lesson {lesson.id} has no budget for {', '.join(sorted(missing))}")
        for block in [*self.blocks, *self.cuts]:
            if unknown := set(block.lessons) - set(ids):
                raise ValueError(f"{block.name!r} names unknown lessons {sorted(unknown)}")
            total = block.breaks + sum(self.lesson(id).minutes for id in block.lessons)
            if total != block.minutes:
                raise ValueError(f"{block.name!r} says {block.minutes} minutes, but they add up to {total}")
        return self

    def lesson(self, name: str) -> Lesson:
        """The lesson called ``00``, ``first_network`` or ``00_first_network``.

        Args:
            name: number, name, or both.

        Raises:
            WorkshopError: there is no such lesson.
        """
        for lesson in self.lessons:
            if name in (lesson.id, lesson.name, lesson.slug):
                return lesson
        known = ", ".join(lesson.slug for lesson in self.lessons)
        raise WorkshopError(f"There is no lesson {name!r}; the course has {known}.")


def load_course(path: Path = ROOT / "course.toml", lessons: Path = ROOT / "lessons") -> Course:
    """Read the syllabus.

    Args:
        path: the syllabus.
        lessons: the folder of the lessons' sources.

    Raises:
        WorkshopError: unknown keys, lessons without a file, files without a lesson, or minutes that
            do not add up.
    """
    try:
        course = Course.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except (tomllib.TOMLDecodeError, FileNotFoundError) as error:
        raise WorkshopError(f"{path.name} cannot be read: {error}.") from error
    except ValidationError as error:
        reasons = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'course'}: {e['msg']}" for e in error.errors())
        raise WorkshopError(f"{path.name} is not a valid syllabus: {reasons}.") from error
    files = {file.stem for file in lessons.glob("*.py")}
    slugs = {lesson.slug for lesson in course.lessons}
    if files != slugs:
        odd = ", ".join(sorted(files ^ slugs))
        raise WorkshopError(f"{path.name} and lessons/ do not agree about {odd}.")
    return course


def lesson_source(lesson: Lesson) -> Path:
    """The lesson's source file in ``lessons/``."""
    return ROOT / "lessons" / f"{lesson.slug}.py"
