"""One stream for several readers: none is far behind, and one that goes holds nobody up."""

from __future__ import annotations

import threading

import pytest

from pytest_kind.toolbox.images.feed import Abandoned, Feed


def test_all_pieces_in_order_at_the_readers_pace() -> None:
    feed = Feed()
    found: list[bytes] = []
    reader = threading.Thread(target=lambda: found.extend(feed))
    reader.start()
    pieces = [bytes([number]) for number in range(100)]
    for piece in pieces:
        feed.put(piece)
        assert len(feed._pieces) <= 8
    feed.end()
    reader.join(30)
    assert found == pieces


def test_a_writer_waits_for_a_reader_that_is_behind() -> None:
    feed = Feed()
    done = threading.Event()

    def write() -> None:
        for _ in range(9):
            feed.put(b"x")
        done.set()

    writer = threading.Thread(target=write)
    writer.start()
    assert not done.wait(0.1)
    assert next(iter(feed)) == b"x"
    assert done.wait(30)
    writer.join(30)


def test_a_reader_that_goes_lets_the_writer_go_on() -> None:
    feed = Feed()
    for _ in range(8):
        feed.put(b"x")
    threading.Timer(0.05, feed.leave).start()
    feed.put(b"this one waits")
    feed.put(b"and this one does not")
    assert not feed.wanted
    assert list(feed) == []


def test_a_stream_that_breaks_off_is_no_end() -> None:
    feed = Feed()
    feed.put(b"x")
    feed.end("the engine is gone")
    with pytest.raises(Abandoned, match="the engine is gone"):
        next(iter(feed))
