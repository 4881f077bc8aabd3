"""The story of a rental yard: a customer registers, looks at what is out, calls items off, and pays an invoice."""
