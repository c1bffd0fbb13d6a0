"""What a lesson develops and the package then offers under the same name is the same code."""

import ast

import numpy as np
import pytest

from tests.conftest import COURSE
from workshop_utils.course.builder import build_notebook
from workshop_utils.course.syllabus import lesson_source
from workshop_utils.paths import ROOT
from workshop_utils.production.monitoring import ErrorDetector, risen_shares
from workshop_utils.production.retraining import PairedAnswers, judge, paired_gain

#: Functions of lessons that share a name with one of the package and are something else on purpose.
OTHER_THINGS = {
    ("01", "verdict"): "a sentence about a column, not about a difference",
    ("03", "judge"): "a sentence about a difference, not about a challenger",
    ("03", "encode"): "byte-pair encoding by hand, one text at a time, before the library does it",
    ("05", "build"): "a network, not the notebooks",
    ("07", "examples"): "frozen states of texts, not their ids",
}


def package_functions():
    found = {}
    for path in (ROOT / "workshop_utils").rglob("*.py"):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
                found.setdefault(node.name, []).append(node)
    return found


PACKAGE = package_functions()


def code_of(function):
    """The code without docstring, annotations and decorators."""
    copy = ast.parse(ast.unparse(function)).body[0]
    for node in ast.walk(copy):
        if isinstance(node, ast.arg):
            node.annotation = None
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            node.decorator_list = []
            if ast.get_docstring(node) is not None:
                node.body = node.body[1:]
        if isinstance(node, ast.FunctionDef):
            node.returns = None
    return ast.unparse(copy)


def shared(lesson):
    tree = ast.parse(lesson_source(lesson).read_text(encoding="utf-8"))
    return [
        node
        for node in tree.body
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name in PACKAGE
    ]


@pytest.mark.parametrize("lesson", COURSE.lessons, ids=lambda lesson: lesson.id)
def test_the_lesson_and_the_package_have_the_same_code(lesson):
    for function in shared(lesson):
        if (lesson.id, function.name) not in OTHER_THINGS:
            copies = [code_of(node) for node in PACKAGE[function.name]]
            assert code_of(function) in copies, f"{function.name} differs from the package"


def test_the_list_of_other_things_is_no_longer_than_it_must_be():
    names = {(lesson.id, function.name) for lesson in COURSE.lessons for function in shared(lesson)}
    assert OTHER_THINGS.keys() <= names
    assert ("06", "at_most") in names, "the comparison sees something"


@pytest.mark.parametrize("error", [0.1, 0.2, 0.3])
def test_the_detector_that_learners_write_alarms_at_the_same_label_as_the_packages(error):
    cells = build_notebook(COURSE.lesson("09"), "solved").cells
    [solution] = [cell.source for cell in cells if "def first_alarm(" in cell.source]
    tolerance, run_length, smallest_rise = 0.15, 500, 0.03
    stakes = (risen_shares(tolerance, smallest_rise) - tolerance) / (tolerance * (1 - tolerance))
    learner = {"np": np, "stakes": stakes, "tolerance": tolerance, "run_length": run_length}
    exec(solution, learner)
    alarms = []
    for errors in np.random.default_rng(0).random((20, 1500)) < error:
        package = ErrorDetector(tolerance, run_length, smallest_rise)
        package.add_many(errors)
        alarms.append(package.report().alarm_at)
        assert learner["first_alarm"](errors) == alarms[-1]
    assert (error > tolerance) == all(alarms), "both kinds of stream are there: found and not found"


def test_what_passes_the_packages_gate_passes_the_one_that_learners_write():
    cells = build_notebook(COURSE.lesson("10"), "solved").cells
    [solution] = [cell.source for cell in cells if "def gate(" in cell.source and "expect" not in cell.source]
    learner = {"paired_gain": paired_gain, "budget": 3.0}
    exec(solution, learner)
    said = []
    for seed, right in enumerate(np.repeat([0.6, 0.75, 0.9], 8)):
        chance = np.random.default_rng(seed)
        true = chance.choice(["negative", "positive"], 120)

        def answers(share, true=true, chance=chance):
            return np.where(
                chance.random(120) < share, true, np.where(true == "positive", "negative", "positive")
            )

        recent = PairedAnswers(true, answers(0.6), answers(right))
        frozen = PairedAnswers(true, answers(0.85), answers(0.85))
        said.append((judge(recent, frozen).passed, learner["gate"](recent, frozen)))
    assert {(True, True), (False, False)} <= set(said) <= {(True, True), (False, False), (False, True)}
