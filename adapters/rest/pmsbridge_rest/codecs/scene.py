"""What a codec is, and what it needs to know beside the value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol
from zoneinfo import ZoneInfo

__all__ = ["Codec", "CodecError", "Scene", "say"]


class CodecError(ValueError):
    """A value cannot be read, or cannot be said so that it would be read back as it is.

    The text holds nothing of the value.
    """


@dataclass(frozen=True, slots=True)
class Scene:
    """Where a value is at home.

    Attributes:
        zone: The facility's time zone.
        currency: What money is in, unless the row says otherwise.
    """

    zone: ZoneInfo
    currency: str


class Codec(Protocol):
    """One spelling of one kind of value. None is "no value" on both sides and never reaches ``encode``."""

    def decode(self, raw: Any, scene: Scene) -> Any:  # noqa: ANN401 - any JSON value, any value of the model
        """Our value of the vendor's; None where the vendor's means that there is none.

        Raises:
            CodecError: It is no such value.
        """

    def encode(self, value: Any, scene: Scene) -> Any:  # noqa: ANN401
        """The vendor's value of ours. Use ``say``, which also looks that it would be read back as it is.

        Raises:
            CodecError: It cannot be said.
        """

    def is_same(self, value: Any, other: Any, scene: Scene) -> bool:  # noqa: ANN401
        """Whether two of our values say the same."""


def say(codec: Codec, value: Any, scene: Scene) -> Any:  # noqa: ANN401
    """The vendor's value of ours, only if it would be read back as it is: nothing is cut, rounded or dropped.

    Raises:
        CodecError: It cannot be said faithfully.
    """
    raw = codec.encode(value, scene)
    if not codec.is_same(codec.decode(raw, scene), value, scene):
        message = "it would be read back as something else"
        raise CodecError(message)
    return raw
