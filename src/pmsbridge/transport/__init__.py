"""The only network: HTTP, SOAP, data sets, limits. Importing this package quietens the libraries underneath."""

from __future__ import annotations

from pmsbridge.logging import install_filters

install_filters()
