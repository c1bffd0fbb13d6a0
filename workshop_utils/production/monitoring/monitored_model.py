"""The model that is monitored: what its bundle says of itself, and its name in the store."""

from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from workshop_utils.models.bundle.card import parse_card, read_card_file
from workshop_utils.models.bundle.reference import Reference, read_reference


@dataclass(frozen=True)
class MonitoredModel:
    """A bundle, without the network in it.

    Attributes:
        folder: of the bundle. version: as the store's predictions name it.
        labels: of its classes. error: share of errors when it was made; None where its card does not say.
        reference: what inputs are compared with; None where the bundle keeps no statistics.
    """

    folder: Path
    version: str
    labels: tuple[str, ...]
    error: float | None
    reference: Reference | None


def open_monitored_model(folder: Path) -> MonitoredModel:
    """Read what monitoring needs of a bundle.

    A version of a deployment goes by its name; any other bundle by the start of its card's SHA-256, as the
    service names it.

    Raises:
        WorkshopError: there is no bundle, or its card or reference statistics are damaged.
    """
    folder = Path(folder).resolve()
    content = read_card_file(folder)
    card = parse_card(folder, content)
    accuracy = card.metrics.get("accuracy")
    promoted = folder.parent.name == "versions" and folder.with_name(f"{folder.name}.json").is_file()
    return MonitoredModel(
        folder=folder,
        version=folder.name if promoted else sha256(content).hexdigest()[:12],
        labels=tuple(card.labels),
        error=None if accuracy is None or not 0 <= accuracy <= 1 else 1 - accuracy,
        reference=read_reference(folder),
    )
