"""``workshop monitor``: is the deployed model still right, are its inputs what they were, and what to do."""

from collections import deque
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path

from workshop_utils.files import locked
from workshop_utils.models.bundle import Bundle
from workshop_utils.production.monitoring.detector_evidence import detector_evidence, evidence_to_json
from workshop_utils.production.monitoring.doubts import clock_alarms
from workshop_utils.production.monitoring.drift_report import InputReport
from workshop_utils.production.monitoring.input_monitor import NOT_KEPT
from workshop_utils.production.monitoring.label_monitors import LabelMonitors
from workshop_utils.production.monitoring.label_weights import LabelWeights
from workshop_utils.production.monitoring.monitor_state import load_text_monitors, save_text_monitors
from workshop_utils.production.monitoring.monitored_model import MonitoredModel, open_monitored_model
from workshop_utils.production.monitoring.monitored_table import MonitoredTable, TableColumns
from workshop_utils.production.monitoring.monitoring_report import Alarm, MonitoringReport
from workshop_utils.production.monitoring.text_monitors import TextMonitors
from workshop_utils.production.monitoring.verdict import Findings, judge_findings
from workshop_utils.production.policy import Policy
from workshop_utils.production.store import (
    Decision,
    LabelledPrediction,
    Store,
    labelled,
    last_label,
    last_prediction,
    record_decision,
    scored_texts,
)

#: After so many texts the state is saved, so that a killed run loses no more.
_CHECKPOINT = 10_000
#: So many seconds a monitor waits for another one of the same model.
_PATIENCE = 60
#: The parts of a policy that a verdict depends on.
_POLICY_PARTS = {"performance", "inputs", "concept", "operations"}
_NO_REFERENCE = (
    "The bundle keeps no reference statistics, so nobody can tell whether inputs, answers or concept have "
    "changed; train it again, or add them with `add_reference`."
)
_NO_WORDS = (
    "The bundle keeps no words of its texts, so nobody can tell whether words or the concept have changed; "
    "train it with `--reference hashed` for that."
)
_NOTHING_STORED = (
    "The store holds no prediction of this model; is it the store that the service writes to, as "
    "WORKSHOP_DATABASE_URL or WORKSHOP_HOME says?"
)
_ANOTHER_STORE = "The store is another one than last time: looking begins anew at its first prediction."


def monitor_store(
    store: Store,
    bundle: Path,
    policy: Policy,
    state: Path | None = None,
    *,
    until_prediction: int | None = None,
    until_feedback: int | None = None,
) -> MonitoringReport:
    """Look at what a bundle has answered and at the true labels that came, and record the verdict.

    Looked at in parts or at once, the report is the same to the bit. Of two monitors with the same state one
    waits for the other.

    Args:
        store: predictions and labels; only those of this bundle are looked at.
        bundle: its folder, such as a version of a deployment.
        policy: what is promised and tolerated.
        state: a folder that remembers which texts were looked at, so that the next call begins there; see
            :func:`~.monitor_state.default_state`. None begins at the first prediction and remembers nothing.
        until_prediction: look no further than at this prediction, as an earlier call did; then nothing is
            recorded or remembered.
        until_feedback: the same for labels.

    Raises:
        WorkshopError: there is no bundle, it is damaged, or another monitor with the same state is running.
        StoreUnavailable: the database does not answer.
        OSError: the state cannot be written.
    """
    model = open_monitored_model(bundle)
    looks_back = until_prediction is not None or until_feedback is not None
    folder = None if looks_back else state
    with _alone(folder, model):
        feedback = last_label(store) if until_feedback is None else until_feedback  # before predictions
        prediction = last_prediction(store) if until_prediction is None else until_prediction
        monitors, note = _opened(store, folder, model, policy, prediction)
        _watch_texts(store, model, monitors, prediction, feedback, _saver(folder, monitors, model, policy))
        labels = LabelMonitors(model, policy, monitors.similarity)
        labels.changed_at = monitors.changed_at
        weights = LabelWeights(store, policy.performance.labels)
        for each in labelled(store, until=feedback, model_version=model.version, texts=False):
            labels.see(each, weights.of(each))
        skipped = weights.skipped(model.version)
        notes = [note] if note else []
        doubts = (*labels.flood.alarms, *(() if looks_back else clock_alarms(store, model.version)))
        report = _report(model, policy, monitors, labels, (prediction, feedback), notes, skipped, doubts)
    if not monitors.texts:
        report = replace(report, reason=f"{_NOTHING_STORED} {report.reason}")
    if not looks_back:
        _record(store, report, policy)
    return report


def monitor_table(table: Path, bundle: Path, policy: Policy, columns: TableColumns) -> MonitoringReport:
    """The same for a table, row by row; nothing is recorded or remembered.

    Args:
        table: any that :func:`~workshop_utils.data.tables.open_table` reads.
        bundle: the folder of the model; it answers where the table has no answer.
        policy: what is promised and tolerated.
        columns: their names in the table.

    Raises:
        WorkshopError: no such bundle, table or column.
    """
    model = open_monitored_model(bundle)
    source = MonitoredTable(table, Bundle.load(bundle), columns)
    monitors = TextMonitors(model, policy)
    labels = LabelMonitors(model, policy, monitors.similarity)
    waiting: deque[LabelledPrediction] = deque()

    def judge(all_of_them: bool = False) -> None:
        """A label counts when it is known how much its text looks like the reference."""
        labels.changed_at = monitors.changed_at
        while waiting and (all_of_them or not monitors.waits(waiting[0].number)):
            labels.see(waiting.popleft(), 1.0)

    for row in source.rows():
        monitors.see_text(row.text)
        if row.label is not None:
            waiting.append(row.label)
            monitors.see_label(row.label.number, row.label.number)
        judge()
    judge(all_of_them=True)
    return _report(model, policy, monitors, labels, (monitors.last, labels.last), source.notes)


def read_back(store: Store, bundle: Path, decision: Decision) -> MonitoringReport:
    """The report of a decision of kind ``monitor`` again, from what the store held then.

    Predictions that were deleted since are not looked at again, and skipped texts are those of now.

    Args:
        store: which holds the decision.
        bundle: the folder of the model that it is about.
        decision: as :func:`~workshop_utils.production.store.read_decision` gives it.

    Raises:
        WorkshopError: as in :func:`monitor_store`.
    """
    return monitor_store(
        store,
        bundle,
        Policy.model_validate(decision.details["policy"]),
        until_prediction=decision.last_prediction,
        until_feedback=decision.last_feedback,
    )


def _alone(folder: Path | None, model: MonitoredModel) -> AbstractContextManager[None]:
    if folder is None:
        return nullcontext()
    folder.mkdir(parents=True, exist_ok=True)
    busy = f"Another monitor of {model.version} is running; try again when it has ended."
    return locked(folder / "lock", busy, _PATIENCE)


def _opened(
    store: Store, folder: Path | None, model: MonitoredModel, policy: Policy, prediction: int
) -> tuple[TextMonitors, str]:
    """The monitors as they were, if the state is one of this store."""
    if folder is None:
        return TextMonitors(model, policy), ""
    monitors, note = load_text_monitors(folder, model, policy)
    if not monitors.last:
        return monitors, note
    seen = next(scored_texts(store, monitors.last - 1, monitors.last, texts=False), None)
    if monitors.last > prediction or (seen is not None and seen.time.isoformat() != monitors.last_time):
        return TextMonitors(model, policy), _ANOTHER_STORE
    return monitors, note


def _saver(
    folder: Path | None, monitors: TextMonitors, model: MonitoredModel, policy: Policy
) -> Callable[[], None]:
    def save() -> None:
        if folder is not None:
            save_text_monitors(folder, monitors, model, policy)

    return save


def _watch_texts(
    store: Store,
    model: MonitoredModel,
    monitors: TextMonitors,
    prediction: int,
    feedback: int,
    save: Callable[[], None],
) -> None:
    """Let the monitors see what they have not seen.

    How much a text looks like the reference is kept for the latest texts only. So labels are noted where they
    arrived, by the clock, and not at the end: then it does not matter how often somebody looks.
    """
    before = monitors.last, monitors.last_label
    labels = labelled(store, monitors.last_label, feedback, model.version, texts=False)
    label = next(labels, None)
    for text in scored_texts(store, monitors.last, prediction, model.version):
        while (
            label is not None and label.labelled_at < text.time and label.prediction_number <= monitors.last
        ):
            monitors.see_label(label.number, label.prediction_number)
            label = next(labels, None)
        monitors.see_text(text)
        if monitors.texts % _CHECKPOINT == 0:
            save()
    while label is not None:
        monitors.see_label(label.number, label.prediction_number)
        label = next(labels, None)
    if before != (monitors.last, monitors.last_label):
        save()


def _report(
    model: MonitoredModel,
    policy: Policy,
    monitors: TextMonitors,
    labels: LabelMonitors,
    ends: tuple[int, int],
    notes: Sequence[str],
    skipped: Sequence[float] = (),
    doubts: tuple[Alarm, ...] = (),
) -> MonitoringReport:
    performance, concept = labels.performance(skipped), labels.concept()
    inputs = None if monitors.inputs is None else monitors.inputs.report()
    operations = monitors.operations.report()
    found = Findings(model.error, performance, inputs, concept, operations, labels.since, doubts)
    judged = judge_findings(found, policy)
    return MonitoringReport(
        verdict=judged.verdict,
        reason=judged.reason,
        labels_to_buy=judged.labels_to_buy,
        model_version=model.version,
        predictions=monitors.texts,
        labels=labels.labels,
        last_prediction=ends[0],
        last_feedback=ends[1],
        performance=performance,
        inputs=inputs,
        concept=concept,
        operations=operations,
        alarms=judged.alarms,
        notes=(*notes, *_not_told(model, inputs)),
        texts_over_time=monitors.over_time(),
        labels_over_time=labels.over_time(),
    )


def _not_told(model: MonitoredModel, inputs: InputReport | None) -> tuple[str, ...]:
    """What monitoring cannot tell because of what the bundle and the store keep."""
    if model.reference is None or inputs is None:
        return (_NO_REFERENCE,)
    kept = all(each.reason != NOT_KEPT for each in inputs.findings)
    return (
        *(() if model.reference.buckets is not None else (_NO_WORDS,)),
        *(() if kept else (NOT_KEPT,)),
    )


def _record(store: Store, report: MonitoringReport, policy: Policy) -> None:
    """Keep the verdict with what was known then; texts' words and plots are left out."""
    told = report.to_dict()
    names = ("labels_to_buy", "predictions", "labels", "performance", "concept", "alarms")
    decision = Decision(
        kind="monitor",
        outcome=report.verdict,
        reason=report.reason,
        model_version=report.model_version,
        details={name: told[name] for name in names}
        | {"detectors": evidence_to_json(detector_evidence(report))}
        | {"policy": policy.model_dump(mode="json", include=_POLICY_PARTS)},
        last_prediction=report.last_prediction,
        last_feedback=report.last_feedback,
    )
    record_decision(store, decision)
