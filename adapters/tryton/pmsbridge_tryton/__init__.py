"""The Tryton adapter: a rental-contract ERP, asked over JSON-RPC. Importing this loads nothing of the library."""
