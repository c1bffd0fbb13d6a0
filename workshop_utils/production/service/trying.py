"""The page ``/``: try a text, see the probabilities and the words that mattered. It needs no JavaScript."""

from apiflask import APIBlueprint
from flask import Response, g, request

from workshop_utils.models.bundle.explain import Explanation
from workshop_utils.models.tokenization import well_formed
from workshop_utils.production.service.pages import form_text, html_page
from workshop_utils.production.service.predicting import Predictor
from workshop_utils.production.service.problems import Problem
from workshop_utils.production.service.sessions import SessionKeeper, refuse_other_sites
from workshop_utils.production.service.settings import ServiceSettings
from workshop_utils.production.service.signing_in import login_page
from workshop_utils.production.store import Prediction

EXAMPLES = (
    "I love this product!",
    "It broke on the first day, and nobody answered my letters.",
    "Not bad at all, although the box was damaged. Would buy again.",
)
_WORDS_IN_TABLE = 10
_SHADES = 4


def try_routes(predictor: Predictor, settings: ServiceSettings, keeper: SessionKeeper) -> APIBlueprint:
    """``/``; where /predict needs the token, this page does, too."""
    routes = APIBlueprint("trying", __name__, enable_openapi=False)

    def may_not() -> bool:
        return settings.predict_needs_token and keeper.read(request) is None

    def shown(status: int = 200, **values: object) -> Response:
        return html_page("try.html", status, examples=EXAMPLES, **values)

    @routes.get("/")
    def try_a_text() -> Response:
        return login_page("/", keeper) if may_not() else shown()

    @routes.post("/")
    def try_this_text() -> Response:
        refuse_other_sites(request)
        if may_not():
            return login_page("/", keeper)
        text = form_text(request, "text", settings.limits.body_bytes)
        if not text.strip():
            return shown(422, message="There is no text yet: type one, or take an example.")
        try:
            prediction = predictor.predict([text], "/", g.request_id, g.arrived)[0]
        except Problem as problem:
            answer = shown(problem.status, text=text, message=problem.detail)
            answer.headers.update(problem.headers)
            return answer
        explanation, reason = predictor.weigh_words(prediction, g.arrived)
        return shown(
            text=text,
            prediction=prediction,
            bars=_bars(prediction),
            words=_shaded(explanation) if explanation else [],
            heaviest=_heaviest(explanation) if explanation else [],
            note=explanation.note if explanation else reason,
        )

    return routes


def _bars(prediction: Prediction) -> list[tuple[str, float]]:
    """Labels and their probabilities, the largest first."""
    pairs = [
        (well_formed(label), share)
        for label, share in zip(prediction.labels, prediction.probabilities, strict=True)
    ]
    return sorted(pairs, key=lambda pair: -pair[1])


def _shaded(explanation: Explanation) -> list[tuple[str, float, str]]:
    """Each word with its weight and a class for the style sheet: ``for-1`` to ``against-4``, or none."""
    heaviest = max((abs(weight) for _, weight in explanation.words), default=0.0) or 1.0
    shaded = []
    for word, weight in explanation.words:
        shade = round(_SHADES * abs(weight) / heaviest)
        kind = f"{'for' if weight > 0 else 'against'}-{shade}" if shade else ""
        shaded.append((well_formed(word), weight, kind))
    return shaded


def _heaviest(explanation: Explanation) -> list[tuple[str, float]]:
    """The words with the largest weights, for and against."""
    found = sorted(explanation.words, key=lambda pair: -abs(pair[1]))[:_WORDS_IN_TABLE]
    return [(well_formed(word), weight) for word, weight in found if weight]
