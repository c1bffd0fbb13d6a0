"""Rows of the past through a running service, in the order of their dates; some labels come later."""

import heapq
import http.client
import json
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Self
from urllib.parse import urlsplit

import numpy as np

from workshop_utils.errors import WorkshopError
from workshop_utils.production.service.settings import MAX_TEXTS

#: Texts of one request, and their characters: the service counts a long text several times.
_BATCH, _CHARACTERS = MAX_TEXTS // 2, 200_000
_TRY_AGAIN = (429, 503, 504)
#: A connection that was idle for so many seconds may be closed by the service while it is used again.
_IDLE = 2.0
#: With these the service refuses a request whose text is at fault.
_REFUSED = (413, 422)


@dataclass(frozen=True, slots=True)
class StreamRow:
    """A text, what is true of it (None where nobody knows), and when it was written."""

    text: str
    label: str | None
    time: datetime


@dataclass(frozen=True, slots=True)
class AnsweredRow:
    """What the service answered to a row.

    Attributes:
        row: what was asked. label, probabilities: the answer, one probability for each class of the model.
        model_version, prediction_id: as the service names them.
        told: will people say what is true of it?
    """

    row: StreamRow
    label: str
    probabilities: tuple[float, ...]
    model_version: str
    prediction_id: str
    told: bool

    @property
    def correct(self) -> bool:
        """Is the answer what is true?"""
        return self.label == self.row.label


class ServiceReplay:
    """Asks a running service for the rows of a table and gives it some of their labels, as time passes.

    Time is that of the rows: before a batch is asked, the labels arrive that are due by its first row. Which
    rows get a label is drawn with the seed, row by row, so the same rows are drawn however they are divided.

    Args:
        url: of the service, such as ``http://127.0.0.1:8000``.
        token: of the service, for labels.
        label_share: of the rows with a label, so many are told, from 0 to 1.
        label_delay: so long after its row a label arrives.
        seed: of the drawing.
        labelled_by: who gives the labels, for the store.
        batch: texts of one request, at most.
        patience: seconds that a service may be busy or gone until that is an error.

    Attributes:
        refused: rows that the service does not take, such as a text of more than a megabyte, each with the
            reason. delivered: labels that the service has taken. unknown: labels that it refused, because
            its model has no such class. asked_again: requests that were sent once more.
    """

    def __init__(
        self,
        url: str,
        token: str,
        label_share: float = 1.0,
        label_delay: timedelta = timedelta(0),
        seed: int = 0,
        labelled_by: str = "replay",
        batch: int = _BATCH,
        patience: float = 60.0,
    ) -> None:
        if not 0 <= label_share <= 1 or label_delay < timedelta(0) or not 0 < batch <= MAX_TEXTS:
            raise WorkshopError(
                f"A share lies between 0 and 1, a delay is not negative, and a batch has 1 to {MAX_TEXTS} "
                "texts."
            )
        self._client = _Client(url, token, patience)
        self._share, self._delay, self._batch = label_share, label_delay, batch
        self._draw, self._by = np.random.default_rng(seed), labelled_by
        self._waiting: list[tuple[datetime, int, str, str]] = []
        self._rows = 0
        self.refused: list[tuple[StreamRow, str]] = []
        self.delivered = self.unknown = 0

    @property
    def asked_again(self) -> int:
        """Requests that were sent once more, because the service was busy or the connection had ended."""
        return self._client.asked_again

    @property
    def waiting(self) -> int:
        """Labels that are on their way."""
        return len(self._waiting)

    def answer(
        self, rows: Sequence[StreamRow], progress: Callable[[int], None] = lambda rows: None
    ) -> list[AnsweredRow]:
        """Let the service answer these rows, the oldest first, and tell it the labels that are due meanwhile.

        Args:
            rows: in the order of their times, none before those of an earlier call.
            progress: hears after each batch how many more rows were asked.

        Returns:
            All rows but the refused ones, in their order.

        Raises:
            WorkshopError: no service answers there, or it refuses the token.
        """
        found: list[AnsweredRow] = []
        for batch in _batches(rows, self._batch):
            self.deliver(batch[0].time)
            for row, answer in zip(batch, self._answers(batch), strict=True):
                self._rows += 1
                told = bool(self._draw.random() < self._share) and row.label is not None
                if answer is not None:
                    found.append(_answered(row, answer, told))
                    if told and row.label is not None:
                        due = _later(row.time, self._delay)
                        heapq.heappush(self._waiting, (due, self._rows, found[-1].prediction_id, row.label))
            progress(len(batch))
        return found

    def deliver(self, until: datetime | None = None) -> int:
        """Tell the labels that are due by then, all of them without a time; how many the service took."""
        taken = 0
        while self._waiting and (until is None or self._waiting[0][0] <= until):
            _, _, name, label = heapq.heappop(self._waiting)
            told = {"prediction_id": name, "label": label, "labelled_by": self._by}
            status, answer = self._client.post("/feedback", told)
            if status == 422:
                self.unknown += 1
            elif status != 200:
                raise _refusal("/feedback", status, answer)
            else:
                taken += 1
        self.delivered += taken
        return taken

    def wait_for(self, version: str, shadow: bool = False) -> float:
        """Wait until this version answers, or scores in the shadow; seconds that it took.

        Raises:
            WorkshopError: it does not, and why the service keeps another one.
        """
        began = time.monotonic()
        path, name = ("/info", "challenger_version") if shadow else ("/readyz", "model_version")
        while True:
            _, answer = self._client.get(path)
            if answer.get(name) == version:
                return time.monotonic() - began
            if time.monotonic() - began > self._client.patience:
                reasons = ("challenger_failure", "last_failure", "detail")
                why = next((answer[each] for each in reasons if answer.get(each)), "it gives no reason.")
                raise WorkshopError(f"The service does not answer with {version}: {why}")
            time.sleep(0.05)

    def close(self) -> None:
        """Close the connection; the end of a ``with`` block does so, too."""
        self._client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _answers(self, batch: Sequence[StreamRow]) -> list[dict[str, Any] | None]:
        """One for each row; None for a row that the service does not take."""
        status, answer = self._client.post("/predict/batch", {"text": [row.text for row in batch]})
        if status == 200:
            return list(answer["predictions"])
        if status in _REFUSED and len(batch) > 1:  # one text spoils the others' request
            return [each for row in batch for each in self._answers([row])]
        if status in _REFUSED:
            self.refused.append((batch[0], str(answer.get("detail", status))))
            return [None]
        raise _refusal("/predict/batch", status, answer)


class _Client:
    """One kept connection; a busy service is asked again."""

    def __init__(self, url: str, token: str, patience: float) -> None:
        parts = urlsplit(url)
        if parts.scheme != "http" or not parts.hostname:
            raise WorkshopError(f"{url!r} is no address of a service; write it as http://127.0.0.1:8000.")
        self._url, self.patience, self.asked_again = url, patience, 0
        self._used = time.monotonic()
        self._connection = http.client.HTTPConnection(parts.hostname, parts.port or 80, timeout=patience)
        self._headers = {"Content-Type": b"application/json", "Authorization": f"Bearer {token}".encode()}

    def get(self, path: str) -> tuple[int, dict[str, Any]]:
        return self._ask("GET", path, None, ())

    def post(self, path: str, value: Any) -> tuple[int, dict[str, Any]]:
        return self._ask("POST", path, json.dumps(value).encode("ascii"), _TRY_AGAIN)

    def _ask(
        self, method: str, path: str, body: bytes | None, again: Sequence[int]
    ) -> tuple[int, dict[str, Any]]:
        end = time.monotonic() + self.patience
        while True:
            try:
                status, answer = self._once(method, path, body)
                if status not in again or time.monotonic() > end:
                    return status, answer
                time.sleep(0.2)
            except (OSError, http.client.HTTPException) as error:
                if time.monotonic() > end:
                    raise WorkshopError(
                        f"No service answers at {self._url} any more ({error or type(error).__name__})."
                    ) from None
                time.sleep(0.05)
            self.asked_again += 1

    def close(self) -> None:
        self._connection.close()

    def _once(self, method: str, path: str, body: bytes | None) -> tuple[int, dict[str, Any]]:
        if time.monotonic() - self._used > _IDLE:
            self._connection.close()
        try:
            self._connection.request(method, path, body, self._headers)
            response = self._connection.getresponse()
            answer = json.loads(response.read())
            self._used = time.monotonic()
        except ValueError:
            raise WorkshopError(f"What answers at {self._url} is no service of this course.") from None
        except BaseException:
            self._connection.close()  # half an answer must not be taken for the next one
            raise
        return response.status, answer if isinstance(answer, dict) else {}


def _batches(rows: Iterable[StreamRow], most: int) -> Iterator[list[StreamRow]]:
    batch: list[StreamRow] = []
    characters = 0
    for row in rows:
        if batch and (len(batch) >= most or characters + len(row.text) > _CHARACTERS):
            yield batch
            batch, characters = [], 0
        batch.append(row)
        characters += len(row.text)
    if batch:
        yield batch


def _answered(row: StreamRow, answer: dict[str, Any], told: bool) -> AnsweredRow:
    shares: list[float] = []
    while (name := f"class_{len(shares)}_probability") in answer:
        shares.append(answer[name])
    return AnsweredRow(
        row, answer["label"], tuple(shares), answer["model_version"], answer["prediction_id"], told
    )


def _later(moment: datetime, delay: timedelta) -> datetime:
    try:
        return moment + delay
    except OverflowError:
        return datetime.max.replace(tzinfo=moment.tzinfo)


def _refusal(path: str, status: int, answer: dict[str, Any]) -> WorkshopError:
    detail = str(answer.get("detail") or answer.get("title") or "it gives no reason")
    return WorkshopError(f"The service answers {path} with {status}: {detail.rstrip('.')}.")
