"""What passes through the pipeline: the ticket, what is said of it, and the reply; and one ticket to show it.

The fields and docstrings of ``Triage`` and ``Review`` are told to the model, as the schema of its answer.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

from flujo import PipelineContext

Category = Literal["billing", "bug", "how_to", "other"]
Urgency = Literal["low", "normal", "high"]


class Ticket(BaseModel):
    """What a customer wrote."""

    number: str
    customer: str
    plan: str
    subject: str
    body: str


class Triage(BaseModel):
    """Where a ticket belongs."""

    category: Category
    urgency: Urgency
    summary: str


class Case(BaseModel):
    """A ticket with its summary and, once there is one, the draft of the answer."""

    ticket: Ticket
    summary: str
    draft: str | None = None


class Review(BaseModel):
    """Whether a draft may be sent, and why."""

    passed: bool
    note: str


class Reply(BaseModel):
    """What leaves the pipeline: sent as it is, or held for a person of the team ``queue``."""

    queue: Category
    send: bool
    text: str
    notes: dict[str, str]


class Desk(PipelineContext):
    """What the steps share while they work on one ticket."""

    ticket: Ticket
    category: Category = "other"
    urgency: Urgency = "normal"
    summary: str = ""
    draft: str = ""
    reviews: dict[str, Review] = Field(default_factory=dict)


EXAMPLE = Ticket(
    number="T-4821",
    customer="Nordlicht Studio",
    plan="Team",
    subject="Charged twice, and the export still fails",
    body=(
        "Hello, our card was charged twice for October (2 x 49.00 EUR, invoices 10877 and 10878). "
        "The CSV export has also been stopping at row 10,000 since last week, and our accountant needs "
        "the file by Friday. Please refund the second charge and fix the export."
    ),
)
