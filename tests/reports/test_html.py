"""The page to send, in a real browser: from disk, without a network, wide and narrow."""

import json
import os
import shutil
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from command_line import here
from selenium.webdriver import Chrome
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.wait import WebDriverWait

from experiments.figures.style import STYLE
from experiments.reports.html import Fold, stop_reloading, write_folds
from experiments.reports.html.fragments import table_cell
from experiments.reports.html.libraries import inside_script
from experiments.store import Store

DPI = 40
DRAWN = "return [...document.querySelectorAll('.chart')].every((p) => p.dataset.state === 'drawn')"
PATIENCE = 60  # seconds
QUIET = (
    "--headless=new --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --disable-dev-shm-usage --window-size=1200,1000"
)


@pytest.fixture(scope="module")
def studies(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the reports of a study that has everything, of a tuned one, of one where all diverged."""
    folder = tmp_path_factory.mktemp("pages")
    both = (
        "problem=quadratic,rosenbrock,quadratic_bowl",
        "steps=40",
        "record.points=12",
        "record.params=true",
    )
    lrs = ("optimizer.lr=0.001,0.01,0.1", "optimizer=sgd,adam,rmsprop", "seed=range(0,4)")
    here(folder, "run", "-m", "study=full", *both, *lrs, "optimizer.eps=1e-8,1e-3")
    here(folder, "run", "-m", "study=lost", "optimizer=sgd", "optimizer.lr=1e9", "steps=5", "seed=0,1")
    here(folder, "tune", "-m", "study=tuned", "optimizer=sgd,adam", "tune.trials=5", "steps=20", "seed=0,1,2")
    with pytest.MonkeyPatch.context() as patched:
        patched.setitem(STYLE, "savefig.dpi", DPI)
        for study in ("full", "lost", "tuned"):
            assert here(folder, "report", f"study={study}").code == 0
    return folder


@pytest.fixture(scope="module")
def browser() -> Iterator[Chrome]:
    """Chromium as the system has it; .ci/run installs it and sets CI, where it may not be lacking."""
    program, driver = (shutil.which(name) for name in ("chromium", "chromedriver"))
    if not (program and driver):
        if os.environ.get("CI"):
            pytest.fail("chromium and chromedriver are not installed")
        pytest.skip("chromium and chromedriver are not installed")
    options = Options()
    options.binary_location = program
    for word in QUIET.split():
        options.add_argument(word)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    with Chrome(options=options, service=Service(driver)) as chrome:
        yield chrome


def opened(browser: Chrome, studies: Path, study: str, anchor: str = "") -> Path:
    """Open a page and wait until its tables and the figures in view are there."""
    page = studies / "results" / study / "report" / "report.html"
    browser.get("about:blank")
    for kind in ("browser", "performance"):
        browser.get_log(kind)  # which forgets what it has told
    browser.get(page.as_uri() + anchor)
    wait(browser, "return document.documentElement.dataset.ready === 'yes'")
    return page


def wait(browser: Chrome, condition: str) -> None:
    WebDriverWait(browser, PATIENCE).until(lambda chrome: chrome.execute_script(condition))


def unfold(browser: Chrome) -> None:
    browser.execute_script("for (const each of document.querySelectorAll('main > details')) each.open = true")
    wait(browser, DRAWN)


def count(browser: Chrome, selector: str) -> int:
    return len(browser.find_elements(By.CSS_SELECTOR, selector))


@pytest.mark.parametrize("study", ["full", "lost", "tuned"])
def test_a_page_opens_from_disk_without_error_or_request_and_draws_every_figure(
    browser: Chrome, studies: Path, study: str
) -> None:
    page = opened(browser, studies, study)
    unfold(browser)
    assert [line for line in browser.get_log("browser") if line["level"] in ("SEVERE", "WARNING")] == []
    asked = {
        message["params"]["request"]["url"]
        for line in browser.get_log("performance")
        if (message := json.loads(line["message"])["message"])["method"] == "Network.requestWillBeSent"
    }
    assert {url for url in asked if not url.startswith("data:")} <= {page.as_uri()}
    assert page.as_uri() in asked
    assert count(browser, ".chart") == count(browser, "svg.marks") > 0
    wait(browser, "return [...document.images].every((image) => image.naturalWidth)")
    marks = "return [...document.querySelectorAll('svg.marks')].map((s) => s.querySelectorAll('path').length)"
    assert min(browser.execute_script(marks)) > 3


def test_the_answer_is_at_the_top_and_open(browser: Chrome, studies: Path) -> None:
    opened(browser, studies, "full")
    first = browser.find_element(By.CSS_SELECTOR, "main > details")
    assert first.get_attribute("open")
    assert "best mean rank" in first.text
    assert first.find_element(By.CSS_SELECTOR, "table").is_displayed()
    assert not browser.find_elements(By.CSS_SELECTOR, "main > details")[1].get_attribute("open")


def test_a_point_leads_to_its_setting_and_a_line_to_its_run(browser: Chrome, studies: Path) -> None:
    opened(browser, studies, "full")
    unfold(browser)
    entry = clicked(browser, "#figure-lr_sensitivity .mark-symbol path")
    assert str(entry.get_attribute("id")).startswith("setting-")
    assert entry.get_attribute("open")
    assert "python -m experiments.run -m optimizer=" in entry.text
    browser.find_element(By.CSS_SELECTOR, "#figure-learning_curves input[type=checkbox]").click()
    wait(browser, "return document.querySelector('#figure-learning_curves path[aria-label*=\"run: \"]')")
    entry = clicked(browser, "#figure-learning_curves path[aria-label*='run: ']")
    assert str(entry.get_attribute("id")).startswith("run-")
    assert entry.is_displayed()


def test_a_row_of_a_table_leads_to_its_setting(browser: Chrome, studies: Path) -> None:
    opened(browser, studies, "full")
    unfold(browser)
    link = browser.find_element(By.CSS_SELECTOR, "#table-best_settings tbody a")
    row = link.find_element(By.XPATH, "ancestor::tr").text
    browser.execute_script("arguments[0].click()", link)
    wait(browser, "return location.hash.startsWith('#setting-')")
    entry = browser.find_element(By.CSS_SELECTOR, str(browser.execute_script("return location.hash")))
    assert entry.get_attribute("open")
    optimizer, _, problem = entry.text.partition(":")[0].partition(" on ")
    assert row.startswith(f"{problem} {optimizer} ")


def clicked(browser: Chrome, mark: str) -> WebElement:
    """Click on a mark of a chart and return the element that it leads to."""
    browser.execute_script("location.hash = ''")
    found = browser.find_element(By.CSS_SELECTOR, mark)
    browser.execute_script("arguments[0].dispatchEvent(new MouseEvent('click', {bubbles: true}))", found)
    wait(browser, "return location.hash.length > 1")
    return browser.find_element(By.CSS_SELECTOR, str(browser.execute_script("return location.hash")))


def test_the_command_of_an_entry_finds_its_runs_stored(browser: Chrome, studies: Path) -> None:
    opened(browser, studies, "full")
    runs = Store(studies / "results" / "full").runs()
    for row in browser.find_elements(By.CSS_SELECTOR, "#runs tbody tr")[::40]:
        words = [str(cell.get_attribute("textContent")) for cell in row.find_elements(By.TAG_NAME, "code")]
        run, command = words
        assert run in set(runs["run"].astype(str))
        module, *arguments = command.replace("'", "").split()[2:]
        ended = here(studies, module.removeprefix("experiments."), *arguments)
        assert ended.code == 0
    assert len(Store(studies / "results" / "full").runs()) == len(runs)  # each was there already


def test_tables_filter_and_sort_by_number(browser: Chrome, studies: Path) -> None:
    opened(browser, studies, "full")
    unfold(browser)
    table = browser.find_element(By.CSS_SELECTOR, "#table-best_settings")
    search = table.find_element(By.CSS_SELECTOR, "input[type=search]")
    before = len(table.find_elements(By.CSS_SELECTOR, "tbody tr"))
    search.send_keys("adam")
    rows = [row.text for row in table.find_elements(By.CSS_SELECTOR, "tbody tr")]
    assert 0 < len(rows) < before
    assert all("adam" in row for row in rows)
    search.send_keys(Keys.BACKSPACE * 4)
    names = [head.text.strip() for head in table.find_elements(By.CSS_SELECTOR, "thead th")]
    place = names.index("median")
    table.find_elements(By.CSS_SELECTOR, "thead th")[place].click()
    cells = table.find_elements(By.CSS_SELECTOR, f"tbody td:nth-child({place + 1})")
    values = [float(str(cell.get_attribute("data-order"))) for cell in cells]
    assert values == sorted(values)


@pytest.mark.parametrize("width", [360, 1400])
def test_nothing_is_wider_than_the_window(browser: Chrome, studies: Path, width: int) -> None:
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500},
    )
    try:
        opened(browser, studies, "full")
        unfold(browser)
        assert browser.execute_script("return document.documentElement.scrollWidth") <= width
    finally:
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_in_the_dark_text_stands_out_from_the_page(browser: Chrome, studies: Path) -> None:
    dark = {"features": [{"name": "prefers-color-scheme", "value": "dark"}]}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", dark)
    try:
        opened(browser, studies, "full")
        paper, ink = browser.execute_script(
            "const s = getComputedStyle(document.body); return [s.backgroundColor, s.color]"
        )
        assert contrast(brightness(paper), brightness(ink)) >= 7  # WCAG 2, level AAA
    finally:
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


def brightness(color: str) -> float:
    """Return the relative luminance of ``rgb(r, g, b)``: WCAG 2, definitions."""
    parts = [int(part) / 255 for part in color[color.index("(") + 1 : -1].split(",")[:3]]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(first: float, second: float) -> float:
    return (max(first, second) + 0.05) / (min(first, second) + 0.05)


def test_in_print_sections_stand_open_with_their_figures_drawn(browser: Chrome, studies: Path) -> None:
    opened(browser, studies, "full")
    wait(browser, DRAWN)
    browser.execute_script("window.dispatchEvent(new Event('beforeprint'))")
    folded = "return [...document.querySelectorAll('main > details')].filter((d) => !d.open).map((d) => d.id)"
    assert browser.execute_script(folded) == ["runs"]
    pdf = browser.execute_cdp_cmd("Page.printToPDF", {})
    assert len(pdf["data"]) > 100_000


def test_a_keyboard_opens_a_section(browser: Chrome, studies: Path) -> None:
    opened(browser, studies, "full")
    second = browser.find_elements(By.CSS_SELECTOR, "main > details")[1]
    second.find_element(By.TAG_NAME, "summary").send_keys(Keys.ENTER)
    assert second.get_attribute("open")


def test_a_page_that_loads_itself_anew_shows_the_new_one_as_it_was_left_and_stops(
    browser: Chrome, tmp_path: Path
) -> None:
    long = "".join(f"<p>{number}</p>" for number in range(200))

    def write(said: str, reload: int | None) -> Path:
        sections = [Fold("", "<h1>grown</h1>"), Fold("One", long), Fold("Two", said), Fold("Three", long)]
        return write_folds(tmp_path, "grown", sections, reload)

    browser.get(write("<p>6 runs</p>", 2).as_uri())
    wait(browser, "return document.documentElement.dataset.ready === 'yes'")
    assert "loads itself anew every 2 s" in browser.find_element(By.TAG_NAME, "header").text
    browser.execute_script("document.getElementById('one').open = false")
    browser.execute_script("for (const name of ['two', 'three']) document.getElementById(name).open = true")
    browser.execute_script("scrollTo(0, 700)")
    write("<p>12 runs</p>", None)
    wait(browser, "return document.getElementById('two')?.textContent.includes('12 runs')")
    wait(browser, "return document.documentElement.dataset.ready === 'yes'")
    opened = "return [...document.querySelectorAll('main > details[open]')].map((each) => each.id)"
    assert browser.execute_script(opened) == ["two", "three"]
    assert 600 < browser.execute_script("return scrollY") <= 700  # a line at the top has gone
    assert "loads itself anew" not in browser.find_element(By.TAG_NAME, "header").text
    assert browser.find_elements(By.CSS_SELECTOR, "meta[http-equiv]") == []
    assert [line for line in browser.get_log("browser") if line["level"] == "SEVERE"] == []


class Outline(HTMLParser):
    """What a screen reader needs: names of pictures, headings of columns, unique anchors."""

    def __init__(self) -> None:
        super().__init__()
        self.nameless: list[str] = []
        self.anchors: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given: dict[str, Any] = dict(attrs)
        if (tag == "img" and not given.get("alt")) or (
            given.get("role") == "figure" and not given.get("aria-label")
        ):
            self.nameless.append(tag)
        if "id" in given:
            self.anchors.append(str(given["id"]))


@pytest.mark.parametrize("study", ["full", "lost", "tuned"])
def test_pictures_have_names_and_anchors_are_unique(studies: Path, study: str) -> None:
    outline = Outline()
    outline.feed((studies / "results" / study / "report" / "report.html").read_text(encoding="utf-8"))
    assert outline.nameless == []
    assert len(outline.anchors) == len(set(outline.anchors)) > 5


def test_a_page_of_equal_content_has_equal_bytes(studies: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(STYLE, "savefig.dpi", DPI)
    page = studies / "results" / "tuned" / "report" / "report.html"
    before = page.read_bytes()
    here(studies, "report", "study=tuned")
    assert page.read_bytes() == before


def test_a_page_that_stops_loading_itself_anew_is_the_page_that_never_did(tmp_path: Path) -> None:
    sections = [Fold("", "<h1>grown</h1>"), Fold("One", "<p>6 runs</p>")]
    never = write_folds(tmp_path, "grown", sections).read_bytes()
    page = write_folds(tmp_path, "grown", sections, 7)
    assert b'<meta http-equiv="refresh" content="7">' in page.read_bytes()
    stop_reloading(tmp_path)
    assert page.read_bytes() == never
    stamp = page.stat().st_mtime_ns
    stop_reloading(tmp_path)
    assert page.stat().st_mtime_ns == stamp
    stop_reloading(tmp_path / "none")
    assert not (tmp_path / "none").exists()


def test_text_cannot_end_the_script_that_it_stands_in() -> None:
    assert inside_script('"</script><!-- </SCRIPT>" /</g') == '"\\x3c/script>\\x3c!-- \\x3c/SCRIPT>" /</g'


@pytest.mark.parametrize(
    ("value", "order"),
    [(3, "3"), (0.1, "0.1"), (float("inf"), "1e308"), (float("nan"), "1e308"), (1e-20, "1e-20")],
)
def test_a_number_in_a_table_says_where_it_stands(value: float, order: str) -> None:
    assert f'data-order="{order}"' in table_cell(value)
    assert "data-order" not in table_cell("<b>")
    assert "&lt;b&gt;" in table_cell("<b>")
    assert pd.notna(value) == (">-<" not in table_cell(value))
