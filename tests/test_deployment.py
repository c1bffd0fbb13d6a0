"""A deployment: versions that nobody can change unseen, one champion, and a history of who decided what."""

import errno
import json
import math
import os
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.bundles import tfidf_of
from tests.promoters import names
from workshop_utils import files
from workshop_utils.cli import app
from workshop_utils.errors import WorkshopError
from workshop_utils.files import sha256
from workshop_utils.models.bundle import read_card
from workshop_utils.production.deployment import (
    DAMAGED,
    Lineage,
    Told,
    approve,
    clear_pointer,
    live_pointers,
    open_version,
    pointed_version,
    promote,
    promoting,
    read_history,
    read_manifest,
    roll_back,
    version_names,
)
from workshop_utils.production.service.loading import load_tried

TOLD = Told("Änne 😴", "it is better")
WORDS = {"a": ["good", "bad"], "b": ["fine", "sad"], "c": ["nice", "awful"]}


@pytest.fixture(scope="module")
def bundles(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bundles")
    for name, texts in WORDS.items():
        tfidf_of(texts, ["positive", "negative"], folder / name)
    return folder


@pytest.fixture
def deployment(tmp_path):
    return tmp_path / "deployment"


@pytest.fixture
def deploy(bundles, deployment):
    """Promotes a bundle by its name and gives the version's."""
    return lambda name, **options: promote(bundles / name, deployment, TOLD, **options).version


def flip(path: Path, place: int) -> None:
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)


def test_the_first_promotion_makes_a_champion_with_manifest_and_history(bundles, deployment):
    lineage = Lineage(training_data="1" * 64, policy="2" * 64, code_revision="v1.2-3-gabc")
    done = promote(bundles / "a", deployment, TOLD._replace(figures={"macro_f1": 0.9}), "current", lineage)
    card = sha256(bundles / "a" / "bundle.json")
    assert done.version == f"0001-{card[:12]}" and done.changed and done.previous is None
    assert pointed_version(deployment) == done.version
    manifest = read_manifest(deployment / "versions" / done.version)
    assert manifest.lineage == lineage and manifest.files == {
        path.name: sha256(path) for path in (bundles / "a").iterdir()
    }
    (change,) = read_history(deployment).changes
    assert (change.by, change.reason, change.figures) == (*TOLD[:2], {"macro_f1": 0.9})
    assert (change.version, change.previous, change.champion) == (done.version, None, None)
    assert names(deployment) == sorted(
        ["current", "history.jsonl", "versions", f"versions/{done.version}", f"versions/{done.version}.json"]
        + [f"versions/{done.version}/{name}" for name in manifest.files]
    )


def test_what_is_not_known_of_a_model_is_null_and_the_figures_are_the_cards(bundles, deployment, tmp_path):
    version = promote(bundles / "a", deployment, TOLD).version
    told = json.loads((deployment / "versions" / f"{version}.json").read_text(encoding="utf-8"))
    assert told["lineage"] == {"training_data": None, "policy": None, "code_revision": None}
    assert read_history(deployment).changes[0].figures == read_card(bundles / "a").metrics


def test_the_same_bundle_again_changes_nothing_and_an_older_one_is_not_copied_again(
    deploy, deployment, bundles
):
    first = deploy("a")
    before = names(deployment), (deployment / "history.jsonl").read_bytes()
    assert not promote(bundles / "a", deployment, TOLD).changed
    assert (names(deployment), (deployment / "history.jsonl").read_bytes()) == before
    second = deploy("b")
    assert deploy("a") == first and version_names(deployment) == [first, second]
    assert [name[:4] for name in (first, second)] == ["0001", "0002"]


def test_a_number_is_never_given_twice_also_when_somebody_deletes_a_version(deploy, deployment):
    deploy("a")
    second = deploy("b")
    deploy("a")
    shutil.rmtree(deployment / "versions" / second)
    assert deploy("c").startswith("0003-")
    assert not (deployment / "versions" / f"{second}.json").exists(), "its manifest goes with it"


def test_with_another_lineage_the_same_bundle_is_another_version(deploy, deployment):
    first = deploy("a", lineage=Lineage(policy="1" * 64))
    second = deploy("a", lineage=Lineage(policy="2" * 64))
    assert first[5:] == second[5:] and first != second
    assert deploy("a", lineage=Lineage(policy="2" * 64)) == second == deploy("a")


@pytest.mark.skipif(os.name == "nt", reason="Windows brings names to the disk by itself")
def test_nothing_gets_its_name_before_its_bytes_are_on_the_disk(deploy, deployment, monkeypatch):
    """After a power cut a file without them has its name and no content."""
    on_disk, renamed = set(), []

    def synced(descriptor, fsync=os.fsync):
        on_disk.add(os.fstat(descriptor).st_ino)
        fsync(descriptor)

    def checked(move):
        def checked_move(path, target):
            inside = [path, *path.rglob("*")] if path.is_dir() else [path]
            assert {each.stat().st_ino for each in inside} <= on_disk, path
            renamed.append(target.name)
            moved = move(path, target)
            on_disk.discard(target.parent.stat().st_ino)
            return moved

        return checked_move

    monkeypatch.setattr(os, "fsync", synced)
    for name in ("rename", "replace"):
        monkeypatch.setattr(Path, name, checked(getattr(Path, name)))
    version = deploy("a")
    assert renamed == [f"{version}.json", version, "history.jsonl", "current"]
    assert {folder.stat().st_ino for folder in (deployment, deployment / "versions")} <= on_disk, (
        "and the names"
    )


# --- damage


def test_files_of_other_programs_stay(tmp_path):
    """A folder `versions` alone makes no deployment; alembic has one, too."""
    for name in (
        "app.py",
        "versions/v1.json",
        "versions/.cache.draft/x",
        f".a.{'0' * 32}",
        "versions/1-a.json",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("mine", encoding="utf-8")
    before = sorted(tmp_path.rglob("*"))
    clear_pointer(tmp_path, "waiting", Told("anna", ""))
    assert sorted({*tmp_path.rglob("*")} - {tmp_path / ".lock"}) == before


@pytest.mark.parametrize("file", ["bundle.json", "model.onnx", "tokenizer.json"])
@pytest.mark.parametrize("place", [0, 0.5, -1])
def test_a_flipped_byte_of_a_version_is_refused_everywhere(deploy, deployment, file, place):
    old = deploy("a")
    current = deploy("b")
    waiting = deploy("c", pointer="waiting")
    for version in (old, waiting):
        path = deployment / "versions" / version / file
        flip(path, int(place * path.stat().st_size) if place != -1 else -1)
        with pytest.raises(WorkshopError, match=rf"{version}.*; promote its bundle again\.$"):
            open_version(deployment, version)
        with pytest.raises(WorkshopError):  # as the service loads it
            load_tried(deployment / "versions" / version, version, 1, None, 10.0)
        with pytest.raises(WorkshopError):
            promote(deployment / "versions" / version, deployment, TOLD)
    with pytest.raises(WorkshopError):
        roll_back(deployment, TOLD)
    with pytest.raises(WorkshopError):
        approve(deployment, TOLD)
    assert live_pointers(deployment) == {"current": current, "challenger": None, "waiting": waiting}


def test_a_card_that_was_changed_skilfully_is_refused_by_the_manifest(deploy, deployment):
    """Other labels, or other files with other sums in the card: the bundle alone looks whole."""
    version = deploy("a")
    folder = deployment / "versions" / version
    card = json.loads((folder / "bundle.json").read_text(encoding="utf-8"))
    (folder / "bundle.json").write_text(json.dumps(card | {"labels": card["labels"][::-1]}), encoding="utf-8")
    for attempt in (
        lambda: open_version(deployment, version),
        lambda: load_tried(folder, version, 1, None, 10.0),
        lambda: promote(folder, deployment, TOLD, other_labels=True),
    ):
        with pytest.raises(WorkshopError, match="are not those that were promoted"):
            attempt()
    assert load_tried(folder, None, 1, None, 10.0), "only the manifest knows"


def test_every_flipped_byte_of_a_manifest_is_found(deploy, deployment):
    version = deploy("a")
    folder = deployment / "versions" / version
    path = folder.with_name(f"{version}.json")
    whole = path.read_bytes()
    for place in range(len(whole)):
        flip(path, place)
        with pytest.raises(WorkshopError, match="is damaged"):
            read_manifest(folder)
        path.write_bytes(whole)
    path.write_bytes(whole + b"\n")
    with pytest.raises(WorkshopError, match="is damaged"):
        open_version(deployment, version)
    path.unlink()
    with pytest.raises(WorkshopError, match="no manifest"):
        load_tried(folder, version, 1, None, 10.0)


def test_the_manifest_of_another_version_vouches_for_none(deploy, deployment):
    first, second = deploy("a"), deploy("b")
    shutil.copy(deployment / "versions" / f"{first}.json", deployment / "versions" / f"{second}.json")
    with pytest.raises(WorkshopError, match="is damaged"):
        open_version(deployment, second)


def test_a_damaged_version_is_stored_again_from_a_whole_bundle(deploy, deployment):
    first = deploy("a")
    flip(deployment / "versions" / first / "model.onnx", 100)
    second = deploy("a")
    assert second == first.replace("0001", "0002") == pointed_version(deployment)


@pytest.mark.parametrize("content", ["", "../../etc", "a b", "\x00", "a" * 500, "0001-no-such-version"])
def test_a_damaged_pointer_is_replaced_by_promote_and_refused_by_the_others(deploy, deployment, content):
    deploy("a")
    version = deploy("b")
    for pointer in ("current", "waiting"):
        (deployment / pointer).write_text(content, encoding="utf-8")
    with pytest.raises(WorkshopError):
        approve(deployment, TOLD)
    if not content.startswith("0001"):
        with pytest.raises(WorkshopError, match="holds no name"):
            roll_back(deployment, TOLD)
    assert deploy("b") == version == pointed_version(deployment)
    assert clear_pointer(deployment, "waiting", TOLD) and clear_pointer(deployment, "waiting", TOLD) is None


@pytest.mark.skipif(os.name == "nt", reason="Windows has no named pipes in folders")
def test_a_pointer_that_is_a_pipe_is_refused_and_not_waited_for(deploy, deployment):
    deploy("a")
    (deployment / "current").unlink()
    os.mkfifo(deployment / "current")
    with pytest.raises(
        WorkshopError, match="The pointer current is no file; remove it and promote a bundle again"
    ):
        pointed_version(deployment)


def test_that_a_pointer_was_damaged_is_part_of_the_history(deploy, deployment):
    a, b = deploy("a"), deploy("b")
    (deployment / "current").write_text("half a na\0", encoding="utf-8")
    assert live_pointers(deployment)["current"] == DAMAGED
    shown = CliRunner().invoke(app, ["history", "--deployment", str(deployment)])
    assert "(killed)" not in shown.stdout and "champion" not in shown.stdout
    assert "The pointer current is damaged; promote a bundle again." in shown.stderr
    c = deploy("c")
    change = read_history(deployment).changes[-1]
    assert (change.previous, change.champion, change.version) == (DAMAGED, DAMAGED, c)
    history = read_history(deployment)
    assert history.unfinished(live_pointers(deployment)) == set(), "what was promoted was promoted"
    assert history.champions(c) == [a, b, c] and roll_back(deployment, TOLD).version == b


def test_a_first_champion_whose_pointer_was_damaged_is_none_that_was_killed(deploy, deployment):
    a = deploy("a")
    (deployment / "current").write_text("", encoding="utf-8")
    assert deploy("a") == a
    history = read_history(deployment)
    assert [each.previous for each in history.changes] == [None, DAMAGED]
    assert history.unfinished(live_pointers(deployment)) == set()


def test_a_promotion_that_is_killed_beside_a_damaged_pointer_is_known_for_one(
    deploy, deployment, monkeypatch
):
    deploy("a")
    (deployment / "current").write_text("", encoding="utf-8")

    def die(path, content):
        if path.name == "current":
            raise KeyboardInterrupt
        return atomic_write(path, content)

    atomic_write = promoting.atomic_write
    monkeypatch.setattr(promoting, "atomic_write", die)
    with pytest.raises(KeyboardInterrupt):
        deploy("b")
    assert read_history(deployment).unfinished(live_pointers(deployment)) == {2}
    monkeypatch.undo()
    deploy("b")
    assert read_history(deployment).unfinished(live_pointers(deployment)) == {2}


def test_a_damaged_line_of_the_history_is_told_and_no_promotion_fails_of_it(deploy, deployment):
    deploy("a")
    deploy("b")
    path = deployment / "history.jsonl"
    path.write_bytes(b"{half\n" + path.read_bytes()[:-1])
    history = read_history(deployment)
    assert history.damaged == (1,) and len(history.changes) == 2
    with pytest.raises(WorkshopError, match=r"^Line 1 of history.jsonl is damaged"):
        roll_back(deployment, TOLD)
    deploy("c")
    assert read_history(deployment).changes[-1].number == 4


# --- what is refused


def test_a_pickle_and_a_link_in_a_bundle_are_refused_and_nothing_is_made(bundles, deployment, tmp_path):
    bad = shutil.copytree(bundles / "a", tmp_path / "bad")
    (bad / "model.pkl").write_bytes(b"\x80\x04.")
    with pytest.raises(WorkshopError, match="foreign code"):
        promote(bad, deployment, TOLD)
    (bad / "model.pkl").unlink()
    (bad / "model.onnx").unlink()
    (bad / "model.onnx").symlink_to(bundles / "a" / "model.onnx")
    with pytest.raises(WorkshopError, match="is a link"):
        promote(bad, deployment, TOLD)
    assert not deployment.exists()


def test_a_folder_of_somebody_is_no_deployment(bundles, tmp_path):
    (tmp_path / "thesis.tex").write_text("x", encoding="utf-8")
    for folder, reason in (
        (tmp_path, "holds .* is no deployment"),
        (tmp_path / "thesis.tex", "is a file"),
        (bundles / "a" / "inside", "inside the bundle"),
        (bundles / "a", "inside the bundle"),
    ):
        with pytest.raises(WorkshopError, match=reason):
            promote(bundles / "a", folder, TOLD)
    for act in (approve, roll_back, lambda *given: clear_pointer(given[0], "waiting", given[1])):
        with pytest.raises(WorkshopError, match="no deployment in nowhere"):
            act(tmp_path / "nowhere", TOLD)
    assert not (tmp_path / "nowhere").exists() and not (bundles / "a" / "inside").exists()


def test_other_labels_are_taken_only_when_told(deploy, deployment, tmp_path):
    version = deploy("a")
    other = tfidf_of(["good", "bad"], ["yes", "no"], tmp_path / "other")
    with pytest.raises(WorkshopError, match="--other-labels"):
        promote(other, deployment, TOLD)
    assert pointed_version(deployment) == version and len(version_names(deployment)) == 1
    assert promote(other, deployment, TOLD, other_labels=True).previous == version


def test_a_bundle_that_changes_while_it_is_copied_is_refused(bundles, deployment, tmp_path, monkeypatch):
    from workshop_utils.production.deployment import versions

    bundle = shutil.copytree(bundles / "a", tmp_path / "bundle")
    mkdir = Path.mkdir

    def late(path, *args, **options):
        if path.name.endswith(".draft"):
            flip(bundle / "model.onnx", 10)
        mkdir(path, *args, **options)

    monkeypatch.setattr(versions.Path, "mkdir", late)
    with pytest.raises(WorkshopError, match="changed while it was copied"):
        promote(bundle, deployment, TOLD)
    assert names(deployment) == ["versions"]


@pytest.mark.parametrize("number", ["EROFS", "EACCES", "ENOSPC"])
def test_a_deployment_that_cannot_be_written_is_one_sentence_and_can_be_read(
    deploy, deployment, monkeypatch, number
):
    version = deploy("a")

    def refuse(*_, **__):
        raise OSError(getattr(errno, number), os.strerror(getattr(errno, number)), "path")

    monkeypatch.setattr(promoting, "locked", refuse)
    with pytest.raises(WorkshopError, match=r"^deployment cannot be written \(\w[^)]+\);.*again\.$") as told:
        deploy("b")
    assert told.value.runbook == ("docs/runbooks/disk-full.md" if number == "ENOSPC" else None)
    assert open_version(deployment, version) and read_history(deployment).changes


def test_a_file_that_a_reader_has_open_is_replaced_when_it_is_closed(deploy, deployment, monkeypatch):
    """As on Windows."""
    deploy("a")
    replace, refusals = Path.replace, []

    def busy(path, target):
        if target.name == "current" and len(refusals) < limit:
            refusals.append(target)
            raise PermissionError(13, "Permission denied")
        return replace(path, target)

    monkeypatch.setattr(Path, "replace", busy)
    monkeypatch.setattr(files, "_REPLACE_TRIES", 4)
    limit = 3
    second = deploy("b")
    assert pointed_version(deployment) == second and len(refusals) == 3
    limit = 100
    with pytest.raises(WorkshopError, match="Permission denied"):
        deploy("c")
    assert pointed_version(deployment) == second
    limit = 0
    assert roll_back(deployment, TOLD).previous == second, "what failed never was the champion"


# --- back and on


def test_rollback_goes_back_step_by_step_and_never_to_what_was_rolled_back(deploy, deployment):
    a, b, c = deploy("a"), deploy("b"), deploy("c")
    assert roll_back(deployment, TOLD).version == b == pointed_version(deployment)
    deploy("a")
    assert [roll_back(deployment, TOLD).version for _ in range(2)] == [b, a]
    with pytest.raises(WorkshopError, match=f"There is no version before {a}"):
        roll_back(deployment, TOLD)
    assert deploy("c") == c
    assert [each.action for each in read_history(deployment).changes].count("rollback") == 3


def test_a_rollback_from_a_named_champion_can_be_run_twice(deploy, deployment):
    a, b = deploy("a"), deploy("b")
    assert roll_back(deployment, TOLD, b).version == a
    assert roll_back(deployment, TOLD, b) is None and pointed_version(deployment) == a


def test_a_pointer_that_somebody_moved_by_hand_is_part_of_the_way(deploy, deployment):
    a, b, c = deploy("a"), deploy("b"), deploy("c")
    (deployment / "current").write_text(f"{a}\n", encoding="utf-8")
    deploy("b")
    assert [roll_back(deployment, TOLD).version for _ in range(3)] == [a, c, b]


def test_a_version_waits_for_a_yes_that_counts_only_beside_the_champion_it_was_judged_with(
    deploy, deployment
):
    a = deploy("a")
    b = deploy("b", pointer="waiting")
    assert pointed_version(deployment) == a
    done = approve(deployment, Told("the boss"))
    assert (done.version, done.previous) == (b, a) and live_pointers(deployment)["waiting"] is None
    assert approve(deployment, TOLD) is None
    assert [each.action for each in read_history(deployment).changes] == [
        "promote",
        "wait",
        "approve",
        "clear",
    ]
    deploy("a", pointer="waiting")
    c = deploy("c")
    with pytest.raises(WorkshopError, match=f"judged beside another champion than {c}"):
        approve(deployment, TOLD)
    assert clear_pointer(deployment, "waiting", TOLD).version == a and pointed_version(deployment) == c


def test_an_approval_bears_the_figures_that_it_was_asked_with(bundles, deployment, deploy):
    deploy("a")
    promote(bundles / "b", deployment, Told("gate", "better", {"macro_f1": 0.75}), "waiting")
    approve(deployment, Told("the boss", "looks good"))
    approval = read_history(deployment).changes[2]
    assert (approval.by, approval.figures) == ("the boss", {"macro_f1": 0.75})


def test_a_challenger_that_is_promoted_is_none_any_more(deploy, deployment):
    deploy("a")
    b = deploy("b", pointer="challenger")
    assert live_pointers(deployment)["challenger"] == b
    assert deploy("b") == b
    assert live_pointers(deployment) == {"current": b, "challenger": None, "waiting": None}
    assert deploy("b", pointer="challenger") == b and live_pointers(deployment)["challenger"] is None


def test_a_version_of_another_deployment_keeps_what_is_known_of_it(deploy, deployment, tmp_path):
    version = deploy("a", lineage=Lineage(policy="1" * 64))
    other = tmp_path / "production"
    done = promote(deployment / "versions" / version, other, TOLD)
    assert read_manifest(other / "versions" / done.version).lineage.policy == "1" * 64


@pytest.mark.parametrize("name", ["v1", "1-a", "0001-ABCDEF012345"])
def test_a_bundle_in_a_folder_of_that_name_with_somebodys_json_beside_it_is_a_bundle(
    bundles, deployment, tmp_path, name
):
    """Only names that a deployment gives have manifests."""
    bundle = shutil.copytree(bundles / "a", tmp_path / "versions" / name)
    bundle.with_name(f"{name}.json").write_text('{"mine": true}', encoding="utf-8")
    done = promote(bundle, deployment, TOLD)
    assert done.changed and read_manifest(deployment / "versions" / done.version).lineage == Lineage()


@pytest.mark.parametrize("text", ["a\nb\r\x1b[31m", "\ud800", "हिन्दी 😴", '"\\', "x" * 100_000, "\x00\u2028"])
def test_any_name_and_reason_stays_on_one_line(bundles, deployment, text):
    promote(bundles / "a", deployment, Told(text, text))
    promote(bundles / "b", deployment, TOLD)
    changes = read_history(deployment).changes
    assert len(changes) == 2 and changes[0].reason == text.replace("\ud800", "?")
    shown = CliRunner().invoke(app, ["history", "--deployment", str(deployment)])
    assert shown.exit_code == 0 and "\x1b[31m" not in shown.stdout and len(shown.stdout.splitlines()) == 4


# --- the command


def workshop(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_the_command_says_what_is_so_now_and_exits_with_3_when_it_was_so_already(bundles, home):
    first = workshop("promote", bundles / "a", "--by", "me", "--reason", "it is the first")
    assert first.exit_code == 0 and first.stdout.endswith("is the champion.\n")
    again = workshop("promote", bundles / "a")
    assert again.exit_code == 3 and again.stdout.startswith("Nothing to do: 0001-")
    shadow = workshop("promote", bundles / "b", "--challenger")
    assert shadow.exit_code == 0 and "is the challenger" in shadow.stdout
    assert workshop("promote", "--no-challenger").exit_code == 0
    assert workshop("promote", "--no-challenger").exit_code == 3
    assert "waits for" in workshop("promote", bundles / "b", "--wait").stdout
    assert workshop("promote", "--reject").exit_code == 0
    assert workshop("promote", "--approve").exit_code == 3
    workshop("promote", bundles / "b", "--wait")
    approved = workshop("promote", "--approve")
    assert approved.exit_code == 0 and "before it was 0001-" in approved.stdout
    back = workshop("rollback", "--from", pointed_version(home / "deployment"))
    assert back.exit_code == 0 and back.stdout.startswith("0001-")
    assert workshop("rollback", "--from", "another").exit_code == 3
    none_before = workshop("rollback")
    assert none_before.exit_code == 1 and isinstance(none_before.exception, WorkshopError)
    rows = json.loads(workshop("history", "--json").stdout)
    assert (rows[0]["by"], rows[0]["reason"]) == ("me", "it is the first") and rows[-1]["finished"]
    table = workshop("history").stdout.splitlines()
    assert len(table) == len(rows) + 2 and "it is the first" in table[1] and "champion" in table[-1]


def test_figures_that_are_no_numbers_are_json_that_every_program_reads(bundles, home):
    figures = {"macro_f1": math.nan, "loss": math.inf, "accuracy": 0.5}
    promote(bundles / "a", home / "deployment", TOLD._replace(figures=figures))

    def refuse(word):
        raise AssertionError(f"{word} is no JSON")

    (row,) = json.loads(workshop("history", "--json").stdout, parse_constant=refuse)
    assert row["figures"] == {"macro_f1": "NaN", "loss": "Infinity", "accuracy": 0.5}
    assert "macro_f1 nan" in workshop("history").stdout


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["a", "--approve"],
        ["a", "--no-challenger"],
        ["a", "--wait", "--challenger"],
        ["--wait"],
        ["--challenger"],
        ["--approve", "--reject"],
        ["a", "--code-revision", "a b"],
    ],
)
def test_wrong_use_exits_with_2(home, arguments):
    assert workshop("promote", *arguments).exit_code == 2


def test_the_command_puts_sums_of_files_into_the_manifest(bundles, home, tmp_path):
    table = tmp_path / "data.csv"
    table.write_text("text,label\n", encoding="utf-8")
    workshop("promote", bundles / "a", "--training-data", table, "--policy", table, "--code-revision", "ab12")
    folder = home / "deployment" / "versions" / pointed_version(home / "deployment")
    assert read_manifest(folder).lineage == Lineage(
        training_data=sha256(table), policy=sha256(table), code_revision="ab12"
    )


def test_without_a_deployment_there_is_no_history(home):
    assert isinstance(workshop("history").exception, WorkshopError)
