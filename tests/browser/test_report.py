"""The page of ``--kind-report`` in a real browser: ``pytest tests/browser``. It takes Chromium, no engine and no network.

``--basetemp=DIR`` keeps the pictures that it takes: three widths, light and dark.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pytest_kind.html_report.page import page as text_of
from pytest_kind.waiting import Deadline, NotYet, wait_for
from support.browser import Browser, Page, chromium
from support.reports import large_run, run_of_everything

Shown = tuple[Browser, Page, str]


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Browser, Page]]:
    with chromium(tmp_path_factory.mktemp("profile")) as opened:
        yield opened


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The pages' addresses."""
    folder = tmp_path_factory.mktemp("pages")
    for name, run in {"everything": run_of_everything(), "large": large_run()}.items():
        (folder / f"{name}.html").write_text(text_of(run), encoding="utf-8")
    return {one.stem: one.as_uri() for one in folder.iterdir()}


@pytest.fixture
def shown(browser: tuple[Browser, Page], places: dict[str, str]) -> Shown:
    """The small page, freshly loaded on a wide screen."""
    opened, page = browser
    opened.told.clear()
    page.show(1280)
    page.open(places["everything"])
    return opened, page, places["everything"]


def complaints(browser: Browser) -> list[Any]:
    """What the console was told, and what went wrong in scripts."""
    return [told for method, told in browser.told if method in {"Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded"}]


def typed(text: str) -> str:
    """What searches, and waits until it is drawn."""
    return f"search.value = '{text}'; search.dispatchEvent(new Event('input')); document.body.offsetHeight;"


def test_it_complains_of_nothing_and_asks_for_nothing_but_itself(shown: Shown) -> None:
    browser, page, place = shown
    page.run("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    page.run("document.querySelectorAll('.open').forEach((one) => one.click())")
    page.run("new Promise((after) => setTimeout(after, 100))")
    assert complaints(browser) == []
    assert {told["request"]["url"] for method, told in browser.told if method == "Network.requestWillBeSent"} <= {place, "data:,"}


def test_it_shows_the_run(shown: Shown) -> None:
    _, page, _ = shown
    assert page.run("document.querySelector('h1').innerText") == "3 failed, 1 error"
    assert page.run("[...document.querySelectorAll('h2')].map((one) => one.innerText)") == ["Failures", "Timeline", "Clusters", "Tests"]
    assert page.run("document.querySelectorAll('#tests tbody tr').length") == 36
    assert page.run("[...document.querySelectorAll('.lane .name b')].map((one) => one.innerText)") == [
        "cluster kind-brave-otter", "cluster kind-calm-heron", "cluster kind-broken", "gw0", "gw1", "warnings",
        "pods", "processors in use", "memory in use",
    ]  # fmt: skip


def test_what_nodes_used_is_summed_over_their_restarts(shown: Shown) -> None:
    _, page, _ = shown
    node = run_of_everything().clusters[1].nodes[0]
    used = sum(max(0.0, late.cpu - early.cpu) for early, late in itertools.pairwise(node.uses))
    rows = page.run("[...document.querySelectorAll('.nodes tbody tr')].map((one) => [...one.children].map((cell) => cell.innerText))")
    (row,) = (row for row in rows if row[0] == node.name)
    assert row[1] == f"{used:.1f} s"
    assert float(row[2]) == pytest.approx(used / 86, abs=0.01)
    assert row[4] == f"{max(one.memory for one in node.uses) / (1 << 20):.0f} MiB"


def test_a_text_with_markup_is_a_text(shown: Shown) -> None:
    _, page, _ = shown
    assert "<script>alert(1)</script>" in page.run("document.querySelector('#tests tbody').innerText")
    assert page.run("document.querySelectorAll('img, script[src], main script').length") == 0


def test_a_failure_opens_with_its_message_its_output_and_its_events(shown: Shown) -> None:
    _, page, _ = shown
    told = page.run("(() => { const one = document.querySelectorAll('.failure')[1]; one.open = true; one.draw(); return one.innerText; })()")
    for text in ("AssertionError", "Captured stdout call", "Events", "FailedScheduling", "began at", "gw1"):
        assert text in told


@pytest.mark.parametrize("width", [320, 360, 768, 1280])
@pytest.mark.parametrize("name", ["everything", "large"])
def test_it_is_as_wide_as_the_screen(browser: tuple[Browser, Page], places: dict[str, str], name: str, width: int) -> None:
    _, page = browser
    page.show(width, 800)
    page.open(places[name])
    page.run("document.querySelectorAll('.failure').forEach((one) => { one.open = true; one.draw(); })")
    page.run("[...document.querySelectorAll('.open')].slice(0, 5).forEach((one) => one.click())")
    wide = "one.getBoundingClientRect().right > innerWidth + 1 && !one.closest('.scroll, nav, .hidden, pre')"
    assert page.run(f"[...document.querySelectorAll('body *')].filter((one) => {wide}).map((one) => one.outerHTML.slice(0, 200))") == []
    assert page.run("document.documentElement.scrollWidth <= innerWidth")


def test_filters_narrow_the_table_and_say_how_far(shown: Shown) -> None:
    _, page, _ = shown

    def count() -> str:
        return str(page.run("document.querySelector('#tests [role=status]').innerText"))

    assert count() == "36 tests"
    page.run("document.querySelector('#tests .chip').click()")
    assert count() == "3 of 36 tests"
    assert page.run("document.activeElement.getAttribute('aria-pressed')") == "true"
    page.run(typed("WEB [3]"))
    assert count() == "1 of 36 tests"
    page.run(typed("no such"))
    assert (count(), page.run("document.querySelector('#tests tbody').innerText")) == ("0 of 36 tests", "No test fits.")
    page.run("document.querySelector('#top .chip').click()")
    assert count() == "3 of 36 tests"  # of all, whatever was searched for


def test_columns_sort(shown: Shown) -> None:
    _, page, _ = shown
    page.run("[...document.querySelectorAll('.sort')].find((one) => one.innerText === 'took').click()")
    assert page.run("document.querySelector('[aria-sort]').getAttribute('aria-sort')") == "descending"
    took = page.run("[...document.querySelectorAll('.took')].map((one) => parseFloat(one.innerText))")
    assert took == sorted(took, reverse=True)


def test_all_of_it_is_reached_by_keyboard_and_what_has_the_focus_is_seen(shown: Shown) -> None:
    _, page, _ = shown
    seen = []
    for _ in range(60):
        page.press("Tab")
        seen.append(page.run("((one) => [one.tagName, one.innerText.slice(0, 40), getComputedStyle(one).outlineStyle])(document.activeElement)"))
        if "test_rolls_out[0]" in seen[-1][1]:
            break
    words = [text for _, text, _ in seen]
    assert words[0] == "Skip to the tests"
    assert "test_rolls_out[0]" in words[-1]
    assert {tag for tag, _, _ in seen} >= {"A", "BUTTON", "SUMMARY", "INPUT", "DIV"}
    assert [one for one in seen if one[2] == "none"] == []
    page.press("Enter")
    assert page.run("document.activeElement.getAttribute('aria-expanded')") == "true"
    assert page.run("document.querySelector('.inside .details') !== null")
    page.press("Enter")
    assert page.run("document.querySelector('.inside') === null")


def test_the_skip_link_and_the_slash_lead_to_the_tests(shown: Shown) -> None:
    _, page, _ = shown
    page.press("Tab")
    page.press("Enter")
    wait_for("it is there", lambda: page.run("location.hash === '#tests'") or NotYet("it is elsewhere"), Deadline(10))
    page.run("document.activeElement.blur()")
    page.press("/")
    assert page.run("document.activeElement.id") == "search"


def test_a_bar_of_the_timeline_says_what_it_is_and_leads_to_its_test(shown: Shown) -> None:
    _, page, _ = shown
    page.run("document.querySelector('.lane.clickable').scrollIntoView({ block: 'center', behavior: 'instant' })")
    left, top, width = page.run(
        "(() => { const box = document.querySelector('.lane.clickable svg').getBoundingClientRect(); return [box.left, box.top, box.width]; })()"
    )
    x, y = left + width * 12.5 / 96.4, top + 8
    page.call("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)
    assert page.run("document.querySelector('.tip').hidden") is False
    assert page.run("document.querySelector('.tip').innerText").startswith("passed: test_rolls_out[4]")
    for kind in ("mousePressed", "mouseReleased"):
        page.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)
    assert "test_rolls_out[4]" in page.run("document.activeElement.innerText")
    assert page.run("document.activeElement.getAttribute('aria-expanded')") == "true"


def test_the_timeline_can_be_zoomed(shown: Shown) -> None:
    _, page, _ = shown
    whole = page.run("document.querySelector('.canvas').offsetWidth")
    page.run("document.querySelector('[aria-label=\"Zoom in\"]').click()")
    assert page.run("document.querySelector('.canvas').offsetWidth") == pytest.approx(2 * whole, abs=2)
    page.run("document.querySelector('[aria-label=\"Show the whole run\"]').click()")
    assert page.run("document.querySelector('.canvas').offsetWidth") == whole


def test_its_structure_says_what_is_what(shown: Shown) -> None:
    _, page, _ = shown
    assert page.run("[...document.body.children].filter((one) => one.matches('header,nav,main,footer')).map((one) => one.tagName)") == [
        "HEADER",
        "NAV",
        "MAIN",
        "FOOTER",
    ]
    assert page.run("document.querySelectorAll('h1').length") == 1
    page.run("document.querySelectorAll('.open')[4].click()")
    levels = page.run("[...document.querySelectorAll('h1,h2,h3,h4')].map((one) => Number(one.tagName[1]))")
    assert [late for early, late in itertools.pairwise([0, *levels]) if late > early + 1] == []
    assert levels.count(3) > len(run_of_everything().clusters)  # the events of the open test, too
    unnamed = "!one.innerText && !one.getAttribute('aria-label') && !one.labels?.length"
    all_of_it = "[...document.querySelectorAll('button,a,input,select,summary,[role=img],[role=region]')]"
    assert page.run(f"{all_of_it}.filter((one) => {unnamed}).map((one) => one.outerHTML)") == []
    assert page.run("[...document.querySelectorAll('table')].filter((one) => !one.querySelector('th[scope=col]')).length") == 0
    ids = page.run("[...document.querySelectorAll('[id]')].map((one) => one.id)")
    assert len(ids) == len(set(ids))


# Relative luminance and contrast as WCAG 2.2 defines them.
CONTRAST = """
[...document.querySelectorAll('body *')].filter((one) => [...one.childNodes].some((node) => node.nodeType === 3 && node.data.trim())
    && one.offsetParent && !one.closest('svg, noscript, .hidden, .skip')).map((one) => {
  const rgb = (text) => (text.match(/[\\d.]+/g) || []).map(Number);
  const srgb = (text) => (text.startsWith('color(') ? rgb(text).map((part, at) => (at < 3 ? part * 255 : part)) : rgb(text));
  const light = ([r, g, b]) => [r, g, b].map((part) => part / 255).map((part) => (part <= .04045 ? part / 12.92 : ((part + .055) / 1.055) ** 2.4))
    .reduce((sum, part, at) => sum + part * [.2126, .7152, .0722][at], 0);
  const layers = [];
  for (let up = one; up; up = up.parentElement) layers.unshift(srgb(getComputedStyle(up).backgroundColor));
  const behind = layers.reduce((under, [r, g, b, a = 1]) => under.map((part, at) => part * (1 - a) + [r, g, b][at] * a), [255, 255, 255]);
  const [low, high] = [light(behind), light(srgb(getComputedStyle(one).color))].sort((a, b) => a - b);
  return [(high + .05) / (low + .05), one.className, one.textContent.slice(0, 40)];
}).filter(([ratio]) => ratio < 4.5)
"""


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_every_text_has_contrast(browser: tuple[Browser, Page], places: dict[str, str], dark: bool) -> None:
    _, page = browser
    page.show(1280, dark=dark)
    page.open(places["everything"])
    page.run("document.querySelectorAll('.failure').forEach((one) => { one.open = true; one.draw(); })")
    page.run("document.querySelector('#tests .chip').click()")
    assert page.run(CONTRAST) == []


def test_who_wants_no_motion_gets_none(browser: tuple[Browser, Page], places: dict[str, str]) -> None:
    _, page = browser
    page.show(1280, prefers_reduced_motion="reduce")
    page.open(places["everything"])
    assert page.run("getComputedStyle(document.documentElement).scrollBehavior") == "auto"
    page.show(1280, prefers_reduced_motion="no-preference")
    assert page.run("getComputedStyle(document.documentElement).scrollBehavior") == "smooth"


def test_on_paper_failures_are_open_and_nothing_is_to_be_clicked(shown: Shown) -> None:
    _, page, _ = shown
    page.call("Emulation.setEmulatedMedia", media="print")
    page.run("window.dispatchEvent(new Event('beforeprint'))")
    assert page.run("[...document.querySelectorAll('.failure')].every((one) => one.open)")
    assert "assert ready == 3" in page.run("document.getElementById('failures').innerText")
    assert page.run("[...document.querySelectorAll('nav,.tools button,.filter')].every((one) => getComputedStyle(one).display === 'none')")
    assert len(page.call("Page.printToPDF", printBackground=False)["data"]) > 10_000


def test_thousands_of_tests_are_there_at_once(browser: tuple[Browser, Page], places: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    opened, page = browser
    opened.told.clear()
    page.show(1280)
    page.open(places["large"])
    loaded = page.run("performance.getEntriesByType('navigation')[0].loadEventEnd")
    searched = page.run(f"(() => {{ const begin = performance.now(); {typed('sig-storage number 3')} return performance.now() - begin; }})()")
    nodes = page.run("document.getElementsByTagName('*').length")
    with capsys.disabled():
        print(f"\n3,206 specs: loaded in {loaded:.0f} ms, searched in {searched:.0f} ms, {nodes} elements")  # noqa: T201 - figures for people
    assert complaints(opened) == []
    assert nodes < 4000
    assert loaded < 30_000  # half a second on a quiet machine
    page.run("document.querySelector('#top .chip').click()")
    assert "number" in page.run("document.querySelector('#tests tbody').innerText")
    page.run("[...document.querySelectorAll('#specs .link')].find((one) => one.innerText === 'sig-storage').click()")
    assert page.run("document.querySelector('#tests [role=status]').innerText").endswith("of 3,206 tests")


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [1280, 768, 360])
def test_pictures_for_people(browser: tuple[Browser, Page], places: dict[str, str], tmp_path: Path, width: int, dark: bool) -> None:
    _, page = browser
    page.show(width, 1000, dark=dark)
    page.open(places["everything"])
    page.picture(tmp_path / "page.png", whole=True)
    assert (tmp_path / "page.png").stat().st_size > 10_000
