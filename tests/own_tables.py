"""Small tables as people have them, for the tests of training and evaluation."""

import csv
import random
from pathlib import Path

#: Words that tell a label, and words that tell nothing.
TOPICS = {
    "Überweisung": ["Überweisung", "Konto", "Betrag", "Zahlung", "Geld", "Rechnung"],
    "Kündigung": ["kündigen", "Vertrag", "beenden", "Bestätigung", "Laufzeit", "Ende"],
    "Störung": ["Gerät", "kaputt", "Lampe", "blinkt", "Neustart", "defekt"],
}
FILLING = [
    "ich",
    "bitte",
    "Sie",
    "um",
    "Hilfe",
    "weil",
    "seit",
    "gestern",
    "mein",
    "und",
    "das",
    "ist",
    "für",
]
#: Labels that somebody has, and that break what is not careful.
HOSTILE_LABELS = [
    "<script>alert(1)</script>",
    'a,"b";c\nsecond line',
    "$x_1$ {{ 7*7 }} {% raw %}",
    "标签 ラベル",
    "مرحبا بالعالم",
    "L" * 500,
    "NA",
    "[bold red]01[/]",
]


def requests(count: int = 90, seed: int = 0, labels: int = 3) -> list[tuple[str, str]]:
    """Texts with their labels, in turn."""
    draw = random.Random(seed)
    names = list(TOPICS)[:labels]
    rows = []
    for number in range(count):
        label = names[number % len(names)]
        words = [draw.choice(TOPICS[label] if draw.random() < 0.4 else FILLING) for _ in range(12)]
        rows.append((f"{' '.join(words)} {number}", label))
    return rows


def hostile(count: int = 96) -> list[tuple[str, str]]:
    """Texts of other people's making, under :data:`HOSTILE_LABELS`."""
    draw = random.Random(1)
    words = [
        "<b>fett</b>",
        "&amp;",
        "猫",
        "कुत्ता",
        "كتاب",
        "😴👩‍💻",
        '"quoted"',
        "</div><img src=x onerror=alert(2)>",
    ]
    rows = []
    for number in range(count):
        kind = number % len(HOSTILE_LABELS)
        chosen = [words[kind] if draw.random() < 0.7 else draw.choice(words) for _ in range(6)]
        rows.append((f"{' '.join(chosen)} {number}", HOSTILE_LABELS[kind]))
    return rows


def write_csv(path: Path, rows: list[tuple[str, str]], delimiter: str = ",", encoding: str = "utf-8") -> Path:
    """A table with the columns ``Anfrage`` and ``Abteilung``."""
    with path.open("w", encoding=encoding, newline="") as file:
        writer = csv.writer(file, delimiter=delimiter)
        writer.writerow(["Anfrage", "Abteilung"])
        writer.writerows(rows)
    return path
