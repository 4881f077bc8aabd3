"""What staff are told: the words, the language, the addresses, and the task when no machine can know."""

from __future__ import annotations

from pmsbridge.engine.notices.desk import FacilityScribe, NoticeDesk, built_in_desk
from pmsbridge.engine.notices.review import ReviewTask, words_for

__all__ = ["FacilityScribe", "NoticeDesk", "ReviewTask", "built_in_desk", "words_for"]
