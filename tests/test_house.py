"""The house rules of the repository: who may import whom, one framework per process, lists that agree."""

import ast
import os
import re
import subprocess
import sys
import tomllib

import pytest
import typer
from packaging.requirements import Requirement

from tests.conftest import COURSE
from workshop_utils.cli import app
from workshop_utils.course.packages import LOCK, pinned
from workshop_utils.paths import ROOT

ROOMS = ["data", "models", "production", "course", "cli"]

#: From the ground up; a module imports only from its own floor (inside one room) and from those below.
FLOORS = [
    {"errors"},
    {"paths", "quiet"},
    {"files"},
    {"data"},
    {"models.tokenization", "models.metrics", "models.divergence"},
    {"models.evaluation"},
    {"models.bundle"},
    {"models.cnn", "models.transformer", "models.tuning", "models.insights"},
    {"models.export"},
    {"models.training"},
    {"production"},
    {"course"},
    {"cli"},
]
README = (ROOT / "README.md").read_text(encoding="utf-8")
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
MODULES = sorted((ROOT / "workshop_utils").rglob("*.py"))


def imports(path):
    """Modules of the package that a file imports anywhere, also inside functions."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def room_of(module):
    """The longest entry of the floors that the dotted name begins with, and its floor; none for others."""
    parts = module.split(".")[1:]
    for length in (2, 1):
        name = ".".join(parts[:length])
        for floor, rooms in enumerate(FLOORS):
            if name in rooms:
                return name, floor
    return None, -1


def module_name(path):
    return ".".join(path.relative_to(ROOT).with_suffix("").parts)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_imports_run_downwards_only(path):
    room, floor = room_of(module_name(path))
    if room is None:
        assert path.name in ("__init__.py", "__main__.py"), f"{path.name} stands in no room"
        return
    for module in imports(path):
        if module.startswith("workshop_utils."):
            other, below = room_of(module)
            assert other in (None, room) or below < floor, f"{room} imports {module}"


def test_a_lesson_and_a_benchmark_are_imported_by_nobody():
    assert not [
        path for path in MODULES if {"lessons", "benchmarks"} & {m.split(".")[0] for m in imports(path)}
    ]


def public_names(path):
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names = [node.name]
        elif isinstance(node, ast.Assign):
            names = [target.id for target in node.targets if isinstance(target, ast.Name)]
        else:
            names = (
                [node.target.id]
                if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
                else []
            )
        yield from (name for name in names if not name.startswith("_"))


def test_no_public_name_has_two_meanings():
    places = {}
    for path in MODULES:
        if path.parent.name != "cli":  # a command bears the name of what it calls
            for name in public_names(path):
                places.setdefault(name, []).append(module_name(path))
    assert {name: found for name, found in places.items() if len(found) > 1} == {}


@pytest.mark.parametrize("path", [path for path in MODULES if path.name == "__init__.py"], ids=module_name)
def test_a_room_names_what_is_public(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert ast.get_docstring(tree)
    names = {
        alias.asname or alias.name
        for node in tree.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    listed = [
        node.value for node in tree.body if isinstance(node, ast.Assign) and node.targets[0].id == "__all__"
    ]
    if path.parent.parent.name == "models":
        assert listed and sorted(names) == ast.literal_eval(listed[0]), (
            "__all__ holds what is imported, sorted"
        )


@pytest.mark.parametrize("room", ROOMS)
def test_importing_a_room_starts_no_framework(room):
    code = (
        f"import sys, pkgutil, importlib, workshop_utils.{room} as room\n"
        "for module in pkgutil.walk_packages(room.__path__, room.__name__ + '.'):\n"
        "    importlib.import_module(module.name)\n"
        "frameworks = {'tensorflow', 'torch', 'keras', 'transformers', 'mlflow'}\n"
        "print(sorted(frameworks & sys.modules.keys()))\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert result.stdout.strip() == "[]"


@pytest.mark.parametrize("lesson", COURSE.lessons, ids=lambda lesson: lesson.id)
def test_a_lesson_uses_one_framework(lesson):
    source = (ROOT / "lessons" / f"{lesson.slug}.py").read_text(encoding="utf-8")
    found = {
        name
        for name in ("keras", "tensorflow", "torch")
        if re.search(rf"^\s*(import|from) {name}\b", source, re.M)
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
    for target in ("course", "lab", "test", "check", "notebooks", "data", "clean"):
        assert f"make {target} " in told


def failing_make(*arguments, **environment):
    """What ``make`` says on its error stream, without its own lines."""
    command = ["make", "-C", str(ROOT), *arguments]
    told = subprocess.run(command, capture_output=True, text=True, env=os.environ | environment)
    assert told.returncode != 0
    return [line for line in told.stderr.splitlines() if not line.startswith("make")]


@pytest.mark.parametrize("python", ["no-such-python", "false", "no-such-python false"])
def test_a_missing_or_wrong_python_is_one_sentence(tmp_path, python):
    lines = failing_make(f"PYTHON={python}", f"VENV={tmp_path}/venv", "notebooks")
    assert len(lines) == 1 and "needs Python 3.11, 3.12 or 3.13" in lines[0] and python in lines[0]
    assert not (tmp_path / "venv").exists()


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere plain PyTorch is a CPU build")
def test_without_a_cpu_build_of_pytorch_make_stops_and_says_what_the_plain_one_costs(tmp_path):
    nowhere = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": "", "PIP_CONFIG_FILE": os.devnull}
    lines = failing_make(f"PYTHON={sys.executable}", f"VENV={tmp_path}/venv", "notebooks", **nowhere)
    assert "No matching distribution found for torch==" in "".join(lines[:-1]), "pip's own reason is seen"
    assert "TORCH_PLAIN=1" in lines[-1] and "GB" in lines[-1]
    assert not (tmp_path / "venv" / "ready").exists()


def test_the_long_tests_that_check_leaves_out_exist():
    names = re.search(r"^LONG_TESTS := (.+)", MAKEFILE, re.M)[1].split()
    assert [name for name in names if not (ROOT / "tests" / f"test_{name}.py").exists()] == []


def test_files_named_in_readme_exist():
    for link in re.findall(r"\]\((?!http|#)([^)#]+)", README):
        assert (ROOT / link).exists(), link


def test_there_is_one_list_of_dependencies_and_the_lock_holds_it():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [
        *project["dependencies"],
        *(r for extra in project["optional-dependencies"].values() for r in extra),
    ]
    lock = {requirement.name.lower().replace("_", "-"): requirement for requirement in pinned(LOCK)}
    for line in wanted:
        requirement = Requirement(line)
        if requirement.name != "workshop-utils" and (not requirement.marker or requirement.marker.evaluate()):
            locked = lock[requirement.name.lower().replace("_", "-")]
            assert requirement.specifier.contains(str(locked.specifier)[2:]), line


def test_the_lock_holds_no_addresses_and_only_exact_versions():
    for line in LOCK.read_text(encoding="utf-8").splitlines():
        assert re.fullmatch(r"[a-z0-9._-]+==[^ ;]+( ; .+)?", line), line


@pytest.mark.parametrize("python", ["3.11", "3.12", "3.13"])
@pytest.mark.parametrize("system", ["linux", "darwin", "win32"])
def test_the_lock_holds_one_version_of_each_package_on_each_system(python, system):
    machine = {"python_version": python, "python_full_version": f"{python}.9", "sys_platform": system}
    locked_here = [Requirement(line) for line in LOCK.read_text(encoding="utf-8").splitlines()]
    names = [r.name for r in locked_here if not r.marker or r.marker.evaluate(machine)]
    assert len(names) == len(set(names)) > 200
    assert not [name for name in names if name.startswith(("nvidia-", "cuda-", "triton"))]


def test_conda_docker_and_make_install_the_course_with_the_lock_as_constraints():
    conda = (ROOT / "environment.yml").read_text(encoding="utf-8")
    dockerfile = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    for text in (conda, dockerfile, MAKEFILE):
        assert "-c requirements.lock" in text and re.search(r"-e '?\.\[course\]", text)
        assert "https://download.pytorch.org/whl/cpu" in text and "+cpu" in text
    (torch,) = re.findall(r"^torch==.+", LOCK.read_text(encoding="utf-8"), re.M)
    assert f"- {torch}+cpu ; sys_platform == 'linux'" in conda
    assert "USER learner" in dockerfile
    assert not re.search(r"token\s*=", dockerfile), "JupyterLab makes its own token"


def test_cited_version_is_the_packages():
    from workshop_utils import __version__

    assert f"version: {__version__}" in (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f"## {__version__}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
