"""Make a bundle of TF-IDF and logistic regression from scikit-learn (lesson 02), without needing it later.

``tokenizer.json`` cuts a text into the same words (or characters) as the fitted vectorizer; ``model.onnx``
counts runs of them, weighs, normalises and applies the logistic layer.

Covered: words, characters and characters within words, any ``ngram_range``, ``lowercase``, ``max_features``,
``min_df``, ``binary``, ``sublinear_tf``, ``use_idf``, every ``norm``. Refused: own functions and classes,
files in place of texts, ``strip_accents``, token patterns other than :data:`PATTERNS`, stop words together
with runs of words, single characters within words, a vocabulary with an entry that the tokenizer would cut
otherwise. Not exact: with ``norm=None`` the sums of long texts are rounded in float32; capitals that are
younger than Python's Unicode tables become small. The time for a text grows with the number of columns.
"""

import unicodedata
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors

from workshop_utils.errors import WorkshopError
from workshop_utils.models.bundle.card import describe
from workshop_utils.models.export.parity import write_bundle
from workshop_utils.models.tokenization import well_formed

if TYPE_CHECKING:
    import onnx
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression

# Python's \w and \s, spelt out: the tokenizer's own \w also takes accents that combine with a letter
_SPACE = "\t-\r\x1c-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"


@cache
def _word_characters() -> str:
    """The tokenizer's letters and digits without those that are too young for Python's Unicode tables."""
    unassigned = "".join(c for c in map(chr, range(0x110000)) if unicodedata.category(c) == "Cn")
    known_to_the_tokenizer = pre_tokenizers.Split(Regex(r"[\p{L}\p{N}]+"), "removed", invert=True)
    young = "".join(part for part, _ in known_to_the_tokenizer.pre_tokenize_str(unassigned))
    return rf"[\p{{L}}\p{{N}}_&&[^{_ranges(young)}]]"


def _ranges(characters: str) -> str:
    """Rising characters as a class: ``abcx`` becomes ``a-cx-x``."""
    numbers = np.array([ord(character) for character in characters])
    runs = np.split(numbers, np.flatnonzero(np.diff(numbers) != 1) + 1)
    return "".join(rf"\x{{{run[0]:x}}}-\x{{{run[-1]:x}}}" for run in runs if len(run)) or r"\x{fdd0}"


#: Token patterns that can be exported, with what they are for ``tokenizers``; ``W`` is Python's ``\w``.
PATTERNS = {
    r"(?u)\b\w\w+\b": "W{2,}",
    r"(?u)\b\w+\b": "W+",
    r"\w+": "W+",
    r"\S+": f"[^{_SPACE}]+",
    r"\S": f"[^{_SPACE}]",
    r"\w+|[^\w\s]": f"W+|[^W{_SPACE}]",
}

# Python writes a capital sigma at the end of a word as ς: after a cased letter and before none, whatever
# signs without case stand between them (Unicode, section 3.13, Final_Sigma; here at most twelve before it)
_NO_CASE, _CASED = r"\p{Case_Ignorable}", r"[\p{Cased}&&[^\p{Case_Ignorable}]]"
_BEFORE = "|".join(_CASED + _NO_CASE * count for count in range(13))
_FINAL_SIGMA = rf"(?<={_BEFORE})Σ(?!{_NO_CASE}*{_CASED})"
_UNKNOWN = " unknown "  # never a word, which holds no space, nor a character; its id 0 is padding, too


def export_tfidf(
    vectorizer: "TfidfVectorizer",
    classifier: "LogisticRegression",
    folder: Path,
    texts: Sequence[str] = (),
    metrics: Mapping[str, float] | None = None,
    test_texts: Sequence[str] = (),
) -> Path:
    """Write the bundle, checked against scikit-learn to 1e-5 on ``texts`` and some hostile ones.

    Args:
        vectorizer: fitted.
        classifier: fitted on what the vectorizer makes of texts.
        folder: where the bundle goes.
        texts: further texts to compare.
        metrics: results on ``test_texts``, for the card.
        test_texts: only their fingerprint is kept.

    Raises:
        WorkshopError: a setting that cannot be exported, or answers that differ.
    """
    _refuse(vectorizer, classifier)
    grams = _grams(vectorizer)
    _refuse_lengths(vectorizer, grams)
    ids = {piece: number for number, piece in enumerate(sorted({p for gram in grams for p in gram}), start=1)}
    tokenizer = _tokenizer(vectorizer, {_UNKNOWN: 0} | ids)
    _refuse_entries(vectorizer, tokenizer, ids)
    graph = _graph(vectorizer, classifier, [[ids[piece] for piece in gram] for gram in grams])
    packages = ("scikit-learn", "onnx", "tokenizers", "numpy")
    card = describe("tfidf", classifier.classes_, None, metrics, test_texts, packages)

    def reference(probes: Sequence[str]) -> np.ndarray:
        return classifier.predict_proba(vectorizer.transform([well_formed(text) for text in probes]))

    return write_bundle(folder, card, graph.SerializeToString(), tokenizer, reference, texts, tolerance=1e-5)


def _refuse(vectorizer: "TfidfVectorizer", classifier: "LogisticRegression") -> None:
    """Raise the sentence that names what cannot be exported."""
    _refuse_other_classes(vectorizer, classifier)
    settings = vectorizer.get_params()
    reasons = [
        f"{name}={settings[name]!r}"
        for name in ("preprocessor", "tokenizer", "strip_accents")
        if settings[name] is not None
    ]
    if vectorizer.analyzer not in ("word", "char", "char_wb"):
        reasons.append("its own analyzer")
    elif vectorizer.analyzer == "word" and vectorizer.token_pattern not in PATTERNS:
        reasons.append(f"token_pattern={vectorizer.token_pattern!r}")
    if vectorizer.analyzer == "char_wb" and vectorizer.ngram_range[0] == 1:
        reasons.append("single characters within words")
    if vectorizer.stop_words is not None and vectorizer.ngram_range[1] > 1:
        reasons.append("stop words together with runs of words")
    if vectorizer.input != "content":
        reasons.append(f"input={vectorizer.input!r}")
    if not hasattr(classifier, "coef_") or not hasattr(vectorizer, "vocabulary_"):
        reasons.append("a part that is not fitted")
    elif classifier.coef_.shape[1] != len(vectorizer.vocabulary_):
        reasons.append(f"{classifier.coef_.shape[1]} weights for {len(vectorizer.vocabulary_)} columns")
    if reasons:
        raise WorkshopError(f"This TF-IDF model cannot become a bundle: {'; '.join(reasons)}.")


def _refuse_other_classes(vectorizer: object, classifier: object) -> None:
    """Not ``isinstance``: a class made from these two may do anything."""
    for part, wanted in ((vectorizer, "TfidfVectorizer"), (classifier, "LogisticRegression")):
        if type(part).__name__ != wanted or not type(part).__module__.startswith("sklearn."):
            raise WorkshopError(
                f"This TF-IDF model cannot become a bundle: a {type(part).__name__} in place of {wanted}."
            )


def _refuse_lengths(vectorizer: "TfidfVectorizer", grams: list[list[str]]) -> None:
    """A column outside ``ngram_range`` is never counted by scikit-learn; the graph would count it."""
    low, high = vectorizer.ngram_range
    for gram in grams:
        # a word that is shorter than the range is counted once, as a whole
        whole_word = vectorizer.analyzer == "char_wb" and gram[0] == gram[-1] == " " and " " not in gram[1:-1]
        two_words = vectorizer.analyzer == "char_wb" and " " in gram[1:-1]
        if two_words or not (low <= len(gram) <= high or (whole_word and len(gram) < low)):
            entry = (" " if vectorizer.analyzer == "word" else "").join(gram)
            raise WorkshopError(
                f"This TF-IDF model cannot become a bundle: its vocabulary holds {entry!r}, which lies "
                f"outside ngram_range={vectorizer.ngram_range!r}."
            )


def _refuse_entries(vectorizer: "TfidfVectorizer", tokenizer: Tokenizer, ids: Mapping[str, int]) -> None:
    """What scikit-learn cuts out of a text, the tokenizer must cut out, too."""
    cut = vectorizer.build_analyzer() if vectorizer.analyzer == "word" else vectorizer.build_preprocessor()
    for piece in ids:
        counted = cut(piece) in (
            piece,
            [piece],
        )  # a stop word is never counted, and no capital is where all are small
        if vectorizer.analyzer == "word":
            found = tokenizer.encode(piece, add_special_tokens=False).tokens
        elif piece.isspace() or tokenizer.normalizer is None:
            continue
        else:
            found = [tokenizer.normalizer.normalize_str(f"a{piece}a").removeprefix("a").removesuffix("a")]
        if (found == [piece]) != counted:
            raise WorkshopError(
                f"This TF-IDF model cannot become a bundle: its tokenizer would cut {piece!r}, which is an "
                "entry of its vocabulary, otherwise."
            )


def _grams(vectorizer: "TfidfVectorizer") -> list[list[str]]:
    """The pieces of each column's run, in the order of the columns."""
    columns = sorted(vectorizer.vocabulary_, key=vectorizer.vocabulary_.get)
    return [column.split(" ") if vectorizer.analyzer == "word" else list(column) for column in columns]


def _tokenizer(vectorizer: "TfidfVectorizer", vocabulary: dict[str, int]) -> Tokenizer:
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token=_UNKNOWN))
    steps = []
    if vectorizer.lowercase:
        steps = [normalizers.Replace(Regex(_FINAL_SIGMA), "ς"), normalizers.Lowercase()]
    if vectorizer.analyzer == "word":
        split = pre_tokenizers.Split(
            Regex(PATTERNS[vectorizer.token_pattern].replace("W", _word_characters())), "removed", invert=True
        )
    else:
        split = pre_tokenizers.Split(Regex(r"[\s\S]"), "isolated")
    if vectorizer.analyzer == "char":
        steps.append(normalizers.Replace(Regex(f"[{_SPACE}]{{2,}}"), " "))
    if vectorizer.analyzer == "char_wb":  # every word between blanks of its own: no run spans two words
        steps.append(normalizers.Replace(Regex(f"[{_SPACE}]+"), " "))
        steps += [normalizers.Strip(), normalizers.Replace(" ", "  ")]
        blank = vocabulary.setdefault(" ", len(vocabulary))
        tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token=_UNKNOWN))
        tokenizer.post_processor = processors.TemplateProcessing(
            single=["blank", "$A", "blank"], special_tokens=[{"id": "blank", "ids": [blank], "tokens": [" "]}]
        )
    tokenizer.normalizer, tokenizer.pre_tokenizer = normalizers.Sequence(steps), split
    return tokenizer


def _graph(
    vectorizer: "TfidfVectorizer", classifier: "LogisticRegression", grams: list[list[int]]
) -> "onnx.ModelProto":
    """From ids (batch, length) to probabilities (batch, classes)."""
    from onnx import TensorProto, checker, helper, numpy_helper

    coefficients, intercept = classifier.coef_, classifier.intercept_
    if len(coefficients) == 1:  # two classes: the first one's score is 0
        coefficients = np.vstack([np.zeros_like(coefficients), coefficients])
        intercept = np.concatenate([[0.0], intercept])
    columns = len(grams)
    idf = vectorizer.idf_ if vectorizer.use_idf else np.ones(columns)
    arrays = {
        "idf": idf,
        "weights": coefficients.T,
        "intercept": np.broadcast_to(intercept, (len(classifier.classes_),)),
        "one": np.float32(1),
        "tiny": np.float32(1e-30),
    }
    by_length = sorted(range(columns), key=lambda column: len(grams[column]))
    lengths = np.array([len(gram) for gram in grams])
    longest = int(lengths.max())
    steps = [
        helper.make_node(
            "TfIdfVectorizer",
            ["input_ids"],
            ["counted"],
            mode="TF",
            min_gram_length=int(lengths.min()),
            max_gram_length=longest,
            max_skip_count=0,
            ngram_counts=[int(sum(lengths[lengths < size])) for size in range(1, longest + 1)],
            ngram_indexes=by_length,
            pool_int64s=[number for column in by_length for number in grams[column]],
        )
    ]

    def step(operator: str, *inputs: str, output: str, **attributes: object) -> None:
        steps.append(helper.make_node(operator, inputs, [output], **attributes))

    counts = "counted"
    if vectorizer.binary:
        step("Min", counts, "one", output="present")
        counts = "present"
    if vectorizer.sublinear_tf:  # 1 + log(count), and 0 for 0
        step("Max", counts, "one", output="at_least_one")
        step("Log", "at_least_one", output="logarithm")
        step("Min", counts, "one", output="occurs")
        step("Add", "occurs", "logarithm", output="damped")
        counts = "damped"
    step("Mul", counts, "idf", output="weighed")
    features = "weighed"
    if vectorizer.norm:
        step(f"Reduce{vectorizer.norm.upper()}", features, output="length_or_0", axes=[1], keepdims=1)
        step("Max", "length_or_0", "tiny", output="length")
        step("Div", features, "length", output="normalised")
        features = "normalised"
    step("Gemm", features, "weights", "intercept", output="scores")
    step("Softmax", "scores", output="probabilities", axis=1)
    used = {name for node in steps for name in node.input}
    graph = helper.make_graph(
        steps,
        "tfidf",
        [helper.make_tensor_value_info("input_ids", TensorProto.INT64, ["batch", "length"])],
        [
            helper.make_tensor_value_info(
                "probabilities", TensorProto.FLOAT, ["batch", len(classifier.classes_)]
            )
        ],
        [
            numpy_helper.from_array(np.asarray(array, np.float32), name)
            for name, array in arrays.items()
            if name in used
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    checker.check_model(model)
    return model
