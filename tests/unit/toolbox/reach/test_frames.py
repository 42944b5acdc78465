"""Frames, whole and in pieces."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_kind.errors import KindError
from pytest_kind.toolbox.reach.frames import Decoder, Frame, Kind, count_of, taken

frames = st.builds(Frame, st.integers(0, 2**32 - 1), st.sampled_from(Kind), st.binary(max_size=50))


@given(st.lists(frames), st.integers(1, 20))
def test_they_arrive_however_they_are_cut(sent: list[Frame], size: int) -> None:
    whole = b"".join(frame.encode() for frame in sent)
    decoder = Decoder()
    assert [frame for begin in range(0, len(whole), size) for frame in decoder.feed(whole[begin : begin + size])] == sent


def test_a_count() -> None:
    assert count_of(taken(7, 70_000)) == 70_000


def test_what_is_no_frame_is_shown() -> None:
    with pytest.raises(KindError, match="the relay said 'OCI runtime exec failed'"):
        list(Decoder().feed(b"OCI runtime exec failed"))
