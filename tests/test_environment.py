"""What serving needs is little, and a bundle answers there to the last bit as it does where it was made."""

import ast
import json
import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from importlib.metadata import packages_distributions
from pathlib import Path

import numpy as np
import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.bundles import HOSTILE, reviews, tfidf_bundle
from tests.tiny import LABELS
from workshop_utils.models.bundle import Bundle
from workshop_utils.models.export.distilbert import export_distilbert
from workshop_utils.models.transformer.classifier import new_classifier
from workshop_utils.paths import ROOT

#: What serving may import: everything else belongs to the extras.
SERVING = [
    *("errors.py", "paths.py", "files.py", "quiet.py", "__main__.py"),
    *("cli", "production", "models/bundle", "models/tokenization.py", "data/tables"),
    *("models/evaluation", "models/metrics.py", "data/usable_texts.py"),
]
#: Lie in a room of serving, and train: what they import of the models needs the extra ``train``.
TRAINS = ("workshop_utils.production.retraining", "workshop_utils.production.loop")
LIMIT_MB = 450
TEXTS = [*reviews()[0][:40], *HOSTILE, "wort " * 500]

KERAS_BUNDLE = """
import sys, pathlib
from tests.bundles import reviews
from workshop_utils.models.cnn.networks import word_cnn
from workshop_utils.models.cnn.store import save_network
from workshop_utils.models.export.keras import export_keras
from workshop_utils.models.tokenization import train_words
folder, texts = pathlib.Path(sys.argv[1]), reviews()[0][:100]
words = train_words(texts)
network = word_cnn(words.get_vocab_size(), 2, 8, 8, batch_norm=True)
saved = save_network(folder / "network", network, words, ["a", "b"], 40, "head_tail", {}, texts)
export_keras(saved, folder / "keras")
"""

#: Runs in the serving environment. Prints, for each bundle, the bits of its probabilities.
SCORE = """
import importlib, json, pathlib, sys
from importlib.util import find_spec
heavy = "tensorflow keras torch transformers jupyterlab IPython mlflow pandas sklearn matplotlib pytest"
there = [name for name in heavy.split() if find_spec(name)]
assert not there, f"serving needs none of {there}"
for name in json.loads(sys.argv[2]):
    importlib.import_module(name)
from workshop_utils.models.bundle import Bundle
texts = json.loads(pathlib.Path(sys.argv[3]).read_text())
folders = [pathlib.Path(name) for name in json.loads(sys.argv[1])]
print(json.dumps({f.name: Bundle.load(f).predict_proba(texts).tobytes().hex() for f in folders}))
"""


def modules(*parts: str) -> list[Path]:
    """The package's modules at these places, relative to ``workshop_utils``."""
    paths = [ROOT / "workshop_utils" / part for part in parts]
    return [module for path in paths for module in ([path] if path.suffix else sorted(path.rglob("*.py")))]


def dotted(module: Path) -> str:
    return ".".join(module.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def at_import(tree: ast.AST):
    """The names that are imported when the module is: not those inside functions or for the type checker."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module
        elif not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and not (
            isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        ):
            yield from at_import(node)


@pytest.fixture(scope="module")
def base() -> set[str]:
    """The distributions that ``pip install .`` asks for by name."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return {canonicalize_name(Requirement(line).name) for line in project["dependencies"]}


@pytest.fixture(scope="module")
def providers() -> Mapping[str, list[str]]:
    """Which distributions an imported name may come from."""
    return packages_distributions()


@pytest.mark.parametrize("module", modules(*SERVING), ids=dotted)
def test_what_serves_imports_only_the_base(module, base, providers):
    names = {name.split(".")[0] for name in at_import(ast.parse(module.read_text(encoding="utf-8")))}
    foreign = names - sys.stdlib_module_names - {"workshop_utils"}
    wanted = {name: {canonicalize_name(found) for found in providers.get(name, [])} for name in foreign}
    assert {name for name, found in wanted.items() if not found & base} == set()


def test_imports_inside_functions_and_for_the_type_checker_wait():
    source = """
import a.b
if TYPE_CHECKING:
    import c
try:
    from d import e
except ImportError:
    pass
def f():
    import g
"""
    assert list(at_import(ast.parse(source))) == ["a.b", "d"]


@pytest.fixture(scope="module")
def serving(tmp_path_factory) -> Path:
    """The Python of a fresh environment that holds the base and nothing else; needs pip's package index."""
    folder = tmp_path_factory.mktemp("serving")
    # from a copy: building leaves files beside what it builds
    shutil.copy(ROOT / "pyproject.toml", folder)
    shutil.copytree(ROOT / "workshop_utils", folder / "workshop_utils")
    subprocess.run([sys.executable, "-m", "venv", folder / "venv"], check=True)
    python = folder / "venv" / ("Scripts" if os.name == "nt" else "bin") / "python"
    command = [python, "-m", "pip", "install", "-q", "-c", ROOT / "requirements.lock", folder]
    told = subprocess.run(command, capture_output=True, text=True)
    assert told.returncode == 0, f"serving needs a package index to be installed from:\n{told.stderr}"
    return python


@pytest.fixture(scope="module")
def bundles(tmp_path_factory, encoder) -> list[Path]:
    """One small bundle of each kind."""
    folder = tmp_path_factory.mktemp("bundles")
    command = [sys.executable, "-c", KERAS_BUNDLE, folder]  # one framework per process
    subprocess.run(command, check=True, cwd=ROOT, capture_output=True)
    model, tokenizer, *_ = new_classifier(LABELS, encoder, max_length=32)
    texts, labels = reviews()[0][:60], LABELS * 30
    distilbert = export_distilbert(model.eval(), tokenizer, folder / "distilbert", texts, labels, 32)
    return [folder / "keras", tfidf_bundle(folder / "tfidf"), distilbert]


@pytest.mark.slow
def test_the_serving_environment_is_small(serving, capsys):
    packages = next(serving.parents[1].glob("**/site-packages"))
    megabytes = sum(path.lstat().st_size for path in packages.rglob("*")) / 1e6
    count = len(list(packages.glob("*.dist-info")))
    with capsys.disabled():
        print(f"\nserving environment: {megabytes:.0f} MB, {count} packages")
    assert megabytes <= LIMIT_MB


@pytest.mark.slow
def test_each_kind_of_bundle_answers_in_the_serving_environment(serving, bundles, tmp_path):
    texts = tmp_path / "texts.json"
    texts.write_text(json.dumps(TEXTS), encoding="ascii")
    serves = [dotted(module) for module in modules(*SERVING) if module.name != "__main__.py"]
    names = [name for name in serves if not name.startswith(TRAINS)]
    command = [serving, "-I", "-c", SCORE, json.dumps([str(b) for b in bundles]), json.dumps(names), texts]
    told = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert told.returncode == 0, told.stderr
    expected = {folder.name: Bundle.load(folder).predict_proba(TEXTS) for folder in bundles}
    for name, bits in json.loads(told.stdout).items():
        found = np.frombuffer(bytes.fromhex(bits), expected[name].dtype).reshape(expected[name].shape)
        np.testing.assert_array_equal(found, expected[name], err_msg=name)


@pytest.mark.slow
def test_the_command_scores_a_table_in_the_serving_environment(serving, bundles, tmp_path):
    (tmp_path / "in.csv").write_text("text\ngood\nbad\n", encoding="utf-8")
    command = [serving.with_name("workshop"), "score", "in.csv", "out.csv", "--bundle", bundles[1]]
    told = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert told.returncode == 0, told.stderr
    assert len((tmp_path / "out.csv").read_text(encoding="utf-8").splitlines()) == 3


@pytest.mark.slow
def test_the_commands_evaluate_and_predict_need_no_more_and_train_says_what_it_needs(
    serving, bundles, tmp_path
):
    (tmp_path / "in.csv").write_text("text,label\ngood,positive\nbad,negative\n", encoding="utf-8")

    def workshop(*arguments):
        command = [serving.with_name("workshop"), *arguments, "--bundle", bundles[1]]
        return subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, encoding="utf-8")

    told = workshop("evaluate", "in.csv", "--html", "page.html")
    assert told.returncode == 0 and "majority class" in told.stdout, told.stderr
    assert "in.csv" in (tmp_path / "page.html").read_text(encoding="utf-8")
    told = workshop("predict", "a good film")
    assert told.returncode == 0 and "Words that mattered" in told.stdout, told.stderr
    told = workshop("train", "in.csv", "--text-column", "text", "--label-column", "label")
    assert told.returncode == 1 and "pip install -c requirements.lock '.[train]'" in " ".join(
        told.stderr.split()
    )
