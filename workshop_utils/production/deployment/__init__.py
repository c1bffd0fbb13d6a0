"""The deployment: a folder of immutable versions, and pointers that name the one that is served.

::

    versions/0001-3f2a9c01b7de/       a bundle; never changed
    versions/0001-3f2a9c01b7de.json   its manifest: the sum of each file, and what it was made from
    current                           the name of the champion
    challenger                        the name of the version that scores in the champion's shadow, if any
    waiting                           the name of the version that waits for a person's yes, if any
    history.jsonl                     who moved which pointer, when and why: one line each

The service needs only this folder, and only reads it.
"""

from workshop_utils.production.deployment.history import (
    DeploymentHistory,
    PointerChange,
    Told,
    read_history,
)
from workshop_utils.production.deployment.manifest import (
    Lineage,
    Manifest,
    check_manifest,
    open_version,
    read_manifest,
    write_manifest,
)
from workshop_utils.production.deployment.pointers import (
    DAMAGED,
    PointerName,
    live_pointers,
    pointed_version,
    version_folder,
    version_names,
)
from workshop_utils.production.deployment.promoting import (
    Promotion,
    approve,
    clear_pointer,
    promote,
    promote_challenger,
    roll_back,
)

__all__ = [
    "DAMAGED",
    "DeploymentHistory",
    "Lineage",
    "Manifest",
    "PointerChange",
    "PointerName",
    "Promotion",
    "Told",
    "approve",
    "check_manifest",
    "clear_pointer",
    "live_pointers",
    "open_version",
    "pointed_version",
    "promote",
    "promote_challenger",
    "read_history",
    "read_manifest",
    "roll_back",
    "version_folder",
    "version_names",
    "write_manifest",
]
