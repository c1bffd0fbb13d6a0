"""The bundle: the unit that is registered, promoted and served. A folder of ONNX and JSON, nothing else.

Loading and scoring need ONNX Runtime and ``tokenizers``, and none of the frameworks that train.
``model.onnx`` takes ids of shape (batch, length) and answers with probabilities of shape (batch, classes).

**Each text is scored alone**, on one thread, as many texts side by side as there are cores. An int8 model
scales what it is given, so in a shared batch a score would depend on its neighbours; alone, the same text
gets the same score to the last bit, and nothing is spent on filling. Shown in lesson 11.
"""

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

import numpy as np
import onnxruntime as ort
from tokenizers import Tokenizer

from workshop_utils.data.errors import WorkshopError
from workshop_utils.models.card import CARD, Card, read_card, read_file
from workshop_utils.models.explain import Explanation, leave_one_out
from workshop_utils.models.reader import Reader

_NUMBERS = {"tensor(int64)": np.int64, "tensor(int32)": np.int32, "tensor(float)": np.float32}
_PICKLES = (".pkl", ".pickle", ".joblib", ".pt", ".pth", ".bin")


class Scores(NamedTuple):
    """Probabilities float32 of shape (n, classes), and which of the n texts were cut, bool of shape (n,)."""

    probabilities: np.ndarray
    truncated: np.ndarray


class Bundle:
    """A verified model that scores texts; safe to use from many threads at once. Made by :meth:`load`."""

    def __init__(self, card: Card, session: ort.InferenceSession, tokenizer: Tokenizer, threads: int):
        self.card, self.threads = card, threads
        self._session, self._read = session, Reader(tokenizer, card)
        self._input = session.get_inputs()[0]
        self._number = _NUMBERS.get(self._input.type)

    @classmethod
    def load(cls, path: str | Path, threads: int | None = None) -> "Bundle":
        """Open a folder after every file in it has been verified against its card.

        Args:
            threads: texts scored side by side; by default one per core that this process may use.

        Raises:
            WorkshopError: a file is missing, damaged, a link, a pickle or not named by the card, the format
                is foreign, or the model's answers do not fit the labels.
        """
        folder = Path(path).resolve()
        card = read_card(folder)
        _refuse_strangers(folder, card)
        content = {name: read_file(folder, card, name) for name in ("model.onnx", "tokenizer.json")}
        for name in card.sha256.keys() - content.keys():
            read_file(folder, card, name)
        try:
            tokenizer = Tokenizer.from_buffer(content["tokenizer.json"])
            bundle = cls(card, _session(content["model.onnx"], folder), tokenizer, threads or _cores())
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
        bundle.sha256 = sha256((folder / CARD).read_bytes()).hexdigest()
        return bundle

    @property
    def labels(self) -> list[str]:
        """Names of the classes, in the order of the columns of the probabilities."""
        return self.card.labels

    def score(self, texts: Sequence[str]) -> Scores:
        """Class probabilities of each text, and which texts were longer than the model reads.

        Any string is answered: empty, without a letter, with lone surrogates, a megabyte long.
        """
        if isinstance(texts, str):
            raise TypeError("Scoring takes a list of texts; put a single text into one.")
        probabilities = np.empty((len(texts), len(self.labels)), dtype=np.float32)
        truncated = np.zeros(len(texts), dtype=bool)

        def run(part: slice) -> None:
            for row in range(part.start, part.stop):
                probabilities[row], truncated[row] = self._run(texts[row])

        parts = list(_parts(len(texts), self.threads))
        if len(parts) < 2:
            for part in parts:
                run(part)
        else:
            list(self._pool.map(run, parts))
        return Scores(probabilities, truncated)

    def predict_proba(self, texts: Sequence[str]) -> np.ndarray:
        """Class probabilities, float32 of shape (n, classes); each row sums to 1."""
        return self.score(texts).probabilities

    def predict(self, texts: Sequence[str]) -> list[str]:
        """The most probable label of each text."""
        return [self.labels[best] for best in self.predict_proba(texts).argmax(axis=1)]

    def explain(self, text: str, limit: int = 100) -> Explanation:
        """Which words carried the answer; a word weighs what the winning probability loses without it."""
        return leave_one_out(self.predict_proba, self.labels, text, limit)

    @cached_property
    def _pool(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(self.threads, thread_name_prefix="score")

    def _run(self, text: str) -> tuple[np.ndarray, bool]:
        ids, cut = self._read(text)
        answer = self._session.run(None, {self._input.name: ids.astype(self._number)})[0]
        return answer[0], cut


def _session(model: bytes, folder: Path) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.enable_cpu_mem_arena = False  # the arena would keep the memory of the longest text for ever
    options.log_severity_level = 4
    # a model may keep weights in other files: in its own, verified folder only, not where we happen to be
    options.add_session_config_entry("session.model_external_initializers_file_folder_path", str(folder))
    return ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def _refuse_strangers(folder: Path, card: Card) -> None:
    """Only the card, and ONNX and JSON files that it names."""
    found = {path.name: path for path in folder.iterdir() if path.name != CARD}
    for name in sorted(found.keys() | card.sha256.keys()):
        if name.endswith(_PICKLES) or _is_pickle(folder / name):
            said = "can run foreign code when it is opened; a bundle holds only ONNX and JSON"
            raise WorkshopError(f"{folder.name}/{name} {said}.")
    if "model.onnx" not in card.sha256:
        raise WorkshopError(f"{folder.name} has no model.onnx yet; make a bundle of it first.")
    for name in sorted(found.keys() | card.sha256.keys()):
        if name not in card.sha256 or not name.endswith((".onnx", ".json")):
            raise WorkshopError(f"{folder.name}/{name} does not belong into a bundle of ONNX and JSON.")


def _is_pickle(path: Path) -> bool:
    """Protocol 2 and later begin with these two bytes; neither JSON nor ONNX does."""
    if path.is_symlink() or not path.is_file():
        return False
    with path.open("rb") as file:
        start = file.read(2)
    return len(start) == 2 and start[0] == 0x80 and 2 <= start[1] <= 5


def _parts(count: int, threads: int) -> Iterator[slice]:
    """Slices of at most 16 texts, small enough that no thread waits long for another."""
    size = max(1, min(16, count // (4 * threads))) if threads > 1 else max(1, count)
    return (slice(start, min(start + size, count)) for start in range(0, count, size))


def _cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _first_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0].split(". ")[0][:200].rstrip(".")
