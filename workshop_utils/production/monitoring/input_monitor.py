"""Data drift and prediction drift: each new text is compared with a fresh reference text, and bets are made.

The reference texts are dealt in a random order. When they are used up, a new **round** begins: another order,
no capital, nothing learned, so that within a round no bet has seen the texts it is about. Within a round of n
pairs a quantity with the run length R raises a false alarm with a probability of n / R at most; over all
rounds these add up to texts / R. What a round cannot show (a change so small that it takes more pairs than
there are reference texts) is not found: so many texts do not tell it.
"""

import json
import math
from collections.abc import Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Any, NamedTuple
from zipfile import BadZipFile

import numpy as np

from workshop_utils.errors import WorkshopError
from workshop_utils.files import atomic_path
from workshop_utils.models.bundle.reference import Reference
from workshop_utils.models.bundle.text_traits import TextTraits, word_buckets
from workshop_utils.production.monitoring.betting import bet_once, fewest_steps
from workshop_utils.production.monitoring.columns import DriftKind, WatchedColumns
from workshop_utils.production.monitoring.domain_classifier import SHARPNESS, DomainClassifier, TellingWords
from workshop_utils.production.monitoring.drift_report import DriftFinding, DriftVerdict, InputReport

#: Stakes on "more" and on "less" of a watched quantity.
STAKES = np.array([-0.8, -0.4, -0.2, -0.1, 0.1, 0.2, 0.4, 0.8])
#: Pairs that are bet on before they are learned from.
_BATCH = 10
#: With fewer reference texts a round would end before it could show anything.
FEWEST_REFERENCE_TEXTS = 50
_STATE_FORMAT = 1
_CLASSIFIER_PART = 1 / 2


class _Waiting(NamedTuple):
    """A text that waits until its batch is full."""

    number: int
    words: list[str] | None
    buckets: np.ndarray | None
    row: np.ndarray


class InputMonitor:
    """Watches inputs and answers, text by text, in memory that does not grow.

    Args:
        reference: of the bundle that answers.
        run_length: texts, of data drift as a whole and of prediction drift as a whole: of n texts without
            any change, a false alarm is raised with a probability of n / run_length at most.
        seed: of the order in which reference texts are dealt.

    The domain classifier has half of what data drift may spend on false alarms, each other quantity an
    eighth; label, probability and confidence a third each.
    """

    def __init__(self, reference: Reference, run_length: float, seed: int = 0) -> None:
        self.reference, self.run_length, self.seed = reference, float(run_length), seed
        self._columns = WatchedColumns(reference)
        words = reference.words_of()
        self._told_buckets = word_buckets(reference.told_words)
        counts = reference.known_counts
        self._classifier = None
        if words is not None and counts is not None and reference.known_texts:
            self._classifier = DomainClassifier(counts, reference.known_texts)
            self._hashed = [self._classifier.read(each) for each in words]
        names = [each.name for each in self._columns.watched]
        self._limits = {each.name: self.run_length / each.weight for each in self._columns.watched}
        self._limits["domain classifier"] = self.run_length / _CLASSIFIER_PART
        self._alarm: dict[str, int | None] = dict.fromkeys(["domain classifier", *names])
        self._last_alarm = dict(self._alarm)
        self._told = dict.fromkeys(self._alarm, 0)
        self._evidence = dict.fromkeys(self._alarm, 0.0)
        self._similarity: dict[int, float] = {}
        self._seen: set[int] = set()
        self._first_words: TellingWords | None = None
        self._former_words = TellingWords([], [])
        # of the round before and of this one
        self._sums, self._counts = np.zeros((2, 2, self._columns.width))
        self._texts = self._repeated = self._twice = self._last = 0
        self._waiting: list[_Waiting] = []
        self._round = -1
        self._begin_round()

    @property
    def last(self) -> int:
        """Number of the last text that was compared or waits; go on after it."""
        return self._last

    @property
    def alarms(self) -> dict[str, int | None]:
        """Number of the text with the first alarm, or None, by quantity."""
        return dict(self._alarm)

    def add(self, number: int, traits: TextTraits) -> None:
        """One more text and its answer.

        Args:
            number: in the order of arrival, from 1 on, such as the prediction's in the store. One that is not
                greater than the one before is a repetition and is left out; clocks are not asked.
            traits: from :func:`~workshop_utils.models.bundle.text_traits`.
        """
        if number <= self._last:
            self._repeated += 1
            return
        self._last = number
        self._texts += 1
        if len(self.reference) < FEWEST_REFERENCE_TEXTS or self._came_before(traits):
            return
        self._waiting.append(_Waiting(number, traits.words, traits.buckets, self._columns.row(traits)))
        if len(self._waiting) == _BATCH:
            self._compare()

    def _came_before(self, traits: TextTraits) -> bool:
        """Did the same text come in this round? No two texts of the reference are the same."""
        if traits.buckets is None:
            return False
        content = b"%d " % (traits.length or 0) + np.sort(traits.buckets).tobytes()
        name = int.from_bytes(blake2b(content, digest_size=8).digest())
        if name in self._seen:
            self._twice += 1
            return True
        self._seen.add(name)
        return False

    def similarity(self, number: int, traits: TextTraits) -> float | None:
        """How much a text looks like the reference, from 0 to 1, judged by a classifier that had not seen it.

        None where nobody can tell: the text was not kept, or the bundle keeps no hashed words.
        """
        if self._classifier is None or traits.buckets is None:
            return None
        known = self._similarity.get(number)
        return self._classifier.similarity(self._classifier.read(traits.buckets)) if known is None else known

    def report(self) -> InputReport:
        """What has been seen so far."""
        young = self._position < FEWEST_REFERENCE_TEXTS and self._round > 0
        words = self._first_words or (self._former_words if young else self._telling_words())
        findings = [self._finding("domain classifier", "data", {}, {}), *self._watched_findings()]
        return InputReport(
            self._texts, self._repeated, self._twice, self._round + 1, findings, self.run_length, words
        )

    def save(self, path: Path) -> Path:
        """Write the state, whole or not at all; it holds words of new texts, as a store with texts does."""
        classifier = self._classifier
        told = {
            "format": _STATE_FORMAT,
            **self._settings(),
            "texts": self._texts,
            "repeated": self._repeated,
            "last": self._last,
            "round": self._round,
            "position": self._position,
            "alarm": self._alarm,
            "last_alarm": self._last_alarm,
            "told": self._told,
            "evidence": self._evidence,
            "first_words": self._first_words,
            "former_words": self._former_words,
            "similarity": list(self._similarity.items()),
            "seen": sorted(self._seen),
            "twice": self._twice,
            "waiting": [(each.number, each.words) for each in self._waiting],
            "names": list(classifier.names.items()) if classifier else [],
            "reference_logit": classifier.reference_logit if classifier else 0.0,
        }
        arrays = {
            "told": np.frombuffer(json.dumps(told).encode("ascii"), np.uint8),
            "waiting_rows": np.array([each.row for each in self._waiting]).reshape(-1, self._columns.width),
            "capital": self._capital,
            "sums": self._sums,
            "counts": self._counts,
            "classifier_capital": classifier.capital if classifier else np.zeros(0),
            "weights": classifier.weights if classifier else np.zeros(0),
        }
        with atomic_path(path) as draft, draft.open("wb") as file:
            np.savez_compressed(file, **arrays)  # type: ignore[arg-type]
        return path

    @classmethod
    def load(cls, path: Path, reference: Reference, run_length: float, seed: int = 0) -> "InputMonitor":
        """Go on from a saved state, to the bit as if nothing had happened; without a file, begin.

        Raises:
            WorkshopError: the state is damaged, or belongs to another bundle or another run length.
        """
        monitor = cls(reference, run_length, seed)
        if not path.exists():
            return monitor
        try:
            with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
                monitor._restore({name: arrays[name] for name in arrays.files})
        except (ValueError, KeyError, TypeError, EOFError, OSError, BadZipFile) as error:
            raise WorkshopError(
                f"The monitor's state {path.name} is damaged; remove it, and monitoring begins anew."
            ) from error
        return monitor

    def _settings(self) -> dict[str, Any]:
        return {"reference": self.reference.fingerprint, "run_length": self.run_length, "seed": self.seed}

    def _restore(self, arrays: dict[str, np.ndarray]) -> None:
        told = json.loads(arrays["told"].tobytes())
        settings = self._settings()
        if told["format"] != _STATE_FORMAT or {name: told[name] for name in settings} != settings:
            raise WorkshopError(
                "The monitor's state belongs to another bundle, run length or seed; remove it, and "
                "monitoring begins anew."
            )
        self._texts, self._repeated, self._last = told["texts"], told["repeated"], told["last"]
        self._round = told["round"] - 1
        self._begin_round()
        self._position = told["position"]
        self._alarm, self._last_alarm = told["alarm"], told["last_alarm"]
        self._told, self._evidence = told["told"], told["evidence"]
        self._first_words = TellingWords(*told["first_words"]) if told["first_words"] else None
        self._former_words = TellingWords(*told["former_words"])
        self._similarity = dict(told["similarity"])
        self._seen, self._twice = set(told["seen"]), told["twice"]
        rows = arrays["waiting_rows"]
        self._waiting = [
            _Waiting(number, words, None if words is None else word_buckets(words), row)
            for (number, words), row in zip(told["waiting"], rows, strict=True)
        ]
        self._capital, self._sums, self._counts = (arrays[each] for each in ("capital", "sums", "counts"))
        if self._classifier:
            self._classifier.capital = arrays["classifier_capital"]
            self._classifier.weights = arrays["weights"]
            self._classifier.names = dict(told["names"])
            self._classifier.reference_logit = told["reference_logit"]

    def _begin_round(self) -> None:
        self._round += 1
        order = np.random.default_rng([self.seed, self._round])
        self._order, self._position = order.permutation(len(self.reference)), 0
        self._capital = np.zeros((self._columns.width, len(STAKES)))
        self._similarity, self._seen = {}, set()
        if self._classifier:
            self._classifier.forget()

    def _compare(self) -> None:
        """Bet on ten pairs, look for alarms, learn."""
        batch, self._waiting = self._waiting, []
        drawn = self._order[self._position : self._position + _BATCH]
        self._position += _BATCH
        rows = np.array([each.row for each in batch])
        signs = np.nan_to_num(np.sign(rows - self._columns.rows[drawn]))
        self._sums[1] += np.nan_to_num(rows).sum(axis=0)
        self._counts[1] += np.isfinite(rows).sum(axis=0)
        largest = np.zeros(len(self._columns.watched))
        for sign in signs:
            self._capital = bet_once(self._capital, 1 + STAKES * sign[:, None])
            means = self._capital.mean(axis=1)
            largest = np.maximum(largest, self._columns.mean_of_each @ means)
        for each, capital in zip(self._columns.watched, largest, strict=True):
            told = int(np.isfinite(rows[:, each.columns]).any(axis=1).sum())
            self._note(each.name, float(capital), told, batch[-1].number)
        self._classify(batch, drawn)
        if self._position + _BATCH > len(self._order):
            self._former_words = self._telling_words()
            self._sums = np.stack([self._sums[1], np.zeros(self._columns.width)])
            self._counts = np.stack([self._counts[1], np.zeros(self._columns.width)])
            self._begin_round()

    def _classify(self, batch: Sequence[_Waiting], drawn: np.ndarray) -> None:
        if self._classifier is None:
            return
        kept = [place for place, each in enumerate(batch) if each.buckets is not None]
        if not kept:
            return
        new = [self._classifier.read(each.buckets) for each in batch if each.buckets is not None]
        reference = [self._hashed[drawn[place]] for place in kept]
        for place, text in zip(kept, new, strict=True):
            self._similarity[batch[place].number] = self._classifier.similarity(text)
        capital = self._classifier.bet(new, reference)
        self._classifier.learn(new, reference)
        for each in batch:
            if each.buckets is not None and each.words is not None:
                self._classifier.remember(each.buckets, each.words)
        self._note("domain classifier", capital, len(kept), batch[-1].number)
        if self._alarm["domain classifier"] is not None and self._first_words is None:
            self._first_words = self._telling_words()

    def _note(self, name: str, capital: float, told: int, number: int) -> None:
        """Keep what a batch has shown of one quantity."""
        self._told[name] += told
        self._evidence[name] = capital / self._limits[name]
        if self._evidence[name] >= 1:
            self._alarm[name] = self._alarm[name] or number
            self._last_alarm[name] = number

    def _telling_words(self) -> TellingWords:
        if self._classifier is None:
            return TellingWords([], [])
        return self._classifier.telling_words(self.reference.told_words, self._told_buckets)

    def _watched_findings(self) -> list[DriftFinding]:
        found, rows = [], self._columns.rows
        with np.errstate(invalid="ignore", divide="ignore"):
            before = np.nan_to_num(rows).sum(axis=0) / np.isfinite(rows).sum(axis=0)
            now = self._sums.sum(axis=0) / self._counts.sum(axis=0)
        for each in self._columns.watched:
            means = (
                dict(zip(each.column_names, values[each.columns].tolist(), strict=True))
                for values in (before, now)
            )
            found.append(self._finding(each.name, each.kind, *means))
        return found

    def _finding(
        self, name: str, kind: DriftKind, reference: dict[str, float], now: dict[str, float]
    ) -> DriftFinding:
        largest = 1 + float(STAKES[-1])
        factor, bets = (2.0, len(SHARPNESS)) if name == "domain classifier" else (largest, len(STAKES))
        bets *= max(1, len(reference))  # of each column
        reason = self._missing(name, fewest_steps(self._limits[name], bets, factor))
        verdict: DriftVerdict = "insufficient data" if reason else "quiet"
        return DriftFinding(
            name,
            kind,
            "changed" if self._alarm[name] else verdict,
            self._evidence[name],
            self._alarm[name],
            self._last_alarm[name],
            self._limits[name],
            self._told[name],
            reference,
            now,
            "" if self._alarm[name] else reason,
        )

    def _missing(self, name: str, fewest: int) -> str:
        """Why nothing can be said, a sentence; empty where something can."""
        size = len(self.reference)
        fewest = _BATCH * math.ceil(fewest / _BATCH)
        needed = max(fewest, FEWEST_REFERENCE_TEXTS)
        if size < needed:
            return f"The bundle's reference has {size} texts, and {needed} are needed."
        if name in ("domain classifier", "unknown words") and self._classifier is None:
            return "The bundle's reference keeps no hashed words; train with them, or add them."
        if name in ("probability", "confidence") and not self.reference.same_model:
            return (
                "The reference has answers of a cross-validation, whose models are less sure than the "
                "bundle's; give the bundle a larger table, or a test table."
            )
        if self._texts >= _BATCH > self._told[name] == 0 and name != "confidence":
            return "The texts were not kept, so nobody can look at them; serve with --store-texts."
        if self._told[name] < fewest:
            return f"{self._told[name]} texts could be compared, and {fewest} are the fewest that could tell."
        return ""
