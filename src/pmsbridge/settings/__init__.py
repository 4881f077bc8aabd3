"""Settings: one TOML file plus the environment, which wins. Secrets appear as references only."""

from __future__ import annotations

from pmsbridge.settings.loading import FILE_NAME, find_file, load_settings
from pmsbridge.settings.sections import (
    AccountSettings,
    EngineSection,
    LogSettings,
    MailSettings,
    NoticeSettings,
    PlaceNotices,
    PlacePortal,
    PortalSettings,
    ScheduleSettings,
    Settings,
    StoreSettings,
    WebhookSettings,
)

__all__ = [
    "FILE_NAME",
    "AccountSettings",
    "EngineSection",
    "LogSettings",
    "MailSettings",
    "NoticeSettings",
    "PlaceNotices",
    "PlacePortal",
    "PortalSettings",
    "ScheduleSettings",
    "Settings",
    "StoreSettings",
    "WebhookSettings",
    "find_file",
    "load_settings",
]
