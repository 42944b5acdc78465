"""The picture: well-formed, complete, without words upon each other."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_kind.timeline.model import Boot, Lane, Mark, Span
from pytest_kind.timeline.svg import page, picture

SVG = "{http://www.w3.org/2000/svg}"
RUN = Lane("run", (Span("fill", 0.0, 0.02), Span("engine", 0.02, 0.3), Span("API", 0.32, 2.0), Span("DNS", 2.32, 0.01)))
NODE = Lane("c-control-plane", (Span("coredns-x", 1.0, 1.0),), (Mark("systemd", 0.2), Mark("kubelet", 0.9), Mark("etcd", 0.91)))
BOOT = Boot(cluster="c", ended="ready after 2.3 s", began=20.0, ready=2.33, lanes=(RUN, NODE))
THERE = Boot(cluster="kept", ended="was there", began=32.0, ready=None, lanes=(Lane("run", (Span("attach", 0.0, 0.0),)),))
NOTHING = Boot(cluster="no", ended="did not boot", began=33.0, ready=None, lanes=())


def parsed(text: str) -> ET.Element:
    return ET.fromstring(text)  # noqa: S314 - ours


def texts(text: str) -> list[str]:
    return ["".join(part for part in [one.text or "", *(child.tail or "" for child in one)]) for one in parsed(text).iter(f"{SVG}text")]


def test_every_lane_and_every_name_is_in_it() -> None:
    found = texts(picture([BOOT]))
    assert {"cluster c: ready after 2.3 s", "run", "c-control-plane", "0 s"} <= set(found)
    assert {"fill 0.02", "engine 0.30", "API 2.00", "DNS 0.01", "coredns-x about 1"} <= set(found)
    assert {"systemd at 0.20", "kubelet at 0.90", "etcd at 0.91"} <= set(found)


def test_several_clusters_are_below_each_other_and_say_when_they_began() -> None:
    found = [one for one in texts(picture([BOOT, THERE, NOTHING])) if one.startswith("cluster ")]
    assert found == [
        "cluster c: ready after 2.3 s",
        "cluster kept: was there, begun 12.0 s after the first",
        "cluster no: did not boot, begun 13.0 s after the first",
    ]


def test_a_bar_is_where_its_time_is() -> None:
    bars = [one for one in parsed(picture([BOOT])).iter(f"{SVG}rect") if one.get("class") in {"a", "b"}]
    places = [(float(one.attrib["x"]), float(one.attrib["width"])) for one in bars]
    scale = 1080 / 2.33
    assert places == [pytest.approx((16 + span.start * scale, max(1, span.seconds * scale - 1)), abs=0.1) for span in RUN.spans]


def test_names_are_escaped() -> None:
    name = "<script>alert(\"1\")</script> & 'more' ]]> \x1b[31m"
    boot = Boot(cluster=name, ended=name, began=0.0, ready=1.0, lanes=(Lane(name, (Span(name, 0.0, 1.0),), (Mark(name, 0.5),)),))
    drawn = picture([boot])
    assert "<script" not in drawn
    assert "\x1b" not in drawn
    shown = name.replace("\x1b", "\ufffd")
    assert [one for one in texts(drawn) if one.startswith("cluster ")] == [f"cluster {shown}: {shown}"]
    assert shown in texts(drawn)
    parsed(drawn)


def test_a_long_name_is_cut_and_is_whole_in_its_tooltip() -> None:
    name = "x" * 200
    drawn = picture([Boot(cluster="c", ended="", began=0.0, ready=None, lanes=(Lane("run", (Span(name, 0.0, 1.0),)),))])
    assert f"{'x' * 59}… 1.00" in texts(drawn)
    assert f"{name}: 1.00 s from 0.00 s on" in drawn


def words(drawn: str) -> list[tuple[float, float, float, str]]:
    """Of each text: its line, where it begins and where it ends."""
    found = []
    for one in parsed(drawn).iter(f"{SVG}text"):
        text = "".join(part for part in [one.text or "", *(child.tail or "" for child in one)])
        x, size = float(one.attrib["x"]), 14 if one.get("class") == "cluster" else 11
        found.append((float(one.attrib["y"]), x, x + len(text) * size * 0.602, text))  # the advance of common monospaced fonts
    return found


times = st.floats(0, 20, allow_nan=False)
names = st.text("abcdefghij-", min_size=1, max_size=30)
lanes = st.builds(
    Lane,
    names,
    st.lists(st.builds(Span, names, times, times), max_size=8).map(tuple),
    st.lists(st.builds(Mark, names, times), max_size=12).map(tuple),
)


@given(st.lists(lanes, min_size=1, max_size=4))
def test_no_word_lies_on_another_nor_is_crossed_by_a_pole_nor_sticks_out(drawn_lanes: list[Lane]) -> None:
    drawn = picture([Boot(cluster="c", ended="ready", began=0.0, ready=3.0, lanes=tuple(drawn_lanes))])
    root, found = parsed(drawn), words(drawn)
    for number, (y, begin, end, text) in enumerate(found):
        assert end <= float(root.attrib["width"]), text
        assert y <= float(root.attrib["height"]), text
        for other_y, other_begin, other_end, other in found[number + 1 :]:
            assert abs(y - other_y) >= 11 or end <= other_begin or other_end <= begin, (text, other)
    poles = [one.attrib for one in root.iter(f"{SVG}line") if one.get("class") == "pole"]
    for pole in poles:
        x, top, bottom = (float(pole[name]) for name in ("x1", "y1", "y2"))
        for y, begin, end, text in found:
            assert not (begin < x < end and top < y and y - 8 < bottom), (text, pole)


@given(st.text())
def test_any_name_makes_a_document(name: str) -> None:
    parsed(picture([Boot(cluster=name, ended=name, began=0.0, ready=1.0, lanes=(Lane(name, (Span(name, 0.0, 1.0),), (Mark(name, 0.5),)),))]))


def test_it_is_light_and_dark_without_a_script_and_without_anything_from_elsewhere() -> None:
    for text in (picture([BOOT]), page([BOOT], "t.trace.json")):
        assert "@media (prefers-color-scheme:dark)" in text
        assert "<script" not in text
        assert set(re.findall(r"""(?:href|src)="([^"]*)"|url\(|@import""", text)) <= {"./t.trace.json"}
        assert set(re.findall(r"https?://[^\"' <]*", text)) == {"http://www.w3.org/2000/svg"}  # the format's name


def test_the_page_has_the_same_picture_and_says_where_the_trace_is() -> None:
    text = page([BOOT, THERE], "a&b.trace.json")
    assert picture([BOOT, THERE]) in text
    assert text.startswith("<!DOCTYPE html>\n")
    assert "<title>kind: cluster c: ready after 2.3 s, cluster kept: was there</title>" in text
    assert '<a href="./a&amp;b.trace.json">a&amp;b.trace.json</a>' in text
    assert balanced(text)


def balanced(text: str) -> bool:
    """Whether every element that is opened is closed, in turn."""
    open_: list[str] = []

    class Reads(HTMLParser):
        def handle_starttag(self, tag: str, _: object) -> None:
            if tag != "meta":
                open_.append(tag)

        def handle_endtag(self, tag: str) -> None:
            assert open_.pop() == tag

    Reads().feed(text)
    return not open_


def test_no_boot_at_all_is_a_picture_too() -> None:
    parsed(picture([]))
