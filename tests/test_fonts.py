"""Labels on figures: taken literally, told apart, in a font that has their letters, and without a warning."""

import io
import warnings

import matplotlib as mpl
import matplotlib.pyplot as plt
import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from matplotlib.font_manager import fontManager

from workshop_utils.course import fonts
from workshop_utils.course.fonts import figure_labels

CHINESE = "差评"


@pytest.fixture(autouse=True)
def plain_fonts(monkeypatch):
    """Only the fonts that come with matplotlib, and settings that end with the test."""
    own = [entry for entry in fontManager.ttflist if "mpl-data" in entry.fname]
    monkeypatch.setattr(fontManager, "ttflist", own)
    fonts._tell.cache_clear()
    with mpl.rc_context():
        yield


def drawn(labels):
    """Draw them as labels and title; what matplotlib warns of."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        figure, axis = plt.subplots()
        axis.barh(range(len(labels)), 1)
        axis.set_yticks(range(len(labels)), labels)
        axis.set_title(labels[0])
        figure.savefig(io.BytesIO())
        plt.close(figure)
    return [str(warning.message) for warning in caught]


def made_font(path, letters):
    """A font of squares."""
    names = [".notdef", *(f"u{ord(letter):04X}" for letter in letters)]
    pen = TTGlyphPen(None)
    pen.moveTo((0, 0))
    pen.lineTo((0, 500))
    pen.lineTo((500, 500))
    pen.closePath()
    builder = FontBuilder(1000, isTTF=True)
    builder.setupGlyphOrder(names)
    builder.setupCharacterMap({ord(letter): name for letter, name in zip(letters, names[1:], strict=True)})
    builder.setupGlyf(dict.fromkeys(names, pen.glyph()))
    builder.setupHorizontalMetrics(dict.fromkeys(names, (600, 0)))
    builder.setupHorizontalHeader(ascent=800, descent=-200)
    builder.setupNameTable({"familyName": "Squares", "styleName": "Regular"})
    builder.setupOS2(sTypoAscender=800, usWinAscent=800, usWinDescent=200)
    builder.setupPost()
    builder.save(path)


@pytest.mark.parametrize("label", ["$5 and $6", "$x^2_{$", r"a \$ b $c$", "$$", "$"])
def test_a_dollar_is_a_dollar_and_no_formula(label):
    (text,) = figure_labels([label])
    assert drawn([text]) == []
    artist = plt.figure().text(0, 0, text)
    shown, is_formula = artist._preprocess_math(text)
    plt.close()
    assert (shown, is_formula) == (label, False)


def test_letters_that_no_font_has_become_squares_and_one_sentence_says_so(caplog):
    labels = figure_labels([CHINESE, "好评", "gut"])
    assert labels == ["□□ (1)", "□□ (2)", "gut"]
    assert figure_labels([CHINESE, "好评"]) == ["□□ (1)", "□□ (2)"]
    (sentence,) = {record.getMessage() for record in caplog.records}
    assert sentence.startswith("No font on this machine has 好 差 评; figures show □ instead. Install a font")
    assert len(caplog.records) == 1
    assert drawn(labels) == []


def test_a_font_of_this_machine_that_has_the_letters_is_used(tmp_path, caplog):
    made_font(tmp_path / "squares.ttf", CHINESE)
    fontManager.addfont(tmp_path / "squares.ttf")
    assert figure_labels([CHINESE, "schön"]) == [CHINESE, "schön"]
    assert mpl.rcParams["font.family"] == ["sans-serif", "Squares"]
    assert drawn([CHINESE, "schön"]) == [] and not caplog.records
    assert figure_labels([f"{CHINESE}好"]) == [f"{CHINESE}□"], "only what is still lacking"


def test_long_labels_are_cut_and_stay_different():
    labels = figure_labels(["x" * 500, "x" * 400, "two\nlines\tand\u200b more"])
    assert labels == ["x" * 29 + "… (1)", "x" * 29 + "… (2)", "two lines and more"]


@pytest.mark.parametrize("label", ["عربي", "😀", "\ud800", "", "हिन्दी", "🏳️\u200d🌈", 7, None])
def test_any_label_is_drawn_without_a_warning(label):
    assert drawn(figure_labels([label])) == []
