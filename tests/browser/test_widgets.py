"""The widgets' views in a browser, without a kernel: keyboard, selection, pause, filter, accessibility, themes."""

from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.states import IDS, STATES, rows, table

HERE = Path(__file__).parent
AXE = HERE.parents[1] / "canvas_demo" / "frontend" / "node_modules" / "axe-core" / "axe.min.js"
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]}
PAGE = '<!doctype html><html lang="en"><head><title>Widgets</title></head><body><main></main></body></html>'
SAFE = {"light": "#ffffff", "dark": "#111111"}


class Host:
    """A page that shows views."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.errors: list[str] = []
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.set_content(PAGE)
        page.add_style_tag(content=static("widgets.css"))
        page.add_script_tag(content=(HERE / "host.js").read_text())

    def show(self, view: str, state: dict[str, Any] | None = None, name: str = "") -> Any:
        source = static(f"{view}.js")
        self.page.evaluate("([n, s, t]) => mount(n, s, t)", [name or view, source, state or STATES[view]])
        return self.page.locator(f"#{name or view}")

    def set(self, name: str, trait: str, value: object) -> None:
        """What a kernel does when a trait changes there."""
        self.page.evaluate("([n, t, v]) => models[n].set(t, v)", [name, trait, value])

    def get(self, name: str, trait: str) -> Any:
        return self.page.evaluate("([n, t]) => models[n].get(t)", [name, trait])

    def sent(self, name: str) -> Any:
        return self.page.evaluate("n => models[n].sent", name)


def static(name: str) -> str:
    return files("canvas_demo.lab").joinpath("static", name).read_text()


@pytest.fixture(params=["light", "dark"])
def theme(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.fixture
def host(browser: Browser) -> Iterator[Host]:
    page = browser.new_page(viewport={"width": 900, "height": 900})
    host = Host(page)
    yield host
    page.close()
    assert not host.errors


# --- what comes, as it comes -------------------------------------------------------------------------------


def test_an_event_that_is_selected_in_one_view_is_marked_in_all(host: Host) -> None:
    outbox, topic = host.show("live_table"), host.show("live_table", table("Records"), "topic")
    lanes, delivery = host.show("lanes"), host.show("delivery")
    outbox.locator(f"tr[data-event='{IDS[2]}']").click()
    for view in (outbox, topic, delivery):
        expect(view.locator("tr[aria-selected='true']")).to_have_attribute("data-event", IDS[2])
    expect(lanes.locator("[aria-pressed='true']")).to_have_attribute("data-event", IDS[2])
    topic.locator(f"tr[data-event='{IDS[2]}']").click()
    expect(outbox.locator("tr[aria-selected='true']")).to_have_count(0)


def test_what_the_kernel_selects_is_marked_too(host: Host) -> None:
    outbox = host.show("live_table")
    host.set("selection", "event_id", IDS[0])
    expect(outbox.locator("tr[aria-selected='true']")).to_have_attribute("data-event", IDS[0])
    expect(outbox.get_by_role("group", name="Selected")).to_contain_text("Beans")


def test_rows_that_come_while_it_is_paused_wait_and_are_counted(host: Host) -> None:
    view = host.show("live_table")
    view.get_by_role("button", name="Pause").click()
    host.set("live_table", "rows", rows(of=16))
    expect(view.locator("tbody tr")).to_have_count(4)
    go_on = view.get_by_role("button", name="Go on (12 waiting)")
    expect(view.get_by_role("status")).to_have_text("paused, 12 waiting")
    go_on.click()
    expect(view.locator("tbody tr")).to_have_count(16)
    assert host.get("live_table", "paused") is False


def test_waiting_rows_are_counted_as_the_filter_wants(host: Host) -> None:
    view = host.show("live_table")
    view.get_by_label("Type").fill("renamed")
    view.get_by_role("button", name="Pause").click()
    host.set("live_table", "rows", rows(of=16))
    expect(view.get_by_role("button", name="Go on (6 waiting)")).to_be_visible()


@pytest.mark.parametrize(
    ("field", "text", "left"),
    [
        ("Key", "orch", 2),
        ("Type", "itempl", 2),
        ("Header", "ce_type=canvas", 2),
        ("Header", "00-3", 1),
        ("Header", "traceparent=canvas", 0),
    ],
)
def test_rows_are_filtered_by_key_type_and_header(host: Host, field: str, text: str, left: int) -> None:
    view = host.show("live_table")
    view.get_by_label(field).fill(text)
    expect(view.locator("tbody tr[data-key]")).to_have_count(left)
    expect(view).to_contain_text(f"{left} of 4 shown")


def test_raw_shows_what_was_found_to_the_letter(host: Host) -> None:
    view = host.show("live_table")
    raw = view.get_by_role("button", name="Raw")
    raw.click()
    expect(raw).to_have_attribute("aria-pressed", "true")
    expect(view.locator("tbody tr").first).to_have_text('{"raw": 3}')
    raw.click()
    expect(view.locator("tbody tr").first).to_contain_text("canvases")


def test_rows_are_walked_and_selected_by_keyboard_and_keep_the_focus_when_more_come(host: Host) -> None:
    view = host.show("live_table")
    view.locator("tbody tr").first.focus()
    host.page.keyboard.press("ArrowDown")
    host.page.keyboard.press("Enter")
    expect(view.locator("tr[aria-selected='true']")).to_have_attribute("data-event", IDS[2])
    host.set("live_table", "rows", rows(of=6))
    expect(view.locator("tr[data-key='2']")).to_be_focused()
    host.page.keyboard.press("End")
    expect(view.locator("tr[data-key='0']")).to_be_focused()


# --- the others --------------------------------------------------------------------------------------------


def test_time_is_travelled_by_slider_and_by_keyboard(host: Host) -> None:
    view = host.show("time_travel")
    expect(view.get_by_role("status")).to_contain_text("version 2 of 3")
    view.get_by_role("slider").focus()
    host.page.keyboard.press("ArrowRight")
    expect(view.get_by_role("status")).to_contain_text("version 3 of 3")
    expect(view.locator("tr[data-change='changed']")).to_contain_text('"Bed 2"')
    assert host.get("time_travel", "version") == 3
    expect(view.get_by_role("button", name="one version on")).to_be_disabled()


def test_a_switch_says_what_it_wants_done_and_a_frozen_part_differs_from_a_dead_one(host: Host) -> None:
    view = host.show("switches")
    view.get_by_role("button", name="kill kafka").click()
    assert host.sent("switches") == [{"type": "order", "order": "kill", "name": "kafka"}]
    frozen, dead = view.locator("li[data-state='paused']"), view.locator("li[data-state='stopped']")
    expect(frozen).to_contain_text("frozen (SIGSTOP)")
    expect(dead).to_contain_text("dead")
    styles = [each.evaluate("e => getComputedStyle(e).borderStyle") for each in (frozen, dead)]
    assert styles[0] != styles[1]


def test_the_focus_stays_in_the_card_whose_button_was_pressed(host: Host) -> None:
    """The orders go while the component is on its way; who uses the keyboard must not begin at the page's top again."""
    view = host.show("switches")
    view.get_by_role("button", name="kill kafka").press("Enter")
    parts = host.get("switches", "parts")
    on_its_way = [
        {**part, "state": "stopping", "orders": []} if part["component"] == "kafka" else part for part in parts
    ]
    host.set("switches", "parts", on_its_way)
    card = view.locator("li", has_text="kafka")
    expect(card).to_be_focused()
    host.set("switches", "parts", parts)
    host.page.keyboard.press("Tab")
    expect(card.get_by_role("button").first).to_be_focused()


def test_an_order_that_nobody_answers_is_said_to_have_no_answer(host: Host) -> None:
    host.page.clock.install()
    view = host.show("switches")
    view.get_by_role("button", name="kill kafka").click()
    expect(view.get_by_role("status")).to_have_text("kill kafka: asked for")
    host.page.clock.fast_forward(6000)
    expect(view.get_by_role("status")).to_contain_text("no answer yet")
    host.set("switches", "said", "kafka is running")
    expect(view.get_by_role("status")).to_have_text("kafka is running")


def test_the_map_tells_what_moved_and_asks_for_more_only_when_answered(host: Host) -> None:
    host.page.clock.install()
    view = host.show("system_map")
    expect(view).to_contain_text("3 events, 3 records")
    expect(view.locator(".cd-dot")).to_have_count(6)
    host.page.clock.run_for(7000)
    assert host.sent("system_map") == [{"type": "refresh"}]
    host.set("system_map", "flows", [])
    expect(view).to_contain_text("nothing moves")
    host.page.clock.run_for(2500)
    assert len(host.sent("system_map")) == 2
    view.get_by_role("button", name="kafka: paused").press("Enter")
    expect(view).to_contain_text("The topics.")


def test_a_dot_is_seen_while_it_moves_and_not_before_or_after(host: Host) -> None:
    view = host.show("system_map")
    seen = """(map, seconds) => {
        const svg = map.querySelector("svg");
        svg.pauseAnimations();
        svg.setCurrentTime(seconds);
        return [...map.querySelectorAll(".cd-dot")].map((dot) => getComputedStyle(dot).visibility);
    }"""
    expect(view.locator(".cd-dot")).to_have_count(6)
    assert set(view.evaluate(seen, 0.5)) == {"visible"}
    assert set(view.evaluate(seen, 0.1)) == {"visible", "hidden"}
    assert set(view.evaluate(seen, 3)) == {"hidden"}


def test_the_evidence_behind_a_hop_is_shown_by_keyboard_too(host: Host) -> None:
    view = host.show("waterfall")
    view.get_by_role("button", name="module decides").focus()
    host.page.keyboard.press("ArrowDown")
    host.page.keyboard.press("Enter")
    expect(view.locator(".cd-facts")).to_contain_text("outbox: occurred_at")
    view.get_by_role("button", name="Mark this event").click()
    assert host.get("selection", "event_id") == IDS[1]


def test_a_field_is_shown_whole_on_all_sides(host: Host) -> None:
    view = host.show("sides")
    view.locator("tbody tr").first.press("Enter")
    expect(view.locator(".cd-facts")).to_contain_text("event.id = 0199-whole")


def test_an_event_that_a_client_was_not_sent_is_missing(host: Host) -> None:
    view = host.show("delivery")
    expect(view).to_contain_text("6 of 8 delivered, 2 missing, 1 more than once")
    host.set("delivery", "problem", "the lab can't see")
    expect(view.get_by_role("status")).to_have_text("the lab can't see")


# --- all of them -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("view", STATES)
def test_a_view_passes_the_accessibility_rules_in_either_theme(browser: Browser, view: str, theme: Any) -> None:
    page = browser.new_page(color_scheme=theme)
    host = Host(page)
    page.add_style_tag(content=f"body {{ background: {SAFE[theme]} }}")
    host.set("selection", "event_id", IDS[1])
    host.show(view)
    page.add_script_tag(path=AXE)
    found = page.evaluate("rules => axe.run('main', rules)", RULES)
    told = [f"{each['id']}: {each['help']} {each['nodes'][0]['html']}" for each in found["violations"]]
    assert not told, "\n".join(told)
    assert not host.errors
    page.close()


@pytest.mark.parametrize("width", [400, 1600])
@pytest.mark.parametrize("view", STATES)
def test_a_view_never_makes_the_page_scroll_sideways(browser: Browser, view: str, width: int) -> None:
    page = browser.new_page(viewport={"width": width, "height": 800})
    host = Host(page)
    host.show(view)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.close()


@pytest.mark.parametrize("view", STATES)
def test_a_view_that_is_taken_away_listens_no_more(host: Host, view: str) -> None:
    host.show(view)
    host.page.evaluate("n => ends[n]()", view)
    left = host.page.evaluate("n => Object.values(models[n].listeners).reduce((sum, each) => sum + each.size, 0)", view)
    shared = host.page.evaluate(
        "() => Object.values(models.selection.listeners).reduce((sum, each) => sum + each.size, 0)"
    )
    assert (left, shared) == (0, 0)
