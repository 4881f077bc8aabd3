"""A mapping as a whole."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from pmsbridge_rest.mapping.actions import Action, Policy, Unsupported
from pmsbridge_rest.mapping.answers import Envelope, Errors
from pmsbridge_rest.mapping.auth import Auth, NoAuth
from pmsbridge_rest.mapping.codec_sections import BUILT_IN, CodecSection
from pmsbridge_rest.mapping.connection import Connection, Contract, Vendor
from pmsbridge_rest.mapping.entities import EntityMap
from pmsbridge_rest.mapping.limits import Limits
from pmsbridge_rest.mapping.pagination import Pagination
from pmsbridge_rest.mapping.prepay import Prepay
from pmsbridge_rest.mapping.requests import Encoding
from pmsbridge_rest.mapping.sections import Section, Word
from pmsbridge_rest.mapping.webhooks import Webhooks

__all__ = ["Mapping"]


class Mapping(Section):
    """Everything pmsbridge knows about one REST back office.

    Attributes:
        pmsmap: The format's version.
        vendor: Whose back office it is, and how sure the mapping is of itself.
        contract: The vendor's own description, for tests.
        connection: Where it is reached.
        auth: How a call says who it comes from.
        limits: What it bears.
        pagination: Ways to ask for a list in pieces, by name.
        encoding: How bodies are spelt unless a call says otherwise.
        envelope: What answers are wrapped in.
        errors: What errors mean.
        codecs: Spellings of values, by name, beside the built-in ones.
        entities: What is read, by noun ("tenants").
        actions: What is written, by effect ("take_payment").
        unsupported: Effects that are not mapped, with the reason.
        prepay: What months ahead cost; None where it does not say: nobody is offered to pay ahead then.
        policy: The vendor's own rules.
        webhooks: What it sends by itself; None for nothing that is listened to.
    """

    pmsmap: Literal[1]
    vendor: Vendor
    contract: Contract = Contract()
    connection: Connection
    auth: Auth = NoAuth()
    limits: Limits = Limits()
    pagination: dict[Word, Pagination] = Field(default_factory=dict)
    encoding: Encoding = "json"
    envelope: Envelope = Envelope()
    errors: Errors = Errors()
    codecs: dict[Word, CodecSection] = Field(default_factory=dict)
    entities: dict[Word, EntityMap]
    actions: dict[Word, Action] = Field(default_factory=dict)
    unsupported: dict[Word, Unsupported] = Field(default_factory=dict)
    prepay: Prepay | None = None
    policy: Policy = Policy()
    webhooks: Webhooks | None = None

    def codec(self, name: str) -> CodecSection:
        """The declared or built-in codec of a name.

        Raises:
            KeyError: There is none; a mapping that was read has none such.
        """
        return self.codecs[name] if name in self.codecs else BUILT_IN[name]
