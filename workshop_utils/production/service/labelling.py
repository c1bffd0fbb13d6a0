"""The page ``/label``: people say what is true about drawn texts, with one key a label."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from hashlib import sha256
from itertools import chain, repeat
from string import ascii_lowercase
from threading import BoundedSemaphore

from apiflask import APIBlueprint
from flask import Response, request

from workshop_utils.errors import WorkshopError
from workshop_utils.models.tokenization import well_formed
from workshop_utils.production.service.label_worth import LabelWorth, label_worth
from workshop_utils.production.service.loading import ModelSlot
from workshop_utils.production.service.pages import form_text, html_page, see_other
from workshop_utils.production.service.predicting import Predictor
from workshop_utils.production.service.problems import Problem, try_later
from workshop_utils.production.service.sessions import PageSession, SessionKeeper, refuse_other_sites
from workshop_utils.production.service.settings import ServiceSettings
from workshop_utils.production.service.signing_in import login_page
from workshop_utils.production.store import (
    SHADOW_SIZES,
    Draw,
    DrawSizes,
    Feedback,
    Store,
    StoreUnavailable,
    TextToLabel,
    UnknownPrediction,
    draw_texts,
    label_history,
    list_draws,
    skip_text,
    take_skip_back,
    texts_to_label,
)

#: One key for each label while there are some; ``s`` says "I cannot say", ``u`` takes the last answer back.
SKIP_KEY, UNDO_KEY = "s", "u"
LABEL_KEYS = "123456789" + "".join(key for key in ascii_lowercase if key not in (SKIP_KEY, UNDO_KEY))
#: People who label at the same time get different texts out of so many.
_SPREAD = 20
_SHOWN_CHARACTERS = 20_000
_AT_ONCE = 4
_DRAWS_SHOWN = 5


def label_routes(
    predictor: Predictor,
    settings: ServiceSettings,
    keeper: SessionKeeper,
    texts: Store | None,
    challenger: ModelSlot,
) -> APIBlueprint:
    """``/label``: what it shows, and the four things that one can do there.

    Args:
        predictor: takes the labels.
        settings: of the operator.
        keeper: knows who sits there.
        texts: the store, where the service keeps texts; None where it does not.
        challenger: the model in the shadow, if there is one.
    """
    routes = APIBlueprint("labelling", __name__, enable_openapi=False)
    desk = _Desk(texts, predictor.slot, challenger) if texts else None

    @routes.get("/label")
    def label_a_text() -> Response:
        return _desk_page(desk, keeper)

    @routes.post("/label")
    def label_this_text() -> Response:
        refuse_other_sites(request)
        session = keeper.read(request)
        if session is None or desk is None:
            return _desk_page(desk, keeper)
        try:
            match form_text(request, "action", settings.limits.body_bytes):
                case "draw":
                    desk.draw(session)
                case "undo":
                    _undo(session, predictor, desk)
                case "skip":
                    _skip(session, form_text(request, "prediction_id"), predictor, desk)
                case _:
                    given = (form_text(request, "prediction_id"), form_text(request, "label"))
                    _label(session, *given, predictor, desk)
        except Problem as problem:
            answer = _desk_page(desk, keeper, problem.detail, problem.status)
            answer.headers.update(problem.headers)
            return answer
        return keeper.write(request, see_other("/label"), session)

    return routes


class _Desk:
    """Reads the queue of drawn texts; not more than a few requests may wait for the database at once."""

    def __init__(self, store: Store, champion: ModelSlot, challenger: ModelSlot) -> None:
        self._store, self._room = store, BoundedSemaphore(_AT_ONCE)
        self._champion, self._challenger = champion, challenger

    def queue(self, session: PageSession) -> list[TextToLabel]:
        """The texts that this person is asked about next."""
        with self._reading():
            return texts_to_label(self._store, _SPREAD, session.name)

    def next_text(self, queue: list[TextToLabel], session: PageSession) -> TextToLabel | None:
        """The text for this person; first the one whose answer was just taken back."""
        again = [each for each in queue if each.prediction_id == session.again]
        if again or not queue:
            return again[0] if again else None
        return queue[int(sha256(session.name.encode("utf-8", "replace")).hexdigest(), 16) % len(queue)]

    def draws(self) -> list[Draw]:
        """How far each draw is."""
        with self._reading():
            return list_draws(self._store)

    def worth(self, queue: list[TextToLabel]) -> LabelWorth | None:
        """What the next labels are worth; None before a model answers."""
        champion, challenger = self._versions()
        if champion is None:
            return None
        with self._reading():
            return label_worth(self._store, champion, challenger, queue)

    def draw(self, session: PageSession) -> None:
        """Draw texts from what has come since; 422 where there is none, and nothing while some are open."""
        champion, challenger = self._versions()
        with self._reading():
            if texts_to_label(self._store, 1, session.name):
                return
            sizes = SHADOW_SIZES if challenger else DrawSizes()
            seed = len(list_draws(self._store))
            try:
                draw_texts(self._store, sizes, seed, model_version=champion, challenger=challenger)
            except StoreUnavailable:
                raise
            except WorkshopError as error:
                raise Problem(422, str(error)) from None

    def _versions(self) -> tuple[str | None, str | None]:
        """Of the model that answers, and of the one in its shadow."""
        champion, challenger = (
            None if slot.model is None else slot.model.version for slot in (self._champion, self._challenger)
        )
        return champion, challenger

    def skip(self, prediction_id: str, session: PageSession) -> None:
        """Put a text aside for this person."""
        with self._reading(), _known():
            skip_text(self._store, prediction_id, session.name)

    def take_skip_back(self, prediction_id: str, session: PageSession) -> bool:
        """False where this person had not skipped it."""
        with self._reading():
            return take_skip_back(self._store, prediction_id, session.name)

    def refuse_second_label(self, prediction_id: str, name: str) -> bool:
        """Two people may have had the same text before them; the first label stands.

        Returns:
            True where this person has labelled it.
        """
        with self._reading(), _known():
            history = label_history(self._store, prediction_id)
        has_label = bool(history) and history[-1].label is not None
        if has_label and history[-1].labelled_by != name:
            raise Problem(422, "Somebody else has labelled that text meanwhile; here is the next one.")
        return has_label

    @contextmanager
    def _reading(self) -> Iterator[None]:
        if not self._room.acquire(blocking=False):
            raise try_later(429, "Too many people ask for texts just now; try again in a second.", 1)
        try:
            yield
        except StoreUnavailable:
            raise try_later(503, "The store does not answer now.", 1) from None
        finally:
            self._room.release()


def _label(session: PageSession, prediction_id: str, label: str, predictor: Predictor, desk: _Desk) -> None:
    desk.refuse_second_label(prediction_id, session.name)
    predictor.add_feedback(Feedback(prediction_id, label, session.name))
    desk.take_skip_back(prediction_id, session)
    session.answered(prediction_id)


def _skip(session: PageSession, prediction_id: str, predictor: Predictor, desk: _Desk) -> None:
    if desk.refuse_second_label(prediction_id, session.name):  # back on the page of a text with a label
        predictor.add_feedback(Feedback(prediction_id, None, session.name))
    desk.skip(prediction_id, session)
    session.answered(prediction_id)


def _undo(session: PageSession, predictor: Predictor, desk: _Desk) -> None:
    if session.given:
        session.again = session.given.pop()
        skipped = desk.take_skip_back(session.again, session)
        if not skipped and desk.refuse_second_label(session.again, session.name):
            predictor.add_feedback(Feedback(session.again, None, session.name))


@contextmanager
def _known() -> Iterator[None]:
    """404 for a prediction that the store does not hold, or that was not drawn."""
    try:
        yield
    except UnknownPrediction as error:
        raise Problem(404, str(error)) from None


def _desk_page(desk: _Desk | None, keeper: SessionKeeper, message: str = "", status: int = 200) -> Response:
    session = keeper.read(request)
    if session is None:
        return login_page("/label", keeper)
    if desk is None:
        return html_page("label.html", 200, keeps_texts=False)
    text: TextToLabel | None = None
    draws: list[Draw] = []
    worth: LabelWorth | None = None
    try:
        queue = desk.queue(session)
        text = desk.next_text(queue, session)
        draws = desk.draws()
        worth = desk.worth(queue)
    except Problem as problem:
        message, status = message or problem.detail, problem.status if status == 200 else status
    return html_page(
        "label.html",
        status,
        keeps_texts=True,
        message=message,
        name=session.name,
        asked=text,
        text=well_formed(text.text[:_SHOWN_CHARACTERS]) if text else "",
        hidden=max(0, len(text.text) - _SHOWN_CHARACTERS) if text else 0,
        choices=label_choices(text.labels) if text else [],
        done=sum(draw.labelled for draw in draws),
        drawn=sum(draw.size for draw in draws),
        skipped=sum(draw.skipped for draw in draws),
        draws=draws[-_DRAWS_SHOWN:],
        worth=worth.sentences if worth else (),
        skip_key=SKIP_KEY,
        undo_key=UNDO_KEY if session.given else "",
    )


def label_choices(labels: Sequence[str]) -> list[tuple[str, str, str]]:
    """Key, value and shown name of each label; labels beyond the keys have buttons only."""
    keys = chain(LABEL_KEYS, repeat(""))
    return [(key, label, well_formed(label)) for key, label in zip(keys, labels, strict=False)]
