"""The bundle: the unit that is registered, promoted and served. A folder of ONNX and JSON, nothing else.

Loading and scoring need ONNX Runtime and ``tokenizers``, and none of the frameworks that train.
``model.onnx`` takes ids of shape (batch, length) and answers with probabilities of shape (batch, classes).

**Each text is scored alone**, on one thread, as many texts side by side as there are cores. An int8 model
scales what it is given, so in a shared batch a score would depend on its neighbours; alone, the same text
gets the same score to the last bit, and nothing is spent on padding. Shown in lesson 11.
"""

import json
import os
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from tokenizers import Tokenizer

from workshop_utils.errors import WorkshopError
from workshop_utils.models.bundle.card import CARD, Card, is_litter, parse_card, read_card_file, read_file
from workshop_utils.models.bundle.cores import usable_cores
from workshop_utils.models.bundle.explain import Explanation, leave_one_out
from workshop_utils.models.tokenization import TextEncoder, as_texts

if TYPE_CHECKING:
    import onnxruntime as ort

_DTYPES = {"tensor(int64)": np.int64, "tensor(int32)": np.int32, "tensor(float)": np.float32}
_SLOWER = ["SkipLayerNormFusion"]  # one operator in place of two, and a tenth slower: benchmarks/runtimes
_PICKLES = (".pkl", ".pickle", ".joblib", ".pt", ".pth", ".bin")


class Scores(NamedTuple):
    """Probabilities, float32 of shape (n, classes), and which of the n texts were truncated, bool of (n,)."""

    probabilities: np.ndarray
    truncated: np.ndarray


class TimedScore(NamedTuple):
    """One text, scored: probabilities, float32 of shape (classes,), and where the time went, in seconds."""

    probabilities: np.ndarray
    truncated: bool
    tokenise_seconds: float
    infer_seconds: float


class Bundle:
    """A verified model that scores texts; safe to use from many threads at once. Made by :meth:`load`.

    Attributes:
        card: what the bundle says of itself. sha256: of its card, which holds those of all other files.
        threads: texts scored side by side.
    """

    def __init__(
        self,
        card: Card,
        card_sha256: str,
        session: "ort.InferenceSession",
        tokenizer: Tokenizer,
        threads: int,
    ) -> None:
        self.card, self.sha256, self.threads = card, card_sha256, threads
        self._session = session
        self._encode = TextEncoder(tokenizer, card.max_length, card.truncation, card.padding)
        self._input = session.get_inputs()[0]
        self._pools: dict[int, ThreadPoolExecutor] = {}

    @classmethod
    def load(cls, path: str | Path, threads: int | None = None) -> "Bundle":
        """Open a folder after every file in it has been verified against its card.

        Args:
            path: the folder.
            threads: texts scored side by side; by default one per core that this process may use.

        Raises:
            WorkshopError: a file is missing, damaged, a link, a pickle or not named by the card, the format
                is foreign, or the model's answers do not fit the labels.
        """
        folder = Path(path).resolve()
        card_file, card, content = _read_whole(folder)
        try:
            tokenizer = Tokenizer.from_buffer(content["tokenizer.json"])
            session = _session(content["model.onnx"], folder)
            number = sha256(card_file).hexdigest()
            bundle = cls(card, number, session, tokenizer, threads or usable_cores())
            answer = bundle._run("a")[0]
        except Exception as error:
            raise WorkshopError(
                f"{folder.name} holds no model that can be run: {_first_line(error)}."
            ) from error
        if not np.isfinite(answer).all():
            raise WorkshopError(f"{folder.name} answers with numbers that are not finite.")
        if answer.shape != (len(card.labels),):
            raise WorkshopError(
                f"{folder.name} answers with {answer.size} classes; its card has {len(card.labels)} labels."
            )
        return bundle

    @property
    def labels(self) -> list[str]:
        """Names of the classes, in the order of the columns of the probabilities."""
        return self.card.labels

    def score(self, texts: Iterable[str]) -> Scores:
        """Class probabilities of each text, and which texts were longer than the model reads.

        Any string is answered: empty, without a letter, with lone surrogates, a megabyte long.

        Raises:
            TypeError: a single string, a whole table, or an entry that is no string.
        """
        listed = as_texts(texts)
        probabilities = np.empty((len(listed), len(self.labels)), dtype=np.float32)
        truncated = np.zeros(len(listed), dtype=bool)

        def run(part: slice) -> None:
            for row in range(part.start, part.stop):
                probabilities[row], truncated[row] = self._run(listed[row])

        parts = list(_parts(len(listed), self.threads))
        if len(parts) < 2:
            for part in parts:
                run(part)
        else:
            list(self._pool().map(run, parts))
        return Scores(probabilities, truncated)

    def score_timed(self, text: str) -> TimedScore:
        """The same for one text, to the last bit, with the time that its two steps took."""
        began = time.perf_counter()
        ids, truncated = self._encode(text)
        encoded = time.perf_counter()
        return TimedScore(self._infer(ids), truncated, encoded - began, time.perf_counter() - encoded)

    def truncates(self, texts: Iterable[str]) -> np.ndarray:
        """Which texts are longer than the model reads, bool of shape (n,), without scoring them."""
        return np.array([self._encode(text)[1] for text in as_texts(texts)], dtype=bool)

    def predict_proba(self, texts: Iterable[str]) -> np.ndarray:
        """Class probabilities, float32 of shape (n, classes); each row sums to 1."""
        return self.score(texts).probabilities

    def predict(self, texts: Iterable[str]) -> list[str]:
        """The most probable label of each text."""
        return [self.labels[best] for best in self.predict_proba(texts).argmax(axis=1)]

    def explain(self, text: str, limit: int = 100) -> Explanation:
        """Which words carried the answer; a word weighs what the winning probability loses without it."""
        return leave_one_out(self.predict_proba, self.labels, text, limit)

    def _pool(self) -> ThreadPoolExecutor:
        """The threads of this process; a forked child has none of its parent's."""
        process = os.getpid()
        if process not in self._pools:
            self._pools.setdefault(process, ThreadPoolExecutor(self.threads, thread_name_prefix="score"))
        return self._pools[process]

    def _run(self, text: str) -> tuple[np.ndarray, bool]:
        ids, truncated = self._encode(text)
        return self._infer(ids), truncated

    def _infer(self, ids: np.ndarray) -> np.ndarray:
        feed = {self._input.name: ids.astype(_DTYPES[self._input.type])}
        return np.asarray(self._session.run(None, feed)[0])[0]


def _read_whole(folder: Path, tries: int = 5) -> tuple[bytes, Card, dict[str, bytes]]:
    """Card and files of one state of the folder; read again where it is replaced in between."""
    card_file = read_card_file(folder)
    try:
        card = parse_card(folder, card_file)
        _refuse_strangers(folder, card)
        content = {name: read_file(folder, card, name) for name in sorted(card.sha256)}
        _refuse_what_is_no_json(folder, content)
    except (WorkshopError, FileNotFoundError):
        if tries > 1 and read_card_file(folder) != card_file:
            return _read_whole(folder, tries - 1)
        raise
    return card_file, card, content


def _session(model: bytes, folder: Path) -> "ort.InferenceSession":
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    # a model may keep weights in other files: in its own, verified folder only, not where we happen to be
    options.add_session_config_entry("session.model_external_initializers_file_folder_path", str(folder))
    return ort.InferenceSession(
        model, options, providers=["CPUExecutionProvider"], disabled_optimizers=_SLOWER
    )


def _refuse_strangers(folder: Path, card: Card) -> None:
    """Only the card, and ONNX and JSON files that it names."""
    found = {path.name for path in folder.iterdir() if path.name != CARD and not is_litter(path.name)}
    names = sorted(found | card.sha256.keys())
    for name in names:
        if name.endswith(_PICKLES):
            raise WorkshopError(
                f"{folder.name}/{name} can run foreign code when it is opened; "
                "a bundle holds only ONNX and JSON."
            )
    if "model.onnx" not in card.sha256:
        raise WorkshopError(f"{folder.name} has no model.onnx yet; make a bundle of it first.")
    if "tokenizer.json" not in card.sha256:
        raise WorkshopError(f"{folder.name}/tokenizer.json is missing or damaged; run its lesson again.")
    for name in names:
        if name not in card.sha256 or not name.endswith((".onnx", ".json")):
            raise WorkshopError(f"{folder.name}/{name} does not belong into a bundle of ONNX and JSON.")


def _refuse_what_is_no_json(folder: Path, content: dict[str, bytes]) -> None:
    for name, text in content.items():
        if name.endswith(".json"):
            try:
                json.loads(text)
            except ValueError:
                raise WorkshopError(f"{folder.name}/{name} is no JSON; run its lesson again.") from None


def _parts(count: int, threads: int) -> Iterator[slice]:
    """Slices of at most 16 texts, small enough that no thread waits long for another."""
    size = max(1, min(16, count // (4 * threads))) if threads > 1 else max(1, count)
    return (slice(start, min(start + size, count)) for start in range(0, count, size))


def _first_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0].split(". ")[0][:200].rstrip(".")
