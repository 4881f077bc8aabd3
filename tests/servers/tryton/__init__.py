"""A real Tryton for tests: an ERP that nobody here wrote, in a virtual environment and a process of its own.

Nothing of it is imported by ours: it is installed from pinned packages, activated, seeded by a script that runs in its
environment, and spoken to over loopback only. What takes long is kept in a cache of the user's, outside of the
repository.

============  =========================================================================================
``recipe``    which versions, which modules, where the cache is, what a build depends on
``building``  installs, activates, seeds; once for all processes of the machine
``seed``      what is in the books before any test; runs in the server's environment
``serving``   starts a server on a copy of the seeded books; kills, freezes and restarts it
``rpc``       the few lines it takes to speak to it; shares nothing with the adapter
``cutting``   a wire to it that loses answers
``fixtures``  the above for pytest
============  =========================================================================================

``bookkeeping`` and ``tests.servers.tryton_yard`` play the people who work with it.

``python -m tests.servers.tryton`` builds it ahead of time, with progress; ``python -m tests.servers.tryton serve`` runs
one until it is interrupted.
"""
