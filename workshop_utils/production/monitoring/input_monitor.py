"""Data drift and prediction drift: each new text is compared with a fresh reference text, and bets are made.

The reference texts are dealt in a random order. When they are used up, a new **round** begins: another order,
no capital, nothing learned, so that within a round no bet has seen the texts it is about. Within a round of n
pairs a quantity with the run length R raises a false alarm with a probability of n / R at most; over all
rounds these add up to texts / R. What a round cannot show (a change so small that it takes more pairs than
there are reference texts) is not found: so many texts do not tell it.

**Texts that come again.** A new text is compared only where it comes for the first time: it is neither in the
table that the model comes from nor among the new texts of this round. It is compared with a reference text
that the table has once, and that has not come in this round. Why that is fair: say that rows of the table and
new texts come alike, in any order as likely as in any other. Both texts of a pair occur exactly once among
the table and the new texts so far. Were they to change places, that would still hold of them, and of every
other text it would still hold whether it came before, so that the same pairs had been formed. So, given the
two texts of each pair, which of them is the new one is the toss of a coin, and the tosses for all pairs are
independent: no bet on them gains on average, whatever the classifier has learned and however often texts
repeat. What repeats is a quantity of its own, see :mod:`~.repeated_texts`; changes among texts that the table
has already are seen there and by their labels.

Where texts or their hashes were not kept, nobody can tell what came before; the promise then holds for
streams whose texts do not repeat.
"""

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from workshop_utils.errors import WorkshopError
from workshop_utils.files import atomic_path
from workshop_utils.models.bundle.reference import Reference
from workshop_utils.models.bundle.text_traits import TextTraits, word_buckets
from workshop_utils.production.monitoring.betting import bet_once, fewest_steps
from workshop_utils.production.monitoring.columns import DriftKind, WatchedColumns
from workshop_utils.production.monitoring.domain_classifier import SHARPNESS, DomainClassifier, TellingWords
from workshop_utils.production.monitoring.drift_report import (
    CLASSIFIER,
    DriftFinding,
    DriftVerdict,
    InputReport,
)
from workshop_utils.production.monitoring.repeated_texts import STAKES, RepeatedTexts

#: Pairs that are bet on before they are learned from.
_BATCH = 10
#: With fewer reference texts a round would end before it could show anything.
FEWEST_REFERENCE_TEXTS = 50
#: Of so many texts it is kept how much they look like the reference, the latest ones: labels come later.
KEPT_SIMILARITIES = 20_000
#: Until a round has so many pairs, the classifier of the round before says what looks like the reference.
_LEARNED_ENOUGH = 200
#: Why words, lengths and languages cannot be compared, where a service keeps no texts.
NOT_KEPT = "The texts were not kept, so nobody can look at them; serve with --store-texts."
_STATE_FORMAT = 2
_REPEATED = "repeated texts"
_CLASSIFIER_PART, _REPEATED_PART = 1 / 2, 1 / 10


class _Waiting(NamedTuple):
    """A text that waits until its batch is full, and the place of the reference text it is compared with."""

    number: int
    words: list[str] | None
    buckets: np.ndarray | None
    row: np.ndarray
    drawn: int


class InputMonitor:
    """Watches inputs and answers, text by text, in memory that does not grow.

    Args:
        reference: of the bundle that answers.
        run_length: texts, of data drift as a whole and of prediction drift as a whole: of n texts without
            any change, a false alarm is raised with a probability of n / run_length at most.
        seed: of the order in which reference texts are dealt.

    The domain classifier has half of what data drift may spend on false alarms, each other quantity a tenth;
    label, probability and confidence a third each.
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
        parts = {CLASSIFIER: _CLASSIFIER_PART, _REPEATED: _REPEATED_PART}
        parts |= {each.name: each.weight for each in self._columns.watched}
        self._limits = {name: self.run_length / part for name, part in parts.items()}
        self._known = frozenset(() if reference.known_hashes is None else reference.known_hashes.tolist())
        self._hashes = None if reference.text_hashes is None else reference.text_hashes.tolist()
        self._in_reference = frozenset(self._hashes or ())
        self._repeats = RepeatedTexts(reference.row_hashes, seed)
        self._alarm: dict[str, int | None] = dict.fromkeys(parts)
        self._last_alarm = dict(self._alarm)
        self._told = dict.fromkeys(self._alarm, 0)
        self._evidence = dict.fromkeys(self._alarm, 0.0)
        self._similarity: dict[int, float] = {}
        self._seen: set[int] = set()
        self._first_words: TellingWords | None = None
        self._former_words = TellingWords([], [])
        # of the round before and of this one
        self._sums, self._counts = np.zeros((2, 2, self._columns.width))
        self._texts = self._kept = self._repeated = self._twice = self._last = 0
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
        if traits.text_hash is not None:
            self._kept += 1
            self._note(_REPEATED, self._repeats.add(traits.text_hash), 1, number)
        if len(self.reference) < FEWEST_REFERENCE_TEXTS:
            return
        if self._came_before(traits.text_hash):
            self._twice += 1
            self._remember_similarity(number, traits.buckets)
            return
        drawn = self._deal()
        if drawn is None:
            self._end_round()
            self._came_before(traits.text_hash)  # it is the first one of the new round
            drawn = self._deal()
            assert drawn is not None
        row = self._columns.row(traits)
        self._waiting.append(_Waiting(number, traits.words, traits.buckets, row, drawn))
        if len(self._waiting) == _BATCH:
            self._compare()

    def _came_before(self, text_hash: int | None) -> bool:
        """Is the text in the table, or did it come in this round? Remember it where that matters."""
        if text_hash is None:
            return False
        before = text_hash in self._known or text_hash in self._seen
        if not before or text_hash in self._in_reference:
            self._seen.add(text_hash)
        return before

    def _deal(self) -> int | None:
        """The place of the next reference text that has not come in this round; None without any."""
        while self._position < len(self._order):
            place = int(self._order[self._position])
            self._position += 1
            if self._hashes is None or self._hashes[place] not in self._seen:
                return place
        return None

    def similarity(self, number: int, traits: TextTraits | None = None) -> float | None:
        """How much a text looks like the reference, from 0 to 1, judged by a classifier that had not seen it.

        A text that came before is judged when it comes again; a classifier may then have seen it.

        Args:
            number: of a text that was compared: it was judged then, and of the last 20,000 that is known.
            traits: of the text, where it still waits or is to come; it is judged now.

        Returns:
            None where nobody can tell: the text was not kept, the bundle keeps no hashed words, or it is too
            long ago.
        """
        known = self._similarity.get(number)
        if known is not None or traits is None or traits.buckets is None or self._classifier is None:
            return known
        if number <= self._last and all(each.number != number for each in self._waiting):
            return None
        return self._judge(traits.buckets)

    def _judge(self, buckets: np.ndarray) -> float:
        assert self._classifier is not None
        young = self._position < _LEARNED_ENOUGH
        return self._classifier.similarity(self._classifier.read(buckets), former=young)

    def _remember_similarity(self, number: int, buckets: np.ndarray | None) -> None:
        if self._classifier is None or buckets is None:
            return
        self._similarity[number] = self._judge(buckets)
        while len(self._similarity) > KEPT_SIMILARITIES:
            del self._similarity[next(iter(self._similarity))]

    def report(self) -> InputReport:
        """What has been seen so far."""
        young = self._position < FEWEST_REFERENCE_TEXTS and self._round > 0
        words = self._first_words or (self._former_words if young else self._telling_words())
        shares = [{"share of texts": share} for share in self._repeats.shares()]
        findings = [
            self._finding(CLASSIFIER, "data", {}, {}),
            self._finding(_REPEATED, "data", *shares),
            *self._watched_findings(),
        ]
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
            "kept": self._kept,
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
            "seen": sorted(self._seen),
            "twice": self._twice,
            "repeats": self._repeats.to_json(),
            "waiting": [(each.number, each.words, each.drawn) for each in self._waiting],
            "classifier": classifier.to_json() if classifier else {},
        }
        arrays = {
            "told": np.frombuffer(json.dumps(told).encode("ascii"), np.uint8),
            "waiting_rows": np.array([each.row for each in self._waiting]).reshape(-1, self._columns.width),
            "capital": self._capital,
            "sums": self._sums,
            "counts": self._counts,
            "similarity_of": np.array(list(self._similarity), dtype=np.int64),
            "similarity": np.array(list(self._similarity.values()), dtype=np.float64),
            **(classifier.arrays() if classifier else {}),
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
        except WorkshopError:
            raise
        except Exception as error:  # zipfile, zlib and NumPy each raise their own on broken bytes
            raise WorkshopError(
                f"The monitor's state {path.name} is damaged; remove it, and monitoring begins anew."
            ) from error
        return monitor

    def _settings(self) -> dict[str, Any]:
        return {"reference": self.reference.fingerprint, "run_length": self.run_length, "seed": self.seed}

    def _restore(self, arrays: dict[str, np.ndarray]) -> None:
        told = json.loads(arrays["told"].tobytes())
        settings = self._settings()
        if told["format"] != _STATE_FORMAT:
            raise WorkshopError(
                "The monitor's state was written by another version of this program; remove it, and "
                "monitoring begins anew."
            )
        if {name: told[name] for name in settings} != settings:
            raise WorkshopError(
                "The monitor's state belongs to another bundle, run length or seed; remove it, and "
                "monitoring begins anew."
            )
        self._texts, self._kept = told["texts"], told["kept"]
        self._repeated, self._last = told["repeated"], told["last"]
        self._round = told["round"] - 1
        self._begin_round()
        self._position = told["position"]
        self._alarm, self._last_alarm = told["alarm"], told["last_alarm"]
        self._told, self._evidence = told["told"], told["evidence"]
        self._first_words = TellingWords(*told["first_words"]) if told["first_words"] else None
        self._former_words = TellingWords(*told["former_words"])
        pairs = zip(arrays["similarity_of"].tolist(), arrays["similarity"].tolist(), strict=True)
        self._similarity = dict(pairs)
        self._seen, self._twice = set(told["seen"]), told["twice"]
        self._repeats.restore(told["repeats"])
        rows = arrays["waiting_rows"]
        self._waiting = [
            _Waiting(number, words, None if words is None else word_buckets(words), row, drawn)
            for (number, words, drawn), row in zip(told["waiting"], rows, strict=True)
        ]
        self._capital, self._sums, self._counts = (arrays[each] for each in ("capital", "sums", "counts"))
        if self._classifier:
            self._classifier.restore(told["classifier"], arrays)

    def _begin_round(self) -> None:
        self._round += 1
        order = np.random.default_rng([self.seed, self._round])
        self._order, self._position = order.permutation(len(self.reference)), 0
        self._capital = np.zeros((self._columns.width, len(STAKES)))
        self._seen = set()
        if self._classifier:
            self._classifier.forget()

    def _end_round(self) -> None:
        """The reference texts are used up: compare what waits, and begin anew."""
        if self._waiting:
            self._compare()
        self._former_words = self._telling_words()
        self._sums = np.stack([self._sums[1], np.zeros(self._columns.width)])
        self._counts = np.stack([self._counts[1], np.zeros(self._columns.width)])
        self._begin_round()

    def _compare(self) -> None:
        """Bet on ten pairs, look for alarms, learn."""
        batch, self._waiting = self._waiting, []
        drawn = np.array([each.drawn for each in batch])
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

    def _classify(self, batch: Sequence[_Waiting], drawn: np.ndarray) -> None:
        if self._classifier is None:
            return
        kept = [place for place, each in enumerate(batch) if each.buckets is not None]
        if not kept:
            return
        new = [self._classifier.read(each.buckets) for each in batch if each.buckets is not None]
        reference = [self._hashed[drawn[place]] for place in kept]
        for place in kept:
            self._remember_similarity(batch[place].number, batch[place].buckets)
        capital = self._classifier.bet(new, reference)
        self._classifier.learn(new, reference)
        for each in batch:
            if each.buckets is not None and each.words is not None:
                self._classifier.remember(each.buckets, each.words)
        self._note(CLASSIFIER, capital, len(kept), batch[-1].number)
        if self._alarm[CLASSIFIER] is not None and not (self._first_words and self._first_words.new):
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
        factor, bets = (2.0, len(SHARPNESS)) if name == CLASSIFIER else (largest, len(STAKES))
        bets = len(self._repeats.stakes) if name == _REPEATED else bets * max(1, len(reference))
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
        told, size, needed = self._told[name], len(self.reference), FEWEST_REFERENCE_TEXTS
        if name != _REPEATED:
            fewest = _BATCH * math.ceil(fewest / _BATCH)
            needed = max(fewest, needed)
        if size < needed:
            return f"The bundle's reference has {size} texts that came only once, and {needed} are needed."
        if reason := self._reference_lacks(name):
            return reason
        if told < fewest:
            return self._why_none(name) or (
                f"{told} texts could be compared, and {fewest} are the fewest that could tell."
            )
        return ""

    def _reference_lacks(self, name: str) -> str:
        if name in (CLASSIFIER, "unknown words") and self._classifier is None:
            return "The bundle's reference keeps no hashed words; train with them, or add them."
        if name in ("label", "probability", "confidence") and not self.reference.same_model:
            return (
                "The reference has answers of a cross-validation, whose models had learned from fewer texts "
                "than the bundle's; give the bundle a larger table, or a test table."
            )
        return ""

    def _why_none(self, name: str) -> str:
        """Why no text at all could be compared, where that can be said; else empty."""
        if self._told[name] or self._texts < _BATCH or name in ("probability", "confidence"):
            return ""
        if not self._kept:
            return NOT_KEPT
        if self._twice == self._texts:
            return "All texts came before, in the table or since; only their share is compared."
        return "None of the texts has a word." if name == "unknown words" else ""
