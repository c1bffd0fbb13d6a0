"""What people see of the service in a browser: a text tried, texts labelled, and nobody else's form taken."""

import html
import re
import shutil
from urllib.parse import urlencode

import numpy as np
import pytest
from typer.testing import CliRunner

from tests.bundles import HOSTILE, tfidf_bundle, tfidf_of
from tests.predicted import prediction
from tests.server import Behaviour, serve
from tests.serving import TOKEN, running
from workshop_utils.cli import app, production
from workshop_utils.errors import WorkshopError
from workshop_utils.models.bundle import Bundle
from workshop_utils.production.service.finding import labelling_page
from workshop_utils.production.service.labelling import LABEL_KEYS, SKIP_KEY, UNDO_KEY, label_choices
from workshop_utils.production.service.loading import LoadedModel
from workshop_utils.production.service.sessions import COOKIE
from workshop_utils.production.store import (
    Recorder,
    ShadowAnswer,
    add_predictions,
    label_history,
    labelled,
    list_draws,
    open_store,
    skipped_texts,
    texts_to_label,
)

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
SCRIPT = "<script>alert('x')</script> & \"quoted\" <img src=x onerror=alert(1)> great product"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return tfidf_bundle(tmp_path_factory.mktemp("pages") / "reviews")


@pytest.fixture
def store(tmp_path):
    return open_store(f"sqlite:///{tmp_path / 'store.db'}")


@pytest.fixture
def recorder(store):
    return Recorder(store, store_texts=True)


@pytest.fixture
def service(made, recorder):
    with running(made, recorder) as (client, _):
        yield client


@pytest.fixture(scope="module")
def plain(made):
    """A service that keeps nothing."""
    with running(made) as (client, _):
        yield client


def send(client, path, headers=None, **fields):
    return client.request("POST", path, urlencode(fields).encode(), FORM | (headers or {}))


def log_in(client, name="anna", token=TOKEN):
    answer = send(client, "/session", token=token, name=name, next="/label")
    assert answer.status == 303 and answer.headers["Location"] == "/label"
    return cookie_of(answer)


def cookie_of(answer):
    return {"Cookie": answer.headers["Set-Cookie"].split(";")[0]}


def keep(recorder, client, *texts):
    """Have texts classified, and wait until they are in the store."""
    for text in texts:
        assert client.predict(text).status == 200
    assert recorder.flush(60)


# --- trying a text


def test_a_text_is_answered_without_javascript_with_every_class_and_its_words(plain, made):
    page = send(plain, "/", text="I love this product, it is great")
    text = page.body.decode()
    shares = Bundle.load(made).predict_proba(["I love this product, it is great"])[0]
    assert page.status == 200 and "<script" not in text
    for label, share in zip(Bundle.load(made).labels, shares, strict=True):
        assert f"<bdi>{label}</bdi>" in text and f"{share * 100:.1f} %" in text
    assert re.search(r'class="word for-4">(love|great)<', text)


def test_a_words_weight_is_what_the_logit_loses_without_it(plain, made):
    bundle = Bundle.load(made)
    whole, without = bundle.predict_proba(["I love this", "I  this"]).astype(float)
    best = whole.argmax()
    expected = np.log(whole[best] / (1 - whole[best])) - np.log(without[best] / (1 - without[best]))
    text = send(plain, "/", text="I love this").body.decode().replace("−", "-")
    shown = re.search(r"<td><bdi>love</bdi></td><td class=\"number\">(\S+)</td>", text)[1]
    assert float(shown) == pytest.approx(expected, abs=0.006)


def test_a_truncated_text_says_so(made):
    with running(made) as (client, service):
        bundle = service.slot.model.bundle
        score = bundle.score_timed
        bundle.score_timed = lambda text: score(text)._replace(truncated=len(text) > 10)
        assert "longer than what this model reads" in send(client, "/", text="so very long").body.decode()
        assert "longer than what this model reads" not in send(client, "/", text="short").body.decode()


@pytest.mark.parametrize("text", [*HOSTILE, SCRIPT, "x " * 5000], ids=range(len(HOSTILE) + 2))
def test_any_text_is_shown_as_text(plain, text):
    text = text.encode("utf-8", "replace").decode()
    page = send(plain, "/", text=text)
    assert page.status == (200 if text.strip() else 422)
    shown = page.body.decode()
    assert "<script" not in shown and "<img" not in shown and "onerror=alert(1)>" not in shown
    area = re.search(r"(?s)<textarea[^>]*>\n(.*?)</textarea>", shown)[1]
    assert html.unescape(area) == html.unescape(html.escape(text)) or not text.strip()


def test_a_service_that_has_too_much_to_do_says_so_on_the_page(made):
    with running(made) as (client, service):
        service.slot.model = None
        page = send(client, "/", text="a text")
        assert page.status == 503 and page.headers["Retry-After"]
        assert 'role="alert">No model answers yet' in page.body.decode()


@pytest.mark.parametrize("path", ["/", "/label", "/docs"])
def test_a_page_loads_nothing_from_elsewhere_and_allows_nothing_inline(plain, path):
    page = plain.get(path)
    text, policy = page.body.decode(), page.headers["Content-Security-Policy"]
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in policy and "unsafe" not in policy
    assert "style=" not in text and "<style" not in text and not re.search(r"\son\w+=", text)
    assert not re.search(r"""(src|href|action)=["'](https?:)?//""", text)
    for file in re.findall(r'(?:src|href)="(/static/[^"]+)"', text):
        assert plain.get(file).status == 200


# --- the token


def test_beyond_this_machine_the_page_needs_the_token_unless_it_is_open(made):
    with running(made, host="0.0.0.0") as (client, _):
        assert client.get("/").status == 403
        assert send(client, "/", text="I love it").status == 403
        cookie = log_in(client)
        assert "I love it" in send(client, "/", cookie, text="I love it").body.decode()
    with running(made, host="0.0.0.0", open_to_all=True) as (client, _):
        assert send(client, "/", text="I love it").status == 200


def test_a_service_without_a_token_lets_nobody_label_and_says_why(made, store):
    with running(made, Recorder(store, store_texts=True), token=None) as (client, _):
        page = client.get("/label")
        assert page.status == 403 and "WORKSHOP_TOKEN" in page.body.decode()
        for token in ("", "None", TOKEN):
            assert send(client, "/session", token=token, name="anna").status == 403


def test_the_cookie_is_closed_to_scripts_and_other_sites_and_does_not_hold_the_token(plain):
    answer = send(plain, "/session", token=TOKEN, name="anna", next="https://elsewhere.example/")
    cookie = answer.headers["Set-Cookie"]
    assert answer.headers["Location"] == "/", "it goes to no other place than its own pages"
    assert "HttpOnly" in cookie and "SameSite=Strict" in cookie and TOKEN not in cookie


def test_a_wrong_token_and_a_forged_cookie_are_refused(plain):
    wrong = send(plain, "/session", token="wrong", name="anna", next="/label")
    assert wrong.status == 403 and "Set-Cookie" not in wrong.headers
    value = log_in(plain)["Cookie"]
    forged = [value + "x", f"{COOKIE}=", f"{COOKIE}={TOKEN}", value.replace("=", "=W10", 1)]
    assert [plain.get("/label", {"Cookie": each}).status for each in forged] == [403] * 4
    assert plain.get("/label", {"Cookie": value}).status == 200


def test_the_cookie_opens_no_route_of_the_api(service):
    answer = service.post("/feedback", {"prediction_id": "a", "label": "b"}, log_in(service))
    assert answer.status == 403


@pytest.mark.parametrize("path", ["/", "/label", "/session"])
@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://elsewhere.example"},
        {"Origin": "null"},
    ],
)
def test_another_sites_form_is_refused(service, path, headers):
    answer = send(service, path, log_in(service) | headers, text="a", token=TOKEN, name="a", action="draw")
    assert answer.status == 403 and "own pages" in answer.json["detail"]


def test_our_own_form_is_taken(service):
    origin = {"Origin": f"http://{service.host}:{service.port}"}
    for headers in ({"Sec-Fetch-Site": "same-origin"}, origin):
        assert send(service, "/", headers, text="a text").status == 200


# --- labelling


def asked(page):
    """The prediction that a page asks for."""
    found = re.search(r'name="prediction_id" value="(\w+)"', page.body.decode())
    return found and found[1]


def test_without_texts_in_the_store_the_page_says_what_to_do(made, store, plain):
    assert "--store-texts" in plain.get("/label", log_in(plain)).body.decode()
    with running(made, Recorder(store)) as (client, _):
        cookie = log_in(client)
        assert "--store-texts" in client.get("/label", cookie).body.decode()
        assert send(client, "/label", cookie, action="draw").status == 200


def test_a_label_is_kept_with_who_gave_it_and_the_probability_of_its_draw(service, recorder, store):
    keep(recorder, service, *(f"text number {n}" for n in range(200)))
    cookie = log_in(service, "Anna Müller")
    assert send(service, "/label", cookie, action="draw").status == 303
    page = service.get("/label", cookie)
    name = asked(page)
    (waiting,) = [each for each in texts_to_label(store, 200) if each.prediction_id == name]
    assert waiting.text in page.body.decode() and 0 < waiting.probability < 1
    assert f'id="probability">{waiting.probability:.4g}<' in page.body.decode()
    assert send(service, "/label", cookie, prediction_id=name, label="positive").status == 303
    (given,) = label_history(store, name)
    assert (given.label, given.labelled_by) == ("positive", "Anna Müller")
    assert (given.part, given.drawing_probability) == (waiting.part, waiting.probability)
    assert "1 of " in service.get("/label", cookie).body.decode()


def worth(page):
    """What the page says the next labels are worth."""
    return html.unescape(re.search(r'(?s)<div id="worth">(.*?)</div>', page.body.decode())[1]).replace(
        "\xa0", " "
    )


def test_the_page_says_what_the_next_labels_are_worth(service, recorder, store):
    keep(recorder, service, *(f"text number {n}" for n in range(12)))
    cookie = log_in(service)
    told = [worth(service.get("/label", cookie))]
    cookie = cookie_of(send(service, "/label", cookie, action="draw"))
    for _ in range(3):
        name = asked(service.get("/label", cookie))
        cookie = cookie_of(send(service, "/label", cookie, prediction_id=name, label="positive"))
        told.append(worth(service.get("/label", cookie)))
    assert "Nobody knows yet how often the model is right" in told[0] and "20 labels tell it" in told[0]
    assert "By 3 labels the model is right" in told[3] and "9 more labels bring that from ±" in told[3]
    assert not [each for each in told if "challenger" in each]


def test_with_a_challenger_most_texts_are_its_disagreements_and_its_evidence_is_told(made, store, recorder):
    with running(made, recorder) as (client, service):
        model = service.slot.model
        service.challenger.swap(LoadedModel(model.bundle, "the challenger"))
        sure = {"model_version": model.version, "labels": model.labels, "probabilities": (0.9, 0.1)}
        answers = [
            prediction(
                f"text {n}",
                label="negative",
                shadow=ShadowAnswer(
                    "the challenger", model.labels, "positive" if n % 2 else "negative", (0.4, 0.6)
                ),
                **sure,
            )
            for n in range(200)
        ]
        add_predictions(store, answers, store_texts=True)
        cookie = log_in(client)
        assert "Nobody knows yet whether the challenger is better" in worth(client.get("/label", cookie))
        cookie = cookie_of(send(client, "/label", cookie, action="draw"))
        waiting = texts_to_label(store, 200)
        assert sum(each.part == "disagreement" for each in waiting) > len(waiting) / 2
        for each in [each for each in waiting if each.part == "disagreement"][:7]:
            send(client, "/label", cookie, prediction_id=each.prediction_id, label="positive")
        told = worth(client.get("/label", cookie))
        assert "evidence is 31.9; by the default policy 20 is asked for" in told and "That is enough" in told


def test_undo_takes_labels_back_one_by_one_and_asks_for_the_text_again(service, recorder, store):
    keep(recorder, service, *(f"text number {n}" for n in range(12)))
    cookie = cookie_of(send(service, "/label", log_in(service), action="draw"))
    names = []
    for _ in range(3):
        names.append(asked(service.get("/label", cookie)))
        answer = send(service, "/label", cookie, prediction_id=names[-1], label="negative")
        cookie = cookie_of(answer)
    for name in reversed(names):
        cookie = cookie_of(send(service, "/label", cookie, action="undo"))
        assert asked(service.get("/label", cookie)) == name
        assert [each.label for each in label_history(store, name)] == ["negative", None]
    assert 'value="undo"' not in service.get("/label", cookie).body.decode()


def test_of_two_people_with_the_same_text_the_first_ones_label_stands(service, recorder, store):
    keep(recorder, service, "the only text")
    anna, ben = log_in(service, "anna"), log_in(service, "ben")
    send(service, "/label", anna, action="draw")
    name = asked(service.get("/label", ben))
    send(service, "/label", anna, prediction_id=name, label="positive")
    late = send(service, "/label", ben, prediction_id=name, label="negative")
    assert late.status == 422 and "Somebody else" in late.body.decode()
    assert [each.label for each in label_history(store, name)] == ["positive"]


def test_a_new_draw_waits_until_the_last_one_is_labelled_and_says_when_there_is_no_text(
    service, recorder, store
):
    cookie = log_in(service)
    empty = send(service, "/label", cookie, action="draw")
    assert empty.status == 422 and "no text to draw" in empty.body.decode()
    keep(recorder, service, "a text", "and one more")
    for _ in range(2):
        assert send(service, "/label", cookie, action="draw").status == 303
    assert len(list_draws(store)) == 1


@pytest.mark.parametrize(
    "fields", [{"prediction_id": "nobody", "label": "positive"}, {"label": "positive"}, {}]
)
def test_a_label_of_nothing_is_refused_on_the_page(service, fields):
    answer = send(service, "/label", log_in(service), **fields)
    assert answer.status == 404 and 'role="alert"' in answer.body.decode()


def test_a_stored_text_is_shown_as_text(service, recorder, store):
    for text in [*(each for each in HOSTILE if each.strip()), SCRIPT, "y" * 300_000]:
        service.predict(text)
    service.predict("\ud800 <script>")
    keep(recorder, service, "the last")
    cookie = cookie_of(send(service, "/label", log_in(service), action="draw"))
    while name := asked(page := service.get("/label", cookie)):
        shown = page.body.decode()
        assert page.status == 200 and "<img" not in shown and len(shown) < 200_000
        assert shown.count("<script") == 1, "its own, and no other"
        cookie = cookie_of(send(service, "/label", cookie, prediction_id=name, label="negative"))
    assert list_draws(store)[-1].labelled == list_draws(store)[-1].size > 10


def test_a_model_of_two_hundred_classes_gives_keys_to_the_first_and_buttons_to_all():
    keys = [key for key, _, _ in label_choices([f"class {n}" for n in range(200)])]
    assert len(keys) == 200 and set(keys[len(LABEL_KEYS) :]) == {""}
    assert len(set(keys[: len(LABEL_KEYS)])) == len(LABEL_KEYS) and not {SKIP_KEY, UNDO_KEY} & set(keys)


# --- "I cannot say"


def test_a_skipped_text_is_put_aside_counted_and_no_label(service, recorder, store):
    keep(recorder, service, *(f"text number {n}" for n in range(12)))
    cookie = cookie_of(send(service, "/label", log_in(service), action="draw"))
    name = asked(service.get("/label", cookie))
    cookie = cookie_of(send(service, "/label", cookie, action="skip", prediction_id=name))
    page = service.get("/label", cookie)
    assert asked(page) != name and label_history(store, name) == []
    assert [(each.prediction_id, each.skipped_by) for each in skipped_texts(store)] == [(name, "anna")]
    shown = page.body.decode()
    assert 'id="skipped">1 skipped<' in shown and 'id="count">0 of 12<' in shown
    assert re.search(
        r'<td>1</td><td class="number">12</td><td class="number">0</td><td class="number">1</td>', shown
    )


def test_undo_takes_back_nobody_elses_label(service, recorder, store):
    keep(recorder, service, "the only text")
    anna = cookie_of(send(service, "/label", log_in(service), action="draw"))
    name = asked(service.get("/label", anna))
    anna = cookie_of(send(service, "/label", anna, action="skip", prediction_id=name))
    assert send(service, "/label", log_in(service, "ben"), prediction_id=name, label="positive").status == 303
    assert send(service, "/label", anna, action="undo").status == 303
    assert send(service, "/label", anna, action="undo").status == 422, "the same click again"
    assert [each.labelled_by for each in labelled(store)] == ["ben"]


def test_undo_takes_back_a_skip_as_well_as_a_label_in_the_order_in_which_they_came(service, recorder, store):
    keep(recorder, service, *(f"text number {n}" for n in range(12)))
    cookie, names = cookie_of(send(service, "/label", log_in(service), action="draw")), []
    for action in ("skip", "label", "skip"):
        names.append(asked(service.get("/label", cookie)))
        answer = {"action": "skip"} if action == "skip" else {"label": "negative"}
        cookie = cookie_of(send(service, "/label", cookie, prediction_id=names[-1], **answer))
    left = []
    for name in reversed(names):
        cookie = cookie_of(send(service, "/label", cookie, action="undo"))
        assert asked(service.get("/label", cookie)) == name
        left.append((len(list(skipped_texts(store))), len(list(labelled(store)))))
    assert left == [(1, 1), (1, 0), (0, 0)]


def test_whoever_goes_back_to_a_skipped_or_labelled_text_may_answer_otherwise(service, recorder, store):
    keep(recorder, service, "a text", "and one more")
    cookie = cookie_of(send(service, "/label", log_in(service), action="draw"))
    name = asked(service.get("/label", cookie))
    for answer, labels, skips in (
        ({"action": "skip"}, 0, 1),
        ({"label": "positive"}, 1, 0),
        ({"action": "skip"}, 0, 1),
    ):
        cookie = cookie_of(send(service, "/label", cookie, prediction_id=name, **answer))
        assert (len(list(labelled(store))), len(list(skipped_texts(store)))) == (labels, skips)
    cookie = cookie_of(send(service, "/label", cookie, action="undo"))
    assert asked(service.get("/label", cookie)) == name and list(skipped_texts(store)) == []


def test_a_text_that_one_cannot_judge_is_left_for_others_and_stops_nobody(service, recorder, store):
    keep(recorder, service, "the only text")
    anna = cookie_of(send(service, "/label", log_in(service, "anna"), action="draw"))
    ben = log_in(service, "ben")
    name = asked(service.get("/label", ben))
    anna = cookie_of(send(service, "/label", anna, action="skip", prediction_id=name))
    assert (
        "1 of them has no label, because somebody could not say" in service.get("/label", anna).body.decode()
    )
    assert asked(service.get("/label", ben)) == name
    keep(recorder, service, "a new text")
    assert send(service, "/label", anna, action="draw").status == 303
    assert len(list_draws(store)) == 2 and asked(service.get("/label", anna)) not in (None, name)
    send(service, "/label", ben, prediction_id=name, label="positive")
    late = send(service, "/label", anna, action="skip", prediction_id=name)
    assert late.status == 422 and "Somebody else" in late.body.decode()


@pytest.mark.parametrize("fields", [{"prediction_id": "nobody"}, {}])
def test_a_skip_of_nothing_is_refused(service, fields):
    assert send(service, "/label", log_in(service), action="skip", **fields).status == 404


# --- the command that opens the page


def label_command(*arguments):
    return CliRunner().invoke(app, ["label", *arguments])


def test_the_command_opens_the_page_of_a_service_that_keeps_texts(service, monkeypatch):
    opened = []
    monkeypatch.setattr(production.webbrowser, "open", lambda page: opened.append(page) or True)
    address = f"http://{service.host}:{service.port}"
    for given in (address, f"{service.host}:{service.port}", f"{address}/docs"):
        result = label_command("--address", given)
        assert (result.exit_code, result.stdout) == (0, f"{address}/label\n")
    assert opened == [f"{address}/label"] * 3
    assert label_command("--address", address, "--no-browser").stdout == f"{address}/label\n"
    assert len(opened) == 3


def test_where_no_browser_can_be_opened_the_command_tells_the_address(service, monkeypatch):
    monkeypatch.setattr(production.webbrowser, "open", lambda page: False)
    told = label_command("--address", f"{service.host}:{service.port}").stdout
    assert (
        told == f"No browser could be opened here; open http://{service.host}:{service.port}/label in one.\n"
    )


def test_a_proxy_does_not_stand_between_the_command_and_this_machine(service, monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    assert label_command("--address", f"{service.host}:{service.port}", "--no-browser").exit_code == 0


def test_the_command_says_why_nobody_can_label(made, plain, store):
    def reason(client):
        error = label_command("--address", f"{client.host}:{client.port}", "--no-browser").exception
        assert isinstance(error, WorkshopError)
        return str(error)

    assert reason(plain).endswith("nothing to label: start it with --store-texts.")
    with running(made, Recorder(store, store_texts=True), token=None) as (client, _):
        assert reason(client).endswith("nobody can label there: start it with WORKSHOP_TOKEN set.")
    assert reason(client).startswith(f"No service answers at http://{client.host}:{client.port} (")


def test_the_command_knows_another_programs_answer_from_a_service(tmp_path):
    behaviour = Behaviour(
        {"info": b'{"service": "another"}', "x": b""}, ["web_page", "ok", "refuse", "hang_up"]
    )
    with serve(behaviour) as address:
        for told in ("no service of this course",) * 3 + ("No service answers",):
            with pytest.raises(WorkshopError, match=told):
                labelling_page(address)


@pytest.mark.parametrize(
    "address", ["", "ftp://x", "file:///etc/passwd", "http://[::1", "http://x:80a", "x:0"]
)
def test_what_is_no_address_is_told(address):
    with pytest.raises(WorkshopError, match="is no address of a service; write it as http"):
        labelling_page(address)


# --- in a browser


@pytest.fixture
def browser():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


def serious(page):
    """What axe-core finds that keeps people out."""
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(page).response["violations"]
    return [(each["id"], each["nodes"]) for each in found if each["impact"] in ("serious", "critical")]


def fits(page):
    return page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


@pytest.mark.slow
@pytest.mark.skipif(not CHROMIUM, reason="no Chromium on this machine; .ci/run installs it")
@pytest.mark.parametrize(("width", "scheme"), [(1400, "light"), (390, "dark")])
def test_a_person_tries_a_text_and_labels_ten_by_keyboard(
    browser, service, recorder, store, tmp_path, width, scheme
):
    keep(recorder, service, *(f"I love this product, and number {n} is great" for n in range(15)))
    page = browser.new_page(viewport={"width": width, "height": 850}, color_scheme=scheme)
    page.set_default_timeout(60_000)
    host, complaints = f"{service.host}:{service.port}", []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("request", lambda request: complaints.append(request.url) if host not in request.url else None)

    def press(key):
        page.locator("#keys:checked").wait_for()  # the script is there
        page.keyboard.press(key)

    def looks_right(name):
        assert serious(page) == [] and fits(page)
        page.screenshot(path=str(tmp_path / f"{name}.png"), full_page=True)

    page.goto(f"http://{host}/")
    looks_right("try")
    page.get_by_label("Your text").fill("I love it, but the box was broken and nobody answered 😴")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.locator("#answer .bar").nth(1).wait_for()
    page.locator("#answer .word.for-4, #answer .word.against-4").first.wait_for()
    looks_right("answer")

    assert recorder.flush(60)
    page.get_by_role("link", name="Label texts").click()
    page.get_by_label("The service's token").fill(TOKEN)
    looks_right("token")
    page.get_by_label("Your name").fill("Anna")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Draw texts to label").click()
    page.locator("#text").wait_for()
    looks_right("label")
    for number in range(1, 11):
        press("2" if number % 2 else "1")
        page.locator("#count", has_text=re.compile(rf"^{number} of 16$")).wait_for()
    press("u")
    page.locator("#count", has_text=re.compile(r"^9 of")).wait_for()
    press("2")
    page.locator("#count", has_text=re.compile(r"^10 of")).wait_for()
    press("s")
    page.locator("#skipped", has_text="1 skipped").wait_for()
    press("u")
    page.locator("#count", has_text=re.compile(r"^10 of")).wait_for()
    page.locator("#skipped").wait_for(state="detached")
    page.get_by_role("button", name="I cannot say").focus()
    page.keyboard.press("Enter")
    page.locator("#skipped", has_text="1 skipped").wait_for()
    page.get_by_text("How far is each draw?").click()
    looks_right("labelled")
    assert len(list(skipped_texts(store))) == 1
    given = list(labelled(store))
    assert len(given) == 10 and {each.labelled_by for each in given} == {"Anna"}
    assert [item for item in complaints if "403" not in item] == []


LONG_LABELS = [
    "Donaudampfschifffahrtsgesellschaftsbeschwerdeverfahren",
    "Grundstücksverkehrsgenehmigungszuständigkeitsübertragungsverordnung",
    "Mängelrüge wegen verspäteter Zustellung der Ware",
    "शिकायत",
    "شكوى",
    *(f"Sonstiges {number} 😡" for number in range(7)),
]
TEXTS_OF_ALL_KINDS = [
    "gut schön kaputt toll " * 750,
    "यह किताब बहुत अच्छी है, लेकिन कहानी का अंत मुझे पसंद नहीं आया।",
    "هذا المنتج رائع جدا، لكن العلبة كانت مكسورة ولم يرد أحد على رسائلي. w1 2026",
    "😴" * 80 + "x" * 400,
]


@pytest.fixture(scope="module")
def long_labels(tmp_path_factory):
    texts = [f"schlecht schön kaputt w{row % 12}" for row in range(48)]
    labels = [LONG_LABELS[row % 12] for row in range(48)]
    return tfidf_of(texts, labels, tmp_path_factory.mktemp("long") / "labels")


@pytest.mark.slow
@pytest.mark.skipif(not CHROMIUM, reason="no Chromium on this machine; .ci/run installs it")
@pytest.mark.parametrize(("width", "text_size"), [(390, "100%"), (1024, "150%")], ids=["phone", "projector"])
def test_long_labels_and_every_script_fit_a_phone_and_a_projector(
    browser, long_labels, recorder, width, text_size
):
    with running(long_labels, recorder) as (client, _):
        context = browser.new_context(viewport={"width": width, "height": 768}, bypass_csp=True)
        page = context.new_page()
        page.set_default_timeout(60_000)

        def looks_right():
            page.add_style_tag(content=f"html {{ font-size: {text_size} }}")
            assert serious(page) == [] and fits(page)

        for text in TEXTS_OF_ALL_KINDS:
            page.goto(f"http://{client.host}:{client.port}/")
            page.get_by_label("Your text").fill(text)
            page.get_by_role("button", name="Classify").click()
            page.locator("#answer .words").wait_for()
            looks_right()
            assert page.locator("#answer").bounding_box()["y"] < 768, "the answer is in sight"
        assert recorder.flush(60)
        page.goto(f"http://{client.host}:{client.port}/label")
        page.get_by_label("The service's token").fill(TOKEN)
        page.get_by_label("Your name").fill("Anna")
        looks_right()
        page.keyboard.press("Enter")
        page.get_by_role("button", name="Draw texts to label").click()
        for number in range(len(TEXTS_OF_ALL_KINDS)):
            page.locator("#count", has_text=f"{number} of ").wait_for()
            looks_right()
            page.locator("#keys:checked").wait_for()  # the script is there
            # the key of a French keyboard that says 2 only with Shift
            page.evaluate("document.dispatchEvent(new KeyboardEvent('keydown', {key: 'é', code: 'Digit2'}))")
        page.get_by_text("All texts that were drawn have a label.").wait_for()
        context.close()
