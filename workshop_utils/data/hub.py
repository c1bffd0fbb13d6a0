"""Files of Hugging Face's Hub: fetch one of one commit, check a model's folder as it comes from there."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from workshop_utils.data.containers import LFS_POINTER
from workshop_utils.data.download import UNTRUSTED, DownloadProgress
from workshop_utils.errors import WorkshopError
from workshop_utils.files import sha256 as sha256_of


def hub_download(
    repository: str,
    revision: str,
    name: str,
    folder: Path,
    *,
    sha256: str | None = None,
    progress: DownloadProgress = lambda done, total: None,
) -> Path:
    """Fetch the file ``name`` of ``repository`` into ``folder``, where it appears only when it is complete.

    The Hub's own library does it: it obeys ``HF_ENDPOINT``, ``HF_HUB_OFFLINE`` and ``HTTPS_PROXY``, resumes
    broken connections, and copies what is in its cache already. A download that was stopped begins anew.

    Args:
        repository: owner and name, such as ``distilbert/distilbert-base-uncased``.
        revision: the commit, as 40 hexadecimal digits.
        name: path of the file in the repository.
        folder: the file's path begins here.
        sha256: expected checksum; another file is thrown away.
        progress: called after each piece.

    Returns:
        The file's path.

    Raises:
        WorkshopError: the Hub cannot be reached, is not trusted, or sends another file than expected.
    """
    # here, because whoever only loads data does not need it
    from huggingface_hub import get_hf_file_metadata, hf_hub_download, hf_hub_url

    url = hf_hub_url(repository, name, revision=revision)
    try:
        (folder / name).unlink(missing_ok=True)  # the Hub's library believes a file that is there
        try:
            get_hf_file_metadata(url, token=False)
        except Exception as error:
            # hf_hub_download would try for half a minute to reach a server that it does not trust
            if _is_untrusted(_causes(error)):
                raise
        path = Path(
            hf_hub_download(
                repository,
                name,
                revision=revision,
                local_dir=folder,
                token=False,
                tqdm_class=_bar(progress),
            )
        )
    except Exception as error:  # of the Hub's library, its HTTP client and its transfer: no common class
        if isinstance(error, OSError) and error.errno:  # such as a full disk
            raise
        raise WorkshopError(f"{url} could not be downloaded: {_reason(error)}.") from error
    found = sha256_of(path)
    if sha256 and found != sha256:
        path.unlink()
        raise WorkshopError(f"{url} could not be downloaded: the file's sha256 is {found}, not {sha256}.")
    return path


def check_encoder(folder: Path, names: Iterable[str]) -> None:
    """Is it the folder of a DistilBERT, with whole files?

    Args:
        folder: the folder to look at; its files are not changed.
        names: the files that it must hold.

    Raises:
        WorkshopError: a file is missing, is the pointer text of Git LFS, or cannot be read; or the folder
            holds another kind of model.
    """
    from safetensors import SafetensorError, safe_open

    names = list(names)
    for path in (folder / name for name in names):
        if not path.is_file():
            raise WorkshopError(
                f"{folder} lacks {path.name}; the folder of a DistilBERT has {', '.join(names)}."
            )
        with path.open("rb") as file:
            if file.read(len(LFS_POINTER)) == LFS_POINTER:
                raise WorkshopError(
                    f"{path} is a pointer of Git LFS, not the file itself; run `git lfs pull` in its folder."
                )
        try:
            if path.suffix == ".json":
                json.loads(path.read_bytes())
            elif path.suffix == ".safetensors":
                with safe_open(path, framework="np"):
                    pass  # compares the header with the length of the file
        except (ValueError, SafetensorError) as error:
            raise WorkshopError(f"{path} is damaged ({error}); download it again.") from error
    config = json.loads((folder / "config.json").read_bytes())
    kind = config.get("model_type") if isinstance(config, dict) else None
    if kind != "distilbert":
        raise WorkshopError(f"{folder / 'config.json'} describes {kind or 'no model'}, not a distilbert.")


def _reason(error: BaseException) -> str:
    """What went wrong, in words, from the first cause that tells it."""
    causes = _causes(error)
    if _is_untrusted(causes):
        return UNTRUSTED
    for cause in causes:
        if type(cause).__name__ == "OfflineModeIsEnabled":
            return "HF_HUB_OFFLINE is set; unset it and run the command again"
        status = getattr(getattr(cause, "response", None), "status_code", None)
        if status is not None:
            return f"the server answered {status}"
        if type(cause).__name__ == "FileMetadataError":
            return (
                "what answered is not the Hub, perhaps the sign-in page of this network; open any page in "
                "your browser, sign in, and run the command again; or check HF_ENDPOINT"
            )
    return "the server could not be reached or broke off"


def _causes(error: BaseException) -> list[BaseException]:
    causes = [error]
    while (cause := causes[-1].__cause__ or causes[-1].__context__) is not None and cause not in causes:
        causes.append(cause)
    return causes


def _is_untrusted(causes: list[BaseException]) -> bool:
    return any("CERTIFICATE_VERIFY_FAILED" in str(cause) for cause in causes)


def _bar(progress: DownloadProgress) -> type[Any]:
    """A progress bar for the Hub's library that draws nothing and reports to ``progress``."""
    from huggingface_hub.utils import tqdm

    class Bar(tqdm):
        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options | {"disable": True})

        def update(self, n: float | None = 1) -> None:
            self.n += n or 0
            progress(int(self.n), self.total)

    return Bar
