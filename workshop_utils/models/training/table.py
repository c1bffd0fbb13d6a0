"""From a table to a bundle: read, divide, train, judge, choose, write."""

import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from workshop_utils.data.usable_texts import shortened
from workshop_utils.errors import WorkshopError
from workshop_utils.files import atomic_write, same_file, sha256_of_texts
from workshop_utils.models.bundle.bundle import Bundle
from workshop_utils.models.bundle.card import read_card, refuse_to_empty, write_folder
from workshop_utils.models.bundle.reference import Reference, make_reference, write_reference
from workshop_utils.models.evaluation import (
    Evaluation,
    ResultPage,
    ResultRow,
    evaluate_constant,
    evaluate_probabilities,
    render_result_page,
)
from workshop_utils.models.training.choose import (
    Choice,
    cheapest_not_worse,
    no_better,
    no_better_than_majority,
)
from workshop_utils.models.training.job import BUNDLE, Predictions, TrainingJob
from workshop_utils.models.training.language import encoder_warning, name_language, words_run_together
from workshop_utils.models.training.learner import KINDS, TITLES, LearnerSettings, OutOfTime, TrainedKind
from workshop_utils.models.training.parts import FOLDS, MIN_JUDGED, Plan, grouped_folds, plan_fits
from workshop_utils.models.training.process import TrainingProcess
from workshop_utils.models.training.read import TrainingData, read_training_data
from workshop_utils.models.training.request import TrainListener, TrainRequest

#: With fewer texts in the test table, monitoring compares with texts of the table.
_FEWEST_REFERENCE = 200


class TrainResult(NamedTuple):
    """What came out.

    Attributes:
        rows: the table of results.
        evaluation: of the model that is kept.
        choice: which one that is, and how the models compare.
        judged: how, a sentence.
        page: path of the HTML report.
    """

    rows: list[ResultRow]
    evaluation: Evaluation
    choice: Choice
    judged: str
    page: Path


def train_bundle(request: TrainRequest, listener: TrainListener) -> TrainResult:
    """Train on somebody's table; write the bundle and, beside it, ``BUNDLE.html``.

    Nothing is written before all is done, and then each whole or not at all.

    Raises:
        WorkshopError: the table cannot be learned from, an encoder is not there, there is no time, the folder
            holds something else; one sentence each.
    """
    end = None if request.minutes is None else time.monotonic() + 60 * request.minutes
    target = request.bundle.resolve()
    _refuse_target(target, _page_path(request))
    _refuse_to_replace_tables(request)
    data = read_training_data(request, listener.say)
    language = name_language(data.texts, request.seed)
    kinds: list[TrainedKind] = [kind for kind in KINDS if kind == "tfidf" or request.model in (kind, "best")]
    warning = encoder_warning(language, request.encoder) if "distilbert" in kinds else ""
    plan = plan_fits(data.codes, data.groups, data.test, request.seed)
    more = [sentence for sentence in (language.sentence, warning) if sentence]
    for sentence in [*more, *_divided(plan, data)]:
        listener.say(sentence)
    together = words_run_together(data.texts, request.seed)
    settings = LearnerSettings(data.labels, request.seed, request.encoder, together)
    jobs = [TrainingJob(kind, settings, data.texts, data.codes, plan) for kind in kinds]
    with tempfile.TemporaryDirectory(prefix="workshop-train-", ignore_cleanup_errors=True) as scratch:
        found, later = _train_all(Path(scratch), jobs, end, request, listener)
        result = _judge(found, data, plan, request)
        draft = Path(scratch) / result.choice.kind / BUNDLE
        page = _page(result, data, request, [*data.notes, *more, *later])
        text = render_result_page(page._replace(facts=[*page.facts, ("bundle", _size(draft))]))
        reference = _reference(draft, found[result.choice.kind], data, plan, request)
        finish_bundle(draft, target, _metrics(result), _judged_texts(plan, data), reference)
    atomic_write(result.page, text)
    return result


def _train_all(
    scratch: Path,
    jobs: Sequence[TrainingJob],
    end: float | None,
    request: TrainRequest,
    listener: TrainListener,
) -> tuple[dict[TrainedKind, Predictions], list[str]]:
    """Try all out, say what they will cost, train one after the other; and what was said meanwhile."""
    found: dict[TrainedKind, Predictions] = {}
    notes: list[str] = []

    def note(sentence: str) -> None:
        notes.append(sentence)
        listener.say(sentence)

    with ExitStack() as stack:
        processes = []
        for job in jobs:
            listener.progress(f"{TITLES[job.kind]}, trial", 0.0)
            process = stack.enter_context(TrainingProcess(scratch / job.kind, job))
            process.try_out()
            processes.append(process)
        costs = ", ".join(f"{TITLES[each.kind]} {spoken_time(each.cost)}" for each in processes)
        listener.say(f"On this machine, training takes up to: {costs}.")
        for number, process in enumerate(processes):
            told = partial(listener.progress, TITLES[process.kind])
            left = None if end is None else max(0.0, end - time.monotonic())
            seconds = share_of_time(left, process.cost, len(processes) - number)
            try:
                found[process.kind] = process.train(seconds, told, note)
            except OutOfTime as error:
                if request.model != "best" or process.kind == "tfidf":
                    raise
                note(f"Left out: {error}")
    return found, notes


def share_of_time(left: float | None, cost: float, trainings: int) -> float | None:
    """Seconds for the cheapest of the trainings that are still to come: an equal share, or all that it needs.

    Much cheaper than the others, it needs little; they have what it leaves.

    Args:
        left: seconds for all of them; None for no limit.
        cost: seconds that it needs.
        trainings: how many there are.
    """
    if left is None or trainings == 1:
        return left
    return max(left / trainings, min(2 * cost, 0.5 * left))


def _judge(
    found: Mapping[TrainedKind, Predictions], data: TrainingData, plan: Plan, request: TrainRequest
) -> TrainResult:
    """Choose by cross-validation where there is one, and measure on the test part where there is one."""
    asked = np.concatenate([fit.ask for fit in plan.folds[0]]) if plan.folds else plan.final.ask
    asked = np.sort(asked)
    compared = {
        kind: (each.folds[:, asked] if plan.folds else each.final).argmax(axis=-1)
        for kind, each in found.items()
    }
    true = data.codes[asked]
    choice = cheapest_not_worse(true, compared, request.seed)
    if request.model != "best" and request.model != choice.kind:
        more = no_better(true, compared, request.model, request.seed)
        choice = Choice(request.model, [*choice.sentences, *more])
    rows_asked = plan.final.ask if len(plan.final.ask) else asked
    judged_true, texts = data.codes[rows_asked], [data.texts[row] for row in rows_asked]
    majority = int(np.bincount(data.codes[plan.final.train]).argmax())
    rows = [evaluate_constant("majority class", judged_true, majority, request.seed)]
    evaluations = {}
    for kind, each in found.items():
        probabilities = each.final if len(plan.final.ask) else each.folds[:, rows_asked]
        one = evaluate_probabilities(data.labels, judged_true, probabilities, texts, request.seed)
        evaluations[kind] = one
        rows.append(ResultRow(TITLES[kind], one.accuracy, one.macro_f1, each.seconds, kind == choice.kind))
    doubt = no_better_than_majority(true, majority, compared[choice.kind], TITLES[choice.kind])
    choice = choice._replace(sentences=[*choice.sentences, *doubt])
    return TrainResult(rows, evaluations[choice.kind], choice, _judged(plan, data), _page_path(request))


def _page_path(request: TrainRequest) -> Path:
    """The report lies beside the bundle.

    Raises:
        WorkshopError: there is nothing beside the root of a disk.
    """
    folder = request.bundle.resolve()
    if not folder.name:
        raise WorkshopError(f"{folder} is the root of a disk; choose another folder for --bundle.")
    return folder.with_name(f"{folder.name}.html")


def _divided(plan: Plan, data: TrainingData) -> list[str]:
    counts = Counter(data.codes[: len(data.texts) - len(data.test)].tolist())
    (most, often), *_, (rarest, few) = counts.most_common()
    texts = sum(counts.values())
    return [
        f"{texts:,} texts with {len(data.labels)} labels; the most frequent is "
        f"{shortened(data.labels[most])} ({often / texts:.0%}), the rarest {shortened(data.labels[rarest])} "
        f"({few:,} texts).",
        _judged(plan, data),
    ]


def _judged(plan: Plan, data: TrainingData) -> str:
    """How the numbers come about."""
    repeats = "once" if len(plan.folds) == 1 else f"{len(plan.folds)} times"
    cross = f"{FOLDS}-fold cross-validation, {repeats}"
    if plan.folds and len(plan.final.ask):
        return (
            f"Judged on the {len(plan.final.ask):,} texts of the test table; as these are fewer than "
            f"{MIN_JUDGED}, {cross}, chooses between models."
        )
    if plan.folds:
        return (
            f"Judged by {cross}, of all {len(plan.final.train):,} texts, because a held-out fifth would have "
            f"fewer than {MIN_JUDGED}; the bundle learns from all of them."
        )
    if len(data.test):
        return f"Judged on the {len(plan.final.ask):,} texts of the test table."
    return (
        f"Judged on {len(plan.final.ask):,} held-out texts; the bundle learns from the other "
        f"{len(plan.final.train):,}."
    )


def _judged_texts(plan: Plan, data: TrainingData) -> list[str]:
    rows = plan.final.ask if len(plan.final.ask) else plan.final.train
    return [data.texts[row] for row in rows]


def _reference(
    draft: Path, predictions: Predictions, data: TrainingData, plan: Plan, request: TrainRequest
) -> Reference | None:
    """What monitoring will compare with: texts that the answers were not learned from."""
    if request.reference == "none":
        return None
    if len(plan.final.ask) >= _FEWEST_REFERENCE or not plan.folds:
        kept, known, answers = plan.final.ask, plan.final.train, predictions.final
        same_model, table = True, data.test_table if len(data.test) else data.table
    else:  # one half is compared with, the other says which words are known; near-duplicates on one side
        rows = plan.final.train
        half = grouped_folds(data.codes[rows], data.groups[rows], 2, request.seed)
        kept, known = rows[half == 0], rows[half == 1]
        answers, same_model, table = predictions.folds[0, kept], False, data.table
    texts = [data.texts[row] for row in kept]
    truncated = Bundle.load(draft).truncates(texts)
    known_texts = [data.texts[row] for row in known]
    return make_reference(
        data.labels,
        texts,
        answers,
        truncated,
        known_texts,
        request.reference,
        request.seed,
        same_model,
        table,
    )


def _metrics(result: TrainResult) -> dict[str, float]:
    """What the card keeps."""
    metrics: dict[str, float] = {}
    for name in ("accuracy", "macro_f1"):
        interval = getattr(result.evaluation, name)
        metrics |= {name: interval.value, f"{name}_low": interval.low, f"{name}_high": interval.high}
    majority = result.rows[0]
    return metrics | {"majority_accuracy": majority.accuracy.value, "texts": result.evaluation.texts}


def _page(result: TrainResult, data: TrainingData, request: TrainRequest, notes: Sequence[str]) -> ResultPage:
    facts = [
        ("table", request.source.name),
        ("columns", f"{request.text_column} (text), {request.label_column} (label)"),
        ("texts", f"{len(data.texts) - len(data.test):,}"),
        ("labels", f"{len(data.labels):,}"),
        ("model", request.model),
        ("random seed", str(request.seed)),
    ]
    if request.test is not None:
        facts.append(("test table", f"{request.test.name}, {len(data.test):,} texts"))
    if request.encoder != "packaged":
        facts.append(("encoder", request.encoder))
    title = f"{TITLES[result.choice.kind]} for {request.source.name}"
    return ResultPage(
        title, result.choice.sentences, result.rows, result.evaluation, facts, notes, result.judged
    )


def _size(folder: Path) -> str:
    """Size and precision of a bundle, for people."""
    size = sum(path.stat().st_size for path in folder.iterdir()) / 1e6
    return f"{size:.1f} MB, {read_card(folder).precision}"


def spoken_time(seconds: float) -> str:
    """How long, for people, such as ``3 minutes``."""
    if seconds < 5:
        return "a few seconds"
    if seconds < 90:
        return f"{seconds:.0f} seconds"
    if seconds < 5400:
        return f"{seconds / 60:.0f} minutes"
    return f"{seconds / 3600:.1f} hours"


def finish_bundle(
    draft: Path,
    target: Path,
    metrics: dict[str, float],
    judged_on: Sequence[str],
    reference: Reference | None = None,
) -> Path:
    """Give a finished bundle its metrics and its place, whole or not at all.

    Args:
        draft: the bundle as it was exported.
        target: its folder.
        metrics: for the card.
        judged_on: texts that the metrics are of; their fingerprint is kept.
        reference: what monitoring compares with.
    """
    card = read_card(draft)
    rounded = {name: round(float(value), 6) for name, value in metrics.items()}
    told = card.model_copy(update={"metrics": rounded, "metrics_data_sha256": sha256_of_texts(judged_on)})

    def copy(folder: Path) -> None:
        for name in card.sha256:
            shutil.copyfile(draft / name, folder / name)
        if reference is not None:
            write_reference(folder, reference)

    def check(folder: Path) -> None:
        Bundle.load(folder)

    return write_folder(target, told, copy, check)


def _refuse_to_replace_tables(request: TrainRequest) -> None:
    """The report lies beside the bundle, where a table may be called so."""
    page = _page_path(request)
    for table in filter(None, (request.source, request.test)):
        if same_file(page, table):
            raise WorkshopError(f"The report would replace the table {table}; choose another --bundle.")


def _refuse_target(target: Path, page: Path) -> None:
    """Before hours of training: may the bundle and its report be written there?"""
    try:
        refuse_to_empty(target)
        if page.is_dir():
            raise WorkshopError(
                f"{page.name} is a folder where the report would lie; choose another --bundle."
            )
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=target.parent):
            pass
    except OSError as error:
        raise WorkshopError(
            f"{target} cannot be written: {error.strerror or error}; choose another folder for --bundle."
        ) from error
