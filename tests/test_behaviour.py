"""A suite finds what a model cannot do, and swapped words show what an answer depends on."""

import re

import numpy as np
import pytest

from workshop_utils.data.words import whole_words
from workshop_utils.errors import WorkshopError
from workshop_utils.models.insights.behaviour import (
    Behaviour,
    Case,
    case_table,
    cases,
    run_suite,
    swap_words,
    swapped_gap,
)
from workshop_utils.models.insights.film_suite import film_suite, film_words

NAMES, GENDER, ORIGIN = (film_words(kind) for kind in ("names", "gender", "origin"))

LABELS = ["negative", "positive"]
HOSTILE = ["", " \n", "👩‍💻 🎬", "हिन्दी में किताब", "\ud800 ä", "film " * 20_000, "mu\u0308de"]
GOOD = whole_words(["good", "great", "loved", "wonderful", "brilliant", "beautiful", "funny", "enjoyed"])
BAD = whole_words(["bad", "terrible", "hated", "awful", "boring", "dull", "stupid", "worst", "hate", "poor"])


class Model:
    """Counts good and bad words, and what it is asked; ``shift`` moves texts that hold a pattern."""

    def __init__(self, shift=0.0, on="$^"):
        self.shift, self.on, self.calls, self.texts = shift, re.compile(on), 0, 0

    def __call__(self, texts):
        self.calls += 1
        self.texts += len(texts)
        score = np.array([len(GOOD.findall(text)) - len(BAD.findall(text)) + 0.01 for text in texts])
        moved = self.shift * np.array([bool(self.on.search(text)) for text in texts])
        positive = np.clip(1 / (1 + np.exp(-score)) + moved, 0, 1)
        return np.stack([1 - positive, positive], axis=1).astype(np.float32)


def table_of(*tests, model=None, **settings):
    return run_suite(model or Model(), LABELS, tests, **settings).set_index("test")


def test_cases_are_written_one_a_line():
    written = """
        + Great.
        - Not {so |}great{|, and ü 🎬}
        {Anna|Ayşe} saw {it|them}

        -5 degrees {in|out}side
    """
    assert cases(written) == [
        Case("Great.", None, "positive"),
        Case("Not so great", "Not great, and ü 🎬", "negative"),
        Case("Anna saw it", "Ayşe saw them"),
        Case("5 degrees inside", "5 degrees outside", "negative"),
    ]
    assert cases("") == []


def test_a_simple_text_must_be_on_its_side():
    result = table_of(Behaviour("simple", "MFT", cases("+ good\n- bad\n- not good\n+ awful and terrible")))
    assert result.loc["simple", ["cases", "failures", "share"]].tolist() == [4, 2, 0.5]
    assert result.loc["simple", "worst"] == "awful and terrible", "the one that misses by most"


def test_knowing_nothing_is_no_functionality():
    undecided = lambda texts: np.full((len(texts), 2), 0.5)  # noqa: E731
    assert (
        table_of(Behaviour("simple", "MFT", cases("+ good\n- bad")), model=undecided)["failures"].item() == 2
    )


def test_an_answer_must_not_depend_on_what_does_not_matter():
    test = Behaviour("names", "INV", cases("{Anna|Ayşe} is great\n{Anna|Omar} is great\nIt is {good|bad}"))
    assert table_of(test)["failures"].item() == 1, "only the last changes"
    nudged = Model(shift=-0.05, on="Ayşe")
    assert table_of(test, model=nudged)["failures"].item() == 1, "a small move is forgiven"
    assert table_of(test, model=nudged, tolerance=0.02)["failures"].item() == 2
    assert table_of(test, model=Model(shift=-0.4, on="Ayşe"))["failures"].item() == 2


def test_another_label_is_a_failure_however_small_the_move():
    test = Behaviour("names", "INV", cases("{Anna|Ayşe} is here"))
    assert table_of(test, model=Model(shift=-0.005, on="Ayşe"))["failures"].item() == 1


def test_a_change_must_not_move_the_answer_the_wrong_way():
    lines = (
        "+ A film.{| Great!}\n- A film.{| Awful!}\n+ A film.{| Awful!}\n- A film.{| Great!}\n+ A{| new} film"
    )
    result = table_of(
        Behaviour("added", "DIR", cases(lines)), Behaviour("must", "DIR", cases(lines), least=0.1)
    )
    assert result.loc["added", "failures"] == 2
    assert result.loc["must", "failures"] == 3, "standing still is not enough where a move is asked for"
    assert " → " in result.loc["added", "worst"]


def test_all_texts_are_scored_once_and_in_one_call():
    model = Model()
    table = case_table(model, LABELS, film_suite())
    texts = {text for text in [*table["text"], *table["changed"]] if text}
    assert model.calls == 1 and model.texts == len(texts)


def test_each_case_tells_both_probabilities_and_whether_it_failed():
    suite = [Behaviour("a", "MFT", cases("+ bad")), Behaviour("b", "INV", cases("{good|bad}"))]
    first, second = case_table(Model(), LABELS, suite).itertuples(index=False)
    assert first.failed and np.isnan(first.after) and first.changed == ""
    assert second.miss == pytest.approx(second.before - second.after) and second.changed == "bad"


def test_the_order_of_the_labels_does_not_matter():
    turned = lambda texts: Model()(texts)[:, ::-1]  # noqa: E731
    usual = run_suite(Model(), LABELS, film_suite())
    assert run_suite(turned, ["positive", "negative"], film_suite()).equals(usual)


def test_a_model_that_answers_no_numbers_fails_everything():
    silent = lambda texts: np.full((len(texts), 2), np.nan)  # noqa: E731
    assert run_suite(silent, LABELS, film_suite())["share"].eq(1).all()


@pytest.mark.parametrize("labels", [[], ["negative"], ["0", "1"], ["Goethe", "Heine", "Tucholsky"]])
def test_other_labels_are_one_clear_sentence(labels):
    for ask in (
        lambda: run_suite(Model(), labels, film_suite()),
        lambda: swapped_gap(Model(), labels, ["Anna"], {"Anna": "Ayşe"}),
    ):
        with pytest.raises(WorkshopError, match="with the labels negative and positive, not") as result:
            ask()
        assert str(result.value).count(".") == 1


@pytest.mark.parametrize(
    ("kind", "line", "message"),
    [
        ("MFT", "no sign", "MFT, which takes no {before|after} and one sign"),
        ("MFT", "+ {a|b}", "takes no {before|after}"),
        ("INV", "no change", "INV, which takes one {before|after} and no sign"),
        ("DIR", "{a|b}", "DIR, which takes one {before|after} and one sign"),
        ("XYZ", "+ a", "no known kind"),
    ],
)
def test_a_case_that_does_not_fit_its_kind_says_what_is_missing(kind, line, message):
    with pytest.raises(WorkshopError, match=re.escape(message)):
        run_suite(Model(), LABELS, [Behaviour("mine", kind, cases(line))])


def test_no_tests_and_hostile_texts_are_fine():
    assert len(run_suite(Model(), LABELS, [])) == 0
    hostile = Behaviour("hostile", "INV", [Case(text, text + "!") for text in HOSTILE])
    assert run_suite(Model(), LABELS, [hostile])["failures"].item() == 0
    broken = Behaviour("broken", "MFT", [Case("\ud800 bad", None, "positive")])
    assert run_suite(Model(), LABELS, [broken])["worst"].item() == "? bad"


def test_the_film_suite_has_tests_of_every_kind_with_many_different_cases():
    suite = film_suite()
    assert len({test.name for test in suite}) == len(suite) >= 10
    assert {test.kind for test in suite} == {"MFT", "INV", "DIR"}
    for test in suite:
        assert 8 <= len(test.cases) <= 25 and len(set(test.cases)) == len(test.cases)
        for case in test.cases:
            assert case.text.strip() and case.text != case.changed
            assert not set("{}|") & set(case.text + (case.changed or ""))
            for text in filter(None, case[:2]):
                assert not re.search(r"(?i)\ba [aeiou]|\ban [^aeiouh]", text), f"the article: {text}"
    known = [case.text for test in suite if test.kind == "MFT" for case in test.cases]
    assert len(set(known)) == len(known)


def test_a_suite_of_both_labels_is_failed_by_a_model_that_always_says_the_same():
    for answer in ([0.1, 0.9], [0.9, 0.1]):
        table = run_suite(lambda texts, a=answer: np.tile(a, (len(texts), 1)), LABELS, film_suite())
        functional = table[table["kind"] == "MFT"]
        assert functional["failures"].sum() >= 0.4 * functional["cases"].sum()
        assert table.loc[table["kind"] == "INV", "failures"].sum() == 0, "and yet it never changes its mind"


def test_counting_words_passes_plain_verdicts_and_stumbles_over_not():
    table = run_suite(Model(), LABELS, film_suite()).set_index("test")
    assert table.loc["plain verdicts", "share"] < table.loc["praise negated", "share"]
    assert table.loc["not put in", "share"] > 0.8, "it does not know the word"


def test_lists_of_names_pair_up_and_no_name_stands_in_two():
    names = [name for group in NAMES.values() for name in group]
    assert len(set(names)) == len(names) and {len(group) for group in NAMES.values()} == {8}
    for group in NAMES.values():
        pairs = dict(zip(NAMES["English"], group, strict=True))
        assert swap_words(swap_words("Emily and OLIVER", pairs), pairs) == "Emily and OLIVER"


def test_swapping_goes_both_ways_and_keeps_capitals_and_everything_else():
    text = "Anna, ANNA’s anna; Annas Mehmet\t👩‍💻 MEHMET"
    assert swap_words(text, {"Anna": "Mehmet"}) == "Mehmet, MEHMET’s mehmet; Annas Anna\t👩‍💻 ANNA"
    assert swap_words(swap_words(text, {"Anna": "Mehmet"}), {"Anna": "Mehmet"}) == text
    assert swap_words("The hero and HIS man. He, him", GENDER) == "The heroine and HER woman. She, her"
    assert swap_words("her", GENDER) == "his"
    assert swap_words("A Swedish film", ORIGIN) == "A Chinese film"


def test_swapping_knows_every_script_and_both_unicode_forms():
    assert swap_words("Ayşe, AYŞE", {"Ayşe": "Jürgen"}) == "Jürgen, JÜRGEN"
    assert swap_words("Ju\u0308rgen", {"Jürgen": "Ömer"}) == "Ömer"
    assert swap_words("राम, रामू", {"राम": "Anna"}) == "Anna, रामू", "a vowel sign makes another word"
    assert swap_words("İ i", {"i": "o"}) == "İ o", "a letter without a partner stays"


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_texts_without_a_listed_word_stay_as_they_are(text):
    assert swap_words(text, GENDER) == text and swap_words(text, {}) == text


def test_the_gap_has_a_size_and_a_direction():
    mapping = {"Anna": "Ayşe", "Peter": "Omar"}
    texts = ["Anna was great", "Omar was great", "a great film", "Anna met Omar", "PETER was bad"]
    gap = swapped_gap(Model(shift=-0.2, on="(?i)ayşe|omar"), LABELS, texts, mapping)
    assert gap.texts == 4, "the third names nobody"
    assert gap.mean == pytest.approx(0.15) and gap.worst == pytest.approx(0.2)
    assert gap.tilt == pytest.approx(-0.2), "the second names are liked less, whichever stood there first"
    assert gap.flipped == 0 and gap.changed == swap_words(gap.text, mapping)
    assert swapped_gap(Model(), LABELS, texts, mapping)[1:5] == (0, 0, 0, 0)


def test_a_gap_that_turns_labels_is_counted():
    gap = swapped_gap(Model(shift=-0.5, on="she"), LABELS, ["he is here", "she is great"], {"he": "she"})
    assert gap.flipped == 1


def test_texts_that_hold_both_sides_have_no_direction():
    gap = swapped_gap(Model(), LABELS, ["Anna and Ayşe"], {"Anna": "Ayşe"})
    assert gap.texts == 1 and np.isnan(gap.tilt)


def test_without_a_listed_word_the_model_is_not_asked():
    model = Model()
    gap = swapped_gap(model, LABELS, HOSTILE, {"Anna": "Ayşe"})
    assert (gap.texts, gap.text, model.calls) == (0, "", 0) and np.isnan(gap.mean)
