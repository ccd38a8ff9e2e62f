"""Attributes of libraries are replaced while anybody needs it, and put back after the last."""

from __future__ import annotations

from flujo_testing.clock.stand_in import StandIn


class Library:
    def answer(self) -> str:
        return "its own"


def test_it_stands_in_from_the_first_need_to_the_last() -> None:
    before = vars(Library)["answer"]
    stand_in = StandIn(Library, "answer", lambda self: f"not {stand_in.original(self)}")
    stand_in.take()
    stand_in.take()
    assert Library().answer() == "not its own"
    stand_in.leave()
    assert Library().answer() == "not its own"
    stand_in.leave()
    assert vars(Library)["answer"] is before


def test_it_can_stand_in_again() -> None:
    stand_in = StandIn(Library, "answer", lambda self: "a stand-in's")
    for _ in range(2):
        stand_in.take()
        assert Library().answer() == "a stand-in's"
        stand_in.leave()
        assert Library().answer() == "its own"
