"""Papers of our own: a statement, an invoice, a receipt, where the back office has no PDF of them."""
