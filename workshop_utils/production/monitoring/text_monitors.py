"""The monitors of one model that see every text: inputs, answers, latency; their memory does not grow."""

import math
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from workshop_utils.models.bundle.text_traits import text_traits
from workshop_utils.production.monitoring.blocks import Blocks
from workshop_utils.production.monitoring.input_monitor import InputMonitor
from workshop_utils.production.monitoring.monitored_model import MonitoredModel
from workshop_utils.production.monitoring.monitoring_report import TextBlock
from workshop_utils.production.monitoring.operations_monitor import Objective, OperationsMonitor
from workshop_utils.production.policy import Policy
from workshop_utils.production.store import ScoredText

#: Of so many labelled texts it is kept how much they look like the reference, the latest ones.
MOST_LABELLED = 20_000
#: A text is compared when ten new ones are together; after so many others nobody waits for it any more.
_PATIENCE = 100
#: So many texts are in a block at first.
_BLOCK = 50


class TextMonitors:
    """Sees texts in the order of their numbers, and which of them have a label by now.

    Args:
        model: what is monitored.
        policy: its parts ``inputs`` and ``operations``.

    Attributes:
        inputs: None where the bundle keeps no reference statistics. operations: latency.
        texts: seen. last: number of the last one. last_label: of the last label that was noted.
        last_time: when the last text was scored, as its store says; empty before the first.
    """

    def __init__(self, model: MonitoredModel, policy: Policy) -> None:
        operations = policy.operations
        objective = Objective(operations.latency_ms, operations.fast_share, operations.success_share)
        self.inputs = (
            None if model.reference is None else InputMonitor(model.reference, policy.inputs.run_length)
        )
        self.operations = OperationsMonitor(objective, operations.run_length)
        self.texts = self.last = self.last_label = 0
        self.last_time = ""
        self._blocks: Blocks[TextBlock] = Blocks(_joined, _BLOCK)
        self._texts = self._timed = self._slow = 0  # of the block that is not finished
        self._similarity: dict[int, float] = {}
        self._waiting: dict[int, int] = {}  # labelled texts, and how many texts had been seen then

    def see_text(self, text: ScoredText) -> None:
        """One more text and its answer."""
        traits = text_traits(text.text, text.label, text.probabilities, text.truncated)
        if self.inputs is not None:
            self.inputs.add(text.number, traits)
        self.operations.add(text.latency_ms, text.time)
        self.operations.last = text.number
        self.texts, self.last, self.last_time = self.texts + 1, text.number, text.time.isoformat()
        self._texts += 1
        if text.latency_ms is not None and math.isfinite(text.latency_ms) and text.latency_ms >= 0:
            self._timed += 1
            self._slow += text.latency_ms > self.operations.objective.latency_ms
        if self._texts == self._blocks.size:
            self._blocks.add(self._block())
            self._texts = self._timed = self._slow = 0
        if self._waiting:
            self._look_up()

    def see_label(self, number: int, prediction: int) -> None:
        """Text ``prediction``, which was seen, has label ``number``."""
        self.last_label = max(self.last_label, number)
        if self.inputs is not None and prediction not in self._similarity:
            self._waiting.setdefault(prediction, self.texts)
            self._look_up()

    def similarity(self, prediction: int) -> float | None:
        """How much a labelled text looks like the reference, from 0 to 1; None where nobody can tell."""
        return self._similarity.get(prediction)

    def waits(self, prediction: int) -> bool:
        """May it still become known how much this labelled text looks like the reference?"""
        return prediction in self._waiting

    @property
    def changed_at(self) -> int | None:
        """Number of the text by which it was first clear that inputs or answers had changed."""
        alarms = [] if self.inputs is None else [at for at in self.inputs.alarms.values() if at is not None]
        return min(alarms, default=None)

    def over_time(self) -> tuple[TextBlock, ...]:
        """All texts in blocks."""
        return (*self._blocks.finished, *([self._block()] if self._texts else []))

    def _look_up(self) -> None:
        """Compared texts have a similarity; it does not matter when it is asked for."""
        for prediction, since in list(self._waiting.items()):
            found = self.inputs.similarity(prediction) if self.inputs else None
            if found is not None:
                self._similarity[prediction] = found
            if found is not None or self.texts - since > _PATIENCE:
                del self._waiting[prediction]
        while len(self._similarity) > MOST_LABELLED:
            del self._similarity[next(iter(self._similarity))]

    def _block(self) -> TextBlock:
        findings = [] if self.inputs is None else self.inputs.report().findings
        evidence = {each.name: each.evidence for each in findings}
        return TextBlock(self.last, self._texts, self._timed, self._slow, evidence)

    def to_json(self) -> dict[str, Any]:
        """All that a restart needs but the state of ``inputs``, which saves itself."""
        return {
            "operations": self.operations.to_json(),
            "texts": self.texts,
            "last": self.last,
            "last_label": self.last_label,
            "last_time": self.last_time,
            "blocks": [asdict(each) for each in self._blocks.finished],
            "block_size": self._blocks.size,
            "unfinished": [self._texts, self._timed, self._slow],
            "similarity": list(self._similarity.items()),
            "waiting": list(self._waiting.items()),
        }

    def restore(self, told: Mapping[str, Any], inputs: InputMonitor | None) -> None:
        """Go on from what :meth:`to_json` told of monitors with the same settings.

        Raises:
            WorkshopError, KeyError, TypeError, ValueError: it is damaged, or one of other settings.
        """
        self.inputs = inputs
        self.operations.restore(told["operations"])
        self.texts, self.last, self.last_label = (int(told[name]) for name in ("texts", "last", "last_label"))
        self.last_time = str(told["last_time"])
        self._blocks.finished = [TextBlock(**each) for each in told["blocks"]]
        self._blocks.size = int(told["block_size"])
        self._texts, self._timed, self._slow = map(int, told["unfinished"])
        self._similarity = {int(number): float(value) for number, value in told["similarity"]}
        self._waiting = {int(number): int(since) for number, since in told["waiting"]}


def _joined(first: TextBlock, second: TextBlock) -> TextBlock:
    return TextBlock(
        second.last,
        first.texts + second.texts,
        first.timed + second.timed,
        first.slow + second.slow,
        {name: max(value, first.evidence.get(name, 0.0)) for name, value in second.evidence.items()},
    )
