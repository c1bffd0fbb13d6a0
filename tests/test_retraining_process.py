"""`workshop retrain`: what is promoted and what is not, and what a kill or a twin leaves behind."""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager

import numpy as np
import pytest
from typer.testing import CliRunner

from tests.bundles import tfidf_of
from tests.promoters import Fault, in_a_child
from tests.retrained import (
    make_world,
    policy,
    reviews,
    says,
    tools,
    write_table,
)
from workshop_utils.cli import app
from workshop_utils.errors import WorkshopError
from workshop_utils.models.bundle import Bundle, read_card, read_reference
from workshop_utils.paths import ROOT
from workshop_utils.production.deployment import (
    Told,
    approve,
    open_version,
    pointed_version,
    promote,
    read_history,
    read_manifest,
    roll_back,
    version_names,
)
from workshop_utils.production.monitoring.monitor import monitor_store
from workshop_utils.production.retraining import concluding, replay_decision, retrain, train_in_process
from workshop_utils.production.retraining.keeping import kept_folder, retraining_folder, work_folder
from workshop_utils.production.store import list_decisions, open_store

posix = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no fork and no kill -9")


@pytest.fixture
def opened(tmp_path, home):
    store = open_store(f"sqlite:///{tmp_path / 'store.db'}")
    yield store
    store.close()


@pytest.fixture
def world(tmp_path, opened):
    return make_world(tmp_path / "world", opened)


def flipped(labels):
    return ["negative" if label == "positive" else "positive" for label in labels]


def turned(world, count=200, seed=7):
    """A new community comes: its texts and what is true of them."""
    world.label(*reviews(seed, count, turned=0.7))


def failed(outcome):
    return [check.name for check in outcome.gate.checks if not check.passed]


# -- what is promoted ----------------------------------------------------------------------------------------


def test_a_real_improvement_is_promoted_with_figures_lineage_and_all_that_monitoring_needs(world):
    turned(world)
    first, said = world.champion, []
    outcome = retrain(world.request(reason=""), world.store, tools(said=said))
    assert outcome.outcome == "promoted" and outcome.version == world.champion != first
    assert outcome.gate.passed and outcome.labels_learned == 120 and outcome.labels_held_out == 80
    assert outcome.seconds > 0 and outcome.weight in (1, 5) and "Monitoring says harmful" in said[0]
    change = read_history(world.deployment).changes[-1]
    assert (change.action, change.by, change.champion) == ("promote", "Änne", first)
    assert change.figures["recent_macro_f1_gain"] > 0.1 and "decision 1" in change.reason
    folder = world.deployment / "versions" / outcome.version
    lineage = read_manifest(folder).lineage
    assert lineage.training_data and lineage.policy and lineage.code_revision
    metrics = read_card(folder).metrics
    assert metrics["accuracy"] == outcome.gate.figures["recent_accuracy"] and metrics["texts"] == 80
    assert len(read_reference(folder)) == 80 + 150
    decision = list_decisions(world.store, "retrain")[0]
    assert decision.number == outcome.decision and decision.outcome == "promoted"
    assert json.dumps(outcome.to_dict(), allow_nan=False)
    assert not work_folder(world.deployment.resolve()).exists()


def test_once_promoted_there_is_nothing_to_do_until_new_labels_come_and_the_old_ones_are_learned(world):
    turned(world)
    first = retrain(world.request(), world.store, tools())
    assert first.outcome == "promoted"
    again = retrain(world.request(), world.store, tools())
    assert again.outcome == "nothing" and again.labels_missing == 40 and again.decision is None
    turned(world, 60, seed=8)
    second = retrain(world.request(), world.store, tools())
    assert second.labels_held_out == 24 and second.labels_learned == 200 + 36
    assert len(list_decisions(world.store, "retrain")) == 2


def test_what_people_rolled_back_is_not_promoted_again_by_the_same_labels(world):
    turned(world)
    retrain(world.request(), world.store, tools())
    roll_back(world.deployment, Told("Anna", "complaints"))
    outcome = retrain(world.request(reason=""), world.store, tools())
    assert outcome.outcome == "nothing" and "judged by these labels already" in outcome.reason


@pytest.mark.parametrize(("approval", "pointer"), [("person", "waiting"), ("shadow", "challenger")])
def test_by_the_policy_it_waits_for_a_person_or_scores_in_the_shadow(world, approval, pointer):
    turned(world)
    first = world.champion
    request = world.request(retraining={"approval": approval})
    outcome = retrain(request, world.store, tools())
    assert outcome.outcome == pointer and world.champion == first
    assert pointed_version(world.deployment, pointer) == outcome.version
    again = retrain(request, world.store, tools())
    assert again.outcome == "nothing"
    if pointer == "waiting":
        assert "waits for a yes or no" in again.reason
        approve(world.deployment, Told("Anna", "yes"))
        assert world.champion == outcome.version


def test_without_a_reason_nothing_is_trained_and_mild_says_how_many_labels_to_buy(world):
    turned(world)
    for verdict, buy in (("quiet", None), ("mild", 120), ("insufficient data", 7)):
        monitor = says(verdict, buy)
        outcome = retrain(world.request(reason=""), world.store, tools(monitor=monitor, trainer=None))
        assert outcome.outcome == "nothing" and outcome.labels_to_buy == buy
        assert verdict != "mild" or "Buy 120 labels" in outcome.reason
    assert not list_decisions(world.store)


def test_too_few_labels_say_how_many_are_missing_and_texts_that_are_not_kept_are_told(world):
    texts, labels = reviews(7, 30)
    world.label(texts, labels)
    outcome = retrain(world.request(), world.store, tools(trainer=None))
    assert outcome.outcome == "nothing" and outcome.labels_missing == 10
    outcome = retrain(
        world.request(retraining={"fewest_labels": 20}, gate={"fewest_recent": 20}),
        world.store,
        tools(trainer=None),
    )
    assert outcome.labels_missing == 20 and "12 can be held out" in outcome.reason


@pytest.mark.fault(35)
def test_many_labels_of_the_frozen_test_set_are_no_labels(world):
    texts, labels = reviews(2, 150)
    world.label(texts, labels)
    outcome = retrain(world.request(), world.store, tools(trainer=None))
    assert outcome.outcome == "nothing" and outcome.labels_missing == 50
    assert any("stand in the frozen test set" in note for note in outcome.notes)


def test_real_monitoring_is_asked_and_says_quiet_or_harmful(world):
    turned(world)
    retrain(world.request(), world.store, tools())  # this champion knows how often it is wrong
    asked = {"performance": {"fewest_labels": 20, "run_length": 200.0}}
    world.label(*reviews(20, 80, turned=0.7))
    outcome = retrain(world.request(reason="", **asked), world.store, tools(monitor=monitor_store))
    assert outcome.outcome == "nothing" and "Monitoring says" not in outcome.reason
    texts, labels = reviews(21, 120, turned=0.7)
    world.label(texts, flipped(labels))
    outcome = retrain(world.request(reason="", **asked), world.store, tools(monitor=monitor_store))
    decision = list_decisions(world.store, "retrain")[-1]
    assert outcome.outcome == "refused" and decision.details["trigger"] == "harmful"


# -- negative controls: what must not get through, five seeds each -------------------------------------------

SEEDS = range(5)


@pytest.fixture
def worlds(tmp_path, home):
    stores = []

    def make(seed, **settings):
        store = open_store(f"sqlite:///{tmp_path / f'store{seed}.db'}")
        stores.append(store)
        return make_world(tmp_path / f"world{seed}", store, seed, **settings)

    yield make
    for store in stores:
        store.close()


def refused_for_good(outcome, world, first):
    assert outcome.outcome == "refused", outcome.reason
    assert world.champion == first and version_names(world.deployment) == [first]
    assert list_decisions(world.store, "retrain")[-1].outcome == "refused"
    assert (kept_folder(outcome.decision) / "bundle").is_dir() or outcome.decision


@pytest.mark.parametrize("seed", SEEDS)
def test_shuffled_labels_are_refused_where_one_label_is_frequent(worlds, seed):
    world = worlds(seed, positive=0.88)
    texts, labels = reviews(100 + seed, 200, positive=0.88)
    first = world.champion
    world.label(texts, list(np.random.default_rng(seed).permutation(labels)))
    refused_for_good(retrain(world.request(seed=seed), world.store, tools()), world, first)


@pytest.mark.fault(35)
@pytest.mark.parametrize("seed", SEEDS)
def test_flipped_labels_are_refused(worlds, seed):
    world = worlds(seed)
    texts, labels = reviews(100 + seed, 200)
    first = world.champion
    world.label(texts, flipped(labels))
    refused_for_good(retrain(world.request(seed=seed), world.store, tools()), world, first)


@pytest.mark.parametrize("seed", SEEDS)
def test_more_of_the_same_is_no_improvement(worlds, seed):
    world = worlds(seed, texts=600)
    texts, labels = reviews(100 + seed, 100)
    first = world.champion
    world.label(texts, labels)
    refused_for_good(retrain(world.request(seed=seed), world.store, tools()), world, first)


@pytest.mark.fault(35)
@pytest.mark.parametrize("seed", SEEDS)
def test_a_model_of_the_majority_class_is_refused(worlds, seed):
    """It stands in for the challenger; everything else is as always."""
    world = worlds(seed, positive=0.8)
    texts, labels = reviews(100 + seed, 100, positive=0.8)
    first = world.champion
    world.label(texts, labels)

    def majority(job, folder):
        training = job.plan.final.train
        texts = [job.texts[row] for row in training]
        names = ["negative", *["positive"] * (len(texts) - 1)]
        tfidf_of(texts, names, folder / "bundle")
        answers = Bundle.load(folder / "bundle").predict_proba([job.texts[row] for row in job.plan.final.ask])
        return keep(folder, answers)

    request = world.request(seed=seed, retraining={"weights": [1], "fewest_labels": 40})
    outcome = retrain(request, world.store, tools(trainer=majority))
    refused_for_good(outcome, world, first)
    assert "not degenerate on recent labels" in failed(outcome)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_drift_that_labels_teach_is_learned(worlds, seed):
    world = worlds(seed)
    world.label(*reviews(100 + seed, 300, turned=0.7))
    outcome = retrain(world.request(seed=seed), world.store, tools())
    assert outcome.outcome == "promoted", outcome.reason


def keep(folder, answers):
    from workshop_utils.models.training.job import Predictions, read_predictions, write_predictions

    write_predictions(folder, Predictions(np.zeros((0, 0, 2), np.float32), answers, 0.1))
    return read_predictions(folder)


def test_the_behavioural_tests_of_the_policy_are_asked(world):
    turned(world)
    outcome = retrain(world.request(gate={"behaviour": "films"}), world.store, tools())
    (found,) = [each for each in outcome.gate.checks if each.name == "behavioural tests"]
    assert "of the cases fail" in found.found and outcome.outcome in ("promoted", "refused")


# -- what stays when it fails ------------------------------------------------------------------------------


@pytest.mark.fault(35)
def test_a_training_that_fails_leaves_the_champion_and_no_decision(world):
    turned(world)
    first = world.champion

    def fails(job, folder):
        raise WorkshopError("The training of TF-IDF was stopped from outside.")

    with pytest.raises(WorkshopError, match="stopped from outside"):
        retrain(world.request(), world.store, tools(trainer=fails))
    assert world.champion == first and not list_decisions(world.store)
    assert retrain(world.request(), world.store, tools()).outcome == "promoted"


def test_what_was_trained_is_not_trained_again(world, monkeypatch):
    turned(world)
    trained = []

    def counted(job, folder):
        trained.append(len(job.plan.folds))
        return tools().trainer(job, folder)

    def dies(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("workshop_utils.production.retraining.making.judge_bundles", dies)
        with pytest.raises(KeyboardInterrupt):
            retrain(world.request(), world.store, tools(trainer=counted))
    assert trained == [2, 0], "weights 0, 1 and 5 in one job, then the challenger"
    outcome = retrain(world.request(), world.store, tools(trainer=counted))
    assert outcome.outcome == "promoted" and trained == [2, 0]


def test_what_was_judged_is_brought_to_its_end_whatever_came_meanwhile(world, monkeypatch):
    turned(world)

    def dies(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(concluding, "promote", dies)
        with pytest.raises(KeyboardInterrupt):
            retrain(world.request(), world.store, tools())
    assert len(list_decisions(world.store, "retrain")) == 1
    world.label(*reviews(9, 30))
    outcome = retrain(world.request(reason=""), world.store, tools("quiet", trainer=None))
    assert outcome.outcome == "promoted" and outcome.decision == 1
    assert len(list_decisions(world.store, "retrain")) == 1
    assert replay_decision(world.store, 1, world.deployment).same


def test_a_champion_that_somebody_promoted_meanwhile_stays(world, tmp_path):
    turned(world)
    other = tfidf_of(*reviews(50, 100), tmp_path / "other")

    def slow(job, folder):
        promote(other, world.deployment, Told("Anna", "mine"))
        return tools().trainer(job, folder)

    with pytest.raises(WorkshopError, match="has become the champion while"):
        retrain(world.request(), world.store, tools(trainer=slow))
    assert Bundle.load(other).sha256.startswith(world.champion.split("-")[1])
    assert not list_decisions(world.store)


@pytest.mark.fault(35)
def test_of_two_at_once_one_says_that_the_other_runs(world):
    turned(world)
    held, go = threading.Event(), threading.Event()

    def waits(job, folder):
        held.set()
        assert go.wait(60)
        return tools().trainer(job, folder)

    outcomes = []
    first = threading.Thread(
        target=lambda: outcomes.append(retrain(world.request(), world.store, tools(trainer=waits)))
    )
    first.start()
    assert held.wait(60)
    with pytest.raises(WorkshopError, match="Another retraining of deployment is running"):
        retrain(world.request(), world.store, tools())
    go.set()
    first.join()
    assert outcomes[0].outcome == "promoted"


class Restarts:
    """A deployment and a store that can be put back; the challenger is made once and copied in.

    So only what happens to files is tried again and again.
    """

    def __init__(self, world, folder):
        self.world, self.folder, self.made = world, folder, folder / "made"
        self.request = world.request(retraining={"weights": [1]})
        world.store.close()
        shutil.copytree(world.deployment, folder / "start")
        shutil.copy(folder / "store.db", folder / "start.db")

    def train(self, job, folder):
        if not self.made.exists():
            tools().trainer(job, self.made)
        shutil.copytree(self.made, folder)

    def back(self):
        shutil.rmtree(self.world.deployment)
        shutil.rmtree(retraining_folder(), ignore_errors=True)
        shutil.copytree(self.folder / "start", self.world.deployment)
        for left in self.folder.glob("store.db*"):
            left.unlink()
        shutil.copy(self.folder / "start.db", self.folder / "store.db")

    @contextmanager
    def store(self):
        store = open_store(f"sqlite:///{self.folder / 'store.db'}")
        try:
            yield store
        finally:
            store.close()

    def run(self):
        with self.store() as store:
            return retrain(self.request, store, tools(trainer=self.train))

    def killed(self, number):
        """Run until the operation of this number; False where the run comes to its end before."""

        def struck():
            fault = Fault(number, "kill")
            fault.install()
            self.run()
            os._exit(0 if fault.seen < number else 7)

        code = in_a_child(struck)
        assert code in (0, -signal.SIGKILL), number
        return code != 0


@posix
@pytest.mark.fault(35)
def test_killed_at_any_operation_on_a_file_the_champion_is_whole_and_the_next_run_completes(world, tmp_path):
    turned(world)
    first, restarts = world.champion, Restarts(world, tmp_path)
    expected = restarts.run().version
    number, seen = 1, set()
    restarts.back()
    while restarts.killed(number):
        champion = world.champion
        open_version(world.deployment, champion)
        assert champion in (first, expected), number
        seen.add(champion)
        outcome = restarts.run()
        assert outcome.outcome in ("promoted", "nothing"), number
        assert world.champion == expected and not read_history(world.deployment).damaged
        with restarts.store() as store:
            assert [each.outcome for each in list_decisions(store, "retrain")] == ["promoted"], number
        restarts.back()
        number += 3
    assert number > 30 and seen == {first, expected}


# -- replay ------------------------------------------------------------------------------------------------


def test_a_decision_is_replayed_check_by_check_also_after_more_labels_and_promotions(world):
    turned(world)
    promoted = retrain(world.request(), world.store, tools())
    turned(world, 60, seed=8)
    refused = retrain(world.request(), world.store, tools())
    assert (promoted.outcome, refused.outcome) == ("promoted", "refused")
    turned(world, 30, seed=9)
    for outcome in (promoted, refused):
        found = replay_decision(world.store, outcome.decision, world.deployment)
        assert found.same, (found.missing, found.differences)
        assert found.gate == outcome.gate


def test_what_monitoring_said_is_replayed_too(world):
    turned(world)
    retrain(world.request(), world.store, tools())
    world.label(*reviews(20, 60))
    folder = world.deployment / "versions" / world.champion
    monitor_store(world.store, folder, policy(world.folder))
    world.label(*reviews(21, 60))
    (decision,) = list_decisions(world.store, "monitor")
    assert replay_decision(world.store, decision.number, world.deployment).same
    shutil.rmtree(folder)
    assert "There is no version" in replay_decision(world.store, decision.number, world.deployment).missing[0]


def test_what_a_replay_misses_is_said(world):
    turned(world)
    outcome = retrain(world.request(), world.store, tools())
    number = outcome.decision
    kept = (world.folder / "frozen.csv").read_text(encoding="utf-8")
    write_table(world.folder / "frozen.csv", *reviews(99, 150))
    found = replay_decision(world.store, number, world.deployment)
    assert not found.same and "The frozen test set is not what it was then." in found.missing
    (world.folder / "frozen.csv").unlink()
    assert "frozen.csv" in replay_decision(world.store, number, world.deployment).missing[0]
    (world.folder / "frozen.csv").write_text(kept, encoding="utf-8")
    assert replay_decision(world.store, number, world.deployment).same
    with pytest.raises(WorkshopError, match="no decision 77"):
        replay_decision(world.store, 77, world.deployment)


def test_a_bounded_number_of_refused_challengers_is_kept(world):
    for seed in range(3):
        world.label(*reviews(100 + seed, 60))
        outcome = retrain(world.request(retraining={"keep_refused": 2, "weights": [1]}), world.store, tools())
        assert outcome.outcome == "refused"
    kept = [(kept_folder(number) / "bundle").is_dir() for number in (1, 2, 3)]
    assert kept == [False, True, True] and all((kept_folder(n) / "verdict.json").exists() for n in (1, 2, 3))
    assert "not kept any more" in replay_decision(world.store, 1, world.deployment).missing[0]


# -- the command -------------------------------------------------------------------------------------------


@pytest.fixture
def command(world, tmp_path, monkeypatch):
    monkeypatch.setenv("WORKSHOP_DATABASE_URL", f"sqlite:///{tmp_path / 'store.db'}")
    (world.folder / "policy.toml").write_text(
        '[data]\ntable = "table.csv"\nfrozen_test = "frozen.csv"\n'
        "[retraining]\nfewest_labels = 40\nweights = [1]\n[gate]\nfewest_recent = 20\nresamples = 500\n",
        encoding="utf-8",
    )

    def run(*arguments):
        found = CliRunner().invoke(
            app, [*map(str, arguments), "--deployment", str(world.deployment)], catch_exceptions=True
        )
        return found.exit_code, found.output, found.exception

    return run


def test_the_command_says_what_it_found_and_its_exit_code_what_came_of_it(world, command, tmp_path):
    asked = ["retrain", "--reason", "new community", "--policy", world.folder / "policy.toml"]
    code, output, _ = command(*asked)
    assert code == 3 and "40 more labels are needed" in output
    turned(world)
    code, output, error = command(*asked, "--json", tmp_path / "out.json")
    assert code == 0, (output, error)
    assert "is the champion; before it was" in output and "FAIL" not in output
    told = json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))
    assert told["outcome"] == "promoted" and told["gate"]["passed"]
    code, output, _ = command("replay", told["decision"])
    assert code == 0 and "the same verdict" in output
    world.label(*reviews(100, 60))
    code, output, _ = command(*asked)
    assert code == 4 and "FAIL" in output and "Refused;" in output
    code, _, error = command("replay", 99)
    assert code == 1 and isinstance(error, WorkshopError)


def test_it_trains_in_a_process_of_its_own_and_the_command_imports_no_framework(world, tmp_path):
    turned(world)
    code = (
        "import sys\nfrom pathlib import Path\n"
        "from workshop_utils.production.policy import Policy\n"
        "from workshop_utils.production.retraining import RetrainRequest, retrain\n"
        "from workshop_utils.production.store import open_store\n"
        "store = open_store(sys.argv[1])\n"
        "policy = Policy.model_validate_json(sys.argv[3])\n"
        "print(retrain(RetrainRequest(Path(sys.argv[2]), policy, 'a test'), store).outcome)\n"
        "print(sorted({'torch', 'tensorflow', 'keras', 'transformers', 'mlflow'} & sys.modules.keys()))\n"
    )
    told = subprocess.run(
        [
            *(sys.executable, "-c", code, f"sqlite:///{tmp_path / 'store.db'}", str(world.deployment)),
            policy(world.folder, retraining={"weights": [1], "fewest_labels": 40}).model_dump_json(),
        ],
        cwd=ROOT,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        encoding="utf-8",
    )
    assert told.returncode == 0, told.stderr
    assert told.stdout.splitlines() == ["promoted", "[]"]


def test_an_encoder_is_retrained_as_tfidf_is(world, encoder):
    world.label(*reviews(7, 60))
    settings = {"model": "distilbert", "encoder": encoder, "weights": [1, 2]}
    outcome = retrain(world.request(retraining=settings), world.store, tools(trainer=train_in_process))
    assert outcome.outcome == "refused", "it has random weights and hardly learns"
    kept = kept_folder(outcome.decision) / "bundle"
    assert read_card(kept).kind == "distilbert" and Bundle.load(kept).labels == ["negative", "positive"]
    (decision,) = list_decisions(world.store, "retrain")
    assert [trial["weight"] for trial in decision.details["trials"]] == [1, 2]
    assert replay_decision(world.store, outcome.decision, world.deployment).same


def test_without_a_champion_it_is_one_sentence(world, tmp_path):
    with pytest.raises(WorkshopError, match="There is no champion in nowhere"):
        retrain(world.request()._replace(deployment=tmp_path / "nowhere"), world.store, tools())


def test_behavioural_tests_for_other_labels_are_refused_before_anything_is_trained(tmp_path, opened):
    texts, labels = reviews(1, 100)
    names = ["rot" if label == "positive" else "grün" for label in labels]
    world = make_world(tmp_path / "world", opened)
    promote(tfidf_of(texts, names, tmp_path / "colours"), world.deployment, Told("a test"), other_labels=True)
    world.label(*[[*reviews(7, 60)[0]], ["rot", "grün"] * 30])
    with pytest.raises(WorkshopError, match="need the labels negative and positive"):
        retrain(world.request(gate={"behaviour": "films"}), world.store, tools(trainer=None))


def test_a_registry_that_fails_is_told_and_holds_up_nothing(world, monkeypatch, caplog):
    def fails(deployment):
        raise WorkshopError("The registry nowhere was not written.")

    monkeypatch.setattr(concluding, "registry_exists", lambda: True)
    monkeypatch.setattr(concluding, "mirror_deployment", fails)
    turned(world)
    assert retrain(world.request(), world.store, tools()).outcome == "promoted"
    assert caplog.text.count("The registry nowhere was not written.") == 1
