"""Sound in requests and answers, of which nothing but the size is kept."""

from __future__ import annotations

from dataclasses import dataclass

from callspan.events.messages import MessagePart


@dataclass(slots=True, frozen=True)
class Sound:
    """Sound without its content: how much of it there is, and of which kind.

    Attributes:
        size: The number of bytes.
        mime_type: The type, such as `audio/pcm`; `None` where it is not stated.
        rate: The bytes of a second; `None` where it is not known.
    """

    size: int = 0
    mime_type: str | None = None
    rate: int | None = None

    def plus(self, more: Sound) -> Sound:
        """Return both together; a fact that one lacks is taken from the other."""
        return Sound(
            self.size + more.size, self.mime_type or more.mime_type, self.rate or more.rate
        )

    @property
    def part(self) -> MessagePart:
        """The part of a message that stands for the sound."""
        part: MessagePart = {
            "type": "blob",
            "modality": "audio",
            "mime_type": self.mime_type or "audio/pcm",
            "content": "",
            "size": self.size,
        }
        if self.rate:
            part["seconds"] = round(self.size / self.rate, 3)
        return part
