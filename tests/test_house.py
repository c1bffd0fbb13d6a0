"""The house rules of the repository: who may import whom, one framework per process, lists that agree."""

import ast
import re
import subprocess
import sys
import tomllib

import pytest
import typer

from tests.conftest import COURSE
from workshop_utils.cli import app
from workshop_utils.course.preflight import LOCK, locked
from workshop_utils.paths import ROOT

ROOMS = ["data", "models", "production", "course"]
README = (ROOT / "README.md").read_text(encoding="utf-8")
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
MODULES = sorted((ROOT / "workshop_utils").rglob("*.py"))


def imports(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_imports_run_downwards_only(path):
    room = path.relative_to(ROOT / "workshop_utils").parts[0]
    if room not in ROOMS:
        return
    above = ROOMS[ROOMS.index(room) + 1 :]
    wrong = [
        name
        for name in imports(path)
        if name.split(".")[:1] == ["workshop_utils"] and name.split(".")[1] in above
    ]
    assert wrong == []


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_modules_are_short_and_documented(path):
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 250
    tree = ast.parse(text)
    assert ast.get_docstring(tree)
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            assert ast.get_docstring(node), f"{node.name} has no docstring"


@pytest.mark.parametrize("room", ROOMS)
def test_importing_a_room_starts_no_framework(room):
    code = (
        f"import sys, pkgutil, importlib, workshop_utils.{room} as room\n"
        "for module in pkgutil.iter_modules(room.__path__):\n"
        "    importlib.import_module(f'{room.__name__}.{module.name}')\n"
        "print([name for name in ('tensorflow', 'torch', 'keras', 'transformers') if name in sys.modules])\n"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert told.stdout.strip() == "[]"


@pytest.mark.parametrize("lesson", COURSE.lessons, ids=lambda lesson: lesson.id)
def test_a_lesson_uses_one_framework(lesson):
    source = (ROOT / "lessons" / f"{lesson.slug}.py").read_text(encoding="utf-8")
    found = {
        name
        for name in ("keras", "tensorflow", "torch")
        if re.search(rf"^(import|from) {name}\b", source, re.M)
    }
    assert not {"torch"} & found or found == {"torch"}


def test_readme_names_only_commands_that_exist():
    targets = set(re.findall(r"^([a-z-]+):", MAKEFILE, re.M))
    named = set(re.findall(r"`?make ([a-z-]+)", README))
    assert {"course", "test"} <= named <= targets
    commands = set(re.findall(r"^(?:\$ )?workshop ([a-z]+)|`workshop ([a-z]+)", README, re.M))
    assert {name for pair in commands for name in pair if name} <= typer.main.get_command(app).commands.keys()


def test_readme_lists_every_lesson_by_its_title():
    for lesson in COURSE.lessons:
        assert f"| {lesson.id} {lesson.title} |" in README


def test_make_help_lists_every_target_that_people_use():
    told = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for target in ("course", "lab", "test", "notebooks", "data", "clean"):
        assert f"make {target} " in told


@pytest.mark.parametrize(
    ("python", "said"),
    [("no-such-python", "needs Python 3.11, and there is no"), ("false", "needs Python 3.11, but")],
)
def test_a_missing_or_wrong_python_is_one_sentence(tmp_path, python, said):
    command = ["make", "-C", str(ROOT), f"PYTHON={python}", f"VENV={tmp_path}/venv", "notebooks"]
    told = subprocess.run(command, capture_output=True, text=True)
    assert told.returncode != 0
    lines = [line for line in told.stderr.splitlines() if not line.startswith("make")]
    assert len(lines) == 1 and said in lines[0]


def test_files_named_in_readme_exist():
    for link in re.findall(r"\]\((?!http|#)([^)#]+)", README):
        assert (ROOT / link).exists(), link


def test_there_is_one_list_of_dependencies_and_the_lock_holds_it():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [
        *project["dependencies"],
        *(r for extra in project["optional-dependencies"].values() for r in extra),
    ]
    lock = {requirement.name.lower().replace("_", "-"): requirement for requirement in locked(LOCK)}
    from packaging.requirements import Requirement

    for line in wanted:
        requirement = Requirement(line)
        if requirement.name != "workshop-utils" and (not requirement.marker or requirement.marker.evaluate()):
            pinned = lock[requirement.name.lower().replace("_", "-")]
            assert requirement.specifier.contains(str(pinned.specifier)[2:]), line


def test_the_lock_holds_no_addresses_and_only_exact_versions():
    for line in LOCK.read_text(encoding="utf-8").splitlines():
        assert re.fullmatch(r"[a-z0-9._-]+==[^ ;]+( ; .+)?", line), line


def test_conda_and_docker_install_the_lock():
    assert "-r requirements.lock" in (ROOT / "environment.yml").read_text(encoding="utf-8")
    dockerfile = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    assert "requirements.lock" in dockerfile and "USER learner" in dockerfile
    assert "python=3.11" in (ROOT / "environment.yml").read_text(encoding="utf-8")
    assert not re.search(r"token\s*=", dockerfile), "JupyterLab makes its own token"


def test_cited_version_is_the_packages():
    from workshop_utils import __version__

    assert f"version: {__version__}" in (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f"## {__version__}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
