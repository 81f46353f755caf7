"""Tests of the notebook in JupyterLab, and of its report, in a real browser."""

import contextlib
import re
import shutil
import socket
import sys

import nbformat
import pytest
from browser import TOKEN, LabServer, find_browser, open_browser, processes_of, read_console, wait_for
from conftest import ROOT
from test_notebook import code_cells, make_tiny

from run_notebook import NO_ALT, NOTEBOOK, render

pytestmark = pytest.mark.browser

READ_PAGE = """
const find = (selector) => [...document.querySelectorAll(selector)];
const texts = (selector) => find(selector).map((element) => element.textContent.trim());
return {
  idle: find('.jp-Notebook-ExecutionIndicator[data-status="idle"]').length > 0,
  counts: texts(".jp-Notebook .jp-CodeCell .jp-InputArea-prompt"),
  sizes: find(".jp-Notebook .jp-OutputArea img").map((image) => [image.naturalWidth, image.naturalHeight]),
  errors: texts('[data-mime-type$="jupyter.error"], [data-mime-type$="jupyter.stderr"]'),
  notices: texts(".jp-Dialog, .Toastify__toast"),
};
"""
READ_REPORT = """
return {
  ready: document.readyState === "complete" && document.URL === arguments[0],
  images: [...document.images].map((image) => [image.alt, image.naturalWidth, image.naturalHeight]),
  fonts: [...document.querySelectorAll("pre")].map((pre) => getComputedStyle(pre).fontFamily),
  loaded: performance.getEntriesByType("resource").map((entry) => entry.name),
};
"""
# Messages that JupyterLab may write to the console. None of them comes from the notebook.
HARMLESS = re.compile(
    r'"Plugin \S+ (is taking too long|\(with \d+ dependants\) took [\d.]+ms) to activate\."$'  # on a busy machine
    r'|"Connection lost, reconnecting in 0 seconds\."$'  # a restart closes the old kernel's socket
)


def count_pictures(notebook):
    return sum("image/png" in output.get("data", ()) for cell in code_cells(notebook) for output in cell.outputs)


def copy_lab(folder):
    """Copy a student's files, with tiny parameters and no outputs. Return the notebook's path."""
    for room in (".", "classifiers", "datasets", "diagnosis"):
        (folder / room).mkdir()
        for path in (ROOT / room).glob("*.py"):
            shutil.copy(path, folder / room)
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    make_tiny(notebook)
    for cell in code_cells(notebook):
        cell.update(outputs=[], execution_count=None)
    nbformat.write(notebook, folder / NOTEBOOK.name)
    return folder / NOTEBOOK.name


def click_menu(driver, menu, command):
    """Open a menu of JupyterLab and click on an item."""
    (title,) = (e for e in driver.find_elements("css selector", ".lm-MenuBar-item") if e.text == menu)
    title.click()
    selector = f'.lm-Menu-item[data-command="{command}"]'
    wait_for(lambda: driver.find_elements("css selector", selector), f"{menu} has {command}", 30)[0].click()


def confirm(driver, question):
    """Click on the button that accepts a dialog."""
    buttons = wait_for(lambda: driver.find_elements("css selector", ".jp-Dialog .jp-mod-accept"), question, 30)
    assert question in driver.find_element("css selector", ".jp-Dialog").text
    buttons[0].click()


def check_run(driver, n_cells, n_pictures):
    """Wait until all cells have run. Check counts and pictures, and that there is no error."""
    notices = set()

    def read_finished_page():
        page = driver.execute_script(READ_PAGE)
        notices.update(page["notices"])
        return "[*]:" not in page["counts"] and page

    wait_for(lambda: "[*]:" in driver.execute_script(READ_PAGE)["counts"], "a cell runs", 60)
    page = wait_for(read_finished_page, "all cells have run")
    assert page["errors"] == [] and notices == set()
    assert page["counts"] == [f"[{count}]:" for count in range(1, n_cells + 1)]
    assert len(page["sizes"]) == n_pictures and min(map(min, page["sizes"])) > 0


def save(driver, path):
    """Save by the menu. Return the notebook in the file."""
    before = path.stat().st_mtime_ns

    def read_saved():
        with contextlib.suppress(nbformat.reader.NotJSONError):  # half written
            return path.stat().st_mtime_ns != before and nbformat.read(path, as_version=4)

    click_menu(driver, "File", "docmanager:save")
    return wait_for(read_saved, "the notebook is saved", 60)


def find_faults(driver, path):
    """Open a report. Return its faults and its number of images."""

    def read_report():
        page = driver.execute_script(READ_REPORT, path.as_uri())
        return page["ready"] and page

    driver.get(path.as_uri())
    seen = wait_for(read_report, "the report is open", 60)
    faults = [f"loads {address}" for address in seen["loaded"]]
    faults += [f"image without pixels: {alt}" for alt, *size in seen["images"] if 0 in size]
    faults += ["image without description" for alt, *_ in seen["images"] if alt.strip() in ("", NO_ALT)]
    faults += [f"code in the font {font}" for font in set(seen["fonts"]) if "monospace" not in font]
    return faults + read_console(driver), len(seen["images"])


def test_lab(tmp_path, cifar10_of_the_notebook, monkeypatch):
    """All cells run by the menu, and again after a restart. At the end no process is left."""
    find_browser()  # skips before a server starts
    stored = nbformat.read(NOTEBOOK, as_version=4)
    expected = len(code_cells(stored)), count_pictures(stored)
    notebook = copy_lab(tmp_path / "lab")
    monkeypatch.setenv("CIFAR10_DIR", str(cifar10_of_the_notebook))
    monkeypatch.delenv("DATA", raising=False)
    with LabServer(notebook.parent, tmp_path / "private") as server, open_browser(tmp_path) as driver:
        url, port = server.wait_for_address()
        driver.get(f"{url}lab/tree/{notebook.name}?token={TOKEN}")
        ready = {"idle": True, "counts": ["[ ]:"] * expected[0], "sizes": [], "errors": [], "notices": []}
        first = server.find_kernel()
        assert first.cmdline()[0] == sys.executable
        wait_for(lambda: driver.execute_script(READ_PAGE) == ready, "the notebook and its kernel are ready", 60)

        click_menu(driver, "Run", "runmenu:run-all")
        check_run(driver, *expected)
        assert read_console(driver, HARMLESS) == []

        click_menu(driver, "Run", "runmenu:restart-and-run-all")
        confirm(driver, "Restart Kernel?")
        check_run(driver, *expected)
        assert read_console(driver, HARMLESS) == []
        assert server.find_kernel().pid != first.pid

        executed = save(driver, notebook)
        outputs = [output for cell in code_cells(executed) for output in cell.outputs]
        assert not [out for out in outputs if out.output_type == "error" or out.get("name") == "stderr"]
        assert count_pictures(executed) == expected[1]

        page = driver.current_window_handle
        report = tmp_path / "report.html"
        report.write_text(render(executed), encoding="utf-8")
        driver.switch_to.new_window()
        assert find_faults(driver, report) == ([], expected[1])
        driver.switch_to.window(page)

        click_menu(driver, "File", "filemenu:shutdown")
        confirm(driver, "shut down JupyterLab")
        assert server.process.wait(60) == 0
        driver.quit()
        wait_for(lambda: not processes_of(tmp_path), "all processes have ended", 60)
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port), timeout=10)


def test_report(tmp_path):
    """The report of the stored run has no faults. The check finds the faults of a bad report."""
    stored = nbformat.read(NOTEBOOK, as_version=4)
    good, bad = tmp_path / "good.html", tmp_path / "bad.html"
    good.write_text(render(stored), encoding="utf-8")
    image, script = f'<img src="data:," alt=" {NO_ALT}">', '<script src="https://example.org/x.js"></script>'
    bad.write_text(f'{image}{script}<pre style="font-family: serif">x = 1</pre>')
    with open_browser(tmp_path) as driver:
        assert find_faults(driver, good) == ([], count_pictures(stored))
        faults, n_images = find_faults(driver, bad)
    assert n_images == 1
    assert "image without description" in faults and "loads https://example.org/x.js" in faults
    assert "code in the font serif" in faults
    assert any(fault.startswith("image without pixels") for fault in faults)
    assert any("ERR_NAME_NOT_RESOLVED" in fault for fault in faults)
