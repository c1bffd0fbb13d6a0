"""What an alarm about inputs is worth: false alarms on quiet streams, delay on changed ones.

    WORKSHOP_DATA_DIR=… python -m benchmarks.monitoring_inputs              # everything, about 6 minutes
    WORKSHOP_DATA_DIR=… python -m benchmarks.monitoring_inputs months speed # these parts; others are kept

Writes ``benchmarks/results/monitoring_inputs.json`` and ``.md``. Streams are drawn from the original film
reviews (IMDB), clothing reviews and Amazon's books and electronics; the months are the bundled ones. A delay
is the number of texts from the beginning of a stream, all of which is changed, to the alarm.
"""

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from workshop_utils.data import load_reviews
from workshop_utils.files import atomic_write
from workshop_utils.models.bundle import Reference, TextTraits, make_reference, text_traits
from workshop_utils.models.bundle.reference import KnownWords, TableHashes, _as_json, as_reference
from workshop_utils.models.bundle.text_traits import BUCKETS
from workshop_utils.models.training.learn_tfidf import tfidf_parts
from workshop_utils.paths import corpora_dir
from workshop_utils.production.monitoring import ConceptMonitor, InputMonitor

RESULTS = Path(__file__).parent / "results"
CLASSES = ["negative", "positive"]
#: Run length of the domain classifier alone, in texts, in the study of facts and bounds.
CLASSIFIER_RUN_LENGTH = 5_000
DEFAULT, CLASSROOM = 20_000, 2_000
REFERENCE_TEXTS, STREAM_TEXTS, CONCEPT_TEXTS = 1_500, 1_500, 1_200
REFERENCES = 12
_share_of_streams = 1.0
CLASSIFIER = "domain classifier"

#: What must hold: (lowest, highest).
BOUNDS = {
    "quiet film reviews: share of streams with an alarm": (0, STREAM_TEXTS / CLASSIFIER_RUN_LENGTH),
    "clothing in 30 % of film reviews: median delay": (0, 420),
    "clothing in 30 % of film reviews: share found": (1, 1),
    "clothing in all: median delay": (0, 130),
    "books to electronics: median delay": (0, 150),
    "long quiet streams: share with any alarm about data": (0, 0.5),
    "long quiet streams: share with any alarm about predictions": (0, 0.5),
    "months, April: share of deals with an alarm": (0, 0.1),
    "months, March: share of deals found": (0.95, 1),
    "100,000 texts: processor seconds": (0, 60),
    "reference of 2,000 film reviews: bytes": (0, 1_000_000),
    "concept: share of quiet streams with an alarm": (0, CONCEPT_TEXTS / CLASSIFIER_RUN_LENGTH),
}


class Pool(NamedTuple):
    """Texts as monitoring sees them, what they are and whether the film model is wrong about them."""

    texts: list[str]
    traits: list[TextTraits]
    scores: np.ndarray
    wrong: np.ndarray


@cache
def film_frame() -> pd.DataFrame:
    """14,000 different film reviews in a random order."""
    frame = pd.read_parquet(corpora_dir() / "reviews.parquet", columns=["review", "sentiment"])
    frame = frame.drop_duplicates("review").sample(14_000, random_state=0)
    return frame.assign(review=frame["review"].str.replace(r"<br\s*/?>", " ", regex=True))


@cache
def film_model() -> tuple[Any, Any]:
    """TF-IDF of single words of 3,000 film reviews."""
    frame = film_frame()[-3000:]
    vectorizer, classifier = TfidfVectorizer(min_df=2, sublinear_tf=True), LogisticRegression(C=10)
    return vectorizer, classifier.fit(vectorizer.fit_transform(frame["review"]), frame["sentiment"])


def pool(texts: list[str], truth: Iterable[str]) -> Pool:
    """Texts scored by the film model."""
    vectorizer, classifier = film_model()
    scores = classifier.predict_proba(vectorizer.transform(texts))
    labels = [CLASSES[best] for best in scores.argmax(axis=1)]
    traits = [text_traits(*each) for each in zip(texts, labels, scores, strict=True)]
    return Pool(texts, traits, scores, np.array(labels) != np.array(list(truth)))


@cache
def films() -> Pool:
    """11,000 film reviews that the model has not learned from."""
    frame = film_frame()[:-3000]
    return pool(frame["review"].tolist(), frame["sentiment"])


@cache
def clothing() -> Pool:
    """2,000 clothing reviews."""
    frame = pd.read_csv(corpora_dir() / "clothing.csv.gz").dropna(subset=["Review Text"])
    frame = frame.sample(2000, random_state=0)
    return pool(frame["Review Text"].tolist(), np.where(frame["Recommended IND"] == 1, *CLASSES[::-1]))


@cache
def amazon(domain: str) -> Pool:
    """2,000 product reviews."""
    frame = pd.read_csv(corpora_dir() / "amazon.csv.gz").query("domain == @domain").dropna(subset=["text"])
    return pool(frame["text"].astype(str).tolist(), frame["label"].astype(str))


@cache
def reference(number: int, source: str = "film", size: int = REFERENCE_TEXTS) -> tuple[Reference, np.ndarray]:
    """A random reference and the places of the texts that are in neither of its halves."""
    whole = films() if source == "film" else amazon(source)
    size = min(size, len(whole.texts) // 2)
    order = np.random.default_rng([1, number]).permutation(len(whole.texts))
    kept, known, rest = order[:size], order[size : 2 * size], order[2 * size :]
    return reference_of(
        [whole.traits[place] for place in kept], [whole.traits[place] for place in known]
    ), rest


def reference_of(rows: list[TextTraits], known: list[TextTraits]) -> Reference:
    """As ``make_reference`` makes it, of texts whose traits are there already."""
    counts, words = np.zeros(BUCKETS, np.uint16), Counter[str]()
    for each in known:
        counts[each.buckets] += 1
        words.update(each.words or [])
    told = [word for word, count in words.most_common(3000) if count >= 5]
    hashes = np.array([each.text_hash for each in [*rows, *known]], dtype=np.uint32)
    table = TableHashes(hashes, np.unique(hashes))
    return as_reference(CLASSES, rows, KnownWords(counts, len(known), told), table, same_model=True)


def mixed(
    base: list[TextTraits], other: Pool | None, share: float, rng: np.random.Generator
) -> list[TextTraits]:
    """A stream in which a share of the texts comes from elsewhere."""
    if other is None:
        return base
    places = rng.permutation(len(other.traits))
    return [
        other.traits[places[row % len(places)]] if rng.random() < share else one
        for row, one in enumerate(base)
    ]


def watch(monitor: InputMonitor, stream: Iterable[TextTraits], until: str | None = None) -> None:
    """Feed a stream; stop at an alarm of this quantity."""
    for number, traits in enumerate(stream, start=1):
        monitor.add(number, traits)
        if until and number % 10 == 0 and monitor.alarms[until] is not None:
            return


def streams(count: int) -> int:
    """How many of so many streams."""
    return max(2, round(_share_of_streams * count))


def film_streams(
    count: int, other: Pool | None, share: float, seed: int
) -> Iterator[tuple[int, list[TextTraits]]]:
    """Numbers of references and streams of film reviews."""
    for number in range(streams(count)):
        rng = np.random.default_rng([seed, number])
        rest = reference(number % REFERENCES)[1]
        base = [films().traits[place] for place in rng.permutation(rest)[:STREAM_TEXTS]]
        yield number % REFERENCES, mixed(base, other, share, rng)


def delays(found: list[int | None]) -> dict[str, Any]:
    """How many were found and after how many texts; an undetected one counts as infinitely late."""
    numbers = np.array([np.inf if each is None else each for each in found])
    return {
        "streams": len(found),
        "found": float(np.isfinite(numbers).mean()),
        "median": _finite(np.quantile(numbers, 0.5, method="higher")),
        "q90": _finite(np.quantile(numbers, 0.9, method="higher")),
    }


def _finite(number: float) -> float | None:
    return float(number) if np.isfinite(number) else None


def part_quiet() -> dict[str, Any]:
    """Film reviews against film reviews, all quantities."""
    found = []
    for number, stream in film_streams(150, None, 0.0, 2):
        monitor = InputMonitor(reference(number)[0], CLASSIFIER_RUN_LENGTH / 2, seed=number)
        watch(monitor, stream)
        found.append(monitor.alarms)
    names = list(found[0])
    return {
        "streams": len(found),
        "texts": STREAM_TEXTS,
        "data and prediction run length": CLASSIFIER_RUN_LENGTH / 2,
        "alarms": {name: float(np.mean([each[name] is not None for each in found])) for name in names},
    }


def part_changed() -> dict[str, Any]:
    """The domain classifier's delay on changed streams, at two run lengths."""
    kinds = {
        "clothing in 30 % of film reviews": (clothing(), 0.3),
        "clothing in 10 % of film reviews": (clothing(), 0.1),
        "clothing in all": (clothing(), 1.0),
        "electronics in 30 % of film reviews": (amazon("electronics"), 0.3),
        "books in 30 % of film reviews": (amazon("books"), 0.3),
    }
    results: dict[str, Any] = {}
    for name, (other, share) in kinds.items():
        for run_length in (CLASSIFIER_RUN_LENGTH / 2, DEFAULT):
            found = []
            for number, stream in film_streams(40, other, share, 3):
                monitor = InputMonitor(reference(number)[0], run_length, seed=number)
                watch(monitor, stream, CLASSIFIER)
                found.append(monitor.alarms[CLASSIFIER])
                words = monitor.report().words._asdict()
            results[f"{name}, run length {run_length:g}"] = delays(found) | {"words": words}
    for run_length in (CLASSIFIER_RUN_LENGTH / 2, DEFAULT):
        found = []
        for number in range(streams(40)):
            rng = np.random.default_rng([4, number])
            monitor = InputMonitor(reference(number % REFERENCES, "books")[0], run_length, seed=number)
            electronics = amazon("electronics").traits
            watch(monitor, (electronics[place] for place in rng.permutation(len(electronics))), CLASSIFIER)
            found.append(monitor.alarms[CLASSIFIER])
            words = monitor.report().words._asdict()
        results[f"books to electronics, run length {run_length:g}"] = delays(found) | {"words": words}
    return results


def part_long() -> dict[str, Any]:
    """Quiet streams over many rounds of a small reference: nothing may accumulate."""
    run_length, texts, size = 12_000, 6_000, 500
    found = []
    for number in range(streams(20)):
        made, rest = reference(number, size=size)
        monitor = InputMonitor(made, run_length, seed=number)
        order = np.random.default_rng([5, number]).permutation(rest)[:texts]
        watch(monitor, (films().traits[place] for place in order))
        report = monitor.report()
        found.append([report.verdict(kind) == "changed" for kind in ("data", "prediction")])
    data, prediction = np.mean(found, axis=0).tolist()
    return {
        "streams": len(found),
        "texts": texts,
        "reference": size,
        "run_length": run_length,
        "data": data,
        "prediction": prediction,
    }


def part_months() -> dict[str, Any]:
    """The bundled months, each alone against the reference, in many deals of halves and order."""
    frame = load_reviews("sample")
    month = frame["written_at"].astype(str).str[:7]
    old = frame[frame["split"] == "reference"]
    results: dict[str, Any] = {}
    for name in ("2026-03", "2026-04", "2026-05", "2026-06", "2026-07"):
        results[name] = {str(length): [] for length in (CLASSROOM, DEFAULT)}
    for deal in range(streams(25)):
        rng = np.random.default_rng([6, deal])
        order = rng.permutation(len(old))
        known, kept = old.iloc[order[: len(old) // 2]], old.iloc[order[len(old) // 2 :]]
        vectorizer, classifier = tfidf_parts(len(known))
        classifier.fit(vectorizer.fit_transform(known["review"]), known["sentiment"])
        scores = classifier.predict_proba(vectorizer.transform(kept["review"]))
        made = make_reference(
            CLASSES, kept["review"].tolist(), scores, np.zeros(len(kept)), known["review"].tolist(), seed=deal
        )
        for name, by_length in results.items():
            rows = frame[month == name].sample(frac=1, random_state=deal)
            answers = classifier.predict_proba(vectorizer.transform(rows["review"]))
            labels = np.array(CLASSES)[answers.argmax(axis=1)]
            stream = [text_traits(*each) for each in zip(rows["review"], labels, answers, strict=True)]
            for length, found in by_length.items():
                monitor = InputMonitor(made, float(length), seed=deal)
                watch(monitor, stream)
                report = monitor.report()
                first = [each.alarm_at for each in report.findings if each.kind == "data" and each.alarm_at]
                found.append(
                    {
                        "data": min(first, default=None),
                        "prediction": report.verdict("prediction") == "changed",
                        "words": report.words._asdict(),
                    }
                )
    return {
        name: {
            length: {
                **delays([each["data"] for each in found]),
                "prediction": float(np.mean([each["prediction"] for each in found])),
                "words": found[0]["words"],
            }
            for length, found in by_length.items()
        }
        for name, by_length in results.items()
    }


def part_speed() -> dict[str, Any]:
    """100,000 texts from text to verdict; memory after a tenth and at the end; size of a reference."""
    made, rest = reference(0, size=2_000)
    texts, scores = [films().texts[place] for place in rest], films().scores[rest]
    monitor = InputMonitor(made, DEFAULT)
    began, memory = time.process_time(), []
    count = round(_share_of_streams * 100_000)
    for number in range(1, count + 1):
        place = number % len(texts)
        label = CLASSES[int(scores[place].argmax())]
        monitor.add(number, text_traits(texts[place], label, scores[place]))
        if number in (count // 10, count):
            memory.append(most_megabytes())
    seconds = time.process_time() - began
    return {
        "texts": count,
        "processor seconds": seconds,
        "words a text": float(np.mean([len(text.split()) for text in texts])),
        "megabytes after a tenth": memory[0],
        "megabytes at the end": memory[1],
        "reference bytes": len(_as_json(made)),
    }


def most_megabytes() -> float | None:
    """The most memory that this process had; None on Windows, whose Python does not say."""
    try:
        import resource
    except ModuleNotFoundError:
        return None
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most / (1024 if sys.platform != "darwin" else 1 << 20)


def part_concept() -> dict[str, Any]:
    """Errors on inputs that look the same: quiet, other inputs only, and labels that mean something else."""
    kinds: dict[str, tuple[Pool | None, float, float]] = {
        "quiet": (None, 0.0, 0.0),
        "electronics in half of the texts": (amazon("electronics"), 0.5, 0.0),
        "+10 points of errors": (None, 0.0, 0.1),
        "+15 points of errors": (None, 0.0, 0.15),
        "+15 points among clothing in half": (clothing(), 0.5, 0.15),
    }
    error, results = float(films().wrong.mean()), {}
    for name, (other, share, flipped) in kinds.items():
        found, plain, weighted = [], [], []
        for number in range(streams(20)):
            rng = np.random.default_rng([7, number])
            made, rest = reference(number % REFERENCES)
            monitor = InputMonitor(made, DEFAULT, seed=number)
            concept = ConceptMonitor(error + 0.03, CLASSIFIER_RUN_LENGTH)
            errors = []
            for row, place in enumerate(rng.permutation(rest)[:CONCEPT_TEXTS], start=1):
                foreign = other is not None and rng.random() < share
                source = other if other is not None and foreign else films()
                place = int(rng.integers(len(source.texts))) if foreign else int(place)
                wrong = bool(source.wrong[place])
                if not foreign and rng.random() < flipped / (1 - 2 * error):
                    wrong = not wrong
                similarity = monitor.similarity(row, source.traits[place])
                monitor.add(row, source.traits[place])
                concept.add(wrong, similarity)
                errors.append(wrong)
            report = concept.report()
            found.append(report.alarm_at)
            plain.append(np.mean(errors))
            weighted.append(report.error)
        results[name] = delays(found) | {
            "error": float(np.mean(plain)),
            "error on alike": float(np.mean(weighted)),
        }
    return results | {"tolerance": error + 0.03}


def part_river() -> dict[str, Any]:
    """River's detectors, as they come, on the model's score for "positive", text by text."""
    from river import drift

    makers: dict[str, Callable[[], Any]] = {
        "ADWIN": drift.ADWIN,
        "KSWIN": lambda: drift.KSWIN(seed=0),
        "Page-Hinkley": drift.PageHinkley,
    }
    results: dict[str, Any] = {}
    for kind, other, share in (
        ("quiet", None, 0.0),
        ("clothing in 30 % of film reviews", clothing(), 0.3),
        ("clothing in all", clothing(), 1.0),
    ):
        scores = [
            [each.probabilities[1] / 10_000 for each in stream]
            for _, stream in film_streams(20, other, share, 8)
        ]
        for name, make in makers.items():
            found = []
            for number, stream in enumerate(scores):
                detector = make()
                calm = [films().scores[place, 1] for place in reference(number % REFERENCES)[1][:1000]]
                for value in calm:
                    detector.update(value)
                first = None
                for place, value in enumerate(stream, start=1):
                    detector.update(value)
                    if detector.drift_detected:
                        first = place
                        break
                found.append(first)
            results[f"{name}, {kind}"] = delays(found)
    return results


PARTS: dict[str, Callable[[], dict[str, Any]]] = {
    "quiet": part_quiet,
    "changed": part_changed,
    "long": part_long,
    "months": part_months,
    "speed": part_speed,
    "concept": part_concept,
    "river": part_river,
}


def measures(found: dict[str, Any]) -> dict[str, float]:
    """The numbers that have bounds."""
    changed = found["changed"]
    suffix = f", run length {CLASSIFIER_RUN_LENGTH / 2:g}"
    mixed_in = changed[f"clothing in 30 % of film reviews{suffix}"]
    months = found["months"]
    values = {
        "quiet film reviews: share of streams with an alarm": found["quiet"]["alarms"][CLASSIFIER],
        "clothing in 30 % of film reviews: median delay": mixed_in["median"],
        "clothing in 30 % of film reviews: share found": mixed_in["found"],
        "clothing in all: median delay": changed[f"clothing in all{suffix}"]["median"],
        "books to electronics: median delay": changed[f"books to electronics{suffix}"]["median"],
        "long quiet streams: share with any alarm about data": found["long"]["data"],
        "long quiet streams: share with any alarm about predictions": found["long"]["prediction"],
        "months, April: share of deals with an alarm": months["2026-04"][str(CLASSROOM)]["found"],
        "months, March: share of deals found": months["2026-03"][str(CLASSROOM)]["found"],
        "100,000 texts: processor seconds": 100_000
        / found["speed"]["texts"]
        * found["speed"]["processor seconds"],
        "reference of 2,000 film reviews: bytes": found["speed"]["reference bytes"],
        "concept: share of quiet streams with an alarm": found["concept"]["quiet"]["found"],
    }
    return {name: float("inf") if value is None else float(value) for name, value in values.items()}


def main() -> None:
    global _share_of_streams
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("parts", nargs="*", help=f"of {', '.join(PARTS)}; by default all")
    parser.add_argument("--share", type=float, default=1.0, help="of the streams, for a trial")
    arguments = parser.parse_args()
    asked = arguments.parts or list(PARTS)
    _share_of_streams = arguments.share
    path = RESULTS / "monitoring_inputs.json"
    found = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    for name in asked:
        began = time.perf_counter()
        found[name] = PARTS[name]()
        print(f"{name}: {time.perf_counter() - began:.0f} s", flush=True)
        atomic_write(path, json.dumps(found, indent=1) + "\n")
    if all(name in found for name in PARTS):
        atomic_write(RESULTS / "monitoring_inputs.md", page(found))


def page(found: dict[str, Any]) -> str:
    """All results for people."""
    quiet, changed, long, speed = (found[name] for name in ("quiet", "changed", "long", "speed"))
    concept = {name: value for name, value in found["concept"].items() if name != "tolerance"}
    values = measures(found)
    bounds = [
        [
            name,
            f"{values[name]:,.3g}",
            f"{low:g} to {high:,.3g}",
            "yes" if low <= values[name] <= high else "NO",
        ]
        for name, (low, high) in BOUNDS.items()
    ]
    months = [
        [month, length, share(each["found"]), texts(each["median"]), share(each["prediction"]), telling(each)]
        for month, by_length in found["months"].items()
        for length, each in by_length.items()
    ]
    parts = [
        "# Alarms about inputs, measured",
        "Made by `python -m benchmarks.monitoring_inputs`. A delay is the number of texts from the beginning "
        "of a stream, all of which is changed, to the alarm; the capital is looked at every ten texts. "
        "*Found* is the share of streams with an alarm. A run length of 2,500 for data drift is one of 5,000 "
        "for the domain classifier, which has half of it.",
        "## Bounds",
        table(["", "measured", "bound", "kept"], bounds),
        "## Quiet streams",
        f"{quiet['streams']} streams of {quiet['texts']:,} film reviews against {REFERENCES} references of "
        f"{REFERENCE_TEXTS:,} others. The bound on a quantity is its share of {quiet['texts']:,} / "
        f"{quiet['data and prediction run length']:,.0f}.",
        table(["quantity", "streams with an alarm"], [[n, share(v)] for n, v in quiet["alarms"].items()]),
        f"Over many rounds of {long['reference']} reference texts: {long['streams']} streams of "
        f"{long['texts']:,} reviews, run length {long['run_length']:,} (bound "
        f"{long['texts'] / long['run_length']:.0%}): {share(long['data'])} with an alarm "
        f"about data, {share(long['prediction'])} about predictions.",
        "## Changed streams: the domain classifier",
        table(
            ["stream", "streams", "found", "median delay", "nine in ten within", "telling words"],
            [
                [
                    name,
                    str(each["streams"]),
                    share(each["found"]),
                    texts(each["median"]),
                    texts(each["q90"]),
                    telling(each),
                ]
                for name, each in changed.items()
            ],
        ),
        "## The bundled months",
        f"Each month alone, 150 reviews in {found['months']['2026-04'][str(DEFAULT)]['streams']} "
        "orders; each time another half of the reference says which words are known and the other half is "
        "compared with.",
        table(
            ["month", "run length", "found", "median delay", "prediction drift", "telling words"],
            months,
        ),
        "## Concept drift",
        f"Errors of a film model on inputs that look the same, {concept['quiet']['streams']} streams of "
        f"{CONCEPT_TEXTS:,} labels, tolerance {found['concept']['tolerance']:.1%}, run length "
        f"{CLASSIFIER_RUN_LENGTH:,} labels. Where other inputs arrive and the model is bad at them, an alarm "
        "says that the classifier did not tell all of them apart.",
        table(
            ["stream", "error", "error on alike inputs", "found", "median delay"],
            [
                [
                    name,
                    share(each["error"]),
                    share(each["error on alike"]),
                    share(each["found"]),
                    texts(each["median"]),
                ]
                for name, each in concept.items()
            ],
        ),
        "## River's detectors",
        "As they come, on the model's score for *positive*, after 1,000 quiet reviews. They see scores, the "
        "domain classifier sees words.",
        table(
            ["detector and stream", "found", "median delay"],
            [[name, share(each["found"]), texts(each["median"])] for name, each in found["river"].items()],
        ),
        "## Cost",
        f"{speed['texts']:,} texts of {speed['words a text']:.0f} words on average, from text to verdict: "
        f"{speed['processor seconds']:.0f} s of one processor.{memory(speed)} A reference of 2,000 of them: "
        f"{speed['reference bytes'] / 1000:.0f} kB.",
    ]
    return "\n\n".join(parts) + "\n"


def memory(speed: dict[str, Any]) -> str:
    """A sentence, where it was measured."""
    if speed["megabytes at the end"] is None:
        return ""
    return (
        f" The process has {speed['megabytes after a tenth']:.0f} MB after a tenth of them and "
        f"{speed['megabytes at the end']:.0f} MB at the end, with all texts of this study in memory."
    )


def table(head: list[str], rows: list[list[str]]) -> str:
    """A table in Markdown."""
    lines = [head, [":--"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def share(number: float) -> str:
    return f"{number:.1%}" if 0 < number < 0.995 else f"{number:.0%}"


def texts(number: float | None) -> str:
    return "–" if number is None else f"{number:,.0f}"


def telling(each: dict[str, Any]) -> str:
    return ", ".join(each["words"]["new"][:5])


if __name__ == "__main__":
    main()
