"""The picture of a call: well-formed whatever is said, and true to the times it is given."""

from xml.etree import ElementTree

import numpy as np
import pytest

from gateway.cli import picture
from gateway.cli.picture import Kind, Marker, Picture, Samples, Turn, Unheard

SVG = "{http://www.w3.org/2000/svg}"
SECOND = 38.0
LEFT = 84.0


def tone(*spans: tuple[float, float], seconds: float = 10.0) -> Samples:
    """A side that sounds in these spans and is silent otherwise."""
    samples = np.zeros(round(seconds * 8000), dtype=np.int16)
    for start, end in spans:
        samples[round(start * 8000) : round(end * 8000)] = 8000
    return samples


def drawn(**parts: object) -> ElementTree.Element:
    given = {"title": "A call", "subtitle": "10 s", "caller": tone((4, 5)), "agent": tone((1, 3))} | parts
    return ElementTree.fromstring(picture.draw(Picture(**given)))  # type: ignore[arg-type]  # as the test says


def texts(drawing: ElementTree.Element) -> list[str]:
    return [element.text or "" for element in drawing.iter(f"{SVG}text")]


def bands(drawing: ElementTree.Element, name: str) -> list[tuple[float, float]]:
    """From when to when the turns of a lane are tinted, in seconds."""
    found = drawing.findall(f".//{SVG}g[@class='{name}']/{SVG}rect[@class='band']")
    at = [(float(rect.attrib["x"]), float(rect.attrib["width"])) for rect in found]
    return [(round((x - LEFT) / SECOND, 2), round((x + width - LEFT) / SECOND, 2)) for x, width in at]


def test_a_turn_is_tinted_for_as_long_as_it_lasts() -> None:
    drawing = drawn(caller_turns=[Turn(4, 5, "Hello?")], agent_turns=[Turn(1, 3, "Good morning.")])
    assert (bands(drawing, "caller"), bands(drawing, "agent")) == ([(4, 5)], [(1, 3)])
    assert {"Hello?", "Good morning."} <= set(texts(drawing))


def test_a_waveform_has_bars_where_there_is_sound() -> None:
    wave = drawn().findall(f".//{SVG}path[@class='wave']")[1].attrib["d"]
    at = [(float(bar.split(" ")[0]) - LEFT) / SECOND for bar in wave.split("M")[1:]]
    assert [min(at), max(at)] == pytest.approx([1, 3], abs=0.1)


def test_what_was_cut_has_a_lane_of_its_own_where_it_would_have_been_heard() -> None:
    cut = Unheard(3, tone((0, 4), seconds=4), "and closed on Sundays")
    drawing = drawn(agent_turns=[Turn(1, 3, "We are open", cut=True)], unheard=[cut])
    assert bands(drawing, "ghost") == [(3, 7)]
    assert {"We are open …", "and closed on Sundays", "4.0 s cut: said, never heard"} <= set(texts(drawing))


def test_without_a_cut_there_is_no_lane_for_it() -> None:
    assert not any("cut" in text.lower() for text in texts(drawn()))


def test_labels_that_would_cover_one_another_get_rows() -> None:
    markers = [
        Marker(2.0, Kind.TOOL, "lookup_order", 2.5),
        Marker(2.1, Kind.KEYS, "keys •#"),
        Marker(9.9, Kind.END, "hang-up by the gateway"),
    ]
    drawing = drawn(markers=markers)
    pills = [group.findall(f"{SVG}rect")[-1].attrib for group in drawing.findall(f".//{SVG}g[@class='pill']")]
    assert float(pills[0]["y"]) < float(pills[1]["y"])
    assert float(pills[2]["x"]) + float(pills[2]["width"]) < float(drawing.attrib["width"])


def test_what_is_said_cannot_break_out_of_the_document() -> None:
    words = '</text><script>alert("1")</script> & \x07 <b>'
    drawing = drawn(
        title=words,
        subtitle=words,
        agent_turns=[Turn(1, 3, words)],
        unheard=[Unheard(3, tone((0, 1), seconds=1), words)],
        markers=[Marker(1, Kind.TOOL, words)],
    )
    assert drawing.find(f".//{SVG}script") is None
    assert any("alert" in text for text in texts(drawing))


@pytest.mark.parametrize("seconds", [0.0, 0.01, 2.0, 60.0, 3600.0])
def test_a_call_of_any_length_has_a_picture_of_bounded_width(seconds: float) -> None:
    silence = tone(seconds=seconds)
    drawing = drawn(caller=silence, agent=silence)
    assert 400 < float(drawing.attrib["width"]) < 4300
    assert "0 s" in texts(drawing)


def test_endless_words_are_cut_short() -> None:
    turns = [Turn(1, 2, "word " * 500), Turn(3, 4, "next")]
    assert max(len(text) for text in texts(drawn(agent_turns=turns))) < 40
    assert len(texts(drawn(agent_turns=turns))) < 40
