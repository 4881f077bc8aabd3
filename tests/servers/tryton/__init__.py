"""The Tryton of ``pmsbridge_tryton.sandbox`` for the suite: as fixtures, and on PostgreSQL.

===============  ==================================================================
``fixtures``     a server for pytest, shared, or a test's own
``on_postgres``  the same books in PostgreSQL, where writers do not wait for others
===============  ==================================================================

``python -m tests.servers.tryton`` builds both ahead of time, with progress.
"""
