"""JupyterLab as a participant meets it: token, start page, a lesson run cell by cell. Driven in Chromium."""

import os
import re
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

import nbformat
import pytest

from tests.conftest import COURSE
from workshop_utils.paths import ROOT

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not CHROMIUM, reason="no Chromium on this machine; .ci/run installs it"),
]


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """``make lab`` on a free port; yields the address that it prints, token included."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    folder = tmp_path_factory.mktemp("lab")
    log = folder / "log"
    own = {
        "JUPYTERLAB_WORKSPACES_DIR": str(folder / "workspaces"),
        "JUPYTERLAB_SETTINGS_DIR": str(folder / "settings"),
        "WORKSHOP_DATA_DIR": "",  # the bundled data, as a participant has it
    }
    options = "--no-browser" + (" --allow-root" if os.geteuid() == 0 else "")
    command = ["make", "lab", f"PORT={port}", f"LAB_OPTIONS={options}"]
    notebooks = {path: path.read_bytes() for path in (ROOT / "notebooks").glob("*.ipynb")}
    with log.open("w", encoding="utf-8") as file:
        server = subprocess.Popen(
            command, cwd=ROOT, stdout=file, stderr=file, env=os.environ | own, start_new_session=True
        )
    try:
        yield _address(log, port)
    finally:
        os.killpg(server.pid, 15)
        server.wait(30)
        for path, content in notebooks.items():  # JupyterLab saves what is open by itself
            path.write_bytes(content)


def _address(log: Path, port: int) -> str:
    for _ in range(120):
        found = re.search(rf"http://127\.0\.0\.1:{port}/\S*token=\w+", log.read_text(encoding="utf-8"))
        if found:
            return found[0]
        time.sleep(0.5)
    raise AssertionError(log.read_text(encoding="utf-8"))


@pytest.fixture
def page(lab):
    """JupyterLab, opened with the printed address and no memory of earlier tabs."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1400, "height": 900})
        page.set_default_timeout(300_000)  # a busy machine takes minutes to import TensorFlow
        page.goto(f"{lab}&reset")
        yield page
        browser.close()


def test_nobody_gets_in_without_the_token(lab):
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(re.sub(r"/lab.*", "/api/contents", lab), timeout=30)
    refused.value.close()
    assert refused.value.code == 403


def test_the_start_page_lists_the_lessons(page):
    for lesson in COURSE.lessons:
        page.locator(".jp-RenderedMarkdown a", has_text=f"{lesson.id} · {lesson.title}").first.wait_for()
    assert page.get_by_text("Jupyter news").count() == 0, "the course asks for nothing from the network"
    page.screenshot(path=str(ROOT / "build" / "start.png"))


def test_lesson_00_runs_cell_by_cell(page, lab):
    kept = (ROOT / "notebooks" / "00_first_network.ipynb").read_bytes()
    try:
        page.locator(".jp-RenderedMarkdown a", has_text="Train a first network").first.click()
        panel = page.locator(".jp-NotebookPanel:visible", has_text="Look at the data first")
        panel.wait_for()
        panel.locator(".jp-Notebook-ExecutionIndicator[data-status='idle']").wait_for()  # the kernel is up
        panel.locator(".jp-Cell").first.click()
        cells = nbformat.reads(kept.decode("utf-8"), as_version=4).cells
        for number, cell in enumerate(cells):  # to the check of the first exercise
            _run_cell(page, panel, number, cell)
            if cell.metadata.get("part") == "check":
                break
        # what has left the window is not laid out, so it is counted and not looked at
        assert panel.locator(".jp-OutputArea-output img").count() >= 2
        panel.locator(".jp-OutputArea-output", has_text="Open: replace the").first.wait_for()
        page.screenshot(path=str(ROOT / "build" / "lesson_00.png"))
    finally:
        page.keyboard.press("Control+s")
        page.wait_for_timeout(1500)
        (ROOT / "notebooks" / "00_first_network.ipynb").write_bytes(kept)


def _run_cell(page, panel, number, cell):
    """Shift+Enter on the active cell; a code cell is waited for, and must not end in an error."""
    from playwright.sync_api import expect

    here, after = (panel.locator(".jp-Cell").nth(each) for each in (number, number + 1))
    active = re.compile("jp-mod-active")
    expect(here).to_have_class(active, timeout=60_000)
    page.keyboard.press("Shift+Enter")
    try:
        expect(after).to_have_class(active, timeout=30_000)
    except AssertionError:  # a busy browser may lose a key; the active cell says whether it did
        if active.search(here.get_attribute("class")):
            page.keyboard.press("Shift+Enter")
        expect(after).to_have_class(active, timeout=60_000)
    if cell.cell_type == "code":
        if cell.metadata.get("part") == "check":  # its input is folded, its number with it
            here.locator(".jp-OutputArea-output").first.wait_for(state="attached")
        else:
            done = re.compile(r"\[\d+\]:")
            expect(here.locator(".jp-InputArea-prompt")).to_have_text(done, timeout=300_000)
        failed = here.locator(".jp-OutputArea-output[data-mime-type='application/vnd.jupyter.error']")
        assert failed.count() == 0, failed.first.inner_text()
