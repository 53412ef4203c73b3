"""The course as HTML opens without a kernel and without a network."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, sync_playwright

from canvas_demo.course.notebooks import ROOT, Notebook, all_notebooks
from canvas_demo.course.pages import write_pages
from canvas_demo.course.running import Outcome

PAGES = ROOT / "artifacts" / "course"
WIDGET = "application/vnd.jupyter.widget-view+json"


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    """A page of a browser that has no network, and that fails the test on any error of a script."""
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("no chromium on the path")
    errors: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_context(offline=True).new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("request", lambda request: errors.append(request.url) if request.url.startswith("http") else None)
        yield page
        browser.close()
    assert errors == []


@pytest.fixture
def shown(notebook: Notebook, executed: Path) -> Path:
    """The page of a notebook, as it was executed in this run."""
    write_pages([notebook], executed.parent, PAGES)
    return PAGES / f"{notebook.name}.html"


def test_a_page_shows_every_widget_from_its_saved_state(notebook: Notebook, shown: Path, page: Page) -> None:
    page.goto(shown.as_uri())
    page.wait_for_selector("html[data-widgets=shown]", state="attached")
    outputs = [output for cell in notebook.content.cells for output in cell.get("outputs", [])]
    expected = sum(WIDGET in output.get("data", {}) for output in outputs)
    assert page.locator(".cd-widget:visible").count() == expected
    assert page.locator(f'script[type="{WIDGET}"]').count() == 0
    assert page.locator(".cd-orders button:enabled").count() == 0, "a switch that nobody hears looks as if it worked"


def test_the_index_leads_to_every_lesson(outcomes: dict[str, Outcome], page: Page) -> None:
    notebooks = [each for each in all_notebooks() if outcomes.get(each.name) and not outcomes[each.name].problem]
    index = write_pages(notebooks, ROOT / "artifacts" / "notebooks", PAGES)
    page.goto(index.as_uri())
    links = page.locator("main table a").evaluate_all("links => links.map(link => link.getAttribute('href'))")
    assert links == [f"{each.name}.html" for each in notebooks]
    assert all((PAGES / link).exists() for link in links)
