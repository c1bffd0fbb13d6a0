"""Feeds the monitors from the store: predictions in the order of their commits, then labels."""

from workshop_utils.models.bundle.text_traits import text_traits
from workshop_utils.production.monitoring.concept_monitor import ConceptMonitor
from workshop_utils.production.monitoring.input_monitor import InputMonitor
from workshop_utils.production.monitoring.operations_monitor import OperationsMonitor
from workshop_utils.production.store import Store, labelled, scored_texts


def watch_predictions(
    store: Store,
    inputs: InputMonitor,
    operations: OperationsMonitor | None = None,
    model_version: str | None = None,
    until: int | None = None,
) -> int:
    """Let the monitors see what they have not seen yet; return how many predictions that were.

    Args:
        store: the store.
        inputs: goes on after the last prediction that it has seen.
        operations: the same, by itself; the two may have been saved at different moments.
        model_version: only predictions of this model, the one whose reference ``inputs`` has.
        until: only predictions up to this number.

    Raises:
        StoreUnavailable: the database does not answer.
    """
    after = inputs.last if operations is None else min(inputs.last, operations.last)
    count = 0
    for each in scored_texts(store, after, until, model_version):
        count += 1
        if each.number > inputs.last:
            inputs.add(each.number, text_traits(each.text, each.label, each.probabilities, each.truncated))
        if operations is not None and each.number > operations.last:
            operations.add(each.latency_ms, each.time)
            operations.last = each.number
    return count


def watch_labels(
    store: Store,
    inputs: InputMonitor,
    concept: ConceptMonitor,
    model_version: str | None = None,
    unasked: bool = False,
    until: int | None = None,
) -> int:
    """Let the concept monitor see new labels; return how many of them it could use.

    Labels of texts that were drawn because the model was unsure, or disagreed with a challenger, are left
    out: it is wrong about these more often. A corrected label counts as it arrives, the former one stays.

    Args:
        store: the store.
        inputs: has seen the predictions; it says how much their texts look like the reference.
        concept: goes on after the last label that it has seen.
        model_version: only labels of this model's predictions.
        unasked: use labels that nobody had drawn, too. People give them who had a reason to write; where all
            predictions get a label in the end, say yes.
        until: only labels up to this number.

    Raises:
        StoreUnavailable: the database does not answer.
    """
    used = 0
    for each in labelled(store, concept.last, until, model_version):
        concept.last = each.number
        if each.part == "random" or (each.draw is None and unasked):
            traits = text_traits(each.text, each.label, each.probabilities, each.truncated)
            concept.add(not each.correct, inputs.similarity(each.prediction_number, traits))
            used += 1
    return used
