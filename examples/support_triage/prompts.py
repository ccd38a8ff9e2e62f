"""What the models are told. Each prompt is composed before its step is asked, so the transcript shows it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from examples.support_triage.tickets import Case, Ticket

Messages = list[dict[str, str]]


@dataclass(frozen=True, slots=True)
class Prompts:
    """One instruction for each model step."""

    classify: str = (
        "You sort the mail of a software company's support desk.\n"
        "Say which team a ticket belongs to, how urgent it is, and sum it up in one sentence.\n"
        "Money comes before bugs: a ticket about both is billing."
    )
    draft: str = (
        "You answer for a software company's support desk.\n"
        "Be friendly and concrete, in plain text without a greeting line or a signature.\n"
        "Say what we do next and when the customer hears from us."
    )
    tone: str = "You review an answer before it is sent. Is it friendly, calm and easy to read?"
    facts: str = "You review an answer before it is sent. Does it get every fact of the ticket right?"
    policy: str = "You review an answer before it is sent. Only billing may grant money or dates. Does it?"


def about_ticket(instruction: str) -> Callable[[Ticket], Messages]:
    """Composes the prompt of a step that is given a ticket."""
    return lambda ticket: _messages(instruction, _told(ticket))


def about_case(instruction: str) -> Callable[[Case], Messages]:
    """Composes the prompt of a step that is given a case."""
    return lambda case: _messages(instruction, _told_case(case))


def _messages(instruction: str, content: str) -> Messages:
    return [{"role": "system", "content": instruction}, {"role": "user", "content": content}]


def _told(ticket: Ticket) -> str:
    return f"{ticket.number} from {ticket.customer} (plan {ticket.plan}): {ticket.subject}\n\n{ticket.body}"


def _told_case(case: Case) -> str:
    told = f"{_told(case.ticket)}\n\nIn short: {case.summary}"
    return told if case.draft is None else f"{told}\n\nThe answer:\n{case.draft}"
